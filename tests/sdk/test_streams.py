"""Listeners through every face, against peers of every temper, over real sockets."""

import asyncio
import gc
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest
import trio
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection

from e2ad.sdk import (
    E2AAuthError,
    E2AConnectionError,
    E2AConnectionReplacedError,
    E2AError,
    E2ANotFoundError,
    E2APermissionError,
    E2AServerError,
    WSEvent,
    sockets,
    streams,
)
from e2ad.sdk.listening import Listening
from e2ad.sdk.sockets import Address
from e2ad.sdk.streams import SyncStream, WSStream
from tests.delivery.endpoint import CertificateAuthority
from tests.sdk.far_sides import FACES, Face, address, frame, peer, quick, raw_peer, under_asyncio


@pytest.fixture(params=FACES.values(), ids=FACES)
def face(request: pytest.FixtureRequest) -> Face:
    return request.param  # type: ignore[no-any-return]  # one of ours


def until_closed(connection: ServerConnection) -> None:
    with pytest.raises(ConnectionClosed):
        connection.recv(timeout=20)


def test_events_come_once_over_reconnections(face: Face) -> None:
    asked: list[Request] = []
    states: list[str] = []

    def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        asked.append(connection.request)
        for number in range(len(asked) + 1):
            connection.send(frame(number))
        connection.close(1001, "shutting_down")

    with peer(handler) as url:
        assert face(url, quick(on_state=states.append), 4) == ["evt_0", "evt_1", "evt_2", "evt_3"]
    assert states[:3] == ["connecting", "connected", "closed with 1001 shutting_down; trying again in 0.01 s"]
    assert asked[0].path == "/v1/agents/a%40b.test/ws"
    assert asked[0].headers["Authorization"] == "Bearer key"


def test_a_connection_goes_on_behind_what_was_given(face: Face) -> None:
    paths: list[str] = []

    def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        paths.append(connection.request.path)
        for number in range(len(paths) * 2):
            connection.send(frame(number, minute=number))
        connection.close(1011)

    with peer(handler) as url:
        face(url, quick(), 6)
    assert paths == [
        "/v1/agents/a%40b.test/ws",
        "/v1/agents/a%40b.test/ws?after=evt_0",
        "/v1/agents/a%40b.test/ws?after=evt_2",
    ]


@pytest.mark.parametrize(
    ("code", "error", "kind"),
    [
        (1008, E2APermissionError, "ws_policy_violation"),
        (4000, E2AConnectionReplacedError, "connection_replaced"),
        (4001, E2AError, "ws_closed"),
    ],
)
def test_a_close_code_that_is_for_good(face: Face, code: int, error: type[E2AError], kind: str) -> None:
    seen: list[str] = []

    def handler(connection: ServerConnection) -> None:
        connection.send(frame(1))
        connection.close(code, "enough")

    with peer(handler) as url, pytest.raises(error, match=f"{code} enough") as caught:
        face(url, quick(), 2, seen=seen)
    assert caught.value.code == kind
    assert seen == ["evt_1"]


def test_the_server_ends_it(face: Face) -> None:
    def handler(connection: ServerConnection) -> None:
        connection.send(frame(1))
        connection.close(1000)

    with peer(handler) as url:
        assert face(url, quick(), 2) == ["evt_1"]


@pytest.mark.parametrize(
    ("status", "error"), [(401, E2AAuthError), (403, E2APermissionError), (404, E2ANotFoundError), (400, E2AError)]
)
def test_a_refusal_is_for_good_and_in_the_servers_words(face: Face, status: int, error: type[E2AError]) -> None:
    def refuse(_: ServerConnection, __: Request) -> Response:
        body = json.dumps({"error": {"code": "", "message": "not for you", "request_id": "req_1"}}).encode()
        return Response(status, "No", Headers({"Content-Length": str(len(body))}), body)

    with peer(until_closed, refuse) as url, pytest.raises(error, match="not for you") as caught:
        face(url, quick(), 1)
    assert (caught.value.status, caught.value.request_id) == (status, "req_1")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_refusal_that_passes(face: Face, status: int) -> None:
    refused: list[int] = []

    def refuse(_: ServerConnection, __: Request) -> Response | None:
        if refused:
            return None
        refused.append(status)
        return Response(status, "Later", Headers(), b"later")

    def handler(connection: ServerConnection) -> None:
        connection.send(frame(7))
        until_closed(connection)

    with peer(handler, refuse) as url:
        assert face(url, quick(), 1) == ["evt_7"]
    assert refused


def test_something_that_is_no_deployment(face: Face) -> None:
    def handler(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    with raw_peer(handler) as url, pytest.raises(E2AServerError, match="the address of a deployment"):
        face(url, quick(), 1)


@pytest.mark.parametrize(
    "answer",
    [b"", b"220 mail.test ESMTP\r\n", b"HTTP/1.1 101 Switching\r\n\r\n", b"\x00" * 70000],
    ids=["nothing", "smtp", "no handshake", "zeroes"],
)
def test_garbage_instead_of_a_handshake_is_tried_again(face: Face, answer: bytes) -> None:
    states: list[str] = []

    def handler(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with raw_peer(handler) as url:
        assert face(url, quick(on_state=states.append), 1, seconds=0.3) == []
    assert sum(state == "connecting" for state in states) > 1


@pytest.mark.parametrize("garbage", ["no json", "[]", "{}", '{"type": 1}', '{"id": "evt_1", "type": "x"}', b"bytes"])
def test_frames_that_are_no_event_are_left_out(face: Face, garbage: str | bytes) -> None:
    def handler(connection: ServerConnection) -> None:
        connection.send(garbage)
        connection.send(frame(2))
        until_closed(connection)

    with peer(handler) as url:
        assert face(url, quick(), 1) == ["evt_2"]


def test_an_event_in_pieces(face: Face) -> None:
    def handler(connection: ServerConnection) -> None:
        connection.send(iter(frame(3, note="ü" * 100)))
        connection.ping()
        connection.send(frame(4, note="x" * 300_000))
        until_closed(connection)

    with peer(handler) as url:
        assert face(url, quick(), 2) == ["evt_3", "evt_4"]


def test_a_frame_without_an_end(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MAX_FRAME_CHARACTERS", 100_000)

    def handler(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            connection.send("x" * 1_000_000)
            connection.recv(timeout=20)

    with peer(handler) as url, pytest.raises(E2AServerError, match="without an end"):
        face(url, quick(), 1)


def test_broken_frames_are_the_end_of_a_connection_alone(face: Face) -> None:
    connections = 0

    def handler(connection: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            connection.socket.sendall(b"\x85\xff\xff")
            until_closed(connection)
            return
        connection.send(frame(1))
        until_closed(connection)

    with peer(handler) as url:
        assert face(url, quick(), 1) == ["evt_1"]


def test_a_server_that_vanished_is_found_out(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(sockets, "PONG_SECONDS", 0.1)
    states: list[str] = []

    def handler(connection: socket.socket) -> None:
        """Shakes hands and then answers nothing any more."""
        protocol = WSConnection(ConnectionType.SERVER)
        protocol.receive_data(connection.recv(65536))
        assert len(list(protocol.events())) == 1
        connection.sendall(protocol.send(AcceptConnection()))
        while connection.recv(65536):
            pass

    with raw_peer(handler) as url:
        face(url, quick(on_state=states.append), 1, seconds=0.6)
    assert states[:3] == ["connecting", "connected", "the server is silent; trying again in 0.01 s"]


def test_a_quiet_server_is_asked_and_answers(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SILENCE_SECONDS", 0.05)
    states: list[str] = []

    def handler(connection: ServerConnection) -> None:
        time.sleep(0.4)
        connection.send(frame(1))
        until_closed(connection)

    with peer(handler) as url:
        assert face(url, quick(on_state=states.append), 1) == ["evt_1"]
    assert states == ["connecting", "connected"]


def test_pings_of_the_server_are_answered(face: Face) -> None:
    def handler(connection: ServerConnection) -> None:
        assert connection.ping("are you there").wait(10)
        connection.send(frame(1))
        until_closed(connection)

    with peer(handler) as url:
        assert face(url, quick(), 1) == ["evt_1"]


def test_nobody_there(face: Face) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    states: list[str] = []
    assert face(f"http://127.0.0.1:{port}", quick(on_state=states.append), 1, seconds=0.2) == []
    assert states[1] == "no connection (Connection refused); trying again in 0.01 s"
    assert states[3].endswith("in 0.02 s")


def test_a_host_without_an_address(face: Face) -> None:
    states: list[str] = []
    face("http://no-such-host.invalid:1", quick(on_state=states.append), 1, seconds=0.2)
    assert states[1].startswith("no connection (")


def test_one_connection_only(face: Face) -> None:
    def handler(connection: ServerConnection) -> None:
        connection.close(1001, "shutting_down")

    with peer(handler) as url, pytest.raises(E2AConnectionError, match="1001"):
        face(url, quick(reconnects=False), 1)


def test_whoever_leaves_says_goodbye(face: Face) -> None:
    ends: list[int | None] = []

    def handler(connection: ServerConnection) -> None:
        connection.send(frame(1))
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=10)
        ends.append(closed.value.rcvd.code if closed.value.rcvd else None)

    with peer(handler) as url:
        assert face(url, quick(), 1) == ["evt_1"]
        gc.collect()
    assert ends == [1000]


def test_a_failure_of_the_callers_stays_the_callers() -> None:
    """It comes out of the block as it is, not in a group, and is not taken for trouble with the connection."""

    def handler(connection: ServerConnection) -> None:
        connection.send(frame(1))
        until_closed(connection)

    async def listen(url: str) -> None:
        async with WSStream(address(url), quick()) as events:
            async for _ in events:
                raise OSError("my disk is full")

    with peer(handler) as url:
        for run in (trio.run, under_asyncio):
            with pytest.raises(OSError, match="my disk is full"):
                run(listen, url)


def test_a_block_keeps_the_connection_up_while_the_caller_works() -> None:
    states: list[str] = []

    def handler(connection: ServerConnection) -> None:
        connection.send(frame(1))
        assert connection.ping().wait(5)
        connection.send(frame(2))
        until_closed(connection)

    async def listen(url: str, sleep: Callable[[float], Any]) -> None:
        async with WSStream(address(url), quick(on_state=states.append)) as events:
            assert (await anext(events)).id == "evt_1"
            await sleep(0.3)
            assert (await anext(events)).id == "evt_2"

    with peer(handler) as url:
        trio.run(listen, url, trio.sleep)
        under_asyncio(listen, url, asyncio.sleep)
    assert states == ["connecting", "connected"] * 2


def test_over_tls(face: Face, ca: CertificateAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
    trusting = ssl.create_default_context(cafile=str(ca.ca_file))
    monkeypatch.setattr(sockets, "_authorities", lambda: trusting)
    ends: list[int | None] = []

    def handler(connection: ServerConnection) -> None:
        connection.ping()
        connection.send(frame(len(ends), note="x" * 1_000_000))
        connection.send(frame(len(ends) + 1, note="y" * 100_000))
        if not ends:
            ends.append(1001)
            connection.close(1001)
            return
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=20)
        ends.append(closed.value.rcvd.code if closed.value.rcvd else None)

    with peer(handler, tls=ca.server) as url:
        assert face(url, quick(), 3) == ["evt_0", "evt_1", "evt_2"]
        gc.collect()
    assert ends == [1001, 1000]


def test_a_stranger_over_tls_is_no_deployment(face: Face, ca: CertificateAuthority) -> None:
    with (
        peer(until_closed, tls=ca.server) as url,
        pytest.raises(E2AConnectionError, match="does not prove that it is the host"),
    ):
        face(url, quick(), 1)


def test_no_tls_where_it_should_be(face: Face) -> None:
    states: list[str] = []
    with peer(until_closed) as url:
        face(url.replace("http:", "https:"), quick(on_state=states.append), 1, seconds=0.3)
    assert states[1].startswith("no connection (")


def test_a_server_that_says_nothing_over_tls(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "CONNECT_SECONDS", 0.1)
    states: list[str] = []

    def handler(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with raw_peer(handler) as url:
        face(url.replace("http:", "https:"), quick(on_state=states.append), 1, seconds=0.4)
        face(url, quick(on_state=states.append), 1, seconds=0.4)
    assert states.count("the server is silent; trying again in 0.01 s") == 2


@pytest.mark.parametrize("library", ["trio", "asyncio"])
def test_cancelled_at_every_wait_it_goes_on(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The k-th wait is cancelled, for every k there is; the events are the same."""
    wait, waits, cancel = streams._wait, 0, 0
    scope: anyio.CancelScope | None = None

    async def counted(step: Any) -> Any:
        nonlocal waits
        waits += 1
        if waits == cancel:
            assert scope is not None
            scope.cancel()
        return await wait(step)

    monkeypatch.setattr(streams, "_wait", counted)
    connections = 0

    def handler(connection: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        connection.send(frame(connections))
        connection.close(1001)

    async def main(url: str) -> list[str]:
        nonlocal scope
        stream, seen = WSStream(address(url), quick()), []
        while len(seen) < 3:
            with anyio.CancelScope() as scope:
                seen.append((await anext(stream)).id)
        await stream.aclose()
        return seen

    with peer(handler) as url:
        while waits >= cancel:
            connections = waits = 0
            cancel += 1
            seen = trio.run(main, url) if library == "trio" else asyncio.run(main(url))
            assert seen == ["evt_1", "evt_2", "evt_3"]
    assert cancel > 10


def test_asyncio_alone_is_enough() -> None:
    """Whoever listens without Trio does not load it."""
    script = (
        "import asyncio, sys\n"
        "from e2ad.sdk import WSStream\n"
        "async def main():\n"
        "    async for _ in WSStream.of('http://127.0.0.1:1', 'key', 'a@b.test', seconds=0.2): pass\n"
        "    async with WSStream.of('http://127.0.0.1:1', 'key', 'a@b.test', seconds=0.2) as events:\n"
        "        async for _ in events: pass\n"
        "asyncio.run(main())\n"
        "print([name for name in ('trio', 'trio_websocket', 'quart', 'dns') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("way", ["plain", "block"])
@pytest.mark.parametrize("library", ["trio", "asyncio"])
def test_a_cancelled_wait_costs_nothing(way: str, library: str) -> None:
    """Every wait for an event is cancelled again and again, at whatever it is just doing."""
    count = 40

    def handler(connection: ServerConnection) -> None:
        for number in range(count):
            connection.send(frame(number, note="x" * 50_000))
            if number == 20:
                connection.close(1011)
                return
        until_closed(connection)

    async def take(stream: WSStream, wait: Callable[[WSStream, float], Any]) -> list[str]:
        seen: list[str] = []
        patience = 0.0
        while len(seen) < 21:
            found = await wait(stream, patience)
            patience = patience + 0.0001 if found is None else 0.0
            if found is not None:
                seen.append(found)
        return seen

    async def trio_wait(stream: WSStream, seconds: float) -> str | None:
        with trio.move_on_after(seconds):
            return (await anext(stream)).id
        return None

    async def asyncio_wait(stream: WSStream, seconds: float) -> str | None:
        try:
            async with asyncio.timeout(seconds):
                return (await anext(stream)).id
        except TimeoutError:
            return None

    async def main(url: str) -> list[str]:
        wait = trio_wait if library == "trio" else asyncio_wait
        stream = WSStream(address(url), quick())
        if way == "plain":
            found = await take(stream, wait)
            await stream.aclose()
            return found
        async with stream as events:
            return await take(events, wait)

    with peer(handler) as url:
        seen = trio.run(main, url) if library == "trio" else asyncio.run(main(url))
    assert seen == [f"evt_{number}" for number in range(21)]


@pytest.mark.parametrize("ticks", range(5))
def test_an_event_that_comes_just_as_asyncio_cancels_the_wait(ticks: int) -> None:
    """Also where it is handed over already when the cancellation overtakes it."""

    async def main() -> None:
        stream = WSStream(address("http://127.0.0.1:1"), quick())
        coming = asyncio.Event()
        found: WSEvent[Any] = WSEvent.from_payload(json.loads(frame(1)))

        def cancel_in(ticks: int) -> None:
            asyncio.get_running_loop().call_soon(*((cancel_in, ticks - 1) if ticks else (waiting.cancel,)))

        async def fetched() -> WSEvent[Any] | None:
            await coming.wait()
            coming.clear()
            cancel_in(ticks)
            return found

        stream._next = fetched  # type: ignore[method-assign]  # in place of a socket
        async with stream as events:
            waiting = asyncio.ensure_future(anext(events))
            for _ in range(10):  # until it waits
                await asyncio.sleep(0)
            coming.set()
            got = await asyncio.gather(waiting, return_exceptions=True)
            if got != [found]:
                async with asyncio.timeout(5):
                    assert await anext(events) is found

    asyncio.run(main())


@pytest.mark.parametrize("library", ["trio", "asyncio"])
def test_a_pause_that_is_cancelled_again_and_again_comes_to_its_end(library: str) -> None:
    """Who looks in ten times a second is connected again after the second that any listener waits."""
    states: list[str] = []

    async def main() -> None:
        listening = Listening("bot@a.test", on_state=states.append, first_wait_seconds=0.3)
        stream = WSStream(address("http://127.0.0.1:1"), listening)
        with anyio.fail_after(10):
            while states.count("connecting") < 2:
                with anyio.move_on_after(0.05):
                    await anext(stream)
        await stream.aclose()

    if library == "trio":
        trio.run(main)
    else:
        asyncio.run(main())
    assert "trying again" in states[1]


@pytest.mark.parametrize("library", ["trio", "asyncio"])
def test_a_block_ends_with_its_cancellation(library: str) -> None:
    def handler(connection: ServerConnection) -> None:
        until_closed(connection)

    async def under_trio(url: str) -> None:
        with trio.move_on_after(0.2) as scope:
            async with WSStream(address(url), quick()) as events:
                await anext(events)
        assert scope.cancelled_caught

    async def under(url: str) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), WSStream(address(url), quick()) as events:
                await anext(events)
        assert len(asyncio.all_tasks()) == 1

    with peer(handler) as url:
        trio.run(under_trio, url) if library == "trio" else asyncio.run(under(url))


@pytest.mark.parametrize("library", ["trio", "asyncio"])
@pytest.mark.parametrize("way", ["plain", "block"])
def test_closing_ends_a_wait_of_another_task(library: str, way: str) -> None:
    async def collect(stream: WSStream) -> list[str]:
        return [event.id async for event in stream]

    async def under_trio(stream: WSStream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(collect, stream)
            await trio.sleep(0.2)
            await stream.aclose()

    async def under(stream: WSStream) -> None:
        task = asyncio.create_task(collect(stream))
        await asyncio.sleep(0.2)
        await stream.aclose()
        assert await task == []

    async def main(url: str) -> None:
        stream = WSStream(address(url), quick())
        body = under_trio if library == "trio" else under
        if way == "plain":
            await body(stream)
            return
        async with stream:
            await body(stream)

    started = time.monotonic()
    with peer(until_closed) as url:
        trio.run(main, url) if library == "trio" else asyncio.run(main(url))
    assert time.monotonic() - started < 5


def test_closing_from_another_thread() -> None:
    with peer(until_closed) as url:
        stream = SyncStream(address(url), quick())
        timer = threading.Timer(0.2, stream.close)
        timer.start()
        assert list(stream) == []
        timer.join()
        assert list(stream) == []


def test_closing_while_it_waits_to_try_again() -> None:
    listening = quick()
    listening.first_wait_seconds = 20
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    stream = SyncStream(address(f"http://127.0.0.1:{port}"), listening)
    timer = threading.Timer(0.2, stream.close)
    timer.start()
    began = time.monotonic()
    assert list(stream) == []
    assert time.monotonic() - began < 10
    timer.join()


def test_ctrl_c_can_be_gone_on_from() -> None:
    interrupted = threading.Event()

    def handler(connection: ServerConnection) -> None:
        interrupted.wait(10)
        connection.send(frame(1))
        until_closed(connection)

    with peer(handler) as url, SyncStream(address(url), quick()) as events:
        timer = threading.Timer(0.3, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            next(events)
        timer.join()
        interrupted.set()
        assert next(events).id == "evt_1"


def test_two_who_wait_at_once_are_told() -> None:
    async def main(url: str) -> None:
        stream = WSStream(address(url), quick())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(anext, stream, None)
            await trio.sleep(0.1)
            with pytest.raises(RuntimeError, match="waits for the next event already"):
                await anext(stream)
            nursery.cancel_scope.cancel()
        stream.close()

    with peer(until_closed) as url:
        trio.run(main, url)


def test_the_time_can_be_over_in_any_face(face: Face) -> None:
    began = time.monotonic()
    with peer(until_closed) as url:
        assert face(url, quick(), 1, seconds=0.2) == []
    assert 0.15 < time.monotonic() - began < 5


def test_the_key_is_not_shown() -> None:
    assert "key" not in repr(Address("http://x", "key"))
