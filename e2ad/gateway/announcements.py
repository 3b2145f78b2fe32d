"""What is told of mail that came in: that it is there, that it is marked, that it waits, or that it was kept back.

The judgement of the gate on one mail for one agent ends here as the event that tells of it, and the columns
that say what became of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

from attrs import asdict, frozen

from e2ad.core import events, signing
from e2ad.core.continuity import Continuity
from e2ad.core.findings import HEURISTICS, Finding, HoldReason, Scanned, noticed_break, notices, scanned
from e2ad.core.message import Recipient
from e2ad.core.policy import Blocked, Held, Passed, judge_inbound
from e2ad.core.protection import Protection
from e2ad.core.screening import Screening
from e2ad.gateway import mint, screening
from e2ad.gateway.told import told
from e2ad.storage.ledger import Transition

__all__ = ["Judgement", "Subject", "findings_json", "judged", "reason_json", "received"]


@frozen
class Subject:
    """What is judged: one mail for one agent, and what was seen of it besides its sender's authentication.

    Attributes:
        screening: what its content looks like; None where nobody looked.
        asks_model: unless it is refused by all that is known already, a model has the last word.
        detector: who made the screening.
    """

    account_id: str
    agent_email: str
    protection: Protection
    registered_domain: str
    message_id: str
    at: datetime
    continuity: Continuity | None = None
    screening: Screening | None = None
    asks_model: bool = False
    detector: str = HEURISTICS

    @classmethod
    def of(
        cls,
        recipient: Recipient,
        message_id: str,
        at: datetime,
        continuity: Continuity | None,
        screening: Screening | None,
        *,
        asks_model: bool,
    ) -> "Subject":
        """A mail for the agent that a forward-path led to."""
        return cls(
            recipient.account_id,
            recipient.agent_email,
            recipient.protection,
            recipient.registered_domain,
            message_id,
            at,
            continuity,
            screening,
            asks_model,
        )


@frozen
class Judgement:
    """What becomes of one mail for one agent.

    Attributes:
        event_type, data: of the event that tells of it; "" where nothing is told yet.
        review_status: None of mail that is delivered.
        hold: the document that `storage.intake` makes the hold of.
        flag_data: payload of the second event of mail that is delivered and marked.
        notices: the rows of `protection_events`.
        noticed: what the heuristics said of a mail that waits for the model.
        scan_score, scan_action: of mail that was looked at.
    """

    event_type: str
    data: Mapping[str, Any]
    review_status: str | None = None
    review_expires_at: datetime | None = None
    hold: Mapping[str, Any] | None = None
    flag_reason: str | None = None
    flag_data: Mapping[str, Any] | None = None
    notices: Sequence[Mapping[str, Any]] = ()
    noticed: Mapping[str, Any] | None = None
    scan_score: float | None = None
    scan_action: str | None = None


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
    continuity: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The payload of `email.received` (contract: events), `automation` and `sender_continuity` being ours.

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
    if continuity is not None:
        data["sender_continuity"] = continuity
    if conversation_id is not None:
        data["conversation_id"] = conversation_id
    return data


def judged(subject: Subject, data: dict[str, Any]) -> Judgement:
    """What the agent's owner wants done with a mail, whose announcement would be `data`: gate and scan together."""
    inbound = subject.protection.inbound
    scan = None
    if subject.screening is not None and inbound.sensitivity != "off":
        whole = screening.with_sender(subject.screening, data["header_from"], subject.continuity)
        scan = scanned(whole, inbound.sensitivity, detector=subject.detector)
    noticed = noticed_break(subject.continuity, data["header_from"])
    if inbound.gate.policy == "open" and scan is None and noticed is None:
        return Judgement("email.received", data)
    own = (subject.agent_email.rpartition("@")[2], subject.registered_domain)
    verdict = judge_inbound(
        inbound.gate,
        header_from=data["header_from"],
        verified_domain=data["verified_domain"],
        own_domains=tuple(domain for domain in own if domain),
        scan=scan,
        noticed=() if noticed is None else (noticed,),
    )
    if scan is not None and subject.asks_model and subject.screening is not None and not isinstance(verdict, Blocked):
        return Judgement(
            "",
            {},
            review_status="pending_screening",
            noticed=screening.to_json(subject.screening),
            scan_score=scan.score,
        )
    return _outcome(subject, data, verdict, scan)


def _outcome(
    subject: Subject, data: dict[str, Any], verdict: Passed | Held | Blocked, scan: Scanned | None
) -> Judgement:
    about: dict[str, Any] = {
        "notices": notices(subject.message_id, "inbound", verdict.findings),
        "scan_score": None if scan is None else scan.score,
        "scan_action": None if scan is None else scan.action,
    }
    match verdict:
        case Held():
            return _held(subject, data, verdict, about)
        case Blocked():
            more = {"from": data["header_from"], "reason": verdict.reason, "reason_source": verdict.source}
            return Judgement("email.blocked", {**data, **more}, review_status="review_rejected", **about)
        case Passed():
            reason = verdict.flag_reason
            flag_data = None
            if reason is not None:
                flag_data = {**data, "policy": subject.protection.inbound.gate.policy, "reason": reason}
            return Judgement("email.received", data, flag_reason=reason, flag_data=flag_data, **about)
        case _:
            assert_never(verdict)


def _held(subject: Subject, data: dict[str, Any], verdict: Held, about: dict[str, Any]) -> Judgement:
    holds = subject.protection.holds
    expires_at = subject.at + timedelta(seconds=holds.ttl_seconds)
    created = Transition(
        account_id=subject.account_id,
        id=mint.new_id("mlt_"),
        message_id=subject.message_id,
        reason_code="review.hold_created",
        occurred_at=subject.at,
        evidence={"type": verdict.reason.type, "code": verdict.reason.code},
        correlation_ids={"event_id": signing.event_id(subject.message_id, "email.review_requested")},
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
        hold=hold,
        **about,
    )


def reason_json(reason: HoldReason) -> dict[str, Any]:
    """The document to store, and what the wire shows (contract: HoldReasonView)."""
    return {name: value for name, value in asdict(reason).items() if value is not None}


def findings_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The documents to store, and what the wire shows (contract: ProtectionFindingView)."""
    return [{name: value for name, value in asdict(finding).items() if value is not None} for finding in findings]
