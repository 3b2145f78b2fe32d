"""Operations: the numbers on the page are those that were put in, of nobody else, cut at the hours and days of UTC."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2ad.dashboard.pages.operations import Meter, jobs_of, process_of
from e2ad.dashboard.panels import slots_of
from e2ad.gateway import operations
from e2ad.gateway.mint import new_id
from e2ad.gateway.operations import Now, Span, flow, now, span_of
from e2ad.storage import operations as storage
from e2ad.storage import processes
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.metrics import count_hours
from e2ad.storage.operations import Waiting
from e2ad.storage.pool import Database
from e2ad.storage.processes import Living
from e2ad.storage.sql import load
from tests import factories
from tests.api.conftest import make_agent
from tests.dashboard.conftest import AGENT, Browser, seen
from tests.factories import insert

OTHER = "second@agents.localhost"
STRANGERS = "other@agents.localhost"
AT = datetime(2026, 7, 15, 10, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAGE = "/dashboard/operations"


def db(browser: Browser) -> Database:
    found: Database = browser.client.services.db
    return found


async def came(browser: Browser, at: datetime, dmarc: str = "pass", agent: str = AGENT) -> str:
    evidence = Jsonb({"dmarc": {"status": dmarc}})
    return await factories.message(db(browser), browser.account_id, agent, created_at=at, authentication=evidence)


async def went(browser: Browser, at: datetime, *codes: str, agent: str = AGENT, seconds: float = 2) -> str:
    """A mail out with its ledger; `seconds` after its acceptance the next server had it."""
    database, account_id = db(browser), browser.account_id
    message_id = await factories.message(
        database, account_id, agent, direction="outbound", message_type="send", created_at=at, to=("ann@far.test",)
    )
    for code in ("acceptance.outbound_api", *codes):
        row = {"account_id": account_id, "id": new_id("mlt_"), "message_id": message_id, "reason_code": code}
        await insert(database, "lifecycle", row | {"occurred_at": at})
    token = new_id("")
    row = {"account_id": account_id, "message_id": message_id, "agent_email": agent, "status": "sent"}
    row |= {"sent_as": "own_address", "signing_domain": "x.test", "return_path": "x", "return_token": token}
    await insert(database, "submissions", row | {"accepted_at": at, "submitted_at": at + timedelta(seconds=seconds)})
    await told(browser, "email.sent", at, message_id, agent)
    return message_id


async def told(browser: Browser, kind: str, at: datetime, message_id: str | None, agent: str = AGENT) -> str:
    event_id = new_id("evt_")
    row = {"account_id": browser.account_id, "id": event_id, "type": kind, "agent_email": agent, "envelope": "{}"}
    await insert(db(browser), "events", row | {"message_id": message_id, "created_at": at})
    return event_id


async def webhook(browser: Browser, webhook_id: str = "wh_1", **columns: Any) -> str:
    row = {"account_id": browser.account_id, "id": webhook_id, "url": "https://hook.test/in"}
    await insert(db(browser), "webhooks", row | {"events": ["email.received"], "sealed_secret": b""} | columns)
    return webhook_id


async def pushed(
    browser: Browser, endpoint: str, at: datetime, status: str = "delivered", *, waited: float = 1, took: int = 50,
    agent: str = AGENT, **columns: Any,
) -> None:  # fmt: skip
    row = {"account_id": browser.account_id, "id": new_id("whd_"), "endpoint": endpoint, "kind": "webhook"}
    row |= {"event_type": "email.received", "status": status, "attempts": 1, "created_at": at}
    row |= {"event_id": await told(browser, "email.received", at, None, agent)}
    row |= {"last_attempt_at": at + timedelta(seconds=waited), **columns}
    await insert(db(browser), "deliveries", row)
    attempt = {"account_id": browser.account_id, "delivery_id": row["id"], "number": 1, "took": took}
    await insert(db(browser), "delivery_attempts", attempt | {"at": row["last_attempt_at"]})


def numbers(page: str, panel: str) -> dict[str, list[str]]:
    """The rows of a table of numbers, by the name of their slot."""
    found = re.search(rf'<tbody id="rows-{panel}">(.*?)</tbody>', page, re.DOTALL)
    assert found, panel
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', found[1])
    return {name: re.findall(r"<td>(.*?)</td>", cells) for name, cells in rows}


@pytest.mark.parametrize("counted", [False, True], ids=["from messages", "counted before"])
@pytest.mark.parametrize("span", ["24h", "7d", "30d"])
async def test_mail_is_where_its_hour_or_day_is(browser: Browser, span: str, counted: bool) -> None:
    wanted = span_of(span, AT)
    width = HOUR if span == "24h" else 24 * HOUR
    for number, start in enumerate(wanted.starts[:4]):
        for _ in range(number + 1):
            await came(browser, start)
        await came(browser, start + width - timedelta(microseconds=1), "fail")
        await went(browser, start + width / 2, "submission.upstream_accepted")
    await came(browser, wanted.starts[0] - timedelta(microseconds=1))
    await came(browser, AT)
    while counted and await count_hours(db(browser)):
        pass
    found = await flow(db(browser), browser.account_id, None, wanted)
    verdicts = [
        (one.messages("authentication.dmarc_pass"), one.messages("authentication.dmarc_fail")) for one in found.funnels
    ]
    assert verdicts[:5] == [(1, 1), (2, 1), (3, 1), (4, 1), (0, 0)]
    assert [one.messages("=submitted") for one in found.funnels][:5] == [1, 1, 1, 1, 0]
    assert sum(one.messages("=messages", direction="inbound") for one in found.funnels) == 14


@pytest.mark.parametrize(
    ("name", "first", "last", "slots"),
    [
        ("24h", "2026-07-14T11:00", "2026-07-15T10:00", 24),
        ("7d", "2026-07-09T00:00", "2026-07-15T00:00", 7),
        ("30d", "2026-06-16T00:00", "2026-07-15T00:00", 30),
        ("nonsense", "2026-07-14T11:00", "2026-07-15T10:00", 24),
        ("", "2026-07-14T11:00", "2026-07-15T10:00", 24),
    ],
)
def test_spans_begin_at_whole_hours_and_days_of_utc(name: str, first: str, last: str, slots: int) -> None:
    far = AT.astimezone(datetime.strptime("+0545", "%z").tzinfo)
    for at in (AT, far):
        span = span_of(name, at)
        assert (span.starts[0].isoformat()[:16], span.starts[-1].isoformat()[:16]) == (first, last)
        assert len(span.starts) == slots
        assert len({one.name for one in slots_of(span)}) == slots


async def test_the_page_says_the_numbers(browser: Browser, stranger: Browser) -> None:
    at = datetime.now(UTC)
    await make_agent(db(browser), browser.account_id, OTHER)
    await came(browser, at)
    await came(browser, at, "fail", OTHER)
    await went(browser, at, "submission.upstream_accepted", "delivery.permanent_bounce")
    for _ in range(7):
        await came(stranger, at, agent=STRANGERS)
        await went(stranger, at, agent=STRANGERS)
    answer = await browser.get(PAGE)
    assert answer.status == 200
    assert next(iter(numbers(answer.text, "mail").values())) == ["2", "1"]
    assert next(iter(numbers(answer.text, "verdicts").values())) == ["1", "1", "0", "0", "0"]
    assert next(iter(numbers(answer.text, "outcomes").values())) == ["1", "0", "0", "0", "1", "0", "0", "0", "0"]
    assert "1 bounced" in seen(answer).text
    narrowed = await browser.get(f"{PAGE}?agent={OTHER.upper()}&span=7d")
    assert next(iter(numbers(narrowed.text, "mail").values())) == ["1", "0"]
    assert len(numbers(narrowed.text, "mail")) == 7
    assert "This page follows along" in narrowed.text
    assert STRANGERS not in answer.text


async def test_anothers_agent_is_not_found(browser: Browser, stranger: Browser) -> None:
    await came(stranger, datetime.now(UTC), agent=STRANGERS)
    for agent in (STRANGERS, "nobody@agents.localhost", "%00", "'; drop"):
        answer = await browser.get(f"{PAGE}?agent={agent}")
        assert answer.status == 404, agent
    assert (await browser.get(f"{PAGE}?span=%3Cscript%3E")).status == 200
    trashed = "update agents set deleted_at = now() where email = %(email)s"
    await db(browser).execute(trashed, {"email": AGENT})
    assert (await browser.get(f"{PAGE}?agent={AGENT}")).status == 404


async def test_pushes_and_what_they_took(browser: Browser, stranger: Browser) -> None:
    span = span_of("24h", AT)
    first, second = span.starts[0], span.starts[1]
    await make_agent(db(browser), browser.account_id, OTHER)
    hook = await webhook(browser)
    for number in range(20):
        await pushed(browser, hook, first + number * timedelta(minutes=2), waited=number + 1, took=10 * (number + 1))
    await pushed(browser, hook, second, "failed")
    await pushed(browser, hook, second + HOUR - timedelta(microseconds=1), "pending")
    await pushed(browser, hook, second, agent=OTHER)
    await pushed(browser, hook, first - timedelta(microseconds=1))
    await webhook(stranger, "wh_9")
    await pushed(stranger, "wh_9", first, agent=STRANGERS, waited=1000)
    found = await flow(db(browser), browser.account_id, None, span)
    assert [(one.delivered, one.failed, one.pending) for one in found.pushes][:3] == [(20, 0, 0), (1, 1, 1), (0, 0, 0)]
    assert found.delays[0].waited == [10.0, 19.0]
    assert found.delays[0].answered == pytest.approx([0.1, 0.19])
    assert found.delays[2].waited is None
    alone = await flow(db(browser), browser.account_id, AGENT, span)
    assert [(one.delivered, one.failed, one.pending) for one in alone.pushes][:3] == [(20, 0, 0), (0, 1, 1), (0, 0, 0)]
    other = await flow(db(browser), browser.account_id, OTHER, span)
    assert [(one.delivered, one.failed) for one in other.pushes][:2] == [(0, 0), (1, 0)]


async def test_how_long_mail_took_to_leave(browser: Browser, stranger: Browser) -> None:
    span = span_of("24h", AT)
    await make_agent(db(browser), browser.account_id, OTHER)
    for number in range(1, 21):
        await went(browser, span.starts[3], seconds=number)
    await went(browser, span.starts[5], agent=OTHER, seconds=7)
    await went(stranger, span.starts[3], agent=STRANGERS, seconds=5000)
    await db(browser).execute(
        "update submissions set scheduled_at = accepted_at + interval '5 s' where agent_email = %(a)s", {"a": OTHER}
    )
    found = (await flow(db(browser), browser.account_id, None, span)).sendings
    assert (found[3], found[4], found[5]) == ([10.0, 19.0], None, [2.0, 2.0])
    found = (await flow(db(browser), browser.account_id, OTHER, span)).sendings
    assert (found[3], found[5]) == (None, [2.0, 2.0])


async def test_queues_of_nobody_else(browser: Browser, stranger: Browser) -> None:
    at = datetime.now(UTC)
    for who, agent, many in ((browser, AGENT, 2), (stranger, STRANGERS, 5)):
        for _ in range(many):
            await factories.submission(
                db(who), who.account_id, agent, relay=("a@far.test",), accepted_at=at - timedelta(seconds=90)
            )
            await pushed(who, "wh_x", at - HOUR, "pending", agent=agent, next_attempt_at=at - HOUR)
        later = {"next_attempt_at": at + HOUR, "scheduled_at": at + HOUR}
        await factories.submission(db(who), who.account_id, agent, relay=("b@far.test",), **later)
        held = {"review_status": "pending_review", "review_expires_at": at + HOUR}
        await factories.message(db(who), who.account_id, agent, created_at=at - HOUR, **held)
    here = await now(db(browser), browser.account_id, None, span_of("24h", at))
    assert (here.queues["outbound"].waiting, here.queues["outbound"].later) == (2, 1)
    assert here.queues["outbound"].oldest_seconds == pytest.approx(90, abs=5)
    assert (here.queues["deliveries"].waiting, here.queues["holds"].waiting) == (2, 1)
    text = seen(await browser.get(PAGE)).text
    assert re.search(r"2 waiting, oldest 1 min 3\d s, 1 later", text)
    assert "No process with the role worker" in text
    await storage.look(db(browser))
    await storage.look(db(browser))
    span = span_of("24h", at)
    found = (await flow(db(browser), browser.account_id, None, span)).depths
    assert {queue: most[-1] for queue, most in found.items()} == {"outbound": 2, "deliveries": 2}
    await db(browser).execute("delete from submissions where account_id = %(a)s", {"a": browser.account_id})
    await storage.look(db(browser))
    found = (await flow(db(browser), browser.account_id, None, span)).depths
    assert found["outbound"][-1] == 2
    assert sum(found["outbound"]) == 2
    assert await storage.forget(db(browser), 31) == 0
    assert await storage.forget(db(browser), -1) == 4


async def test_failures_have_their_links(browser: Browser, stranger: Browser) -> None:
    at = datetime.now(UTC)
    await make_agent(db(browser), browser.account_id, OTHER)
    lost = await went(browser, at)
    await told(browser, "email.bounced", at, lost)
    theirs = await went(stranger, at, agent=STRANGERS)
    await told(stranger, "email.failed", at, theirs, STRANGERS)
    hook = await webhook(browser, "wh_bad", enabled=False, auto_disabled_reason="it failed <b>often</b>")
    for _ in range(3):
        await pushed(browser, hook, at, "failed", last_status_code=503, last_error="<i>503</i>")
    await webhook(browser, "wh_good")
    await pushed(browser, "wh_good", at)
    answer = await browser.get(PAGE)
    links = [one for one in seen(answer).all("a", "href") if "/webhooks/" in one or "/messages/" in one]
    assert links == [f"/dashboard/inbox/{AGENT}/messages/{lost}", "/dashboard/webhooks/wh_bad"]
    assert "<i>" not in answer.text
    assert "Switched off" in answer.text
    narrowed = seen(await browser.get(f"{PAGE}?agent={OTHER}")).all("a", "href")
    assert not [one for one in narrowed if "/messages/" in one]
    assert f"/messages/{theirs}" in (await stranger.get(f"{PAGE}?agent={STRANGERS}&span=30d")).text
    assert "No mail failed in the last 7 days" not in seen(await browser.get(f"{PAGE}?span=7d")).text


async def test_limits_and_what_is_used_of_them(browser: Browser) -> None:
    await db(browser).execute(
        "update accounts set max_agents = 5, max_messages_day = 10, max_storage_bytes = 2000000000000"
        " where id = %(id)s", {"id": browser.account_id},
    )  # fmt: skip
    await db(browser).execute(
        "update account_usage set messages_day = 9, day = (now() at time zone 'utc')::date, storage_bytes = 5000"
        " where account_id = %(id)s", {"id": browser.account_id},
    )  # fmt: skip
    await browser.client.services.limits.take(f"poll:{browser.account_id}", 240, 60)
    answer = await browser.get(PAGE)
    text = seen(answer).text
    for words in ("1 of 5", "9 of 10", "5.0 kB of 2 TB", "0 of 50", "Begins again at"):
        assert words in text, words
    meters = [one for tag, one in seen(answer).elements if tag == "meter"]
    assert {one["max"] for one in meters} >= {"5", "10", "2000000000000"}
    assert all(float(str(one["value"])) <= float(str(one["max"])) for one in meters)
    assert next(one["class"] for one in meters if one["max"] == "10") == "warn"


@pytest.mark.parametrize(
    ("used", "most", "level"), [(0, 0, "none"), (0, 10, "good"), (8, 10, "warn"), (10, 10, "bad"), (11, 10, "bad")]
)
def test_a_limit_says_how_near_it_is(used: int, most: int, level: str) -> None:
    assert Meter("x", "X", used, most, "", "").level == level


@pytest.mark.parametrize(
    ("waiting", "level", "words"),
    [
        (Waiting("outbound", 0, 0, 0, None), "good", "Nothing waits"),
        (Waiting("outbound", 12, 0, 0, 3.0), "good", "12 waiting, oldest 3 s"),
        (Waiting("outbound", 1, 2, 3, 61.0), "warn", "1 waiting, oldest 1 min 1 s, 2 in work, 3 later"),
        (Waiting("outbound", 1, 0, 0, 600.0), "bad", "1 waiting, oldest 10 min"),
        (Waiting("outbound", 10_000, 0, 0, 1.0), "good", "at least 10,000 waiting, oldest 1 s"),
    ],
)
def test_jobs_in_words(waiting: Waiting, level: str, words: str) -> None:
    here = Now({"outbound": waiting}, None, (), (), ())
    (job,) = [one for one in jobs_of(here) if one.name == "Sending mail"]
    assert (job.level, job.state) == (level, words)


def living(silent: float = 1.0, *tasks: dict[str, Any]) -> Living:
    return Living("prc_1", "mail-1", 4711, "1.0", ["http", "worker"], list(tasks), AT, silent)


@pytest.mark.parametrize(
    ("one", "level", "words"),
    [
        (living(), "good", "Running"),
        (living(50), "bad", "Has said nothing for 50 s"),
        (living(1, {"name": "relay", "restarts": 0, "running": False}), "bad", "Starts again: relay"),
        (
            living(1, {"name": "relay", "restarts": 2, "running": True}),
            "warn",
            "Running; relay was started again 2 times",
        ),
    ],
)
def test_processes_in_words(one: Living, level: str, words: str) -> None:
    shown = process_of(one)
    assert (shown.level, shown.state, shown.name, shown.roles) == (level, words, "mail-1, 4711", "http, worker")


async def test_processes_are_on_the_page(browser: Browser) -> None:
    assert "No process has said that it runs" in (await browser.get(PAGE)).text
    told = {
        "host": "<b>mail-1</b>",
        "pid": 4711,
        "version": "1.0",
        "roles": ["worker"],
        "tasks": [],
        "lived_seconds": 0,
        "forget_seconds": 60,
    }
    await processes.beat(db(browser), "prc_1", **told)
    answer = await browser.get(PAGE)
    assert "<b>" not in answer.text
    assert "No process with the role worker" not in answer.text
    await db(browser).execute("update processes set seen_at = now() - interval '50 s'")
    text = seen(await browser.get(PAGE)).text
    assert "Has said nothing for 50 s" in text
    assert "No process with the role worker" in text


async def test_what_is_drawn_again_is_there_under_its_name(browser: Browser) -> None:
    page = seen(await browser.get(PAGE))
    ids = page.all("section", "id") + page.all("ul", "id") + page.all("div", "id") + page.all("tbody", "id")
    (drawn,) = page.all("div", "hx-select-oob")
    assert {one.removeprefix("#") for one in drawn.split(",")} <= set(ids)
    assert len(page.all("svg", "role")) >= 6
    everything = [one["id"] for _, one in page.elements if one.get("id")]
    assert len(everything) == len(set(everything))


async def test_nothing_is_read_in_full(browser: Browser) -> None:
    """Each list is read along the index that fits it, also of an account that has much."""
    await webhook(browser)
    names = {"account": browser.account_id, "agent": AGENT}
    await db(browser).execute(
        "insert into events (account_id, id, type, agent_email, envelope, created_at)"
        " select %(account)s, 'evt_' || n, 'email.received', %(agent)s, '{}', now() - n * interval '1 minute'"
        " from generate_series(1, 20000) n", names,
    )  # fmt: skip
    await db(browser).execute(
        "insert into deliveries (account_id, id, endpoint, kind, event_id, event_type, status, created_at)"
        " select account_id, 'whd_' || id, 'wh_1', 'webhook', id, type, 'delivered', created_at from events", names,
    )  # fmt: skip
    await db(browser).execute("analyze", prepare=False)
    span = span_of("24h", datetime.now(UTC))
    common = {"account_id": browser.account_id, "agent_email": None, "most": 1000, "limit": 10, "sample": 40}
    common |= {"few": 1000, "endpoints": 100, **span.range.names}
    for name, index in (
        ("pushes", "deliveries_by_endpoint"),
        ("delays", "deliveries_once"),
        ("failed_mail", "events_rare_types"),
        ("sendings", "events_rare_types"),
        ("waiting", "deliveries_due"),
    ):
        rows = await db(browser).fetch_all(f"explain {load('operations')[name]}", common, prepare=False)
        plan = "\n".join(str(line) for row in rows for line in row.values())
        assert index in plan, (name, plan)
        assert "Seq Scan on events" not in plan, (name, plan)
        assert "Seq Scan on deliveries" not in plan, (name, plan)


def test_a_span_is_what_statements_get() -> None:
    span = Span("x", "hour", [AT, AT + HOUR], AT + HOUR * 1.5)
    assert span.range.names == {
        "start": AT, "end": AT + HOUR * 1.5, "starts": [AT, AT + HOUR], "ends": [AT + HOUR, AT + HOUR * 1.5],
    }  # fmt: skip
    assert operations.SPANS == ("24h", "7d", "30d")
