"""How things are said on pages: times, sizes, names of strangers, what was done and what to do now."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from e2ad.core import errors
from e2ad.core.errors import Failure
from e2ad.core.events import parse_rfc3339
from e2ad.core.legible import legible
from e2ad.core.unseen import remove_unseen

__all__ = ["NOTICES", "ago", "exact", "hint", "initial", "sentence", "shown", "size", "told_count"]

NOTICES: Final[dict[str, str]] = {
    "created": "The agent is made. It takes mail now.",
    "labelled": "The labels are changed.",
    "unread": "Marked as unread.",
    "trashed": "Moved to the trash. It can be brought back from there.",
    "restored": "Brought back from the trash.",
    "sent": "Sent.",
    "accepted": "Accepted. It is on its way; this page shows how far.",
    "scheduled": "Accepted. It leaves at the time that was asked for.",
    "held": "Not sent yet: a person has to approve it first. It waits under Reviews.",
    "failed": "It could not be sent. The timeline below says why.",
    "tested": "The test mail is on its way; it shows up here in a moment.",
}
"""What a page may say was done, by the word in its address: nothing that a link brings is ever shown itself.

Other pages add their own words where they declare themselves.
"""

_HINTS: Final[Mapping[type[Failure], str]] = {
    errors.NotFound: "It may have been deleted, or the address is not quite right. Go back and choose it again.",
    errors.Forbidden: "Open the page from the dashboard itself and try again there.",
    errors.RateLimited: "Wait a moment, then try again.",
    errors.Unavailable: "Try again in a moment; if it stays like this, look at the operator's log.",
    errors.InvalidCursor: "The list has moved on. Begin again at its first page.",
    errors.InvalidFilter: "Change the search or clear it.",
    errors.PayloadTooLarge: "Make it smaller and send it again.",
    errors.MessageHeld: "It waits for review. Decide there first.",
    errors.SendInProgress: "It is being sent at this moment. Try again in a few seconds.",
    errors.IdempotencyInFlight: "The same form is being worked on. Look at the result instead of sending again.",
    errors.IdempotencyKeyReuse: "This form was sent before with other words. Open it anew.",
}

_PLACE: Final = re.compile(r"\b(to|cc|bcc|reply_to)\[\d+\]:", re.IGNORECASE)


def shown(text: object) -> str:
    """One line of a stranger's text, as a person may read it: tricks are shown, what scripts and emoji need stays."""
    line = " ".join(str(text or "").split())
    return legible(line) if remove_unseen(line)[1] else line


def sentence(failure: Failure) -> str:
    """What a failure says, as a sentence."""
    words = shown(failure.message)
    details = failure.details or {}
    fields = details.get("fields") if isinstance(details, Mapping) else None
    said = [
        getattr(one, "message", None) or (one.get("message") if isinstance(one, Mapping) else None)
        for one in fields or ()
    ]
    more = "; ".join(shown(one) for one in said[:3] if one and one != failure.message)
    words = f"{words}: {more}" if more else words
    words = _PLACE.sub(lambda found: found[1].replace("_", " ").capitalize() + ":", words)
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def hint(failure: Failure) -> str:
    """What to do about it."""
    for kind, words in _HINTS.items():
        if isinstance(failure, kind):
            return words
    return "Change what you entered and send it again."


def ago(text: str, at: datetime) -> str:
    """A short time: of today the hour, of this year the day, else the date. UTC, as the page says."""
    when = parse_rfc3339(text)
    if timedelta(0) <= at - when < timedelta(minutes=1):
        return "now"
    if when.date() == at.date():
        return f"{when:%H:%M}"
    if abs(at - when) < timedelta(days=300):
        return f"{when.day} {when:%b}"
    return f"{when:%Y-%m-%d}"


def exact(text: str) -> str:
    """A whole time, for a person."""
    when = parse_rfc3339(text)
    return f"{when.astimezone(UTC):%A}, {when.day} {when:%B %Y}, {when:%H:%M:%S} UTC"


def size(octets: int) -> str:
    """So many bytes, in a unit that can be read."""
    if octets < 1000:
        return f"{octets} bytes"
    amount = float(octets)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return f"{amount:.0f} GB"


def initial(name: str) -> str:
    """The letter that stands for a sender."""
    return next((character.upper() for character in name if character.isalnum()), "?")


def told_count(count: int, most: int = 99) -> str:
    """A count that was not counted to its end."""
    return f"{most}+" if count > most else str(count)
