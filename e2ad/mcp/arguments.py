"""What is wrong with the arguments of a call, said so that a model can mend it."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import jsonschema_rs

from e2ad.mcp.tool import Arguments, Tool
from e2ad.sdk import E2AError

__all__ = ["check"]

MOST_PROBLEMS: Final = 10
_LONGEST: Final = 200


def check(tool: Tool, arguments: Arguments) -> None:
    """Hold arguments against a tool's schema.

    Raises:
        E2AError: `invalid_request`, with a line for each thing that is wrong.
    """
    try:
        _say(arguments)
        problems = _problems(tool, arguments)
    except (ValueError, RecursionError) as error:
        # Half a surrogate pair is no text, and nothing that people mean is as deep as this.
        raise E2AError(
            f"the arguments of {tool.name} are not JSON that can be passed on", code="invalid_request", status=400
        ) from error
    if problems:
        said = "; ".join(f"{place}: {words}" if place else words for place, words in problems)
        raise E2AError(
            f"{tool.name}: {said}",
            code="invalid_request",
            status=400,
            details={"fields": [{"location": place, "message": words} for place, words in problems]},
        )


def _say(value: Any) -> None:
    """Make sure that all text can be said in UTF-8; of ASCII it is known at once, however long it is.

    Raises:
        UnicodeEncodeError: it cannot.
    """
    if isinstance(value, str):
        if not value.isascii():
            value.encode()
    elif isinstance(value, Mapping):
        for name, member in value.items():
            _say(name)
            _say(member)
    elif isinstance(value, list):
        for member in value:
            _say(member)


@cache
def _validator(tool_name: str) -> jsonschema_rs.Draft202012Validator:
    from e2ad.mcp.table import TOOLS  # the table imports the tools, which need no validator

    return jsonschema_rs.Draft202012Validator(TOOLS[tool_name].input_schema, validate_formats=True)


def _problems(tool: Tool, arguments: Arguments) -> list[tuple[str, str]]:
    validator = _validator(tool.name)
    if validator.is_valid(arguments):
        return []
    found: list[tuple[str, str]] = []
    for error in validator.iter_errors(arguments):
        found += _explained(error, tool)
        if len(found) >= MOST_PROBLEMS:
            break
    return found[:MOST_PROBLEMS]


def _explained(error: jsonschema_rs.ValidationError, tool: Tool) -> Iterable[tuple[str, str]]:
    place = _cut("".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)[1:])
    kind: Any = error.kind
    match type(kind).__name__.rpartition("_")[2]:
        case "Required":
            more = ": true, if it is really meant" if kind.property == "confirm" else ""
            return [(_joined(place, kind.property), f"is required{more}")]
        case "AdditionalProperties":
            known = f"; it takes {', '.join(tool.parameters) or 'none'}" if not place else ""
            return [(_joined(place, _cut(name)), f"unknown argument{known}") for name in kind.unexpected]
        case "Type":
            return [(place, "expected " + " or ".join(str(name) for name in kind.types))]
        case "Enum":
            return [(place, "expected one of " + ", ".join(str(option) for option in kind.options))]
        case "Constant":
            return [(place, "must be true: say so if it is really meant")]
        case "Format":
            return [(place, "expected a time as RFC 3339 has it, such as 2026-03-01T09:00:00Z")]
        case _:
            return [
                (
                    place,
                    _BOUNDS.get(type(kind).__name__.rpartition("_")[2], "is out of bounds: {}").format(
                        getattr(kind, "limit", "")
                    ),
                )
            ]


_BOUNDS: Final[Mapping[str, str]] = {
    "MaxLength": "has more than {} characters",
    "MinLength": "has fewer than {} characters",
    "MaxItems": "has more than {} items",
    "MinItems": "needs at least {} items",
    "Maximum": "expected at most {}",
    "Minimum": "expected at least {}",
}


def _joined(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _cut(words: str) -> str:
    return words if len(words) <= _LONGEST else words[:_LONGEST] + "…"
