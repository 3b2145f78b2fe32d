"""Named points at which a dispatcher stands still, for who kills or cancels it there."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from e2ad.storage.pool import Database
from tests.smtp.sink import Hold, Sink

RELAY = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "content", "final")
DATABASE = ("claim", "load", "inside", "mark", "record")
POINTS = (*RELAY, *DATABASE)

_BLOCKED = {
    "claim": ("submissions", "%status = 'sending',%"),
    "load": ("contents", "select raw from contents%"),
    "inside": ("messages", "%dedupe_key, created_at, forward_path%"),
    "mark": ("submissions", "%set transmitting_at = now()%"),
    "record": ("submissions", "%from unnest%join submissions s%"),
}
"""What is locked, and the statement that is to wait for it."""


@asynccontextmanager
async def stalled(point: str, sink: Sink, database: Database) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Whoever comes to `point` stands still; call what this yields to wait until somebody does.

    At the end everything goes on.
    """
    step = {"mark": "DATA", "record": "final", "load": None}.get(point, point)
    hold = Hold()
    if point in (*RELAY, "mark", "record"):
        assert step is not None
        sink.holds[step] = hold
    released = trio.Event()
    async with trio.open_nursery() as nursery:
        if point in ("claim", "inside"):
            await nursery.start(_lock, database, _BLOCKED[point][0], "share", released)

        async def reached() -> None:
            with trio.fail_after(60):
                if point in RELAY:
                    await hold.reached.wait()
                    return
                if point in ("mark", "record"):
                    await hold.reached.wait()
                    del sink.holds[str(step)]
                    mode = "share" if point == "mark" else "access exclusive"
                    await nursery.start(_lock, database, _BLOCKED[point][0], mode, released)
                    hold.go.set()
                await _waits(database, _BLOCKED[point][1])

        try:
            yield reached
        finally:
            released.set()
            sink.holds.clear()
            hold.go.set()


async def _lock(
    database: Database,
    table: str,
    mode: str,
    released: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(f"lock table {table} in {mode} mode", prepare=False)
        task_status.started()
        await released.wait()


async def _waits(database: Database, statement: str) -> None:
    while not await database.fetch_value(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like %(text)s"
        " and datname = current_database()",
        {"text": statement},
        prepare=False,
    ):
        await trio.sleep(0.01)
