"""The queue's statements, one by one."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from e2ad.storage import deliveries, retention
from e2ad.storage.deliveries import Recorded
from e2ad.storage.pool import Database, open_pool

ACCOUNT = "a" * 32
WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    async with open_pool(database_dsn, size=4) as pool:
        await pool.execute("insert into accounts (id, email) values (%(id)s, 'o@example.com')", {"id": ACCOUNT})
        for name in ("wh_1", "wh_2"):
            await pool.execute(
                "insert into webhooks (account_id, id, url, events, sealed_secret, sealed_previous_secret, "
                "previous_secret_expires_at) values (%(a)s, %(i)s, 'https://x.example/', '{email.received}', 'new', "
                "'old', now() + case %(i)s when 'wh_1' then 1 else -1 end * interval '1 hour')",
                {"a": ACCOUNT, "i": name},
            )
        yield pool


async def add(database: Database, endpoint: str, count: int = 1, age: str = "0 seconds") -> None:
    await database.execute(
        "insert into deliveries (account_id, id, endpoint, kind, event_type, body, next_attempt_at) "
        "select %(a)s, 'whd_' || %(e)s || n, %(e)s, 'webhook', 'email.received', '{}', now() - %(age)s::interval "
        "from generate_series(1, %(n)s::int) n",
        {"a": ACCOUNT, "e": endpoint, "n": count, "age": age},
    )


async def claim(database: Database, **changes: Any) -> deliveries.Claim:
    values: dict[str, Any] = {"limit": 100, "lease_seconds": 25, "room": 4, "rooms": {}, "excluded": []}
    return await deliveries.claim(database, **(values | changes))


async def test_claims_are_exclusive_and_counted(database: Database) -> None:
    await add(database, "wh_1", 3)
    first = await claim(database)
    assert [a.number for a in first.attempts] == [1, 1, 1]
    assert (await claim(database)).attempts == ()
    await database.execute("update deliveries set next_attempt_at = now()")
    assert {a.number for a in (await claim(database)).attempts} == {2}


async def test_each_endpoint_gets_its_room(database: Database) -> None:
    await add(database, "wh_1", 10, "1 minute")
    await add(database, "wh_2", 10)
    taken = await claim(database, rooms={"wh_2": 7})
    assert sum(a.endpoint_key == "wh_1" for a in taken.attempts) == 4
    assert sum(a.endpoint_key == "wh_2" for a in taken.attempts) == 7
    assert taken.seen == 20
    rest = await claim(database, excluded=["wh_1"])
    assert {a.endpoint_key for a in rest.attempts} == {"wh_2"}
    assert len(rest.attempts) == 3


async def test_secrets_come_newest_first_and_the_old_one_only_in_its_grace(database: Database) -> None:
    await add(database, "wh_1")
    await add(database, "wh_2")
    secrets = {a.endpoint_key: a.endpoint.sealed_secrets for a in (await claim(database)).attempts}
    assert secrets == {"wh_1": (b"new", b"old"), "wh_2": (b"new",)}


async def test_a_late_outcome_does_not_undo_a_newer_claim(database: Database) -> None:
    await add(database, "wh_1")
    (attempt,) = (await claim(database)).attempts
    await database.execute("update deliveries set next_attempt_at = now()")
    await claim(database)
    late = Recorded(ACCOUNT, attempt.id, 1, "failed", error="late")
    assert await deliveries.record(database, [late]) == 0
    assert await database.fetch_value("select status from deliveries") == "pending"
    assert await deliveries.record(database, [Recorded(ACCOUNT, attempt.id, 1, "delivered", status_code=200)]) == 1
    assert await database.fetch_value("select status from deliveries") == "delivered"
    assert await deliveries.record(database, [Recorded(ACCOUNT, attempt.id, 2, "failed", error="later still")]) == 0


async def test_next_due_counts_what_is_to_come(database: Database) -> None:
    assert await deliveries.next_due_seconds(database) is None
    await add(database, "wh_1", age="-90 seconds")
    seconds = await deliveries.next_due_seconds(database)
    assert seconds is not None
    assert 88 < seconds <= 90


async def test_disabling_happens_once(database: Database) -> None:
    assert await deliveries.disable_webhook(database, ACCOUNT, "wh_1", "gone")
    assert not await deliveries.disable_webhook(database, ACCOUNT, "wh_1", "gone")
    assert not await deliveries.disable_webhook(database, ACCOUNT, "wh_9", "gone")


async def tries(database: Database) -> list[tuple[Any, ...]]:
    rows = await database.fetch_all(
        "select delivery_id, number, took, status_code, error, response_excerpt,"
        " round(extract(epoch from now() - at)::numeric, 1)::float8 as age from delivery_attempts order by 1, 2"
    )
    return [tuple(row.values()) for row in rows]


async def test_an_attempt_is_written_with_its_outcome(database: Database) -> None:
    await add(database, "wh_1", 2)
    one, two = sorted((await claim(database)).attempts, key=lambda attempt: attempt.id)
    outcomes = [
        Recorded(ACCOUNT, one.id, 1, "again", 60.0, 503, "HTTP 503", "busy", 2.0, 0.0524),
        Recorded(ACCOUNT, two.id, 1, "delivered", 0.0, 200, None, "", 1.0, 0.25),
    ]
    before = database.statements
    assert await deliveries.record(database, outcomes) == 2
    assert database.statements == before + 1, "no round trip more"
    assert await tries(database) == [
        (one.id, 1, 52, 503, "HTTP 503", "busy", 2.0),
        (two.id, 1, 250, 200, None, None, 1.0),
    ]


@pytest.mark.parametrize("result", ["put_off", "put_back", "given_up"])
async def test_what_was_not_tried_is_no_attempt(database: Database, result: Any) -> None:
    await add(database, "wh_1")
    (attempt,) = (await claim(database)).attempts
    assert await deliveries.record(database, [Recorded(ACCOUNT, attempt.id, 1, result, 60.0, None, "off")]) == 1
    assert await tries(database) == []


async def test_an_attempt_that_came_too_late_to_count_is_written_all_the_same(database: Database) -> None:
    await add(database, "wh_1")
    (attempt,) = (await claim(database)).attempts
    await database.execute("update deliveries set next_attempt_at = now()")
    await claim(database)
    late = Recorded(ACCOUNT, attempt.id, 1, "failed", error="late")
    assert await deliveries.record(database, [late]) == 0
    assert await deliveries.record(database, [late]) == 0, "written twice, it is one"
    assert await deliveries.record(database, [Recorded(ACCOUNT, attempt.id, 2, "delivered", status_code=200)]) == 1
    assert [(number, error) for _, number, _, _, error, _, _ in await tries(database)] == [(1, "late"), (2, None)]
    assert await deliveries.record(database, [Recorded(ACCOUNT, "whd_gone", 1, "failed", error="gone")]) == 0


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("second", ["again", "failed", "put_back", "delivered"])
async def test_two_attempts_of_one_delivery_are_written_at_once(database: Database, second: Any, turned: bool) -> None:
    """The database was away for longer than a lease: the outcome of the first is still here when the second ends."""
    await add(database, "wh_1")
    (attempt,) = (await claim(database)).attempts
    await database.execute("update deliveries set next_attempt_at = now()")
    await claim(database)
    outcomes = [
        Recorded(ACCOUNT, attempt.id, 1, "delivered", status_code=200),
        Recorded(ACCOUNT, attempt.id, 2, second, 60.0, error=None if second == "delivered" else "busy"),
    ]
    assert await deliveries.record(database, outcomes[::-1] if turned else outcomes) == 1
    assert await database.fetch_value("select status from deliveries") == "delivered", "it is not sent a third time"
    assert [row[1] for row in await tries(database)] == ([1] if second == "put_back" else [1, 2])


@pytest.mark.parametrize("late", [False, True])
async def test_a_delivery_that_is_deleted_meanwhile_keeps_none_from_being_written(
    database: Database, late: bool
) -> None:
    await add(database, "wh_1", 2)
    one, two = (await claim(database)).attempts
    if late:
        await database.execute("update deliveries set attempts = 2")
    outcomes = [Recorded(ACCOUNT, attempt.id, 1, "failed", error="x") for attempt in (one, two)]
    written: list[int] = []

    async def record() -> None:
        written.append(await deliveries.record(database, outcomes))

    async with trio.open_nursery() as nursery, database.transaction() as deleting:
        await deleting.execute("delete from deliveries where id = %(i)s", {"i": one.id})
        nursery.start_soon(record)
        with trio.fail_after(10):
            while not await database.fetch_value(WAITING):
                await trio.sleep(0.01)
    assert written == [0 if late else 1]
    assert [row[0] for row in await tries(database)] == [two.id]


async def test_attempts_go_with_their_delivery(database: Database) -> None:
    await add(database, "wh_1", 3)
    found = (await claim(database)).attempts
    await deliveries.record(database, [Recorded(ACCOUNT, one.id, 1, "delivered", 0.0, 200) for one in found])
    await database.execute(
        "insert into replays (account_id, id, target, filter, events, deliveries, created_at)"
        " values (%(a)s, 'rpl_old', 'endpoints', '{}', 1, 1, now() - interval '91 days'),"
        " (%(a)s, 'rpl_new', 'endpoints', '{}', 1, 1, now())",
        {"a": ACCOUNT},
    )
    await database.execute(
        "update deliveries set created_at = now() - interval '91 days' where id <> %(i)s", {"i": found[0].id}
    )
    assert await retention.drop_deliveries(database, 90, 100) == 2
    assert [row[0] for row in await tries(database)] == [found[0].id]
    assert await database.fetch_value("select array_agg(id) from replays") == ["rpl_new"]
