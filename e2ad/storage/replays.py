"""Events that people look for, and sending many of them again: the wish, and how far it is.

A replay is a row and its deliveries, written by one statement; the workers of deliveries do the rest.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import asdict, frozen

from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Found",
    "NewReplay",
    "Replay",
    "Summary",
    "Told",
    "Wanted",
    "begin",
    "cancel",
    "endpoints",
    "find",
    "matching",
    "page",
    "running",
    "summaries",
]

_SQL = load("replays")


@frozen
class Wanted:
    """Which events: all that is not None must hold. `since` is included, `until` is not.

    `state` is that of an event's newest deliveries: `failed` and `pending` when one endpoint's is, `delivered` when
    all are, `none` when it was for nobody.
    """

    id: str | None = None
    type: str | None = None
    agent_email: str | None = None
    message_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    state: str | None = None


@frozen
class Found:
    """The position of an event."""

    id: str
    created_at: datetime


@frozen
class Summary:
    """An event without its envelope, and how far its endpoints are."""

    id: str
    type: str
    agent_email: str | None
    message_id: str | None
    created_at: datetime
    delivered: int
    pending: int
    failed: int


@frozen
class Told:
    """An endpoint that events were for, and of how many. `known`: it is still there; `enabled`: it takes deliveries."""

    endpoint: str
    kind: str
    events: int
    url: str
    known: bool
    enabled: bool


@frozen
class NewReplay:
    """What a replay starts with; `endpoint`, `url` and `sealed_secret` as its target needs them."""

    account_id: str
    id: str
    target: str
    endpoint: str | None
    url: str | None
    sealed_secret: bytes | None


@frozen
class Replay:
    """A replay and how far it is."""

    id: str
    created_at: datetime
    target: str
    endpoint: str | None
    url: str | None
    filter: Mapping[str, str]
    events: int
    deliveries: int
    cancelled_at: datetime | None
    pending: int
    delivered: int
    failed: int


async def matching(
    executor: Executor,
    account_id: str,
    wanted: Wanted,
    *,
    oldest: datetime,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Found]:
    """Events newer than `oldest`, newest first, after the position `before` (its `created_at` and id)."""
    before_at, before_id = before or (None, "")
    position = {"oldest": oldest, "before_at": before_at, "before_id": before_id, "limit": limit}
    # Which index serves depends on which filters are there: a plan made for all of them serves none.
    return await executor.fetch_all(
        _SQL["matching"], {"account_id": account_id} | asdict(wanted) | position, row=Found, prepare=False
    )


async def summaries(executor: Executor, account_id: str, ids: Sequence[str]) -> list[Summary]:
    """These events, newest first."""
    return await executor.fetch_all(_SQL["summaries"], {"account_id": account_id, "ids": list(ids)}, row=Summary)


async def endpoints(executor: Executor, account_id: str, ids: Sequence[str]) -> list[Told]:
    """Whom these events were for: webhooks first, then agents' own URLs."""
    return await executor.fetch_all(_SQL["endpoints"], {"account_id": account_id, "ids": list(ids)}, row=Told)


async def running(transaction: Executor, account_id: str) -> int:
    """How many replays are not done; the account is held until the transaction ends."""
    count: int = await transaction.fetch_value(_SQL["running"], {"account_id": account_id})
    return count


async def begin(
    executor: Executor, new: NewReplay, wanted: Mapping[str, Any], event_ids: Sequence[str], *, most: int
) -> tuple[int, bool]:
    """Write a replay with its deliveries and wake the workers: how many those would be, and whether they were written.

    They are not where there are none, or more than `most`, or where this replay was begun before.
    """
    row = await executor.fetch_one(
        _SQL["begin"], asdict(new) | {"filter": Jsonb(dict(wanted)), "event_ids": list(event_ids), "most": most}
    )
    assert row is not None, "it counts, so it has a row"
    return row["deliveries"], row["is_new"]


async def page(executor: Executor, account_id: str, *, before: tuple[datetime, str] | None, limit: int) -> list[Replay]:
    """An account's replays, newest first, after the position `before` (its `created_at` and id)."""
    before_at, before_id = before or (None, "")
    wanted = {"account_id": account_id, "before_at": before_at, "before_id": before_id, "limit": limit}
    return await executor.fetch_all(_SQL["page"], wanted, row=Replay)


async def find(executor: Executor, account_id: str, replay_id: str) -> Replay | None:
    """One replay of the account."""
    return await executor.fetch_one(_SQL["find"], {"account_id": account_id, "id": replay_id}, row=Replay)


async def cancel(executor: Executor, account_id: str, replay_id: str) -> int | None:
    """Stop what is still to come; how many deliveries that was, None where there is no such replay."""
    stopped: int | None = await executor.fetch_value(_SQL["cancel"], {"account_id": account_id, "id": replay_id})
    return stopped
