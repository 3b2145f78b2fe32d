"""A relay that takes whatever comes, counts it, and stands still at a chosen step until it is told to go on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio
from attrs import define, field

STEPS = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "content", "final")


@define(eq=False)
class Hold:
    """`reached` when a session stands at the step; it goes on with `go`."""

    reached: trio.Event = field(factory=trio.Event)
    go: trio.Event = field(factory=trio.Event)


@define(eq=False)
class Sink:
    """`arrived` are contents that came whole, whatever became of the answer to them."""

    holds: dict[str, Hold] = field(factory=dict)
    arrived: list[bytes] = field(factory=list)
    keep: bool = True
    count: int = 0
    sessions: int = 0
    port: int = 0

    async def serve(self, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        task_status.started(self.port)
        await trio.serve_listeners(self._welcome, listeners)

    async def connect(self, host: str, port: int) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def _at(self, step: str) -> None:
        if (hold := self.holds.get(step)) is not None:
            hold.reached.set()
            await hold.go.wait()

    async def _welcome(self, stream: trio.SocketStream) -> None:
        self.sessions += 1
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._talk(stream)

    async def _talk(self, stream: trio.SocketStream) -> None:
        await self._at("greeting")
        await stream.send_all(b"220 sink.test ESMTP\r\n")
        buffer = b""
        while data := await stream.receive_some():
            buffer += data
            while b"\r\n" in buffer:
                line, buffer = buffer.split(b"\r\n", 1)
                verb = line[:4].upper().decode()
                await self._at(verb)
                if verb == "DATA":
                    await stream.send_all(b"354 go on\r\n")
                    await self._at("content")
                    while not (buffer.endswith(b"\r\n.\r\n") or b"\r\n.\r\n" in buffer[-8:]):
                        if not (data := await stream.receive_some()):
                            return
                        buffer += data
                    self.count += 1
                    if self.keep:
                        self.arrived.append(buffer)
                    buffer = b""
                    await self._at("final")
                    await stream.send_all(b"250 2.0.0 Ok: queued as %d\r\n" % self.count)
                elif verb == "EHLO":
                    await stream.send_all(b"250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
                elif verb == "QUIT":
                    await stream.send_all(b"221 bye\r\n")
                    return
                else:
                    await stream.send_all(b"250 2.0.0 ok\r\n")


@asynccontextmanager
async def sink(made: Sink | None = None) -> AsyncIterator[Sink]:
    """A running sink."""
    made = made or Sink()
    async with trio.open_nursery() as nursery:
        await nursery.start(made.serve)
        yield made
        nursery.cancel_scope.cancel()
