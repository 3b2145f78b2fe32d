"""The pool: a bounded number of connections, lent to one task at a time.

Connections are opened when they are needed and kept; the one that came back last goes out first.
One that the server has closed in the meantime is noticed before it is lent, so that a restart of
the server costs a new connection and not an error. One that does not come back clean is closed.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import structlog
import trio
from psycopg import pq
from psycopg.waiting import Wait

from e2ad.core.errors import Unavailable
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.connection import Limits, Meter, TrioConnection
from e2ad.storage.executor import Connection, Executor, Params, UnstorableText, translate
from e2ad.storage.readiness import readiness

__all__ = ["Connection", "Database", "Executor", "Jsonb", "Limits", "Params", "UnstorableText", "open_pool"]

log = structlog.get_logger("e2ad.storage")

_IDLE = pq.TransactionStatus.IDLE
_IN_TRANSACTION = (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)


@asynccontextmanager
async def open_pool(
    dsn: str,
    *,
    size: int = 8,
    acquire_seconds: float = 10.0,
    lifetime_seconds: float = 3600.0,
    limits: Limits | None = None,
    prepare_threshold: int | None = 5,
) -> AsyncIterator["Database"]:
    """Open a pool, with one connection made at once so that a wrong DSN fails here.

    Args:
        dsn: a libpq connection string or URI; several hosts and `target_session_attrs` are understood.
        size: connections at most.
        acquire_seconds: how long a task waits for a free connection.
        lifetime_seconds: a connection that is older is replaced when it comes back.
        limits: deadlines of each connection.
        prepare_threshold: executions after which a statement is prepared; None behind a pooler in
            transaction mode.

    Raises:
        core.errors.Unavailable: the database cannot be reached, with the reason as its cause.

    Cancellation: all connections are closed.
    """
    database = Database(dsn, size, acquire_seconds, lifetime_seconds, limits or Limits(), prepare_threshold)
    try:
        async with database.connection():
            pass
        yield database
    finally:
        database.close()


class Database(Executor):
    """The database as a whole: each statement takes a connection, commits, and gives it back.

    Attributes:
        dsn: where it is, for those who need a connection of their own.
        limits: deadlines of each connection.
        discarded: connections that did not come back clean and were closed.
    """

    def __init__(
        self,
        dsn: str,
        size: int,
        acquire_seconds: float,
        lifetime_seconds: float,
        limits: Limits,
        prepare_threshold: int | None,
    ) -> None:
        self.dsn = dsn
        self.limits = limits
        self.discarded = 0
        self._acquire_seconds = acquire_seconds
        self._lifetime_seconds = lifetime_seconds
        self._prepare_threshold = prepare_threshold
        self._meter = Meter()
        self._size = size
        self._slots = trio.Semaphore(size, max_value=size)
        self._free: deque[tuple[TrioConnection, float]] = deque()
        self._closed = False

    @property
    def statements(self) -> int:
        """Statements sent so far, BEGIN and COMMIT included: a test takes the difference."""
        return self._meter.statements

    @property
    def in_use(self) -> int:
        """Connections that are lent now."""
        return self._size - self._slots.value

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection. psycopg's errors that leave the block are translated as the verbs do.

        Raises:
            core.errors.Unavailable: no connection was free, or none could be made, in time.

        Cancellation: the connection goes back, or is closed when it is not clean.
        """
        driver, opened_at = await self._take()
        try:
            yield Connection(driver)
        except psycopg.Error as error:
            known = translate(error)
            if known is error:
                raise
            raise known from error
        finally:
            with trio.move_on_after(self.limits.exit_seconds, shield=True):
                await self._give_back(driver, opened_at)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Borrow a connection with a transaction open on it; see `connection.Transaction` for its end."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def snapshot(self, seconds: float) -> AsyncIterator[Connection]:
        """A connection beside the pool that sees all tables as they are now, whatever happens meanwhile.

        For reads that take long because their reader is slow: none of them keeps a connection from the rest.
        Each statement has the usual deadline. While it lives, nothing that is deleted can be cleaned away.

        Args:
            seconds: how long the reader may keep it without a word.

        Raises:
            core.errors.Unavailable: there is none to be had.

        Cancellation: the connection is closed.
        """
        try:
            driver = await TrioConnection.open(self.dsn, limits=self.limits, meter=self._meter, prepare_threshold=None)
        except psycopg.Error as error:
            raise translate(error) from error
        try:
            try:
                await driver.command(b"begin isolation level repeatable read, read only")
                # Of this transaction alone: behind a pooler the session is somebody else's afterwards.
                await driver.command(b"set local idle_in_transaction_session_timeout = %d" % round(seconds * 1000))
            except psycopg.Error as error:
                raise translate(error) from error
            yield Connection(driver)
        finally:
            driver.shut()

    def close(self) -> None:
        """Close the free connections now and each lent one when it comes back."""
        self._closed = True
        while self._free:
            driver, _ = self._free.pop()
            driver.shut()

    async def _run(
        self, statement: str, params: Params | None, rows: Callable[[Any], Any], prepare: bool | None
    ) -> tuple[list[Any], int]:
        async with self.connection() as connection:
            return await connection._run(statement, params, rows, prepare)

    async def _take(self) -> tuple[TrioConnection, float]:
        if self._closed:
            raise Unavailable
        await self._wait_slot()
        taken = False
        try:
            while self._free:
                driver, opened_at = self._free.pop()
                # A free connection with something to read has been closed by the server, or is out of step.
                if not driver.closed and not readiness(driver.pgconn.socket, Wait.R):
                    taken = True
                    return driver, opened_at
                driver.shut()
            driver = await TrioConnection.open(
                self.dsn, limits=self.limits, meter=self._meter, prepare_threshold=self._prepare_threshold
            )
            taken = True
            return driver, trio.current_time()
        except psycopg.Error as error:
            raise translate(error) from error
        finally:
            if not taken:
                self._slots.release()

    async def _wait_slot(self) -> None:
        # Semaphore.acquire() always takes a turn of the event loop; a free slot need not.
        if self._slots.value:
            self._slots.acquire_nowait()
            return
        with trio.move_on_after(self._acquire_seconds) as scope:
            await self._slots.acquire()
        if scope.cancelled_caught:
            raise Unavailable from TimeoutError(
                f"all {self._size} database connections were in use for {self._acquire_seconds:g} s"
            )

    async def _give_back(self, driver: TrioConnection, opened_at: float) -> None:
        """Keep a clean connection, close any other. The slot is free afterwards, whatever happens."""
        try:
            if not driver.closed and driver.pgconn.transaction_status in _IN_TRANSACTION:
                try:
                    await driver.rollback()
                except psycopg.Error as error:
                    log.warning("rollback failed, closing the connection", error=str(error))
            clean = not driver.closed and driver.pgconn.transaction_status == _IDLE and not driver.depth
            if clean and not self._closed and trio.current_time() - opened_at < self._lifetime_seconds:
                self._free.append((driver, opened_at))
            else:
                self.discarded += not clean
                driver.shut()
        finally:
            self._slots.release()
