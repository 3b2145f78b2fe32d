"""Programs that people let in with their sign-in."""

from __future__ import annotations

from e2ad.sdk import models
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import F, Resource, operation, paged
from e2ad.sdk.pages import Paging
from e2ad.sdk.resources.terms import CONFIRMED

__all__ = ["Connections"]


class Connections(Resource[F]):
    """`client.connections`."""

    @paged
    def list(self, *, limit: int | None = None) -> Paging[models.ConnectionView]:
        """All programs that were let in."""
        return self._list(models.ConnectionView, "/v1/account/connections", limit=limit)

    @operation
    def delete(self, connection_id: str) -> Steps[models.DeleteConnectionResult]:
        """Shut a program out again."""
        route = "/v1/account/connections/{}"
        return self._call(models.DeleteConnectionResult, "DELETE", route, connection_id, query=CONFIRMED)
