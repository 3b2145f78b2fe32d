"""The HTTP/1.1 POST against an endpoint that answers in every way there is."""

from typing import Any

import pytest
import trio

from e2ad.delivery import poster as module
from e2ad.delivery.egress import Egress, Unreachable, parse_url
from e2ad.delivery.poster import EXCERPT_BYTES, Poster
from tests.delivery import endpoint as far

HEADERS = [("Content-Type", "application/json"), ("X-Name", "Jürgen")]


@pytest.fixture
async def poster(ca: Any) -> Any:
    resolver = far.StaticResolver({"hooks.example.com": ["127.0.0.1"]})
    made = Poster(Egress(far.Settings(ca_file=str(ca.ca_file)), resolver))
    yield made
    made.close()


async def test_a_request_arrives_as_it_was_meant(poster: Poster, endpoint: Any) -> None:
    response = await poster.post(parse_url(endpoint.url(path="/a?b=c")), HEADERS, b'{"a":1}')
    assert (response.status_code, response.excerpt) == (200, b"ok")
    (request,) = endpoint.received
    assert request.path == "/a?b=c"
    assert request.body == b'{"a":1}'
    assert request.headers["host"] == f"127.0.0.1:{endpoint.port}"
    assert request.headers["content-length"] == "7"
    assert request.headers["x-name"] == "Jürgen"


async def test_https_verifies_and_names_the_host(poster: Poster, tls_endpoint: Any) -> None:
    url = tls_endpoint.url("hooks.example.com")
    assert (await poster.post(parse_url(url), HEADERS, b"{}")).status_code == 200
    assert tls_endpoint.received[0].headers["host"] == f"hooks.example.com:{tls_endpoint.port}"
    await poster.post(parse_url(url), HEADERS, b"{}")
    assert tls_endpoint.connections == 1, "the connection is kept"


async def test_connections_are_kept_and_pruned(poster: Poster, endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    target = parse_url(endpoint.url())
    for _ in range(3):
        await poster.post(target, HEADERS, b"{}")
    assert (endpoint.connections, poster.idle) == (1, 1)
    poster.prune()
    assert poster.idle == 1
    monkeypatch.setattr(module, "IDLE_SECONDS", -1.0)
    poster.prune()
    assert poster.idle == 0


async def test_a_connection_closed_meanwhile_is_replaced(poster: Poster, endpoint: Any) -> None:
    """Seen before the request where the close has arrived, else while it is made: never a failure."""
    target = parse_url(endpoint.url())
    endpoint.answers = [far.Answer(close_after=True)]
    for _ in range(3):
        assert (await poster.post(target, HEADERS, b"{}")).status_code == 200
    assert endpoint.connections == 3


async def test_a_connection_that_dies_under_the_request_is_replaced_once(poster: Poster, endpoint: Any) -> None:
    target = parse_url(endpoint.url())
    endpoint.answers = [far.Answer(), far.Answer(reset=True), far.Answer(status=201)]
    await poster.post(target, HEADERS, b"{}")
    assert (await poster.post(target, HEADERS, b"{}")).status_code == 201
    assert len(endpoint.received) == 3


async def test_a_fresh_connection_that_dies_is_a_failure(poster: Poster, endpoint: Any) -> None:
    endpoint.answers = [far.Answer(reset=True)]
    with pytest.raises(Unreachable, match="closed without an answer"):
        await poster.post(parse_url(endpoint.url()), HEADERS, b"{}")
    assert len(endpoint.received) == 1


async def test_an_endless_body_costs_the_connection_only(poster: Poster, endpoint: Any) -> None:
    endpoint.answers = [far.Answer(endless=True)]
    with trio.fail_after(5):
        response = await poster.post(parse_url(endpoint.url()), HEADERS, b"{}")
    assert response.status_code == 200
    assert response.excerpt == b"x" * EXCERPT_BYTES
    assert poster.idle == 0


async def test_a_body_that_never_comes_costs_a_moment(
    poster: Poster, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXCERPT_SECONDS", 0.05)
    raw = b"HTTP/1.1 204 No Content\r\n\r\n"
    endpoint.answers = [far.Answer(raw=raw)]
    assert (await poster.post(parse_url(endpoint.url()), HEADERS, b"{}")).status_code == 204
    poster.close()

    async def stall(stream: trio.abc.Stream) -> None:
        await stream.receive_some(65536)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, stall, listeners)
        port = listeners[0].socket.getsockname()[1]
        response = await poster.post(parse_url(f"http://127.0.0.1:{port}/"), HEADERS, b"{}")
        assert (response.status_code, response.excerpt, poster.idle) == (200, b"abc", 0)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20000,
        b"",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
    ids=["ssh", "status", "length", "headers", "nothing", "only 100"],
)
async def test_what_is_not_http_is_named(poster: Poster, endpoint: Any, raw: bytes) -> None:
    endpoint.answers = [far.Answer(raw=raw)]
    with pytest.raises(Unreachable):
        await poster.post(parse_url(endpoint.url()), HEADERS, b"{}")
    assert poster.idle == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 202 Accepted\r\n\r\nsome text until the end",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["after 100", "1.0", "chunked", "broken chunks"],
)
async def test_every_form_of_answer_counts(poster: Poster, endpoint: Any, raw: bytes) -> None:
    endpoint.answers = [far.Answer(raw=raw)]
    assert (await poster.post(parse_url(endpoint.url()), HEADERS, b"{}")).status_code == 202


async def test_an_early_refusal_of_a_large_body_is_heard(poster: Poster) -> None:
    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some(1024)
        await stream.send_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await stream.send_eof()
        with trio.move_on_after(1):
            while await stream.receive_some(65536):
                pass

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, refuse, listeners)
        port = listeners[0].socket.getsockname()[1]
        response = await poster.post(parse_url(f"http://127.0.0.1:{port}/"), HEADERS, b"x" * 8_000_000)
        assert response.status_code == 413
        nursery.cancel_scope.cancel()


async def test_cancelling_closes_the_connection(poster: Poster, endpoint: Any) -> None:
    endpoint.answers = [far.Answer(never=True)]
    with trio.move_on_after(0.1) as scope:
        await poster.post(parse_url(endpoint.url()), HEADERS, b"{}")
    assert scope.cancelled_caught
    assert poster.idle == 0
