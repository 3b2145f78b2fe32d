"""Tools about domains of one's own."""

from collections.abc import Mapping
from typing import Any, Final

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
    confirm,
    picked,
    text,
)

__all__ = ["TOOLS"]


async def _list(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found = caller.api.domains.list(**picked(arguments, "limit"))
    return page_of(await found.page(arguments.get("cursor")))


async def _get(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.domains.get(arguments["domain"])
    return found


async def _register(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.domains.create(picked(arguments, "domain"))
    return found


async def _verify(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.domains.verify(arguments["domain"])
    return found


async def _delete(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.domains.delete(arguments["domain"])
    return found


_DOMAIN: Final[Mapping[str, Schema]] = {"domain": text("The domain, such as example.com.")}

TOOLS: Final = (
    Tool(
        "list_domains",
        ADMIN,
        READ,
        "List the account's domains and their state.",
        _list,
        optional=LISTING,
        quotes_strangers=True,
    ),
    Tool(
        "get_domain",
        ADMIN,
        READ,
        "One domain: the DNS records that it needs, and which of them were seen.",
        _get,
        required=_DOMAIN,
        quotes_strangers=True,
    ),
    Tool(
        "register_domain",
        ADMIN,
        ADDITIVE,
        "Register a domain. The answer has the DNS records that its owner must publish; then call verify_domain.",
        _register,
        required=_DOMAIN,
    ),
    Tool(
        "verify_domain",
        ADMIN,
        Effect(repeatable=True, reaches_out=True),
        "Look whether a domain's DNS records are published; if so it can be used.",
        _verify,
        required=_DOMAIN,
    ),
    Tool(
        "delete_domain",
        ADMIN,
        DESTRUCTIVE,
        "Give a domain back. It must have no agents.",
        _delete,
        required={**_DOMAIN, "confirm": confirm("Deletes the domain with its keys.")},
    ),
)
