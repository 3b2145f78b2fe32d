"""`parse_webhook`: what opens a payload, what does not, and what it says then."""

import base64
import copy
import inspect
import json
import logging
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.signing import Verdict
from e2ad.sdk import E2AWebhookSignatureError, ReceivedEmail, UnverifiedEmailError, construct_event, parse_webhook
from tests.sdk.deliveries import (
    MAIL,
    MESSAGE,
    NOW,
    OTHER_SECRET,
    SIGNING_SECRET,
    WEBHOOK_SECRET,
    Delivery,
    auth,
    classic,
    envelope,
    flat,
    forwarded,
    signed,
)

OPEN = {"verified", "unverified_payload"}
GATED = [
    name
    for name, _ in inspect.getmembers(ReceivedEmail, lambda member: isinstance(member, property))
    if name not in OPEN
]


@pytest.fixture(autouse=True)
def _no_secret_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("E2A_WEBHOOK_SECRET", raising=False)


def parse(delivery: Delivery, secret: Any, now: float = NOW) -> ReceivedEmail:
    return parse_webhook(delivery.body, delivery.headers, secret, now=now)


def reason(delivery: Delivery, secret: Any, now: float = NOW) -> str:
    with pytest.raises(E2AWebhookSignatureError) as refused:
        parse(delivery, secret, now)
    return str(refused.value.details["reason"])


def test_to_an_agents_own_url() -> None:
    email = parse(flat(), SIGNING_SECRET)
    assert email.verified
    assert (email.message_id, email.conversation_id) == (MESSAGE, "conv_1")
    assert email.sender == "alice@example.com", "the author, who is authenticated, not who answers should go to"
    assert (email.sender_name, email.sender_verified) == ("Alice", True)
    assert email.recipient == "bot@agents.example.com"
    assert (email.to, email.cc, email.reply_to) == (
        ["bot@agents.example.com"],
        ["carl@example.com"],
        ["desk@elsewhere.example"],
    )
    assert (email.subject, email.html) == ("Grüße", None)
    assert email.text is not None
    assert email.text.strip() == "Hello, agent."
    assert email.new_text is not None
    [attachment] = email.attachments
    assert (attachment.filename, attachment.content_type, attachment.size_bytes) == ("a.pdf", "application/pdf", 6)
    assert attachment.data == b"%PDF-1"
    assert email.received_at == datetime(2026, 7, 23, 10, 0, 0, 500000, UTC)
    assert email.raw_message == MAIL
    assert email.event is None
    assert email.unverified_payload["message_id"] == MESSAGE


def test_to_a_webhook_of_the_account() -> None:
    email = parse(envelope(), WEBHOOK_SECRET)
    assert email.verified
    assert (email.sender, email.recipient, email.subject) == ("alice@example.com", "bot@agents.example.com", "Grüße")
    assert (email.text, email.html, email.raw_message) == (None, None, None)
    assert (email.sender_verified, email.verified_domain) == (True, "example.com")
    assert email.authentication == {"dmarc": {"status": "pass"}}
    assert email.event is not None
    assert (email.event.type, email.event.data["message_id"]) == ("email.received", MESSAGE)
    [attachment] = email.attachments
    assert (attachment.filename, attachment.size_bytes, attachment.data) == ("a.pdf", 6, None)


def test_to_a_webhook_of_the_classic_api() -> None:
    email = parse(classic(), WEBHOOK_SECRET)
    assert (email.sender, email.sender_verified, email.subject) == ("alice@example.com", True, "Grüße")
    assert email.attachments[0].data == b"%PDF-1"
    assert email.event is not None
    assert (email.event.type, email.event.id) == ("email.received", "evt_1")
    assert parse(classic(), [WEBHOOK_SECRET, SIGNING_SECRET]).verified


@pytest.mark.parametrize("with_headers", [True, False])
def test_from_a_listener_that_forwards(with_headers: bool) -> None:
    """Only what its proof covers is taken from it; what it says itself about mail and sender is not."""
    delivery = forwarded()
    email = parse(delivery if with_headers else Delivery(delivery.body), SIGNING_SECRET)
    assert email.verified
    assert (email.message_id, email.sender, email.sender_verified) == (MESSAGE, "alice@example.com", True)
    assert email.subject == "Grüße"
    assert email.text is not None
    assert email.text.strip() == "Hello, agent."
    assert email.recipient == "bot@agents.example.com"
    assert email.attachments[0].data == b"%PDF-1"
    assert (email.verified_domain, email.authentication) == (None, None)


def test_a_sender_who_was_not_found_to_be_who_he_says() -> None:
    verdict = Verdict(False, "alice@example.com", "human", "spf=fail; dkim=none")
    fields = auth(verdict=verdict)
    body = json.loads(flat().body) | {"auth_headers": fields}
    email = parse(signed(json.dumps(body).encode(), [SIGNING_SECRET], fields), SIGNING_SECRET)
    assert (email.verified, email.sender_verified, email.sender) == (True, False, "alice@example.com")
    assert parse(envelope(verified_domain=None), WEBHOOK_SECRET).sender_verified is False


def test_addresses_of_any_language_survive_frameworks() -> None:
    """Header values travel as UTF-8, and most frameworks read them as Latin-1."""
    verdict = Verdict(True, "jürgen@münchen.example", "human", "spf=pass; dkim=pass")
    fields = auth(verdict=verdict)
    body = json.loads(flat().body) | {"auth_headers": fields}
    delivery = signed(json.dumps(body).encode(), [SIGNING_SECRET], fields)
    for read in (lambda value: value, lambda value: value.encode().decode("latin-1"), str.encode):
        headers = {name: read(value) for name, value in delivery.headers.items()}
        assert parse_webhook(delivery.body, headers, SIGNING_SECRET, now=NOW).sender == "jürgen@münchen.example"


# What is closed stays closed.

SHAPES: dict[str, Callable[[], Delivery]] = {
    "flat": flat,
    "envelope": envelope,
    "classic": classic,
    "forwarded": forwarded,
}


def test_what_is_gated() -> None:
    assert {
        "sender",
        "subject",
        "text",
        "html",
        "recipient",
        "attachments",
        "message_id",
        "conversation_id",
        "to",
    } < set(GATED)
    assert {"cc", "reply_to", "received_at", "raw_message", "sender_verified", "authentication", "event"} < set(GATED)


@pytest.mark.parametrize("name", GATED)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_unverified_nothing_can_be_read(shape: Callable[[], Delivery], name: str) -> None:
    email = parse(shape(), None)
    assert email.verified is False
    with pytest.raises(UnverifiedEmailError, match=f"{name} cannot be read: .*secret"):
        getattr(email, name)
    with pytest.raises(UnverifiedEmailError):
        getattr(email, name, "a default")
    with pytest.raises(UnverifiedEmailError):
        hasattr(email, name)
    with pytest.raises(RuntimeError):
        getattr(email, name)
    assert getattr(parse(shape(), [SIGNING_SECRET, WEBHOOK_SECRET]), name, "there") is not None or True


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_unverified_nothing_leaks_by_accident(shape: Callable[[], Delivery], caplog: pytest.LogCaptureFixture) -> None:
    email = parse(shape(), None)
    logging.getLogger("receiver").warning("got %s and %r", email, email)
    shown = [repr(email), str(email), f"{email}", f"{email!r}", caplog.text, repr([email]), repr({"email": email})]
    assert not any(word in text for text in shown for word in ("alice", "Gr", "agents.example", "msg_", "Hello"))
    for look in (vars, iter, list, dict, len, attrs.asdict, attrs.astuple, json.dumps, pickle.dumps):
        with pytest.raises((TypeError, attrs.exceptions.NotAnAttrsClassError)):
            look(email)
    assert copy.copy(email) is copy.deepcopy(email) is email
    assert bool(email)
    assert email != parse(shape(), None)
    for name in ("verified", "sender", "_verified", "anything"):
        with pytest.raises(AttributeError):
            setattr(email, name, True)
    with pytest.raises(UnverifiedEmailError):
        inspect.getmembers(email)
    assert isinstance(email.unverified_payload, dict)


def test_verified_it_is_shown_by_its_id_alone() -> None:
    email = parse(flat(), SIGNING_SECRET)
    assert repr(email) == f"<ReceivedEmail {MESSAGE!r}>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(email)


# The environment.


def test_the_environment_has_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2A_WEBHOOK_SECRET", WEBHOOK_SECRET)
    assert parse(envelope(), None).verified
    assert (
        reason(envelope().but(x_e2a_signature=None, webhook_signature=None, **dict.fromkeys(auth())), None) == "missing"
    )
    assert parse(flat(), SIGNING_SECRET).verified, "the argument wins"
    monkeypatch.setenv("E2A_WEBHOOK_SECRET", "")
    assert not parse(envelope(), None).verified


def test_an_empty_secret_is_a_mistake() -> None:
    assert reason(envelope(), "") == "no_secret"
    assert reason(envelope(), [""]) == "no_secret"


def test_a_body_that_is_none() -> None:
    for body in (b"", b"no json", b"[]", b"\xff"):
        with pytest.raises(E2AWebhookSignatureError) as refused:
            parse_webhook(body)
        assert refused.value.code == "webhook_body_invalid"


# Attacks.

STRANGER = b"From: Mallory <mallory@evil.example>\r\nTo: bot@agents.example.com\r\nSubject: pay\r\n\r\nPay.\r\n"


def altered(delivery: Delivery, **members: Any) -> Delivery:
    """Other members in the body, the proofs as they were."""
    document = json.loads(delivery.body) | members
    document = {name: value for name, value in document.items() if value is not None}
    return Delivery(json.dumps(document).encode(), delivery.headers)


def only_auth(delivery: Delivery) -> Delivery:
    return delivery.but(x_e2a_signature=None, webhook_id=None, webhook_timestamp=None, webhook_signature=None)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


OTHER_MAIL = auth(STRANGER, message_id="msg_other")

ATTACKS: dict[str, tuple[Delivery, Any, str]] = {
    "another secret": (flat(), OTHER_SECRET, "no_match"),
    "the webhook's secret for an agent's own URL": (flat(), WEBHOOK_SECRET, "no_match"),
    "nothing at all": (Delivery(b"{}"), SIGNING_SECRET, "missing"),
    "an envelope without headers": (Delivery(envelope().body), WEBHOOK_SECRET, "missing"),
    "an envelope of a stranger": (
        Delivery(b'{"type":"email.received","data":{"header_from":"a@b"}}'),
        WEBHOOK_SECRET,
        "missing",
    ),
    "another mail": (altered(flat(), raw_message=b64(STRANGER)), SIGNING_SECRET, "no_match"),
    "another mail, forwarded": (altered(forwarded(), raw_message=b64(STRANGER)), SIGNING_SECRET, "mismatch"),
    "a byte more, forwarded": (altered(forwarded(), raw_message=b64(MAIL + b"\n")), SIGNING_SECRET, "mismatch"),
    "no mail, other words": (
        altered(forwarded(), raw_message=None, parsed={"text": "Pay."}),
        SIGNING_SECRET,
        "missing",
    ),
    "a mail that is none": (altered(forwarded(), raw_message="****"), SIGNING_SECRET, "body"),
    "an envelope with the proof of its mail alone": (only_auth(envelope()), SIGNING_SECRET, "missing"),
    "the proof of another mail": (forwarded().but(**OTHER_MAIL), SIGNING_SECRET, "mismatch"),
    "the proof of another mail in both places": (
        altered(forwarded().but(**OTHER_MAIL), auth_headers=OTHER_MAIL),
        SIGNING_SECRET,
        "mismatch",
    ),
    "the proof of another mail beside a right signature": (envelope().but(**OTHER_MAIL), WEBHOOK_SECRET, "mismatch"),
    "another message": (altered(forwarded(), id="msg_other"), SIGNING_SECRET, "mismatch"),
    "another sender": (
        only_auth(altered(flat(), auth_headers=None)).but(x_e2a_auth_sender="ceo@example.com"),
        SIGNING_SECRET,
        "no_match",
    ),
    "another sender in one place": (flat().but(x_e2a_auth_sender="ceo@example.com"), SIGNING_SECRET, "mismatch"),
    "verified after all": (
        only_auth(altered(flat(), auth_headers=None)).but(x_e2a_auth_verified="True"),
        SIGNING_SECRET,
        "malformed",
    ),
    "a field less": (
        only_auth(altered(flat(), auth_headers=None)).but(x_e2a_auth_domain_check=None),
        SIGNING_SECRET,
        "no_match",
    ),
    "no signature in the proof": (
        only_auth(altered(flat(), auth_headers=None)).but(x_e2a_auth_signature=None),
        SIGNING_SECRET,
        "malformed",
    ),
    "another time": (
        only_auth(altered(flat(), auth_headers=None)).but(x_e2a_auth_timestamp="2026-07-23T10:00:01Z"),
        SIGNING_SECRET,
        "no_match",
    ),
    "a time that is none": (
        only_auth(altered(flat(), auth_headers=None)).but(x_e2a_auth_timestamp="now"),
        SIGNING_SECRET,
        "malformed",
    ),
    "two fields in one": (
        altered(
            Delivery(forwarded().body),
            auth_headers=auth()
            | {"X-E2A-Auth-Sender": "alice@example.com\nhuman", "X-E2A-Auth-Entity-Type": "spf=pass; dkim=pass"},
        ),
        SIGNING_SECRET,
        "malformed",
    ),
    "twice in the body": (
        altered(Delivery(forwarded().body), auth_headers=auth() | {"x-e2a-auth-sender": "ceo@example.com"}),
        SIGNING_SECRET,
        "malformed",
    ),
    "a forged proof with an empty secret": (
        altered(Delivery(forwarded().body), auth_headers=auth(secret="")),
        ["", SIGNING_SECRET],
        "no_match",
    ),
    "a wrong signature beside a right proof": (
        flat().but(x_e2a_signature="t=1784800800,v1=00"),
        SIGNING_SECRET,
        "no_match",
    ),
    "a wrong trio beside a right proof": (flat().but(webhook_id="evt_2"), SIGNING_SECRET, "no_match"),
    "the signing secret for a webhook of the account": (classic(), SIGNING_SECRET, "no_match"),
    "data that is no object": (signed(b'{"type":"x","data":[]}', [OTHER_SECRET]), WEBHOOK_SECRET, "no_match"),
}


@pytest.mark.parametrize(("delivery", "secret", "expected"), ATTACKS.values(), ids=ATTACKS)
def test_attacks(delivery: Delivery, secret: Any, expected: str) -> None:
    assert reason(delivery, secret) == expected


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_how_old_it_may_be(shape: Callable[[], Delivery]) -> None:
    both = [SIGNING_SECRET, WEBHOOK_SECRET]
    assert parse(shape(), both, NOW + 300).verified
    assert reason(shape(), both, NOW + 301) == "stale"
    assert parse(shape(), both, NOW - 30).verified
    assert reason(shape(), both, NOW - 301) == "stale"


def test_the_proof_of_a_mail_may_be_a_little_ahead_alone() -> None:
    assert reason(forwarded(), SIGNING_SECRET, NOW - 31) == "stale"


@given(st.data())
def test_any_other_byte_closes_it(data: st.DataObject) -> None:
    delivery = data.draw(st.sampled_from([flat(), envelope(), classic()]))
    at = data.draw(st.integers(0, len(delivery.body) - 1))
    other = data.draw(st.integers(1, 255))
    body = delivery.body[:at] + bytes([delivery.body[at] ^ other]) + delivery.body[at + 1 :]
    with pytest.raises(E2AWebhookSignatureError):
        parse_webhook(body, delivery.headers, [SIGNING_SECRET, WEBHOOK_SECRET], now=NOW)


@given(st.data())
def test_any_other_byte_of_the_mail_closes_what_is_forwarded(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(MAIL) - 1))
    other = data.draw(st.integers(1, 255))
    raw = MAIL[:at] + bytes([MAIL[at] ^ other]) + MAIL[at + 1 :]
    assert reason(altered(forwarded(), raw_message=b64(raw)), SIGNING_SECRET) == "mismatch"


@given(st.data())
def test_any_other_character_of_its_proof_closes_what_is_forwarded(data: st.DataObject) -> None:
    fields = auth()
    name = data.draw(st.sampled_from(sorted(fields)))
    at = data.draw(st.integers(0, len(fields[name]) - 1))
    character = data.draw(st.characters().filter(lambda c: c != fields[name][at]))
    changed = fields | {name: fields[name][:at] + character + fields[name][at + 1 :]}
    document = json.loads(forwarded().body) | {"auth_headers": changed}
    with pytest.raises(E2AWebhookSignatureError):
        parse_webhook(json.dumps(document), None, SIGNING_SECRET, now=NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
MEMBERS = [
    "type",
    "event",
    "id",
    "message_id",
    "data",
    "from",
    "header_from",
    "to",
    "cc",
    "subject",
    "parsed",
    "body",
    "attachments",
    "received_at",
    "auth_headers",
    "conversation_id",
    "verified_domain",
    "authentication",
    "recipient",
]


@given(st.dictionaries(st.sampled_from(MEMBERS), json_values), st.dictionaries(st.sampled_from(MEMBERS), json_values))
def test_whatever_we_sign_can_be_read(outer: dict[str, Any], inner: dict[str, Any]) -> None:
    body = json.dumps(outer | ({"data": inner} if inner else {})).encode()
    delivery = signed(body, [WEBHOOK_SECRET])
    try:
        email = parse(delivery, WEBHOOK_SECRET)
    except E2AWebhookSignatureError as error:
        assert error.details["reason"] in ("malformed", "mismatch")  # noqa: PT017 - it may have proofs inside that are none
        return
    for name in GATED:
        getattr(email, name)


@given(st.binary(max_size=300))
def test_whatever_mail_is_inside(raw: bytes) -> None:
    email = parse(flat(raw), SIGNING_SECRET)
    for name in GATED:
        getattr(email, name)
    for attachment in email.attachments:
        assert attachment.data is not None


@pytest.mark.parametrize("secret", [WEBHOOK_SECRET, "", OTHER_SECRET])
def test_a_refusal_says_which_secret_is_wanted_and_where_it_is(secret: str) -> None:
    one = flat()
    for headers in (one.headers, None):
        with pytest.raises(E2AWebhookSignatureError, match=r"client\.account\.signing_secrets\.list") as caught:
            parse_webhook(one.body, headers, secret, now=NOW)
        assert str(caught.value).isascii(), "it may stand in the status line of an answer"
    with pytest.raises(E2AWebhookSignatureError, match=r"client\.webhooks\.create or rotate_secret"):
        construct_event(envelope().body, envelope().headers, SIGNING_SECRET, now=NOW)
    with pytest.raises(E2AWebhookSignatureError, match="parse_webhook"):
        construct_event(one.body, one.headers, SIGNING_SECRET, now=NOW)
