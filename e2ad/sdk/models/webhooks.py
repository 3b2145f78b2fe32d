"""Webhooks and their deliveries."""

from datetime import datetime

from attrs import field, frozen

__all__ = [
    "CreateWebhookResponse",
    "DeleteWebhookResult",
    "RotateSecretResponse",
    "TestWebhookResponse",
    "WebhookDeliveryView",
    "WebhookFiltersView",
    "WebhookView",
]


@frozen(kw_only=True)
class DeleteWebhookResult:
    """The webhook that is gone."""

    deleted: bool
    id: str


@frozen(kw_only=True)
class RotateSecretResponse:
    """The new secret, shown this once, and until when the old one signs beside it."""

    signing_secret: str = field(repr=False)
    previous_secret_expires_at: datetime


@frozen(kw_only=True)
class TestWebhookResponse:
    """The delivery to look for."""

    delivery_id: str


@frozen(kw_only=True)
class WebhookDeliveryView:
    """One delivery with its last attempt. `last_status_code` is 0 when there was no answer."""

    id: str
    type: str
    status: str
    attempts: int
    next_retry_at: datetime
    created_at: datetime
    event_id: str | None = None
    last_attempt_at: datetime | None = None
    last_error: str | None = None
    last_status_code: int | None = None
    response_excerpt: str | None = None


@frozen(kw_only=True)
class WebhookFiltersView:
    """Restrictions; an empty object lets everything through."""

    agent_emails: list[str] | None = None
    conversation_ids: list[str] | None = None
    labels: list[str] | None = None


@frozen(kw_only=True)
class CreateWebhookResponse:
    """The new webhook with its secret, shown this once."""

    signing_secret: str = field(repr=False)
    id: str
    url: str
    description: str
    events: list[str]
    filters: WebhookFiltersView
    enabled: bool
    created_at: datetime
    auto_disabled_at: datetime | None = None
    auto_disabled_reason: str | None = None
    last_delivered_at: datetime | None = None


@frozen(kw_only=True)
class WebhookView:
    """A webhook. Its secret is shown when it is made and never again."""

    id: str
    url: str
    description: str
    events: list[str]
    filters: WebhookFiltersView
    enabled: bool
    created_at: datetime
    auto_disabled_at: datetime | None = None
    auto_disabled_reason: str | None = None
    last_delivered_at: datetime | None = None
