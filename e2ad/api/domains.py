"""Domains: names of one's own, with the DNS records to publish and what was seen of them."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final

from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.operation import Call, Result, operation
from e2ad.api.services import Services
from e2ad.api.shapes import Instant
from e2ad.api.views import ConfirmQuery, PageQuery, optional_instant
from e2ad.config.sections import Ramp
from e2ad.core import errors
from e2ad.core.domain_life import Proof
from e2ad.core.domain_records import Record, is_key_slot
from e2ad.core.events import rfc3339
from e2ad.gateway import audit
from e2ad.gateway.domain_checks import Checked, CheckSettings, DomainChecks
from e2ad.gateway.domains import DomainRegistry
from e2ad.gateway.mint import now
from e2ad.storage import domains as table
from e2ad.storage.domains import Domain

__all__ = [
    "OPERATIONS",
    "DNSRecord",
    "DomainView",
    "checks",
    "delete_domain",
    "get_domain",
    "list_domains",
    "probe_words",
    "register_domain",
    "registry",
    "rotate_domain_keys",
    "verify_domain",
    "view",
]

_STATUSES: Final = {"found": "verified", "missing": "missing", "mismatch": "failed", "deferred": "pending"}


@frozen
class DNSRecord:
    """A record to publish. `status` is of the last look, `seen` the values that stood in its place then."""

    type: Annotated[str, Meta(description="MX or TXT")]
    name: str
    value: str
    priority: int | None
    purpose: str
    status: Annotated[str, Meta(description="verified, pending, missing or failed")]
    seen: Annotated[list[str], Meta(description="what the last look at the DNS found; beta")]


@frozen
class SendingRampView:
    """The slow start of sending from this domain."""

    status: str
    daily_recipient_limit: int
    recipients_used_today: int
    active_days: int
    ramp_days: int
    resets_at: Instant | UnsetType = UNSET


@frozen
class DomainCapabilities:
    """What the domain can do: `inbound` is verified or pending, `outbound` restates `sending_status`."""

    inbound: str
    outbound: str


@frozen
class DomainView:
    """A domain of the account."""

    domain: str
    verified: bool
    verification_token: str
    dns_records: list[DNSRecord]
    created_at: Instant
    agent_count: int
    sending_status: Annotated[str, Meta(description="none, pending, verified or failed")]
    sending_ramp: SendingRampView
    capabilities: DomainCapabilities
    verified_at: Instant | UnsetType = UNSET
    last_checked_at: Instant | UnsetType = UNSET
    sending_error: str | UnsetType = UNSET
    sending_last_checked_at: Instant | UnsetType = UNSET
    claim_expires_at: Instant | UnsetType = UNSET
    failing_since: Instant | UnsetType = UNSET


@frozen
class PageDomainView:
    """A page of domains."""

    items: list[DomainView]
    next_cursor: str | None


@frozen
class RegisterDomainRequest:
    """The name to claim."""

    domain: str


@frozen
class VerifyDomainView:
    """What a look at the DNS found just now."""

    domain: str
    verified: bool
    dkim: Annotated[str, Meta(description="found, missing, deferred or mismatch")]
    mx: str
    spf: str
    verified_at: Instant | UnsetType = UNSET


@frozen
class DeleteDomainResult:
    """The domain that is gone. Nothing outside was set up for it, so its sending is over at once."""

    deleted: bool
    domain: str
    sending_teardown: str = "confirmed"


def checks(services: Services) -> DomainChecks:
    """The looks at domains over this process's collaborators."""
    return DomainChecks(services.db, services.fresh_dns, CheckSettings.of(services.config))


def registry(services: Services) -> DomainRegistry:
    """The verbs of domains over this process's collaborators."""
    return DomainRegistry(
        database=services.db,
        keys=services.keys,
        checks=checks(services),
        shared_domain=services.shared_domain,
        limits=services.config.limits,
    )


def probe_words(checked: Checked) -> tuple[str, str, str]:
    """What the look found of MX, SPF and DKIM, the latter of the key that is best off."""
    words = {slot: finding.word.value for slot, finding in checked.findings.items()}
    dkim = [word for slot, word in words.items() if is_key_slot(slot)]
    best = next((word for word in ("found", "mismatch", "deferred") if word in dkim), "missing")
    return words["inbound_mx"], words["spf"], best


@operation(
    "listDomains",
    "GET",
    "/v1/domains",
    tag="domains",
    summary="List domains",
    query=PageQuery,
    success={200: PageDomainView},
    errors=(errors.InvalidCursor,),
)
async def list_domains(call: Call[PageQuery, None]) -> PageDomainView:
    """The account's domains, newest first."""
    query, account_id, verbs = call.query, call.principal.account_id, registry(call.services)
    walk = call.services.cursors.walk(account_id, "domains", {})
    found = await table.page(call.services.db, account_id, before=walk.start(query.cursor), limit=query.limit + 1)
    page, cursor = walk.page(found, query.limit, lambda domain: (domain.created_at, domain.domain))
    return PageDomainView([view(call.services, verbs, domain) for domain in page], cursor)


@operation(
    "registerDomain",
    "POST",
    "/v1/domains",
    tag="domains",
    summary="Register a domain",
    body=RegisterDomainRequest,
    success={201: DomainView},
    location="/v1/domains/{domain}",
    errors=(errors.NotFound, errors.InvalidDomain, errors.ReservedDomain, errors.DomainTaken, errors.LimitExceeded),
)
async def register_domain(call: Call[None, RegisterDomainRequest]) -> DomainView:
    """Claim a name: the answer tells which records to publish. The same name again is the same claim."""
    verbs = registry(call.services)
    domain = await verbs.register(call.principal.account_id, call.body.domain, call.actor)
    return view(call.services, verbs, domain)


@operation(
    "getDomain",
    "GET",
    "/v1/domains/{domain}",
    tag="domains",
    summary="Get a domain",
    success={200: DomainView},
)
async def get_domain(call: Call[None, None]) -> DomainView:
    """One domain with its records, as they were last seen."""
    verbs = registry(call.services)
    return view(call.services, verbs, await verbs.live(call.principal.account_id, call.path["domain"]))


@operation(
    "verifyDomain",
    "POST",
    "/v1/domains/{domain}/verify",
    tag="domains",
    summary="Verify a domain",
    success={200: VerifyDomainView},
)
async def verify_domain(call: Call[None, None]) -> VerifyDomainView:
    """Look at the DNS now. The domain is verified once its TXT proof and its MX are there."""
    verbs = registry(call.services)
    checked = await verbs.verify(call.principal.account_id, call.path["domain"], Proof.TXT_AND_MX, call.actor)
    mx, spf, dkim = probe_words(checked)
    life = checked.domain.life
    return VerifyDomainView(
        domain=checked.domain.domain,
        verified=life.verified,
        dkim=dkim,
        mx=mx,
        spf=spf,
        verified_at=optional_instant(life.verified_at),
    )


@operation(
    "rotateDomainKeys",
    "POST",
    "/v1/domains/{domain}/rotate-keys",
    tag="domains",
    summary="Rotate a domain's DKIM keys",
    success={200: DomainView},
    errors=(errors.Conflict,),
    beta=True,
)
async def rotate_domain_keys(call: Call[None, None]) -> DomainView:
    """Make new keys. They sign once their records are seen; the old ones stay published for a week after that."""
    verbs = registry(call.services)
    return view(call.services, verbs, await verbs.rotate(call.principal.account_id, call.path["domain"], call.actor))


@operation(
    "deleteDomain",
    "DELETE",
    "/v1/domains/{domain}",
    tag="domains",
    summary="Delete a domain",
    query=ConfirmQuery,
    success={200: DeleteDomainResult},
    errors=(errors.DomainHasAgents, errors.IdempotencyInFlight, errors.IdempotencyKeyReuse),
    idempotent=True,
)
async def delete_domain(call: Call[ConfirmQuery, None]) -> Result:
    """Give a name up, with its keys. Anybody may claim it then."""
    async with call.services.db.transaction() as transaction:
        name = await registry(call.services).delete(transaction, call.principal.account_id, call.path["domain"])
        result = await call.settle(transaction, Result(200, DeleteDomainResult(deleted=True, domain=name)))
        await audit.record(transaction, call.principal.account_id, call.actor, "domain.deleted", name)
        return result


def view(services: Services, verbs: DomainRegistry, domain: Domain) -> DomainView:
    """A domain as `/v1` shows it."""
    life = domain.life
    return DomainView(
        domain=domain.domain,
        verified=life.verified,
        verification_token=domain.token,
        dns_records=[_record(record, domain.seen) for record in verbs.records(domain)],
        created_at=rfc3339(domain.created_at),
        agent_count=domain.agent_count,
        sending_status=life.sending_status,
        sending_ramp=_ramp(services.config.ramp, domain),
        capabilities=DomainCapabilities("verified" if life.verified else "pending", life.sending_status),
        verified_at=optional_instant(life.verified_at),
        last_checked_at=optional_instant(life.last_checked_at),
        sending_error=UNSET if life.sending_error is None else life.sending_error,
        sending_last_checked_at=optional_instant(life.sending_checked_at),
        claim_expires_at=optional_instant(life.claim_expires_at),
        failing_since=optional_instant(life.failing_since),
    )


def _record(record: Record, seen: Any) -> DNSRecord:
    found = seen.get(record.slot, {}) if record.slot else {}
    return DNSRecord(
        type=record.type,
        name=record.name,
        value=record.value,
        priority=record.priority,
        purpose=record.purpose.value,
        status=_STATUSES[found.get("word", "deferred")],
        seen=list(found.get("seen", ())),
    )


def _ramp(config: Ramp, domain: Domain) -> SendingRampView:
    ramp = domain.ramp
    if not config.enabled or ramp is None:
        return SendingRampView("inactive", 0, 0, 0, config.ramp_days)
    today, used, active_days, state = now().date(), ramp.used, ramp.active_days, ramp.state
    if ramp.day != today:
        # The day before counts if half of its cap was used. The next sending will write that down (reserve_ramp).
        active_days += state == "ramping" and 2 * used >= _cap(config, active_days)
        used = 0
    if state == "ramping" and active_days >= config.ramp_days:
        state = "complete"
    if state != "ramping":
        return SendingRampView(state, 0, used, active_days, config.ramp_days)
    resets_at = datetime.combine(today + timedelta(days=1), time(), UTC)
    limit = _cap(config, active_days)
    return SendingRampView(state, limit, used, active_days, config.ramp_days, rfc3339(resets_at))


def _cap(config: Ramp, active_days: int) -> int:
    # In whole numbers, halves up: what PostgreSQL's round makes of the same cap in `reserve_ramp`.
    days = config.ramp_days
    above = (config.target_daily - config.start_daily) * min(active_days, days)
    return (2 * (config.start_daily * days + above) + days) // (2 * days)


OPERATIONS = [
    list_domains,
    register_domain,
    get_domain,
    verify_domain,
    rotate_domain_keys,
    delete_domain,
]
