"""The mark that an attempt makes before its content leaves: many at a time share one commit."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

import trio
from attrs import define, field

from e2ad.core.errors import Unavailable

__all__ = ["ClaimLost", "Marks"]

MAX_MARKS: Final = 256

W = TypeVar("W")


class ClaimLost(Exception):
    """The work is another's by now, or is not wanted any more: nothing may be sent."""


@define(eq=False)
class _Asked(Generic[W]):
    work: W
    done: trio.Event = field(factory=trio.Event)
    granted: bool = False
    error: Exception | None = None
    abandoned: bool = False


class Marks(Generic[W]):
    """The one writer of marks for one kind of work.

    Args:
        write: writes marks and says of which work the claim holds, by key.
        key: of a piece of work.
    """

    def __init__(self, write: Callable[[Sequence[W]], Awaitable[set[Hashable]]], key: Callable[[W], Hashable]) -> None:
        self._write = write
        self._key = key
        self._asked: list[_Asked[W]] = []
        self._wake = trio.Event()

    async def mark(self, work: W) -> None:
        """Returns once it is on disk that the content may be on its way.

        Raises:
            ClaimLost: it must not be sent.
            Unavailable: the database does not answer; it must not be sent now.

        Cancellation: it may be marked or not; nothing was sent, and the end of the attempt takes the mark back.
        """
        asked = _Asked(work)
        self._asked.append(asked)
        self._wake.set()
        try:
            await asked.done.wait()
        finally:
            asked.abandoned = True
        if asked.error is not None:
            raise asked.error
        if not asked.granted:
            raise ClaimLost

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write marks until cancelled; while one commit is on its way, the next batch gathers."""
        task_status.started()
        while True:
            if not self._asked:
                self._wake = trio.Event()
                await self._wake.wait()
            batch, self._asked = self._asked[:MAX_MARKS], self._asked[MAX_MARKS:]
            batch = [asked for asked in batch if not asked.abandoned]
            if not batch:
                continue
            try:
                await self._grant(batch)
            finally:
                for asked in batch:
                    if not asked.done.is_set():
                        asked.error = asked.error or Unavailable()
                        asked.done.set()

    async def _grant(self, batch: Sequence[_Asked[W]]) -> None:
        try:
            held = await self._write([asked.work for asked in batch])
        except Exception as error:  # noqa: BLE001 - each of those who asked is told, and sends nothing
            for asked in batch:
                asked.error = error
            return
        for asked in batch:
            asked.granted = self._key(asked.work) in held
            asked.done.set()
