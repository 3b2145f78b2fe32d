"""Mail of an account that is taken along, and what became of it."""

from datetime import datetime
from typing import Any

from attrs import frozen

from e2ad.sdk.models.messages import AttachmentMetaView, Authentication

__all__ = [
    "CorrespondentExportEntry",
    "DeliveryExportEntry",
    "Message",
    "RecipientExportEntry",
    "ReviewExportEntry",
    "SenderEvidenceExportEntry",
    "TransitionExportEntry",
]


@frozen(kw_only=True)
class CorrespondentExportEntry:
    """What one agent has seen of an address: mail in, mail in with a DMARC pass, mail out."""

    agent_email: str
    address: str
    inbound_count: int
    verified_count: int
    outbound_count: int
    first_inbound_at: datetime | None = None
    last_inbound_at: datetime | None = None
    first_outbound_at: datetime | None = None
    last_outbound_at: datetime | None = None
    last_conversation_id: str | None = None


@frozen(kw_only=True)
class DeliveryExportEntry:
    """An event on its way to an endpoint: a webhook's id, or an agent's address for its own URL."""

    id: str
    endpoint: str
    kind: str
    event_type: str
    status: str
    attempts: int
    created_at: datetime
    event_id: str | None = None
    message_id: str | None = None
    last_attempt_at: datetime | None = None
    last_status_code: int | None = None
    last_error: str | None = None


@frozen(kw_only=True)
class Message:
    """A message with its bytes, its attachments inside them. A held draft has none of either."""

    id: str
    agent_email: str
    direction: str
    header_from: str | None
    envelope_from: str | None
    verified_domain: str | None
    authentication: Authentication | None
    delivered_to: str
    subject: str
    created_at: datetime
    expires_at: datetime | None
    to: list[str]
    cc: list[str]
    bcc: list[str]
    reply_to: list[str]
    attachments: list[AttachmentMetaView]
    labels: list[str]
    flagged: bool
    read_status: str
    method: str
    size_bytes: int
    sender_name: str
    conversation_id: str
    text: str
    html: str | None = None
    approval_expires_at: datetime | None = None
    deleted_at: datetime | None = None
    delivery_detail: str | None = None
    delivery_status: str | None = None
    edited: bool | None = None
    email_message_id: str | None = None
    flag_reason: str | None = None
    provider_message_id: str | None = None
    rejection_reason: str | None = None
    review_reason: str | None = None
    reviewed_at: datetime | None = None
    scan_action: str | None = None
    scan_score: float | None = None
    scheduled_at: datetime | None = None
    sent_as: str | None = None
    status: str | None = None
    type: str | None = None
    raw_message: str | None = None


@frozen(kw_only=True)
class RecipientExportEntry:
    """How far a message came on its way to one recipient. `field` is to, cc or bcc."""

    message_id: str
    address: str
    field: str
    route: str
    status: str
    changed_at: datetime
    provenance: str | None = None
    smtp_code: int | None = None
    enhanced_code: str | None = None
    detail: str | None = None


@frozen(kw_only=True)
class ReviewExportEntry:
    """A message that is or was held, and what was decided."""

    message_id: str
    agent_email: str
    direction: str
    reason: dict[str, Any]
    findings: list[Any]
    on_expiry: str
    revision: int
    edited: bool
    created_at: datetime
    scheduled_at: datetime | None = None
    decided_at: datetime | None = None
    decided_via: str | None = None
    decided_by: str | None = None
    rejection_reason: str | None = None


@frozen(kw_only=True)
class SenderEvidenceExportEntry:
    """With what an address authenticated, and how often."""

    agent_email: str
    address: str
    mechanism: str
    domain: str
    selector: str
    count: int
    first_at: datetime
    last_at: datetime


@frozen(kw_only=True)
class TransitionExportEntry:
    """A row of the ledger of a message."""

    id: str
    message_id: str
    reason_code: str
    stage: str
    outcome: str
    retryable: bool
    evidence: dict[str, Any]
    correlation_ids: dict[str, Any]
    occurred_at: datetime
    recipient: str | None = None
