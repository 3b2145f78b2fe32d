"""The account and its keys."""

from datetime import timedelta
from typing import Any

import pytest

from e2ad.core.events import rfc3339
from e2ad.gateway.mint import now


async def test_the_account(client: Any, caller: Any, database: Any, api: Any) -> None:
    await api.make_agent(database, caller.account_id, "a@x.test")
    assert (await client.get("/v1/account")).json() == {
        "user": {"id": caller.account_id, "email": "owner@example.com"},
        "scope": "account",
        "plan_code": "default",
        "limits": {
            "max_agents": 1000000,
            "max_domains": 1000000,
            "max_messages_month": 1000000000,
            "max_storage_bytes": 1125899906842624,
        },
        "usage": {"agents": 1, "domains": 1, "messages_month": 0, "storage_bytes": 0},
        "upgrade_url": "",
    }
    classic = (await client.get("/api/v1/users/me/limits")).json()
    assert set(classic) == {"plan_code", "limits", "usage", "upgrade_url"}


async def test_an_agent_sees_whose_it_is_and_nothing_more(client: Any, caller: Any, database: Any, api: Any) -> None:
    await api.make_agent(database, caller.account_id, "a@x.test")
    agent = await api.make_caller(database, scope="agent", agent_email="a@x.test")
    view = (await client.get("/v1/account", key=agent.key)).json()
    assert (view["scope"], view["agent_email"]) == ("agent", "a@x.test")
    assert (await client.get("/v1/account/api-keys", key=agent.key)).status == 403


async def test_without_a_database_the_limits_are_unavailable(client: Any, database: Any) -> None:
    await client.get("/v1/account")
    database.close()
    answer = await client.get("/v1/account")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "limits_unavailable", "5")


async def test_a_key_lives_from_its_making_to_its_end(client: Any) -> None:
    made = await client.post("/v1/account/api-keys", {"name": "ci", "expires_at": rfc3339(now() + timedelta(hours=1))})
    assert made.status == 201
    key = made.json()
    assert key["key"].startswith("e2a_acct_")
    assert key["key_prefix"] == key["key"][:16]
    assert (await client.get("/v1/account", key=key["key"])).status == 200
    (listed,) = [one for one in (await client.get("/v1/account/api-keys")).json()["items"] if one["id"] == key["id"]]
    assert {name: key[name] for name in listed} == listed
    gone = await client.delete(f"/v1/account/api-keys/{key['id']}?confirm=DELETE")
    assert gone.json() == {"deleted": True, "id": key["id"]}
    assert (await client.get("/v1/account", key=key["key"])).status == 401
    assert key["id"] not in (await client.get("/v1/account/api-keys")).text
    assert (await client.delete(f"/v1/account/api-keys/{key['id']}?confirm=DELETE")).status == 404


@pytest.mark.parametrize("query", ["", "?confirm=yes", "?confirm=delete"])
async def test_a_delete_wants_to_be_confirmed(client: Any, query: str) -> None:
    answer = await client.delete(f"/v1/account/api-keys/apk_x{query}")
    assert (answer.status, answer.fields) == (422, ["query.confirm"])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"expires_at": "2001-01-01T00:00:00Z"}, 400, "invalid_expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, 400, "invalid_expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, 400, "invalid_expires_at"),
        ({"expires_at": "soon"}, 422, "invalid_request"),
        ({"scope": "agent"}, 400, "invalid_request"),
        ({"scope": "agent", "agent_email": "nobody@x.test"}, 404, "not_found"),
        ({"scope": "account", "agent_email": "a@x.test"}, 400, "invalid_request"),
        ({"scope": "root"}, 422, "invalid_request"),
        ({"name": "x" * 201}, 422, "invalid_request"),
    ],
)
async def test_keys_that_cannot_be(client: Any, body: Any, status: int, code: str) -> None:
    answer = await client.post("/v1/account/api-keys", body)
    assert (answer.status, answer.code) == (status, code)


async def test_an_agent_key_dies_with_its_agent(client: Any, caller: Any, database: Any, api: Any) -> None:
    await api.make_agent(database, caller.account_id, "a@x.test")
    made = (await client.post("/v1/account/api-keys", {"scope": "agent", "agent_email": "A@x.test"})).json()
    assert made["key"].startswith("e2a_agt_")
    assert (await client.get("/v1/account", key=made["key"])).status == 200
    await database.execute("update agents set deleted_at = now()", prepare=False)
    client.services.access.forget_agent("a@x.test")
    assert (await client.get("/v1/account", key=made["key"])).status == 401


async def test_pages_of_keys(client: Any, database: Any, api: Any) -> None:
    for _ in range(4):
        await api.make_caller(database)
    seen, cursor, pages = list[str](), None, 0
    while pages == 0 or cursor:
        page = (
            await client.get("/v1/account/api-keys", query={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [one["id"] for one in page["items"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert (len(seen), len(set(seen)), pages) == (5, 5, 3)


async def test_cursors_of_others_are_refused(client: Any, database: Any, api: Any) -> None:
    await api.make_caller(database)
    cursor = (await client.get("/v1/account/api-keys?limit=1")).json()["next_cursor"]
    other = await api.make_caller(database, "other@example.com")
    for text, key in [(cursor, other.key), (cursor[:-2], None), ("x", None), ("a.b", None), (cursor * 50, None)]:
        answer = await client.get("/v1/account/api-keys", query={"cursor": text}, key=key)
        assert (answer.status, answer.code) == (400, "invalid_cursor")


async def test_the_same_creation_twice_is_one_key(client: Any) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("/v1/account/api-keys", {"name": "a"}, headers=headers)
    again = await client.post("/v1/account/api-keys", {"name": "a"}, headers=headers)
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    other = await client.post("/v1/account/api-keys", {"name": "b"}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reuse")
    assert len((await client.get("/v1/account/api-keys")).json()["items"]) == 2


async def test_a_failed_creation_frees_its_key(client: Any) -> None:
    headers = {"Idempotency-Key": "k1"}
    assert (await client.post("/v1/account/api-keys", {"scope": "agent"}, headers=headers)).status == 400
    assert (await client.post("/v1/account/api-keys", {"name": "a"}, headers=headers)).status == 201


async def test_a_key_of_256_characters_is_too_long(client: Any) -> None:
    answer = await client.post("/v1/account/api-keys", {}, headers={"Idempotency-Key": "k" * 256})
    assert (answer.status, answer.code) == (400, "invalid_request")


async def test_what_was_made_has_a_location_and_so_has_its_replay(client: Any) -> None:
    first = await client.post("/v1/account/api-keys", {}, headers={"Idempotency-Key": "k"})
    again = await client.post("/v1/account/api-keys", {}, headers={"Idempotency-Key": "k"})
    assert first.body == again.body
    for answer in (first, again):
        assert answer.headers["location"] == f"/v1/account/api-keys/{answer.json()['id']}"


async def test_a_stored_answer_is_sealed(client: Any, database: Any) -> None:
    made = await client.post("/v1/account/api-keys", {}, headers={"Idempotency-Key": "k"})
    stored = await database.fetch_value("select body from idempotency_keys")
    assert made.json()["key"].encode() not in bytes(stored)
