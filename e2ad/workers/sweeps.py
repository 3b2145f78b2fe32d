"""Runs the sweeps of `kinds`: each in its period, one process at a time, each run under a deadline."""

import random
from collections.abc import Sequence
from typing import Final

import structlog
import trio

from e2ad import maillog
from e2ad.config import Config
from e2ad.gateway.domain_checks import DnsRecords
from e2ad.storage import retention
from e2ad.storage.pool import Database
from e2ad.workers.kinds import BATCH, Sweep, table

__all__ = ["run", "run_all", "run_once"]

log = structlog.get_logger("e2ad.workers")

SPREAD: Final = 0.1
"""Periods vary by this part, so that processes that start together do not sweep together."""


async def run(
    database: Database,
    config: Config,
    dns: DnsRecords | None = None,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Sweep until cancelled.

    Cancellation:
        The batch in hand is undone or done; the next run goes on.
    """
    await run_all(database, table(config, dns), task_status=task_status)


async def run_all(
    database: Database, sweeps: Sequence[Sweep], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Run these sweeps, each in its own rhythm, until cancelled."""
    # One at a time: a run holds two connections, and all of them together would starve the mail of the pool.
    turn = trio.Lock()
    async with trio.open_nursery() as nursery:
        for sweep in sweeps:
            nursery.start_soon(_repeat, database, sweep, turn)
        task_status.started()


async def run_once(database: Database, sweep: Sweep) -> int | None:
    """One run of one sweep; rows touched, or None when another process is at it.

    The lock is held by an open transaction, so that it cannot outlive this process.

    Raises:
        core.errors.Unavailable: the database does not answer.
    """
    touched = 0
    with trio.move_on_after(sweep.deadline_seconds):
        async with database.transaction() as guard:
            if not await retention.lock(guard, sweep.name):
                return None
            # Taken again before each batch: a transaction that says nothing for a minute is ended by the server.
            while await retention.lock(guard, sweep.name):
                rows = await sweep.batch(database, BATCH)
                touched += rows
                if rows < BATCH:
                    break
    return touched


async def _repeat(database: Database, sweep: Sweep, turn: trio.Lock) -> None:
    waited = sweep.at_start
    while True:
        if not waited:
            await trio.sleep(sweep.period_seconds * (1 - SPREAD * random.random()))
        waited = False
        try:
            async with turn:
                touched = await run_once(database, sweep)
        except Exception as error:  # noqa: BLE001 - what could not be swept now is still there in the next period
            log.warning("sweep failed", sweep=sweep.name, error=maillog.reason_of(error))
            continue
        if touched:
            maillog.swept(sweep.name, touched)
