"""Over both APIs: whatever decides about mail or access stands in the log of its account, with who did it."""

import re
from collections.abc import Callable

import pytest

from e2ad.api.app import OPERATIONS
from e2ad.core.audit import verify
from e2ad.gateway import audit
from e2ad.storage import audit as storage
from e2ad.storage.audit import Line
from tests.api.conftest import Caller, Client
from tests.api.world import AGENT, CLASSIC, DOMAIN, HELD_BY, HOOK, REQUESTS, TRASHED, Request, World, call, populate

ADDRESS = "192.0.2.7"

FULL = {
    "approveReview": "review.approved",
    "rejectReview": "review.rejected",
    "editReview": "review.edited",
    "resolveMessage": "outcome.resolved",
    "putAgentProtection": "protection.changed",
    "createApiKey": "key.created",
    "deleteApiKey": "key.deleted",
    "deleteConnection": "connection.ended",
    "createWebhook": "webhook.created",
    "updateWebhook": "webhook.changed",
    "deleteWebhook": "webhook.deleted",
    "rotateWebhookSecret": "webhook.secret_rotated",
    "rotateDomainKeys": "domain.keys_rotated",
    "createAgent": "agent.created",
    "registerDomain": "domain.registered",
    "deleteDomain": "domain.deleted",
    "exportAccount": "account.exported",
    "updateAgent": "agent.changed",
    "deleteAgent": "agent.trashed",
    "restoreAgent": "agent.restored",
}
OLD = {
    "PUT /api/v1/agents/{email}": "protection.changed",
    "DELETE /api/v1/agents/{email}": "agent.deleted",
    "POST /api/v1/users/me/signing-secrets": "signing_secret.created",
    "DELETE /api/v1/users/me/signing-secrets/{id}": "signing_secret.deleted",
    "POST /api/v1/messages/{id}/approve": "review.approved",
    "POST /api/v1/messages/{id}/reject": "review.rejected",
}
REVIEWED = {"gate": {"policy": "open"}, "scan": {}, "require_review": True}
CHANGED: dict[str, Callable[[World], Request]] = {
    "updateAgent": lambda _: Request(
        {"email": AGENT}, body={"agent_mode": "cloud", "webhook_url": f"{HOOK}?token=secret"}
    ),
    "updateWebhook": lambda world: Request({"id": world.webhook}, body={"enabled": False}),
    "putAgentProtection": lambda _: Request(
        {"email": AGENT}, body={"inbound": {"gate": {}, "scan": {}}, "outbound": REVIEWED, "holds": {}}
    ),
}
"""What changes nothing that matters, as `REQUESTS` has it, is not told."""


async def log(client: Client, account_id: str) -> list[Line]:
    return (await audit.page(client.services.db, account_id, limit=1000))[::-1]


async def is_whole(client: Client, account_id: str) -> bool:
    rows = await storage.rows(client.services.db, account_id, after=None, limit=1000)
    return verify(account_id, rows, await storage.head(client.services.db, account_id)) is None


async def test_the_actions_of_the_full_api(client: Client, caller: Caller) -> None:
    world = await populate(client, caller.account_id)
    key_id = await client.services.db.fetch_value(
        f"select key_id from (select id as key_id from api_keys where account_id = '{caller.account_id}'"
        " and revoked_at is null order by created_at limit 1) k"
    )
    by_id = {one.id: one for one in OPERATIONS}
    order = sorted(FULL, key=lambda name: (name != "editReview", name.startswith("delete")))
    for name in order:
        before = len(await log(client, caller.account_id))
        request, action = CHANGED.get(name, REQUESTS[name])(world), FULL[name]
        answer = await call(client, by_id[name], request)
        assert answer.status in by_id[name].success, (name, answer.text)
        (line,) = (await log(client, caller.account_id))[before:]
        assert (line.action, line.actor_kind, line.actor) == (action, "key", key_id), name
        assert line.evidence["client_address"] == ADDRESS, name
        assert "token=" not in str(line.evidence), name
        assert line.subject in _subjects(world) or re.match(r"(apk|wh)_[0-9a-f]{32}", line.subject), name
    assert await is_whole(client, caller.account_id)


def _subjects(world: World) -> set[str]:
    return {
        world.held,
        world.also_held,
        world.unknown,
        world.key,
        world.connection,
        world.webhook,
        world.account_id,
        AGENT,
        "new@agents.localhost",
        DOMAIN,
        "new.example.com",
        TRASHED,
    }


async def test_what_only_changes_other_things_is_not_told(client: Client, caller: Caller) -> None:
    world = await populate(client, caller.account_id)
    before = await log(client, caller.account_id)
    decisive = {*FULL, "deleteAccount"}
    for one in OPERATIONS:
        if one.id not in decisive - {*CHANGED} and not one.id.startswith("delete"):
            answer = await call(client, one, REQUESTS[one.id](world))
            assert answer.status in one.success, (one.id, answer.text)
    assert await log(client, caller.account_id) == before


@pytest.mark.parametrize("name", OLD)
async def test_the_actions_of_the_classic_api(client: Client, caller: Caller, name: str) -> None:
    world = await populate(client, caller.account_id)
    method, _, path = name.partition(" ")
    request = CLASSIC[name](world)
    if name.startswith("PUT"):
        request = Request({"email": HELD_BY}, body={"hitl_enabled": False})
    before = len(await log(client, caller.account_id))
    url = path.format(**request.path)
    answer = await client.request(method, url, body=request.body, query=request.query)
    assert answer.status < 300, answer.text
    new = (await log(client, caller.account_id))[before:]
    assert [line.action for line in new][-1] == OLD[name]
    assert {(line.actor_kind, line.evidence["client_address"]) for line in new} == {("key", ADDRESS)}


async def test_what_fails_is_not_told(client: Client, caller: Caller) -> None:
    await populate(client, caller.account_id)
    before = await log(client, caller.account_id)
    for method, path, body in (
        ("POST", "/v1/reviews/msg_0/approve", {}),
        ("DELETE", "/v1/account/api-keys/apk_0?confirm=DELETE", None),
        ("DELETE", "/v1/account/connections/grant_0?confirm=DELETE", None),
        ("DELETE", "/v1/webhooks/wh_0?confirm=DELETE", None),
        ("POST", "/v1/webhooks/wh_0/rotate-secret", None),
        ("POST", "/v1/agents/nobody@agents.localhost/restore", None),
        ("POST", "/v1/domains/nowhere.example/rotate-keys", None),
    ):
        assert (await client.request(method, path, body=body)).status == 404
    assert await log(client, caller.account_id) == before


async def test_a_session_says_itself_who_it_is(client: Client, caller: Caller) -> None:
    services = client.services
    cookie = await services.sessions.begin(caller.account_id)
    principal = await services.sessions.resolve(cookie)
    assert principal is not None
    assert await services.sessions.end(cookie)
    begun, ended = [line for line in await log(client, caller.account_id) if line.action.startswith("session.")]
    assert begun.subject == begun.actor == ended.subject == principal.session_id
    assert (begun.action, ended.action, begun.actor_kind) == ("session.begun", "session.ended", "session")
    assert audit.actor_of(principal, ADDRESS).id == principal.session_id
    assert cookie not in str(begun.evidence)


async def test_the_export_of_an_account_has_its_log(client: Client, caller: Caller) -> None:
    await client.post("/v1/account/api-keys", {"name": "é"})
    told = (await client.get("/v1/account/export")).json()["audit"]
    rows = await storage.rows(client.services.db, caller.account_id, after=None, limit=1000)
    # That it was exported is told as well, behind what is in it.
    assert [(one["number"], one["digest"], one["evidence"], one["at"]) for one in told] == [
        (row.number, row.digest.hex(), row.evidence, row.at) for row in rows[:-1]
    ]
