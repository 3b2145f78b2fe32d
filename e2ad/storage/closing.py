"""Closing an account and deleting all that it owns, in steps that are short whatever it has.

What an account owns refers to it, so its row goes last and takes with it whatever is not named here; all but the
audit log, which stays for a while.
"""

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "BATCHES",
    "Heir",
    "bequeath",
    "close",
    "closed",
    "delete_batch",
    "delete_domains",
    "erase",
    "heirs",
    "lock",
    "silence",
]

_SQL = load("closing")

BATCHES: Final = {
    "messages": 1000,
    "contents": 200,
    "events": 5000,
    "deliveries": 5000,
    "protection_events": 5000,
    "contacts": 2000,
    "correspondents": 2000,
    "idempotency_keys": 2000,
    "metrics_hours": 5000,
    "metrics_days": 5000,
    "queue_hours": 5000,
    "agent_unsubscribe_tokens": 5000,
    "agents": 10,
}
"""Tables that may be large, in the order in which they are emptied, and how many rows a step deletes.

Of agents few: for each PostgreSQL looks through whatever refers to it.
"""


@frozen
class Heir:
    """A domain that trashed agents of another account hang on."""

    domain: str
    account_id: str


async def lock(transaction: Executor, account_id: str) -> str | None:
    """Whose account it is, if it is there and not closed; nobody else closes it until the transaction ends."""
    email: str | None = await transaction.fetch_value(_SQL["lock"], {"account_id": account_id})
    return email


async def silence(transaction: Executor, account_id: str) -> bool:
    """Stop all mail that waits to be sent; False when some is being sent at this moment.

    Whoever claims mail for sending waits for this transaction, or was first and is then seen by it.
    """
    names = {"account_id": account_id}
    await transaction.execute(_SQL["halt"], names)
    return not await transaction.fetch_value(_SQL["in_progress"], names)


async def close(transaction: Executor, account_id: str) -> dict[str, int]:
    """End keys, sessions, programs and webhooks, trash all agents; how many rows of what went."""
    row = await transaction.fetch_one(_SQL["close"], {"account_id": account_id})
    assert row is not None, "the account is locked, so it is there"
    return row


async def closed(executor: Executor, seconds: float) -> str | None:
    """An account that was closed so long ago that whoever began to delete it has stopped."""
    account_id: str | None = await executor.fetch_value(_SQL["closed"], {"seconds": seconds})
    return account_id


async def delete_batch(executor: Executor, account_id: str, table: str) -> int:
    """Delete about `BATCHES[table]` rows; how many there were, fewer only where no more are left."""
    return await executor.execute(_SQL[table], {"account_id": account_id, "batch": BATCHES[table]})


async def heirs(transaction: Executor, account_id: str) -> Sequence[Heir]:
    """Domains that cannot be deleted yet."""
    return await transaction.fetch_all(_SQL["heirs"], {"account_id": account_id}, row=Heir)


async def bequeath(transaction: Executor, heir: Heir, token: str) -> None:
    """Make a domain a claim of its heir, without proof and run out."""
    await transaction.execute(_SQL["bequeath"], {"domain": heir.domain, "heir": heir.account_id, "token": token})


async def delete_domains(transaction: Executor, account_id: str) -> int:
    """Delete the domains with their keys; how many."""
    gone: int = await transaction.fetch_value(_SQL["domains"], {"account_id": account_id})
    return gone


async def erase(transaction: Executor, account_id: str) -> dict[str, int]:
    """Delete the account; how many rows of what went with it. Empty when it was gone already."""
    return await transaction.fetch_one(_SQL["erase"], {"account_id": account_id}) or {}
