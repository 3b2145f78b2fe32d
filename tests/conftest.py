"""The real PostgreSQL of the tests: one server a run, one migrated template, one clone a test; and far endpoints.

The server is the one that `e2ad dev` starts, so every test runs on its launcher. By default its
programs are those of the extra ``e2ad[postgres]``. ``E2AD_TEST_PG_BINDIR`` names others, for
instance ``/usr/lib/postgresql/15/bin``. With ``pytest -n`` each worker is a run of its own here; see `tests.turns`.
"""

import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest
import trio
from attrs import field, frozen
from psycopg.conninfo import make_conninfo

from e2ad.dev.postgres import Server, open_server
from e2ad.storage.connection import TrioConnection
from e2ad.storage.migrations import migrate
from e2ad.storage.pool import Database, open_pool
from tests.delivery import endpoint as far

pytest_plugins = ["tests.turns"]

TEMPLATE = "e2ad_template"

# The clones live for a second: that they survive a power cut is not wanted, that they are made fast is.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}


@frozen
class Postgres:
    """The server of this test run."""

    dsn: str
    bindir: Path
    _numbers: Iterator[int] = field(factory=lambda: itertools.count(1))
    _spent: list[str] = field(factory=list)

    def dsn_of(self, name: str) -> str:
        return make_conninfo(self.dsn, dbname=name)

    async def make(self, kind: str, *options: str) -> str:
        """A new database; its name. Those that were given back are dropped before.

        They are not dropped as soon as a test ends: its sessions end a moment later, and who drops a database
        that still has one is made to wait for a tenth of a second by the server.
        """
        drops = [f"drop database {name} with (force)" for name in self._spent]
        self._spent.clear()
        name = f"e2ad_{kind}_{next(self._numbers)}"
        await _command(self.dsn, *drops, " ".join(("create database", name, *options)))
        return name

    def give_back(self, name: str) -> None:
        """Nobody wants this database any more."""
        self._spent.append(name)


MEMORY = Path("/dev/shm")
MEMORY_BYTES = 4 * 1024**3


def roomy_memory() -> Path | None:
    """A folder without a disk behind it, where there is one with room: thousands of clones are made and dropped."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server, in a thread with an event loop of its own, since each test has one of its own too."""
    folder = Path(tempfile.mkdtemp(prefix="e2ad-tests-", dir=roomy_memory()))
    folder.chmod(0o755)  # the server's account has to pass through
    bindir = os.environ.get("E2AD_TEST_PG_BINDIR")
    ready: Queue[tuple[Server, Callable[[], None]] | Exception] = Queue()

    async def serve() -> None:
        stopping = trio.Event()
        token = trio.lowlevel.current_trio_token()
        async with open_server(folder, Path(bindir) if bindir else None, SETTINGS) as server:
            ready.put((server, lambda: trio.from_thread.run_sync(stopping.set, trio_token=token)))
            await stopping.wait()

    def run() -> None:
        try:
            trio.run(serve)
        except Exception as error:  # handed over to the test run, which raises it
            ready.put(error)

    thread = threading.Thread(target=run, name="postgres")
    thread.start()
    try:
        answer = ready.get()
        if isinstance(answer, Exception):
            raise answer
        server, stop = answer
        try:
            yield Postgres(server.dsn, server.bindir)
        finally:
            stop()
    finally:
        thread.join(60)
        shutil.rmtree(folder, ignore_errors=True)


async def _command(dsn: str, *statements: str) -> None:
    connection = await TrioConnection.open(dsn)
    try:
        for statement in statements:
            await connection.command(statement.encode())
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    """The name of a migrated database that is never used itself."""

    async def make() -> None:
        await _command(postgres.dsn, f"create database {TEMPLATE}")
        await migrate(postgres.dsn_of(TEMPLATE))

    trio.run(make)
    return TEMPLATE


@pytest.fixture
async def database_dsn(postgres: Postgres, template: str) -> AsyncIterator[str]:
    """The DSN of a migrated, empty database for this test alone."""
    name = await postgres.make("test", f"template {template} strategy file_copy")
    try:
        yield postgres.dsn_of(name)
    finally:
        postgres.give_back(name)


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    """A pool on a migrated, empty database for this test alone."""
    async with open_pool(database_dsn, size=8) as pool:
        yield pool


@pytest.fixture
async def empty_dsn(postgres: Postgres) -> AsyncIterator[str]:
    """The DSN of a database with nothing in it."""
    name = await postgres.make("empty")
    try:
        yield postgres.dsn_of(name)
    finally:
        postgres.give_back(name)


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> far.CertificateAuthority:
    """A certificate authority, and a server certificate for hooks.example.com and localhost."""
    return far.make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
async def endpoint() -> AsyncIterator[far.Endpoint]:
    """A plain http endpoint on loopback."""
    async with far.open_endpoint() as opened:
        yield opened


@pytest.fixture
async def tls_endpoint(ca: far.CertificateAuthority) -> AsyncIterator[far.Endpoint]:
    """An https endpoint on loopback."""
    async with far.open_endpoint(ca.server) as opened:
        yield opened
