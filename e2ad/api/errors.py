"""From a failure to the answer of `/v1`: one envelope, one table (contract: error envelope)."""

from collections.abc import Mapping
from typing import Any

import structlog

from e2ad.api.exchange import Exchange, Response
from e2ad.api.operation import encode
from e2ad.core.errors import (
    AccessTokenExpired,
    AccessTokenInvalid,
    Failure,
    InvalidRequest,
    LimitsUnavailable,
    RateLimited,
    Unauthorized,
    Unavailable,
    answer,
)

__all__ = ["challenge", "envelope", "log_accident", "root_failure"]

log = structlog.get_logger("e2ad.api")

LIMITS_RETRY_SECONDS = 5
INTERNAL = "internal error: the request id names it in the server's log"


def envelope(error: BaseException, exchange: Exchange) -> Response:
    """The answer that tells the client of `error`. Accidents of ours show nothing of their insides."""
    row = answer(error)
    body: dict[str, Any] = {"code": row.code, "message": error.message if isinstance(error, Failure) else INTERNAL}
    if details := _details(error):
        body["details"] = details
    body["request_id"] = exchange.request_id
    return Response(row.status, encode({"error": body}), headers=retry_headers(error) | challenge(error))


def retry_headers(error: BaseException) -> dict[str, str]:
    """`Retry-After`, where waiting helps."""
    seconds = _retry_after(error)
    return {} if seconds is None else {"Retry-After": str(seconds)}


def challenge(error: BaseException) -> dict[str, str]:
    """`WWW-Authenticate` of a 401 (RFC 6750 section 3)."""
    if not isinstance(error, Unauthorized):
        return {}
    words = _TOKEN_TROUBLE.get(type(error))
    value = 'Bearer realm="e2a"'
    if words is not None:
        value += f', error="invalid_token", error_description="{words}"'
    return {"WWW-Authenticate": value}


_TOKEN_TROUBLE: Mapping[type[Failure], str] = {
    AccessTokenInvalid: "the access token is invalid",
    AccessTokenExpired: "the access token has expired",
}


def root_failure(error: BaseException) -> BaseException:
    """The one real error inside exception groups; a `Failure` before an accident, `error` itself otherwise.

    A nursery wraps what its children raise; a peer is told of what happened, not of our nesting.
    """
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [root_failure(inner) for inner in error.exceptions]
    accidents = [leaf for leaf in leaves if not isinstance(leaf, Failure)]
    return accidents[0] if accidents else leaves[0]


def log_accident(error: BaseException, exchange: Exchange, operation: str) -> None:
    """Log what is ours to repair, with the id that the client was told."""
    row = answer(error)
    if not isinstance(error, Failure):
        log.error("request failed", operation=operation, request_id=exchange.request_id, exc_info=error)
    elif row.status >= 500:
        log.warning(
            "request refused",
            operation=operation,
            request_id=exchange.request_id,
            code=row.code,
            cause=repr(error.__cause__) if error.__cause__ else None,
        )


def _details(error: BaseException) -> dict[str, Any] | None:
    if not isinstance(error, Failure):
        return None
    details = dict(error.details) if error.details is not None else None
    if details is None and type(error) is InvalidRequest:
        # The contract's shape for a rule that a handler checks: one entry without a location.
        return {"fields": [{"location": "", "message": error.message}]}
    seconds = _retry_after(error)
    if seconds is not None:
        details = (details or {}) | {"retry_after_seconds": seconds}
    return details


def _retry_after(error: BaseException) -> int | None:
    if not isinstance(error, Failure):
        return None
    if error.retry_after_seconds is not None:
        return max(1, error.retry_after_seconds)
    if isinstance(error, LimitsUnavailable):
        return LIMITS_RETRY_SECONDS
    return 1 if isinstance(error, RateLimited | Unavailable) else None
