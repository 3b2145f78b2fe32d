"""The table of the audit log: appended to in the transaction of what it tells of, read, and never changed.

Number, previous digest and digest are given by the database itself, under the lock of the account's head, so that
no writer can leave one out. That lock is kept until COMMIT: an append is the last of a transaction that waits for
anybody, or two of them could wait for each other.
"""

from datetime import datetime
from typing import Any, Final

from attrs import asdict, field, frozen

from e2ad.core.audit import Head, Row
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "ANY",
    "Entry",
    "Line",
    "Wanted",
    "alone",
    "append",
    "append_if_there",
    "find_account",
    "head",
    "next_account",
    "page",
    "rows",
]

_SQL = load("audit")
BEFORE_ALL: Final = -9223372036854775808


@frozen
class Entry:
    """What is to be told; `evidence` is `core.audit.text_of`."""

    account_id: str
    at: datetime
    actor_kind: str
    actor: str
    action: str
    subject: str
    evidence: str = field(repr=False)


@frozen
class Line:
    """A row as a person reads it."""

    account_id: str
    number: int
    at: datetime
    actor_kind: str
    actor: str
    action: str
    subject: str
    evidence: dict[str, Any] = field(repr=False)
    previous: bytes = field(repr=False)
    digest: bytes


@frozen
class Wanted:
    """Which rows of a log are asked for: those that are all of this. `until` itself is not among them."""

    action: str | None = None
    subject: str | None = None
    actor: str | None = None
    actor_kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


ANY: Final = Wanted()


async def append(executor: Executor, entry: Entry) -> None:
    """Add a row to the account's log.

    Args:
        executor: the transaction of the effect, which waits for nobody afterwards.
    """
    await executor.execute(_SQL["append"], asdict(entry))


async def append_if_there(executor: Executor, entry: Entry) -> None:
    """Add a row to the log of an account that may be closed or gone: then there is nobody to tell."""
    await executor.execute(_SQL["append_if_there"], asdict(entry))


async def alone(executor: Executor) -> None:
    """Wait until no other transaction that asked for this is left; then the others wait for this one."""
    await executor.execute(_SQL["alone"])


async def rows(executor: Executor, account_id: str, *, after: int | None, limit: int) -> list[Row]:
    """A page of an account's rows in the order of their numbers, also of numbers that cannot be."""
    names = {"account_id": account_id, "after": BEFORE_ALL if after is None else after, "limit": limit}
    return await executor.fetch_all(_SQL["rows"], names, row=Row)


async def head(executor: Executor, account_id: str) -> Head | None:
    """The newest row as it is remembered apart from the log; None where there never was one."""
    return await executor.fetch_one(_SQL["head"], {"account_id": account_id}, row=Head)


async def next_account(executor: Executor, after: str) -> str | None:
    """The next account that has a log, or had one."""
    account_id: str | None = await executor.fetch_value(_SQL["next_account"], {"after": after})
    return account_id


async def find_account(executor: Executor, wanted: str) -> str | None:
    """The account with this id or owner's address; None where there is none."""
    account_id: str | None = await executor.fetch_value(_SQL["find_account"], {"wanted": wanted})
    return account_id


async def page(
    executor: Executor,
    account_id: str,
    *,
    before: int | None,
    limit: int,
    wanted: Wanted = ANY,
) -> list[Line]:
    """An account's rows, newest first, with numbers below `before`; of those that are asked for."""
    names = {"account_id": account_id, "before": before, "limit": limit, **asdict(wanted)}
    return await executor.fetch_all(_SQL["page"], names, row=Line)
