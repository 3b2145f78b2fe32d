"""What of schemathesis' findings is no fault of ours, each with its reason: the contract decides.

Loaded by schemathesis itself (`hooks` in its settings), not by pytest.
"""

import json
import os
from typing import Any

import jsonschema_rs
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData, UnsupportedMethodResponse

from e2ad.api.app import OPERATIONS
from e2ad.api.openapi import document

DOCUMENT = document(OPERATIONS)
SHAPES = {
    one.id: jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{one.body.cls.__name__}", "components": DOCUMENT["components"]}
    )
    for one in OPERATIONS
    if one.body
}
RULES = {402, 409, 410, 412, 413}
"""Statuses that say nothing about the shape of a request."""
RULES_422 = {"idempotency_key_reuse", "recipient_suppressed"}
UNSAID = {
    "createAgent": "expected required property email",  # an address or a slug: each alone is enough
    "deleteMessage": "permanent deletion needs confirm=DELETE",  # only where `permanent` is true
}
"""What a schema of ours does not say, though it is about the shape."""


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Keep what is a fault."""
    match failure:
        case UnsupportedMethodResponse():
            # Another method is 405 in the envelope, which names no others (contract: hosts, discovery).
            return not (response.status_code == 405 and _error(response)["code"] == "method_not_allowed")
        case RejectedPositiveData():
            return not _a_rule(_operation_id(case), response)
        case AcceptedNegativeData():
            return not _as_good_as_absent(case)
    return True


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Write down what each operation answered, for the test that started us."""
    if case.method.upper() == case.operation.method.upper():
        with open(os.environ["ANSWERS"], "a") as file:
            file.write(f"{_operation_id(case)} {response.status_code}\n")


def _a_rule(operation_id: str, response: Any) -> bool:
    """Whether a request of the right shape was refused by a rule that no shape can say (contract: body rules)."""
    if response.status_code in RULES:
        return True
    error = _error(response)
    places = [one["location"] for one in error.get("details", {}).get("fields", ())]
    if response.status_code == 400:
        return error["code"] != "invalid_request" or places == [""]
    told = json.dumps(error)
    return response.status_code == 422 and (
        error["code"] in RULES_422 or UNSAID.get(operation_id, "an unlikely text") in told
    )


def _as_good_as_absent(case: Any) -> bool:
    """Whether the request is a good one without its nulls and its empty filters (contract: body rules)."""
    if any(value == "" for value in (case.query or {}).values()):
        return True
    shape = SHAPES.get(_operation_id(case))
    plain = _without_nulls(case.body) if isinstance(case.body, dict) else None
    return shape is not None and plain is not None and plain != case.body and shape.is_valid(plain)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _operation_id(case: Any) -> str:
    return str(case.operation.definition.raw["operationId"])


def _error(response: Any) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(response.content)["error"]
    return error
