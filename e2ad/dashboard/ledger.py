"""Rows of the audit log in words: who acted, what was done, and on which evidence.

Evidence holds what strangers wrote, such as addresses: nothing of it is markup, and templates show it by `shown`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from e2ad.storage.belongings import Known

__all__ = ["ACTORS", "WORDS", "Fact", "action_words", "actor_words", "facts"]

WORDS: Final[Mapping[str, str]] = {
    "review.approved": "Approved held mail",
    "review.rejected": "Rejected held mail",
    "review.edited": "Edited held mail",
    "review.expired_approved": "Held mail left when its time ran out",
    "review.expired_rejected": "Held mail was rejected when its time ran out",
    "outcome.resolved": "Settled a send of unknown outcome",
    "protection.changed": "Changed protection",
    "key.created": "Created an API key",
    "key.deleted": "Revoked an API key",
    "signing_secret.created": "Created a signing secret",
    "signing_secret.deleted": "Deleted a signing secret",
    "session.begun": "Signed in",
    "session.ended": "Ended a session",
    "connection.allowed": "Let a program in",
    "connection.ended": "Ended a program's access",
    "webhook.created": "Created a webhook",
    "webhook.changed": "Changed a webhook",
    "webhook.deleted": "Deleted a webhook",
    "webhook.secret_rotated": "Rotated a webhook's secret",
    "events.replayed": "Sent events again",
    "domain.registered": "Added a domain",
    "domain.displaced": "A claim of a domain was lost to somebody who proved it",
    "domain.verified": "A domain was verified",
    "domain.lapsed": "A domain is not verified any more",
    "domain.keys_rotated": "Created new keys of a domain",
    "domain.deleted": "Deleted a domain",
    "agent.created": "Created an agent",
    "agent.changed": "Changed where an agent's mail goes",
    "agent.trashed": "Moved an agent to the trash",
    "agent.restored": "Restored an agent",
    "agent.deleted": "Deleted an agent for good",
    "account.exported": "Exported the account",
    "account.deleted": "Deleted the account",
}
"""What each action is called."""

ACTORS: Final[Mapping[str, str]] = {
    "session": "People in a browser",
    "link": "Mailed links",
    "key": "API keys",
    "program": "Connected programs",
    "identity": "Tokens of agents",
    "expiry": "Time that ran out",
    "system": "The server",
}
"""Who may act, by kind."""

_LEVELS: Final[Mapping[str, str]] = {
    "review.approved": "good",
    "review.expired_approved": "warn",
    "review.rejected": "bad",
    "review.expired_rejected": "bad",
    "domain.displaced": "bad",
    "domain.lapsed": "bad",
    "account.deleted": "bad",
}
_NAMES: Final[Mapping[str, str]] = {
    "content_sha256": "Content (SHA-256)",
    "seen_sha256": "Content that was shown (SHA-256)",
    "before_sha256": "Content before (SHA-256)",
    "after_sha256": "Content after (SHA-256)",
    "agent_email": "Agent",
    "held_for": "Held for",
    "client_address": "Came from",
    "verified_domain": "Proven domain",
    "header_from": "From",
    "envelope_from": "Envelope sender",
    "seen_in": "Seen in",
    "left_as": "Left as",
    "mail_sha256": "Mail that left (SHA-256)",
    "key_prefix": "Begins with",
    "what": "Of",
}
_FIRST: Final = ("direction", "agent_email", "content_sha256", "seen_sha256", "revision", "recipients", "sender")
_LAST: Final = ("findings", "client_address")
MOST_FACTS: Final = 300


@frozen
class Fact:
    """A piece of evidence: where it stands, how deep, and what it is; without a value it is a heading."""

    name: str
    depth: int
    value: str = ""
    code: bool = False


def action_words(action: str, evidence: Mapping[str, Any]) -> tuple[str, str]:
    """What was done, and how it stands: good, warn, bad, or nothing of it."""
    if action == "account.exported" and evidence.get("what") == "audit":
        return "Took the audit log along", ""
    return WORDS.get(action, action), _LEVELS.get(action, "")


def actor_words(kind: str, actor: str, known: Known | None, *, mine: str = "") -> tuple[str, str]:
    """Who acted, and from where or by what.

    Args:
        known: what the log says of the session, key or program itself.
        mine: the session of who asks.
    """
    told: Mapping[str, Any] = known.evidence if known is not None else {}
    match kind:
        case "session":
            name = "This browser" if actor and actor == mine else str(told.get("browser") or "A browser")
            return name, str(told.get("network") or "")
        case "key":
            name = str(told.get("name") or "")
            return (f"API key “{name}”" if name else "An API key"), str(told.get("key_prefix") or "")
        case "program":
            name = str(told.get("client_name") or told.get("name") or "")
            return (f"Program “{name}”" if name else "A connected program"), ""
        case "link":
            return "A mailed link", ""
        case "identity":
            return "A token of the agent", actor
        case "expiry":
            return "The time ran out", ""
        case "system":
            return "The server", ""
        case _:
            return kind, actor


def facts(evidence: Mapping[str, Any]) -> list[Fact]:
    """Evidence as lines, what decides first; at most `MOST_FACTS`."""
    places = {name: place for place, name in enumerate((*_FIRST, "", *_LAST))}
    middle = places[""]
    ordered = dict(sorted(evidence.items(), key=lambda item: places.get(item[0], middle)))
    found = list[Fact]()
    for fact in _of_mapping(ordered, 0):
        if len(found) == MOST_FACTS:
            return [*found, Fact("and more, which the export has", 0)]
        found.append(fact)
    return found


def _of_mapping(told: Mapping[str, Any], depth: int) -> Iterator[Fact]:
    for name, value in told.items():
        if value is None or value in ({}, [], ""):
            continue
        yield from _of(_NAMES.get(name) or name.replace("_", " ").capitalize(), value, depth)


def _of(name: str, value: Any, depth: int) -> Iterator[Fact]:
    if isinstance(value, Mapping):
        yield Fact(name, depth)
        yield from _of_mapping(value, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if any(isinstance(one, Mapping | list) for one in value):
            yield Fact(f"{name} ({len(value)})", depth)
            for number, one in enumerate(value, 1):
                yield from _of_entry(number, one, depth + 1)
        else:
            yield Fact(name, depth, ", ".join(map(_text, value)))
    else:
        yield Fact(name, depth, _text(value), code="256)" in name)


def _of_entry(number: int, value: Any, depth: int) -> Iterator[Fact]:
    """An entry of a list: called by its address or by what found it, where it says that."""
    if not isinstance(value, Mapping):
        yield from _of(str(number), value, depth)
        return
    name = next((name for name in ("address", "filename", "detector") if value.get(name)), "")
    yield Fact(_text(value[name]) if name else str(number), depth)
    yield from _of_mapping({key: one for key, one in value.items() if key != name}, depth + 1)


def _text(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
