"""Everything that can go wrong for a caller of the API, by name.

One family: `except E2AError` catches all of it. A class is chosen by the answer's `code` first, whose families
outlive changes of status, then by its status (contract: published clients).
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = [
    "E2AAuthError",
    "E2AConflictError",
    "E2AConnectionError",
    "E2AConnectionReplacedError",
    "E2AError",
    "E2AIdempotencyError",
    "E2ALimitExceededError",
    "E2ANotFoundError",
    "E2APermissionError",
    "E2ARateLimitError",
    "E2AServerError",
    "E2AValidationError",
    "E2AWebhookSignatureError",
    "UnverifiedEmailError",
    "answered",
]


class E2AError(Exception):
    """A call did not do what was asked.

    Attributes:
        code: the contract's machine code; one of the client's own where there was no answer.
        message: a sentence for people.
        status: of the HTTP answer; 0 where there was none.
        retryable: whether the same call may work later.
        request_id: finds the request in the server's log; empty where there is none.
        details: what the answer says besides.
        retry_after_seconds: how long the server asks to wait; None where it does not say.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "error",
        status: int = 0,
        retryable: bool = False,
        request_id: str = "",
        details: Mapping[str, Any] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retryable = retryable
        self.request_id = request_id
        self.details: Mapping[str, Any] = details or {}
        self.retry_after_seconds = retry_after_seconds

    @property
    def problems(self) -> list[str]:
        """One line for each field that the server found fault with."""
        fields = self.details.get("fields")
        if not isinstance(fields, list):
            return []
        return [f"{one.get('location', '')}: {one.get('message', '')}" for one in fields if isinstance(one, Mapping)]


class E2AAuthError(E2AError):
    """401: no credential, or not one that is valid."""


class E2APermissionError(E2AError):
    """403: a valid credential that may not do this."""


class E2ANotFoundError(E2AError):
    """404 or 410: there is none, or none that this credential may see."""


class E2AConflictError(E2AError):
    """409: the state of the thing does not allow it."""


class E2AValidationError(E2AError, ValueError):
    """400, 413 or 422: the request is wrong; `problems` has a line for each field."""


class E2AIdempotencyError(E2AError):
    """An idempotency key that is in use for another request, or is not one."""


class E2ALimitExceededError(E2AError):
    """402: the account's plan has no room left."""


class E2ARateLimitError(E2AError):
    """429: too many requests; `retry_after_seconds` says when to go on."""


class E2AServerError(E2AError):
    """The server failed (5xx, 408), or its answer cannot be read (`invalid_response`)."""


class E2AConnectionError(E2AError):
    """The server could not be reached, or did not answer in time.

    Attributes:
        maybe_done: the request may have reached the server, so that nobody knows whether it had its effect.
    """

    def __init__(self, message: str, *, maybe_done: bool = False) -> None:
        super().__init__(message, code="connection_error", retryable=True)
        self.maybe_done = maybe_done


class E2AConnectionReplacedError(E2AError):
    """The server closed this listener because another one took its place (close code 4000).

    No `E2AConnectionError`: who connects again after one of those would take the place back, and so on for ever.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, code="connection_replaced")


class E2AWebhookSignatureError(E2AError):
    """A payload that was not signed with any of the secrets, not for this body, or not lately."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="webhook_signature_invalid")


class UnverifiedEmailError(E2AError, RuntimeError):
    """What a payload says was read before anybody checked who sent the payload."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="unverified_email")


_BY_STATUS: Final[Mapping[int, type[E2AError]]] = {
    400: E2AValidationError,
    401: E2AAuthError,
    402: E2ALimitExceededError,
    403: E2APermissionError,
    404: E2ANotFoundError,
    408: E2AServerError,
    409: E2AConflictError,
    410: E2ANotFoundError,
    413: E2AValidationError,
    422: E2AValidationError,
    429: E2ARateLimitError,
}

_BY_CODE: Final[Mapping[str, type[E2AError]]] = {
    "unauthorized": E2AAuthError,
    "forbidden": E2APermissionError,
    "not_found": E2ANotFoundError,
    "limit_exceeded": E2ALimitExceededError,
    "rate_limited": E2ARateLimitError,
}


def answered(status: int, document: Any, *, retry_after_seconds: float | None = None) -> E2AError:
    """The error that an answer of the API means.

    Args:
        document: the decoded body, whatever it is. Without the API's envelope something on the way answered.
        retry_after_seconds: of the header.
    """
    body = _member(document, "error")
    details = _member(body, "details")
    told = details.get("retry_after_seconds")
    if retry_after_seconds is None and isinstance(told, int | float) and not isinstance(told, bool):
        retry_after_seconds = float(told)
    code = str(body.get("code") or ("error" if body else "invalid_response"))
    error = _class(code if body else "", status)(
        str(body.get("message") or f"the server answered {status}" + ("" if body else ", and not as this API does")),
        code=code,
        status=status,
        retryable=status in (408, 429) or status >= 500 or code == "idempotency_in_flight",
        request_id=str(body.get("request_id") or ""),
        details=details,
        retry_after_seconds=retry_after_seconds,
    )
    for problem in error.problems:
        error.add_note(problem)
    return error


def _member(document: Any, name: str) -> Mapping[str, Any]:
    found = document.get(name) if isinstance(document, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _class(code: str, status: int) -> type[E2AError]:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code.startswith("idempotency_"):
        return E2AIdempotencyError
    if code.endswith("_not_found"):
        return E2ANotFoundError
    if code.endswith("_taken"):
        return E2AConflictError
    if code.startswith("invalid_"):
        return E2AValidationError
    return _BY_STATUS.get(status, E2AServerError if status >= 500 or not code else E2AError)
