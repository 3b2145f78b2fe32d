"""What a tool is, and the words in which its parameters are described. Pure."""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from e2ad.mcp.caller import Caller

__all__ = [
    "ADDITIVE",
    "ADMIN",
    "DESTRUCTIVE",
    "EMAIL",
    "LISTING",
    "READ",
    "REPEATABLE",
    "RUNTIME",
    "SENDING",
    "Arguments",
    "Effect",
    "Schema",
    "Tier",
    "Tool",
    "choice",
    "confirm",
    "flag",
    "instant",
    "items",
    "number",
    "open_object",
    "picked",
    "record",
    "text",
]

Arguments: TypeAlias = Mapping[str, Any]
Schema: TypeAlias = Mapping[str, Any]


class Tier(Enum):
    """Who is offered a tool.

    The mail of one inbox is for every credential; what rules the account is for account credentials alone.
    """

    RUNTIME = "runtime"
    ADMIN = "admin"


RUNTIME: Final = Tier.RUNTIME
ADMIN: Final = Tier.ADMIN


@frozen
class Effect:
    """What a call does to the world, in the hints of the protocol.

    Attributes:
        reads_only: nothing is different afterwards.
        destroys: something that was there may be gone or changed afterwards.
        repeatable: a second call with the same arguments changes nothing more.
        reaches_out: people outside may notice, by mail or by a request to their server.
    """

    reads_only: bool = False
    destroys: bool = False
    repeatable: bool = False
    reaches_out: bool = False


READ: Final = Effect(reads_only=True, repeatable=True)
ADDITIVE: Final = Effect()
REPEATABLE: Final = Effect(repeatable=True)
DESTRUCTIVE: Final = Effect(destroys=True, repeatable=True)
SENDING: Final = Effect(reaches_out=True)


@frozen
class Tool:
    """One tool: what a model is told of it, and the call that it is.

    Attributes:
        required, optional: parameters, each with its schema; no others are taken.
        quotes_strangers: the answer holds words of whoever wrote a mail, and no fence around them.
        listed: offered by `tools/list`; one that is not can still be called by those who know its name.
    """

    name: str
    tier: Tier
    effect: Effect
    description: str
    call: Callable[[Caller, Arguments], Awaitable[Mapping[str, Any]]] = field(repr=False)
    required: Mapping[str, Schema] = field(factory=dict, repr=False)
    optional: Mapping[str, Schema] = field(factory=dict, repr=False)
    quotes_strangers: bool = False
    listed: bool = True

    @property
    def parameters(self) -> dict[str, Schema]:
        """All of them, the required ones first."""
        return {**self.required, **self.optional}

    @property
    def input_schema(self) -> dict[str, Any]:
        """The schema of the arguments; it is strict."""
        schema: dict[str, Any] = {"type": "object", "properties": self.parameters, "additionalProperties": False}
        if self.required:
            schema["required"] = list(self.required)
        return schema


def text(says: str, longest: int | None = None) -> Schema:
    """A string."""
    bound = {} if longest is None else {"maxLength": longest}
    return {"type": "string", "description": says, **bound}


def instant(says: str) -> Schema:
    """A point in time."""
    return {"type": "string", "format": "date-time", "description": f"{says} RFC 3339, such as 2026-03-01T09:00:00Z."}


def choice(*values: str, says: str) -> Schema:
    """One of several words."""
    return {"type": "string", "enum": list(values), "description": says}


def flag(says: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": says}


def number(says: str, least: int, most: int | None = None) -> Schema:
    """A whole number."""
    bound = {} if most is None else {"maximum": most}
    return {"type": "integer", "minimum": least, **bound, "description": says}


def items(says: str, of: Schema | None = None, most: int | None = None) -> Schema:
    """A list, of strings if nothing else is said."""
    bound = {} if most is None else {"maxItems": most}
    return {"type": "array", "items": of or {"type": "string"}, **bound, "description": says}


def record(says: str, required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with known members."""
    return {
        "type": "object",
        "description": says,
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def open_object(says: str) -> Schema:
    """An object whose members are the caller's own."""
    return {"type": "object", "description": says}


def confirm(says: str) -> Schema:
    """The word that a deletion is meant."""
    return {"type": "boolean", "const": True, "description": f"Must be true. {says}"}


EMAIL: Final = text("Address of the agent. Leave it out to mean that of your credential, or the only one there is.")

LISTING: Final[Mapping[str, Schema]] = {
    "cursor": text("next_cursor of the page before; leave it out for the first page."),
    "limit": number("How many items a page has.", 1, 100),
}


def picked(arguments: Arguments, *names: str, **renamed: str) -> dict[str, Any]:
    """Those of the arguments that were given, under the names that the API has for them.

    Args:
        names: arguments that are called the same there.
        renamed: the API's name for an argument, by the argument's.
    """
    found = {name: arguments[name] for name in names if name in arguments}
    return found | {there: arguments[here] for here, there in renamed.items() if here in arguments}
