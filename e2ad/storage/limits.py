"""The table of rate windows: how often a subject was counted in the current window, by all processes."""

from datetime import datetime

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["reserve", "sweep"]

_SQL = load("limits")


async def reserve(executor: Executor, subject: str, window_start: datetime, wanted: int, limit: int) -> tuple[int, int]:
    """Take up to `wanted` requests of a window that allows `limit`.

    Returns:
        How many were granted, and how many are used now by all processes.
    """
    before: int = await executor.fetch_value(
        _SQL["reserve"], {"subject": subject, "window_start": window_start, "wanted": wanted, "limit": limit}
    )
    granted = max(0, min(wanted, limit - before))
    return granted, min(limit, before + granted)


async def sweep(executor: Executor, before: datetime) -> int:
    """Drop windows that began before this; returns how many."""
    return await executor.execute(_SQL["sweep"], {"before": before})
