"""How a hold is told to a person, on the pages behind a mailed link and on those of the dashboard."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from e2ad.core.provenance import Provenance

__all__ = ["CLASSES", "ending", "left", "outcome", "why"]

Level = Literal["good", "warn", "bad", "none"]

CLASSES: Final[Mapping[Provenance, tuple[Level, str, str]]] = {
    Provenance.OPERATOR_LIST: ("good", "On your list", "You listed this address or its domain for this agent."),
    Provenance.CORRESPONDENT: ("good", "Has written before", "A mail from this very address reached the agent."),
    Provenance.PARTICIPANT: ("good", "In this conversation", "It stands in the header of a mail that can be believed."),
    Provenance.CONTENT: (
        "bad",
        "Only named in a mail",
        "It stands in the content of a mail to the agent: whoever wrote that may want this mail to go there.",
    ),
    Provenance.UNSEEN: ("warn", "Never seen", "The agent has never had anything to do with this address."),
}
"""How good a sign each class of a recipient is, what it is called, and what it means."""

_VIA: Final = {
    "api": "with an API key",
    "link": "by the link in the mail",
    "dashboard": "in the dashboard",
    "expiry": "by itself, when the time was over",
}


def left(until: datetime, at: datetime) -> str:
    """How much time is left, in the two largest units that say something."""
    seconds = int((until - at).total_seconds())
    if seconds <= 0:
        return "The time is over"
    if seconds < 60:
        return "Less than a minute left"
    minutes = seconds // 60
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    units = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    first = next(place for place, (count, _) in enumerate(units) if count)
    said = [f"{count} {unit}{'s' if count > 1 else ''}" for count, unit in units[first : first + 2] if count]
    return f"{' and '.join(said)} left"


def ending(on_expiry: str, direction: str) -> str:
    """What happens when nobody decides in time."""
    if on_expiry == "approve":
        return "then it leaves by itself" if direction == "outbound" else "then it is let in by itself"
    return "then it is rejected" if direction == "outbound" else "then it is kept back for good"


def outcome(status: str | None, via: str | None, direction: str) -> tuple[Level, str, str]:
    """How a hold ended: a sign, a word, and through which door."""
    how = _VIA.get(via or "", "")
    if status in ("review_approved", "review_expired_approved"):
        return "good", "Approved" if direction == "outbound" else "Let in", how
    if status in ("review_rejected", "review_expired_rejected"):
        return "bad", "Rejected", how
    return "none", "Waits", ""


def why(reason: Mapping[str, Any] | None) -> tuple[str, str]:
    """Why a mail is held: a sentence, and more of it."""
    if not reason:
        return "A person has to decide about it.", ""
    summary = str(reason.get("summary") or "A person has to decide about it.")
    detail = str(reason.get("detail") or "")
    confidence = reason.get("confidence")
    if isinstance(confidence, int | float):
        category = str(reason.get("category") or "").replace("_", " ")
        detail = "; ".join(part for part in (f"{category} {confidence:.2f}".strip(), detail) if part)
    first = summary.partition(" ")[0]
    # An address or a domain at its beginning stays as it is.
    summary = summary if "@" in first or "." in first else summary[:1].upper() + summary[1:]
    return summary, detail
