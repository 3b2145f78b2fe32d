"""Says from time to time that this process lives, for those who look at the deployment.

Nothing depends on it: a database that is away, or refuses it, costs a beat and no more. A process that is killed says
nothing any more; the others delete its row after a while.
"""

import os
import socket
import time
from collections.abc import Sequence
from typing import Final

import structlog
import trio
from attrs import asdict, field, frozen

from e2ad import __version__, maillog
from e2ad.gateway.mint import new_id
from e2ad.storage import processes
from e2ad.storage.pool import Executor
from e2ad.supervisor import tasks

__all__ = ["Presence"]

log = structlog.get_logger("e2ad.daemon")

BEAT_SECONDS: Final = 15.0
FORGET_SECONDS: Final = 60.0
"""After so long without a beat a process is taken for gone."""
WAIT_SECONDS: Final = 5.0
LEAVE_SECONDS: Final = 1.0


@frozen
class Presence:
    """The row of this process."""

    executor: Executor
    roles: Sequence[str]
    beat_seconds: float = BEAT_SECONDS
    forget_seconds: float = FORGET_SECONDS
    id: str = field(factory=lambda: new_id("prc_"))
    _born: float = field(factory=time.monotonic, init=False)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Beat until cancelled.

        Cancellation: the row is deleted, if the database answers within a second; else the others do it.
        """
        task_status.started()
        try:
            while True:
                await self._try()
                await trio.sleep(self.beat_seconds)
        finally:
            with trio.move_on_after(LEAVE_SECONDS, shield=True):
                await self._leave()

    async def beat(self) -> None:
        """Say once that this process lives, and what its tasks do.

        Raises:
            Unavailable: the database does not answer.
        """
        await processes.beat(
            self.executor,
            self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            roles=sorted(self.roles),
            tasks=[asdict(task) for task in tasks()],
            lived_seconds=time.monotonic() - self._born,
            forget_seconds=self.forget_seconds,
        )

    async def _try(self) -> None:
        try:
            with trio.fail_after(WAIT_SECONDS):
                await self.beat()
        except Exception as error:  # noqa: BLE001 - whatever the table says to it, nobody waits for a beat
            log.warning("presence not told", error=maillog.reason_of(error))

    async def _leave(self) -> None:
        try:
            await processes.leave(self.executor, self.id)
        except Exception as error:  # noqa: BLE001 - the others do it
            log.warning("presence not taken back", error=maillog.reason_of(error))
