"""The event log as clients read it, and sending an event again.

Events are written with the facts they tell of (storage.intake and its like); here they are read.
"""

from datetime import datetime

from attrs import frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Event", "EventFilter", "Held", "Redelivery", "find", "lock", "outlived", "page", "redeliver"]

_SQL = load("events")


@frozen
class Event:
    """An event and how far its deliveries to webhooks are: the newest one of each endpoint counts."""

    id: str
    type: str
    agent_email: str | None
    conversation_id: str | None
    message_id: str | None
    envelope: str
    created_at: datetime
    matched: int
    delivered: int
    pending: int
    failed: int


@frozen
class EventFilter:
    """Which events: all that is not None must hold. `since` is included, `until` is not."""

    types: tuple[str, ...] | None = None
    agent_email: str | None = None
    conversation_id: str | None = None
    message_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@frozen
class Held:
    """An event that is locked: when it was made, and the webhooks it matched then."""

    created_at: datetime
    matched_endpoints: list[str]


@frozen
class Redelivery:
    """What became of one endpoint. `delivery_id` None: nothing was sent, it is gone or switched off."""

    endpoint: str
    known: bool
    enabled: bool
    delivery_id: str | None


async def page(
    executor: Executor,
    account_id: str,
    wanted: EventFilter,
    *,
    oldest: datetime,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Event]:
    """Events newer than `oldest`, newest first, after the position `before` (its `created_at` and id)."""
    before_at, before_id = before or (None, "")
    return await executor.fetch_all(
        _SQL["page"],
        {
            "account_id": account_id,
            "types": None if wanted.types is None else list(wanted.types),
            "agent_email": wanted.agent_email,
            "conversation_id": wanted.conversation_id,
            "message_id": wanted.message_id,
            "since": wanted.since,
            "until": wanted.until,
            "oldest": oldest,
            "before_at": before_at,
            "before_id": before_id,
            "limit": limit,
        },
        row=Event,
        # Which index serves depends on which filters are there: a plan made for all of them serves none.
        prepare=False,
    )


async def find(executor: Executor, account_id: str, event_id: str) -> Event | None:
    """One event of the account."""
    return await executor.fetch_one(_SQL["find"], {"account_id": account_id, "id": event_id}, row=Event)


async def outlived(executor: Executor, account_id: str, event_id: str) -> bool:
    """Was there such an event? Its deliveries are kept longer than itself."""
    return bool(await executor.fetch_value(_SQL["outlived"], {"account_id": account_id, "id": event_id}))


async def lock(executor: Executor, account_id: str, event_id: str) -> Held | None:
    """Hold an event until the transaction ends."""
    return await executor.fetch_one(_SQL["lock"], {"account_id": account_id, "id": event_id}, row=Held)


async def redeliver(
    executor: Executor,
    account_id: str,
    event_id: str,
    *,
    endpoint: str | None,
    replay_id: str,
    window_seconds: float,
) -> list[Redelivery]:
    """Add a delivery for each endpoint the event was meant for, or for one of them, and wake the workers.

    An endpoint that has a delivery with this `replay_id`, or any replay younger than
    `window_seconds`, keeps that one. Exact only after `lock` in the same transaction.
    """
    return await executor.fetch_all(
        _SQL["redeliver"],
        {
            "account_id": account_id,
            "id": event_id,
            "endpoint": endpoint,
            "replay_id": replay_id,
            "window_seconds": float(window_seconds),
        },
        row=Redelivery,
    )
