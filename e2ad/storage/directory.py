"""Who gets the mail for an address: read once, cached by the gateway's directory."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Entry", "find"]

_SQL = load("directory")


@frozen
class Entry:
    """An agent as RCPT needs it. `max_storage_bytes` None: the deployment's default."""

    email: str
    account_id: str
    domain_verified: bool
    storage_bytes: int
    max_storage_bytes: int | None
    registered_domain: str
    protection: Mapping[str, Any]


async def find(executor: Executor, candidates: Sequence[str], domain: str) -> Entry | None:
    """The first live agent among `candidates`, else the catch-all of `domain`, else None."""
    return await executor.fetch_one(_SQL["find"], {"candidates": list(candidates), "domain": domain}, row=Entry)
