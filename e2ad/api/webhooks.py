"""Webhooks: subscriptions to events, their secrets, their deliveries."""

from msgspec import UNSET

from e2ad.api.operation import Call, Result, operation
from e2ad.api.services import Services
from e2ad.api.views import ConfirmQuery, PageQuery
from e2ad.api.webhook_views import (
    CreateWebhookRequest,
    CreateWebhookResponse,
    DeleteWebhookResult,
    ListDeliveriesQuery,
    PageWebhookDeliveryView,
    PageWebhookView,
    RotateSecretResponse,
    TestWebhookRequest,
    TestWebhookResponse,
    UpdateWebhookRequest,
    WebhookView,
    delivery_view,
    filters_of,
    filters_view,
    webhook_view,
)
from e2ad.core import errors
from e2ad.core.events import rfc3339
from e2ad.gateway.webhooks import V1, Surface, WebhookDraft, WebhookRegistry
from e2ad.storage import webhooks as table
from e2ad.storage.webhooks import Change

__all__ = [
    "OPERATIONS",
    "create_webhook",
    "delete_webhook",
    "get_webhook",
    "list_webhook_deliveries",
    "list_webhooks",
    "registry",
    "rotate_webhook_secret",
    "test_webhook",
    "update_webhook",
]


def registry(services: Services, surface: Surface = V1) -> WebhookRegistry:
    """The verbs of webhooks over this process's collaborators."""
    return WebhookRegistry(
        database=services.db,
        keys=services.keys,
        guard=services.egress,
        surface=surface,
        outbox=services.config.features.outbox,
    )


@operation(
    "listWebhooks",
    "GET",
    "/v1/webhooks",
    tag="webhooks",
    summary="List webhooks",
    query=PageQuery,
    success={200: PageWebhookView},
    errors=(errors.InvalidCursor, errors.RateLimited),
    poll=True,
)
async def list_webhooks(call: Call[PageQuery, None]) -> PageWebhookView:
    """The account's webhooks, newest first."""
    query, account_id = call.query, call.principal.account_id
    walk = call.services.cursors.walk(account_id, "webhooks")
    found = await table.page(
        call.services.db, account_id, surface=V1.name, before=walk.start(query.cursor), limit=query.limit + 1
    )
    page, cursor = walk.page(found, query.limit, lambda webhook: (webhook.created_at, webhook.id))
    return PageWebhookView([webhook_view(webhook) for webhook in page], cursor)


@operation(
    "createWebhook",
    "POST",
    "/v1/webhooks",
    tag="webhooks",
    summary="Create a webhook",
    body=CreateWebhookRequest,
    success={201: CreateWebhookResponse},
    location="/v1/webhooks/{id}",
    errors=(
        errors.InvalidWebhookUrl,
        errors.InvalidEventType,
        errors.WebhookLimitReached,
        errors.NotFound,
        errors.NotImplementedHere,
        errors.IdempotencyInFlight,
        errors.IdempotencyKeyReuse,
    ),
    idempotent=True,
)
async def create_webhook(call: Call[None, CreateWebhookRequest]) -> Result:
    """Subscribe a URL to events. The secret that signs deliveries is in this answer and nowhere else."""
    body, verbs = call.body, registry(call.services)
    draft = WebhookDraft(body.url, body.events, body.description, filters_of(body.filters))
    new = await verbs.check(call.principal.account_id, draft)
    async with call.services.db.transaction() as transaction:
        webhook, secret = await verbs.add(transaction, new, call.actor)
        view = CreateWebhookResponse(
            signing_secret=secret,
            id=webhook.id,
            url=webhook.url,
            description=webhook.description,
            events=webhook.events,
            filters=filters_view(webhook),
            enabled=webhook.enabled,
            created_at=rfc3339(webhook.created_at),
        )
        return await call.settle(transaction, Result(201, view))


@operation(
    "getWebhook",
    "GET",
    "/v1/webhooks/{id}",
    tag="webhooks",
    summary="Get a webhook",
    success={200: WebhookView},
    errors=(errors.RateLimited,),
    poll=True,
)
async def get_webhook(call: Call[None, None]) -> WebhookView:
    """One webhook, without its secret."""
    return webhook_view(await registry(call.services).get(call.principal.account_id, call.path["id"]))


@operation(
    "updateWebhook",
    "PATCH",
    "/v1/webhooks/{id}",
    tag="webhooks",
    summary="Update a webhook",
    body=UpdateWebhookRequest,
    success={200: WebhookView},
    errors=(errors.InvalidWebhookUrl, errors.InvalidEventType, errors.WebhookCooldown),
)
async def update_webhook(call: Call[None, UpdateWebhookRequest]) -> WebhookView:
    """Change a webhook; switching it on again clears an automatic stop."""
    body = call.body
    filters = None if body.filters is UNSET else filters_of(body.filters)
    change = Change(
        url=None if body.url is UNSET else body.url,
        description=None if body.description is UNSET else body.description,
        events=None if body.events is UNSET else list[str](body.events),
        agent_emails=None if filters is None else list(filters.agent_emails),
        conversation_ids=None if filters is None else list(filters.conversation_ids),
        labels=None if filters is None else list(filters.labels),
        enabled=None if body.enabled is UNSET else body.enabled,
    )
    return webhook_view(
        await registry(call.services).update(call.principal.account_id, call.path["id"], change, call.actor)
    )


@operation(
    "deleteWebhook",
    "DELETE",
    "/v1/webhooks/{id}",
    tag="webhooks",
    summary="Delete a webhook",
    query=ConfirmQuery,
    success={200: DeleteWebhookResult},
)
async def delete_webhook(call: Call[ConfirmQuery, None]) -> DeleteWebhookResult:
    """Remove a webhook for good; deliveries that still wait are given up."""
    await registry(call.services).delete(call.principal.account_id, call.path["id"], call.actor)
    return DeleteWebhookResult(deleted=True, id=call.path["id"])


@operation(
    "rotateWebhookSecret",
    "POST",
    "/v1/webhooks/{id}/rotate-secret",
    tag="webhooks",
    summary="Rotate a webhook's secret",
    success={200: RotateSecretResponse},
    errors=(errors.IdempotencyInFlight, errors.IdempotencyKeyReuse),
    idempotent=True,
)
async def rotate_webhook_secret(call: Call[None, None]) -> Result:
    """A new secret; the old one signs beside it for 24 hours, so that receivers can change over."""
    async with call.services.db.transaction() as transaction:
        secret, expires_at = await registry(call.services).rotate(
            transaction, call.principal.account_id, call.path["id"], call.actor
        )
        return await call.settle(transaction, Result(200, RotateSecretResponse(secret, rfc3339(expires_at))))


@operation(
    "testWebhook",
    "POST",
    "/v1/webhooks/{id}/test",
    tag="webhooks",
    summary="Send a test delivery",
    body=TestWebhookRequest,
    success={200: TestWebhookResponse},
    errors=(errors.WebhookDisabled, errors.InvalidEventType, errors.NotImplementedHere),
)
async def test_webhook(call: Call[None, TestWebhookRequest]) -> TestWebhookResponse:
    """Enqueue one delivery that belongs to no event, with the usual retries."""
    body = call.body
    event_type = "email.received" if body.type is UNSET else body.type
    data = {"test": True} if body.data is UNSET else body.data
    delivery_id = await registry(call.services).test(call.principal.account_id, call.path["id"], event_type, data)
    return TestWebhookResponse(delivery_id)


@operation(
    "listWebhookDeliveries",
    "GET",
    "/v1/webhooks/{id}/deliveries",
    tag="webhooks",
    summary="List a webhook's deliveries",
    query=ListDeliveriesQuery,
    success={200: PageWebhookDeliveryView},
    errors=(errors.InvalidCursor, errors.RateLimited),
    poll=True,
)
async def list_webhook_deliveries(call: Call[ListDeliveriesQuery, None]) -> PageWebhookDeliveryView:
    """What was and will be sent to a webhook, newest first."""
    query, account_id = call.query, call.principal.account_id
    webhook_id, status = call.path["id"], query.status or None
    walk = call.services.cursors.walk(account_id, "deliveries", {"webhook": webhook_id, "status": status})
    found = await table.deliveries(
        call.services.db,
        account_id,
        webhook_id,
        surface=V1.name,
        status=status,
        before=walk.start(query.cursor),
        limit=query.limit + 1,
    )
    if found is None:
        raise errors.NotFound
    page, cursor = walk.page(found, query.limit, lambda delivery: (delivery.created_at, delivery.id))
    return PageWebhookDeliveryView([delivery_view(delivery) for delivery in page], cursor)


OPERATIONS = [
    list_webhooks,
    create_webhook,
    get_webhook,
    update_webhook,
    delete_webhook,
    rotate_webhook_secret,
    test_webhook,
    list_webhook_deliveries,
]
