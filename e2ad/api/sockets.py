"""WebSockets as the door needs to know them: who they are, and how they are told to go."""

from typing import Any, Final

import trio
from attrs import define, field
from trio_websocket import WebSocketConnection, WebSocketRequest, wrap_server_stream

from e2ad.api.peek import ReplayStream

__all__ = ["CLOSE_SECONDS", "MAX_FRAME_BYTES", "Request", "Socket", "handshake"]

CLOSE_SECONDS: Final = 2.0
"""What a client gets to answer our goodbye."""
MAX_FRAME_BYTES: Final = 32_768
"""What a client sends on a socket is ignored; this bounds what we hold of it. A larger frame is answered with 1009."""


@define(eq=False)
class Socket:
    """One WebSocket, as far as closing needs to know it."""

    scope: trio.CancelScope = field(factory=trio.CancelScope)
    request: "Request | None" = None
    accepted: WebSocketConnection | None = None
    leaving: trio.Event | None = None
    """Set when the goodbye is said; there only once it began."""

    async def say_goodbye(self) -> None:
        """Close with 1001; a client that does not answer in time is cut off."""
        self.leaving = trio.Event()
        with trio.move_on_after(CLOSE_SECONDS):
            if self.accepted is not None:
                await self.accepted.aclose(1001, "shutting_down")
        self.leaving.set()
        self.scope.cancel()


class Request(WebSocketRequest):
    """A handshake that remembers the socket it became."""

    owner: Socket

    async def accept(self, **options: Any) -> WebSocketConnection:
        """Accept the handshake."""
        self.owner.accepted = await super().accept(**options)
        return self.owner.accepted


async def handshake(nursery: trio.Nursery, stream: ReplayStream, owner: Socket) -> Request:
    """Let trio-websocket read the handshake from `stream`; its reader runs in `nursery`."""
    given = await wrap_server_stream(nursery, stream, max_message_size=MAX_FRAME_BYTES)
    request = Request(given._connection, given._event)
    request.owner = owner
    return request
