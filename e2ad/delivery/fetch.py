"""One small GET through the guard: for documents that we need and whose address a peer names.

No redirect is followed, nothing is kept open, and what is larger than allowed or does not end in
time is an error, not half a document.
"""

from typing import Protocol

import h11
import trio

from e2ad.delivery.egress import Origin, Target, Unreachable

__all__ = ["Connector", "fetch"]

_READ_BYTES = 16_384
_HEAD_BYTES = 32_768


class Connector(Protocol):
    """Opens guarded connections: `delivery.egress.Egress`."""

    async def connect(self, origin: Origin) -> trio.abc.Stream:
        """A connection, TLS included, or `Unreachable`."""


async def fetch(connector: Connector, target: Target, *, max_bytes: int, seconds: float) -> bytes:
    """The body of a 200.

    Args:
        max_bytes: a longer body is an error.
        seconds: for everything, from the look-up of the name to the last octet.

    Raises:
        Unreachable: no connection, another status, too long, too slow; the text says which.

    Cancellation:
        The connection is closed.
    """
    with trio.move_on_after(seconds):
        stream = await connector.connect(target.origin)
        try:
            return await _exchange(stream, target, max_bytes)
        except h11.RemoteProtocolError as error:
            raise Unreachable("the answer is not HTTP/1.1") from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Unreachable("the connection broke") from error
        finally:
            _drop(stream)
    raise Unreachable(f"no answer within {seconds:g} s")


async def _exchange(stream: trio.abc.Stream, target: Target, max_bytes: int) -> bytes:
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    headers = [("Host", target.host_header), ("Connection", "close"), ("Accept", "*/*")]
    head = protocol.send(h11.Request(method="GET", target=target.path, headers=headers))
    await stream.send_all((head or b"") + (protocol.send(h11.EndOfMessage()) or b""))
    body = bytearray()
    wire = 0
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
            if event.status_code != 200:
                raise Unreachable(f"answered with status {event.status_code}")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > max_bytes:
                raise Unreachable(f"the answer has more than {max_bytes} octets")
        elif isinstance(event, h11.EndOfMessage):
            return bytes(body)
        elif not isinstance(event, h11.InformationalResponse):
            raise Unreachable("the connection closed without an answer")


def _drop(stream: trio.abc.Stream) -> None:
    """Close without a checkpoint, so that it works in a cancelled scope."""
    plain = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    if isinstance(plain, trio.SocketStream):
        plain.socket.close()
