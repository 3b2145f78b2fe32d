"""What happened, as every channel tells it: the envelope of an event, and what is inside for each type.

The same fact has the same `id` on each channel and at each attempt: de-duplicate on it. `data` is the JSON
object as it came; the typed dictionaries say what is in it for the types that the guards tell apart.
"""

from collections.abc import Mapping
from typing import Any, Final, Generic, Literal, NotRequired, Self, TypedDict, TypeVar, cast

import msgspec
from attrs import field, frozen

__all__ = [
    "AgentSuppressionAddedData",
    "ContactDueData",
    "DomainSendingFailedData",
    "DomainSendingVerifiedData",
    "DomainSuppressionAddedData",
    "EmailBlockedData",
    "EmailBouncedData",
    "EmailComplainedData",
    "EmailDeliveredData",
    "EmailFailedData",
    "EmailFlaggedData",
    "EmailReceivedData",
    "EmailReviewApprovedData",
    "EmailReviewRejectedData",
    "EmailReviewRequestedData",
    "EmailSentData",
    "EventAttachment",
    "WSEvent",
    "WebhookEvent",
    "decode_object",
]

D = TypeVar("D", covariant=True)

SCHEMA_VERSION: Final = "1"


def decode_object(text: bytes | str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ValueError: not JSON in UTF-8, or another value; the text says which.
    """
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError("not JSON in UTF-8") from error
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - what is wrong is the text, not a type of ours
    return document


@frozen
class WebhookEvent(Generic[D]):
    """One event.

    Attributes:
        type: such as `email.received`; the guards (`is_email_received` …) tell types apart for a type checker too.
        id: `evt_…`; the same at every attempt.
        created_at: RFC 3339, as it came.
        data: what happened.
        raw: the whole envelope as it came, with members that this client does not know.
    """

    type: str
    id: str
    schema_version: str
    created_at: str
    data: D
    raw: Mapping[str, Any] = field(factory=dict, repr=False)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """The event in a decoded envelope.

        Raises:
            ValueError: a member is missing, or of another type; the text says which.
        """
        members: dict[str, str] = {}
        for name in ("type", "id", "schema_version", "created_at"):
            value = payload.get(name)
            if not isinstance(value, str) or not value:
                raise ValueError(f"no event: {name} is missing, or no text")
            members[name] = value
        data: Any = payload.get("data")
        if not isinstance(data, Mapping):
            raise ValueError("no event: data is missing, or no object")  # noqa: TRY004 - the payload is wrong
        return cls(**members, data=cast("D", data), raw=payload)


@frozen
class WSEvent(WebhookEvent[D]):
    """An event as the socket brings it; `auth_headers` has the signed verdict about the sender."""

    @property
    def auth_headers(self) -> Mapping[str, str]:
        """The `X-E2A-Auth-*` of this delivery; empty where the server sends none."""
        found = self.raw.get("auth_headers")
        return found if isinstance(found, Mapping) else {}


Direction = Literal["inbound", "outbound"]


class EventAttachment(TypedDict):
    """What is attached; the content is fetched by `index`."""

    index: int
    size_bytes: int
    filename: NotRequired[str]
    content_type: NotRequired[str]
    content_id: NotRequired[str]


class _Message(TypedDict):
    message_id: str
    agent_email: str
    direction: Direction


class EmailReceivedData(_Message):
    """Mail that came in. `message_id` and `delivered_to` are what it is fetched by."""

    delivered_to: str
    header_from: str | None
    envelope_from: str | None
    verified_domain: str | None
    authentication: dict[str, Any] | None
    to: list[str]
    cc: list[str]
    reply_to: list[str]
    subject: str
    received_at: str
    conversation_id: NotRequired[str]
    attachments: NotRequired[list[EventAttachment]]
    sender_continuity: NotRequired[dict[str, Any]]
    lifecycle_transitions: NotRequired[list[dict[str, Any]]]


# `from` is a word of the language, so that these are written the other way.
_Addressed = TypedDict("_Addressed", {"from": str})
_PerhapsAddressed = TypedDict("_PerhapsAddressed", {"from": NotRequired[str]})


class _Outbound(_Message, _Addressed):
    to: list[str]
    subject: str
    message_type: str
    conversation_id: NotRequired[str]
    lifecycle_transitions: NotRequired[list[dict[str, Any]]]


class EmailSentData(_Outbound):
    """Mail that the next server took."""

    method: str
    cc: NotRequired[list[str]]
    bcc: NotRequired[list[str]]
    provider_message_id: NotRequired[str]


class EmailFailedData(_Outbound):
    """Mail that will not leave."""

    method: str
    cc: NotRequired[list[str]]
    bcc: NotRequired[list[str]]
    reason: str
    reason_code: NotRequired[str]
    retryable: NotRequired[bool]


class EmailDeliveredData(_Message):
    """One recipient's server has it."""

    delivered_to: str
    subject: NotRequired[str]
    smtp_detail: NotRequired[str]
    lifecycle_transitions: NotRequired[list[dict[str, Any]]]


class EmailBouncedData(EmailDeliveredData):
    """One recipient's server refused it."""

    bounce_type: Literal["permanent", "transient", "undetermined"]
    bounce_sub_type: NotRequired[str]


class EmailComplainedData(EmailDeliveredData):
    """One recipient called it spam."""


class _Judged(_Message, _PerhapsAddressed):
    """Of mail in or out: what there is depends on the direction."""

    subject: str
    conversation_id: NotRequired[str]
    header_from: NotRequired[str | None]
    envelope_from: NotRequired[str | None]
    verified_domain: NotRequired[str | None]
    authentication: NotRequired[dict[str, Any] | None]
    sender_continuity: NotRequired[dict[str, Any]]
    delivered_to: NotRequired[str]
    to: NotRequired[list[str]]
    cc: NotRequired[list[str]]
    bcc: NotRequired[list[str]]
    reply_to: NotRequired[list[str]]
    received_at: NotRequired[str]


class EmailFlaggedData(_Judged):
    """Mail that came in although the sender is not on the list."""

    policy: str
    reason: str


class EmailBlockedData(_Judged):
    """Mail that was kept out, or in."""

    reason: str
    reason_source: str


class EmailReviewRequestedData(_Judged):
    """Mail that waits for a person, in either direction."""

    approval_expires_at: str
    reason: NotRequired[str]
    reason_source: NotRequired[str]
    message_type: NotRequired[str]
    lifecycle_transitions: NotRequired[list[dict[str, Any]]]


class EmailReviewApprovedData(_Message, _Addressed):
    """A person, or the end of the time, let it through."""

    subject: str
    message_type: NotRequired[str]
    to: NotRequired[list[str]]
    review_status: NotRequired[str]
    method: NotRequired[str]
    edited: NotRequired[bool]
    provider_message_id: NotRequired[str]
    auto_resolved: NotRequired[bool]
    lifecycle_transitions: NotRequired[list[dict[str, Any]]]


class EmailReviewRejectedData(_Message):
    """A person, or the end of the time, said no."""

    reason: str
    message_type: NotRequired[str]
    review_status: NotRequired[str]
    auto_resolved: NotRequired[bool]
    lifecycle_transitions: NotRequired[list[dict[str, Any]]]


class DomainSendingVerifiedData(TypedDict):
    """A domain may send."""

    domain: str
    sending_status: str


class DomainSendingFailedData(DomainSendingVerifiedData):
    """A domain may not send."""

    reason: NotRequired[str]


class DomainSuppressionAddedData(TypedDict):
    """The account writes to this address no more."""

    address: str
    source: str
    reason: NotRequired[str]
    message_id: NotRequired[str]
    lifecycle_transitions: NotRequired[list[dict[str, Any]]]


class AgentSuppressionAddedData(TypedDict):
    """One agent writes to this address no more."""

    agent_email: str
    address: str
    source: str


class ContactDueData(TypedDict):
    """The time has come to write to a contact."""

    agent_email: str
    address: str
    contact: dict[str, Any]
    next_action_at: str
    outbound_count: int
    replied: bool
    stage: str
    last_conversation_id: NotRequired[str]
    last_outbound_at: NotRequired[str]
