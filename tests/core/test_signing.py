"""Every vector of the contract's signatures, and what must not verify."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core import signing
from e2ad.core.signing import Verdict

SECRET = "0123456789abcdef" * 4
MESSAGE = "msg_0123456789abcdef0123456789abcdef"

GA_RAW = (
    b"From: Alice <alice@example.com>\r\nTo: bot@agents.example.com\r\nSubject: Hi\r\n"
    b"Message-ID: <m1@example.com>\r\n\r\nHello\r\n"
)
GA_HASH = "74f47450b89941ee2deddab28ae49498f952aec9ff6098c0279fca5f146d7354"
SEED_RAW = base64.b64decode(
    "RnJvbTogYWRhQGV4YW1wbGUub3JnDQpUbzogbXktYm90QGFnZW50cy5sb2NhbGhvc3QNClN1YmplY3Q6IFZlY3Rvcg0KDQpoZWxsbw0K"
)
AT = datetime(2026, 6, 13, 12, 0, 0, tzinfo=UTC)


def ga_headers(**changes: object) -> dict[str, str]:
    verdict = Verdict(True, "alice@example.com", "human", "spf=pass; dkim=pass")
    arguments = {
        "message_id": MESSAGE,
        "body_hash": GA_HASH,
        "at": AT,
        "secret": "00112233445566778899aabbccddeeff" * 2,
    } | changes
    return signing.auth_headers(verdict, **arguments)


def test_the_first_vector_of_the_auth_headers() -> None:
    assert signing.body_hash(GA_RAW) == GA_HASH
    headers = ga_headers()
    assert headers["X-E2A-Auth-Signature"] == "43358db173eb34dd743b1f0b3d90cc784d281e8d256e07cb26ca16eeb1cde805"
    assert headers["X-E2A-Auth-Timestamp"] == "2026-06-13T12:00:00Z"
    assert "X-E2A-Auth-Delegation" not in headers


def test_the_second_vector_of_the_auth_headers() -> None:
    verdict = Verdict(True, "ada@example.org", "human", "spf=pass; dkim=none")
    headers = signing.auth_headers(
        verdict,
        message_id="msg_00112233445566778899aabbccddeeff",
        body_hash=signing.body_hash(SEED_RAW),
        at=datetime(2026, 6, 13, 10, tzinfo=UTC),
        secret="e2ad-demo-secret",
    )
    assert headers["X-E2A-Auth-Body-Hash"] == "37b3f05da244f2531928b4488d8a58386eb74d07ec579bbcbe51f9654a0439cd"
    assert headers["X-E2A-Auth-Signature"] == "63a1f5e42ca47019a3c9a9d4558bf62e21248cf3ce8fdd8c5a7600b0335a23b3"
    assert signing.verify_auth_headers(headers, SEED_RAW, ["other", "e2ad-demo-secret"], AT - timedelta(hours=2))


def test_a_delegation_is_signed_and_shown() -> None:
    verdict = Verdict(True, "a@b.c", "agent", "spf=none; dkim=none", "agent=x@y.z;human=1")
    headers = signing.auth_headers(verdict, message_id=MESSAGE, body_hash="0", at=AT, secret="s")
    assert headers["X-E2A-Auth-Delegation"] == "agent=x@y.z;human=1"
    canonical = "\n".join(
        ["true", "a@b.c", "agent", "spf=none; dkim=none", "agent=x@y.z;human=1", "2026-06-13T12:00:00Z", MESSAGE, "0"]
    )
    assert headers["X-E2A-Auth-Signature"] == hmac.new(b"s", canonical.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-E2A-Auth-Verified", "false"),
        ("X-E2A-Auth-Sender", "mallory@example.com"),
        ("X-E2A-Auth-Entity-Type", "agent"),
        ("X-E2A-Auth-Domain-Check", "spf=pass; dkim=none"),
        ("X-E2A-Auth-Delegation", "agent=a;human=b"),
        ("X-E2A-Auth-Timestamp", "2026-06-13T12:00:01Z"),
        ("X-E2A-Auth-Message-Id", "msg_ffffffffffffffffffffffffffffffff"),
        ("X-E2A-Auth-Body-Hash", "00"),
        ("X-E2A-Auth-Signature", "00"),
    ],
)
def test_no_header_can_be_changed(name: str, value: str) -> None:
    raw = b"anything"
    headers = ga_headers(body_hash=signing.body_hash(raw), secret="k")
    assert signing.verify_auth_headers(headers, raw, ["k"], AT)
    assert not signing.verify_auth_headers(headers | {name: value}, raw, ["k"], AT)


@pytest.mark.parametrize(
    ("seconds", "good"), [(0, True), (300, True), (301, False), (-30, True), (-31, False), (-3000, False)]
)
def test_the_window_of_the_auth_headers(seconds: int, good: bool) -> None:
    headers = ga_headers(body_hash=signing.body_hash(b"x"), secret="k")
    assert signing.verify_auth_headers(headers, b"x", ["k"], AT + timedelta(seconds=seconds)) is good


def test_proxies_may_change_the_case_of_header_names() -> None:
    headers = {name.lower(): value for name, value in ga_headers(body_hash=signing.body_hash(b"x"), secret="k").items()}
    assert signing.verify_auth_headers(headers, b"x", ["k"], AT)


@pytest.mark.parametrize("timestamp", ["", "yesterday", "2026-06-13T12:00:00"])
def test_a_time_that_cannot_be_read_is_no_time(timestamp: str) -> None:
    headers = {"X-E2A-Auth-Timestamp": timestamp, "X-E2A-Auth-Body-Hash": signing.body_hash(b"x")}
    values = [headers.get(name, "") for name in signing.AUTH_HEADER_NAMES]
    headers["X-E2A-Auth-Signature"] = hmac.new(b"k", "\n".join(values).encode(), hashlib.sha256).hexdigest()
    assert not signing.verify_auth_headers(headers, b"x", ["k"], AT)


WEBHOOK_BODY = (
    b'{"type":"email.received","id":"evt_0123456789abcdef0123456789abcdef","schema_version":"1",'
    b'"created_at":"2026-07-23T10:00:00.123456789Z","data":{"message_id":"msg_0123456789abcdef0123456789abcdef"}}'
)
NEW, OLD = "whsec_" + "a1" * 32, "whsec_" + "b2" * 32


def test_the_vector_of_the_webhook_signature() -> None:
    assert hashlib.sha256(WEBHOOK_BODY).hexdigest().startswith("90e3fb55b4dbff21269611d565b829ba")
    header = signing.webhook_signature([NEW, OLD], 1784800800, WEBHOOK_BODY)
    assert header == (
        "t=1784800800,v1=b6661eb5f8e7ba6d3829d5e3c4af5f3e77fa67cfa661b5a4efb7b96e62fbeede"
        ",v1=26d5ba183a44451dcfc74a71fdb11699657af52e55dcd332c94e29a067281446"
    )


@pytest.mark.parametrize(
    ("header", "secrets", "seconds", "good"),
    [
        ("{}", [NEW], 0, True),
        ("{}", [OLD], 0, True),
        ("{}", ["whsec_x", OLD], 300, True),
        ("{}", [NEW], 301, False),
        ("{}", [NEW], -301, False),
        ("{}", ["whsec_x"], 0, False),
        ("v1=00", [NEW], 0, False),
        ("t=1784800800", [NEW], 0, False),
        ("t=x,v1=00", [NEW], 0, False),
        ("t=1,{}", [NEW], 0, False),
        ("", [NEW], 0, False),
    ],
)
def test_who_verifies_a_webhook(header: str, secrets: list[str], seconds: int, good: bool) -> None:
    signed = signing.webhook_signature([NEW, OLD], 1784800800, WEBHOOK_BODY)
    at = datetime.fromtimestamp(1784800800 + seconds, UTC)
    assert signing.verify_webhook_signature(header.replace("{}", signed), secrets, WEBHOOK_BODY, at) is good


def test_standard_webhooks_as_their_verifier_computes_it() -> None:
    headers = signing.standard_webhook_headers("evt_1", 1784800800, WEBHOOK_BODY, [NEW, OLD])
    key = base64.b64decode("a1" * 32)
    mac = hmac.new(key, b"evt_1.1784800800." + WEBHOOK_BODY, hashlib.sha256).digest()
    assert headers["webhook-signature"].split(" ")[0] == "v1," + base64.b64encode(mac).decode()
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert headers["webhook-id"] == "evt_1"
    assert headers["webhook-timestamp"] == "1784800800"


def test_the_vectors_of_ids_keys_and_tokens() -> None:
    assert signing.event_id(MESSAGE, "email.received") == "evt_b78642be7946b47add718eed48e95c3a"
    assert signing.key_hash("e2a_acct_" + "ab" * 32).hex() == (
        "0428f5e93bb16203e5e66b7f3e7e29d1c2cb68601a239dd8c001ac5f5b11888b"
    )
    assert signing.signed_token(SECRET, f"{MESSAGE}|approve|1784801400") == (
        "bXNnXzAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmfGFwcHJvdmV8MTc4NDgwMTQwMA"
        ".Qvfb_VOm1QkabPdmFebzkJ8vtKjvIjMJYyAQTyjtsQ4"
    )
    assert signing.signed_token(SECRET, f"{MESSAGE}|0|1784801700") == (
        "bXNnXzAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmfDB8MTc4NDgwMTcwMA.i1SPLo1UG-TfsYb2iSN7X74-mq6v6VYSAWaqARzlCOQ"
    )
    token = signing.unsubscribe_token(
        SECRET, "3cf59fa1711de81d833f950a65d2998e", " Bot@agents.example.com", "bob@Example.net "
    )
    assert token == "u1_912UOBwwZ8JyY2pBS9rSvhaf9MnrfUQX7yiobRdXDJ0"
    assert hashlib.sha256(token.encode()).hexdigest().startswith("b761513bfb4c07a2648d62f6cfa28bb6")


@given(st.text(), st.text(min_size=1), st.text())
def test_a_token_opens_for_its_secret_and_purpose_alone(payload: str, secret: str, purpose: str) -> None:
    payload, secret, purpose = (text.encode("utf-8", "replace").decode() for text in (payload, secret, purpose))
    token = signing.signed_token(secret, payload, purpose=purpose)
    assert signing.open_token(["x" + secret, secret], token, purpose=purpose) == payload
    assert signing.open_token([secret], token, purpose=purpose + "!") is None
    assert signing.open_token(["x" + secret], token, purpose=purpose) is None


@given(st.text())
def test_no_text_but_a_token_opens(text: str) -> None:
    assert signing.open_token(["s"], text) is None


@pytest.mark.parametrize("change", ["A", "=", " ", ".", "\n"])
def test_a_token_has_one_spelling(change: str) -> None:
    token = signing.signed_token("s", "payload")
    assert signing.open_token(["s"], token + change) is None
    assert signing.open_token(["s"], change + token) is None
