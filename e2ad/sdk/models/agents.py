"""Agents, their protection, and whom they do not write to."""

from datetime import datetime

from attrs import frozen

__all__ = [
    "AgentSuppressionView",
    "AgentView",
    "DeleteAgentResult",
    "DeleteSuppressionResult",
    "ProtectionConfigView",
    "ProtectionDirectionView",
    "ProtectionGateView",
    "ProtectionHoldsView",
    "ProtectionScanView",
]


@frozen(kw_only=True)
class AgentSuppressionView:
    """An address that one agent does not write to."""

    agent_email: str
    address: str
    source: str
    created_at: datetime
    reason: str | None = None


@frozen(kw_only=True)
class AgentView:
    """An agent. `registered_domain` is the domain row that authorises its address."""

    domain: str
    registered_domain: str
    email: str
    name: str
    domain_verified: bool
    created_at: datetime
    agent_mode: str
    webhook_url: str
    catch_all: bool
    deleted_at: datetime | None = None


@frozen(kw_only=True)
class DeleteAgentResult:
    """The agent that is gone. `messages_deleted` is 0 for the trash, which keeps them."""

    deleted: bool
    email: str
    messages_deleted: int


@frozen(kw_only=True)
class DeleteSuppressionResult:
    """The address may be written to again."""

    deleted: bool
    address: str


@frozen(kw_only=True)
class ProtectionGateView:
    """Which peers pass, and what happens to the others."""

    policy: str
    action: str
    allowlist: list[str] | None = None


@frozen(kw_only=True)
class ProtectionHoldsView:
    """How long a hold lasts and how it ends by itself."""

    ttl_seconds: int
    on_expiry: str
    suppress_notifications: bool | None = None


@frozen(kw_only=True)
class ProtectionScanView:
    """How closely content is looked at."""

    sensitivity: str


@frozen(kw_only=True)
class ProtectionDirectionView:
    """One direction. `require_review` and `provenance` are additions, there when they say something."""

    gate: ProtectionGateView
    scan: ProtectionScanView
    require_review: bool | None = None
    provenance: dict[str, str] | None = None


@frozen(kw_only=True)
class ProtectionConfigView:
    """The protection of an agent."""

    inbound: ProtectionDirectionView
    outbound: ProtectionDirectionView
    holds: ProtectionHoldsView
