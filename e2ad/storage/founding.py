"""What a deployment keeps in the database about itself: its own domain."""

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["keep_from_domain", "keep_shared_domain"]

_SQL = load("founding")


async def keep_shared_domain(executor: Executor, domain: str) -> bool:
    """Register the deployment's own domain, verified; False when an account has claimed it before."""
    return await executor.fetch_value(_SQL["shared_domain"], {"domain": domain}) is None


async def keep_from_domain(executor: Executor, domain: str) -> bool:
    """Have a row for the domain of mail in the deployment's own name; False when it is an account's."""
    return await executor.fetch_value(_SQL["from_domain"], {"domain": domain}) is None
