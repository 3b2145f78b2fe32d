"""The word that it is time: told once for each time that was set, in the transaction that notes it."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import trio

from e2ad.config import Config
from e2ad.gateway.engagements import DUE, Engagements, Wish, announce_due
from e2ad.storage import outbox
from e2ad.storage.pool import Database
from e2ad.workers.kinds import Sweep, table
from e2ad.workers.sweeps import run_all, run_once
from tests import factories

BOT = "bot@agents.test"
AT = datetime(2026, 7, 1, 12, 30, 0, 500_000, tzinfo=UTC)
(SWEEP,) = (sweep for sweep in table(Config()) if sweep.name == "contacts_due")


@pytest.fixture
async def owner(database: Database) -> factories.Owner:
    owner = await factories.account(database)
    await factories.agent(database, owner.account_id, BOT)
    return owner


async def set_time(
    database: Database, owner: factories.Owner, at: datetime | None, name: str = "ann", agent: str = BOT
) -> None:
    wish = Wish(stage="cold", reschedule=True, next_action_at=at)
    await Engagements(database).put(owner.account_id, agent, f"{name}@far.test", wish, None)


async def told(database: Database) -> list[dict[str, Any]]:
    rows = await database.fetch_all("select * from events where type = 'contact.due' order by created_at, id")
    return [{**row, "envelope": msgspec.json.decode(row["envelope"])} for row in rows]


async def announce(database: Database, limit: int = 200) -> int:
    return await announce_due(database, limit, outbox_on=True)


async def test_it_says_all_that_an_agent_needs(database: Database, owner: factories.Owner) -> None:
    await set_time(database, owner, AT)
    await database.execute("update contacts set display_name = 'Ann', metadata = '{\"a\": 1}'")
    columns = {"outbound_count": 2, "first_outbound_at": AT - timedelta(days=2), "last_outbound_at": AT}
    await factories.insert(
        database,
        "correspondents",
        {"account_id": owner.account_id, "agent_email": BOT, "address": "ann@far.test", "skeleton": "x"}
        | columns
        | {"last_inbound_at": AT - timedelta(days=1), "last_conversation_id": "conv_1"},
    )
    assert await announce(database) == 1
    (event,) = await told(database)
    parts = f"{BOT}\0ann@far.test\x002026-07-01T12:30:00.5Z|contact.due"
    assert event["id"] == "evt_" + hashlib.sha256(parts.encode()).hexdigest()[:32]
    assert (event["agent_email"], event["conversation_id"], event["message_id"]) == (BOT, "conv_1", None)
    assert event["envelope"]["type"] == DUE
    assert event["envelope"]["data"] == {
        "agent_email": BOT,
        "address": "ann@far.test",
        "stage": "cold",
        "next_action_at": "2026-07-01T12:30:00.5Z",
        "replied": True,
        "outbound_count": 2,
        "contact": {"address": "ann@far.test", "display_name": "Ann", "metadata": {"a": 1}},
        "last_outbound_at": "2026-07-01T12:30:00.5Z",
        "last_conversation_id": "conv_1",
    }
    assert await database.fetch_value("select count(*) from messages") == 0, "it sends no mail"


async def test_of_somebody_never_written_to(database: Database, owner: factories.Owner) -> None:
    await set_time(database, owner, AT)
    await announce(database)
    data = (await told(database))[0]["envelope"]["data"]
    assert (data["replied"], data["outbound_count"]) == (False, 0)
    assert not {"last_outbound_at", "last_conversation_id"} & set(data)


async def test_each_time_is_told_once(database: Database, owner: factories.Owner) -> None:
    later = AT + timedelta(days=1)
    for at, events in ((AT, 1), (AT, 1), (later, 2), (AT, 2), (None, 2), (later, 2)):
        await set_time(database, owner, at)
        await announce(database)
        assert await announce(database) == 0
        assert len(await told(database)) == events, at


async def test_what_lies_ahead_or_in_the_trash_waits(database: Database, owner: factories.Owner) -> None:
    await set_time(database, owner, datetime.now(UTC) + timedelta(hours=1), "ahead")
    await set_time(database, owner, None, "never")
    await set_time(database, owner, AT, "due")
    await database.execute("update agents set deleted_at = now()")
    assert await announce(database) == 0
    await database.execute("update agents set deleted_at = null")
    assert await announce(database) == 1
    assert [event["envelope"]["data"]["address"] for event in await told(database)] == ["due@far.test"]


async def test_telling_leaves_the_version_alone(database: Database, owner: factories.Owner) -> None:
    await set_time(database, owner, AT)
    before = await Engagements(database).get(owner.account_id, BOT, "ann@far.test")
    await announce(database)
    assert await Engagements(database).get(owner.account_id, BOT, "ann@far.test") == before


async def test_taken_and_not_told_is_told_the_next_time(
    database: Database, owner: factories.Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_time(database, owner, AT)

    async def broken(*_: Any, **__: Any) -> int:
        raise RuntimeError("the database went away")

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "emit", broken)
        with pytest.raises(RuntimeError):
            await announce(database)
    assert await told(database) == []
    assert await announce(database) == 1
    assert len(await told(database)) == 1


async def test_of_many_at_once_each_is_told_once(database: Database, owner: factories.Owner) -> None:
    for number in range(25):
        await set_time(database, owner, AT + timedelta(seconds=number), f"p{number}")
    counts: list[int] = []

    async def one() -> None:
        counts.append(await announce(database, 10))

    while not counts or sum(counts) < 25:
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(one)
    assert sum(counts) == len(await told(database)) == 25
    assert max(counts) <= 10


async def test_it_goes_to_the_webhooks_that_want_it(database: Database, owner: factories.Owner) -> None:
    for name, wanted in (("wh_due", "contact.due"), ("wh_mail", "email.received")):
        row = {"account_id": owner.account_id, "id": name, "url": "https://x.example/", "sealed_secret": b"x"}
        await factories.insert(database, "webhooks", row | {"events": [wanted]})
    await set_time(database, owner, AT)
    await announce(database)
    rows = await database.fetch_all("select endpoint, event_type from deliveries")
    assert rows == [{"endpoint": "wh_due", "event_type": "contact.due"}]


async def test_the_sweep_goes_on_until_nobody_is_due(database: Database, owner: factories.Owner) -> None:
    assert (SWEEP.period_seconds, SWEEP.at_start) == (300.0, True)
    await database.execute(
        "insert into contacts (account_id, address, source, etag) select %(a)s, 'p' || n || '@far.test', 'manual', 'x'"
        " from generate_series(1, 450) n",
        {"a": owner.account_id},
    )
    await database.execute(
        "insert into engagements (account_id, agent_email, address, etag, next_action_at)"
        " select account_id, %(agent)s, address, etag, now() from contacts",
        {"agent": BOT},
    )
    assert await SWEEP.batch(database, 1000) == 1000, "a full batch of 200"
    assert len(await told(database)) == 200
    assert await run_once(database, SWEEP) is not None
    assert len(await told(database)) == 450


async def test_it_is_swept_when_the_process_starts(database: Database) -> None:
    """The clock stands still: whatever waits for its period is not run."""
    ran = trio.Event()

    async def batch(_: Database, limit: int) -> int:
        ran.set()
        return 0

    async def never(_: Database, limit: int) -> int:
        raise AssertionError("too early")

    sweeps = [Sweep("now", 3600.0, 5.0, batch, at_start=True), Sweep("later", 3600.0, 5.0, never)]
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            await nursery.start(run_all, database, sweeps)
            await ran.wait()
            nursery.cancel_scope.cancel()
