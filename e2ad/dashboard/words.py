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
    "created": "The agent is created. It takes mail now.",
    "labelled": "The labels are changed.",
    "unread": "Marked as unread.",
    "trashed": "Moved to the trash. It can be restored from there.",
    "restored": "Restored from the trash.",
    "sent": "Sent.",
    "accepted": "Accepted. It is on its way; this page shows how far.",
    "scheduled": "Accepted. It leaves at the time that was asked for.",
    "held": "Not sent yet: a person has to approve it first. It waits under Reviews.",
    "failed": "It could not be sent. The timeline below says why.",
    "tested": "The test mail is on its way; it shows up here in a moment.",
    "agent_mine": "You have this agent already.",
    "agent_saved": "Saved. It applies from the next mail on.",
    "agent_deleted": "The agent is deleted. It takes no mail; from here it can be restored.",
    "agent_purged": "The agent and all its mail are deleted for good.",
    "agent_restored": "Restored. The agent takes mail again.",
    "suppressed": "The agent does not write to this address any more.",
    "unsuppressed": "The agent may write to this address again.",
    "domain_claimed": "The name is kept for you. Paste the records below into its DNS, then check them.",
    "domain_ready": "Looked just now: everything is there.",
    "domain_partly": "Looked just now: the domain takes mail. Some records are missing or differ, see below.",
    "domain_waits": "Looked just now: it is not complete yet. What was found of each record is shown below.",
    "domain_keys": "New keys are created. Paste their records below into the DNS, then check them.",
    "domain_deleted": "The domain is deleted.",
    "key_revoked": "The key is revoked. Whoever uses it is refused from now on.",
    "key_shown": "This form was sent before. The key was shown then, and is shown nowhere again.",
    "connection_ended": "The program has no access any more.",
    "secret_made": "The secret is created, and signs from now on. Give it to every program that checks.",
    "secret_deleted": "The secret is deleted. What it signed is refused from now on.",
    "webhook_changed": "The webhook is changed. It counts from the next event on.",
    "webhook_on": "The webhook is switched on.",
    "webhook_off": "The webhook is switched off. What is for it waits for a day.",
    "webhook_tested": "The test is on its way. Its answer shows up here by itself.",
    "webhook_deleted": "The webhook is deleted. Nothing is sent to it any more.",
    "replayed": "Sent again. The answers show up here by themselves.",
    "replay_begun": "Under way. This page may be closed; it goes on without it.",
    "replay_cancelled": "Cancelled. What was under way at this moment ends by itself.",
    "session_ended": "The session is over. Whoever has it open is asked to sign in.",
    "sessions_ended": "All other sessions are over.",
    "suppression_removed": "The address may be written to again.",
    "approved": "Approved.",
    "rejected": "Rejected. It stays where it is for good.",
    "edited": "Saved. Nothing has left; the difference is below.",
    "unchanged": "Nothing was changed.",
    "protected": "The protection is saved. It applies from the next mail on; what is held already stays held.",
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
    errors.AgentTaken: "Choose another one.",
    errors.InvalidWebhookUrl: "Change the URL and save again.",
    errors.ReservedDomain: "Choose a name that is yours.",
    errors.DomainTaken: "If it is yours, prove it with a record in its DNS, or ask whoever runs this server.",
    errors.DomainHasAgents: "Look under Agents, and into the trash there.",
    errors.InvalidExpiresAt: "Choose another time.",
    errors.WebhookDisabled: "Switch it on first, then try again.",
    errors.WebhookCooldown: "Fix the endpoint meanwhile; a moment later it can be switched on.",
    errors.WebhookLimitReached: "Delete one that is not used any more.",
    errors.EventsLogDisabled: "Whoever runs this server can switch it on (features.outbox).",
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
