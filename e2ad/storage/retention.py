"""Deleting what is done: in batches, so that no statement holds much or long.

Each function does one batch and says how much it was; the caller repeats it until little is left.
"""

from attrs import frozen

from e2ad.storage import agents
from e2ad.storage.pool import Database, Executor
from e2ad.storage.sql import load

__all__ = [
    "TrashedAgent",
    "drop_audit",
    "drop_deliveries",
    "drop_events",
    "drop_intake_keys",
    "drop_notices",
    "drop_revisions",
    "keep_statistics",
    "lock",
    "purge_messages",
    "trashed_agents",
]

_SQL = load("retention")

_LOCK_SPACE = 0x65326164
"""Spells e2ad: the first half of the advisory locks of sweeps."""


@frozen
class TrashedAgent:
    """An agent to be deleted for good."""

    account_id: str
    email: str


async def lock(transaction: Executor, name: str) -> bool:
    """Whether this transaction, until it ends, is the one that runs the sweep `name`."""
    return bool(await transaction.fetch_value(_SQL["lock"], {"space": _LOCK_SPACE, "name": name}))


async def drop_events(executor: Executor, days: int, batch: int) -> int:
    """Delete events older than this."""
    return await executor.execute(_SQL["drop_events"], {"days": days, "batch": batch})


async def drop_deliveries(executor: Executor, days: int, batch: int) -> int:
    """Delete deliveries older than this."""
    return await executor.execute(_SQL["drop_deliveries"], {"days": days, "batch": batch})


async def drop_intake_keys(executor: Executor, hours: int, batch: int) -> int:
    """Delete what was kept to recognise a repeated mail."""
    return await executor.execute(_SQL["drop_intake_keys"], {"hours": hours, "batch": batch})


async def drop_audit(executor: Executor, days: int) -> int:
    """Delete the audit log of one account that was deleted longer ago; how many rows, 0 where there is none."""
    return await executor.execute(_SQL["drop_audit"], {"days": days})


async def drop_notices(executor: Executor, days: int, batch: int) -> int:
    """Delete mail to owners older than this; what is still to be sent stays."""
    return await executor.execute(_SQL["drop_notices"], {"days": days, "batch": batch})


async def drop_revisions(executor: Executor, days: int, batch: int) -> int:
    """Delete the drafts of holds that were decided longer ago. What was decided, when and by whom stays."""
    return await executor.execute(_SQL["drop_revisions"], {"days": days, "batch": batch})


async def keep_statistics(executor: Executor) -> None:
    """Have tables analyzed that have grown much since they last were; a look at the counters otherwise."""
    await executor.execute(_SQL["keep_statistics"], prepare=False)


async def purge_messages(database: Database, days: int, batch: int) -> int:
    """Delete messages that were trashed longer ago, and raw mail that nothing refers to any more.

    Cancellation:
        The batch is deleted as a whole or not at all.
    """
    async with database.transaction() as transaction:
        row = await transaction.fetch_one(_SQL["purge_messages"], {"days": days, "batch": batch})
        if row is None:
            return 0
        if row["contents"]:
            await agents.lock_contents(transaction, row["account_id"], row["contents"])
            await agents.drop_contents(transaction, row["account_id"], row["contents"])
        purged: int = row["messages"]
        return purged


async def trashed_agents(executor: Executor, days: int, batch: int) -> list[TrashedAgent]:
    """Agents that were trashed longer ago."""
    return await executor.fetch_all(_SQL["trashed_agents"], {"days": days, "batch": batch}, row=TrashedAgent)
