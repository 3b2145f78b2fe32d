"""A far relay that speaks the real protocol over real sockets, and misbehaves where it is told to.

`acts` names what to do at a step instead of the usual answer; each is used once. Steps are the verbs
and "greeting", "handshake", "content" (before its first octet is read), "final" (behind its end), and
``RCPT:<address>``, which is not used up. An act is octets to say, or one of `CLOSE`, `RESET`,
`SILENCE`, `TRICKLE`, `PAUSE` (until nothing moves any more), or a list of acts.
"""

import base64
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import TypeAlias

import trio
import trio.testing
from attrs import define, field, frozen

from e2ad.smtp.client import RelaySettings


class Fate(Enum):
    CLOSE = auto()
    RESET = auto()
    SILENCE = auto()
    TRICKLE = auto()
    PAUSE = auto()


CLOSE, RESET, SILENCE, TRICKLE, PAUSE = Fate
Act: TypeAlias = "bytes | Fate | list[Act]"


@frozen
class Mail:
    """A content that came whole; `accepted` if it was answered 2yz."""

    mail: str
    recipients: tuple[str, ...]
    content: bytes
    accepted: bool
    chunked: bool
    tls: bool
    user: str


class _Gone(Exception):
    pass


@define(eq=False)
class FarRelay:
    """What it offers, what it will do, and what it saw."""

    pipelining: bool = True
    extensions: tuple[str, ...] = ("8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 10000000")
    knows_ehlo: bool = True
    mechanisms: str = "PLAIN LOGIN"
    password: str = "secret"
    context: ssl.SSLContext | None = None
    implicit: bool = False
    takes_data_for_nobody: bool = False
    acts: dict[str, list[Act]] = field(factory=dict)
    recipients: dict[str, bytes] = field(factory=dict)
    greylisted: set[str] = field(factory=set)
    mails: list[Mail] = field(factory=list)
    commands: list[str] = field(factory=list)
    groups: list[int] = field(factory=list)
    violations: list[str] = field(factory=list)
    connections: int = 0
    open_now: int = 0
    most: int = 0
    closed: trio.Event = field(factory=trio.Event)
    port: int = 0

    async def serve(self, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        task_status.started(self.port)
        await trio.serve_listeners(self._welcome, listeners)

    async def connect(self, host: str, port: int) -> trio.SocketStream:
        """For `Relay(connect=…)`: whatever the name, it is here."""
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    @property
    def verbs(self) -> list[str]:
        return [command.split(" ")[0].split(":")[0].upper() for command in self.commands]

    async def _welcome(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        self.open_now += 1
        self.most = max(self.most, self.open_now)
        session = _Session(self, stream, stream)
        try:
            await session.run()
        except (_Gone, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.open_now -= 1
            stream.socket.close()
            self.closed.set()


@define(eq=False)
class _Session:
    relay: FarRelay
    plain: trio.SocketStream
    stream: "trio.abc.Stream"
    buffer: bytearray = field(factory=bytearray)
    tls: bool = False
    user: str = ""
    mail: str = ""
    taken: list[str] = field(factory=list)

    async def run(self) -> None:
        if self.relay.implicit:
            await self.secure()
        await self.say("greeting", b"220 far.test ESMTP\r\n")
        while True:
            line = await self.line()
            self.relay.commands.append(line)
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            if not self.relay.pipelining and self.buffer and verb != "BDAT":
                self.relay.violations.append(f"{line} was pipelined")
            handler = getattr(self, f"on_{verb.lower()}", None)
            if handler is None:
                await self.say(verb, b"500 5.5.2 what\r\n")
            else:
                await handler(rest)

    async def on_ehlo(self, rest: str) -> None:
        if not self.relay.knows_ehlo:
            await self.say("EHLO", b"502 5.5.1 what\r\n")
            return
        lines = ["far.test", *self.relay.extensions]
        if self.relay.pipelining:
            lines.append("PIPELINING")
        if self.relay.context and not self.tls and not self.relay.implicit:
            lines.append("STARTTLS")
        if self.relay.mechanisms and (self.tls or not self.relay.context):
            lines.append(f"AUTH {self.relay.mechanisms}")
        text = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
        await self.say("EHLO", text.encode())

    async def on_helo(self, rest: str) -> None:
        await self.say("HELO", b"250 far.test\r\n")

    async def on_starttls(self, rest: str) -> None:
        if await self.say("STARTTLS", b"220 2.0.0 go\r\n") == 2:
            await self.secure()

    async def on_auth(self, rest: str) -> None:
        if not self.tls and self.relay.context is not None:
            self.relay.violations.append("AUTH in the clear")
        mechanism, _, initial = rest.partition(" ")
        if acts := self.relay.acts.get("AUTH"):
            await self.act(acts.pop(0))
            return
        if mechanism == "PLAIN":
            _, user, password = base64.b64decode(initial).decode().split("\0")
        else:
            user = await self.ask(b"334 VXNlcm5hbWU6\r\n")
            password = await self.ask(b"334 UGFzc3dvcmQ6\r\n")
        if password != self.relay.password:
            await self.send(b"535 5.7.8 no\r\n")
            return
        self.user = user
        await self.send(b"235 2.7.0 welcome\r\n")

    async def on_mail(self, rest: str) -> None:
        usual = b"503 5.5.1 nested\r\n" if self.mail else b"250 2.1.0 ok\r\n"
        self.relay.groups.append(1 + self.buffer.count(b"\n"))
        if await self.say("MAIL", usual) == 2:
            self.mail = rest
            self.taken.clear()

    async def on_rcpt(self, rest: str) -> None:
        address = rest[rest.index("<") + 1 : rest.rindex(">")]
        usual = self.relay.recipients.get(address, b"250 2.1.5 ok\r\n")
        if address in self.relay.greylisted:
            self.relay.greylisted.discard(address)
            usual = b"450 4.7.1 greylisted, come again\r\n"
        if await self.say("RCPT", usual if self.mail else b"503 5.5.1 MAIL first\r\n") == 2:
            self.taken.append(address)

    async def on_rset(self, rest: str) -> None:
        self.mail = ""
        await self.say("RSET", b"250 2.0.0 forgotten\r\n")

    async def on_quit(self, rest: str) -> None:
        await self.say("QUIT", b"221 2.0.0 bye\r\n")
        raise _Gone

    async def on_data(self, rest: str) -> None:
        wanted = self.taken or self.relay.takes_data_for_nobody
        if await self.say("DATA", b"354 go\r\n" if wanted else b"554 5.5.1 no valid recipients\r\n") != 3:
            return
        await self.before_content()
        content = bytearray()
        while (line := await self.octets()) != b".\r\n":
            content += line[1:] if line.startswith(b".") else line
        await self.final(bytes(content), chunked=False)
        self.mail = ""

    async def on_bdat(self, rest: str) -> None:
        size, _, last = rest.partition(" ")
        if last != "LAST":
            self.relay.violations.append("more than one chunk")
        await self.before_content()
        while len(self.buffer) < int(size):
            await self.more()
        content = bytes(self.buffer[: int(size)])
        del self.buffer[: int(size)]
        if await self.final(content, chunked=True) == 2:
            self.mail = ""

    async def before_content(self) -> None:
        if acts := self.relay.acts.get("content"):
            await self.more()
            await self.act(acts.pop(0))

    async def final(self, content: bytes, *, chunked: bool) -> int:
        index = len(self.relay.mails)
        mail = Mail(self.mail, tuple(self.taken), content, False, chunked, self.tls, self.user)
        self.relay.mails.append(mail)
        kind = await self.say("final", b"250 2.0.0 Ok: queued as %d\r\n" % index)
        if kind == 2:
            self.relay.mails[index] = Mail(mail.mail, mail.recipients, content, True, chunked, self.tls, self.user)
        return kind

    # Octets

    async def secure(self) -> None:
        if acts := self.relay.acts.get("handshake"):
            await self.act(acts.pop(0))
        assert self.relay.context is not None
        stream = trio.SSLStream(self.plain, self.relay.context, server_side=True, https_compatible=True)
        await stream.do_handshake()
        self.stream, self.tls = stream, True

    async def say(self, step: str, usual: bytes) -> int:
        """Do what was told for this step or say the usual; the first digit of what was said."""
        acts = self.relay.acts.get(step)
        said = acts.pop(0) if acts else usual
        await self.act(said)
        return int(said[:1]) if isinstance(said, bytes) and said[:1].isdigit() else 0

    async def act(self, act: Act) -> None:
        match act:
            case bytes():
                await self.send(act)
            case list():
                for one in act:
                    await self.act(one)
            case Fate.CLOSE:
                raise _Gone
            case Fate.RESET:
                self.plain.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise _Gone
            case Fate.PAUSE:
                await trio.testing.wait_all_tasks_blocked(0.02)
            case Fate.SILENCE:
                while True:
                    await self.more()
            case Fate.TRICKLE:
                while True:
                    await self.send(b"250-\r\n")
                    await trio.sleep(5)

    async def send(self, octets: bytes) -> None:
        await self.stream.send_all(octets)

    async def ask(self, question: bytes) -> str:
        await self.send(question)
        return base64.b64decode(await self.line()).decode()

    async def line(self) -> str:
        return (await self.octets()).decode().removesuffix("\r\n")

    async def octets(self) -> bytes:
        while (end := self.buffer.find(b"\r\n")) < 0:
            await self.more()
        line = bytes(self.buffer[: end + 2])
        del self.buffer[: end + 2]
        return line

    async def more(self) -> None:
        data = await self.stream.receive_some()
        if not data:
            raise _Gone
        self.buffer += data


@asynccontextmanager
async def far_relay(relay: FarRelay | None = None, **acts: Act) -> AsyncIterator[FarRelay]:
    """A running relay; each keyword is one act for that step."""
    relay = relay or FarRelay()
    for step, act in acts.items():
        relay.acts.setdefault(step, []).append(act)
    async with trio.open_nursery() as nursery:
        await nursery.start(relay.serve)
        yield relay
        nursery.cancel_scope.cancel()


def settings(**more: object) -> RelaySettings:
    """Settings for a relay that `FarRelay.connect` reaches; short waits, for tests under a clock that jumps."""
    base: Mapping[str, object] = {"host": "mx.test", "port": 25, "tls": "none", "helo": "e2ad.test", **more}
    return RelaySettings(**base)  # type: ignore[arg-type] # keywords are checked when it is built
