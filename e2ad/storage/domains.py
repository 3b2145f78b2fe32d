"""The tables of domains: whose a name is, what was last seen in its DNS, and the keys that it signs with.

Every change of the keys that sign notifies `e2ad_domains` with the domain; a domain that becomes verified
or ceases to be notifies `e2ad_agents` with `*`, since whoever looks agents up looks at that too.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import attrs
from attrs import asdict, field, frozen

from e2ad.core.domain_life import Life
from e2ad.core.domain_records import DomainKey
from e2ad.storage.adaptation import Jsonb, texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Domain",
    "NewKey",
    "Overlap",
    "Quota",
    "RampState",
    "SealedKey",
    "add_key",
    "claim",
    "delete",
    "displace",
    "drop_expired",
    "drop_key",
    "exempt",
    "find",
    "has_agents",
    "lock",
    "lock_account",
    "lock_names",
    "look_within",
    "move_key",
    "overlap",
    "page",
    "quota",
    "renew",
    "save",
    "set_primary",
    "signing_keys",
    "take_due",
]

_SQL = load("domains")
_LIFE = tuple(attribute.name for attribute in attrs.fields(Life))


@frozen
class RampState:
    """How far the account's slow start under a domain is; `day` is the day that `used` counts."""

    state: str
    active_days: int
    day: date | None
    used: int


@frozen
class Domain:
    """A domain of an account. `agent_count` is of its live agents; `seen` is by slot (`core.domain_records`)."""

    domain: str
    account_id: str
    token: str
    is_primary: bool
    created_at: datetime
    life: Life
    seen: Mapping[str, Any]
    keys: tuple[DomainKey, ...]
    agent_count: int
    ramp: RampState | None


@frozen
class Overlap:
    """A row that stands in the way of a registration, or is the registration itself.

    `expired`: a claim that ran out, with no agents on it: nobody has to prove anything to have it removed.
    """

    domain: str
    account_id: str | None
    verified: bool
    expired: bool | None


@frozen
class Quota:
    """How many domains an account has and may have."""

    plan_code: str
    upgrade_url: str
    max_domains: int | None
    domains: int


@frozen
class NewKey:
    """A key to be stored. `state` is next or active."""

    selector: str
    algorithm: str
    sealed_private_key: bytes = field(repr=False)
    record: str
    state: str


@frozen
class SealedKey:
    """A private key as it is stored."""

    selector: str
    algorithm: str
    sealed_private_key: bytes = field(repr=False)


async def page(executor: Executor, account_id: str, *, before: tuple[datetime, str] | None, limit: int) -> list[Domain]:
    """A page of an account's domains, newest first, after the one that `before` names."""
    before_at, before_domain = before or (None, "")
    rows = await executor.fetch_all(
        _SQL["page"],
        {"account_id": account_id, "before_at": before_at, "before_domain": before_domain, "limit": limit},
    )
    return [_domain(row) for row in rows]


async def find(executor: Executor, account_id: str, domain: str) -> Domain | None:
    """One domain of an account."""
    row = await executor.fetch_one(_SQL["find"], {"account_id": account_id, "domain": domain})
    return None if row is None else _domain(row)


async def lock(executor: Executor, account_id: str, domain: str) -> bool:
    """Keep others from changing the domain until the end of the transaction; False when there is none."""
    return await executor.fetch_value(_SQL["lock"], {"account_id": account_id, "domain": domain}) is not None


async def lock_account(executor: Executor, account_id: str) -> None:
    """Wait until no other transaction counts what this account has; held to the end of the transaction."""
    await executor.execute(_SQL["lock_account"], {"account_id": account_id})


async def lock_names(executor: Executor, domain: str, names: Sequence[str]) -> None:
    """Wait until nobody registers this name, one above or one below it; held to the end of the transaction.

    The name is locked for us alone, those above it together with our neighbours, all in one order.
    """
    await executor.fetch_all(_SQL["lock_names"], {"domain": domain, "names": texts(names)})


async def quota(executor: Executor, account_id: str) -> Quota | None:
    """The account's domains against its cap; None when there is no such account."""
    return await executor.fetch_one(_SQL["quota"], {"account_id": account_id}, row=Quota)


async def overlap(
    executor: Executor, account_id: str, domain: str, names: Sequence[str], at: datetime
) -> list[Overlap]:
    """Rows of `names` (the domain and those above it), and other accounts' rows below the domain."""
    params = {"account_id": account_id, "domain": domain, "names": texts(names), "at": at}
    return await executor.fetch_all(_SQL["overlap"], params, row=Overlap)


async def claim(
    executor: Executor, account_id: str, domain: str, *, token: str, at: datetime, claim_expires_at: datetime
) -> None:
    """Give the name to the account, without any keys. Only after `overlap` under `lock_names` allowed it."""
    await executor.execute(
        _SQL["claim"],
        {
            "account_id": account_id,
            "domain": domain,
            "token": token,
            "at": at,
            "claim_expires_at": claim_expires_at,
        },
    )
    await executor.execute(_SQL["drop_keys"], {"domain": domain})


async def displace(executor: Executor, account_id: str, domain: str, displaced: Sequence[str]) -> dict[str, list[str]]:
    """Remove the claims that made room for the account's `domain`, which has been claimed before.

    Agents on them go to the trash and hang on `domain` from now on, until their time there is over.

    Returns:
        Which agents those were, by account.
    """
    names = texts(displaced)
    params = {"account_id": account_id, "domain": domain, "displaced": names}
    agents = await executor.fetch_all(_SQL["displace"], params)
    await executor.fetch_value(_SQL["drop"], {"domain": domain, "displaced": names})
    return {row["account_id"]: row["emails"] for row in agents}


async def renew(executor: Executor, account_id: str, domain: str, claim_expires_at: datetime) -> None:
    """Give a claim another term."""
    await executor.execute(
        _SQL["renew"], {"account_id": account_id, "domain": domain, "claim_expires_at": claim_expires_at}
    )


async def add_key(executor: Executor, domain: str, key: NewKey, at: datetime) -> None:
    """A key for a domain; one with this selector that is there already stays as it is."""
    await executor.fetch_value(_SQL["add_key"], asdict(key) | {"domain": domain, "at": at})


async def move_key(executor: Executor, domain: str, selector: str, state: str, at: datetime) -> None:
    """Make a key active or retired."""
    params = {"domain": domain, "selector": selector, "state": state, "at": at}
    await executor.fetch_value(_SQL["move_key"], params)


async def drop_key(executor: Executor, domain: str, selector: str) -> None:
    """Delete a key."""
    await executor.execute(_SQL["drop_key"], {"domain": domain, "selector": selector})


async def save(executor: Executor, domain: str, life: Life, seen: Mapping[str, Any]) -> None:
    """Write what a look at the DNS made of a domain. Only after `lock`."""
    params = {name: getattr(life, name) for name in _LIFE} | {"domain": domain, "seen": Jsonb(seen)}
    await executor.fetch_value(_SQL["save"], params)


async def look_within(executor: Executor, domain: str, seconds: float) -> None:
    """Have a domain that was verified once looked at within so many seconds."""
    await executor.execute(_SQL["look_within"], {"domain": domain, "seconds": seconds})


async def exempt(executor: Executor, account_id: str, domain: str) -> None:
    """Never ramp the account's sending under this domain."""
    await executor.execute(_SQL["exempt"], {"account_id": account_id, "domain": domain})


async def has_agents(executor: Executor, domain: str) -> bool:
    """Do agents hang on the domain, live or trashed? Exact only after `lock`."""
    return bool(await executor.fetch_value(_SQL["has_agents"], {"domain": domain}))


async def delete(executor: Executor, account_id: str, domain: str) -> bool:
    """Delete a domain and its keys; False when there is none."""
    return await executor.fetch_value(_SQL["delete"], {"account_id": account_id, "domain": domain}) is not None


async def set_primary(executor: Executor, account_id: str, domain: str, *, primary: bool) -> None:
    """Make the domain the account's primary one, or not."""
    statement = _SQL["set_primary"] if primary else _SQL["unset_primary"]
    await executor.execute(statement, {"account_id": account_id, "domain": domain})


async def take_due(executor: Executor, *, lease_seconds: float, limit: int) -> list[tuple[str, str]]:
    """Account and domain of what is to be looked at, put off for the lease."""
    rows = await executor.fetch_all(_SQL["take_due"], {"lease_seconds": lease_seconds, "limit": limit})
    return [(row["account_id"], row["domain"]) for row in rows]


async def drop_expired(executor: Executor, limit: int) -> list[tuple[str, str]]:
    """Delete claims that ran out; account and domain of each."""
    rows = await executor.fetch_all(_SQL["drop_expired"], {"limit": limit})
    return [(row["account_id"], row["domain"]) for row in rows]


async def signing_keys(executor: Executor, domain: str) -> list[SealedKey]:
    """The active keys of a domain, rsa before ed25519; none when there is no such domain."""
    return await executor.fetch_all(_SQL["signing_keys"], {"domain": domain}, row=SealedKey)


def _domain(row: Mapping[str, Any]) -> Domain:
    return Domain(
        domain=row["domain"],
        account_id=row["account_id"],
        token=row["verification_token"],
        is_primary=row["is_primary"],
        created_at=row["created_at"],
        life=Life(**{name: row[name] for name in _LIFE}),
        seen=row["seen"],
        keys=tuple(_key(key) for key in row["keys"]),
        agent_count=row["agent_count"],
        ramp=_ramp(row["ramp"]),
    )


def _ramp(stored: Mapping[str, Any] | None) -> RampState | None:
    if stored is None:
        return None
    day = None if stored["day"] is None else date.fromisoformat(stored["day"])
    return RampState(stored["state"], stored["active_days"], day, stored["used"])


def _key(stored: Mapping[str, Any]) -> DomainKey:
    retired_at = stored["retired_at"]
    return DomainKey(
        selector=stored["selector"],
        algorithm=stored["algorithm"],
        record=stored["record"],
        state=stored["state"],
        created_at=datetime.fromisoformat(stored["created_at"]),
        retired_at=None if retired_at is None else datetime.fromisoformat(retired_at),
    )
