from pathlib import Path

import pytest
import trio

from e2ad.core.errors import Unavailable
from e2ad.storage import sql
from e2ad.storage.migrations import LOCK_KEY, MigrationFailed, dump_schema, migrate, pending
from e2ad.storage.pool import open_pool


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    (tmp_path / "0001_create_things.sql").write_text(
        "create table things (x integer);\ninsert into things values (1), (2);\n"
    )
    (tmp_path / "0002_add_label.sql").write_text("alter table things add label text;\n")
    (tmp_path / "0003_index_things.sql").write_text(
        "-- e2ad: no transaction\ncreate unique index concurrently if not exists things_x on things (x);\n"
    )
    return tmp_path


async def read(dsn: str, statement: str) -> object:
    async with open_pool(dsn, size=1) as pool:
        return await pool.fetch_value(statement)


async def test_applies_once(empty_dsn, steps):
    names = ["0001_create_things", "0002_add_label", "0003_index_things"]
    assert await migrate(empty_dsn, directory=steps) == names
    assert await migrate(empty_dsn, directory=steps) == []
    assert await read(empty_dsn, "select array_agg(name order by version) from schema_migrations") == names
    assert await read(empty_dsn, "select array_agg(x) from things") == [1, 2]
    (steps / "0004_drop_label.sql").write_text("alter table things drop label")
    async with open_pool(empty_dsn) as pool:
        assert await pending(pool, steps) == ["0004_drop_label"]
        assert await migrate(pool, directory=steps) == ["0004_drop_label"]
        assert await pending(pool, steps) == []


async def test_modes(empty_dsn, steps):
    assert await migrate(empty_dsn, "skip", directory=steps) == []
    with pytest.raises(MigrationFailed, match="0001_create_things, 0002_add_label, 0003_index_things"):
        await migrate(empty_dsn, "verify", directory=steps)
    assert await read(empty_dsn, "select to_regclass('schema_migrations')::text") is None
    await migrate(empty_dsn, "auto", directory=steps)
    assert await migrate(empty_dsn, "verify", directory=steps) == []


async def test_many_at_once(empty_dsn, steps):
    """Five processes start together: one migrates, the others wait and find nothing to do."""
    applied: list[list[str]] = []

    async def process() -> None:
        applied.append(await migrate(empty_dsn, directory=steps))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(process)
    assert sorted(map(len, applied)) == [0, 0, 0, 0, 3]


async def test_waiting_for_another_process_is_bounded(empty_dsn, steps):
    async with open_pool(empty_dsn, size=1) as pool, pool.connection() as other:
        await other.fetch_value("select pg_advisory_lock(%(key)s::bigint)", {"key": LOCK_KEY})
        with pytest.raises(Unavailable) as caught:
            await migrate(empty_dsn, directory=steps, lock_seconds=0.2)
    assert "another process" in str(caught.value.__cause__)
    assert len(await migrate(empty_dsn, directory=steps)) == 3


async def test_failing_step_leaves_nothing_behind(empty_dsn, steps):
    broken = steps / "0002_add_label.sql"
    broken.write_text("create table half (x integer); select 1 / 0;")
    with pytest.raises(MigrationFailed, match=r"0002_add_label cannot be applied: division by zero"):
        await migrate(empty_dsn, directory=steps)
    assert await read(empty_dsn, "select to_regclass('half')::text") is None
    assert await read(empty_dsn, "select array_agg(version) from schema_migrations") == [1]
    broken.write_text("create table half (x integer)")
    assert await migrate(empty_dsn, directory=steps) == ["0002_add_label", "0003_index_things"]


async def test_unfinished_index_is_found(empty_dsn, steps):
    await migrate(empty_dsn, directory=steps)
    (steps / "0004_index_labels.sql").write_text(
        "-- e2ad: no transaction\n"
        "create unique index concurrently if not exists things_label on things (coalesce(label, ''))"
    )
    with pytest.raises(MigrationFailed, match="0004_index_labels cannot be applied"):
        await migrate(empty_dsn, directory=steps)
    with pytest.raises(MigrationFailed, match="drop things_label and run it again"):
        await migrate(empty_dsn, directory=steps)
    async with open_pool(empty_dsn) as pool:
        await pool.execute("drop index things_label")
        await pool.execute("delete from things where x = 1")
    assert await migrate(empty_dsn, directory=steps) == ["0004_index_labels"]


async def test_changed_file(empty_dsn, steps):
    await migrate(empty_dsn, directory=steps)
    (steps / "0001_create_things.sql").write_text("create table others (x integer)")
    for mode in ("auto", "verify"):
        with pytest.raises(MigrationFailed, match="0001_create_things was changed after it had been applied"):
            await migrate(empty_dsn, mode, directory=steps)


@pytest.mark.parametrize(
    ("missing", "words"), [("0003_index_things", "newer than"), ("0002_add_label", "does not know")]
)
async def test_database_that_knows_more(empty_dsn, steps, missing, words):
    await migrate(empty_dsn, directory=steps)
    (steps / f"{missing}.sql").unlink()
    with pytest.raises(MigrationFailed, match=words):
        await migrate(empty_dsn, directory=steps)


async def test_cancelled_step_is_rolled_back(empty_dsn, steps):
    (steps / "0002_add_label.sql").write_text("create table half (x integer); select pg_sleep(10);")
    with trio.move_on_after(0.5) as scope:
        await migrate(empty_dsn, directory=steps)
    assert scope.cancelled_caught
    assert await read(empty_dsn, "select array_agg(version) from schema_migrations") == [1]
    assert await read(empty_dsn, "select to_regclass('half')::text") is None


async def test_no_database():
    with pytest.raises(Unavailable):
        await migrate("host=/nonexistent dbname=x")


async def test_dump(empty_dsn, steps, postgres):
    await migrate(empty_dsn, directory=steps)
    schema = await dump_schema(empty_dsn, postgres.bindir)
    assert "CREATE TABLE public.things (\n    x integer,\n    label text\n);" in schema
    assert "\nSET " not in schema
    assert "Dumped" not in schema
    assert "restrict" not in schema
    with pytest.raises(MigrationFailed, match="pg_dump failed"):
        await dump_schema("host=/nonexistent dbname=x", postgres.bindir)


async def test_schema_file_is_that_of_the_migrations(database_dsn, postgres):
    """Regenerate it with: python -m e2ad.storage.migrations DSN BINDIR > sql/schema.sql"""
    assert await dump_schema(database_dsn, postgres.bindir) == (sql.root() / "schema.sql").read_text()
