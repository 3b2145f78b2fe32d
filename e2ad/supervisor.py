"""Keeps a task alive, and knows when to stop trying.

A child that dies before it says `started` has a wrong configuration or a taken port: no
restart mends that, so it is always fatal. One that dies later is started again after 1, 2,
4 … 60 seconds; 300 seconds of health wipe the slate. Past the policy's limit the failure
goes up, the tree falls, and systemd starts a clean one.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio
from attrs import define, frozen

from e2ad import maillog

__all__ = ["FATAL", "PATIENT", "Policy", "Task", "supervise", "tasks"]


@frozen
class Policy:
    """How often a child may fail, and how long to wait in between.

    Attributes:
        limit: restarts before the failure goes up; 0 means that the first one does.
        first_wait_seconds, longest_wait_seconds: the wait doubles from one to the other.
        healthy_seconds: a life of this length forgets the failures before it.
    """

    limit: int
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0
    healthy_seconds: float = 300.0

    def wait_seconds(self, failures: int) -> float:
        """The wait after this many failures in a row, the first being 1."""
        return float(min(self.longest_wait_seconds, self.first_wait_seconds * 2 ** (failures - 1)))


PATIENT: Final = Policy(limit=10)
"""For workers: what they do can wait a minute."""

FATAL: Final = Policy(limit=0)
"""For doors: a closed door must be seen."""


@define(eq=False)
class Task:
    """A supervised task as it is now; one that does not run waits for its next life."""

    name: str
    restarts: int = 0
    running: bool = True


_TASKS: Final[trio.lowlevel.RunVar[dict[Task, Task]]] = trio.lowlevel.RunVar("supervised tasks")


def tasks() -> list[Task]:
    """All tasks that are supervised in this event loop now, by name."""
    return sorted(_TASKS.get({}).values(), key=lambda task: task.name)


async def supervise(
    policy: Policy,
    name: str,
    child: Callable[..., Awaitable[Any]],
    *args: Any,
    task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run `child(*args, task_status=…)`, again and again if it fails; return when it returns.

    Each life has a nursery of its own, so nothing of a dead child lingers. The value that the
    first life passes to `started` is passed on.

    Args:
        policy: how patient to be.
        name: for the log.
        child: a task that calls `task_status.started()` once it truly serves.

    Raises:
        Exception: what killed the child before it had started, or once too often.

    Cancellation:
        Cancels the child, or the wait before its next life; nothing is left behind.
    """
    task, everyone = Task(name), _TASKS.get({})
    _TASKS.set(everyone)
    everyone[task] = task
    try:
        await _live(policy, task, child, *args, task_status=task_status)
    finally:
        del everyone[task]


async def _live(
    policy: Policy,
    task: Task,
    child: Callable[..., Awaitable[Any]],
    *args: Any,
    task_status: trio.TaskStatus[Any],
) -> None:
    failures = 0
    told = False
    while True:
        born_at = trio.current_time()
        alive = False
        try:
            async with trio.open_nursery() as life:
                value = await life.start(child, *args)
                alive = task.running = True
                if not told:
                    told = True
                    task_status.started(value)
        except Exception as error:
            task.running = False
            if trio.current_time() - born_at >= policy.healthy_seconds:
                failures = 0
            failures += 1
            if not told or failures > policy.limit:
                maillog.task_gave_up(task.name, failures, error)
                raise
            wait = policy.wait_seconds(failures)
            maillog.task_failed(task.name, failures, wait, error, alive=alive)
            task.restarts += 1
            await trio.sleep(wait)
        else:
            return
