"""What an operator does without a running daemon: migrate, make an account and a key, verify the audit log."""

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import trio

from e2ad.config import Config
from e2ad.core.audit import Head, Row
from e2ad.core.errors import NotFound
from e2ad.core.sealing import KeyRing
from e2ad.gateway import accounts, audit
from e2ad.gateway.accounts import Founded
from e2ad.gateway.audit import Checked
from e2ad.storage import migrations
from e2ad.storage.migrations import MigrationFailed
from e2ad.storage.pool import Connection, open_pool

__all__ = ["Checked", "Founded", "MigrationFailed", "bootstrap", "export_audit", "migrate", "verify_audit"]

IDLE_SECONDS: Final = 600.0
"""Between two pages of the log; a disk that takes longer to write one is gone."""


async def migrate(config: Config, mode: str) -> list[str]:
    """Apply what is missing (`auto`), only look (`verify`), or do nothing (`skip`).

    Returns:
        The names of the migrations that were applied.
    """
    known: Literal["auto", "verify", "skip"] = "auto" if mode == "auto" else "verify" if mode == "verify" else "skip"
    return await migrations.migrate(config.database.url, known)


async def bootstrap(config: Config, email: str) -> Founded:
    """Make the account if it is missing, and a new account key for it.

    Raises:
        InvalidRequest: not an e-mail address.
        Unavailable, MigrationFailed: the database cannot be used.
    """
    await migrate(config, config.database.migrations)
    async with open_pool(config.database.url, size=2) as database:
        return await accounts.bootstrap(database, KeyRing(config.signing.secrets), email)


async def verify_audit(
    config: Config,
    wanted: str | None,
    expected: Head | None,
    tell: Callable[[Checked], None],
    progress: Callable[[int], None],
) -> int:
    """Look at the audit log of one account, or of all, as it is at this moment; how many accounts that were.

    Args:
        wanted: the id of an account, or its owner's address.
        expected: a head of that account which was kept.
        tell: called with each account's result as soon as it is known.
        progress: called with the number of an account's rows that were looked at, from time to time.

    Raises:
        NotFound: there is no such account.
        Unavailable, MigrationFailed: the database cannot be used.
    """
    found = 0
    async with _snapshot(config) as snapshot:
        if wanted is not None:
            tell(await audit.check(snapshot, await _account(snapshot, wanted), expected, progress))
            return 1
        async with aclosing(audit.accounts(snapshot)) as accounts_with_log:
            async for account_id in accounts_with_log:
                tell(await audit.check(snapshot, account_id, None, progress))
                found += 1
    return found


async def export_audit(config: Config, wanted: str, output: Path, progress: Callable[[int], None]) -> Checked:
    """Write the audit log of an account into a new file, a JSON object a line, and say whether it is whole.

    Raises:
        NotFound: there is no such account.
        OSError: the file is there already, or cannot be written.
        Unavailable, MigrationFailed: the database cannot be used.

    Cancellation: the file has the rows that were read until then.
    """
    async with _snapshot(config) as snapshot:
        account_id = await _account(snapshot, wanted)
        # Whoever reads the log learns who writes to whom.
        file = await trio.open_file(output, "x", encoding="utf-8", opener=_private)
        async with file:

            async def write(rows: list[Row]) -> None:
                await file.write("".join(json.dumps(_told(row), ensure_ascii=False) + "\n" for row in rows))

            return await audit.check(snapshot, account_id, None, progress, write)


@asynccontextmanager
async def _snapshot(config: Config) -> AsyncIterator[Connection]:
    await migrate(config, "verify")
    async with open_pool(config.database.url, size=1) as database, database.snapshot(IDLE_SECONDS) as snapshot:
        yield snapshot


async def _account(snapshot: Connection, wanted: str) -> str:
    account_id = await audit.find_account(snapshot, wanted)
    if account_id is None:
        raise NotFound(f"there is no account {wanted}")
    return account_id


def _told(row: Row) -> dict[str, Any]:
    return {
        "account_id": row.account_id,
        "number": row.number,
        "at": row.at,
        "actor_kind": row.actor_kind,
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "evidence": row.evidence,
        "previous": row.previous.hex(),
        "digest": row.digest.hex(),
    }


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
