"""Lists as parameters: what is sent is what PostgreSQL has, and a statement stays one statement."""

import datetime as dt
from collections.abc import AsyncIterator

import pytest

from e2ad.storage.adaptation import booleans, floats, instants, integers, octets, texts
from e2ad.storage.pool import Database, UnstorableText, open_pool

AT = dt.datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)
LATE = dt.datetime(2026, 7, 23, 10, 0, tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.fixture
async def pool(empty_dsn: str) -> AsyncIterator[Database]:
    async with open_pool(empty_dsn, size=1) as opened:
        yield opened


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        (texts, "text", ["", "ü", None, "a,b{}\"'\\", "x" * 100_000]),
        (octets, "bytea", [b"", b"\0\xff", None]),
        (integers, "int4", [0, -1, None, 2**31 - 1, -(2**31)]),
        (floats, "float8", [0.5, None, -1e300, 3]),
        (booleans, "bool", [True, None, False]),
        (instants, "timestamptz", [AT, None, LATE, dt.datetime(2000, 1, 1, tzinfo=dt.UTC)]),
    ],
)
@pytest.mark.parametrize("marker", ["s", "b"])
async def test_columns_arrive_as_they_were_sent(pool, column, kind, values, marker):
    for sent in (values, [None], [None, None], [], list(reversed(values))):
        assert await pool.fetch_value(f"select %(v){marker}::{kind}[]", {"v": column(sent)}) == sent
        told = await pool.fetch_value(f"select pg_typeof(%(v){marker})::text", {"v": column(sent)})
        assert (
            told
            == {"int4": "integer", "float8": "double precision", "bool": "boolean"}.get(kind, kind).replace(
                "timestamptz", "timestamp with time zone"
            )
            + "[]"
        )


async def test_a_column_is_read_once_from_any_iterable(pool):
    assert await pool.fetch_value("select %(v)b", {"v": texts(word for word in ("a", "b"))}) == ["a", "b"]


async def test_one_statement_whatever_the_values(pool):
    for values in ([1], [None], [70_000], [], [2, None]):
        await pool.fetch_value("select sum(x) from unnest(%(v)b::int[]) x", {"v": integers(values)}, prepare=True)
    prepared = await pool.fetch_value("select count(*) from pg_prepared_statements where statement like '%unnest%'")
    assert prepared == 1


async def test_nul_in_a_column_is_refused_with_its_place(pool):
    with pytest.raises(UnstorableText, match=r"parameter v\[1\]"):
        await pool.fetch_value("select %(v)b::text[]", {"v": texts(["fine", "a\0b"])})


async def test_a_number_too_large_is_refused_before_it_is_sent(pool):
    with pytest.raises(Exception, match="format requires"):
        await pool.fetch_value("select %(v)b::int[]", {"v": integers([2**31])})
    assert await pool.fetch_value("select 1") == 1
