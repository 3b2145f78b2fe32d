"""What has happened."""

from datetime import datetime
from typing import Any

from attrs import frozen

__all__ = ["DeliveryStatusJSON", "EventView", "RedeliverDelivery", "RedeliverView"]


@frozen(kw_only=True)
class DeliveryStatusJSON:
    """How far an event's deliveries are, one for each webhook that matched."""

    matched_webhooks: int
    delivered: int
    pending: int
    failed: int


@frozen(kw_only=True)
class EventView:
    """The event's envelope and what it is about."""

    id: str
    type: str
    schema_version: str
    created_at: datetime
    status: str
    data: dict[str, Any]
    agent_email: str | None = None
    conversation_id: str | None = None
    delivery_status: DeliveryStatusJSON | None = None
    message_id: str | None = None


@frozen(kw_only=True)
class RedeliverDelivery:
    """What became of one endpoint. `webhook_id` is a cloud agent's address for its own URL."""

    webhook_id: str
    status: str
    delivery_id: str | None = None
    reason: str | None = None


@frozen(kw_only=True)
class RedeliverView:
    """What was scheduled."""

    event_id: str
    status: str
    deliveries: list[RedeliverDelivery] | None = None
    delivery_id: str | None = None
    webhook_id: str | None = None
