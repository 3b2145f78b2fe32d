"""Accepting mail out: what must hold before, in whose name it leaves, and the one write that makes it ours to send.

Sending, answering, forwarding, and approving what was held all end here, so that each rule about quotas,
suppression, sender and routes stands once.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import trio
from attrs import evolve, frozen

from e2ad.config.sections import Config
from e2ad.core import mime, signing
from e2ad.core.compose import Composed, compose
from e2ad.core.errors import (
    InvalidRequest,
    NotFound,
    RecipientSuppressed,
    SendingDomainNotVerified,
)
from e2ad.core.outbound import Draft, MessageType, Route, SentAs
from e2ad.core.sealing import KeyRing
from e2ad.gateway import mint
from e2ad.gateway.facts import transition_id
from e2ad.gateway.quotas import Quotas
from e2ad.storage import sending as table
from e2ad.storage.pool import Executor
from e2ad.storage.sending import NewSubmission, Overdrawn, Recipient, Survey, Thread

__all__ = [
    "Acceptance",
    "Accepted",
    "Prepared",
    "Stamp",
    "Survey",
    "from_domain_of",
    "is_loopback",
    "off_loop",
    "survey",
    "thread_of",
]

T = TypeVar("T")

THREAD_BYTES: Final = 262_144
"""Texts and files of a mail that are larger together are worked on off the event loop: they take milliseconds."""
_threads: Final = trio.CapacityLimiter(2)


@frozen
class Accepted:
    """A mail that is ours to send now.

    Attributes:
        status: `accepted`, or `scheduled` with the time in `scheduled_at`.
        email_message_id: of the mail, with its angle brackets.
    """

    message_id: str
    sent_as: SentAs
    method: str
    status: str
    scheduled_at: datetime | None = None
    email_message_id: str = ""


def from_domain_of(config: Config) -> str:
    """The deployment's own domain: of mail that an agent's domain cannot vouch for, and of reports that come back."""
    return config.relay.from_domain or config.shared_domain or config.smtp.domain


async def survey(executor: Executor, account_id: str, agent_email: str, recipients: Sequence[str]) -> Survey:
    """Look once at all that decides on a mail of this agent to these addresses.

    Raises:
        NotFound: the account has no such live agent.
    """
    found = await table.survey(executor, account_id, agent_email, recipients)
    if found is None:
        raise NotFound("agent not found")
    return found


async def off_loop(work: Callable[[], T], size: int) -> T:
    """Read or make a mail: in a thread where `size`, its texts and files, would stop the event loop for too long.

    Cancellation: a thread that is at it is left to end by itself; there are at most two.
    """
    if size <= THREAD_BYTES:
        return work()
    return await trio.to_thread.run_sync(work, limiter=_threads, abandon_on_cancel=True)


def is_loopback(draft: Draft) -> bool:
    """Does the agent write to itself alone (contract: loopback)? The platform's test mail takes the usual way."""
    return draft.is_loopback and draft.kind is not MessageType.TEST


def thread_of(draft: Draft, thread_id: str | None) -> Thread:
    """An answer is in the thread of what it answers, `thread_id`; whatever else is sent begins one."""
    parent_id = draft.parent_id if draft.kind is MessageType.REPLY else None
    if parent_id is None:
        return Thread(mint.new_id("thr_"))
    return Thread(thread_id or mint.new_id("thr_"), parent_id, adopts=thread_id is None)


@frozen
class Stamp:
    """What makes a draft the same mail to the octet each time that it is composed.

    Attributes:
        at: its Date, unless it is scheduled.
        sha256: of the draft; another draft has other identifiers.
    """

    at: datetime
    sha256: bytes


@frozen
class Prepared:
    """A mail composed and ready to be written. `accepted` is what its caller is told once that has happened."""

    accepted: Accepted
    submission: NewSubmission
    survey: Survey


@frozen
class _Sender:
    """In whose name a mail leaves: where its identifiers, its signature and reports about it belong."""

    sent_as: SentAs
    signing_domain: str
    return_domain: str


@frozen(kw_only=True)
class Acceptance:
    """The rules and the write, over what the deployment was told.

    Attributes:
        from_domain: see `from_domain_of`.
        shared_domain: whose agents need no domain of their own; "" where there is none.
        public_url: what links are built from; "" where there is none.
        quotas: with the defaults of accounts that have none of their own.
    """

    from_domain: str
    shared_domain: str
    public_url: str
    keys: KeyRing
    quotas: Quotas

    @classmethod
    def of(cls, config: Config, keys: KeyRing, *, public_url: str | None = None) -> "Acceptance":
        """As configured; a process on a free port knows its URL better."""
        return cls(
            from_domain=from_domain_of(config),
            shared_domain=config.shared_domain,
            public_url=config.http.public_url if public_url is None else public_url,
            keys=keys,
            quotas=Quotas(config.limits),
        )

    def check(self, survey: Survey, draft: Draft) -> None:
        """May this agent send this draft at all? In the contract's order of checks.

        Raises:
            SendingDomainNotVerified: the agent's domain is not, or not any more.
            LimitExceeded: the month, the day or the storage of the account is used up.
            InvalidRequest: managed unsubscribe with other than one recipient, or without a public URL.
            RecipientSuppressed: it names the addresses.
        """
        if not survey.domain_verified:
            raise SendingDomainNotVerified(
                f"{survey.registered_domain} is not verified: set its DNS records and verify it before sending"
            )
        self.quotas.check(survey, len(draft.recipients))
        if draft.unsubscribe:
            if len(draft.recipients) != 1:
                raise InvalidRequest("managed unsubscribe needs exactly one recipient")
            if not self.public_url:
                raise InvalidRequest("managed unsubscribe needs http.public_url, which this deployment has not set")
        asked = set(draft.recipients)
        if suppressed := sorted({entry.address for entry in survey.suppressed if entry.address in asked}):
            raise RecipientSuppressed(
                f"not to be written to, for they are suppressed: {', '.join(suppressed)}",
                details={"addresses": suppressed},
            )

    async def prepare(
        self,
        survey: Survey,
        draft: Draft,
        *,
        message_id: str,
        held: bool = False,
        flag_reason: str | None = None,
        classes: Mapping[str, str] | None = None,
        threaded: bool = False,
        thread_id: str | None = None,
        stamp: Stamp | None = None,
    ) -> Prepared:
        """Compose a draft and settle all that its row says. Touches no database.

        Args:
            survey: of the draft's recipients, at least.
            message_id: the new row's, or with `held` that of the hold, whose review status the caller has moved.
            flag_reason: set where the gate lets it pass and marks it.
            classes: provenance by address.
            threaded: its caller named the conversation; where neither this nor `held` is so, it is a new one.
            thread_id: of the mail that it answers. What was held is in a thread already and stays there.
            stamp: where the same mail is composed more than once: to be looked at, and to leave.
        """
        at = mint.now()
        if draft.send_at is not None and draft.send_at <= at:
            draft = evolve(draft, send_at=None)
        if not draft.conversation_id:
            draft = evolve(draft, conversation_id=mint.new_id("conv_"))
        sender = self._sender(survey, draft)
        token = mint.new_id("") if stamp is None else self._token(message_id, stamp, "return path")
        return_path = f"bounces+{token}@{sender.return_domain}"
        link_token = self._link_token(survey, draft)
        name = mint.new_id("") if stamp is None else self._token(message_id, stamp, "Message-ID")
        written_at = at if stamp is None else stamp.at
        composed, attachments = await self._compose(draft, sender, written_at, name, return_path, link_token)
        loopback = is_loopback(draft)
        submission = NewSubmission(
            account_id=survey.account_id,
            id=message_id,
            draft=draft,
            composed=composed,
            held=held,
            method="loopback" if loopback else "smtp",
            at=at,
            attachments=attachments,
            threaded=threaded or draft.kind is MessageType.REPLY,
            flag_reason=flag_reason,
            sent_as=sender.sent_as,
            signing_domain=sender.signing_domain,
            return_path=return_path,
            return_token=token,
            recipients=_recipients(draft, survey, classes or {}),
            transitions=_transitions(message_id, loopback=loopback),
            thread=thread_of(draft, thread_id),
            token_sha256=hashlib.sha256(link_token.encode()).digest() if link_token else None,
            max_messages_month=self.quotas.month(survey),
            max_messages_day=self.quotas.day(survey),
            max_storage_bytes=self.quotas.storage(survey),
        )
        return Prepared(_accepted(submission), submission, survey)

    async def write(self, executor: Executor, prepared: Prepared) -> Accepted:
        """Store it: content, message, work, recipients, ledger, usage. One statement; the caller tells the courier.

        Raises:
            LimitExceeded: another mail took the last of a quota; a transaction around it must roll back.
            NotFound: the agent, or the held message, is gone.

        Cancellation: nothing is kept before COMMIT.
        """
        try:
            written = await table.accept(executor, prepared.submission)
        except Overdrawn as overdrawn:
            cost = len(prepared.submission.recipients)
            raise self.quotas.over(prepared.survey, overdrawn.resource, cost) from overdrawn
        if not written:
            raise NotFound
        return prepared.accepted

    async def _compose(
        self, draft: Draft, sender: _Sender, at: datetime, name: str, return_path: str, link_token: str | None
    ) -> tuple[Composed, list[dict[str, Any]]]:
        message_id = self._email_message_id(draft, sender, name)

        def composed_with_index() -> tuple[Composed, list[dict[str, Any]]]:
            composed = compose(
                draft,
                message_id=message_id,
                at=draft.send_at or at,
                sent_as=sender.sent_as,
                from_domain=self.from_domain,
                unsubscribe_url=f"{self.public_url}/u/{link_token}" if link_token else None,
                feedback_address=return_path,
            )
            metas = mime.parse(composed.content).attachments if draft.attachments else ()
            return composed, [meta.to_json() for meta in metas]

        texts = len(draft.text) + len(draft.html or "")
        return await off_loop(composed_with_index, texts + sum(len(file.data) for file in draft.attachments))

    def _sender(self, survey: Survey, draft: Draft) -> _Sender:
        """The From identity (contract), and the domain that reports come back to."""
        own = draft.kind is not MessageType.TEST and (
            survey.sending_status == "verified"
            or survey.domain in (self.from_domain, self.shared_domain)
            or survey.inside.issuperset(draft.recipients)
        )
        if not own:
            return _Sender(SentAs.RELAY, self.from_domain, self.from_domain)
        registered = survey.registered_domain
        returns = f"bounce.{registered}" if survey.bounce_verified else self.from_domain
        return _Sender(SentAs.OWN_ADDRESS, registered, returns)

    def _token(self, message_id: str, stamp: Stamp, purpose: str) -> str:
        return signing.composing_token(self.keys.current, message_id, stamp.sha256, purpose)

    def _email_message_id(self, draft: Draft, sender: _Sender, name: str) -> str:
        if is_loopback(draft):
            domain = f"loopback.{self.from_domain}"
        elif sender.sent_as is SentAs.RELAY:
            domain = self.from_domain
        else:
            domain = draft.agent_email.rpartition("@")[2]
        return f"<{name}@{domain}>"

    def _link_token(self, survey: Survey, draft: Draft) -> str | None:
        if not draft.unsubscribe:
            return None
        return signing.unsubscribe_token(self.keys.current, survey.account_id, draft.agent_email, draft.recipients[0])


def _accepted(new: NewSubmission) -> Accepted:
    scheduled_at = new.draft.send_at
    return Accepted(
        message_id=new.id,
        sent_as=new.sent_as,
        method=new.method,
        status="accepted" if scheduled_at is None else "scheduled",
        scheduled_at=scheduled_at,
        email_message_id=new.composed.message_id,
    )


def _recipients(draft: Draft, survey: Survey, classes: Mapping[str, str]) -> list[Recipient]:
    places = (("to", draft.to), ("cc", draft.cc), ("bcc", draft.bcc))
    return [
        Recipient(
            address,
            place,
            (Route.INSIDE if address in survey.inside else Route.RELAY).value,
            classes.get(address),
        )
        for place, addresses in places
        for address in addresses
    ]


def _transitions(message_id: str, *, loopback: bool) -> list[tuple[str, str]]:
    reasons = ("acceptance.local_loopback",) if loopback else ("acceptance.outbound_api", "queue.outbound_submission")
    return [(transition_id(message_id, reason), reason) for reason in reasons]
