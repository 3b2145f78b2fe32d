"""Brings the schema up to date: forward only, one numbered file at a time.

Any number of processes may start at once: an advisory lock lets one of them migrate, the others
wait for it and find nothing left to do. Each file is one transaction whose first act is to insert
its own row, so a file is applied wholly and once, whatever happens.

A file whose first line is ``-- e2ad: no transaction`` holds exactly one statement that PostgreSQL
refuses inside a transaction (``create index concurrently if not exists``). Its row is written
after it, so the statement must bear being repeated.

``python -m e2ad.storage.migrations DSN [BINDIR]`` prints the schema of a database as `sql/schema.sql` has it.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import psycopg
import structlog
import trio
from attrs import evolve

from e2ad.core.errors import Unavailable
from e2ad.storage import sql
from e2ad.storage.connection import Limits, TrioConnection
from e2ad.storage.executor import Connection, translate
from e2ad.storage.pool import Database

__all__ = ["MigrationFailed", "Mode", "dump_schema", "migrate", "pending"]

log = structlog.get_logger("e2ad.storage")

Mode = Literal["auto", "verify", "skip"]

LOCK_KEY = 0x65326164_6D696772
"""Spells e2ad migr: the advisory lock of this database's migrations."""

LOCK_SECONDS = 120.0
"""How long to wait for another process that migrates."""

STATEMENT_SECONDS = 3600.0
"""For one migration; a big table may need its time."""

DUMP_SECONDS = 60.0

_POLL_SECONDS = 0.05


class MigrationFailed(Exception):
    """The schema is not what this version of e2ad needs; the message says what to do."""


async def migrate(
    database: str | Database,
    mode: Mode = "auto",
    *,
    directory: Path | None = None,
    lock_seconds: float = LOCK_SECONDS,
) -> list[str]:
    """Apply what is new, or verify that nothing is.

    Args:
        database: a DSN, or an open pool, whose DSN is used: the work has a connection of its own.
        mode: ``auto`` applies, ``verify`` raises when something is pending, ``skip`` does nothing at all.
        directory: where the migrations are, other than in `sql/migrations`.
        lock_seconds: how long to wait for another process that migrates.

    Returns:
        The names of the migrations that this call applied.

    Raises:
        MigrationFailed: something is pending (``verify``), an applied file was changed since, the database is
            newer than this version, or a file cannot be applied.
        core.errors.Unavailable: the database cannot be reached, or another process migrates for too long.

    Cancellation: the migration that runs is rolled back; those before it stay.
    """
    if mode == "skip":
        return []
    steps = sql.migrations(directory)
    dsn, limits = (database.dsn, database.limits) if isinstance(database, Database) else (database, Limits())
    try:
        driver = await TrioConnection.open(dsn, limits=evolve(limits, statement_seconds=STATEMENT_SECONDS))
        try:
            connection = Connection(driver)
            waiting = await _pending(connection, steps)
            if not waiting:
                return []
            if mode == "verify":
                names = ", ".join(step.name for step in waiting)
                raise MigrationFailed(
                    f"migrations are pending: {names}. Run 'e2ad migrate', or set database.migrations"
                )
            return await _apply_all(connection, steps, lock_seconds)
        finally:
            driver.shut()  # gives the lock back too
    except psycopg.Error as error:
        raise translate(error) from error


async def pending(executor: Connection | Database, directory: Path | None = None) -> list[str]:
    """The names of the migrations that are not applied yet: empty when the schema is as it should be.

    Raises:
        MigrationFailed: an applied file was changed since, or the database is newer than this version.
    """
    return [step.name for step in await _pending(executor, sql.migrations(directory))]


async def _pending(executor: Connection | Database, steps: list[sql.Migration]) -> list[sql.Migration]:
    queries = sql.load("migrations")
    if not await executor.fetch_value(queries["has_ledger"]):
        return steps
    known = {step.version: step for step in steps}
    newest = max(known, default=0)
    for row in await executor.fetch_all(queries["applied"]):
        step = known.pop(row["version"], None)
        if step is None:
            if row["version"] > newest:
                raise MigrationFailed(
                    f"the database has migration {row['name']}, which is newer than this version of e2ad"
                )
            raise MigrationFailed(f"the database has migration {row['name']}, which this version of e2ad does not know")
        if step.sha256 != row["sha256"]:
            raise MigrationFailed(
                f"migration {step.name} was changed after it had been applied to this database: "
                "restore the file, and put the change into a new migration"
            )
    return list(known.values())


async def _apply_all(connection: Connection, steps: list[sql.Migration], lock_seconds: float) -> list[str]:
    queries = sql.load("migrations")
    key = {"key": LOCK_KEY}
    # Asked for again and again rather than waited for in the server: a statement that waits holds a
    # snapshot, and `create index concurrently` in the process that has the lock would wait for that.
    deadline = trio.current_time() + lock_seconds
    while not await connection.fetch_value(queries["try_lock"], key):
        if trio.current_time() > deadline:
            raise Unavailable from TimeoutError(f"another process has been migrating for {lock_seconds:g} s")
        await trio.sleep(_POLL_SECONDS)
    await connection.execute(queries["create_ledger"])
    applied: list[str] = []
    for step in await _pending(connection, steps):
        try:
            await _apply(connection, step)
        except psycopg.Error as error:
            raise MigrationFailed(f"migration {step.name} cannot be applied: {error}") from error
        applied.append(step.name)
    await connection.execute(queries["unlock"], key)
    return applied


async def _apply(connection: Connection, step: sql.Migration) -> None:
    queries = sql.load("migrations")
    record = {"version": step.version, "name": step.name, "sha256": step.sha256}
    text = step.statements.encode()
    if step.transactional:
        async with connection.transaction():
            await connection.execute(queries["record"], record)
            await connection.driver.command(text)
        return
    await connection.driver.command(text)
    invalid = await connection.fetch_all(queries["invalid_indexes"])
    if invalid:
        names = ", ".join(row["name"] for row in invalid)
        raise MigrationFailed(f"migration {step.name} left an index unfinished: drop {names} and run it again")
    await connection.execute(queries["record"], record)


async def dump_schema(dsn: str, bindir: Path | None = None) -> str:
    """The schema as SQL, in a form that is the same whatever version of PostgreSQL it is dumped by.

    Args:
        dsn: the migrated database.
        bindir: where `pg_dump` is; it must not be older than the server.

    Raises:
        MigrationFailed: `pg_dump` failed, with its words.
    """
    program = str(bindir / "pg_dump") if bindir else "pg_dump"
    command = [program, "--schema-only", "--no-owner", "--no-privileges", f"--dbname={dsn}"]
    with trio.fail_after(DUMP_SECONDS):
        done = await trio.run_process(command, check=False, capture_stdout=True, capture_stderr=True)
    if done.returncode:
        raise MigrationFailed(f"pg_dump failed: {done.stderr.decode(errors='replace').strip()}")
    return _normalise(done.stdout.decode().splitlines())


_NOISE = re.compile(r"--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict ")


def _normalise(lines: Iterable[str]) -> str:
    kept: list[str] = [line.rstrip() for line in lines if not _NOISE.match(line)]
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return f"-- Generated from sql/migrations, to be read and compared; it is never applied.\n\n{body}\n"


async def _main(*arguments: str) -> None:
    dsn, *bindir = arguments
    schema = await dump_schema(dsn, Path(bindir[0]) if bindir else None)
    sys.stdout.write(schema)


if __name__ == "__main__":
    trio.run(_main, *sys.argv[1:])
