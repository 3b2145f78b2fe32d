"""What an operator does without a running daemon: migrate the schema, make an account and a key."""

from attrs import frozen

from e2ad.config import Config
from e2ad.core.sealing import KeyRing
from e2ad.gateway import accounts
from e2ad.storage import migrations
from e2ad.storage.pool import open_pool

__all__ = ["Bootstrapped", "bootstrap", "migrate"]


@frozen
class Bootstrapped:
    """An account and its new key. The key's text is nowhere else."""

    account_id: str
    email: str
    api_key: str


async def migrate(config: Config, mode: str) -> list[str]:
    """Apply what is missing (`auto`), only look (`verify`), or do nothing (`skip`).

    Returns:
        The names of the migrations that were applied.
    """
    return await migrations.migrate(config.database.url, mode)


async def bootstrap(config: Config, email: str) -> Bootstrapped:
    """Make the account if it is missing, and a new account key for it.

    Raises:
        InvalidRequest: not an e-mail address.
    """
    await migrate(config, config.database.migrations)
    async with open_pool(config.database.url, size=2) as database:
        account, key = await accounts.bootstrap(database, KeyRing(config.signing.secrets), email, "bootstrap")
        return Bootstrapped(account.id, account.email, key)
