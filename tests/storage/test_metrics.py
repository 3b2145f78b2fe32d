"""What is counted once and kept says what a count of everything would say, whoever commits when."""

import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio

from e2ad.core.outbound import REASONS
from e2ad.gateway.mint import new_id
from e2ad.storage import agents, ledger, metrics, retention, sql
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.ledger import Transition
from e2ad.storage.metrics import Window
from e2ad.storage.pool import Connection, Database
from tests import factories

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
OLD = MIDNIGHT - timedelta(days=2, hours=-5)
AGENTS = ("a@agents.test", "b@agents.test", "c@agents.test")
ALL = Window(MIDNIGHT - timedelta(days=60), MIDNIGHT + timedelta(days=2))


@pytest.fixture
async def account_id(database: Database) -> str:
    owner = await factories.account(database)
    await factories.domain(database, "agents.test", owner.account_id)
    for email in AGENTS:
        await factories.agent(database, owner.account_id, email)
    return owner.account_id


async def message(database: Any, account_id: str, at: datetime = OLD, agent: str = AGENTS[0], **columns: Any) -> str:
    columns = {"direction": "outbound", "message_type": "send", **columns}
    return await factories.message(database, account_id, agent, created_at=at, **columns)


def fact(account_id: str, message_id: str, code: str = "delivery.permanent_bounce") -> Transition:
    return Transition(account_id, new_id("mlt_"), message_id, code, datetime.now(UTC))


async def count_all(database: Database) -> None:
    while await metrics.count_hours(database):
        pass


async def both_ways(database: Database, account_id: str, window: Window, **parts: Any) -> tuple[Any, Any]:
    """The facts as they are told, and those of a count of everything."""
    told = Counter[Any](await metrics.facts(database, account_id, window, **parts))
    async with database.connection() as connection:
        await connection.execute("begin")
        await connection.execute("delete from metrics_progress")
        whole = Counter[Any](await metrics.facts(connection, account_id, window, **parts))
        await connection.execute("rollback")
    return told, whole


async def bounces(database: Database, account_id: str) -> int:
    told, whole = await both_ways(database, account_id, ALL, by_day=True, agents=9)
    assert told == whole
    return sum(
        one.messages for one in told if one.code == "delivery.permanent_bounce" and not (one.at or one.agent_email)
    )


async def stale(database: Database) -> list[datetime]:
    rows = await database.fetch_all("select distinct hour from metrics_stale order by hour")
    return [row["hour"] for row in rows]


async def test_hours_that_were_counted_are_not_read_again(database: Database, account_id: str) -> None:
    for at in (OLD, OLD + timedelta(days=1), MIDNIGHT - timedelta(hours=30)):
        await ledger.append(database, [fact(account_id, await message(database, account_id, at))])
    recent = await message(database, account_id, datetime.now(UTC))
    await ledger.append(database, [fact(account_id, recent)])
    await count_all(database)
    assert await bounces(database, account_id) == 4
    before = await metrics.facts(database, account_id, ALL, by_day=True, agents=9)
    # Behind the back of all that marks hours.
    await database.execute("delete from lifecycle where message_id <> %(id)s", {"id": recent})
    await database.execute("delete from messages where id <> %(id)s", {"id": recent})
    assert await metrics.facts(database, account_id, ALL, by_day=True, agents=9) == before


@pytest.mark.parametrize("seed", range(4))
async def test_it_is_what_a_count_of_everything_says(
    database: Database, account_id: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "PIECE", 7)
    chance = random.Random(seed)
    codes = sorted(REASONS)
    now = datetime.now(UTC)
    written: list[str] = []

    async def come(at: datetime) -> None:
        inward = chance.random() < 0.4
        status = chance.choice(["pass", "fail", "none", "permerror", "temperror"])
        columns: dict[str, Any] = {"direction": "inbound", "authentication": Jsonb({"dmarc": {"status": status}})}
        if chance.random() < 0.3:
            columns["entity_type"] = "agent"
        columns = columns if inward else {"deleted_at": now} if chance.random() < 0.2 else {}
        written.append(await message(database, account_id, at, chance.choice(AGENTS), **columns))

    async def happen() -> None:
        rows = [fact(account_id, chance.choice(written), chance.choice(codes)) for _ in range(chance.randint(1, 9))]
        await ledger.append(database, rows)

    async def go() -> None:
        trashed = "update messages set deleted_at = now() - interval '99 days' where id = %(id)s"
        await database.execute(trashed, {"id": chance.choice(written)})
        await retention.purge_messages(database, 90, 100)
        rows = await database.fetch_all("select id from messages")
        written[:] = [row["id"] for row in rows]

    span = timedelta(days=5).total_seconds()
    for _ in range(60):
        await come(now - timedelta(seconds=chance.random() * span))
    for _ in range(15):
        # In the end everything was late for something.
        for _ in range(chance.randint(1, 4)):
            await happen()
        if chance.random() < 0.3:
            await go()
        if chance.random() < 0.5:
            await metrics.count_hours(database)
        if chance.random() < 0.3:
            await come(datetime.now(UTC))
        start = now - timedelta(seconds=chance.random() * span)
        windows = [ALL, Window(start, start + timedelta(seconds=chance.random() * span))]
        windows.append(Window(start, start + timedelta(minutes=20)))
        for window in windows:
            for parts in ({"by_day": True, "agents": 2}, {"agent_email": chance.choice(AGENTS)}):
                told, whole = await both_ways(database, account_id, window, **parts)
                assert told == whole
    await count_all(database)
    until = await database.fetch_value("select counted_until from metrics_progress")
    assert [hour for hour in await stale(database) if hour < until] == []
    told, whole = await both_ways(database, account_id, ALL, by_day=True, agents=9)
    assert told == whole


async def test_a_late_fact_makes_its_hour_stale(database: Database, account_id: str) -> None:
    late = await message(database, account_id)
    await message(database, account_id, OLD + timedelta(hours=1))
    await count_all(database)
    assert await bounces(database, account_id) == 0
    row = fact(account_id, late)
    await ledger.append(database, [row, fact(account_id, late)])
    assert await stale(database) == [OLD]
    assert await bounces(database, account_id) == 1
    await count_all(database)
    assert (await stale(database), await bounces(database, account_id)) == ([], 1)
    # What is there already is no news.
    await ledger.append(database, [row])
    assert await stale(database) == []


async def test_facts_of_new_mail_mark_nothing(database: Database, account_id: str) -> None:
    new = await message(database, account_id, datetime.now(UTC))
    await ledger.append(database, [fact(account_id, new)])
    assert await stale(database) == []


async def test_a_fact_that_commits_after_the_count_began(database: Database, account_id: str) -> None:
    """Neither of the two sees the other; the mark that the count could not delete tells."""
    late = await message(database, account_id)
    await count_all(database)
    await ledger.append(database, [fact(account_id, late, "complaint.recipient_reported")])
    async with database.transaction() as writer:
        await ledger.append(writer, [fact(account_id, late)])
        await count_all(database)
        assert (await stale(database), await bounces(database, account_id)) == ([], 0)
    assert (await stale(database), await bounces(database, account_id)) == ([OLD], 1)
    await count_all(database)
    assert (await stale(database), await bounces(database, account_id)) == ([], 1)


@pytest.mark.parametrize("step", range(5))
async def test_a_fact_that_commits_while_its_hour_is_counted(
    database: Database, account_id: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Committed before each statement of a count in turn: known to it or marked, and then counted anew."""
    late = await message(database, account_id)
    await count_all(database)
    await ledger.append(database, [fact(account_id, late, "complaint.recipient_reported")])
    steps = 0
    committed = []

    def between(name: str) -> Any:
        method = getattr(Connection, name)

        async def verb(connection: Connection, *args: Any, **options: Any) -> Any:
            nonlocal steps
            if not committed and connection is not other:
                if steps == step:
                    committed.append(step)
                    await ledger.append(other, [fact(account_id, late)])
                steps += 1
            return await method(connection, *args, **options)

        return verb

    async with database.connection() as other:
        with monkeypatch.context() as patched:
            for name in ("execute", "fetch_all", "fetch_value"):
                patched.setattr(Connection, name, between(name))
            await metrics.count_hours(database)
    assert committed == [step]
    assert await bounces(database, account_id) == 1
    await count_all(database)
    assert (await stale(database), await bounces(database, account_id)) == ([], 1)


async def test_two_that_count(database: Database, account_id: str) -> None:
    """The second leaves an account alone that the first is at."""
    late = await message(database, account_id)
    await count_all(database)
    await ledger.append(database, [fact(account_id, late)])
    async with database.transaction() as first:
        await first.execute("select from metrics_progress for update")
        await metrics.count_hours(database)
        assert await stale(database) == [OLD]
    await count_all(database)
    assert (await stale(database), await bounces(database, account_id)) == ([], 1)


async def test_all_pieces_at_once(database: Database, account_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that get in each other's way count each hour once."""
    monkeypatch.setattr(metrics, "PIECE", 2)
    for hours in range(24):
        await ledger.append(
            database, [fact(account_id, await message(database, account_id, OLD + timedelta(hours=hours)))]
        )
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(count_all, database)
    assert await bounces(database, account_id) == 24


async def test_a_piece_is_small(database: Database, account_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "PIECE", 4)
    # Five in the first hour, one in each of the next, and a long silence.
    for at in [OLD] * 5 + [OLD + timedelta(hours=hours) for hours in range(1, 9)]:
        await message(database, account_id, at, random.choice(AGENTS))
    until = []
    while await metrics.count_hours(database):
        until.append(await database.fetch_value("select counted_until from metrics_progress"))
    assert until[:3] == [OLD + timedelta(hours=hours) for hours in (1, 4, 7)]
    assert len(until) == 4
    assert datetime.now(UTC) - until[3] < timedelta(minutes=80)
    counted = await database.fetch_value("select count(*) from metrics_hours where agent_email = ''")
    assert counted == 9


async def test_hours_are_left_to_settle(database: Database, account_id: str) -> None:
    await message(database, account_id, datetime.now(UTC))
    await count_all(database)
    until = await database.fetch_value("select counted_until from metrics_progress")
    age = datetime.now(UTC) - until
    assert timedelta(minutes=metrics.MARGIN_MINUTES) <= age < timedelta(minutes=metrics.MARGIN_MINUTES + 60)
    assert await database.fetch_value("select count(*) from metrics_hours") == 0


async def test_a_closed_account_is_not_counted(database: Database, account_id: str) -> None:
    late = await message(database, account_id)
    await count_all(database)
    await ledger.append(database, [fact(account_id, late)])
    await database.execute("update accounts set closed_at = now()")
    await database.execute("update metrics_progress set counted_until = 'epoch'")
    assert not await metrics.count_hours(database)
    assert await stale(database) == [OLD]


async def test_purged_mail_does_not_count(database: Database, account_id: str) -> None:
    for agent in AGENTS[:2]:
        await ledger.append(database, [fact(account_id, await message(database, account_id, agent=agent))])
    await count_all(database)
    assert await bounces(database, account_id) == 2
    await agents.purge_messages(database, account_id, AGENTS[0], batch=10)
    assert (await stale(database), await bounces(database, account_id)) == ([OLD], 1)
    await agents.purge(database, account_id, AGENTS[0])
    await count_all(database)
    assert await bounces(database, account_id) == 1
    left = await database.fetch_all(
        "select distinct agent_email from metrics_hours union select agent_email from metrics_days"
    )
    assert {row["agent_email"] for row in left} == {"", AGENTS[1]}


UNMARKED = {
    "intake.store": "mail that comes in is of this hour",
    "closing.messages": "all that was counted goes too",
    "closing.agents": "all that was counted goes too",
    "agents.purge": "it has no mail any more",
}


def test_whoever_changes_what_is_counted_marks_it() -> None:
    """A statement that does not say why not deletes no mail and tells nothing of it without a mark."""
    changes = re.compile(r"insert into lifecycle|update lifecycle|delete from (lifecycle|messages|agents)\b")
    columns = re.compile(
        r"update messages (\w+ )?set ((?!\b(from|where)\b).)*?"
        r"\b(created_at|agent_email|direction|entity_type|authentication) ="
    )
    unmarked = set()
    for path in (sql.root() / "queries").glob("*.sql"):
        for query in sql.parse(path.read_text(encoding="utf-8"), str(path)):
            text = " ".join(query.statement.split())
            if "metrics_stale" in text:
                fresh = f"created_at < date_trunc('hour', now() - interval '{metrics.FRESH_MINUTES} minutes', 'UTC')"
                assert path.stem in ("metrics", "closing") or fresh in text, query.name
            elif changes.search(text):
                unmarked.add(f"{path.stem}.{query.name}")
            assert not columns.search(text), query.name
    assert unmarked == set(UNMARKED)
