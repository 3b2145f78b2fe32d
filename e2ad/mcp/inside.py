"""The API of this very process, called without a network: an ASGI call with the caller's own credential."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

import httpx2
from attrs import field, frozen

from e2ad import __version__
from e2ad.mcp.door import LEASE
from e2ad.sdk.client import AsyncPlainClient
from e2ad.sdk.drivers import AsyncDriver
from e2ad.sdk.exchange import Patience
from e2ad.sdk.resources.tree import Tree

__all__ = ["App", "Visit", "client_of"]

App: TypeAlias = Callable[..., Awaitable[None]]
"""An ASGI application."""

_ADDRESS: Final = "http://e2a.internal"
_ONCE: Final = Patience(max_retries=0)
"""What a model is told it can try again by itself; nobody waits here for a limit to end."""


@frozen
class Visit:
    """Whose request it is that tools are called by.

    Attributes:
        client_address: of the peer at the door; limits are counted by it.
        lease: the request's share of the memory for large bodies.
    """

    authorization: str = field(repr=False)
    client_address: str
    lease: Any


def client_of(app: App, visit: Visit) -> AsyncPlainClient:
    """The API as this caller sees it."""

    async def ask(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await app({**scope, LEASE: visit.lease}, receive, send)

    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(ask, client=(visit.client_address, 0)),
        base_url=_ADDRESS,
        headers={"Authorization": visit.authorization, "User-Agent": f"e2ad-mcp/{__version__}"},
        trust_env=False,
        follow_redirects=False,
        timeout=None,  # the API has deadlines of its own, and each call of a tool has one
    )
    return Tree(AsyncDriver(http, _ONCE, is_plain=True))
