"""The queue's statements, one by one."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from e2ad.storage import deliveries
from e2ad.storage.deliveries import Recorded
from e2ad.storage.pool import Database, open_pool

ACCOUNT = "a" * 32


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
