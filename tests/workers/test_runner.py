"""The delivery worker on a real database, against real endpoints."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from e2ad.core.delivery import Attempt, Deferred, Delivered, Gone, Outcome, Refused
from e2ad.core.errors import Unavailable
from e2ad.core.sealing import KeyRing
from e2ad.delivery.egress import Egress
from e2ad.delivery.poster import Poster
from e2ad.delivery.webhook import Webhooks
from e2ad.storage.listener import Listener
from e2ad.storage.pool import Database, open_pool
from e2ad.workers import lanes as lanes_module
from e2ad.workers import runner as module
from e2ad.workers.contents import ByteBudget, StoredContents
from e2ad.workers.runner import Runner
from tests.delivery import endpoint as far

ACCOUNT = "a" * 32
AGENT = "bot@agents.example.com"
KEYS = KeyRing(["deployment-secret"])
RAW = b"From: a@b.example\r\n\r\nHello\r\n"
SHA = hashlib.sha256(RAW).digest()


@frozen
class Settings:
    retry_schedule_seconds: tuple[float, ...] = (60.0, 300.0)
    attempt_seconds: float = 5.0
    per_endpoint: int = 4
    concurrency: int = 64
    poll_seconds: float = 30.0


def seal(context: str) -> bytes:
    return KEYS.seal("whsec_" + "a1" * 32, context=context, nonce=b"123456789012")


async def found(database: Database) -> None:
    """One account with one agent."""
    await database.execute("insert into accounts (id, email) values (%(id)s, 'o@example.com')", {"id": ACCOUNT})
    await database.execute(
        "insert into domains (domain, verified, verification_token) values ('agents.example.com', true, 't')"
    )
    await database.execute(
        "insert into agents (email, account_id, domain, registered_domain) "
        "values (%(email)s, %(id)s, 'agents.example.com', 'agents.example.com')",
        {"email": AGENT, "id": ACCOUNT},
    )


async def add_webhook(database: Database, url: str, webhook_id: str = "wh_1", **columns: Any) -> None:
    values = {"account_id": ACCOUNT, "id": webhook_id, "url": url, "events": ["email.received"],
              "sealed_secret": seal(f"webhook_secret:{webhook_id}"), **columns}  # fmt: skip
    names = ", ".join(values)
    places = ", ".join(f"%({name})s" for name in values)
    await database.execute(f"insert into webhooks ({names}) values ({places})", values)


async def add_deliveries(database: Database, count: int = 1, endpoint: str = "wh_1", first: int = 0) -> None:
    """Deliveries of bodies like those of tests, without events behind them."""
    await database.execute(
        "insert into deliveries (account_id, id, endpoint, kind, event_type, body) "
        "select %(account)s, 'whd_' || %(endpoint)s || '_' || n, %(endpoint)s, 'webhook', 'email.received', "
        "'{\"n\":' || n || '}' from generate_series(%(first)s::int, %(last)s::int) n",
        {"account": ACCOUNT, "endpoint": endpoint, "first": first, "last": first + count - 1},
    )


async def add_mail(database: Database, raw: bytes = RAW) -> None:
    sha = hashlib.sha256(raw).digest()
    await database.execute(
        "insert into contents values (%(account)s, %(sha)s, %(raw)s) on conflict do nothing",
        {"account": ACCOUNT, "sha": sha, "raw": raw},
    )
    await database.execute(
        "insert into messages (account_id, id, agent_email, direction, method, delivered_to, header_from, "
        "conversation_id, content_sha256, size_bytes, unread) "
        "values (%(account)s, 'msg_1', %(agent)s, 'inbound', 'smtp', %(agent)s, 'a@b.example', 'conv_1', %(sha)s, "
        "%(size)s, true)",
        {"account": ACCOUNT, "agent": AGENT, "sha": sha, "size": len(raw)},
    )
    await database.execute(
        "insert into events (account_id, id, type, agent_email, message_id, envelope) "
        "values (%(account)s, 'evt_1', 'email.received', %(agent)s, 'msg_1', '{}')",
        {"account": ACCOUNT, "agent": AGENT},
    )
    await database.execute(
        "insert into deliveries (account_id, id, endpoint, kind, event_id, event_type, message_id) "
        "values (%(account)s, 'whd_agent', %(agent)s, 'agent', 'evt_1', 'email.received', 'msg_1')",
        {"account": ACCOUNT, "agent": AGENT},
    )


async def rows(database: Database) -> list[dict[str, Any]]:
    return await database.fetch_all(
        "select *, extract(epoch from next_attempt_at - now())::float8 as due_in from deliveries order by id"
    )


async def row(database: Database) -> dict[str, Any]:
    (only,) = await rows(database)
    return only


async def until(check: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait for a condition of the database; polls, since another process would too."""
    with trio.fail_after(seconds):
        while not await check():
            await trio.sleep(0.01)


async def settled(database: Database) -> bool:
    return await database.fetch_value("select count(*) from deliveries where status = 'pending'") == 0


def make_webhooks(database: Database) -> Webhooks:
    poster = Poster(Egress(far.Settings(), far.StaticResolver({})))
    return Webhooks(poster, KEYS, StoredContents(database, ByteBudget(1 << 26)))


@asynccontextmanager
async def running(
    database: Database, attempter: Any = None, settings: Settings | None = None, jitter: float = 0.0
) -> AsyncIterator[Runner]:
    """A runner at work for the time of the block, closed properly at its end."""
    attempter = attempter or make_webhooks(database)
    runner, closing = Runner(database, attempter, settings or Settings(), lambda: jitter), trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(runner.run, closing)
        try:
            yield runner
        finally:
            closing.set()
    if isinstance(attempter, Webhooks):
        attempter._poster.close()


@define
class Scripted:
    """An attempter without a network: says what it is told, and counts."""

    outcome: Outcome | Exception | None = None
    seen: list[Attempt] = field(factory=list)
    started: trio.Event = field(factory=trio.Event)
    release: trio.Event = field(factory=trio.Event)
    running: int = 0
    most: int = 0

    async def attempt(self, attempt: Attempt) -> Outcome:
        self.seen.append(attempt)
        self.started.set()
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.outcome is None:
                await self.release.wait()
                return Delivered(200)
            await trio.lowlevel.checkpoint()
            if isinstance(self.outcome, Exception):
                raise self.outcome
            return self.outcome
        finally:
            self.running -= 1


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    """With one account and one agent in it."""
    async with open_pool(database_dsn, size=8) as pool:
        await found(pool)
        yield pool


async def test_a_delivery_arrives_and_is_recorded(database: Database, endpoint: Any) -> None:
    await add_webhook(database, endpoint.url())
    await add_deliveries(database)
    async with running(database):
        await until(lambda: settled(database))
    assert endpoint.received[0].body == b'{"n":0}'
    done = await row(database)
    assert (done["status"], done["attempts"], done["last_status_code"], done["last_error"]) == (
        "delivered",
        1,
        200,
        None,
    )
    assert done["response_excerpt"] == "ok"
    assert await database.fetch_value("select last_delivered_at is not null from webhooks")


async def test_an_agents_mail_goes_to_its_own_url(database: Database, endpoint: Any) -> None:
    await database.execute("update agents set agent_mode = 'cloud', webhook_url = %(u)s", {"u": endpoint.url()})
    await add_mail(database)
    async with running(database):
        await until(lambda: settled(database))
    assert b'"raw_message"' in endpoint.received[0].body
    assert (await row(database))["status"] == "delivered"


async def test_large_mail_goes_too(database: Database, endpoint: Any) -> None:
    await database.execute("update agents set agent_mode = 'cloud', webhook_url = %(u)s", {"u": endpoint.url()})
    await add_mail(database, RAW + b"x" * 300_000)
    async with running(database):
        await until(lambda: settled(database))
    assert len(endpoint.received[0].body) > 400_000


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("select 1", "agent is in local mode"),
        (
            "update agents set agent_mode = 'cloud', webhook_url = 'http://127.0.0.1:1/', deleted_at = now()",
            "agent deleted",
        ),
        ("update agents set agent_mode = 'cloud'", "agent has no webhook URL"),
    ],
)
async def test_an_agent_that_wants_none_gets_none(database: Database, statement: str, error: str) -> None:
    await add_mail(database)
    await database.execute(statement)
    async with running(database):
        await until(lambda: settled(database))
    done = await row(database)
    assert (done["status"], done["last_error"]) == ("failed", error)


async def test_attempt_and_lease_are_written_before_the_try(database: Database) -> None:
    await add_webhook(database, "https://x.example/")
    await add_deliveries(database)
    attempter = Scripted()
    async with running(database, attempter):
        await attempter.started.wait()
        during = await row(database)
        assert (during["status"], during["attempts"]) == ("pending", 1)
        assert 5.0 < during["due_in"] <= 15.0, "nobody else may claim it while the attempt can last"
        attempter.release.set()
    assert (await row(database))["status"] == "delivered"


SCHEDULE = [
    (1, Deferred("HTTP 500", 500), "pending", 60.0),
    (2, Deferred("HTTP 500", 500), "pending", 300.0),
    (3, Deferred("HTTP 500", 500), "failed", None),
    (1, Deferred("HTTP 503", 503, 1000.0), "pending", 1000.0),
    (1, Deferred("HTTP 503", 503, 1.0), "pending", 60.0),
    (1, Deferred("connection refused", unreachable=True), "pending", 60.0),
    (1, Refused("webhook deleted"), "failed", None),
    (1, Gone(), "failed", None),
    (1, RuntimeError("boom"), "pending", 60.0),
]  # fmt: skip


@pytest.mark.parametrize(("number", "outcome", "status", "wait"), SCHEDULE)
async def test_the_retry_schedule_is_written(
    database: Database, number: int, outcome: Any, status: str, wait: float | None
) -> None:
    await add_webhook(database, "https://x.example/")
    await add_deliveries(database)
    await database.execute("update deliveries set attempts = %(n)s", {"n": number - 1})
    attempter = Scripted(outcome)
    async with running(database, attempter):
        await attempter.started.wait()
    done = await row(database)
    assert (done["status"], done["attempts"]) == (status, number)
    if wait is not None:
        assert wait - 2 < done["due_in"] <= wait
        assert done["last_error"]
    assert len(attempter.seen) == 1


async def test_jitter_only_shortens(database: Database) -> None:
    await add_webhook(database, "https://x.example/")
    await add_deliveries(database)
    attempter = Scripted(Deferred("HTTP 500", 500))
    async with running(database, attempter, jitter=0.999):
        await attempter.started.wait()
    assert 52.0 < (await row(database))["due_in"] <= 54.1


async def test_retries_come_when_they_are_due(database: Database, endpoint: Any) -> None:
    """By its own timer: nothing kicks, and the poll is half a minute away."""
    endpoint.answers = [far.Answer(status=500), far.Answer(status=302), far.Answer(status=200)]
    await add_webhook(database, endpoint.url())
    await add_deliveries(database)
    async with running(database, settings=Settings(retry_schedule_seconds=(0.2, 0.3))):
        await until(lambda: settled(database), 5.0)
    done = await row(database)
    assert (done["status"], done["attempts"]) == ("delivered", 3)
    waits = [b.at - a.at for a, b in zip(endpoint.received, endpoint.received[1:], strict=False)]
    assert 0.19 < waits[0] < 1.0
    assert 0.29 < waits[1] < 1.0


async def test_each_attempt_is_written_with_what_came_back(database: Database, endpoint: Any) -> None:
    endpoint.answers = [
        far.Answer(status=500, body=b"broken", delay=0.05),
        far.Answer(status=302, delay=0.1),
        far.Answer(status=200),
    ]
    await add_webhook(database, endpoint.url())
    await add_deliveries(database)
    async with running(database, settings=Settings(retry_schedule_seconds=(0.2, 0.3))):
        await until(lambda: settled(database), 5.0)
    tries = await database.fetch_all("select * from delivery_attempts order by number")
    assert [(one["number"], one["status_code"], one["response_excerpt"]) for one in tries] == [
        (1, 500, "broken"),
        (2, 302, "ok"),
        (3, 200, "ok"),
    ]
    assert [one["error"] for one in tries] == ["HTTP 500", "HTTP 302: redirects are not followed", None]
    assert tries[0]["took"] >= 50
    assert tries[1]["took"] >= 100
    waits = [(b["at"] - a["at"]).total_seconds() for a, b in pairwise(tries)]
    assert 0.25 <= waits[0] < 1.5
    assert 0.4 <= waits[1] < 1.5


async def test_a_lost_attempt_comes_again_when_its_lease_ends(database: Database, endpoint: Any) -> None:
    """What a crash between claim and record leaves behind: another process finds it, one attempt further."""
    await add_webhook(database, endpoint.url())
    await add_deliveries(database)
    await database.execute(
        "update deliveries set attempts = 1, last_attempt_at = now(), next_attempt_at = now() + interval '0.3 seconds'"
    )
    async with running(database):
        await until(lambda: settled(database), 5.0)
    assert (await row(database))["attempts"] == 2


async def test_an_endpoint_that_never_answers_is_timed_out(database: Database, endpoint: Any) -> None:
    endpoint.answers = [far.Answer(never=True)]
    await add_webhook(database, endpoint.url())
    await add_deliveries(database)
    async with running(database, settings=Settings(attempt_seconds=0.2)):
        await endpoint.wait_received(1)
    done = await row(database)
    assert (done["status"], done["last_error"], done["last_status_code"]) == ("pending", "no answer within 0.2 s", None)


async def test_410_switches_the_webhook_off(database: Database, endpoint: Any) -> None:
    endpoint.answers = [far.Answer(status=410)]
    await add_webhook(database, endpoint.url())
    await add_deliveries(database)
    async with running(database):
        await until(lambda: settled(database))
    hook = await database.fetch_one("select * from webhooks")
    assert hook is not None
    assert (hook["enabled"], hook["auto_disabled_reason"]) == (False, "the endpoint answered 410 Gone")
    assert hook["auto_disabled_at"] is not None


@pytest.mark.parametrize(("waits", "status"), [(0, "pending"), (23, "pending"), (24, "failed")])
async def test_a_disabled_webhook_puts_off_without_an_attempt(database: Database, waits: int, status: str) -> None:
    await add_webhook(database, "https://x.example/", enabled=False)
    await add_deliveries(database)
    await database.execute("update deliveries set waits = %(n)s", {"n": waits})

    async def handled() -> bool:
        now = await row(database)
        return now["last_error"] is not None

    async with running(database):
        await until(handled)
    done = await row(database)
    assert (done["status"], done["attempts"], done["last_error"]) == (status, 0, "webhook disabled")
    if status == "pending":
        assert done["waits"] == waits + 1
        assert 3590 < done["due_in"] <= 3600


async def test_a_deleted_webhook_fails_its_deliveries(database: Database) -> None:
    await add_deliveries(database)
    async with running(database):
        await until(lambda: settled(database))
    done = await row(database)
    assert (done["status"], done["last_error"]) == ("failed", "webhook deleted")


async def test_a_kick_claims_at_once(database: Database, endpoint: Any) -> None:
    await add_webhook(database, endpoint.url())
    async with running(database) as runner:
        await trio.sleep(0.05)
        await add_deliveries(database)
        await trio.sleep(0.1)
        assert not endpoint.received, "nobody has told it"
        runner.kick()
        await endpoint.wait_received(1, 2.0)


async def test_own_notifications_cost_nothing(database: Database) -> None:
    async with running(database, Scripted()) as runner:
        await trio.sleep(0.1)
        runner.kick(["evt_1"])
        await trio.sleep(0.1)
        before = database.statements
        runner.hear_notification(f"{ACCOUNT}:evt_1")
        await trio.sleep(0.1)
        assert database.statements == before
        runner.hear_notification(f"{ACCOUNT}:evt_1,evt_2")
        await trio.sleep(0.15)
        assert database.statements == before + 1


async def test_another_process_hears_by_notify(database: Database, database_dsn: str, endpoint: Any) -> None:
    await add_webhook(database, endpoint.url())
    listener = Listener(database_dsn)
    async with running(database) as runner, trio.open_nursery() as nursery:
        listener.subscribe("e2ad_events", runner.hear_notification)
        await nursery.start(listener.run)
        await add_deliveries(database)
        await database.execute("select pg_notify('e2ad_events', %(p)s)", {"p": f"{ACCOUNT}:"})
        await endpoint.wait_received(1, 2.0)
        nursery.cancel_scope.cancel()


async def test_per_endpoint_bounds_and_fairness(database: Database) -> None:
    """A hundred for a slow endpoint do not keep one for another from going out."""
    await add_webhook(database, "https://slow.example/", "wh_slow")
    await add_webhook(database, "https://fast.example/", "wh_fast")
    await add_deliveries(database, 100, "wh_slow")
    attempter = Scripted()
    async with running(database, attempter) as runner:
        await attempter.started.wait()
        await add_deliveries(database, 1, "wh_fast")
        runner.kick()
        with trio.fail_after(2):
            while not any(a.endpoint_key == "wh_fast" for a in attempter.seen):
                await trio.sleep(0.01)
        assert sum(a.endpoint_key == "wh_slow" for a in attempter.seen) == 4
        attempter.release.set()
        await until(lambda: settled(database))
    assert len({a.id for a in attempter.seen}) == len(attempter.seen) == 101


async def test_all_together_are_bounded(database: Database) -> None:
    for n in range(12):
        await add_webhook(database, "https://x.example/", f"wh_{n:02}")
        await add_deliveries(database, 2, f"wh_{n:02}")
    attempter = Scripted()
    async with running(database, attempter, Settings(concurrency=5, per_endpoint=2)):
        await attempter.started.wait()
        await trio.sleep(0.2)
        assert attempter.most == 5
        held = await database.fetch_value("select count(*) from deliveries where attempts > 0")
        assert held <= 10
        attempter.release.set()
        await until(lambda: settled(database))
    assert attempter.most == 5
    assert len(attempter.seen) == 24


async def test_two_runners_never_send_the_same_attempt(database_dsn: str, database: Database, endpoint: Any) -> None:
    await add_webhook(database, endpoint.url())
    await add_deliveries(database, 300)
    async with open_pool(database_dsn, size=4) as other, running(database) as first, running(other) as second:
        for _ in range(20):
            first.kick()
            second.kick()
            await trio.sleep(0.01)
        await until(lambda: settled(database), 20.0)
    bodies = [request.body for request in endpoint.received]
    assert len(bodies) == len(set(bodies)) == 300
    assert {r["attempts"] for r in await rows(database)} == {1}


async def test_closing_lets_attempts_finish_and_claims_no_more(database: Database, endpoint: Any) -> None:
    endpoint.answers = [far.Answer(delay=0.3)]
    await add_webhook(database, endpoint.url())
    await add_deliveries(database, 10)
    async with running(database):
        await endpoint.wait_received(4)
    states = [(r["status"], r["attempts"]) for r in await rows(database)]
    assert states.count(("delivered", 1)) == 4
    assert states.count(("pending", 0)) == 6, "what was only claimed is handed back as it was"


class _CancelAt(trio.abc.Instrument):
    """Cancels a scope at the k-th step of the tasks that run."""

    def __init__(self, scope: trio.CancelScope, step: int) -> None:
        self.scope, self.left = scope, step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()


async def test_cancelled_at_any_step_the_row_says_so(database: Database, endpoint: Any) -> None:
    """Whatever the step: pending with an attempt to come, or delivered because the endpoint has it."""
    await add_webhook(database, endpoint.url())
    ends = set()
    for step in [*range(1, 60), *range(60, 400, 9)]:
        await database.execute("delete from deliveries")
        await add_deliveries(database)
        endpoint.received.clear()
        attempter = make_webhooks(database)
        runner = Runner(database, attempter, Settings(), lambda: 0.0)
        with trio.CancelScope() as scope:
            instrument = _CancelAt(scope, step)
            trio.lowlevel.add_instrument(instrument)
            try:
                async with trio.open_nursery() as nursery:
                    closing = trio.Event()
                    nursery.start_soon(runner.run, closing)
                    await until(lambda: settled(database), 5.0)
                    closing.set()
            finally:
                trio.lowlevel.remove_instrument(instrument)
        attempter._poster.close()
        end = await row(database)
        ends.add((end["status"], end["attempts"], len(endpoint.received)))
        if end["status"] == "delivered":
            assert len(endpoint.received) == 1
        else:
            assert end["status"] == "pending"
            assert end["attempts"] in (0, 1)
            assert end["attempts"] == 1 or not endpoint.received, "tried, and the row does not know"
    assert ("pending", 0, 0) in ends
    assert ("delivered", 1, 1) in ends
    assert any(attempts == 1 and status == "pending" for status, attempts, _ in ends)


async def test_a_dead_endpoint_opens_its_circuit_and_costs_no_slots(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_webhook(database, "https://dead.example/")
    await add_deliveries(database, 50)
    attempter = Scripted(Deferred("connection refused", unreachable=True))
    async with running(database, attempter):
        await trio.sleep(0.5)
    assert 5 <= len(attempter.seen) <= 12
    states = await rows(database)
    assert all(r["status"] == "pending" for r in states)
    assert sum(r["attempts"] for r in states) == len(attempter.seen), "what was not tried used no attempt"


async def test_a_circuit_lets_one_through_and_closes(database: Database, endpoint: Any, monkeypatch: Any) -> None:
    await add_webhook(database, "https://dead.example/")
    await add_deliveries(database, 30)
    attempter = Scripted(Deferred("connection refused", unreachable=True))
    async with running(database, attempter, Settings(retry_schedule_seconds=(0.1,) * 8)):
        with trio.fail_after(5):
            while len(attempter.seen) < 5:
                await trio.sleep(0.01)
        attempter.outcome = Delivered(200)
        await until(lambda: settled(database), 10.0)


async def test_the_database_may_go_away_and_come_back(database: Database, endpoint: Any) -> None:
    await add_webhook(database, endpoint.url())
    async with running(database) as runner:
        await trio.sleep(0.05)
        await database.execute("alter table deliveries rename to hidden")
        runner.kick()
        await trio.sleep(0.1)
        await database.execute("alter table hidden rename to deliveries")
        await add_deliveries(database)
        await endpoint.wait_received(1, 5.0)
        await until(lambda: settled(database))


async def test_outcomes_wait_for_the_database(database: Database) -> None:
    await add_webhook(database, "https://x.example/")
    await add_deliveries(database)
    attempter = Scripted()
    async with running(database, attempter):
        await attempter.started.wait()
        await database.execute("alter table deliveries rename to hidden")
        attempter.release.set()
        await trio.sleep(0.1)
        await database.execute("alter table hidden rename to deliveries")
        await until(lambda: settled(database), 5.0)
    assert len(attempter.seen) == 1


def test_fast_lanes_may_claim_ahead_and_slow_ones_not() -> None:
    lanes = lanes_module.Lanes(per_endpoint=4, concurrency=8)
    lane = lanes.lane("wh_1")
    assert lanes.rooms() == ({}, [])
    for _ in range(10):
        lane.finished(0.001)
    assert lanes.rooms() == ({"wh_1": 20}, [])
    lane.finished(10.0)
    assert lanes.rooms() == ({}, [])


def test_lanes_are_forgotten() -> None:
    lanes = lanes_module.Lanes(4, 8)
    for n in range(lanes_module.KEPT_LANES + 50):
        lanes.lane(str(n))
    assert len(lanes._lanes) == lanes_module.KEPT_LANES


def test_constants_leave_room_for_the_lease() -> None:
    assert module.LEASE_MARGIN_SECONDS > module.RECORD_SECONDS


@define
class Moody:
    """An attempter with an outcome for each delivery."""

    outcomes: dict[str, Outcome | Exception]

    async def attempt(self, attempt: Attempt) -> Outcome:
        await trio.lowlevel.checkpoint()
        outcome = self.outcomes.get(attempt.id, Delivered(200))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def test_an_outcome_that_cannot_be_written_holds_up_no_other(database: Database) -> None:
    await add_webhook(database, "https://x.example/")
    await add_deliveries(database, 6)
    async with running(database, Moody({"whd_wh_1_2": Refused("NUL \0 cannot be stored")})) as runner:
        await until(lambda: delivered(database, 5), 5.0)
        assert not runner._outcomes, "it would be tried with every batch, for ever"
    assert [one["status"] for one in await rows(database) if one["id"] == "whd_wh_1_2"] == ["pending"]


async def delivered(database: Database, count: int) -> bool:
    return await database.fetch_value("select count(*) from deliveries where status = 'delivered'") == count


async def test_our_own_shortage_is_not_the_endpoints_failure(database: Database) -> None:
    await add_webhook(database, "https://x.example/")
    await add_deliveries(database)
    moody = Moody({"whd_wh_1_0": Unavailable()})
    async with running(database, moody):
        await trio.sleep(0.3)
        assert (await row(database))["last_error"] is None
        moody.outcomes.clear()
        await until(lambda: settled(database), 5.0)
    written = await row(database)
    assert (written["status"], written["attempts"]) == ("delivered", 1)


async def test_a_full_budget_is_said_before_the_attempt_is_over(autojump_clock: MockClock) -> None:
    budget = ByteBudget(1000)
    contents = StoredContents(None, budget)  # type: ignore[arg-type]  # it is never asked
    async with budget.take(900):
        with pytest.raises(Unavailable):
            async with contents.borrow(ACCOUNT, SHA, 250):
                pass
        assert trio.current_time() < Settings().attempt_seconds + 1
    assert budget.free == 1000
