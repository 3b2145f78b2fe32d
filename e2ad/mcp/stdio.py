"""The tools for a program that has started us and speaks through our standard streams.

Loads the library; see `server`. Lines are read and written by Trio itself: the library's own way reads in a thread,
and a thread that waits for a line cannot be ended by a signal.
"""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final, cast

import anyio
import msgspec
import trio
from attrs import define, field
from mcp.server.stdio import stdio_server

from e2ad.mcp.caller import Accounts, Caller
from e2ad.mcp.server import Context, build_server
from e2ad.sdk import AsyncE2AClient

__all__ = ["serve"]

READ_BYTES: Final = 65_536
MAX_LINE_BYTES: Final = 41_943_040
DRAIN_SECONDS: Final = 10.0
"""After the end of the input, for calls that are under way."""


async def serve(
    client: AsyncE2AClient,
    credential: str,
    version: str,
    on_accident: Callable[[str, Exception], None],
    *,
    agent_email: str = "",
) -> None:
    """Serve until the input ends, or a signal says so.

    Args:
        agent_email: whom tools mean that name no agent.

    Raises:
        E2AError: the credential is not valid, or the deployment cannot be reached.

    Cancellation:
        Calls under way are cancelled.
    """
    accounts = Accounts()

    async def caller_of(context: Context | None = None) -> Caller:
        return Caller(client.plain, await accounts.of(credential, client.plain.account.get), agent_email)

    # Whoever started us sees at once what is wrong, and not with the first call.
    await caller_of()
    server = build_server(version, caller_of, on_accident)
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals, _own_streams() as (read, written):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_told, signals, nursery.cancel_scope)
            wire = _Wire(trio.lowlevel.FdStream(read), trio.lowlevel.FdStream(written), nursery.cancel_scope)
            async with wire.reading, wire.writing:
                # Of a file the library uses just these: iterating over lines, `write` and `flush`.
                lines, out = cast("anyio.AsyncFile[str]", wire), cast("anyio.AsyncFile[str]", wire)
                async with stdio_server(lines, out) as (received, sent):
                    await server.run(received, sent, server.create_initialization_options())
            nursery.cancel_scope.cancel()


async def _until_told(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()
        return


@contextmanager
def _own_streams() -> Iterator[tuple[int, int]]:
    """Descriptors of the input and the output for the protocol alone; what others print goes to stderr."""
    sys.stdout.flush()
    read, written = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    try:
        yield read, written
    finally:
        # The two that were handed out are closed by the streams around them.
        os.set_blocking(2, True)


class _Head(msgspec.Struct):
    """What tells a request from other messages."""

    method: str | msgspec.UnsetType = msgspec.UNSET
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


@define(eq=False)
class _Wire:
    """Lines in and out.

    Attributes:
        scope: cancelled when nobody reads what we write.
    """

    reading: trio.lowlevel.FdStream
    writing: trio.lowlevel.FdStream
    scope: trio.CancelScope
    _unanswered: int = field(default=0, init=False)
    _answered: trio.Event = field(factory=trio.Event, init=False)

    async def __aiter__(self) -> AsyncIterator[str]:
        """Line after line; after the last one, what is under way is waited for."""
        buffer = bytearray()
        searched = 0
        while data := await self.reading.receive_some(READ_BYTES):
            buffer += data
            while (end := buffer.find(b"\n", searched)) >= 0:
                line = bytes(buffer[:end])
                del buffer[: end + 1]
                searched = 0
                if line.strip():
                    self._count(line)
                    yield line.decode("utf-8", "replace")
            searched = len(buffer)
            if len(buffer) > MAX_LINE_BYTES:
                # Nobody can be told: the id of such a request is not known. What follows is no line of its own.
                buffer = bytearray(b"!")
                searched = 0
        with trio.move_on_after(DRAIN_SECONDS):
            while self._unanswered > 0:
                self._answered = trio.Event()
                await self._answered.wait()

    def _count(self, line: bytes) -> None:
        try:
            head = msgspec.json.decode(line, type=_Head)
        except (msgspec.DecodeError, RecursionError):
            return
        if head.method is msgspec.UNSET:
            return
        if head.id is not msgspec.UNSET:
            self._unanswered += 1
        elif head.method == "notifications/cancelled":
            self._settled()

    def _settled(self) -> None:
        self._unanswered = max(0, self._unanswered - 1)
        self._answered.set()

    async def write(self, text: str) -> None:
        """One message with its line feed; each of ours answers a request."""
        try:
            await self.writing.send_all(text.encode())
        except trio.BrokenResourceError:
            self.scope.cancel()
            await trio.lowlevel.checkpoint()
        self._settled()

    async def flush(self) -> None:
        """Nothing is kept back."""
        await trio.lowlevel.checkpoint()
