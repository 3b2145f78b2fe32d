"""How mail flows through an account: what came and went hour by hour, how long it took, what waits, what failed.

Times are cut at whole hours and days of UTC. Messages are counted by the time of their creation, as `metrics` does, and
with its own statement; pushes by the time at which they began; delays are those of some of the newest of each slot.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from attrs import frozen

from e2ad.core.errors import NotFound
from e2ad.gateway.metrics import Funnel
from e2ad.storage import metrics as counts
from e2ad.storage import operations as storage
from e2ad.storage import processes
from e2ad.storage.metrics import Window
from e2ad.storage.operations import Delays, FailedMail, FailingEndpoint, Pushes, Range, Waiting
from e2ad.storage.pool import Executor
from e2ad.storage.processes import Living

__all__ = ["SPANS", "Flow", "Now", "Span", "flow", "now", "span_of"]

SPANS: Final = ("24h", "7d", "30d")
SILENT_SECONDS: Final = 45.0
"""After which a process is not called healthy: it missed three of its beats."""
MOST_FAILURES: Final = 10
MOST_PROCESSES: Final = 100


@frozen
class Span:
    """The time that charts show: slots of whole hours or days of UTC, the last of which is not over."""

    name: str
    unit: Literal["hour", "day"]
    starts: Sequence[datetime]
    end: datetime

    @property
    def range(self) -> Range:
        """The same for statements."""
        return Range(self.starts, self.end)


@frozen
class Flow:
    """What happened in each slot of a span, in the order of the slots."""

    funnels: Sequence[Funnel]
    pushes: Sequence[Pushes]
    delays: Sequence[Delays]
    sendings: Sequence[list[float] | None]
    depths: Mapping[str, Sequence[int]]


@frozen
class Now:
    """What waits, what failed of late, and who is at work."""

    queues: Mapping[str, Waiting]
    behind_seconds: float | None
    failed: Sequence[FailedMail]
    endpoints: Sequence[FailingEndpoint]
    processes: Sequence[Living]


def span_of(name: str, at: datetime) -> Span:
    """The span of this name that ends at `at`; 24 hours for a name that there is not."""
    at = at.astimezone(UTC)
    hour = at.replace(minute=0, second=0, microsecond=0)
    if name not in SPANS[1:]:
        return Span(SPANS[0], "hour", [hour - timedelta(hours=back) for back in range(23, -1, -1)], at)
    days = 7 if name == "7d" else 30
    return Span(name, "day", [hour.replace(hour=0) - timedelta(days=back) for back in range(days - 1, -1, -1)], at)


async def flow(executor: Executor, account_id: str, agent_email: str | None, span: Span) -> Flow:
    """What came, went and was pushed, of one agent or of all.

    Raises:
        NotFound: the account has no such live agent.
    """
    window = Window(span.starts[0], max(span.end, span.starts[-1] + timedelta(microseconds=1)))
    facts = await counts.facts(executor, account_id, window, agent_email=agent_email, by_day=True, unit=span.unit)
    if agent_email is not None and not any(fact.code == "=owned" and fact.messages for fact in facts):
        raise NotFound("You have no agent with this address")
    pushes = {one.slot: one for one in await storage.pushes(executor, account_id, agent_email, span.range)}
    delays = {one.slot: one for one in await storage.delays(executor, account_id, agent_email, span.range)}
    sendings = {one.slot: one.seconds for one in await storage.sendings(executor, account_id, agent_email, span.range)}
    slots = range(1, len(span.starts) + 1)
    depths: dict[str, list[int]] = {}
    for depth in await storage.depths(executor, account_id, span.range):
        depths.setdefault(depth.queue, [0] * len(slots))[depth.slot - 1] = depth.most
    return Flow(
        funnels=[Funnel([fact for fact in facts if fact.at == start]) for start in span.starts],
        pushes=[pushes.get(slot, Pushes(slot, 0, 0, 0)) for slot in slots],
        delays=[delays.get(slot, Delays(slot, None, None)) for slot in slots],
        sendings=[sendings.get(slot) for slot in slots],
        depths=depths,
    )


async def now(executor: Executor, account_id: str, agent_email: str | None, span: Span) -> Now:
    """The queues of the account, its newest failures, and the processes of the deployment."""
    return Now(
        queues=await storage.waiting(executor, account_id),
        behind_seconds=await storage.behind_seconds(executor, account_id),
        failed=await storage.failed_mail(executor, account_id, agent_email, start=span.starts[0], limit=MOST_FAILURES),
        endpoints=await storage.failing_endpoints(executor, account_id, agent_email, limit=MOST_FAILURES),
        processes=await processes.living(executor, limit=MOST_PROCESSES),
    )
