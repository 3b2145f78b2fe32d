"""The table of processes: each says from time to time that it lives, and all of them forget those that are gone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Living", "beat", "leave", "living"]

_SQL = load("processes")


@frozen
class Living:
    """A process, and how long it has said nothing. `tasks` are objects with `name`, `restarts` and `running`."""

    id: str
    host: str
    pid: int
    version: str
    roles: list[str]
    tasks: list[dict[str, Any]]
    started_at: datetime
    silent_seconds: float


async def beat(
    executor: Executor,
    process_id: str,
    *,
    host: str,
    pid: int,
    version: str,
    roles: Sequence[str],
    tasks: Sequence[dict[str, Any]],
    lived_seconds: float,
    forget_seconds: float,
) -> None:
    """Say that a process lives, and delete those that have said nothing for `forget_seconds`.

    Args:
        lived_seconds: how long it has run; where it was forgotten meanwhile, it comes back as old as it is.
    """
    await executor.execute(
        _SQL["beat"],
        {
            "id": process_id,
            "host": host,
            "pid": pid,
            "version": version,
            "roles": list(roles),
            "tasks": Jsonb(list(tasks)),
            "lived_seconds": lived_seconds,
            "forget_seconds": forget_seconds,
        },
    )


async def leave(executor: Executor, process_id: str) -> None:
    """Say that a process ends."""
    await executor.execute(_SQL["leave"], {"id": process_id})


async def living(executor: Executor, *, limit: int) -> list[Living]:
    """The processes of the deployment, those that run longest first."""
    return await executor.fetch_all(_SQL["living"], {"limit": limit}, row=Living)
