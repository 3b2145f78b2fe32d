"""The clients against servers that answer well, badly, late or not at all."""

import asyncio
import io
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import trio

from e2ad import __version__
from e2ad.sdk import (
    AsyncE2AClient,
    E2AClient,
    E2AConnectionError,
    E2AError,
    E2ANotFoundError,
    E2AServerError,
    E2AValidationError,
)
from tests.sdk.peers import Asked, Told, answering, json_of, raw

FEATURES = {"outbox": True, "screening": True, "dashboard": True, "mcp": True}
INFO = {"version": "1", "shared_domain": "x.test", "slug_registration_enabled": True, "features": FEATURES}
NAMES = ("E2A_API_KEY", "E2A_API_URL", "E2A_URL", "E2A_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def quick(url: str, **more: Any) -> E2AClient:
    """A client that does not wait."""
    return E2AClient("key", base_url=url, **{"max_retries": 0, "timeout_ms": 5_000, **more})


# Who asks, and whom


def test_what_every_request_says(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Asked] = []

    def answer(asked: Asked) -> Told:
        seen.append(asked)
        return json_of(INFO)

    with answering(answer) as url:
        for name in NAMES[4:]:
            monkeypatch.setenv(name, "http://127.0.0.1:9")  # a proxy that would lose all
        with E2AClient(" e2a_acct_1\n", base_url=url + "/") as client:
            assert client.base_url == url
            assert client.info().shared_domain == "x.test"
    assert seen[0].path == "/v1/info"
    headers = seen[0].headers
    assert headers["authorization"] == "Bearer e2a_acct_1"
    assert headers["user-agent"] == f"e2ad-python/{__version__}"
    assert headers["accept"] == "application/json"


def test_where_the_environment_says_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert E2AClient().base_url == "http://127.0.0.1:8080"
    for name, url in [("E2A_BASE_URL", "http://c"), ("E2A_URL", "http://b"), ("E2A_API_URL", "http://a/")]:
        monkeypatch.setenv(name, url)
        assert E2AClient().base_url == url.rstrip("/")
    monkeypatch.setenv("E2A_API_URL", "")
    assert E2AClient().base_url == "http://b"
    assert AsyncE2AClient(base_url="http://given").base_url == "http://given"
    monkeypatch.setenv("E2A_API_KEY", "e2a_acct_2")
    seen: list[str] = []

    def answer(asked: Asked) -> Told:
        seen.append(asked.headers.get("authorization", ""))
        return json_of(INFO)

    with answering(answer) as url:
        for given in (None, "e2a_acct_3"):
            with E2AClient(given, base_url=url) as client:
                client.info()
        monkeypatch.delenv("E2A_API_KEY")
        with E2AClient(base_url=url) as client:
            client.info()
    assert seen == ["Bearer e2a_acct_2", "Bearer e2a_acct_3", ""]


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8080",
        "localhost:8080",
        "mail.example.com",
        "ftp://x",
        "http://",
        "https:///v1",
        "http://x:port",
        "http://x:99999",
        "http://x?a=b",
        "http://[::1",
        "/v1",
        "http://a b",
        "http://x\r\nHost: y",
    ],
)
@pytest.mark.parametrize("kind", [E2AClient, AsyncE2AClient])
def test_an_address_that_is_none(kind: Callable[..., Any], url: str) -> None:
    with pytest.raises(E2AValidationError, match="base_url") as caught:
        kind("key", base_url=url)
    assert caught.value.code == "invalid_base_url"


def test_the_version_is_no_part_of_an_address() -> None:
    for given in ("http://x/v1", "http://x/v1/", "http://x/"):
        assert E2AClient("key", base_url=given).base_url == "http://x"
    assert E2AClient("key", base_url="http://x/mail/v1").base_url == "http://x/mail"


def test_a_key_for_an_address_is_not_told_to_the_log() -> None:
    with pytest.raises(E2AValidationError, match="an API key") as caught:
        E2AClient("key", base_url="e2a_acct_1")
    assert "e2a_acct_1" not in str(caught.value)


@pytest.mark.parametrize("kind", [E2AClient, AsyncE2AClient])
def test_what_a_client_shows_of_itself(kind: Callable[..., Any]) -> None:
    assert repr(kind("e2a_acct_1", base_url="http://x")) == f"<{kind.__name__} of http://x>"


@pytest.mark.parametrize(
    "key", ["schlüssel", "two\nlines", "a\x00b", "Bearer e2a_acct_1", '"e2a acct"', "http://127.0.0.1:8080"]
)
def test_a_key_that_is_none(key: str) -> None:
    with pytest.raises(E2AValidationError) as caught:
        E2AClient(key)
    assert caught.value.code == "invalid_api_key"
    assert key not in str(caught.value)


def test_a_deployment_below_a_path() -> None:
    paths: list[str] = []

    def answer(asked: Asked) -> Told:
        paths.append(asked.path)
        return json_of(INFO)

    with answering(answer) as url, E2AClient(base_url=url + "/mail/") as client:
        client.info()
        client.request("GET", "/v1/info")
    assert paths == ["/mail/v1/info"] * 2


# What is asked


def test_what_is_asked() -> None:
    seen: list[tuple[str, str, bytes]] = []

    def answer(asked: Asked) -> Told:
        seen.append((asked.method, asked.path, asked.body))
        return json_of({"items": [], "next_cursor": None})

    at = datetime(2026, 1, 2, tzinfo=UTC)
    with answering(answer) as url, E2AClient("key", base_url=url) as client:
        plain = client.plain
        plain.agents.get("a/b@c.test")
        plain.agents.delete("a@b.test", permanent=True)
        plain.agents.delete("a@b.test")
        plain.messages.get("a@b.test", "msg_1/../x", mark_read=False)
        plain.messages.delete("a@b.test", "m", permanent=True)
        plain.messages.list("a@b.test", from_="x", labels=["a", "b"], since=at, deleted=True, limit=7).page()
        plain.messages.send("a@b.test", {"to": ["x@y"]}, unsubscribe={"mode": "managed"}, wait="sent")
        plain.messages.reply("a@b.test", "m", {"text": "t"}, quote_history=True)
        plain.messages.get_attachment("a@b.test", "m", 0)
        plain.reviews.approve("m")
        plain.contacts.update("x@y", {"display_name": "X"}, if_match='"7"')
        plain.account.delete()
        plain.request("post", "/v1/x/{id}", query={"a": None, "b": True}, body=[1])
        plain.feedback.send("hi", email="x@y")
    agent = "/v1/agents/a%40b.test"
    assert seen == [
        ("GET", "/v1/agents/a%2Fb%40c.test", b""),
        ("DELETE", f"{agent}?confirm=DELETE&permanent=true", b""),
        ("DELETE", f"{agent}?confirm=DELETE", b""),
        ("GET", f"{agent}/messages/msg_1%2F..%2Fx?mark_read=false", b""),
        ("DELETE", f"{agent}/messages/m?confirm=DELETE&permanent=true", b""),
        (
            "GET",
            f"{agent}/messages?from=x&labels=a%2Cb&since=2026-01-02T00%3A00%3A00%2B00%3A00&limit=7&deleted=true",
            b"",
        ),
        ("POST", f"{agent}/messages?wait=sent", b'{"to":["x@y"],"unsubscribe":{"mode":"managed"}}'),
        ("POST", f"{agent}/messages/m/reply", b'{"text":"t","quote_history":true}'),
        ("GET", f"{agent}/messages/m/attachments/0", b""),
        ("POST", "/v1/reviews/m/approve", b"{}"),
        ("PATCH", "/v1/contacts/x%40y", b'{"display_name":"X"}'),
        ("DELETE", "/v1/account?confirm=DELETE", b""),
        ("POST", "/v1/x/%7Bid%7D?b=true", b"[1]"),
        ("POST", "/api/feedback", b'{"message":"hi","email":"x@y"}'),
    ]


def test_bodies_may_hold_times_and_octets() -> None:
    seen: list[Asked] = []

    def answer(asked: Asked) -> Told:
        seen.append(asked)
        return json_of({})

    body = {
        "to": ["x@y.test"],
        "send_at": datetime(2026, 1, 2, tzinfo=UTC),
        "attachments": [{"filename": "a.bin", "content_type": "application/octet-stream", "data": b"\x00\xff"}],
    }
    with answering(answer) as url, quick(url) as client:
        client.plain.messages.send("a@b.test", body)
        for hopeless in ({"to": object()}, {"to": {1, (2,)}, 3.5j: 1}):
            with pytest.raises(E2AValidationError, match="JSON"):
                client.plain.messages.send("a@b.test", hopeless)
    assert len(seen) == 1
    assert b'"send_at":"2026-01-02T00:00:00Z"' in seen[0].body
    assert b'"data":"AP8="' in seen[0].body
    assert seen[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["v1/info", "", "http://elsewhere.test/v1", "//elsewhere.test/v1"])
def test_the_way_out_leads_nowhere_else(path: str) -> None:
    with E2AClient("key") as client:
        with pytest.raises(E2AValidationError):
            client.request("GET", path)
        with pytest.raises(E2AValidationError):
            client.pages(path)


def test_a_write_is_repeated_with_its_key_and_a_create_is_not() -> None:
    seen: list[Asked] = []

    def answer(asked: Asked) -> Told:
        seen.append(asked)
        return json_of({}, 503, retry_after="0")

    with answering(answer) as url, E2AClient("key", base_url=url, max_retries=2) as client:
        with pytest.raises(E2AServerError):
            client.messages.send("a@b.test", {"to": ["x@y"]}, idempotency_key="mine")
        assert [one.headers["idempotency-key"] for one in seen] == ["mine"] * 3
        for call in (
            lambda: client.agents.create({"slug": "x"}),
            lambda: client.account.delete(),
            lambda: client.domains.rotate_keys("x.test"),
            lambda: client.contacts.update("x@y", {}, if_match='"1"'),
            lambda: client.request("POST", "/v1/x"),
        ):
            seen.clear()
            with pytest.raises(E2AServerError):
                call()
            assert len(seen) == 1


# Answers that are none


def blocking(url: str) -> None:
    with quick(url) as client:
        client.info()


async def awaiting(url: str) -> None:
    async with AsyncE2AClient("key", base_url=url, max_retries=0) as client:
        await client.info()


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"no"',
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"version": 17}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    ],
)
def test_garbage_is_a_failure_of_the_server(octets: bytes) -> None:
    with raw(octets) as url:
        for run in (lambda: blocking(url), lambda: trio.run(awaiting, url), lambda: asyncio.run(awaiting(url))):
            with pytest.raises(E2AServerError) as caught:
                run()
            assert caught.value.code == "invalid_response"


def test_what_cannot_be_unpacked_is_a_failure_of_the_server() -> None:
    octets = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
    with raw(octets) as url, quick(url) as client, pytest.raises(E2AServerError) as caught:
        client.info()
    assert caught.value.code == "invalid_response"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"220 mail.example.test ESMTP\r\n",
        b"\x16\x03\x01",
    ],
)
def test_a_connection_that_breaks_off_may_have_been_a_yes(octets: bytes) -> None:
    with raw(octets) as url:
        for run in (lambda: blocking(url), lambda: trio.run(awaiting, url)):
            with pytest.raises(E2AConnectionError, match=url) as caught:
                run()
            assert caught.value.maybe_done
            assert caught.value.retryable


def test_a_connection_that_the_server_gave_up_meanwhile_costs_no_call() -> None:
    """A POST is sent once, and still a connection kept from the last call must not lose it."""

    async def main(url: str) -> None:
        async with AsyncE2AClient("key", base_url=url) as client:
            for _ in range(3):
                assert await client.request("POST", "/v1/x") == {}
                await trio.sleep(0.05)

    with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as url:
        with quick(url) as client:
            for _ in range(3):
                assert client.request("POST", "/v1/x") == {}
                time.sleep(0.05)
        trio.run(main, url)


def test_nobody_there() -> None:
    with quick("http://127.0.0.1:1") as client, pytest.raises(E2AConnectionError, match=r"127\.0\.0\.1:1") as caught:
        client.info()
    assert not caught.value.maybe_done


def test_a_server_that_never_answers() -> None:
    with (
        raw(b"", keep=True) as url,
        quick(url, timeout_ms=150) as client,
        pytest.raises(E2AConnectionError, match="did not answer") as caught,
    ):
        client.messages.send("a@b.test", {"to": ["x@b.test"]}, idempotency_key="k")
    assert caught.value.maybe_done


@pytest.mark.parametrize("timeout_ms", [0, None])
def test_patience_without_end(timeout_ms: float | None) -> None:
    """No timeout is set; a server that takes its time is waited for."""
    go_on = threading.Event()

    def answer(_: Asked) -> Told:
        go_on.wait(5)
        return json_of(INFO)

    with answering(answer) as url, quick(url, timeout_ms=timeout_ms) as client:
        threading.Timer(0.3, go_on.set).start()
        assert client.info().version == "1"


def test_an_error_says_what_was_wrong() -> None:
    fields = [{"location": "body.slug", "message": "is too short"}, {"location": "body.name", "message": "is too long"}]
    error = {"code": "invalid_request", "message": "no", "request_id": "req_1", "details": {"fields": fields}}
    with (
        answering(lambda _: json_of({"error": error}, 422)) as url,
        quick(url) as client,
        pytest.raises(E2AValidationError) as caught,
    ):
        client.agents.create({"slug": "x"})
    assert caught.value.problems == ["body.slug: is too short", "body.name: is too long"]
    assert (caught.value.status, caught.value.request_id) == (422, "req_1")


def test_members_that_a_later_server_adds_are_ignored() -> None:
    with answering(lambda _: json_of({**INFO, "tomorrow": {"a": 1}})) as url, quick(url) as client:
        assert client.info().version == "1"
        assert client.plain.info()["tomorrow"] == {"a": 1}


# Files


def test_an_export_is_written_while_it_comes() -> None:
    octets = b"x" * 300_000
    with answering(lambda _: Told(200, octets)) as url:
        told: list[int] = []
        file = io.BytesIO()
        with quick(url) as client:
            assert client.account.export_to(file, progress=told.append) == len(octets)
            assert client.plain.account.export_to(io.BytesIO()) == len(octets)
        assert file.getvalue() == octets
        assert told == sorted(told)
        assert told[-1] == len(octets)
        assert len(told) > 1

        async def awaiting() -> bytes:
            file = io.BytesIO()
            async with AsyncE2AClient("key", base_url=url) as client:
                await client.account.export_to(file)
            return file.getvalue()

        assert trio.run(awaiting) == asyncio.run(awaiting()) == octets


def test_an_export_that_breaks_off_is_not_begun_again() -> None:
    file = io.BytesIO()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    with raw(answer) as url, E2AClient("key", base_url=url) as client, pytest.raises(E2AConnectionError):
        client.account.export_to(file)
    assert file.getvalue() == b"half"


def test_a_refused_export_writes_nothing() -> None:
    file = io.BytesIO()
    error = {"error": {"code": "not_found", "message": "no"}}
    with answering(lambda _: json_of(error, 404)) as url, quick(url) as client, pytest.raises(E2ANotFoundError):
        client.account.export_to(file)
    assert file.getvalue() == b""


def test_a_full_disk_is_no_failure_of_the_server() -> None:
    class Full(io.BytesIO):
        def write(self, _octets: Any) -> int:
            raise OSError(28, "No space left on device")

    with answering(lambda _: Told(200, b"x" * 300_000)) as url, quick(url) as client:
        with pytest.raises(OSError, match="No space"):
            client.account.export_to(Full())
        with pytest.raises(E2AServerError):
            client.info()  # the connection of the broken export is gone, the next one works


def test_an_attachment_is_fetched_under_the_address_that_the_client_has() -> None:
    paths: list[str] = []

    def answer(asked: Asked) -> Told:
        paths.append(asked.path)
        if "token" in asked.path:
            return Told(200, b"\x00\x01")
        at = "https://mail.example.com/v1/files/7?token=t"
        return json_of({"index": 0, "size_bytes": 2, "download_url": at, "expires_at": "2026-01-01T00:00:00Z"})

    with answering(answer) as url, quick(url) as client:
        file = io.BytesIO()
        assert client.messages.download_attachment("a@b.test", "m", 0, file) == 2
    assert file.getvalue() == b"\x00\x01"
    assert paths == ["/v1/agents/a%40b.test/messages/m/attachments/0", "/v1/files/7?token=t"]


# Many at once


def test_threads_share_a_client() -> None:
    def answer(asked: Asked) -> Told:
        return json_of({"name": asked.path})

    with answering(answer) as url, quick(url) as client, ThreadPoolExecutor(8) as pool:

        def ask(number: int) -> str:
            return str(client.request("GET", f"/v1/{number}")["name"])

        assert list(pool.map(ask, range(200))) == [f"/v1/{number}" for number in range(200)]


def test_inside_a_running_loop() -> None:
    async def main(url: str) -> str:
        with quick(url) as client:
            return client.info().version

    with answering(lambda _: json_of(INFO)) as url:
        assert asyncio.run(main(url)) == trio.run(main, url) == "1"


def test_a_call_that_was_cancelled_leaves_a_client_that_works() -> None:
    held = threading.Event()

    def answer(asked: Asked) -> Told:
        if asked.path == "/v1/slow":
            held.wait(10)
        return json_of(INFO)

    async def under_trio(url: str) -> None:
        async with AsyncE2AClient("key", base_url=url) as client:
            for _ in range(5):
                with trio.move_on_after(0.05) as scope:
                    await client.request("GET", "/v1/slow")
                assert scope.cancelled_caught
                assert (await client.info()).version == "1"
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(client.info)

    async def under_asyncio(url: str) -> None:
        async with AsyncE2AClient("key", base_url=url) as client:
            for _ in range(5):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(client.request("GET", "/v1/slow"), 0.05)
                assert (await client.info()).version == "1"
            await asyncio.gather(*(client.info() for _ in range(20)))

    with answering(answer) as url:
        trio.run(under_trio, url)
        asyncio.run(under_asyncio(url))
        held.set()


def test_a_wait_between_attempts_can_be_cancelled() -> None:
    async def main(url: str) -> None:
        async with AsyncE2AClient("key", base_url=url) as client:
            with trio.move_on_after(0.2) as scope:
                await client.info()
            assert scope.cancelled_caught

    with answering(lambda _: json_of({}, 503, retry_after="30")) as url:
        trio.run(main, url)


def test_a_closed_client_says_so() -> None:
    client = E2AClient("key")
    client.close()
    client.close()
    with pytest.raises(E2AError, match="closed"):
        client.info()

    async def main() -> None:
        client = AsyncE2AClient("key")
        await client.aclose()
        with pytest.raises(E2AError, match="closed"):
            await client.plain.agents.list().to_list()

    trio.run(main)


def test_closing_ends_the_waits_of_other_threads() -> None:
    asked = threading.Event()

    def answer(_: Asked) -> Told:
        asked.set()
        return json_of({}, 503, retry_after="60")

    with answering(answer) as url, ThreadPoolExecutor(1) as pool:
        client = E2AClient("key", base_url=url)
        waiting = pool.submit(client.plain.info)
        assert asked.wait(5)
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        client.close()
        with pytest.raises(E2AError, match="closed"):
            waiting.result(5)


def test_what_is_shown_of_a_client_is_not_its_key() -> None:
    client = E2AClient("e2a_acct_secret")
    assert "secret" not in repr(client) + repr(client.agents) + repr(client.plain) + repr(vars(client))


# What a newcomer does wrong


@pytest.mark.parametrize("key", [None, "e2a_acct_1"])
def test_a_key_that_is_not_known_here(key: str | None) -> None:
    refused = json_of({"error": {"code": "unauthorized", "message": "no"}}, 401)
    with (
        answering(lambda _: refused) as url,
        E2AClient(key, base_url=url) as client,
        pytest.raises(E2AError) as caught,
    ):
        client.info()
    (note,) = caught.value.__notes__
    assert (url in note) == (key is not None)
    assert ("E2A_API_KEY" in note) == (key is None)


def test_the_address_of_something_else() -> None:
    async def ask(url: str) -> None:
        async with AsyncE2AClient("key", base_url=url) as client:
            await client.info()

    with answering(lambda _: Told(404, b"<html>")) as url, pytest.raises(E2ANotFoundError) as caught:
        trio.run(ask, url)
    assert "base_url" in caught.value.__notes__[0]


@pytest.mark.parametrize("part", [None, "", "..", b"a@b.test", ["a@b.test"]])
def test_what_is_no_address_and_no_id(part: Any) -> None:
    client = quick("http://127.0.0.1:1")
    with pytest.raises(E2AValidationError):
        client.agents.get(part)
    with pytest.raises(E2AValidationError):
        client.listen(part)


@pytest.mark.parametrize("key", ["", " ", "a\r\nb", "ä", 7])
def test_an_idempotency_key_that_is_none(key: Any) -> None:
    """Above all no empty one: the mail would be sent again, and no server would know that it is the same."""
    asked: list[Asked] = []

    def answer(one: Asked) -> Told:
        asked.append(one)
        return json_of({}, 503)

    with answering(answer) as url, E2AClient("key", base_url=url) as client, pytest.raises(E2AValidationError):
        client.messages.send("a@b.test", {"to": ["c@d.test"]}, idempotency_key=key)
    assert asked == []


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.request("GET", "/v1/info\r\nX: y"),
        lambda client: client.request("GET", "/v1/info", headers={"X": "a\nb"}),
        lambda client: client.request("GET", "/v1/" + "a" * 100_000),
        lambda client: client.events.list(since=datetime(2026, 1, 1)).to_list(),  # noqa: DTZ001 - that is the point
    ],
)
def test_what_cannot_be_sent(call: Callable[[E2AClient], object]) -> None:
    with answering(lambda _: json_of(INFO)) as url, quick(url) as client, pytest.raises(E2AValidationError) as caught:
        call(client)
    assert caught.value.code == "invalid_request"


def test_an_answer_without_content() -> None:
    with answering(lambda _: Told(204, b"")) as url, quick(url) as client:
        assert client.request("DELETE", "/api/v1/x") is None
        assert client.account.signing_secrets.delete("wsec_1") is None
        with pytest.raises(E2AServerError):
            client.info()
