"""The OpenAPI 3.1 document, made from the operations themselves.

What is checked is what is written: parameters and schemas are those that the requests are read
with, so the document cannot promise what the server refuses.
"""

import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.meta import API_VERSION
from e2ad.api.operation import Operation, Scope
from e2ad.api.shapes import ParameterShape, components
from e2ad.core.errors import (
    Failure,
    Forbidden,
    IdempotencyInFlight,
    IdempotencyKeyReuse,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
    answer,
)

__all__ = ["ErrorEnvelope", "document", "raised"]

REF: Final = "#/components/schemas/"
_FAILURE_NAMES: Final[Mapping[int, str]] = {
    400: "the request is not usable, or breaks a rule",
    401: "no credential, or none that is good",
    402: "a quota is used up",
    403: "the credential may not do this, or a policy forbids it",
    404: "no such resource",
    409: "the state of the resource does not allow it",
    410: "past its retention",
    412: "what is stored is not what the caller has seen",
    413: "too large",
    415: "the body is not JSON",
    422: "the request does not have the shape of the schema",
    429: "too many requests",
    500: "an accident of the server",
    501: "switched off on this deployment",
    503: "temporarily unavailable",
}
_RATE_HEADERS: Final = {
    "RateLimit-Limit": "requests a window",
    "RateLimit-Remaining": "requests left in it",
    "RateLimit-Reset": "seconds until it ends",
}


@frozen
class FieldError:
    """One problem of a request."""

    location: str
    message: str


@frozen
class ErrorBody:
    """What went wrong: branch on `code`, show `message`."""

    code: str
    message: str
    request_id: str
    details: dict[str, Any] | UnsetType = UNSET


@frozen
class ErrorEnvelope:
    """The body of every answer that is not a success."""

    error: ErrorBody


@frozen
class ValidationErrorDetails:
    """`details` of invalid_request."""

    fields: list[FieldError]


@frozen
class RetryAfterDetails:
    """`details` of what may work later."""

    retry_after_seconds: int


@frozen
class PayloadTooLargeDetails:
    """`details` of payload_too_large."""

    scope: str
    actual_bytes: int
    max_bytes: int
    filename: str | UnsetType = UNSET


@frozen
class LimitExceededDetails:
    """`details` of limit_exceeded."""

    resource: str
    limit: int
    current: int
    plan_code: str | UnsetType = UNSET
    upgrade_url: str | UnsetType = UNSET


_ENVELOPES: Final = (
    ErrorEnvelope,
    ValidationErrorDetails,
    RetryAfterDetails,
    PayloadTooLargeDetails,
    LimitExceededDetails,
)


def document(operations: Sequence[Operation], *, server_url: str = "") -> dict[str, Any]:
    """The whole document.

    Args:
        operations: in the order in which they are to be shown.
        server_url: where the API is reached; left out when nobody said.
    """
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "e2ad",
            "version": API_VERSION,
            "description": "Authenticated e-mail for AI agents. Send a Bearer API key; branch on `error.code`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        **({"servers": [{"url": server_url}]} if server_url else {}),
        "tags": [{"name": tag} for tag in dict.fromkeys(one.tag for one in operations)],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    views: list[Any] = list(_ENVELOPES)
    strict: dict[str, Any] = {}
    for one in operations:
        views.extend(view for view in (*one.success.values(), *one.views.values()) if _is_class(view))
        if one.body is not None:
            strict |= one.body.schemas
    return dict(sorted((components(views, strict=False) | strict).items()))


def _operation(one: Operation) -> dict[str, Any]:
    document: dict[str, Any] = {
        "operationId": one.id,
        "summary": one.summary,
        "tags": [one.tag],
        "parameters": _parameters(one),
        "responses": _responses(one),
    }
    if one.description:
        document["description"] = one.description
    if one.beta:
        document["x-stability"] = "beta"
    if one.scope is not Scope.PUBLIC:
        document["security"] = [{"bearer": []}]
        document["x-agent-scope"] = {Scope.ANY: "any", Scope.OWN: "own inbox", Scope.ACCOUNT: "none"}[one.scope]
    if one.body is not None:
        schema = {"$ref": REF + one.body.cls.__name__}
        document["requestBody"] = {
            "required": not one.body_optional,
            "content": {"application/json": {"schema": schema}},
        }
    return document


def _parameters(one: Operation) -> list[dict[str, Any]]:
    names = [segment[1:-1] for segment in one.path.split("/") if segment.startswith("{")]
    found = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": one.path_types[name].schema if name in one.path_types else {"type": "string"},
        }
        for name in names
    ]
    if one.query is not None:
        found.extend(_query_parameter(parameter) for parameter in one.query.parameters.values())
    if one.idempotent:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "the same key with the same request has the effect once",
                "schema": {"type": "string", "maxLength": 255},
            }
        )
    if one.conditional:
        found.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": False,
                "description": "an ETag that was read, or * for any: what has changed since then is left alone",
                "schema": {"type": "string", "minLength": 1},
            }
        )
    return found


def _query_parameter(parameter: ParameterShape) -> dict[str, Any]:
    schema = dict(parameter.schema)
    described = {"description": schema.pop("description")} if "description" in schema else {}
    return {"name": parameter.name, "in": "query", "required": parameter.required, **described, "schema": schema}


def raised(one: Operation) -> list[type[Failure]]:
    """Every failure that an operation can answer with: its own, and those of what stands before it."""
    public, written = one.scope is Scope.PUBLIC, one.method != "GET"
    shaped = one.body is not None or one.query is not None or bool(one.path_types)
    found: list[type[Failure]] = [*one.errors, InvalidRequest, Unavailable, Failure]
    found += [] if public else [Unauthorized, Forbidden]
    found += [NotFound] if "{" in one.path else []
    found += [RateLimited] if one.poll or one.registration else []
    found += [PayloadTooLarge] if written else []
    found += [UnsupportedMediaType] if one.body is not None else []
    found += [ValidationFailed] if shaped else []
    found += [IdempotencyInFlight, IdempotencyKeyReuse] if one.idempotent else []
    return list(dict.fromkeys(found))


def _responses(one: Operation) -> dict[str, Any]:
    limited = one.poll or one.registration
    headers = {name: _header(text, "integer") for name, text in _RATE_HEADERS.items()} if limited else {}
    located = {"Location": _header("the path of what was made", "string", required=True)} if one.location else {}
    tagged = {"ETag": _header("the version, for If-Match", "string", required=True)} if one.tagged else {}
    named = {"X-Request-Id": _header("names this request in the log", "string", required=True)}
    responses: dict[str, Any] = {}
    for status, view in one.success.items():
        responses[str(status)] = {
            "description": "done" if status < 202 else "accepted",
            "headers": {**named, **(located if status == 201 else {}), **tagged, **headers},
            "content": {one.media_type: {"schema": _answer_schema(one, view)}},
            **({"x-views": {name: _view_schema(other) for name, other in one.views.items()}} if one.views else {}),
        }
    declared: dict[int, list[str]] = {}
    for failure in raised(one):
        row = answer(failure())
        codes = declared.setdefault(row.status, [])
        if row.code not in codes:
            codes.append(row.code)
    content = {"application/json": {"schema": {"$ref": REF + ErrorEnvelope.__name__}}}
    for status, codes in sorted(declared.items()):
        responses[str(status)] = {
            "description": f"{_FAILURE_NAMES.get(status, 'refused')}: {', '.join(codes)}",
            "headers": named | _REFUSAL_HEADERS.get(status, {}),
            "content": content,
            "x-codes": codes,
        }
    return responses


def _header(text: str, kind: str, *, required: bool = False) -> dict[str, Any]:
    return {"description": text, "required": required, "schema": {"type": kind}}


_REFUSAL_HEADERS: Final = {
    401: {"WWW-Authenticate": _header("the scheme, and what is wrong with a token", "string", required=True)},
    429: {"Retry-After": _header("seconds to wait", "integer", required=True)},
    503: {"Retry-After": _header("seconds to wait", "integer", required=True)},
}


def _view_schema(view: Any) -> dict[str, Any]:
    if view is bytes:
        return {"type": "string", "format": "binary"}
    return {"$ref": REF + view.__name__} if _is_class(view) else {}


def _answer_schema(one: Operation, view: Any) -> dict[str, Any]:
    if not one.views:
        return _view_schema(view)
    return {"anyOf": [_view_schema(view), *map(_view_schema, one.views.values())]}


def _is_class(view: Any) -> bool:
    return isinstance(view, type) and typing.get_origin(view) is None and view not in (dict, bytes)
