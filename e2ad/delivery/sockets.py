"""One socket of an agent, and what the hub keeps about it: small, since there may be thousands."""

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

import trio
from attrs import define, field

from e2ad.core.delivery import RecentEvent, StreamEvent
from e2ad.delivery.payloads import classic_frame, full_frame

__all__ = ["REASONS", "Frame", "Member", "Room", "Rooms", "Seen", "Socket"]

SEEN: Final = 4096

REASONS: Final[Mapping[str, str]] = {
    "shutting_down": "server shutting down",
    "ping_timeout": "ping timeout",
}
"""The classic API's words for the reasons of a close (contract: WebSocket)."""


class Socket(Protocol):
    """What is used of `trio_websocket.WebSocketConnection`."""

    async def send_message(self, message: str) -> None:
        """Send one text frame."""

    async def get_message(self) -> str | bytes:
        """The next frame of the client."""

    async def ping(self, payload: bytes | None = None) -> None:
        """Send a ping and wait for its pong."""

    async def aclose(self, code: int = 1000, reason: str | None = None) -> None:
        """The closing handshake."""


@define(eq=False)
class Frame:
    """One event as text, made once for all sockets of an agent, in each shape that is asked for."""

    event: StreamEvent
    auth: Mapping[str, str]
    _full: str | None = None
    _classic: str | None = None

    def text(self, *, classic: bool) -> str:
        """The frame for one of the two APIs."""
        if classic:
            if self._classic is None:
                self._classic = classic_frame(self.event.message)
            return self._classic
        if self._full is None:
            self._full = full_frame(self.event.envelope, self.auth)
        return self._full


class Seen:
    """What one socket was given lately. Older than the oldest of it counts as given, once it is full."""

    __slots__ = ("_ids", "forgotten_until")

    def __init__(self) -> None:
        self._ids: OrderedDict[str, datetime] = OrderedDict()
        self.forgotten_until: datetime | None = None

    def __contains__(self, event: StreamEvent) -> bool:
        return event.event_id in self._ids

    def knows(self, event_id: str, created_at: datetime) -> bool:
        """Whether it was given, or is so old that it must have been."""
        until = self.forgotten_until
        return event_id in self._ids or (until is not None and created_at <= until)

    def add(self, event: StreamEvent) -> None:
        """Remember one, forget the oldest."""
        self._ids[event.event_id] = event.created_at
        if len(self._ids) > SEEN:
            _, self.forgotten_until = self._ids.popitem(last=False)

    def discard(self, event_id: str) -> None:
        """It was not given after all."""
        self._ids.pop(event_id, None)


@define(eq=False)
class Member:
    """One socket.

    Attributes:
        joined_at: on the database's clock; None until that is known.
        takes_read: it asked for all mail from some event on, and not for what is unread.
        draining: the backlog is on its way; what is published meanwhile waits behind it.
        missed: more was published while draining than the window holds: read it once more.
        busy: a task is sending.
        leaving: why it is being closed: code and reason.
    """

    socket: Socket
    room: "Room"
    classic: bool
    pinged_at: float
    joined_at: datetime | None = None
    takes_read: bool = False
    draining: bool = True
    missed: bool = False
    busy: bool = True
    sent: int = 0
    leaving: tuple[int, str] | None = None
    pending: deque[Frame] = field(factory=deque)
    seen: Seen = field(factory=Seen)
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    closed: trio.Event = field(factory=trio.Event)

    def drop_pending(self) -> None:
        """Forget what waits, and that it was ever offered."""
        for frame in self.pending:
            self.seen.discard(frame.event.event_id)
        self.pending.clear()

    def lacks(self, recent: RecentEvent, trail: timedelta) -> bool:
        """Whether the socket was not given an event that it should have been.

        What was read before it joined is none of its backlog, even if that is looked at only now.
        """
        if self.joined_at is None or self.seen.knows(recent.event_id, recent.created_at):
            return False
        since = self.joined_at - trail if recent.is_unread or self.takes_read else self.joined_at
        return recent.created_at >= since


@define(eq=False)
class Room:
    """The sockets of one agent, and the secret that signs for it."""

    account_id: str
    agent_email: str
    secret: str | None = field(default=None, repr=False)
    members: dict[Member, None] = field(factory=dict)


class Rooms:
    """All rooms of one process, by agent and by account."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._accounts: dict[str, dict[str, Room]] = {}

    def __iter__(self) -> Iterator[Room]:
        return iter(self._rooms.values())

    def __len__(self) -> int:
        return len(self._rooms)

    def get(self, agent_email: str) -> Room | None:
        """The room of an agent, if it has a socket here."""
        return self._rooms.get(agent_email)

    def has_account(self, account_id: str) -> bool:
        """Whether any agent of the account has a socket here."""
        return account_id in self._accounts

    def of(self, account_id: str) -> list[Room]:
        """The rooms of an account."""
        return list(self._accounts.get(account_id, {}).values())

    def add(self, account_id: str, agent_email: str) -> Room:
        """A new, empty room."""
        room = self._rooms[agent_email] = Room(account_id, agent_email)
        self._accounts.setdefault(account_id, {})[agent_email] = room
        return room

    def remove(self, room: Room) -> None:
        """Forget a room; nothing happens when another one has taken its place."""
        if self._rooms.get(room.agent_email) is not room:
            return
        del self._rooms[room.agent_email]
        of_account = self._accounts[room.account_id]
        del of_account[room.agent_email]
        if not of_account:
            del self._accounts[room.account_id]

    def sinces(self, scanned_at: datetime | None, trail: timedelta) -> list[tuple[str, str, datetime]]:
        """Account, agent, and from when on its sockets may lack something; joined ones only, the others drain."""
        found: list[tuple[str, str, datetime]] = []
        for room in self._rooms.values():
            joined = [member.joined_at for member in room.members if member.joined_at is not None]
            if joined:
                since = min(joined) if scanned_at is None else max(min(joined), scanned_at)
                found.append((room.account_id, room.agent_email, since - trail))
        return found

    def lack(self, recent: RecentEvent, trail: timedelta) -> bool:
        """Whether a socket of the agent that had joined by then, or shortly after, was not given the event."""
        room = self._rooms.get(recent.agent_email)
        return room is not None and any(member.lacks(recent, trail) for member in room.members)
