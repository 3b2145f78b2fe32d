"""Domains: so far the deployment's own."""

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["ensure_shared"]

_SQL = load("domains")


async def ensure_shared(executor: Executor, domain: str) -> bool:
    """Make sure that the shared domain can carry agents; False when an account has claimed its name."""
    return await executor.fetch_one(_SQL["ensure_shared"], {"domain": domain}) is not None
