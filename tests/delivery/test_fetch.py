"""One small document, or an error that says why not."""

from typing import Any

import pytest
import trio

from e2ad.delivery.egress import Egress, Unreachable, parse_url
from e2ad.delivery.fetch import fetch, post_form
from tests.delivery import endpoint as far

INTERIM = b"HTTP/1.1 103 soon\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def get(endpoint: far.Endpoint, answer: far.Answer, *, max_bytes: int = 1000, seconds: float = 5.0) -> bytes:
    endpoint.reply = lambda _: answer
    egress = Egress(far.Settings(), far.StaticResolver({"docs.example": ["127.0.0.1"]}))
    with trio.fail_after(20):
        return await fetch(
            egress, parse_url(endpoint.url("docs.example", "/a?b=c")), max_bytes=max_bytes, seconds=seconds
        )


async def test_a_document(endpoint: Any) -> None:
    assert await get(endpoint, far.Answer(body=b"x" * 1000, close_after=True)) == b"x" * 1000
    (request,) = endpoint.received
    assert request.path == "/a?b=c"
    assert request.headers["host"] == f"docs.example:{endpoint.port}"
    assert request.headers["connection"] == "close"


@pytest.mark.parametrize(
    "raw",
    [
        OK,
        INTERIM * 3 + OK,
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        OK + b"and more that nobody asked for",
    ],
)
async def test_the_shapes_of_an_answer(endpoint: Any, raw: bytes) -> None:
    assert await get(endpoint, far.Answer(raw=raw)) == b"ok"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (far.Answer(404), "status 404"),
        (far.Answer(301, (("Location", "/x"),)), "status 301"),
        (far.Answer(206), "status 206"),
        (far.Answer(body=b"x" * 1001), "more than 1000"),
        (far.Answer(endless=True), "more than 1000"),
        (far.Answer(raw=INTERIM * 5000 + OK), "more than 1000"),
        (far.Answer(raw=b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000), "HTTP|more than"),
        (far.Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), "HTTP"),
        (far.Answer(raw=b"220 mail.example ESMTP\r\n"), "HTTP"),
        (far.Answer(raw=b""), "closed|HTTP"),
        (far.Answer(reset=True), "closed|broke|HTTP"),
        (far.Answer(never=True), "within 0.3 s"),
        (far.Answer(delay=5), "within 0.3 s"),
    ],
)
async def test_what_is_no_document(endpoint: Any, answer: far.Answer, words: str) -> None:
    slow = answer.never or answer.delay
    with pytest.raises(Unreachable, match=words):
        await get(endpoint, far.Answer(**_closing(answer)), seconds=0.3 if slow else 10)


def _closing(answer: far.Answer) -> dict[str, Any]:
    names = ("status", "headers", "body", "delay", "never", "reset", "raw", "endless")
    return {name: getattr(answer, name) for name in names} | {"close_after": True}


async def test_cancellation_closes_the_connection(endpoint: Any) -> None:
    with trio.move_on_after(0.3) as scope:
        await get(endpoint, far.Answer(never=True))
    assert scope.cancelled_caught
    assert endpoint.connections == 1


# A form


async def send(endpoint: far.Endpoint, answer: far.Answer, **more: Any) -> tuple[int, bytes]:
    endpoint.reply = lambda _: answer
    egress = Egress(far.Settings(), far.StaticResolver({"docs.example": ["127.0.0.1"]}))
    target = parse_url(endpoint.url("docs.example", "/token"))
    fields = {"code": "a b&c=ü", "empty": ""}
    with trio.fail_after(20):
        return await post_form(egress, target, fields, max_bytes=1000, seconds=0.5, **more)


@pytest.mark.parametrize("status", [200, 400, 401])
async def test_a_form(endpoint: Any, status: int) -> None:
    assert await send(endpoint, far.Answer(status, body=b"{}"), headers={"Authorization": "Basic x"}) == (status, b"{}")
    (request,) = endpoint.received
    assert request.path == "/token"
    assert request.body == b"code=a+b%26c%3D%C3%BC&empty="
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["content-length"] == str(len(request.body))
    assert request.headers["authorization"] == "Basic x"


@pytest.mark.parametrize(
    "answer", [far.Answer(302), far.Answer(500), far.Answer(400, body=b"x" * 1001), far.Answer(never=True)]
)
async def test_what_is_no_answer_to_a_form(endpoint: Any, answer: far.Answer) -> None:
    with pytest.raises(Unreachable):
        await send(endpoint, answer)
