"""All data of an account, as it is taken along."""

from datetime import datetime
from typing import Any

from attrs import frozen

from e2ad.sdk.models.exported_mail import (
    CorrespondentExportEntry,
    DeliveryExportEntry,
    Message,
    RecipientExportEntry,
    ReviewExportEntry,
    SenderEvidenceExportEntry,
    TransitionExportEntry,
)

__all__ = [
    "APIKeyExportEntry",
    "AgentIdentity",
    "AuditExportEntry",
    "ContactExportEntry",
    "Domain",
    "EngagementExportEntry",
    "IdentityExportEntry",
    "OAuthConnectionEntry",
    "ProtectionEventExportEntry",
    "SessionExportEntry",
    "SuppressionExportEntry",
    "TemplateExportEntry",
    "UserExport",
    "UserExportUser",
    "WebhookExportEntry",
]


@frozen(kw_only=True)
class APIKeyExportEntry:
    """What is known of a key; the key itself is stored nowhere."""

    id: str
    name: str
    key_prefix: str
    scope: str
    created_at: datetime
    agent_email: str | None = None
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@frozen(kw_only=True)
class AgentIdentity:
    """An agent, live or in the trash, with what its owner wants to be asked about."""

    domain: str
    registered_domain: str
    email: str
    name: str
    domain_verified: bool
    public: bool
    created_at: datetime
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
    deleted_at: datetime | None = None
    last_delivery_at: datetime | None = None


@frozen(kw_only=True)
class AuditExportEntry:
    """A row of the audit log. `evidence` is a JSON text, which the digest is made of as it stands there."""

    number: int
    at: datetime
    actor_kind: str
    actor: str
    action: str
    subject: str
    evidence: str
    previous: str
    digest: str


@frozen(kw_only=True)
class ContactExportEntry:
    """Whom the account deals with."""

    address: str
    display_name: str
    metadata: dict[str, Any]
    source: str
    created_at: datetime
    updated_at: datetime
    import_batch_id: str | None = None


@frozen(kw_only=True)
class Domain:
    """A domain of the account."""

    domain: str
    verified: bool
    verification_token: str
    created_at: datetime
    primary: bool
    agent_count: int
    sending_status: str
    user_id: str
    dkim_public_key: str | None = None
    dkim_selector: str | None = None
    last_checked_at: datetime | None = None
    sending_error: str | None = None
    sending_last_checked_at: datetime | None = None
    verified_at: datetime | None = None


@frozen(kw_only=True)
class EngagementExportEntry:
    """How one agent stands with a contact."""

    agent_email: str
    address: str
    stage: str
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    next_action_at: datetime | None = None
    import_batch_id: str | None = None


@frozen(kw_only=True)
class IdentityExportEntry:
    """Somebody at an OpenID provider who signs in to the account."""

    issuer: str
    subject: str
    email: str
    created_at: datetime
    last_used_at: datetime


@frozen(kw_only=True)
class OAuthConnectionEntry:
    """A program that was let in. `agent_email` is empty for one that may act for the whole account."""

    client_id: str
    client_name: str
    agent_email: str
    scope: str
    issued_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@frozen(kw_only=True)
class ProtectionEventExportEntry:
    """What the gate or the scan noticed of a message."""

    id: str
    message_id: str
    agent_email: str
    direction: str
    source: str
    reason: str
    action: str
    created_at: datetime
    categories: list[Any]
    summary: str
    detector: str | None = None
    peer_address: str | None = None
    scan_score: float | None = None


@frozen(kw_only=True)
class SessionExportEntry:
    """A browser that is signed in. `signed_in_by`: `key`, `link` or `oidc`."""

    signed_in_by: str
    browser: str
    network: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@frozen(kw_only=True)
class SuppressionExportEntry:
    """An address that is not written to, by nobody or not by one agent."""

    address: str
    source: str
    created_at: datetime
    agent_email: str | None = None
    reason: str | None = None


@frozen(kw_only=True)
class TemplateExportEntry:
    """A template with its texts."""

    id: str
    name: str
    subject: str
    text: str
    created_at: datetime
    updated_at: datetime
    alias: str | None = None
    html: str | None = None
    from_starter_alias: str | None = None
    from_starter_version: str | None = None


@frozen(kw_only=True)
class UserExportUser:
    """The owner."""

    id: str
    email: str
    name: str
    created_at: datetime


@frozen(kw_only=True)
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
    created_at: datetime
    auto_disabled_at: datetime | None = None
    auto_disabled_reason: str | None = None
    last_delivered_at: datetime | None = None


@frozen(kw_only=True)
class UserExport:
    """All that is stored of an account, as of `generated_at`.

    Secrets are left out, and what is made from the rest: the search index, queues, counters.
    """

    generated_at: datetime
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
