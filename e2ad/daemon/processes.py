"""Several processes that share the ports: the parent starts, watches, restarts and stops them.

The parent serves nothing itself. It learns from a pipe that a child is ready, tells the
service manager once all are, and starts a child that died again with the supervisor's
patience. A child that outlives the graces after SIGTERM is killed: nobody stays behind.
"""

import os
import subprocess
from collections.abc import Sequence
from functools import partial

import trio

from e2ad import maillog
from e2ad.config import Config
from e2ad.daemon import operate, systemd, tree
from e2ad.daemon.signals import stop_on_signal
from e2ad.supervisor import Policy, supervise

__all__ = ["READY_FD", "run"]

READY_FD = "E2AD_READY_FD"
"""The environment variable that names the pipe on which a child says that it is ready."""

START_SECONDS = 60.0
KILL_SECONDS = 5.0
CHILDREN = Policy(limit=10)


class ChildDied(Exception):
    """A worker process ended though nobody had asked it to."""


async def run(config: Config, *, roles: frozenset[str], workers: int, argv: Sequence[str]) -> None:
    """Run one process, or supervise `workers` of them, until a signal says stop.

    Args:
        argv: the command line of a child.

    Raises:
        ValueError: several processes cannot share a port that is picked anew by each.
    """
    if workers == 1:
        await _serve(config, roles)
        return
    if 0 in (config.smtp.port, config.http.port, config.dashboard.port):
        raise ValueError("--workers needs fixed ports: smtp.port, http.port and dashboard.port must not be 0")
    await operate.migrate(config, config.database.migrations)
    grace = sum(tree.graces(config)) + KILL_SECONDS
    async with stop_on_signal() as stop, trio.open_nursery() as office:
        async with trio.open_nursery() as children:
            for number in range(workers):
                await children.start(supervise, CHILDREN, f"worker {number}", _child, argv, stop, grace)
            systemd.notify("READY=1")
            if (period := systemd.watchdog_seconds()) is not None:
                await office.start(systemd.watchdog, period)
            maillog.serving(sorted(roles), workers=str(workers))
            await stop.wait()
            systemd.notify("STOPPING=1")
            children.cancel_scope.deadline = trio.current_time() + grace + KILL_SECONDS
        office.cancel_scope.cancel()
    maillog.stopped()


async def _serve(config: Config, roles: frozenset[str]) -> None:
    """One process: a first signal stops it with its graces, a second one at once."""
    ready = os.environ.pop(READY_FD, "")
    async with stop_on_signal() as stop, trio.open_nursery() as house:
        await house.start(partial(tree.serve, config, roles=roles, reuse_port=bool(ready), stop=stop))
        if ready:
            os.write(int(ready), b"1")
            os.close(int(ready))


async def _child(
    argv: Sequence[str],
    stopping: trio.Event,
    grace_seconds: float,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """One life of one process.

    Raises:
        ChildDied: it ended without being asked, or was not ready in time.

    Cancellation:
        The process gets SIGTERM, the grace, then SIGKILL; it is always reaped.
    """
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own command line; a fork takes a millisecond
            list(argv), pass_fds=(writing,), env={**os.environ, READY_FD: str(writing), "NOTIFY_SOCKET": ""}
        )
    finally:
        os.close(writing)
    try:
        with trio.move_on_after(START_SECONDS) as start:
            await trio.lowlevel.wait_readable(reading)
        if start.cancelled_caught or not os.read(reading, 1):
            raise ChildDied(f"process {process.pid} did not become ready")
        task_status.started()
        if not await _ended(process, stopping):
            raise ChildDied(f"process {process.pid} ended with status {process.poll()}")
    finally:
        os.close(reading)
        with trio.move_on_after(grace_seconds + KILL_SECONDS, shield=True):
            await _stop(process, grace_seconds)


async def _ended(process: "subprocess.Popen[bytes]", stopping: trio.Event) -> bool:
    """Wait for the stop or the process's own end; True when it was the stop."""
    async with trio.open_nursery() as nursery:

        async def until_dead() -> None:
            await _wait(process)
            nursery.cancel_scope.cancel()

        nursery.start_soon(until_dead)
        await stopping.wait()
        nursery.cancel_scope.cancel()
    return stopping.is_set()


async def _stop(process: "subprocess.Popen[bytes]", grace_seconds: float) -> None:
    if process.poll() is None:
        process.terminate()
        with trio.move_on_after(grace_seconds):
            await _wait(process)
    if process.poll() is None:
        process.kill()
        await _wait(process)


async def _wait(process: "subprocess.Popen[bytes]") -> None:
    """Until the process is gone; reaps it."""
    if process.poll() is not None:
        return
    descriptor = os.pidfd_open(process.pid)
    try:
        await trio.lowlevel.wait_readable(descriptor)
    finally:
        os.close(descriptor)
    process.poll()
