"""One connection to PostgreSQL, driven by Trio itself.

psycopg keeps its conversation with the server in generators that yield what to wait for; this
module does the waiting with `trio.lowlevel`, with no thread and no second event loop.

The rule that everything here serves: **a generator that was started is run to its end, or the
connection is closed.** A cancel scope that fires in the middle of a statement sends a cancel
request, reads the answer to its end inside a bounded shield, and only then lets `Cancelled` go
on. Whatever cannot be brought to a known state is closed, never reused.

Three traps, each held by a test:

- A nursery inside `wait` would wrap `Cancelled` in a group, and the rule above would be skipped:
  waiting for two directions at once is done with an epoll descriptor instead.
- `trio.Lock` checkpoints even when free. That costs every statement a turn of the event loop, and in
  a cancelled scope skips whatever psycopg still has to do under its lock: `_Lock` does neither.
- Cancellation in Trio is level-triggered: an unshielded ROLLBACK would be cancelled too, so a
  transaction's exit runs in a shield with a deadline.

A connection is always in autocommit; `transaction` opens a transaction explicitly.
"""

from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
import structlog
import trio
from attrs import define, frozen
from psycopg import AsyncConnection, Notify, errors, pq
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import make_conninfo
from psycopg.waiting import Ready, Wait

from e2ad.storage.adaptation import ADAPTERS
from e2ad.storage.addresses import attempts
from e2ad.storage.readiness import wait_polling, wait_ready

__all__ = ["Limits", "Meter", "TrioConnection"]

log = structlog.get_logger("e2ad.storage")

T = TypeVar("T")

_ACTIVE = pq.TransactionStatus.ACTIVE
_IDLE = pq.TransactionStatus.IDLE
_INERROR = pq.TransactionStatus.INERROR
_KEPT_NOTIFICATIONS = 10_000
_PREPARED = 500
"""More than there are named queries, so that none is prepared again and again."""


@frozen
class Limits:
    """How long one connection may take over what. All of it in seconds.

    Attributes:
        connect_seconds: for a connection, over all hosts of the DSN together.
        statement_seconds: for one statement, enforced by the server; 0 is no limit.
        exit_seconds: for COMMIT or ROLLBACK at the end of a transaction. Shielded, so part of every grace.
        cancel_seconds: for a cancelled statement to end. Shielded too.
    """

    connect_seconds: float = 10.0
    statement_seconds: float = 30.0
    exit_seconds: float = 10.0
    cancel_seconds: float = 2.0


@define
class Meter:
    """Counts statements, so that a test can say how many a request may cost."""

    statements: int = 0


async def _drive(conversation: Generator[Any, Any, T], fd: int, *, resumed: bool = False) -> T:
    """Run one of psycopg's generators to its end."""
    try:
        wanted = conversation.send(Ready.NONE) if resumed else next(conversation)
        while True:
            wanted = conversation.send(await wait_ready(fd, Wait(wanted)))
    except StopIteration as stop:
        result: T = stop.value
        return result
    except (trio.ClosedResourceError, OSError) as error:
        raise psycopg.OperationalError("the connection was closed while it was in use") from error


class _Lock:
    """A lock that is no checkpoint while it is free."""

    def __init__(self) -> None:
        self._lock = trio.Lock()

    async def __aenter__(self) -> None:
        try:
            self._lock.acquire_nowait()
        except trio.WouldBlock:
            await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


class TrioConnection(AsyncConnection[Any]):
    """psycopg's asynchronous connection, under Trio.

    Cursors, COPY, pipelines, server-side cursors and `execute` are psycopg's own. Of the methods
    that reach for asyncio, this class replaces those that e2ad uses and refuses `notifies`.
    """

    limits: Limits
    meter: Meter

    def __init__(self, pgconn: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(pgconn, *args, **kwargs)
        # psycopg declares an asyncio.Lock, which needs an asyncio loop; all that it does with it is `async with`.
        self.lock = _Lock()  # type: ignore[assignment]
        self.limits = Limits()
        self.meter = Meter()
        self.depth = 0
        self.prepared_max = _PREPARED
        # As upstream's own connect() sets them; going through the public setter would be one more wait.
        self._autocommit = True
        self._adapters = AdaptersMap(ADAPTERS)
        self._arrived: deque[Notify] = deque(maxlen=_KEPT_NOTIFICATIONS)
        self.add_notify_handler(self._arrived.append)

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        limits: Limits | None = None,
        meter: Meter | None = None,
        prepare_threshold: int | None = 5,
    ) -> "TrioConnection":
        """Connect to the first host of `dsn` that answers and has the wanted `target_session_attrs`.

        Each host name is resolved by Trio, each address is tried in turn with its share of the
        time that is left, so that a host that swallows packets does not use up the next one's.

        Args:
            dsn: a libpq connection string or URI, with one host or several.
            limits: deadlines of this connection.
            meter: counts its statements.
            prepare_threshold: executions after which a statement is prepared; None for never,
                as a pooler in transaction mode needs it.

        Raises:
            psycopg.OperationalError: nobody answered in time, or none is what was asked for.

        Cancellation: nothing is left open.
        """
        limits = limits or Limits()
        deadline = trio.current_time() + limits.connect_seconds
        with trio.CancelScope(deadline=deadline) as resolving:
            candidates = await attempts(dsn, limits.statement_seconds)
        if resolving.cancelled_caught:
            raise errors.ConnectionTimeout(f"the database's name was not resolved within {limits.connect_seconds:g} s")
        failures: list[str] = []
        for index, candidate in enumerate(candidates):
            share = max(0.0, deadline - trio.current_time()) / (len(candidates) - index)
            where = f"{candidate['host'] or 'local socket'} port {candidate['port'] or 'default'}"
            try:
                with trio.fail_after(share):
                    pgconn = await _connect(make_conninfo("", **candidate))
            except trio.TooSlowError:
                failures.append(f"{where}: no answer within {share:.1f} s")
            except psycopg.OperationalError as error:
                failures.append(f"{where}: {str(error).strip()}")
            else:
                self = cls(pgconn)
                self.limits = limits
                self.meter = meter or Meter()
                self.prepare_threshold = prepare_threshold
                return self
        raise psycopg.OperationalError("; ".join(failures))

    def shut(self) -> None:
        """Close at once. A task that waits on the connection gets `psycopg.OperationalError`."""
        if not self.closed:
            trio.lowlevel.notify_closing(self.pgconn.socket)
        self._closed = True
        self.pgconn.finish()  # also when the server was the first to hang up: the descriptor is ours

    async def close(self) -> None:
        """`shut`, under the name that psycopg's own code calls; it waits for nothing."""
        self.shut()

    async def wait(self, gen: Any, interval: float = 0.0, timeout: float | None = None) -> Any:
        """Run one of psycopg's generators: the seam that makes the class work under Trio.

        Cancellation: before a statement is sent nothing happens. After that the server is asked
        to stop, and the connection is either usable or closed when `Cancelled` leaves here.
        """
        if timeout is not None:
            with trio.fail_after(timeout):
                return await self.wait(gen)
        # In a pipeline or a COPY the generator belongs to something that has begun already.
        if self.pgconn.transaction_status != _ACTIVE and not self.pgconn.pipeline_status:
            await trio.lowlevel.checkpoint_if_cancelled()
        try:
            return await _drive(gen, self.pgconn.socket)
        except (trio.Cancelled, KeyboardInterrupt):
            if self.pgconn.transaction_status == _ACTIVE:
                ended = False
                with trio.move_on_after(self.limits.cancel_seconds, shield=True):
                    ended = await self._end_statement(gen)
                # After an end that is none, or in a COPY or pipeline that has more to come: not to be trusted again.
                if not ended or self.pgconn.transaction_status == _ACTIVE:
                    gen.close()
                    self.shut()
            raise

    async def _end_statement(self, gen: Generator[Any, Any, Any]) -> bool:
        """Bring a statement that nobody waits for to its end; False if that cannot be done."""
        try:
            await self.cancel_safe()
            if self.pgconn.pipeline_status:  # it has more results than this generator reads
                return False
            await _drive(gen, self.pgconn.socket, resumed=True)
        except psycopg.Error:
            # QueryCanceled as a rule; any other error of the statement ends it as well.
            return not self.closed
        return True

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """Ask the server to stop the running statement; it answers that the request was delivered, no more."""
        if self.closed:
            return
        with trio.fail_after(timeout):
            if not psycopg.capabilities.has_cancel_safe():
                # libpq before 17 can only cancel by blocking; the handle is a copy, safe to leave behind.
                await trio.to_thread.run_sync(self.pgconn.get_cancel().cancel, abandon_on_cancel=True)
                return
            request = self.pgconn.cancel_conn()
            try:
                request.start()
                while (state := request.poll()) != pq.PollingStatus.OK:
                    await wait_polling(state, request)
            finally:
                request.finish()

    # Narrower than psycopg's on purpose: that takes a savepoint's name and a forced rollback and yields an object of
    # its own. Nobody here needs them, and whoever holds a connection knows it by this class.
    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:  # type: ignore[override]
        """BEGIN, or SAVEPOINT where a transaction is open; COMMIT, RELEASE or ROLLBACK in a bounded shield.

        Raises:
            psycopg.errors.InFailedSqlTransaction: the block ended well although one of its statements had
                failed. PostgreSQL answers COMMIT with a silent rollback then; this does not.
            psycopg.OperationalError: the connection was lost, or COMMIT took too long. The outcome of the
                transaction is unknown then, and the connection closed.

        Cancellation: seen up to the moment before COMMIT, and then everything is rolled back. COMMIT itself
        is not cancelled.
        """
        if self.pgconn.pipeline_status:
            raise psycopg.ProgrammingError("open the transaction outside of the pipeline")
        savepoint = None if self.pgconn.transaction_status == _IDLE else b"e2ad_%d" % self.depth
        self.depth += 1
        begun = decided = False
        try:
            await self.command(b"savepoint " + savepoint if savepoint else b"begin")
            begun = True
            yield
            await trio.lowlevel.checkpoint_if_cancelled()
            if self.pgconn.transaction_status == _INERROR:
                raise errors.InFailedSqlTransaction("a statement of this transaction failed: nothing was committed")
            decided = True
            with trio.move_on_after(self.limits.exit_seconds, shield=True) as scope:
                await self.command(b"release " + savepoint if savepoint else b"commit")
            if scope.cancelled_caught:
                self.shut()
                raise psycopg.OperationalError("COMMIT was not answered in time: its outcome is unknown")
        finally:
            self.depth -= 1
            # BEGIN may have been carried out although its answer was not waited for: rolled back as well. A
            # savepoint that is in doubt needs nothing, it ends with the transaction around it.
            if not decided and (begun or not savepoint):
                with trio.move_on_after(self.limits.exit_seconds, shield=True):
                    await self._roll_back(savepoint)
                if savepoint is None and not self.closed and self.pgconn.transaction_status != _IDLE:
                    self.shut()

    async def _roll_back(self, savepoint: bytes | None) -> None:
        """Undo, or close the connection; never replaces the error that is on its way."""
        if self.closed or self.pgconn.transaction_status == _IDLE:
            return
        try:
            if savepoint:
                await self.command(b"rollback to " + savepoint)
                await self.command(b"release " + savepoint)
            else:
                await self.command(b"rollback")
        except psycopg.Error as error:
            log.warning("rollback failed, closing the connection", error=str(error))
            self.shut()

    async def next_notifies(self) -> list[Notify]:
        """Wait for at least one notification of the channels that this connection listens to.

        Raises:
            psycopg.OperationalError: the connection is lost, and so are the notifications since.

        Cancellation: nothing is lost; the next call returns what has come.
        """
        async with self.lock:
            while not self._arrived:
                try:
                    await trio.lowlevel.wait_readable(self.pgconn.socket)
                except (trio.ClosedResourceError, OSError) as error:
                    raise psycopg.OperationalError("the connection was closed while it listened") from error
                self.pgconn.consume_input()
                while notification := self.pgconn.notifies():
                    encoding = self.info.encoding
                    self._arrived.append(
                        Notify(
                            notification.relname.decode(encoding),
                            notification.extra.decode(encoding),
                            notification.be_pid,
                        )
                    )
            batch = list(self._arrived)
            self._arrived.clear()
            return batch

    def notifies(self, **_: Any) -> Any:
        """Refused: psycopg's generator holds the connection while its caller does something else."""
        raise psycopg.NotSupportedError("use next_notifies()")

    async def command(self, statement: bytes) -> None:
        """Run one statement that has no parameters and no result, such as BEGIN; never prepared.

        Raises:
            psycopg.OperationalError: the server does not answer; the connection is closed.
        """
        self.meter.statements += 1
        seconds = self.limits.statement_seconds + self.limits.cancel_seconds
        with trio.move_on_after(seconds if self.limits.statement_seconds else float("inf")) as scope:
            await self.execute(statement, prepare=False)
        if scope.cancelled_caught:
            self.shut()
            raise psycopg.OperationalError("the server does not answer")


async def _connect(conninfo: str) -> Any:
    pgconn = pq.PGconn.connect_start(conninfo.encode())
    connected = False
    try:
        while True:
            if pgconn.status == pq.ConnStatus.BAD:
                raise psycopg.OperationalError(pgconn.get_error_message())
            state = pgconn.connect_poll()
            if state == pq.PollingStatus.OK:
                break
            await wait_polling(state, pgconn)
        pgconn.nonblocking = 1
        connected = True
        return pgconn
    finally:
        if not connected:
            pgconn.finish()
