"""Where events are posted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2ad.sdk import bodies, models
from e2ad.sdk.errors import E2AValidationError
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import F, Resource, operation, paged
from e2ad.sdk.pages import Paging
from e2ad.sdk.resources.terms import CONFIRMED, JSON

__all__ = ["Webhooks"]

WEBHOOK = "/v1/webhooks/{}"


class Webhooks(Resource[F]):
    """`client.webhooks`."""

    @paged
    def list(self, *, limit: int | None = None) -> Paging[models.WebhookView]:
        """All webhooks."""
        return self._list(models.WebhookView, "/v1/webhooks", limit=limit)

    @operation
    def get(self, webhook_id: str) -> Steps[models.WebhookView]:
        """One webhook."""
        return self._call(models.WebhookView, "GET", WEBHOOK, webhook_id)

    @operation
    def create(
        self, body: bodies.CreateWebhookRequest | JSON, *, idempotency_key: str | None = None
    ) -> Steps[models.CreateWebhookResponse]:
        """A new webhook. The answer alone shows the secret that its deliveries are signed with."""
        return self._call(
            models.CreateWebhookResponse,
            "POST",
            "/v1/webhooks",
            body=body,
            keyed=True,
            idempotency_key=idempotency_key,
        )

    @operation
    def update(self, webhook_id: str, patch: bodies.UpdateWebhookRequest | JSON) -> Steps[models.WebhookView]:
        """Change what `patch` names."""
        return self._call(models.WebhookView, "PATCH", WEBHOOK, webhook_id, body=patch)

    @operation
    def delete(self, webhook_id: str) -> Steps[models.DeleteWebhookResult]:
        """Delete a webhook."""
        return self._call(models.DeleteWebhookResult, "DELETE", WEBHOOK, webhook_id, query=CONFIRMED)

    @operation
    def rotate_secret(
        self, webhook_id: str, *, idempotency_key: str | None = None
    ) -> Steps[models.RotateSecretResponse]:
        """A new secret; the old one signs beside it for a while."""
        return self._call(
            models.RotateSecretResponse,
            "POST",
            WEBHOOK + "/rotate-secret",
            webhook_id,
            keyed=True,
            idempotency_key=idempotency_key,
        )

    @operation
    def test(
        self, webhook_id: str, body: bodies.TestWebhookRequest | JSON | None = None
    ) -> Steps[models.TestWebhookResponse]:
        """Post an event made up for the occasion."""
        return self._call(models.TestWebhookResponse, "POST", WEBHOOK + "/test", webhook_id, body=body or {})

    @paged
    def deliveries(
        self, webhook_id: str, *, status: str | None = None, limit: int | None = None
    ) -> Paging[models.WebhookDeliveryView]:
        """What was posted, the latest first."""
        return self._list(models.WebhookDeliveryView, WEBHOOK + "/deliveries", webhook_id, status=status, limit=limit)

    @operation
    def fetch_message(self, event: Any) -> Steps[models.MessageView]:
        """The message that an `email.received` event tells of.

        Args:
            event: from a webhook or a socket, or its envelope as a dict.

        Raises:
            E2AValidationError: it is another event, or does not say which message.
        """
        kind, data = (event.get("type"), event.get("data")) if isinstance(event, Mapping) else (event.type, event.data)
        known = data if isinstance(data, Mapping) else {}
        if kind != "email.received" or not known.get("delivered_to") or not known.get("message_id"):
            raise E2AValidationError("only an email.received event leads to a message", code="invalid_request")
        parts = known["delivered_to"], known["message_id"]
        return self._call(models.MessageView, "GET", "/v1/agents/{}/messages/{}", *parts)
