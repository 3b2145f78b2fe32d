"""The table of people who are signed in, by the hashes of their tokens. Signing out notifies `e2ad_accounts`."""

from datetime import datetime, timedelta

from attrs import asdict, frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["FoundSession", "NewSession", "delete", "find", "insert", "sweep"]

_SQL = load("sessions")


@frozen
class NewSession:
    """What a session starts with. `key_id`: of the API key that it began with and ends with."""

    token_sha256: bytes
    account_id: str
    key_id: str | None
    at: datetime
    expires_at: datetime


@frozen
class FoundSession:
    """What authentication needs of a session."""

    account_id: str
    account_class: str
    expires_at: datetime


async def insert(executor: Executor, session: NewSession) -> None:
    """Keep a new session."""
    await executor.execute(_SQL["insert"], asdict(session))


async def find(
    executor: Executor, token_sha256: bytes, at: datetime, *, idle: timedelta, longest: timedelta, coarse: timedelta
) -> FoundSession | None:
    """The session with this hash, if it is good; that somebody was seen is written once in `coarse`.

    Args:
        idle: how long it goes on after that.
        longest: how long it goes on at all.
    """
    values = {
        "token_sha256": token_sha256,
        "at": at,
        "idle": idle,
        "longest": longest,
        "noted_before": at - coarse,
    }
    return await executor.fetch_one(_SQL["find"], values, row=FoundSession)


async def delete(executor: Executor, token_sha256: bytes) -> bool:
    """End a session in every process; False when there is none."""
    return bool(await executor.fetch_all(_SQL["delete"], {"token_sha256": token_sha256}))


async def sweep(executor: Executor, batch: int) -> int:
    """Delete a batch of sessions that are over; how many."""
    return await executor.execute(_SQL["sweep"], {"batch": batch})
