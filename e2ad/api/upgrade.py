"""What a client is told that asks for a socket's path without asking for a socket."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from e2ad.api.classic.framework import plain, refusal
from e2ad.api.dispatch import authorize, run_bounded
from e2ad.api.errors import envelope, log_accident, root_failure
from e2ad.api.exchange import Exchange, Response
from e2ad.api.operation import Scope
from e2ad.api.services import Services
from e2ad.core.address import fold_address
from e2ad.core.errors import NotFound
from e2ad.storage import accounts

__all__ = ["UpgradeRequired", "endpoints"]

HEADERS: Final = {"Upgrade": "websocket", "Connection": "Upgrade"}


@frozen
class UpgradeRequired:
    """426 for those who might have the socket; the usual refusals for all others (contract: WebSocket)."""

    services: Services
    classic: bool = False

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """Check the credential as the handshake would, then say how to ask."""
        try:
            return await run_bounded(self._check(exchange, fold_address(path["email"])), self.services)
        except Exception as raised:  # noqa: BLE001 - a surprise becomes an answer here
            error = root_failure(raised)
            log_accident(error, exchange, "stream")
            return refusal(error, exchange) if self.classic else envelope(error, exchange)

    async def _check(self, exchange: Exchange, email: str) -> Response:
        credential = exchange.query().get("token") if self.classic else exchange.headers.get("authorization")
        principal = await self.services.access.resolve(credential, bare=self.classic)
        await authorize(self.services, Scope.OWN, principal, email)
        if not await accounts.has_live_agent(self.services.db, principal.account_id, email):
            raise NotFound("agent not found")
        return plain(426, "this is a WebSocket: ask with Upgrade: websocket", HEADERS)


def endpoints(services: Services) -> list[tuple[str, str, UpgradeRequired]]:
    """The paths of sockets, as ordinary HTTP."""
    return [
        ("GET", "/v1/agents/{email}/ws", UpgradeRequired(services)),
        ("GET", "/api/v1/agents/{email}/ws", UpgradeRequired(services, classic=True)),
    ]
