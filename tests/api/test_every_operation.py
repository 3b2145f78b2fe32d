"""What holds for every operation alike, generated from the list that the app is built from."""

import json
from typing import Any

import jsonschema_rs
import pytest

from e2ad.api.app import OPERATIONS
from e2ad.api.openapi import document
from e2ad.api.operation import Operation
from e2ad.gateway.mint import new_id
from tests import factories
from tests.api.conftest import Caller, Client
from tests.api.world import AGENT, HELD_BY, MAIL, REQUESTS, World, call, let_in, named, populate, rows
from tests.zone import HOOK

SCHEMAS = document(OPERATIONS)["components"]["schemas"]
READS = [one for one in OPERATIONS if one.method == "GET"]
PAGED = [one for one in READS if one.id.startswith("list")]


@pytest.fixture
async def world(client: Client, caller: Caller) -> World:
    return await populate(client, caller.account_id)


def test_every_operation_has_its_request() -> None:
    assert {one.id for one in OPERATIONS} == set(REQUESTS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
async def test_it_works_and_answers_what_the_document_says(client: Client, world: World, operation: Operation) -> None:
    answer = await call(client, operation, REQUESTS[operation.id](world))
    assert answer.status in operation.success, answer.text
    if operation.media_type == "application/json":
        name = operation.success[answer.status].__name__
        schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
        jsonschema_rs.Draft202012Validator(schema).validate(answer.json())


@pytest.mark.parametrize("operation", PAGED, ids=named)
async def test_pages_make_up_the_whole_list(client: Client, caller: Caller, operation: Operation) -> None:
    """With any size of page, nothing comes twice and nothing is missed."""
    world = await populate(client, caller.account_id, 7)
    request = REQUESTS[operation.id](world)
    whole = (await call(client, operation, request)).json()
    assert len(whole["items"]) >= 7 or operation.id == "getInfo"
    assert whole["next_cursor"] is None
    for limit in (1, 3):
        items: list[Any] = []
        cursor = None
        while True:
            query = {**(request.query or {}), "limit": limit, **({"cursor": cursor} if cursor else {})}
            page = (await call(client, operation, request, query=query)).json()
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
            assert len(page["items"]) == limit
        assert items == whole["items"]


@pytest.mark.parametrize("operation", PAGED, ids=named)
async def test_a_cursor_is_nobody_elses(
    client: Client, world: World, operation: Operation, stranger: str, caller: Caller
) -> None:
    request = REQUESTS[operation.id](world)
    page = await call(client, operation, request, query={**(request.query or {}), "limit": 1})
    cursor = page.json()["next_cursor"]
    assert cursor
    for bad in (cursor[:-1] + ("A" if cursor[-1] != "A" else "B"), "A" + cursor, "x.y", "x" * 5000, "é"):
        answer = await call(client, operation, request, query={**(request.query or {}), "cursor": bad})
        assert (answer.status, answer.code) == (400, "invalid_cursor"), bad
    other = next(one for one in PAGED if one.id not in (operation.id, "listStarterTemplates"))
    answer = await call(client, other, REQUESTS[other.id](world), query={"cursor": cursor})
    assert (answer.status, answer.code) == (400, "invalid_cursor")
    if "{" not in operation.path and operation.id != "listStarterTemplates":
        answer = await call(client, operation, request, query={**(request.query or {}), "cursor": cursor}, key=stranger)
        assert (answer.status, answer.code) == (400, "invalid_cursor")


async def grow(client: Client, world: World, collection: str, number: int) -> None:
    """One more row at the head of a list, while somebody goes through it."""
    db, account_id = client.services.db, world.account_id
    match collection:
        case "listApiKeys":
            await factories.api_key(db, account_id)
        case "listConnections":
            await let_in(db, account_id, "mcp_new")
        case "listAgents":
            await factories.agent(db, account_id, f"new{number}@agents.localhost")
        case "listMessages" | "listConversations":
            await factories.message(db, account_id, AGENT, number=1000 + number)
        case "listSuppressions" | "listAgentSuppressions":
            agent_email = "" if collection == "listSuppressions" else AGENT
            row = {"account_id": account_id, "agent_email": agent_email, "address": f"new{number}@example.org"}
            await factories.insert(db, "suppressions", row | {"source": "manual"})
        case "listContacts" | "listEngagements":
            row = {"address": f"new{number}@example.org"}
            await client.post("/v1/contacts/import", {"contacts": [row], "agent_email": AGENT, "stage": "new"})
        case "listReviews":
            assert (await client.post(f"/v1/agents/{HELD_BY}/messages", MAIL)).status == 202
        case "listDomains":
            await factories.domain(db, f"new{number}.example.com", account_id)
        case "listTemplates":
            body = {"name": f"new{number}", "subject": "Hi", "text": "Hello"}
            assert (await client.post("/v1/templates", body)).status == 201
        case "listWebhooks":
            assert (await client.post("/v1/webhooks", {"url": HOOK, "events": ["email.received"]})).status == 201
        case "listWebhookDeliveries":
            row = {"account_id": account_id, "id": new_id("whd_"), "endpoint": world.webhook, "kind": "webhook"}
            await factories.insert(db, "deliveries", row | {"event_type": "email.received", "status": "delivered"})
        case "listEvents":
            row = {"account_id": account_id, "id": new_id("evt_"), "type": "email.received", "envelope": "{}"}
            await factories.insert(db, "events", row)
        case _:
            raise AssertionError(collection)


LIVELY = [one for one in PAGED if one.id != "listStarterTemplates"]


@pytest.mark.parametrize("operation", LIVELY, ids=named)
async def test_a_list_that_grows_gives_each_old_row_once(client: Client, caller: Caller, operation: Operation) -> None:
    world = await populate(client, caller.account_id, 5)
    request = REQUESTS[operation.id](world)
    old = [identity(one) for one in (await call(client, operation, request)).json()["items"]]
    seen: list[str] = []
    cursor = None
    for number in range(len(old) + 1):
        query = {**(request.query or {}), "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await call(client, operation, request, query=query)).json()
        seen += [identity(one) for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await grow(client, world, operation.id, number)
    assert [one for one in seen if one in old] == old
    assert len(seen) == len(set(seen))


def identity(item: dict[str, Any]) -> str:
    """What a row is known by."""
    return str(next(item[name] for name in ("id", "address", "email", "domain") if name in item))


KEYED = [one for one in OPERATIONS if one.idempotent]


@pytest.mark.parametrize("operation", KEYED, ids=named)
async def test_a_key_makes_a_request_one(client: Client, world: World, operation: Operation) -> None:
    request = REQUESTS[operation.id](world)
    headers = {**request.headers, "Idempotency-Key": "k" * 32}
    first = await call(client, operation, request, headers=headers)
    assert first.status in operation.success, first.text
    before = await rows(client)
    again = await call(client, operation, request, headers=headers)
    assert (again.status, again.body) == (first.status, first.body)
    assert await rows(client) == before
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    if operation.body is not None:
        answer = await call(client, operation, request, headers=headers, raw=json.dumps(request.body).encode() + b" ")
        assert (answer.status, answer.code) == (422, "idempotency_key_reuse")
        assert await rows(client) == before


@pytest.mark.parametrize("operation", KEYED, ids=named)
async def test_a_refused_request_frees_its_key(
    client: Client, world: World, operation: Operation, stranger: str
) -> None:
    """Of another account, with the same key; and after a request that failed."""
    request = REQUESTS[operation.id](world)
    headers = {**request.headers, "Idempotency-Key": "k" * 32}
    if "{" in operation.path:
        refused = await call(client, operation, request, headers=headers, key=stranger)
        assert refused.status == 404
    answer = await call(client, operation, request, headers=headers)
    assert answer.status in operation.success, answer.text


BODIES = [
    b"\xff\xfe{}",
    b'{"a":"\xc3\x28"}',
    b"",
    b"null",
    b"[]",
    b"7",
    b'"x"',
    b"{",
    b'{"a":1,}',
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b'{"unknown_member":1}',
    b'{"a":"\\u0000"}',
    b'{"a":"\\ud800"}',
    b'{"a":1e999999}',
    b'{"a":' + b"9" * 5000 + b"}",
    b'{"a":1,"a":2}',
    b"NaN",
    b"\xef\xbb\xbf{}",
    b"\x00",
]


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.body], ids=named)
async def test_a_body_that_is_none_is_refused_by_name(client: Client, world: World, operation: Operation) -> None:
    request = REQUESTS[operation.id](world)
    before = await rows(client)
    for raw in BODIES:
        answer = await call(client, operation, request, raw=raw)
        if raw == b"" and operation.body_optional:
            continue
        assert (answer.status, answer.code) in {(400, "invalid_request"), (422, "invalid_request")}, (raw[:20], answer)
        assert await rows(client) == before
    for name in SCHEMAS[operation.body.cls.__name__]["properties"]:
        for value in ("", 7, -1, True, [], {}, [[]], {"a": []}, "x" * 3000, ["\0"], 1e308, None):
            body = {**(request.body if isinstance(request.body, dict) else {}), name: value}
            answer = await call(client, operation, request, body=body)
            assert answer.status < 500, (name, value, answer.text)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if "{" in one.path], ids=named)
async def test_hostile_paths_and_queries_are_answered(client: Client, world: World, operation: Operation) -> None:
    request = REQUESTS[operation.id](world)
    for name in request.path:
        for value in (
            "\0",
            "é",
            "x" * 3000,
            "%00",
            "..",
            ".",
            "'",
            "a b",
            "\u202e",
            "msg_",
            "a@b@c",
            "-1",
            "99999999999",
        ):
            path = {**request.path, name: value}
            answer = await call(client, operation, type(request)(path, request.query, request.body))
            assert answer.status in (400, 404, 405, 422), (name, value, answer.status, answer.text)
    for value in ("\0", "é", "-1", "99999999999999999999", "x" * 3000, "%ff"):
        names = [one.name for one in operation.query.parameters.values()] if operation.query else []
        for name in names:
            answer = await call(client, operation, request, query={**(request.query or {}), name: value})
            assert answer.status < 500, (name, value, answer.text)
