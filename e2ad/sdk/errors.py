"""What can go wrong for a caller of the API."""

from collections.abc import Mapping
from typing import Any

__all__ = ["E2AConnectionError", "E2AError"]


class E2AError(Exception):
    """The server answered, and the answer was no.

    Attributes:
        code: the contract's machine code, or `error` when the body had none.
        status: the HTTP status.
        request_id: to find the request in the server's log.
        retryable: whether the same request may work later.
    """

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        error = document.get("error")
        body: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
        self.status = status
        self.code = str(body.get("code", "error"))
        self.request_id = str(body.get("request_id", ""))
        self.details: Mapping[str, Any] = body.get("details") or {}
        self.retryable = status in (408, 429) or status >= 500 or self.code == "idempotency_in_flight"
        super().__init__(str(body.get("message", f"the server answered {status}")))

    @property
    def problems(self) -> list[str]:
        """One line for each field that the server found fault with."""
        fields = self.details.get("fields")
        if not isinstance(fields, list):
            return []
        return [f"{field.get('location', '')}: {field.get('message', '')}" for field in fields]


class E2AConnectionError(Exception):
    """The server could not be reached, or did not answer in time.

    Attributes:
        maybe_done: the request may have reached the server, so that nobody knows whether it had its effect.
    """

    def __init__(self, message: str, *, maybe_done: bool = False) -> None:
        self.maybe_done = maybe_done
        super().__init__(message)
