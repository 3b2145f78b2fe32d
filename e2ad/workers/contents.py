"""Large mail on its way out: read when its attempt begins, under one budget of bytes for the process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import trio

from e2ad.core.errors import Unavailable
from e2ad.storage import deliveries
from e2ad.storage.pool import Executor

__all__ = ["ByteBudget", "StoredContents"]

COPIES: Final = 4
"""The mail, its base64, the body it stands in, and the buffer that goes to the socket."""

READ_SECONDS: Final = 5.0
"""For a share of the budget and the mail itself: less than an attempt, so that our shortage is not the endpoint's."""


class ByteBudget:
    """How many bytes may be in hand at once; whoever asks for more waits, first come first served.

    Args:
        total: bytes. A single request for more than this gets all of it.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._turn = trio.StrictFIFOLock()
        self._returned = trio.Event()

    @property
    def free(self) -> int:
        """Bytes that nobody holds."""
        return self._free

    @asynccontextmanager
    async def take(self, size: int) -> AsyncIterator[None]:
        """Hold `size` bytes of the budget for the time of the block."""
        size = min(size, self._total)
        async with self._turn:
            while self._free < size:
                self._returned = trio.Event()
                await self._returned.wait()
            self._free -= size
        try:
            yield
        finally:
            self._free += size
            self._returned.set()


class StoredContents:
    """Lends raw mail from the database.

    Args:
        executor: the pool.
        budget: for all attempts of this process together.
    """

    def __init__(self, executor: Executor, budget: ByteBudget) -> None:
        self._executor = executor
        self._budget = budget

    @asynccontextmanager
    async def borrow(self, account_id: str, sha256: bytes, size: int) -> AsyncIterator[bytes | None]:
        """The mail, or None when it is gone.

        Raises:
            core.errors.Unavailable: the database does not answer, or others hold the budget for too long.
        """
        async with AsyncExitStack() as held:
            try:
                with trio.fail_after(READ_SECONDS):
                    await held.enter_async_context(self._budget.take(size * COPIES))
                    raw = await deliveries.content(self._executor, account_id, sha256)
            except trio.TooSlowError as error:
                raise Unavailable from error
            yield raw
