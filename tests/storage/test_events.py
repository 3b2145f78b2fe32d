"""Sending an event again: once, also when two ask at the same time."""

import trio

from e2ad.storage import events
from e2ad.storage.pool import Database


async def prepare(database: Database) -> None:
    await database.execute("insert into accounts (id, email) values ('acc', 'owner@example.com')")
    await database.execute(
        "insert into webhooks (account_id, id, url, events, sealed_secret)"
        " values ('acc', 'wh_a', 'https://hooks.example/', '{email.received}', '')"
    )
    await database.execute(
        "insert into events (account_id, id, type, envelope, matched_endpoints)"
        " values ('acc', 'evt_1', 'email.received', '{}', '{wh_a}')"
    )
    await database.execute(
        "insert into deliveries (account_id, id, endpoint, kind, event_id, event_type, body)"
        " values ('acc', 'whd_1', 'wh_a', 'webhook', 'evt_1', 'email.received', 'exact bytes')"
    )


async def redeliver(database: Database, replay_id: str, held: "trio.Event", go_on: "trio.Event") -> str | None:
    async with database.transaction() as transaction:
        assert await events.lock(transaction, "acc", "evt_1")
        (made,) = await events.redeliver(
            transaction, "acc", "evt_1", endpoint=None, replay_id=replay_id, window_seconds=60
        )
        held.set()
        await go_on.wait()
    return made.delivery_id


async def test_the_second_of_two_waits_for_the_first_and_gets_its_delivery(database: Database) -> None:
    await prepare(database)
    held, go_on, ended = trio.Event(), trio.Event(), trio.Event()
    made: list[str | None] = []

    async def first() -> None:
        made.append(await redeliver(database, "rpl_1", held, go_on))

    async def second() -> None:
        ready = trio.Event()
        ready.set()
        made.append(await redeliver(database, "rpl_2", trio.Event(), ready))
        ended.set()

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first)
            await held.wait()
            nursery.start_soon(second)
            # Until the second one is seen waiting for a lock, or has run past the first.
            while not ended.is_set() and not await database.fetch_value(
                "select count(*) from pg_locks where not granted"
            ):
                await trio.sleep(0.01)
            go_on.set()
    assert len(set(made)) == 1
    rows = await database.fetch_all("select body, replay_id from deliveries where replay_id is not null")
    assert rows == [{"body": "exact bytes", "replay_id": "rpl_1"}]


async def test_what_another_account_has_is_not_there(database: Database) -> None:
    await prepare(database)
    assert await events.find(database, "other", "evt_1") is None
    assert await events.lock(database, "other", "evt_1") is None
    assert not await events.outlived(database, "other", "evt_1")
    assert await events.redeliver(database, "other", "evt_1", endpoint=None, replay_id="r", window_seconds=0) == []
