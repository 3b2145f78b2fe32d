"""What time does to domains: verified ones are looked at again, claims run out."""

from typing import Final

import structlog
import trio

from e2ad import maillog
from e2ad.core.domain_life import Proof
from e2ad.core.errors import NotFound
from e2ad.gateway.domain_checks import DomainChecks
from e2ad.storage import domains as storage
from e2ad.storage.pool import Database

__all__ = ["expire", "recheck"]

log = structlog.get_logger("e2ad.gateway")

BATCH: Final = 16
"""Domains that are looked at at once; each asks about ten questions."""
LEASE_SECONDS: Final = 600.0
"""After so long a domain that could not be looked at is due again."""


async def recheck(checks: DomainChecks, limit: int) -> int:
    """Look at domains that are due: how many were, or `limit` where there may be more.

    A lapsed domain whose proof is back is verified again: nobody else has taken the name. A domain that
    fails is put off and harms no other.

    Cancellation: what was not looked at is due again after the lease.
    """
    due = await storage.take_due(checks.database, lease_seconds=LEASE_SECONDS, limit=min(limit, BATCH))
    async with trio.open_nursery() as nursery:
        for account_id, domain in due:
            nursery.start_soon(_recheck, checks, account_id, domain)
    return limit if len(due) == BATCH else len(due)


async def expire(database: Database, limit: int) -> int:
    """Delete claims that ran out; how many did."""
    gone = await storage.drop_expired(database, limit)
    for account_id, domain in gone:
        maillog.domain_changed(account_id, domain, "claim expired")
    return len(gone)


async def _recheck(checks: DomainChecks, account_id: str, domain: str) -> None:
    try:
        await checks.check(account_id, domain, Proof.TXT)
    except NotFound:
        return  # deleted meanwhile
    except Exception as error:  # noqa: BLE001 - one domain must not stop the looks at all others
        log.warning("a domain could not be checked", domain=domain, error=maillog.reason_of(error))
