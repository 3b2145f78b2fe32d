"""What a deployment needs before anybody can call it: an account, a key, the shared domain."""

from attrs import frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Account", "insert_key", "keep_account", "keep_shared_domain"]

_SQL = load("founding")


@frozen
class Account:
    """An account; `founded` says that this very call made it."""

    id: str
    email: str
    founded: bool


async def keep_account(executor: Executor, account_id: str, email: str, name: str) -> Account | None:
    """The account of `email`, made as `account_id` when there is none.

    Returns:
        None when another transaction founds it at this moment: ask again.
    """
    return await executor.fetch_one(_SQL["account"], {"id": account_id, "email": email, "name": name}, row=Account)


async def insert_key(
    executor: Executor, account_id: str, *, key_id: str, name: str, key_hash: bytes, key_prefix: str
) -> None:
    """Store an API key of account scope by its hash, and tell every process."""
    await executor.execute(
        _SQL["key"],
        {"account_id": account_id, "id": key_id, "name": name, "key_hash": key_hash, "key_prefix": key_prefix},
    )


async def keep_shared_domain(executor: Executor, domain: str) -> bool:
    """Register the deployment's own domain, verified; False when an account has claimed it before."""
    return await executor.fetch_value(_SQL["shared_domain"], {"domain": domain}) is None
