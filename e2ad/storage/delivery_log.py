"""Deliveries and every attempt at them, as people read them.

The queue itself is `storage.deliveries`, which writes all of this.
"""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Logged", "Recent", "Try", "attempts", "of_endpoint", "of_event", "of_replay", "one", "recent"]

_SQL = load("delivery_log")


@frozen
class Logged:
    """A delivery. `url` is where it goes as of now, "" where there is nothing any more."""

    id: str
    kind: str
    endpoint: str
    event_id: str | None
    event_type: str
    replay_id: str | None
    status: str
    attempts: int
    waits: int
    next_attempt_at: datetime
    last_attempt_at: datetime | None
    last_error: str | None
    created_at: datetime
    url: str


@frozen
class Try:
    """One attempt. `took` is in milliseconds; `status_code` is None where there was no answer."""

    delivery_id: str
    number: int
    at: datetime
    took: int
    status_code: int | None
    error: str | None
    response_excerpt: str | None


@frozen
class Recent:
    """How the newest deliveries of the last day went."""

    endpoint: str
    total: int
    delivered: int
    failed: int


async def of_endpoint(
    executor: Executor,
    account_id: str,
    endpoint: str,
    *,
    status: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Logged]:
    """An endpoint's deliveries, newest first, after the position `before` (its `created_at` and id)."""
    before_at, before_id = before or (None, "")
    wanted = {"account_id": account_id, "endpoint": endpoint, "status": status, "limit": limit}
    position = {"before_at": before_at, "before_id": before_id}
    return await executor.fetch_all(_SQL["of_endpoint"], wanted | position, row=Logged, prepare=False)


async def of_event(executor: Executor, account_id: str, event_id: str, *, limit: int) -> list[Logged]:
    """An event's deliveries, newest first."""
    return await executor.fetch_all(
        _SQL["of_event"], {"account_id": account_id, "event_id": event_id, "limit": limit}, row=Logged
    )


async def of_replay(
    executor: Executor, account_id: str, replay_id: str, *, status: str | None, after_id: str, limit: int
) -> list[Logged]:
    """A replay's deliveries in the order of their ids, behind `after_id`."""
    wanted = {"account_id": account_id, "replay_id": replay_id, "status": status, "after_id": after_id, "limit": limit}
    return await executor.fetch_all(_SQL["of_replay"], wanted, row=Logged, prepare=False)


async def one(executor: Executor, account_id: str, delivery_id: str) -> Logged | None:
    """One delivery of the account."""
    return await executor.fetch_one(_SQL["one"], {"account_id": account_id, "id": delivery_id}, row=Logged)


async def attempts(executor: Executor, account_id: str, delivery_ids: Sequence[str]) -> dict[str, list[Try]]:
    """The attempts at these deliveries, by the id of each, in their order."""
    found: dict[str, list[Try]] = {}
    wanted = {"account_id": account_id, "ids": list(delivery_ids)}
    for row in await executor.fetch_all(_SQL["attempts"], wanted, row=Try):
        found.setdefault(row.delivery_id, []).append(row)
    return found


async def recent(executor: Executor, account_id: str, endpoints: Sequence[str], *, most: int) -> dict[str, Recent]:
    """How the last day went, of each endpoint its newest `most` deliveries."""
    wanted = {"account_id": account_id, "endpoints": list(endpoints), "most": most}
    return {row.endpoint: row for row in await executor.fetch_all(_SQL["recent"], wanted, row=Recent)}
