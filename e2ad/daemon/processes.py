"""Several processes that share the ports: the parent starts, watches, restarts and stops them.

The parent serves nothing itself. Each child has a lifeline to it (`lifeline`): it brings the word
that the child is ready, and its end stops the child. The parent tells the service manager once
all are ready, and starts a child that died again with the supervisor's patience. A child that
outlives the graces is killed: nobody stays behind.
"""

import os
import socket
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import trio
from attrs import field, frozen

from e2ad import maillog
from e2ad.config import Config, ConfigError
from e2ad.daemon import lifeline, operate, systemd, tree
from e2ad.daemon.collector import spare_what_stays
from e2ad.daemon.signals import stop_on_signal
from e2ad.supervisor import Policy, supervise

__all__ = ["ChildDied", "run"]

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
        ConfigError: several processes cannot share a port that each of them would pick anew.
        ChildDied: a child did not become ready, or died once too often.
    """
    spare_what_stays()
    line = lifeline.inherited()
    if line is not None:
        with line:
            await _serve_as_child(config, roles, line)
    elif workers == 1:
        async with stop_on_signal() as stop:
            await tree.serve(config, roles=roles, stop=stop)
    else:
        _check_ports(config, roles)
        await _supervise_children(config, roles, workers, argv)


def _check_ports(config: Config, roles: frozenset[str]) -> None:
    ports = {"smtp.port": config.smtp.port} if "smtp" in roles else {}
    if "http" in roles:
        ports["http.port"] = config.http.port
        if config.features.dashboard:
            ports["dashboard.port"] = config.dashboard.port
    if problems := [f"{key}: must not be 0 with --workers" for key, port in ports.items() if port == 0]:
        raise ConfigError(problems)


async def _supervise_children(config: Config, roles: frozenset[str], workers: int, argv: Sequence[str]) -> None:
    await operate.migrate(config, config.database.migrations)
    async with stop_on_signal() as stop, trio.open_nursery() as office:
        crew = _Crew(argv, stop, sum(tree.graces(config)))
        async with trio.open_nursery() as children:
            for number in range(workers):
                await children.start(supervise, CHILDREN, f"worker {number}", crew.live_once)
            if (period := systemd.watchdog_seconds()) is not None:
                await office.start(systemd.watchdog, period)
            maillog.serving(sorted(roles), workers=str(workers))
            systemd.notify("READY=1")
            await stop.wait()
            systemd.notify("STOPPING=1")
            for gone in list(crew.living):
                await gone.wait()
            # Who is left waits for the time to start a child again.
            children.cancel_scope.cancel()
        office.cancel_scope.cancel()
    maillog.stopped()


async def _serve_as_child(config: Config, roles: frozenset[str], line: trio.socket.SocketType) -> None:
    async with stop_on_signal() as stop, trio.open_nursery() as family:

        async def heed_parent() -> None:
            await lifeline.wait_parent_gone(line)
            maillog.stopping("parent")
            stop.set()

        family.start_soon(heed_parent)
        async with trio.open_nursery() as house:
            await house.start(partial(tree.serve, config, roles=roles, reuse_port=True, stop=stop))
            try:
                await line.send(b"1")
            except OSError:
                stop.set()
        family.cancel_scope.cancel()


@frozen(eq=False)
class _Crew:
    """The worker processes: how one is started, and which of them live."""

    argv: Sequence[str]
    stopping: trio.Event
    grace_seconds: float
    living: set[trio.Event] = field(factory=set)

    async def live_once(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """One life of one process.

        Raises:
            ChildDied: it ended without being asked, or was not ready in time.

        Cancellation:
            The process is asked to stop and gets a few seconds, then it is killed; it is always reaped.
        """
        if self.stopping.is_set():
            task_status.started()
            return
        gone = trio.Event()
        self.living.add(gone)
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                environ = {**os.environ, lifeline.LIFELINE: str(theirs.fileno()), "NOTIFY_SOCKET": ""}
                process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own command line; a fork takes a millisecond
                    list(self.argv), pass_fds=(theirs.fileno(),), env=environ
                )
            try:
                await self._wait_ready(process, ours)
                task_status.started()
                await _first(partial(_wait, process), self.stopping.wait)
                if not self.stopping.is_set():
                    raise ChildDied(f"process {process.pid} ended with status {process.poll()}")
                ours.close()
                with trio.move_on_after(self.grace_seconds):
                    await _wait(process)
            finally:
                ours.close()
                with trio.move_on_after(3 * KILL_SECONDS, shield=True):
                    await _end(process)
        finally:
            self.living.discard(gone)
            gone.set()

    async def _wait_ready(self, process: "subprocess.Popen[bytes]", line: socket.socket) -> None:
        with trio.move_on_after(START_SECONDS) as start:
            await _first(partial(trio.lowlevel.wait_readable, line), self.stopping.wait)
        if self.stopping.is_set():
            return
        if start.cancelled_caught or not line.recv(1):
            # It hung up by itself, most likely: let it say why before it is ended.
            with trio.move_on_after(KILL_SECONDS):
                await _wait(process)
            raise ChildDied(f"worker process {process.pid} did not become ready")


async def _first(*waits: Callable[[], Awaitable[object]]) -> None:
    """Wait until one of these has come true."""
    async with trio.open_nursery() as nursery:

        async def one(wait: Callable[[], Awaitable[object]]) -> None:
            await wait()
            nursery.cancel_scope.cancel()

        for wait in waits:
            nursery.start_soon(one, wait)


async def _end(process: "subprocess.Popen[bytes]") -> None:
    """Make sure that it is gone: SIGTERM, a few seconds, SIGKILL. Does nothing for one that has ended."""
    with trio.move_on_after(KILL_SECONDS):
        if process.poll() is None:
            process.terminate()
            await _wait(process)
    with trio.move_on_after(KILL_SECONDS):
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
