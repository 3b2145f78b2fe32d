"""One small request through the guard: for documents that we need and whose address a peer names.

No redirect is followed, nothing is kept open, and what is larger than allowed or does not end in
time is an error, not half a document.
"""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlencode

import h11
import trio
from attrs import frozen

from e2ad.delivery.egress import Origin, Target, Unreachable

__all__ = ["Connector", "fetch", "post_form"]

_READ_BYTES = 16_384
_HEAD_BYTES = 32_768


class Connector(Protocol):
    """Opens guarded connections: `delivery.egress.Egress`."""

    async def connect(self, origin: Origin) -> trio.abc.Stream:
        """A connection, TLS included, or `Unreachable`."""


async def fetch(
    connector: Connector, target: Target, *, max_bytes: int, seconds: float, headers: Mapping[str, str] | None = None
) -> bytes:
    """The body of a 200.

    Args:
        max_bytes: a longer body is an error.
        seconds: for everything, from the look-up of the name to the last octet.

    Raises:
        Unreachable: no connection, another status, too long, too slow; the text says which.

    Cancellation:
        The connection is closed.
    """
    request = _Request("GET", dict(headers or {}), b"", frozenset({200}))
    return (await _ask(connector, target, request, max_bytes, seconds))[1]


async def post_form(
    connector: Connector,
    target: Target,
    fields: Mapping[str, str],
    *,
    max_bytes: int,
    seconds: float,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Send a form; status and body of the answer, where it is a 200, or a 400 or 401 that says what was wrong.

    Raises:
        Unreachable: as `fetch`.

    Cancellation:
        The connection is closed; the form may have been taken.
    """
    form = {"Content-Type": "application/x-www-form-urlencoded"} | dict(headers or {})
    request = _Request("POST", form, urlencode(fields).encode(), frozenset({200, 400, 401}))
    return await _ask(connector, target, request, max_bytes, seconds)


@frozen
class _Request:
    method: str
    headers: Mapping[str, str]
    body: bytes
    statuses: frozenset[int]

    def written(self, protocol: h11.Connection, target: Target) -> bytes:
        headers = [("Host", target.host_header), ("Connection", "close"), ("Accept", "*/*"), *self.headers.items()]
        if self.method == "POST":
            headers.append(("Content-Length", str(len(self.body))))
        parts = [protocol.send(h11.Request(method=self.method, target=target.path, headers=headers))]
        if self.body:
            parts.append(protocol.send(h11.Data(self.body)))
        parts.append(protocol.send(h11.EndOfMessage()))
        return b"".join(part or b"" for part in parts)


async def _ask(
    connector: Connector, target: Target, request: _Request, max_bytes: int, seconds: float
) -> tuple[int, bytes]:
    with trio.move_on_after(seconds):
        stream = await connector.connect(target.origin)
        try:
            return await _exchange(stream, target, request, max_bytes)
        except h11.RemoteProtocolError as error:
            raise Unreachable("the answer is not HTTP/1.1") from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Unreachable("the connection broke") from error
        finally:
            _drop(stream)
    raise Unreachable(f"no answer within {seconds:g} s")


async def _exchange(stream: trio.abc.Stream, target: Target, request: _Request, max_bytes: int) -> tuple[int, bytes]:
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    await stream.send_all(request.written(protocol, target))
    body = bytearray()
    wire = status = 0
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            data = bytes(await stream.receive_some(_READ_BYTES))
            wire += len(data)
            # Octets on the wire: interim responses and chunks of nothing count as well.
            if wire > 2 * max_bytes + _HEAD_BYTES:
                raise Unreachable(f"the answer has more than {max_bytes} octets")
            protocol.receive_data(data)
        elif isinstance(event, h11.Response):
            status = event.status_code
            if status not in request.statuses:
                raise Unreachable(f"answered with status {status}")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > max_bytes:
                raise Unreachable(f"the answer has more than {max_bytes} octets")
        elif isinstance(event, h11.EndOfMessage):
            return status, bytes(body)
        elif not isinstance(event, h11.InformationalResponse):
            raise Unreachable("the connection closed without an answer")


def _drop(stream: trio.abc.Stream) -> None:
    """Close without a checkpoint, so that it works in a cancelled scope."""
    plain = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    if isinstance(plain, trio.SocketStream):
        plain.socket.close()
