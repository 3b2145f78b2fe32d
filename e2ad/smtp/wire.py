"""The octets of one connection, in the clear or under TLS.

In the clear it reads and writes the descriptor itself and asks Trio only to wait. `trio.SocketStream`
passes the event loop once more for every send and goes through a dozen context managers for every
exchange; without them a mail of 5 KB costs a third less processor time.
"""

import os
import ssl

import trio

__all__ = ["PeerGone", "Wire"]

READ_BYTES = 65_536


class PeerGone(Exception):
    """The peer closed its side or the connection broke."""


class Wire:
    """One connection. Used by one task; the caller bounds every wait and closes the socket."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._plain = stream
        self._secure: trio.SSLStream[trio.SocketStream] | None = None

    async def receive(self) -> bytes:
        """The next octets.

        Raises:
            PeerGone: there will be none.

        Cancellation:
            Nothing is read.
        """
        if self._secure is None:
            data = await self._receive_plain()
        else:
            try:
                data = bytes(await self._secure.receive_some(READ_BYTES))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise PeerGone from error
        if not data:
            raise PeerGone
        return data

    async def send(self, data: bytes) -> None:
        """Send all of `data`. Does not pass the event loop when the kernel takes everything at once.

        Raises:
            PeerGone: nobody is there to read.

        Cancellation:
            A part may have been sent.
        """
        if self._secure is None:
            data = data[self.send_nowait(data) :]
            if not data:
                return
        stream = self._secure or self._plain
        try:
            await stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise PeerGone from error

    def send_nowait(self, data: bytes) -> int:
        """How many octets the kernel took without a wait; none under TLS."""
        if self._secure is not None:
            return 0
        try:
            return os.write(self._plain.socket.fileno(), data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise PeerGone from error

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands.

        Raises:
            PeerGone: the peer cannot or does not want to.
        """
        secure = trio.SSLStream(self._plain, context, server_side=True, https_compatible=True)
        try:
            await secure.do_handshake()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise PeerGone from error
        self._secure = secure

    async def drain(self, octets: int) -> None:
        """Close our side and read away what still comes, up to so many octets.

        Closing with octets unread makes the kernel send a reset, which can take the last reply
        away from the peer before it reads it.
        """
        try:
            await self._plain.send_eof()
            while octets > 0:
                octets -= len(await self._receive_plain()) or octets
        except (trio.BrokenResourceError, trio.ClosedResourceError, PeerGone):
            return

    async def _receive_plain(self) -> bytes:
        descriptor = self._plain.socket.fileno()
        while True:
            await trio.lowlevel.wait_readable(descriptor)
            try:
                return os.read(descriptor, READ_BYTES)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError as error:
                raise PeerGone from error
