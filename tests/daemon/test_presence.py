"""A process says that it lives, whatever the database does, and is forgotten when it says so no more."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from psycopg import errors
from trio.testing import MockClock

from e2ad.core.errors import Unavailable
from e2ad.daemon import presence
from e2ad.daemon.presence import Presence
from e2ad.storage import processes
from e2ad.storage.pool import Database
from e2ad.storage.processes import Living
from e2ad.supervisor import PATIENT, supervise, tasks

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, trio
from e2ad.daemon.presence import Presence
from e2ad.storage.pool import open_pool

async def main():
    async with open_pool(sys.argv[1], size=1) as database:
        await Presence(database, ["smtp"], beat_seconds=0.05, id="prc_other").run()

trio.run(main)
"""


async def living(database: Database) -> list[Living]:
    return await processes.living(database, limit=10)


async def until(database: Database, ids: set[str]) -> list[Living]:
    with trio.fail_after(20):
        while True:
            found = await living(database)
            if {one.id for one in found} == ids:
                return found
            await trio.sleep(0.02)


async def test_it_is_there_while_it_runs(database: Database) -> None:
    async with trio.open_nursery() as nursery:
        one = Presence(database, ["worker", "http"], beat_seconds=0.02)
        await nursery.start(supervise, PATIENT, "presence", one.run)
        (found,) = await until(database, {one.id})
        assert (found.roles, found.tasks) == (
            ["http", "worker"],
            [{"name": "presence", "restarts": 0, "running": True}],
        )
        seen = "select seen_at from processes"
        first = await database.fetch_value(seen)
        with trio.fail_after(20):
            while await database.fetch_value(seen) == first:
                await trio.sleep(0.02)
        nursery.cancel_scope.cancel()
    assert await living(database) == []


async def test_one_that_is_killed_is_forgotten_by_the_others(database: Database) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, database.dsn], cwd=ROOT)
    try:
        await until(database, {"prc_other"})
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    ours = Presence(database, ["worker"], forget_seconds=3600)
    await ours.beat()
    assert {one.id for one in await living(database)} == {ours.id, "prc_other"}
    await database.execute("update processes set seen_at = now() - interval '2 hours' where id = 'prc_other'")
    await ours.beat()
    assert [one.id for one in await living(database)] == [ours.id]


async def test_one_that_was_forgotten_comes_back_as_old_as_it_is(database: Database) -> None:
    """Such as after the database was away for longer than anybody is remembered."""
    one, other = Presence(database, ["worker"]), Presence(database, ["worker"])
    await one.beat()
    started = "select started_at from processes where id = %(id)s"
    before = await database.fetch_value(started, {"id": one.id})
    await database.execute("update processes set seen_at = now() - interval '2 hours'")
    await trio.sleep(0.3)
    await other.beat()
    assert [found.id for found in await living(database)] == [other.id]
    await one.beat()
    after = await database.fetch_value(started, {"id": one.id})
    assert abs((after - before).total_seconds()) < 0.2


async def test_those_that_come_back_at_once_do_not_wait_for_each_other(database: Database) -> None:
    one, other = Presence(database, ["worker"]), Presence(database, ["worker"])
    await one.beat()
    await other.beat()
    await database.execute("update processes set seen_at = now() - interval '2 hours'")
    async with database.transaction() as transaction:
        # The other one is in the midst of its beat.
        await transaction.execute("update processes set seen_at = now() where id = %(id)s", {"id": other.id})
        with trio.fail_after(5):
            await one.beat()
    assert {found.id for found in await living(database)} == {one.id, other.id}


class Away:
    """A database that fails, refuses, or never answers."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.asked = 0

    async def execute(self, *_: Any, **__: Any) -> int:
        self.asked += 1
        if self.how == "hangs":
            await trio.sleep_forever()
        raise Unavailable if self.how == "fails" else errors.UndefinedTable


@pytest.mark.parametrize("how", ["fails", "refuses", "hangs"])
async def test_a_database_that_is_away_costs_a_beat_and_no_more(autojump_clock: MockClock, how: str) -> None:
    away: Any = Away(how)
    with trio.move_on_after(100):
        await Presence(away, ["worker"]).run()
    period = presence.BEAT_SECONDS + (presence.WAIT_SECONDS if how == "hangs" else 0)
    assert away.asked in (100 // period + 1, 100 // period + 2)
    # The row is taken back under a deadline of its own.
    assert trio.current_time() <= 100 + presence.LEAVE_SECONDS


async def test_tasks_say_how_often_they_were_started_again(autojump_clock: MockClock) -> None:
    async def mortal(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.sleep(10)
        raise ValueError

    async def quiet(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.sleep_forever()

    def told() -> list[tuple[str, int, bool]]:
        return [(task.name, task.restarts, task.running) for task in tasks()]

    assert told() == []
    async with trio.open_nursery() as nursery:
        await nursery.start(supervise, PATIENT, "quiet", quiet)
        await nursery.start(supervise, PATIENT, "mortal", mortal)
        await trio.sleep(5)
        assert told() == [("mortal", 0, True), ("quiet", 0, True)]
        await trio.sleep(5.5)
        assert told() == [("mortal", 1, False), ("quiet", 0, True)]
        await trio.sleep(1)
        assert told() == [("mortal", 1, True), ("quiet", 0, True)]
        nursery.cancel_scope.cancel()
    assert told() == []
