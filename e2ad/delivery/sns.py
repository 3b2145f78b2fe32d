"""Messages of Amazon SNS: are they what they say, and from whom they say?

Such a message is signed with RSA, and names the certificate to check it with. Nothing in it is
believed before that: the certificate is fetched only from the SNS of the region of a topic that was
configured, through the guard, over TLS that verifies this host's name. It is that connection that
vouches for the certificate, since SNS publishes it without the chain; of the certificate itself the
time and the name are checked. Time stamps bound how long an overheard message can be played again.
"""

import base64
import binascii
import re
from collections import OrderedDict, deque
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec
import trio
from attrs import frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from e2ad.core.errors import Forbidden, InvalidRequest, InvalidWebhookUrl, Unavailable
from e2ad.delivery.egress import Origin, Target, Unreachable, parse_url
from e2ad.delivery.fetch import Connector, fetch

__all__ = ["Certificates", "Notification", "Verifier", "confirmation_target", "parse"]

MAX_AGE: Final = timedelta(hours=1)
MAX_SKEW: Final = timedelta(minutes=5)
FETCH_SECONDS: Final = 10.0
CERTIFICATE_BYTES: Final = 16_384
CERTIFICATES: Final = 8
LIFETIME_SECONDS: Final = 86_400.0
FAILURE_SECONDS: Final = 60.0
FETCHES: Final = 10
"""Fetches a minute: whoever knows the name of a topic can make us fetch, and not more often than this."""
CONFIRMATION_BYTES: Final = 65_536

_TOPIC: Final = re.compile(r"arn:aws[a-z-]{0,20}:sns:([a-z0-9-]{3,30}):[0-9]{12}:[A-Za-z0-9_.-]{1,256}")
_CERTIFICATE_PATH: Final = re.compile(r"/[A-Za-z0-9_-]{1,128}\.pem")
_CERTIFICATE_NAME: Final = re.compile(r"sns(?:\.[a-z0-9-]{3,30})?\.amazonaws\.com")
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_HASHES: Final = {"1": hashes.SHA1, "2": hashes.SHA256}
_SIGNED: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
MIN_KEY_BITS: Final = 2048
MAX_KEY_BITS: Final = 8192

Kind = Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]


class _Document(msgspec.Struct, rename="pascal"):
    type: Kind
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    signature_version: str
    signature: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str | None = None
    subscribe_url: str | None = msgspec.field(default=None, name="SubscribeURL")


@frozen
class Notification:
    """A message of SNS, taken apart and not yet believed. `signed` are the octets that its signature is of."""

    kind: Kind
    id: str
    topic_arn: str
    region: str
    message: str
    at: datetime
    subscribe_url: str
    signature_version: str
    signature: bytes
    certificate_url: str
    signed: bytes


def parse(body: bytes) -> Notification:
    """Take a message apart.

    The members are signed as lines, so that none but the text of the message may contain a line end:
    otherwise one text could be read as other members.

    Raises:
        InvalidRequest: it is no message of SNS.
    """
    try:
        document = msgspec.json.decode(body, type=_Document)
        signature = base64.b64decode(document.signature, validate=True)
        at = msgspec.convert(document.timestamp, datetime)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise InvalidRequest("the body is not a message of SNS") from error
    topic = _TOPIC.fullmatch(document.topic_arn)
    lines = (document.subject, document.token, document.subscribe_url)
    if topic is None or at.tzinfo is None or _ID.fullmatch(document.message_id) is None:
        raise InvalidRequest("the body is not a message of SNS: topic, time or id is malformed")
    if any(line is not None and not line.isprintable() for line in lines):
        raise InvalidRequest("the body is not a message of SNS: a member has more than one line")
    return Notification(
        kind=document.type,
        id=document.message_id,
        topic_arn=document.topic_arn,
        region=topic[1],
        message=document.message,
        at=at.astimezone(UTC),
        subscribe_url=document.subscribe_url or "",
        signature_version=document.signature_version,
        signature=signature,
        certificate_url=document.signing_cert_url,
        signed=_signed(document),
    )


def _signed(document: _Document) -> bytes:
    members = msgspec.to_builtins(document)
    given = ((name, members.get(name)) for name in _SIGNED[document.type])
    text = "".join(f"{name}\n{value}\n" for name, value in given if value is not None)
    return text.encode("utf-8", "surrogatepass")


def certificate_target(notification: Notification) -> Target:
    """Where the certificate is, if that is a place of the SNS of the topic's region.

    Raises:
        Forbidden: it is somewhere else.
    """
    target = _own(notification.certificate_url, notification.region)
    path = notification.certificate_url.removeprefix(f"https://{_host(notification.region)}")
    if target is None or _CERTIFICATE_PATH.fullmatch(path) is None:
        raise Forbidden("the certificate is not one of the topic's own SNS")
    return target


def confirmation_target(notification: Notification) -> Target:
    """What confirms the subscription that SNS asks about.

    Raises:
        Forbidden: it would be something else, or somewhere else.
    """
    target = _own(notification.subscribe_url, notification.region)
    path, _, query = (target.path if target else "").partition("?")
    try:
        asked = parse_qsl(query, max_num_fields=10)
    except ValueError:
        asked = []
    # Each name once: of a name that comes twice nobody knows which value counts.
    if target is None or path != "/" or sorted(name for name, _ in asked) != ["Action", "Token", "TopicArn"]:
        raise Forbidden("the link does not confirm a subscription")
    if ("Action", "ConfirmSubscription") not in asked:
        raise Forbidden("the link does not confirm a subscription")
    if ("TopicArn", notification.topic_arn) not in asked:
        raise Forbidden("the link is about another topic")
    return target


def _own(url: str, region: str) -> Target | None:
    # urlsplit and parse_url drop or mend what these have no use for: a URL that needs it is somebody else's.
    if not url.startswith(f"https://{_host(region)}/") or not url.isascii() or not url.isprintable():
        return None
    try:
        target, parts = parse_url(url), urlsplit(url)
    except (InvalidWebhookUrl, ValueError):
        return None
    own = target.origin == Origin("https", _host(region), 443)
    return target if own and parts.netloc == target.origin.host and not parts.fragment else None


def _host(region: str) -> str:
    return f"sns.{region}.amazonaws.com"


@frozen
class _Kept:
    key: rsa.RSAPublicKey | None
    not_before: datetime
    not_after: datetime
    until: float


class Certificates:
    """Public keys of SNS by the address of their certificate: fetched once a day, a few, one fetch at a time."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._fetched: deque[float] = deque(maxlen=FETCHES)
        self._turn = trio.Lock()

    async def key(self, notification: Notification, now: datetime) -> rsa.RSAPublicKey:
        """The key that the message's signature is to be checked with.

        Raises:
            Forbidden: there is no such certificate at SNS, or it is not good for this.
            Unavailable: it cannot be fetched now.
        """
        target = certificate_target(notification)
        url = notification.certificate_url
        kept = self._find(url)
        if kept is None:
            async with self._turn:
                kept = self._find(url) or await self._fetch(url, target)
        if kept.key is None or not kept.not_before <= now <= kept.not_after:
            raise Forbidden("the certificate is not one to sign messages of SNS with now")
        return kept.key

    def _find(self, url: str) -> _Kept | None:
        kept = self._kept.get(url)
        return kept if kept is not None and kept.until > trio.current_time() else None

    async def _fetch(self, url: str, target: Target) -> _Kept:
        now = trio.current_time()
        if len(self._fetched) == FETCHES and self._fetched[0] > now - 60:
            raise Unavailable
        self._fetched.append(now)
        try:
            content = await fetch(self._connector, target, max_bytes=CERTIFICATE_BYTES, seconds=FETCH_SECONDS)
        except Unreachable as error:
            raise Unavailable from error
        kept = _read_certificate(content)
        self._kept[url] = kept
        self._kept.move_to_end(url)
        while len(self._kept) > CERTIFICATES:
            self._kept.popitem(last=False)
        return kept


def _read_certificate(content: bytes) -> _Kept:
    now = trio.current_time()
    refused = _Kept(None, datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), now + FAILURE_SECONDS)
    try:
        certificate = x509.load_pem_x509_certificate(content)
        key = certificate.public_key()
        names = _names(certificate)
    except (ValueError, x509.UnsupportedGeneralNameType, TypeError):
        return refused
    if not isinstance(key, rsa.RSAPublicKey) or not MIN_KEY_BITS <= key.key_size <= MAX_KEY_BITS:
        return refused
    if not any(_CERTIFICATE_NAME.fullmatch(name.lower()) for name in names):
        return refused
    return _Kept(key, certificate.not_valid_before_utc, certificate.not_valid_after_utc, now + LIFETIME_SECONDS)


def _names(certificate: x509.Certificate) -> list[str]:
    names = [str(one.value) for one in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    try:
        other = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return names
    return names + other.get_values_for_type(x509.DNSName)


@frozen
class Verifier:
    """Decides whether a message is believed.

    Args:
        topics: the ARNs that are; with none nothing is.
    """

    _topics: Collection[str]
    _certificates: Certificates

    async def check(self, notification: Notification, now: datetime) -> None:
        """Return if the message is SNS's own, of a topic of ours, and fresh.

        Raises:
            Forbidden: it is not; the text says why.
            Unavailable: the certificate cannot be fetched now.
        """
        if notification.topic_arn not in self._topics:
            raise Forbidden("no such topic is configured here")
        if not now - MAX_AGE - MAX_SKEW <= notification.at <= now + MAX_SKEW:
            raise Forbidden("the message is too old, or from the future")
        algorithm = _HASHES.get(notification.signature_version)
        if algorithm is None:
            raise Forbidden("no such version of signatures is known")
        key = await self._certificates.key(notification, now)
        try:
            # SHA-1 is what version 1 is (contract: smaller ones); SNS lets the owner of a topic choose version 2.
            key.verify(notification.signature, notification.signed, padding.PKCS1v15(), algorithm())
        except InvalidSignature as error:
            raise Forbidden("the signature does not hold") from error
