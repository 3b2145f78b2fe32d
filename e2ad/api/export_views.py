"""What an export of an account consists of: the contract's UserExport and more.

A member of a view is the column of the same name in `sql/queries/export.sql`.
"""

from collections.abc import Mapping
from typing import Any, Final, get_args, get_origin, get_type_hints

from attrs import field, frozen
from msgspec import UNSET, UnsetType

from e2ad.api.export_people import IdentityExportEntry, OAuthConnectionEntry, SessionExportEntry
from e2ad.api.message_views import AttachmentMetaView, Authentication
from e2ad.api.shapes import Instant

__all__ = ["MEMBERS", "UserExport", "UserExportUser"]


@frozen
class UserExportUser:
    """The owner."""

    id: str
    email: str
    name: str
    created_at: Instant


@frozen
class Domain:
    """A domain of the account."""

    domain: str
    verified: bool
    verification_token: str
    created_at: Instant
    primary: bool
    agent_count: int
    sending_status: str
    user_id: str
    dkim_public_key: str | UnsetType = UNSET
    dkim_selector: str | UnsetType = UNSET
    last_checked_at: Instant | UnsetType = UNSET
    sending_error: str | UnsetType = UNSET
    sending_last_checked_at: Instant | UnsetType = UNSET
    verified_at: Instant | UnsetType = UNSET


@frozen
class AgentIdentity:
    """An agent, live or in the trash, with what its owner wants to be asked about."""

    domain: str
    registered_domain: str
    email: str
    name: str
    domain_verified: bool
    public: bool
    created_at: Instant
    user_id: str
    agent_mode: str
    webhook_url: str
    catch_all: bool
    ttl_seconds: int
    on_expiry: str
    suppress_notifications: bool
    inbound_7d: int
    outbound_7d: int
    pending_count: int
    inbound_policy: str
    inbound_policy_action: str
    outbound_policy: str
    outbound_policy_action: str
    inbound_scan: str
    inbound_scan_review_threshold: float
    inbound_scan_block_threshold: float
    outbound_scan: str
    outbound_scan_review_threshold: float
    outbound_scan_block_threshold: float
    inbound_scan_sensitivity: str
    outbound_scan_sensitivity: str
    inbound_allowlist: list[str]
    outbound_allowlist: list[str]
    protection: dict[str, Any]
    deleted_at: Instant | UnsetType = UNSET
    last_delivery_at: Instant | UnsetType = UNSET


@frozen
class APIKeyExportEntry:
    """What is known of a key; the key itself is stored nowhere."""

    id: str
    name: str
    key_prefix: str
    scope: str
    created_at: Instant
    agent_email: str | UnsetType = UNSET
    last_used_at: Instant | UnsetType = UNSET
    expires_at: Instant | UnsetType = UNSET
    revoked_at: Instant | UnsetType = UNSET


@frozen
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
    created_at: Instant
    expires_at: Instant | None
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
    html: str | UnsetType = UNSET
    approval_expires_at: Instant | UnsetType = UNSET
    deleted_at: Instant | UnsetType = UNSET
    delivery_detail: str | UnsetType = UNSET
    delivery_status: str | UnsetType = UNSET
    edited: bool | UnsetType = UNSET
    email_message_id: str | UnsetType = UNSET
    flag_reason: str | UnsetType = UNSET
    provider_message_id: str | UnsetType = UNSET
    rejection_reason: str | UnsetType = UNSET
    review_reason: str | UnsetType = UNSET
    reviewed_at: Instant | UnsetType = UNSET
    scan_action: str | UnsetType = UNSET
    scan_score: float | UnsetType = UNSET
    scheduled_at: Instant | UnsetType = UNSET
    sent_as: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    raw_message: bytes | UnsetType = field(default=UNSET, repr=False)


@frozen
class SuppressionExportEntry:
    """An address that is not written to, by nobody or not by one agent."""

    address: str
    source: str
    created_at: Instant
    agent_email: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET


@frozen
class ProtectionEventExportEntry:
    """What the gate or the scan noticed of a message."""

    id: str
    message_id: str
    agent_email: str
    direction: str
    source: str
    reason: str
    action: str
    created_at: Instant
    categories: list[Any]
    summary: str
    detector: str | UnsetType = UNSET
    peer_address: str | UnsetType = UNSET
    scan_score: float | UnsetType = UNSET


@frozen
class RecipientExportEntry:
    """How far a message came on its way to one recipient. `field` is to, cc or bcc."""

    message_id: str
    address: str
    field: str
    route: str
    status: str
    changed_at: Instant
    provenance: str | UnsetType = UNSET
    smtp_code: int | UnsetType = UNSET
    enhanced_code: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET


@frozen
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
    occurred_at: Instant
    recipient: str | UnsetType = UNSET


@frozen
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
    created_at: Instant
    scheduled_at: Instant | UnsetType = UNSET
    decided_at: Instant | UnsetType = UNSET
    decided_via: str | UnsetType = UNSET
    decided_by: str | UnsetType = UNSET
    rejection_reason: str | UnsetType = UNSET


@frozen
class TemplateExportEntry:
    """A template with its texts."""

    id: str
    name: str
    subject: str
    text: str
    created_at: Instant
    updated_at: Instant
    alias: str | UnsetType = UNSET
    html: str | UnsetType = UNSET
    from_starter_alias: str | UnsetType = UNSET
    from_starter_version: str | UnsetType = UNSET


@frozen
class WebhookExportEntry:
    """A webhook without its secret. `surface`: which API made it."""

    id: str
    surface: str
    url: str
    description: str
    events: list[str]
    agent_emails: list[str]
    conversation_ids: list[str]
    labels: list[str]
    enabled: bool
    created_at: Instant
    auto_disabled_at: Instant | UnsetType = UNSET
    auto_disabled_reason: str | UnsetType = UNSET
    last_delivered_at: Instant | UnsetType = UNSET


@frozen
class DeliveryExportEntry:
    """An event on its way to an endpoint: a webhook's id, or an agent's address for its own URL."""

    id: str
    endpoint: str
    kind: str
    event_type: str
    status: str
    attempts: int
    created_at: Instant
    event_id: str | UnsetType = UNSET
    message_id: str | UnsetType = UNSET
    last_attempt_at: Instant | UnsetType = UNSET
    last_status_code: int | UnsetType = UNSET
    last_error: str | UnsetType = UNSET


@frozen
class ContactExportEntry:
    """Whom the account deals with."""

    address: str
    display_name: str
    metadata: dict[str, Any]
    source: str
    created_at: Instant
    updated_at: Instant
    import_batch_id: str | UnsetType = UNSET


@frozen
class EngagementExportEntry:
    """How one agent stands with a contact."""

    agent_email: str
    address: str
    stage: str
    metadata: dict[str, Any]
    created_at: Instant
    updated_at: Instant
    next_action_at: Instant | UnsetType = UNSET
    import_batch_id: str | UnsetType = UNSET


@frozen
class CorrespondentExportEntry:
    """What one agent has seen of an address: mail in, mail in with a DMARC pass, mail out."""

    agent_email: str
    address: str
    inbound_count: int
    verified_count: int
    outbound_count: int
    first_inbound_at: Instant | UnsetType = UNSET
    last_inbound_at: Instant | UnsetType = UNSET
    first_outbound_at: Instant | UnsetType = UNSET
    last_outbound_at: Instant | UnsetType = UNSET
    last_conversation_id: str | UnsetType = UNSET


@frozen
class SenderEvidenceExportEntry:
    """With what an address authenticated, and how often."""

    agent_email: str
    address: str
    mechanism: str
    domain: str
    selector: str
    count: int
    first_at: Instant
    last_at: Instant


@frozen
class AuditExportEntry:
    """A row of the audit log. `evidence` is a JSON text, which the digest is made of as it stands there."""

    number: int
    at: Instant
    actor_kind: str
    actor: str
    action: str
    subject: str
    evidence: str
    previous: str
    digest: str


@frozen
class UserExport:
    """All that is stored of an account, as of `generated_at`.

    Secrets are left out, and what is made from the rest: the search index, queues, counters.
    """

    generated_at: Instant
    schema_version: str
    user: UserExportUser
    domains: list[Domain]
    agents: list[AgentIdentity]
    api_keys: list[APIKeyExportEntry]
    messages: list[Message]
    suppressions: list[SuppressionExportEntry]
    protection_events: list[ProtectionEventExportEntry]
    oauth_connections: list[OAuthConnectionEntry]
    recipients: list[RecipientExportEntry]
    transitions: list[TransitionExportEntry]
    reviews: list[ReviewExportEntry]
    templates: list[TemplateExportEntry]
    webhooks: list[WebhookExportEntry]
    events: list[dict[str, Any]]
    deliveries: list[DeliveryExportEntry]
    contacts: list[ContactExportEntry]
    engagements: list[EngagementExportEntry]
    correspondents: list[CorrespondentExportEntry]
    sender_evidence: list[SenderEvidenceExportEntry]
    sessions: list[SessionExportEntry]
    identities: list[IdentityExportEntry]
    audit: list[AuditExportEntry]


MEMBERS: Final[Mapping[str, type[Any]]] = {
    name: get_args(hint)[0] for name, hint in get_type_hints(UserExport).items() if get_origin(hint) is list
}
"""What the rows of each collection are made into."""
