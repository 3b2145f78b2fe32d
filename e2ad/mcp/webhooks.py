"""Tools about webhooks, and about the events that they are told of."""

from collections.abc import Mapping
from typing import Any, Final

from e2ad.core.events import EVENT_TYPES
from e2ad.mcp.caller import Caller
from e2ad.mcp.mail import page_of
from e2ad.mcp.tool import (
    ADDITIVE,
    ADMIN,
    DESTRUCTIVE,
    LISTING,
    READ,
    Arguments,
    Effect,
    Schema,
    Tool,
    choice,
    confirm,
    flag,
    instant,
    items,
    picked,
    record,
    text,
)

__all__ = ["TOOLS"]


async def _list(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found = caller.api.webhooks.list(**picked(arguments, "limit"))
    return page_of(await found.page(arguments.get("cursor")))


async def _get(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.webhooks.get(arguments["id"])
    return found


async def _create(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    body = picked(arguments, "url", "events", "description", "filters")
    found: dict[str, Any] = await caller.api.webhooks.create(body)
    return found


async def _update(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    body = picked(arguments, "url", "events", "description", "filters", "enabled")
    found: dict[str, Any] = await caller.api.webhooks.update(arguments["id"], body)
    return found


async def _delete(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.webhooks.delete(arguments["id"])
    return found


async def _rotate(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.webhooks.rotate_secret(arguments["id"])
    return found


async def _test(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.webhooks.test(arguments["id"], picked(arguments, "type"))
    return found


async def _deliveries(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found = caller.api.webhooks.deliveries(arguments["id"], **picked(arguments, "status", "limit"))
    return page_of(await found.page(arguments.get("cursor")))


async def _list_events(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    narrowed = picked(arguments, "type", "agent_email", "conversation_id", "message_id", "since", "until", "limit")
    return page_of(await caller.api.events.list(**narrowed).page(arguments.get("cursor")))


async def _get_event(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.events.get(arguments["event_id"])
    return found


async def _redeliver(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.events.redeliver(arguments["event_id"], picked(arguments, "webhook_id"))
    return found


_ID: Final[Mapping[str, Schema]] = {"id": text("Id of the webhook.")}
_URL: Final = text("Where events are posted to.")
_TYPES: Final = tuple(sorted(EVENT_TYPES))
_EVENTS: Final = items("The types of events that it gets.", of={"type": "string", "enum": list(_TYPES)})
_FILTERS: Final = record(
    "Which events it gets; all if left out.",
    {},
    {
        "agent_emails": items("Only those of these agents.", most=50),
        "conversation_ids": items("Only those of these conversations.", most=50),
        "labels": items("Only those of messages with one of these labels.", most=50),
    },
)

TOOLS: Final = (
    Tool("list_webhooks", ADMIN, READ, "List the account's webhooks.", _list, optional=LISTING),
    Tool("get_webhook", ADMIN, READ, "One webhook.", _get, required=_ID),
    Tool(
        "create_webhook",
        ADMIN,
        ADDITIVE,
        "Have events posted to a URL. The answer has the secret that they are signed with; it is shown only now.",
        _create,
        required={"url": _URL, "events": _EVENTS},
        optional={"description": text("What it is for."), "filters": _FILTERS},
    ),
    Tool(
        "update_webhook",
        ADMIN,
        DESTRUCTIVE,
        "Change a webhook, or switch it off and on. What is left out stays as it is.",
        _update,
        required=_ID,
        optional={
            "url": _URL,
            "events": _EVENTS,
            "description": text("What it is for."),
            "filters": _FILTERS,
            "enabled": flag("False: nothing is posted."),
        },
    ),
    Tool(
        "delete_webhook",
        ADMIN,
        DESTRUCTIVE,
        "Delete a webhook; what was not delivered yet is dropped.",
        _delete,
        required={**_ID, "confirm": confirm("Deletes the webhook.")},
    ),
    Tool(
        "rotate_webhook_secret",
        ADMIN,
        Effect(destroys=True),
        "Give a webhook a new secret, shown only now. The old one goes on for a day, so that the receiver can change.",
        _rotate,
        required=_ID,
    ),
    Tool(
        "test_webhook",
        ADMIN,
        Effect(reaches_out=True),
        "Post a test event to a webhook. See list_webhook_deliveries for what became of it.",
        _test,
        required=_ID,
        optional={"type": choice(*_TYPES, says="The type of the event.")},
    ),
    Tool(
        "list_webhook_deliveries",
        ADMIN,
        READ,
        "What was posted to a webhook and how it answered, newest first.",
        _deliveries,
        required=_ID,
        optional={"status": choice("pending", "delivered", "failed", says="Only those in this state."), **LISTING},
        quotes_strangers=True,
    ),
    Tool(
        "list_events",
        ADMIN,
        READ,
        "List what has happened in the account, newest first.",
        _list_events,
        optional={
            "type": choice(*_TYPES, says="Only events of this type."),
            "agent_email": text("Only events of this agent."),
            "conversation_id": text("Only events of this conversation."),
            "message_id": text("Only events of this message."),
            "since": instant("Only events from this time on."),
            "until": instant("Only events before this time."),
            **LISTING,
        },
        quotes_strangers=True,
    ),
    Tool(
        "get_event",
        ADMIN,
        READ,
        "One event, and to how many webhooks it went.",
        _get_event,
        required={"event_id": text("Id of the event.")},
        quotes_strangers=True,
    ),
    Tool(
        "redeliver_event",
        ADMIN,
        Effect(reaches_out=True),
        "Post an event once more, to all webhooks that want it or to one.",
        _redeliver,
        required={"event_id": text("Id of the event.")},
        optional={"webhook_id": text("Only to this webhook.")},
    ),
)
