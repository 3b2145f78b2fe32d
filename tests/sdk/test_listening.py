"""`listen` against peers of every temper, over real sockets."""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket

from e2ad.sdk import ConnectionRefusedForGood, Listening, listen
from e2ad.sdk import listening as module
from e2ad.sdk.listening import socket_url


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(module, "CONNECT_SECONDS", 5.0)


Handler = Callable[[WebSocketRequest], Awaitable[None]]


def frame(number: int) -> str:
    return json.dumps({"id": f"evt_{number}", "type": "email.received", "data": {}})


async def listen_to(handler: Handler, enough: int, states: list[str] | None = None) -> list[str]:
    """The ids of the first events that come, over as many connections as it takes."""
    seen: list[str] = []
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve_websocket, handler, "127.0.0.1", 0, ssl_context=None))

        async def handle(event: Mapping[str, Any]) -> None:
            seen.append(event["id"])
            if len(seen) == enough:
                nursery.cancel_scope.cancel()

        told = (states if states is not None else []).append
        with trio.fail_after(10):
            await listen(f"http://127.0.0.1:{server.port}", "key", "a@b.test", handle, on_state=told)
    return seen


async def test_events_come_once_over_reconnections() -> None:
    connections = 0
    states: list[str] = []

    async def handler(request: WebSocketRequest) -> None:
        nonlocal connections
        connections += 1
        assert request.path == "/v1/agents/a%40b.test/ws"
        assert (b"authorization", b"Bearer key") in list(request.headers)
        ws = await request.accept()
        for number in range(connections + 1):
            await ws.send_message(frame(number))
        await ws.aclose(1001, "shutting_down")

    assert await listen_to(handler, 4, states) == ["evt_0", "evt_1", "evt_2", "evt_3"]
    assert states[:3] == ["connecting", "connected", "closed with 1001 shutting_down; trying again in 0.01 s"]


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refusal_is_for_good(status: int) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await request.reject(status, body=b'{"error": {"message": "not for you"}}')

    with pytest.RaisesGroup(pytest.RaisesExc(ConnectionRefusedForGood, match=f"{status}: not for you")):
        await listen_to(handler, 1)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_refusal_that_passes(status: int) -> None:
    refused = False

    async def handler(request: WebSocketRequest) -> None:
        nonlocal refused
        if not refused:
            refused = True
            await request.reject(status, body=b"later")
            return
        ws = await request.accept()
        await ws.send_message(frame(7))
        await ws.aclose(1001)

    assert await listen_to(handler, 1) == ["evt_7"]


@pytest.mark.parametrize("code", [1000, 1008, 4001])
async def test_a_close_code_that_is_for_good(code: int) -> None:
    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        await ws.aclose(code, "enough")

    with pytest.RaisesGroup(pytest.RaisesExc(ConnectionRefusedForGood, match=f"{code} enough")):
        await listen_to(handler, 1)


@pytest.mark.parametrize("error", [OSError("my disk is full"), ValueError("my bug"), trio.TooSlowError()])
async def test_what_the_caller_raises_is_the_callers(error: Exception) -> None:
    """An OSError of the caller's own is not trouble with the connection."""
    raised = False

    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        await ws.send_message(frame(1))
        with pytest.raises(ConnectionClosed):
            await ws.get_message()

    async def handle(_: Mapping[str, Any]) -> None:
        nonlocal raised
        assert not raised
        raised = True
        raise error

    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve_websocket, handler, "127.0.0.1", 0, ssl_context=None))
        with trio.fail_after(10), pytest.raises(type(error)) as caught:
            await listen(f"http://127.0.0.1:{server.port}", "key", "a@b.test", handle)
        assert caught.value is error
        nursery.cancel_scope.cancel()


async def test_a_server_that_vanished_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(module, "PONG_SECONDS", 0.1)
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.1)
    states: list[str] = []

    async def half_dead(stream: trio.SocketStream) -> None:
        """Shakes hands and then answers nothing any more."""
        from wsproto import ConnectionType, WSConnection
        from wsproto.events import AcceptConnection, Request

        protocol = WSConnection(ConnectionType.SERVER)
        while not any(isinstance(event, Request) for event in protocol.events()):
            protocol.receive_data(bytes(await stream.receive_some()))
        await stream.send_all(protocol.send(AcceptConnection()))
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, half_dead, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]

        def told(state: str) -> None:
            states.append(state)
            if "trying again" in state:
                nursery.cancel_scope.cancel()

        async def handle(_: Mapping[str, Any]) -> None:
            raise AssertionError("nothing was sent")

        with trio.fail_after(10):
            await listen(f"http://127.0.0.1:{port}", "key", "a@b.test", handle, on_state=told)
    assert states == ["connecting", "connected", "the server is silent; trying again in 0.01 s"]


async def test_nobody_there(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_SECONDS", 1.0)
    states: list[str] = []

    async def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(trio, "open_tcp_stream", refuse)

    async def handle(_: Mapping[str, Any]) -> None:
        raise AssertionError("nothing was sent")

    with trio.move_on_after(100):
        await listen("http://127.0.0.1:1", "key", "a@b.test", handle, on_state=states.append)
    waits = [state.rpartition("in ")[2] for state in states if "trying again" in state]
    assert waits[:7] == ["1 s", "2 s", "4 s", "8 s", "16 s", "30 s", "30 s"]
    assert states[1] == "no connection (nobody listens); trying again in 1 s"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://127.0.0.1:8080/", "ws://127.0.0.1:8080/v1/agents/a%40b.test/ws"),
        ("https://mail.example", "wss://mail.example/v1/agents/a%40b.test/ws"),
    ],
)
def test_the_address_of_the_socket(base: str, url: str) -> None:
    assert socket_url(base, "a@b.test") == url


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    memory = Listening()
    assert [memory.is_new(one) for one in ("a", "b", "a", "c", "a")] == [True, True, False, True, True]
