"""The documents of the API: OpenAPI as JSON and YAML, each schema, and a page for people."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

import msgspec
from attrs import frozen

from e2ad.api.errors import envelope
from e2ad.api.exchange import Exchange, Response
from e2ad.api.openapi import REF, document
from e2ad.api.operation import Operation
from e2ad.api.page import render
from e2ad.core.errors import NotFound

__all__ = ["Document", "SchemaDocument", "endpoints", "to_yaml"]

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}


class _Endpoint(Protocol):
    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response: ...


@frozen
class Document:
    """A text that is made once."""

    response: Response

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """The same for everybody."""
        return self.response


@frozen
class SchemaDocument:
    """One component schema by name, complete with what it refers to."""

    schemas: Mapping[str, Any]

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """The schema, or 404."""
        name = path["name"].removesuffix(".json")
        if name not in self.schemas:
            return envelope(NotFound(f"there is no schema {name[:100]!r}"), exchange)
        return Response(200, msgspec.json.encode(self._whole(name)), "application/schema+json")

    def _whole(self, name: str) -> dict[str, Any]:
        needed, waiting = dict[str, Any](), [name]
        while waiting:
            one = waiting.pop()
            if one not in needed:
                needed[one] = self.schemas[one]
                waiting.extend(_mentions(self.schemas[one]))
        root = needed.pop(name)
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **root}
        if needed:
            whole["$defs"] = needed
        text = msgspec.json.encode(whole).replace(REF.encode(), b"#/$defs/")
        rebased: dict[str, Any] = msgspec.json.decode(text.replace(f'#/$defs/{name}"'.encode(), b'#"'))
        return rebased


@cache
def endpoints(operations: tuple[Operation, ...]) -> tuple[tuple[str, str, _Endpoint], ...]:
    """The documents' paths. Written once a process: it takes a tenth of a second."""
    openapi = document(operations)
    as_json = Document(Response(200, msgspec.json.encode(openapi), "application/openapi+json"))
    as_yaml = Document(Response(200, to_yaml(openapi).encode(), "application/openapi+yaml"))
    page = Document(Response(200, render(openapi).encode(), "text/html; charset=utf-8", PAGE_HEADERS))
    return (
        ("GET", "/v1/openapi.json", as_json),
        ("GET", "/openapi.json", as_json),
        ("GET", "/v1/openapi.yaml", as_yaml),
        ("GET", "/v1/schemas/{name}", SchemaDocument(openapi["components"]["schemas"])),
        ("GET", "/v1/docs", page),
        ("GET", "/docs", page),
    )


def to_yaml(value: Any) -> str:
    """YAML of a JSON document. Scalars and keys are written as JSON, which YAML 1.2 contains."""
    return "\n".join(_lines(value, 0)) + "\n"


def _lines(value: Any, depth: int) -> list[str]:
    indent = "  " * depth
    lines: list[str] = []
    if isinstance(value, dict):
        for name, member in value.items():
            if isinstance(member, dict | list) and member:
                lines.append(f"{indent}{_scalar(name)}:")
                lines.extend(_lines(member, depth + 1))
            else:
                lines.append(f"{indent}{_scalar(name)}: {_scalar(member)}")
    else:
        for item in value:
            if isinstance(item, dict | list) and item:
                first, *rest = _lines(item, depth + 1)
                lines.append(f"{indent}- {first.lstrip()}")
                lines.extend(rest)
            else:
                lines.append(f"{indent}- {_scalar(item)}")
    return lines


def _scalar(value: Any) -> str:
    if isinstance(value, str) and value.isidentifier() and value.lower() not in _WORDS:
        return value
    return msgspec.json.encode(value).decode()


_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def _mentions(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for item in schema for name in _mentions(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].removeprefix(REF)] if isinstance(schema.get("$ref"), str) else []
    return own + [name for item in schema.values() for name in _mentions(item)]
