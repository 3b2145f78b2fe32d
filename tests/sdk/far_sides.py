"""Far sides for listeners, a foreign WebSocket and raw sockets that misbehave; and every face of a listener."""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import trio
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from e2ad.sdk.events import WSEvent
from e2ad.sdk.listening import Listening
from e2ad.sdk.sockets import Address
from e2ad.sdk.streams import SyncStream, WSStream

Handler = Callable[[ServerConnection], None]
Refusal = Callable[[ServerConnection, Request], Response | None]


@contextmanager
def peer(handler: Handler, refuse: Refusal | None = None, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that does with each connection what `handler` says; its base URL."""
    server = serve(handler, "127.0.0.1", 0, process_request=refuse, compression=None, close_timeout=1, ssl=tls)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        port = server.socket.getsockname()[1]
        yield f"http://127.0.0.1:{port}" if tls is None else f"https://localhost:{port}"
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def raw_peer(handler: Callable[[socket.socket], None]) -> Iterator[str]:
    """A TCP server that serves one connection after the other."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(10)
                    handler(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def frame(number: int, minute: int = 0, **more: Any) -> str:
    """An event as the server sends it."""
    at = f"2026-01-01T00:{minute:02}:{number % 60:02}Z"
    head = {"type": "email.received", "id": f"evt_{number}", "schema_version": "1", "created_at": at}
    return json.dumps({**head, "data": {"received_at": at}, **more})


def quick(**more: Any) -> Listening:
    """A listener that does not wait long before it tries again."""
    return Listening("a@b.test", first_wait_seconds=0.01, **more)


def address(url: str) -> Address:
    return Address(url, "key")


Face = Callable[..., list[str]]


def blocking(
    url: str, listening: Listening, enough: int, seconds: float | None = 20, seen: list[str] | None = None
) -> list[str]:
    """The ids of the first events, by blocking."""
    seen = [] if seen is None else seen
    with SyncStream(address(url), listening, seconds=seconds) as events:
        for event in events:
            seen.append(event.id)
            if len(seen) == enough:
                break
    return seen


async def _plainly(url: str, listening: Listening, enough: int, seconds: float | None, seen: list[str]) -> None:
    async for event in WSStream(address(url), listening, seconds=seconds):
        seen.append(event.id)
        if len(seen) == enough:
            break


async def _in_a_block(url: str, listening: Listening, enough: int, seconds: float | None, seen: list[str]) -> None:
    async with WSStream(address(url), listening, seconds=seconds) as events:
        event: WSEvent[Any]
        async for event in events:
            seen.append(event.id)
            if len(seen) == enough:
                break


def _face(run: Callable[..., None], way: Callable[..., Any]) -> Face:
    def face(
        url: str, listening: Listening, enough: int, seconds: float | None = 20, seen: list[str] | None = None
    ) -> list[str]:
        seen = [] if seen is None else seen
        run(way, url, listening, enough, seconds, seen)
        return seen

    return face


def under_asyncio(way: Callable[..., Any], *arguments: Any) -> None:
    asyncio.run(way(*arguments))


FACES: dict[str, Face] = {
    "blocking": blocking,
    "asyncio": _face(under_asyncio, _plainly),
    "asyncio-block": _face(under_asyncio, _in_a_block),
    "trio": _face(trio.run, _plainly),
    "trio-block": _face(trio.run, _in_a_block),
}
