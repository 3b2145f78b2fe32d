"""API keys: made, shown once, revoked. What is kept of one is its hash (contract: API keys)."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from attrs import frozen

from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.errors import InvalidExpiresAt, InvalidRequest, NotFound
from e2ad.core.events import rfc3339
from e2ad.core.signing import key_hash
from e2ad.gateway import audit
from e2ad.gateway.access import ACCOUNT_KEY, AGENT_KEY, KEY_PREFIX_CHARACTERS
from e2ad.gateway.mint import new_id, new_secret, now
from e2ad.storage import accounts
from e2ad.storage.accounts import ApiKey, NewKey
from e2ad.storage.pool import Database, Executor

__all__ = ["MAX_NAME", "Minted", "create", "mint", "revoke"]

MAX_NAME = 200


@frozen
class Minted:
    """A new key: the only time that it is known, and what is kept of it."""

    key: str
    stored: ApiKey


async def create(
    database: Database,
    account_id: str,
    name: str,
    *,
    scope: str = "account",
    agent_email: str = "",
    expires_at: datetime | None = None,
    settle: Callable[[Executor, Minted], Awaitable[object]] | None = None,
    actor: Actor = SYSTEM,
) -> Minted:
    """A key for the whole account, or with scope `agent` for one inbox.

    Args:
        settle: called in the transaction of the key.

    Raises:
        InvalidRequest: scope and inbox do not belong together.
        InvalidExpiresAt: it has expired already.
        NotFound: the inbox is no live one of the account.

    Cancellation: before COMMIT nothing is kept.
    """
    email = agent_email.strip().lower()
    if scope == "account" and agent_email:
        raise InvalidRequest("agent_email is for keys with scope agent")
    if scope == "agent" and not email:
        raise InvalidRequest("scope agent needs agent_email: the inbox that the key is for")
    if expires_at is not None and expires_at <= now():
        raise InvalidExpiresAt
    if email and not await accounts.has_live_agent(database, account_id, email):
        raise NotFound("no agent of this account has the address in agent_email")
    async with database.transaction() as transaction:
        minted = await mint(
            transaction, account_id, name, agent_email=email or None, expires_at=expires_at, actor=actor
        )
        if settle is not None:
            await settle(transaction, minted)
        return minted


async def revoke(database: Database, account_id: str, key_id: str, actor: Actor = SYSTEM) -> None:
    """Stop a key for good, with the sessions that began with it and the identity tokens of its inbox.

    Raises:
        NotFound: there is none that works.

    Cancellation: before COMMIT the key works.
    """
    async with database.transaction() as transaction:
        if not await accounts.revoke_key(transaction, account_id, key_id, now()):
            raise NotFound
        await audit.record(transaction, account_id, actor, "key.deleted", key_id)


async def mint(
    transaction: Executor,
    account_id: str,
    name: str,
    *,
    agent_email: str | None = None,
    expires_at: datetime | None = None,
    actor: Actor = SYSTEM,
) -> Minted:
    """Make a key and keep its hash; every rule has been looked at."""
    key = new_secret(AGENT_KEY if agent_email else ACCOUNT_KEY)
    fresh = NewKey(
        account_id=account_id,
        id=new_id("apk_"),
        name=name,
        key_hash=key_hash(key),
        key_prefix=key[:KEY_PREFIX_CHARACTERS],
        scope="agent" if agent_email else "account",
        agent_email=agent_email,
        expires_at=expires_at,
    )
    stored = await accounts.insert_key(transaction, fresh)
    known = {"name": name, "scope": fresh.scope, "agent_email": agent_email, "key_prefix": fresh.key_prefix}
    if expires_at is not None:
        known["expires_at"] = rfc3339(expires_at)
    await audit.record(transaction, account_id, actor, "key.created", fresh.id, known)
    return Minted(key, stored)
