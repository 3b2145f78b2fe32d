"""The document says what the contract says, for every operation that exists."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from e2ad.api.app import OPERATIONS
from e2ad.api.documents import to_yaml
from e2ad.api.openapi import document

CONTRACT = {
    one["operation_id"]: one
    for name in ("contract_operations.json", "later_operations.json")
    for one in json.loads((Path(__file__).parent / name).read_text())
}
"""The baseline, and what the published clients know beyond it."""
OPENAPI = document(OPERATIONS)
SCHEMAS = OPENAPI["components"]["schemas"]
OURS = {"deleteConnection", "editReview", "getRawMessage", "listConnections", "resolveMessage", "rotateDomainKeys"}
"""What we have beyond the contract."""
RELAXED = {"createAgent": {"email"}}
"""What the contract requires and we do not: an agent may be named by a slug instead."""
LATER_HEADERS = {"deleteDomain": {"Idempotency-Key"}}
"""What the published clients send and the baseline of the contract does not have yet."""
PAIRS = [(one.id, CONTRACT[one.id]) for one in OPERATIONS if one.id in CONTRACT]


def described(operation_id: str) -> dict[str, Any]:
    ((_, found),) = (
        (path, {**item[method], "path": path, "method": method.upper()})
        for path, item in OPENAPI["paths"].items()
        for method in item
        if item[method]["operationId"] == operation_id
    )
    return found


def parameters(operation: dict[str, Any], where: str) -> set[str]:
    return {one["name"] for one in operation["parameters"] if one["in"] == where}


@pytest.mark.parametrize(("operation_id", "contract"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_an_operation_is_the_contracts(operation_id: str, contract: dict[str, Any]) -> None:
    ours = described(operation_id)
    assert (ours["method"], ours["path"]) == (contract["method"], contract["path"])
    assert ("security" in ours) == contract["auth"]
    assert ours.get("x-stability", "stable") == contract["stability"]
    assert parameters(ours, "query") >= set(contract["query"])
    required = {one["name"] for one in ours["parameters"] if one["in"] == "query" and one["required"]}
    assert required == set(contract["query_required"])
    assert parameters(ours, "header") == set(contract["headers"]) | LATER_HEADERS.get(operation_id, set())
    assert {int(status) for status in ours["responses"] if status.startswith("2")} <= set(contract["success"])


@pytest.mark.parametrize(("operation_id", "contract"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_its_bodies_are_the_contracts(operation_id: str, contract: dict[str, Any]) -> None:
    ours = described(operation_id)
    assert ("requestBody" in ours) == (contract["request_schema"] is not None)
    if contract["request_schema"]:
        name = ours["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert name == contract["request_schema"]
        assert set(SCHEMAS[name]["properties"]) >= set(contract["request_fields"])
        assert set(SCHEMAS[name].get("required", ())) == set(contract["request_required"]) - RELAXED.get(
            operation_id, set()
        )
        assert SCHEMAS[name]["additionalProperties"] is False
    status = next(status for status in ours["responses"] if status.startswith("2"))
    schema = ours["responses"][status]["content"]["application/json"]["schema"]
    name = schema.get("anyOf", [schema])[0]["$ref"].rpartition("/")[2]
    assert name == contract["response_schema"]
    assert set(SCHEMAS[name]["properties"]) | {"features"} >= set(contract["response_required"])
    assert set(SCHEMAS[name].get("required", ())) >= set(contract["response_required"])


def test_the_contract_knows_our_operations() -> None:
    assert {one.id for one in OPERATIONS} - set(CONTRACT) <= OURS
    assert len(PAIRS) >= 5


def test_every_reference_has_a_schema() -> None:
    text = json.dumps(OPENAPI)
    for name in {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in SCHEMAS
        jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}})


def test_yaml_says_the_same() -> None:
    assert yaml.safe_load(to_yaml(OPENAPI)) == json.loads(json.dumps(OPENAPI))
    odd = {"a: b": [[], {}, [1, [2]], {"x": None, "no": "yes"}], "": "- #", "t": "line\nline"}
    assert yaml.safe_load(to_yaml(odd)) == odd


async def test_the_documents_are_served(client: Any) -> None:
    client.key = None
    for path in ("/v1/openapi.json", "/openapi.json"):
        answer = await client.get(path)
        assert answer.headers["content-type"] == "application/openapi+json"
        assert answer.json() == json.loads(json.dumps(OPENAPI))
    answer = await client.get("/v1/openapi.yaml")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/openapi+yaml")


async def test_the_page_needs_nothing_from_elsewhere(client: Any) -> None:
    client.key = None
    for path in ("/v1/docs", "/docs"):
        answer = await client.get(path)
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "http://" not in answer.text
        assert "https://" not in answer.text
        assert "<script" not in answer.text
        for operation in OPERATIONS:
            assert f'id="{operation.id}"' in answer.text


async def test_a_schema_by_name_is_complete(client: Any) -> None:
    answer = await client.get("/v1/schemas/PageAPIKeyView")
    schema = answer.json()
    assert answer.headers["content-type"] == "application/schema+json"
    assert set(schema["$defs"]) == {"APIKeyView"}
    jsonschema_rs.Draft202012Validator(schema).validate({"items": [], "next_cursor": None})
    assert (await client.get("/v1/schemas/Nobody")).code == "not_found"


def test_the_bytes_of_a_mail_are_described_as_such() -> None:
    content = described("getRawMessage")["responses"]["200"]["content"]
    assert list(content) == ["message/rfc822"]


def test_a_201_says_where() -> None:
    for name in ("createAgent", "createApiKey", "createWebhook"):
        assert "Location" in described(name)["responses"]["201"]["headers"]
