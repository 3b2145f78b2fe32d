"""Domains and the DNS records that they need."""

from datetime import datetime

from attrs import frozen

__all__ = ["DNSRecord", "DeleteDomainResult", "DomainCapabilities", "DomainView", "SendingRampView", "VerifyDomainView"]


@frozen(kw_only=True)
class DNSRecord:
    """A record to publish. `status` is of the last look, `seen` the values that stood in its place then."""

    type: str
    """MX or TXT."""
    name: str
    value: str
    priority: int | None
    purpose: str
    status: str
    """Verified, pending, missing or failed."""
    seen: list[str]
    """What the last look at the DNS found; beta."""


@frozen(kw_only=True)
class DeleteDomainResult:
    """The domain that is gone. Nothing outside was set up for it, so its sending is over at once."""

    deleted: bool
    domain: str
    sending_teardown: str | None = None


@frozen(kw_only=True)
class DomainCapabilities:
    """What the domain can do: `inbound` is verified or pending, `outbound` restates `sending_status`."""

    inbound: str
    outbound: str


@frozen(kw_only=True)
class SendingRampView:
    """The slow start of sending from this domain."""

    status: str
    daily_recipient_limit: int
    recipients_used_today: int
    active_days: int
    ramp_days: int
    resets_at: datetime | None = None


@frozen(kw_only=True)
class DomainView:
    """A domain of the account."""

    domain: str
    verified: bool
    verification_token: str
    dns_records: list[DNSRecord]
    created_at: datetime
    agent_count: int
    sending_status: str
    """None, pending, verified or failed."""
    sending_ramp: SendingRampView
    capabilities: DomainCapabilities
    verified_at: datetime | None = None
    last_checked_at: datetime | None = None
    sending_error: str | None = None
    sending_last_checked_at: datetime | None = None
    claim_expires_at: datetime | None = None
    failing_since: datetime | None = None


@frozen(kw_only=True)
class VerifyDomainView:
    """What a look at the DNS found just now."""

    domain: str
    verified: bool
    dkim: str
    """Found, missing, deferred or mismatch."""
    mx: str
    spf: str
    verified_at: datetime | None = None
