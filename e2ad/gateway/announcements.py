"""What is told of mail that came in: that it is there, that it is marked, that it waits, or that it was kept back.

The judgement of the gate on one mail for one agent ends here as the event that tells of it, and the columns
that say what became of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

from attrs import asdict, frozen

from e2ad.core import events, signing
from e2ad.core.message import Recipient
from e2ad.core.policy import Blocked, Finding, Held, HoldReason, Passed, judge_inbound
from e2ad.gateway import mint
from e2ad.gateway.told import told
from e2ad.storage.ledger import Transition

__all__ = ["Judgement", "findings_json", "judged", "reason_json", "received"]


@frozen
class Judgement:
    """What becomes of one mail for one agent.

    Attributes:
        event_type, data: of the event that tells of it.
        review_status: None of mail that is delivered.
        hold: the document that `storage.intake` makes the hold of.
        flag_data: payload of the second event of mail that is delivered and marked.
    """

    event_type: str
    data: Mapping[str, Any]
    review_status: str | None = None
    review_expires_at: datetime | None = None
    hold: str | None = None
    flag_reason: str | None = None
    flag_data: Mapping[str, Any] | None = None


def received(
    *,
    message_id: str,
    agent_email: str,
    header_from: str | None,
    envelope_from: str | None,
    verified_domain: str | None,
    to: Sequence[str],
    cc: Sequence[str],
    reply_to: Sequence[str],
    authentication: Mapping[str, Any] | None,
    subject: str,
    at: datetime,
    attachments: Sequence[Mapping[str, Any]],
    automation: str | None,
    conversation_id: str | None = None,
) -> dict[str, Any]:
    """The payload of `email.received` (contract: events), `automation` being ours.

    Args:
        at: when we took the mail; a mail that was held keeps that time.
        conversation_id: of a mail that continues one.
    """
    data: dict[str, Any] = {
        "message_id": message_id,
        "agent_email": agent_email,
        "direction": "inbound",
        "header_from": header_from,
        "envelope_from": envelope_from,
        "verified_domain": verified_domain,
        "to": to,
        "cc": cc,
        "reply_to": reply_to,
        "authentication": authentication,
        "delivered_to": agent_email,
        "subject": subject,
        "received_at": events.rfc3339(at),
    }
    if attachments:
        data["attachments"] = attachments
    if automation is not None:
        data["automation"] = automation
    if conversation_id is not None:
        data["conversation_id"] = conversation_id
    return data


def judged(recipient: Recipient, data: dict[str, Any], *, message_id: str, at: datetime) -> Judgement:
    """What the agent's owner wants done with a mail, whose announcement would be `data`."""
    gate = recipient.protection.inbound.gate
    if gate.policy == "open":
        return Judgement("email.received", data)
    own = (recipient.agent_email.rpartition("@")[2], recipient.registered_domain)
    verdict = judge_inbound(
        gate,
        header_from=data["header_from"],
        verified_domain=data["verified_domain"],
        own_domains=tuple(domain for domain in own if domain),
    )
    match verdict:
        case Held():
            return _held(recipient, data, verdict, message_id=message_id, at=at)
        case Blocked():
            more = {"from": data["header_from"], "reason": verdict.reason, "reason_source": verdict.source}
            return Judgement("email.blocked", {**data, **more}, review_status="review_rejected")
        case Passed():
            reason = verdict.flag_reason
            flag_data = None if reason is None else {**data, "policy": gate.policy, "reason": reason}
            return Judgement("email.received", data, flag_reason=reason, flag_data=flag_data)
        case _:
            assert_never(verdict)


def _held(recipient: Recipient, data: dict[str, Any], verdict: Held, *, message_id: str, at: datetime) -> Judgement:
    holds = recipient.protection.holds
    expires_at = at + timedelta(seconds=holds.ttl_seconds)
    created = Transition(
        account_id=recipient.account_id,
        id=mint.new_id("mlt_"),
        message_id=message_id,
        reason_code="review.hold_created",
        occurred_at=at,
        evidence={"type": verdict.reason.type, "code": verdict.reason.code},
        correlation_ids={"event_id": signing.event_id(message_id, "email.review_requested")},
    )
    hold = {
        "reason": reason_json(verdict.reason),
        "findings": findings_json(verdict.findings),
        "on_expiry": holds.on_expiry,
        "transition_id": created.id,
        "evidence": created.evidence,
    }
    more = {
        "from": data["header_from"],
        "reason": verdict.reason.summary,
        "reason_source": verdict.reason.type,
        "approval_expires_at": events.rfc3339(expires_at),
        "lifecycle_transitions": [told(created, "inbound")],
    }
    return Judgement(
        "email.review_requested",
        {**data, **more},
        review_status="pending_review",
        review_expires_at=expires_at,
        hold=events.to_json(hold),
    )


def reason_json(reason: HoldReason) -> dict[str, Any]:
    """The document to store, and what the wire shows (contract: HoldReasonView)."""
    return {name: value for name, value in asdict(reason).items() if value is not None}


def findings_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The documents to store, and what the wire shows (contract: ProtectionFindingView)."""
    return [{name: value for name, value in asdict(finding).items() if value is not None} for finding in findings]
