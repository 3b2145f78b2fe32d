"""Bodies and headers of what goes out: pure of I/O, one shape for each kind of endpoint.

Three bodies exist. A webhook of the full API gets the event's envelope, to the character. A
webhook of the classic API gets `{"event","id","created_at","data"}` with the whole mail inside. An
agent's own URL gets the flat message that `parse_webhook` of the published client verifies.

`X-E2A-Auth-*` is minted for each attempt: verifiers take five minutes of age, so a retry that
carried the arrival's timestamp would be refused by an honest receiver.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from e2ad.core.delivery import Attempt, CarriedMessage, DeliveryKind, Surface
from e2ad.core.events import SCHEMA_VERSION, rfc3339, splice
from e2ad.core.signing import auth_headers, standard_webhook_headers, webhook_signature

__all__ = [
    "carries_raw",
    "classic_frame",
    "compose",
    "full_frame",
    "message_auth_headers",
    "request_headers",
]

USER_AGENT: Final = "e2a-webhooks/1"

_CLASSIC_TYPES: Final[Mapping[str, str]] = {
    "email.review_requested": "email.pending_approval",
    "email.review_approved": "email.approved",
    "email.review_rejected": "email.rejected",
}
_encoder = msgspec.json.Encoder()


def carries_raw(attempt: Attempt) -> bool:
    """Whether the body of this delivery contains the whole mail."""
    if attempt.message is None or attempt.message.content_sha256 is None:
        return False
    if attempt.kind is DeliveryKind.AGENT:
        return True
    return attempt.endpoint.surface is Surface.CLASSIC and attempt.event_type == "email.received"


def message_auth_headers(message: CarriedMessage, *, at: datetime, secret: str) -> dict[str, str]:
    """The `X-E2A-Auth-*` set of one delivery of `message`, signed now."""
    return auth_headers(message.verdict, message_id=message.id, body_hash=message.body_hash, at=at, secret=secret)


def compose(attempt: Attempt, auth: Mapping[str, str] | None, raw: bytes) -> bytes:
    """The body of one attempt.

    Args:
        attempt: with a body; the caller has refused those without.
        auth: the headers minted for this attempt, None where there is no message.
        raw: the mail, where `carries_raw` says so.
    """
    if attempt.kind is DeliveryKind.AGENT:
        assert attempt.message is not None
        assert auth is not None
        return _encoder.encode(_flat(attempt.message, auth, raw))
    assert attempt.body is not None
    if attempt.endpoint.surface is Surface.V1 or attempt.event_id is None:
        return attempt.body.encode()
    return _encoder.encode(_classic(attempt, auth, raw))


def request_headers(
    attempt: Attempt, auth: Mapping[str, str] | None, *, body: bytes, secrets: Sequence[str], at: datetime
) -> list[tuple[str, str]]:
    """Every header of one attempt but Host and Content-Length.

    Args:
        secrets: the endpoint's, newest first; each signs. Of an agent's own URL, its account's.
        at: now; signatures carry it, so that an old request cannot be played again.
    """
    timestamp = int(at.timestamp())
    headers = [
        ("Content-Type", "application/json"),
        ("User-Agent", USER_AGENT),
        ("X-E2A-Event-Type", attempt.event_type),
        ("X-E2A-Schema-Version", SCHEMA_VERSION),
        ("X-E2A-Delivery-Id", attempt.id),
    ]
    if secrets:
        headers.append(("X-E2A-Signature", webhook_signature(secrets, timestamp, body)))
        trio = standard_webhook_headers(attempt.event_id or attempt.id, timestamp, body, secrets)
        headers.extend(trio.items())
    if auth is not None:
        headers.extend(auth.items())
    return headers


def full_frame(envelope: str, auth: Mapping[str, str]) -> str:
    """A `/v1` frame: the stored envelope, its own characters untouched, and `auth_headers` at its end."""
    return splice(envelope, "auth_headers", auth)


def classic_frame(message: CarriedMessage) -> str:
    """A classic notification: flat, and without the mail, which is fetched by its id."""
    document: dict[str, Any] = {"message_id": message.id}
    if message.conversation_id:
        document["conversation_id"] = message.conversation_id
    document["from"] = message.answer_to
    document["recipient"] = message.agent_email
    document["subject"] = message.subject
    document["received_at"] = rfc3339(message.created_at)
    return _encoder.encode(document).decode()


def _flat(message: CarriedMessage, auth: Mapping[str, str], raw: bytes) -> dict[str, Any]:
    document: dict[str, Any] = {"message_id": message.id}
    if message.conversation_id:
        document["conversation_id"] = message.conversation_id
    document["from"] = message.answer_to
    document["to"] = list(message.to)
    if message.cc:
        document["cc"] = list(message.cc)
    if message.reply_to:
        document["reply_to"] = list(message.reply_to)
    document["recipient"] = message.agent_email
    document["raw_message"] = base64.b64encode(raw).decode()
    document["auth_headers"] = dict(auth)
    document["received_at"] = rfc3339(message.created_at)
    return document


def _classic(attempt: Attempt, auth: Mapping[str, str] | None, raw: bytes) -> dict[str, Any]:
    assert attempt.body is not None
    envelope = msgspec.json.decode(attempt.body)
    data = envelope["data"]
    message = attempt.message
    if attempt.event_type == "email.received" and message is not None:
        domain = message.agent_email.rpartition("@")[2]
        data = {
            "message_id": message.id,
            "conversation_id": message.conversation_id,
            "agent": {"id": message.agent_email, "email": message.agent_email, "domain": domain},
            "from": message.answer_to,
            "to": list(message.to),
            "cc": list(message.cc) or None,
            "reply_to": list(message.reply_to) or None,
            "recipient": message.agent_email,
            "subject": message.subject,
            "raw_message": base64.b64encode(raw).decode(),
            "auth_headers": dict(auth or {}),
            "received_at": message.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    return {
        "event": _CLASSIC_TYPES.get(attempt.event_type, attempt.event_type),
        "id": envelope["id"],
        "created_at": envelope["created_at"],
        "data": data,
    }
