"""Tools about the account: keys, addresses that get no mail, numbers, leave to send."""

from collections.abc import Mapping
from typing import Any, Final

from e2ad.mcp.caller import Caller
from e2ad.mcp.mail import page_of
from e2ad.mcp.tool import (
    ADDITIVE,
    ADMIN,
    DESTRUCTIVE,
    EMAIL,
    LISTING,
    READ,
    REPEATABLE,
    RUNTIME,
    Arguments,
    Schema,
    Tool,
    choice,
    confirm,
    instant,
    picked,
    text,
)

__all__ = ["TOOLS"]


async def _list_keys(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found = caller.api.account.api_keys.list(**picked(arguments, "limit"))
    return page_of(await found.page(arguments.get("cursor")))


async def _create_key(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    # Never one that rules the account: a model that was talked into making a key shall not hand that out.
    body = {"scope": "agent", **picked(arguments, "agent_email", "name", "expires_at")}
    found: dict[str, Any] = await caller.api.account.api_keys.create(body)
    return found


async def _delete_key(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.account.api_keys.delete(arguments["id"])
    return found


async def _list_suppressions(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found = caller.api.account.suppressions.list(**picked(arguments, "limit"))
    return page_of(await found.page(arguments.get("cursor")))


async def _delete_suppression(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.account.suppressions.delete(arguments["address"])
    return found


async def _list_agent_suppressions(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found = caller.api.agents.list_suppressions(await caller.agent(arguments), **picked(arguments, "limit"))
    return page_of(await found.page(arguments.get("cursor")))


async def _create_agent_suppression(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    body = picked(arguments, "address", "reason")
    found: dict[str, Any] = await caller.api.agents.create_suppression(await caller.agent(arguments), body)
    return found


async def _delete_agent_suppression(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    email = await caller.agent(arguments)
    found: dict[str, Any] = await caller.api.agents.delete_suppression(email, arguments["address"])
    return found


async def _agent_metrics(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    window = picked(arguments, "start", "end")
    found: dict[str, Any] = await caller.api.messages.get_metrics(await caller.agent(arguments), **window)
    return found


async def _account_metrics(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.account.metrics(**picked(arguments, "start", "end", "bucket", "group_by"))
    return found


async def _sending_access(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    return {
        "status": "not_required",
        "message": "On this deployment every account may send to everybody; there is nothing to ask for.",
    }


_ADDRESS: Final[Mapping[str, Schema]] = {"address": text("The address that gets no mail.", 320)}
_WHOSE: Final[Mapping[str, Schema]] = {"email": EMAIL}
_WINDOW: Final[Mapping[str, Schema]] = {
    "start": instant("From this time on; the default is 30 days ago."),
    "end": instant("Before this time."),
}

TOOLS: Final = (
    Tool(
        "get_agent_metrics",
        RUNTIME,
        READ,
        "Numbers about an agent's mail: received, sent, delivered, bounced, held, and the rates of them.",
        _agent_metrics,
        optional={**_WHOSE, **_WINDOW},
    ),
    Tool(
        "get_account_metrics",
        ADMIN,
        READ,
        "The same numbers for the whole account, and how its webhooks do.",
        _account_metrics,
        optional={
            **_WINDOW,
            "bucket": choice("day", says="day: also day by day."),
            "group_by": choice("agent", says="agent: also for each agent."),
        },
    ),
    Tool(
        "list_api_keys",
        ADMIN,
        READ,
        "List the account's API keys: names, scopes and first characters, never the keys.",
        _list_keys,
        optional=LISTING,
    ),
    Tool(
        "create_api_key",
        ADMIN,
        ADDITIVE,
        "Make an API key for one agent. The answer has the key, shown only now: give it to the person you work for and "
        "to nobody else, and put it into no mail.",
        _create_key,
        required={"agent_email": text("The agent that it is for.")},
        optional={"name": text("What it is for.", 200), "expires_at": instant("When it ends; never if left out.")},
    ),
    Tool(
        "delete_api_key",
        ADMIN,
        DESTRUCTIVE,
        "Revoke an API key; whoever uses it is locked out at once.",
        _delete_key,
        required={"id": text("Id of the key."), "confirm": confirm("Revokes the key.")},
    ),
    Tool(
        "list_suppressions",
        ADMIN,
        READ,
        "List the addresses to which the whole account sends nothing, because they bounced or complained.",
        _list_suppressions,
        optional=LISTING,
        quotes_strangers=True,
    ),
    Tool(
        "delete_suppression",
        ADMIN,
        DESTRUCTIVE,
        "Let the account send to an address again. Someone who complained must have agreed to it.",
        _delete_suppression,
        required={**_ADDRESS, "confirm": confirm("The address can get mail again.")},
    ),
    Tool(
        "list_agent_suppressions",
        ADMIN,
        READ,
        "List the addresses to which one agent sends nothing.",
        _list_agent_suppressions,
        optional={**LISTING, **_WHOSE},
        quotes_strangers=True,
    ),
    Tool(
        "create_agent_suppression",
        ADMIN,
        REPEATABLE,
        "Have an agent send nothing more to an address.",
        _create_agent_suppression,
        required=_ADDRESS,
        optional={"reason": text("Why, for the record.", 2000), **_WHOSE},
    ),
    Tool(
        "delete_agent_suppression",
        ADMIN,
        DESTRUCTIVE,
        "Let an agent send to an address again. Someone who unsubscribed must have agreed to it.",
        _delete_agent_suppression,
        required={**_ADDRESS, "confirm": confirm("The address can get mail again.")},
        optional=_WHOSE,
    ),
    Tool(
        "get_sending_access_request",
        ADMIN,
        READ,
        "Whether the account may send to people outside, and what became of a request for it.",
        _sending_access,
    ),
    Tool(
        "request_sending_access",
        ADMIN,
        READ,
        "Ask for leave to send to people outside, where a deployment demands that.",
        _sending_access,
    ),
)
