"""Threads: mail that belongs together."""

from __future__ import annotations

from e2ad.sdk import models
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import F, Resource, operation, paged
from e2ad.sdk.pages import Paging
from e2ad.sdk.resources.terms import When

__all__ = ["Conversations"]


class Conversations(Resource[F]):
    """`client.conversations`."""

    @paged
    def list(
        self, email: str, *, since: When | None = None, until: When | None = None, limit: int | None = None
    ) -> Paging[models.ConversationSummaryView]:
        """The threads of an agent, the last to have moved first."""
        route = "/v1/agents/{}/conversations"
        return self._list(models.ConversationSummaryView, route, email, since=since, until=until, limit=limit)

    @operation
    def get(self, email: str, conversation_id: str) -> Steps[models.ConversationDetailView]:
        """One thread with its messages, oldest first."""
        route = "/v1/agents/{}/conversations/{}"
        return self._call(models.ConversationDetailView, "GET", route, email, conversation_id)
