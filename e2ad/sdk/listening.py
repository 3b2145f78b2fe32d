"""How to listen, decided without any I/O: what each end of a connection means, how long to wait, what was given.

The server acknowledges nothing: what is unread comes again with each new connection. So that nothing comes twice,
the ids that were given are remembered; so that nothing is lost, not even what another program read meanwhile, a new
connection says behind which event it goes on (`after`). That one is a minute older than the newest mail that was
given: events become visible a little out of their order (contract: WebSocket).
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from attrs import define, field, frozen

from e2ad.core.events import parse_rfc3339
from e2ad.sdk.errors import (
    E2AConnectionError,
    E2AConnectionReplacedError,
    E2AError,
    E2APermissionError,
    E2AServerError,
    answered,
)
from e2ad.sdk.events import WSEvent, decode_object
from e2ad.sdk.exchange import path

__all__ = ["WS_CLOSE_REPLACED", "Again", "Listening", "socket_path"]

WS_CLOSE_REPLACED: Final = 4000

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 30.0
LONGEST_RETRY_AFTER_SECONDS: Final = 60.0
REMEMBERED: Final = 4096
OVERLAP: Final = timedelta(seconds=60)
MARK_EVERY: Final = timedelta(seconds=10)

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


def socket_path(email: str, after: str | None) -> str:
    """What to ask for."""
    return path("/v1/agents/{}/ws", email) + (f"?{urlencode({'after': after})}" if after else "")


@frozen
class Again:
    """Connect once more, after a while."""

    seconds: float
    reason: str


@frozen
class _Mark:
    at: datetime
    event_id: str


@define
class Listening:
    """One listener's memory over all its connections.

    Attributes:
        email: whose mail.
        after: an event to go on behind, instead of with all that is unread.
        reconnects: whether an end that passes is followed by a new connection.
        on_state: told in a few words about connecting, connected, waiting.
    """

    email: str
    after: str | None = None
    reconnects: bool = True
    on_state: Callable[[str], object] = field(default=lambda _: None)
    first_wait_seconds: float = FIRST_WAIT_SECONDS
    longest_wait_seconds: float = LONGEST_WAIT_SECONDS

    _wait_seconds: float = field(default=0.0, init=False)
    _given: OrderedDict[str, None] = field(factory=OrderedDict, init=False)
    _marks: deque[_Mark] = field(factory=deque, init=False)
    _reach: datetime = field(default=_BEGINNING, init=False)

    def __attrs_post_init__(self) -> None:
        """Refuse what is no agent's address before anything waits for an answer about it.

        Raises:
            E2AValidationError: it is none.
        """
        socket_path(self.email, self.after)

    @property
    def path(self) -> str:
        """What the next connection asks for."""
        mark = self._marks[0] if self._marks else None
        reached = mark is not None and mark.at <= self._reach - OVERLAP if self._reach > _BEGINNING else False
        return socket_path(self.email, mark.event_id if mark is not None and reached else self.after)

    def take(self, frame: str) -> WSEvent[Any] | None:
        """The event in a frame; None if it was given before, or is no event."""
        try:
            event: WSEvent[Any] = WSEvent.from_payload(decode_object(frame))
        except ValueError as error:
            self.on_state(f"left out a frame: {error}")
            return None
        self._wait_seconds = 0.0
        if event.id in self._given:
            return None
        self._given[event.id] = None
        if len(self._given) > REMEMBERED:
            self._given.popitem(last=False)
        self._mark(event)
        return event

    def _mark(self, event: WSEvent[Any]) -> None:
        """Note how far all is given.

        Unread mail comes in the order in which it came in, not in that of its announcement: a mail that a person let
        through is announced late. What is announced before the time at which a given mail came in is given as well.
        """
        at, came_in = _time(event.created_at), _time(event.data.get("received_at"))
        if at is None or came_in is None:
            return
        self._reach = max(self._reach, came_in)
        if not self._marks or at >= self._marks[-1].at + MARK_EVERY:
            self._marks.append(_Mark(at, event.id))
        while len(self._marks) > 1 and self._marks[1].at <= self._reach - OVERLAP:
            self._marks.popleft()

    def closed(self, code: int, reason: str) -> Again | None:
        """What a close frame means, or its absence (1006); None is the end.

        Raises:
            E2AConnectionReplacedError: another listener took the place.
            E2APermissionError: this credential may not listen any more.
            E2AError: the server wants no more connections.
        """
        said = f"closed with {code} {reason}".strip()
        if code == 1000:
            self.on_state(said)
            return None
        if code == 1008:
            raise E2APermissionError(f"may not listen any more: {said}", code="ws_policy_violation")
        if code == WS_CLOSE_REPLACED:
            raise E2AConnectionReplacedError(f"another listener took the place of this one: {said}")
        if 4000 < code < 5000:
            raise E2AError(f"the server wants no more connections: {said}", code="ws_closed")
        return self.lost(said)

    def refused(self, status: int, body: bytes, retry_after: str | None) -> Again:
        """What an answer in place of a connection means.

        Raises:
            E2AError: the class and the words of the server's own; it will not let this listener in.
        """
        if status < 400:
            raise E2AServerError(
                f"the server answered {status} in place of a WebSocket: is this the address of a deployment?",
                code="invalid_response",
                status=status,
            )
        seconds = float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
        if status in (408, 429) or status >= 500:
            return self.lost(f"the server answered {status}", seconds)
        raise answered(status, _document(body), retry_after_seconds=seconds)

    def lost(self, reason: str, retry_after_seconds: float | None = None) -> Again:
        """A connection, or the attempt at one, ended in a way that passes.

        Raises:
            E2AConnectionError: this listener does not connect again.
        """
        if not self.reconnects:
            raise E2AConnectionError(reason)
        wait = self._wait_seconds or self.first_wait_seconds
        self._wait_seconds = min(self.longest_wait_seconds, wait * 2)
        wait = max(wait, min(retry_after_seconds or 0.0, LONGEST_RETRY_AFTER_SECONDS))
        self.on_state(f"{reason}; trying again in {wait:g} s")
        return Again(wait, reason)


def _time(value: object) -> datetime | None:
    try:
        return parse_rfc3339(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        return decode_object(body)
    except ValueError:
        return {}
