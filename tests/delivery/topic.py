"""A far SNS: a topic with a key of its own, real signatures, and its certificate behind real TLS on loopback."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import trio
from attrs import define, evolve, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from e2ad.delivery.egress import Egress, Origin
from tests.delivery import endpoint as far

REGION = "eu-west-1"
HOST = f"sns.{REGION}.amazonaws.com"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:feedback"
NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
"""When everything here happens, unless a test says otherwise."""

_ORDER = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_ORDER["UnsubscribeConfirmation"] = _ORDER["SubscriptionConfirmation"]


@frozen
class SigningPair:
    """A private key and the certificate that says it is SNS's."""

    key: rsa.RSAPrivateKey
    pem: bytes


def pair(
    *,
    name: str = "sns.amazonaws.com",
    alternative: str | None = None,
    begins: datetime = NOW - timedelta(days=10),
    ends: datetime = NOW + timedelta(days=100),
    bits: int = 2048,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
) -> SigningPair:
    """A key with a certificate over it."""
    key = key or rsa.generate_private_key(65537, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 7, begins, ends)
    if alternative is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(alternative)]), False)
    signed = builder.sign(key, hashes.SHA256())
    return SigningPair(key, signed.public_bytes(serialization.Encoding.PEM))  # type: ignore[arg-type]  # EC in one test


@define
class FarSns:
    """Its endpoint, and what it signs with. `documents` are served by path."""

    endpoint: far.Endpoint
    egress: Egress
    signing: SigningPair
    documents: dict[str, far.Answer] = field(factory=dict)
    certificate_url: str = f"https://{HOST}/SimpleNotificationService-0123456789abcdef.pem"
    numbers: int = 0

    def answer(self, request: far.Received) -> far.Answer:
        # Each of our requests says that it is the last of its connection.
        return evolve(self.documents.get(request.path.partition("?")[0], far.Answer(404)), close_after=True)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.endpoint.received]

    def publish(self, message: str | Mapping[str, Any], *, version: str = "1", **changes: Any) -> dict[str, Any]:
        """A notification of the topic; `changes` are members of it and are signed too."""
        self.numbers += 1
        text = message if isinstance(message, str) else json.dumps(message)
        document = {
            "Type": "Notification",
            "MessageId": f"22b80b92-fdea-4c2c-8f9d-{self.numbers:012}",
            "TopicArn": TOPIC,
            "Message": text,
            "Timestamp": stamp(NOW),
            "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe&SubscriptionArn={TOPIC}:1",
        }
        return self.sign(document | changes, version=version)

    def ask(self, kind: str = "SubscriptionConfirmation", *, version: str = "1", **changes: Any) -> dict[str, Any]:
        """The question whether an endpoint wants a topic."""
        token = "2336412f37fb687f5d51e6e241d09c805a5a57b30d712f794cc5f6a988666d92"
        asked = urlencode({"Action": "ConfirmSubscription", "TopicArn": TOPIC, "Token": token}, safe=":")
        document = {
            "Type": kind,
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "Token": token,
            "TopicArn": TOPIC,
            "Message": "You have chosen to subscribe to the topic.\nTo confirm, visit the SubscribeURL.",
            "SubscribeURL": f"https://{HOST}/?{asked}",
            "Timestamp": stamp(NOW),
        }
        return self.sign(document | changes, version=version)

    def sign(self, document: dict[str, Any], *, version: str = "1", key: SigningPair | None = None) -> dict[str, Any]:
        """Sign as SNS does (its developer guide: verifying signatures)."""
        lines = [f"{name}\n{document[name]}\n" for name in _ORDER[document["Type"]] if document.get(name) is not None]
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = (key or self.signing).key.sign("".join(lines).encode(), padding.PKCS1v15(), algorithm)
        more = {"SignatureVersion": version, "Signature": base64.b64encode(signature).decode()}
        return {"SigningCertURL": self.certificate_url, **document, **more}


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


class Rerouted(Egress):
    """The real guard; only the port is that of the endpoint on loopback, since 443 is not ours to open."""

    port = 0

    async def connect(self, origin: Origin) -> trio.abc.Stream:
        assert origin.port == 443
        return await super().connect(evolve(origin, port=self.port))


@asynccontextmanager
async def far_sns(ca: far.CertificateAuthority, signing: SigningPair, **names: list[str]) -> AsyncIterator[FarSns]:
    """Serve it for the time of the block."""
    async with far.open_endpoint(ca.server) as endpoint:
        resolver = far.StaticResolver({HOST: ["127.0.0.1"], **names})
        egress = Rerouted(far.Settings(allow_http=False, ca_file=str(ca.ca_file)), resolver)
        egress.port = endpoint.port
        sns = FarSns(endpoint, egress, signing)
        sns.documents["/SimpleNotificationService-0123456789abcdef.pem"] = far.Answer(body=signing.pem)
        sns.documents["/"] = far.Answer(body=b"<ConfirmSubscriptionResponse/>")
        endpoint.reply = sns.answer
        yield sns


def make_authority(folder: Path) -> far.CertificateAuthority:
    """Who vouches for the far SNS's TLS."""
    return far.make_ca(folder, (HOST,))
