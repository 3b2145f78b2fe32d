"""The door for HTTP and WebSocket: our own accept loop in front of Hypercorn's protocol.

Hypercorn's own server sends inside an unbounded shield, so that one client that does not read
keeps the process alive for ever; it waits out its grace for idle keep-alives; and it closes
sockets with 1006. Here the loop, the deadlines and the closing are ours, and Hypercorn is the
HTTP/1.1 protocol between them:

- Before each request the head is read by us, bounded in bytes and seconds. A WebSocket handshake
  for an inbox goes to trio-websocket, everything else to Hypercorn.
- Every write has a deadline; one that is not met, or is cancelled halfway, ends the connection.
- On `closing`: no more accepts, idle connections are closed at once, sockets get 1001, requests
  in flight go on until the caller's scope ends them.

HTTP/2 is for the proxy before us: its upgrades are ignored, as RFC 9110 section 7.8 allows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import structlog
import trio
from attrs import define, field, frozen
from hypercorn.config import Config as HypercornConfig
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from trio_websocket import WebSocketRequest

from e2ad.api.peek import MAX_HEAD_BYTES, RECEIVE_BYTES, ReplayStream, UpgradeRequest, head_end, read_upgrade
from e2ad.api.protocol import Http
from e2ad.api.sockets import Socket, handshake
from e2ad.config.sections import Http as HttpSection

__all__ = ["Settings", "StreamHandler", "serve"]

log = structlog.get_logger("e2ad.api")

SLICE_BYTES: Final = 262_144
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 8_388_608
REFUSE_SECONDS: Final = 1.0
ACCEPT_PAUSE_SECONDS: Final = 0.1
MAX_REQUESTS: Final = 10_000

_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TIMEOUT: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class StreamHandler(Protocol):
    """Whoever serves the sockets of inboxes (`api.stream`)."""

    async def handle(
        self, request: WebSocketRequest, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> None:
        """Accept or reject the handshake and serve the socket until it ends.

        Args:
            path: as it came, percent-encoded; `peek.UpgradeRequest.stream_path` reads it.
            headers: lower-case names.
        """
        ...


@frozen
class Settings:
    """How long and how many; the caller fills it from `config.http`.

    Attributes:
        header_seconds: from the first byte of a request to the end of its head.
        keep_alive_seconds: between two requests of a connection.
        send_seconds: for each 256 KiB written to a client.
        max_head_bytes: of request line and headers together; more is answered 431.
    """

    max_connections: int = 4000
    header_seconds: float = 10.0
    keep_alive_seconds: float = 120.0
    send_seconds: float = 30.0
    max_head_bytes: int = MAX_HEAD_BYTES

    @classmethod
    def of(cls, http: HttpSection) -> "Settings":
        """From the configuration's section."""
        return cls(
            max_connections=http.max_connections,
            header_seconds=http.header_seconds,
            keep_alive_seconds=http.keep_alive_seconds,
            send_seconds=http.send_seconds,
            max_head_bytes=http.max_head_bytes,
        )


async def serve(
    app: Any,
    stream_handler: StreamHandler,
    listeners: Sequence[trio.SocketListener],
    settings: Settings,
    closing: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve HTTP and WebSocket on `listeners` until `closing`; they are closed at the end.

    Returns when the last request in flight is answered. How long that may take is the caller's to
    say, with a deadline on the scope around: nothing in here outlives its cancellation by more
    than a turn of the loop.

    Args:
        app: an ASGI application; its lifespan is not run.
    """
    front = _Front(app, stream_handler, settings)
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            for listener in listeners:
                accepting.start_soon(front.accept, listener, connections)
            task_status.started()
            await closing.wait()
            accepting.cancel_scope.cancel()
        await front.close(connections)


@define(eq=False)
class _Front:
    """What all connections share."""

    app: Any
    stream_handler: StreamHandler
    settings: Settings
    context: WorkerContext = field(factory=lambda: WorkerContext(None))
    hypercorn: HypercornConfig = field(factory=HypercornConfig)
    idle: set[trio.CancelScope] = field(factory=set)
    """Scopes of reads that no request waits for."""
    sockets: set[Socket] = field(factory=set)
    open: int = 0
    closing: bool = False

    def __attrs_post_init__(self) -> None:
        self.hypercorn.include_server_header = False
        self.hypercorn.errorlog = None
        self.hypercorn.accesslog = None
        self.hypercorn.h11_max_incomplete_size = self.settings.max_head_bytes
        self.hypercorn.keep_alive_max_requests = MAX_REQUESTS

    async def accept(self, listener: trio.SocketListener, connections: trio.Nursery) -> None:
        """Accept until cancelled, then close the listener."""
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    # Out of descriptors, most likely: those that close in the meantime help.
                    log.warning("accept failed", error=str(error))
                    await trio.sleep(ACCEPT_PAUSE_SECONDS)
                    continue
                connections.start_soon(self.serve_connection, stream)

    async def serve_connection(self, stream: trio.SocketStream) -> None:
        """Serve one connection to its end. Its crash ends it alone."""
        self.open += 1
        try:
            if self.open > self.settings.max_connections:
                with trio.move_on_after(REFUSE_SECONDS):
                    await stream.send_all(_BUSY)
                return
            await _Connection(self, stream).run()
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            pass
        except Exception as error:  # one peer's crash is not the server's
            log.error("connection failed", exc_info=error)
        finally:
            self.open -= 1
            await trio.aclose_forcefully(stream)

    async def close(self, connections: trio.Nursery) -> None:
        """Close what is idle, say goodbye to sockets, let requests finish."""
        self.closing = True
        await self.context.terminated.set()
        for scope in list(self.idle):
            scope.cancel()
        for one in list(self.sockets):
            connections.start_soon(one.say_goodbye)


@define(eq=False)
class _Connection:
    """One accepted connection: requests one after another, perhaps a socket in the end."""

    front: _Front
    stream: trio.SocketStream
    _buffer: bytearray = field(factory=bytearray)
    _protocol: Http | None = None
    _waiting: bool = True
    """No request is in progress, so the next bytes are a head."""
    _reading: trio.CancelScope = field(factory=trio.CancelScope)
    _busy: trio.CancelScope = field(factory=trio.CancelScope)
    """Of the read during a request."""
    _ended: bool = False
    _torn: bool = False
    _lock: trio.Lock = field(factory=trio.Lock)

    async def run(self) -> None:
        """Serve until either side has enough."""
        front, upgrade = self.front, None
        async with TaskGroup() as group:
            self._protocol = Http(front.app, front.hypercorn, front.context, group, self.stream, self.handle)
            with self._reading:
                upgrade = await self._read(self._protocol)
            if upgrade is None:
                await self._protocol.handle(Closed())
        unread, self._protocol = self._protocol.unread, None
        if upgrade is not None:
            await self._serve_socket(upgrade)
        elif not self._torn and unread:
            await self._linger()

    async def _read(self, protocol: Http) -> UpgradeRequest | None:
        """Feed Hypercorn until the connection ends or becomes a socket."""
        first = True
        while True:
            if self._waiting:
                end = await self._next_head(self.front.settings.header_seconds if first else None)
                if end is None:
                    return None
                first = False
                upgrade = read_upgrade(bytes(self._buffer[:end])) if end > 0 else None
                if upgrade is not None and upgrade.stream_path() is not None:
                    return upgrade
                data = bytes(self._buffer)
                self._buffer.clear()
            else:
                # The client's body, or its leaving. When the request is over first, the next bytes are a head.
                with trio.CancelScope() as self._busy:
                    data = await self._receive()
                if self._busy.cancelled_caught:
                    continue
                if data and (self._waiting or protocol.complete):
                    # The client is ahead of us: kept for the time when we look at heads again.
                    self._buffer += data
                    with trio.CancelScope() as self._busy:
                        if not self._waiting:
                            await trio.sleep_forever()
                    continue
            await protocol.handle(RawData(data))
            if not data:
                return None

    async def _next_head(self, first_seconds: float | None) -> int | None:
        """Gather the next head in the buffer.

        Args:
            first_seconds: how long the first byte may take; None between requests.

        Returns:
            Where it ends; 0 when Hypercorn shall say what is wrong with it; None when the connection is over.
        """
        settings = self.front.settings
        with trio.CancelScope() as scope:
            self.front.idle.add(scope)
            try:
                # A connection that was accepted in the very moment of closing has nobody to wake it later.
                if self.front.closing:
                    return None
                scope.deadline = trio.current_time() + (first_seconds or settings.keep_alive_seconds)
                if not self._buffer:
                    self._buffer += await self._receive()
                    if not self._buffer:
                        return None
                scope.deadline = trio.current_time() + settings.header_seconds
                end = await self._rest_of_head()
                if end is None or end <= settings.max_head_bytes:
                    return end
            finally:
                self.front.idle.discard(scope)
        if self._buffer and not self.front.closing:
            await self.send(_TIMEOUT if scope.cancelled_caught else _TOO_LARGE)
            await self._linger()
        return None

    async def _rest_of_head(self) -> int | None:
        searched = 0
        while True:
            end = head_end(self._buffer, searched)
            if end >= 0:
                return end
            # Not HTTP at all, or too much of it: h11 has the right words for both.
            if len(self._buffer) > self.front.settings.max_head_bytes or (
                self._buffer[0] < 0x20 and self._buffer[0] not in b"\r\n"
            ):
                return 0
            searched = len(self._buffer)
            data = await self._receive()
            if not data:
                return None
            self._buffer += data

    async def _receive(self) -> bytes:
        try:
            return bytes(await self.stream.receive_some(RECEIVE_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    async def handle(self, event: Event) -> None:
        """What Hypercorn has to say to the socket."""
        match event:
            case RawData():
                await self.send(event.data)
            case Updated():
                self._waiting = event.idle
                if event.idle:
                    self._busy.cancel()
            case Closed():
                self._end()
            case _:
                pass

    async def send(self, data: bytes) -> None:
        """Write, each slice under a deadline. A write that does not complete ends the connection."""
        async with self._lock:
            if self._ended:
                return
            view = memoryview(data)
            done = False
            try:
                with trio.move_on_after(self.front.settings.send_seconds) as scope:
                    for at in range(0, len(view), SLICE_BYTES):
                        scope.deadline = trio.current_time() + self.front.settings.send_seconds
                        await self.stream.send_all(view[at : at + SLICE_BYTES])
                    done = True
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            finally:
                if not done:
                    # Half an answer is on the wire: whatever came next would be read as its rest.
                    self._torn = True
                    self._end()

    def _end(self) -> None:
        self._ended = True
        self._reading.cancel()

    async def _linger(self) -> None:
        """Take what the client still sends, so that it can read our answer.

        Closing with unread bytes resets the connection, and the reset overtakes the answer that
        says why (RFC 9112 section 9.6).
        """
        taken = 0
        with trio.move_on_after(LINGER_SECONDS):
            await self.stream.send_eof()
            while taken < LINGER_BYTES and not self.front.closing:
                data = await self._receive()
                if not data:
                    return
                taken += len(data)

    async def _serve_socket(self, upgrade: UpgradeRequest) -> None:
        replay = ReplayStream(self.stream, bytes(self._buffer))
        one = Socket()
        self.front.sockets.add(one)
        try:
            with one.scope:
                async with trio.open_nursery() as nursery:
                    with trio.move_on_after(self.front.settings.header_seconds):
                        one.request = await handshake(nursery, replay, one)
                    if one.request is not None:
                        query, headers = upgrade.query(), upgrade.headers
                        await self.front.stream_handler.handle(one.request, upgrade.path, query, headers)
                    # The reader must live until the client has answered our close frame.
                    if one.leaving is not None:
                        await one.leaving.wait()
                    nursery.cancel_scope.cancel()
        finally:
            self.front.sockets.discard(one)
