"""Outcomes of attempts on their way into the database: in batches, none lost while there is time to write it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar

import structlog
import trio

from e2ad import maillog
from e2ad.core.errors import Unavailable

__all__ = ["FIRST_BACKOFF_SECONDS", "LONGEST_BACKOFF_SECONDS", "Recording"]

log = structlog.get_logger("e2ad.workers")

FIRST_BACKOFF_SECONDS: Final = 0.5
LONGEST_BACKOFF_SECONDS: Final = 30.0

D = TypeVar("D")


class Recording(Generic[D]):
    """The outcomes of one worker that are not written yet. Its length counts as work in hand: that bounds it.

    Args:
        name: of the outcomes' work, for the log.
        write: writes outcomes in one transaction.
        id_of: which work an outcome is of, for the log.
        batch: how many at once.
        last_seconds: for the last of them, shielded: the far side has acted on these attempts already.
        written: what else there is to do for outcomes once they are written; raises nothing, and may be cut short.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[D]], Awaitable[None]],
        *,
        id_of: Callable[[D], str],
        batch: int,
        last_seconds: float,
        written: Callable[[Sequence[D]], Awaitable[None]] | None = None,
    ) -> None:
        self._name = name
        self._write = write
        self._id_of = id_of
        self._batch = batch
        self._last_seconds = last_seconds
        self._written = written
        self._outcomes: list[D] = []
        self._changed = trio.Event()
        self._ending = False

    def __len__(self) -> int:
        return len(self._outcomes)

    def add(self, *outcomes: D) -> None:
        """Have outcomes written. Does not wait."""
        self._outcomes += outcomes
        self._changed.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Write what is added while the block runs, and at its end the rest.

        Cancellation:
            What was added by the end of the block is still written, within the last seconds.
        """
        self._ending = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_all)
                yield
                self._ending = True
                self._changed.set()
        finally:
            # Only here have all attempts ended, those too that used their last seconds to hear an answer.
            if self._outcomes:
                with trio.move_on_after(self._last_seconds, shield=True):
                    await self._write_last()

    async def _write_all(self) -> None:
        """While one transaction is on its way, the next batch gathers."""
        backoff = FIRST_BACKOFF_SECONDS
        while self._outcomes or not self._ending:
            if not self._outcomes:
                self._changed = trio.Event()
                await self._changed.wait()
                continue
            try:
                await self._write_some()
                backoff = FIRST_BACKOFF_SECONDS
            except Exception as error:  # noqa: BLE001 - the outcomes are kept and written when the database is back
                log.warning(f"{self._name} not recorded", wait_seconds=backoff, error=maillog.reason_of(error))
                if self._ending:
                    return
                await trio.sleep(backoff)
                backoff = min(2 * backoff, LONGEST_BACKOFF_SECONDS)

    async def _write_last(self) -> None:
        try:
            while self._outcomes:
                await self._write_some()
        except Exception as error:  # noqa: BLE001 - when their leases end, the rows say the rest
            log.warning(f"{self._name} lost", count=len(self), error=maillog.reason_of(error))

    async def _write_some(self) -> None:
        failure: Exception | None = None
        try:
            await self._write_first(self._batch)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - raised again below, unless it was one outcome's alone
            failure = error
        if failure is not None and not await self._write_singly():
            raise failure

    async def _write_singly(self) -> bool:
        """Each outcome for itself, so that one that cannot be written does not hold up all others for ever.

        Returns:
            Whether any could be written; if not, it is not the outcomes, and all are kept.
        """
        written = False
        stuck: list[D] = []
        try:
            for _ in range(min(len(self), self._batch)):
                try:
                    await self._write_first(1)
                    written = True
                except Unavailable:
                    raise
                except Exception as error:  # noqa: BLE001 - said here; when its lease ends the row says the rest
                    stuck.append(self._outcomes.pop(0))
                    reason = maillog.reason_of(error)
                    log.warning(f"one of {self._name} not recorded", id=self._id_of(stuck[-1]), error=reason)
        finally:
            if not written:
                self._outcomes[:0] = stuck
        return written

    async def _write_first(self, limit: int) -> None:
        batch = self._outcomes[:limit]
        await self._write(batch)
        # Only now: an outcome that was not written stays in the list.
        del self._outcomes[: len(batch)]
        if self._written is not None:
            await self._written(batch)
