"""The lists of suppressed addresses."""

import json
from typing import Any

import pytest
import trio

from e2ad.gateway.suppressions import ACCOUNT, suppress
from tests import factories
from tests.api.conftest import Client

AGENT = "bot@agents.localhost"
OWN = f"/v1/agents/{AGENT}/suppressions"
ALL = "/v1/account/suppressions"
CONFIRM = {"confirm": "DELETE"}


@pytest.fixture
async def account_id(client: Client, caller: Any, api: Any) -> str:
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    return str(caller.account_id)


async def test_an_address_is_suppressed_once(client: Client, account_id: str) -> None:
    first = await client.post(OWN, {"address": " Ada@Example.ORG ", "reason": "asked"})
    assert first.status == 200
    body = first.json()
    assert {name: body[name] for name in ("agent_email", "address", "source", "reason")} == {
        "agent_email": AGENT,
        "address": "ada@example.org",
        "source": "manual",
        "reason": "asked",
    }
    again = await client.post(OWN, {"address": "ada@example.org", "reason": "other"})
    assert again.json() == body
    (event,) = await client.services.db.fetch_all("select type, agent_email, envelope from events")
    assert event["type"] == "agent.suppression_added"
    data = json.loads(event["envelope"])["data"]
    assert data == {"agent_email": AGENT, "address": "ada@example.org", "source": "manual"}
    assert (await client.get(OWN)).json() == {"items": [body], "next_cursor": None}
    assert (await client.get(ALL)).json()["items"] == []


async def test_many_at_once_are_one(client: Client, account_id: str) -> None:
    answers = []

    async def one() -> None:
        answers.append(await client.post(OWN, {"address": "ada@example.org"}))

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(one)
    assert [answer.status for answer in answers] == [200] * 6
    assert len({answer.body for answer in answers}) == 1
    assert len(await client.services.db.fetch_all("select 1 from events")) == 1


async def test_an_address_is_released(client: Client, account_id: str) -> None:
    await client.post(OWN, {"address": "ada@example.org"})
    assert (await client.delete(f"{OWN}/ada@example.org")).status == 422
    gone = await client.delete(f"{OWN}/Ada%40Example.org", query=CONFIRM)
    assert (gone.status, gone.json()) == (200, {"deleted": True, "address": "ada@example.org"})
    assert (await client.delete(f"{OWN}/ada@example.org", query=CONFIRM)).code == "not_found"
    assert (await client.delete(f"{OWN}/nobody", query=CONFIRM)).code == "not_found"
    await client.post(OWN, {"address": "ada@example.org"})
    assert len(await client.services.db.fetch_all("select 1 from events")) == 2


async def test_the_accounts_list(client: Client, account_id: str) -> None:
    db = client.services.db
    for address, source in (("a@x.test", "bounce"), ("b@x.test", "complaint")):
        assert await suppress(db, account_id, ACCOUNT, address, source, "550 gone", "msg_1")
        assert not await suppress(db, account_id, ACCOUNT, address, "manual", None, None)
    first = (await client.get(ALL, query={"limit": 1})).json()
    assert first["items"][0]["address"] == "b@x.test"
    rest = (await client.get(ALL, query={"limit": 1, "cursor": first["next_cursor"]})).json()
    (item,) = rest["items"]
    assert rest["next_cursor"] is None
    assert {name: item[name] for name in ("address", "source", "reason", "source_message_id")} == {
        "address": "a@x.test",
        "source": "bounce",
        "reason": "550 gone",
        "source_message_id": "msg_1",
    }
    assert (await client.get(OWN, query={"cursor": first["next_cursor"]})).code == "invalid_cursor"
    gone = await client.delete(f"{ALL}/A@x.test", query=CONFIRM)
    assert (gone.status, gone.json()["address"]) == (200, "A@x.test")
    assert [item["address"] for item in (await client.get(ALL)).json()["items"]] == ["b@x.test"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"address": ""}, 400),
        ({"address": "nobody"}, 400),
        ({"address": "Ada <a@b.test>"}, 400),
        ({"address": "a@b.test\r\n"}, 200),
        ({"address": "a@b.test\r\nx"}, 400),
        ({"address": "x" * 321}, 422),
        ({"address": "a@b.test", "reason": "x" * 2001}, 422),
        ({"address": "a@b.test", "scope": "all"}, 422),
    ],
)
async def test_what_an_address_is(client: Client, account_id: str, body: dict[str, str], status: int) -> None:
    assert (await client.post(OWN, body)).status == status


async def test_foreign_lists(client: Client, account_id: str, stranger: str, api: Any) -> None:
    await client.post(OWN, {"address": "ada@example.org"})
    client.key = stranger
    assert (await client.get(OWN)).code == "not_found"
    assert (await client.post(OWN, {"address": "a@b.test"})).code == "not_found"
    assert (await client.delete(f"{OWN}/ada@example.org", query=CONFIRM)).code == "not_found"
    assert (await client.get(ALL)).json()["items"] == []
    client.key = (await api.make_caller(client.services.db, scope="agent", agent_email=AGENT)).key
    assert (await client.get(OWN)).status == 403


async def test_the_list_outlives_the_agent(client: Client, account_id: str) -> None:
    await client.post(OWN, {"address": "ada@example.org"})
    await client.delete(f"/v1/agents/{AGENT}", query={"confirm": "DELETE", "permanent": "true"})
    assert (await client.get(OWN)).code == "not_found"
    await factories.agent(client.services.db, account_id, AGENT)
    assert [item["address"] for item in (await client.get(OWN)).json()["items"]] == ["ada@example.org"]
