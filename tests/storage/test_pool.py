import datetime as dt
import enum
import random
from collections.abc import AsyncIterator

import psycopg
import pytest
import trio
from attrs import frozen

from e2ad.core.errors import Unavailable
from e2ad.storage.connection import Limits
from e2ad.storage.pool import Connection, Database, Executor, Jsonb, UnstorableText, open_pool


@frozen
class Pair:
    x: int
    label: str | None = None


class Colour(enum.StrEnum):
    RED = "red"


@pytest.fixture
async def pool(empty_dsn: str) -> AsyncIterator[Database]:
    async with open_pool(empty_dsn, size=3, acquire_seconds=0.2) as opened:
        await opened.execute("create table pairs (x integer primary key, label text)")
        yield opened


async def test_verbs(pool):
    assert await pool.execute("insert into pairs select g, 'n' || g from generate_series(1, 3) g") == 3
    assert await pool.fetch_all("select * from pairs order by x", row=Pair) == [
        Pair(1, "n1"),
        Pair(2, "n2"),
        Pair(3, "n3"),
    ]
    assert await pool.fetch_all("select x from pairs where x < %(limit)s order by x", {"limit": 3}) == [
        {"x": 1},
        {"x": 2},
    ]
    assert await pool.fetch_one("select * from pairs where x = %(x)s", {"x": 2}, row=Pair) == Pair(2, "n2")
    assert await pool.fetch_one("select * from pairs where x = 9", row=Pair) is None
    assert await pool.fetch_one("select x from pairs where x = 1") == {"x": 1}
    assert await pool.fetch_value("select count(*) from pairs") == 3
    assert await pool.fetch_value("select x from pairs where x = 9") is None
    assert await pool.execute("delete from pairs where x > 1") == 2
    assert await pool.fetch_all("delete from pairs returning x") == [{"x": 1}]


async def test_the_same_verbs_in_a_transaction(pool):
    async def add(executor: Executor, x: int) -> int:
        return await executor.execute("insert into pairs values (%(x)s)", {"x": x})

    await add(pool, 1)
    async with pool.transaction() as connection:
        await add(connection, 2)
        assert await pool.fetch_value("select count(*) from pairs") == 1
    with pytest.raises(ZeroDivisionError):
        await _fail_inside(pool, add)
    assert await pool.fetch_value("select array_agg(x order by x) from pairs") == [1, 2]


async def _fail_inside(pool, add):
    async with pool.transaction() as connection:
        await add(connection, 3)
        raise ZeroDivisionError


NOW = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, dt.UTC)
ARRAYS = [
    ("text", ["a", "", "ä ; \"'\\", None]),
    ("bytea", [b"", b"\0\xff", None]),
    ("timestamptz", [NOW, None]),
    ("int8", [1, 2**40, None, -5]),
    ("int4", [1, 70_000]),
    ("bool", [True, False, None]),
    ("float8", [1.5, None]),
]


@pytest.mark.parametrize(("kind", "values"), ARRAYS)
@pytest.mark.parametrize("marker", ["s", "b"])
async def test_arrays(pool, kind, values, marker):
    statement = f"select %(values){marker}::{kind}[]"
    assert await pool.fetch_value(statement, {"values": values}) == values
    assert await pool.fetch_value(statement, {"values": []}) == []
    assert await pool.fetch_value(statement, {"values": [None]}) == [None]
    rows = await pool.fetch_all(f"select v from unnest(%(values){marker}::{kind}[]) v", {"values": values})
    assert [row["v"] for row in rows] == values


async def test_arrays_travel_in_binary(pool):
    async with pool.connection() as connection:
        cursor = await connection.driver.execute("select %s::text[]", [["a"]])
    assert cursor._query.formats == [psycopg.pq.Format.BINARY]


@pytest.mark.parametrize("marker", ["s", "b"])
async def test_json(pool, marker):
    value = {"a": [1, None, "ü"], "b": {"c": 1.5}}
    assert await pool.fetch_value(f"select %(v){marker}::jsonb", {"v": value}) == value
    assert await pool.fetch_value(f"select %(v){marker}::jsonb", {"v": Jsonb([1, "x"])}) == [1, "x"]
    many = [value, {"z": 0}]
    assert await pool.fetch_value(f"select %(v){marker}::jsonb[]", {"v": [Jsonb(v) for v in many]}) == many
    assert await pool.fetch_value(f"select %(v){marker}::jsonb[]", {"v": many}) == many


async def test_values_come_back_as_they_went(pool):
    found = await pool.fetch_value("select %(at)s::timestamptz", {"at": NOW})
    assert found == NOW
    assert found.utcoffset() == dt.timedelta(0)
    assert await pool.fetch_value("select %(v)s::text", {"v": Colour.RED}) == "red"
    assert await pool.fetch_value("select %(v)b::text[]", {"v": [Colour.RED]}) == ["red"]
    assert await pool.fetch_value("select %(v)s::bytea", {"v": b"\0\1"}) == b"\0\1"


@pytest.mark.parametrize("params", [{"v": "a\0b"}, {"v": ["fine", "a\0b"]}])
async def test_nul_is_refused_with_the_parameter_named(pool, params):
    before = pool.statements
    with pytest.raises(UnstorableText, match="parameter v"):
        await pool.fetch_value("select %(v)s::text", params)
    assert pool.statements == before


async def test_errors_of_the_statement_pass(pool):
    await pool.execute("insert into pairs values (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        await pool.execute("insert into pairs values (1)")
    with pytest.raises(psycopg.errors.UndefinedTable):
        await pool.execute("select * from nowhere")
    assert pool.discarded == 0


async def test_statements_are_counted(pool):
    before = pool.statements
    await pool.fetch_value("select 1")
    assert pool.statements - before == 1
    async with pool.transaction() as connection:
        await connection.fetch_value("select 1")
    assert pool.statements - before == 4
    async with pool.transaction() as connection, connection.transaction():
        pass
    assert pool.statements - before == 8


async def test_full_pool_has_a_deadline(pool):
    async with pool.connection(), pool.connection(), pool.connection():
        assert pool.in_use == 3
        with pytest.raises(Unavailable) as caught:
            await pool.fetch_value("select 1")
        assert isinstance(caught.value.__cause__, TimeoutError)
    assert pool.in_use == 0
    assert await pool.fetch_value("select 1") == 1


async def test_wrong_dsn_fails_at_once():
    with pytest.raises(Unavailable) as caught:
        async with open_pool("host=/nonexistent dbname=x"):
            pass
    assert "/nonexistent" in str(caught.value.__cause__)


async def test_statement_timeout(empty_dsn):
    async with open_pool(empty_dsn, limits=Limits(statement_seconds=0.1)) as pool:
        with pytest.raises(Unavailable) as caught:
            await pool.fetch_value("select pg_sleep(5)")
        assert isinstance(caught.value.__cause__, psycopg.errors.QueryCanceled)
        assert await pool.fetch_value("select 1") == 1


async def test_server_that_does_not_answer(empty_dsn):
    """The server's own timeout is switched off here: ours ends the wait."""
    async with open_pool(empty_dsn, limits=Limits(statement_seconds=0.2, cancel_seconds=0.1)) as pool:
        async with pool.connection() as connection:
            await connection.execute("set statement_timeout = 0")
            with trio.fail_after(3), pytest.raises(Unavailable):
                await connection.fetch_value("select pg_sleep(20)")
        assert await pool.fetch_value("select 1") == 1


async def test_lost_connection(pool):
    async with pool.connection() as victim, pool.connection() as killer:
        await killer.execute("select pg_terminate_backend(%(pid)s)", {"pid": victim.driver.info.backend_pid})
        with pytest.raises(Unavailable) as caught:
            await victim.fetch_value("select 1")
        assert isinstance(caught.value.__cause__, psycopg.OperationalError)
    assert pool.discarded == 1
    assert await pool.fetch_value("select 1") == 1


async def test_driver_errors_are_translated_at_the_edge(pool):
    with pytest.raises(Unavailable):
        await _break(pool)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        await _misspell(pool)


async def _break(pool):
    async with pool.connection() as connection:
        connection.driver.shut()
        await connection.driver.execute("select 1")


async def _misspell(pool):
    async with pool.connection() as connection:
        await connection.driver.execute("select nothing")


async def test_connections_closed_by_the_server_are_not_lent(pool, postgres):
    """As after a restart of the server: nobody sees an error."""
    async with pool.connection(), pool.connection(), pool.connection() as connection:
        name = await connection.fetch_value("select current_database()")
    async with open_pool(postgres.dsn, size=1) as admin:
        ended = await admin.fetch_value(
            "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where datname = %(name)s",
            {"name": name},
        )
    assert ended == 3
    for _ in range(3):
        assert await pool.fetch_value("select 1") == 1


async def test_read_only_server_is_left(pool):
    """After a failover the old primary is read-only: the connection is closed, so that the next one looks again."""
    async with pool.connection() as connection:
        await connection.execute("set default_transaction_read_only = on")
        with pytest.raises(Unavailable):
            await connection.execute("insert into pairs values (1)")
        assert connection.driver.closed
    assert await pool.execute("insert into pairs values (1)") == 1


async def test_open_transaction_does_not_go_back(pool):
    async with pool.connection() as connection:
        await connection.execute("begin")
        await connection.execute("insert into pairs values (1)")
    assert await pool.fetch_value("select count(*) from pairs") == 0
    assert pool.discarded == 0


async def test_old_connections_are_replaced(empty_dsn):
    async with open_pool(empty_dsn, size=1, lifetime_seconds=0) as pool:
        first = await pool.fetch_value("select pg_backend_pid()")
        assert await pool.fetch_value("select pg_backend_pid()") != first
        assert pool.discarded == 0


async def test_closed_pool(empty_dsn):
    async with open_pool(empty_dsn) as pool:
        pass
    with pytest.raises(Unavailable):
        await pool.fetch_value("select 1")


async def test_users_cancelled_at_random(empty_dsn):
    """200 users of 4 connections, each cancelled at some moment: what is left is four clean connections."""
    async with open_pool(empty_dsn, size=4, acquire_seconds=60) as pool:
        await pool.execute("create table pairs (x integer)")
        moments = random.Random(7)
        done: list[int] = []

        async def user(x: int) -> None:
            with trio.move_on_after(moments.uniform(0, 0.3)):
                async with pool.transaction() as connection:
                    await connection.execute("insert into pairs values (%(x)s)", {"x": x})
                    await connection.fetch_value("select pg_sleep(0.005)")
                done.append(x)

        async with trio.open_nursery() as nursery:
            for x in range(200):
                nursery.start_soon(user, x)
        assert pool.in_use == 0
        assert 0 < len(done) < 200
        assert await pool.fetch_value("select array_agg(x order by x) from pairs") == sorted(done)
        for _ in range(8):
            async with pool.connection() as connection:
                assert isinstance(connection, Connection)
                assert await connection.fetch_value("select 42") == 42
        assert pool.discarded == 0
