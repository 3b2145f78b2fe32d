"""SIGTERM and SIGINT as an event: the first one asks, the second one insists."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from e2ad import maillog

__all__ = ["stop_on_signal"]


@asynccontextmanager
async def stop_on_signal() -> AsyncIterator[trio.Event]:
    """An event that the first signal sets; a second one cancels the block.

    A signal that comes while the block still starts something is kept in the event, so nothing
    is torn in the middle and no signal kills the process before it can clean up. The event may
    be set by others as well; the signal after that is still a first one.
    """
    stop = trio.Event()

    async def heed(scope: trio.CancelScope) -> None:
        asked = False
        async for received in signals:
            maillog.stopping(signal.Signals(received).name)
            if asked:
                scope.cancel()
            asked = True
            stop.set()

    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(heed, nursery.cancel_scope)
            yield stop
            nursery.cancel_scope.cancel()
