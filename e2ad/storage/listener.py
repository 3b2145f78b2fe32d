"""LISTEN on a connection of its own, for as long as the process lives.

A notification is a hint and no more: while the connection is down, notifications are gone for
good. So after each (re)connection, once LISTEN stands, every subscriber's `on_gap` is called and
it scans the tables for what it may have missed; and it polls slowly besides.
"""

from collections.abc import Callable

import psycopg
import structlog
import trio
from attrs import define, field
from psycopg import sql

from e2ad.core.errors import Unavailable
from e2ad.storage.connection import Limits, TrioConnection

__all__ = ["Listener"]

log = structlog.get_logger("e2ad.storage")

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 10.0


@define(eq=False)
class Listener:
    """Calls subscribers when another process, or this one, says NOTIFY.

    Args:
        dsn: the database; not through a pooler in transaction mode, which cannot LISTEN.
        limits: deadlines of the connection.
        probe_seconds: after so long without a notification the connection is tried with a statement,
            which finds a peer that vanished without a word.
        probe_deadline_seconds: how long the answer to that may take.

    Attributes:
        connected: whether notifications arrive now.
    """

    dsn: str
    limits: Limits = field(factory=Limits)
    probe_seconds: float = 30.0
    probe_deadline_seconds: float = 5.0
    connected: bool = field(default=False, init=False)
    _callbacks: dict[str, list[Callable[[str], None]]] = field(factory=dict, init=False)
    _gap_callbacks: list[Callable[[], None]] = field(factory=list, init=False)
    _running: bool = field(default=False, init=False)

    def subscribe(self, channel: str, callback: Callable[[str], None]) -> None:
        """Have `callback` called with the payload of each notification on `channel`.

        It is called on the listener's task and must not block: it sets an event or puts into a bounded
        channel with `send_nowait`. What it raises is logged and harms no other subscriber.

        Raises:
            RuntimeError: the listener runs already and does not listen on this channel.
        """
        if self._running and channel not in self._callbacks:
            raise RuntimeError(f"subscribe to {channel!r} before the listener runs")
        self._callbacks.setdefault(channel, []).append(callback)

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever notifications may have been missed: at the start and after each
        reconnection. The rules of `subscribe` hold."""
        self._gap_callbacks.append(callback)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled. Ready once LISTEN stands for the first time.

        A database that is away does not end this: it is tried again after 0.1, 0.2, 0.4 … 10 seconds. Only a
        database that cannot be reached at the start does, since that is a wrong configuration.

        Raises:
            core.errors.Unavailable: the first connection failed.

        Cancellation: the connection is closed.
        """
        self._running = True
        try:
            connection = await self._connect()
        except psycopg.OperationalError as error:
            self._running = False
            raise Unavailable from error
        try:
            task_status.started()
            while True:
                try:
                    await self._listen(connection)
                except psycopg.Error as error:
                    log.warning("the notification connection is lost", error=str(error).strip())
                self.connected = False
                connection.shut()
                connection = await self._reconnect()
        finally:
            self.connected = self._running = False
            connection.shut()

    async def _reconnect(self) -> TrioConnection:
        wait_seconds = FIRST_WAIT_SECONDS
        while True:
            await trio.sleep(wait_seconds)
            try:
                return await self._connect()
            except psycopg.Error as error:  # a standby, for one, refuses LISTEN with an error of its own kind
                wait_seconds = min(LONGEST_WAIT_SECONDS, wait_seconds * 2)
                log.warning("no notification connection", error=str(error).strip(), next_attempt_seconds=wait_seconds)

    async def _connect(self) -> TrioConnection:
        """A connection that listens on every channel, with the gap reported."""
        connection = await TrioConnection.open(self.dsn, limits=self.limits, prepare_threshold=None)
        standing = False
        try:
            with trio.fail_after(self.probe_deadline_seconds):
                for channel in self._callbacks:
                    await connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
            standing = True
        except trio.TooSlowError as error:
            raise psycopg.OperationalError("LISTEN was not answered in time") from error
        finally:
            if not standing:
                connection.shut()
        self.connected = True
        for callback in self._gap_callbacks:
            self._call(callback)
        return connection

    async def _listen(self, connection: TrioConnection) -> None:
        while True:
            with trio.move_on_after(self.probe_seconds):
                for notification in await connection.next_notifies():
                    for callback in self._callbacks.get(notification.channel, ()):
                        self._call(callback, notification.payload)
                continue
            try:
                with trio.fail_after(self.probe_deadline_seconds):
                    await connection.execute("select 1")
            except trio.TooSlowError as error:
                raise psycopg.OperationalError("the database does not answer") from error

    def _call(self, callback: Callable[..., None], *args: str) -> None:
        try:
            callback(*args)
        except Exception:
            log.exception("a subscriber to notifications failed")
