"""The table of webhooks, and the deliveries that are made by hand rather than by an event.

Secrets are stored sealed; this module never sees one. Every change notifies `e2ad_webhooks`
with the account, every new delivery wakes the workers over `e2ad_events`.
"""

from datetime import datetime

from attrs import asdict, frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Change",
    "Delivery",
    "NewWebhook",
    "Webhook",
    "add_test",
    "delete",
    "deliveries",
    "find",
    "insert",
    "page",
    "replay_since",
    "room",
    "rotate",
    "update",
]

_SQL = load("webhooks")


@frozen
class Webhook:
    """A subscription as it is stored. `surface` is the API that made it, whose event names it uses."""

    account_id: str
    id: str
    surface: str
    url: str
    description: str
    events: list[str]
    agent_emails: list[str]
    conversation_ids: list[str]
    labels: list[str]
    sealed_secret: bytes
    enabled: bool
    auto_disabled_at: datetime | None
    auto_disabled_reason: str | None
    last_delivered_at: datetime | None
    created_at: datetime


@frozen
class NewWebhook:
    """What a webhook starts with."""

    account_id: str
    id: str
    surface: str
    url: str
    description: str
    events: list[str]
    agent_emails: list[str]
    conversation_ids: list[str]
    labels: list[str]
    sealed_secret: bytes


@frozen
class Change:
    """What to change of a webhook; None leaves it."""

    url: str | None = None
    description: str | None = None
    events: list[str] | None = None
    agent_emails: list[str] | None = None
    conversation_ids: list[str] | None = None
    labels: list[str] | None = None
    enabled: bool | None = None


@frozen
class Delivery:
    """One delivery to one endpoint, with its last attempt."""

    id: str
    event_id: str | None
    event_type: str
    status: str
    attempts: int
    next_attempt_at: datetime
    last_attempt_at: datetime | None
    last_status_code: int | None
    last_error: str | None
    response_excerpt: str | None
    created_at: datetime


async def page(
    executor: Executor, account_id: str, *, surface: str, before: tuple[datetime, str] | None, limit: int
) -> list[Webhook]:
    """Webhooks of one surface, newest first, after the position `before` (its `created_at` and id)."""
    before_at, before_id = before or (None, "")
    return await executor.fetch_all(
        _SQL["page"],
        {
            "account_id": account_id,
            "surface": surface,
            "before_at": before_at,
            "before_id": before_id,
            "limit": limit,
        },
        row=Webhook,
    )


async def find(executor: Executor, account_id: str, webhook_id: str, *, surface: str) -> Webhook | None:
    """One webhook of the account."""
    return await executor.fetch_one(
        _SQL["find"], {"account_id": account_id, "id": webhook_id, "surface": surface}, row=Webhook
    )


async def room(executor: Executor, account_id: str) -> int | None:
    """How many webhooks the account may have; holds the account until the transaction ends."""
    most: int | None = await executor.fetch_value(_SQL["room"], {"account_id": account_id})
    return most


async def insert(executor: Executor, webhook: NewWebhook, *, max_webhooks: int) -> Webhook | None:
    """The new webhook, or None when the account has as many as it may have."""
    return await executor.fetch_one(_SQL["insert"], asdict(webhook) | {"max_webhooks": max_webhooks}, row=Webhook)


async def update(
    executor: Executor, account_id: str, webhook_id: str, change: Change, *, surface: str, cooldown_seconds: float
) -> Webhook | None:
    """The changed webhook; None when there is none, or when it was stopped automatically a moment ago."""
    return await executor.fetch_one(
        _SQL["update"],
        asdict(change)
        | {
            "account_id": account_id,
            "id": webhook_id,
            "surface": surface,
            "cooldown_seconds": float(cooldown_seconds),
        },
        row=Webhook,
    )


async def rotate(
    executor: Executor, account_id: str, webhook_id: str, sealed_secret: bytes, expires_at: datetime, *, surface: str
) -> bool:
    """Put a new secret in front of the present one, which goes on until `expires_at`; False when it is gone."""
    found = await executor.fetch_value(
        _SQL["rotate"],
        {
            "account_id": account_id,
            "id": webhook_id,
            "surface": surface,
            "sealed_secret": sealed_secret,
            "expires_at": expires_at,
        },
    )
    return found is not None


async def delete(executor: Executor, account_id: str, webhook_id: str, *, surface: str) -> bool:
    """Remove a webhook; False when there is none."""
    found = await executor.fetch_value(_SQL["delete"], {"account_id": account_id, "id": webhook_id, "surface": surface})
    return found is not None


async def add_test(
    executor: Executor,
    account_id: str,
    webhook_id: str,
    *,
    surface: str,
    delivery_id: str,
    event_type: str,
    body: str,
) -> bool:
    """Enqueue a delivery of exactly `body`; False when the webhook is gone or switched off."""
    found = await executor.fetch_value(
        _SQL["add_test"],
        {
            "account_id": account_id,
            "id": webhook_id,
            "surface": surface,
            "delivery_id": delivery_id,
            "event_type": event_type,
            "body": body,
        },
    )
    return found is not None


async def deliveries(
    executor: Executor,
    account_id: str,
    webhook_id: str,
    *,
    surface: str,
    status: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Delivery] | None:
    """A webhook's deliveries, newest first; None when the webhook itself is not there."""
    before_at, before_id = before or (None, "")
    rows = await executor.fetch_all(
        _SQL["deliveries"],
        {
            "account_id": account_id,
            "id": webhook_id,
            "surface": surface,
            "status": status,
            "before_at": before_at,
            "before_id": before_id,
            "limit": limit,
        },
    )
    if not rows:
        return None
    return [Delivery(**row) for row in rows if row["id"] is not None]


async def replay_since(
    executor: Executor, account_id: str, webhook_id: str, *, surface: str, since: datetime, replay_id: str, limit: int
) -> int:
    """Enqueue again the finished deliveries of an enabled webhook that were made since a moment; how many."""
    scheduled: int = await executor.fetch_value(
        _SQL["replay_since"],
        {
            "account_id": account_id,
            "id": webhook_id,
            "surface": surface,
            "since": since,
            "replay_id": replay_id,
            "limit": limit,
        },
    )
    return scheduled
