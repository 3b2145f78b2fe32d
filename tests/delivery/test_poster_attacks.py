"""What a hostile endpoint may try with its answers, and what the next delivery must not notice."""

import ssl
from contextlib import suppress
from typing import Any

import pytest
import trio

from e2ad.delivery.egress import Egress, Unreachable, parse_url
from e2ad.delivery.poster import DRAIN_BYTES, Poster
from tests.delivery import endpoint as far

FIRST = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
PLANTED = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
async def poster(ca: Any) -> Any:
    resolver = far.StaticResolver({"hooks.example.com": ["127.0.0.1"]})
    made = Poster(Egress(far.Settings(ca_file=str(ca.ca_file)), resolver))
    yield made
    made.close()


async def test_an_answer_that_nobody_asked_for_is_not_the_next_deliverys(poster: Poster, endpoint: Any) -> None:
    endpoint.answers = [far.Answer(raw=FIRST + PLANTED, close_after=True), far.Answer()]
    target = parse_url(endpoint.url())
    assert (await poster.post(target, [], b"{}")).status_code == 200
    assert poster.idle == 0, "one origin can serve many: the next request may be somebody else's"
    assert (await poster.post(target, [], b"{}")).status_code == 200


@pytest.mark.parametrize("records", [(FIRST, PLANTED), (FIRST + PLANTED,)])
async def test_an_answer_planted_inside_tls_is_not_the_next_deliverys(
    poster: Poster, ca: Any, records: tuple[bytes, ...]
) -> None:
    async def answer(stream: trio.SSLStream[trio.SocketStream]) -> None:
        async with stream:
            await stream.receive_some(65_536)
            # In one segment, so that the second record is read from the socket together with the first.
            wire = stream.transport_stream
            stream.transport_stream = _Gathering(wire)  # type: ignore[assignment]  # a stand-in for the moment
            for record in records:
                await stream.send_all(record)
            gathered, stream.transport_stream = stream.transport_stream, wire
            assert isinstance(gathered, _Gathering)
            await wire.send_all(bytes(gathered.octets))
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        await nursery.start(_serve, trio.SSLListener(listener, ca.server), _forgiving(answer))
        with trio.fail_after(10):
            response = await poster.post(parse_url(f"https://hooks.example.com:{port}/"), [], b"{}")
        assert response.status_code == 200
        assert poster.idle == 0
        nursery.cancel_scope.cancel()


async def test_interim_responses_come_to_an_end(poster: Poster, endpoint: Any) -> None:
    endpoint.answers = [far.Answer(raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + FIRST, close_after=True)]
    with pytest.raises(Unreachable, match="interim"):
        await poster.post(parse_url(endpoint.url()), [], b"{}")


async def test_a_few_interim_responses_are_skipped(poster: Poster, endpoint: Any) -> None:
    endpoint.answers = [far.Answer(raw=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3 + FIRST, close_after=True)]
    assert (await poster.post(parse_url(endpoint.url()), [], b"{}")).status_code == 200


async def test_a_body_of_tiny_chunks_is_not_read_to_its_end(poster: Poster) -> None:
    chunks = b"1\r\nx\r\n" * DRAIN_BYTES
    left = 0

    async def answer(stream: trio.SocketStream) -> None:
        nonlocal left
        await stream.receive_some(65_536)
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_SNDBUF, 4096)
        view = memoryview(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        left = len(view)
        try:
            while left:
                left -= await stream.socket.send(view[len(view) - left :][:4096])
        except OSError:
            pass

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        await nursery.start(_serve, listener, answer)
        with trio.fail_after(10):
            response = await poster.post(parse_url(f"http://127.0.0.1:{port}/"), [], b"{}")
        assert (response.status_code, poster.idle) == (200, 0)
        assert response.excerpt == b"x" * len(response.excerpt)
        nursery.cancel_scope.cancel()
    assert left > 0, "a receiver must not get us to parse what hardly holds a body"


async def _serve(listener: Any, handler: Any, *, task_status: trio.TaskStatus[Any]) -> None:
    await trio.serve_listeners(handler, [listener], task_status=task_status)


class _Gathering:
    """Takes what a TLS stream would send."""

    def __init__(self, wire: trio.SocketStream) -> None:
        self.wire = wire
        self.octets = bytearray()

    async def send_all(self, data: bytes) -> None:
        self.octets += data


def _forgiving(answer: Any) -> Any:
    async def handler(stream: Any) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError):
            await answer(stream)

    return handler
