"""Sending: the verbs send, answer, forward and test, with the order of checks (contract: outbound validation).

What a request says is checked first, then how often this agent sends, then what its account, its domain
and its recipients allow, then what its owner wants a person to see. One statement looks, one accepts.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final

import structlog
import trio
from attrs import evolve, frozen

from e2ad import maillog
from e2ad.config import Config
from e2ad.core.errors import BlockedByPolicy, Failure, InvalidRequest, NotFound, Unavailable
from e2ad.core.outbound import DeliveryStatus, Draft, MessageType
from e2ad.core.quotation import HEADER_OCTETS
from e2ad.core.sealing import KeyRing
from e2ad.gateway import brake, holds, mint, templates
from e2ad.gateway.acceptance import Acceptance, Accepted, Prepared, Survey, is_loopback, off_loop, survey
from e2ad.gateway.access import EXEMPT
from e2ad.gateway.courier import Courier
from e2ad.gateway.drafting import Wish, forward_draft, reply_draft, send_draft, test_draft, wants_template
from e2ad.gateway.gate import Blocked, Held, Passed, judge
from e2ad.gateway.holds import Desk
from e2ad.gateway.limits import RateLimits
from e2ad.gateway.screening import OFF, Screener
from e2ad.storage import sending as table
from e2ad.storage.pool import Database, Executor
from e2ad.storage.sending import Parent, State

__all__ = ["WAIT_SECONDS", "Outcome", "Sending", "Settle"]

log = structlog.get_logger("e2ad.gateway")

WAIT_SECONDS: Final = 15.0
"""How long a caller may wait for its mail to leave (contract: wait=sent)."""
LOOPBACK_SECONDS: Final = 2.0
"""For mail to oneself that another process has in hand."""
FIRST_PAUSE_SECONDS: Final = 0.05
LAST_PAUSE_SECONDS: Final = 0.25
RATE_WINDOW_SECONDS: Final = 60

_LEFT: Final = frozenset(
    {
        DeliveryStatus.SENT,
        DeliveryStatus.DEFERRED,
        DeliveryStatus.DELIVERED,
        DeliveryStatus.BOUNCED,
        DeliveryStatus.COMPLAINED,
    }
)


@frozen(kw_only=True)
class Outcome:
    """What a caller is told of a mail.

    Attributes:
        status: accepted, scheduled, pending_review, sent, failed or outcome_unknown.
        method: smtp or loopback; None while it is held.
        email_message_id: of the mail itself, once it is composed.
        detail: why it failed.
    """

    status: str
    message_id: str
    method: str | None = None
    sent_as: str | None = None
    provider_message_id: str | None = None
    approval_expires_at: datetime | None = None
    scheduled_at: datetime | None = None
    email_message_id: str | None = None
    detail: str | None = None


Settle = Callable[[Executor, Outcome], Awaitable[None]]
"""Stores the answer under an Idempotency-Key, in the transaction of the effect."""


@frozen(kw_only=True)
class Sending:
    """The verbs over their collaborators.

    Attributes:
        per_minute: sends of one agent; 0 for no limit.
        max_agent_hops: see `config.gate`.
        screener: whether drafts are looked at.
    """

    database: Database
    acceptance: Acceptance
    desk: Desk
    limits: RateLimits
    courier: Courier
    per_minute: int
    max_agent_hops: int
    screener: Screener = OFF

    @classmethod
    def of(
        cls, config: Config, database: Database, keys: KeyRing, limits: RateLimits, courier: Courier, *, public_url: str
    ) -> "Sending":
        """As configured; a process on a free port knows its URL better."""
        return cls(
            database=database,
            acceptance=Acceptance.of(config, keys, public_url=public_url),
            desk=Desk.of(config, keys, public_url=public_url),
            limits=limits,
            courier=courier,
            per_minute=config.rate_limits.send_per_minute,
            max_agent_hops=config.gate.max_agent_hops,
            screener=Screener.of(config),
        )

    async def send(self, account_id: str, agent_email: str, wish: Wish, settle: Settle | None = None) -> Outcome:
        """Send a fresh mail.

        Args:
            settle: given where the request has an Idempotency-Key.

        Raises:
            NotFound: no such live agent of the account; also where the request is wrong besides.
            InvalidRequest and the other failures of `drafting`: the request breaks a rule.
            TemplateNotFound, TemplateRenderFailed, TemplateRenderedEmpty: see `templates.rendered`.
            RateLimited: the agent has sent as often as it may this minute.
            SendingDomainNotVerified, LimitExceeded, RecipientSuppressed: see `Acceptance.check`.
            BlockedByPolicy: the owner's policy refuses it; told in an event, kept nowhere.

        Cancellation: before COMMIT nothing is kept; after it the mail leaves, whoever hears of it.
        """
        draft: Draft | Failure
        try:
            draft = await self._drafted(send_draft, await self._written(account_id, wish), agent_email)
        except Failure as failure:
            draft = failure
        if isinstance(draft, Failure):
            # Whose agent it is comes before what is wrong with the rest (contract: order of checks).
            await survey(self.database, account_id, agent_email, ())
            raise draft
        return await self._leave(account_id, draft, settle, named=bool(draft.conversation_id))

    async def reply(
        self, account_id: str, agent_email: str, parent_id: str, wish: Wish, settle: Settle | None = None
    ) -> Outcome:
        """Answer a mail of the inbox, or write again to those who got one of the agent's own.

        Raises:
            NotFound: no such agent or mail; a held or trashed mail is not there.
            MessageNotYetDelivered, BlockedByPolicy: see `drafting.reply_draft`.
            And what `send` raises.
        """
        parent = await self._parent(account_id, agent_email, parent_id, octets=HEADER_OCTETS)
        draft = await self._drafted(reply_draft, wish, agent_email, parent)
        return await self._leave(account_id, draft, settle, named=True, thread_id=parent.thread_id)

    async def forward(
        self, account_id: str, agent_email: str, parent_id: str, wish: Wish, settle: Settle | None = None
    ) -> Outcome:
        """Hand a mail on, with its attachments.

        Raises:
            NotFound: no such agent or mail; a held or trashed mail is not there.
            MessageNotYetDelivered: it is the agent's own and has not left yet.
            And what `send` raises.
        """
        parent = await self._parent(account_id, agent_email, parent_id, octets=None)
        draft = await self._drafted(forward_draft, wish, agent_email, parent)
        return await self._leave(account_id, draft, settle, named=bool(wish.conversation_id))

    async def test(self, account_id: str, agent_email: str) -> Outcome:
        """Let the platform write to the agent, on the way that all mail takes.

        Raises:
            What `send` raises.
        """
        return await self._leave(account_id, test_draft(agent_email, at=mint.now()), None, named=False)

    async def only_agent(self, account_id: str) -> str:
        """The agent that sends where the caller names none.

        Raises:
            InvalidRequest: the account has no agent, or several.
        """
        found = await table.only_agent(self.database, account_id)
        if found is None:
            raise InvalidRequest("from is required unless the account has exactly one agent")
        return found

    async def wait(self, account_id: str, outcome: Outcome, seconds: float = WAIT_SECONDS) -> Outcome:
        """Look at an accepted mail until it has left or failed, or the time is over. A schedule is not waited for.

        Cancellation: nothing happens to the mail.
        """
        pause = FIRST_PAUSE_SECONDS
        with trio.move_on_after(seconds):
            while outcome.status == "accepted":
                await trio.sleep(pause)
                pause = min(LAST_PAUSE_SECONDS, pause * 1.5)
                outcome = await self._now(account_id, outcome)
        return outcome

    async def _written(self, account_id: str, wish: Wish) -> Wish:
        """The wish with the words of its template, where it has one: that is one statement more."""
        if not wants_template(wish):
            return wish
        words = await templates.rendered(
            self.database,
            account_id,
            template_id=wish.template_id,
            alias=wish.template_alias,
            data=wish.template_data or {},
        )
        return evolve(wish, subject=words.subject, text=words.text, html=words.html)

    async def _drafted(self, rules: Callable[..., Draft], wish: Wish, agent_email: str, *parent: Parent) -> Draft:
        """Apply the rules of a request, off the event loop where there is much to decode, to cut out or to quote."""
        work = partial(rules, wish, agent_email, *parent, own=self._own(agent_email), at=mint.now())
        size = len(wish.text) + len(wish.html or "") + sum(len(file.data) for file in wish.attachments)
        for mail in parent:
            size += len(mail.raw or b"") + len(mail.body_text) + len(mail.body_html or "")
        return await off_loop(work, size)

    async def _leave(
        self, account_id: str, draft: Draft, settle: Settle | None, *, named: bool, thread_id: str | None = None
    ) -> Outcome:
        """All that comes after the rules of the request: rate, account, gate, and then hold or accept.

        Args:
            thread_id: of the mail that it answers, where that has one.
        """
        found = await survey(self.database, account_id, draft.agent_email, draft.recipients)
        await self._take_rate(found)
        self.acceptance.check(found, draft)
        draft = evolve(
            draft,
            sender_name=found.agent_name,
            conversation_id=draft.conversation_id or mint.new_id("conv_"),
        )
        if draft.kind is not MessageType.TEST:
            draft = evolve(draft, hops=await brake.hops(self.database, draft, found))
        verdict = await judge(self.database, found, draft, max_agent_hops=self.max_agent_hops, screener=self.screener)
        match verdict:
            case Blocked():
                async with self.database.transaction() as transaction:
                    await holds.block(transaction, found, draft, verdict, desk=self.desk)
                raise BlockedByPolicy(verdict.reason)
            case Held():
                return await self._hold(found, draft, verdict, settle, named=named, thread_id=thread_id)
            case Passed():
                return await self._accept(found, draft, verdict, settle, named=named, thread_id=thread_id)

    async def _hold(
        self,
        found: Survey,
        draft: Draft,
        verdict: Held,
        settle: Settle | None,
        *,
        named: bool,
        thread_id: str | None,
    ) -> Outcome:
        message_id = mint.new_id("msg_")
        async with self.database.transaction() as transaction:
            expires_at = await holds.hold(
                transaction,
                found,
                draft,
                verdict,
                message_id=message_id,
                desk=self.desk,
                threaded=named,
                thread_id=thread_id,
            )
            outcome = Outcome(status="pending_review", message_id=message_id, approval_expires_at=expires_at)
            if settle is not None:
                await settle(transaction, outcome)
        self.courier.kick()
        return outcome

    async def _accept(
        self,
        found: Survey,
        draft: Draft,
        verdict: Passed,
        settle: Settle | None,
        *,
        named: bool,
        thread_id: str | None,
    ) -> Outcome:
        prepared = await self.acceptance.prepare(
            found,
            draft,
            message_id=mint.new_id("msg_"),
            flag_reason=verdict.flag_reason,
            classes=verdict.classes,
            threaded=named,
            thread_id=thread_id,
        )
        outcome = _accepted(prepared.accepted)
        if settle is None and verdict.flag_reason is None and not any(one.action for one in verdict.findings):
            await self.acceptance.write(self.database, prepared)
        else:
            async with self.database.transaction() as transaction:
                # The account's usage is locked by the write, until COMMIT and no longer: all else comes before it.
                if settle is not None:
                    await settle(transaction, outcome)
                await holds.note(transaction, found, outcome.message_id, verdict.findings)
                if verdict.flag_reason is not None:
                    await holds.flag(
                        transaction,
                        found,
                        prepared.submission.draft,
                        verdict.flag_reason,
                        message_id=outcome.message_id,
                        desk=self.desk,
                    )
                await self.acceptance.write(transaction, prepared)
        _tell(found, prepared)
        if not is_loopback(draft):
            self.courier.kick()
            return outcome
        try:
            await self.courier.carry(found.account_id, outcome.message_id)
        except Unavailable as error:
            # Another has it in hand, or it is carried later: a moment decides.
            log.warning("a mail to oneself was not carried at once", message=outcome.message_id, error=repr(error))
            self.courier.kick()
            return await self.wait(found.account_id, outcome, LOOPBACK_SECONDS)
        return await self._now(found.account_id, outcome)

    async def _now(self, account_id: str, outcome: Outcome) -> Outcome:
        """The outcome as the mail's row has it now; the last one known where the row cannot be read."""
        try:
            state = await table.state(self.database, account_id, outcome.message_id)
        except Unavailable:
            return outcome
        return outcome if state is None else _seen(outcome, state)

    async def _take_rate(self, found: Survey) -> None:
        if found.account_class in EXEMPT:
            return
        allowance = await self.limits.take(f"send:{found.agent_email}", self.per_minute, RATE_WINDOW_SECONDS)
        allowance.check()

    async def _parent(self, account_id: str, agent_email: str, parent_id: str, *, octets: int | None) -> Parent:
        parent = await table.parent(self.database, account_id, agent_email, parent_id, octets=octets)
        if parent is None:
            raise NotFound
        return parent

    def _own(self, agent_email: str) -> tuple[str, str]:
        return agent_email, f"agent@{self.acceptance.from_domain}"


def _accepted(accepted: Accepted) -> Outcome:
    return Outcome(
        status=accepted.status,
        message_id=accepted.message_id,
        method=accepted.method,
        sent_as=accepted.sent_as.value,
        scheduled_at=accepted.scheduled_at,
        email_message_id=accepted.email_message_id,
    )


def _seen(outcome: Outcome, state: State) -> Outcome:
    status = DeliveryStatus(state.status)
    if status in _LEFT:
        name = "sent"
    elif status in (DeliveryStatus.FAILED, DeliveryStatus.OUTCOME_UNKNOWN):
        name = status.value
    else:
        name = outcome.status
    return evolve(
        outcome,
        status=name,
        sent_as=state.sent_as,
        provider_message_id=state.provider_message_id,
        detail=state.detail,
    )


def _tell(found: Survey, prepared: Prepared) -> None:
    submission = prepared.submission
    maillog.mail_accepted(
        submission.id,
        found.account_id,
        found.agent_email,
        [recipient.address for recipient in submission.recipients],
        kind=submission.draft.kind.value,
        size=len(submission.composed.content),
        scheduled=submission.draft.send_at is not None,
    )
