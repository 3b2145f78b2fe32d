"""One peer: read, feed the machine, ask the receiver, write the reply.

General theory. All waits on the peer stand in one scope whose deadline moves; `_farewell` is what
the peer is told when it strikes. Replies gather and leave only when the machine needs more octets,
so a pipelined group costs one write (RFC 2920). The receiver's answers are waited for in scopes of
their own, since they are our trouble and not the peer's.
"""

import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from attrs import define, evolve, field

from e2ad import maillog
from e2ad.core.address import NULL_PATH, Mailbox, ReversePath
from e2ad.core.errors import Unavailable
from e2ad.core.message import Envelope, Peer, Recipient
from e2ad.smtp import replies
from e2ad.smtp.events import HANG_UP, NEED_DATA, Content, EndOfContent, MailFrom, RcptTo, Say, StartTls
from e2ad.smtp.protocol import Machine
from e2ad.smtp.receiver import Receiver
from e2ad.smtp.replies import Reply, reply_for
from e2ad.smtp.settings import SmtpSettings
from e2ad.smtp.spool import ContentBuffer, OutOfMemory
from e2ad.smtp.tls import Certificate
from e2ad.smtp.wire import PeerGone, Wire

__all__ = ["Session"]

_Answer = TypeVar("_Answer")

# A peer that pipelines without end is answered in portions, so that its replies cannot pile up here.
FLUSH_BYTES = 16_384
LINGER_BYTES = 8_388_608
SLACK_SECONDS = 5.0


@define(eq=False)
class Session:
    """One connection after the door let it in. `run` does not return before the session is over."""

    settings: SmtpSettings
    receiver: Receiver
    wire: Wire
    machine: Machine
    peer: Peer
    content: ContentBuffer
    certificate: Certificate | None
    closing: trio.Event
    mails: int = 0
    ended_by: str = "gone"
    _scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _farewell: Reply | None = field(default=None, init=False)
    _out: list[bytes] = field(factory=list, init=False)
    _out_bytes: int = field(default=0, init=False)
    _waits_for_command: bool = field(default=False, init=False)
    _ends_at: float = field(default=math.inf, init=False)
    _content_began_at: float = field(default=0.0, init=False)
    _content_read: int = field(default=0, init=False)
    _reverse_path: ReversePath = field(default=NULL_PATH, init=False)
    _smtputf8: bool = field(default=False, init=False)
    _recipients: dict[tuple[str, str, str | None], Recipient] = field(factory=dict, init=False)

    async def run(self) -> None:
        """Greet and converse until one side hangs up.

        Cancellation:
            The connection ends without a word; a mail that was not accepted yet is forgotten.
        """
        self._ends_at = trio.current_time() + self.settings.session_seconds
        try:
            with self._scope:
                self._say(self.machine.greet())
                await self._converse()
            if self._scope.cancelled_caught:
                await self._take_leave()
        except PeerGone:
            pass
        finally:
            self.content.clear()

    def leave_when_idle(self) -> None:
        """We are going down: a session that waits for a command is told so now, others once they do."""
        if self._waits_for_command:
            self._farewell = replies.SHUTTING_DOWN
            self._scope.cancel()

    async def _converse(self) -> None:
        machine = self.machine
        while True:
            event = machine.next_event()
            match event:
                case Say():
                    self._say(event.data)
                    if event.drops:
                        self._forget()
                    if self._out_bytes > FLUSH_BYTES:
                        await self._flush()
                case MailFrom():
                    self._say(machine.reply(self._mail_from(event)))
                case RcptTo():
                    self._say(machine.reply(await self._rcpt_to(event.forward_path)))
                case Content():
                    await self._keep(event.chunk)
                case EndOfContent():
                    self._say(machine.reply(await self._end_of_content()))
                    self._forget()
                case StartTls():
                    await self._start_tls()
                case _:
                    if event is HANG_UP:
                        await self._hang_up()
                        return
                    assert event is NEED_DATA
                    await self._read()

    # The peer

    def _say(self, data: bytes) -> None:
        self._out.append(data)
        self._out_bytes += len(data)

    async def _flush(self) -> None:
        data = b"".join(self._out)
        self._out.clear()
        self._out_bytes = 0
        data = data[self.wire.send_nowait(data) :]
        if not data:
            return
        if not self._scope.cancel_called:
            self._farewell = None
        self._scope.deadline = trio.current_time() + self.settings.write_seconds
        await self.wire.send(data)

    async def _read(self) -> None:
        if self._out:
            await self._flush()
        in_content = self.machine.in_content
        if not in_content and self.closing.is_set():
            self._say(self.machine.hang_up(replies.SHUTTING_DOWN))
            return
        self._set_deadline(in_content)
        self._waits_for_command = not in_content
        try:
            data = await self.wire.receive()
        finally:
            self._waits_for_command = False
        if in_content:
            self._content_read += len(data)
        else:
            self._content_read = 0
        self.machine.receive_data(data)

    def _set_deadline(self, in_content: bool) -> None:
        now = trio.current_time()
        deadline = now + self.settings.idle_seconds
        farewell = replies.IDLE_TIMEOUT
        if in_content:
            if not self._content_read:
                self._content_began_at = now
            patience = self.settings.data_grace_seconds + self._content_read / self.settings.data_bytes_per_second
            if self._content_began_at + patience < deadline:
                deadline = self._content_began_at + patience
                farewell = replies.CONTENT_TOO_SLOW
        if self._ends_at < deadline:
            deadline = self._ends_at
            farewell = replies.SESSION_TIMEOUT
        # Moving a deadline costs more than reading a command; a second early or late is nothing to a peer that
        # has minutes.
        if farewell is self._farewell and now + SLACK_SECONDS < deadline - 1 < self._scope.deadline <= deadline:
            return
        self._farewell = farewell
        self._scope.deadline = deadline

    async def _hang_up(self) -> None:
        last = self._out[-1] if self._out else b""
        self.ended_by = last[:-2].decode("ascii").rpartition("\n")[2]
        await self._flush()
        self._scope.deadline = math.inf
        # After these two nothing is on its way to us that a patient peer has sent.
        if last not in (replies.BYE.to_bytes(), replies.SHUTTING_DOWN.to_bytes()):
            with trio.move_on_after(self.settings.linger_seconds):
                await self.wire.drain(LINGER_BYTES)

    async def _take_leave(self) -> None:
        if self._farewell is None:
            self.ended_by = "the peer does not read"
            return
        self.ended_by = self._farewell.lines[0]
        with trio.move_on_after(self.settings.linger_seconds):
            await self.wire.send(self.machine.hang_up(self._farewell))

    async def _start_tls(self) -> None:
        assert self.certificate is not None
        self._scope.deadline = math.inf
        context = await self.certificate.context()
        self._say(self.machine.reply(replies.READY_FOR_TLS))
        await self._flush()
        self._farewell = None
        self._scope.deadline = trio.current_time() + self.settings.handshake_seconds
        await self.wire.start_tls(context)
        self.machine.secured()
        self._forget()

    # The transaction

    def _forget(self) -> None:
        self.content.clear()
        self._recipients.clear()

    def _mail_from(self, event: MailFrom) -> Reply:
        self._forget()
        self._reverse_path = event.reverse_path
        self._smtputf8 = event.smtputf8
        if self.peer.helo != self.machine.helo or self.peer.tls != self.machine.tls:
            self.peer = evolve(self.peer, helo=self.machine.helo, tls=self.machine.tls)
        try:
            self.receiver.begin(self.peer, event.reverse_path)
        except Exception as error:  # noqa: BLE001 - whatever a receiver raises is answered, not spread
            return self._answer_to("begin", error)
        return replies.SENDER_OK

    async def _rcpt_to(self, forward_path: Mailbox) -> Reply:
        try:
            recipient = await self._ask(
                self.settings.admit_seconds, lambda: self.receiver.admit(self.peer, forward_path)
            )
        except Exception as error:  # noqa: BLE001 - as above
            return self._answer_to("admit", error)
        # Two forward-paths of one agent are one delivery; a return path of its mail is another matter.
        identity = recipient.account_id, recipient.agent_email, recipient.reports_on
        self._recipients.setdefault(identity, recipient)
        return replies.RECIPIENT_OK

    async def _keep(self, chunk: bytes) -> None:
        try:
            await self.content.append(chunk)
        except OutOfMemory as error:
            maillog.refused(self.peer.session, maillog.reason_of(error))
            self.content.clear()
            self.machine.spoil(replies.OUT_OF_MEMORY)

    async def _end_of_content(self) -> Reply:
        self._stop_the_clock(self.settings.memory_wait_seconds)
        try:
            content = await self.content.collect(self.settings.memory_wait_seconds)
        except OutOfMemory as error:
            maillog.refused(self.peer.session, maillog.reason_of(error))
            return replies.OUT_OF_MEMORY
        if self._header_is_too_big(content):
            maillog.refused(self.peer.session, replies.HEADER_TOO_BIG.lines[0])
            return replies.HEADER_TOO_BIG
        envelope = Envelope(self.peer, self._reverse_path, tuple(self._recipients.values()), self._smtputf8)
        try:
            ids = await self._ask(self.settings.accept_seconds, lambda: self.receiver.accept(envelope, content))
        except Exception as error:  # noqa: BLE001 - as above
            return self._answer_to("accept", error)
        self.mails += 1
        return _queued(ids)

    def _stop_the_clock(self, seconds: float) -> None:
        # The peer's deadline must not strike while we are the ones who think.
        if self._scope.deadline < trio.current_time() + seconds + SLACK_SECONDS:
            self._scope.deadline = math.inf

    def _header_is_too_big(self, content: bytes) -> bool:
        limit = self.settings.max_header_bytes
        return len(content) > limit and content.find(b"\r\n\r\n", 0, limit + 4) < 0

    async def _ask(self, seconds: float, question: Callable[[], Awaitable[_Answer]]) -> _Answer:
        self._stop_the_clock(seconds)
        with trio.move_on_after(seconds):
            return await question()
        raise Unavailable

    def _answer_to(self, question: str, error: Exception) -> Reply:
        reply = reply_for(error)
        if reply.enhanced == "4.3.0":
            maillog.smtp_receiver_failed(self.peer.session, question, error)
        else:
            maillog.refused(self.peer.session, maillog.reason_of(error))
        return reply


def _queued(ids: tuple[str, ...]) -> Reply:
    # As many ids as one reply line holds; one agent, one id is what nearly every mail has.
    text = "OK: queued as"
    for name in ids:
        if len(text) + len(name) > 480:
            break
        text += f" {name}"
    return Reply(250, "2.0.0", text if ids else "OK: queued")
