"""The tools over Streamable HTTP inside the daemon (`/mcp`).

The door of the API has judged who comes; from here on the library speaks the protocol, without sessions: each POST
stands for itself, so that any process of a deployment can answer it. It is loaded when the first one comes, in a
thread, and then stays.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import trio
from attrs import define, field, frozen

__all__ = ["LEASE", "Answer", "Door"]

LEASE: Final = "e2ad.lease"
"""Of an ASGI scope: memory that was given to the request which this one is a part of."""
LOAD_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 120.0
"""For one POST; above what a call of a tool may take, which ends earlier and with words."""


def _nothing() -> None:
    pass


class Handler(Protocol):
    """The library's way to take a request (ASGI)."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer it."""


@frozen
class Answer:
    """What the library says to a POST."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@define(eq=False)
class Door:
    """Takes POSTs of MCP clients; one a process.

    Attributes:
        on_accident: told of a tool's name and what went wrong inside.
        on_loaded: called once when the library is there, which then stays.
    """

    version: str
    on_accident: Callable[[str, Exception], None]
    on_loaded: Callable[[], None] = _nothing
    _wanted: trio.Event = field(factory=trio.Event, init=False)
    _open: trio.Event = field(factory=trio.Event, init=False)
    _handler: Handler | None = field(default=None, init=False)

    async def run(self, app: Any, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own what the library runs, from the first request on, until cancelled.

        Args:
            app: the API that tools call.

        Cancellation:
            Calls that the library has in flight are cancelled with it; whoever waits for their answer is told.
        """
        task_status.started()
        await self._wanted.wait()
        manager = await trio.to_thread.run_sync(partial(_load, app, self.version, self.on_accident))
        self.on_loaded()
        async with manager.run():
            self._handler = manager.handle_request
            self._open.set()
            try:
                await trio.sleep_forever()
            finally:
                self._handler, self._open = None, trio.Event()

    async def answer(self, headers: Mapping[str, str], body: bytes, client_address: str, lease: Any) -> Answer | None:
        """Have a POST answered.

        Args:
            headers: lower-case names; `authorization` was judged already.
            lease: the request's share of the memory for large bodies; what tools ask for is part of it.

        Returns:
            None where the library could not be loaded in time, or did not answer.

        Cancellation:
            The call ends; what the API has done until then stays.
        """
        self._wanted.set()
        with trio.move_on_after(LOAD_SECONDS):
            await self._open.wait()
        if self._handler is None:
            return None
        with trio.move_on_after(ANSWER_SECONDS):
            return await _asked(self._handler, headers, body, client_address, lease)
        return None


def _load(app: Any, version: str, on_accident: Callable[[str, Exception], None]) -> Any:
    """Load the library and make its server; takes half a second, so never on the event loop."""
    from e2ad.mcp.streamable import open_manager  # see above

    return open_manager(app, version, on_accident)


async def _asked(
    handler: Handler, headers: Mapping[str, str], body: bytes, client_address: str, lease: Any
) -> Answer | None:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "client": (client_address, 0),
        "server": None,
        LEASE: lease,
    }
    parts = [body]
    status, told, chunks = 0, dict[str, str](), list[bytes]()

    async def receive() -> dict[str, Any]:
        if not parts:
            # Whether the client is still there is watched at the door, which cancels us.
            await trio.sleep_forever()
        return {"type": "http.request", "body": parts.pop(), "more_body": False}

    async def send(event: Mapping[str, Any]) -> None:
        nonlocal status, told
        await trio.lowlevel.checkpoint()
        if event["type"] == "http.response.start":
            status = event["status"]
            told = {bytes(name).decode("latin-1"): bytes(value).decode("latin-1") for name, value in event["headers"]}
        else:
            chunks.append(event.get("body", b""))

    await handler(scope, receive, send)
    return Answer(status, told, b"".join(chunks)) if status else None
