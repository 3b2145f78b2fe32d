"""What an operator does without a running daemon: migrate the schema, make an account and a key."""

from typing import Literal

from e2ad.config import Config
from e2ad.core.sealing import KeyRing
from e2ad.gateway import accounts
from e2ad.gateway.accounts import Founded
from e2ad.storage import migrations
from e2ad.storage.migrations import MigrationFailed
from e2ad.storage.pool import open_pool

__all__ = ["Founded", "MigrationFailed", "bootstrap", "migrate"]


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
