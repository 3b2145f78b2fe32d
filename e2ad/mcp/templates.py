"""Tools about templates of mails."""

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
    Schema,
    Tool,
    confirm,
    open_object,
    picked,
    text,
)

__all__ = ["TOOLS"]


async def _list(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    return page_of(await caller.api.templates.list(**picked(arguments, "limit")).page(arguments.get("cursor")))


async def _get(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.templates.get(arguments["id"])
    return found


async def _create(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.templates.create(picked(arguments, *_PARTS, "from_starter"))
    return found


async def _update(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.templates.update(arguments["id"], picked(arguments, *_PARTS))
    return found


async def _delete(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.templates.delete(arguments["id"])
    return found


async def _validate(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    body = picked(arguments, "subject", "text", "html", "test_data")
    found: dict[str, Any] = await caller.api.templates.validate(body)
    return found


async def _list_starters(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found = caller.api.templates.list_starters(**picked(arguments, "limit"))
    return page_of(await found.page(arguments.get("cursor")))


async def _get_starter(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.templates.get_starter(arguments["alias"])
    return found


_ID: Final[Mapping[str, Schema]] = {"id": text("Id of the template.")}
_WORDS: Final[Mapping[str, Schema]] = {
    "subject": text("The subject; {{name}} stands for a value."),
    "text": text("The plain text, with {{name}} for values."),
    "html": text("The HTML, with {{name}} for values."),
}
_FIELDS: Final[Mapping[str, Schema]] = {
    "name": text("What people call it."),
    **_WORDS,
    "alias": text("A short name to send it by (template_alias)."),
}
_PARTS: Final = tuple(_FIELDS)

TOOLS: Final = (
    Tool("list_templates", ADMIN, READ, "List the account's templates.", _list, optional=LISTING),
    Tool("get_template", ADMIN, READ, "One template with its parts.", _get, required=_ID),
    Tool(
        "create_template",
        ADMIN,
        ADDITIVE,
        "Store a template: name, subject and text at least, or a copy of a starter.",
        _create,
        optional={**_FIELDS, "from_starter": text("Alias of the starter to copy (see list_starter_templates).")},
    ),
    Tool(
        "update_template",
        ADMIN,
        DESTRUCTIVE,
        "Change parts of a template. What is left out stays as it is.",
        _update,
        required=_ID,
        optional=_FIELDS,
    ),
    Tool(
        "delete_template",
        ADMIN,
        DESTRUCTIVE,
        "Delete a template.",
        _delete,
        required={**_ID, "confirm": confirm("Deletes the template.")},
    ),
    Tool(
        "validate_template",
        ADMIN,
        READ,
        "Try a template without storing or sending it: what is wrong with it, and what comes out with test data.",
        _validate,
        optional={**_WORDS, "test_data": open_object("Values for its variables.")},
    ),
    Tool(
        "list_starter_templates",
        ADMIN,
        READ,
        "List the ready-made templates that create_template can copy.",
        _list_starters,
        optional=LISTING,
    ),
    Tool(
        "get_starter_template",
        ADMIN,
        READ,
        "One ready-made template with its parts and variables.",
        _get_starter,
        required={"alias": text("Its alias.")},
    ),
)
