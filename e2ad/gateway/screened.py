"""What becomes of a mail once the model has spoken, or once it is clear that it will not.

The whole judgement is made again: the gate as its owner has set it now, the heuristics as they were, the model
besides. Message, hold, ledger, protection events and events become true together, in the caller's transaction; the
announcement is the one that any other mail has, under the same id, so that it is made once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import evolve

from e2ad.core import events, signing
from e2ad.core.continuity import Continuity
from e2ad.core.protection import Protection
from e2ad.core.screening import Screening, Signal
from e2ad.gateway import mint
from e2ad.gateway.announcements import Judgement, Subject, judged, received
from e2ad.storage import correspondents, ledger, outbox, protection_events, reviews
from e2ad.storage import screenings as storage
from e2ad.storage.ledger import Transition
from e2ad.storage.outbox import NewEvent
from e2ad.storage.pool import Executor
from e2ad.storage.reviews import Released
from e2ad.storage.screenings import Settled, Waiting

__all__ = ["settle", "unanswered"]


def unanswered(noticed: Screening, why: str) -> Screening:
    """The heuristics alone, of a mail that the model should have seen: a person looks at it instead."""
    signal = Signal("model_unavailable", 0.0, f"the model that should have looked at it did not answer: {why}")
    return evolve(noticed, signals=(*noticed.signals, signal), degraded=True)


async def settle(
    transaction: Executor, account_id: str, message_id: str, screening: Screening, *, detector: str, outbox_on: bool
) -> str | None:
    """Deliver a mail that waited, mark it, hold it, or keep it back.

    Args:
        screening: heuristics and model together, but for the sender.
        detector: who looked.
        outbox_on: whether subscribed webhooks get deliveries.

    Returns:
        The type of the event that tells of it; None where it did not wait any more.

    Cancellation: all or nothing, with the transaction.
    """
    waiting = await storage.lock(transaction, account_id, message_id)
    if waiting is None:
        return None
    found = await reviews.released(transaction, account_id, message_id)
    at = mint.now()
    continuity = None
    if found.continuity is not None:
        continuity = Continuity(found.continuity, found.continuity_detail or "", found.resembles)
    subject = Subject(
        waiting.account_id,
        waiting.agent_email,
        Protection.from_json(waiting.protection),
        waiting.registered_domain,
        waiting.id,
        at,
        continuity,
        screening,
        detector=detector,
    )
    judgement = judged(subject, _announcement(waiting, found))
    await storage.settle(
        transaction,
        waiting,
        Settled(
            judgement.review_status,
            judgement.review_expires_at,
            judgement.flag_reason,
            judgement.scan_score,
            judgement.scan_action,
            judgement.hold,
            at,
        ),
    )
    if judgement.hold is not None:
        await ledger.append(transaction, [_transition(waiting, judgement.hold, at)])
    await protection_events.record(
        transaction, waiting.account_id, waiting.agent_email, waiting.id, "inbound", judgement.notices, at
    )
    await outbox.emit(transaction, _events(waiting, judgement, at), outbox=outbox_on)
    if judgement.event_type == "email.received":
        await correspondents.received(
            transaction,
            waiting.account_id,
            waiting.agent_email,
            found.header_from,
            verified_domain=found.verified_domain,
            authentication=found.authentication,
            conversation_id=found.conversation_id,
            at=found.created_at,
        )
    return judgement.event_type


def _announcement(waiting: Waiting, found: Released) -> dict[str, Any]:
    return received(
        message_id=waiting.id,
        agent_email=waiting.agent_email,
        header_from=found.header_from,
        envelope_from=found.envelope_from,
        verified_domain=found.verified_domain,
        to=found.to_addresses,
        cc=found.cc_addresses,
        reply_to=found.reply_to_addresses,
        authentication=found.authentication,
        subject=found.subject,
        at=found.created_at,
        attachments=found.attachments,
        automation=found.automation,
        conversation_id=found.conversation_id if found.threaded else None,
        continuity=found.sender_continuity,
    )


def _transition(waiting: Waiting, hold: Any, at: datetime) -> Transition:
    return Transition(
        account_id=waiting.account_id,
        id=hold["transition_id"],
        message_id=waiting.id,
        reason_code="review.hold_created",
        occurred_at=at,
        evidence=hold["evidence"],
        correlation_ids={"event_id": signing.event_id(waiting.id, "email.review_requested")},
    )


def _events(waiting: Waiting, judgement: Judgement, at: datetime) -> Sequence[NewEvent]:
    told = [(judgement.event_type, judgement.data)]
    if judgement.flag_data is not None:
        told.append(("email.flagged", judgement.flag_data))
    made = []
    for event_type, data in told:
        event_id = signing.event_id(waiting.id, event_type)
        made.append(
            NewEvent(
                waiting.account_id,
                event_id,
                event_type,
                waiting.agent_email,
                waiting.conversation_id,
                waiting.id,
                events.envelope(event_type, event_id, at, data),
                at,
            )
        )
    return made
