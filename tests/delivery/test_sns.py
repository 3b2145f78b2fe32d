"""Whom SNS's messages are believed to be from: signatures, certificates, times, and places."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric import ec

from e2ad.core.errors import Forbidden, InvalidRequest, Unavailable
from e2ad.delivery import sns
from e2ad.delivery.egress import Blocked
from e2ad.delivery.sns import Certificates, Verifier, confirmation_target, parse
from tests.delivery import endpoint as far
from tests.delivery import topic
from tests.delivery.topic import HOST, NOW, REGION, TOPIC, FarSns, SigningPair, stamp

PEM = "/SimpleNotificationService-0123456789abcdef.pem"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> far.CertificateAuthority:
    return topic.make_authority(tmp_path_factory.mktemp("sns"))


@pytest.fixture(scope="module")
def signing() -> SigningPair:
    return topic.pair()


@pytest.fixture(scope="module")
def stranger() -> SigningPair:
    return topic.pair()


@pytest.fixture
async def far_sns(authority: Any, signing: Any) -> AsyncIterator[FarSns]:
    async with topic.far_sns(authority, signing) as opened:
        yield opened


@pytest.fixture
def verifier(far_sns: FarSns) -> Verifier:
    return Verifier(frozenset({TOPIC}), Certificates(far_sns.egress))


async def check(verifier: Verifier, document: dict[str, Any], now: datetime = NOW) -> None:
    with trio.fail_after(20):
        await verifier.check(parse(json.dumps(document).encode()), now)


@pytest.mark.parametrize("version", ["1", "2"])
async def test_what_sns_signs_is_believed(far_sns: FarSns, verifier: Verifier, version: str) -> None:
    await check(verifier, far_sns.publish("hello", version=version))
    await check(verifier, far_sns.publish("two\nlines, and ünï", version=version, Subject="A subject"))
    await check(verifier, far_sns.publish("", version=version) | {"Subject": None})
    await check(verifier, far_sns.ask(version=version))
    await check(verifier, far_sns.ask("UnsubscribeConfirmation", version=version))
    assert far_sns.paths == [PEM]


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("Notification", {"Message": "other"}),
        ("Notification", {"Message": "hello\n"}),
        ("Notification", {"MessageId": "22b80b92-fdea-4c2c-8f9d-000000000000"}),
        ("Notification", {"Subject": "other"}),
        ("Notification", {"Subject": None}),
        ("Notification", {"Timestamp": stamp(NOW + timedelta(seconds=1))}),
        ("Notification", {"TopicArn": f"arn:aws:sns:{REGION}:123456789012:other"}),
        ("Notification", {"Type": "SubscriptionConfirmation"}),
        ("Notification", {"Type": "UnsubscribeConfirmation"}),
        ("SubscriptionConfirmation", {"Message": "other"}),
        ("SubscriptionConfirmation", {"MessageId": "x"}),
        ("SubscriptionConfirmation", {"SubscribeURL": "https://example.com/"}),
        ("SubscriptionConfirmation", {"Timestamp": stamp(NOW - timedelta(seconds=1))}),
        ("SubscriptionConfirmation", {"Token": "other"}),
        ("SubscriptionConfirmation", {"Token": None}),
        ("SubscriptionConfirmation", {"TopicArn": f"arn:aws:sns:{REGION}:123456789012:other"}),
        ("SubscriptionConfirmation", {"Type": "UnsubscribeConfirmation"}),
        ("SubscriptionConfirmation", {"Type": "Notification"}),
    ],
)
async def test_every_signed_member_is_held(far_sns: FarSns, version: str, kind: str, change: dict[str, Any]) -> None:
    verifier = Verifier({TOPIC, f"arn:aws:sns:{REGION}:123456789012:other"}, Certificates(far_sns.egress))
    if kind == "Notification":
        document = far_sns.publish("hello", version=version, Subject="A subject")
    else:
        document = far_sns.ask(version=version)
    await check(verifier, document)
    with pytest.raises(Forbidden, match="signature"):
        await check(verifier, document | change)


async def test_signatures_of_others_and_none(far_sns: FarSns, verifier: Verifier, stranger: SigningPair) -> None:
    good = far_sns.publish("hello")
    flipped = bytearray(base64.b64decode(good["Signature"]))
    flipped[100] ^= 1
    for signature in (bytes(flipped), b"", b"x", b"\0" * 256, b"\xff" * 256, base64.b64decode(good["Signature"])[:-1]):
        with pytest.raises(Forbidden, match="signature"):
            await check(verifier, good | {"Signature": base64.b64encode(signature).decode()})
    with pytest.raises(Forbidden, match="signature"):
        await check(verifier, far_sns.sign(good, key=stranger))
    # Each version has its own hash; one cannot be passed off as the other.
    with pytest.raises(Forbidden, match="signature"):
        await check(verifier, good | {"SignatureVersion": "2"})
    for version in ("", "0", "3", "1.0", "01"):
        with pytest.raises(Forbidden, match="version"):
            await check(verifier, good | {"SignatureVersion": version})


@pytest.mark.parametrize("arn", [TOPIC + "2", TOPIC.replace("123456789012", "123456789013"), TOPIC.upper()[:0] + TOPIC])
@pytest.mark.parametrize("configured", [frozenset(), frozenset({"arn:aws:sns:eu-west-1:999999999999:feedback"})])
async def test_topics_that_are_not_configured(far_sns: FarSns, arn: str, configured: frozenset[str]) -> None:
    verifier = Verifier(configured, Certificates(far_sns.egress))
    with pytest.raises(Forbidden, match="topic"):
        await check(verifier, far_sns.publish("hello", TopicArn=arn))
    assert far_sns.endpoint.connections == 0


@pytest.mark.parametrize(
    ("age", "believed"),
    [
        (timedelta(0), True),
        (timedelta(minutes=64, seconds=59), True),
        (timedelta(minutes=65, seconds=1), False),
        (timedelta(days=3), False),
        (-timedelta(minutes=4, seconds=59), True),
        (-timedelta(minutes=5, seconds=1), False),
        (-timedelta(days=365), False),
    ],
)
async def test_time_stamps(far_sns: FarSns, verifier: Verifier, age: timedelta, believed: bool) -> None:
    document = far_sns.publish("hello", Timestamp=stamp(NOW - age))
    if believed:
        await check(verifier, document)
        return
    with pytest.raises(Forbidden, match="old"):
        await check(verifier, document)
    assert far_sns.endpoint.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "not a url",
        f"http://{HOST}{PEM}",
        f"https://{HOST}",
        f"https://{HOST}/",
        f"https://{HOST}/x.txt",
        f"https://{HOST}/x.pem.txt",
        f"https://{HOST}{PEM}?x=1",
        f"https://{HOST}{PEM}?",
        f"https://{HOST}{PEM}#x",
        f"https://{HOST}/a/b.pem",
        f"https://{HOST}/../b.pem",
        f"https://{HOST}//b.pem",
        f"https://{HOST}/%2e%2e.pem",
        f"https://{HOST}:443{PEM}",
        f"https://{HOST}:8443{PEM}",
        f"https://{HOST}.{PEM}",
        f"https://me@{HOST}{PEM}",
        f"https://me:pw@{HOST}{PEM}",
        f"https://{HOST}@evil.test{PEM}",
        f"https://evil.test/{HOST}{PEM}",
        f"https://{HOST}.evil.test{PEM}",
        f"https://evil.test#{HOST}{PEM}",
        f"https://evil.test\\@{HOST}{PEM}",
        f"https://x{HOST}{PEM}",
        f"https://x.{HOST}{PEM}",
        f"https://sns.amazonaws.com{PEM}",
        f"https://sns.us-east-1.amazonaws.com{PEM}",
        f"https://sns.{REGION}.amazonaws.com.cn{PEM}",
        f"https://sns.{REGION}.amazonaws.co{PEM}",
        f"https://sns-{REGION}.amazonaws.com{PEM}",
        f"https://s3.{REGION}.amazonaws.com{PEM}",
        f"https://bucket.s3.{REGION}.amazonaws.com{PEM}",
        f"https://sns。{REGION}.amazonaws.com{PEM}",
        f"HTTPS://{HOST}{PEM}",
        f" https://{HOST}{PEM}",
        f"https://{HOST}{PEM}\n",
        f"https://{HOST}\t{PEM}",
        f"https://127.0.0.1{PEM}",
        f"https://[::1]{PEM}",
        f"file://{HOST}{PEM}",
        f"https://{HOST}/{'a' * 129}.pem",
        f"https://{HOST}/{'a' * 3000}.pem",
    ],
)
async def test_certificates_of_other_places_are_not_asked_for(far_sns: FarSns, verifier: Verifier, url: str) -> None:
    with pytest.raises(Forbidden, match="certificate"):
        await check(verifier, far_sns.publish("hello", SigningCertURL=url))
    assert far_sns.endpoint.connections == 0


NIGHT = timedelta(hours=1)


@pytest.mark.parametrize(
    ("made", "good"),
    [
        ({"name": "sns.amazonaws.com"}, True),
        ({"name": HOST}, True),
        ({"name": "SNS.amazonaws.com"}, True),
        ({"name": "whatever", "alternative": "sns.amazonaws.com"}, True),
        ({"name": "sns.amazonaws.com.evil.test"}, False),
        ({"name": "evil.test"}, False),
        ({"name": "s3.amazonaws.com", "alternative": "*.amazonaws.com"}, False),
        ({"ends": NOW - NIGHT}, False),
        ({"begins": NOW + NIGHT}, False),
        ({"bits": 1024}, False),
        ({"key": ec.generate_private_key(ec.SECP256R1())}, False),
    ],
)
async def test_certificates_that_are_not_for_this(
    authority: Any, signing: Any, made: dict[str, Any], good: bool
) -> None:
    made = {"key": signing.key} | made if "bits" not in made else made
    pair = topic.pair(**made)
    async with topic.far_sns(authority, pair) as opened:
        signer = pair if hasattr(pair.key, "private_numbers") and "key" not in made else signing
        verifier = Verifier({TOPIC}, Certificates(opened.egress))
        opened.signing = signer if "bits" in made else signing
        document = opened.publish("hello")
        if good:
            await check(verifier, document)
            return
        with pytest.raises(Forbidden, match="certificate"):
            await check(verifier, document)
        # It is not asked for again at once.
        with pytest.raises(Forbidden, match="certificate"):
            await check(verifier, document)
        assert opened.paths == [PEM]


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
async def test_documents_that_are_no_certificate(far_sns: FarSns, verifier: Verifier, content: bytes) -> None:
    far_sns.documents[PEM] = far.Answer(body=content)
    with pytest.raises(Forbidden, match="certificate"):
        await check(verifier, far_sns.publish("hello"))


@pytest.mark.parametrize(
    "answer",
    [
        far.Answer(404),
        far.Answer(302, (("Location", "https://evil.test/x.pem"),)),
        far.Answer(500),
        far.Answer(204, body=b""),
        far.Answer(reset=True),
        far.Answer(raw=b"not http at all\r\n\r\n"),
        far.Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        far.Answer(body=b"x" * 20_000),
        far.Answer(endless=True),
        far.Answer(never=True),
        far.Answer(raw=b"HTTP/1.1 100 go on\r\n\r\n" * 5000),
    ],
)
async def test_certificates_that_cannot_be_had_now(
    far_sns: FarSns, verifier: Verifier, answer: far.Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sns, "FETCH_SECONDS", 0.5)
    far_sns.documents[PEM] = answer
    with pytest.raises(Unavailable):
        await check(verifier, far_sns.publish("hello"))
    # It is had as soon as it is there.
    far_sns.documents[PEM] = far.Answer(body=far_sns.signing.pem)
    await check(verifier, far_sns.publish("hello"))


async def test_the_guard_and_tls_hold(far_sns: FarSns, authority: Any, signing: Any, ca: Any) -> None:
    async with topic.far_sns(authority, signing, **{HOST: ["10.0.0.1"]}) as inside:
        with pytest.raises(Unavailable) as raised:
            await check(Verifier({TOPIC}, Certificates(inside.egress)), inside.publish("hello"))
        assert isinstance(raised.value.__cause__, Blocked)
        assert inside.endpoint.connections == 0
    # A host with a certificate for other names, however trusted.
    async with topic.far_sns(ca, signing) as other:
        with pytest.raises(Unavailable):
            await check(Verifier({TOPIC}, Certificates(other.egress)), other.publish("hello"))
        assert other.paths == []


async def test_one_fetch_serves_everybody_for_a_day(far_sns: FarSns, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = Verifier({TOPIC}, Certificates(far_sns.egress))
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(check, verifier, far_sns.publish("hello"))
    assert far_sns.paths == [PEM]
    later = trio.current_time() + sns.LIFETIME_SECONDS + 1
    monkeypatch.setattr(sns.trio, "current_time", lambda: later)
    await verifier._certificates.key(parse(json.dumps(far_sns.publish("hello")).encode()), NOW)
    assert far_sns.paths == [PEM, PEM]


async def test_fetches_and_what_is_kept_are_bounded(
    far_sns: FarSns, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sns, "FETCHES", 10)
    for number in range(10):
        far_sns.documents[f"/{number}.pem"] = far.Answer(body=far_sns.signing.pem)
        await check(verifier, far_sns.publish("hello", SigningCertURL=f"https://{HOST}/{number}.pem"))
    assert len(verifier._certificates._kept) == sns.CERTIFICATES
    with pytest.raises(Unavailable):
        await check(verifier, far_sns.publish("hello"))
    assert len(far_sns.paths) == 10
    # Those that are known are not affected.
    await check(verifier, far_sns.publish("hello", SigningCertURL=f"https://{HOST}/9.pem"))


@pytest.mark.parametrize(
    "change",
    [
        {"Type": "Other"},
        {"Type": 7},
        {"MessageId": ""},
        {"MessageId": "a\nb"},
        {"MessageId": "x" * 65},
        {"TopicArn": "feedback"},
        {"TopicArn": TOPIC + "\nType"},
        {"TopicArn": TOPIC.replace(REGION, "EU.west")},
        {"Timestamp": "yesterday"},
        {"Timestamp": "2026-07-01T12:00:00"},
        {"Timestamp": 1},
        {"Signature": "not base64!"},
        {"Signature": "ü"},
        {"Signature": None},
        {"Message": None},
        {"Subject": "a\nTimestamp"},
        {"Subject": "a\u2028b"},
        {"Token": "a\nb"},
        {"SubscribeURL": "a\rb"},
        {"SigningCertURL": ["x"]},
    ],
)
async def test_what_is_no_message_of_sns(far_sns: FarSns, change: dict[str, Any]) -> None:
    document = far_sns.publish("hello")
    with pytest.raises(InvalidRequest):
        parse(json.dumps(document | change).encode())


@pytest.mark.parametrize(
    "name", ["Type", "MessageId", "TopicArn", "Message", "Timestamp", "Signature", "SigningCertURL"]
)
async def test_missing_members(far_sns: FarSns, name: str) -> None:
    document = far_sns.publish("hello")
    del document[name]
    with pytest.raises(InvalidRequest):
        parse(json.dumps(document).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'"text"', b"[" * 200_000, b'{"Type":' * 20_000])
def test_other_bodies(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse(body)


async def test_confirmation_links(far_sns: FarSns) -> None:
    asked = far_sns.ask()
    target = confirmation_target(parse(json.dumps(asked).encode()))
    assert target.origin.host == HOST
    assert target.path.startswith("/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:")
    good = asked["SubscribeURL"]
    for url in (
        "",
        good.replace("https", "http"),
        good.replace(HOST, "evil.test"),
        good.replace(HOST, f"{HOST}.evil.test"),
        good.replace(HOST, f"{HOST}:443"),
        good.replace(HOST, f"{HOST}@evil.test"),
        good.replace("/?", "/x?"),
        good.replace("ConfirmSubscription", "DeleteTopic"),
        good.replace("Action=ConfirmSubscription&", ""),
        good.replace(":feedback", ":other"),
        good + "#x",
        good + "&Action=DeleteTopic",
        good.replace("/?", "/?Action=DeleteTopic&"),
        good + "&Other=1",
        good + "&" * 100 + "a=1&" * 100,
        f"https://{HOST}/",
    ):
        with pytest.raises(Forbidden):
            confirmation_target(parse(json.dumps(asked | {"SubscribeURL": url}).encode()))


def test_now_has_a_zone() -> None:
    assert NOW.tzinfo is UTC
