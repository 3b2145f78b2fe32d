"""The table of idempotency keys: claims of running requests and answers of finished ones."""

from datetime import datetime

from attrs import frozen

from e2ad.core.errors import IdempotencyInFlight
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Mark", "Stored", "amend", "claim", "finish", "forget", "release", "sweep"]

_SQL = load("idempotency")
_TRIES = 3


@frozen
class Mark:
    """What tells this claim from a later one on the same key."""

    claimed_at: datetime


@frozen
class Stored:
    """What is under a key; `status` is None while its request runs."""

    fingerprint: bytes
    status: int | None
    content_type: str | None
    body: bytes | None


async def claim(
    executor: Executor,
    account_id: str,
    key: str,
    fingerprint: bytes,
    at: datetime,
    *,
    abandoned_before: datetime,
    expired_before: datetime,
) -> Mark | Stored:
    """Take the key, or say what is stored under it.

    Args:
        abandoned_before: a running claim older than this may be taken over.
        expired_before: any key older than this is as good as new.

    Raises:
        IdempotencyInFlight: the key kept changing hands while we looked.
    """
    names = {"account_id": account_id, "key": key}
    for _ in range(_TRIES):
        taken = await executor.fetch_one(
            _SQL["claim"],
            {
                **names,
                "fingerprint": fingerprint,
                "at": at,
                "abandoned_before": abandoned_before,
                "expired_before": expired_before,
            },
            row=Mark,
        )
        if taken is not None:
            return taken
        # Between the two statements the key may have been freed: then try to take it again.
        stored = await executor.fetch_one(_SQL["find"], names, row=Stored)
        if stored is not None:
            return stored
    raise IdempotencyInFlight


async def finish(
    executor: Executor, account_id: str, key: str, mark: Mark, status: int, content_type: str, body: bytes
) -> bool:
    """Store the answer; False when the claim is no longer ours."""
    names = {"account_id": account_id, "key": key, "claimed_at": mark.claimed_at}
    answer = {"status": status, "content_type": content_type, "body": body}
    return await executor.execute(_SQL["finish"], names | answer) == 1


async def amend(
    executor: Executor, account_id: str, key: str, mark: Mark, status: int, content_type: str, body: bytes
) -> None:
    """Replace the stored answer, if it is that of this claim."""
    names = {"account_id": account_id, "key": key, "claimed_at": mark.claimed_at}
    await executor.execute(_SQL["amend"], names | {"status": status, "content_type": content_type, "body": body})


async def forget(executor: Executor, account_id: str, key: str, mark: Mark) -> None:
    """Free the key of this claim, finished or not."""
    await executor.execute(_SQL["forget"], {"account_id": account_id, "key": key, "claimed_at": mark.claimed_at})


async def release(executor: Executor, account_id: str, key: str, mark: Mark) -> None:
    """Free the key, unless it is finished or no longer ours."""
    await executor.execute(_SQL["release"], {"account_id": account_id, "key": key, "claimed_at": mark.claimed_at})


async def sweep(executor: Executor, before: datetime) -> int:
    """Drop keys that were made before this; returns how many."""
    return await executor.execute(_SQL["sweep"], {"before": before})
