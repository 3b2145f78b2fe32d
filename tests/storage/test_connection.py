"""The contract with psycopg: whatever is cancelled, a connection is usable or closed, never in between."""

import os
import random
import signal
import socket
from collections.abc import AsyncIterator

import psycopg
import pytest
import trio
from psycopg import errors, pq

from e2ad.storage.addresses import attempts
from e2ad.storage.connection import Limits, TrioConnection

IDLE = pq.TransactionStatus.IDLE


@pytest.fixture
async def connection(empty_dsn: str) -> AsyncIterator[TrioConnection]:
    opened = await TrioConnection.open(empty_dsn)
    await opened.command(b"create table numbers (x integer)")
    yield opened
    opened.shut()


async def create_slow_commit(connection: TrioConnection, seconds: float) -> None:
    """A table that makes COMMIT take its time."""
    await connection.command(b"create table slow (x integer)")
    await connection.command(
        b"create function wait() returns trigger language plpgsql as "
        b"$$ begin perform pg_sleep(%f); return null; end $$" % seconds
    )
    await connection.command(
        b"create constraint trigger waits after insert on slow deferrable initially deferred for each row "
        b"execute function wait()"
    )


async def insert(connection: TrioConnection, table: str, error: Exception | None = None) -> None:
    async with connection.transaction():
        await connection.execute(f"insert into {table} values (2)")
        if error:
            raise error


async def value(connection: TrioConnection, statement: str) -> object:
    row = await (await connection.execute(statement)).fetchone()
    return row[0] if row else None


async def usable(connection: TrioConnection) -> bool:
    return connection.info.transaction_status == IDLE and await value(connection, "select 42") == 42


async def test_session_settings(connection):
    assert connection.autocommit
    assert await value(connection, "show timezone") == "UTC"
    assert await value(connection, "show application_name") == "e2ad"
    assert await value(connection, "show statement_timeout") == "30s"
    assert (await value(connection, "select now()")).utcoffset().total_seconds() == 0


async def test_statement_cancelled_in_the_middle(connection):
    start = trio.current_time()
    with trio.move_on_after(0.2) as scope:
        await connection.execute("select pg_sleep(5)")
    assert scope.cancelled_caught
    assert trio.current_time() - start < 1
    assert await usable(connection)
    running = "select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'"
    assert await value(connection, running) == 0


async def test_statement_is_not_sent_in_a_cancelled_scope(connection):
    with trio.CancelScope() as scope:
        scope.cancel()
        await connection.execute("insert into numbers values (1)")
    assert scope.cancelled_caught
    assert await value(connection, "select count(*) from numbers") == 0


async def test_server_that_does_not_stop_costs_the_connection(connection):
    connection.limits = Limits(cancel_seconds=0.0)
    with trio.move_on_after(0.05):
        await connection.execute("select pg_sleep(5)")
    assert connection.closed


@pytest.mark.parametrize("where", ["between statements", "in a statement", "before commit"])
async def test_cancelled_transaction_is_rolled_back(connection, where):
    with trio.CancelScope() as scope:
        async with connection.transaction():
            await connection.execute("insert into numbers values (1)")
            if where == "between statements":
                scope.deadline = trio.current_time() + 0.05
                await trio.sleep_forever()
            elif where == "in a statement":
                scope.deadline = trio.current_time() + 0.05
                await connection.execute("select pg_sleep(5)")
            else:
                scope.cancel()
    assert scope.cancelled_caught
    assert connection.depth == 0
    assert await usable(connection)
    assert await value(connection, "select count(*) from numbers") == 0


async def test_cancelled_before_begin(connection):
    with trio.CancelScope() as scope:
        scope.cancel()
        async with connection.transaction():
            raise AssertionError
    assert connection.depth == 0
    assert await usable(connection)


async def test_commit_survives_cancellation(connection):
    """Once COMMIT is sent the transaction is kept, although the scope was cancelled meanwhile."""
    await create_slow_commit(connection, 0.3)
    with trio.move_on_after(0.15) as scope:
        async with connection.transaction():
            await connection.execute("insert into slow values (1)")
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert await value(connection, "select count(*) from slow") == 1


async def test_commit_without_an_answer(connection):
    await create_slow_commit(connection, 5)
    connection.limits = Limits(exit_seconds=0.1)
    with pytest.raises(psycopg.OperationalError, match="outcome is unknown"):
        await insert(connection, "slow")
    assert connection.closed


async def test_failed_transaction_never_ends_well(connection):

    async def swallow() -> None:
        async with connection.transaction():
            await connection.execute("insert into numbers values (1)")
            with pytest.raises(errors.DivisionByZero):
                await connection.execute("select 1 / 0")

    with pytest.raises(errors.InFailedSqlTransaction):
        await swallow()
    assert await usable(connection)
    assert await value(connection, "select count(*) from numbers") == 0


async def test_savepoint(connection):
    async with connection.transaction():
        await connection.execute("insert into numbers values (1)")
        with pytest.raises(ValueError, match="inner"):
            await insert(connection, "numbers", ValueError("inner"))
        async with connection.transaction():
            await connection.execute("insert into numbers values (3)")
            async with connection.transaction():
                await connection.execute("insert into numbers values (4)")
    assert await value(connection, "select array_agg(x order by x) from numbers") == [1, 3, 4]


async def test_cancelled_savepoint_leaves_the_outer_transaction(connection):
    async with connection.transaction():
        await connection.execute("insert into numbers values (1)")
        with trio.move_on_after(0.05) as scope:
            async with connection.transaction():
                await connection.execute("insert into numbers values (2)")
                await connection.execute("select pg_sleep(5)")
        assert scope.cancelled_caught
        await connection.execute("insert into numbers values (3)")
    assert await value(connection, "select array_agg(x order by x) from numbers") == [1, 3]


async def test_transaction_of_a_lost_connection(connection, empty_dsn):
    killer = await TrioConnection.open(empty_dsn)

    async def work() -> None:
        async with connection.transaction():
            await connection.execute("insert into numbers values (1)")
            await killer.execute("select pg_terminate_backend(%s)", [connection.info.backend_pid])
            await connection.execute("insert into numbers values (2)")

    with pytest.raises(psycopg.OperationalError):
        await work()
    assert connection.closed
    assert await value(killer, "select count(*) from numbers") == 0
    killer.shut()


async def test_pipeline(connection):
    async with connection.pipeline():
        cursors = [await connection.execute("select %s::int", [i]) for i in range(50)]
        assert [(await cursor.fetchone())[0] for cursor in cursors] == list(range(50))
    assert await usable(connection)


async def test_transaction_inside_a_pipeline_is_refused(connection):
    async with connection.pipeline():
        with pytest.raises(psycopg.ProgrammingError, match="outside"):
            async with connection.transaction():
                pass
    async with connection.transaction(), connection.pipeline():
        await connection.execute("insert into numbers values (1)")
    assert await value(connection, "select count(*) from numbers") == 1


async def test_cancelled_pipeline(connection):
    with trio.move_on_after(0.1) as scope:
        async with connection.pipeline() as pipeline:
            await connection.execute("select pg_sleep(5)")
            cursor = await connection.execute("select 7")
            await pipeline.sync()
            await cursor.fetchone()
    assert scope.cancelled_caught
    assert connection.closed


async def test_pipeline_left_in_a_cancelled_scope(connection):
    """The connection is closed, or out of the pipeline and as good as before."""
    with trio.CancelScope() as scope:
        async with connection.pipeline() as pipeline:
            cursor = await connection.execute("select 7")
            await pipeline.sync()
            await cursor.fetchone()
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert connection.pgconn.pipeline_status == pq.PipelineStatus.OFF
    if not connection.closed:
        async with connection.pipeline():
            await connection.execute("insert into numbers values (1)")
        assert await value(connection, "select count(*) from numbers") == 1
        assert await usable(connection)


async def test_free_lock_is_no_checkpoint(connection):
    """psycopg takes it before whatever it does to clean up, which a cancelled scope must not skip."""
    entered = False
    with trio.CancelScope() as scope:
        scope.cancel()
        async with connection.lock:
            entered = True
    assert entered


async def test_executemany(connection):
    cursor = connection.cursor()
    await cursor.executemany("insert into numbers values (%s)", [(i,) for i in range(1000)])
    assert await value(connection, "select count(*) from numbers") == 1000
    with trio.move_on_after(0.1) as scope:
        await cursor.executemany("select pg_sleep(0.05), %s", [(i,) for i in range(1000)])
    assert scope.cancelled_caught
    assert connection.closed or await usable(connection)


async def test_more_than_a_socket_buffer_both_ways(connection):
    """Sending blocks while the server answers: both directions are waited for at once."""
    blob = random.randbytes(1_000_000)
    async with connection.pipeline():
        cursors = [await connection.execute("select %b::bytea", [blob]) for _ in range(8)]
        for cursor in cursors:
            assert (await cursor.fetchone())[0] == blob


async def test_copy(connection):
    async with connection.cursor().copy("copy numbers from stdin") as copy:
        for i in range(20_000):
            await copy.write_row((i,))
    lines = 0
    async with connection.cursor().copy("copy numbers to stdout") as copy:
        async for block in copy:
            lines += bytes(block).count(b"\n")
    assert lines == 20_000


@pytest.mark.parametrize("statement", ["copy numbers to stdout", "copy numbers from stdin"])
async def test_cancelled_copy(connection, statement):
    await connection.execute("insert into numbers select generate_series(1, 50000)")
    with trio.CancelScope() as scope:
        async with connection.cursor().copy(statement) as copy:
            if "stdout" in statement:
                await copy.read()
            else:
                await copy.write_row((1,))
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    # Not idle is as good as closed: the pool discards it.
    assert connection.closed or connection.info.transaction_status != IDLE or await usable(connection)


async def test_server_side_cursor_and_stream(connection):
    async with connection.transaction(), connection.cursor("named") as cursor:
        await cursor.execute("select generate_series(1, 1000)")
        assert sum([x async for (x,) in cursor]) == 500_500
    assert sum([x async for (x,) in connection.cursor().stream("select generate_series(1, 1000)")]) == 500_500
    assert await usable(connection)


async def test_notifications(connection, empty_dsn):
    listening = await TrioConnection.open(empty_dsn)
    await listening.execute("listen news")
    with trio.move_on_after(0.05) as scope:
        await listening.next_notifies()
    assert scope.cancelled_caught
    assert not listening.closed
    await connection.execute("notify news, 'one'")
    await connection.execute("notify news, 'two'")
    await listening.execute("select 1")  # notifications that arrive with an answer are kept
    with trio.fail_after(5):
        assert [n.payload for n in await listening.next_notifies()] == ["one", "two"]
        await connection.execute("notify news, 'three'")
        assert [n.payload for n in await listening.next_notifies()] == ["three"]
    await connection.execute("select pg_terminate_backend(%s)", [listening.info.backend_pid])
    with trio.fail_after(5), pytest.raises(psycopg.OperationalError):
        await listening.next_notifies()
    listening.shut()
    with pytest.raises(psycopg.NotSupportedError):
        connection.notifies()


@pytest.mark.parametrize("how", ["killed", "shut"])
async def test_connection_lost_while_waiting(connection, empty_dsn, how):
    victim = await TrioConnection.open(empty_dsn)
    failed = trio.Event()

    async def wait() -> None:
        with pytest.raises(psycopg.OperationalError):
            await victim.execute("select pg_sleep(10)")
        failed.set()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked(0.05)
            if how == "killed":
                await connection.execute("select pg_terminate_backend(%s)", [victim.info.backend_pid])
            else:
                victim.shut()
            await failed.wait()
    victim.shut()


async def test_timeout_of_the_seam(connection):
    """psycopg passes a timeout to `wait` in some of its methods."""
    with pytest.raises(trio.TooSlowError):
        await connection.wait(psycopg.generators.notifies(connection.pgconn), timeout=0.02)
    assert await usable(connection)


async def test_without_an_asynchronous_cancel(connection, monkeypatch):
    """libpq before 17 cancels from a thread."""
    monkeypatch.setattr(psycopg.capabilities, "has_cancel_safe", lambda: False)
    with trio.move_on_after(0.1) as scope:
        await connection.execute("select pg_sleep(5)")
    assert scope.cancelled_caught
    assert await usable(connection)


async def test_cancellations_at_any_moment(empty_dsn):
    """No cancel request hits the next statement, no prepared statement gets lost, no connection is left behind."""
    spurious = 0
    rounds = 0

    async def worker(seed: int) -> None:
        nonlocal spurious, rounds
        moments = random.Random(seed)
        connection = await TrioConnection.open(empty_dsn, prepare_threshold=1)
        end = trio.current_time() + 2
        while trio.current_time() < end:
            rounds += 1
            with trio.move_on_after(moments.uniform(0, 0.004)):
                if rounds % 3:
                    await connection.execute("select pg_sleep(%s)", [moments.choice((0, 0.001, 0.002))])
                else:
                    async with connection.transaction():
                        await connection.execute("select pg_sleep(%s)", [0.001])
            assert not connection.closed
            assert connection.info.transaction_status == IDLE
            try:
                assert await value(connection, "select 42") == 42
            except errors.QueryCanceled:
                spurious += 1
        connection.shut()

    async with trio.open_nursery() as nursery:
        for seed in range(5):
            nursery.start_soon(worker, seed)
    assert spurious == 0
    assert rounds > 50


@pytest.mark.parametrize("k", range(1, 26, 3))
async def test_cancelled_at_the_kth_step(empty_dsn, k):
    """Cancel at every step of connect, BEGIN, statement, COMMIT: the row is there or it is not, never in doubt."""
    watching = await TrioConnection.open(empty_dsn)
    await watching.command(b"create table numbers (x integer)")
    scope = trio.CancelScope()
    committed = False

    class Steps(trio.abc.Instrument):
        seen = 0

        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            if task is me:
                self.seen += 1
                if self.seen == k:
                    scope.cancel()

    me = trio.lowlevel.current_task()
    steps = Steps()
    connection = None
    trio.lowlevel.add_instrument(steps)
    try:
        with scope:
            connection = await TrioConnection.open(empty_dsn)
            async with connection.transaction():
                await connection.execute("insert into numbers values (1)")
                await trio.lowlevel.checkpoint()
            committed = True
    finally:
        trio.lowlevel.remove_instrument(steps)
    assert await value(watching, "select count(*) from numbers") == committed
    if connection:
        assert connection.closed or await usable(connection)
        connection.shut()
    watching.shut()


async def test_unreachable_hosts_say_why():
    with pytest.raises(psycopg.OperationalError, match="/nonexistent"):
        await TrioConnection.open("host=/nonexistent dbname=x")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused at once
        with pytest.raises(psycopg.OperationalError, match="port"):
            await TrioConnection.open(f"host=127.0.0.1 port={taken.getsockname()[1]} dbname=x")


async def test_connect_timeout():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # accepts and never answers
        port = silent.getsockname()[1]
        with pytest.raises(psycopg.OperationalError, match="no answer within"):
            await TrioConnection.open(f"host=127.0.0.1 port={port} dbname=x", limits=Limits(connect_seconds=0.2))


async def test_second_host_is_used(empty_dsn):
    """The first host swallows packets, the second one is a socket directory."""
    host = psycopg.conninfo.conninfo_to_dict(empty_dsn)["host"]
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        ports = f"{silent.getsockname()[1]},5432"
        dsn = psycopg.conninfo.make_conninfo(
            empty_dsn, host=f"127.0.0.1,{host}", port=ports, target_session_attrs="read-write"
        )
        connection = await TrioConnection.open(dsn, limits=Limits(connect_seconds=1.0))
    assert await usable(connection)
    connection.shut()


async def test_target_session_attrs(empty_dsn):
    dsn = psycopg.conninfo.make_conninfo(empty_dsn, target_session_attrs="standby")
    with pytest.raises(psycopg.OperationalError, match="standby"):
        await TrioConnection.open(dsn)
    dsn = psycopg.conninfo.make_conninfo(empty_dsn, target_session_attrs="prefer-standby")
    (await TrioConnection.open(dsn)).shut()


async def test_attempts():
    found = await attempts("host=127.0.0.1,10.0.0.2 port=5433,5434 dbname=x")
    assert [(a["host"], a["hostaddr"], a["port"]) for a in found] == [
        ("127.0.0.1", "127.0.0.1", "5433"),
        ("10.0.0.2", "10.0.0.2", "5434"),
    ]
    assert {a["hostaddr"] for a in await attempts("postgresql://localhost:5433/x")} <= {"127.0.0.1", "::1"}
    socket_only = await attempts("host=/run/postgresql dbname=x options='-c work_mem=1MB'", 2.5)
    assert socket_only[0]["hostaddr"] == ""
    assert "statement_timeout=2500" in socket_only[0]["options"]
    assert "work_mem=1MB" in socket_only[0]["options"]
    with pytest.raises(psycopg.OperationalError, match="2 hosts and 3 values"):
        await attempts("host=a,b port=1,2,3")
    with pytest.raises(psycopg.OperationalError, match=r"cannot resolve 'nowhere\.invalid'"):
        await attempts("host=nowhere.invalid")
    with pytest.raises(psycopg.ProgrammingError):
        await attempts("hots=a")


async def test_begin_does_not_wait_for_ever_for_a_server_that_stands_still(empty_dsn: str) -> None:
    opened = await TrioConnection.open(empty_dsn, limits=Limits(statement_seconds=0.2, cancel_seconds=0.2))
    backend = opened.info.backend_pid
    os.kill(backend, signal.SIGSTOP)
    try:
        with trio.fail_after(5), pytest.raises(psycopg.OperationalError):
            async with opened.transaction():
                pytest.fail("nobody answered")
        assert opened.closed
    finally:
        os.kill(backend, signal.SIGCONT)
        opened.shut()
