"""Who may call what, for every operation and route there is: generated from the lists that the app is built from."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from e2ad.api.app import OPERATIONS, ROUTES
from e2ad.api.classic.framework import ClassicRoute
from e2ad.api.operation import Operation, Scope
from tests.api.conftest import Answer, Client

AGENT = "bot@agents.localhost"
SISTER = "sister@agents.localhost"
DOMAIN = "shop.example.com"
REVIEW = {
    "inbound": {"gate": {}, "scan": {}},
    "outbound": {"gate": {}, "scan": {}, "require_review": True},
    "holds": {},
}
OPEN: dict[str, Any] = {"inbound": {"gate": {}, "scan": {}}, "outbound": {"gate": {}, "scan": {}}, "holds": {}}
MAIL = {"to": ["ada@example.org"], "subject": "Hi", "text": "Hello"}

BODIES: Mapping[str, Any] = {
    "createApiKey": {"name": "x"},
    "createAgent": {"email": "new@agents.localhost"},
    "updateAgent": {"name": "x"},
    "putAgentProtection": OPEN,
    "sendMessage": MAIL,
    "replyToMessage": {"text": "Hello"},
    "forwardMessage": {"to": ["ada@example.org"], "text": "Hello"},
    "resolveMessage": {"outcome": "sent"},
    "createAgentSuppression": {"address": "ada@example.org"},
    "registerDomain": {"domain": "new.example.com"},
    "createWebhook": {"url": "https://example.org/", "events": ["email.received"]},
    "updateMessage": {"add_labels": ["x"]},
    "PATCH /api/v1/domains/{domain}": {"is_primary": True},
    "POST /api/v1/webhooks/{id}/redeliver-since": {"since": "2026-06-13T10:00:00Z"},
}
"""Bodies that pass their schema, so that it is the scope that refuses."""

AGENTS_OWN = {
    "getAccount",
    "getAgent",
    "listMessages",
    "getMessage",
    "getRawMessage",
    "updateMessage",
    "deleteMessage",
    "restoreMessage",
    "getAttachment",
    "getMessageLifecycle",
    "sendMessage",
    "replyToMessage",
    "forwardMessage",
    "testAgent",
    "listConversations",
    "getConversation",
}
"""All that an agent's key may do. An addition is a decision: whoever makes one writes it here."""

AGENTS_OWN_CLASSIC = {
    "GET /api/v1/users/me/limits",
    "GET /api/v1/agents/{email}",
    "GET /api/v1/agents/{email}/messages",
    "GET /api/v1/agents/{email}/messages/{id}",
    "PATCH /api/v1/agents/{email}/messages/{id}",
    "POST /api/v1/send",
    "POST /api/v1/agents/{email}/messages/{id}/reply",
    "POST /api/v1/agents/{email}/messages/{id}/forward",
    "POST /api/v1/agents/{email}/test",
    "GET /api/v1/agents/{email}/conversations",
    "GET /api/v1/agents/{email}/conversations/{id}",
}

CLOSED = [one for one in OPERATIONS if one.scope is not Scope.PUBLIC]
CLOSED_CLASSIC = [one for one in ROUTES if one.scope is not Scope.PUBLIC]
EVERYTHING: list[Operation | ClassicRoute] = [*CLOSED, *CLOSED_CLASSIC]


def named(one: Operation | ClassicRoute) -> str:
    return one.id if isinstance(one, Operation) else f"{one.method} {one.path}"


@pytest.fixture
async def held(client: Client, caller: Any, api: Any) -> tuple[Client, str, str]:
    """An account with two agents, one of them reviewed; a held mail, and the key of its agent."""
    for email in (AGENT, SISTER):
        await api.make_agent(client.services.db, caller.account_id, email)
    assert (await client.put(f"/v1/agents/{AGENT}/protection", REVIEW)).status == 200
    message_id = (await client.post(f"/v1/agents/{AGENT}/messages", MAIL)).json()["message_id"]
    agent = await api.make_caller(client.services.db, "owner@example.com", scope="agent", agent_email=AGENT)
    return client, message_id, agent.key


async def call(client: Client, one: Operation | ClassicRoute, message_id: str, email: str, key: str | None) -> Answer:
    values = {"email": email, "id": message_id, "domain": DOMAIN, "address": "ada@example.org", "index": "0"}
    body = BODIES.get(named(one), {}) if one.body else None
    query = {"confirm": "DELETE"} if one.method == "DELETE" and one in OPERATIONS else None
    return await client.request(one.method, one.path.format_map(values), body=body, query=query, key=key)


async def facts(client: Client) -> dict[str, Any]:
    """All that an agent must not be able to change."""
    found: dict[str, Any] = {}
    for name, columns in {
        "agents": "email, name, protection, deleted_at, catch_all, webhook_url",
        "domains": "domain, account_id, verified, sending_status, is_primary",
        "suppressions": "agent_email, address, source",
        "holds": "message_id, revision, decided_at, decided_via",
        "hold_revisions": "message_id, revision, sha256",
        "submissions": "message_id, status",
        "webhooks": "id, url, enabled",
        "api_keys": "id, scope, agent_email",
        "messages": "id, review_status, deleted_at, to_addresses, body_text",
    }.items():
        async with client.services.db.connection() as connection:
            found[name] = await connection.fetch_all(f"select {columns} from {name} order by 1, 2")
    return found


def test_nobody_but_the_listed_is_open_to_agents() -> None:
    assert {one.id for one in OPERATIONS if one.scope in (Scope.OWN, Scope.ANY)} == AGENTS_OWN
    assert {named(one) for one in ROUTES if one.scope in (Scope.OWN, Scope.ANY)} == AGENTS_OWN_CLASSIC


async def answers(
    client: Client, which: Iterable[Operation | ClassicRoute], message_id: str, email: str, key: str
) -> dict[str, int | str]:
    """What each one says: its status, and the words where it did not get as far as who asks."""
    found: dict[str, int | str] = {}
    before = await facts(client)
    for one in which:
        answer = await call(client, one, message_id, email, key)
        found[named(one)] = answer.text if answer.status in (400, 422) else answer.status
        assert await facts(client) == before, named(one)
    return found


async def test_an_agents_key_is_refused(held: tuple[Client, str, str]) -> None:
    """It approves nothing, edits nothing, resolves nothing, and changes no protection, domain or suppression."""
    client, message_id, key = held
    refused = [one for one in EVERYTHING if one.scope is Scope.ACCOUNT]
    found = await answers(client, refused, message_id, AGENT, key)
    assert found == dict.fromkeys(found, 403)
    assert len(found) > 60


async def test_an_agents_key_ends_at_its_own_inbox(held: tuple[Client, str, str]) -> None:
    client, message_id, key = held
    own = [one for one in EVERYTHING if one.scope is Scope.OWN]
    for email, status in ((SISTER, 403), ("nobody@agents.localhost", 404)):
        found = await answers(client, own, message_id, email, key)
        assert found == dict.fromkeys(found, status)


async def test_another_accounts_ids_are_unknown(held: tuple[Client, str, str], stranger: str) -> None:
    """Every operation that names something, with another account's key and this account's ids."""
    client, message_id, _ = held
    await client.services.db.execute(
        "insert into domains (domain, account_id, verified, verification_token)"
        f" select '{DOMAIN}', account_id, true, 'x' from agents where email = '{AGENT}'"
    )
    await client.services.db.execute(
        "insert into suppressions (account_id, agent_email, address, source)"
        f" select account_id, e, 'ada@example.org', 'manual' from agents, unnest(array['', '{AGENT}']) e"
        f" where email = '{AGENT}'"
    )
    naming = [one for one in EVERYTHING if "{" in one.path]
    found = await answers(client, naming, message_id, AGENT, stranger)
    classic = {name for name, status in found.items() if status == 403}
    assert found == dict.fromkeys(found, 404) | dict.fromkeys(classic, 403)
    # The classic API says so of an agent that is not the caller's, known or not.
    assert classic <= {f"{method} /api/v1/agents/{{email}}" for method in ("GET", "PUT", "DELETE")}
    assert len(found) > 60


async def test_strangers_are_refused(held: tuple[Client, str, str]) -> None:
    client, message_id, _ = held
    for key in ("e2a_acct_" + "0" * 64, "e2a_agt_" + "0" * 64):
        found = await answers(client, EVERYTHING, message_id, AGENT, key)
        assert found == dict.fromkeys(found, 401)
