"""Founding: the first account of a deployment with its key, and the deployment's own domain."""

from typing import Final

from attrs import frozen

from e2ad.core.errors import InvalidDomain, ReservedDomain, Unavailable
from e2ad.core.sealing import KeyRing
from e2ad.core.signing import key_hash
from e2ad.core.slug import agent_mailbox, domain_name
from e2ad.gateway import secrets
from e2ad.gateway.mint import new_id, new_secret
from e2ad.storage import founding as storage
from e2ad.storage.pool import Database

__all__ = ["BOOTSTRAP_NAME", "Founded", "bootstrap", "keep_shared_domain"]

BOOTSTRAP_NAME: Final = "bootstrap"
KEY_PREFIX: Final = "e2a_acct_"
SHOWN_CHARACTERS: Final = 16


@frozen
class Founded:
    """An account and a fresh key of it. The key is shown here and never again."""

    account_id: str
    email: str
    api_key: str
    new: bool


async def bootstrap(database: Database, keys: KeyRing, email: str, name: str = BOOTSTRAP_NAME) -> Founded:
    """Make sure that there is an account for `email` with a signing secret, and mint it another key.

    Running it again keeps the account and its secrets (contract: bootstrap).

    Raises:
        InvalidRequest: `email` is no address.
        Unavailable: the database does not answer, or somebody else founds the account right now.

    Cancellation: before COMMIT nothing is kept.
    """
    address = str(agent_mailbox(email))
    key = new_secret(KEY_PREFIX)
    async with database.transaction() as transaction:
        account = await storage.keep_account(transaction, new_id(""), address, name)
        if account is None:
            raise Unavailable("the account is being made by somebody else at this moment: try again")
        await secrets.ensure_default(transaction, keys, account.id)
        await storage.insert_key(
            transaction,
            account.id,
            key_id=new_id("apk_"),
            name=name,
            key_hash=key_hash(key),
            key_prefix=key[:SHOWN_CHARACTERS],
        )
    return Founded(account.id, account.email, key, account.founded)


async def keep_shared_domain(database: Database, domain: str) -> None:
    """Register the deployment's shared domain, verified and nobody's. Called at every start.

    Raises:
        InvalidDomain: it is no domain name.
        ReservedDomain: an account has registered it before; another name must be configured.
    """
    if domain_name(domain) != domain:
        raise InvalidDomain(f"shared_domain: {domain!r} is not a lower-case domain name with at least two labels")
    if not await storage.keep_shared_domain(database, domain):
        raise ReservedDomain(f"shared_domain: {domain} belongs to an account of this deployment already")
