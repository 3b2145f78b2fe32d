"""Events: their types, their times, and the one JSON text that is stored, signed and sent.

The envelope is written once, in the transaction of the fact; every channel sends those very
characters (contract: events). Readers de-duplicate on `id`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

__all__ = [
    "CLASSIC_EVENT_TYPES",
    "EVENT_TYPES",
    "SCHEMA_VERSION",
    "envelope",
    "parse_rfc3339",
    "rfc3339",
    "splice",
    "to_json",
]

SCHEMA_VERSION: Final = "1"

EVENT_TYPES: Final = (
    "email.received",
    "email.sent",
    "email.failed",
    "email.delivered",
    "email.bounced",
    "email.complained",
    "domain.sending_verified",
    "domain.sending_failed",
    "domain.suppression_added",
    "email.flagged",
    "email.blocked",
    "email.review_requested",
    "email.review_approved",
    "email.review_rejected",
    "agent.suppression_added",
    "contact.due",
)
"""The stable nine, then the beta seven."""

CLASSIC_EVENT_TYPES: Final = (
    "email.received",
    "email.sent",
    "email.pending_approval",
    "email.approved",
    "email.rejected",
)

_encoder = msgspec.json.Encoder()


def rfc3339(at: datetime) -> str:
    """RFC 3339 in UTC with suffix Z, microseconds with trailing zeros trimmed."""
    text = at.astimezone(UTC).isoformat()[:-6]
    return (text.rstrip("0") if "." in text else text) + "Z"


def parse_rfc3339(text: str) -> datetime:
    """Read an RFC 3339 instant; more digits than microseconds are cut.

    Raises:
        ValueError: not an instant, or one without an offset.
    """
    at: datetime = msgspec.convert(text, datetime)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone offset")
    return at.astimezone(UTC)


def envelope(event_type: str, event_id: str, created_at: datetime, data: Mapping[str, Any]) -> str:
    """The event as JSON text: `type`, `id`, `schema_version`, `created_at`, `data`, in this order."""
    return _encoder.encode(
        {
            "type": event_type,
            "id": event_id,
            "schema_version": SCHEMA_VERSION,
            "created_at": rfc3339(created_at),
            "data": data,
        }
    ).decode()


def splice(envelope_text: str, name: str, value: Any) -> str:
    """The same JSON object with one more member at its end, its own characters untouched."""
    return f'{envelope_text[:-1]},"{name}":{_encoder.encode(value).decode()}}}'


def to_json(value: Any) -> str:
    """A document as compact JSON text."""
    return _encoder.encode(value).decode()
