"""The SMTP door over real sockets: patience, floods, disconnects, shutdown, memory."""

import smtplib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from attrs import evolve

from e2ad.core.address import NULL_PATH, Mailbox
from e2ad.core.message import Envelope
from e2ad.listeners import open_listeners
from e2ad.smtp.server import SmtpSettings, serve
from tests.smtp.dialog import Postbox

pytestmark = pytest.mark.live

BASE = SmtpSettings("mx.test", linger_seconds=0.5)
PREFACE = b"EHLO client.test\r\nMAIL FROM:<ann@client.test>\r\nRCPT TO:<bot@mx.test>\r\n"


class Door:
    """A running server and how to reach it."""

    def __init__(self, port: int, postbox: Postbox, closing: trio.Event) -> None:
        self.port = port
        self.postbox = postbox
        self.closing = closing
        self.done = trio.Event()
        self._streams: list[trio.SocketStream] = []

    async def connect(self) -> "Client":
        self._streams.append(await trio.open_tcp_stream("127.0.0.1", self.port))
        return Client(self._streams[-1])

    def close(self) -> None:
        for stream in self._streams:
            stream.socket.close()


class Client:
    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._received = b""

    async def send(self, octets: bytes) -> None:
        await self.stream.send_all(octets)

    async def line(self) -> str:
        while b"\r\n" not in self._received:
            data = await self.stream.receive_some()
            if not data:
                return "<closed>"
            self._received += data
        line, _, self._received = self._received.partition(b"\r\n")
        return line.decode("ascii")

    async def reply(self) -> str:
        while (line := await self.line())[3:4] == "-":
            pass
        return line

    async def ask(self, octets: bytes) -> str:
        await self.send(octets)
        return await self.reply()

    async def replies(self, count: int) -> list[str]:
        return [(await self.reply())[:3] for _ in range(count)]


@asynccontextmanager
async def running(settings: SmtpSettings = BASE, postbox: Postbox | None = None) -> AsyncIterator[Door]:
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            listeners = await open_listeners("127.0.0.1", 0)
            port = listeners[0].socket.getsockname()[1]
            door = Door(port, postbox or Postbox(), trio.Event())

            async def run(task_status: Any) -> None:
                await serve(settings, door.postbox, listeners, door.closing, task_status=task_status)
                door.done.set()

            await nursery.start(run)
            try:
                yield door
            finally:
                door.close()
            nursery.cancel_scope.cancel()


async def test_smtplib_sends_a_mail() -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@client.test", "bot@mx.test", "hello"
    message.set_content("text\n.dot\n")

    def send(port: int) -> dict[str, tuple[int, bytes]]:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=10) as smtp:
            assert smtp.ehlo()[0] == 250
            assert smtp.has_extn("smtputf8")
            assert int(smtp.esmtp_features["size"]) == 26_214_400
            return smtp.send_message(message, to_addrs=["bot@mx.test", "nobody@mx.test"])

    async with running() as door:
        refused = await trio.to_thread.run_sync(send, door.port)
        assert refused == {"nobody@mx.test": (550, b"5.1.1 recipient not found")}
        ((envelope, content),) = door.postbox.mails
        assert envelope.reverse_path == Mailbox("ann", "client.test")
        assert envelope.peer.address == "127.0.0.1"
        assert envelope.peer.helo == "client.test"
        assert not envelope.peer.tls
        assert content.endswith(b"\r\n\r\ntext\r\n.dot\r\n")


async def test_internationalized_mail() -> None:
    def send(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
            smtp.sendmail("jörg@bücher.test", ["bot@mx.test"], "Subject: schön\r\n\r\n".encode(), ["SMTPUTF8"])

    async with running() as door:
        await trio.to_thread.run_sync(send, door.port)
        ((envelope, content),) = door.postbox.mails
        assert envelope.reverse_path == Mailbox("jörg", "xn--bcher-kva.test")
        assert envelope.smtputf8
        assert content == "Subject: schön\r\n\r\n".encode()


async def test_recipients_that_are_one_agent_collapse() -> None:
    async with running() as door:
        client = await door.connect()
        await client.send(PREFACE + b"RCPT TO:<Bot@MX.test>\r\nRCPT TO:<bot+tag@mx.test>\r\nDATA\r\n")
        assert await client.replies(7) == ["220", "250", "250", "250", "250", "250", "354"]
        assert await client.ask(b"x\r\n.\r\n") == "250 2.0.0 OK: queued as msg_1"
        (recipient,) = door.postbox.mails[0][0].recipients
        assert recipient.delivered_to == "bot@mx.test"


async def test_early_talker() -> None:
    async with running(evolve(BASE, greeting_delay_seconds=5)) as door:
        client = await door.connect()
        await client.send(b"EHLO spammer.test\r\n")
        assert await client.line() == "554 5.5.1 You spoke before the greeting; closing"
        assert await client.line() == "<closed>"
    async with running(evolve(BASE, greeting_delay_seconds=0.05)) as door:
        assert (await (await door.connect()).line())[:3] == "220"


async def test_idle_and_session_timeouts() -> None:
    async with running(evolve(BASE, idle_seconds=0.1)) as door:
        client = await door.connect()
        await client.line()
        assert await client.line() == "421 4.4.2 Idle timeout; closing"
        assert await client.line() == "<closed>"
    async with running(evolve(BASE, session_seconds=0.2)) as door:
        client = await door.connect()
        await client.line()
        replies = set()
        while (reply := await client.ask(b"NOOP\r\n")) == "250 2.0.0 OK":
            replies.add(reply)
            await trio.sleep(0.02)
        assert reply == "421 4.4.2 The session took too long; closing"


async def test_slow_writer() -> None:
    async with running(evolve(BASE, data_bytes_per_second=1_000_000, data_grace_seconds=0.1)) as door:
        client = await door.connect()
        await client.send(PREFACE + b"DATA\r\n")
        await client.replies(5)
        async with trio.open_nursery() as nursery:

            async def drip() -> None:
                while True:
                    await client.send(b"drop\r\n")
                    await trio.sleep(0.01)

            nursery.start_soon(drip)
            assert await client.line() == "421 4.4.2 The content came too slowly; closing"
            nursery.cancel_scope.cancel()
        assert door.postbox.mails == []


async def test_slow_reader() -> None:
    async with running(evolve(BASE, write_seconds=0.2, max_idle_commands=10**9)) as door:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await trio.to_thread.run_sync(sock.connect, ("127.0.0.1", door.port))
            sock.settimeout(5)

            def flood() -> None:
                while True:
                    sock.sendall(b"NOOP\r\n" * 10_000)

            with pytest.raises((ConnectionError, BrokenPipeError)):
                await trio.to_thread.run_sync(flood)
        assert (await (await door.connect()).line())[:3] == "220"


async def test_connection_floods() -> None:
    async with running(evolve(BASE, max_connections_per_peer=2)) as door:
        first, second, third = [await door.connect() for _ in range(3)]
        assert (await first.line())[:3] == (await second.line())[:3] == "220"
        assert await third.line() == "421 4.7.0 Too many connections from your address, try again later"
        assert await third.line() == "<closed>"
        await first.ask(b"QUIT\r\n")
        assert await first.line() == "<closed>"
        assert (await (await door.connect()).line())[:3] == "220"
    async with running(evolve(BASE, max_connections=1)) as door:
        first = await door.connect()
        await first.line()
        assert await (await door.connect()).line() == "421 4.3.2 Too many connections, try again later"
        await first.ask(b"QUIT\r\n")
        assert await first.line() == "<closed>"
        await trio.testing.wait_all_tasks_blocked()
        assert (await (await door.connect()).line())[:3] == "220"


STATES = [
    b"",
    b"EHL",
    b"EHLO x\r\n",
    b"EHLO x\r\nMAIL FROM:<>\r\n",
    PREFACE,
    PREFACE + b"DATA\r\n",
    PREFACE + b"DATA\r\nSubject: x\r\n",
    PREFACE + b"DATA\r\nSubject: x\r\n\r\ntext\r\n.",
    PREFACE + b"DATA\r\nSubject: x\r\n\r\ntext\r\n.\r",
    PREFACE + b"BDAT 10\r\n",
    PREFACE + b"BDAT 10\r\n12345",
    PREFACE + b"BDAT 5\r\n12345",
    PREFACE + b"BDAT 10 LAST\r\n12345",
    PREFACE + b"DATA\r\n" + b"x" * 70 + b"\r\n" * 30_000,
]


@pytest.mark.parametrize("how", ["end of stream", "reset"])
@pytest.mark.parametrize("octets", STATES, ids=range(len(STATES)))
async def test_disconnect_in_every_state(octets: bytes, how: str, tmp_path: Path) -> None:
    async with running(evolve(BASE, spool_bytes=1000, spool_dir=tmp_path)) as door:
        client = await door.connect()
        await client.send(octets)
        await client.line()
        if how == "reset":
            client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.stream.socket.close()
        door.closing.set()
        await door.done.wait()
        assert door.postbox.mails == []


class SlowPostbox(Postbox):
    """Accepts when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.accepting = trio.Event()
        self.go = trio.Event()

    async def accept(self, envelope: Envelope, content: bytes) -> tuple[str, ...]:
        self.accepting.set()
        await self.go.wait()
        return await super().accept(envelope, content)


async def test_a_peer_that_leaves_during_accept_does_not_stop_it() -> None:
    postbox = SlowPostbox()
    async with running(postbox=postbox) as door:
        client = await door.connect()
        await client.send(PREFACE + b"BDAT 3 LAST\r\nabc")
        await postbox.accepting.wait()
        await client.stream.aclose()
        postbox.go.set()
        door.closing.set()
        await door.done.wait()
        assert [content for _, content in postbox.mails] == [b"abc"]


async def test_a_receiver_that_does_not_answer() -> None:
    postbox = SlowPostbox()
    async with running(evolve(BASE, accept_seconds=0.05), postbox) as door:
        client = await door.connect()
        await client.send(PREFACE + b"BDAT 3 LAST\r\nabc")
        assert await client.replies(5) == ["220", "250", "250", "250", "451"]
        assert postbox.mails == []
        assert await client.ask(b"NOOP\r\n") == "250 2.0.0 OK"


async def test_shutdown_tells_the_idle_and_waits_for_the_busy() -> None:
    postbox = SlowPostbox()
    async with running(postbox=postbox) as door:
        idle, writing, waiting = [await door.connect() for _ in range(3)]
        assert (await idle.line())[:3] == "220"
        await writing.send(PREFACE + b"DATA\r\nhalf\r\n")
        await writing.replies(5)
        await waiting.send(PREFACE + b"BDAT 3 LAST\r\nabc")
        await postbox.accepting.wait()
        door.closing.set()
        assert await idle.line() == "421 4.3.2 The service is going down, try again later"
        assert await idle.line() == "<closed>"
        with pytest.raises(OSError):
            await trio.open_tcp_stream("127.0.0.1", door.port)
        assert not door.done.is_set()
        postbox.go.set()
        assert await waiting.replies(6) == ["220", "250", "250", "250", "250", "421"]
        assert (await writing.ask(b"whole\r\n.\r\n"))[:3] == "250"
        assert (await writing.line())[:3] == "421"
        await door.done.wait()
        assert sorted(content for _, content in postbox.mails) == [b"abc", b"half\r\nwhole\r\n"]


async def test_large_mail_through_the_spool(tmp_path: Path) -> None:
    body = b"".join(b"%07d " % n + b"x" * 62 + b"\r\n" for n in range(40_000))
    async with running(evolve(BASE, spool_dir=tmp_path)) as door:
        client = await door.connect()
        await client.send(PREFACE + b"DATA\r\n")
        await client.replies(5)
        await client.send(b"Subject: big\r\n\r\n" + body + b".\r\n")
        assert (await client.line())[:3] == "250"
        assert door.postbox.mails[0][1] == b"Subject: big\r\n\r\n" + body
        assert list(tmp_path.iterdir()) == []


async def test_memory_pressure(tmp_path: Path) -> None:
    postbox = SlowPostbox()
    settings = evolve(BASE, memory_bytes=3000, memory_wait_seconds=0.1, spool_bytes=2500, spool_dir=tmp_path)
    mail = b"BDAT 2000 LAST\r\n" + b"x" * 2000
    async with running(settings, postbox) as door:
        first, second = await door.connect(), await door.connect()
        await first.send(PREFACE + mail)
        await postbox.accepting.wait()
        await second.send(PREFACE + mail)
        assert await second.replies(4) == ["220", "250", "250", "250"]
        assert await second.line() == "451 4.3.1 Too much mail at once, try again later"
        postbox.go.set()
        assert await first.replies(5) == ["220", "250", "250", "250", "250"]
        await second.send(PREFACE[18:] + mail)
        assert await second.replies(3) == ["250", "250", "250"]
        assert len(postbox.mails) == 2


async def test_a_disk_that_cannot_be_written(tmp_path: Path) -> None:
    async with running(evolve(BASE, spool_bytes=100, spool_dir=tmp_path / "missing")) as door:
        client = await door.connect()
        await client.send(PREFACE + b"DATA\r\n")
        await client.replies(5)
        await client.send((b"x" * 70 + b"\r\n") * 1000)
        assert (await client.ask(b"short\r\n.\r\n"))[:9] == "451 4.3.1"
        assert await client.ask(b"NOOP\r\n") == "250 2.0.0 OK"
        assert door.postbox.mails == []


async def test_a_peer_that_goes_on_after_our_last_word_can_read_it() -> None:
    async with running() as door:
        client = await door.connect()
        await client.line()
        await client.send(b"POST / HTTP/1.1\r\n" + b"x" * 2_000_000)
        assert await client.line() == "554 5.5.1 This is SMTP, not HTTP; closing"
        assert await client.line() == "<closed>"


async def test_header_section_limit() -> None:
    async with running(evolve(BASE, max_header_bytes=1000)) as door:
        client = await door.connect()
        await client.send(PREFACE + b"DATA\r\n")
        await client.replies(5)
        assert await client.ask(b"A: " + b"x" * 993 + b"\r\n\r\n" + b"x" * 5000 + b"\r\n.\r\n") == (
            "250 2.0.0 OK: queued as msg_1"
        )
        await client.send(PREFACE[18:] + b"DATA\r\n")
        await client.replies(3)
        assert (await client.ask(b"A: " + b"x" * 998 + b"\r\n\r\ntext\r\n.\r\n"))[:9] == "552 5.3.4"


PROXIED = evolve(BASE, proxy_trusted_cidrs=(ip_network("127.0.0.0/8"),), proxy_header_seconds=0.2)


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 25\r\n", "203.0.113.9"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (
            b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes([203, 0, 113, 9, 192, 0, 2, 1, 18, 103, 0, 25]),
            "203.0.113.9",
        ),
    ],
)
async def test_proxy_header(header: bytes, address: str) -> None:
    async with running(PROXIED) as door:
        client = await door.connect()
        for octet in header:
            await client.send(bytes([octet]))
        assert (await client.line())[:3] == "220"
        await client.send(PREFACE + b"BDAT 1 LAST\r\nx")
        assert await client.replies(4) == ["250"] * 4
        assert door.postbox.mails[0][0].peer.address == address


@pytest.mark.parametrize("octets", [b"", b"EHLO x\r\n", b"PROXY TCP4 x y 1 2\r\n", b"PROXY TCP4 203.0"])
async def test_proxy_header_is_not_optional(octets: bytes) -> None:
    async with running(PROXIED) as door:
        client = await door.connect()
        await client.send(octets)
        assert await client.line() == "421 4.3.0 PROXY header expected"
        assert await client.line() == "<closed>"


async def test_proxy_header_is_not_read_from_strangers() -> None:
    async with running() as door:
        client = await door.connect()
        assert (await client.line())[:3] == "220"
        assert (await client.ask(b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 25\r\n"))[:3] == "500"


async def test_early_talk_behind_a_proxy_header() -> None:
    async with running(PROXIED) as door:
        client = await door.connect()
        await client.send(b"PROXY UNKNOWN\r\nEHLO x\r\n")
        assert (await client.line())[:3] == "554"


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0"])
def test_nobody_trusts_everybody(network: str) -> None:
    with pytest.raises(ValueError, match="every peer"):
        SmtpSettings("mx.test", proxy_trusted_cidrs=(ip_network(network),))


def test_half_a_certificate_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="together"):
        SmtpSettings("mx.test", tls_cert=tmp_path)


async def test_accidents_end_one_session_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as door:
        other = await door.connect()
        await other.line()
        client = await door.connect()
        await client.line()

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr("e2ad.smtp.protocol.parse_command", broken)
            assert await client.ask(b"NOOP\r\n") == "421 4.3.0 Internal error; closing, try again later"
            assert await client.line() == "<closed>"
        assert await other.ask(b"NOOP\r\n") == "250 2.0.0 OK"


class Stopper(trio.abc.Instrument):
    """Cancels a scope when a task that runs the given function is about to make its k-th step."""

    def __init__(self, step: int, scope: trio.CancelScope, wanted: Callable[[str], bool]) -> None:
        self.left = step
        self.scope = scope
        self.wanted = wanted

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.wanted(task.name):
            self.left -= 1
            if self.left == 0:
                self.scope.cancel()


async def test_cancellation_at_every_step() -> None:
    """Whatever the step: the server ends, and a mail is either whole in the postbox or not there."""
    step = 0
    outcomes = set()
    while True:
        step += 1
        answer = ""
        postbox = Postbox()
        listeners = await open_listeners("127.0.0.1", 0)
        port = listeners[0].socket.getsockname()[1]
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                await nursery.start(serve, BASE, postbox, listeners, trio.Event())
                client = Client(await trio.open_tcp_stream("127.0.0.1", port))
                stopper = Stopper(step, nursery.cancel_scope, lambda name: "_run_handler" in name)
                trio.lowlevel.add_instrument(stopper)
                try:
                    await client.send(PREFACE + b"DATA\r\n")
                    await client.replies(5)
                    await client.send(b"whole\r\n.\r\n")
                    answer = await client.line()
                    await client.ask(b"QUIT\r\n")
                    await client.line()
                except trio.BrokenResourceError:
                    answer = "<closed>"
                finally:
                    trio.lowlevel.remove_instrument(stopper)
                    client.stream.socket.close()
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
        kept = [content for _, content in postbox.mails]
        assert kept in ([], [b"whole\r\n"])
        outcomes.add(len(kept))
        if stopper.left > 0:
            assert kept
            assert answer[:3] == "250"
            break
    assert step > 5
    assert outcomes == {0, 1}


async def test_listeners() -> None:
    everywhere = await open_listeners(None, 0)
    assert len({listener.socket.getsockname()[1] for listener in everywhere}) == 1
    shared = await open_listeners("127.0.0.1", 0, reuse_port=True)
    port = shared[0].socket.getsockname()[1]
    again = await open_listeners("127.0.0.1", port, reuse_port=True)
    with pytest.raises(OSError):
        await open_listeners("127.0.0.1", port)
    for listener in [*everywhere, *shared, *again]:
        await listener.aclose()


async def test_null_path_reaches_the_receiver() -> None:
    async with running() as door:
        client = await door.connect()
        await client.line()
        await client.send(b"EHLO x\r\nMAIL FROM:<>\r\n")
        assert await client.replies(2) == ["250", "250"]
        assert door.postbox.begun[0][1] is NULL_PATH
        assert door.postbox.begun[0][0].helo == "x"
