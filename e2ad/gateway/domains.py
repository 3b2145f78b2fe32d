"""The verbs of domains: claim, look at, verify, rotate keys, delete; who may have which name.

Names of different accounts never overlap: none holds a name, one above or one below another's. A verified
domain is its account's; a claim without proof gives way to whoever proves the name by its DNS, and
to anybody once it ran out. Registrations of overlapping names wait for each other.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import idna
from attrs import frozen

from e2ad import maillog
from e2ad.config.sections import Limits
from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.domain_life import UNSETTLED_SECONDS, Proof, expires_at
from e2ad.core.domain_records import Record, ownership_token, records
from e2ad.core.errors import (
    DomainHasAgents,
    DomainTaken,
    InvalidDomain,
    LimitExceeded,
    NotFound,
    ReservedDomain,
)
from e2ad.core.sealing import KeyRing
from e2ad.core.slug import domain_and_parents, domain_name, refuse_bounce_subtree
from e2ad.gateway import audit
from e2ad.gateway.domain_checks import Checked, DomainChecks
from e2ad.gateway.mint import now
from e2ad.gateway.signing_keys import FreshKey, add_keys, make_keys
from e2ad.mailauth.suffixes import is_host_suffix
from e2ad.storage import domains as storage
from e2ad.storage.domains import Domain, Overlap
from e2ad.storage.pool import Database, Executor

__all__ = ["DomainRegistry", "stored_name"]

MAX_NAME: Final = 1000
"""Characters of a name as it is typed; a domain name has 253 at most."""
ROUNDS: Final = 3
"""How often a registration starts over because a rival appeared between its look and its transaction."""


@frozen
class _Standing:
    """How a wanted name stands to the rows there are.

    Attributes:
        mine: the account has it already.
        contested: others' claims that only proof removes.
        expired: others' claims that anybody may remove.
        holders: whose those of others are.
    """

    mine: bool
    contested: tuple[str, ...]
    expired: tuple[str, ...]
    holders: Mapping[str, str]


@frozen
class DomainRegistry:
    """The verbs over their collaborators.

    Args:
        database: where domains live.
        keys: seals the keys of domains and makes the proofs of ownership.
        checks: looks at the DNS.
        shared_domain: of the deployment; "" when it has none.
        limits: caps of accounts that have none of their own.
    """

    database: Database
    keys: KeyRing
    checks: DomainChecks
    shared_domain: str
    limits: Limits

    def name(self, text: str) -> str:
        """The name that a caller means: lower-case, in A-labels (UTS 46), without a final dot.

        Raises:
            InvalidDomain: not a domain name, or one below which strangers register theirs.
            ReservedDomain: the deployment's own, or below it.
        """
        name = stored_name(text)
        if name is None:
            raise InvalidDomain("write a domain name with at least one dot, such as mail.example.com")
        if is_host_suffix(name):
            raise InvalidDomain(f"{name} is a public suffix: register a name below it that is yours")
        own = self.shared_domain
        if own and (name == own or name.endswith("." + own)):
            raise ReservedDomain(f"{own} and all names below it belong to this deployment")
        return name

    def records(self, domain: Domain) -> tuple[Record, ...]:
        """What to publish for a domain, in the contract's order."""
        return records(self.checks.wanted(domain))

    async def register(self, account_id: str, text: str, actor: Actor = SYSTEM) -> Domain:
        """Claim a name; again is no error and costs nothing.

        Raises:
            InvalidDomain, ReservedDomain: not a name that an account can have.
            LimitExceeded: the account has as many domains as it may have.
            DomainTaken: the name, one above or one below it is another account's. Where that one has not proved
                it, the details carry the record that proves it for this account: publish it and call again.

        Cancellation: before COMMIT nothing is kept.
        """
        name = self.name(text)
        fresh: tuple[FreshKey, ...] = ()
        for _ in range(ROUNDS):
            standing = await self._standing(self.database, account_id, name)
            if not standing.mine:
                await self._check_quota(self.database, account_id)
            proven = bool(standing.contested) and await self.checks.proves(name, self._proofs(account_id, name))
            if standing.contested and not proven:
                raise self._taken(account_id, name)
            if not standing.mine:
                fresh = fresh or await make_keys()
            domain = await self._claim(account_id, name, fresh, actor, proven=proven)
            if domain is not None:
                return domain
        raise self._taken(account_id, name)

    async def live(self, account_id: str, text: str) -> Domain:
        """The account's domain.

        Raises:
            NotFound: unknown or somebody else's.
        """
        name = stored_name(text)
        domain = None if name is None else await storage.find(self.database, account_id, name)
        if domain is None:
            raise NotFound
        return domain

    async def verify(self, account_id: str, text: str, proof: Proof, actor: Actor = SYSTEM) -> Checked:
        """Look at the DNS now, and verify the domain if it shows the proof.

        Raises:
            NotFound: unknown or somebody else's.
        """
        domain = await self.live(account_id, text)
        return await self.checks.check(account_id, domain.domain, proof, actor)

    async def rotate(self, account_id: str, text: str, actor: Actor = SYSTEM) -> Domain:
        """Make new keys. They sign once a look at the DNS has found their records; until then the old ones do,
        and those stay published for a week after. While new keys wait to be published, no more are made.

        Raises:
            NotFound: unknown or somebody else's.
            Conflict: there were too many rotations this month.
        """
        domain = await self.live(account_id, text)
        if any(key.state == "next" for key in domain.keys):
            return domain
        fresh = await make_keys()
        async with self.database.transaction() as transaction:
            domain = await self._locked(transaction, account_id, domain.domain)
            if not any(key.state == "next" for key in domain.keys):
                state = "next" if any(key.state == "active" for key in domain.keys) else "active"
                await self._add_keys(transaction, domain, fresh, state)
                await storage.look_within(transaction, domain.domain, UNSETTLED_SECONDS)
                domain = await self._locked(transaction, account_id, domain.domain)
                selectors = [key.selector for key in domain.keys if key.state == state]
                known = {"selectors": selectors, "state": state}
                await audit.record(transaction, account_id, actor, "domain.keys_rotated", domain.domain, known)
        return domain

    async def delete(self, transaction: Executor, account_id: str, text: str) -> str:
        """Delete a domain with its keys, in the caller's transaction; its name.

        Raises:
            NotFound: unknown or somebody else's.
            DomainHasAgents: agents are on it, live or in the trash.
        """
        name = stored_name(text)
        if name is None or not await storage.lock(transaction, account_id, name):
            raise NotFound
        if await storage.has_agents(transaction, name):
            raise DomainHasAgents(f"{name} has agents, live or in the trash: delete them for good first")
        await storage.delete(transaction, account_id, name)
        return name

    async def set_primary(self, account_id: str, text: str, *, primary: bool) -> Domain:
        """Make a domain the account's primary one, or not.

        Raises:
            NotFound: unknown or somebody else's.
        """
        domain = await self.live(account_id, text)
        async with self.database.transaction() as transaction:
            await storage.lock_account(transaction, account_id)
            await self._locked(transaction, account_id, domain.domain)
            await storage.set_primary(transaction, account_id, domain.domain, primary=primary)
            return await self._locked(transaction, account_id, domain.domain)

    async def _locked(self, transaction: Executor, account_id: str, name: str) -> Domain:
        if not await storage.lock(transaction, account_id, name):
            raise NotFound
        domain = await storage.find(transaction, account_id, name)
        if domain is None:
            raise NotFound
        return domain

    async def _claim(
        self, account_id: str, name: str, fresh: tuple[FreshKey, ...], actor: Actor, *, proven: bool
    ) -> Domain | None:
        """The claim, made or found; None where a rival appeared that has to be asked about first."""
        at = now()
        expiry = expires_at(at, self.checks.settings.policy)
        async with self.database.transaction() as transaction:
            await storage.lock_account(transaction, account_id)
            await storage.lock_names(transaction, name, domain_and_parents(name))
            standing = await self._standing(transaction, account_id, name)
            if standing.mine:
                domain = await self._locked(transaction, account_id, name)
                if domain.life.claim_expires_at is not None and domain.life.claim_expires_at <= at:
                    await storage.renew(transaction, account_id, name, expiry)
                    domain = await self._locked(transaction, account_id, name)
                return domain
            if (standing.contested and not proven) or not fresh:
                return None
            await self._check_quota(transaction, account_id)
            token = ownership_token(self.keys.current, account_id, name)
            await storage.claim(transaction, account_id, name, token=token, at=at, claim_expires_at=expiry)
            displaced, trashed = (*standing.contested, *standing.expired), dict[str, list[str]]()
            if displaced:
                trashed = await storage.displace(transaction, account_id, name, displaced)
                maillog.domain_displaced(account_id, name, list(displaced), sum(map(len, trashed.values())))
            domain = await self._locked(transaction, account_id, name)
            await self._add_keys(transaction, domain, fresh, "active")
            domain = await self._locked(transaction, account_id, name)
            selectors = [key.selector for key in domain.keys]
            known = {"proven": proven, "selectors": selectors, "displaced": list(displaced)}
            await _tell_displaced(transaction, name, standing, trashed)
            await audit.record(transaction, account_id, actor, "domain.registered", name, known, at=at)
            return domain

    async def _standing(self, executor: Executor, account_id: str, name: str) -> _Standing:
        names = domain_and_parents(name)
        rows = await storage.overlap(executor, account_id, name, (*names, f"bounce.{name}"), now())
        owned = [row.domain for row in rows if row.account_id == account_id]
        if f"bounce.{name}" in owned:
            raise ReservedDomain(f"bounce.{name} is registered and would carry returned mail: delete it first")
        refuse_bounce_subtree(name, [domain for domain in owned if domain in names])
        for row in rows:
            # Verified it is the shared domain, now or once; otherwise our name in mail, and no more than that name.
            if row.account_id is None and (row.domain == name or (row.verified and row.domain in names)):
                raise ReservedDomain(f"{row.domain} belongs to this deployment")
        rivals = [row for row in rows if row.account_id not in (None, account_id)]
        if any(row.verified for row in rivals):
            raise DomainTaken(f"{name}, or a name above or below it, is another account's")
        return _Standing(
            mine=name in owned,
            contested=_names(rivals, expired=False),
            expired=_names(rivals, expired=True),
            holders={row.domain: row.account_id for row in rivals if row.account_id is not None},
        )

    async def _add_keys(self, transaction: Executor, domain: Domain, fresh: tuple[FreshKey, ...], state: str) -> None:
        taken = frozenset(key.selector for key in domain.keys)
        await add_keys(transaction, self.keys, domain.domain, fresh, state, taken)

    async def _check_quota(self, executor: Executor, account_id: str) -> None:
        quota = await storage.quota(executor, account_id)
        if quota is None:
            raise NotFound("the account does not exist any more")
        most = self.limits.max_domains if quota.max_domains is None else quota.max_domains
        if quota.domains < most:
            return
        details: dict[str, Any] = {"resource": "domains", "limit": most, "current": quota.domains}
        details["plan_code"] = quota.plan_code or self.limits.plan_code
        if quota.upgrade_url:
            details["upgrade_url"] = quota.upgrade_url
        raise LimitExceeded(
            f"the account has {quota.domains} of {most} domains: delete one or raise the limit", details=details
        )

    def _proofs(self, account_id: str, name: str) -> tuple[str, ...]:
        return tuple(ownership_token(secret, account_id, name) for secret in self.keys.secrets)

    def _taken(self, account_id: str, name: str) -> DomainTaken:
        record = {"type": "TXT", "name": name, "value": ownership_token(self.keys.current, account_id, name)}
        return DomainTaken(
            f"{name}, or a name above or below it, is claimed by another account without proof: "
            "publish the record in details.ownership_record and register it again",
            details={"ownership_record": record},
        )


def stored_name(text: str) -> str | None:
    """A domain name as rows have it; None for a text that is none."""
    if len(text) > MAX_NAME:
        return None
    name = domain_name(text.strip().removesuffix("."))
    # RFC 3696 section 2: a name whose last label is a number would be read as an address by many.
    if name is None or name.rpartition(".")[2].isdecimal():
        return None
    try:
        for label in name.split("."):
            if label.startswith("xn--"):
                idna.ulabel(label)
    except idna.IDNAError:
        return None
    return name


async def _tell_displaced(
    transaction: Executor, name: str, standing: _Standing, trashed: Mapping[str, Sequence[str]]
) -> None:
    """What others lost to a claim, in their own logs."""
    lost: dict[str, list[str]] = {holder: [] for holder in (*trashed, *standing.holders.values())}
    for domain, holder in standing.holders.items():
        lost[holder].append(domain)
    if lost:
        await audit.alone(transaction)
    for holder in sorted(lost):
        known = {"claims": lost[holder], "trashed_agents": list(trashed.get(holder, ()))}
        await audit.record_elsewhere(transaction, holder, SYSTEM, "domain.displaced", name, known)


def _names(rivals: list[Overlap], *, expired: bool) -> tuple[str, ...]:
    return tuple(row.domain for row in rivals if bool(row.expired) is expired)
