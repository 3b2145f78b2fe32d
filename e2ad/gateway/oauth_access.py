"""Access tokens of OAuth as credentials: what `access` asks when one comes in."""

import re
from datetime import datetime
from typing import Final

from e2ad.core.errors import AccessTokenExpired, AccessTokenInvalid
from e2ad.gateway.principals import EXEMPT, Known, Principal
from e2ad.storage import oauth
from e2ad.storage.pool import Executor

__all__ = ["PREFIX", "find"]

PREFIX: Final = "ate2a_"
_TOKEN: Final = re.compile(r"ate2a_[A-Za-z0-9_-]{43}")


async def find(executor: Executor, token: str, digest: bytes, at: datetime) -> Known:
    """Whom a token stands for.

    Raises:
        AccessTokenInvalid: nobody gave it out, or what it hangs on has ended.
        AccessTokenExpired: its hour is over.
    """
    if not _TOKEN.fullmatch(token):
        raise AccessTokenInvalid
    found = await oauth.find_access(executor, digest)
    if found is None:
        raise AccessTokenInvalid
    if found.expires_at <= at:
        raise AccessTokenExpired
    principal = Principal(
        account_id=found.account_id,
        scope=found.scope,
        agent_email=found.agent_email,
        grant_id=found.grant_id,
        exempt=found.account_class in EXEMPT,
    )
    return Known(principal, found.expires_at)
