"""What an attempt sends and what it makes of the answer; signatures are verified as the clients do."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from e2ad.core.delivery import (
    Attempt,
    CarriedMessage,
    Deferred,
    Delivered,
    DeliveryKind,
    Endpoint,
    Gone,
    PutOff,
    Refused,
    Surface,
)
from e2ad.core.events import envelope
from e2ad.core.sealing import KeyRing
from e2ad.core.signing import Verdict, verify_auth_headers, verify_webhook_signature
from e2ad.delivery import payloads
from e2ad.delivery import webhook as module
from e2ad.delivery.egress import Egress
from e2ad.delivery.poster import Poster
from e2ad.delivery.webhook import LARGE_BYTES, Webhooks, retry_after_seconds
from tests.delivery import endpoint as far

RAW = b"From: Alice <alice@example.com>\r\nTo: bot@agents.example.com\r\nSubject: Hi\r\n\r\nHello\r\n"
NOW = datetime(2026, 7, 23, 10, 0, 0, 123456, tzinfo=UTC)
KEYS = KeyRing(["deployment-secret"])
NEW, OLD = "whsec_" + "a1" * 32, "whsec_" + "b2" * 32
SIGNING = "00112233445566778899aabbccddeeff" * 2
EVENT_ID = "evt_0123456789abcdef0123456789abcdef"
BODY = envelope("email.received", EVENT_ID, NOW, {"message_id": "msg_1", "to": ["bücher"]})


def seal(text: str, context: str) -> bytes:
    return KEYS.seal(text, context=context, nonce=b"123456789012")


MESSAGE = CarriedMessage(
    id="msg_0123456789abcdef0123456789abcdef",
    created_at=NOW,
    conversation_id="conv_1",
    delivered_to="bot@agents.example.com",
    agent_email="bot@agents.example.com",
    header_from="alice@example.com",
    to=("bot@agents.example.com",),
    cc=(),
    reply_to=("desk@example.com",),
    subject="Hi",
    verdict=Verdict(True, "alice@example.com", "human", "spf=pass; dkim=pass"),
    content_sha256=hashlib.sha256(RAW).digest(),
    size_bytes=len(RAW),
    raw=RAW,
)


def attempt(url: str, *, kind: DeliveryKind = DeliveryKind.WEBHOOK, **changes: Any) -> Attempt:
    endpoint = Endpoint(
        url=url,
        surface=changes.pop("surface", Surface.V1),
        enabled=changes.pop("enabled", True),
        exists=changes.pop("exists", True),
        sealed_secrets=changes.pop("sealed_secrets", (seal(NEW, "webhook_secret:wh_1"),)),
    )
    made = Attempt(
        account_id="a" * 32,
        id="whd_1",
        kind=kind,
        endpoint_key="wh_1" if kind is DeliveryKind.WEBHOOK else "bot@agents.example.com",
        endpoint=endpoint,
        event_id=EVENT_ID,
        event_type="email.received",
        body=BODY,
        number=1,
        waits=0,
        leased_until=NOW,
        created_at=NOW,
        message=MESSAGE,
        signing_secret_id="wsec_1",
        sealed_signing_secret=seal(SIGNING, "signing_secret:wsec_1"),
    )
    return attrs.evolve(made, **changes)


class Shelf:
    """Contents that were too large for the claim."""

    def __init__(self, raw: bytes | None) -> None:
        self.raw = raw

    @asynccontextmanager
    async def borrow(self, account_id: str, sha256: bytes, size: int) -> AsyncIterator[bytes | None]:
        yield self.raw


@pytest.fixture
async def webhooks(ca: Any) -> Any:
    resolver = far.StaticResolver({"hooks.example.com": ["127.0.0.1"], "inside.example.com": ["10.0.0.1"]})
    poster = Poster(Egress(far.Settings(ca_file=str(ca.ca_file)), resolver))
    yield Webhooks(poster, KEYS, Shelf(RAW))
    poster.close()


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def test_a_full_webhook_gets_the_envelope_to_the_character(webhooks: Webhooks, tls_endpoint: Any) -> None:
    outcome = await webhooks.attempt(attempt(tls_endpoint.url("hooks.example.com")))
    assert outcome == Delivered(200, "ok")
    (request,) = tls_endpoint.received
    assert request.body == BODY.encode()
    headers = request.headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "e2a-webhooks/1"
    assert headers["x-e2a-event-type"] == "email.received"
    assert headers["x-e2a-schema-version"] == "1"
    assert headers["x-e2a-delivery-id"] == "whd_1"
    now = datetime.now(UTC)
    assert verify_webhook_signature(headers["x-e2a-signature"], [NEW], request.body, now)
    assert not verify_webhook_signature(headers["x-e2a-signature"], [OLD], request.body, now)
    assert headers["x-e2a-auth-body-hash"] == hashlib.sha256(RAW).hexdigest()
    assert verify_auth_headers(headers, RAW, [SIGNING], now)


async def test_standard_webhooks_verifiers_agree(webhooks: Webhooks, endpoint: Any) -> None:
    """Written out as their libraries do it: base64 after the prefix is the key."""
    await webhooks.attempt(attempt(endpoint.url()))
    (request,) = endpoint.received
    headers = request.headers
    assert headers["webhook-id"] == EVENT_ID
    key = base64.b64decode(NEW.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


async def test_the_previous_secret_signs_during_its_grace(webhooks: Webhooks, endpoint: Any) -> None:
    secrets = (seal(NEW, "webhook_secret:wh_1"), seal(OLD, "webhook_secret:wh_1"))
    await webhooks.attempt(attempt(endpoint.url(), sealed_secrets=secrets))
    (request,) = endpoint.received
    signature = request.headers["x-e2a-signature"]
    assert signature.count("v1=") == 2
    for secret in (NEW, OLD):
        assert verify_webhook_signature(signature, [secret], request.body, datetime.now(UTC))


async def test_a_classic_webhook_gets_the_whole_mail(webhooks: Webhooks, endpoint: Any) -> None:
    await webhooks.attempt(attempt(endpoint.url(), surface=Surface.CLASSIC))
    (request,) = endpoint.received
    document = json.loads(request.body)
    assert list(document) == ["event", "id", "created_at", "data"]
    assert (document["event"], document["id"]) == ("email.received", EVENT_ID)
    assert document["created_at"] == "2026-07-23T10:00:00.123456Z"
    data = document["data"]
    assert list(data) == [
        "message_id", "conversation_id", "agent", "from", "to", "cc", "reply_to", "recipient", "subject",
        "raw_message", "auth_headers", "received_at",
    ]  # fmt: skip
    assert data["agent"] == {
        "id": "bot@agents.example.com", "email": "bot@agents.example.com", "domain": "agents.example.com",
    }  # fmt: skip
    assert base64.b64decode(data["raw_message"]) == RAW
    assert data["cc"] is None
    assert data["received_at"] == "2026-07-23T10:00:00Z"
    assert verify_auth_headers(data["auth_headers"], RAW, [SIGNING], datetime.now(UTC))
    assert verify_webhook_signature(request.headers["x-e2a-signature"], [NEW], request.body, datetime.now(UTC))


async def test_an_agents_own_url_gets_the_flat_message(webhooks: Webhooks, endpoint: Any) -> None:
    assert await webhooks.attempt(attempt(endpoint.url(), kind=DeliveryKind.AGENT, body=None)) == Delivered(200, "ok")
    (request,) = endpoint.received
    document = json.loads(request.body)
    assert list(document) == [
        "message_id", "conversation_id", "from", "to", "reply_to", "recipient", "raw_message", "auth_headers",
        "received_at",
    ]  # fmt: skip
    assert document["from"] == "desk@example.com", "Reply-To where there is one"
    assert document["recipient"] == "bot@agents.example.com"
    assert base64.b64decode(document["raw_message"]) == RAW
    assert document["auth_headers"]["X-E2A-Auth-Sender"] == "alice@example.com"
    assert verify_auth_headers(document["auth_headers"], RAW, [SIGNING], datetime.now(UTC))
    assert lower(document["auth_headers"]).items() <= request.headers.items()


async def test_an_account_without_a_signing_secret_uses_the_deployments(webhooks: Webhooks, endpoint: Any) -> None:
    await webhooks.attempt(attempt(endpoint.url(), signing_secret_id=None, sealed_signing_secret=None))
    assert verify_auth_headers(endpoint.received[0].headers, RAW, ["deployment-secret"], datetime.now(UTC))


async def test_large_mail_is_read_by_its_attempt(webhooks: Webhooks, endpoint: Any) -> None:
    large = attrs.evolve(MESSAGE, raw=None)
    assert isinstance(
        await webhooks.attempt(attempt(endpoint.url(), kind=DeliveryKind.AGENT, message=large)), Delivered
    )
    assert base64.b64decode(json.loads(endpoint.received[0].body)["raw_message"]) == RAW
    webhooks._contents = Shelf(None)
    assert await webhooks.attempt(attempt(endpoint.url(), kind=DeliveryKind.AGENT, message=large)) == Refused(
        "the message was deleted"
    )


@pytest.mark.parametrize("event_id", [EVENT_ID, None])
async def test_a_tests_own_body_goes_as_it_is(webhooks: Webhooks, endpoint: Any, event_id: str | None) -> None:
    body = '{"type":"email.received","data":{"test":true}}'
    sent = attempt(endpoint.url(), body=body, event_id=event_id, message=None, surface=Surface.V1)
    assert isinstance(await webhooks.attempt(sent), Delivered)
    (request,) = endpoint.received
    assert request.body == body.encode()
    assert "x-e2a-auth-verified" not in request.headers
    assert request.headers["webhook-id"] == (event_id or "whd_1")


async def test_credentials_in_the_url_are_sent_as_basic(webhooks: Webhooks, endpoint: Any) -> None:
    await webhooks.attempt(attempt(f"http://me:secret@127.0.0.1:{endpoint.port}/"))
    assert endpoint.received[0].headers["authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Delivered(200, "body")),
        (201, Delivered(201, "body")),
        (299, Delivered(299, "body")),
        (301, Deferred("HTTP 301: redirects are not followed", 301, None, "body")),
        (307, Deferred("HTTP 307: redirects are not followed", 307, None, "body")),
        (400, Deferred("HTTP 400", 400, None, "body")),
        (404, Deferred("HTTP 404", 404, None, "body")),
        (410, Gone("body")),
        (429, Deferred("HTTP 429", 429, None, "body")),
        (500, Deferred("HTTP 500", 500, None, "body")),
    ],
)
async def test_what_each_status_means(webhooks: Webhooks, endpoint: Any, status: int, expected: Any) -> None:
    location = (("Location", f"http://127.0.0.1:{endpoint.port}/elsewhere"),)
    endpoint.answers = [far.Answer(status=status, body=b"body", headers=location)]
    assert await webhooks.attempt(attempt(endpoint.url())) == expected
    assert len(endpoint.received) == 1


async def test_retry_after_is_passed_on(webhooks: Webhooks, endpoint: Any) -> None:
    endpoint.answers = [far.Answer(status=503, headers=(("Retry-After", "120"),))]
    outcome = await webhooks.attempt(attempt(endpoint.url()))
    assert isinstance(outcome, Deferred)
    assert outcome.retry_after_seconds == 120.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None), ("", None), ("soon", None), ("-5", None), ("0", 0.0), (" 7 ", 7.0), ("1.5", None),
        ("9" * 400, 999999999.0), ("Thu, 23 Jul 2026 10:02:00 GMT", 120.0), ("Thu, 23 Jul 2026 09:00:00 GMT", 0.0),
        ("Thu, 99 Jul 2026 10:02:00 GMT", None), ("٣", None),
    ],
)  # fmt: skip
def test_retry_after_in_each_form(text: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(text, NOW.replace(microsecond=0)) == seconds


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        (DeliveryKind.WEBHOOK, {"exists": False}, Refused("webhook deleted")),
        (DeliveryKind.WEBHOOK, {"enabled": False}, PutOff("webhook disabled")),
        (DeliveryKind.WEBHOOK, {"body": None}, Refused("the event is past its retention")),
        (DeliveryKind.AGENT, {"exists": False}, Refused("agent deleted")),
        (DeliveryKind.AGENT, {"enabled": False}, Refused("agent is in local mode")),
        (DeliveryKind.AGENT, {"message": None}, Refused("the message was deleted")),
    ],
)
async def test_nothing_is_sent_where_nothing_is_wanted(
    webhooks: Webhooks, endpoint: Any, kind: DeliveryKind, changes: dict[str, Any], expected: Any
) -> None:
    assert await webhooks.attempt(attempt(endpoint.url(), kind=kind, **changes)) == expected
    assert endpoint.connections == 0


async def test_an_agent_without_a_url_is_refused(webhooks: Webhooks) -> None:
    assert await webhooks.attempt(attempt("", kind=DeliveryKind.AGENT)) == Refused("agent has no webhook URL")


async def test_blocked_addresses_are_deferred_and_named(webhooks: Webhooks) -> None:
    outcome = await webhooks.attempt(attempt("https://inside.example.com/"))
    assert isinstance(outcome, Deferred)
    assert "not public" in outcome.reason
    assert not outcome.unreachable, "a guard's no says nothing about the endpoint's health"


async def test_names_that_do_not_resolve_are_unreachable(webhooks: Webhooks) -> None:
    outcome = await webhooks.attempt(attempt("https://nowhere.example.com/"))
    assert outcome == Deferred("nowhere.example.com does not resolve", unreachable=True)


async def test_a_secret_that_does_not_open_is_deferred(webhooks: Webhooks, endpoint: Any) -> None:
    foreign = KeyRing(["another"]).seal(NEW, context="webhook_secret:wh_1", nonce=b"123456789012")
    for broken in (
        attempt(endpoint.url(), sealed_secrets=(foreign,)),
        attempt(endpoint.url(), sealed_signing_secret=foreign),
    ):
        outcome = await webhooks.attempt(broken)
        assert isinstance(outcome, Deferred)
        assert "cannot be signed" in outcome.reason
    assert endpoint.connections == 0


async def test_a_sender_no_header_can_hold_is_refused(webhooks: Webhooks, endpoint: Any) -> None:
    odd = attrs.evolve(MESSAGE, verdict=Verdict(False, "a\r\nX-Evil: 1", "human", "spf=none; dkim=none"))
    assert isinstance(await webhooks.attempt(attempt(endpoint.url(), message=odd)), Refused)
    assert not endpoint.received


async def test_each_attempt_is_signed_anew(webhooks: Webhooks, endpoint: Any) -> None:
    """A retry an hour later must still be inside the verifiers' five minutes."""
    clock = iter([NOW, NOW + timedelta(hours=1)])
    webhooks._now = lambda: next(clock)
    for _ in range(2):
        await webhooks.attempt(attempt(endpoint.url()))
    first, second = endpoint.received
    assert first.body == second.body
    assert verify_webhook_signature(second.headers["x-e2a-signature"], [NEW], second.body, NOW + timedelta(hours=1))
    assert verify_auth_headers(second.headers, RAW, [SIGNING], NOW + timedelta(hours=1))
    assert not verify_auth_headers(first.headers, RAW, [SIGNING], NOW + timedelta(hours=1))


def test_excerpts_are_clean_text() -> None:
    assert module.clean(b"a\x00b\xffc\n\x1b[31m") == "a�b�c\n�[31m"
    assert len(module.clean("é".encode() * 2000)) == 1000


async def test_a_large_mail_is_encoded_and_signed_off_the_event_loop(
    webhooks: Webhooks, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    compose = payloads.compose

    def compose_somewhere(*args: Any) -> bytes:
        threads.append(threading.get_ident())
        return compose(*args)

    monkeypatch.setattr(payloads, "compose", compose_somewhere)
    raw = b"x" * (LARGE_BYTES + 1)
    for size in (LARGE_BYTES, LARGE_BYTES + 1):
        message = attrs.evolve(MESSAGE, raw=raw[:size])
        done = await webhooks.attempt(attempt(endpoint.url(), kind=DeliveryKind.AGENT, message=message))
        assert isinstance(done, Delivered)
    here, elsewhere = threads
    assert here == threading.get_ident() != elsewhere
    assert base64.b64decode(json.loads(endpoint.received[1].body)["raw_message"]) == raw
