"""One HTTP request and its answer, straight on ASGI.

Bodies are read as a stream against the operation's own limit, which an ordinary framework
request cannot do: it gathers the body before anybody has said how large it may be. An answer that
is larger than what may be kept in memory is made while it is sent (`Stream`).
"""

import ipaddress
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, unquote

import trio
from attrs import field, frozen

from e2ad.api.bodies import FREE_BYTES, Lease
from e2ad.core.errors import InvalidRequest, PayloadTooLarge

__all__ = ["ClientGone", "Exchange", "Response", "Stream", "client_address", "request_id_for"]

SEND_SECONDS: Final = 300.0
"""For a whole answer; the door has a deadline for each piece of it."""
CLOSE_SECONDS: Final = 5.0
MAX_QUERY_FIELDS: Final = 200
MAX_REQUEST_ID_CHARACTERS: Final = 200
"""A longer X-Request-Id is replaced: the id is written to every log line."""

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ClientGone(Exception):
    """The client went away, or took too long, before its request was complete: nobody is left to answer."""


class Stream(Protocol):
    """A body that is made while it is sent, so that it may be larger than our memory."""

    @property
    def seconds(self) -> float:
        """How long the whole of it may take; the door has a deadline for each piece besides."""
        ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The pieces. What goes wrong here breaks the connection: the status has been said already."""
        ...

    async def aclose(self) -> None:
        """Give back what it holds; called once, whatever happened."""
        ...


@frozen
class Response:
    """Status, headers and all of the body, or the `stream` that makes it."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(factory=dict)
    stream: Stream | None = field(default=None, repr=False)

    async def send(self, send: Send, request_id: str, receive: Receive) -> None:
        """Write it to the client. Every answer carries its request id and `nosniff`.

        A body that has a `stream` is told in pieces without a length. If it breaks off, the end that HTTP
        wants (the last chunk, RFC 9112 section 7.1) is never said, and the client knows that it has not all of it.

        Raises:
            ClientGone: nobody reads any more.
            TooSlowError: it took longer than it may.
        """
        headers = [
            (b"x-request-id", request_id.encode("latin-1")),
            (b"x-content-type-options", b"nosniff"),
        ]
        if self.status != 204:
            # RFC 9110 section 8.6: a 204 has neither length nor type.
            headers.append((b"content-type", self.content_type.encode("latin-1")))
        if self.status != 204 and self.stream is None:
            headers.append((b"content-length", str(len(self.body)).encode()))
        headers.extend((name.lower().encode("latin-1"), _header_value(value)) for name, value in self.headers.items())
        start = {"type": "http.response.start", "status": self.status, "headers": headers}
        if self.stream is not None:
            await _send_stream(self.stream, start, send, receive)
            return
        with trio.move_on_after(SEND_SECONDS):
            await send(start)
            await send({"type": "http.response.body", "body": self.body, "more_body": False})


async def _send_stream(stream: Stream, start: Any, send: Send, receive: Receive) -> None:
    gone = False

    async def watch(scope: trio.CancelScope) -> None:
        # The door swallows what is written to a connection that is over: only here we learn that it is.
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        scope.cancel()

    try:
        with trio.fail_after(stream.seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch, nursery.cancel_scope)
                await send(start)
                async with aclosing(stream.chunks()) as chunks:
                    async for chunk in chunks:
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                nursery.cancel_scope.cancel()
    finally:
        with trio.move_on_after(CLOSE_SECONDS, shield=True):
            await stream.aclose()
    if gone:
        raise ClientGone
    await send({"type": "http.response.body", "body": b"", "more_body": False})


@frozen
class Exchange:
    """One request as it came.

    Attributes:
        segments: of the path, percent-encoding undone in each one alone.
        headers: lower-case names; of a repeated one the first.
        client_address: of the client; a trusted proxy's word for it where one is before us.
    """

    method: str
    raw_path: str
    raw_query: bytes
    headers: Mapping[str, str]
    client_address: str
    request_id: str
    receive: Receive = field(repr=False)
    lease: Lease = field(repr=False)
    body_seconds: float = 60.0

    @classmethod
    def from_scope(
        cls,
        scope: Mapping[str, Any],
        receive: Receive,
        trusted: Iterable[Network],
        body_seconds: float = 60.0,
        *,
        lease: Lease,
    ) -> "Exchange":
        """From an ASGI HTTP scope; a body may take `body_seconds`, however large it is, and memory of `lease`."""
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
        peer = (scope.get("client") or ("",))[0]
        return cls(
            method=scope["method"],
            raw_path=path_of(scope),
            raw_query=scope.get("query_string", b""),
            headers=headers,
            client_address=client_address(peer, headers, trusted),
            request_id=request_id_for(headers),
            receive=receive,
            body_seconds=body_seconds,
            lease=lease,
        )

    def segments(self) -> list[str]:
        """The decoded segments of the path.

        Raises:
            InvalidRequest: invalid UTF-8 or NUL.
        """
        segments = _guarded(self.raw_path).removeprefix("/").split("/")
        return [_clean(unquote(segment, errors="strict")) for segment in segments]

    def query(self) -> dict[str, str]:
        """The first value of each query parameter; raises as `query_lists`."""
        return {name: values[0] for name, values in self.query_lists().items()}

    def query_lists(self) -> dict[str, list[str]]:
        """All values of each query parameter.

        Raises:
            InvalidRequest: invalid UTF-8, NUL, or more parameters than anybody needs.
        """
        if not self.raw_query:
            return {}
        try:
            pairs = parse_qsl(
                self.raw_query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
            )
        except ValueError as error:
            raise InvalidRequest(
                "the query string is not valid percent-encoded UTF-8, or has too many fields"
            ) from error
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(_clean(name), []).append(_clean(value))
        return values

    def may_be_large(self, limit: int) -> bool:
        """Whether the body may have more than `bodies.FREE_BYTES` and not be too large."""
        declared = self._declared
        return limit > FREE_BYTES and (declared is None or FREE_BYTES < declared <= limit)

    @property
    def _declared(self) -> int | None:
        """The body's size as the client says it; None where it says that there is one and not how large."""
        if "transfer-encoding" in self.headers:
            return None
        length = self.headers.get("content-length", "0")
        return int(length) if length.isdecimal() else None

    async def read_body(self, limit: int) -> bytes:
        """The whole body, never keeping more than `limit` bytes of it.

        Raises:
            PayloadTooLarge: with what was declared, else with what was seen until then.
            Unavailable: it is large, and so are too many others.
            ClientGone: the client closed, or did not send its body in time.
        """
        declared = self._declared
        if declared is not None and declared > limit:
            raise _too_large(declared, limit)
        if declared is not None:
            await self.lease.take(declared)
        chunks: list[bytes] = []
        size = 0
        with trio.move_on_after(self.body_seconds):
            while True:
                event = await self.receive()
                if event["type"] != "http.request":
                    raise ClientGone
                chunk = event.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise _too_large(size, limit)
                if size > FREE_BYTES:
                    await self.lease.take(limit)
                chunks.append(chunk)
                if not event.get("more_body", False):
                    return b"".join(chunks)
        raise ClientGone


def path_of(scope: Mapping[str, Any]) -> str:
    """The path as it came, still percent-encoded; of an absolute target (RFC 9112 section 3.2.2) its path."""
    raw: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    if raw[:7].lower() == "http://" or raw[:8].lower() == "https://":
        return "/" + raw.partition("://")[2].partition("/")[2]
    return raw


def request_id_for(headers: Mapping[str, str]) -> str:
    """The client's own id when it sent a usable one, else a fresh one."""
    given = headers.get("x-request-id", "")
    if given and len(given) <= MAX_REQUEST_ID_CHARACTERS and given.isprintable():
        return given
    return "req_" + secrets.token_hex(12)


def client_address(peer: str, headers: Mapping[str, str], trusted: Iterable[Network]) -> str:
    """The address that requests are counted by.

    What a proxy says about its client is believed only when the peer itself is a trusted proxy;
    of `X-Forwarded-For` then the last entry that is not a trusted proxy again, because what
    stands before it was written by the client. `CF-Connecting-IP` counts only without it: every
    proxy but one passes that header on as the client wrote it.
    """
    networks = tuple(trusted)
    if not networks or not _inside(peer, networks):
        return peer
    chain = headers.get("x-forwarded-for", "")
    if not chain:
        named = headers.get("cf-connecting-ip", "").strip()
        return named if _is_address(named) else peer
    for entry in reversed(chain.split(",")):
        address = entry.strip()
        if not _is_address(address):
            break
        if not _inside(address, networks):
            return address
    return peer


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _inside(text: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def _guarded(raw_path: str) -> str:
    try:
        unquote(raw_path, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidRequest("the path is not valid percent-encoded UTF-8") from error
    return raw_path


def _clean(text: str) -> str:
    if "\0" in text:
        raise InvalidRequest("NUL characters are not allowed in a request")
    return text


def _header_value(value: str) -> bytes:
    return value.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace")


def _too_large(actual: int, limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"the request body has more than {limit} bytes",
        details={"scope": "request_body", "actual_bytes": actual, "max_bytes": limit},
    )
