"""The table that is only ever appended to: what the database itself sees to, whoever writes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import trio
from psycopg import errors

from e2ad.core.audit import GENESIS, Flaw, Row, digest, instant, verify
from e2ad.storage import audit
from e2ad.storage.audit import Entry, Wanted
from e2ad.storage.pool import Database, Executor, open_pool
from tests.storage.test_plans_sending import Counting

AT = datetime(2026, 6, 13, 10, 0, 0, 123456, tzinfo=UTC)
ADA, BOB = "a" * 32, "b" * 32


@pytest.fixture
async def house(database: Database) -> Database:
    """Two accounts."""
    for account_id in (ADA, BOB):
        await database.execute(
            "insert into accounts (id, email) values (%(id)s, %(id)s || '@example.com')", {"id": account_id}
        )
    return database


async def append(executor: Executor, account_id: str = ADA, subject: str = "msg_1", **more: Any) -> None:
    members = {"actor_kind": "key", "actor": "apk_1", "action": "review.approved", "evidence": '{"a": "é"}', "at": AT}
    await audit.append(executor, Entry(account_id=account_id, subject=subject, **(members | more)))


async def log(database: Executor, account_id: str = ADA) -> list[Row]:
    return await audit.rows(database, account_id, after=None, limit=10_000)


async def flaw(database: Executor, account_id: str = ADA) -> Flaw | None:
    return verify(account_id, await log(database, account_id), await audit.head(database, account_id))


async def by_hand(dsn: str, *statements: str) -> None:
    """As somebody who owns the server, past every trigger."""
    async with open_pool(dsn, size=1) as owner, owner.transaction() as transaction:
        await transaction.execute("set local session_replication_role = replica")
        for statement in statements:
            await transaction.execute(statement)


async def test_the_database_numbers_and_chains(house: Database) -> None:
    for number in range(3):
        await append(house, subject=f"msg_{number}")
    await append(house, BOB)
    rows = await log(house)
    assert [row.number for row in rows] == [1, 2, 3]
    assert [row.previous for row in rows] == [GENESIS, rows[0].digest, rows[1].digest]
    assert all(row.digest == digest(row) for row in rows)
    assert rows[0] == Row(
        ADA,
        1,
        instant(AT),
        "key",
        "apk_1",
        "review.approved",
        "msg_0",
        '{"a": "é"}',
        GENESIS,
        rows[0].digest,
    )
    assert [await flaw(house), await flaw(house, BOB)] == [None, None]
    assert await audit.next_account(house, "") == ADA
    assert await audit.next_account(house, ADA) == BOB
    assert await audit.next_account(house, BOB) is None


async def test_what_is_rolled_back_leaves_no_gap(house: Database) -> None:
    await append(house)

    async def broken() -> None:
        async with house.transaction() as transaction:
            await append(transaction)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    await append(house)
    assert [row.number for row in await log(house)] == [1, 2]
    assert await flaw(house) is None


async def test_many_at_once_make_one_chain(house: Database) -> None:
    async def writer(name: int) -> None:
        for number in range(10):
            async with house.transaction() as transaction:
                await append(transaction, (ADA, BOB)[number % 2], f"msg_{name}_{number}")

    async with trio.open_nursery() as nursery:
        for name in range(8):
            nursery.start_soon(writer, name)
    for account_id in (ADA, BOB):
        assert [row.number for row in await log(house, account_id)] == list(range(1, 41))
        assert await flaw(house, account_id) is None


async def test_several_rows_in_one_statement_are_chained_too(house: Database) -> None:
    await house.execute(
        "insert into audit_log (account_id, at, actor_kind, actor, action, subject, evidence)"
        " select %(account)s, now(), 'system', '', 'key.created', n::text, '{}' from generate_series(1, 50) n",
        {"account": ADA},
    )
    assert [row.number for row in await log(house)] == list(range(1, 51))
    assert await flaw(house) is None


async def test_a_writer_cannot_choose_its_place(house: Database) -> None:
    await append(house)
    await house.execute(
        "insert into audit_log (account_id, number, at, actor_kind, actor, action, subject, evidence, previous, digest)"
        " values (%(account)s, 99, now(), 'key', 'k', 'key.created', 's', '{}', sha256('x'), sha256('y'))",
        {"account": ADA},
    )
    assert [row.number for row in await log(house)] == [1, 2]
    assert await flaw(house) is None


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_log set actor = 'somebody else' where number = 1",
        "update audit_log set evidence = '{}'",
        "update audit_log set number = 7 where number = 2",
        "delete from audit_log where number = 2",
        "delete from audit_log",
        "truncate audit_log",
        "truncate audit_heads",
        "update audit_heads set number = 1",
        "delete from audit_heads",
        "insert into audit_heads (account_id, number, digest) values (repeat('b', 32), 1, sha256('y'))",
        "insert into audit_heads (account_id, number, digest)"
        " values (repeat('a', 32), 1, sha256('y')) on conflict (account_id) do update set number = 9",
    ],
)
async def test_whatever_would_change_it_is_refused(house: Database, statement: str) -> None:
    await append(house)
    await append(house)
    before = await log(house)
    with pytest.raises(errors.InsufficientPrivilege, match="only ever appended to"):
        await house.execute(statement)
    assert await log(house) == before
    assert await flaw(house) is None


async def test_only_an_account_that_is_closed_lets_go_of_its_log(house: Database) -> None:
    await append(house)
    await append(house, BOB)
    await house.execute("update accounts set closed_at = now() where id = repeat('b', 32)")
    with pytest.raises(errors.InsufficientPrivilege):
        await house.execute("delete from audit_log")
    await house.execute("delete from audit_log where account_id = repeat('b', 32)")
    await house.execute("delete from audit_heads where account_id = repeat('b', 32)")
    assert await log(house, BOB) == []
    assert [row.number for row in await log(house)] == [1]


async def test_removing_the_account_by_hand_removes_nothing_of_its_log(house: Database) -> None:
    await append(house)
    await house.execute("delete from accounts where id = repeat('a', 32)")
    assert [row.number for row in await log(house)] == [1]
    assert await audit.find_account(house, ADA) == ADA
    with pytest.raises(errors.ForeignKeyViolation, match="there is no account"):
        await append(house)


@pytest.mark.parametrize(
    "members",
    [
        {"actor": "a\nb"},
        {"subject": "a\nb"},
        {"evidence": '{\n"a": 1}'},
        {"evidence": "{"},
        {"action": "approved"},
        {"actor_kind": "nobody"},
        {"at": datetime(1999, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
async def test_what_is_no_row_is_refused(house: Database, members: dict[str, Any]) -> None:
    with pytest.raises(psycopg.Error):
        await append(house, **members)
    assert await log(house) == []


TAMPERED = [
    ("update audit_log set at = at + interval '1 microsecond' where number = 3", 3),
    ("update audit_log set actor_kind = 'link' where number = 3", 3),
    ("update audit_log set actor = 'apk_2' where number = 3", 3),
    ("update audit_log set action = 'review.rejected' where number = 3", 3),
    ("update audit_log set subject = 'msg_9' where number = 3", 3),
    # The same JSON by other spaces is another text.
    ('update audit_log set evidence = \'{"a":  "é"}\' where number = 3', 3),
    ("update audit_log set previous = sha256('x') where number = 3", 3),
    ("update audit_log set digest = sha256('x') where number = 3", 3),
    ("update audit_log set number = -number where number = 3", -3),
    ("update audit_log set number = 1000 where number = 3", 3),
    ("update audit_log set account_id = repeat('b', 32) where number = 3", 3),
    ("delete from audit_log where number = 3", 3),
    ("delete from audit_log where number > 3", 4),
    ("delete from audit_log", 1),
    ("delete from audit_heads", 1),
    ("update audit_heads set number = 3", 4),
    ("update audit_heads set digest = sha256('x')", 5),
    ("update audit_log a set subject = b.subject from audit_log b where a.number = 3 and b.number = 4", 3),
    # Two rows in each other's place.
    (
        "update audit_log set number = -number where number in (2, 3);"
        " update audit_log set number = 5 + number where number in (-2, -3)",
        2,
    ),
    # One put in between, the others moved on.
    (
        "update audit_log set number = -1 - number where number > 3; update audit_log set number = -number"
        " where number < 0; insert into audit_log select account_id, 4, at, actor_kind, actor, action, 'msg_forged',"
        " evidence, digest, sha256('z') from audit_log where number = 3; update audit_heads set number = 6",
        4,
    ),
    (
        "insert into audit_log select account_id, 6, at, actor_kind, actor, action, subject, evidence, digest,"
        " sha256('z') from audit_log where number = 5",
        6,
    ),
    # The constraint that keeps such a time out is taken away first by whoever wants to hide behind it.
    (
        "alter table audit_log drop constraint audit_log_at_check;"
        " update audit_log set at = 'infinity' where number = 3",
        3,
    ),
    (
        "alter table audit_log drop constraint audit_log_at_check;"
        " update audit_log set at = (at::text || ' BC')::timestamptz where number = 3",
        3,
    ),
]


@pytest.mark.parametrize(("statement", "number"), TAMPERED, ids=[statement[:60] for statement, _ in TAMPERED])
async def test_whatever_is_changed_past_the_triggers_is_found(
    house: Database, database_dsn: str, statement: str, number: int
) -> None:
    for index in range(5):
        await append(house, subject=f"msg_{index}")
    await by_hand(database_dsn, *statement.split("; "))
    found = await flaw(house)
    assert found is not None
    assert found.number == number


async def test_a_page_is_newest_first_and_filtered(house: Database) -> None:
    for index in range(6):
        await append(house, subject=f"msg_{index % 2}", actor=f"apk_{index % 3}", action=f"review.{'ab'[index % 2]}")
    await append(house, BOB)

    async def numbers(before: int | None = None, limit: int = 10, **wanted: Any) -> list[int]:
        found = await audit.page(house, ADA, before=before, limit=limit, wanted=Wanted(**wanted))
        return [line.number for line in found]

    assert await numbers() == [6, 5, 4, 3, 2, 1]
    assert await numbers(limit=2) == [6, 5]
    assert await numbers(before=5, limit=2) == [4, 3]
    assert await numbers(subject="msg_0") == [5, 3, 1]
    assert await numbers(actor="apk_2") == [6, 3]
    assert await numbers(action="review.b", before=6) == [4, 2]
    assert await numbers(actor_kind="link") == []
    assert await numbers(actor_kind="key", before=3) == [2, 1]
    assert await numbers(since=AT, until=AT) == []
    assert await numbers(since=AT, limit=1) == [6]
    assert await numbers(until=AT) == []
    assert await numbers(until=AT + timedelta(seconds=1), limit=1) == [6]
    assert await numbers(action="review.b", actor="apk_1", subject="msg_1") == [2]
    (line,) = await audit.page(house, BOB, before=None, limit=10)
    assert (line.evidence, line.at) == ({"a": "é"}, AT)


async def test_pages_of_a_long_log_read_little(house: Database) -> None:
    """Whatever is asked for, and of whatever length the log is."""
    await house.execute(
        "insert into audit_log (account_id, at, actor_kind, actor, action, subject, evidence)"
        " select repeat('a', 32), now(), 'key', 'apk_' || n % 100, 'review.' || chr(97 + n % 20), 'msg_' || n, '{}'"
        " from generate_series(1, 6000) n",
        prepare=False,
    )
    await append(house, BOB)
    asked: dict[str, dict[str, Any]] = {
        "all": {},
        "later": {"before": 3000},
        "action": {"action": "review.c"},
        "subject": {"subject": "msg_7"},
        "actor": {"actor": "apk_7"},
        "nothing": {"actor": "apk_none", "action": "review.c"},
    }
    for name, wanted in asked.items():
        counting = Counting(house)
        before = wanted.pop("before", None)
        await audit.page(counting, ADA, before=before, limit=50, wanted=Wanted(**wanted))
        assert sum(counting.pages) < 200, (name, counting.pages)
    for read in (
        lambda it: audit.rows(it, ADA, after=3000, limit=50),
        lambda it: audit.head(it, BOB),
        lambda it: audit.next_account(it, ADA),
    ):
        counting = Counting(house)
        await read(counting)
        assert sum(counting.pages) < 200, counting.pages
