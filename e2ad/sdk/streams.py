"""An agent's mail as it comes in: iterate over it, by blocking or by awaiting.

Each stream drives one `sockets.listener`. What it waits for when a wait ends early stays what it waits for: a
cancelled `async for`, or a Ctrl-C, costs no event, and the stream can be gone on with.
"""

import math
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, assert_never

import anyio

from e2ad.sdk.events import WSEvent
from e2ad.sdk.exchange import Pause
from e2ad.sdk.listening import Listening
from e2ad.sdk.sockets import Address, Readable, Resolve, Wait, Writable, listener

__all__ = ["SyncStream", "WSStream", "listen"]

AHEAD: Final = 100
"""Events that are fetched while the caller works."""

Event: TypeAlias = WSEvent[Any]


def _unheard(_: str) -> None:
    """Nobody wants to know."""


class _Stream:
    """What both streams have: where the listener is."""

    def __init__(self, address: Address, listening: Listening, *, seconds: float | None = None) -> None:
        self._steps: Generator[Event | Wait, Any, None] = listener(address, listening)
        self._waiting: Wait | None = None
        self._due_at = math.inf
        self._over = False
        self._closing = False
        self._busy = False
        self._ends_at = time.monotonic() + seconds if seconds is not None else math.inf

    @classmethod
    def of(
        cls,
        base_url: str,
        api_key: str | None,
        email: str,
        *,
        after: str | None = None,
        seconds: float | None = None,
        on_state: Callable[[str], object] | None = None,
        reconnect: bool = True,
    ) -> Self:
        """One for a deployment and an agent; see `E2AClient.listen`."""
        listening = Listening(email, after=after, reconnects=reconnect, on_state=on_state or _unheard)
        return cls(Address(base_url, api_key), listening, seconds=seconds)

    def _enter(self) -> None:
        if self._busy:
            raise RuntimeError("somebody else waits for the next event already")
        self._busy = True

    def _go(self, answer: Any = None, failed: OSError | None = None) -> Event | Wait | None:
        """Up to the next wait, the next event, or the end."""
        step: Event | Wait | None = None
        try:
            step = self._steps.throw(failed) if failed is not None else self._steps.send(answer)
        except StopIteration:
            return None
        finally:
            self._over = step is None
        self._waiting = None if isinstance(step, WSEvent) else step
        # A wait that is cancelled and taken up again ends no later for that.
        self._due_at = math.inf
        if isinstance(step, Readable | Writable | Pause):
            self._due_at = time.monotonic() + step.seconds
        return step

    def _begin(self) -> Event | Wait | None:
        return self._waiting if self._waiting is not None else self._go()

    def _left(self) -> float:
        return self._ends_at - time.monotonic()

    def _patience(self) -> float:
        """How long the present step may wait."""
        return max(min(self._due_at, self._ends_at) - time.monotonic(), 0.0)

    def _end(self) -> None:
        self._over = True
        self._steps.close()


class SyncStream(_Stream):
    """The events of one agent, each once: `for event in client.listen(email)`.

    It ends when it is closed (from another thread too), when its time is over, and when the server ends it; otherwise
    it connects again and goes on where it was. While the caller works nothing is read: a connection that the server
    gives up meanwhile is made anew, and what came in comes then.

    Raises:
        E2AError: the server will not have this listener: E2AAuthError, E2APermissionError, E2ANotFoundError,
            E2AConnectionReplacedError.
    """

    def __init__(self, address: Address, listening: Listening, *, seconds: float | None = None) -> None:
        super().__init__(address, listening, seconds=seconds)
        self._stop = threading.Event()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        self._enter()
        try:
            found = self._next()
        finally:
            self._busy = False
        if found is None:
            raise StopIteration
        return found

    def _next(self) -> Event | None:
        if self._over:
            return None
        step = self._begin()
        while not isinstance(step, WSEvent):
            if step is None or self._closing or self._left() <= 0:
                self._end()
                return None
            try:
                answer, failed = self._wait(step), None
            except OSError as error:
                answer, failed = None, error
            if self._closing or self._left() <= 0:
                continue
            step = self._go(answer, failed)
        return step

    def _wait(self, step: Wait) -> Any:
        match step:
            case Resolve():
                return socket.getaddrinfo(step.host, step.port, type=socket.SOCK_STREAM)
            case Pause():
                return self._stop.wait(self._patience())
            case Readable() | Writable():
                wanted = selectors.EVENT_READ if isinstance(step, Readable) else selectors.EVENT_WRITE
                with selectors.DefaultSelector() as selector:
                    selector.register(step.socket, wanted)
                    return bool(selector.select(self._patience()))
        assert_never(step)

    def close(self) -> None:
        """Close the connection; whoever waits for an event is told that there are no more."""
        self._closing = True
        self._stop.set()
        if not self._busy:
            self._end()
            return
        waiting = self._waiting
        if isinstance(waiting, Readable | Writable):
            with suppress(OSError):
                waiting.socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class WSStream(_Stream):
    """The events of one agent, each once, under asyncio or Trio.

    `async with client.listen(email) as events: async for event in events: …` keeps the connection up while the caller
    works, by a task that ends with the block. Plain `async for event in client.listen(email)` needs no block and has no
    task: while the caller works nothing is read, a connection that the server gives up meanwhile is made anew, and what
    came in comes then. Either loses nothing and gives nothing twice.

    It ends when it is closed, when its time is over, and when the server ends it.

    Raises:
        E2AError: the server will not have this listener: E2AAuthError, E2APermissionError, E2ANotFoundError,
            E2AConnectionReplacedError.

    Cancellation:
        Of waiting for an event: none is lost, and the stream can be gone on with.
    """

    def __init__(self, address: Address, listening: Listening, *, seconds: float | None = None) -> None:
        super().__init__(address, listening, seconds=seconds)
        self._scope: anyio.CancelScope | None = None
        self._block = AsyncExitStack()
        self._ahead: _Ahead | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        found = await (self._next() if self._ahead is None else self._ahead.take())
        if found is None:
            raise StopAsyncIteration
        return found

    async def _next(self) -> Event | None:
        await anyio.lowlevel.checkpoint()
        self._enter()
        try:
            return await self._drive()
        finally:
            self._busy = False
            if self._closing:
                self._end()

    async def _drive(self) -> Event | None:
        if self._over:
            return None
        step = self._begin()
        while not isinstance(step, WSEvent):
            if step is None or self._closing or self._left() <= 0:
                self._end()
                return None
            try:
                answer, failed = await self._bounded(step), None
            except OSError as error:
                answer, failed = None, error
            if self._closing or self._left() <= 0:
                continue
            step = self._go(answer, failed)
        return step

    async def _bounded(self, step: Wait) -> Any:
        """Wait for a step as long as it may take; None where that is over, or `close` was called."""
        with anyio.move_on_after(self._patience()) as scope:
            self._scope = scope
            try:
                return await _wait(step)
            finally:
                self._scope = None
        return None

    def close(self) -> None:
        """Close the connection; whoever waits for an event is told that there are no more."""
        self._closing = True
        if self._scope is not None:
            self._scope.cancel()
        if not self._busy:
            self._end()

    async def aclose(self) -> None:
        """Close the connection. It waits for nobody, so that it can be called while being cancelled."""
        self.close()

    async def __aenter__(self) -> Self:
        if self._ahead is not None:
            raise RuntimeError("a stream is entered once")
        self._ahead = _Ahead()
        await self._block.enter_async_context(self._fetching(self._ahead))
        return self

    @asynccontextmanager
    async def _fetching(self, ahead: "_Ahead") -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(ahead.fill, self._next)
            yield
            group.cancel_scope.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        # Without the error: it leaves this block as it is, and not in a group.
        await self._block.aclose()


class _Ahead:
    """Events that were fetched before the caller wanted them.

    One is taken out without waiting in between: asyncio may cancel a task that was handed something already, and
    what it was handed is lost then.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._changed = anyio.Event()
        self._over = False
        self._failure: Exception | None = None

    async def fill(self, fetch: Callable[[], Awaitable[Event | None]]) -> None:
        """Fetch up to so many, until there are no more."""
        try:
            while (event := await fetch()) is not None:
                while len(self._events) >= AHEAD:
                    await self._changed.wait()
                self._events.append(event)
                self._change()
        except Exception as error:  # noqa: BLE001 - it is raised where the caller waits for the next event
            self._failure = error
        finally:
            self._over = True
            self._change()

    async def take(self) -> Event | None:
        """The next one, or None at the end.

        Raises:
            Exception: what ended the fetching, once.
        """
        await anyio.lowlevel.checkpoint()
        while not self._events and not self._over:
            await self._changed.wait()
        if self._events:
            self._change()
            return self._events.popleft()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure from None
        return None

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


async def _wait(step: Wait) -> Any:
    match step:
        case Resolve():
            return await anyio.getaddrinfo(step.host, step.port, type=socket.SOCK_STREAM)
        case Pause():
            await anyio.sleep(step.seconds)
        case Readable():
            await anyio.wait_readable(step.socket)
            return True
        case Writable():
            await anyio.wait_writable(step.socket)
            return True
        case _:
            assert_never(step)
    return None


async def listen(
    base_url: str,
    api_key: str,
    email: str,
    handle: Callable[[Mapping[str, Any]], Awaitable[None]],
    *,
    on_state: Callable[[str], None] = lambda _state: None,
) -> None:
    """Call `handle` with each event of an agent as it came, one after the other; returns where the server ends it.

    Raises:
        E2AError: the server will not have this listener.
        Exception: whatever `handle` raises.
    """
    async with WSStream(Address(base_url, api_key), Listening(email, on_state=on_state)) as events:
        async for event in events:
            await handle(event.raw)
