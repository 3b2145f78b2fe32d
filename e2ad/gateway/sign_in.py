"""The ways of signing in with a browser. Each ends in `Sessions.begin`; this one takes an API key.

And what a program on the person's computer gets for it: a key of its own, so that the two can be revoked apart.
"""

from typing import Final

from attrs import frozen

from e2ad import maillog
from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.errors import Forbidden, Unauthorized
from e2ad.gateway import api_keys
from e2ad.gateway.access import Access, Principal
from e2ad.gateway.limits import RateLimits, address_subject
from e2ad.gateway.mint import now
from e2ad.storage import agents
from e2ad.storage.pool import Database

__all__ = ["HandOff", "by_key", "hand_off"]

TRIES: Final = 30
"""Of one client address in `TRIES_SECONDS`. No key can be guessed; this is for the noise of trying."""
TRIES_SECONDS: Final = 900


@frozen
class HandOff:
    """What a program gets. `agent_email`: the inbox of the account, where there is just one."""

    api_key: str
    agent_email: str


async def by_key(access: Access, limits: RateLimits, key: str, client_address: str) -> Principal:
    """Who shows this API key.

    Raises:
        RateLimited: too many tries from there.
        Unauthorized: it is no API key that is good.
        Forbidden: it is one of a single inbox.
    """
    (await limits.take(address_subject("sign_in", client_address), TRIES, TRIES_SECONDS)).check()
    try:
        principal = await access.resolve(f"Bearer {key}")
    except Unauthorized:
        maillog.sign_in_refused(client_address)
        raise Unauthorized("this is no API key of this deployment, or it was revoked or has expired") from None
    if not principal.key_id:
        raise Unauthorized("this is a program's token: sign in with an API key")
    if principal.agent_email is not None:
        raise Forbidden("this key is for one inbox only: sign in with a key of the whole account")
    maillog.signed_in(principal.account_id, client_address)
    return principal


async def hand_off(database: Database, account_id: str, actor: Actor = SYSTEM) -> HandOff:
    """A fresh key of the account for the command line.

    Cancellation: before COMMIT nothing is kept.
    """
    async with database.transaction() as transaction:
        minted = await api_keys.mint(transaction, account_id, f"e2a command line, {now():%Y-%m-%d %H:%M}", actor=actor)
    newest = await agents.page(database, account_id, deleted=False, before=None, limit=2)
    return HandOff(minted.key, newest[0].email if len(newest) == 1 else "")
