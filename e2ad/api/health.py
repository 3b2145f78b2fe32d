"""Is the process alive, and should it get traffic?"""

from collections.abc import Mapping
from typing import Final

import msgspec
import structlog
import trio
from attrs import frozen

from e2ad.api.exchange import Exchange, Response
from e2ad.api.services import Services
from e2ad.core.errors import Failure
from e2ad.storage import migrations

__all__ = ["NO_STORE", "Health", "Ready", "database_trouble", "endpoints"]

log = structlog.get_logger("e2ad.api")

READY_SECONDS: Final = 3.0
OK: Final = Response(200, b'{"status":"ok"}')
NO_STORE: Final = {"Cache-Control": "no-store"}


@frozen
class Health:
    """The process answers: that is all this says."""

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """Always ok."""
        return OK


@frozen
class Ready:
    """Ready means: the database answers, the schema is ours, and nobody has told us to stop."""

    services: Services

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """200, or 503 with the reason in one word."""
        reason = await self._reason()
        body = {"status": "ready"} if reason is None else {"status": "not_ready", "reason": reason}
        return Response(200 if reason is None else 503, msgspec.json.encode(body), headers=NO_STORE)

    async def _reason(self) -> str | None:
        return "draining" if self.services.draining() else await database_trouble(self.services)


async def database_trouble(services: Services) -> str | None:
    """In one word why nothing can be done with the database, or None."""
    try:
        with trio.fail_after(READY_SECONDS):
            pending = await migrations.pending(services.db)
    except (Failure, trio.TooSlowError, OSError) as error:
        log.warning("not ready", error=repr(error))
        return "database_unreachable"
    except migrations.MigrationFailed as error:
        log.warning("not ready", error=str(error))
        return "schema_unknown"
    return "migrations_pending" if pending else None


def endpoints(services: Services) -> list[tuple[str, str, Health | Ready]]:
    """The probes' paths."""
    health, ready = Health(), Ready(services)
    return [
        ("GET", "/api/health", health),
        ("HEAD", "/api/health", health),
        ("GET", "/livez", health),
        ("HEAD", "/livez", health),
        ("GET", "/readyz", ready),
        ("HEAD", "/readyz", ready),
    ]
