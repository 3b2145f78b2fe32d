"""What the pages about keys and domains read beside the operations of the API: one of each, and what hangs on it."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from e2ad.storage.accounts import ApiKey
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Begun", "Program", "Resident", "agents", "connection", "key", "keys", "sessions"]

_SQL = load("holdings")


@frozen
class Begun:
    """How many sessions began with a key and are not over, and whether the one that asks is among them."""

    key_id: str
    sessions: int
    mine: bool


@frozen
class Program:
    """A program that has access. `agent_email` is empty for the whole account."""

    id: str
    client_id: str
    client_name: str
    agent_email: str
    scope: str
    issued_at: datetime


@frozen
class Resident:
    """An agent with an address under a domain."""

    email: str
    name: str
    trashed: bool


async def keys(
    executor: Executor, account_id: str, agent_email: str | None, *, before: tuple[datetime, str] | None, limit: int
) -> list[ApiKey]:
    """Keys that are not revoked, of one inbox where one is named, newest first, after the position `before`."""
    before_at, before_id = before or (None, "")
    values = {"account_id": account_id, "agent_email": agent_email, "limit": limit}
    return await executor.fetch_all(_SQL["keys"], values | {"before_at": before_at, "before_id": before_id}, row=ApiKey)


async def key(executor: Executor, account_id: str, key_id: str) -> ApiKey | None:
    """One key of an account; None where it has no such key, or revoked it."""
    return await executor.fetch_one(_SQL["key"], {"account_id": account_id, "id": key_id}, row=ApiKey)


async def sessions(executor: Executor, account_id: str, key_ids: Sequence[str], session_id: str) -> dict[str, Begun]:
    """Which of these keys somebody is signed in with now, by the key's id."""
    values = {"account_id": account_id, "keys": list(key_ids), "session_id": session_id}
    return {one.key_id: one for one in await executor.fetch_all(_SQL["sessions"], values, row=Begun)}


async def connection(executor: Executor, account_id: str, grant_id: str) -> Program | None:
    """A program that has access; None where there is none of this id, or none any more."""
    return await executor.fetch_one(_SQL["connection"], {"account_id": account_id, "id": grant_id}, row=Program)


async def agents(executor: Executor, account_id: str, domain: str, *, limit: int) -> list[Resident]:
    """The account's agents under a domain, those in the trash last."""
    values = {"account_id": account_id, "domain": domain, "limit": limit}
    return await executor.fetch_all(_SQL["agents"], values, row=Resident)
