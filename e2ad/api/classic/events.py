"""Events as the classic API tells them: key `event`, its own five names."""

from datetime import datetime
from typing import Any

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.classic.paging import page_size
from e2ad.api.events import RedeliverView, event_data, event_log, redelivery_view
from e2ad.api.operation import Result
from e2ad.core.address import fold_address
from e2ad.core.errors import InvalidRequest, NotFound
from e2ad.core.events import parse_rfc3339, rfc3339
from e2ad.gateway.events import CLASSIC_TYPES, classic_type
from e2ad.storage.events import Event, EventFilter

__all__ = ["ROUTES", "get_event", "list_events", "redeliver_event"]


@frozen
class ClassicEvent:
    """An event of the log."""

    id: str
    event: str
    created_at: str
    status: str
    data: dict[str, Any]
    agent_id: str | UnsetType = UNSET
    conversation_id: str | UnsetType = UNSET
    message_id: str | UnsetType = UNSET


@frozen
class EventList:
    """A page of events."""

    events: list[ClassicEvent]
    next_token: str | UnsetType = UNSET


@frozen
class Redeliver:
    """One webhook, or all that the event matched."""

    webhook_id: str = ""


@classic("GET", "/api/v1/events")
async def list_events(call: ClassicCall[None]) -> EventList:
    """What happened in the last 30 days, newest first."""
    names = ("event", "agent_id", "conversation_id", "message_id", "since", "until")
    filters = {name: call.first(name) or None for name in names}
    event, size = filters["event"], page_size(call)
    wanted = EventFilter(
        types=_types(event),
        agent_email=fold_address(filters["agent_id"] or "") or None,
        conversation_id=filters["conversation_id"],
        message_id=filters["message_id"],
        since=_instant("since", filters["since"]),
        until=_instant("until", filters["until"]),
    )
    walk = call.services.cursors.walk(call.principal.account_id, "classic.events", filters)
    found = await event_log(call.services).page(
        call.principal.account_id, wanted, before=walk.start(call.first("token")), limit=size + 1
    )
    page, token = walk.page(found, size, lambda event: (event.created_at, event.id))
    return EventList([_view(event) for event in page], token or UNSET)


@classic("GET", "/api/v1/events/{id}")
async def get_event(call: ClassicCall[None]) -> ClassicEvent:
    """One event."""
    event = await event_log(call.services).get(call.principal.account_id, call.path["id"])
    if event.type not in CLASSIC_TYPES:
        raise NotFound
    return _view(event)


@classic("POST", "/api/v1/events/{id}/redeliver", body=Redeliver, body_optional=True)
async def redeliver_event(call: ClassicCall[Redeliver | None]) -> Result:
    """Deliver an event once more."""
    webhook_id = call.body.webhook_id or None if call.body else None
    event_id = call.path["id"]
    targets = await event_log(call.services).redeliver(
        call.principal.account_id, event_id, webhook_id=webhook_id, key=call.header("idempotency-key")
    )
    view: RedeliverView = redelivery_view(event_id, webhook_id, targets)
    return Result(202, view)


def _types(event: str | None) -> tuple[str, ...]:
    """The types of the log behind a classic name; none behind an unknown one, which then matches nothing."""
    return tuple(name for name, told in CLASSIC_TYPES.items() if event in (None, told))


def _instant(name: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{name} must be an RFC 3339 time like 2026-06-13T10:00:00Z") from error


def _view(event: Event) -> ClassicEvent:
    return ClassicEvent(
        id=event.id,
        event=classic_type(event.type),
        created_at=rfc3339(event.created_at),
        status="processed" if event.matched else "no_match",
        data=event_data(event),
        agent_id=event.agent_email or UNSET,
        conversation_id=event.conversation_id or UNSET,
        message_id=event.message_id or UNSET,
    )


ROUTES = [list_events, get_event, redeliver_event]
