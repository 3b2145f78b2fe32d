"""Which error an answer becomes."""

from typing import Any

import pytest

from e2ad.core.errors import TABLE
from e2ad.sdk import errors
from e2ad.sdk.errors import E2AError, answered

BY_CODE = [
    ("unauthorized", 401, errors.E2AAuthError),
    ("forbidden", 403, errors.E2APermissionError),
    ("not_found", 404, errors.E2ANotFoundError),
    ("agent_not_found", 400, errors.E2ANotFoundError),
    ("message_gone", 410, errors.E2ANotFoundError),
    ("slug_taken", 400, errors.E2AConflictError),
    ("message_held", 409, errors.E2AConflictError),
    ("invalid_recipient", 409, errors.E2AValidationError),
    ("payload_too_large", 413, errors.E2AValidationError),
    ("unknown", 422, errors.E2AValidationError),
    ("idempotency_in_flight", 409, errors.E2AIdempotencyError),
    ("idempotency_key_reuse", 422, errors.E2AIdempotencyError),
    ("limit_exceeded", 402, errors.E2ALimitExceededError),
    ("limit_exceeded", 403, errors.E2ALimitExceededError),
    ("rate_limited", 429, errors.E2ARateLimitError),
    ("rate_limited", 503, errors.E2ARateLimitError),
    ("internal_error", 500, errors.E2AServerError),
    ("timeout", 408, errors.E2AServerError),
    ("precondition_failed", 412, E2AError),
    ("tea", 418, E2AError),
]


@pytest.mark.parametrize(("code", "status", "kind"), BY_CODE)
def test_the_code_decides_then_the_status(code: str, status: int, kind: type[E2AError]) -> None:
    error = answered(status, {"error": {"code": code, "message": "no", "request_id": "req_1", "details": {"a": 1}}})
    assert type(error) is kind
    assert (error.code, error.status, error.message, str(error)) == (code, status, "no", "no")
    assert (error.request_id, error.details) == ("req_1", {"a": 1})
    assert error.retryable == (status in (408, 429) or status >= 500 or code == "idempotency_in_flight")


@pytest.mark.parametrize(
    "document",
    [None, [], "text", 7, {}, {"error": None}, {"error": "text"}, {"error": []}, {"error": {}}, {"detail": "x"}],
)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, errors.E2AServerError),
        (404, errors.E2ANotFoundError),
        (418, errors.E2AServerError),
        (429, errors.E2ARateLimitError),
        (502, errors.E2AServerError),
    ],
)
def test_an_answer_of_somebody_else(status: int, kind: type[E2AError], document: Any) -> None:
    error = answered(status, document)
    assert type(error) is kind
    assert error.code == "invalid_response"
    assert str(status) in error.message


def test_members_of_other_types_do_no_harm() -> None:
    envelope = {"code": 7, "message": ["x"], "request_id": None, "details": [1]}
    error = answered(400, {"error": envelope})
    assert (error.code, error.message, error.request_id, error.details) == ("7", "['x']", "", {})
    fields = [{"location": "body.a", "message": "is short"}, "x", None, {"message": "is long"}]
    error = answered(422, {"error": {"code": "invalid_request", "details": {"fields": fields}}})
    assert error.problems == error.__notes__ == ["body.a: is short", ": is long"]
    assert answered(422, {"error": {"code": "x", "details": {"fields": "y"}}}).problems == []
    assert answered(429, {"error": {"code": "x", "details": {"retry_after_seconds": True}}}).retry_after_seconds is None
    assert answered(429, {"error": {"code": "x", "details": {"retry_after_seconds": "3"}}}).retry_after_seconds is None


def test_every_failure_of_the_server_has_a_class_of_its_own_family() -> None:
    """None that a caller can do something about is left in the nameless rest."""
    nameless = {
        row.code
        for row in TABLE.values()
        if row.status < 500 and type(answered(row.status, {"error": {"code": row.code}})) is E2AError
    }
    assert nameless <= {"precondition_failed", "unsupported_media_type", "method_not_allowed", "host_not_allowed"}


def test_the_family() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__ if name != "answered"]
    assert all(issubclass(kind, E2AError) for kind in kinds)
    assert issubclass(errors.E2AValidationError, ValueError)
    assert issubclass(errors.UnverifiedEmailError, RuntimeError)
    assert not errors.E2AConnectionReplacedError("x").retryable
    assert not issubclass(errors.E2AConnectionReplacedError, errors.E2AConnectionError)
    assert errors.E2AConnectionError("x").retryable
    assert errors.E2AWebhookSignatureError("x").code == "webhook_signature_invalid"
