"""Counts over a window of messages, made of the ledger and of the messages themselves.

To count a hundred thousand messages takes seconds, so hours that are over are counted once, by a sweep, and kept
(`metrics_hours`, for single agents also `metrics_days`); a read sums those up and counts only the rest: the edges of
its window, the last `MARGIN_MINUTES` to the full hour and what is stale. It writes nothing. What it says is always
what a count of everything would say, mail that was purged not included:

- An hour is counted `MARGIN_MINUTES` after its end at the earliest. Its messages are all there then: their times are
  those of our processes, taken shortly before they are stored.
- Whoever appends to the ledger of a message, or purges it, writes a mark into `metrics_stale` in the same transaction,
  unless the hour of the message ended less than `FRESH_MINUTES` ago (or is not over): then the hour is not counted yet,
  and is not until the transaction is over, if that takes less than the difference. Marks have no key: nobody
  waits for anybody.
- Hours with marks are stale and read from the messages. To count one anew is a transaction of three steps: lock the
  account against others who count, delete the marks that are there, count. A fact whose mark was deleted was
  committed before the second step began, so the third sees it. The mark of one that was committed later is not
  deleted: the hour stays stale, whichever of the two commits last.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from attrs import frozen

from e2ad.storage.adaptation import instants, integers, texts
from e2ad.storage.pool import Database, Executor
from e2ad.storage.sql import load

__all__ = ["FRESH_MINUTES", "MARGIN_MINUTES", "Endpoint", "Fact", "Window", "count_hours", "endpoints", "facts"]

_SQL = load("metrics")

FRESH_MINUTES: Final = 5
"""As the statements that write marks have it: append (ledger), accept (sending) and those that purge."""
MARGIN_MINUTES: Final = 20
PIECE: Final = 2000
"""Messages that are counted in one transaction, or all of one hour."""
HOURS: Final = 100
"""Stale hours, and accounts that are behind, in one batch."""


@frozen
class Window:
    """Messages that were created in [start, end)."""

    start: datetime
    end: datetime


@frozen
class Fact:
    """How many messages have a reason code, and how often.

    `agent_email` is None in the counts of all, `at` but in those of a day or an hour, of which it is the start; a code
    with = in front is not of the ledger.
    """

    agent_email: str | None
    at: datetime | None
    direction: str
    code: str
    messages: int
    observations: int


@frozen
class Endpoint:
    """A webhook, and what became of its deliveries."""

    id: str
    url: str
    enabled: bool
    auto_disabled_at: datetime | None
    auto_disabled_reason: str
    deliveries: int
    delivered: int
    pending: int
    rejected: int
    unanswered: int
    last_status_code: int | None


async def facts(
    executor: Executor,
    account_id: str,
    window: Window,
    *,
    agent_email: str | None = None,
    by_day: bool = False,
    agents: int = 0,
    by_hour: bool = False,
    unit: Literal["day", "hour"] = "day",
) -> list[Fact]:
    """The facts of an account, or of one live agent.

    Args:
        by_day: those of each day besides, or of what `unit` says.
        agents: those of as many agents besides, of the busiest.
        by_hour: only those of each hour and agent, counted from the messages.
    """
    return await executor.fetch_all(
        _SQL["facts"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "start": window.start,
            "end": window.end,
            "by_day": by_day,
            "by_agent": agents > 0,
            "agents": agents,
            "by_hour": by_hour,
            "unit": unit,
        },
        row=Fact,
        # Planned for each window: only that says whether much is read or little.
        prepare=False,
    )


async def endpoints(executor: Executor, account_id: str, window: Window) -> Sequence[Endpoint]:
    """All webhooks of an account, the busiest first."""
    return await executor.fetch_all(
        _SQL["webhooks"],
        {"account_id": account_id, "start": window.start, "end": window.end},
        row=Endpoint,
        prepare=False,
    )


async def count_hours(database: Database, margin_minutes: int = MARGIN_MINUTES) -> bool:
    """Count some of the hours that are to be counted; whether there are more.

    Hours that get stale while this runs are left to the next time, so that it comes to an end.

    Cancellation: the transaction in hand is undone; what was counted before stays.
    """
    await database.execute(_SQL["begin"])
    margin = {"margin_minutes": margin_minutes, "limit": HOURS}
    stale = await database.fetch_all(_SQL["stale"], {"limit": HOURS})
    behind = await database.fetch_all(_SQL["behind"], margin)
    for row in stale:
        await _count_anew(database, row["account_id"], row["hour"])
    for row in behind:
        await _count_on(database, row["account_id"], margin_minutes)
    return bool(behind) or len(stale) == HOURS


async def _count_anew(database: Database, account_id: str, hour: datetime) -> None:
    async with database.transaction() as transaction:
        counted_until = await transaction.fetch_value(_SQL["lock"], {"account_id": account_id})
        if counted_until is not None:
            await _count(transaction, account_id, Window(hour, hour + timedelta(hours=1)), counted_until)


async def _count_on(database: Database, account_id: str, margin_minutes: int) -> None:
    async with database.transaction() as transaction:
        after = await transaction.fetch_value(_SQL["lock"], {"account_id": account_id})
        if after is None:
            return
        names = {"account_id": account_id, "after": after, "margin_minutes": margin_minutes, "messages": PIECE}
        last = await transaction.fetch_value(_SQL["piece"], names)
        if after < last:
            await _count(transaction, account_id, Window(after, last), last)


async def _count(transaction: Executor, account_id: str, hours: Window, counted_until: datetime) -> None:
    names = {"account_id": account_id, "first": hours.start, "last": hours.end}
    await transaction.execute(_SQL["forget"], names)
    rows = [fact for fact in await facts(transaction, account_id, hours, by_hour=True) if fact.at is not None]
    if rows:
        await transaction.execute(
            _SQL["write"],
            {
                "account_id": account_id,
                "agent_emails": texts(fact.agent_email for fact in rows),
                "hours": instants(fact.at for fact in rows),
                "directions": texts(fact.direction for fact in rows),
                "codes": texts(fact.code for fact in rows),
                "messages": integers(fact.messages for fact in rows),
                "observations": integers(fact.observations for fact in rows),
            },
        )
    await transaction.execute(_SQL["sum_days"], {**names, "counted_until": counted_until})
