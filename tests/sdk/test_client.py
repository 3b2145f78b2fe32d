"""The client's own work: pages, parameters, failures."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from e2ad.sdk import E2AClient, E2AConnectionError, E2AError

Answer = tuple[int, bytes]


@pytest.fixture
def server() -> Iterator[Callable[[Callable[[str, str, bytes], Answer]], str]]:
    """Answers as a function says; the address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(answer: Callable[[str, str, bytes], Answer]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                status, text = answer(self.command, self.path, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for one in servers:
        one.shutdown()
        one.server_close()


def test_pages_are_followed_up_to_the_limit(server: Callable[..., str]) -> None:
    asked: list[dict[str, list[str]]] = []

    def answer(_method: str, path: str, _body: bytes) -> Answer:
        query = parse_qs(urlsplit(path).query)
        asked.append(query)
        size, start = int(query["limit"][0]), int(query.get("cursor", ["0"])[0])
        items = [{"id": str(number)} for number in range(start, min(start + size, 250))]
        cursor = str(start + size) if start + size < 250 else None
        return 200, json.dumps({"items": items, "next_cursor": cursor}).encode()

    with E2AClient("key", server(answer) + "/") as client:
        assert len(list(client.list_messages("a@b.test", read_status="all"))) == 250
        assert [query["limit"] for query in asked] == [["100"]] * 3
        assert asked[0] == {"limit": ["100"], "read_status": ["all"]}
        asked.clear()
        assert len(list(client.list_messages("a@b.test", limit=120))) == 120
        assert [query["limit"] for query in asked] == [["100"], ["20"]]


def test_what_is_asked(server: Callable[..., str]) -> None:
    asked: list[tuple[str, str, bytes]] = []

    def answer(method: str, path: str, body: bytes) -> Answer:
        asked.append((method, path, body))
        return 200, b"{}"

    with E2AClient("key", server(answer)) as client:
        client.create_agent(slug="x")
        client.get_agent("a/b@c.test")
        client.update_agent("a@b.test", name="N")
        client.delete_agent("a@b.test", permanent=True)
        client.get_message("a@b.test", "msg_1/../x")
        client.info()
    assert asked == [
        ("POST", "/v1/agents", b'{"slug":"x"}'),
        ("GET", "/v1/agents/a%2Fb%40c.test", b""),
        ("PATCH", "/v1/agents/a%40b.test", b'{"name":"N"}'),
        ("DELETE", "/v1/agents/a%40b.test?confirm=DELETE&permanent=true", b""),
        ("GET", "/v1/agents/a%40b.test/messages/msg_1%2F..%2Fx", b""),
        ("GET", "/v1/info", b""),
    ]


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (
            404,
            b'{"error": {"code": "not_found", "message": "no such agent", "request_id": "req_1"}}',
            "not_found",
            False,
        ),
        (429, b'{"error": {"code": "rate_limited", "message": "slowly"}}', "rate_limited", True),
        (409, b'{"error": {"code": "idempotency_in_flight", "message": "wait"}}', "idempotency_in_flight", True),
        (502, b"<html>bad gateway</html>", "error", True),
        (400, b'["not", "an", "object"]', "error", False),
        (400, b'{"error": "text"}', "error", False),
    ],
)
def test_failures(server: Callable[..., str], status: int, body: bytes, code: str, retryable: bool) -> None:
    with E2AClient("key", server(lambda *_: (status, body))) as client, pytest.raises(E2AError) as caught:
        client.info()
    assert (caught.value.status, caught.value.code, caught.value.retryable) == (status, code, retryable)
    assert str(caught.value)


def test_fields_are_named(server: Callable[..., str]) -> None:
    fields = [{"location": "body.slug", "message": "is too short"}, {"location": "body.name", "message": "is too long"}]
    body = json.dumps({"error": {"code": "invalid_request", "message": "no", "details": {"fields": fields}}}).encode()
    with E2AClient("key", server(lambda *_: (422, body))) as client, pytest.raises(E2AError) as caught:
        client.info()
    assert caught.value.problems == ["body.slug: is too short", "body.name: is too long"]


def test_nobody_there() -> None:
    with (
        E2AClient("key", "http://127.0.0.1:1") as client,
        pytest.raises(E2AConnectionError, match=r"127\.0\.0\.1:1") as caught,
    ):
        client.info()
    assert not caught.value.maybe_done


def test_an_answer_that_is_lost_may_have_been_a_yes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with E2AClient("key", address, timeout_seconds=0.2) as client, pytest.raises(E2AConnectionError) as caught:
            client.send_message("a@b.test", {"to": ["x@b.test"]}, idempotency_key="k")
    assert caught.value.maybe_done


def test_what_is_asked_of_mail_out(server: Callable[..., str]) -> None:
    asked: list[tuple[str, str, bytes]] = []

    def answer(method: str, path: str, body: bytes) -> Answer:
        asked.append((method, path, body))
        return 200, b'{"items": [], "next_cursor": null}'

    with E2AClient("key", server(answer)) as client:
        client.send_message("a@b.test", {}, idempotency_key="k", wait=True)
        client.reply("a@b.test", "msg_1", {}, idempotency_key="k")
        client.forward("a@b.test", "msg_1", {}, idempotency_key="k")
        client.test_agent("a@b.test")
        list(client.get_lifecycle("a@b.test", "msg_1"))
        client.approve_review("msg_1", idempotency_key="k", subject="S")
        client.reject_review("msg_1")
        client.edit_review("msg_1", text="T")
        client.put_protection("a@b.test", {"holds": {}})
        list(client.list_suppressions())
        client.add_suppression("a@b.test", "x@b.test")
        client.remove_suppression("a@b.test", "x@b.test")
    agent = "/v1/agents/a%40b.test"
    assert asked == [
        ("POST", f"{agent}/messages?wait=sent", b"{}"),
        ("POST", f"{agent}/messages/msg_1/reply", b"{}"),
        ("POST", f"{agent}/messages/msg_1/forward", b"{}"),
        ("POST", f"{agent}/test", b"{}"),
        ("GET", f"{agent}/messages/msg_1/lifecycle?limit=100", b""),
        ("POST", "/v1/reviews/msg_1/approve", b'{"subject":"S"}'),
        ("POST", "/v1/reviews/msg_1/reject", b"{}"),
        ("PATCH", "/v1/reviews/msg_1", b'{"text":"T"}'),
        ("PUT", f"{agent}/protection", b'{"holds":{}}'),
        ("GET", "/v1/account/suppressions?limit=100", b""),
        ("POST", f"{agent}/suppressions", b'{"address":"x@b.test"}'),
        ("DELETE", f"{agent}/suppressions/x%40b.test?confirm=DELETE", b""),
    ]
