"""How far a mail out is, in words."""

from collections.abc import Mapping
from typing import Any, Final

from rich.text import Text

from e2ad.cli.printing import plain

__all__ = ["CAPTURED", "detail_of", "sent_line", "state_of"]

CAPTURED: Final = "captured"
"""How the detail of a mail begins that went nowhere, since there is no relay."""

_STYLES: Final = {
    "delivered": "green",
    "sent": "green",
    "failed": "red",
    "bounced": "red",
    "complained": "red",
    "rejected": "red",
    "outcome unknown": "red",
    "deferred": "yellow",
    "held for review": "yellow",
}


def detail_of(detail: object) -> object:
    """Why it is so far, beside the state in words, which it does not say again."""
    return detail.removeprefix(f"{CAPTURED}: ") if isinstance(detail, str) else detail


def state_of(message: Mapping[str, Any]) -> tuple[str, str]:
    """How far a mail out is, in words, and the style to say it in."""
    review = message.get("review_status") or ""
    if review == "pending_review":
        words = "held for review"
    elif review in ("review_rejected", "review_expired_rejected"):
        words = "rejected"
    else:
        words = str(message.get("delivery_status") or "accepted").replace("_", " ")
        if words == "sent" and str(message.get("delivery_detail") or "").startswith(CAPTURED):
            words = CAPTURED
        if words == "accepted" and message.get("scheduled_at"):
            words = f"scheduled for {message['scheduled_at']}"
    return words, _STYLES.get(words, "dim")


def sent_line(message: Mapping[str, Any]) -> Text:
    """One mail of a list on two lines: how far, to whom and what; when, its id to copy, and what is behind it."""
    words, style = state_of(message)
    to = [*message.get("to", []), *message.get("cc", [])]
    line = Text(f"[{words}]", style=style)
    line.append("  " + plain(", ".join(to[:3]) + (f" and {len(to) - 3} more" if len(to) > 3 else "")), style="bold")
    line.append("  " + plain(message.get("subject") or "(no subject)"))
    at = str(message.get("created_at") or "")[:16].replace("T", " ")
    detail = detail_of(message.get("delivery_detail"))
    line.append(f"\n  {at}  {message['id']}" + (f"  {plain(detail)}" if detail else ""), style="dim")
    return line
