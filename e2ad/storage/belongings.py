"""What pages about the account and its audit log read beside the API: how much there is, and what is still there."""

from collections.abc import Sequence
from typing import Any

from attrs import field, frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Belongings", "Known", "Place", "counts", "names", "places"]

_SQL = load("belongings")


@frozen
class Belongings:
    """How much an account has. `octets`: of stored mail."""

    email: str
    messages: int
    agents: int
    domains: int
    webhooks: int
    keys: int
    programs: int
    contacts: int
    templates: int
    suppressions: int
    octets: int
    audit_rows: int


@frozen
class Known:
    """A session, key or program that acted, and what was told of it when it began."""

    id: str
    kind: str
    evidence: dict[str, Any] = field(repr=False)


@frozen
class Place:
    """Something that is still there: of a message `place` is its agent, else the kind of thing."""

    id: str
    place: str
    review_status: str | None


async def counts(executor: Executor, account_id: str) -> Belongings | None:
    """What an account has; None where it is closed or gone."""
    return await executor.fetch_one(_SQL["counts"], {"account_id": account_id}, row=Belongings)


async def names(executor: Executor, account_id: str, ids: Sequence[str]) -> dict[str, Known]:
    """What is known of these sessions, keys and programs of an account, also of those that ended."""
    found = await executor.fetch_all(_SQL["names"], {"account_id": account_id, "ids": list(ids)}, row=Known)
    return {one.id: one for one in found}


async def places(executor: Executor, account_id: str, ids: Sequence[str]) -> dict[str, Place]:
    """Which of these things an account still has."""
    found = await executor.fetch_all(_SQL["places"], {"account_id": account_id, "ids": list(ids)}, row=Place)
    return {one.id: one for one in found}
