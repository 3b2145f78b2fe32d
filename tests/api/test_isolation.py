"""Another account's things do not exist, by whatever way somebody names them and whoever they say they are."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest
from attrs import frozen

from e2ad.api.app import OPERATIONS, ROUTES
from e2ad.api.classic.framework import ClassicRoute
from e2ad.api.operation import Operation, Scope
from tests.api.conftest import Answer, Caller, Client, make_agent, make_caller
from tests.api.credentials import ACCOUNTS, AGENTS, anonymous, every_credential
from tests.api.world import AGENT, MAIL, SENT, Request, World, call, named, populate, request_for, rows
from tests.zone import HOOK

EVERYTHING: list[Operation | ClassicRoute] = [*OPERATIONS, *ROUTES]
NAMING = [one for one in EVERYTHING if "{" in one.path and one.scope is not Scope.PUBLIC]
OTHERS = "theirs@agents.localhost"
NOBODYS = {"getStarterTemplate"}
"""What belongs to the deployment and is everybody's."""
Headers = Mapping[str, str]


@frozen
class Neighbours:
    """An account with everything, and another one with an agent and all kinds of credentials."""

    world: World
    account_id: str
    credentials: Mapping[str, Headers]


@pytest.fixture
async def neighbours(client: Client, caller: Caller) -> Neighbours:
    world = await populate(client, caller.account_id)
    other = await make_caller(client.services.db, "stranger@example.com")
    await make_agent(client.services.db, other.account_id, OTHERS)
    return Neighbours(world, other.account_id, await every_credential(client, other.account_id, OTHERS))


@pytest.mark.parametrize("kind", [*ACCOUNTS, *AGENTS])
async def test_another_accounts_ids_are_unknown(client: Client, neighbours: Neighbours, kind: str) -> None:
    """Every operation that names something, with another account's credential and this account's ids."""
    found: dict[str, int] = {}
    nobody, before = anonymous(client), await rows(client)
    for one in NAMING:
        if named(one) in NOBODYS or (one.scope is Scope.SESSION and kind != "session"):
            continue
        answer = await call(nobody, one, request_for(one, neighbours.world), headers=neighbours.credentials[kind])
        found[named(one)] = answer.status
        assert await rows(client) == before, named(one)
        assert AGENT not in answer.text
    refused = {named(one) for one in NAMING if kind in AGENTS and one.scope is Scope.ACCOUNT}
    # The classic API says so of an agent that is not the caller's, known or not.
    refused |= {name for name in CLASSIC_REFUSES if kind in ACCOUNTS}
    assert found == dict.fromkeys(found, 404) | dict.fromkeys(refused & set(found), 403)
    assert len(found) > 60


CLASSIC_REFUSES = {f"{method} /api/v1/agents/{{email}}" for method in ("GET", "PUT", "DELETE")}


async def test_ones_own_inbox_is_no_way_to_another_accounts_mail(client: Client, neighbours: Neighbours) -> None:
    """The address in the path is the caller's, the id is not."""
    found: dict[str, int] = {}
    nobody, before = anonymous(client), await rows(client)
    for one in NAMING:
        request = request_for(one, neighbours.world)
        if "email" not in request.path or set(request.path) & {"id", "address"} == set():
            continue
        if named(one) == "upsertEngagement":
            continue  # it makes one of the caller's own
        mixed = attrs.evolve(request, path={**request.path, "email": OTHERS})
        for kind in ("key", "agent key"):
            if kind == "agent key" and one.scope is Scope.ACCOUNT:
                continue
            answer = await call(nobody, one, mixed, headers=neighbours.credentials[kind])
            found[named(one)] = answer.status
            assert await rows(client) == before, named(one)
    assert found == dict.fromkeys(found, 404)
    assert len(found) > 20


@frozen
class Reference:
    """An operation in which something is named elsewhere than in the path.

    Attributes:
        theirs: the id of the other account's thing, out of its world.
        nobodys: one of the same shape that nothing has.
        request: with that id, as the caller would send it.
    """

    operation: str
    theirs: Callable[[World], str]
    nobodys: str
    request: Callable[[str], Request]


def _filtered(kind: str) -> Callable[[str], Request]:
    return lambda value: Request(body={"url": HOOK, "events": ["email.received"], "filters": {kind: [value]}})


def _bound(value: str) -> Request:
    return Request(body={"scope": "agent", "agent_email": value})


NONE = "0" * 32
NO_AGENT = "nobody@agents.localhost"
REFERENCES = [
    Reference("createApiKey", lambda _: AGENT, NO_AGENT, _bound),
    Reference("POST /api/keys", lambda _: AGENT, NO_AGENT, _bound),
    Reference(
        "importContacts",
        lambda _: AGENT,
        NO_AGENT,
        lambda v: Request(body={"contacts": [{"address": "eve@example.org"}], "agent_email": v, "stage": "new"}),
    ),
    Reference("createWebhook", lambda _: AGENT, NO_AGENT, _filtered("agent_emails")),
    Reference("createWebhook", lambda w: w.conversation, f"conv_{NONE}", _filtered("conversation_ids")),
    Reference("POST /api/v1/webhooks", lambda _: AGENT, NO_AGENT, _filtered("agent_ids")),
    Reference("POST /api/v1/webhooks", lambda w: w.conversation, f"conv_{NONE}", _filtered("conversation_ids")),
    Reference(
        "sendMessage",
        lambda w: w.template,
        f"tmpl_{NONE}",
        lambda v: Request({"email": OTHERS}, body={"to": ["eve@example.org"], "template_id": v}),
    ),
    Reference(
        "sendMessage",
        lambda _: "t0",
        "t9",
        lambda v: Request({"email": OTHERS}, body={"to": ["eve@example.org"], "template_alias": v}),
    ),
    Reference(
        "sendMessage",
        lambda w: w.conversation,
        f"conv_{NONE}",
        lambda v: Request({"email": OTHERS}, body={**MAIL, "conversation_id": v}),
    ),
    Reference("POST /api/v1/send", lambda _: AGENT, NO_AGENT, lambda v: Request(body={"from": v, **SENT})),
    Reference(
        "listMessages",
        lambda w: w.conversation,
        f"conv_{NONE}",
        lambda v: Request({"email": OTHERS}, {"conversation_id": v}),
    ),
    Reference("listEvents", lambda _: AGENT, NO_AGENT, lambda v: Request(query={"agent_email": v})),
    Reference("listEvents", lambda w: w.conversation, f"conv_{NONE}", lambda v: Request(query={"conversation_id": v})),
    Reference("listEvents", lambda w: w.message, f"msg_{NONE}", lambda v: Request(query={"message_id": v})),
    Reference("GET /api/v1/events", lambda _: AGENT, NO_AGENT, lambda v: Request(query={"agent_id": v})),
    Reference("GET /api/v1/events", lambda w: w.message, f"msg_{NONE}", lambda v: Request(query={"message_id": v})),
    Reference("listContacts", lambda w: w.batch, f"imp_{NONE}", lambda v: Request(query={"import_batch_id": v})),
]
BY_NAME = {named(one): one for one in EVERYTHING}


def plainly(answer: Answer, value: str) -> tuple[int, Any]:
    """The answer without what differs from one time to the next, and without what was asked."""
    text = answer.text.replace(value, "<asked>")
    if answer.headers["content-type"] != "application/json":
        return answer.status, text
    told = json.loads(text)
    told.get("error", {}).pop("request_id", None)
    return answer.status, {name: value for name, value in told.items() if not name.endswith("id") and name not in ANEW}


ANEW = {"secret", "signing_secret", "created_at", "updated_at", "filters"}


async def test_naming_what_is_anothers_is_naming_nothing(client: Client, neighbours: Neighbours) -> None:
    """A body or a query with another account's id is answered as one with an id that nothing has."""
    before = await of_account(client, neighbours.world.account_id)
    for reference in REFERENCES:
        one = BY_NAME[reference.operation]
        headers = neighbours.credentials["session" if one.scope is Scope.SESSION else "key"]
        found = []
        for value in (reference.theirs(neighbours.world), reference.nobodys):
            answer = await call(anonymous(client), one, reference.request(value), headers=headers)
            found.append(plainly(answer, value))
            assert AGENT not in answer.text.replace(value, ""), reference
        assert found[0] == found[1], reference
        assert found[0][0] < 500, reference
        assert await of_account(client, neighbours.world.account_id) == before, reference


async def test_an_event_goes_to_nobody_elses_webhook(client: Client, neighbours: Neighbours) -> None:
    """The event is the caller's own, the webhook is not."""
    headers = neighbours.credentials["key"]
    made = await anonymous(client).post("/v1/webhooks", {"url": HOOK, "events": ["email.received"]}, headers=headers)
    before = await of_account(client, neighbours.account_id)
    for prefix in ("/v1", "/api/v1"):
        found = []
        for value in (made.json()["id"], f"wh_{NONE}"):
            answer = await client.post(f"{prefix}/events/{neighbours.world.event}/redeliver", {"webhook_id": value})
            found.append(plainly(answer, value))
        assert found[0] == found[1]
        assert found[0][0] in (404, 409)
    assert await of_account(client, neighbours.account_id) == before


async def of_account(client: Client, account_id: str) -> dict[str, str]:
    """All rows of one account, table by table, as something to compare."""
    db = client.services.db
    tables = await db.fetch_all(
        "select table_name from information_schema.columns"
        " where column_name = 'account_id' and table_schema = 'public' and table_name <> 'idempotency_keys'"
    )
    parts = [
        f"select '{name}' as name, coalesce(md5(string_agg(t::text, '' order by t::text)), '') as sum"
        f" from {name} t where account_id = '{account_id}'"
        for name in (one["table_name"] for one in tables)
    ]
    return {one["name"]: one["sum"] for one in await db.fetch_all(" union all ".join(parts))}


def test_every_member_that_names_something_is_held() -> None:
    """Whoever adds a parameter that takes an id says here what another account's does."""
    held = {
        (one.operation, json.dumps([one.request("x").body, dict(one.request("x").query or {})])) for one in REFERENCES
    }
    for one in OPERATIONS:
        names = list(one.query.parameters) if one.query else []
        if one.body:
            names += list(one.body.schemas[one.body.cls.__name__]["properties"])
        for name in names:
            if name.endswith(("_id", "_ids", "agent_email", "_alias")) and (one.id, name) not in ELSEWHERE:
                assert any(operation == one.id and f'"{name}"' in text for operation, text in held), (one.id, name)


ELSEWHERE = {
    ("replyToMessage", "conversation_id"): "as in sendMessage",
    ("forwardMessage", "conversation_id"): "as in sendMessage",
    ("redeliverEvent", "webhook_id"): "has its own test: the event must be the caller's",
}
