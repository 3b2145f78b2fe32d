"""Proofs of a payload: what is taken, and a table of everything that must not be."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from email.message import Message
from typing import Any

import httpx2
import pytest
import websockets
import werkzeug.datastructures
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.signing import standard_webhook_headers, webhook_signature
from e2ad.sdk import E2AWebhookSignatureError, construct_event, verify_webhook_signature
from tests.sdk.deliveries import NOW, OTHER_SECRET, WEBHOOK_SECRET, Delivery, envelope, signed

GOOD = envelope()
SIGNATURE = GOOD.headers["X-E2A-Signature"]
LONE = {"X-E2A-Signature": SIGNATURE}
TRIO = {name: value for name, value in GOOD.headers.items() if name.startswith("webhook-")}


def test_the_vector_of_the_contract() -> None:
    body = (
        b'{"type":"email.received","id":"evt_0123456789abcdef0123456789abcdef","schema_version":"1",'
        b'"created_at":"2026-07-23T10:00:00.123456789Z","data":{"message_id":"msg_0123456789abcdef0123456789abcdef"}}'
    )
    assert hashlib.sha256(body).hexdigest().startswith("90e3fb55")
    header = (
        "t=1784800800,v1=b6661eb5f8e7ba6d3829d5e3c4af5f3e77fa67cfa661b5a4efb7b96e62fbeede"
        ",v1=26d5ba183a44451dcfc74a71fdb11699657af52e55dcd332c94e29a067281446"
    )
    for secret in (WEBHOOK_SECRET, OTHER_SECRET, [OTHER_SECRET, "whsec_x"], iter([WEBHOOK_SECRET])):
        assert verify_webhook_signature(body, header, secret, now=1784800800)
    event = construct_event(body, header, WEBHOOK_SECRET, now=1784800800)
    assert (event.type, event.id) == ("email.received", "evt_0123456789abcdef0123456789abcdef")
    assert event.data == {"message_id": "msg_0123456789abcdef0123456789abcdef"}
    assert event.raw == json.loads(body)


class Odd:
    """Headers as several frameworks have them: no Mapping, but `items`."""

    def items(self) -> list[tuple[str, str]]:
        return list(GOOD.headers.items())


FORMS: dict[str, Any] = {
    "as they came": GOOD.headers,
    "lower case": {name.lower(): value for name, value in GOOD.headers.items()},
    "odd case": {name.swapcase(): value for name, value in GOOD.headers.items()},
    "the way Go writes them": {"X-E2a-Signature": SIGNATURE},
    "pairs": list(GOOD.headers.items()),
    "bytes": [(name.encode(), value.encode()) for name, value in GOOD.headers.items()],
    "environ": {"HTTP_" + name.upper().replace("-", "_"): value for name, value in GOOD.headers.items()},
    "lists": {name: [value] for name, value in GOOD.headers.items()},
    "an object": Odd(),
    "the value": SIGNATURE,
    "the one": LONE,
    "the trio": TRIO,
    "with spaces": {"X-E2A-Signature": SIGNATURE.replace(",", " , ")},
    "a version to come": {"X-E2A-Signature": SIGNATURE + ",v2=x"},
    "a trio with another version": TRIO | {"webhook-signature": "v2,x " + TRIO["webhook-signature"]},
}


@pytest.mark.parametrize("headers", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, bytes.decode])
def test_headers_and_bodies_of_every_kind(headers: Any, wrap: Callable[[bytes], Any]) -> None:
    assert verify_webhook_signature(wrap(GOOD.body), headers, WEBHOOK_SECRET, now=NOW)
    assert construct_event(wrap(GOOD.body), headers, WEBHOOK_SECRET, now=NOW).data["subject"] == "Grüße"


def mac(key: bytes, body: bytes = GOOD.body, time: str = str(int(NOW))) -> str:
    return f"t={time},v1={hmac.digest(key, time.encode() + b'.' + body, 'sha256').hex()}"


OTHER = signed(b'{"another":"delivery"}', [WEBHOOK_SECRET])
OLD = signed(GOOD.body, [WEBHOOK_SECRET], at=NOW - 301)
EARLY = signed(GOOD.body, [WEBHOOK_SECRET], at=NOW + 301)
EMPTY_KEY_TRIO = TRIO | {
    "webhook-signature": "v1,"
    + base64.b64encode(hmac.digest(b"", f"evt_1.{int(NOW)}.".encode() + GOOD.body, "sha256")).decode()
}

ATTACKS: dict[str, tuple[bytes | str, Any, Any, str]] = {
    # body, headers, secret, reason
    "another secret": (GOOD.body, LONE, OTHER_SECRET, "no_match"),
    "the secret without its prefix": (GOOD.body, LONE, WEBHOOK_SECRET.removeprefix("whsec_"), "no_match"),
    "the secret decoded": (GOOD.body, mac(bytes.fromhex("a1" * 32)), WEBHOOK_SECRET, "no_match"),
    "the header of another delivery": (
        GOOD.body,
        {"X-E2A-Signature": OTHER.headers["X-E2A-Signature"]},
        WEBHOOK_SECRET,
        "no_match",
    ),
    "the trio of another delivery": (
        GOOD.body,
        {k: v for k, v in OTHER.headers.items() if k.startswith("webhook")},
        WEBHOOK_SECRET,
        "no_match",
    ),
    "one right, the other of another delivery": (GOOD.body, {**OTHER.headers, **LONE}, WEBHOOK_SECRET, "no_match"),
    "the trio right, the other of another delivery": (GOOD.body, {**OTHER.headers, **TRIO}, WEBHOOK_SECRET, "no_match"),
    "another id in the trio": (GOOD.body, TRIO | {"webhook-id": "evt_2"}, WEBHOOK_SECRET, "no_match"),
    "another time in the trio": (
        GOOD.body,
        TRIO | {"webhook-timestamp": str(int(NOW) + 1)},
        WEBHOOK_SECRET,
        "no_match",
    ),
    "stale": (GOOD.body, {"X-E2A-Signature": OLD.headers["X-E2A-Signature"]}, WEBHOOK_SECRET, "stale"),
    "a stale trio": (
        GOOD.body,
        {k: v for k, v in OLD.headers.items() if k.startswith("webhook")},
        WEBHOOK_SECRET,
        "stale",
    ),
    "from the future": (GOOD.body, {"X-E2A-Signature": EARLY.headers["X-E2A-Signature"]}, WEBHOOK_SECRET, "stale"),
    "made young": (
        GOOD.body,
        OLD.headers["X-E2A-Signature"].replace(str(int(NOW) - 301), str(int(NOW))),
        WEBHOOK_SECRET,
        "no_match",
    ),
    "two times": (GOOD.body, f"t={int(NOW)},{SIGNATURE}", WEBHOOK_SECRET, "malformed"),
    "no time": (GOOD.body, SIGNATURE.partition(",")[2], WEBHOOK_SECRET, "malformed"),
    "no signature in it": (GOOD.body, f"t={int(NOW)}", WEBHOOK_SECRET, "malformed"),
    "an empty signature": (GOOD.body, f"t={int(NOW)},v1=", WEBHOOK_SECRET, "no_match"),
    "the old version alone": (GOOD.body, SIGNATURE.replace("v1=", "v0="), WEBHOOK_SECRET, "malformed"),
    "too many guesses": (GOOD.body, SIGNATURE + ",v1=00" * 16, WEBHOOK_SECRET, "malformed"),
    "a time that is none": (GOOD.body, mac(WEBHOOK_SECRET.encode(), time="nan"), WEBHOOK_SECRET, "malformed"),
    "a time in other digits": (GOOD.body, mac(WEBHOOK_SECRET.encode(), time="١٧٨٤٨٠٠٨٠٠"), WEBHOOK_SECRET, "malformed"),
    "a time in superscript": (GOOD.body, mac(WEBHOOK_SECRET.encode(), time="²"), WEBHOOK_SECRET, "malformed"),
    "a time with a zero in front": (
        GOOD.body,
        mac(WEBHOOK_SECRET.encode(), time="01784800800"),
        WEBHOOK_SECRET,
        "malformed",
    ),
    "a negative time": (GOOD.body, mac(WEBHOOK_SECRET.encode(), time="-1"), WEBHOOK_SECRET, "malformed"),
    "an endless time": (GOOD.body, mac(WEBHOOK_SECRET.encode(), time="9" * 5000), WEBHOOK_SECRET, "malformed"),
    "upper case": (GOOD.body, SIGNATURE.replace(SIGNATURE[20:], SIGNATURE[20:].upper()), WEBHOOK_SECRET, "no_match"),
    "not ASCII": (GOOD.body, f"t={int(NOW)},v1=ü\ud800", WEBHOOK_SECRET, "no_match"),
    "nothing": (GOOD.body, {}, WEBHOOK_SECRET, "missing"),
    "no headers": (GOOD.body, None, WEBHOOK_SECRET, "missing"),
    "an empty header": (GOOD.body, "", WEBHOOK_SECRET, "malformed"),
    "an empty header beside a right trio": (GOOD.body, {**TRIO, "X-E2A-Signature": ""}, WEBHOOK_SECRET, "malformed"),
    "the header twice": (GOOD.body, [*LONE.items(), *LONE.items()], WEBHOOK_SECRET, "malformed"),
    "the header twice in other case": (
        GOOD.body,
        {**LONE, "x-e2a-signature": "t=1,v1=00"},
        WEBHOOK_SECRET,
        "malformed",
    ),
    "the header twice in a list": (GOOD.body, {"X-E2A-Signature": [SIGNATURE, SIGNATURE]}, WEBHOOK_SECRET, "malformed"),
    "half a trio": (GOOD.body, {"webhook-signature": TRIO["webhook-signature"]}, WEBHOOK_SECRET, "malformed"),
    "a trio with a surrogate": (GOOD.body, TRIO | {"webhook-id": "\ud800"}, WEBHOOK_SECRET, "malformed"),
    "an empty secret": (GOOD.body, mac(b""), "", "no_secret"),
    "an empty secret in a list": (GOOD.body, mac(b""), [""], "no_secret"),
    "an empty secret beside a right one": (GOOD.body, mac(b""), [WEBHOOK_SECRET, ""], "no_match"),
    "a bare prefix": (GOOD.body, mac(b"whsec_"), "whsec_", "no_secret"),
    "a blank secret": (GOOD.body, mac(b" "), " ", "no_secret"),
    "no secrets": (GOOD.body, LONE, [], "no_secret"),
    "None for a secret": (GOOD.body, LONE, None, "no_secret"),
    "a secret whose lenient base64 is empty": (GOOD.body, EMPTY_KEY_TRIO, "whsec_****", "no_match"),
    "decoded and encoded again": (json.dumps(json.loads(GOOD.body)), LONE, WEBHOOK_SECRET, "no_match"),
    "with a line break behind": (GOOD.body + b"\n", LONE, WEBHOOK_SECRET, "no_match"),
    "an empty body": (b"", LONE, WEBHOOK_SECRET, "no_match"),
    "text that cannot be sent": ("\ud800", LONE, WEBHOOK_SECRET, "body"),
}


@pytest.mark.parametrize(("body", "headers", "secret", "reason"), ATTACKS.values(), ids=ATTACKS)
def test_attacks(body: bytes | str, headers: Any, secret: Any, reason: str) -> None:
    assert not verify_webhook_signature(body, headers, secret, now=NOW)
    with pytest.raises(E2AWebhookSignatureError) as refused:
        construct_event(body, headers, secret, now=NOW)
    assert refused.value.details["reason"] == reason
    assert WEBHOOK_SECRET not in str(refused.value)


@pytest.mark.parametrize("now", [float("nan"), float("inf"), float("-inf")])
def test_a_clock_that_is_none(now: float) -> None:
    assert not verify_webhook_signature(GOOD.body, GOOD.headers, WEBHOOK_SECRET, now=now)


@pytest.mark.parametrize(
    ("body", "headers", "secret"),
    [
        (json.loads(GOOD.body), LONE, WEBHOOK_SECRET),
        (GOOD.body, 7, WEBHOOK_SECRET),
        (GOOD.body, LONE, b"bytes"),
        (GOOD.body, ["x"], WEBHOOK_SECRET),
    ],
)
def test_mistakes_of_the_callers(body: Any, headers: Any, secret: Any) -> None:
    with pytest.raises(TypeError):
        verify_webhook_signature(body, headers, secret, now=NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"no json",
        b"[]",
        b'"text"',
        b"{}",
        b'{"type":"x"}',
        b"[" * 100_000,
        b'{"type":1,"id":"e","schema_version":"1","created_at":"c","data":{}}',
    ],
)
def test_a_signed_body_that_is_no_event(body: bytes) -> None:
    header = webhook_signature([WEBHOOK_SECRET], int(NOW), body)
    assert verify_webhook_signature(body, header, WEBHOOK_SECRET, now=NOW)
    with pytest.raises(E2AWebhookSignatureError) as refused:
        construct_event(body, header, WEBHOOK_SECRET, now=NOW)
    assert (refused.value.code, refused.value.details["reason"]) == ("webhook_body_invalid", "body")


@pytest.mark.parametrize("tolerance", [0, 10, 300])
def test_how_old_it_may_be(tolerance: float) -> None:
    for age in (-tolerance, 0, tolerance):
        assert verify_webhook_signature(
            GOOD.body, SIGNATURE, WEBHOOK_SECRET, tolerance_seconds=tolerance, now=NOW + age
        )
    for age in (-tolerance - 1, tolerance + 1):
        assert not verify_webhook_signature(
            GOOD.body, SIGNATURE, WEBHOOK_SECRET, tolerance_seconds=tolerance, now=NOW + age
        )


@given(st.data())
def test_any_other_byte_of_the_body_fails(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD.body) - 1))
    other = data.draw(st.integers(1, 255))
    body = GOOD.body[:at] + bytes([GOOD.body[at] ^ other]) + GOOD.body[at + 1 :]
    for headers in (LONE, TRIO, GOOD.headers):
        assert not verify_webhook_signature(body, headers, WEBHOOK_SECRET, now=NOW)


@given(st.data())
def test_any_other_character_of_a_header_fails(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["X-E2A-Signature", *TRIO]))
    value = GOOD.headers[name]
    at = data.draw(st.integers(0, len(value) - 1))
    character = data.draw(st.characters(max_codepoint=0x2FF).filter(lambda c: c != value[at]))
    changed = value[:at] + character + value[at + 1 :]
    headers = ({**LONE} if name == "X-E2A-Signature" else {**TRIO}) | {name: changed}
    if name == "webhook-signature" and at == value.index("=") - 1:
        # The bits behind the last octet of base64: compared as text, so that it fails all the same.
        assert changed != value
    assert not verify_webhook_signature(GOOD.body, headers, WEBHOOK_SECRET, now=NOW)


@given(
    st.binary(max_size=200),
    st.text(min_size=1, max_size=80).filter(lambda s: s.removeprefix("whsec_").strip()),
    st.integers(0, 2**35),
)
def test_whatever_is_signed_is_taken(body: bytes, secret: str, at: int) -> None:
    try:
        header = webhook_signature([secret], at, body)
    except UnicodeEncodeError:
        return
    assert verify_webhook_signature(body, header, secret, now=at)
    assert not verify_webhook_signature(body, header, secret + "x", now=at)


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=40), st.text("abc_.123", min_size=1))
def test_the_trio_with_any_key(body: bytes, key: bytes, identifier: str) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = standard_webhook_headers(identifier, int(NOW), body, [secret])
    if secret.removeprefix("whsec_").strip():
        assert verify_webhook_signature(body, headers, secret, now=NOW)
        assert not verify_webhook_signature(body + b" ", headers, secret, now=NOW)


def test_a_delivery_can_be_changed_for_a_test() -> None:
    assert "X-E2A-Signature" not in Delivery(b"", dict(LONE)).but(x_e2a_signature=None).headers


def test_headers_of_real_frameworks() -> None:
    message = Message()
    for name, value in GOOD.headers.items():
        message[name] = value
    environ = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in GOOD.headers.items()}
    for headers in (
        werkzeug.datastructures.Headers(GOOD.headers),
        werkzeug.datastructures.EnvironHeaders(environ),
        httpx2.Headers(GOOD.headers),
        websockets.Headers(GOOD.headers),
        message,
    ):
        assert verify_webhook_signature(GOOD.body, headers, WEBHOOK_SECRET, now=NOW)
        twice = [*headers.items(), ("X-E2A-Signature", SIGNATURE)]
        assert not verify_webhook_signature(GOOD.body, twice, WEBHOOK_SECRET, now=NOW)
    assert not verify_webhook_signature(
        GOOD.body, httpx2.Headers([*GOOD.headers.items(), ("x-e2a-signature", SIGNATURE)]), WEBHOOK_SECRET, now=NOW
    ), "joined by a comma"
