"""The loop of mail out: claims due work, makes each attempt under a deadline, records outcomes in batches.

It knows nothing of mail; a `Kind` says how to claim, attempt and record. What wakes it: `kick` by the
process that committed, `hear` for what others committed, the time when a retry known here is due, and
a slow poll, which is the net under all of these.
"""

from collections.abc import Sequence
from typing import Final, Generic, Protocol, TypeVar

import structlog
import trio

from e2ad import maillog
from e2ad.workers.recording import FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS, Recording

__all__ = ["Attempt", "Kind", "Loop"]

log = structlog.get_logger("e2ad.workers")

HEAR_SECONDS: Final = 0.05
RECORD_BATCH: Final = 128
RECORD_SECONDS: Final = 5.0
"""Shielded, at the end: the far side has acted on these attempts already."""

W = TypeVar("W")
D = TypeVar("D")
D_co = TypeVar("D_co", covariant=True)


class Attempt(Protocol[D_co]):
    """One attempt at one claimed piece of work."""

    async def run(self) -> None:
        """Try. What was found out before a failure or a cancellation is kept for `report`."""

    def expire(self) -> None:
        """Its deadline ended `run`."""

    def report(self) -> D_co:
        """What became of it so far; asked once, when `run` has ended in whatever way."""


class Kind(Protocol[W, D]):
    """A kind of work: where it comes from and where its outcomes go."""

    @property
    def name(self) -> str:
        """For the log."""

    async def claim(self, limit: int) -> Sequence[W]:
        """Take due work; attempt number and lease are on disk when this returns."""

    async def next_due_seconds(self) -> float | None:
        """Until more becomes due; None when nothing waits."""

    def begin(self, work: W) -> Attempt[D]:
        """An attempt at it."""

    async def record(self, outcomes: Sequence[D]) -> float | None:
        """Write outcomes in one transaction; seconds until the first of them is due again."""

    def id_of(self, outcome: D) -> str:
        """Whose outcome it is, for the log."""


class Loop(Generic[W, D]):
    """Works through one kind.

    Args:
        kind: of work.
        concurrency: attempts in flight.
        attempt_seconds: deadline of an attempt, shorter than the lease that the kind claims with.
        poll_seconds: the slow poll.
        hear_seconds: how long after a hint to look; hints that come meanwhile are the same hint.
    """

    def __init__(
        self,
        kind: Kind[W, D],
        *,
        concurrency: int,
        attempt_seconds: float,
        poll_seconds: float,
        hear_seconds: float = HEAR_SECONDS,
    ) -> None:
        self._kind = kind
        self._concurrency = concurrency
        self._attempt_seconds = attempt_seconds
        self._poll_seconds = poll_seconds
        self._hear_seconds = hear_seconds
        self._wake = trio.Event()
        self._claim_at = 0.0
        self._due_at = 0.0
        self._running = 0
        self._left_behind = False
        self._outcomes: Recording[D] = Recording(
            kind.name, self._record, id_of=kind.id_of, batch=RECORD_BATCH, last_seconds=RECORD_SECONDS
        )

    def kick(self) -> None:
        """Work was committed by this process: claim now. Does not wait."""
        self._claim_by(0.0)

    def hear(self) -> None:
        """Work was committed by some process, perhaps another one: claim in a moment."""
        self._claim_by(trio.current_time() + self._hear_seconds)

    async def run(self, closing: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until `closing`; then claim nothing more and return when the last attempt is recorded.

        Cancellation:
            Attempts in flight are broken off. What is known of them is still written, within a few
            seconds: a relay may have acted on it.
        """
        async with self._outcomes.open(), trio.open_nursery() as field_work:
            field_work.start_soon(self._wake_at, closing)
            task_status.started()
            await self._claim_all(closing, field_work)

    async def _wake_at(self, closing: trio.Event) -> None:
        await closing.wait()
        self._wake.set()

    async def _claim_all(self, closing: trio.Event, nursery: trio.Nursery) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        self._claim_at = self._due_at = trio.current_time()
        while not closing.is_set():
            await self._sleep(closing)
            if closing.is_set():
                return
            try:
                await self._claim(nursery)
                backoff = FIRST_BACKOFF_SECONDS
            except Exception as error:  # noqa: BLE001 - a database that is away comes back; what is due waits in it
                log.warning(f"{self._kind.name} not claimed", wait_seconds=backoff, error=maillog.reason_of(error))
                self._claim_at = self._due_at = trio.current_time() + backoff
                backoff = min(2 * backoff, LONGEST_BACKOFF_SECONDS)

    async def _sleep(self, closing: trio.Event) -> None:
        """Until there may be something to claim, and there is room for it."""
        while not closing.is_set():
            now = trio.current_time()
            wake_at, room = min(self._claim_at, self._due_at), self._room()
            if wake_at <= now and room > 0:
                return
            self._wake = trio.Event()
            # Without room only the end of an attempt can change anything, and that sets the event.
            with trio.move_on_after(wake_at - now if room > 0 else self._poll_seconds):
                await self._wake.wait()

    def _room(self) -> int:
        """Rows that may be claimed: outcomes that pile up unwritten leave less and less of it."""
        return min(self._concurrency, 4 * self._concurrency - len(self._outcomes)) - self._running

    async def _claim(self, nursery: trio.Nursery) -> None:
        while (room := self._room()) > 0:
            now = trio.current_time()
            timer = self._due_at <= now
            self._claim_at = now + self._poll_seconds
            claimed = await self._kind.claim(room)
            for work in claimed:
                self._running += 1
                nursery.start_soon(self._attempt, work)
            self._left_behind = len(claimed) >= room
            if timer:
                await self._learn_next_due()
            if not self._left_behind:
                return

    async def _learn_next_due(self) -> None:
        # Before the question, not after it: what is recorded meanwhile may be due earlier, and says so here.
        self._due_at = trio.current_time() + self._poll_seconds
        wait_seconds = await self._kind.next_due_seconds()
        if wait_seconds is not None:
            self._note_due(wait_seconds)

    def _note_due(self, wait_seconds: float) -> None:
        # Never a hot loop, whatever the clocks say: at most ten claims a second for what is late.
        at = trio.current_time() + max(0.1, wait_seconds)
        if at < self._due_at:
            self._due_at = at
            self._wake.set()

    def _claim_by(self, at: float) -> None:
        if at < self._claim_at:
            self._claim_at = at
            self._wake.set()

    async def _attempt(self, work: W) -> None:
        attempt = self._kind.begin(work)
        try:
            with trio.move_on_after(self._attempt_seconds) as scope:
                await attempt.run()
            if scope.cancelled_caught:
                attempt.expire()
        finally:
            self._running -= 1
            self._outcomes.add(attempt.report())
        if self._left_behind and self._running <= self._concurrency // 2:
            self._claim_by(0.0)
        self._wake.set()

    async def _record(self, batch: Sequence[D]) -> None:
        wait_seconds = await self._kind.record(batch)
        # There is room again, perhaps for a claim that is overdue.
        self._wake.set()
        if wait_seconds is not None:
            self._note_due(wait_seconds)
