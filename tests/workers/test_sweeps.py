"""Each sweep takes what is over and nothing else; one process at a time."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from e2ad.config import Config
from e2ad.storage.pool import Database, open_pool
from e2ad.workers.kinds import BATCH, Sweep, table
from e2ad.workers.sweeps import run_all, run_once

ACCOUNT, AGENT = "a" * 32, "bot@agents.example.com"
SWEEPS = {sweep.name: sweep for sweep in table(Config())}


async def test_mail_to_owners_is_forgotten(database: Database) -> None:
    await database.execute(
        "insert into notices (id, account_id, kind, recipient, content, status, next_attempt_at, created_at) values"
        " ('old', %(a)s, 'review', 'o@example.com', 'x', 'sent', null, now() - interval '31 days'),"
        " ('due', %(a)s, 'review', 'o@example.com', 'x', 'pending', now(), now() - interval '31 days'),"
        " ('new', %(a)s, 'review', 'o@example.com', 'x', 'sent', null, now() - interval '29 days')",
        {"a": ACCOUNT},
    )
    await run_once(database, SWEEPS["notices"])
    left = await database.fetch_all("select id from notices order by id")
    assert [row["id"] for row in left] == ["due", "new"]


async def test_drafts_that_were_decided_about_are_forgotten(database: Database) -> None:
    for name, days in (("msg_old", 31), ("msg_new", 29), ("msg_open", None)):
        await add_message(database, name, name.encode(), None)
        await database.execute(
            "insert into holds (account_id, message_id, agent_email, direction, reason, on_expiry, decided_at)"
            " values (%(a)s, %(id)s, 'bot@agents.example.com', 'outbound', '{}', 'reject',"
            " now() - make_interval(days => %(days)s::int))",
            {"a": ACCOUNT, "id": name, "days": days},
        )
        await database.execute(
            "insert into hold_revisions (account_id, message_id, revision, draft, sha256, editor)"
            " select %(a)s, %(id)s, n, 'x', sha256('x'), 'agent' from generate_series(1, 2) n",
            {"a": ACCOUNT, "id": name},
        )
    await run_once(database, SWEEPS["drafts"])
    left = await database.fetch_all("select message_id, revision from hold_revisions order by 1, 2")
    assert [row["message_id"] for row in left] == ["msg_new", "msg_new", "msg_open", "msg_open"]
    assert await database.fetch_value("select count(*) from holds") == 3


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    async with open_pool(database_dsn, size=8) as pool:
        await pool.execute("insert into accounts (id, email) values (%(id)s, 'o@example.com')", {"id": ACCOUNT})
        await pool.execute(
            "insert into domains (domain, verified, verification_token) values ('agents.example.com', true, 't')"
        )
        await add_agent(pool, AGENT)
        yield pool


async def add_agent(database: Database, email: str, trashed_days: int | None = None) -> None:
    await database.execute(
        "insert into agents (email, account_id, domain, registered_domain, deleted_at) values (%(email)s, %(id)s, "
        "'agents.example.com', 'agents.example.com', now() - make_interval(days => %(days)s::int))",
        {"email": email, "id": ACCOUNT, "days": trashed_days},
    )


async def add_webhook(database: Database, webhook_id: str, **columns: Any) -> None:
    values = {"account_id": ACCOUNT, "id": webhook_id, "url": "https://x.example/", "events": ["email.received"],
              "sealed_secret": b"new", **columns}  # fmt: skip
    names, places = ", ".join(values), ", ".join(f"%({name})s" for name in values)
    await database.execute(f"insert into webhooks ({names}) values ({places})", values)


async def add_deliveries(database: Database, webhook_id: str, status: str, count: int, age: str) -> None:
    await database.execute(
        "insert into deliveries (account_id, id, endpoint, kind, event_type, status, created_at) select %(a)s, "
        "gen_random_uuid()::text, %(w)s, 'webhook', 'email.received', %(s)s, now() - %(age)s::interval "
        "from generate_series(1, %(n)s::int)",
        {"a": ACCOUNT, "w": webhook_id, "s": status, "n": count, "age": age},
    )


async def add_message(
    database: Database, message_id: str, raw: bytes, trashed_days: int | None, email: str = AGENT
) -> None:
    sha = hashlib.sha256(raw).digest()
    await database.execute(
        "with c as (insert into contents values (%(a)s, %(sha)s, %(raw)s) on conflict do nothing), "
        "u as (insert into account_usage values (%(a)s, %(n)s) on conflict (account_id) do update "
        "set storage_bytes = account_usage.storage_bytes + %(n)s) "
        "insert into messages (account_id, id, agent_email, direction, method, delivered_to, conversation_id, "
        "content_sha256, size_bytes, deleted_at) values (%(a)s, %(id)s, %(email)s, 'inbound', 'smtp', %(email)s, "
        "'conv_1', %(sha)s, %(n)s, now() - make_interval(days => %(days)s::int))",
        {"a": ACCOUNT, "sha": sha, "raw": raw, "n": len(raw), "id": message_id, "email": email, "days": trashed_days},
    )


async def enabled(database: Database) -> dict[str, bool]:
    return {r["id"]: r["enabled"] for r in await database.fetch_all("select id, enabled from webhooks")}


async def test_failing_webhooks_are_switched_off(database: Database) -> None:
    for name in ("wh_ten", "wh_nine", "wh_mixed", "wh_old"):
        await add_webhook(database, name)
    await add_webhook(database, "wh_again", reenabled_at="2020-01-01")
    await database.execute("update webhooks set reenabled_at = now() - interval '1 hour' where id = 'wh_again'")
    await add_deliveries(database, "wh_ten", "failed", 10, "1 day")
    await add_deliveries(database, "wh_nine", "failed", 9, "1 day")
    await add_deliveries(database, "wh_mixed", "failed", 50, "1 day")
    await add_deliveries(database, "wh_mixed", "delivered", 1, "2 days")
    await add_deliveries(database, "wh_old", "failed", 50, "73 hours")
    await add_deliveries(database, "wh_again", "failed", 50, "2 hours")
    assert await run_once(database, SWEEPS["failing_webhooks"]) == 1
    assert await enabled(database) == {
        "wh_ten": False, "wh_nine": True, "wh_mixed": True, "wh_old": True, "wh_again": True,
    }  # fmt: skip
    stopped = await database.fetch_one("select * from webhooks where id = 'wh_ten'")
    assert stopped is not None
    assert stopped["auto_disabled_at"] is not None
    assert "72 hours" in stopped["auto_disabled_reason"]
    assert await run_once(database, SWEEPS["failing_webhooks"]) == 0


async def test_failures_since_it_was_switched_on_again_count(database: Database) -> None:
    await add_webhook(database, "wh_1")
    await database.execute("update webhooks set reenabled_at = now() - interval '1 day'")
    await add_deliveries(database, "wh_1", "delivered", 5, "2 days")
    await add_deliveries(database, "wh_1", "failed", 10, "1 hour")
    assert await run_once(database, SWEEPS["failing_webhooks"]) == 1


async def test_previous_secrets_are_forgotten_after_their_grace(database: Database) -> None:
    for name, age in (("wh_over", "-1 minute"), ("wh_open", "1 hour")):
        await add_webhook(database, name, sealed_previous_secret=b"old")
        await database.execute(
            "update webhooks set previous_secret_expires_at = now() + %(age)s::interval where id = %(id)s",
            {"age": age, "id": name},
        )
    assert await run_once(database, SWEEPS["webhook_secrets"]) == 1
    left = await database.fetch_all("select id from webhooks where sealed_previous_secret is not null")
    assert [r["id"] for r in left] == ["wh_open"]


@pytest.mark.parametrize(
    ("sweep", "table_name", "insert"),
    [
        ("events", "events", "(account_id, id, type, envelope, created_at) values (%(a)s, %(id)s, 't', '{}', %(at)s)"),
        (
            "deliveries",
            "deliveries",
            "(account_id, id, endpoint, kind, event_type, created_at) "
            "values (%(a)s, %(id)s, 'wh', 'webhook', 't', %(at)s)",
        ),
        (
            "intake_keys",
            "intake_keys",
            "(account_id, agent_email, key, message_id, created_at) "
            "values (%(a)s, 'bot@agents.example.com', %(id)s::text::bytea, 'm', %(at)s)",
        ),
        (
            "idempotency_keys",
            "idempotency_keys",
            "(account_id, key, fingerprint, created_at) values (%(a)s, %(id)s, '', %(at)s)",
        ),
        ("rate_windows", "rate_windows", "(subject, window_start, used) values (%(a)s || %(id)s, %(at)s, 1)"),
    ],
)
async def test_retention(database: Database, sweep: str, table_name: str, insert: str) -> None:
    edges = {"events": "30 days", "deliveries": "90 days", "intake_keys": "72 hours", "idempotency_keys": "24 hours",
             "rate_windows": "2 hours"}  # fmt: skip
    for name, offset in (("old", "1 minute"), ("young", "-1 minute")):
        await database.execute(
            f"insert into {table_name} {insert.replace('%(at)s', 'now() - %(edge)s::interval - %(off)s::interval')}",
            {"a": ACCOUNT, "id": name, "edge": edges[sweep], "off": offset},
        )
    assert await run_once(database, SWEEPS[sweep]) == 1
    assert await database.fetch_value(f"select count(*) from {table_name}") == 1


async def test_many_batches_in_one_run(database: Database) -> None:
    await add_deliveries(database, "wh_1", "failed", 2 * BATCH + 5, "91 days")
    assert await run_once(database, SWEEPS["deliveries"]) == 2 * BATCH + 5


async def test_trashed_messages_go_for_good_with_their_bytes(database: Database) -> None:
    await add_message(database, "msg_old", b"shared", 31)
    await add_message(database, "msg_twin", b"shared", None)
    await add_message(database, "msg_alone", b"alone!", 31)
    await add_message(database, "msg_young", b"young", 29)
    assert await run_once(database, SWEEPS["trashed_messages"]) == 2
    assert [r["id"] for r in await database.fetch_all("select id from messages order by id")] == [
        "msg_twin",
        "msg_young",
    ]
    raws = {bytes(r["raw"]) for r in await database.fetch_all("select raw from contents")}
    assert raws == {b"shared", b"young"}, "raw mail stays while a message refers to it"
    assert await database.fetch_value("select storage_bytes from account_usage") == len(b"shared") + len(b"young")


async def test_trashed_agents_go_for_good_with_their_mail(database: Database) -> None:
    await add_agent(database, "old@agents.example.com", 31)
    await add_agent(database, "young@agents.example.com", 29)
    for n in range(450):
        await add_message(database, f"msg_{n}", b"raw", None, "old@agents.example.com")
    await run_once(database, SWEEPS["trashed_agents"])
    left = {r["email"] for r in await database.fetch_all("select email from agents")}
    assert left == {AGENT, "young@agents.example.com"}
    assert await database.fetch_value("select count(*) from messages") == 0
    assert await database.fetch_value("select count(*) from contents") == 0


async def test_one_process_at_a_time(database: Database) -> None:
    started, release, runs = trio.Event(), trio.Event(), []

    async def slow(_: Database, __: int) -> int:
        runs.append(1)
        started.set()
        await release.wait()
        return 0

    sweep = Sweep("slow", 1.0, 10.0, slow)
    results: list[int | None] = []

    async def one() -> None:
        results.append(await run_once(database, sweep))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        await started.wait()
        assert await run_once(database, sweep) is None
        release.set()
    assert (results, len(runs)) == ([0], 1)
    assert await run_once(database, sweep) == 0, "the lock is free again"


async def test_a_run_is_bounded(database: Database) -> None:
    async def endless(_: Database, batch: int) -> int:
        await trio.sleep(0.01)
        return batch

    with trio.fail_after(5):
        assert await run_once(database, Sweep("endless", 1.0, 0.2, endless))


async def test_a_failing_sweep_does_not_stop_the_others(database: Database) -> None:
    seen: list[str] = []

    async def broken(_: Database, __: int) -> int:
        seen.append("broken")
        raise RuntimeError("boom")

    async def sound(_: Database, __: int) -> int:
        await trio.lowlevel.checkpoint()
        seen.append("sound")
        return 0

    async with trio.open_nursery() as nursery:
        await nursery.start(run_all, database, [Sweep("broken", 0.02, 1.0, broken), Sweep("sound", 0.02, 1.0, sound)])
        with trio.fail_after(5):
            while seen.count("broken") < 2 or seen.count("sound") < 2:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()


async def test_sweeps_take_turns(database: Database) -> None:
    """Each holds two connections: all of them together would starve the mail of the pool."""
    at_work, most, done = 0, 0, trio.Event()

    async def batch(_: Database, size: int) -> int:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await trio.sleep(0.02)
        at_work -= 1
        return 0

    async def last(_: Database, size: int) -> int:
        done.set()
        return 0

    sweeps = [Sweep(f"sweep{n}", 0.001, 10.0, batch) for n in range(6)]
    async with trio.open_nursery() as nursery:
        await nursery.start(run_all, database, [*sweeps, Sweep("last", 0.2, 10.0, last)])
        with trio.fail_after(10):
            await done.wait()
        nursery.cancel_scope.cancel()
    assert most == 1


async def test_a_long_sweep_keeps_its_lock(database_dsn: str, database: Database) -> None:
    """PostgreSQL ends a transaction that says nothing for long; the one that holds the lock must speak."""
    left = [BATCH, BATCH, BATCH, 1]

    async def batch(_: Database, size: int) -> int:
        await trio.sleep(0.25)
        return left.pop(0)

    impatient = f"{database_dsn} options='-c idle_in_transaction_session_timeout=400'"
    async with open_pool(impatient, size=2) as pool:
        assert await run_once(pool, Sweep("long", 1.0, 30.0, batch)) == 3 * BATCH + 1


async def test_young_tables_are_analyzed_once_they_grow(database: Database) -> None:
    await add_deliveries(database, "wh_1", "pending", 300, "1 minute")
    analyzed = "select last_analyze is not null from pg_stat_user_tables where relname = %(table)s"
    with trio.fail_after(20):
        # Counters of other sessions are told within a second or so.
        while not await database.fetch_value(analyzed, {"table": "deliveries"}, prepare=False):
            await run_once(database, SWEEPS["statistics"])
            await trio.sleep(0.1)
    assert not await database.fetch_value(analyzed, {"table": "agents"}, prepare=False), "one row needs no statistics"
    estimate = "select reltuples from pg_class where relname = 'deliveries'"
    assert await database.fetch_value(estimate, prepare=False) == 300
