"""The far side of a measurement: senders of mail, a webhook's endpoint, an API client. Lean, so as to measure e2ad."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio
from attrs import define, field

RECEIVE = 65536


def report(name: str, **figures: Any) -> None:
    """One line."""
    print(json.dumps({"bench": name, **figures}), flush=True)


@define
class Timings:
    """Moments, in seconds, and what can be said of them."""

    values: list[float] = field(factory=list)

    def percentile_ms(self, percent: float) -> float:
        """The given percentile in milliseconds."""
        ordered = sorted(self.values)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000, 2) if ordered else 0.0


class LineStream:
    """Lines out of a TCP stream."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = bytearray()

    async def line(self) -> bytes:
        """Up to and without CRLF."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            data = await self.stream.receive_some(RECEIVE)
            if not data:
                raise EOFError("the peer closed")
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    async def exactly(self, count: int) -> bytes:
        """So many octets."""
        while len(self._buffer) < count:
            data = await self.stream.receive_some(RECEIVE)
            if not data:
                raise EOFError("the peer closed")
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    async def reply(self) -> bytes:
        """The last line of one SMTP reply."""
        while (line := await self.line())[3:4] == b"-":
            pass
        return line


async def send_mail(
    address: tuple[str, int],
    connections: int,
    mails: Sequence[tuple[bytes, bytes]],
    recipient: Callable[[int], str],
    sent_at: dict[bytes, float] | None = None,
) -> tuple[float, Timings]:
    """Send (reverse-path, content) pairs over so many connections; seconds for all, and dot-to-250 of each.

    MAIL, RCPT and DATA are pipelined, as an ordinary relay does it.
    """
    timings = Timings()
    queue = iter(enumerate(mails))

    async def session() -> None:
        stream = await trio.open_tcp_stream(*address)
        async with stream:
            lines = LineStream(stream)
            await lines.reply()
            await stream.send_all(b"EHLO northwind.test\r\n")
            await lines.reply()
            for number, (sender, content) in queue:
                to = recipient(number).encode()
                await stream.send_all(b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (sender, to))
                replies = [await lines.reply() for _ in range(3)]
                if replies[2][:3] != b"354":
                    raise RuntimeError(f"refused: {replies}")
                await stream.send_all(content)
                began = time.perf_counter()
                await stream.send_all(b".\r\n")
                answer = await lines.reply()
                now = time.perf_counter()
                if answer[:3] != b"250":
                    raise RuntimeError(f"not accepted: {answer!r}")
                timings.values.append(now - began)
                if sent_at is not None:
                    sent_at[answer.rpartition(b" ")[2]] = now
            await stream.send_all(b"QUIT\r\n")
            await lines.reply()

    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(connections):
            nursery.start_soon(session)
    return time.perf_counter() - began, timings


class Sink:
    """A webhook's endpoint that answers 200 and remembers when each message came."""

    def __init__(self) -> None:
        self.received_at: dict[bytes, float] = {}
        self._changed = trio.Event()

    async def serve(self, *, task_status: trio.TaskStatus[int]) -> None:
        """Listen on a free port; its number is the start value."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        task_status.started(listeners[0].socket.getsockname()[1])
        await trio.serve_listeners(self._answer, listeners)

    async def wait_for(self, count: int, seconds: float) -> None:
        """Until so many different messages have come."""
        with trio.fail_after(seconds):
            while len(self.received_at) < count:
                await self._changed.wait()

    async def _answer(self, stream: trio.SocketStream) -> None:
        lines = LineStream(stream)
        try:
            while True:
                length = 0
                while line := await lines.line():
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                body = await lines.exactly(length)
                message_id = json.loads(body)["data"]["message_id"].encode()
                self.received_at.setdefault(message_id, time.perf_counter())
                self._changed.set()
                self._changed = trio.Event()
                await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (EOFError, trio.BrokenResourceError):
            return


class Api:
    """One keep-alive connection to the API."""

    def __init__(self, stream: trio.SocketStream, key: str) -> None:
        self._lines = LineStream(stream)
        self._key = key

    @classmethod
    async def open(cls, address: tuple[str, int], key: str) -> "Api":
        """Connect."""
        return cls(await trio.open_tcp_stream(*address), key)

    async def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request; status and decoded body."""
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._key}\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        await self._lines.stream.send_all(head.encode() + b"\r\n" + data)
        status = int((await self._lines.line()).split()[1])
        length, chunked = 0, False
        while line := await self._lines.line():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            elif name.lower() == b"transfer-encoding":
                chunked = b"chunked" in value
        answer = b""
        if chunked:
            while size := int((await self._lines.line()).split(b";")[0], 16):
                answer += await self._lines.exactly(size)
                await self._lines.line()
            await self._lines.line()
        else:
            answer = await self._lines.exactly(length)
        return status, json.loads(answer) if answer else None


async def load_api(
    address: tuple[str, int], key: str, clients: int, seconds: float, path: Callable[[int], str]
) -> tuple[int, Timings]:
    """Ask as fast as so many clients can; how often, and how long each took."""
    timings = Timings()
    number = 0

    async def client() -> None:
        nonlocal number
        api = await Api.open(address, key)
        while time.perf_counter() < until:
            number += 1
            began = time.perf_counter()
            status, _ = await api.request("GET", path(number))
            if status != 200:
                raise RuntimeError(f"{path(number)}: {status}")
            timings.values.append(time.perf_counter() - began)

    until = time.perf_counter() + seconds
    async with trio.open_nursery() as nursery:
        for _ in range(clients):
            nursery.start_soon(client)
    return len(timings.values), timings


async def load_posts(
    address: tuple[str, int],
    key: str,
    clients: int,
    count: int,
    request: Callable[[int], tuple[str, Mapping[str, Any]]],
) -> tuple[float, Timings]:
    """POST so often over so many connections, as fast as they can; seconds for all, and how long each took."""
    timings = Timings()
    numbers = iter(range(count))

    async def client() -> None:
        api = await Api.open(address, key)
        for number in numbers:
            path, body = request(number)
            began = time.perf_counter()
            status, answer = await api.request("POST", path, body)
            if status not in (200, 202):
                raise RuntimeError(f"{path}: {status} {answer}")
            timings.values.append(time.perf_counter() - began)

    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(clients):
            nursery.start_soon(client)
    return time.perf_counter() - began, timings


@define
class RelaySink:
    """A relay that takes everything, in a process of its own: its SMTP port, and the one that tells how far it is."""

    smtp_port: int
    control_port: int


@contextmanager
def relay_sink() -> Iterator[RelaySink]:
    """Start one, and stop it again."""
    command = [sys.executable, "-m", "tests.bench.sink"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        smtp, control = process.stdout.readline().split()
        yield RelaySink(int(smtp), int(control))
    finally:
        process.kill()
        process.wait()


async def relay_progress(sink: RelaySink) -> Mapping[str, Any]:
    """How many mails it has, and when the first and the last came, on the clock of `time.perf_counter`."""
    async with await trio.open_tcp_stream("127.0.0.1", sink.control_port) as stream:
        told: Mapping[str, Any] = json.loads(b"".join([data async for data in stream]))
    return told
