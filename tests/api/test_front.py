"""The door: keep-alive, sockets, slow and rude clients, and every way to close."""

import importlib.metadata
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, field
from trio_websocket import ConnectionClosed, WebSocketRequest, open_websocket_url, wrap_client_stream

from e2ad.api.front import Settings, serve
from e2ad.api.peek import MAX_HEAD_BYTES, head_end, read_upgrade
from e2ad.config.sections import Http as HttpSection
from e2ad.listeners import open_listeners

HELLO = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
HANDSHAKE = (
    b"GET /v1/agents/a%40b.test/ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@define
class World:
    """What the applications behind the door saw."""

    port: int = 0
    paths: list[str] = field(factory=list)
    release: trio.Event = field(factory=trio.Event)
    entered: trio.Event = field(factory=trio.Event)
    ended: list[str] = field(factory=list)
    behave: Callable[[Any], Awaitable[None]] | None = None
    closing: trio.Event = field(factory=trio.Event)
    done: trio.Event = field(factory=trio.Event)
    clients: list[trio.SocketStream] = field(factory=list)
    seen: list[tuple[str, Mapping[str, str]]] = field(factory=list)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        if scope["path"] == "/slow":
            self.entered.set()
            try:
                await self.release.wait()
            except trio.Cancelled:
                self.ended.append("cancelled")
                raise
        if scope["path"] == "/crash":
            raise RuntimeError("an accident")
        body = b"x" * 50_000_000 if scope["path"] == "/flood" else b"hi"
        if scope["path"] == "/echo":
            body = b""
            while True:
                event = await receive()
                body += event.get("body", b"")
                if event["type"] == "http.disconnect":
                    self.ended.append("disconnect")
                    self.entered.set()
                    return
                if not event.get("more_body"):
                    break
        status = 413 if scope["path"] == "/refuse" else 200
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self.ended.append("sent")

    async def handle(
        self, request: WebSocketRequest, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> None:
        self.seen.append((path, headers))
        if "nobody" in path:
            await request.reject(401, body=b"no")
            return
        connection = await request.accept()
        self.entered.set()
        try:
            if "flood" in path:
                while True:
                    await connection.send_message("x" * 60_000)
            while True:
                await connection.send_message("echo " + str(await connection.get_message()))
        except ConnectionClosed:
            self.ended.append("closed")

    async def connect(self) -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        self.clients.append(stream)
        return stream


async def until(stream: trio.SocketStream, mark: bytes) -> bytes:
    got = b""
    with trio.fail_after(5):
        while mark not in got:
            data = await stream.receive_some(65536)
            if not data:
                raise AssertionError(f"closed after {got!r}")
            got += data
    return got


async def rest(stream: trio.SocketStream) -> bytes:
    """All until the end of the connection; a reset is an end too."""
    got = b""
    with trio.fail_after(8):
        try:
            while data := await stream.receive_some(65536):
                got += data
        except trio.BrokenResourceError:
            got += b"<reset>"
    return got


@asynccontextmanager
async def door(grace: float = 30.0, **settings: Any) -> AsyncIterator[World]:
    """A door with both applications; closed at the end, and checked to close within its grace."""
    world = World()
    listeners = await open_listeners("127.0.0.1", 0)
    world.port = listeners[0].socket.getsockname()[1]

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def limit() -> None:
                    await world.closing.wait()
                    scope.deadline = trio.current_time() + grace

                nursery.start_soon(limit)
                await serve(world.app, world, listeners, Settings(**settings), world.closing, task_status=task_status)
        world.done.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(run)
        yield world
        world.closing.set()
        world.release.set()
        with trio.fail_after(5):
            await world.done.wait()
        for client in world.clients:
            await client.aclose()


async def test_requests_follow_each_other_on_a_connection() -> None:
    async with door() as world:
        stream = await world.connect()
        for _ in range(3):
            await stream.send_all(HELLO)
            assert (await until(stream, b"hi")).startswith(b"HTTP/1.1 200")
        await stream.aclose()
        assert world.paths == ["/hello"] * 3


@pytest.mark.parametrize("size", [1, 7, 4096])
async def test_a_head_may_come_in_pieces(size: int) -> None:
    async with door() as world:
        stream = await world.connect()
        for at in range(0, len(HELLO), size):
            await stream.send_all(HELLO[at : at + size])
            await trio.sleep(0)
        assert b"200" in await until(stream, b"hi")


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with door() as world:
        stream = await world.connect()
        await stream.send_all(HELLO * 2 + b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await rest(stream)).count(b"HTTP/1.1 200") == 3
        assert world.paths == ["/hello", "/hello", "/last"]


async def test_expect_100_continue_is_answered() -> None:
    async with door() as world:
        stream = await world.connect()
        await stream.send_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert (await until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        await stream.send_all(b"abc")
        assert (await until(stream, b"abc")).startswith(b"HTTP/1.1 200")


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_noticed() -> None:
    async with door() as world:
        stream = await world.connect()
        await stream.send_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\nabc")
        await trio.testing.wait_all_tasks_blocked(0.05)
        await stream.aclose()
        with trio.fail_after(3):
            await world.entered.wait()
        assert world.ended == ["disconnect"]


async def test_an_answer_before_the_end_of_the_body_can_be_read() -> None:
    async with door() as world:
        stream = await world.connect()
        body = b"y" * 3_000_000
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                head = f"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                await stream.send_all(head + body)

            nursery.start_soon(send)
            got = await until(stream, b"hi")
        assert got.startswith(b"HTTP/1.1 413")
        assert b"<reset>" not in await rest(stream)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (MAX_HEAD_BYTES + 10), b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (MAX_HEAD_BYTES + 10) + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
    ],
)
async def test_what_is_not_http_ends_with_a_status_and_a_close(sent: bytes, status: bytes) -> None:
    async with door() as world:
        stream = await world.connect()
        await stream.send_all(sent)
        await stream.send_eof()
        got = await rest(stream)
        assert status in got[:20]


async def test_a_target_in_raw_bytes_is_refused_with_an_envelope() -> None:
    async with door() as world:
        stream = await world.connect()
        await stream.send_all("GET /v1/agents/\u00e9 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        got = await rest(stream)
        assert b"x-content-type-options: nosniff" in got
        assert b'"code":"invalid_request"' in got


async def test_h2c_is_ignored() -> None:
    async with door() as world:
        stream = await world.connect()
        await stream.send_all(
            b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
        )
        assert (await until(stream, b"hi")).startswith(b"HTTP/1.1 200")


async def test_a_head_that_does_not_end_is_timed_out() -> None:
    async with door(header_seconds=0.3) as world:
        stream = await world.connect()
        await stream.send_all(b"GET / HTTP/1.1\r\n")

        async def drip() -> None:
            with trio.move_on_after(3):
                try:
                    while True:
                        await trio.sleep(0.05)
                        await stream.send_all(b"X-A: b\r\n")
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass

        started = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip)
            got = await rest(stream)
            nursery.cancel_scope.cancel()
        assert got.startswith(b"HTTP/1.1 408")
        assert trio.current_time() - started < 2
        assert world.paths == []


async def test_a_connection_without_a_request_is_closed_silently() -> None:
    async with door(header_seconds=0.2) as world:
        assert await rest(await world.connect()) == b""


async def test_an_idle_connection_lives_as_long_as_keep_alive() -> None:
    async with door(keep_alive_seconds=0.3) as world:
        stream = await world.connect()
        await stream.send_all(HELLO)
        await until(stream, b"hi")
        started = trio.current_time()
        assert await rest(stream) == b""
        assert 0.2 < trio.current_time() - started < 2


async def test_too_many_connections_are_told_so() -> None:
    async with door(max_connections=1) as world:
        first = await world.connect()
        await first.send_all(HELLO)
        await until(first, b"hi")
        assert (await rest(await world.connect())).startswith(b"HTTP/1.1 503")
        await first.aclose()
        await trio.testing.wait_all_tasks_blocked(0.05)
        again = await world.connect()
        await again.send_all(HELLO)
        assert (await until(again, b"hi")).startswith(b"HTTP/1.1 200")


async def test_an_accident_in_the_application_ends_one_request() -> None:
    async with door() as world:
        stream = await world.connect()
        await stream.send_all(b"GET /crash HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 500")
        other = await world.connect()
        await other.send_all(HELLO)
        await until(other, b"hi")


async def test_a_socket_shares_the_port() -> None:
    async with door() as world:
        url = f"ws://127.0.0.1:{world.port}/v1/agents/a%40b.test/ws?x=1"
        async with open_websocket_url(url, extra_headers=[("Authorization", "Bearer k")]) as client:
            await client.send_message("one")
            assert await client.get_message() == "echo one"
        path, headers = world.seen[0]
        assert path == "/v1/agents/a%40b.test/ws"
        assert headers["authorization"] == "Bearer k"


async def test_a_socket_may_follow_a_request_on_the_same_connection() -> None:
    """A proxy's connection pool does that."""
    async with door() as world:
        stream = await world.connect()
        await stream.send_all(HELLO)
        await until(stream, b"hi")
        await stream.send_all(HANDSHAKE)
        assert (await until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 101")


async def test_a_handshake_can_be_rejected() -> None:
    async with door() as world:
        stream = await world.connect()
        await stream.send_all(HANDSHAKE.replace(b"a%40b.test", b"nobody"))
        got = await rest(stream)
        assert got.startswith(b"HTTP/1.1 401")
        assert got.endswith(b"no")


async def test_a_handshake_elsewhere_is_an_ordinary_request() -> None:
    async with door() as world:
        stream = await world.connect()
        await stream.send_all(HANDSHAKE.replace(b"/v1/agents/a%40b.test/ws", b"/hello"))
        assert (await until(stream, b"hi")).startswith(b"HTTP/1.1 200")


async def test_closing_ends_idle_connections_at_once() -> None:
    async with door() as world:
        used, fresh, partial = [await world.connect() for _ in range(3)]
        await used.send_all(HELLO)
        await until(used, b"hi")
        await partial.send_all(b"GET / HT")
        await trio.testing.wait_all_tasks_blocked(0.05)
        started = trio.current_time()
        world.closing.set()
        for stream in (used, fresh, partial):
            assert await rest(stream) == b""
        with trio.fail_after(1):
            await world.done.wait()
        assert trio.current_time() - started < 1
        with pytest.raises(OSError):
            await world.connect()


async def test_closing_lets_a_request_in_flight_finish() -> None:
    async with door() as world:
        stream = await world.connect()
        await stream.send_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await world.entered.wait()
        world.closing.set()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert not world.done.is_set()
        world.release.set()
        assert (await rest(stream)).endswith(b"hi")
        with trio.fail_after(1):
            await world.done.wait()


async def test_a_request_that_outlives_the_grace_is_cancelled() -> None:
    async with door(grace=0.3) as world:
        stream = await world.connect()
        await stream.send_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await world.entered.wait()
        world.closing.set()
        with trio.fail_after(2):
            await world.done.wait()
        assert world.ended == ["cancelled"]
        assert b"hi" not in await rest(stream)


async def test_closing_says_goodbye_to_sockets() -> None:
    async with door() as world:
        async with trio.open_nursery() as nursery:
            stream = await world.connect()
            client = await wrap_client_stream(nursery, stream, "x", "/api/v1/agents/a@b.test/ws")
            await world.entered.wait()
            world.closing.set()
            with pytest.raises(ConnectionClosed) as raised:
                await client.get_message()
        assert (raised.value.reason.code, raised.value.reason.reason) == (1001, "shutting_down")
        with trio.fail_after(1):
            await world.done.wait()


def deaf(port: int, sent: bytes) -> socket.socket:
    """A client that sends and never reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(sent)
    return client


async def test_a_deaf_socket_cannot_hold_shutdown() -> None:
    async with door(grace=1.0) as world:
        client = deaf(world.port, HANDSHAKE.replace(b"a%40b.test", b"flood"))
        await world.entered.wait()
        await trio.sleep(0.2)
        started = trio.current_time()
        world.closing.set()
        with trio.fail_after(3):
            await world.done.wait()
        assert trio.current_time() - started < 2
        client.close()


async def test_a_deaf_reader_cannot_hold_shutdown() -> None:
    async with door(grace=0.5) as world:
        client = deaf(world.port, b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        await trio.sleep(0.3)
        world.closing.set()
        with trio.fail_after(2):
            await world.done.wait()
        client.close()


async def test_a_deaf_reader_is_cut_off_after_its_time() -> None:
    async with door(send_seconds=0.3) as world:
        client = deaf(world.port, b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        with trio.fail_after(4):
            while not world.ended:
                await trio.sleep(0.02)
        client.close()


async def test_two_listeners_share_a_port_only_when_asked() -> None:
    first = await open_listeners("127.0.0.1", 0, reuse_port=True)
    port = first[0].socket.getsockname()[1]
    second = await open_listeners("127.0.0.1", port, reuse_port=True)
    with pytest.raises(OSError):
        await open_listeners("127.0.0.1", port)
    for listener in first + second:
        await listener.aclose()


@pytest.mark.parametrize(
    ("data", "end"), [(b"", -1), (b"GET / HTTP/1.1\r\n", -1), (b"A\r\n\r\nB", 5), (b"A\n\nB", 3), (b"\n\r\nB", 3)]
)
def test_where_a_head_ends(data: bytes, end: int) -> None:
    assert head_end(data) == end
    assert all(head_end(data, searched) == end for searched in range(3))


@pytest.mark.parametrize(
    "change",
    [
        (b"GET", b"POST"),
        (b"WebSocket", b"h2c"),
        (b"keep-alive, Upgrade", b"keep-alive"),
        (b" HTTP/1.1", b""),
    ],
)
def test_what_is_not_a_handshake(change: tuple[bytes, bytes]) -> None:
    assert read_upgrade(HANDSHAKE) is not None
    assert read_upgrade(HANDSHAKE.replace(*change, 1)) is None


def test_hypercorn_is_the_one_that_was_read() -> None:
    """`front` builds on names inside Hypercorn and trio-websocket: a new version is read before it is taken."""
    assert importlib.metadata.version("hypercorn") == "0.18.0"
    assert importlib.metadata.version("trio-websocket").startswith("0.12.")


def test_every_setting_comes_from_the_configuration() -> None:
    section = HttpSection(
        max_connections=1, header_seconds=2, keep_alive_seconds=3, send_seconds=4, max_head_bytes=5000
    )
    assert Settings.of(section) == Settings(1, 2, 3, 4, 5000)
    assert Settings.of(HttpSection()) == Settings()
