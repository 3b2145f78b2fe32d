"""Mail that waits for the word of a person."""

from __future__ import annotations

from e2ad.sdk import bodies, models
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import F, Resource, operation, paged
from e2ad.sdk.pages import Paging
from e2ad.sdk.resources.terms import JSON

__all__ = ["Reviews"]

REVIEW = "/v1/reviews/{}"


class Reviews(Resource[F]):
    """`client.reviews`."""

    @paged
    def list(self, *, limit: int | None = None) -> Paging[models.ReviewView]:
        """All that waits, of every agent."""
        return self._list(models.ReviewView, "/v1/reviews", limit=limit)

    @operation
    def get(self, message_id: str) -> Steps[models.MessageView]:
        """One held message, whole."""
        return self._call(models.MessageView, "GET", REVIEW, message_id)

    @operation
    def edit(self, message_id: str, body: bodies.ApproveRequest | JSON) -> Steps[models.EditResultView]:
        """Change a held mail without letting it go."""
        return self._call(models.EditResultView, "PATCH", REVIEW, message_id, body=body)

    @operation
    def approve(
        self,
        message_id: str,
        body: bodies.ApproveRequest | JSON | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Steps[models.SendResultView]:
        """Let it go, changed as `body` says; its `content_sha256` refuses what is not what the person saw."""
        return self._call(
            models.SendResultView,
            "POST",
            REVIEW + "/approve",
            message_id,
            body=body or {},
            keyed=True,
            idempotency_key=idempotency_key,
        )

    @operation
    def reject(
        self, message_id: str, body: bodies.RejectRequest | JSON | None = None
    ) -> Steps[models.RejectResultView]:
        """Refuse it for good."""
        return self._call(models.RejectResultView, "POST", REVIEW + "/reject", message_id, body=body or {})
