"""Events: the log of what happened, and sending one again."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.operation import Call, operation
from e2ad.api.services import Services
from e2ad.api.shapes import NULL_REFUSED, Instant
from e2ad.api.views import Cursor, Limit, filter_instant
from e2ad.core import errors
from e2ad.core.address import fold_address
from e2ad.core.events import SCHEMA_VERSION, rfc3339
from e2ad.gateway.events import EventLog
from e2ad.storage.events import Event, EventFilter, Redelivery

__all__ = [
    "OPERATIONS",
    "EventView",
    "RedeliverView",
    "event_data",
    "event_log",
    "get_event",
    "list_events",
    "redeliver_event",
    "redelivery_view",
]

_Time = Annotated[str, Meta(description="RFC 3339", extra_json_schema={"format": "date-time"})]


@frozen
class DeliveryStatusJSON:
    """How far an event's deliveries are, one for each webhook that matched."""

    matched_webhooks: int
    delivered: int
    pending: int
    failed: int


@frozen
class EventView:
    """The event's envelope and what it is about."""

    id: str
    type: str
    schema_version: str
    created_at: Instant
    status: str
    data: dict[str, Any]
    agent_email: str | UnsetType = UNSET
    conversation_id: str | UnsetType = UNSET
    delivery_status: DeliveryStatusJSON | UnsetType = UNSET
    message_id: str | UnsetType = UNSET


@frozen
class PageEventView:
    """A page of events."""

    items: list[EventView]
    next_cursor: str | None


@frozen
class ListEventsQuery:
    """Which events; all that is given must hold."""

    type: str | UnsetType = UNSET
    agent_email: str | UnsetType = UNSET
    conversation_id: str | UnsetType = UNSET
    message_id: str | UnsetType = UNSET
    since: _Time | UnsetType = UNSET
    until: _Time | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
    limit: Limit = 100


@frozen
class RedeliverEventRequest:
    """One webhook, or all that the event matched."""

    webhook_id: Annotated[str, NULL_REFUSED] | UnsetType = UNSET


@frozen
class RedeliverDelivery:
    """What became of one endpoint. `webhook_id` is a cloud agent's address for its own URL."""

    webhook_id: str
    status: str
    delivery_id: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET


@frozen
class RedeliverView:
    """What was scheduled."""

    event_id: str
    status: str
    deliveries: list[RedeliverDelivery] | UnsetType = UNSET
    delivery_id: str | UnsetType = UNSET
    webhook_id: str | UnsetType = UNSET


def event_log(services: Services) -> EventLog:
    """The verbs of events over this process's collaborators."""
    config = services.config
    return EventLog(services.db, config.retention.event_days, config.features.outbox)


@operation(
    "listEvents",
    "GET",
    "/v1/events",
    tag="events",
    summary="List events",
    query=ListEventsQuery,
    success={200: PageEventView},
    errors=(errors.InvalidFilter, errors.InvalidCursor, errors.EventsLogDisabled),
)
async def list_events(call: Call[ListEventsQuery, None]) -> PageEventView:
    """What happened in the last 30 days, newest first, with the state of its deliveries."""
    query, account_id = call.query, call.principal.account_id
    filters = {
        name: getattr(query, name) or None
        for name in ("type", "agent_email", "conversation_id", "message_id", "since", "until")
    }
    wanted = EventFilter(
        types=(query.type,) if query.type else None,
        agent_email=fold_address(query.agent_email) if query.agent_email else None,
        conversation_id=query.conversation_id or None,
        message_id=query.message_id or None,
        since=filter_instant("since", query.since),
        until=filter_instant("until", query.until),
    )
    walk = call.services.cursors.walk(account_id, "events", filters)
    found = await event_log(call.services).page(
        account_id, wanted, before=walk.start(query.cursor), limit=query.limit + 1
    )
    page, cursor = walk.page(found, query.limit, lambda event: (event.created_at, event.id))
    return PageEventView([_view(event) for event in page], cursor)


@operation(
    "getEvent",
    "GET",
    "/v1/events/{id}",
    tag="events",
    summary="Get an event",
    success={200: EventView},
    errors=(errors.Gone, errors.EventsLogDisabled),
)
async def get_event(call: Call[None, None]) -> EventView:
    """One event of the last 30 days."""
    return _view(await event_log(call.services).get(call.principal.account_id, call.path["id"]))


@operation(
    "redeliverEvent",
    "POST",
    "/v1/events/{id}/redeliver",
    tag="events",
    summary="Send an event again",
    body=RedeliverEventRequest,
    body_optional=True,
    success={202: RedeliverView},
    errors=(errors.Gone, errors.Conflict, errors.WebhookDisabled, errors.EventsLogDisabled),
)
async def redeliver_event(call: Call[None, RedeliverEventRequest]) -> RedeliverView:
    """Deliver an event once more, under its own id, to one webhook or to all that it matched.

    A request within 60 seconds of the last one is taken for its repetition. An
    `Idempotency-Key` says otherwise: each key is sent once, however soon.
    """
    event_id, webhook_id = call.path["id"], call.body.webhook_id or None
    targets = await event_log(call.services).redeliver(
        call.principal.account_id, event_id, webhook_id=webhook_id, key=call.header("idempotency-key")
    )
    return redelivery_view(event_id, webhook_id, targets)


def redelivery_view(event_id: str, webhook_id: str | None, targets: Sequence[Redelivery]) -> RedeliverView:
    """What is told of a redelivery: of the one webhook that was named, else of every endpoint."""
    if webhook_id is not None:
        return RedeliverView(event_id, "pending", delivery_id=targets[0].delivery_id or UNSET, webhook_id=webhook_id)
    return RedeliverView(event_id, "scheduled", [_delivery(target) for target in targets] or UNSET)


def event_data(event: Event) -> dict[str, Any]:
    """The `data` member of an event's stored envelope."""
    data: dict[str, Any] = msgspec.json.decode(event.envelope)["data"]
    return data


def _view(event: Event) -> EventView:
    data = event_data(event)
    # As in the message itself: a first contact has no conversation that clients are told of.
    threaded = event.type != "email.received" or bool(data.get("conversation_id"))
    return EventView(
        id=event.id,
        type=event.type,
        schema_version=SCHEMA_VERSION,
        created_at=rfc3339(event.created_at),
        # Deliveries are written with the event, so none is ever waiting to be matched.
        status="processed" if event.matched else "no_match",
        data=data,
        agent_email=event.agent_email or UNSET,
        conversation_id=(event.conversation_id or UNSET) if threaded else UNSET,
        delivery_status=DeliveryStatusJSON(event.matched, event.delivered, event.pending, event.failed),
        message_id=event.message_id or UNSET,
    )


def _delivery(target: Redelivery) -> RedeliverDelivery:
    if target.delivery_id is not None:
        return RedeliverDelivery(target.endpoint, "pending", delivery_id=target.delivery_id)
    reason = "disabled" if target.known else "deleted"
    return RedeliverDelivery(target.endpoint, "skipped", reason=reason)


OPERATIONS = [list_events, get_event, redeliver_event]
