"""People signed in with a browser: a session begins, is asked for with each request, and ends.

The token is a random text in a cookie, kept as a hash: who reads the table is not signed in (contract: dashboard
session). However a person proved who they are, `begin` comes last; it always makes a new token, so that one which
somebody else put into the browser before means nothing afterwards.
"""

import re
from datetime import timedelta
from typing import Final

from attrs import define, field

from e2ad.core.errors import Unauthorized
from e2ad.core.signing import key_hash
from e2ad.gateway.mint import new_secret, now
from e2ad.gateway.principals import EXEMPT, Known, Principal
from e2ad.gateway.remembered import Remembered
from e2ad.storage import sessions
from e2ad.storage.pool import Executor
from e2ad.storage.sessions import NewSession

__all__ = ["IDLE", "LONGEST", "Sessions"]

PREFIX: Final = "sess_"
IDLE: Final = timedelta(days=7)
"""After which a session that nobody uses is over."""
LONGEST: Final = timedelta(days=30)
"""After which every session is over, however much it is used: a stolen cookie is not good for ever."""
COARSE: Final = timedelta(minutes=15)
"""How exact it is known when a session was used."""

_TOKEN: Final = re.compile(r"sess_[0-9a-f]{64}")


@define
class Sessions:
    """Who is signed in; one a process."""

    executor: Executor
    _remembered: Remembered = field(factory=Remembered, init=False)

    async def begin(self, account_id: str, key_id: str | None = None) -> str:
        """Sign somebody in; the token, which is known to nobody else.

        Args:
            key_id: of the API key that they proved themselves with. When it stops, so does the session.
        """
        token, at = new_secret(PREFIX), now()
        await sessions.insert(self.executor, NewSession(key_hash(token), account_id, key_id, at, at + IDLE))
        return token

    async def resolve(self, cookie: str) -> Principal | None:
        """Who has this session cookie, if it is good."""
        if not _TOKEN.fullmatch(cookie):
            return None
        digest = key_hash(cookie)
        try:
            return (await self._remembered.ask(digest, lambda: self._find(digest))).principal
        except Unauthorized:
            return None

    async def end(self, cookie: str) -> bool:
        """Sign out, in every process at once; False when nobody was signed in with it."""
        if not _TOKEN.fullmatch(cookie):
            return False
        digest = key_hash(cookie)
        ended = await sessions.delete(self.executor, digest)
        # The notification reaches every process, this one too, but not before the answer.
        self._remembered.forget(digest)
        return ended

    def forget(self, account_id: str) -> None:
        """Drop what is known of one account (NOTIFY `e2ad_accounts`)."""
        self._remembered.forget_account(account_id)

    def clear(self) -> None:
        """Drop everything: notifications may have been missed."""
        self._remembered.clear()

    async def _find(self, digest: bytes) -> Known:
        found = await sessions.find(self.executor, digest, now(), idle=IDLE, longest=LONGEST, coarse=COARSE)
        if found is None:
            raise Unauthorized
        principal = Principal(account_id=found.account_id, exempt=found.account_class in EXEMPT)
        return Known(principal, found.expires_at)
