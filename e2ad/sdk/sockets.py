"""The WebSocket of a listener, written once for callers that block, for asyncio and for Trio.

A listener is a generator: it opens, reads and writes its socket without ever waiting, and yields either an event or
what it waits for. Who drives it does the waiting, with `select` or by awaiting. So a wait can be cancelled anywhere
and taken up again, with nothing lost and nothing half written, and no task runs behind the caller's back.
"""

import errno
import os
import socket
import ssl
import time
from collections.abc import Generator
from contextlib import suppress
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import SplitResult, urlsplit

import httpx2
from attrs import define, field, frozen
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from e2ad.sdk.errors import E2AConnectionError, E2AServerError
from e2ad.sdk.events import WSEvent
from e2ad.sdk.exchange import Pause
from e2ad.sdk.listening import Again, Listening

__all__ = ["Address", "Readable", "Resolve", "Steps", "Wait", "Writable", "listener"]

T = TypeVar("T")

CONNECT_SECONDS: Final = 20.0
WRITE_SECONDS: Final = 20.0
SILENCE_SECONDS: Final = 60.0
PONG_SECONDS: Final = 20.0
READ_BYTES: Final = 65536
MAX_FRAME_CHARACTERS: Final = 16 * 1024 * 1024
MAX_REFUSAL_BYTES: Final = 65536


class _Ended(OSError):
    """The connection stood, and ended without a word."""


@frozen
class Readable:
    """Wait until there is something to read; answered with whether there is, before the time is over."""

    socket: socket.socket
    seconds: float


@frozen
class Writable:
    """Wait until something can be written, or the connection stands; answered like `Readable`."""

    socket: socket.socket
    seconds: float


@frozen
class Resolve:
    """Find the addresses of a host; answered with what `getaddrinfo` gives, or an OSError thrown in."""

    host: str
    port: int


Wait: TypeAlias = Readable | Writable | Resolve | Pause
Steps: TypeAlias = Generator["WSEvent[Any] | Wait", Any, T]


@frozen
class Address:
    """Where a deployment is, and how to get in.

    Attributes:
        base_url: with `http` or `https`.
        tls: for `https`; None for the authorities that every call trusts.
    """

    base_url: str
    api_key: str | None = field(repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def parts(self) -> SplitResult:
        """The parts of the address."""
        return urlsplit(self.base_url.rstrip("/"))

    @property
    def host(self) -> str:
        """The name to look up."""
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        """As given, or that of the scheme."""
        return self.parts.port or (443 if self.is_secure else 80)

    @property
    def is_secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.parts.scheme == "https"

    def request(self, path: str) -> Request:
        """The upgrade to ask for."""
        headers = [(b"User-Agent", b"e2ad-python")]
        if self.api_key:
            headers.append((b"Authorization", b"Bearer " + self.api_key.encode()))
        host = self.parts.netloc.rpartition("@")[2]
        return Request(host=host, target=self.parts.path + path, extra_headers=headers)


def listener(address: Address, listening: Listening) -> Steps[None]:
    """All of an agent's events over as many connections as it takes; ends where the server says so with 1000.

    Raises:
        E2AError: the server will not have this listener.
    """
    while True:
        listening.on_state("connecting")
        again = yield from _connection(address, listening)
        if again is None:
            return
        yield Pause(again.seconds)


def _connection(address: Address, listening: Listening) -> Steps[Again | None]:
    """One connection, from its attempt to its end; what to do then."""
    try:
        sock = yield from _dial(address)
        with sock:
            link = yield from _secured(sock, address)
            return (yield from _converse(link, address, listening))
    except ssl.SSLCertVerificationError as error:
        raise E2AConnectionError(f"{address.base_url} does not prove that it is the host: {error}") from error
    except _Ended as error:
        return listening.lost(str(error))
    except OSError as error:
        return listening.lost(f"no connection ({error.strerror or error})")
    except RemoteProtocolError as error:
        return listening.lost(f"the server does not speak WebSocket ({error})")


def _dial(address: Address) -> Steps[socket.socket]:
    """A TCP connection to the first of the host's addresses that answers.

    Raises:
        OSError: none does.
    """
    failed: OSError = OSError(errno.EADDRNOTAVAIL, "the host has no address")
    for family, kind, protocol, _, target in (yield Resolve(address.host, address.port)):
        try:
            return (yield from _connected(socket.socket(family, kind, protocol), target))
        except OSError as error:
            failed = error
    raise failed


def _connected(sock: socket.socket, target: Any) -> Steps[socket.socket]:
    stands = False
    try:
        sock.setblocking(False)
        code = sock.connect_ex(target)
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            if not (yield Writable(sock, CONNECT_SECONDS)):
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        stands = True
        return sock
    finally:
        if not stands:
            sock.close()


@define
class _Link:
    """Bytes over a socket that never blocks, through TLS if there is any."""

    sock: socket.socket

    def read(self, seconds: float) -> Steps[bytes | None]:
        """What came, b"" at the end, None where nothing came in time."""
        while True:
            with suppress(BlockingIOError, InterruptedError):
                return self.sock.recv(READ_BYTES)
            if not (yield Readable(self.sock, seconds)):
                return None

    def write(self, data: bytes) -> Steps[None]:
        """Send all of it.

        Raises:
            OSError: the other side takes nothing.
        """
        rest = memoryview(data)
        while rest:
            with suppress(BlockingIOError, InterruptedError):
                rest = rest[self.sock.send(rest) :]
                continue
            if not (yield Writable(self.sock, WRITE_SECONDS)):
                raise _silence()

    def write_nowait(self, data: bytes) -> None:
        """Send as much as goes at once: a farewell is worth no wait."""
        with suppress(OSError):
            self.sock.send(data)


@define
class _SecureLink(_Link):
    """The same with TLS, whose library works on memory alone."""

    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO
    _tls: ssl.SSLObject

    def shake_hands(self) -> Steps[None]:
        """Agree on keys, and check who is there.

        Raises:
            OSError: no agreement, or it took too long.
        """
        ends_at = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                yield from self._exchange(ends_at)
        yield from _Link.write(self, self._outgoing.read())

    def _exchange(self, ends_at: float) -> Steps[None]:
        yield from _Link.write(self, self._outgoing.read())
        data = yield from _Link.read(self, max(ends_at - time.monotonic(), 0.0))
        if data is None:
            raise _silence()
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def read(self, seconds: float) -> Steps[bytes | None]:
        """What came, b"" at the end, None where nothing came in time."""
        while True:
            try:
                return self._tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                yield from _Link.write(self, self._outgoing.read())
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            data = yield from _Link.read(self, seconds)
            if data is None:
                return None
            self._feed(data)

    def write(self, data: bytes) -> Steps[None]:
        """Send all of it."""
        self._tls.write(data)
        yield from _Link.write(self, self._outgoing.read())

    def write_nowait(self, data: bytes) -> None:
        """Send as much as goes at once, and say that nothing follows."""
        with suppress(OSError):
            self._tls.write(data)
        with suppress(OSError):
            self._tls.unwrap()
        _Link.write_nowait(self, self._outgoing.read())


@cache
def _authorities() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


def _secured(sock: socket.socket, address: Address) -> Steps[_Link]:
    if not address.is_secure:
        return _Link(sock)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = address.tls or _authorities()
    link = _SecureLink(sock, incoming, outgoing, context.wrap_bio(incoming, outgoing, server_hostname=address.host))
    yield from link.shake_hands()
    return link


def _converse(link: _Link, address: Address, listening: Listening) -> Steps[Again | None]:
    """Shake hands, then read frames until the connection ends; what to do then."""
    protocol = WSConnection(ConnectionType.CLIENT)
    try:
        yield from link.write(protocol.send(address.request(listening.path)))
        refused = yield from _shake_hands(link, protocol, listening)
        if refused is not None:
            return refused
        listening.on_state("connected")
        return (yield from _frames(link, protocol, listening))
    finally:
        # Of a connection that stands and that the caller has had enough of.
        with suppress(LocalProtocolError):
            link.write_nowait(protocol.send(CloseConnection(code=1000)))


def _shake_hands(link: _Link, protocol: WSConnection, listening: Listening) -> Steps[Again | None]:
    """None once the connection stands; what to do if the server will not have it.

    Raises:
        OSError, RemoteProtocolError: no answer, or none that can be read.
    """
    ends_at = time.monotonic() + CONNECT_SECONDS
    refusal: RejectConnection | None = None
    body, whole = b"", False
    while True:
        data = yield from link.read(max(ends_at - time.monotonic(), 0.0))
        if data:
            protocol.receive_data(data)
            for event in protocol.events():
                match event:
                    case AcceptConnection():
                        return None
                    case RejectConnection():
                        refusal, whole = event, not event.has_body
                    case RejectData():
                        body += event.data
                        whole = event.body_finished
                    case _:
                        pass
        if refusal is not None and (whole or not data or len(body) > MAX_REFUSAL_BYTES):
            return listening.refused(refusal.status_code, body, _header(refusal, b"retry-after"))
        if not data:
            raise _silence() if data is None else _end()


def _frames(link: _Link, protocol: WSConnection, listening: Listening) -> Steps[Again | None]:
    """Yield events until the connection ends; what to do then.

    Raises:
        OSError, RemoteProtocolError: it ended without a word.
        E2AServerError: a frame without an end.
    """
    text, asked = "", False
    while True:
        # What came together with the answer to the handshake is there already.
        for event in protocol.events():
            match event:
                case TextMessage():
                    text += event.data
                    if len(text) > MAX_FRAME_CHARACTERS:
                        raise E2AServerError("the server sends an event without an end", code="invalid_response")
                    if event.message_finished:
                        found, text = listening.take(text), ""
                        if found is not None:
                            yield found
                case Ping():
                    yield from link.write(protocol.send(event.response()))
                case CloseConnection():
                    link.write_nowait(protocol.send(event.response()))
                    return listening.closed(event.code, event.reason or "")
                case _:  # a pong, or bytes, which are no event
                    pass
        data = yield from link.read(PONG_SECONDS if asked else SILENCE_SECONDS)
        if data == b"":
            return listening.closed(1006, "")
        if data is None:
            if asked:
                raise _silence()
            yield from link.write(protocol.send(Ping()))
        else:
            protocol.receive_data(data)
        asked = data is None


def _header(refusal: RejectConnection, name: bytes) -> str | None:
    return next((bytes(value).decode("latin-1") for key, value in refusal.headers if bytes(key).lower() == name), None)


def _silence() -> OSError:
    return _Ended("the server is silent")


def _end() -> OSError:
    return _Ended("the server hung up")
