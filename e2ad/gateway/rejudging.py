"""Judging stored mail once more, in the order in which it came and left, as the gate would have judged it then.

It is the gate itself that judges: `announcements.judged` mail in, `gate.judge` mail out. What changes is the past that
they ask. A mail is judged by what had come before it, and the replay bears the consequences of its own judgements:

- Mail in that is held or refused has not reached the agent. It makes nobody a correspondent or a participant, vouches
  for no sender, and nobody could answer it or hand it on: what did so was never written (`Fate.UNWRITTEN`).
- Mail out that is held, refused or never written has not left. It makes nobody a participant of its conversation, and
  whoever it is addressed to was not written to.
- Mail that was held in truth and passes here takes effect from when it came, or was written.
- Nobody decides about what is held here: it stays held.

What others did stays as it was: an answer to a mail that would have been held has come all the same, and it is in the
conversation that it is in. Mail before the first one that is judged is as it really was, and so is the number of agents
that a mail passed in a row. What was refused when it was to leave was never stored: it cannot be judged again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final, assert_never

import trio
from attrs import define, evolve, field, frozen

from e2ad.core.acquaintance import Acquaintance, Acquaintances
from e2ad.core.authentication import Authentication, DmarcResult, DmarcStatus, SpfResult, SpfStatus
from e2ad.core.continuity import Continuity, Evidence, compare, is_memorable, vouching
from e2ad.core.findings import Scanned, scanned
from e2ad.core.outbound import Draft, DraftAttachment, MessageType, decode_draft
from e2ad.core.protection import Protection
from e2ad.core.provenance import comparable
from e2ad.core.screening import Material, Screening, Sensitivity, screen
from e2ad.gateway import announcements
from e2ad.gateway.gate import Blocked, Held, Passed, judge
from e2ad.gateway.screening import Screener, draft_material
from e2ad.storage import backtest as storage
from e2ad.storage.backtest import Acquainted, Agent, Moment, StoredMail
from e2ad.storage.messages import Position
from e2ad.storage.pool import Executor
from e2ad.storage.provenance import Header, Mail
from e2ad.storage.sending import Survey

__all__ = ["Fate", "Judged", "Replay", "acquaintances_of"]

HERE_CHARACTERS: Final = 2048
"""Texts beyond this are looked at off the event loop."""
SUBJECT_CHARACTERS: Final = 300
"""So much of a subject is kept with what was judged: a mail may have one of its whole header section."""
_UNKNOWN: Final = Authentication(SpfResult(SpfStatus.NONE), DmarcResult(DmarcStatus.NONE))


class Fate(StrEnum):
    """What becomes of a mail."""

    PASSED = "passed"
    FLAGGED = "flagged"
    HELD = "held"
    BLOCKED = "blocked"
    UNWRITTEN = "unwritten"

    @property
    def goes_on(self) -> bool:
        """Does it reach the agent, or leave it?"""
        return self in (Fate.PASSED, Fate.FLAGGED)


@frozen(kw_only=True)
class Judged:
    """A stored mail, what became of it, and what would have.

    Attributes:
        who: the author of mail in, the first recipient of mail out.
        was: what was done with it, `was_why` why, where that is kept.
        fate: what would have been done, `why` why; `code` for machines, None where nothing speaks against it.
        source: what decided: gate, scan, send; "" where nothing did.
    """

    id: str
    at: datetime
    direction: str
    subject: str
    who: str
    was: Fate
    was_why: str
    fate: Fate
    why: str = ""
    code: str | None = None
    source: str = ""

    @property
    def differs(self) -> bool:
        """Would it have fared otherwise?"""
        return self.was is not self.fate


@frozen
class _Looker(Screener):
    """Looks at drafts in a thread of its own, so that no real mail waits behind the past."""

    threads: trio.CapacityLimiter = field(kw_only=True)

    async def draft(self, draft: Draft, sensitivity: Sensitivity) -> Scanned | None:
        if not self.is_on or sensitivity == "off":
            return None
        return scanned(await _screened(draft_material(draft), self.threads), sensitivity)


@define(kw_only=True)
class Replay:
    """The judge, and what it remembers of what it decided. Mails are handed in oldest first.

    Attributes:
        start: the place of the first mail: what came before is as it was.
        met: what the agent knew of others by then.
        threads: in which texts are looked at.
    """

    executor: Executor
    account_id: str
    agent: Agent
    protection: Protection
    screener: Screener
    max_agent_hops: int
    start: Position
    met: Acquaintances
    threads: trio.CapacityLimiter
    _kept_back: dict[str, Fate] = field(factory=dict, init=False)
    _by_sender: dict[str, list[str]] = field(factory=dict, init=False)
    _by_conversation: dict[str, list[str]] = field(factory=dict, init=False)

    async def judge(self, mail: StoredMail) -> Judged:
        """What would have become of it.

        Raises:
            Unavailable: the database does not answer.
        """
        judged = await (self._inbound(mail) if mail.direction == "inbound" else self._outbound(mail))
        if not judged.fate.goes_on:
            self._kept_back[mail.id] = judged.fate
            self._by_conversation.setdefault(mail.conversation_id, []).append(mail.id)
            if mail.direction == "inbound" and mail.header_from:
                for form in {mail.header_from.lower(), comparable(mail.header_from)}:
                    self._by_sender.setdefault(form, []).append(mail.id)
        return judged

    async def _inbound(self, mail: StoredMail) -> Judged:
        authentication, sender = _authentication(mail), _memorable(mail.header_from)
        evidence = vouching(authentication)
        continuity: Continuity | None = None
        if mail.header_from is not None:
            known = None if sender is None else self.met.known(sender)
            continuity = compare(known, sender or mail.header_from, authentication, evidence)
        subject = announcements.Subject(
            self.account_id,
            self.agent.email,
            self.protection,
            self.agent.registered_domain,
            mail.id,
            mail.created_at,
            continuity,
            await self._look(mail),
        )
        told = {"header_from": mail.header_from, "verified_domain": mail.verified_domain}
        judged = _of_judgement(mail, announcements.judged(subject, told))
        if sender is not None and judged.fate.goes_on:
            self.met.received(sender, evidence, is_verified=mail.verified_domain is not None, at=mail.created_at)
        return judged

    async def _look(self, mail: StoredMail) -> Screening | None:
        if not self.screener.is_on or self.protection.inbound.sensitivity == "off":
            return None
        material = Material(
            direction="inbound",
            subject=mail.subject,
            sender_name=mail.sender_name,
            header_from=mail.header_from,
            text=mail.text,
            html=mail.html,
            attachments=tuple(str(meta["filename"]) for meta in mail.attachments if meta.get("filename") is not None),
            truncated=mail.truncated,
        )
        return await _screened(material, self.threads)

    async def _outbound(self, mail: StoredMail) -> Judged:
        draft = _draft(mail, self.agent)
        if draft.parent_id in self._kept_back:
            return _judged(mail, Fate.UNWRITTEN, "what it answers or hands on would not have been there")
        verdict = await judge(
            self.executor,
            self._survey(),
            draft,
            max_agent_hops=self.max_agent_hops,
            screener=_Looker(is_on=self.screener.is_on, threads=self.threads),
            past=_Then(self, Position(mail.created_at, mail.id), self.threads),
        )
        judged = _of_verdict(mail, verdict)
        if judged.fate.goes_on:
            taken = draft.recipients if mail.was_held else mail.taken_by
            for address in {comparable(one) for one in taken}:
                if address != self.agent.email and is_memorable(address):
                    self.met.wrote(address, mail.created_at)
        return judged

    def moment(self, at: Position, forms: Sequence[str], conversation_id: str) -> Moment:
        """The past of a mail: of what was kept back only that which a question about these can meet."""
        of_conversation = self._by_conversation.get(conversation_id, ())
        kept_back = {*of_conversation, *(one for form in forms for one in self._by_sender.get(form, ()))}
        never = [one for one in of_conversation if self._has_no_row(one)]
        return Moment(at, self.start, sorted(kept_back), never)

    def _has_no_row(self, message_id: str) -> bool:
        return self._kept_back[message_id] in (Fate.BLOCKED, Fate.UNWRITTEN)

    def _survey(self) -> Survey:
        """As the gate wants it: of the account and the recipients it asks nothing."""
        return Survey(
            account_id=self.account_id,
            account_email="",
            account_class="",
            plan_code=None,
            upgrade_url="",
            agent_email=self.agent.email,
            agent_name=self.agent.name,
            domain=self.agent.domain,
            registered_domain=self.agent.registered_domain,
            domain_verified=True,
            sending_status="",
            bounce_verified=False,
            protection=self.protection,
        )


@frozen
class _Then:
    """The mail as it stood when one of them was written (`provenance.Past`)."""

    replay: Replay
    at: Position
    threads: trio.CapacityLimiter

    async def known(self, account_id: str, agent_email: str, **asked: Any) -> list[Header]:
        moment = self.replay.moment(self.at, asked["forms"], asked["conversation_id"])
        return await storage.known(self.replay.executor, account_id, agent_email, moment, **asked)

    async def passages(self, account_id: str, agent_email: str, **asked: Any) -> list[Mail]:
        moment = Moment(self.at, self.replay.start)
        return await storage.passages(self.replay.executor, account_id, agent_email, moment, **asked)


def acquaintances_of(rows: Sequence[Acquainted]) -> Acquaintances:
    """What the agent knew of others before the first mail."""
    return Acquaintances(
        Acquaintance(
            row.address,
            row.skeleton,
            row.inbound_count,
            row.outbound_count,
            {_evidence(text) for text in row.evidence},
            row.since,
            row.is_proven,
        )
        for row in rows
    )


def _evidence(text: str) -> Evidence:
    mechanism, domain, selector = text.split(" ", 2)
    return Evidence("dkim" if mechanism == "dkim" else "spf", domain, selector)


async def _screened(material: Material, threads: trio.CapacityLimiter) -> Screening:
    work = partial(screen, material)
    if len(material.text) + len(material.html or "") <= HERE_CHARACTERS:
        return work()
    return await trio.to_thread.run_sync(work, limiter=threads, abandon_on_cancel=True)


def _memorable(header_from: str | None) -> str | None:
    address = None if header_from is None else comparable(header_from)
    return address if address is not None and is_memorable(address) else None


def _authentication(mail: StoredMail) -> Authentication:
    """The stored evidence; none where it is of an older form."""
    if mail.authentication is None:
        return _UNKNOWN
    try:
        return Authentication.from_json(mail.authentication, verified=mail.verified)
    except (KeyError, TypeError, ValueError):
        return _UNKNOWN


def _draft(mail: StoredMail, agent: Agent) -> Draft:
    """The draft as the gate had it: what was held, as it was held; else what the mail itself says of it."""
    if mail.draft is not None:
        try:
            return decode_draft(bytes(mail.draft))
        except ValueError:
            pass
    draft = Draft(
        kind=MessageType(mail.message_type or MessageType.SEND),
        agent_email=agent.email,
        sender_name=agent.name,
        to=tuple(mail.to_addresses),
        cc=tuple(mail.cc_addresses),
        bcc=tuple(mail.bcc_addresses),
        reply_to=tuple(mail.reply_to_addresses),
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        attachments=tuple(
            DraftAttachment(str(meta.get("filename") or ""), str(meta.get("content_type") or ""), b"")
            for meta in mail.attachments
        ),
        conversation_id=mail.conversation_id,
        hops=mail.hops,
    )
    return evolve(draft, parent_id=mail.parent_id)


def _of_judgement(mail: StoredMail, judgement: announcements.Judgement) -> Judged:
    data: Mapping[str, Any] = judgement.data
    match judgement.review_status:
        case "pending_review":
            reason = (judgement.hold or {})["reason"]
            return _judged(mail, Fate.HELD, reason["summary"], reason["code"], reason["type"])
        case "review_rejected":
            return _judged(mail, Fate.BLOCKED, data["reason"], source=data["reason_source"])
        case _:
            reason = judgement.flag_reason
            return _judged(mail, Fate.PASSED if reason is None else Fate.FLAGGED, reason or "")


def _of_verdict(mail: StoredMail, verdict: Passed | Held | Blocked) -> Judged:
    match verdict:
        case Held():
            return _judged(mail, Fate.HELD, verdict.reason.summary, verdict.reason.code, verdict.reason.type)
        case Blocked():
            return _judged(mail, Fate.BLOCKED, verdict.reason, source=verdict.source)
        case Passed():
            reason = verdict.flag_reason
            return _judged(mail, Fate.PASSED if reason is None else Fate.FLAGGED, reason or "")
        case _:
            assert_never(verdict)


def _judged(mail: StoredMail, fate: Fate, why: str, code: str | None = None, source: str = "") -> Judged:
    inbound = mail.direction == "inbound"
    was, was_why = _was(mail)
    return Judged(
        id=mail.id,
        at=mail.created_at,
        direction=mail.direction,
        subject=mail.subject[:SUBJECT_CHARACTERS],
        who=(mail.header_from or "") if inbound else next(iter((*mail.to_addresses, *mail.bcc_addresses)), ""),
        was=was,
        was_why=was_why,
        fate=fate,
        why=why,
        code=code,
        source=source,
    )


def _was(mail: StoredMail) -> tuple[Fate, str]:
    if mail.was_held or mail.review_status in ("pending_screening", "pending_review"):
        return Fate.HELD, mail.hold_summary or ""
    if mail.review_status == "review_rejected":
        return Fate.BLOCKED, ""
    return (Fate.FLAGGED, mail.flag_reason or "") if mail.flagged else (Fate.PASSED, "")
