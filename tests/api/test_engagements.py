"""Outreach: what callers write, what the server knows, and who may see it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio

from e2ad.storage.pool import Database
from tests import factories
from tests.api.conftest import Answer, Caller, Client, make_agent

BOT = "bot@agents.localhost"
URL = f"/v1/agents/{BOT}/contacts"
ANN = f"{URL}/ann@far.test"
AT = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
async def client(client: Client, caller: Caller) -> Client:
    """The app, with an agent."""
    await make_agent(client.services.db, caller.account_id, BOT)
    return client


async def enrol(client: Client, name: str, **body: Any) -> Any:
    answer = await client.put(f"{URL}/{name}@far.test", body)
    assert answer.status in (200, 201), answer.text
    return answer.json()


async def mail(database: Database, caller: Caller, name: str, **columns: Any) -> None:
    """What the agent has seen of an address."""
    key = {"account_id": caller.account_id, "agent_email": BOT, "address": f"{name}@far.test", "skeleton": name}
    await factories.insert(database, "correspondents", key | columns)


async def names(client: Client, **query: Any) -> list[str]:
    answer = await client.get(URL, query=query)
    assert answer.status == 200, answer.text
    return [one["address"].partition("@")[0] for one in answer.json()["items"]]


async def test_enrolling_makes_the_contact_where_there_is_none(client: Client) -> None:
    made = await client.put(f"{URL}/Ann <ANN@Far.test>", {"stage": "cold", "metadata": {"a": 1}})
    assert made.status == 201
    assert made.headers["location"] == "/v1/agents/bot%40agents.localhost/contacts/ann%40far.test"
    view = made.json()
    created, updated = view.pop("created_at"), view.pop("updated_at")
    assert created == updated
    assert view == {
        "address": "ann@far.test",
        "agent_email": BOT,
        "contact": {"address": "ann@far.test", "display_name": "", "metadata": {}},
        "stage": "cold",
        "metadata": {"a": 1},
        "replied": False,
        "suppressed": False,
        "inbound_count": 0,
        "outbound_count": 0,
        "next_action_at": None,
        "first_outbound_at": None,
        "last_outbound_at": None,
        "last_inbound_at": None,
    }
    assert (await client.get("/v1/contacts/ann@far.test")).json()["source"] == "manual"
    again = await client.put(ANN, {"stage": "warm"})
    assert (again.status, again.json()["stage"], again.json()["metadata"]) == (200, "warm", {"a": 1})
    assert "location" not in again.headers
    assert (await client.get(ANN)).json() == again.json()


async def test_only_what_is_given_changes_and_null_clears_the_schedule(client: Client) -> None:
    await enrol(client, "ann", stage="cold", next_action_at="2026-07-01T14:00:00.5+02:00")
    kept = (await client.put(ANN, {"stage": "warm"})).json()
    assert (kept["stage"], kept["next_action_at"]) == ("warm", "2026-07-01T12:00:00.5Z")
    assert (await client.put(ANN, {"stage": ""})).json()["stage"] == ""
    cleared = (await client.put(ANN, {"next_action_at": None})).json()
    assert (cleared["stage"], cleared["next_action_at"]) == ("", None)
    assert (await client.put(ANN, {})).json()["next_action_at"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"stage": "x" * 129}, 422),
        ({"stage": 1}, 422),
        ({"metadata": {"a": [1]}}, 400),
        ({"metadata": 5}, 422),
        ({"next_action_at": "tomorrow"}, 422),
        ({"next_action_at": "2026-07-01T12:00:00"}, 422),
        ({"next_action_at": ""}, 422),
        ({"next_action_at": 5}, 422),
        ({"next_action_at": "0001-01-01T00:00:00+14:00"}, 400),
        ({"next_action_at": "9999-12-31T23:59:59-14:00"}, 400),
        ({"replied": True}, 422),
        ({"outbound_count": 5}, 422),
        ({"last_outbound_at": "2026-07-01T12:00:00Z"}, 422),
    ],
)
async def test_what_is_refused(client: Client, body: Any, status: int) -> None:
    answer = await client.put(ANN, body)
    assert (answer.status, answer.code) == (status, "invalid_request")
    assert await names(client) == []
    assert (await client.get("/v1/contacts")).json()["items"] == []


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("nobody", {}),
        ("ann@far.test", {"metadata": {"a": [1]}}),
        ("ann@far.test", {"next_action_at": "0001-01-01T00:00:00Z"}),
    ],
)
async def test_whose_agent_it_is_comes_before_what_is_wrong(
    client: Client, stranger: str, name: str, body: Any
) -> None:
    assert (await client.put(f"{URL}/{name}", body)).status == 400
    for url, key in ((URL, stranger), (URL.replace("bot@", "none@"), None)):
        answer = await client.put(f"{url}/{name}", body, key=key)
        assert (answer.status, answer.code) == (404, "not_found")


async def test_an_address_that_is_none(client: Client) -> None:
    answer = await client.put(f"{URL}/nobody", {})
    assert (answer.status, answer.code) == (400, "invalid_recipient")
    for method, more in (("GET", {}), ("DELETE", {"query": {"confirm": "DELETE"}})):
        for name in ("nobody", "nobody@far.test"):
            missing = await client.request(method, f"{URL}/{name}", **more)
            assert (missing.status, missing.code) == (404, "engagement_not_found")


async def test_a_write_that_names_a_version_never_creates(client: Client) -> None:
    for tag in ("*", '"x"', '"' + "0" * 32 + '"'):
        answer = await client.put(ANN, {}, headers={"If-Match": tag})
        assert (answer.status, answer.code) == (412, "precondition_failed")
    assert (await client.get("/v1/contacts")).json()["items"] == []
    first = (await client.put(ANN, {"stage": "1"})).headers["etag"]
    assert (await client.get(ANN)).headers["etag"] == first
    second = await client.put(ANN, {"stage": "2"}, headers={"If-Match": "W/" + first})
    assert (second.status, second.headers["etag"] != first) == (200, True)
    stale = await client.put(ANN, {"stage": "3"}, headers={"If-Match": first})
    assert (stale.status, stale.code) == (412, "precondition_failed")
    empty = await client.put(ANN, {"stage": "3"}, headers={"If-Match": " "})
    assert (empty.status, empty.code) == (400, "invalid_request")
    assert (await client.get(ANN)).json()["stage"] == "2"
    assert (await client.put(ANN, {"stage": "3"}, headers={"If-Match": "*"})).json()["stage"] == "3"


async def test_of_two_writers_one_wins(client: Client) -> None:
    tag = (await client.put(ANN, {"stage": "0"})).headers["etag"]
    answers: list[Answer] = []

    async def write(stage: str) -> None:
        answers.append(await client.put(ANN, {"stage": stage}, headers={"If-Match": tag}))

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(write, str(number + 1))
    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412, 412, 412]
    (won,) = (answer for answer in answers if answer.status == 200)
    assert (await client.get(ANN)).json() == won.json()


async def test_of_many_who_enrol_at_once_one_creates(client: Client) -> None:
    statuses: list[int] = []

    async def write(stage: str) -> None:
        statuses.append((await client.put(ANN, {"stage": stage})).status)

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(write, str(number))
    assert sorted(statuses) == [200, 200, 200, 200, 200, 201]
    assert await names(client) == ["ann"]


async def test_what_mail_did_is_the_servers_to_say(client: Client, database: Database, caller: Caller) -> None:
    await mail(
        database,
        caller,
        "ann",
        outbound_count=3,
        first_outbound_at=AT,
        last_outbound_at=AT + timedelta(days=2),
        inbound_count=5,
        verified_count=2,
        last_inbound_at=AT + timedelta(days=1),
        last_conversation_id="conv_1",
    )
    await client.put(ANN, {})
    view = (await client.get(ANN)).json()
    assert view["replied"] is True
    assert (view["outbound_count"], view["inbound_count"]) == (3, 2), "of the inbound those that passed DMARC"
    assert view["first_outbound_at"] == "2026-07-01T12:00:00Z"
    assert view["last_outbound_at"] == "2026-07-03T12:00:00Z"
    assert view["last_inbound_at"] == "2026-07-02T12:00:00Z"
    assert view["last_conversation_id"] == "conv_1"
    assert (await client.get(URL)).json()["items"] == [view]


async def test_who_wrote_first_has_not_replied(client: Client, database: Database, caller: Caller) -> None:
    await mail(database, caller, "ann", first_outbound_at=AT, last_inbound_at=AT)
    await mail(database, caller, "bob", last_inbound_at=AT)
    for name in ("ann", "bob"):
        assert (await enrol(client, name))["replied"] is False


async def test_suppression_is_said_with_its_reason(client: Client, database: Database, caller: Caller) -> None:
    await client.put(ANN, {})
    row = {"account_id": caller.account_id, "address": "ann@far.test"}
    await factories.insert(database, "suppressions", row | {"agent_email": "x@agents.localhost", "source": "manual"})
    assert (await client.get(ANN)).json()["suppressed"] is False, "another agent's list"
    await factories.insert(database, "suppressions", row | {"agent_email": BOT, "source": "unsubscribe"})
    view = (await client.get(ANN)).json()
    assert (view["suppressed"], view["suppression_source"]) == (True, "unsubscribe")
    assert "suppression_reason" not in view
    await factories.insert(
        database, "suppressions", row | {"agent_email": "", "source": "bounce", "reason": "no such user"}
    )
    view = (await client.get(ANN)).json()
    assert (view["suppression_source"], view["suppression_reason"]) == ("bounce", "no such user")
    assert (await client.get(URL)).json()["items"] == [view]


async def test_the_filters(client: Client, database: Database, caller: Caller) -> None:
    await enrol(client, "cold", stage="cold", next_action_at="2026-07-01T12:00:00Z")
    await enrol(client, "sent", stage="cold", next_action_at="2026-07-01T12:00:00Z")
    await enrol(client, "back", stage="warm")
    await enrol(client, "gone", stage="warm", next_action_at="2026-08-01T12:00:00Z")
    await mail(database, caller, "sent", outbound_count=1, first_outbound_at=AT, last_outbound_at=AT)
    await mail(
        database,
        caller,
        "back",
        outbound_count=1,
        first_outbound_at=AT - timedelta(days=9),
        last_outbound_at=AT - timedelta(days=9),
        last_inbound_at=AT,
    )
    await client.post(f"/v1/agents/{BOT}/suppressions", {"address": "gone@far.test"})
    assert await names(client) == ["gone", "back", "sent", "cold"]
    assert await names(client, stage="cold") == ["sent", "cold"]
    assert await names(client, stage="COLD") == []
    assert await names(client, replied="true") == ["back"]
    assert await names(client, replied="false") == ["gone", "sent", "cold"]
    assert await names(client, suppressed="true") == ["gone"]
    assert await names(client, suppressed="false") == ["back", "sent", "cold"]
    assert await names(client, next_action_before="2026-07-01T12:00:00Z") == ["sent", "cold"]
    assert await names(client, next_action_before="2026-07-01T11:59:59Z") == []
    assert await names(client, last_outbound_before="2026-07-01T12:00:00Z") == ["gone", "back", "cold"]
    assert await names(client, last_outbound_before="2026-07-01T12:00:01Z") == ["gone", "back", "sent", "cold"]
    due = {
        "replied": "false",
        "suppressed": "false",
        "next_action_before": "2026-07-02T00:00:00Z",
        "last_outbound_before": "2026-07-01T00:00:00Z",
    }
    assert await names(client, **due) == ["cold"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"replied": "1"}, 422, "invalid_request"),
        ({"replied": "True"}, 422, "invalid_request"),
        ({"suppressed": "yes"}, 422, "invalid_request"),
        ({"next_action_before": "now"}, 400, "invalid_filter"),
        ({"next_action_before": "2026-07-01T12:00:00"}, 400, "invalid_filter"),
        ({"last_outbound_before": "0001-01-01T00:00:00+14:00"}, 400, "invalid_filter"),
        ({"limit": "0"}, 422, "invalid_request"),
        ({"cursor": "x"}, 400, "invalid_cursor"),
    ],
)
async def test_filters_that_are_none(client: Client, query: Any, status: int, code: str) -> None:
    answer = await client.get(URL, query=query)
    assert (answer.status, answer.code) == (status, code)


async def test_pages_are_bound_to_what_was_asked(client: Client, caller: Caller, api: Any) -> None:
    for number in range(5):
        await enrol(client, f"p{number}", stage="x", next_action_at="2026-07-01T12:00:00Z")
    asked = {"stage": "x", "replied": "false", "suppressed": "false", "next_action_before": "2026-07-01T12:00:00Z"}
    asked["last_outbound_before"] = "2026-07-01T12:00:00Z"
    seen, cursor = list[str](), None
    while True:
        query = {**asked, "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await client.get(URL, query=query)).json()
        seen += [one["address"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        for name in asked:
            changed = {key: value for key, value in query.items() if key != name} | {"cursor": cursor}
            other = await client.get(URL, query=changed)
            assert (other.status, other.code) == (400, "invalid_cursor"), name
    assert seen == [f"p{number}@far.test" for number in (4, 3, 2, 1, 0)]
    await api.make_agent(client.services.db, caller.account_id, "sister@agents.localhost")
    first = (await client.get(URL, query={"limit": 2})).json()["next_cursor"]
    assert (await client.get("/v1/agents/sister@agents.localhost/contacts", query={"cursor": first})).status == 400


async def test_taking_somebody_out_keeps_the_contact(client: Client) -> None:
    await client.put(ANN, {"stage": "x"})
    assert (await client.delete(ANN)).status == 422
    gone = await client.delete(f"{URL}/ANN@far.test", query={"confirm": "DELETE"})
    assert gone.json() == {"deleted": True, "address": "ann@far.test"}
    assert (await client.get("/v1/contacts/ann@far.test")).status == 200
    assert (await client.get(ANN)).code == "engagement_not_found"


async def test_an_agents_key_works_its_own_outreach(client: Client, caller: Caller, api: Any) -> None:
    await api.make_agent(client.services.db, caller.account_id, "sister@agents.localhost")
    own = await api.make_caller(client.services.db, scope="agent", agent_email=BOT)
    client.key = own.key
    assert (await client.put(ANN, {"stage": "x"})).status == 201
    assert (await client.get(ANN)).json()["contact"]["address"] == "ann@far.test"
    assert await names(client) == ["ann"]
    other = "/v1/agents/sister@agents.localhost/contacts"
    for method, path, body in (
        ("GET", other, None),
        ("GET", f"{other}/ann@far.test", None),
        ("PUT", f"{other}/ann@far.test", {}),
        ("GET", "/v1/contacts", None),
        ("GET", "/v1/contacts/ann@far.test", None),
        ("POST", "/v1/contacts", {"address": "x@far.test"}),
        ("POST", "/v1/contacts/import", {"contacts": [{"address": "x@far.test"}]}),
    ):
        answer = await client.request(method, path, body=body)
        assert (answer.status, answer.code) == (403, "forbidden"), path
    assert (await client.delete(ANN, query={"confirm": "DELETE"})).status == 200


async def test_it_survives_the_trash_and_goes_with_the_agent(client: Client, database: Database) -> None:
    await client.put(ANN, {"stage": "x"})
    await client.delete(f"/v1/agents/{BOT}", query={"confirm": "DELETE"})
    for method, path, more in (
        ("GET", URL, {}),
        ("GET", ANN, {}),
        ("PUT", ANN, {"body": {}}),
        ("DELETE", ANN, {"query": {"confirm": "DELETE"}}),
    ):
        answer = await client.request(method, path, **more)
        assert (answer.status, answer.code) == (404, "not_found"), (method, path)
    await client.post(f"/v1/agents/{BOT}/restore", {})
    assert (await client.get(ANN)).json()["stage"] == "x"
    await client.delete(f"/v1/agents/{BOT}", query={"confirm": "DELETE", "permanent": "true"})
    assert await database.fetch_value("select count(*) from engagements") == 0
    assert (await client.get("/v1/contacts/ann@far.test")).status == 200


async def test_each_request_costs_a_few_statements(client: Client) -> None:
    for number in range(30):
        await enrol(client, f"p{number}")
    await client.get(URL)
    for path, most in ((URL, 1), (f"{URL}/p1@far.test", 1), ("/v1/contacts", 1), ("/v1/contacts/p1@far.test", 1)):
        before = client.services.db.statements
        assert (await client.get(path)).status == 200
        assert client.services.db.statements - before <= most + 1, path  # and one for the key
