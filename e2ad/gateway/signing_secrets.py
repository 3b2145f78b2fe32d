"""Signing secrets: what the `X-E2A-Auth-*` headers of an account are signed with.

Unlike a webhook's secret these are shown whenever their owner asks, because every verifier of
the account needs them (contract: signing secrets). The newest signs; all of them verify, so a
change is: add one, hand it to the verifiers, delete the old one.
"""

from datetime import datetime
from typing import Final

from attrs import frozen

from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.errors import InvalidRequest, NotFound
from e2ad.core.sealing import KeyRing, signing_secret_context
from e2ad.gateway import audit
from e2ad.gateway.mint import new_id, new_secret, nonce
from e2ad.storage import signing_secrets as storage
from e2ad.storage.pool import Database, Executor
from e2ad.storage.signing_secrets import NewSecret, SigningSecret

__all__ = ["MAX_SECRETS", "Secret", "create", "delete", "ensure_default", "listed"]

MAX_SECRETS: Final = 5
MAX_NAME: Final = 200
DEFAULT_NAME: Final = "default"
UNNAMED: Final = "unnamed"


@frozen
class Secret:
    """A signing secret in clear text."""

    id: str
    name: str
    secret: str
    created_at: datetime
    last_signed_at: datetime | None


async def ensure_default(executor: Executor, keys: KeyRing, account_id: str) -> bool:
    """Give an account that has none its first secret, `default`; False when it has one."""
    return await storage.insert_first(executor, _minted(keys, account_id, DEFAULT_NAME))


async def listed(executor: Executor, keys: KeyRing, account_id: str) -> list[Secret]:
    """All secrets of the account, newest first, in clear text.

    Raises:
        core.sealing.SealBroken: the deployment secret that sealed one is not configured any more.
    """
    return [_opened(keys, row) for row in await storage.page(executor, account_id)]


async def create(database: Database, keys: KeyRing, account_id: str, name: str, actor: Actor = SYSTEM) -> Secret:
    """Add a secret; from now on it is the one that signs.

    Raises:
        InvalidRequest: a bad name, or the account has five already.
    """
    name = name.strip() or UNNAMED
    if len(name) > MAX_NAME or not name.isprintable():
        raise InvalidRequest(f"name must have at most {MAX_NAME} characters and no line breaks")
    new = _minted(keys, account_id, name)
    async with database.transaction() as transaction:
        await storage.lock_account(transaction, account_id)
        stored = await storage.insert(transaction, new, at_most=MAX_SECRETS)
        if stored is None:
            raise InvalidRequest(f"an account has at most {MAX_SECRETS} signing secrets: delete one first")
        await audit.record(transaction, account_id, actor, "signing_secret.created", new.id, {"name": name})
    return _opened(keys, stored)


async def delete(database: Database, account_id: str, secret_id: str, actor: Actor = SYSTEM) -> None:
    """Delete a secret; what it signed does not verify any more.

    Raises:
        NotFound: there is none.
        InvalidRequest: it is the last one.
    """
    async with database.transaction() as transaction:
        await storage.lock_account(transaction, account_id)
        found, deleted = await storage.delete(transaction, account_id, secret_id)
        if deleted:
            await audit.record(transaction, account_id, actor, "signing_secret.deleted", secret_id)
    if not found:
        raise NotFound
    if not deleted:
        raise InvalidRequest("the last signing secret cannot be deleted: create another one first")


def _minted(keys: KeyRing, account_id: str, name: str) -> NewSecret:
    secret_id = new_id("wsec_")
    sealed = keys.seal(new_secret(), context=signing_secret_context(secret_id), nonce=nonce())
    return NewSecret(account_id, secret_id, name, sealed)


def _opened(keys: KeyRing, row: SigningSecret) -> Secret:
    secret = keys.unseal(row.sealed_secret, context=signing_secret_context(row.id))
    return Secret(row.id, row.name, secret, row.created_at, row.last_signed_at)
