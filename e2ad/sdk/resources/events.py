"""What has happened."""

from __future__ import annotations

from e2ad.sdk import bodies, models
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import F, Resource, operation, paged
from e2ad.sdk.pages import Paging
from e2ad.sdk.resources.terms import JSON, When

__all__ = ["Events"]


class Events(Resource[F]):
    """`client.events`."""

    @paged
    def list(
        self,
        *,
        type: str | None = None,  # noqa: A002  # the API's word
        agent_email: str | None = None,
        conversation_id: str | None = None,
        message_id: str | None = None,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
    ) -> Paging[models.EventView]:
        """What has happened, the latest first."""
        return self._list(
            models.EventView,
            "/v1/events",
            type=type,
            agent_email=agent_email,
            conversation_id=conversation_id,
            message_id=message_id,
            since=since,
            until=until,
            limit=limit,
        )

    @operation
    def get(self, event_id: str) -> Steps[models.EventView]:
        """One event."""
        return self._call(models.EventView, "GET", "/v1/events/{}", event_id)

    @operation
    def redeliver(
        self, event_id: str, body: bodies.RedeliverEventRequest | JSON | None = None
    ) -> Steps[models.RedeliverView]:
        """Send an event again: to the webhook that `body` names, or to all. Never tried twice."""
        return self._call(models.RedeliverView, "POST", "/v1/events/{}/redeliver", event_id, body=body or {})
