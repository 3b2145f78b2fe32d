"""Memory for large request bodies: one budget for the whole process.

A request may have 40 MiB, and its JSON, its base64 and the mail that is made of them stand in memory at the same
time. However many come at once, the bodies that are read and worked on have together at most the budget; the
others wait a moment and are then told to come again. Small bodies do not count: what they can use together
is bounded by `http.max_connections`.
"""

from types import TracebackType
from typing import Final

import trio
from attrs import define, field

from e2ad.core.errors import Unavailable

__all__ = ["FREE_BYTES", "Bodies", "Lease"]

FREE_BYTES: Final = 262_144
"""A body up to this size takes nothing of the budget. Of strangers no larger one is read."""
WAIT_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 5
_BUSY: Final = "too many large requests at the moment: send it again in a few seconds"


@define(eq=False)
class Bodies:
    """The budget. A body that is larger than all of it may have all of it, alone."""

    budget_bytes: int
    taken_bytes: int = 0
    _waiting: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    def lease(self) -> "Lease":
        """The part of one request, which ends with it."""
        return Lease(self)

    async def take(self, size: int) -> None:
        """Wait for room; see `Lease.take`."""
        with trio.move_on_after(WAIT_SECONDS):
            while self.taken_bytes + size > self.budget_bytes:
                await self._waiting.park()
            self.taken_bytes += size
            return
        raise Unavailable(_BUSY, retry_after_seconds=RETRY_SECONDS)

    def give_back(self, size: int) -> None:
        """Room for others; all who wait look again."""
        self.taken_bytes -= size
        self._waiting.unpark_all()


@define(eq=False)
class Lease:
    """What one request has of the budget, until the block around it ends."""

    _bodies: Bodies
    size: int = 0

    async def take(self, size: int) -> None:
        """Make sure of room for a body of this size, once for a request.

        Raises:
            Unavailable: others have it all, and did not finish within seconds.

        Cancellation: nothing is taken.
        """
        size = min(size, self._bodies.budget_bytes)
        if self.size or size <= FREE_BYTES:
            return
        await self._bodies.take(size)
        self.size = size

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.size:
            self._bodies.give_back(self.size)
            self.size = 0
