"""Who may call what, for every operation and route there is: generated from the lists that the app is built from."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import pytest
import trio
from attrs import define

from e2ad.api.app import OPERATIONS, ROUTES
from e2ad.api.classic.framework import ClassicRoute
from e2ad.api.operation import Operation, Scope
from e2ad.storage.pool import Database
from tests.api.conftest import Caller, Client
from tests.api.credentials import ACCOUNTS, AGENTS, anonymous, every_credential
from tests.api.world import AGENT, CLASSIC, HELD_BY, REQUESTS, World, call, named, populate, request_for, rows

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
    "listEngagements",
    "getEngagement",
    "upsertEngagement",
    "deleteEngagement",
    "getAgentMetrics",
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
OWN = [one for one in EVERYTHING if one.scope is Scope.OWN]
Headers = Mapping[str, str]


@define
class Relay:
    """Takes every mail at once: the classic API waits for that."""

    db: Database
    nursery: trio.Nursery

    def kick(self) -> None:
        self.nursery.start_soon(self.carry, "", "")

    async def carry(self, account_id: str, message_id: str) -> None:
        await self.db.execute("update submissions set status = 'sent', submitted_at = now() where status = 'accepted'")


@pytest.fixture
def relay(client: Client, nursery: trio.Nursery) -> Relay:
    client.services.courier = relay = Relay(client.services.db, nursery)
    return relay


@pytest.fixture
async def world(client: Client, caller: Caller) -> World:
    return await populate(client, caller.account_id)


@pytest.fixture
async def credentials(client: Client, caller: Caller, world: World) -> dict[str, Headers]:
    """Of the account, and of one agent of it."""
    return await every_credential(client, caller.account_id, AGENT)


def test_nobody_but_the_listed_is_open_to_agents() -> None:
    assert {one.id for one in OPERATIONS if one.scope in (Scope.OWN, Scope.ANY)} == AGENTS_OWN
    assert {named(one) for one in ROUTES if one.scope in (Scope.OWN, Scope.ANY)} == AGENTS_OWN_CLASSIC


def test_every_route_has_its_request() -> None:
    assert {named(one) for one in ROUTES} == set(CLASSIC)
    assert {named(one) for one in OPERATIONS} == set(REQUESTS)


async def answers(
    client: Client, which: Iterable[Operation | ClassicRoute], world: World, headers: Headers, **path: str
) -> dict[str, int | str]:
    """What each one says: its status, and the words where it did not get as far as who asks.

    Args:
        path: wins over what the requests that work say.
    """
    found: dict[str, int | str] = {}
    nobody, before = anonymous(client), await rows(client)
    for one in which:
        request = request_for(one, world)
        wanted = {name: path.get(name, value) for name, value in request.path.items()}
        answer = await call(nobody, one, attrs.evolve(request, path=wanted), headers=headers)
        found[named(one)] = answer.text if answer.status in (400, 422) else answer.status
        assert await rows(client) == before, named(one)
    return found


@pytest.mark.parametrize("kind", AGENTS)
async def test_an_agents_credential_is_refused(
    client: Client, world: World, credentials: dict[str, Headers], kind: str
) -> None:
    """It approves nothing, edits nothing, resolves nothing, and changes no protection, domain or suppression."""
    refused = [one for one in EVERYTHING if one.scope is Scope.ACCOUNT]
    found = await answers(client, refused, world, credentials[kind])
    assert found == dict.fromkeys(found, 403)
    assert len(found) > 80


@pytest.mark.parametrize("kind", AGENTS)
async def test_an_agents_credential_ends_at_its_own_inbox(
    client: Client, world: World, credentials: dict[str, Headers], kind: str
) -> None:
    for email, status in ((HELD_BY, 403), ("nobody@agents.localhost", 404)):
        found = await answers(client, OWN, world, credentials[kind], email=email)
        assert found == dict.fromkeys(found, status)
    assert len(found) > 25


@pytest.mark.parametrize("kind", [*ACCOUNTS, *AGENTS])
async def test_the_inbox_is_read_by_whom_it_belongs_to(
    client: Client, world: World, credentials: dict[str, Headers], kind: str
) -> None:
    found = {}
    for one in OWN:
        if one.method == "GET":
            answer = await call(anonymous(client), one, request_for(one, world), headers=credentials[kind])
            found[named(one)] = answer.status
    assert found == dict.fromkeys(found, 200)
    assert len(found) > 10


@pytest.mark.parametrize("one", [one for one in OWN if one.method != "GET"], ids=named)
async def test_an_agent_may_write_in_its_own_inbox(
    client: Client, world: World, credentials: dict[str, Headers], relay: Relay, one: Operation | ClassicRoute
) -> None:
    answer = await call(anonymous(client), one, request_for(one, world), headers=credentials["agent key"])
    assert answer.status < 300, answer.text


@pytest.mark.parametrize("one", ROUTES, ids=named)
async def test_a_classic_route_works(
    client: Client, world: World, credentials: dict[str, Headers], relay: Relay, one: ClassicRoute
) -> None:
    """What is refused in the other tests is a request that somebody else may make."""
    kind = "session" if one.scope is Scope.SESSION else "key"
    answer = await call(anonymous(client), one, request_for(one, world), headers=credentials[kind])
    # The DNS of the tests has no proof of the domain, and the classic API says that with a status.
    assert answer.status < 300 or (named(one), answer.status) == VERIFIED, answer.text


VERIFIED = ("POST /api/v1/domains/{domain}/verify", 412)


async def test_a_message_of_another_inbox_is_unknown_in_ones_own(
    client: Client, world: World, credentials: dict[str, Headers]
) -> None:
    """An agent cannot reach its sister's mail through its own address; the account cannot either."""
    ids = {"id", "index"}
    naming = [one for one in OWN if ids & set(request_for(one, world).path)]
    sisters = {"id": world.held, "index": "0"}
    for kind in ("key", "agent key"):
        found = await answers(client, naming, world, credentials[kind], email=AGENT, **sisters)
        assert found == dict.fromkeys(found, 404), kind
    assert len(found) > 10


@pytest.mark.parametrize("key", ["e2a_acct_" + "0" * 64, "e2a_agt_" + "0" * 64, "ate2a_" + "x" * 43, "eyJx.y.z", ""])
async def test_strangers_are_refused(client: Client, world: World, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    found = await answers(client, EVERYTHING, world, headers)
    assert found == dict.fromkeys(found, 401)


async def test_only_people_have_what_is_for_people(
    client: Client, world: World, credentials: dict[str, Headers]
) -> None:
    """Keys can be made by whoever signs in; a key that leaks makes no other one by this way."""
    theirs = [one for one in EVERYTHING if one.scope is Scope.SESSION]
    for kind, headers in credentials.items():
        if kind != "session":
            found = await answers(client, theirs, world, headers)
            assert found == dict.fromkeys(found, 401), kind
    assert len(found) >= 3


async def test_a_cookie_without_our_page_changes_nothing(
    client: Client, world: World, credentials: dict[str, Headers]
) -> None:
    """Another site can make a browser send the cookie; it cannot make it say that we ask."""
    writing = [one for one in EVERYTHING if one.method != "GET"]
    cookie: Any = {"cookie": credentials["session"]["cookie"]}
    for more in (
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.test"},
    ):
        found = await answers(client, writing, world, cookie | more)
        assert found == dict.fromkeys(found, 403), more
    assert len(found) > 60
