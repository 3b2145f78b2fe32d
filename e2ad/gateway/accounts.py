"""Founding: an account with its first secret and a key, and the deployment's own domain."""

from typing import Final

from attrs import frozen

from e2ad.core.errors import InvalidDomain, ReservedDomain
from e2ad.core.sealing import KeyRing
from e2ad.core.slug import agent_mailbox, domain_name
from e2ad.gateway import api_keys, signing_secrets
from e2ad.gateway.mint import new_id
from e2ad.gateway.signing_keys import keep_keys
from e2ad.storage import accounts as storage
from e2ad.storage import founding
from e2ad.storage.accounts import Account
from e2ad.storage.pool import Database, Executor

__all__ = ["BOOTSTRAP_NAME", "Founded", "bootstrap", "found", "keep_from_domain", "keep_shared_domain"]

BOOTSTRAP_NAME: Final = "bootstrap"


@frozen
class Founded:
    """An account and a fresh key of it. The key is shown here and never again."""

    account_id: str
    email: str
    api_key: str


async def bootstrap(database: Database, keys: KeyRing, email: str, name: str = BOOTSTRAP_NAME) -> Founded:
    """Make sure that there is an account for `email` with a signing secret, and mint it another key.

    Running it again keeps the account and its secrets (contract: bootstrap).

    Raises:
        InvalidRequest: `email` is no address.

    Cancellation: before COMMIT nothing is kept.
    """
    address = str(agent_mailbox(email))
    async with database.transaction() as transaction:
        account = await found(transaction, keys, address, name)
        minted = await api_keys.mint(transaction, account.id, name)
    return Founded(account.id, account.email, minted.key)


async def found(transaction: Executor, keys: KeyRing, email: str, name: str) -> Account:
    """The account of an address, made when there is none; every account has a signing secret."""
    account = await storage.find_account(transaction, email)
    if account is None:
        fresh = Account(new_id(""), email, name, "standard")
        # Another transaction that made it first has committed by the time our insert finds it there.
        made = await storage.insert_account(transaction, fresh)
        account = fresh if made else await storage.find_account(transaction, email)
        assert account is not None
    await signing_secrets.ensure_default(transaction, keys, account.id)
    return account


async def keep_shared_domain(database: Database, domain: str, keys: KeyRing | None = None) -> None:
    """Register a domain of the deployment's own, verified and nobody's. Called at every start.

    Args:
        keys: seals the DKIM keys that it gets where it has none; without them it gets none.

    Raises:
        InvalidDomain: it is no domain name.
        ReservedDomain: an account has registered it before; another name must be configured.
    """
    if domain_name(domain) != domain:
        raise InvalidDomain(f"shared_domain: {domain!r} is not a lower-case domain name with at least two labels")
    if not await founding.keep_shared_domain(database, domain):
        raise ReservedDomain(f"shared_domain: {domain} belongs to an account of this deployment already")
    if keys is not None:
        await keep_keys(database, keys, domain)


async def keep_from_domain(database: Database, domain: str, keys: KeyRing) -> None:
    """See to it that mail in the deployment's own name can be signed. Called at every start.

    The domain may be an account's, which has keys of its own then.

    Raises:
        InvalidDomain: it is no domain name.
    """
    if domain_name(domain) != domain:
        raise InvalidDomain(f"relay.from_domain: {domain!r} is not a lower-case domain name with at least two labels")
    if await founding.keep_from_domain(database, domain):
        await keep_keys(database, keys, domain)
