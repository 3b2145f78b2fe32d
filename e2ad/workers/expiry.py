"""What becomes of holds that nobody decided about: each ends as its owner wanted, approved or rejected.

A task of its own, apart from the sweeps: a mail that is let go has to leave soon. Every hold is a transaction
of its own, and whoever else decides about it at that moment wins or loses as anybody does. Any number of
processes look for the same holds; who comes second finds them taken and goes on.
"""

import random
from collections.abc import Callable
from typing import Final

import structlog
import trio
from attrs import frozen

from e2ad import maillog
from e2ad.core.errors import Failure, MessageNotPending, NotFound, Unavailable, answer
from e2ad.gateway import mint
from e2ad.gateway.courier import Courier
from e2ad.gateway.reviews import Reviews
from e2ad.storage import reviews as storage
from e2ad.storage.pool import Database, Executor
from e2ad.storage.reviews import Due, Locked

__all__ = ["BATCH", "Expiry"]

log = structlog.get_logger("e2ad.workers")

BATCH: Final = 100
HANDS: Final = 2
"""Holds in hand at once: they share the pool with mail that comes in."""
DECIDE_SECONDS: Final = 60.0
DIRECTIONS: Final = ("outbound", "inbound")
SPREAD: Final = 0.1


@frozen
class Expiry:
    """The clock's hand on holds.

    Args:
        database: where they are.
        reviews: the verbs; asked for each time, since a process on a free port learns its public URL late.
        courier: told when mail was let go.
    """

    database: Database
    reviews: Callable[[], Reviews]
    courier: Courier

    async def run(
        self, period_seconds: float, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Sweep every `period_seconds` until cancelled.

        Cancellation: the hold in hand is decided or not; the next run goes on.
        """
        task_status.started()
        while True:
            await trio.sleep(period_seconds * (1 - SPREAD * random.random()))
            try:
                decided = await self.sweep()
            except Unavailable as error:
                log.warning("expired holds not looked for", error=maillog.reason_of(error))
                continue
            if decided:
                maillog.swept("holds", decided)

    async def sweep(self) -> int:
        """End every hold that has run out by now; how many this process ended.

        Raises:
            Unavailable: the database does not answer; what is left is still there.
        """
        decided = 0
        at = mint.now()
        for direction in DIRECTIONS:
            last: Due | None = None
            while True:
                batch = await storage.due(self.database, direction, at, after=last, limit=BATCH)
                decided += await self._end_all(batch)
                if len(batch) < BATCH:
                    break
                last = batch[-1]
        return decided

    async def _end_all(self, batch: list[Due]) -> int:
        results: list[bool] = []
        waiting = iter(batch)

        async def work() -> None:
            for due in waiting:
                results.append(await self._end(due))

        async with trio.open_nursery() as nursery:
            for _ in range(min(HANDS, len(batch))):
                nursery.start_soon(work)
        if any(results):
            self.courier.kick()
        return sum(results)

    async def _end(self, due: Due) -> bool:
        """End one hold. Whatever is wrong with it, the others are ended too; it is looked at again next time."""
        with trio.move_on_after(DECIDE_SECONDS):
            try:
                return await self._decide(due)
            except (Unavailable, MessageNotPending, NotFound):
                return False
            except Exception:
                log.exception("expired hold not ended", message_id=due.id)
        return False

    async def _decide(self, due: Due) -> bool:
        reviews = self.reviews()
        try:
            async with self.database.transaction() as transaction:
                locked = await self._take(transaction, due)
                if locked is None:
                    return False
                hold = await reviews.expired(transaction, locked)
                if hold.on_expiry == "approve":
                    await reviews.expire_approving(transaction, locked, hold)
                else:
                    await reviews.expire_rejecting(transaction, locked, hold, "the time to decide ran out")
                return True
        except Failure as failure:
            # Trouble that passes is no answer to the question whether a mail may leave.
            if answer(failure).again or isinstance(failure, MessageNotPending | NotFound):
                raise
            refusal = f"could not be sent when its time ran out: {failure.message}"
        except ValueError as error:
            refusal = f"could not be composed when its time ran out: {error}"
        async with self.database.transaction() as transaction:
            locked = await self._take(transaction, due)
            if locked is None:
                return False
            hold = await reviews.expired(transaction, locked)
            await reviews.expire_rejecting(transaction, locked, hold, refusal[:2000])
            return True

    async def _take(self, transaction: Executor, due: Due) -> Locked | None:
        return await storage.lock_due(transaction, due.account_id, due.id, mint.now())
