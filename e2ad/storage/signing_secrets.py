"""The table of signing secrets: what the `X-E2A-Auth-*` headers of an account are signed with.

Stored sealed. Every change notifies `e2ad_accounts` with the account.
"""

from datetime import datetime

from attrs import asdict, frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["NewSecret", "SigningSecret", "delete", "insert", "insert_first", "lock_account", "page"]

_SQL = load("signing_secrets")


@frozen
class SigningSecret:
    """One secret of an account; the newest signs, all of them verify."""

    account_id: str
    id: str
    name: str
    sealed_secret: bytes
    created_at: datetime
    last_signed_at: datetime | None


@frozen
class NewSecret:
    """What a signing secret starts with."""

    account_id: str
    id: str
    name: str
    sealed_secret: bytes


async def page(executor: Executor, account_id: str) -> list[SigningSecret]:
    """All signing secrets of an account, newest first; there are few by rule."""
    return await executor.fetch_all(_SQL["page"], {"account_id": account_id}, row=SigningSecret)


async def lock_account(executor: Executor, account_id: str) -> None:
    """Wait until no other transaction counts this account's secrets; held to the end of the transaction."""
    await executor.execute(_SQL["lock_account"], {"account_id": account_id})


async def insert(executor: Executor, secret: NewSecret, *, at_most: int) -> SigningSecret | None:
    """The new secret, or None when the account has `at_most` already. Exact only after `lock_account`."""
    return await executor.fetch_one(_SQL["insert"], asdict(secret) | {"at_most": at_most}, row=SigningSecret)


async def insert_first(executor: Executor, secret: NewSecret) -> bool:
    """Give a secret to an account that has none; False when it has one."""
    return await executor.fetch_value(_SQL["insert_first"], asdict(secret)) is not None


async def delete(executor: Executor, account_id: str, secret_id: str) -> tuple[bool, bool]:
    """Delete a secret unless it is the last: was there one, and did it go? Exact only after `lock_account`."""
    row = await executor.fetch_one(_SQL["delete"], {"account_id": account_id, "id": secret_id})
    assert row is not None  # a select without a table always has a row
    return row["found"], row["deleted"]
