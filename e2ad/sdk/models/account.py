"""The account, its keys and the programs that were let in."""

from datetime import datetime

from attrs import field, frozen

__all__ = [
    "APIKeyView",
    "AccountUserView",
    "AccountView",
    "ConnectionView",
    "CreateAPIKeyResponse",
    "DeleteApiKeyResult",
    "DeleteConnectionResult",
    "DeleteUserDataResult",
    "LimitsCapsView",
    "LimitsUsageView",
    "SuppressionView",
]


@frozen(kw_only=True)
class APIKeyView:
    """An API key; the key itself is shown once, when it is made."""

    id: str
    name: str
    key_prefix: str
    scope: str
    created_at: datetime
    agent_email: str | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


@frozen(kw_only=True)
class AccountUserView:
    """The owner."""

    id: str
    email: str


@frozen(kw_only=True)
class ConnectionView:
    """A program that was let in. `agent_email` is empty for the whole account."""

    id: str
    client_id: str
    client_name: str
    agent_email: str
    scope: str
    issued_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@frozen(kw_only=True)
class CreateAPIKeyResponse:
    """The new key, shown this once."""

    key: str = field(repr=False)
    id: str
    name: str
    key_prefix: str
    scope: str
    created_at: datetime
    agent_email: str | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


@frozen(kw_only=True)
class DeleteApiKeyResult:
    """The key that is revoked."""

    deleted: bool
    id: str


@frozen(kw_only=True)
class DeleteConnectionResult:
    """The connection that is ended."""

    deleted: bool
    id: str


@frozen(kw_only=True)
class DeleteUserDataResult:
    """The account is gone; how many rows of what it had are too."""

    deleted: bool
    user_deleted: bool
    messages_deleted: int
    agents_deleted: int
    domains_deleted: int
    api_keys_deleted: int
    sessions_deleted: int
    agent_suppressions_deleted: int
    agent_unsubscribe_tokens_deleted: int
    usage_events_deleted: int
    usage_summaries_deleted: int
    oauth_access_tokens_deleted: int
    oauth_auth_codes_deleted: int
    oauth_refresh_tokens_deleted: int
    suppressions_deleted: int
    templates_deleted: int
    webhooks_deleted: int
    events_deleted: int
    deliveries_deleted: int
    contacts_deleted: int
    protection_events_deleted: int


@frozen(kw_only=True)
class LimitsCapsView:
    """What the account may have."""

    max_agents: int
    max_domains: int
    max_messages_month: int
    max_storage_bytes: int


@frozen(kw_only=True)
class LimitsUsageView:
    """What the account has."""

    agents: int
    domains: int
    messages_month: int
    storage_bytes: int


@frozen(kw_only=True)
class AccountView:
    """The account behind the credential."""

    user: AccountUserView
    scope: str
    plan_code: str
    limits: LimitsCapsView
    usage: LimitsUsageView
    upgrade_url: str
    agent_email: str | None = None


@frozen(kw_only=True)
class SuppressionView:
    """An address that no agent of the account writes to."""

    address: str
    source: str
    created_at: datetime
    reason: str | None = None
    source_message_id: str | None = None
