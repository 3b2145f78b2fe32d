"""Mail: its parts, the evidence about its sender, what became of it."""

from datetime import datetime
from typing import Any

from attrs import frozen

__all__ = [
    "ARCResult",
    "AttachmentMetaView",
    "AttachmentView",
    "Authentication",
    "DKIMResult",
    "DMARCResult",
    "DeleteMessageResult",
    "HighlightView",
    "MessageLifecycleTransition",
    "MessageParsedView",
    "MessageSummaryView",
    "MessageView",
    "ModelView",
    "RemovedView",
    "ResolveMessageResult",
    "SPFResult",
    "SendResultView",
    "SenderContinuityView",
    "UpdateMessageResultView",
]


@frozen(kw_only=True)
class ARCResult:
    """What an intermediary claims to have seen; evidence for a person, no part of any verdict."""

    status: str
    domain: str | None
    detail: str | None = None


@frozen(kw_only=True)
class AttachmentMetaView:
    """One attachment, without its bytes."""

    index: int
    size_bytes: int
    filename: str | None = None
    content_type: str | None = None
    content_id: str | None = None


@frozen(kw_only=True)
class AttachmentView:
    """One attachment and where to get its bytes."""

    index: int
    size_bytes: int
    download_url: str
    expires_at: datetime
    filename: str | None = None
    content_type: str | None = None
    content_id: str | None = None
    data: str | None = None


@frozen(kw_only=True)
class DKIMResult:
    """The verdict on one signature."""

    status: str
    domain: str | None
    selector: str | None
    aligned: bool | None
    detail: str | None = None


@frozen(kw_only=True)
class DMARCResult:
    """The DMARC verdict for the From domain."""

    status: str
    domain: str | None
    policy: str | None
    aligned_by: list[str]
    detail: str | None = None


@frozen(kw_only=True)
class DeleteMessageResult:
    """The message is in the trash, or gone."""

    deleted: bool
    id: str


@frozen(kw_only=True)
class HighlightView:
    """A piece of plain text in which a search has hits: `ranges` are their first character and the one behind."""

    field: str
    text: str
    ranges: list[list[int]]


@frozen(kw_only=True)
class MessageLifecycleTransition:
    """One fact. `reconstructed`: it was not written down but follows from the message."""

    id: str
    message_id: str
    direction: str
    stage: str
    outcome: str
    reason_code: str
    retryable: bool
    evidence: dict[str, Any]
    correlation_ids: dict[str, str]
    occurred_at: datetime
    reconstructed: bool
    recipient: str | None


@frozen(kw_only=True)
class MessageParsedView:
    """The bodies: `text` is what is new in the message, without the history it quotes."""

    text: str
    truncated: bool
    html: str | None = None


@frozen(kw_only=True)
class RemovedView:
    """How many characters of one kind were taken out of a text."""

    kind: str
    count: int


@frozen(kw_only=True)
class ModelView:
    """A message for a language model, or a part of it.

    `text` is what to give the model: facts of ours, then all that the sender wrote, between a line `<<<UNTRUSTED-MAIL
    nonce>>>` and a line `<<<END-UNTRUSTED-MAIL nonce>>>`. `nonce` is new in each answer and does not occur in what the
    sender wrote. What stands between the two lines is the content from character `offset` on; the contents of all
    parts, joined, are the whole of `total_chars` characters.
    """

    message_id: str
    text: str
    offset: int
    next_offset: int | None
    total_chars: int
    nonce: str
    removed: list[RemovedView]
    truncated: bool


@frozen(kw_only=True)
class ResolveMessageResult:
    """It is done."""

    message_id: str
    outcome: str


@frozen(kw_only=True)
class SPFResult:
    """The SPF verdict."""

    status: str
    domain: str | None
    aligned: bool | None
    detail: str | None = None


@frozen(kw_only=True)
class Authentication:
    """The evidence about the sender."""

    spf: SPFResult
    dkim: list[DKIMResult]
    dmarc: DMARCResult
    arc: ARCResult | None = None


@frozen(kw_only=True)
class SendResultView:
    """What became of the mail so far; `status` decides which members are there."""

    status: str
    message_id: str
    method: str | None = None
    sent_as: str | None = None
    provider_message_id: str | None = None
    approval_expires_at: datetime | None = None
    scheduled_at: datetime | None = None
    edited: bool | None = None


@frozen(kw_only=True)
class SenderContinuityView:
    """How the sender's authentication compares with what this agent knows of it, and why: an addition."""

    status: str
    detail: str
    resembles: str | None = None


@frozen(kw_only=True)
class MessageSummaryView:
    """A message in a list."""

    id: str
    direction: str
    header_from: str | None
    envelope_from: str | None
    verified_domain: str | None
    to: list[str]
    delivered_to: str
    subject: str
    read_status: str
    labels: list[str]
    created_at: datetime
    cc: list[str] | None = None
    reply_to: list[str] | None = None
    conversation_id: str | None = None
    thread_id: str | None = None
    size_bytes: int | None = None
    deleted_at: datetime | None = None
    review_status: str | None = None
    flagged: bool | None = None
    flag_reason: str | None = None
    sender_continuity: SenderContinuityView | None = None
    delivery_status: str | None = None
    delivery_detail: str | None = None
    sent_as: str | None = None
    scheduled_at: datetime | None = None
    webhook_status: str | None = None
    webhook_error: str | None = None
    highlights: list[HighlightView] | None = None


@frozen(kw_only=True)
class MessageView:
    """A message, whole.

    `auth_headers` is an addition: the `X-E2A-Auth-*` set for this reading. So are `sender_name`, the name beside the
    From address, `automation`, present when a machine wrote the mail, `sender_continuity`, and `method`, how mail out
    leaves.
    """

    id: str
    direction: str
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
    created_at: datetime
    raw_message: str | None
    attachments: list[AttachmentMetaView]
    parsed: MessageParsedView | None = None
    auth_headers: dict[str, str] | None = None
    sender_name: str | None = None
    automation: str | None = None
    method: str | None = None
    size_bytes: int | None = None
    deleted_at: datetime | None = None
    review_status: str | None = None
    flagged: bool | None = None
    flag_reason: str | None = None
    sender_continuity: SenderContinuityView | None = None
    delivery_status: str | None = None
    delivery_detail: str | None = None
    sent_as: str | None = None
    body: dict[str, Any] | None = None
    hold_reason: dict[str, Any] | None = None
    protection: list[dict[str, Any]] | None = None
    webhook_status: str | None = None
    webhook_error: str | None = None
    agent_email: str | None = None
    bcc: list[str] | None = None
    approval_expires_at: datetime | None = None
    scheduled_at: datetime | None = None
    thread_id: str | None = None
    revision: int | None = None
    content_sha256: str | None = None
    edited: bool | None = None


@frozen(kw_only=True)
class UpdateMessageResultView:
    """Labels and read state after a change."""

    message_id: str
    labels: list[str]
    read_status: str | None = None
