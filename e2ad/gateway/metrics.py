"""What became of the messages of a window, as counts and rates (contract: metrics).

All counts are of messages by the time of their creation, whenever the rest happened. A mail that goes to an
agent of this deployment and to somebody outside is outward mail: `loopback` is what never left.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar

from attrs import frozen

from e2ad.core.errors import InvalidRequest, NotFound
from e2ad.core.outbound import REASONS
from e2ad.gateway.mint import now
from e2ad.storage import metrics as storage
from e2ad.storage.metrics import Endpoint, Fact, Window
from e2ad.storage.pool import Executor

__all__ = ["Counter", "Funnel", "account", "agent", "window_of"]

K = TypeVar("K")

MAX_DAYS: Final = 92
DEFAULT_DAYS: Final = 30
MAX_AGENTS: Final = 200
DERIVED: Final = frozenset({"acceptance", "authentication"})
"""Stages that are not written down of mail in: they follow from the message."""


@frozen
class Counter:
    """One reason code."""

    code: str
    messages: int
    observations: int


@frozen
class Funnel:
    """The facts of an account, an agent or a day, summed up."""

    facts: Sequence[Fact]

    def messages(self, *codes: str, direction: str | None = None) -> int:
        """Messages with one of these codes, of which no message has two."""
        return sum(fact.messages for fact in self.facts if fact.code in codes and direction in (None, fact.direction))

    @property
    def derived(self) -> int:
        """Observations that follow from the messages."""
        return sum(
            fact.observations
            for fact in self.facts
            if fact.direction == "inbound" and fact.code.partition(".")[0] in DERIVED
        )

    def counters(self) -> list[Counter]:
        """Every code that was observed, in the order of the codes."""
        codes = sorted({fact.code for fact in self.facts if fact.code in REASONS})
        return [
            Counter(code, self.messages(code), sum(fact.observations for fact in self.facts if fact.code == code))
            for code in codes
        ]


@frozen
class Account:
    """All of an account. `agents` are the busiest, `days` are without a gap; both empty where nobody asked."""

    whole: Funnel
    days: Sequence[tuple[date, Funnel]]
    agents: Sequence[tuple[str, Funnel]]
    more_agents: bool
    endpoints: Sequence[Endpoint]


def window_of(start: datetime | None, end: datetime | None) -> Window:
    """The window that was asked for; without an end until now, without a start of 30 days.

    Raises:
        InvalidRequest: it is empty, or longer than 92 days.
    """
    try:
        end = now() if end is None else end.astimezone(UTC)
        start = end - timedelta(days=DEFAULT_DAYS) if start is None else start.astimezone(UTC)
    except OverflowError as error:
        raise InvalidRequest("start and end must be times between the years 1 and 9999") from error
    if start >= end:
        raise InvalidRequest("start must be before end, which is now where it is left out")
    if end - start > timedelta(days=MAX_DAYS):
        raise InvalidRequest(f"the window may have at most {MAX_DAYS} days: bring start and end closer together")
    return Window(start, end)


async def agent(executor: Executor, account_id: str, email: str, window: Window) -> Funnel:
    """What became of one agent's messages.

    Raises:
        NotFound: the account has no such live agent.
    """
    facts = await storage.facts(executor, account_id, window, agent_email=email)
    if not any(fact.code == "=owned" and fact.messages for fact in facts):
        raise NotFound("agent not found")
    return Funnel(facts)


async def account(executor: Executor, account_id: str, window: Window, *, by_day: bool, by_agent: bool) -> Account:
    """What became of all messages of an account, in two statements."""
    facts = await storage.facts(executor, account_id, window, by_day=by_day, agents=MAX_AGENTS + 1 if by_agent else 0)
    by_date = _grouped((None if fact.at is None else fact.at.date(), fact) for fact in facts)
    by_email = _grouped((fact.agent_email, fact) for fact in facts)
    busiest = sorted(by_email.items(), key=lambda one: (-one[1].messages("=messages"), one[0]))
    return Account(
        whole=Funnel([fact for fact in facts if fact.at is None and fact.agent_email is None]),
        days=[(day, by_date.get(day, Funnel(()))) for day in _days(window)] if by_day else [],
        agents=busiest[:MAX_AGENTS],
        more_agents=len(busiest) > MAX_AGENTS,
        endpoints=await storage.endpoints(executor, account_id, window),
    )


def _grouped(pairs: Iterable[tuple[K | None, Fact]]) -> dict[K, Funnel]:
    found: dict[K, list[Fact]] = {}
    for key, fact in pairs:
        if key is not None:
            found.setdefault(key, []).append(fact)
    return {key: Funnel(facts) for key, facts in found.items()}


def _days(window: Window) -> list[date]:
    first, last = window.start.date(), (window.end - timedelta(microseconds=1)).date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
