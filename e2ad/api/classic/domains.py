"""Domains in the classic API: the TXT record alone verifies, and what is missing is a 412."""

from typing import Final

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.domains import probe_words, registry
from e2ad.api.operation import Result
from e2ad.api.views import optional_instant
from e2ad.core.domain_life import Proof
from e2ad.core.domain_records import Purpose
from e2ad.core.errors import InvalidRequest
from e2ad.core.events import rfc3339
from e2ad.gateway import audit
from e2ad.gateway.domains import DomainRegistry
from e2ad.storage import domains as table
from e2ad.storage.domains import Domain

__all__ = ["ROUTES", "change_domain", "delete_domain", "get_domain", "list_domains", "register_domain", "verify_domain"]

PAGE: Final = 1000
APEX: Final = "@"


@frozen
class RecordView:
    """A record to publish; `@` is the domain itself."""

    host: str
    value: str
    priority: int | UnsetType = UNSET


@frozen
class RecordViews:
    """The records that the classic API knows of."""

    mx: RecordView
    txt: RecordView
    dkim: RecordView | UnsetType = UNSET


@frozen
class DomainView:
    """A domain of the account."""

    domain: str
    verified: bool
    verification_token: str
    dns_records: RecordViews
    created_at: str
    is_primary: bool
    agent_count: int
    verified_at: str | UnsetType = UNSET
    last_checked_at: str | UnsetType = UNSET


@frozen
class DomainList:
    """All domains of the account, newest first."""

    domains: list[DomainView]


@frozen
class VerificationView:
    """What a look at the DNS found just now."""

    domain: str
    verified: bool
    mx: str
    spf: str
    dkim: str
    verified_at: str | UnsetType = UNSET


@frozen
class RegisterDomain:
    """The name to claim."""

    domain: str = ""


@frozen
class ChangeDomain:
    """What to change."""

    is_primary: bool | UnsetType = UNSET


@classic("GET", "/api/v1/domains")
async def list_domains(call: ClassicCall[None]) -> DomainList:
    """All domains, newest first."""
    verbs, found = registry(call.services), list[Domain]()
    before = None
    while True:
        page = await table.page(call.services.db, call.principal.account_id, before=before, limit=PAGE)
        found += page
        if len(page) < PAGE:
            return DomainList([_view(verbs, domain) for domain in found])
        before = (page[-1].created_at, page[-1].domain)


@classic("POST", "/api/v1/domains", body=RegisterDomain, status=201)
async def register_domain(call: ClassicCall[RegisterDomain]) -> DomainView:
    """Claim a name; again is the same claim."""
    if not call.body.domain.strip():
        raise InvalidRequest("domain is required")
    verbs = registry(call.services)
    return _view(verbs, await verbs.register(call.principal.account_id, call.body.domain, call.actor))


@classic("GET", "/api/v1/domains/{domain}")
async def get_domain(call: ClassicCall[None]) -> DomainView:
    """One domain."""
    verbs = registry(call.services)
    return _view(verbs, await verbs.live(call.principal.account_id, call.path["domain"]))


@classic("POST", "/api/v1/domains/{domain}/verify")
async def verify_domain(call: ClassicCall[None]) -> Result:
    """Look at the DNS now; the TXT record alone decides."""
    verbs = registry(call.services)
    checked = await verbs.verify(call.principal.account_id, call.path["domain"], Proof.TXT, call.actor)
    mx, spf, dkim = probe_words(checked)
    verified = checked.proven and checked.domain.life.verified
    # The classic words have no mismatch: a record that is not the right one is missing.
    answer = VerificationView(
        domain=checked.domain.domain,
        verified=verified,
        mx="found" if mx == "found" else "missing",
        spf="found" if spf == "found" else "missing",
        dkim="missing" if dkim == "mismatch" else dkim,
        verified_at=optional_instant(checked.domain.life.verified_at) if verified else UNSET,
    )
    return Result(200 if verified else 412, answer)


@classic("PATCH", "/api/v1/domains/{domain}", body=ChangeDomain)
async def change_domain(call: ClassicCall[ChangeDomain]) -> DomainView:
    """Make a domain the primary one, or not."""
    if call.body.is_primary is UNSET:
        raise InvalidRequest("nothing to change: send is_primary")
    verbs = registry(call.services)
    account_id, primary = call.principal.account_id, bool(call.body.is_primary)
    return _view(verbs, await verbs.set_primary(account_id, call.path["domain"], primary=primary))


@classic("DELETE", "/api/v1/domains/{domain}")
async def delete_domain(call: ClassicCall[None]) -> Result:
    """Give a name up."""
    async with call.services.db.transaction() as transaction:
        name = await registry(call.services).delete(transaction, call.principal.account_id, call.path["domain"])
        await audit.record(transaction, call.principal.account_id, call.actor, "domain.deleted", name)
    return Result(204, None, encoded=b"")


def _view(verbs: DomainRegistry, domain: Domain) -> DomainView:
    records = verbs.records(domain)
    mx = next(record for record in records if record.purpose is Purpose.INBOUND_MX)
    dkim = next((record for record in records if record.purpose is Purpose.DKIM), None)
    life = domain.life
    return DomainView(
        domain=domain.domain,
        verified=life.verified,
        verification_token=domain.token,
        dns_records=RecordViews(
            mx=RecordView(APEX, mx.value, UNSET if mx.priority is None else mx.priority),
            txt=RecordView(APEX, domain.token),
            dkim=UNSET if dkim is None else RecordView(dkim.name, dkim.value),
        ),
        created_at=rfc3339(domain.created_at),
        is_primary=domain.is_primary,
        agent_count=domain.agent_count,
        verified_at=optional_instant(life.verified_at),
        last_checked_at=optional_instant(life.last_checked_at),
    )


ROUTES = [list_domains, register_domain, get_domain, verify_domain, change_domain, delete_domain]
