"""What a person reads to see how mail flows: pushes, delays, queues, failures and limits of one account.

Every statement reads at most so much, whatever an account has; what was left out is said. Another account's rows are
never counted. `look` is the other side: how deep the queues of all accounts are, kept by the hour.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Delays",
    "Depth",
    "FailedMail",
    "FailingEndpoint",
    "Pushes",
    "Range",
    "Seconds",
    "Usage",
    "Waiting",
    "agents",
    "behind_seconds",
    "delays",
    "depths",
    "failed_mail",
    "failing_endpoints",
    "forget",
    "look",
    "pushes",
    "rates",
    "sendings",
    "usage",
    "waiting",
]

_SQL = load("operations")

MOST_ENDPOINTS: Final = 100
MOST_PUSHES: Final = 20_000
"""To one endpoint in one slot; there the chart ends."""
MOST_PUSHES_OF_AGENT: Final = 2000
SAMPLE: Final = 40
"""Mails of each slot whose delay is looked at."""
MOST_WAITING: Final = 10_000
MOST_FAILURES: Final = 1000
"""Of each kind, among which those of one agent are looked for."""


@frozen
class Range:
    """Times that follow each other: each slot begins at one of `starts` and ends where the next begins, or at `end`."""

    starts: Sequence[datetime]
    end: datetime

    @property
    def names(self) -> dict[str, object]:
        """The parameters of statements."""
        return {
            "start": self.starts[0],
            "end": self.end,
            "starts": list(self.starts),
            "ends": [*self.starts[1:], self.end],
        }


@frozen
class Pushes:
    """What became of pushes that began in a slot, 1 being the first."""

    slot: int
    delivered: int
    failed: int
    pending: int


@frozen
class Delays:
    """Seconds, as median and 95th percentile of a slot: until mail was pushed, and until its endpoint answered."""

    slot: int
    waited: list[float] | None
    answered: list[float] | None


@frozen
class Seconds:
    """The median and the 95th percentile of a slot."""

    slot: int
    seconds: list[float]


@frozen
class Depth:
    """How many waited in a queue at most."""

    slot: int
    queue: str
    most: int


@frozen
class Waiting:
    """A queue of an account now: what is due, what is being worked on, what has its time later."""

    queue: str
    waiting: int
    working: int
    later: int
    oldest_seconds: float | None


@frozen
class FailedMail:
    """A mail that did not arrive."""

    id: str
    type: str
    agent_email: str
    message_id: str
    created_at: datetime
    subject: str
    to_addresses: list[str]
    detail: str | None


@frozen
class FailingEndpoint:
    """A webhook, or an agent's own URL, some of whose newest deliveries failed, or that was switched off."""

    id: str
    kind: str
    url: str
    enabled: bool
    reason: str
    failed: int
    looked_at: int
    last_status_code: int | None
    last_error: str
    failed_at: datetime | None


@frozen
class Usage:
    """Caps and counts that the account's own page does not tell; `max_messages_day` None is the deployment's."""

    max_messages_day: int | None
    max_webhooks: int
    max_templates: int
    messages_day: int
    webhooks: int
    templates: int


async def agents(executor: Executor, account_id: str, *, limit: int) -> list[str]:
    """The addresses of the account's living agents, newest first."""
    found = await executor.fetch_all(_SQL["agents"], {"account_id": account_id, "limit": limit})
    return [row["email"] for row in found]


async def pushes(executor: Executor, account_id: str, agent_email: str | None, range_: Range) -> list[Pushes]:
    """Pushes by the slot in which they began, up to so many of the newest; slots without any are left out."""
    names = {"account_id": account_id, **range_.names}
    if agent_email is None:
        names |= {"endpoints": MOST_ENDPOINTS, "most": MOST_PUSHES, "few": MOST_WAITING}
        return await executor.fetch_all(_SQL["pushes"], names, row=Pushes, prepare=False)
    names |= {"agent_email": agent_email, "most": MOST_PUSHES_OF_AGENT}
    return await executor.fetch_all(_SQL["pushes_of_agent"], names, row=Pushes, prepare=False)


async def delays(executor: Executor, account_id: str, agent_email: str | None, range_: Range) -> list[Delays]:
    """How long mail waited to be pushed and endpoints took to answer, of some of the newest of each slot."""
    names = {"account_id": account_id, "agent_email": agent_email, "sample": SAMPLE, **range_.names}
    return await executor.fetch_all(_SQL["delays"], names, row=Delays, prepare=False)


async def sendings(executor: Executor, account_id: str, agent_email: str | None, range_: Range) -> list[Seconds]:
    """How long mail took from acceptance, or from the time it was scheduled for, until the next server had it."""
    names = {"account_id": account_id, "agent_email": agent_email, "sample": SAMPLE, **range_.names}
    return await executor.fetch_all(_SQL["sendings"], names, row=Seconds, prepare=False)


async def depths(executor: Executor, account_id: str, range_: Range) -> list[Depth]:
    """How deep the queues were; slots in which nothing waited are left out."""
    return await executor.fetch_all(_SQL["depths"], {"account_id": account_id, **range_.names}, row=Depth)


async def waiting(executor: Executor, account_id: str) -> dict[str, Waiting]:
    """The queues of the account now, by name; no more than `MOST_WAITING` of each are looked at."""
    names = {"account_id": account_id, "most": MOST_WAITING}
    return {one.queue: one for one in await executor.fetch_all(_SQL["waiting"], names, row=Waiting, prepare=False)}


async def behind_seconds(executor: Executor, account_id: str) -> float | None:
    """How old the oldest mail may be that is not in counted hours yet; None where nothing was counted."""
    found: float | None = await executor.fetch_value(_SQL["counted"], {"account_id": account_id})
    return found


async def failed_mail(
    executor: Executor, account_id: str, agent_email: str | None, *, start: datetime, limit: int
) -> list[FailedMail]:
    """The newest mails since `start` that did not arrive."""
    names = {
        "account_id": account_id,
        "agent_email": agent_email,
        "start": start,
        "most": limit if agent_email is None else MOST_FAILURES,
        "limit": limit,
    }
    return await executor.fetch_all(_SQL["failed_mail"], names, row=FailedMail, prepare=False)


async def failing_endpoints(
    executor: Executor, account_id: str, agent_email: str | None, *, limit: int
) -> list[FailingEndpoint]:
    """Those of whose newest deliveries some failed, the worst first."""
    names = {"account_id": account_id, "agent_email": agent_email, "endpoints": MOST_ENDPOINTS, "limit": limit}
    return await executor.fetch_all(_SQL["failing_endpoints"], names, row=FailingEndpoint, prepare=False)


async def usage(executor: Executor, account_id: str) -> Usage:
    """What the account may have and has besides what it tells itself."""
    found = await executor.fetch_one(_SQL["usage"], {"account_id": account_id}, row=Usage)
    assert found is not None
    return found


async def rates(executor: Executor, windows: Mapping[str, datetime]) -> dict[str, int]:
    """How much was used of windows that began then, by subject; the most used first, unused ones left out."""
    names = {"subjects": list(windows), "window_starts": list(windows.values())}
    return {row["subject"]: row["used"] for row in await executor.fetch_all(_SQL["rates"], names)}


async def look(executor: Executor) -> int:
    """Keep how deep the queues of all accounts are, where they are deeper than before in this hour; how many."""
    return await executor.execute(_SQL["look"])


async def forget(executor: Executor, days: int) -> int:
    """Delete what was seen of queues longer ago; how many rows."""
    return await executor.execute(_SQL["forget"], {"days": days})
