"""What the gate and the scan found of one mail, as values: why it waits, and each thing that was noticed.

A finding that led to something, or that was noticed of a mail that went through, is kept as a protection event.
Its id follows from what it says, so that a judgement that is made again adds nothing.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from attrs import frozen

from e2ad.core.continuity import Continuity
from e2ad.core.screening import Screening, Sensitivity, action

__all__ = [
    "CONTINUITY",
    "HEURISTICS",
    "MODEL",
    "Action",
    "Finding",
    "HoldReason",
    "Scanned",
    "noticed_break",
    "notices",
    "scanned",
]

Action = Literal["allow", "flag", "review", "block"]

HEURISTICS: Final = "heuristics"
MODEL: Final = "model"
CONTINUITY: Final = "sender_continuity"
SCAN_CODE: Final = "content_scan"
SCAN_UNREADABLE: Final = "content_unscannable"
SEVERITY: Final[Mapping[str | None, int]] = {None: 0, "allow": 1, "flag": 2, "review": 3, "block": 4}
_MOST_CATEGORIES: Final = 16
_MOST_DETAIL: Final = 1000
_GATE_REASONS: Final = {
    "sender_gate": "sender_gate",
    "recipient_gate": "recipient_gate",
    "provenance": "recipient_gate",
    "agent_loop": "outbound_send",
}


@frozen
class HoldReason:
    """Why a mail waits for a person (contract: HoldReasonView).

    Attributes:
        type: `gate` for a list of senders or recipients, `send` for an agent whose every mail is held, `scan` for
            what its content looks like.
        code: what exactly, for machines; an open set.
        summary: one sentence for the reviewer.
        detail: more of it, where there is more.
        category: of a scan: the strongest signal.
        confidence: of a scan: its score, 0 to 1.
    """

    type: Literal["gate", "scan", "send", "unknown"]
    code: str
    summary: str
    detail: str | None = None
    category: str | None = None
    confidence: float | None = None


@frozen
class Finding:
    """One thing that was noticed. `action` None: noted, and nothing follows from it.

    `address` is whom it is about; `message_id` and `place` say where that address was seen, and `provenance`
    is the class that follows from it. `score` and `categories` (best first) are of a scan.
    """

    source: str
    action: Action | None
    detector: str
    summary: str
    address: str | None = None
    message_id: str | None = None
    place: str | None = None
    provenance: str | None = None
    score: float | None = None
    categories: tuple[Mapping[str, Any], ...] | None = None


@frozen
class Scanned:
    """What follows from a screening at a sensitivity. `reason` is there where something does."""

    action: Action
    score: float
    finding: Finding | None
    reason: HoldReason | None


def scanned(screening: Screening, sensitivity: Sensitivity, *, detector: str = HEURISTICS) -> Scanned:
    """A screening as a finding, and as the reason of what it leads to. Nothing noticed and nothing done: no finding."""
    follows = action(screening, sensitivity)
    if not screening.signals and follows == "allow":
        return Scanned(follows, screening.score, None, None)
    best = screening.signals[0] if screening.signals else None
    summary = best.summary if best is not None else "the mail could not be looked at as a whole"
    categories = tuple(
        {"name": signal.name, "score": round(signal.score, 4)} for signal in screening.signals[:_MOST_CATEGORIES]
    )
    finding = Finding(
        "scan", follows, detector, summary, score=round(screening.score, 4), categories=categories or None
    )
    if follows == "allow":
        return Scanned(follows, screening.score, finding, None)
    lines = [
        f"{signal.summary}: {signal.excerpt}" if signal.excerpt else signal.summary
        for signal in screening.signals[:_MOST_CATEGORIES]
    ]
    reason = HoldReason(
        "scan",
        SCAN_UNREADABLE if screening.degraded and action(_whole(screening), sensitivity) == "allow" else SCAN_CODE,
        summary,
        "; ".join(lines)[:_MOST_DETAIL] or None,
        None if best is None else best.name,
        round(screening.score, 4),
    )
    return Scanned(follows, screening.score, finding, reason)


def noticed_break(continuity: Continuity | None, header_from: str | None) -> Finding | None:
    """A break in the row of a sender's mail, as evidence: by itself nothing follows from it."""
    if continuity is None or continuity.status != "break":
        return None
    return Finding("scan", "allow", CONTINUITY, continuity.detail, address=header_from)


def notices(
    message_id: str, direction: Literal["inbound", "outbound"], findings: Sequence[Finding]
) -> list[dict[str, Any]]:
    """The rows of `protection_events`: one for each source, reason and detector, the most severe of those alike.

    What is merely noted of a draft is kept with its hold alone: each recipient is looked at in each mail out.
    """
    kept: dict[tuple[str, str, str], Finding] = {}
    for finding in _severest(findings):
        if finding.action is not None:
            kept.setdefault((finding.source, _reason(finding, direction), finding.detector), finding)
    return [
        {
            "id": _event_id(message_id, source, reason, detector),
            "source": source,
            "reason": reason,
            "action": finding.action,
            "detector": detector,
            "peer_address": finding.address,
            "scan_score": finding.score,
            "categories": list(finding.categories or ()),
            "summary": finding.summary,
        }
        for (source, reason, detector), finding in kept.items()
    ]


def _severest(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: -SEVERITY[finding.action])


def _reason(finding: Finding, direction: str) -> str:
    return f"{direction}_scan" if finding.source == "scan" else _GATE_REASONS.get(finding.detector, "outbound_send")


def _event_id(*parts: str) -> str:
    return "scr_" + hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def _whole(screening: Screening) -> Screening:
    return Screening(screening.score, screening.signals, degraded=False)
