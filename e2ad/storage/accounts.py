"""The tables of accounts and API keys. A change of either notifies `e2ad_accounts` with the account."""

from collections.abc import Iterable
from datetime import datetime

from attrs import asdict, frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Account",
    "ApiKey",
    "FoundKey",
    "NewKey",
    "Overview",
    "announce",
    "find_account",
    "find_key",
    "has_live_agent",
    "insert_account",
    "insert_key",
    "overview",
    "owns_agent",
    "page_keys",
    "revoke_key",
    "touch_keys",
]

_SQL = load("accounts")


@frozen
class Account:
    """Who owns agents."""

    id: str
    email: str
    name: str
    account_class: str


@frozen
class FoundKey:
    """What authentication needs of a key."""

    id: str
    account_id: str
    scope: str
    agent_email: str | None
    expires_at: datetime | None
    account_class: str


@frozen
class ApiKey:
    """A key as its owner sees it; the key itself is stored nowhere."""

    id: str
    name: str
    key_prefix: str
    scope: str
    agent_email: str | None
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


@frozen
class NewKey:
    """What a key starts with."""

    account_id: str
    id: str
    name: str
    key_hash: bytes
    key_prefix: str
    scope: str
    agent_email: str | None
    expires_at: datetime | None


@frozen
class Overview:
    """An account, its own caps (None: the deployment's) and what it uses."""

    id: str
    email: str
    plan_code: str | None
    upgrade_url: str
    max_agents: int | None
    max_domains: int | None
    max_messages_month: int | None
    max_storage_bytes: int | None
    agents: int
    domains: int
    storage_bytes: int
    messages_month: int


async def find_key(executor: Executor, key_hash: bytes, at: datetime) -> FoundKey | None:
    """The key with this hash, if it may be used at that time."""
    return await executor.fetch_one(_SQL["find_key"], {"key_hash": key_hash, "at": at}, row=FoundKey)


async def touch_keys(executor: Executor, keys: Iterable[tuple[str, str]], at: datetime) -> None:
    """Note that these (account id, key id) were used."""
    used = sorted(keys)
    await executor.execute(
        _SQL["touch_keys"],
        {"account_ids": [account for account, _ in used], "ids": [key for _, key in used], "at": at},
    )


async def owns_agent(executor: Executor, account_id: str, email: str) -> bool:
    """Whether the address is an agent of the account, live or in the trash."""
    owned: bool = await executor.fetch_value(_SQL["owns_agent"], {"account_id": account_id, "email": email})
    return owned


async def has_live_agent(executor: Executor, account_id: str, email: str) -> bool:
    """Whether the address is a live agent of the account."""
    live: bool = await executor.fetch_value(_SQL["has_live_agent"], {"account_id": account_id, "email": email})
    return live


async def overview(executor: Executor, account_id: str) -> Overview | None:
    """Caps and usage of an account."""
    return await executor.fetch_one(_SQL["overview"], {"account_id": account_id}, row=Overview)


async def page_keys(
    executor: Executor, account_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[ApiKey]:
    """Keys that are not revoked, newest first, after the position `before`."""
    before_at, before_id = before or (None, "")
    return await executor.fetch_all(
        _SQL["page_keys"],
        {"account_id": account_id, "before_at": before_at, "before_id": before_id, "limit": limit},
        row=ApiKey,
    )


async def insert_key(executor: Executor, key: NewKey) -> ApiKey:
    """Store a new key."""
    stored = await executor.fetch_one(_SQL["insert_key"], asdict(key), row=ApiKey)
    assert stored is not None, "an insert without a condition returns its row"
    return stored


async def revoke_key(executor: Executor, account_id: str, key_id: str, at: datetime) -> bool:
    """Stop a key; False when the account has no such key. Notifies `e2ad_accounts`."""
    names = {"account_id": account_id, "id": key_id, "at": at}
    return bool(await executor.fetch_all(_SQL["revoke_key"], names))


async def find_account(executor: Executor, email: str) -> Account | None:
    """The account whose owner has this address."""
    return await executor.fetch_one(_SQL["find_account"], {"email": email}, row=Account)


async def insert_account(executor: Executor, account: Account) -> bool:
    """A new account; False when the address has one."""
    return await executor.fetch_value(_SQL["insert_account"], asdict(account)) is not None


async def announce(executor: Executor, account_id: str) -> None:
    """Tell every process that what it knows of an account is not true any more."""
    await executor.fetch_value(_SQL["announce"], {"account_id": account_id})
