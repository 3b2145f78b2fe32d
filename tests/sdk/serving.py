"""The API behind a real socket in the test's own process, and what was asked of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, field

from e2ad.api.dispatch import OperationEndpoint
from e2ad.api.exchange import Exchange
from e2ad.api.front import Settings, serve
from e2ad.listeners import open_listeners
from tests.api.conftest import Client

__all__ = ["Served", "serving"]


@define
class Served:
    """A deployment for clients.

    Attributes:
        asked: what clients called since the last `taken`, by operation id; a route outside `/v1` by its path.
    """

    url: str
    key: str
    client: Client
    asked: list[str] = field(factory=list)

    def taken(self) -> list[str]:
        """What was asked, once."""
        asked, self.asked = self.asked, []
        return asked


@asynccontextmanager
async def serving(client: Client) -> AsyncIterator[Served]:
    """Serve the app of `client` for the time of the block."""
    listeners = await open_listeners("127.0.0.1", 0)
    assert client.key is not None
    served = Served(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", client.key, client)
    closing = trio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        lease = client.services.bodies.lease()
        exchange = Exchange.from_scope(scope, trio.sleep_forever, (), lease=lease)
        found = client.app.router.find(exchange.method, exchange.segments())
        endpoint = found[0] if found else None
        name = endpoint.operation.id if isinstance(endpoint, OperationEndpoint) else scope["path"]
        served.asked.append(name)
        await client.app(scope, receive, send)

    async def no_sockets(*_: Any) -> None:
        raise AssertionError("nobody listens here")

    async with trio.open_nursery() as nursery:
        await nursery.start(serve, app, no_sockets, listeners, Settings(), closing)
        try:
            yield served
        finally:
            closing.set()
            nursery.cancel_scope.deadline = trio.current_time() + 5
