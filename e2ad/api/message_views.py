"""Messages as `/v1` shows them (contract: schemas, presence rules).

What is required is always there; what is optional is left out when there is nothing to say.
A first contact has a conversation of its own inside e2ad, but `/v1` names a conversation only
once another message has joined it: clients take its presence for "this is a reply".
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from attrs import evolve, field, frozen
from msgspec import UNSET, UnsetType

from e2ad.api.shapes import Instant
from e2ad.api.views import optional_instant
from e2ad.core.events import rfc3339
from e2ad.core.search_highlights import Highlight
from e2ad.gateway.messages import Reading
from e2ad.storage.messages import Listed, Message, Summary

__all__ = [
    "AttachmentMetaView",
    "AttachmentView",
    "DeleteMessageResult",
    "MessageSummaryView",
    "MessageView",
    "PageMessageSummaryView",
    "UpdateMessageResultView",
    "highlighted",
    "message_view",
    "review_status",
    "summary_view",
]

PARSED_TEXT_BYTES: Final = 16_384

SpfStatus = Literal["pass", "fail", "none", "neutral", "softfail", "temperror", "permerror"]
DkimStatus = Literal["pass", "fail", "none", "neutral", "policy", "temperror", "permerror"]
DmarcStatus = Literal["pass", "fail", "none", "temperror", "permerror"]
Direction = Literal["inbound", "outbound"]


@frozen
class SPFResult:
    """The SPF verdict."""

    status: SpfStatus
    domain: str | None
    aligned: bool | None
    detail: str | UnsetType = UNSET


@frozen
class DKIMResult:
    """The verdict on one signature."""

    status: DkimStatus
    domain: str | None
    selector: str | None
    aligned: bool | None
    detail: str | UnsetType = UNSET


@frozen
class DMARCResult:
    """The DMARC verdict for the From domain."""

    status: DmarcStatus
    domain: str | None
    policy: Literal["none", "quarantine", "reject"] | None
    aligned_by: list[Literal["spf", "dkim"]]
    detail: str | UnsetType = UNSET


@frozen
class ARCResult:
    """What an intermediary claims to have seen; evidence for a person, no part of any verdict."""

    status: Literal["none", "pass", "fail", "temperror"]
    domain: str | None
    detail: str | UnsetType = UNSET


@frozen
class Authentication:
    """The evidence about the sender."""

    spf: SPFResult
    dkim: list[DKIMResult]
    dmarc: DMARCResult
    arc: ARCResult | UnsetType = UNSET


@frozen
class AttachmentMetaView:
    """One attachment, without its bytes."""

    index: int
    size_bytes: int
    filename: str | UnsetType = UNSET
    content_type: str | UnsetType = UNSET
    content_id: str | UnsetType = UNSET


@frozen
class AttachmentView:
    """One attachment and where to get its bytes."""

    index: int
    size_bytes: int
    download_url: str
    expires_at: Instant
    filename: str | UnsetType = UNSET
    content_type: str | UnsetType = UNSET
    content_id: str | UnsetType = UNSET
    data: bytes | UnsetType = UNSET


@frozen
class SenderContinuityView:
    """How the sender's authentication compares with what this agent knows of it, and why: an addition."""

    status: Literal["new", "consistent", "break"]
    detail: str
    resembles: str | UnsetType = UNSET


@frozen
class MessageParsedView:
    """The bodies: `text` is what is new in the message, without the history it quotes."""

    text: str
    truncated: bool
    html: str | UnsetType = UNSET


@frozen
class HighlightView:
    """A piece of plain text in which a search has hits: `ranges` are their first character and the one behind."""

    field: Literal["subject", "from", "text", "attachment"]
    text: str
    ranges: list[list[int]]


@frozen
class MessageSummaryView:
    """A message in a list."""

    id: str
    direction: Direction
    header_from: str | None
    envelope_from: str | None
    verified_domain: str | None
    to: list[str]
    delivered_to: str
    subject: str
    read_status: str
    labels: list[str]
    created_at: Instant
    cc: list[str] | UnsetType = UNSET
    reply_to: list[str] | UnsetType = UNSET
    conversation_id: str | UnsetType = UNSET
    thread_id: str | UnsetType = UNSET
    size_bytes: int | UnsetType = UNSET
    deleted_at: Instant | UnsetType = UNSET
    review_status: str | UnsetType = UNSET
    flagged: bool | UnsetType = UNSET
    flag_reason: str | UnsetType = UNSET
    sender_continuity: SenderContinuityView | UnsetType = UNSET
    delivery_status: str | UnsetType = UNSET
    delivery_detail: str | UnsetType = UNSET
    sent_as: str | UnsetType = UNSET
    scheduled_at: Instant | UnsetType = UNSET
    webhook_status: str | UnsetType = UNSET
    webhook_error: str | UnsetType = UNSET
    highlights: list[HighlightView] | UnsetType = UNSET


@frozen
class PageMessageSummaryView:
    """One page of messages."""

    items: list[MessageSummaryView]
    next_cursor: str | None


@frozen
class MessageView:
    """A message, whole.

    `auth_headers` is an addition: the `X-E2A-Auth-*` set for this reading. So are `sender_name`,
    the name beside the From address, `automation`, present when a machine wrote the mail, `sender_continuity`, and
    `method`, how mail out leaves.
    """

    id: str
    direction: Direction
    header_from: str | None
    envelope_from: str | None
    verified_domain: str | None
    authentication: Authentication | None
    to: list[str]
    cc: list[str]
    reply_to: list[str]
    delivered_to: str
    subject: str
    conversation_id: str
    read_status: str
    labels: list[str]
    created_at: Instant
    raw_message: bytes | None = field(repr=False)
    attachments: list[AttachmentMetaView]
    parsed: MessageParsedView | UnsetType = UNSET
    auth_headers: dict[str, str] | UnsetType = UNSET
    sender_name: str | UnsetType = UNSET
    automation: str | UnsetType = UNSET
    method: str | UnsetType = UNSET
    size_bytes: int | UnsetType = UNSET
    deleted_at: Instant | UnsetType = UNSET
    review_status: str | UnsetType = UNSET
    flagged: bool | UnsetType = UNSET
    flag_reason: str | UnsetType = UNSET
    sender_continuity: SenderContinuityView | UnsetType = UNSET
    delivery_status: str | UnsetType = UNSET
    delivery_detail: str | UnsetType = UNSET
    sent_as: str | UnsetType = UNSET
    body: dict[str, Any] | UnsetType = UNSET
    hold_reason: dict[str, Any] | UnsetType = UNSET
    protection: list[dict[str, Any]] | UnsetType = UNSET
    webhook_status: str | UnsetType = UNSET
    webhook_error: str | UnsetType = UNSET
    agent_email: str | UnsetType = UNSET
    bcc: list[str] | UnsetType = UNSET
    approval_expires_at: Instant | UnsetType = UNSET
    scheduled_at: Instant | UnsetType = UNSET
    thread_id: str | UnsetType = UNSET
    revision: int | UnsetType = UNSET
    content_sha256: str | UnsetType = UNSET
    edited: bool | UnsetType = UNSET


@frozen
class UpdateMessageResultView:
    """Labels and read state after a change."""

    message_id: str
    labels: list[str]
    read_status: str | UnsetType = UNSET


@frozen
class DeleteMessageResult:
    """The message is in the trash, or gone."""

    deleted: bool
    id: str


def read_status(direction: str, *, unread: bool) -> str:
    """`unread` or `read`; outbound mail has none."""
    if direction != "inbound":
        return ""
    return "unread" if unread else "read"


def review_status(row: Summary) -> str | UnsetType:
    """The state of a hold, of mail out alone; what was never held, or was approved, is `sent` (contract: states)."""
    if row.direction == "inbound":
        return UNSET
    return "sent" if row.review_status in (None, "review_approved") else row.review_status


def summary_view(row: Summary, *, with_size: bool = True) -> MessageSummaryView:
    """A row of a list. Members of a conversation are shown without their size and thread."""
    return MessageSummaryView(
        **_common(row),
        read_status=read_status(row.direction, unread=row.unread),
        cc=row.cc_addresses or UNSET,
        reply_to=(row.reply_to_addresses or UNSET) if row.direction == "inbound" else UNSET,
        conversation_id=(_conversation(row) or UNSET),
        thread_id=(row.thread_id or UNSET) if isinstance(row, Listed) else UNSET,
        size_bytes=(row.size_bytes or UNSET) if with_size else UNSET,
    )


def highlighted(view: MessageSummaryView, found: Sequence[Highlight]) -> MessageSummaryView:
    """The row with what a search found in it."""
    return evolve(
        view, highlights=[HighlightView(one.field, one.text, [list(pair) for pair in one.ranges]) for one in found]
    )


def message_view(reading: Reading) -> MessageView:
    """The whole message."""
    row, inbound = reading.message, reading.message.direction == "inbound"
    return MessageView(
        **_common(row),
        authentication=msgspec.convert(row.authentication, Authentication) if row.authentication else None,
        cc=row.cc_addresses,
        reply_to=row.reply_to_addresses if inbound else [],
        conversation_id=_conversation(row),
        read_status=read_status(row.direction, unread=reading.unread),
        raw_message=row.raw,
        attachments=msgspec.convert(row.attachments, list[AttachmentMetaView]),
        parsed=_parsed(row),
        auth_headers=reading.auth_headers if reading.auth_headers is not None else UNSET,
        sender_name=row.sender_name or UNSET,
        automation=row.automation or UNSET,
        method=row.method if not inbound else UNSET,
        thread_id=row.thread_id or UNSET,
        size_bytes=row.size_bytes or UNSET,
    )


def _common(row: Summary) -> dict[str, Any]:
    """The members that a row and a whole message show alike."""
    return {
        "id": row.id,
        "direction": "inbound" if row.direction == "inbound" else "outbound",
        "header_from": row.header_from,
        "envelope_from": row.envelope_from,
        "verified_domain": row.verified_domain,
        "to": row.to_addresses,
        "delivered_to": row.delivered_to,
        "subject": row.subject,
        "labels": row.labels,
        "created_at": rfc3339(row.created_at),
        "deleted_at": optional_instant(row.deleted_at),
        "review_status": review_status(row),
        "flagged": row.flagged or UNSET,
        "flag_reason": row.flag_reason or UNSET,
        "sender_continuity": _continuity(row),
        "delivery_status": row.delivery_status or UNSET,
        "delivery_detail": row.delivery_detail or UNSET,
        "sent_as": row.sent_as or UNSET,
        "scheduled_at": optional_instant(row.scheduled_at),
    }


def _continuity(row: Summary) -> SenderContinuityView | UnsetType:
    if row.continuity is None:
        return UNSET
    return msgspec.convert(
        {
            "status": row.continuity,
            "detail": row.continuity_detail or "",
            **({} if row.resembles is None else {"resembles": row.resembles}),
        },
        SenderContinuityView,
    )


def _conversation(row: Summary) -> str:
    """Of mail out always; of mail in once another message has joined it."""
    return row.conversation_id if row.threaded or row.direction == "outbound" else ""


def _parsed(row: Message) -> MessageParsedView | UnsetType:
    # A reply that says nothing new still says what it quotes.
    whole = row.new_text or row.body_text
    if not whole and row.body_html is None:
        return UNSET
    text = _cut(whole)
    return MessageParsedView(
        text=text,
        truncated=row.truncated or len(text) < len(whole),
        html=row.body_html if row.body_html is not None else UNSET,
    )


def _cut(text: str) -> str:
    """At most 16 KiB of UTF-8, never half a character."""
    if len(text) * 4 <= PARSED_TEXT_BYTES:
        return text
    return text.encode()[:PARSED_TEXT_BYTES].decode(errors="ignore")
