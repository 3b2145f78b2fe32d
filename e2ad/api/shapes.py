"""From attrs classes to JSON Schema, and from bytes to attrs values with every problem named.

msgspec gives the schema of a class and the conversion; jsonschema-rs lists all the problems of
a body at once, which a converter that stops at the first cannot. The rules of reading are the
contract's (contract: body rules): `null` for an optional property is absence, a zero number or
an empty text takes the schema's default where it has one, unknown properties are refused unless
the class is declared open.
"""

import re
import types
import typing
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar

import attrs
import jsonschema_rs
import msgspec
from attrs import frozen
from msgspec import Meta, UnsetType

__all__ = [
    "NULL_REFUSED",
    "BodyShape",
    "Instant",
    "Malformed",
    "ParameterShape",
    "Problem",
    "QueryShape",
    "components",
    "datetime_members",
    "open_body",
]

Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A time in an answer: the text that `core.events.rfc3339` makes, trimmed as the contract wants."""

NULL_REFUSED: Final = Meta(extra_json_schema={"x-null": "refused"})
"""For the few optional properties whose `null` is a mistake (422) and not absence."""

REF_TEMPLATE: Final = "#/components/schemas/{name}"
MAX_PROBLEMS: Final = 100
"""A hostile body must not be answered with more than it sent."""

_MESSAGE_CHARACTERS = 300
_OPEN = "__e2ad_open__"
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})

T = TypeVar("T")
A = TypeVar("A", bound=attrs.AttrsInstance)
C = TypeVar("C", bound=type)


class Malformed(Exception):
    """The bytes are not usable text at all (400): not JSON, not UTF-8, NUL inside, nested too deeply."""


@frozen
class Problem:
    """One entry of `details.fields`: where, and one sentence."""

    location: str
    message: str


def open_body(cls: C) -> C:
    """Mark a request class as open: properties that it does not know are ignored."""
    setattr(cls, _OPEN, True)
    return cls


def components(classes: Iterable[Any], *, strict: bool) -> dict[str, dict[str, Any]]:
    """Named JSON Schemas of `classes` and of all that they mention.

    Args:
        strict: these are request bodies: refuse unknown properties, except in open classes.
    """
    found, named = list(classes), dict[str, dict[str, Any]]()
    _, schemas = msgspec.json.schema_components(found, ref_template=REF_TEMPLATE)
    open_names = {cls.__name__ for cls in _all_classes(found) if getattr(cls, _OPEN, False)}
    for name, schema in schemas.items():
        _tidy(schema)
        if strict and name not in open_names and "properties" in schema:
            schema["additionalProperties"] = False
        named[name] = schema
    return named


class BodyShape(Generic[T]):
    """Reads request bodies into `cls`."""

    def __init__(self, cls: type[T], *, strict: bool = True) -> None:
        self.cls = cls
        self.schemas = components([cls], strict=strict)
        self._root: dict[str, Any] = {"$ref": REF_TEMPLATE.format(name=cls.__name__)}
        self._validator = jsonschema_rs.Draft202012Validator(
            {**self._root, "components": {"schemas": self.schemas}}, validate_formats=True
        )

    def read(self, raw: bytes) -> T | list[Problem]:
        """The value, or all that is wrong with it.

        Raises:
            Malformed: not JSON, or text that no field may hold.
        """
        document = self._prepare(decode(raw), self._root)
        if not self._validator.is_valid(document):
            return self._problems(document)
        try:
            return msgspec.convert(document, self.cls)
        except msgspec.ValidationError as error:
            return [_converter_problem(error)]

    def _problems(self, document: Any) -> list[Problem]:
        problems: list[Problem] = []
        for error in self._validator.iter_errors(document):
            problems.extend(_explain(error))
            if len(problems) >= MAX_PROBLEMS:
                break
        return problems[:MAX_PROBLEMS]

    def _prepare(self, value: Any, schema: Mapping[str, Any]) -> Any:
        """Absence and defaults, before validation, so that both see the same document."""
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        if isinstance(value, dict) and "properties" in schema:
            return self._prepare_object(value, schema)
        if isinstance(value, list) and isinstance(schema.get("items"), dict):
            return [self._prepare(item, schema["items"]) for item in value]
        if isinstance(value, float) and value.is_integer() and "integer" in schema.get("type", ()):
            return int(value)  # JSON has one kind of number: to a schema 60.0 is an integer
        return value

    def _prepare_object(self, value: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
        required, properties, prepared = schema.get("required", ()), schema["properties"], dict[str, Any]()
        for name, item in value.items():
            known = properties.get(name)
            if known is None:
                prepared[name] = item
            elif item is None:
                if name in required or known.get("x-null") == "refused" or _takes_null(known):
                    prepared[name] = None
            elif _is_zero(item, known) and "default" in known and "enum" not in known:
                prepared[name] = known["default"]
            else:
                prepared[name] = self._prepare(item, known)
        return prepared


class ParameterShape:
    """Reads the text of one query or path parameter."""

    def __init__(self, name: str, hint: Any, where: str, *, required: bool) -> None:
        self.name = name
        self.type = _without_unset(hint)
        self.required = required
        self.location = f"{where}.{name}"
        self._boolean = _is(self.type, bool)
        self._integer = _is(self.type, int)
        schema = msgspec.json.schema_components([self.type], ref_template=REF_TEMPLATE)[0][0]
        _tidy(schema)
        self.schema = schema

    def read(self, text: str) -> Any:
        """The value.

        Raises:
            msgspec.ValidationError: the text does not parse, or lies outside the range.
        """
        if self._boolean:
            if text in _TRUE:
                return True
            if text in _FALSE:
                return False
            raise msgspec.ValidationError("expected true or false")
        if self._integer:
            # Plain digits: the converter would also take 1e1 and 1.0.
            if not _INTEGER.fullmatch(text):
                raise msgspec.ValidationError("expected an integer")
            return msgspec.convert(int(text), self.type)
        return msgspec.convert(text, self.type)  # strictly: a number is no time


class QueryShape(Generic[A]):
    """Reads a query string into `cls`: one field a parameter, `from_` standing for `from`."""

    def __init__(self, cls: type[A]) -> None:
        self.cls = cls
        hints = typing.get_type_hints(cls, include_extras=True)
        self.parameters: dict[str, ParameterShape] = {}
        for field in attrs.fields(cls):
            name, required = field.name.removesuffix("_"), field.default is attrs.NOTHING
            shape = ParameterShape(name, hints[field.name], "query", required=required)
            if field.default not in (attrs.NOTHING, msgspec.UNSET, None):
                shape.schema["default"] = field.default
            self.parameters[field.name] = shape

    def read(self, query: Mapping[str, str]) -> A | list[Problem]:
        """The value, or all that is wrong. Unknown parameters are ignored; an empty one is absent."""
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for field, parameter in self.parameters.items():
            text = query.get(parameter.name, "")
            if text:
                try:
                    values[field] = parameter.read(text)
                except msgspec.ValidationError as error:
                    problems.append(Problem(parameter.location, _sentence(str(error))))
            elif parameter.required:
                problems.append(Problem(parameter.location, "required query parameter is missing"))
        return problems or self.cls(**values)


def decode(raw: bytes) -> Any:
    """JSON to plain values.

    Raises:
        Malformed: see there. Never anything else, however hostile the bytes.
    """
    try:
        document = msgspec.json.decode(raw)
    except RecursionError as error:
        raise Malformed("the JSON is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise Malformed("the body is not valid UTF-8") from error
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
        raise Malformed(_sentence(f"the body is not valid JSON: {error}")) from error
    # The cheap test first: a NUL can only be there where this escape is.
    if b"\\u0000" in raw and _has_nul(document):
        raise Malformed("the body holds a NUL character")
    return document


def _has_nul(document: Any) -> bool:
    waiting = [document]
    while waiting:
        match waiting.pop():
            case str() as text if "\0" in text:
                return True
            case dict() as members:
                waiting.extend(members)
                waiting.extend(members.values())
            case list() as items:
                waiting.extend(items)
            case _:
                pass
    return False


def _all_classes(classes: Iterable[Any]) -> set[Any]:
    """`classes` and every attrs class that their annotations mention."""
    seen: set[Any] = set()
    waiting = list(classes)
    while waiting:
        hint = waiting.pop()
        if isinstance(hint, type) and (attrs.has(hint) or issubclass(hint, msgspec.Struct)):
            if hint not in seen:
                seen.add(hint)
                waiting.extend(typing.get_type_hints(hint).values())
        else:
            waiting.extend(typing.get_args(hint))
    return seen


def datetime_members(classes: Iterable[Any]) -> list[str]:
    """`Class.member` of every member that is a datetime, in `classes` and in what they mention."""
    found = []
    for cls in _all_classes(classes):
        for member, hint in typing.get_type_hints(cls).items():
            waiting = [hint]
            while waiting:
                part = waiting.pop()
                if part is datetime:
                    found.append(f"{cls.__name__}.{member}")
                waiting.extend(typing.get_args(part))
    return sorted(found)


def _tidy(schema: Any) -> None:
    """`anyOf [X, null]` with a simple X becomes one type list, whose errors can be explained."""
    if isinstance(schema, list):
        for item in schema:
            _tidy(item)
    elif isinstance(schema, dict):
        for item in schema.values():
            _tidy(item)
        match schema.get("anyOf"):
            case [{"type": str() as name, **rest}, {"type": "null"}] if "enum" not in rest:
                del schema["anyOf"]
                schema.update({**rest, "type": [name, "null"]})
            case _:
                pass


def _is_zero(item: Any, schema: Mapping[str, Any]) -> bool:
    """Whether this is the zero value of the property's own type; that of another type is a mistake."""
    if item == "":
        return schema.get("type") == "string"
    return (
        isinstance(item, int | float)
        and not isinstance(item, bool)
        and item == 0
        and (schema.get("type") in ("integer", "number"))
    )


def _takes_null(schema: Mapping[str, Any]) -> bool:
    return "null" in schema.get("type", ()) or {"type": "null"} in schema.get("anyOf", ()) or not schema


def _without_unset(hint: Any) -> Any:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        kept = [arm for arm in typing.get_args(hint) if arm is not UnsetType]
        union = kept[0]
        for arm in kept[1:]:
            union = union | arm
        return union
    return hint


def _is(hint: Any, wanted: type) -> bool:
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    return hint is wanted


def _explain(error: jsonschema_rs.ValidationError) -> Iterable[Problem]:
    location = _location(error.instance_path)
    kind = type(error.kind).__name__.rpartition("_")[2]
    match kind:
        case "Required":
            name = getattr(error.kind, "property", "")
            return [Problem(location, f"expected required property {name} to be present")]
        case "AdditionalProperties":
            unexpected = getattr(error.kind, "unexpected", ())
            return [Problem(_cut(f"{location}.{name}"), "unexpected property") for name in unexpected]
        case "Type":
            return [Problem(location, "expected " + " or ".join(_types(error.kind)))]
        case "Enum":
            options = getattr(error.kind, "options", ())
            return [Problem(location, "expected one of " + ", ".join(f'"{option}"' for option in options))]
        case "Format":
            name = "an RFC 3339 date-time" if getattr(error.kind, "format", "") == "date-time" else "another format"
            return [Problem(location, f"expected {name}")]
        case "MaxLength" | "MinLength" | "MaxItems" | "MinItems" | "Maximum" | "Minimum" | "ExclusiveMinimum":
            limit = getattr(error.kind, "limit", "")
            return [Problem(location, _BOUNDS[kind].format(limit))]
        case "AnyOf":
            arms = getattr(error.kind, "context", ())
            branches = [list(arm) for arm in arms]
            deepest = max((inner for arm in branches for inner in arm), key=_depth, default=None)
            if deepest is not None and len(deepest.instance_path) > len(error.instance_path):
                return _explain(deepest)
            return [Problem(location, "expected one of the allowed shapes")]
        case _:
            return [Problem(location, _sentence(error.message))]


_BOUNDS: Final[Mapping[str, str]] = {
    "MaxLength": "expected length <= {}",
    "MinLength": "expected length >= {}",
    "MaxItems": "expected at most {} items",
    "MinItems": "expected at least {} items",
    "Maximum": "expected number <= {}",
    "Minimum": "expected number >= {}",
    "ExclusiveMinimum": "expected number > {}",
}


def _types(kind: Any) -> list[str]:
    types_ = getattr(kind, "types", ())
    return [str(name) for name in types_]


def _depth(error: Any) -> int:
    return len(error.instance_path)


def _location(path: Iterable[str | int]) -> str:
    text = "body"
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return _cut(text)


def _converter_problem(error: msgspec.ValidationError) -> Problem:
    """msgspec says `… - at `$.path``; the contract says `body.path`."""
    message, _, path = str(error).partition(" - at `$")
    return Problem(_cut("body" + path.rstrip("`")), _sentence(message))


def _sentence(message: str) -> str:
    return _cut(message)


def _cut(text: str) -> str:
    return text if len(text) <= _MESSAGE_CHARACTERS else text[:_MESSAGE_CHARACTERS] + "…"
