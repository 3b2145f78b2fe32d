"""Tools about people: whom the account knows, and how far an agent has got with each."""

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
    RUNTIME,
    Arguments,
    Effect,
    Schema,
    Tool,
    choice,
    confirm,
    flag,
    instant,
    items,
    open_object,
    picked,
    record,
    text,
)

__all__ = ["TOOLS"]


def _tagged(pair: tuple[dict[str, Any], str | None]) -> Mapping[str, Any]:
    """A thing with the tag that `if_match` wants."""
    found, tag = pair
    return found | ({"etag": tag} if tag else {})


async def _list(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    narrowed = picked(arguments, "source", "import_batch_id", "created_after", "created_before", "limit")
    return page_of(await caller.api.contacts.list(**narrowed).page(arguments.get("cursor")))


async def _get(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    return _tagged(await caller.api.contacts.get_with_etag(arguments["address"]))


async def _create(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    body, key = picked(arguments, "address", "display_name", "metadata"), picked(arguments, "idempotency_key")
    found: dict[str, Any] = await caller.api.contacts.create(body, **key)
    return found


async def _update(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    body, match = picked(arguments, "display_name", "metadata"), picked(arguments, "if_match")
    found: dict[str, Any] = await caller.api.contacts.update(arguments["address"], body, **match)
    return found


async def _delete(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.contacts.delete(arguments["address"])
    return found


async def _import(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    body = picked(arguments, "contacts", "on_conflict", "agent_email", "stage")
    found: dict[str, Any] = await caller.api.contacts.import_(body, **picked(arguments, "idempotency_key"))
    return found


async def _delete_import(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    found: dict[str, Any] = await caller.api.contacts.delete_import(arguments["batch_id"])
    return found


async def _list_outreach(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    narrowed = picked(
        arguments, "stage", "replied", "suppressed", "next_action_before", "last_outbound_before", "limit"
    )
    found = caller.api.contacts.outreach(await caller.agent(arguments), **narrowed)
    return page_of(await found.page(arguments.get("cursor")))


async def _get_outreach(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    email = await caller.agent(arguments)
    return _tagged(await caller.api.contacts.get_outreach_with_etag(email, arguments["address"]))


async def _set_outreach(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    body, match = picked(arguments, "stage", "next_action_at", "metadata"), picked(arguments, "if_match")
    email = await caller.agent(arguments)
    found: dict[str, Any] = await caller.api.contacts.set_outreach(email, arguments["address"], body, **match)
    return found


async def _delete_outreach(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    email = await caller.agent(arguments)
    found: dict[str, Any] = await caller.api.contacts.delete_outreach(email, arguments["address"])
    return found


_ADDRESS: Final[Mapping[str, Schema]] = {"address": text("The person's address.", 320)}
_WHOSE: Final[Mapping[str, Schema]] = {"email": EMAIL}
_NAME: Final = text("The person's name.", 320)
_METADATA: Final = open_object("Notes of your own: up to 50 names with plain values. Replaces what was there.")
_IF_MATCH: Final = text("etag of what you read: nothing is changed if somebody else has changed it since.")
_STAGE: Final = text("A word of your own for how far you are, such as contacted.", 128)
_KEY: Final = text("A word of your own for this call; repeated with the same key it has its effect once.", 255)

TOOLS: Final = (
    Tool(
        "list_outreach_contacts",
        RUNTIME,
        READ,
        "List the people an agent is in touch with: stage, when the last mail went out, whether they answered, when "
        "the next step is due.",
        _list_outreach,
        optional={
            **LISTING,
            **_WHOSE,
            "stage": text("Only those in this stage.", 128),
            "replied": flag("Only those who have answered, or who have not."),
            "suppressed": flag("Only those who must get no mail, or who may."),
            "next_action_before": instant("Only those whose next step is due before this time."),
            "last_outbound_before": instant("Only those who got their last mail before this time."),
        },
        quotes_strangers=True,
    ),
    Tool(
        "get_outreach_contact",
        RUNTIME,
        READ,
        "How far an agent has got with one person.",
        _get_outreach,
        required=_ADDRESS,
        optional=_WHOSE,
        quotes_strangers=True,
    ),
    Tool(
        "set_outreach_contact",
        RUNTIME,
        DESTRUCTIVE,
        "Note how far an agent has got with one person, and when the next step is due. Sends no mail. What is left "
        "out stays as it is.",
        _set_outreach,
        required=_ADDRESS,
        optional={
            **_WHOSE,
            "stage": _STAGE,
            "next_action_at": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "When the next step is due (RFC 3339); null: there is none.",
            },
            "metadata": _METADATA,
            "if_match": _IF_MATCH,
        },
        quotes_strangers=True,
    ),
    Tool(
        "delete_outreach_contact",
        RUNTIME,
        DESTRUCTIVE,
        "Forget how far an agent has got with one person. The contact itself stays.",
        _delete_outreach,
        required={**_ADDRESS, "confirm": confirm("Deletes the agent's notes about the person.")},
        optional=_WHOSE,
    ),
    Tool(
        "list_contacts",
        ADMIN,
        READ,
        "List the people that the account knows.",
        _list,
        optional={
            "source": choice("import", "manual", "inbound", says="Only those who came in this way."),
            "import_batch_id": text("Only those of this import."),
            "created_after": instant("Only those who were added after this time."),
            "created_before": instant("Only those who were added before this time."),
            **LISTING,
        },
        quotes_strangers=True,
    ),
    Tool("get_contact", ADMIN, READ, "One person.", _get, required=_ADDRESS, quotes_strangers=True),
    Tool(
        "create_contact",
        ADMIN,
        ADDITIVE,
        "Add a person.",
        _create,
        required=_ADDRESS,
        optional={"display_name": _NAME, "metadata": _METADATA, "idempotency_key": _KEY},
    ),
    Tool(
        "update_contact",
        ADMIN,
        DESTRUCTIVE,
        "Change what is known of a person. What is left out stays as it is.",
        _update,
        required=_ADDRESS,
        optional={"display_name": _NAME, "metadata": _METADATA, "if_match": _IF_MATCH},
        quotes_strangers=True,
    ),
    Tool(
        "delete_contact",
        ADMIN,
        DESTRUCTIVE,
        "Delete a person. That they must get no mail stays known.",
        _delete,
        required={**_ADDRESS, "confirm": confirm("Deletes the contact.")},
    ),
    Tool(
        "import_contacts",
        ADMIN,
        Effect(destroys=True),
        "Add up to 1000 people at once. The answer tells for each what became of it.",
        _import,
        required={
            "contacts": {
                **items(
                    "The people.",
                    of=record("A person.", _ADDRESS, {"display_name": _NAME, "metadata": open_object("Notes.")}),
                    most=1000,
                ),
                "minItems": 1,
            }
        },
        optional={
            "on_conflict": choice("merge", "skip", says="What to do with people who are known; the default is merge."),
            "agent_email": text("Also note them as people of this agent.", 320),
            "stage": _STAGE,
            "idempotency_key": _KEY,
        },
    ),
    Tool(
        "delete_contact_import",
        ADMIN,
        DESTRUCTIVE,
        "Undo an import: those of its people who were not touched since are deleted.",
        _delete_import,
        required={"batch_id": text("Id of the import."), "confirm": confirm("Deletes its contacts.")},
    ),
)
