"""The way out: mail to an upstream relay, over a few connections that are kept while there is work.

Sources: RFC 5321 (client side), 1870 SIZE, 2034 and 3463 enhanced status codes, 2920 PIPELINING,
3030 CHUNKING, 3207 STARTTLS, 4954 AUTH, 6152 8BITMIME, 6531 SMTPUTF8. Results are per recipient and
are values; an exception is a surprise or a cancellation, and means that nothing was handed over.
"""

import math
import ssl
from collections.abc import Mapping

import trio

from e2ad.core.address import Mailbox
from e2ad.smtp.client_connection import Connect, Connection, Stale
from e2ad.smtp.client_mail import Accepted, Deferred, Outcome, Outgoing, Phase, Refused, Trouble, Unknown
from e2ad.smtp.client_replies import RelayReply
from e2ad.smtp.client_settings import RelaySettings

__all__ = [
    "Accepted",
    "Deferred",
    "Outcome",
    "Outgoing",
    "Phase",
    "Refused",
    "Relay",
    "RelayReply",
    "RelaySettings",
    "Unknown",
]


class Relay:
    """The upstream relay as one thing to hand mail to. Any number of tasks may use it.

    Connections are kept for the next mail only while `run` runs, which closes them when they are not
    needed; without it each mail has a connection of its own.

    Args:
        settings: where the relay is and how long to wait.
        connect: opens TCP; tests give their own.
    """

    def __init__(self, settings: RelaySettings, connect: Connect = trio.open_tcp_stream) -> None:
        self._settings = settings
        self._connect = connect
        self._context: ssl.SSLContext | None = None
        self._loader = trio.CapacityLimiter(1)
        self._slots = trio.Semaphore(settings.max_connections, max_value=settings.max_connections)
        # The newest is at the end and is taken first, so that the others can grow old and go.
        self._idle: list[Connection] = []
        self._wake = trio.Event()
        self._is_running = False
        self._is_closed = False

    async def submit(self, outgoing: Outgoing) -> Mapping[Mailbox, Outcome]:
        """Hand one mail to the relay; waits for a connection to be free, for as long as the caller does.

        Only a kept connection that broke before it answered anything is replaced by a fresh one,
        once, for then nothing was sent but commands of the envelope. All other trouble is told.

        Returns:
            An outcome for each recipient. `Accepted`, `Deferred` and `Refused` are certain; `Unknown`
            is returned only when the whole content was sent and no answer came.

        Raises:
            trio.ClosedResourceError: after `aclose`.
            Exception: what `outgoing.before_content` raises; nothing was sent then.

        Cancellation:
            If this raises `trio.Cancelled`, the mail was not handed over: the end of its content was
            not sent, and the connection is closed. Once it was sent, a cancellation leaves
            `cancelled_seconds` for the relay's answer, and then this **returns**, with `Unknown` if
            none came. A caller that was cancelled records what is returned under a bounded shield.
        """
        if self._is_closed:
            raise trio.ClosedResourceError
        await self._slots.acquire()
        try:
            return await self._submit(outgoing)
        finally:
            self._slots.release()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the connections that wait for work: say QUIT on those that waited `idle_seconds`.

        Returns once `aclose` was called.

        Cancellation:
            Those that wait are closed at once; a mail on its way keeps its own.
        """
        self._is_running = True
        try:
            async with trio.open_nursery() as goodbyes:
                task_status.started()
                while not self._is_closed:
                    self._wake = trio.Event()
                    oldest = self._idle[0].idle_since if self._idle else math.inf
                    with trio.move_on_at(oldest + self._settings.idle_seconds):
                        await self._wake.wait()
                    for connection in self._take_expired():
                        goodbyes.start_soon(connection.quit)
        finally:
            self._is_running = False
            self._close_idle()

    async def aclose(self) -> None:
        """Take no more mail, and say QUIT on the connections that wait. Mails on their way are finished.

        Cancellation:
            The connections are closed at once.
        """
        self._is_closed = True
        self._is_running = False
        self._wake.set()
        leaving, self._idle = self._idle, []
        try:
            async with trio.open_nursery() as goodbyes:
                for connection in leaving:
                    goodbyes.start_soon(connection.quit)
        finally:
            for connection in leaving:
                connection.close()

    @property
    def idle_connections(self) -> int:
        """How many connections wait for work."""
        return len(self._idle)

    async def _submit(self, mail: Outgoing) -> Mapping[Mailbox, Outcome]:
        connection = self._take_idle()
        if connection is not None:
            try:
                return await self._carry(connection, mail)
            except Stale:
                # Those that waited longer are no better.
                self._close_idle()
        try:
            connection = await self._open()
        except Trouble as trouble:
            # Also a permanent refusal at this point is about us: the mail waits until somebody repairs that.
            outcome = Deferred(trouble.reply, trouble.phase, trouble.why)
            return dict.fromkeys(mail.forward_paths, outcome)
        return await self._carry(connection, mail)

    async def _carry(self, connection: Connection, mail: Outgoing) -> Mapping[Mailbox, Outcome]:
        kept = False
        try:
            outcomes = await connection.carry(mail)
            kept = self._keep(connection)
            return outcomes
        finally:
            if not kept:
                connection.close()

    async def _open(self) -> Connection:
        if self._context is None and self._settings.tls != "none":
            try:
                self._context = await trio.to_thread.run_sync(self._load, limiter=self._loader, abandon_on_cancel=True)
            except (OSError, ssl.SSLError) as error:
                raise Trouble(Phase.CONNECT, f"the authorities to trust cannot be loaded: {error}") from error
        return await Connection.open(self._settings, self._connect, self._context)

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._settings.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.can_be_used:
                return connection
            connection.close()
        return None

    def _keep(self, connection: Connection) -> bool:
        if not (self._is_running and connection.is_healthy):
            return False
        connection.idle_since = trio.current_time()
        self._idle.append(connection)
        if len(self._idle) == 1:
            self._wake.set()  # `run` waits for nothing in particular so far
        return True

    def _take_expired(self) -> list[Connection]:
        long_ago = trio.current_time() - self._settings.idle_seconds
        expired = [connection for connection in self._idle if connection.idle_since <= long_ago]
        self._idle = self._idle[len(expired) :]
        return expired

    def _close_idle(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()
