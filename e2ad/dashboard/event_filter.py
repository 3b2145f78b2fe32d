"""Which events a person asks for: as it stands in an address, as the log is asked, and in words."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from attrs import evolve, frozen

from e2ad.api.views import filter_instant
from e2ad.core.address import fold_address
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.frame import link
from e2ad.dashboard.words import exact
from e2ad.gateway.replays import STATES, Replays
from e2ad.storage.replays import Wanted

__all__ = ["FIELDS", "STATE_WORDS", "Asked", "event_path", "in_words", "verbs"]

FIELDS: Final = ("type", "agent", "message", "since", "until", "state", "event")
STATE_WORDS: Final[Mapping[str, str]] = {
    "failed": "failed",
    "pending": "pending",
    "delivered": "delivered",
    "none": "none",
}
_WORDS: Final[Mapping[str, str]] = {
    "id": "Event",
    "type": "Type",
    "agent_email": "Agent",
    "message_id": "Message",
    "since": "Since",
    "until": "Before",
    "state": "Deliveries",
}


@frozen
class Asked:
    """What a list of events was asked for, as it stands in the address."""

    type: str = ""
    agent: str = ""
    message: str = ""
    since: str = ""
    until: str = ""
    state: str = ""
    event: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Asked":
        """From a query or a form; a state that is none is not asked for."""
        said = {name: " ".join(given.get(name, "").split()) for name in FIELDS}
        if said["state"] not in STATES:
            said["state"] = ""
        return cls(**said | {name: _instant(said[name]) for name in ("since", "until")})

    @property
    def filtered(self) -> bool:
        """Whether anything is asked for."""
        return self != Asked()

    @property
    def query(self) -> dict[str, str]:
        """As it stands in an address, without what says nothing."""
        return {name: value for name in FIELDS if (value := getattr(self, name))}

    @property
    def wanted(self) -> Wanted:
        """As the log is asked.

        Raises:
            InvalidFilter: a time cannot be read.
        """
        return Wanted(
            id=self.event or None,
            type=self.type or None,
            agent_email=fold_address(self.agent) if self.agent else None,
            message_id=self.message or None,
            since=filter_instant("since", self.since),
            until=filter_instant("until", self.until),
            state=self.state or None,
        )

    def link(self, path: str = "/events", **other: str) -> str:
        """The address of a page about the same events."""
        return link(path, **(self.query | other))

    def pinned(self, at: str) -> "Asked":
        """The same without what happens from `at` on, so that a decision about these events is about these."""
        return self if self.event or self.until else evolve(self, until=at)


def event_path(event_id: str) -> str:
    """Where an event is shown, below `/dashboard`."""
    return f"/events/{quote(event_id, safe='')}"


def in_words(kept: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A filter as it is kept or asked for: what, and which."""
    return [
        (words, exact(kept[name]) if name in ("since", "until") else str(kept[name]))
        for name, words in _WORDS.items()
        if kept.get(name)
    ]


def verbs(desk: Desk) -> Replays:
    """The verbs of replays over this process's collaborators."""
    services = desk.services
    config = services.config
    return Replays(services.db, services.keys, services.egress, config.retention.event_days, config.features.outbox)


def _instant(text: str) -> str:
    """A time as a browser's field says it has no zone: it is meant in UTC, as the page says."""
    day, _, hour = text.partition("T")
    if not hour or hour[-1:] in "Zz" or "+" in hour or "-" in hour:
        return text
    return f"{day}T{hour}{':00' if hour.count(':') == 1 else ''}Z"
