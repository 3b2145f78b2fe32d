"""Holding a mail for a person, refusing one, marking one: what is written when the gate objects.

A hold is the message row itself; what decides about it later is `gateway.reviews`. Everything here
happens in the caller's transaction, so that a mail is either held with all that belongs to it, the
event and the mail to the owner included, or not at all.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve, field, frozen

from e2ad.config import Config
from e2ad.core import events, signing
from e2ad.core.findings import Finding
from e2ad.core.findings import notices as noticed
from e2ad.core.outbound import Draft, MessageType, encode_draft, sha256_of
from e2ad.core.sealing import KeyRing
from e2ad.gateway import mint, notices
from e2ad.gateway.acceptance import from_domain_of, is_loopback, thread_of
from e2ad.gateway.announcements import findings_json, reason_json
from e2ad.gateway.gate import Blocked, Held
from e2ad.gateway.told import told
from e2ad.storage import holds as storage
from e2ad.storage import ledger, outbox, protection_events
from e2ad.storage.holds import NewHold, NewNotice
from e2ad.storage.ledger import Transition
from e2ad.storage.outbox import NewEvent
from e2ad.storage.pool import Executor
from e2ad.storage.sending import Survey

__all__ = ["Desk", "block", "flag", "hold", "note"]


@frozen
class Desk:
    """What the gate needs of the deployment.

    Attributes:
        keys: sign the links of a notice.
        public_url: what those links begin with; without it no notice is written.
        from_domain: whom notices come from; without it none is written.
        outbox: whether subscribed webhooks get deliveries.
    """

    keys: KeyRing = field(repr=False)
    public_url: str
    from_domain: str
    outbox: bool

    @classmethod
    def of(cls, config: Config, keys: KeyRing, *, public_url: str) -> "Desk":
        """As configured; `public_url` is learned late by a process on a free port."""
        return cls(keys, public_url, from_domain_of(config), config.features.outbox)


async def hold(
    executor: Executor,
    survey: Survey,
    draft: Draft,
    verdict: Held,
    *,
    message_id: str,
    desk: Desk,
    threaded: bool | None = None,
    thread_id: str | None = None,
) -> datetime:
    """Keep a draft until a person decides, with the event and the mail that ask for it.

    Args:
        executor: a transaction; the caller settles its own things in it and commits.
        draft: with its conversation set.
        threaded: whether the conversation was named or continued; by default that of a reply.
        thread_id: of the mail that it answers.

    Returns:
        When the hold runs out.

    Cancellation: all or nothing, with the transaction.
    """
    at = mint.now()
    settings = survey.protection.holds
    encoded = encode_draft(draft)
    new = NewHold(
        account_id=survey.account_id,
        message_id=message_id,
        draft=draft,
        encoded=encoded,
        sha256=sha256_of(encoded),
        reason=reason_json(verdict.reason),
        findings=findings_json(verdict.findings),
        on_expiry=settings.on_expiry,
        method="loopback" if is_loopback(draft) else "smtp",
        threaded=draft.kind is MessageType.REPLY if threaded is None else threaded,
        thread=thread_of(draft, thread_id),
        at=at,
        expires_at=at + timedelta(seconds=settings.ttl_seconds),
        notice=None,
    )
    if not settings.suppress_notifications:
        new = evolve(new, notice=_notice(desk, survey, new, verdict.reason.summary))
    await storage.hold(executor, new)
    event_id = signing.event_id(message_id, "email.review_requested")
    created = Transition(
        account_id=survey.account_id,
        id=mint.new_id("mlt_"),
        message_id=message_id,
        reason_code="review.hold_created",
        occurred_at=at,
        evidence={"type": verdict.reason.type, "code": verdict.reason.code},
        correlation_ids={"event_id": event_id},
    )
    await ledger.append(executor, [created])
    await note(executor, survey, message_id, verdict.findings)
    data = _request(new, verdict, created)
    await outbox.emit(
        executor, [_event(survey, draft, "email.review_requested", event_id, message_id, at, data)], outbox=desk.outbox
    )
    return new.expires_at


async def block(executor: Executor, survey: Survey, draft: Draft, verdict: Blocked, *, desk: Desk) -> str:
    """Tell that a draft was refused. Nothing of it is kept but the event.

    The caller commits and then answers `BlockedByPolicy`.

    Returns:
        The reference of the refusal, `msgblk_…`: there is no message that it could name.
    """
    at = mint.now()
    reference = mint.new_id("msgblk_")[: len("msgblk_") + 24]
    event_id = signing.event_id(reference, "email.blocked")
    data: dict[str, Any] = {
        "message_id": reference,
        "agent_email": draft.agent_email,
        "direction": "outbound",
        "to": draft.to,
        "cc": draft.cc,
        "bcc": draft.bcc,
        "subject": draft.subject,
        "reason": verdict.reason,
        "reason_source": verdict.source,
    }
    await note(executor, survey, reference, verdict.findings)
    await outbox.emit(
        executor, [_event(survey, draft, "email.blocked", event_id, reference, at, data)], outbox=desk.outbox
    )
    return reference


async def flag(executor: Executor, survey: Survey, draft: Draft, reason: str, *, message_id: str, desk: Desk) -> None:
    """Tell that a mail leaves although the owner's policy objects to it (contract: email.flagged).

    Args:
        executor: the transaction that accepts the mail: one is not without the other.
        draft: with its conversation set.
    """
    at = mint.now()
    event_id = signing.event_id(message_id, "email.flagged")
    data: dict[str, Any] = {
        "message_id": message_id,
        "agent_email": draft.agent_email,
        "direction": "outbound",
        "message_type": draft.kind.value,
        "from": draft.agent_email,
        "to": draft.to,
        "cc": draft.cc,
        "bcc": draft.bcc,
        "reply_to": draft.reply_to,
        "subject": draft.subject,
        "conversation_id": draft.conversation_id,
        "policy": survey.protection.outbound.gate.policy,
        "reason": reason,
    }
    await outbox.emit(
        executor, [_event(survey, draft, "email.flagged", event_id, message_id, at, data)], outbox=desk.outbox
    )


async def note(executor: Executor, survey: Survey, message_id: str, findings: Sequence[Finding]) -> None:
    """Keep what led somewhere, and what a scan noticed of a draft that leaves nevertheless.

    Args:
        executor: the transaction of what it led to.
        message_id: of the message, or the reference of a draft that was refused.
    """
    rows = noticed(message_id, "outbound", findings)
    await protection_events.record(
        executor, survey.account_id, survey.agent_email, message_id, "outbound", rows, mint.now()
    )


def _notice(desk: Desk, survey: Survey, new: NewHold, reason: str) -> NewNotice | None:
    if not desk.public_url or not desk.from_domain:
        return None
    return notices.review_request(
        new.draft,
        message_id=new.message_id,
        sha256=new.sha256,
        reason=reason,
        expires_at=new.expires_at,
        at=new.at,
        to=survey.account_email,
        secret=desk.keys.current,
        public_url=desk.public_url,
        from_domain=desk.from_domain,
    )


def _request(new: NewHold, verdict: Held, created: Transition) -> dict[str, Any]:
    """The payload of `email.review_requested` (contract: review events)."""
    draft = new.draft
    return {
        "message_id": new.message_id,
        "agent_email": draft.agent_email,
        "direction": "outbound",
        "message_type": draft.kind.value,
        "from": draft.agent_email,
        "to": draft.to,
        "cc": draft.cc,
        "bcc": draft.bcc,
        "subject": draft.subject,
        "conversation_id": draft.conversation_id,
        "reason": verdict.reason.summary,
        "reason_source": verdict.reason.type,
        "approval_expires_at": events.rfc3339(new.expires_at),
        "lifecycle_transitions": [told(created, "outbound")],
    }


def _event(
    survey: Survey, draft: Draft, event_type: str, event_id: str, message_id: str, at: datetime, data: dict[str, Any]
) -> NewEvent:
    return NewEvent(
        account_id=survey.account_id,
        id=event_id,
        type=event_type,
        agent_email=draft.agent_email,
        conversation_id=draft.conversation_id or None,
        message_id=message_id,
        envelope=events.envelope(event_type, event_id, at, data),
        created_at=at,
    )
