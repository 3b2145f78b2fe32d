"""The table of people who are signed in, by the hashes of their tokens. Signing out notifies `e2ad_accounts`."""

from datetime import datetime, timedelta
from typing import Literal

from attrs import asdict, field, frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "EndedSession",
    "FoundSession",
    "ListedSession",
    "NewSession",
    "Way",
    "delete",
    "delete_one",
    "delete_others",
    "find",
    "insert",
    "offer",
    "page",
    "seed",
    "sweep",
]

_SQL = load("sessions")

Way = Literal["key", "link", "oidc"]
"""How somebody signed in: an API key, a link by mail, an OpenID provider."""


@frozen
class NewSession:
    """What a session starts with.

    Attributes:
        id: what its owner names it by.
        key_id: of the API key that it began with and ends with.
        browser, network: what it began in and where from, coarsely.
        renewal_seed: what makes each next token of it.
    """

    token_sha256: bytes
    id: str
    account_id: str
    key_id: str | None
    signed_in_by: Way
    browser: str
    network: str
    renewal_seed: bytes = field(repr=False)
    at: datetime
    expires_at: datetime


@frozen
class FoundSession:
    """What authentication needs of a session. `token_since`: None where the token shown is not the one that counts."""

    id: str
    account_id: str
    account_class: str
    expires_at: datetime
    token_since: datetime | None


@frozen
class ListedSession:
    """A session as its owner sees it."""

    id: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    signed_in_by: Way
    browser: str
    network: str


@frozen
class EndedSession:
    """Which one it was."""

    account_id: str
    id: str


async def insert(executor: Executor, session: NewSession) -> None:
    """Keep a new session."""
    await executor.execute(_SQL["insert"], asdict(session))


async def find(
    executor: Executor,
    token_sha256: bytes,
    at: datetime,
    *,
    idle: timedelta,
    longest: timedelta,
    coarse: timedelta,
    overlap: timedelta,
) -> FoundSession | None:
    """The session with this hash, if it is good; that somebody was seen is written once in `coarse`.

    Args:
        idle: how long it goes on after that.
        longest: how long it goes on at all.
        overlap: how long the token before is good once the next one was shown.
    """
    values = {
        "token_sha256": token_sha256,
        "at": at,
        "idle": idle,
        "longest": longest,
        "noted_before": at - coarse,
        "overlap": overlap,
    }
    return await executor.fetch_one(_SQL["find"], values, row=FoundSession)


async def seed(executor: Executor, token_sha256: bytes, at: datetime) -> bytes | None:
    """The seed of a session whose token counts; None where it does not, any more."""
    found = await executor.fetch_value(_SQL["seed"], {"token_sha256": token_sha256, "at": at})
    return None if found is None else bytes(found)


async def offer(executor: Executor, token_sha256: bytes, next_sha256: bytes) -> None:
    """Let a session go on with another token as soon as that is shown."""
    await executor.execute(_SQL["offer"], {"token_sha256": token_sha256, "next_sha256": next_sha256})


async def page(executor: Executor, account_id: str, at: datetime, limit: int) -> list[ListedSession]:
    """The sessions of an account that are good, last used first."""
    values = {"account_id": account_id, "at": at, "limit": limit}
    return await executor.fetch_all(_SQL["page"], values, row=ListedSession)


async def delete(executor: Executor, token_sha256: bytes, at: datetime) -> list[EndedSession]:
    """End a session in every process; nothing when there is none."""
    return await executor.fetch_all(_SQL["delete"], {"token_sha256": token_sha256, "at": at}, row=EndedSession)


async def delete_one(executor: Executor, account_id: str, session_id: str) -> list[EndedSession]:
    """End one session of an account in every process; nothing when it has none of this id."""
    values = {"account_id": account_id, "id": session_id}
    return await executor.fetch_all(_SQL["delete_one"], values, row=EndedSession)


async def delete_others(executor: Executor, account_id: str, kept: str) -> list[EndedSession]:
    """End all sessions of an account but one."""
    values = {"account_id": account_id, "kept": kept}
    return await executor.fetch_all(_SQL["delete_others"], values, row=EndedSession)


async def sweep(executor: Executor, batch: int) -> int:
    """Delete a batch of sessions that are over; how many."""
    return await executor.execute(_SQL["sweep"], {"batch": batch})
