"""The shapes of webhooks on the wire of `/v1`."""

from typing import Annotated, Any, Literal

from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.shapes import Instant
from e2ad.api.views import Cursor, Limit, optional_instant
from e2ad.core.events import rfc3339
from e2ad.gateway.webhooks import Filters
from e2ad.storage.webhooks import Delivery, Webhook

__all__ = [
    "CreateWebhookRequest",
    "CreateWebhookResponse",
    "DeleteWebhookResult",
    "ListDeliveriesQuery",
    "PageWebhookDeliveryView",
    "PageWebhookView",
    "RotateSecretResponse",
    "TestWebhookRequest",
    "TestWebhookResponse",
    "UpdateWebhookRequest",
    "WebhookDeliveryView",
    "WebhookFiltersRequest",
    "WebhookFiltersView",
    "WebhookView",
    "delivery_view",
    "filters_of",
    "filters_view",
    "webhook_view",
]

EventType = Literal[
    "email.received",
    "email.sent",
    "email.failed",
    "email.delivered",
    "email.bounced",
    "email.complained",
    "domain.sending_verified",
    "domain.sending_failed",
    "domain.suppression_added",
    "email.flagged",
    "email.blocked",
    "email.review_requested",
    "email.review_approved",
    "email.review_rejected",
    "agent.suppression_added",
    "contact.due",
]
"""`core.events.EVENT_TYPES`, spelled out for the schema; a test holds the two equal."""

# What follows is bounded by rules of the gateway (400), not by the schema (422): see contract, webhooks.
WebhookUrl = Annotated[str, Meta(min_length=1, description="https, a public host name, at most 2048 characters")]
Description = Annotated[str, Meta(description="at most 200 characters, no line breaks")]
FilterValues = Annotated[list[str], Meta(description="at most 50 values")]


@frozen
class WebhookFiltersRequest:
    """Restrictions: any value inside a list, every list given."""

    agent_emails: FilterValues | UnsetType = UNSET
    conversation_ids: FilterValues | UnsetType = UNSET
    labels: FilterValues | UnsetType = UNSET


@frozen
class WebhookFiltersView:
    """Restrictions; an empty object lets everything through."""

    agent_emails: list[str] | UnsetType = UNSET
    conversation_ids: list[str] | UnsetType = UNSET
    labels: list[str] | UnsetType = UNSET


@frozen
class WebhookView:
    """A webhook. Its secret is shown when it is made and never again."""

    id: str
    url: str
    description: str
    events: list[str]
    filters: WebhookFiltersView
    enabled: bool
    created_at: Instant
    auto_disabled_at: Instant | UnsetType = UNSET
    auto_disabled_reason: str | UnsetType = UNSET
    last_delivered_at: Instant | UnsetType = UNSET


@frozen
class PageWebhookView:
    """A page of webhooks."""

    items: list[WebhookView]
    next_cursor: str | None


@frozen
class CreateWebhookRequest:
    """A new webhook."""

    url: WebhookUrl
    events: Annotated[list[EventType], Meta(min_length=1)]
    description: Description = ""
    filters: WebhookFiltersRequest | UnsetType = UNSET


@frozen
class CreateWebhookResponse:
    """The new webhook with its secret, shown this once."""

    signing_secret: str
    id: str
    url: str
    description: str
    events: list[str]
    filters: WebhookFiltersView
    enabled: bool
    created_at: Instant
    auto_disabled_at: Instant | UnsetType = UNSET
    auto_disabled_reason: str | UnsetType = UNSET
    last_delivered_at: Instant | UnsetType = UNSET


@frozen
class UpdateWebhookRequest:
    """What to change; each member given replaces the whole of what was there."""

    url: WebhookUrl | UnsetType = UNSET
    events: list[EventType] | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    filters: WebhookFiltersRequest | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


@frozen
class DeleteWebhookResult:
    """The webhook that is gone."""

    deleted: bool
    id: str


@frozen
class RotateSecretResponse:
    """The new secret, shown this once, and until when the old one signs beside it."""

    signing_secret: str
    previous_secret_expires_at: Instant


@frozen
class TestWebhookRequest:
    """What the test shall look like."""

    type: EventType | UnsetType = UNSET
    data: dict[str, Any] | UnsetType = UNSET


@frozen
class TestWebhookResponse:
    """The delivery to look for."""

    delivery_id: str


@frozen
class ListDeliveriesQuery:
    """Deliveries of one state, or all."""

    status: Literal["pending", "delivered", "failed"] | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
    limit: Limit = 100


@frozen
class WebhookDeliveryView:
    """One delivery with its last attempt. `last_status_code` is 0 when there was no answer."""

    id: str
    type: str
    status: str
    attempts: int
    next_retry_at: Instant
    created_at: Instant
    event_id: str | UnsetType = UNSET
    last_attempt_at: Instant | UnsetType = UNSET
    last_error: str | UnsetType = UNSET
    last_status_code: int | UnsetType = UNSET
    response_excerpt: str | UnsetType = UNSET


@frozen
class PageWebhookDeliveryView:
    """A page of deliveries."""

    items: list[WebhookDeliveryView]
    next_cursor: str | None


def filters_of(given: WebhookFiltersRequest | UnsetType) -> Filters:
    """The filters that a request asks for."""
    if given is UNSET:
        return Filters()
    return Filters(given.agent_emails or (), given.conversation_ids or (), given.labels or ())


def filters_view(webhook: Webhook) -> WebhookFiltersView:
    """The filters of a webhook, those that are there."""
    return WebhookFiltersView(
        agent_emails=webhook.agent_emails or UNSET,
        conversation_ids=webhook.conversation_ids or UNSET,
        labels=webhook.labels or UNSET,
    )


def webhook_view(webhook: Webhook) -> WebhookView:
    """A webhook as its owner sees it, without its secret."""
    return WebhookView(
        id=webhook.id,
        url=webhook.url,
        description=webhook.description,
        events=webhook.events,
        filters=filters_view(webhook),
        enabled=webhook.enabled,
        created_at=rfc3339(webhook.created_at),
        auto_disabled_at=optional_instant(webhook.auto_disabled_at),
        auto_disabled_reason=webhook.auto_disabled_reason or UNSET,
        last_delivered_at=optional_instant(webhook.last_delivered_at),
    )


def delivery_view(delivery: Delivery) -> WebhookDeliveryView:
    """A delivery as the owner of its webhook sees it."""
    return WebhookDeliveryView(
        id=delivery.id,
        type=delivery.event_type,
        status=delivery.status,
        attempts=delivery.attempts,
        next_retry_at=rfc3339(delivery.next_attempt_at),
        created_at=rfc3339(delivery.created_at),
        event_id=delivery.event_id or UNSET,
        last_attempt_at=optional_instant(delivery.last_attempt_at),
        last_error=delivery.last_error or UNSET,
        last_status_code=UNSET if delivery.last_status_code is None else delivery.last_status_code,
        response_excerpt=delivery.response_excerpt or UNSET,
    )
