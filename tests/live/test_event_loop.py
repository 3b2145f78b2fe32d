"""No step of any task holds the event loop for long, whatever peers send: all others would stand still with it."""

import base64
import gc
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from structlog.testing import capture_logs

from e2ad import daemon
from e2ad.config import load
from e2ad.daemon import tree
from e2ad.gateway.receive import LARGE_BYTES
from tests.live.serving import SHARED_DOMAIN, settings

pytestmark = [pytest.mark.live, pytest.mark.alone]

STEP_SECONDS = 0.2
"""Of processor time in one step. The longest, which hands 25 MiB to libpq, takes a third of that; machines differ."""

LATE_SECONDS = 1.0
"""How late a task may wake up, whoever was in its way: threads that hold the interpreter are in nobody's step.

What kept a process beside this one waiting at the same moment, the machine did.
"""

MEGABYTE = 1 << 20


@define(eq=False)
class Stopwatch(trio.abc.Instrument):
    """Remembers the longest step of each kind of task, those of this test left out."""

    longest: dict[str, float] = field(factory=dict)
    _begun: float = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._begun = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        took = time.thread_time() - self._begun
        if not task.name.startswith((__name__, "<test")) and took > self.longest.get(task.name, 0.0):
            self.longest[task.name] = took

    def slow(self, seconds: float) -> dict[str, float]:
        return {name: took for name, took in self.longest.items() if took > seconds}


@frozen
class Served:
    """A daemon in this very event loop."""

    smtp: tuple[str, int]
    http: tuple[str, int]
    api_key: str

    async def send(self, to: list[str], content: bytes) -> bytes:
        """One mail; the reply to its final dot."""
        stream = await trio.open_tcp_stream(*self.smtp)
        async with stream:
            reader = Lines(stream)
            await reader.reply()
            commands = [
                b"EHLO sender.test",
                b"MAIL FROM:<ada@sender.test>",
                *(b"RCPT TO:<%s>" % t.encode() for t in to),
            ]
            for command in [*commands, b"DATA"]:
                await stream.send_all(command + b"\r\n")
                await reader.reply()
            await stream.send_all(content.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
            return await reader.reply()

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """One request of the API."""
        payload = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: e2ad\r\nAuthorization: Bearer {self.api_key}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        stream = await trio.open_tcp_stream(*self.http)
        async with stream:
            await stream.send_all(head.encode() + payload)
            answer = b"".join([chunk async for chunk in stream])
        first, _, rest = answer.partition(b"\r\n\r\n")
        return int(first.split()[1]), rest


class Lines:
    """Replies of an SMTP server."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = b""

    async def reply(self) -> bytes:
        while True:
            while b"\n" not in self._buffer:
                data = await self._stream.receive_some()
                assert data, "the server hung up"
                self._buffer += data
            line, _, self._buffer = self._buffer.partition(b"\n")
            if line[3:4] != b"-":
                return line


@asynccontextmanager
async def serving(dsn: str, **more: str) -> AsyncIterator[Served]:
    config = load(environ=settings(dsn, LOG_LEVEL="error", **more))
    founded = await daemon.bootstrap(config, "you@example.test")
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        doors: tree.Doors = await nursery.start(partial(daemon.serve, config, stop=stop))
        assert doors.smtp is not None
        assert doors.http is not None
        yield Served(doors.smtp, doors.http, founded.api_key)
        stop.set()


class Hooks:
    """A webhook's far side in this loop: takes everything, counts, answers 200."""

    def __init__(self) -> None:
        self.received = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        buffer = b""
        async with stream:
            while True:
                while b"\r\n\r\n" not in buffer:
                    data = await stream.receive_some()
                    if not data:
                        return
                    buffer += data
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
                left = int(fields[b"content-length"]) - len(buffer)
                while left > 0:
                    left -= len(await stream.receive_some(MEGABYTE))
                buffer = b""
                self.received += 1
                await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def mail(number: int, *header: bytes, body: bytes = b"Hello\r\n") -> bytes:
    fields = [b"From: ada@sender.test", b"Message-ID: <%d@sender.test>" % number, b"Subject: %d" % number, *header]
    return b"\r\n".join(fields) + b"\r\n\r\n" + body


def folded(text: bytes) -> bytes:
    return b"\r\n".join(text[at : at + 900] for at in range(0, len(text), 900))


def attachment(size: int) -> bytes:
    encoded = base64.encodebytes(bytes(range(256)) * (size // 256)).replace(b"\n", b"\r\n")
    return (
        b"--b\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n"
        b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + encoded
        + b"--b--\r\n"
    )


SIGNED = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=sender.test; s=s; h=from; bh=AAAA; b=AAAA"
MIXED = b"Content-Type: multipart/mixed; boundary=b"
HTML = b"Content-Type: text/html; charset=utf-8"


def hostile() -> Iterator[bytes]:
    """Mail that is as much work as the limits allow, one way or another."""
    yield mail(100, MIXED, body=attachment(17 * MEGABYTE))
    yield mail(101, SIGNED, MIXED, body=attachment(12 * MEGABYTE))
    yield mail(102, body=folded(b"word " * (2 * MEGABYTE)))
    yield mail(103, HTML, body=folded(b"<p>one <b>two</b></p> " * 150_000))
    yield mail(104, HTML, body=folded(b"<div>" * 100_000))
    yield mail(105, HTML, body=folded(b"<" * 500_000))
    yield mail(106, MIXED, body=b"--b\r\n\r\nx\r\n" * 20_000)
    yield mail(107, b"Content-Type: multipart/mixed; boundary=b0", body=b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(3000)
    ))  # fmt: skip
    yield mail(108, *(b"X-Field-%d: %b" % (n, b"v" * 60) for n in range(3000)))
    yield mail(109, b"To: " + b",\r\n ".join(b"a%d <a%d@b.test>" % (n, n) for n in range(7000)))
    yield mail(110, b"References: " + b"\r\n ".join(b"<%d@ref.test>" % n for n in range(10_000)))
    yield mail(111, SIGNED, b"Subject: " + b"\r\n ".join([b" \t" * 400] * 200))
    yield mail(112, *([SIGNED] * 300))
    yield mail(113, SIGNED, body=b"\r\n" * MEGABYTE)
    yield mail(114, SIGNED, body=folded(b" " * (4 * MEGABYTE)))
    yield mail(115, b"Subject: " + b"\r\n ".join([b"=?utf-8?q?" + b"=C3=A4" * 10 + b"?="] * 2500))
    yield mail(116, body=folded(b"> " * 400_000))
    yield mail(117, b"Content-Type: text/plain; charset=utf-7", body=folded(b"+AGE-" * 300_000))
    yield mail(118, b"Content-Transfer-Encoding: quoted-printable", body=folded(b"=C3=A4" * 400_000))
    yield mail(120, HTML, body=folded(b"<" * 200_000))
    yield mail(121, HTML, body=folded(b"<" * (LARGE_BYTES - 1000)))
    yield mail(119, body=b"\xff\xfe\x80" * 300 + (b"\xff" * 900 + b"\r\n") * 3000)


@frozen
class Beat:
    """Something that wanted to wake up at `due_at` by the monotonic clock of the machine, and did at `came_at`."""

    due_at: float
    came_at: float

    def beyond(self, others: list["Beat"]) -> float:
        """How late it came, without the longest time at which one of the others waited as well."""
        shared = (min(self.came_at, other.came_at) - max(self.due_at, other.due_at) for other in others)
        return self.came_at - self.due_at - max(0.0, max(shared, default=0.0))


async def feel_the_pulse(beats: list[Beat]) -> None:
    """Remembers the beats of a task that wants nothing but a beat."""
    while True:
        due_at = time.monotonic() + 0.01
        await trio.sleep(0.01)
        beats.append(Beat(due_at, time.monotonic()))


BYSTANDER = """
import select, sys, time
while not select.select([sys.stdin], [], [], 0)[0]:
    due_at = time.monotonic() + 0.01
    time.sleep(0.01)
    came_at = time.monotonic()
    if came_at - due_at > 0.05:
        print(due_at, came_at, flush=True)
"""


@contextmanager
def bystander() -> Iterator[list[Beat]]:
    """The late beats of a process that has nothing to do with ours, known at the end."""
    beats: list[Beat] = []
    process = subprocess.Popen([sys.executable, "-c", BYSTANDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield beats
    finally:
        told, _ = process.communicate(b"enough\n", timeout=30)
        beats += (Beat(*map(float, line.split())) for line in told.splitlines())


@pytest.fixture
def small_heap() -> Iterator[None]:
    """What a run of thousands of tests has in memory is looked through by no collector meanwhile: no daemon has it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("small_heap")
async def test_no_peer_holds_the_loop(database_dsn: str) -> None:
    watch, hooks, replies, beats = Stopwatch(), Hooks(), list[bytes](), list[Beat]()
    letters = [*(mail(number) for number in range(1, 31)), *hostile()]
    with capture_logs(), bystander() as beside, trio.fail_after(240):
        async with trio.open_nursery() as far:
            [listener] = await far.start(partial(trio.serve_tcp, hooks.serve, 0, host="127.0.0.1"))
            url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/hook"
            async with serving(database_dsn, WEBHOOKS_RETRY_SCHEDULE_SECONDS="0.2,0.2,0.2") as served:
                for slug in ("one", "two", "three"):
                    body = {"slug": slug, "agent_mode": "cloud", "webhook_url": url}
                    assert (await served.ask("POST", "/v1/agents", body))[0] == 201
                to = [f"{slug}@{SHARED_DOMAIN}" for slug in ("one", "two", "three")]
                await served.send(to[:1], mail(0))  # everything that is made once is made now
                await served.ask("GET", f"/v1/agents/{to[0]}/messages")
                trio.lowlevel.add_instrument(watch)
                far.start_soon(feel_the_pulse, beats)
                try:
                    async with trio.open_nursery() as peers:

                        async def write(content: bytes, slot: trio.CapacityLimiter) -> None:
                            async with slot:
                                replies.append(await served.send(to, content))

                        async def read() -> None:
                            for _ in range(15):
                                assert (await served.ask("GET", f"/v1/agents/{to[0]}/messages"))[0] == 200
                                await trio.sleep(0.2)

                        peers.start_soon(read)
                        slot = trio.CapacityLimiter(6)
                        for content in letters:
                            peers.start_soon(write, content, slot)
                    status, page = await served.ask("GET", f"/v1/agents/{to[0]}/messages?limit=100")
                    assert status == 200
                    for item in json.loads(page)["items"]:
                        assert (await served.ask("GET", f"/v1/agents/{to[0]}/messages/{item['id']}"))[0] == 200
                        await served.ask("GET", f"/v1/agents/{to[0]}/messages/{item['id']}/attachments/0")
                    taken = sum(reply.startswith(b"250") for reply in replies)
                    while hooks.received < 3 * taken + 1:
                        await trio.sleep(0.05)
                finally:
                    trio.lowlevel.remove_instrument(watch)
            far.cancel_scope.cancel()
    assert len(replies) == len(letters)
    assert taken >= len(letters) - 5, replies
    assert watch.slow(STEP_SECONDS) == {}
    assert max(beat.beyond(beside) for beat in beats) < LATE_SECONDS
