"""Every signature and token that leaves the house, byte for byte (contract: signatures).

All functions are pure: clock, randomness and secrets come in as arguments. Verification
compares in constant time. A signing key is the UTF-8 text of the secret, never its decoded
hex: that is what the published verifiers use.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

__all__ = [
    "AUTH_HEADER_NAMES",
    "Verdict",
    "auth_headers",
    "body_hash",
    "composing_token",
    "event_id",
    "internal_signature",
    "key_hash",
    "open_token",
    "signed_token",
    "standard_webhook_headers",
    "unsubscribe_token",
    "verify_auth_headers",
    "verify_webhook_signature",
    "webhook_signature",
]

_PREFIX = "X-E2A-Auth-"
AUTH_HEADER_NAMES: Final = tuple(
    _PREFIX + name
    for name in (
        "Verified",
        "Sender",
        "Entity-Type",
        "Domain-Check",
        "Delegation",
        "Timestamp",
        "Message-Id",
        "Body-Hash",
    )
)
"""The signed headers, in the order of the canonical string."""

AUTH_MAX_AGE_SECONDS: Final = 300
AUTH_MAX_SKEW_SECONDS: Final = 30
WEBHOOK_TOLERANCE_SECONDS: Final = 300


@frozen
class Verdict:
    """What e2ad says about the sender of one message; stored once, signed anew at each delivery."""

    verified: bool
    sender: str
    entity_type: str
    domain_check: str
    delegation: str = ""


def body_hash(raw: bytes) -> str:
    """Lower-case hex SHA-256 of the raw mail: dots unstuffed, CRLF kept."""
    return hashlib.sha256(raw).hexdigest()


def auth_headers(verdict: Verdict, *, message_id: str, body_hash: str, at: datetime, secret: str) -> dict[str, str]:
    """The `X-E2A-Auth-*` set for one delivery of one message.

    The timestamp is that of the delivery, not of the arrival: verifiers take 300 seconds of
    age, and a retry or a later fetch is as authentic as the first push.

    Args:
        verdict: the stored verdict.
        message_id: `msg_…` of this delivery.
        body_hash: of the raw mail that the verdict is bound to.
        at: now, aware; written in whole seconds.
        secret: the account's newest signing secret.
    """
    headers = {
        "X-E2A-Auth-Verified": "true" if verdict.verified else "false",
        "X-E2A-Auth-Sender": verdict.sender,
        "X-E2A-Auth-Entity-Type": verdict.entity_type,
        "X-E2A-Auth-Domain-Check": verdict.domain_check,
        "X-E2A-Auth-Delegation": verdict.delegation,
        "X-E2A-Auth-Timestamp": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "X-E2A-Auth-Message-Id": message_id,
        "X-E2A-Auth-Body-Hash": body_hash,
    }
    headers["X-E2A-Auth-Signature"] = _hex_mac(secret, _canonical(headers))
    if not verdict.delegation:
        del headers["X-E2A-Auth-Delegation"]
    return headers


def verify_auth_headers(headers: dict[str, str], raw: bytes, secrets: Iterable[str], at: datetime) -> bool:
    """Check a set of `X-E2A-Auth-*` headers as the published clients do: hash, MAC, then time.

    Names are compared without regard to case, since proxies rewrite it.
    """
    by_name = {name.lower(): value for name, value in headers.items()}
    values = {name: by_name.get(name.lower(), "") for name in AUTH_HEADER_NAMES}
    signature = by_name.get("x-e2a-auth-signature", "")
    if not hmac.compare_digest(values["X-E2A-Auth-Body-Hash"].encode(), body_hash(raw).encode()):
        return False
    canonical = _canonical(values)
    if not any(hmac.compare_digest(_hex_mac(secret, canonical).encode(), signature.encode()) for secret in secrets):
        return False
    try:
        signed_at = datetime.fromisoformat(values["X-E2A-Auth-Timestamp"])
        age = (at - signed_at).total_seconds()
    except (ValueError, TypeError):
        return False
    return -AUTH_MAX_SKEW_SECONDS <= age <= AUTH_MAX_AGE_SECONDS


def webhook_signature(secrets: Sequence[str], timestamp: int, body: bytes) -> str:
    """`X-E2A-Signature`: one `v1` for each active secret, newest first."""
    signed = str(timestamp).encode() + b"." + body
    return ",".join([f"t={timestamp}", *(f"v1={_hex_mac(secret, signed)}" for secret in secrets)])


def verify_webhook_signature(header: str, secrets: Iterable[str], body: bytes, at: datetime) -> bool:
    """Any secret times any `v1`, within 300 seconds either way."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    timestamps = [value for name, _, value in pairs if name == "t"]
    if len(timestamps) != 1 or not timestamps[0].isdigit():
        return False
    if abs(at.timestamp() - int(timestamps[0])) > WEBHOOK_TOLERANCE_SECONDS:
        return False
    signed = timestamps[0].encode() + b"." + body
    offered = [value.encode() for name, _, value in pairs if name == "v1"]
    return any(
        hmac.compare_digest(_hex_mac(secret, signed).encode(), signature) for secret in secrets for signature in offered
    )


def standard_webhook_headers(webhook_id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The trio of the Standard Webhooks specification, so that its usual verifiers work.

    They decode what stands behind `whsec_` as base64; our 64 hex characters are valid base64
    of 48 bytes, so the secret can be pasted into them as it is.
    """
    signed = b".".join((webhook_id.encode(), str(timestamp).encode(), body))
    signatures = [
        "v1," + base64.b64encode(hmac.digest(_standard_key(secret), signed, "sha256")).decode() for secret in secrets
    ]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def event_id(*parts: str) -> str:
    """Deterministic event id: the same fact has the same id on every channel and every try."""
    return "evt_" + hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def key_hash(key: str) -> bytes:
    """What is stored of an API key: SHA-256 of the complete string, 32 bytes."""
    return hashlib.sha256(key.encode()).digest()


def signed_token(secret: str, payload: str, *, purpose: str = "") -> str:
    """`b64url(payload).b64url(MAC)`, unpadded.

    `purpose` goes into the MAC input alone, so that a token made for one use is worth nothing
    for another of the same shape. The empty purpose is the contract's own construction.
    """
    data = payload.encode()
    return f"{_b64url(data)}.{_b64url(hmac.digest(secret.encode(), _purpose(purpose) + data, 'sha256'))}"


def open_token(secrets: Iterable[str], token: str, *, purpose: str = "") -> str | None:
    """The payload of a token that one of `secrets` signed for `purpose`, else None."""
    encoded, dot, signature = token.partition(".")
    try:
        data, offered = _unb64url(encoded), _unb64url(signature)
        payload = data.decode()
    except (ValueError, binascii.Error):
        return None
    if not dot or _b64url(data) != encoded or _b64url(offered) != signature:
        return None
    message = _purpose(purpose) + data
    for secret in secrets:
        if hmac.compare_digest(hmac.digest(secret.encode(), message, "sha256"), offered):
            return payload
    return None


def internal_signature(secret: str, body: bytes) -> str:
    """The value of `X-E2A-Internal-Signature`, by which the operator's own programs prove themselves."""
    return _hex_mac(secret, body)


def unsubscribe_token(secret: str, user: str, agent: str, recipient: str) -> str:
    """`u1_` and 43 characters: fixed length, nothing of the recipient in it."""
    fields = ("e2a:unsubscribe:u1", user, agent.strip().lower(), recipient.strip().lower())
    message = b"".join(len(text.encode()).to_bytes(8, "big") + text.encode() for text in fields)
    return "u1_" + _b64url(hmac.digest(secret.encode(), message, "sha256"))


def composing_token(secret: str, message_id: str, sha256: bytes, purpose: str) -> str:
    """32 hex characters for an identifier in a mail composed of this draft: the same each time, and no guess."""
    fields = ("e2a:composing:1", purpose, message_id, sha256.hex())
    return hmac.digest(secret.encode(), "\0".join(fields).encode(), "sha256").hex()[:32]


def _canonical(headers: dict[str, str]) -> bytes:
    return "\n".join(headers[name] for name in AUTH_HEADER_NAMES).encode()


def _hex_mac(secret: str, message: bytes) -> str:
    return hmac.digest(secret.encode(), message, "sha256").hex()


def _standard_key(secret: str) -> bytes:
    text = secret.removeprefix("whsec_")
    return base64.b64decode(text + "=" * (-len(text) % 4))


def _purpose(purpose: str) -> bytes:
    return purpose.encode() + b"\0" if purpose else b""


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64url(text: str) -> bytes:
    if not text.isascii() or not all(c.isalnum() or c in "-_" for c in text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
