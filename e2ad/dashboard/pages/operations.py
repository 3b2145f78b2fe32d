"""Operations: how mail flows, what waits, what failed, which processes are at work, and how near the limits are."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from attrs import frozen

from e2ad.core.address import fold_address
from e2ad.core.events import rfc3339
from e2ad.dashboard.charts import count, duration
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.page import View, page, show
from e2ad.dashboard.pages.inbox import message_path
from e2ad.dashboard.panels import Panel, panels
from e2ad.dashboard.words import size
from e2ad.gateway import operations
from e2ad.gateway.limits import address_subject
from e2ad.gateway.mint import now
from e2ad.gateway.operations import SILENT_SECONDS, SPANS, Now
from e2ad.storage import operations as storage
from e2ad.storage.operations import Waiting
from e2ad.storage.processes import Living

__all__ = ["PAGES", "Job", "Meter", "Process", "jobs_of", "process_of"]

MOST_AGENTS: Final = 500
LATE_SECONDS: Final = 60.0
STUCK_SECONDS: Final = 600.0
COUNTED_SECONDS: Final = 3 * 3600.0
"""An hour is counted some time after its end; after this long nobody counts."""
Level = Literal["good", "warn", "bad", "none"]

_JOBS: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("outbound", "Sending mail", "Takes accepted mail to the next server, or to an inbox here.", ""),
    ("deliveries", "Pushing to webhooks", "Tells webhooks and agents' own URLs what happened.", "/webhooks"),
    ("screening", "Screening", "Asks the model about mail that waits for its word.", ""),
    ("holds", "Reviews", "Mail that waits for a person; holds that run out end by themselves.", "/reviews"),
    ("search", "Search index", "Makes new mail searchable.", ""),
    ("notices", "Notices", "Sends you the mail of this deployment itself, such as requests to review.", ""),
    ("domains", "Domain checks", "Looks from time to time whether the records of your domains are there.", "/domains"),
)


@frozen
class Job:
    """Recurring work, and how far it is."""

    name: str
    does: str
    level: Level
    state: str
    path: str = ""


@frozen
class Process:
    """A process of the deployment."""

    name: str
    roles: str
    version: str
    since: str
    level: Level
    state: str


@frozen
class Meter:
    """A limit, and how much of it is used. `most` 0: there is none."""

    id: str
    name: str
    used: int
    most: int
    said: str
    then: str
    resets_at: str = ""

    @property
    def level(self) -> Level:
        """How near it is."""
        if not self.most:
            return "none"
        part = self.used / self.most
        return "bad" if part >= 1 else "warn" if part >= 0.8 else "good"


@page("GET", "/operations")
async def show_operations(desk: Desk) -> View:
    """Charts of a span, of one agent or of all; then queues, processes and limits, which are of the whole account."""
    db, account_id, at = desk.services.db, desk.account_id, now()
    agent = fold_address(desk.asked("agent")) if desk.asked("agent") else None
    span = operations.span_of(desk.asked("span"), at)
    flow = await operations.flow(db, account_id, agent, span)
    here = await operations.now(db, account_id, agent, span)
    drawn = panels(flow, span, agent)
    agents = await storage.agents(db, account_id, limit=MOST_AGENTS)
    listed = agents if agent is None or agent in agents else [agent, *agents]
    live = ["tiles", "failures", "jobs", "processes", "limits", "links"]
    live += [f"{kind}-{one.id}" for one in drawn for kind in ("chart", "rows")]
    return show(
        "operations.html",
        span=span,
        spans=SPANS,
        agent=agent or "",
        agents=listed,
        panels=drawn,
        tiles=_tiles(drawn, here),
        failed=here.failed,
        endpoints=here.endpoints,
        message_path=message_path,
        jobs=jobs_of(here),
        worked=any("worker" in one.roles and one.silent_seconds < SILENT_SECONDS for one in here.processes),
        processes=[process_of(one) for one in here.processes],
        meters=await _meters(desk, agent, agents, at),
        redrawn=",".join(f"#{one}" for one in live),
        duration=duration,
    )


def jobs_of(here: Now) -> list[Job]:
    """What the workers have to do for the account, in words."""
    jobs = []
    for queue, name, does, path in _JOBS:
        waiting = here.queues.get(queue) or Waiting(queue, 0, 0, 0, None)
        jobs.append(Job(name, does, _level(waiting), _state(waiting), path))
    behind, counted = here.behind_seconds, "Counts the mail of whole hours, for the charts."
    if behind is None:
        jobs.append(Job("Counting", counted, "none", "Nothing was counted yet"))
    else:
        late: Level = "good" if behind < COUNTED_SECONDS else "warn"
        jobs.append(Job("Counting", counted, late, f"Counted until {duration(behind)} ago"))
    return jobs


def process_of(one: Living) -> Process:
    """A process, and how it is."""
    again = [task["name"] for task in one.tasks if not task.get("running", True)]
    often = [f"{task['name']} was started again {_times(task['restarts'])}" for task in one.tasks if task["restarts"]]
    level: Level = "good"
    state = "Running"
    if one.silent_seconds >= SILENT_SECONDS:
        level, state = "bad", f"Has said nothing for {duration(one.silent_seconds)}"
    elif again:
        level, state = "bad", f"Starts again: {', '.join(again)}"
    elif often:
        level, state = "warn", "Running; " + ", ".join(often)
    return Process(f"{one.host}, {one.pid}", ", ".join(one.roles), one.version, rfc3339(one.started_at), level, state)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _level(waiting: Waiting) -> Level:
    if waiting.queue == "holds":
        return "warn" if waiting.waiting else "good"
    oldest = waiting.oldest_seconds if waiting.waiting and waiting.oldest_seconds else 0.0
    return "bad" if oldest >= STUCK_SECONDS else "warn" if oldest >= LATE_SECONDS else "good"


def _state(waiting: Waiting) -> str:
    full = waiting.waiting + waiting.working + waiting.later >= storage.MOST_WAITING
    number = f"at least {waiting.waiting:,}" if full else f"{waiting.waiting:,}"
    said = [f"{number} waiting"] if waiting.waiting else []
    if waiting.waiting and waiting.oldest_seconds is not None:
        said.append(f"oldest {duration(max(0.0, waiting.oldest_seconds))}")
    if waiting.working:
        said.append(f"{waiting.working:,} in work")
    if waiting.later:
        said.append(f"{waiting.later:,} later")
    return ", ".join(said) or "Nothing waits"


def _tiles(drawn: Sequence[Panel], here: Now) -> list[tuple[str, str, Level, str]]:
    """What is asked first, and where on the page there is more about it."""
    totals = {one.name: one.total for panel in drawn for one in panel.legend}
    lost = [one for panel in drawn for one in panel.sparks if one.name in ("Bounced", "Failed")]
    waits = here.queues["outbound"].waiting + here.queues["deliveries"].waiting
    fails = [f"{one.total} {one.name.lower()}" for one in lost if one.total != "0"]
    return [
        ("Received", totals["Received"], "none", "chart-mail"),
        ("Sent", totals["Sent"], "none", "chart-mail"),
        ("Did not arrive", " and ".join(fails) or "0", "bad" if fails else "none", "failures"),
        ("Waiting now", count(waits), "warn" if waits else "none", "jobs"),
    ]


async def _meters(desk: Desk, agent: str | None, agents: Sequence[str], at: datetime) -> list[Meter]:
    """Every limit of the account, those that are a matter of the day first."""
    told = await desk.call("getAccount")
    caps, used = told["limits"], told["usage"]
    more = await storage.usage(desk.services.db, desk.account_id)
    config = desk.services.config
    a_day = (config.limits.max_messages_day or 0) if more.max_messages_day is None else more.max_messages_day
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    month = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    refused = "is refused until there is room."
    found = [
        _meter("recipients-month", "Recipients this month", used["messages_month"], caps["max_messages_month"],
               "More mail is refused until the next month (UTC).", month),
        _meter("storage", "Stored mail", used["storage_bytes"], caps["max_storage_bytes"],
               "Mail that comes in is refused, and mail out too, until something is deleted."),
        _meter("agents", "Agents", used["agents"], caps["max_agents"], f"Making another one {refused}"),
        _meter("domains", "Domains", used["domains"], caps["max_domains"], f"Adding another one {refused}"),
        _meter("webhooks", "Webhooks", more.webhooks, more.max_webhooks, f"Adding another one {refused}"),
        _meter("templates", "Templates", more.templates, more.max_templates, f"Adding another one {refused}"),
    ]  # fmt: skip
    if a_day or more.max_messages_day is not None:
        tomorrow = midnight + timedelta(days=1)
        then = "More mail is refused until the next day (UTC)."
        found.insert(0, _meter("recipients-day", "Recipients today", more.messages_day, a_day, then, tomorrow))
    return [*found, *await _rates(desk, agent, agents, at)]


async def _rates(desk: Desk, agent: str | None, agents: Sequence[str], at: datetime) -> list[Meter]:
    """Limits of requests: what was used in the windows of now."""
    limits = desk.services.config.rate_limits
    minute, hour = at.replace(second=0, microsecond=0), at.replace(minute=0, second=0, microsecond=0)
    polls, makes = f"poll:{desk.account_id}", address_subject("create_agent", desk.client_address)
    sends = {f"send:{email}": minute for email in ([agent] if agent else agents)}
    used: Mapping[str, int] = await storage.rates(desk.services.db, {polls: minute, makes: hour} | sends)
    busiest = next(((subject, number) for subject, number in used.items() if subject in sends), ("", 0))
    whose = f" ({busiest[0].partition(':')[2]})" if busiest[0] else ""
    again = "Answered with 429 and the seconds to wait, until the window is over."
    rows = (
        ("reads", "Reading requests in this minute", used.get(polls, 0), limits.poll_per_minute, minute, 60),
        ("sends", f"Mails of the busiest agent in this minute{whose}", busiest[1], limits.send_per_minute, minute, 60),
        (
            "makes",
            "New agents from your address in this hour",
            used.get(makes, 0),
            limits.create_agent_per_hour,
            hour,
            3600,
        ),
    )
    return [
        _meter(one, name, min(number, most), most, again, start + timedelta(seconds=seconds))
        for one, name, number, most, start, seconds in rows
    ]


def _size(octets: int) -> str:
    """Stored mail may be much: beyond the units of single mails."""
    for unit, amount in (("PB", octets / 1e15), ("TB", octets / 1e12)):
        if amount >= 1:
            return f"{amount:,.1f} {unit}".replace(".0 ", " ")
    return size(octets)


def _meter(meter_id: str, name: str, used: int, most: int, then: str, resets_at: datetime | None = None) -> Meter:
    words = _size if meter_id == "storage" else "{:,}".format
    said = f"{words(used)} of {words(most)}" if most or meter_id == "recipients-day" else "no limit"
    return Meter(meter_id, name, used, most, said, then, rfc3339(resets_at) if resets_at and most else "")


PAGES = (show_operations,)
