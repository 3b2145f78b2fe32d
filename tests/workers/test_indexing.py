"""Mail becomes searchable: from the queue, in batches, whatever happens in between."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from e2ad.core.errors import Unavailable
from e2ad.core.search import compile_search
from e2ad.storage import search
from e2ad.storage.messages import Filter, page
from e2ad.storage.pool import Database, Executor
from e2ad.workers import indexing
from e2ad.workers.indexing import BATCH, Indexer
from tests import factories
from tests.gateway.test_intake import ACCOUNT, AGENT, Ledger, arrival, household, submit_all


@pytest.fixture
async def house(database: Database) -> Database:
    """An agent without mail."""
    await household(database, AGENT)
    return database


async def queued(database: Database) -> int:
    return int(await database.fetch_value("select count(*) from search_queue"))


async def mail(database: Database, count: int = 1) -> list[str]:
    """Stored mail that waits."""
    ids = [await factories.message(database, ACCOUNT, AGENT, number=n) for n in range(count)]
    await database.execute(
        "insert into search_queue (created_at, account_id, message_id) select created_at, account_id, id from messages"
    )
    return ids


async def found(database: Database, text: str = "morning") -> set[str]:
    rows = await page(database, ACCOUNT, AGENT, Filter(search=compile_search(text)), after=None, limit=1000)
    return {row.id for row in rows or ()}


async def test_mail_that_comes_in_is_searchable(house: Database) -> None:
    before = house.statements
    one = arrival(raw=b"Subject: 1\r\n\r\n")
    await submit_all(Ledger().intake(house), [one])
    assert house.statements - before <= 2
    assert await found(house, "hi") == set()
    assert await Indexer(house).index() == 1
    assert await found(house, "hi") == {one.message.id}
    assert await queued(house) == 0


async def test_the_same_again_and_what_is_gone_do_no_harm(house: Database) -> None:
    ids = await mail(house, 3)
    await mail(house, 0)
    await house.execute("delete from messages where id = %(id)s", {"id": ids[0]})
    assert await Indexer(house).index() == 6
    assert await Indexer(house).index() == 0
    assert await found(house) == set(ids[1:])


async def test_mail_takes_its_words_along_when_it_goes(house: Database) -> None:
    await mail(house)
    await Indexer(house).index()
    await house.execute("delete from messages")
    assert await house.fetch_value("select count(*) from message_search") == 0


async def test_batches_the_newest_first(house: Database) -> None:
    ids = await mail(house, BATCH + 10)
    assert await Indexer(house).index() == BATCH
    assert await found(house) == set(ids[10:])
    assert await Indexer(house).index() == 10
    assert await found(house) == set(ids)


async def test_two_processes_share_the_work(house: Database) -> None:
    ids = await mail(house, 2 * BATCH)
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(Indexer(house).index)
    assert await queued(house) <= BATCH
    while await Indexer(house).index():
        pass
    assert await found(house) == set(ids)


async def test_a_mail_that_cannot_be_indexed_holds_up_nobody(house: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await mail(house, 5)
    await house.execute("update messages set subject = 'poison' where id = %(id)s", {"id": ids[2]})

    def document(what: object) -> str:
        return "'unfinished" if getattr(what, "subject", "") == "poison" else real(what)  # type: ignore[arg-type]

    real = indexing.document
    monkeypatch.setattr(indexing, "document", document)
    assert await Indexer(house).index() == 5
    assert await found(house) == {*ids} - {ids[2]}
    assert await queued(house) == 0


async def test_a_batch_that_takes_too_long_is_taken_one_by_one(
    house: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Much hostile mail at once must not run into the deadline of a statement again and again."""
    ids = await mail(house, 5)
    real = search.store

    async def store(executor: Executor, documents: Sequence[tuple[str, str, str]]) -> None:
        if len(documents) > 1:
            raise Unavailable
        await real(executor, documents)

    monkeypatch.setattr(search, "store", store)
    assert await Indexer(house).index() == 5
    assert await found(house) == set(ids)


async def test_a_cancellation_loses_nothing(house: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled while a batch is in hand: it is in the queue again."""
    await mail(house, 3)
    real, started = search.store, trio.Event()

    async def store(*args: object) -> None:
        await real(*args)  # type: ignore[arg-type]
        started.set()
        await trio.sleep_forever()

    monkeypatch.setattr(search, "store", store)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Indexer(house).index)
        await started.wait()
        nursery.cancel_scope.cancel()
    assert await queued(house) == 3
    assert await found(house) == set()
    monkeypatch.setattr(search, "store", real)
    assert await Indexer(house).index() == 3


async def test_it_works_when_there_is_work(house: Database) -> None:
    indexer = Indexer(house, poll_seconds=3600)
    async with trio.open_nursery() as nursery:
        await nursery.start(indexer.run)
        with trio.fail_after(20):
            (one,) = await mail(house)
            indexer.kick()
            while await found(house) != {one}:
                await trio.sleep(0.02)
        nursery.cancel_scope.cancel()


async def test_it_finds_work_by_itself_and_outlives_trouble(house: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = search.claim, 0

    async def claim(*args: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        if calls <= 2:
            raise Unavailable
        return await real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(search, "claim", claim)
    monkeypatch.setattr(indexing, "FIRST_BACKOFF_SECONDS", 0.01)
    (one,) = await mail(house)
    async with trio.open_nursery() as nursery:
        await nursery.start(Indexer(house, poll_seconds=0.05).run)
        with trio.fail_after(20):
            while await found(house) != {one}:
                await trio.sleep(0.02)
        nursery.cancel_scope.cancel()
