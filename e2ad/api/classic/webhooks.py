"""Webhooks as a resource of the classic API: its own event names, `agent_ids` for filters."""

from datetime import datetime
from typing import Any, Final

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.classic.paging import page_size
from e2ad.api.operation import Result
from e2ad.api.views import optional_instant
from e2ad.api.webhooks import registry
from e2ad.core.errors import InvalidRequest, NotFound
from e2ad.core.events import parse_rfc3339, rfc3339
from e2ad.gateway.events import classic_type
from e2ad.gateway.webhooks import CLASSIC, Filters, WebhookDraft
from e2ad.storage import webhooks as table
from e2ad.storage.webhooks import Change, Delivery, Webhook

__all__ = [
    "ROUTES",
    "create_webhook",
    "delete_webhook",
    "get_webhook",
    "list_deliveries",
    "list_webhooks",
    "redeliver_since",
    "rotate_secret",
    "test_webhook",
    "update_webhook",
]

LISTED: Final = 1000
"""The list has no pages; an account has 50 webhooks at most unless its operator raised that."""


@frozen
class FiltersShape:
    """Restrictions, asked for or told; what is empty is absent."""

    agent_ids: list[str] | UnsetType = UNSET
    conversation_ids: list[str] | UnsetType = UNSET
    labels: list[str] | UnsetType = UNSET


@frozen
class ClassicWebhook:
    """A webhook; the secret only in the answer that made it."""

    id: str
    url: str
    description: str
    events: list[str]
    filters: FiltersShape
    enabled: bool
    created_at: str
    auto_disabled_at: str | UnsetType = UNSET
    last_delivered_at: str | UnsetType = UNSET
    signing_secret: str | UnsetType = UNSET


@frozen
class WebhookList:
    """All webhooks."""

    webhooks: list[ClassicWebhook]


@frozen
class CreateWebhook:
    """A new webhook."""

    url: str = ""
    events: list[str] | UnsetType = UNSET
    description: str = ""
    filters: FiltersShape | UnsetType = UNSET


@frozen
class UpdateWebhook:
    """What to change; each member given replaces the whole of what was there."""

    url: str | UnsetType = UNSET
    events: list[str] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    filters: FiltersShape | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


@frozen
class RotatedSecret:
    """The new secret, and until when the old one signs beside it."""

    signing_secret: str
    previous_secret_expires_at: str


@frozen
class Test:
    """What the test shall look like."""

    event: str = "email.received"
    data: dict[str, Any] | UnsetType = UNSET


@frozen
class Tested:
    """The delivery to look for."""

    delivery_id: str


@frozen
class ClassicDelivery:
    """One delivery with its last attempt."""

    id: str
    event: str
    status: str
    attempts: int
    next_retry_at: str
    created_at: str
    event_id: str | UnsetType = UNSET
    last_attempt_at: str | UnsetType = UNSET
    last_error: str | UnsetType = UNSET
    last_status_code: int | UnsetType = UNSET


@frozen
class DeliveryList:
    """A page of deliveries."""

    deliveries: list[ClassicDelivery]
    next_token: str | UnsetType = UNSET


@frozen
class Since:
    """From when on."""

    since: str = ""


@frozen
class Scheduled:
    """How many deliveries will be made again."""

    scheduled: int


@classic("GET", "/api/v1/webhooks", poll=True)
async def list_webhooks(call: ClassicCall[None]) -> WebhookList:
    """The account's webhooks of this API, newest first."""
    found = await table.page(
        call.services.db, call.principal.account_id, surface=CLASSIC.name, before=None, limit=LISTED
    )
    return WebhookList([_view(webhook) for webhook in found])


@classic("POST", "/api/v1/webhooks", body=CreateWebhook)
async def create_webhook(call: ClassicCall[CreateWebhook]) -> Result:
    """Subscribe a URL to events; the secret is in this answer and nowhere else."""
    body, verbs = call.body, registry(call.services, CLASSIC)
    if not body.url:
        raise InvalidRequest("url is required")
    draft = WebhookDraft(body.url, body.events or (), body.description, _filters(body.filters))
    new = await verbs.check(call.principal.account_id, draft)
    async with call.services.db.transaction() as transaction:
        webhook, secret = await verbs.add(transaction, new, call.actor)
    return Result(201, _view(webhook, secret))


@classic("GET", "/api/v1/webhooks/{id}", poll=True)
async def get_webhook(call: ClassicCall[None]) -> ClassicWebhook:
    """One webhook, without its secret."""
    return _view(await registry(call.services, CLASSIC).get(call.principal.account_id, call.path["id"]))


async def _update(call: ClassicCall[UpdateWebhook]) -> ClassicWebhook:
    body = call.body
    filters = None if body.filters is UNSET else _filters(body.filters)
    change = Change(
        url=None if body.url is UNSET else body.url,
        description=None if body.description is UNSET else body.description,
        events=None if body.events is UNSET else body.events,
        agent_emails=None if filters is None else list(filters.agent_emails),
        conversation_ids=None if filters is None else list(filters.conversation_ids),
        labels=None if filters is None else list(filters.labels),
        enabled=None if body.enabled is UNSET else body.enabled,
    )
    return _view(
        await registry(call.services, CLASSIC).update(call.principal.account_id, call.path["id"], change, call.actor)
    )


update_webhook = classic("PATCH", "/api/v1/webhooks/{id}", body=UpdateWebhook)(_update)
replace_webhook = classic("PUT", "/api/v1/webhooks/{id}", body=UpdateWebhook)(_update)


@classic("DELETE", "/api/v1/webhooks/{id}")
async def delete_webhook(call: ClassicCall[None]) -> Result:
    """Remove a webhook for good."""
    await registry(call.services, CLASSIC).delete(call.principal.account_id, call.path["id"], call.actor)
    return Result(204, None, encoded=b"")


@classic("POST", "/api/v1/webhooks/{id}/rotate-secret")
async def rotate_secret(call: ClassicCall[None]) -> RotatedSecret:
    """A new secret; the old one signs beside it for 24 hours."""
    async with call.services.db.transaction() as transaction:
        secret, expires_at = await registry(call.services, CLASSIC).rotate(
            transaction, call.principal.account_id, call.path["id"], call.actor
        )
    return RotatedSecret(secret, rfc3339(expires_at))


@classic("POST", "/api/v1/webhooks/{id}/test", body=Test, body_optional=True)
async def test_webhook(call: ClassicCall[Test | None]) -> Tested:
    """Enqueue one delivery that belongs to no event."""
    body = call.body or Test()
    data = {"test": True} if body.data is UNSET else body.data
    verbs = registry(call.services, CLASSIC)
    return Tested(await verbs.test(call.principal.account_id, call.path["id"], body.event, data))


@classic("GET", "/api/v1/webhooks/{id}/deliveries", poll=True)
async def list_deliveries(call: ClassicCall[None]) -> DeliveryList:
    """What was and will be sent to a webhook, newest first."""
    webhook_id, status, size = call.path["id"], call.first("status") or None, page_size(call)
    if status not in (None, "pending", "delivered", "failed"):
        raise InvalidRequest("status must be pending, delivered or failed")
    walk = call.services.cursors.walk(
        call.principal.account_id, "classic.deliveries", {"webhook": webhook_id, "status": status}
    )
    found = await table.deliveries(
        call.services.db,
        call.principal.account_id,
        webhook_id,
        surface=CLASSIC.name,
        status=status,
        before=walk.start(call.first("token")),
        limit=size + 1,
    )
    if found is None:
        raise NotFound
    page, token = walk.page(found, size, lambda delivery: (delivery.created_at, delivery.id))
    return DeliveryList([_delivery(delivery) for delivery in page], token or UNSET)


@classic("POST", "/api/v1/webhooks/{id}/redeliver-since", body=Since)
async def redeliver_since(call: ClassicCall[Since]) -> Result:
    """Send again what was meant for a webhook since a moment, oldest first, at most a thousand."""
    verbs = registry(call.services, CLASSIC)
    count = await verbs.replay_since(call.principal.account_id, call.path["id"], _since(call.body.since))
    return Result(202, Scheduled(count))


def _since(text: str) -> datetime:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest("since must be an RFC 3339 time like 2026-06-13T10:00:00Z") from error


def _filters(given: FiltersShape | UnsetType) -> Filters:
    if given is UNSET:
        return Filters()
    return Filters(given.agent_ids or (), given.conversation_ids or (), given.labels or ())


def _view(webhook: Webhook, secret: str | UnsetType = UNSET) -> ClassicWebhook:
    return ClassicWebhook(
        id=webhook.id,
        url=webhook.url,
        description=webhook.description,
        events=webhook.events,
        filters=FiltersShape(
            agent_ids=webhook.agent_emails or UNSET,
            conversation_ids=webhook.conversation_ids or UNSET,
            labels=webhook.labels or UNSET,
        ),
        enabled=webhook.enabled,
        created_at=rfc3339(webhook.created_at),
        auto_disabled_at=optional_instant(webhook.auto_disabled_at),
        last_delivered_at=optional_instant(webhook.last_delivered_at),
        signing_secret=secret,
    )


def _delivery(delivery: Delivery) -> ClassicDelivery:
    return ClassicDelivery(
        id=delivery.id,
        event=classic_type(delivery.event_type),
        status=delivery.status,
        attempts=delivery.attempts,
        next_retry_at=rfc3339(delivery.next_attempt_at),
        created_at=rfc3339(delivery.created_at),
        event_id=delivery.event_id or UNSET,
        last_attempt_at=optional_instant(delivery.last_attempt_at),
        last_error=delivery.last_error or UNSET,
        last_status_code=UNSET if delivery.last_status_code is None else delivery.last_status_code,
    )


ROUTES = [
    list_webhooks,
    create_webhook,
    get_webhook,
    update_webhook,
    replace_webhook,
    delete_webhook,
    rotate_secret,
    test_webhook,
    list_deliveries,
    redeliver_since,
]
