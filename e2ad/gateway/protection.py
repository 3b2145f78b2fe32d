"""What an owner wants a person to decide about one agent's mail: read and replaced, the same for both APIs."""

from collections.abc import Iterable
from typing import Final

from attrs import evolve

from e2ad.core.address import AddressError, parse_domain
from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.errors import Conflict, InvalidRequest, NotFound
from e2ad.core.protection import MAX_TTL_SECONDS, Gate, Protection
from e2ad.core.provenance import comparable
from e2ad.core.recipients import address_of
from e2ad.gateway import audit
from e2ad.storage import agents as table
from e2ad.storage.pool import Database, Executor

__all__ = ["MAX_ENTRIES", "change_holds", "get", "put", "validated"]

MAX_ENTRIES: Final = 1000
_TRIES: Final = 5


async def get(executor: Executor, account_id: str, email: str) -> Protection:
    """The protection of a live agent.

    Raises:
        NotFound: no such live agent of the account.
    """
    stored = await table.protection(executor, account_id, email)
    if stored is None:
        raise NotFound
    return Protection.from_json(stored.protection)


async def put(
    database: Database, account_id: str, email: str, wanted: Protection, *, screening: bool, actor: Actor = SYSTEM
) -> Protection:
    """Replace all of it.

    Args:
        screening: whether this deployment looks at content; see `validated`.
        actor: who asks.

    Mail that is held already stays held: what changes is what happens to the next one.

    Raises:
        InvalidRequest: a time or an entry of a list that cannot be.
        NotFound: no such live agent of the account.
    """
    protection = validated(wanted, screening=screening)
    if not await _store(database, account_id, email, protection, None, actor):
        raise NotFound
    return protection


async def change_holds(
    database: Database,
    account_id: str,
    email: str,
    *,
    required: bool | None,
    ttl_seconds: int | None,
    on_expiry: str | None,
    actor: Actor = SYSTEM,
) -> Protection:
    """The classic API's three settings of holds, the rest of the protection untouched; None leaves a setting.

    Raises:
        InvalidRequest: a time or an action that cannot be.
        NotFound: no such live agent of the account.
        Conflict: others change it again and again at the same time.
    """
    match on_expiry:
        case None | "approve" | "reject":
            action = on_expiry
        case _:
            raise InvalidRequest("hitl_expiration_action must be approve or reject")
    if ttl_seconds is not None and not 1 <= ttl_seconds <= MAX_TTL_SECONDS:
        raise InvalidRequest(f"hitl_ttl_seconds must be between 1 and {MAX_TTL_SECONDS}")
    for _ in range(_TRIES):
        stored = await table.protection(database, account_id, email)
        if stored is None:
            raise NotFound
        protection = Protection.from_json(stored.protection)
        holds = protection.holds
        if ttl_seconds is not None:
            holds = evolve(holds, ttl_seconds=ttl_seconds)
        if action is not None:
            holds = evolve(holds, on_expiry=action)
        changed = evolve(protection, holds=holds)
        if required is not None:
            changed = changed.with_review(required=required)
        if changed == protection:
            return protection
        if await _store(database, account_id, email, changed, stored.version, actor):
            return changed
    raise Conflict("the agent was changed by another request at the same time: read it and try again")


async def _store(
    database: Database, account_id: str, email: str, protection: Protection, seen_version: int | None, actor: Actor
) -> bool:
    document = protection.to_json()
    async with database.transaction() as transaction:
        before = await table.protect(transaction, account_id, email, document, seen_version=seen_version)
        if before is None:
            return False
        changed = audit.difference(Protection.from_json(before).to_json(), document)
        if changed:
            await audit.record(transaction, account_id, actor, "protection.changed", email, {"changed": changed})
        return True


def validated(wanted: Protection, *, screening: bool) -> Protection:
    """The configuration as it is stored: lists in one spelling, each entry once, and no scanner that is not there.

    Where this deployment does not look at content, `screening` being false, its sensitivity is `off`, whatever was
    asked (contract: protection).

    Raises:
        InvalidRequest: a time out of range, too many entries, or one that is neither an address nor a domain.
    """
    if not 1 <= wanted.holds.ttl_seconds <= MAX_TTL_SECONDS:
        raise InvalidRequest(f"holds.ttl_seconds must be between 1 and {MAX_TTL_SECONDS}")
    inbound = evolve(wanted.inbound, gate=_gate(wanted.inbound.gate, "inbound"))
    outbound = evolve(wanted.outbound, gate=_gate(wanted.outbound.gate, "outbound"))
    if not screening:
        inbound, outbound = evolve(inbound, sensitivity="off"), evolve(outbound, sensitivity="off")
    return evolve(wanted, inbound=inbound, outbound=outbound)


def _gate(gate: Gate, direction: str) -> Gate:
    if len(gate.allowlist) > MAX_ENTRIES:
        raise InvalidRequest(f"{direction}.gate.allowlist has more than {MAX_ENTRIES} entries")
    return evolve(gate, allowlist=tuple(dict.fromkeys(_entries(gate.allowlist, direction))))


def _entries(entries: Iterable[str], direction: str) -> Iterable[str]:
    for index, entry in enumerate(entries):
        text = entry.strip()
        try:
            if "@" in text[1:]:
                yield comparable(address_of(text))
            else:
                yield parse_domain(text.removeprefix("@"))
        except AddressError as error:
            where = f"{direction}.gate.allowlist[{index}]"
            raise InvalidRequest(f"{where} is neither an address nor a domain: {error}") from error
