"""A connection beside the pool that sees one moment."""

from typing import Any

import psycopg
import pytest

from e2ad.core.errors import Unavailable

COUNT = "select count(*) from provider_events"
INSERT = "insert into provider_events (id) values (%(id)s)"


async def test_it_sees_one_moment_and_keeps_no_connection(database: Any) -> None:
    async with database.snapshot(5) as snapshot:
        assert await snapshot.fetch_value(COUNT) == 0
        await database.execute(INSERT, {"id": "x"})
        assert await snapshot.fetch_value(COUNT) == 0
        assert database.in_use == 0
        shown = await snapshot.fetch_value("show idle_in_transaction_session_timeout")
        assert shown == "5s"
    assert await database.fetch_value(COUNT) == 1


async def test_it_writes_nothing(database: Any) -> None:
    with pytest.raises((psycopg.Error, Unavailable)):
        async with database.snapshot(5) as snapshot:
            await snapshot.execute(INSERT, {"id": "x"})
    assert await database.fetch_value(COUNT) == 0


async def test_a_reader_that_says_nothing_for_too_long_loses_it(database: Any) -> None:
    async with database.snapshot(0.05) as snapshot:
        await database.fetch_value("select pg_sleep(0.5)::text")
        with pytest.raises(Unavailable):
            await snapshot.fetch_value(COUNT)


async def test_without_a_server_there_is_none(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "dsn", "host=127.0.0.1 port=1")
    with pytest.raises(Unavailable):
        async with database.snapshot(5):
            pass
