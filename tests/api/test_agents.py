"""Agents of the full API."""

from typing import Any

import attrs
import pytest

from e2ad.gateway.accounts import keep_shared_domain
from e2ad.storage.pool import Database
from tests.zone import HOOK, Zone


@pytest.fixture
async def client(client: Any) -> Any:
    await keep_shared_domain(client.services.db, "agents.localhost")
    return client


async def register(database: Database, account_id: str, domain: str, *, verified: bool = True) -> None:
    await database.execute(
        "insert into domains (domain, account_id, verified, verification_token) values (%(d)s, %(a)s, %(v)s, 't')",
        {"d": domain, "a": account_id, "v": verified},
    )


async def test_create_by_email_answers_the_whole_agent(client: Any) -> None:
    answer = await client.post("/v1/agents", {"email": " My-Bot@Agents.Localhost ", "name": "Bot"})
    assert answer.status == 201
    assert answer.headers["location"] == "/v1/agents/my-bot%40agents.localhost"
    body = answer.json()
    assert body.pop("created_at").endswith("Z")
    assert body == {
        "domain": "agents.localhost",
        "registered_domain": "agents.localhost",
        "email": "my-bot@agents.localhost",
        "name": "Bot",
        "domain_verified": True,
        "agent_mode": "local",
        "webhook_url": "",
        "catch_all": False,
    }
    assert answer.headers["ratelimit-limit"] == "200"
    assert (await client.get("/v1/agents/MY-BOT%40agents.localhost")).json()["email"] == "my-bot@agents.localhost"


async def test_create_by_slug_in_cloud_mode(client: Any) -> None:
    answer = await client.post("/v1/agents", {"slug": "bot", "agent_mode": "cloud", "webhook_url": HOOK})
    assert answer.status == 201
    assert answer.json()["agent_mode"] == "cloud"
    assert answer.json()["webhook_url"] == HOOK


@pytest.mark.parametrize(
    ("body", "status", "code", "fields"),
    [
        ({}, 422, "invalid_request", ["body"]),
        ({"email": "bot"}, 400, "invalid_request", [""]),
        ({"email": "@agents.localhost"}, 400, "invalid_request", [""]),
        ({"email": "bot@bad domain"}, 400, "invalid_request", [""]),
        ({"email": "x" * 321}, 422, "invalid_request", ["body.email"]),
        ({"slug": "bot", "name": "x" * 201}, 422, "invalid_request", ["body.name"]),
        ({"slug": "bot", "agent_mode": "hybrid"}, 422, "invalid_request", ["body.agent_mode"]),
        ({"slug": "bot", "agent_mode": "cloud"}, 400, "invalid_request", [""]),
        ({"slug": "bot", "colour": "red"}, 422, "invalid_request", ["body.colour"]),
        ({"slug": "bot", "catch_all": True}, 400, "invalid_request", [""]),
        ({"slug": "Bot"}, 400, "invalid_slug", None),
        ({"slug": "root"}, 400, "invalid_slug", None),
        ({"email": "postmaster@agents.localhost"}, 400, "invalid_slug", None),
        ({"email": "bot@x.agents.localhost"}, 400, "reserved_domain", None),
        ({"email": "bot@bounce.acme.example"}, 400, "reserved_domain", None),
        ({"email": "bot@nobody.example"}, 400, "domain_not_registered", None),
        ({"email": "bot@new.example"}, 400, "domain_not_verified", None),
        ({"email": "bot@sub.acme.example"}, 400, "inbound_mx_missing", None),
        ({"email": "bot@broken.acme.example"}, 503, "inbound_mx_check_failed", None),
        ({"slug": "bot", "webhook_url": "http://hooks.example/"}, 400, "invalid_webhook_url", None),
        ({"slug": "bot", "webhook_url": "https://10.0.0.1/"}, 400, "invalid_webhook_url", None),
        ({"slug": "bot", "webhook_url": "https://inside.example/"}, 400, "invalid_webhook_url", None),
        ({"slug": "taken"}, 409, "agent_taken", None),
        ({"slug": "gone"}, 409, "address_in_trash", None),
    ],
)
async def test_create_is_refused(
    client: Any, caller: Any, stranger: str, body: Any, status: int, code: str, fields: list[str] | None
) -> None:
    database = client.services.db
    await register(database, caller.account_id, "acme.example")
    await register(database, caller.account_id, "new.example", verified=False)
    await client.post("/v1/agents", {"slug": "taken"}, key=stranger)
    await client.post("/v1/agents", {"slug": "gone"})
    await client.delete("/v1/agents/gone@agents.localhost?confirm=DELETE")
    answer = await client.post("/v1/agents", body)
    assert (answer.status, answer.code) == (status, code)
    if fields is not None:
        assert answer.fields == fields
    if status == 503:
        assert answer.headers["retry-after"] == "5"
    assert await database.fetch_value("select count(*) from agents") == 2


async def test_a_subdomain_with_its_mail_here_is_inherited(client: Any, caller: Any, zone: Zone) -> None:
    await register(client.services.db, caller.account_id, "acme.example")
    zone.exchangers["sub.acme.example"] = ["localhost."]
    body = (await client.post("/v1/agents", {"email": "bot@sub.acme.example"})).json()
    assert (body["domain"], body["registered_domain"]) == ("sub.acme.example", "acme.example")


async def test_the_quota_is_402_and_says_how_much(client: Any, caller: Any) -> None:
    await client.services.db.execute("update accounts set max_agents = 1 where id = %(a)s", {"a": caller.account_id})
    assert (await client.post("/v1/agents", {"slug": "one"})).status == 201
    # Quota comes before the duplicate check.
    for slug in ("two", "one"):
        answer = await client.post("/v1/agents", {"slug": slug})
        assert (answer.status, answer.code) == (402, "limit_exceeded")
        assert answer.json()["error"]["details"] == {
            "resource": "agents",
            "limit": 1,
            "current": 1,
            "plan_code": "default",
        }


async def test_registrations_are_counted_by_address_valid_or_not(client: Any) -> None:
    config = client.services.config
    client.services.config = attrs.evolve(config, rate_limits=attrs.evolve(config.rate_limits, create_agent_per_hour=2))
    assert (await client.post("/v1/agents", {"slug": "?"})).status == 400
    assert (await client.post("/v1/agents", raw=b"{")).status == 400
    answer = await client.post("/v1/agents", {"slug": "bot"})
    assert (answer.status, answer.code) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 1
    client.address = "192.0.2.8"
    assert (await client.post("/v1/agents", {"slug": "bot"})).status == 201


async def test_list_is_paged_newest_first_and_the_trash_apart(client: Any, stranger: str) -> None:
    for number in range(5):
        await client.post("/v1/agents", {"slug": f"bot-{number}"})
    await client.post("/v1/agents", {"slug": "theirs"}, key=stranger)
    await client.delete("/v1/agents/bot-2@agents.localhost?confirm=DELETE")
    before = client.services.db.statements
    first = (await client.get("/v1/agents?limit=3")).json()
    assert client.services.db.statements - before == 1
    assert [agent["email"][:5] for agent in first["items"]] == ["bot-4", "bot-3", "bot-1"]
    second = (await client.get("/v1/agents", query={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [agent["email"][:5] for agent in second["items"]] == ["bot-0"]
    assert second["next_cursor"] is None
    trash = (await client.get("/v1/agents?deleted=true")).json()
    assert [agent["email"][:5] for agent in trash["items"]] == ["bot-2"]
    assert trash["items"][0]["deleted_at"].endswith("Z")
    # A cursor belongs to its list, and to its account.
    for query, key in (({"deleted": "true"}, None), ({}, stranger)):
        answer = await client.get("/v1/agents", query={"cursor": first["next_cursor"], **query}, key=key)
        assert (answer.status, answer.code) == (400, "invalid_cursor")
    assert (await client.get("/v1/agents?limit=0")).fields == ["query.limit"]
    assert (await client.get("/v1/agents?limit=101")).status == 422


async def test_update_changes_what_is_given(client: Any) -> None:
    await client.post("/v1/agents", {"slug": "bot", "name": "old"})
    path = "/v1/agents/bot@agents.localhost"
    assert (await client.patch(path, {"name": ""})).json()["name"] == ""
    cloud = await client.patch(path, {"agent_mode": "cloud", "webhook_url": HOOK})
    assert (cloud.status, cloud.json()["agent_mode"]) == (200, "cloud")
    local = (await client.patch(path, {"agent_mode": "local"})).json()
    assert (local["agent_mode"], local["webhook_url"]) == ("local", HOOK)
    assert (await client.patch(path, {"agent_mode": "cloud"})).status == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ({"name": None}, 400, "invalid_request"),
        ({"name": "x" * 201}, 422, "invalid_request"),
        ({"name": 5}, 422, "invalid_request"),
        ({"email": "x@agents.localhost"}, 422, "invalid_request"),
        ({"agent_mode": "cloud"}, 400, "invalid_request"),
        ({"webhook_url": "https://inside.example/"}, 400, "invalid_webhook_url"),
        ({"catch_all": True}, 400, "invalid_request"),
    ],
)
async def test_update_is_refused(client: Any, body: Any, status: int, code: str) -> None:
    await client.post("/v1/agents", {"slug": "bot"})
    answer = await client.patch("/v1/agents/bot@agents.localhost", body)
    assert (answer.status, answer.code) == (status, code)


async def test_a_second_catch_all_is_a_conflict(client: Any, caller: Any) -> None:
    await register(client.services.db, caller.account_id, "acme.example")
    assert (await client.post("/v1/agents", {"email": "a@acme.example", "catch_all": True})).status == 201
    answer = await client.post("/v1/agents", {"email": "b@acme.example", "catch_all": True})
    assert (answer.status, answer.code) == (409, "conflict")


async def test_trash_and_restore(client: Any) -> None:
    await client.post("/v1/agents", {"slug": "bot"})
    path = "/v1/agents/bot@agents.localhost"
    assert (await client.delete(path)).fields == ["query.confirm"]
    assert (await client.delete(path + "?confirm=yes")).status == 422
    answer = await client.post(path + "/restore")
    assert (answer.status, answer.code) == (409, "not_in_trash")
    answer = await client.delete(path + "?confirm=DELETE")
    assert (answer.status, answer.json()) == (
        200,
        {"deleted": True, "email": "bot@agents.localhost", "messages_deleted": 0},
    )
    assert (await client.delete(path + "?confirm=DELETE")).status == 404
    assert (await client.get(path)).status == 404
    assert (await client.patch(path, {"name": "x"})).status == 404
    restored = await client.post(path + "/restore")
    assert restored.status == 200
    assert "deleted_at" not in restored.json()


async def test_permanent_delete_counts_the_messages(client: Any, caller: Any) -> None:
    await client.post("/v1/agents", {"slug": "bot"})
    for number in range(3):
        await client.services.db.execute(
            "insert into messages (account_id, id, agent_email, direction, method, delivered_to, conversation_id)"
            " values (%(a)s, %(i)s, %(e)s, 'inbound', 'smtp', %(e)s, 'conv_x')",
            {"a": caller.account_id, "i": f"msg_{number}", "e": "bot@agents.localhost"},
        )
    path = "/v1/agents/bot@agents.localhost?confirm=DELETE&permanent=true"
    assert (await client.delete(path)).json()["messages_deleted"] == 3
    assert (await client.delete(path)).status == 404
    assert (await client.post("/v1/agents", {"slug": "bot"})).status == 201
    await client.delete("/v1/agents/bot@agents.localhost?confirm=DELETE")
    assert (await client.delete(path)).json()["messages_deleted"] == 0


async def test_somebody_elses_agent_is_not_there(client: Any, stranger: str) -> None:
    await client.post("/v1/agents", {"slug": "bot"})
    path = "/v1/agents/bot@agents.localhost"
    for answer in (
        await client.get(path, key=stranger),
        await client.patch(path, {"name": "x"}, key=stranger),
        await client.delete(path + "?confirm=DELETE", key=stranger),
        await client.delete(path + "?confirm=DELETE&permanent=true", key=stranger),
        await client.post(path + "/restore", key=stranger),
    ):
        assert (answer.status, answer.code) == (404, "not_found")


async def test_an_agents_own_key_reads_its_own_inbox_alone(client: Any) -> None:
    for slug in ("bot", "other"):
        await client.post("/v1/agents", {"slug": slug})
    made = await client.post("/v1/account/api-keys", {"scope": "agent", "agent_email": "bot@agents.localhost"})
    key = made.json()["key"]
    assert (await client.get("/v1/agents/bot@agents.localhost", key=key)).status == 200
    assert (await client.get("/v1/agents/other@agents.localhost", key=key)).status == 403
    assert (await client.get("/v1/agents/nobody@agents.localhost", key=key)).status == 404
    for answer in (
        await client.get("/v1/agents", key=key),
        await client.post("/v1/agents", {"slug": "new"}, key=key),
        await client.patch("/v1/agents/bot@agents.localhost", {"name": "x"}, key=key),
        await client.delete("/v1/agents/bot@agents.localhost?confirm=DELETE", key=key),
        await client.post("/v1/agents/bot@agents.localhost/restore", key=key),
    ):
        assert (answer.status, answer.code) == (403, "forbidden")


async def test_without_a_credential_it_is_401(client: Any) -> None:
    client.key = None
    for answer in (await client.get("/v1/agents"), await client.post("/v1/agents", {"slug": "bot"})):
        assert (answer.status, answer.code) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == 'Bearer realm="e2a"'
    # The body is judged before the credential.
    assert (await client.post("/v1/agents", {"slug": 1})).status == 422
