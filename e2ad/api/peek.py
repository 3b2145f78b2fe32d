"""Reading a request's head without consuming it: what decides who gets the connection."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote

import trio
from attrs import frozen

from e2ad.core.address import fold_address

__all__ = ["MAX_HEAD_BYTES", "ReplayStream", "StreamPath", "UpgradeRequest", "head_end", "read_upgrade"]

MAX_HEAD_BYTES: Final = 32_768
"""Request line and headers together; more is answered 431."""
RECEIVE_BYTES: Final = 65_536


class ReplayStream(trio.abc.HalfCloseableStream):
    """A socket whose first bytes were read already and are read again."""

    def __init__(self, stream: trio.SocketStream, start: bytes = b"") -> None:
        self.stream = stream
        self._start = start

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The bytes that were put back first, then the socket's."""
        if self._start:
            await trio.lowlevel.checkpoint()
            size = len(self._start) if max_bytes is None else max_bytes
            data, self._start = self._start[:size], self._start[size:]
            return data
        return bytes(await self.stream.receive_some(max_bytes))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """To the socket."""
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the socket."""
        await self.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """To the socket."""
        await self.stream.send_eof()

    async def aclose(self) -> None:
        """Close the socket; a reader in another task then stops."""
        await self.stream.aclose()


@frozen
class StreamPath:
    """Which inbox a socket is for, and which API's manners it wants."""

    email: str
    classic: bool


@frozen
class UpgradeRequest:
    """The head of a WebSocket handshake.

    Attributes:
        headers: lower-case names; of a repeated one the first.
        target: path and query as they came.
    """

    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return self.target.partition("?")[0]

    def query(self) -> dict[str, str]:
        """The first value of each query parameter; bad encoding is replaced."""
        values: dict[str, str] = {}
        for name, value in parse_qsl(self.target.partition("?")[2], keep_blank_values=True, errors="replace"):
            values.setdefault(name, value)
        return values

    def stream_path(self) -> StreamPath | None:
        """The inbox, where the path is one of the two that sockets live at."""
        match self.path.split("/"):
            case ["", "v1", "agents", email, "ws"] if email:
                return StreamPath(fold_address(unquote(email)), classic=False)
            case ["", "api", "v1", "agents", email, "ws"] if email:
                return StreamPath(fold_address(unquote(email)), classic=True)
            case _:
                return None


def head_end(data: bytes | bytearray, searched: int = 0) -> int:
    """Where the head ends (behind its empty line), or -1. h11 takes bare LF too, so we must.

    Args:
        searched: how much of `data` was searched before.
    """
    start = max(0, searched - 3)
    ends = [at + len(mark) for mark in (b"\n\r\n", b"\n\n") if (at := data.find(mark, start)) >= 0]
    return min(ends, default=-1)


def read_upgrade(head: bytes) -> UpgradeRequest | None:
    """The handshake, if the head is one of a WebSocket (RFC 6455 section 4.2.1)."""
    # Almost every head ends here: the parsing below is for the few that want more than HTTP.
    if not head.startswith(b"GET ") or b"pgrade" not in head:
        return None
    lines = head.decode("latin-1").splitlines()
    words = lines[0].split(" ")
    if len(words) != 3:
        return None
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    tokens = {token.strip().lower() for token in headers.get("connection", "").split(",")}
    if "upgrade" not in tokens or headers.get("upgrade", "").lower() != "websocket":
        return None
    return UpgradeRequest(words[1], headers)
