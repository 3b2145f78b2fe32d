"""HTTP/1.1 as Hypercorn speaks it, on our terms."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import h11
import msgspec
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Event, RawData
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Response
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from e2ad.api.exchange import request_id_for

__all__ = ["Http"]

DISCONNECT_SECONDS: Final = 0.2
"""What an application gets to take the news that its request is over."""


class Http(H11Protocol):
    """Hypercorn's HTTP/1.1, without its other protocols and without a wait that nobody ends."""

    def __init__(
        self,
        app: Any,
        config: Config,
        context: WorkerContext,
        group: TaskGroup,
        stream: trio.SocketStream,
        send: Callable[[Event], Awaitable[None]],
    ) -> None:
        super().__init__(
            ASGIWrapper(app),
            config,
            context,
            group,
            ConnectionState({}),
            False,
            _address(stream.socket.getpeername),
            _address(stream.socket.getsockname),
            self._write,
        )
        self._pass_on = send
        self._holding = False
        self._held = b""

    @property
    def complete(self) -> bool:
        """The client has said all of its request."""
        return self.connection.their_state is h11.DONE

    @property
    def unread(self) -> bool:
        """The client has not said all of its request."""
        return self.connection.their_state in (h11.SEND_BODY, h11.ERROR)

    async def stream_send(self, event: StreamEvent) -> None:
        """Hypercorn says head, body and end of an answer one by one; head and body leave in one write."""
        self._holding = isinstance(event, Response) and event.status_code >= 200
        await super().stream_send(event)

    async def _write(self, event: Event) -> None:
        if isinstance(event, RawData):
            data = self._held + event.data if self._held else event.data
            self._held = data if self._holding else b""
            if self._holding or not data:
                return
            event = RawData(data)
        await self._pass_on(event)

    async def _send_error_response(self, status_code: int) -> None:
        # What is not HTTP never becomes a request, so nobody but us can give it the answer of the API.
        request_id = request_id_for({})
        error = {
            "code": "invalid_request" if status_code == 400 else "error",
            "message": "the request is not HTTP/1.1 as this server takes it: check its target and its headers",
            "request_id": request_id,
        }
        body = msgspec.json.encode({"error": error})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
            *self.config.response_headers("h11"),
        ]
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())

    async def _check_protocol(self, event: h11.Request) -> None:
        """No h2c, no HTTP/2 by prior knowledge."""

    async def _create_stream(self, request: h11.Request) -> None:
        if any(name == b"upgrade" for name, _ in request.headers):
            headers = [(name, value) for name, value in request.headers if name != b"upgrade"]
            request = h11.Request(
                method=request.method, target=request.target, headers=headers, http_version=request.http_version
            )
        await super()._create_stream(request)

    async def _close_stream(self) -> None:
        # Hypercorn tells the application of the end through a queue that the application may never
        # read again, when it answered before it had read the body.
        with trio.move_on_after(DISCONNECT_SECONDS):
            await super()._close_stream()
        self.stream = None


def _address(name: Any) -> tuple[str, int] | None:
    try:
        address = name()
    except OSError:
        return None
    return (address[0], address[1]) if isinstance(address, tuple) else None
