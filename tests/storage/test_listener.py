from collections.abc import AsyncIterator

import psycopg
import pytest
import trio
from structlog.testing import capture_logs

from e2ad.core.errors import Unavailable
from e2ad.storage import listener as module
from e2ad.storage.listener import Listener
from e2ad.storage.pool import Database, open_pool


class Heard:
    """A subscriber that can be waited for."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self._changed = trio.Event()

    def __call__(self, payload: str = "") -> None:
        self.payloads.append(payload)
        self._changed.set()

    async def wait_count(self, count: int) -> None:
        with trio.fail_after(10):
            while len(self.payloads) < count:
                self._changed = trio.Event()
                await self._changed.wait()


@pytest.fixture
async def pool(empty_dsn: str) -> AsyncIterator[Database]:
    async with open_pool(empty_dsn, size=2) as opened:
        yield opened


KILL = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where datname = current_database() and query ilike 'listen%'
"""


async def test_notifications_reach_their_subscribers(pool, nursery):
    listener = Listener(pool.dsn)
    news, other, gaps = Heard(), Heard(), Heard()
    listener.subscribe("news", news)
    listener.subscribe("Odd name; drop", other)
    listener.on_gap(gaps)
    await nursery.start(listener.run)
    assert listener.connected
    assert gaps.payloads == [""]
    await pool.execute("select pg_notify('news', 'one')")
    await pool.execute("select pg_notify('Odd name; drop', 'two')")
    await pool.execute("select pg_notify('nobody', 'three')")
    await news.wait_count(1)
    await other.wait_count(1)
    assert (news.payloads, other.payloads) == (["one"], ["two"])
    late = Heard()
    listener.subscribe("news", late)
    await pool.execute("notify news, 'four'")
    await late.wait_count(1)
    with pytest.raises(RuntimeError, match="before the listener runs"):
        listener.subscribe("unknown", late)


async def test_reconnects_listens_again_and_reports_the_gap(pool, nursery):
    listener = Listener(pool.dsn)
    news, gaps = Heard(), Heard()
    listener.subscribe("news", news)
    listener.on_gap(gaps)
    await nursery.start(listener.run)
    with capture_logs() as logs:
        for times in (2, 3):
            assert await pool.fetch_value(KILL) is True
            await gaps.wait_count(times)
            await pool.execute("select pg_notify('news', 'again')")
            await news.wait_count(times - 1)
    assert [line["event"] for line in logs] == ["the notification connection is lost"] * 2


async def test_keeps_trying_while_the_database_is_away(pool, nursery, postgres, monkeypatch):
    monkeypatch.setattr(module, "LONGEST_WAIT_SECONDS", 0.1)
    listener = Listener(pool.dsn)
    gaps = Heard()
    listener.subscribe("news", gaps)
    listener.on_gap(gaps)
    await nursery.start(listener.run)
    name = await pool.fetch_value("select current_database()")
    async with open_pool(postgres.dsn, size=1) as admin:
        with capture_logs() as logs:
            await admin.execute(f"alter database {name} allow_connections false")
            assert await pool.fetch_value(KILL) is True
            with trio.fail_after(10):
                while len(logs) < 3:
                    await trio.sleep(0.02)
            assert not listener.connected
            await admin.execute(f"alter database {name} allow_connections true")
            await gaps.wait_count(2)
    assert listener.connected


async def test_silent_connection_is_probed(pool, nursery, monkeypatch):
    """A peer that vanished without a word is found by a statement that is not answered in time."""
    listener = Listener(pool.dsn, probe_seconds=0.05, probe_deadline_seconds=0.5)
    gaps = Heard()
    listener.subscribe("news", gaps)
    listener.on_gap(gaps)
    await nursery.start(listener.run)
    await trio.sleep(0.2)
    assert gaps.payloads == [""]  # answered probes change nothing

    async def unanswered(self: object, *_: object, **__: object) -> None:
        monkeypatch.undo()
        await trio.sleep_forever()

    monkeypatch.setattr(module.TrioConnection, "execute", unanswered)
    await gaps.wait_count(2)
    await pool.execute("notify news, 'heard'")
    await gaps.wait_count(3)


async def test_a_failing_subscriber_harms_no_other(pool, nursery):
    listener = Listener(pool.dsn)
    news = Heard()

    def broken(payload: str) -> None:
        raise ZeroDivisionError

    listener.subscribe("news", broken)
    listener.subscribe("news", news)
    with capture_logs() as logs:
        await nursery.start(listener.run)
        await pool.execute("notify news, 'x'")
        await news.wait_count(1)
    assert [line["event"] for line in logs] == ["a subscriber to notifications failed"]


async def test_first_connection_must_work():
    listener = Listener("host=/nonexistent dbname=x")
    with pytest.raises(Unavailable):
        await listener.run()


async def test_cancelled_listener_closes_its_connection(pool):
    listener = Listener(pool.dsn)
    listener.subscribe("news", Heard())
    async with trio.open_nursery() as nursery:
        await nursery.start(listener.run)
        nursery.cancel_scope.cancel()
    assert not listener.connected
    with trio.fail_after(5):
        while await pool.fetch_value("select count(*) from pg_stat_activity where query ilike 'listen%'"):
            await trio.sleep(0.01)


async def test_a_server_that_refuses_to_listen_for_now_is_tried_again(pool, nursery, monkeypatch):
    """A standby after a failover says so with an error that is not operational by class."""
    listener, gaps, open_one, refusals = Listener(pool.dsn), Heard(), module.TrioConnection.open, [1, 2, 3]
    listener.subscribe("news", Heard())
    listener.on_gap(gaps)
    await nursery.start(listener.run)

    async def refuse(*args, **options):
        if refusals:
            refusals.pop()
            raise psycopg.errors.ReadOnlySqlTransaction("cannot execute LISTEN during recovery")
        return await open_one(*args, **options)

    monkeypatch.setattr(module, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(module.TrioConnection, "open", refuse)
    await pool.execute(KILL)
    await gaps.wait_count(2)
    assert refusals == []
