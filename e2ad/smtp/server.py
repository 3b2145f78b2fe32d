"""The door for mail: who may come in, and the end of a working day."""

import secrets
from functools import partial
from ipaddress import ip_address

import trio
from attrs import define, field

from e2ad import maillog
from e2ad.core.message import Peer
from e2ad.smtp import replies
from e2ad.smtp.limits import Connections, plain_address
from e2ad.smtp.protocol import Machine
from e2ad.smtp.proxy import ProxyError, parse_proxy_header
from e2ad.smtp.receiver import Receiver
from e2ad.smtp.replies import Reply
from e2ad.smtp.session import Session
from e2ad.smtp.settings import SmtpSettings
from e2ad.smtp.spool import ContentBuffer, MemoryBudget
from e2ad.smtp.tls import Certificate
from e2ad.smtp.wire import READ_BYTES, Wire

__all__ = ["SmtpSettings", "serve"]

REFUSAL_SECONDS = 1.0


async def serve(
    settings: SmtpSettings,
    receiver: Receiver,
    listeners: list[trio.SocketListener],
    closing: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Take mail until `closing` is set and the last session is over.

    Then nobody new is let in, sessions that wait for a command are told 421 4.3.2, and those
    inside DATA or BDAT, or waiting for the receiver, finish their mail first.

    Args:
        settings: limits and patience.
        receiver: whom to ask, and who takes the mail.
        listeners: from `e2ad.listeners`; closed when this returns.
        closing: set to make an end. How long that may take is bounded by the caller's scope.
        task_status: started once mail is taken.

    Raises:
        OSError, ssl.SSLError: the certificate cannot be loaded.

    Cancellation:
        All sessions end at once; a mail that was not accepted yet is the sender's still.
    """
    certificate: Certificate | None = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        certificate = Certificate(settings.tls_cert, settings.tls_key)
        await certificate.load()
    door = _Door(settings, receiver, closing, certificate)
    async with trio.open_nursery() as sessions:
        async with trio.open_nursery() as accepting:
            accept = partial(trio.serve_listeners, door.welcome, listeners, handler_nursery=sessions)
            accepting.start_soon(accept)
            task_status.started()
            await closing.wait()
            accepting.cancel_scope.cancel()
        door.close()


@define(eq=False)
class _Door:
    """What the sessions of one server share."""

    settings: SmtpSettings
    receiver: Receiver
    closing: trio.Event
    certificate: Certificate | None
    connections: Connections = field(init=False)
    memory: MemoryBudget = field(init=False)
    sessions: set[Session] = field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        self.connections = Connections(self.settings.max_connections, self.settings.max_connections_per_peer)
        self.memory = MemoryBudget(self.settings.memory_bytes)

    def close(self) -> None:
        """Tell the idle."""
        for session in list(self.sessions):
            session.leave_when_idle()

    async def welcome(self, stream: trio.SocketStream) -> None:
        """One connection from its first to its last octet. Whatever goes wrong ends this one only."""
        name = secrets.token_hex(8)
        refusal = self.connections.enter()
        try:
            if refusal is not None:
                await _refuse(stream, refusal)
                return
            await self._let_in(stream, name)
        except Exception as error:  # noqa: BLE001 - a bug met by one peer must not take the others down
            maillog.smtp_session_crashed(name, error)
            await _refuse(stream, replies.INTERNAL_ERROR)
        finally:
            if refusal is None:
                self.connections.leave()
            # Not aclose(), which waits: the kernel sends what is still to be sent.
            stream.socket.close()

    async def _let_in(self, stream: trio.SocketStream, name: str) -> None:
        stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
        try:
            address, port = stream.socket.getpeername()[:2]
        except OSError:
            return  # gone before we looked
        address, early = plain_address(address), b""
        if self._is_proxy(address):
            try:
                with trio.fail_after(self.settings.proxy_header_seconds):
                    source, early = await _read_proxy_header(stream)
            except (ProxyError, trio.TooSlowError, trio.BrokenResourceError) as error:
                maillog.smtp_connection_refused(address, maillog.reason_of(error))
                await _refuse(stream, replies.PROXY_HEADER_EXPECTED)
                return
            address, port = source or (address, port)
        refusal = self.connections.enter_peer(address)
        if refusal is not None:
            maillog.smtp_connection_refused(address, refusal.lines[0])
            await _refuse(stream, refusal)
            return
        try:
            await self._serve_peer(stream, Peer(address, port, "", name), early)
        finally:
            self.connections.leave_peer(address)

    async def _serve_peer(self, stream: trio.SocketStream, peer: Peer, early: bytes) -> None:
        settings = self.settings
        machine = Machine(settings.domain, settings.limits, offers_tls=self.certificate is not None)
        machine.receive_data(early or await _listen_for_early_talk(stream, settings.greeting_delay_seconds))
        content = ContentBuffer(self.memory, settings.spool_bytes, settings.spool_dir)
        session = Session(settings, self.receiver, Wire(stream), machine, peer, content, self.certificate, self.closing)
        self.sessions.add(session)
        maillog.smtp_session_opened(peer.session, peer.address)
        try:
            await session.run()
        finally:
            self.sessions.discard(session)
            maillog.smtp_session_closed(peer.session, peer.address, mails=session.mails, reason=session.ended_by)

    def _is_proxy(self, address: str) -> bool:
        networks = self.settings.proxy_trusted_cidrs
        return bool(networks) and any(ip_address(address) in network for network in networks)


async def _read_proxy_header(stream: trio.SocketStream) -> tuple[tuple[str, int] | None, bytes]:
    received = b""
    while True:
        data = await stream.receive_some(READ_BYTES)
        if not data:
            raise ProxyError("the connection ended before the header did")
        received += data
        header = parse_proxy_header(received)
        if header is not None:
            return header.source, received[header.length :]


async def _listen_for_early_talk(stream: trio.SocketStream, seconds: float) -> bytes:
    """Octets that came before the greeting; empty for a peer that waits for it, or is gone."""
    with trio.move_on_after(seconds):
        try:
            return bytes(await stream.receive_some(READ_BYTES))
        except trio.BrokenResourceError:
            return b""
    return b""


async def _refuse(stream: trio.SocketStream, reply: Reply) -> None:
    with trio.move_on_after(REFUSAL_SECONDS):
        try:
            await stream.send_all(reply.to_bytes())
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
            return
