"""`e2ad dev hook`: what it says of good, bad and odd deliveries."""

import base64
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
from attrs import define, field

from e2ad.core.signing import Verdict, auth_headers, body_hash
from e2ad.dev import hook
from e2ad.dev.hook import Posted

RAW = b"From: a@example.test\r\nSubject: hello\r\n\r\nx\r\n"


@define
class Far:
    """A running hook and what it told."""

    port: int
    told: list[Posted] = field(factory=list)

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("POST", "/mail", body, dict(headers))
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def far() -> Iterator[Far]:
    told: list[Posted] = []
    server = hook.open_hook(0, lambda: ["secret"], told.append)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Far(server.server_address[1], told)
    server.shutdown()
    thread.join()
    server.server_close()


def signed(secret: str) -> dict[str, str]:
    verdict = Verdict(True, "a@example.test", "human", "spf=pass; dkim=pass")
    return auth_headers(verdict, message_id="msg_1", body_hash=body_hash(RAW), at=datetime.now(UTC), secret=secret)


BODY = json.dumps({"message_id": "msg_1", "raw_message": base64.b64encode(RAW).decode()}).encode()


@pytest.mark.parametrize(("secret", "good"), [("secret", True), ("another", False)])
def test_a_delivery_is_checked(far: Far, secret: str, good: bool) -> None:
    assert far.post(BODY, signed(secret)) == 200
    [posted] = far.told
    assert (posted.signed, posted.subject, posted.verified, posted.sender) == (good, "hello", "true", "a@example.test")
    assert ("good" if good else "BAD") in posted.line()


@pytest.mark.parametrize(("secret", "good"), [("secret", True), ("another", False)])
def test_what_listen_forwards_has_the_headers_inside(far: Far, secret: str, good: bool) -> None:
    far.post(json.dumps({**json.loads(BODY), "subject": "hello", "auth_headers": signed(secret)}).encode(), {})
    [posted] = far.told
    assert (posted.signed, posted.subject, posted.verified, posted.sender) == (good, "hello", "true", "a@example.test")


def test_a_changed_mail_does_not_pass(far: Far) -> None:
    body = json.dumps({"raw_message": base64.b64encode(RAW + b"!").decode()}).encode()
    far.post(body, signed("secret"))
    assert far.told[0].signed is False


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b'{"data": 3}', b'{"raw_message": "***"}', b'{"raw_message": 3}']
)
def test_odd_bodies_are_answered_and_told(far: Far, body: bytes) -> None:
    assert far.post(body, signed("secret")) == 200
    assert far.told[0].signed in (None, False)
    assert far.told[0].line()


def test_an_event_without_the_mail_is_told_unchecked(far: Far) -> None:
    far.post(json.dumps({"type": "email.received", "data": {"subject": "s"}}).encode(), {})
    assert (far.told[0].signed, far.told[0].subject, far.told[0].verified) == (None, "s", "not said")


def test_a_body_without_length_is_refused(far: Far) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", far.port, timeout=5)
    connection.request("POST", "/", iter([b"x"]), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()


def test_nothing_runs_here(tmp_path: object) -> None:
    from pathlib import Path

    assert hook.signing_secrets(Path(str(tmp_path))) == []
