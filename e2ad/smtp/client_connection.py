"""One connection to the relay: the driver that does the I/O of the conversations in `client_protocol`.

General theory. Each step has its deadline, and every way in which a step can go wrong becomes
`Trouble`. The one rule about the content's end: `Wire.send` returns once the kernel has taken the
last octet, and whenever it raises, for an error, a deadline or a cancellation, the last octet is
still here. So "sent in full" is exactly "`send` returned", and nothing lies between.
"""

import select
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import TypeAlias, TypeVar, assert_never

import trio

from e2ad.core.address import Mailbox
from e2ad.smtp.client_mail import Outcome, Outgoing, Phase, Trouble
from e2ad.smtp.client_protocol import AskLeave, Extensions, Read, Secure, Send, Talk, Transaction, Write, introduce
from e2ad.smtp.client_replies import BadReply, RelayReply, ReplyReader
from e2ad.smtp.client_settings import RelaySettings
from e2ad.smtp.wire import PeerGone, Wire

__all__ = ["Connect", "Connection", "RelayWire", "Stale"]

Connect: TypeAlias = Callable[[str, int], Awaitable[trio.SocketStream]]
_T = TypeVar("_T")


class Stale(Exception):
    """A kept connection turned out to be closed before the relay answered anything: another one may try."""


class RelayWire(Wire):
    """The octets of a connection that we opened."""

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands and check the certificate against `host`.

        Raises:
            PeerGone: there is no TLS; the message says why.

        Cancellation:
            The connection is of no use any more.
        """
        secure = trio.SSLStream(self._plain, context, server_hostname=host, https_compatible=True)
        try:
            await secure.do_handshake()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise PeerGone(_reason(error)) from error
        self._secure = secure

    @property
    def is_quiet(self) -> bool:
        """Is there neither an end nor an octet that waits to be read? On a kept connection both are bad news."""
        poll = select.poll()
        poll.register(self._plain.socket.fileno(), select.POLLIN | select.POLLRDHUP)
        return not poll.poll(0)

    def close(self) -> None:
        """Close at once; what the kernel has taken is still sent."""
        self._plain.socket.close()


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError) and cause.reason:
        return cause.reason.replace("_", " ").lower()
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return "the relay closed the connection"


class Connection:
    """A session that was introduced; made by `open`. Used by one task at a time.

    Attributes:
        is_healthy: it can carry another mail.
        idle_since: when the last mail was done, for its owner.
    """

    def __init__(self, settings: RelaySettings, wire: RelayWire) -> None:
        self.is_healthy = False
        self.idle_since = 0.0
        self._settings = settings
        self._wire = wire
        self._reader = ReplyReader()
        self._extensions = Extensions()
        self._mails = 0
        self._is_open = False
        self._phase = Phase.CONNECT
        self._context: ssl.SSLContext | None = None

    @classmethod
    async def open(cls, settings: RelaySettings, connect: Connect, context: ssl.SSLContext | None) -> "Connection":
        """Connect and introduce ourselves.

        Raises:
            Trouble: it did not come to a session; nothing is left open.

        Cancellation:
            Nothing is left open.
        """
        stream: trio.SocketStream | None = None
        with trio.move_on_after(settings.connect_seconds):
            try:
                stream = await connect(settings.host, settings.port)
            except OSError as error:
                raise Trouble(Phase.CONNECT, f"the relay cannot be reached: {_reason(error)}", gone=True) from error
        if stream is None:
            raise Trouble(Phase.CONNECT, f"the relay cannot be reached within {settings.connect_seconds:g} s")
        connection = cls(settings, RelayWire(stream))
        connection._context = context
        try:
            if settings.tls == "implicit":
                await connection._secure()
            talk = introduce(settings.helo, settings.tls, settings.username, settings.password)
            connection._extensions = await connection._follow(talk)
            connection.is_healthy = connection._reader.is_empty
        finally:
            if not connection.is_healthy:
                connection.close()
        if not connection.is_healthy:
            raise Trouble(connection._phase, "the relay answers what it was not asked")
        return connection

    @property
    def can_be_used(self) -> bool:
        """Did the relay neither close nor speak while nothing was asked?"""
        return self.is_healthy and self._wire.is_quiet

    async def carry(self, mail: Outgoing) -> dict[Mailbox, Outcome]:
        """Send one mail; an outcome for each recipient.

        Raises:
            Stale: not the first mail here, and the connection broke before any answer: nothing was
                sent but commands of the envelope.
            Exception: whatever `mail.before_content` raises.

        Cancellation:
            If this raises `trio.Cancelled`, the end of the content was not sent. Once it was, there
            are `cancelled_seconds` for the answer, and then this returns.
        """
        transaction = Transaction(mail, self._extensions, reset=self._is_open)
        self.is_healthy = False
        reused, self._mails = self._mails > 0, self._mails + 1
        try:
            await self._follow(transaction.talk(), mail)
            self.is_healthy = self._reader.is_empty
        except Trouble as trouble:
            if reused and trouble.gone and trouble.reply is None and not transaction.answered:
                raise Stale from trouble
            transaction.fail(trouble.phase, trouble.why, trouble.reply)
        self._is_open = transaction.is_open
        return transaction.outcomes

    async def quit(self) -> None:
        """Say goodbye (RFC 5321 section 4.1.1.10) and close, in `goodbye_seconds` at most.

        Cancellation:
            Closed without a word.
        """
        self.is_healthy = False
        try:
            with trio.move_on_after(self._settings.goodbye_seconds):
                await self._wire.send(b"QUIT\r\n")
                await self._wire.receive()
        except PeerGone:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Close at once, with QUIT where that needs no wait. The relay forgets a mail whose end it did not see."""
        if self.is_healthy:
            self.is_healthy = False
            with suppress(PeerGone):
                self._wire.send_nowait(b"QUIT\r\n")
        self._wire.close()

    async def _follow(self, talk: Talk[_T], mail: Outgoing | None = None) -> _T:
        answer: RelayReply | None = None
        while True:
            try:
                step = talk.send(answer)
            except StopIteration as done:
                result: _T = done.value
                return result
            answer = None
            match step:
                case Write():
                    self._phase = step.phase
                    await self._write(step.data)
                case Read():
                    self._phase = step.phase
                    answer = await self._answer(step.phase)
                case Secure():
                    await self._secure()
                case AskLeave():
                    assert mail is not None
                    self._phase = Phase.CONTENT
                    await self._ask_leave(mail)
                case Send():
                    await self._send(step.blocks)
                case _:
                    assert_never(step)

    async def _answer(self, phase: Phase) -> RelayReply:
        if phase is Phase.FINAL:
            return await self._read_last()
        settings = self._settings
        return await self._read(settings.greeting_seconds if phase is Phase.GREETING else settings.command_seconds)

    async def _write(self, data: bytes) -> None:
        # A reply that nobody asked for would be taken for the answer to what follows.
        if not self._reader.is_empty:
            raise Trouble(self._phase, "the relay answers what it was not asked")
        await self._send_within(data, self._settings.command_seconds)

    async def _send(self, blocks: Iterator[bytes]) -> None:
        if not self._reader.is_empty:
            raise Trouble(self._phase, "the relay answers what it was not asked")
        for block in blocks:
            await self._send_within(block, self._settings.data_seconds)

    async def _send_within(self, data: bytes, seconds: float) -> None:
        broken: PeerGone | None = None
        with trio.move_on_after(seconds):
            try:
                await self._wire.send(data)
            except PeerGone as error:
                broken = error
            else:
                return
        if broken is None:
            raise Trouble(self._phase, f"the relay does not read for {seconds:g} s")
        reply = await self._last_word()
        why = str(reply) if reply else f"the connection broke: {_reason(broken.__cause__ or broken)}"
        raise Trouble(self._phase, why, reply, gone=True) from broken

    async def _last_word(self) -> RelayReply | None:
        """Who hangs up on us mostly says why first. Only a refusal counts: nothing was handed over."""
        with trio.move_on_after(self._settings.goodbye_seconds):
            try:
                while (reply := self._reader.next_reply()) is None:
                    self._reader.receive_data(await self._wire.receive())
            except (PeerGone, BadReply):
                return None
            return reply if reply.kind >= 4 else None
        return None

    async def _read(self, seconds: float) -> RelayReply:
        with trio.move_on_after(seconds):
            try:
                while (reply := self._reader.next_reply()) is None:
                    self._reader.receive_data(await self._wire.receive())
            except BadReply as error:
                raise Trouble(self._phase, str(error)) from error
            except PeerGone as error:
                why = _reason(error.__cause__ or error)
                raise Trouble(self._phase, f"the connection broke: {why}", gone=True) from error
            return reply
        raise Trouble(self._phase, f"the relay does not answer within {seconds:g} s")

    async def _read_last(self) -> RelayReply:
        try:
            return await self._read(self._settings.final_seconds)
        except trio.Cancelled:
            # The content is out, so being cancelled does not mean that nothing happened. Not passed on:
            # the outcome is worth more to the caller, whose next checkpoint is cancelled anyway.
            with trio.move_on_after(self._settings.cancelled_seconds, shield=True):
                return await self._read(self._settings.cancelled_seconds)
            raise Trouble(self._phase, "cancelled while the answer was awaited") from None

    async def _secure(self) -> None:
        self._phase = Phase.HANDSHAKE
        # Octets behind the 220 were injected in the clear, to be read under TLS (RFC 3207 section 4.2).
        if not self._reader.is_empty:
            raise Trouble(Phase.STARTTLS, "octets came in the clear behind the answer to STARTTLS")
        assert self._context is not None
        seconds, done = self._settings.connect_seconds, False
        with trio.move_on_after(seconds):
            try:
                await self._wire.secure(self._context, self._settings.host)
            except PeerGone as error:
                raise Trouble(Phase.HANDSHAKE, f"there is no TLS with the relay: {error}", gone=True) from error
            done = True
        if not done:
            raise Trouble(Phase.HANDSHAKE, f"there is no TLS with the relay within {seconds:g} s")

    async def _ask_leave(self, mail: Outgoing) -> None:
        if mail.before_content is None:
            return
        seconds, granted = self._settings.command_seconds, False
        with trio.move_on_after(seconds):
            await mail.before_content()
            granted = True
        if not granted:
            raise Trouble(Phase.CONTENT, f"the attempt could not be recorded within {seconds:g} s")
