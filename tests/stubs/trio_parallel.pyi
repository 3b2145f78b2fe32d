"""What e2ad calls of trio-parallel 1.3."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import trio

T = TypeVar("T")

class BrokenWorkerError(RuntimeError): ...

class WorkerContext:
    async def run_sync(
        self,
        sync_fn: Callable[..., T],
        *args: object,
        kill_on_cancel: bool = False,
        cancellable: bool = False,
        limiter: trio.CapacityLimiter | None = None,
    ) -> T: ...

def open_worker_context(
    idle_timeout: float = ..., grace_period: float = ...
) -> AbstractAsyncContextManager[WorkerContext]: ...
