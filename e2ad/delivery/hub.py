"""The sockets of this process: agent to sockets, several allowed, each told of every new mail once.

Three ways lead here. The process that commits a message calls `publish` at once. Other processes
say NOTIFY, and the events are read by their ids, for agents with a socket here alone. And because
a notification is only a hint, a slow poll, and a scan after each gap in listening, look for what
neither brought.

A socket that connects is first given all unread mail, oldest first, and then what is new. A socket
that does not keep up is closed with 1013 and loses nothing: what it has not read comes again.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
import trio
from trio_websocket import ConnectionClosed

from e2ad import maillog
from e2ad.core.delivery import Position, StreamEvent, StreamStart, parse_notification
from e2ad.core.errors import Unavailable
from e2ad.core.sealing import KeyRing
from e2ad.delivery.payloads import message_auth_headers
from e2ad.delivery.ports import Reads, SocketSettings
from e2ad.delivery.recent import Recent
from e2ad.delivery.sockets import REASONS, Frame, Member, Room, Rooms, Socket
from e2ad.delivery.webhook import open_signing_secret

__all__ = ["Hub"]

log = structlog.get_logger("e2ad.delivery")

PAGE: Final = 100
READ_BATCH: Final = 500
HEARD_AT_MOST: Final = 10_000
SCAN_PAGE: Final = 2000
TRAIL: Final = timedelta(seconds=15)
"""How far a scan looks behind the last one: commits become visible later than their time of creation."""
CLOSE_SECONDS: Final = 3.0
RETRY_SECONDS: Final = 1.0

_BEGINNING: Final = Position(datetime.min.replace(tzinfo=UTC))


class Hub:
    """All sockets of one process.

    Args:
        reads: the database.
        keys: opens signing secrets.
        settings: pings, deadlines, windows.
        now: the wall clock, for the timestamps of signatures.
    """

    def __init__(
        self,
        reads: Reads,
        keys: KeyRing,
        settings: SocketSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reads = reads
        self._keys = keys
        self._settings = settings
        self._now = now
        self._rooms = Rooms()
        self._members: dict[Member, None] = {}
        self._own = Recent(8192)
        self._heard: dict[tuple[str, str], None] = {}
        self._stale: set[str] = set()
        self._scan_wanted = False
        self._scanned_at: datetime | None = None
        self._news = trio.Event()
        self._nursery: trio.Nursery | None = None

    @property
    def sockets(self) -> int:
        """Sockets that are open now."""
        return len(self._members)

    def wants(self, account_id: str) -> bool:
        """Whether any agent of the account has a socket here."""
        return self._rooms.has_account(account_id)

    def listens(self, agent_email: str) -> bool:
        """Whether a socket of the agent is open here; other processes may have others."""
        return self._rooms.get(agent_email) is not None

    def publish(self, events: Iterable[StreamEvent]) -> None:
        """This process has committed these events: give them to the agents' sockets now."""
        for event in events:
            self._own.add((event.event_id,))
            if (room := self._rooms.get(event.agent_email)) is not None and room.account_id == event.account_id:
                self._spread(room, event)

    def hear(self, payload: str) -> None:
        """A notification on `e2ad_events`: read what it names, unless this process published it."""
        for account_id, event_ids in parse_notification(payload):
            if not self._rooms.has_account(account_id):
                continue
            for event_id in event_ids:
                if event_id not in self._own:
                    self._heard[account_id, event_id] = None
        if len(self._heard) > HEARD_AT_MOST:
            self._heard.clear()
            self._scan_wanted = True
        if self._heard or self._scan_wanted:
            self._news.set()

    def scan(self) -> None:
        """Notifications may have been missed: look for events that no socket was given, and for new secrets."""
        self._stale.update(room.account_id for room in self._rooms)
        self._scan_wanted = True
        self._news.set()

    def forget_account(self, account_id: str) -> None:
        """A notification on `e2ad_accounts`: the signing secret may be another one now."""
        if self._rooms.has_account(account_id):
            self._stale.add(account_id)
            self._news.set()

    def expel(self, socket: Socket, agent_email: str, reason: str) -> None:
        """Close one socket of an agent with 1008: whoever listens there may not any more."""
        for member in list(room.members) if (room := self._rooms.get(agent_email)) is not None else []:
            if member.socket is socket:
                self._close(member, 1008, reason)

    async def serve(
        self, socket: Socket, account_id: str, agent_email: str, *, classic: bool, after: str | None = None
    ) -> None:
        """Serve one accepted socket until it ends.

        Args:
            classic: which frames it gets.
            after: an event id; all mail behind it is sent first, instead of the unread.

        Cancellation:
            The socket leaves the hub at once; closing it is the caller's.
        """
        if self._nursery is None:
            with trio.move_on_after(CLOSE_SECONDS):
                await socket.aclose(1001, "shutting_down")
            return
        member = self._join(socket, account_id, agent_email, classic=classic)
        self._nursery.start_soon(self._begin, member, after)
        try:
            await self._hear_out(member)
        finally:
            # The socket is its caller's again: who waits for a goodbye to be answered waits in vain.
            member.closed.set()

    async def _hear_out(self, member: Member) -> None:
        try:
            with member.scope:
                while True:
                    await member.socket.get_message()  # clients have nothing to say; reading keeps pongs coming
        except ConnectionClosed as error:
            if member.leaving is None and error.reason is not None:
                member.leaving = (error.reason.code, error.reason.reason or "")
                member.closed.set()
        finally:
            self._leave(member)
        if member.leaving is not None:
            with trio.move_on_after(CLOSE_SECONDS):
                await member.closed.wait()

    def _join(self, socket: Socket, account_id: str, agent_email: str, *, classic: bool) -> Member:
        room = self._rooms.get(agent_email)
        if room is not None and room.account_id != account_id:
            # The address has a new owner; whoever listens for the old one has nothing to hear any more.
            for old in list(room.members):
                self._close(old, 1008, "agent_deleted")
            self._rooms.remove(room)
            room = None
        if room is None:
            room = self._rooms.add(account_id, agent_email)
        member = Member(socket, room, classic, trio.current_time())
        room.members[member] = None
        self._members[member] = None
        maillog.socket_opened(account_id, agent_email, len(room.members))
        return member

    def _leave(self, member: Member) -> None:
        room = member.room
        member.pending.clear()
        self._members.pop(member, None)
        room.members.pop(member, None)
        if not room.members:
            self._rooms.remove(room)
        code, reason = member.leaving or (1006, "")
        maillog.socket_closed(room.account_id, room.agent_email, code, reason, member.sent)

    async def _begin(self, member: Member, after: str | None) -> None:
        """The life of a socket up to where it is as good as any other: its backlog."""
        try:
            await self._drain(member, after)
        except ConnectionClosed:
            return
        except Unavailable:
            self._close(member, 1011, "the backlog cannot be read")
            return
        except Exception:
            log.exception("backlog not sent")
            self._close(member, 1011, "internal_error")
            return
        await self._flush(member)

    async def _drain(self, member: Member, after: str | None) -> None:
        room = member.room
        start = await self._reads.start(room.account_id)
        self._take_secret(room, start)
        member.joined_at = start.at
        found = None if after is None else await self._reads.position(room.account_id, room.agent_email, after)
        position = _BEGINNING if found is None else found
        member.takes_read = all_mail = found is not None
        while member.leaving is None:
            page = await self._reads.backlog(room.account_id, room.agent_email, position, PAGE, all_mail=all_mail)
            for event in page:
                position = event.position(announced=all_mail)
                if event not in member.seen:
                    member.seen.add(event)
                    await self._send(member, self._frame(room, event))
            if len(page) == PAGE:
                continue
            if not member.missed:
                break
            # More came in meanwhile than the window holds: it is all in the log, read it there.
            member.missed, all_mail = False, True
            member.drop_pending()
            position = min(position, Position(start.at - TRAIL))
        member.draining = False

    def _spread(self, room: Room, event: StreamEvent) -> None:
        frame: Frame | None = None
        for member in list(room.members):
            if event in member.seen or member.leaving is not None:
                continue
            if frame is None:
                if room.secret is None:
                    self._stale.add(room.account_id)
                    member.missed = member.draining
                    self._scan_wanted = True
                    self._news.set()
                    continue
                frame = self._frame(room, event)
            self._offer(member, frame)

    def _offer(self, member: Member, frame: Frame) -> None:
        if len(member.pending) >= self._settings.window:
            if member.draining:
                member.drop_pending()
                member.missed = True
            else:
                self._close(member, 1013, "slow_consumer")
            return
        member.seen.add(frame.event)
        member.pending.append(frame)
        if not member.busy and self._nursery is not None:
            member.busy = True
            self._nursery.start_soon(self._flush, member)

    async def _flush(self, member: Member) -> None:
        """Send what waits. One task at a time for each socket, and none while nothing waits."""
        try:
            while member.pending and member.leaving is None:
                await self._send(member, member.pending.popleft())
        except ConnectionClosed:
            member.pending.clear()
        except Exception:  # it ends this socket; all others would go down with the hub
            log.exception("frame not sent")
            self._close(member, 1011, "internal_error")
        finally:
            member.busy = False

    async def _send(self, member: Member, frame: Frame) -> None:
        with trio.move_on_after(self._settings.send_seconds) as scope:
            await member.socket.send_message(frame.text(classic=member.classic))
        if scope.cancelled_caught:
            # A frame is half on its way: nothing sensible can be said behind it.
            member.leaving = member.leaving or (1013, "slow_consumer")
            member.closed.set()
            member.scope.cancel()
        member.sent += 1

    def _frame(self, room: Room, event: StreamEvent) -> Frame:
        assert room.secret is not None
        return Frame(event, message_auth_headers(event.message, at=self._now(), secret=room.secret))

    def _take_secret(self, room: Room, start: StreamStart) -> None:
        room.secret = open_signing_secret(self._keys, start.signing_secret_id, start.sealed_signing_secret)

    def _close(self, member: Member, code: int, reason: str) -> None:
        if member.leaving is None and self._nursery is not None:
            member.leaving = (code, reason)
            member.pending.clear()
            self._nursery.start_soon(self._say_goodbye, member, code, reason)

    async def _say_goodbye(self, member: Member, code: int, reason: str) -> None:
        with trio.move_on_after(CLOSE_SECONDS):
            await member.socket.aclose(code, REASONS.get(reason, reason) if member.classic else reason)
        member.closed.set()
        member.scope.cancel()

    async def run(self, closing: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Send, ping and look for news until `closing`; then close every socket with 1001.

        Cancellation:
            Every socket ends without a word.
        """
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._ping_all)
                nursery.start_soon(self._read_all)
                task_status.started()
                await closing.wait()
                with trio.move_on_after(CLOSE_SECONDS):
                    members = list(self._members)
                    for member in members:
                        self._close(member, 1001, "shutting_down")
                    for member in members:
                        await member.closed.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._nursery = None
            for member in list(self._members):
                member.scope.cancel()

    async def _ping_all(self) -> None:
        while True:
            await trio.sleep(self._settings.ping_seconds / 8)
            due = trio.current_time() - self._settings.ping_seconds
            for member in list(self._members):
                if member.pinged_at <= due and member.leaving is None:
                    member.pinged_at = trio.current_time()
                    assert self._nursery is not None
                    self._nursery.start_soon(self._ping, member)

    async def _ping(self, member: Member) -> None:
        try:
            with trio.move_on_after(self._settings.pong_seconds) as scope:
                await member.socket.ping()
        except ConnectionClosed:
            return
        if scope.cancelled_caught:
            self._close(member, 1001, "ping_timeout")

    async def _read_all(self) -> None:
        while True:
            with trio.move_on_after(self._settings.poll_seconds) as waited:
                await self._news.wait()
            self._news = trio.Event()
            self._scan_wanted |= waited.cancelled_caught
            try:
                await self._read()
            except Exception as error:  # noqa: BLE001 - what was to be read is in the log, and a scan will find it
                log.warning("events not read for sockets", error=maillog.reason_of(error))
                await trio.sleep(RETRY_SECONDS)
                self.scan()  # which asks for every secret again as well

    async def _read(self) -> None:
        while self._stale:
            account_id = self._stale.pop()
            start = await self._reads.start(account_id)
            for room in self._rooms.of(account_id):
                self._take_secret(room, start)
        while self._heard:
            wanted = list(self._heard)[:READ_BATCH]
            for key in wanted:
                del self._heard[key]
            await self._give(wanted)
        if self._scan_wanted:
            self._scan_wanted = False
            await self._scan()

    async def _give(self, wanted: Sequence[tuple[str, str]]) -> None:
        agents = {room.agent_email for account_id, _ in wanted for room in self._rooms.of(account_id)}
        if not agents:
            return
        for event in await self._reads.by_ids(wanted, sorted(agents)):
            if (room := self._rooms.get(event.agent_email)) is not None and room.account_id == event.account_id:
                self._spread(room, event)

    async def _scan(self) -> None:
        """Find events of the last while that a socket was not given. Joined sockets only: the others drain."""
        sinces = self._rooms.sinces(self._scanned_at, TRAIL)
        if not sinces:
            self._scanned_at = None
            return
        scanned_at = (await self._reads.start(sinces[0][0])).at
        recent = await self._reads.recent_ids(sinces, SCAN_PAGE)
        unknown = [(r.account_id, r.event_id) for r in recent if self._rooms.lack(r, TRAIL)]
        for first in range(0, len(unknown), READ_BATCH):
            await self._give(unknown[first : first + READ_BATCH])
        self._scanned_at = scanned_at
        if len(recent) == SCAN_PAGE:  # a long gap: the rest is found from here on
            self._scanned_at = recent[-1].created_at + TRAIL
            self._scan_wanted = True
            self._news.set()
