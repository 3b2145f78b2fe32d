"""Agents of the classic API: its order of checks, its texts."""

from typing import Any

import attrs
import pytest

from e2ad.gateway.accounts import keep_shared_domain
from tests.zone import HOOK


@pytest.fixture
async def client(client: Any) -> Any:
    await keep_shared_domain(client.services.db, "agents.localhost")
    return client


async def test_the_quickstarts_call(client: Any) -> None:
    answer = await client.post("/api/v1/agents", {"slug": "my-bot", "agent_mode": "local", "unknown": 1})
    assert answer.status == 201
    assert answer.headers["content-type"] == "application/json"
    email = "my-bot@agents.localhost"
    assert answer.json() == {"id": email, "domain": "agents.localhost", "email": email}
    assert answer.text.endswith("}\n")


async def test_the_whole_agent_with_empty_texts(client: Any) -> None:
    await client.post("/api/v1/agents", {"slug": "my-bot", "agent_mode": "cloud", "webhook_url": HOOK, "name": "<B>"})
    answer = await client.get("/api/v1/agents/My-Bot%40agents.localhost")
    assert b'"name":"\\u003cB\\u003e"' in answer.body
    body = answer.json()
    assert body.pop("created_at").endswith("Z")
    assert body == {
        "id": "my-bot@agents.localhost",
        "domain": "agents.localhost",
        "email": "my-bot@agents.localhost",
        "name": "<B>",
        "webhook_url": HOOK,
        "agent_mode": "cloud",
        "domain_verified": True,
        "hitl_enabled": False,
        "hitl_ttl_seconds": 604800,
        "hitl_expiration_action": "reject",
    }
    assert (await client.get("/api/v1/agents")).json() == {"agents": [answer.json()]}


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"agent_mode": "local"}, 400, "email or slug is required"),
        ({"slug": "x", "agent_mode": "local"}, 400, "2 to 40 characters"),
        ({"slug": "My-Bot", "agent_mode": "local"}, 400, "lower-case"),
        ({"slug": "admin", "agent_mode": "local"}, 400, "reserved"),
        ({"slug": "bot"}, 400, "agent_mode is required"),
        ({"slug": "bot", "agent_mode": "both"}, 400, "agent_mode must be local or cloud"),
        ({"slug": "bot", "agent_mode": "cloud"}, 400, "webhook_url is required"),
        ({"slug": "bot", "agent_mode": "cloud", "webhook_url": "http://hooks.example/"}, 400, "https"),
        ({"slug": "bot", "agent_mode": "cloud", "webhook_url": "https://inside.example/"}, 400, "not public"),
        ({"email": "bot@nobody.example", "agent_mode": "local"}, 400, "not registered"),
        ({"slug": 5}, 400, "invalid request body"),
        ({"slug": "taken", "agent_mode": "local"}, 409, "exists already"),
    ],
)
async def test_create_is_refused_in_one_line(client: Any, stranger: str, body: Any, status: int, text: str) -> None:
    await client.post("/api/v1/agents", {"slug": "taken", "agent_mode": "local"}, key=stranger)
    answer = await client.post("/api/v1/agents", body)
    assert answer.status == status
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert text in answer.text
    assert answer.text.count("\n") == 1
    assert answer.text.endswith("\n")


async def test_the_order_of_checks(client: Any, caller: Any, stranger: str) -> None:
    """Each line breaks one rule more than the next; what is told is the first of them."""
    await client.post("/api/v1/agents", {"slug": "taken", "agent_mode": "local"}, key=stranger)
    await client.services.db.execute("update accounts set max_agents = 0 where id = %(a)s", {"a": caller.account_id})

    async def told(body: Any, key: str | None) -> tuple[int, str]:
        client.key = key
        answer = await client.post("/api/v1/agents", body)
        return answer.status, answer.text

    assert (await told({"slug": "?"}, None))[0] == 400
    assert await told({"slug": "taken"}, None) == (401, "unauthorized\n")
    assert "email or slug" in (await told({"webhook_url": "http://x"}, caller.key))[1]
    assert "https" in (await told({"email": "a@nobody.example", "webhook_url": "http://hooks.example/"}, caller.key))[1]
    assert "not registered" in (await told({"email": "a@nobody.example"}, caller.key))[1]
    assert (await told({"slug": "taken"}, caller.key))[0] == 402
    await client.services.db.execute("update accounts set max_agents = null")
    assert "agent_mode is required" in (await told({"slug": "taken"}, caller.key))[1]
    assert "webhook_url is required" in (await told({"slug": "taken", "agent_mode": "cloud"}, caller.key))[1]
    assert (await told({"slug": "taken", "agent_mode": "local"}, caller.key))[0] == 409


async def test_the_quota_is_json(client: Any, caller: Any) -> None:
    await client.services.db.execute(
        "update accounts set max_agents = 0, plan_code = 'free' where id = %(a)s", {"a": caller.account_id}
    )
    answer = await client.post("/api/v1/agents", {"slug": "bot", "agent_mode": "local"})
    assert (answer.status, answer.headers["content-type"]) == (402, "application/json")
    body = answer.json()
    assert body.pop("error")
    assert body == {"resource": "agents", "limit": 0, "current": 0, "plan_code": "free"}


async def test_without_a_shared_domain_a_slug_leads_nowhere(client: Any) -> None:
    client.services.shared_domain = ""
    answer = await client.post("/api/v1/agents", {"slug": "bot", "agent_mode": "local"})
    assert (answer.status, "shared domain" in answer.text) == (400, True)


async def test_the_limiter_comes_first(client: Any) -> None:
    config = client.services.config
    client.services.config = attrs.evolve(config, rate_limits=attrs.evolve(config.rate_limits, create_agent_per_hour=1))
    assert (await client.post("/api/v1/agents", raw=b"[")).status == 400
    answer = await client.post("/api/v1/agents", raw=b"[")
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) >= 1


async def test_put_switches_the_mode(client: Any) -> None:
    await client.post("/api/v1/agents", {"slug": "bot", "agent_mode": "local"})
    path = "/api/v1/agents/bot@agents.localhost"
    cloud = (await client.put(path, {"agent_mode": "cloud", "webhook_url": HOOK})).json()
    assert (cloud["agent_mode"], cloud["webhook_url"]) == ("cloud", HOOK)
    other = (await client.put(path, {"webhook_url": HOOK + "2"})).json()
    assert (other["agent_mode"], other["webhook_url"]) == ("cloud", HOOK + "2")
    # The URL must stand in the same request, although one is stored.
    answer = await client.put(path, {"agent_mode": "cloud"})
    assert (answer.status, answer.text) == (400, "webhook_url is required for agent_mode cloud\n")
    local = (await client.put(path, {"agent_mode": "local"})).json()
    assert (local["agent_mode"], local["webhook_url"]) == ("local", "")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"name": "x"}, 400),
        ({"agent_mode": "both"}, 400),
        ({"webhook_url": "https://inside.example/"}, 400),
        ({"hitl_ttl_seconds": 0}, 400),
        ({"hitl_ttl_seconds": 604801}, 400),
        ({"hitl_expiration_action": "ask"}, 400),
        ({"hitl_enabled": False, "hitl_ttl_seconds": 604800}, 200),
    ],
)
async def test_put_is_refused_or_changes_nothing(client: Any, body: Any, status: int) -> None:
    await client.post("/api/v1/agents", {"slug": "bot", "agent_mode": "local"})
    before = (await client.get("/api/v1/agents/bot@agents.localhost")).json()
    assert (await client.put("/api/v1/agents/bot@agents.localhost", body)).status == status
    assert (await client.get("/api/v1/agents/bot@agents.localhost")).json() == before


async def test_there_is_no_patch(client: Any) -> None:
    answer = await client.patch("/api/v1/agents/bot@agents.localhost", {"name": "x"})
    assert (answer.status, answer.text) == (405, "method not allowed\n")


async def test_a_delete_is_final(client: Any) -> None:
    await client.post("/api/v1/agents", {"slug": "bot", "agent_mode": "local"})
    answer = await client.delete("/api/v1/agents/bot@agents.localhost")
    assert (answer.status, answer.text) == (200, '{"status":"deleted"}\n')
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert await client.services.db.fetch_value("select count(*) from agents") == 0


async def test_foreign_and_unknown_agents_are_forbidden(client: Any, stranger: str) -> None:
    await client.post("/api/v1/agents", {"slug": "theirs", "agent_mode": "local"}, key=stranger)
    for name in ("theirs", "nobody"):
        path = f"/api/v1/agents/{name}@agents.localhost"
        for answer in (
            await client.get(path),
            await client.put(path, {"agent_mode": "local"}),
            await client.delete(path),
        ):
            assert (answer.status, answer.text) == (403, "forbidden\n")


async def test_both_apis_see_the_same_agent(client: Any) -> None:
    await client.post("/api/v1/agents", {"slug": "bot", "agent_mode": "local"})
    await client.patch("/v1/agents/bot@agents.localhost", {"agent_mode": "cloud", "webhook_url": HOOK})
    assert (await client.get("/api/v1/agents/bot@agents.localhost")).json()["agent_mode"] == "cloud"


async def test_signing_secrets(client: Any) -> None:
    path = "/api/v1/users/me/signing-secrets"
    assert (await client.get(path)).json() == {"secrets": []}
    first = await client.post(path)
    assert first.status == 201
    assert first.json()["name"] == "unnamed"
    assert "last_signed_at" not in first.json()
    second = (await client.post(path, {"name": "second"})).json()
    answer = await client.get(path)
    assert answer.headers["cache-control"] == "no-store"
    listed = answer.json()["secrets"]
    assert [secret["name"] for secret in listed] == ["second", "unnamed"]
    assert listed[0] == second
    assert listed[0]["secret_prefix"] == listed[0]["secret"][:12]
    assert len(listed[0]["secret"]) == 64
    for _ in range(3):
        assert (await client.post(path, {})).status == 201
    sixth = await client.post(path, {})
    assert (sixth.status, "at most 5" in sixth.text) == (400, True)
    assert (await client.post(path, {"name": "a\nb"})).status == 400
    gone = await client.delete(f"{path}/{second['id']}")
    assert (gone.status, gone.body) == (204, b"")
    assert (await client.delete(f"{path}/{second['id']}")).status == 404
    rest = (await client.get(path)).json()["secrets"]
    for secret in rest[1:]:
        assert (await client.delete(f"{path}/{secret['id']}")).status == 204
    last = await client.delete(f"{path}/{rest[0]['id']}")
    assert (last.status, "last" in last.text) == (400, True)
    client.key = None
    assert (await client.get(path)).status == 401
