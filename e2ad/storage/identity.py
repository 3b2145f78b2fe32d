"""Whom identity tokens are about. That they are worthless is written where it becomes so: in `accounts`, `agents`
and `domains`."""

from datetime import datetime

from attrs import frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["FoundIdentity", "Holder", "find", "holder"]

_SQL = load("identity")


@frozen
class Holder:
    """The inbox that an agent's key is for."""

    email: str
    assertion_version: int
    key_expires_at: datetime | None


@frozen
class FoundIdentity:
    """What authentication needs of a live agent."""

    account_id: str
    assertion_version: int
    account_class: str


async def holder(executor: Executor, account_id: str, key_id: str) -> Holder | None:
    """The live inbox of an agent's key."""
    values = {"account_id": account_id, "key_id": key_id}
    return await executor.fetch_one(_SQL["holder"], values, row=Holder)


async def find(executor: Executor, email: str) -> FoundIdentity | None:
    """A live agent by its address."""
    return await executor.fetch_one(_SQL["find"], {"email": email}, row=FoundIdentity)
