"""The table of contacts, and that of the imports which made some of them.

Whatever adds contacts holds the account first (`storage.agents.lock_account`), so that nobody counts while another
adds; what is changed is compared with what its writer saw in the statement that changes it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import asdict, field, frozen

from e2ad.core.contacts import Entry
from e2ad.storage.adaptation import octets, texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Contact",
    "ContactFilter",
    "Survey",
    "add_batch",
    "delete",
    "drop_batch",
    "find",
    "has_batch",
    "hold",
    "import_rows",
    "insert",
    "lock_batch",
    "lock_known",
    "merge_rows",
    "page",
    "survey",
    "update",
]

_SQL = load("contacts")


@frozen
class Contact:
    """Somebody the account deals with. `etag` is the version, new with each change."""

    address: str
    display_name: str
    metadata: Mapping[str, Any] = field(repr=False)
    source: str
    import_batch_id: str | None
    etag: bytes
    created_at: datetime
    updated_at: datetime


@frozen
class ContactFilter:
    """Which contacts; both times are exclusive."""

    source: str | None = None
    import_batch_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@frozen
class Survey:
    """How many contacts there are, and which of the addresses asked for are suppressed."""

    total: int
    suppressed: list[str]


async def page(
    executor: Executor, account_id: str, wanted: ContactFilter, *, before: tuple[datetime, str] | None, limit: int
) -> list[Contact]:
    """Newest first, after the position `before` (its time and address)."""
    before_at, before_address = before or (None, "")
    return await executor.fetch_all(
        _SQL["page"],
        asdict(wanted)
        | {"account_id": account_id, "before_at": before_at, "before_address": before_address, "limit": limit},
        row=Contact,
        # Planned for each list: which filters are given decides how the rows are best found.
        prepare=False,
    )


async def find(executor: Executor, account_id: str, address: str) -> Contact | None:
    """One contact of the account."""
    return await executor.fetch_one(_SQL["find"], {"account_id": account_id, "address": address}, row=Contact)


async def insert(
    executor: Executor, account_id: str, address: str, display_name: str, metadata: str, *, etag: bytes, most: int
) -> Contact | None:
    """A new contact; None when the address has one or the account has `most` of them.

    The limit holds under concurrency only after `lock_account` in the same transaction.
    """
    return await executor.fetch_one(
        _SQL["insert"],
        {
            "account_id": account_id,
            "address": address,
            "display_name": display_name,
            "metadata": metadata,
            "etag": etag,
            "most": most,
        },
        row=Contact,
    )


async def update(
    executor: Executor,
    account_id: str,
    address: str,
    *,
    display_name: str | None,
    metadata: str | None,
    etag: bytes,
    seen: Sequence[bytes] | None,
) -> Contact | None:
    """The changed contact; None when there is none, or none of the versions `seen`."""
    return await executor.fetch_one(
        _SQL["update"],
        {
            "account_id": account_id,
            "address": address,
            "display_name": display_name,
            "metadata": metadata,
            "etag": etag,
            "seen": None if seen is None else octets(seen),
        },
        row=Contact,
    )


async def delete(executor: Executor, account_id: str, address: str) -> bool:
    """Remove a contact with all its engagements; False when there is none."""
    return await executor.execute(_SQL["delete"], {"account_id": account_id, "address": address}) > 0


async def hold(executor: Executor, account_id: str, address: str) -> bool:
    """Whether there is such a contact; it then stays until the transaction ends."""
    return await executor.fetch_value(_SQL["hold"], {"account_id": account_id, "address": address}) is not None


async def lock_known(executor: Executor, account_id: str, addresses: Sequence[str]) -> set[str]:
    """Which of the addresses are contacts; these are held until the transaction ends."""
    rows = await executor.fetch_all(_SQL["lock_known"], {"account_id": account_id, "addresses": texts(addresses)})
    return {row["address"] for row in rows}


async def survey(executor: Executor, account_id: str, agent_email: str | None, addresses: Sequence[str]) -> Survey:
    """What an import has to know; with an agent its own suppressions count as well."""
    found = await executor.fetch_one(
        _SQL["survey"],
        {"account_id": account_id, "agent_email": agent_email, "addresses": texts(addresses)},
        row=Survey,
    )
    assert found is not None, "a select without a condition returns its row"
    return found


async def add_batch(executor: Executor, account_id: str, batch_id: str) -> None:
    """Remember an import."""
    await executor.execute(_SQL["add_batch"], {"account_id": account_id, "batch_id": batch_id})


async def import_rows(
    executor: Executor, account_id: str, batch_id: str, entries: Sequence[Entry], etags: Sequence[bytes]
) -> None:
    """New contacts, with one version each, made by an import."""
    await executor.execute(_SQL["import_rows"], _columns(entries, etags) | _batch(account_id, batch_id))


async def merge_rows(executor: Executor, account_id: str, entries: Sequence[Entry], etags: Sequence[bytes]) -> None:
    """Bring contacts up to date with what entries say; one that says nothing new is left as it is."""
    await executor.execute(_SQL["merge_rows"], _columns(entries, etags) | {"account_id": account_id})


async def has_batch(executor: Executor, account_id: str, batch_id: str) -> bool:
    """Whether the account made this import."""
    return await executor.fetch_value(_SQL["has_batch"], _batch(account_id, batch_id)) is not None


async def lock_batch(executor: Executor, account_id: str, batch_id: str) -> None:
    """Hold the contacts of an import: nobody can enrol them until the transaction ends."""
    await executor.execute(_SQL["lock_batch"], _batch(account_id, batch_id))


async def drop_batch(executor: Executor, account_id: str, batch_id: str) -> tuple[int, int]:
    """Delete the contacts of an import that nothing came of; how many went, and how many stay."""
    row = await executor.fetch_one(_SQL["drop_batch"], _batch(account_id, batch_id))
    assert row is not None, "a select without a condition returns its row"
    return row["deleted"], row["retained"]


def _batch(account_id: str, batch_id: str) -> dict[str, Any]:
    return {"account_id": account_id, "batch_id": batch_id}


def _columns(entries: Sequence[Entry], etags: Sequence[bytes]) -> dict[str, Any]:
    return {
        "addresses": texts(entry.address for entry in entries),
        "display_names": texts(entry.display_name for entry in entries),
        "metadata": texts(entry.metadata for entry in entries),
        "etags": octets(etags),
    }
