"""Contacts of the account: one spelling, conditional writes, imports and their undoing."""

import threading
from functools import partial
from typing import Any

import pytest
import trio

from e2ad.api.app import OPERATIONS
from e2ad.core import contacts as rules
from e2ad.gateway import contacts as gateway
from e2ad.storage.pool import Database
from tests import factories
from tests.api.conftest import Caller, Client

URL = "/v1/contacts"
BOT = "bot@agents.localhost"


@pytest.fixture
async def bot(client: Client, caller: Caller, api: Any) -> str:
    await api.make_agent(client.services.db, caller.account_id, BOT)
    return BOT


async def add(client: Client, address: str, **more: Any) -> Any:
    answer = await client.post(URL, {"address": address, **more})
    assert answer.status == 201, answer.text
    return answer.json()


async def upload(client: Client, *addresses: str, **more: Any) -> Any:
    answer = await client.post(f"{URL}/import", {"contacts": [{"address": one} for one in addresses], **more})
    assert answer.status == 200, answer.text
    return answer.json()


async def undo(client: Client, batch_id: str) -> Any:
    answer = await client.delete(f"{URL}/imports/{batch_id}", query={"confirm": "DELETE"})
    assert answer.status == 200, answer.text
    return answer.json()


async def addresses(client: Client, **query: Any) -> list[str]:
    answer = await client.get(URL, query=query)
    assert answer.status == 200, answer.text
    return [one["address"] for one in answer.json()["items"]]


async def test_a_contact_is_one_however_it_is_written(client: Client) -> None:
    made = await client.post(URL, {"address": "A. Partner <ANN@Far.test>", "metadata": {"fund": "x", "n": 1.5}})
    assert (made.status, made.headers["location"]) == (201, "/v1/contacts/ann%40far.test")
    view = made.json()
    assert (view["address"], view["display_name"], view["source"]) == ("ann@far.test", "", "manual")
    assert view["metadata"] == {"fund": "x", "n": 1.5}
    assert view["created_at"] == view["updated_at"]
    assert "import_batch_id" not in view
    for address in ("ann@far.test", "ANN@FAR.TEST", "Ann <ann@far.test>"):
        again = await client.post(URL, {"address": address})
        assert (again.status, again.code) == (409, "conflict")
        found = await client.get(f"{URL}/{address}")
        assert (found.status, found.json()) == (200, view)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"address": "nobody"}, 400, "invalid_recipient"),
        ({"address": ""}, 400, "invalid_recipient"),
        ({"address": "a@[127.0.0.1]"}, 400, "invalid_recipient"),
        ({"address": "x" * 321}, 422, "invalid_request"),
        ({}, 422, "invalid_request"),
        ({"address": "a@far.test", "display_name": "x" * 321}, 422, "invalid_request"),
        ({"address": "a@far.test", "metadata": []}, 422, "invalid_request"),
        ({"address": "a@far.test", "metadata": {"a": {}}}, 400, "invalid_request"),
        ({"address": "a@far.test", "metadata": {"a": 2**64}}, 400, "invalid_request"),
        ({"address": "a@far.test", "metadata": {str(n): 1 for n in range(51)}}, 400, "invalid_request"),
        ({"address": "a@far.test", "source": "import"}, 422, "invalid_request"),
        ({"address": "a@far.test", "metadata": {"a\0": 1}}, 400, "invalid_request"),
    ],
)
async def test_what_is_refused(client: Client, body: Any, status: int, code: str) -> None:
    answer = await client.post(URL, body)
    assert (answer.status, answer.code) == (status, code)
    assert await addresses(client) == []


async def test_whether_it_is_there_comes_before_what_is_wrong(client: Client, stranger: str) -> None:
    await add(client, "ann@far.test")
    wrong = {"metadata": {"a": [1]}}
    mine = await client.patch(f"{URL}/ann@far.test", wrong)
    assert (mine.status, mine.code) == (400, "invalid_request")
    for name, key in (("bob", None), ("ann", stranger)):
        answer = await client.patch(f"{URL}/{name}@far.test", wrong, key=key)
        assert (answer.status, answer.code) == (404, "contact_not_found")


async def test_a_contact_of_nobody(client: Client, stranger: str) -> None:
    await add(client, "ann@far.test")
    for address in ("ann@far.test", "nobody", "." * 400):
        for method, more in (("GET", {}), ("PATCH", {"body": {}}), ("DELETE", {"query": {"confirm": "DELETE"}})):
            answer = await client.request(method, f"{URL}/{address}", key=stranger, **more)
            assert (answer.status, answer.code) == (404, "contact_not_found")
    assert (await client.post(URL, {"address": "ann@far.test"}, key=stranger)).status == 201


async def test_the_list_is_narrowed_and_paged(client: Client, database: Database, caller: Caller) -> None:
    for number in range(5):
        await add(client, f"p{number}@far.test")
        await database.execute(
            "update contacts set created_at = timestamptz '2026-07-01' + %(n)s::int * interval '1 hour'"
            " where address = %(address)s",
            {"n": number, "address": f"p{number}@far.test"},
        )
    batch = (await upload(client, "q@far.test"))["batch_id"]
    assert await addresses(client) == ["q@far.test", *(f"p{n}@far.test" for n in (4, 3, 2, 1, 0))]
    assert await addresses(client, source="manual", limit=2) == ["p4@far.test", "p3@far.test"]
    assert await addresses(client, source="inbound") == []
    assert await addresses(client, import_batch_id=batch) == ["q@far.test"]
    assert await addresses(client, import_batch_id="imp_x") == []
    between = {"created_after": "2026-07-01T01:00:00Z", "created_before": "2026-07-01T05:00:00+02:00"}
    assert await addresses(client, **between) == ["p2@far.test"], "both ends are exclusive"
    seen, cursor = list[str](), None
    while True:
        query = {"source": "manual", "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await client.get(URL, query=query)).json()
        seen += [one["address"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        other = await client.get(URL, query={"source": "import", "cursor": cursor})
        assert (other.status, other.code) == (400, "invalid_cursor")
    assert seen == [f"p{n}@far.test" for n in (4, 3, 2, 1, 0)]
    assert (await client.get(URL, query={"source": "other"})).status == 422
    for name in ("created_after", "created_before"):
        for text in ("yesterday", "2026-07-01", "2026-07-01T00:00:00", "0001-01-01T00:00:00+14:00"):
            answer = await client.get(URL, query={name: text})
            assert (answer.status, answer.code) == (400, "invalid_filter"), text


async def test_only_what_is_given_changes(client: Client) -> None:
    made = await add(client, "ann@far.test", display_name="Ann", metadata={"a": 1, "b": 2})
    named = (await client.patch(f"{URL}/ann@far.test", {"display_name": "Anna"})).json()
    assert (named["display_name"], named["metadata"]) == ("Anna", {"a": 1, "b": 2})
    assert named["updated_at"] > made["updated_at"]
    assert named["created_at"] == made["created_at"]
    assert (await client.patch(f"{URL}/ann@far.test", {"metadata": {"c": None}})).json()["metadata"] == {"c": None}
    cleared = await client.patch(f"{URL}/ann@far.test", {"display_name": "", "metadata": {}})
    assert (cleared.json()["display_name"], cleared.json()["metadata"]) == ("", {})
    assert (await client.patch(f"{URL}/ann@far.test", {})).json() == cleared.json()
    assert (await client.patch(f"{URL}/ann@far.test", {"address": "x@far.test"})).status == 422
    assert (await client.patch(f"{URL}/ann@far.test", {"metadata": {"a": []}})).status == 400


async def test_a_write_that_names_a_version(client: Client) -> None:
    await add(client, "ann@far.test")
    path = f"{URL}/ann@far.test"
    tag = (await client.get(path)).headers["etag"]
    assert tag.startswith('"')
    assert len(tag) == 34
    weak = await client.patch(path, {"display_name": "1"}, headers={"If-Match": "W/" + tag})
    assert (weak.status, weak.headers["etag"] != tag) == (200, True)
    assert (await client.get(path)).headers["etag"] == weak.headers["etag"]
    for stale in (tag, "W/" + tag, '"anything"', "anything"):
        answer = await client.patch(path, {"display_name": "2"}, headers={"If-Match": stale})
        assert (answer.status, answer.code) == (412, "precondition_failed")
        looked = await client.patch(path, {}, headers={"If-Match": stale})
        assert (looked.status, looked.code) == (412, "precondition_failed")
    empty = await client.patch(path, {"display_name": "2"}, headers={"If-Match": " "})
    assert (empty.status, empty.code) == (400, "invalid_request")
    assert (await client.get(path)).json()["display_name"] == "1"
    for fresh in (weak.headers["etag"], "*", f'{tag}, "x"', None):
        headers = {} if fresh is None else {"If-Match": fresh}
        answer = await client.patch(path, {"display_name": "3"}, headers=headers)
        assert answer.status == (412 if fresh and fresh.endswith('"x"') else 200)
    missing = await client.patch(f"{URL}/nobody@far.test", {"display_name": "x"}, headers={"If-Match": "*"})
    assert (missing.status, missing.code) == (404, "contact_not_found")


async def test_who_names_no_version_meets_no_other_one(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contact is made by another just after it was looked for."""
    update = gateway.table.update

    async def then_made(*arguments: Any, **more: Any) -> Any:
        changed = await update(*arguments, **more)
        await add(client, "ann@far.test")
        return changed

    monkeypatch.setattr(gateway.table, "update", then_made)
    answer = await client.patch(f"{URL}/ann@far.test", {"display_name": "Ann"})
    assert (answer.status, answer.code) == (404, "contact_not_found")


async def test_of_two_writers_one_wins(client: Client) -> None:
    await add(client, "ann@far.test")
    path = f"{URL}/ann@far.test"
    tag = (await client.get(path)).headers["etag"]
    statuses: list[int] = []

    async def write(name: str) -> None:
        answer = await client.patch(path, {"display_name": name}, headers={"If-Match": tag})
        statuses.append(answer.status)

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(write, str(number))
    assert sorted(statuses) == [200, 412, 412, 412, 412, 412]


async def test_a_key_makes_one_contact(client: Client) -> None:
    body, headers = {"address": "ann@far.test"}, {"Idempotency-Key": "once"}
    first = await client.post(URL, body, headers=headers)
    again = await client.post(URL, body, headers=headers)
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    other = await client.post(URL, {"address": "bob@far.test"}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reuse")
    headers = {"Idempotency-Key": "import"}
    sheet = {"contacts": [{"address": "ann@far.test"}, {"address": "bob@far.test"}]}
    imported = await client.post(f"{URL}/import", sheet, headers=headers)
    replayed = await client.post(f"{URL}/import", sheet, headers=headers)
    assert (replayed.status, replayed.body) == (200, imported.body)
    assert (imported.json()["created"], imported.json()["updated"]) == (1, 1)


async def test_the_answer_is_stored_with_the_effect(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the answer cannot be stored nothing was made, so that another try makes it once."""

    async def broken(*_: Any) -> None:
        raise RuntimeError("no answer")

    monkeypatch.setattr("e2ad.gateway.idempotency.Claim.finish", broken)
    headers = {"Idempotency-Key": "once"}
    assert (await client.post(URL, {"address": "ann@far.test"}, headers=headers)).status == 500
    sheet = {"contacts": [{"address": "bob@far.test"}]}
    assert (await client.post(f"{URL}/import", sheet, headers=headers)).status == 500
    assert await database.fetch_value("select count(*) from contacts") == 0
    assert await database.fetch_value("select count(*) from contact_imports") == 0


async def test_there_are_so_many_and_no_more(client: Client, bot: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever adds: one, an import, an enrolment; also all at once."""
    assert rules.MAX_CONTACTS == 10_000
    monkeypatch.setattr(gateway, "MAX_CONTACTS", 7)
    answers: list[str] = []

    async def create(number: int) -> None:
        answer = await client.post(URL, {"address": f"c{number}@far.test"})
        answers.append("made" if answer.status == 201 else answer.code)

    async def enrol(number: int) -> None:
        answer = await client.put(f"/v1/agents/{bot}/contacts/e{number}@far.test", {})
        answers.append("made" if answer.status == 201 else answer.code)

    async def load(number: int) -> None:
        results = (await upload(client, f"i{number}@far.test", f"j{number}@far.test"))["results"]
        answers.extend("made" if one["status"] == "created" else one["code"] for one in results)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            for verb in (create, enrol, load):
                nursery.start_soon(verb, number)
    assert sorted(answers) == ["contact_limit_reached"] * 5 + ["made"] * 7
    assert len(await addresses(client)) == 7
    some = (await addresses(client))[0]
    assert (await client.post(URL, {"address": some})).code == "conflict", "it is there, full or not"
    assert (await upload(client, some))["updated"] == 1
    assert (await client.delete(f"{URL}/{some}", query={"confirm": "DELETE"})).status == 200
    assert (await client.post(URL, {"address": "again@far.test"})).status == 201


async def test_a_contact_goes_with_its_outreach_and_not_with_its_suppression(client: Client, bot: str) -> None:
    await add(client, "ann@far.test")
    await client.put(f"/v1/agents/{bot}/contacts/ann@far.test", {"stage": "x"})
    await client.post(f"/v1/agents/{bot}/suppressions", {"address": "ann@far.test"})
    assert (await client.delete(f"{URL}/ann@far.test")).status == 422
    gone = await client.delete(f"{URL}/Ann <ANN@far.test>", query={"confirm": "DELETE"})
    assert gone.json() == {"deleted": True, "address": "ann@far.test"}
    assert (await client.get(f"/v1/agents/{bot}/contacts")).json()["items"] == []
    assert len((await client.get(f"/v1/agents/{bot}/suppressions")).json()["items"]) == 1
    assert (await client.delete(f"{URL}/ann@far.test", query={"confirm": "DELETE"})).code == "contact_not_found"


async def test_an_import_tells_of_every_line(client: Client, bot: str) -> None:
    await add(client, "old@far.test", display_name="Old", metadata={"a": 1})
    await client.post(f"/v1/agents/{bot}/suppressions", {"address": "no@far.test"})
    sheet = [
        {"address": "New <NEW@far.test>", "display_name": "New", "metadata": {"b": 2}},
        {"address": "old@far.test", "metadata": {"c": 3}},
        {"address": "new@far.test", "display_name": "Twice"},
        {"address": "nobody"},
        {"address": "x@far.test", "metadata": {"a": {}}},
        {"address": "no@far.test"},
    ]
    answer = await client.post(f"{URL}/import", {"contacts": sheet, "agent_email": bot.upper(), "stage": "cold"})
    assert answer.status == 200
    told = answer.json()
    assert {name: told[name] for name in ("created", "updated", "skipped", "failed")} == {
        "created": 2,
        "updated": 1,
        "skipped": 1,
        "failed": 2,
    }
    assert [one["index"] for one in told["results"]] == [0, 1, 2, 3, 4, 5]
    assert [(one["status"], one.get("code"), one.get("address"), one["enrolled"]) for one in told["results"]] == [
        ("created", None, "new@far.test", True),
        ("updated", None, "old@far.test", True),
        ("skipped", "duplicate_in_batch", "new@far.test", False),
        ("failed", "invalid_recipient", None, False),
        ("failed", "invalid_request", "x@far.test", False),
        ("created", None, "no@far.test", True),
    ]
    assert [one["suppressed"] for one in told["results"]] == [False] * 5 + [True]
    new = (await client.get(f"{URL}/new@far.test")).json()
    assert (new["display_name"], new["metadata"], new["source"]) == ("New", {"b": 2}, "import")
    assert new["import_batch_id"] == told["batch_id"]
    old = (await client.get(f"{URL}/old@far.test")).json()
    assert (old["display_name"], old["metadata"], old["source"]) == ("Old", {"c": 3}, "manual")
    assert "import_batch_id" not in old
    enrolled = (await client.get(f"/v1/agents/{bot}/contacts")).json()["items"]
    assert {(one["address"], one["stage"]) for one in enrolled} == {
        (address, "cold") for address in ("new@far.test", "old@far.test", "no@far.test")
    }
    again = await upload(client, "new@far.test", agent_email=bot, stage="warm")
    assert [one["enrolled"] for one in again["results"]] == [False]
    found = (await client.get(f"/v1/agents/{bot}/contacts/new@far.test")).json()
    assert found["stage"] == "cold", "what is there is not overwritten"


async def test_merging_keeps_what_is_not_said_and_skipping_keeps_all(client: Client) -> None:
    await upload(client, "ann@far.test")
    line = {"address": "ann@far.test", "display_name": "Ann", "metadata": {"a": 1}}
    await client.post(f"{URL}/import", {"contacts": [line]})
    tag = (await client.get(f"{URL}/ann@far.test")).headers["etag"]
    assert (await upload(client, "ann@far.test"))["updated"] == 1
    assert (await client.get(f"{URL}/ann@far.test")).headers["etag"] == tag, "nothing new was said"
    other = {**line, "display_name": "Anna", "metadata": {}}
    skipped = await client.post(f"{URL}/import", {"contacts": [other], "on_conflict": "skip"})
    (result,) = skipped.json()["results"]
    assert (result["status"], result["code"]) == ("skipped", "already_exists")
    found = (await client.get(f"{URL}/ann@far.test")).json()
    assert (found["display_name"], found["metadata"]) == ("Ann", {"a": 1})
    merged = await client.post(f"{URL}/import", {"contacts": [{**other, "display_name": ""}]})
    assert merged.json()["updated"] == 1
    found = await client.get(f"{URL}/ann@far.test")
    assert (found.json()["display_name"], found.json()["metadata"], found.headers["etag"] == tag) == ("", {}, False)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"contacts": []}, 422, "invalid_request"),
        ({"contacts": [{"address": f"p{n}@far.test"} for n in range(1001)]}, 422, "invalid_request"),
        ({"contacts": [{"display_name": "x"}]}, 422, "invalid_request"),
        ({"contacts": [{"address": "a@far.test", "email": "x"}]}, 422, "invalid_request"),
        ({"contacts": [{"address": "a@far.test"}], "on_conflict": "other"}, 422, "invalid_request"),
        ({"contacts": [{"address": "a@far.test"}], "stage": "x"}, 400, "invalid_request"),
        ({"contacts": [{"address": "a@far.test"}], "stage": "x" * 129, "agent_email": BOT}, 422, "invalid_request"),
        ({"contacts": [{"address": "a@far.test"}], "agent_email": "nobody@agents.localhost"}, 404, "not_found"),
    ],
)
async def test_an_import_that_is_refused_as_a_whole(client: Client, body: Any, status: int, code: str) -> None:
    answer = await client.post(f"{URL}/import", body)
    assert (answer.status, answer.code) == (status, code)
    assert await addresses(client) == []


async def test_nobody_is_enrolled_with_an_agent_in_the_trash(client: Client, bot: str) -> None:
    await client.delete(f"/v1/agents/{bot}", query={"confirm": "DELETE"})
    answer = await client.post(f"{URL}/import", {"contacts": [{"address": "a@far.test"}], "agent_email": bot})
    assert (answer.status, answer.code) == (404, "not_found")
    assert await addresses(client) == []


async def test_a_large_import_takes_as_many_statements_as_a_small_one(client: Client, bot: str) -> None:
    counts = []
    for size in (1, 1000):
        before = client.services.db.statements
        told = await upload(client, *(f"p{n}@s{size}.test" for n in range(size)), agent_email=bot, stage="x")
        assert told["created"] == size
        assert all(one["enrolled"] for one in told["results"])
        counts.append(client.services.db.statements - before)
    assert counts[1] <= counts[0] <= 14


@pytest.mark.parametrize(("lines", "away"), [(1, False), (20, True)])
async def test_many_lines_are_read_off_the_event_loop(
    client: Client, monkeypatch: pytest.MonkeyPatch, lines: int, away: bool
) -> None:
    seen: list[tuple[bool, int]] = []
    read, pool = rules.read_rows, client.services.db

    def noting(rows: Any) -> Any:
        seen.append((threading.current_thread() is not threading.main_thread(), pool.statements))
        return read(rows)

    monkeypatch.setattr(rules, "read_rows", noting)
    before = pool.statements
    await upload(client, *(f"ann@bücher{n}.example" for n in range(lines)))
    ((thread, statements),) = seen
    assert thread == away
    assert statements <= before + 1, "nobody waits for them with a transaction"


async def test_twenty_mebibytes_and_no_more(client: Client) -> None:
    (operation,) = (one for one in OPERATIONS if one.id == "importContacts")
    assert operation.max_body == 20 * 1024 * 1024
    line = {"display_name": "x" * 300, "metadata": {str(n): "y" * 4000 for n in range(4)}}
    rows = [{"address": f"p{n}@far.test", **line} for n in range(1000)]
    answer = await client.post(f"{URL}/import", {"contacts": rows})
    assert (answer.status, answer.json()["created"]) == (200, 1000)
    large = await client.post(f"{URL}/import", raw=b'{"contacts": [' + b" " * (20 * 1024 * 1024) + b"]}")
    assert (large.status, large.code) == (413, "payload_too_large")


async def test_an_import_is_undone_where_nobody_used_it(
    client: Client, bot: str, caller: Caller, database: Database
) -> None:
    await add(client, "mine@far.test")
    names = ("plain", "named", "staged", "mailed", "other", "moved")
    told = await upload(client, *(f"{name}@far.test" for name in names), "mine@far.test", agent_email=bot)
    batch = told["batch_id"]
    await client.patch(f"{URL}/named@far.test", {"display_name": "N"})
    await client.put(f"/v1/agents/{bot}/contacts/staged@far.test", {"stage": "x"})
    correspondent = {"account_id": caller.account_id, "agent_email": bot, "skeleton": "x"}
    await factories.insert(database, "correspondents", {**correspondent, "address": "mailed@far.test"})
    await factories.agent(database, caller.account_id, "sister@agents.localhost")
    assert (await client.put("/v1/agents/sister@agents.localhost/contacts/other@far.test", {})).status == 201
    await client.delete(f"/v1/agents/{bot}/contacts/moved@far.test", query={"confirm": "DELETE"})
    left = await undo(client, batch)
    # Enrolments that were neither staged, nor under mail, nor taken out already: plain, named, other, mine.
    assert left == {
        "deleted": True,
        "batch_id": batch,
        "contacts_deleted": 2,
        "contacts_retained": 4,
        "engagements_deleted": 4,
    }
    kept = {"mine@far.test", "named@far.test", "staged@far.test", "mailed@far.test", "other@far.test"}
    assert set(await addresses(client)) == kept
    enrolled = (await client.get(f"/v1/agents/{bot}/contacts")).json()["items"]
    assert {one["address"] for one in enrolled} == {"staged@far.test", "mailed@far.test"}
    again = await undo(client, batch)
    assert (again["contacts_deleted"], again["contacts_retained"], again["engagements_deleted"]) == (0, 4, 0)


async def test_a_contact_that_an_upload_repeated_unchanged_can_still_be_undone(client: Client) -> None:
    first = await upload(client, "same@far.test", "changed@far.test")
    line = {"address": "changed@far.test", "display_name": "C"}
    await client.post(f"{URL}/import", {"contacts": [{"address": "same@far.test"}, line]})
    assert (await undo(client, first["batch_id"]))["contacts_deleted"] == 1
    assert await addresses(client) == ["changed@far.test"]


async def test_an_import_of_nobody(client: Client, stranger: str) -> None:
    batch = (await upload(client, "ann@far.test"))["batch_id"]
    for key, name in ((None, "imp_" + "0" * 32), (stranger, batch)):
        answer = await client.delete(f"{URL}/imports/{name}", query={"confirm": "DELETE"}, key=key)
        assert (answer.status, answer.code) == (404, "import_batch_not_found")
    assert (await client.delete(f"{URL}/imports/{batch}")).status == 422
    assert await addresses(client) == ["ann@far.test"]


async def test_whoever_enrols_while_an_import_is_undone_keeps_the_contact(client: Client, bot: str) -> None:
    """Either the enrolment came first and the contact stays, or it makes the contact again."""
    for turn in range(8):
        address = f"p{turn}@far.test"
        batch = (await upload(client, address))["batch_id"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(undo, client, batch))
            nursery.start_soon(partial(client.put, f"/v1/agents/{bot}/contacts/{address}", {"stage": "x"}))
        found = await client.get(f"/v1/agents/{bot}/contacts/{address}")
        assert (found.status, found.json()["stage"]) == (200, "x")
