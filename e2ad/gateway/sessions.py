"""People signed in with a browser: a session begins, is asked for with each request, changes its token, and ends.

The token is a random text in a cookie, kept as a hash: who reads the table is not signed in (contract: dashboard
session). However a person proved who they are, `begin` comes last; it always makes a new token, so that one which
somebody else put into the browser before means nothing afterwards.

A token that somebody copied shall not be good for long, so it changes from time to time. The next one is made of
the token and of a seed in the table, so that all who offer it at once offer the same. It counts from when the browser
shows it; until then the one before does, and for `OVERLAP` after: an answer that is lost, or requests that were under
way, sign nobody out.
"""

import hmac
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from attrs import define, field, frozen

from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.errors import Unauthorized
from e2ad.core.signing import key_hash
from e2ad.core.visitors import browser_of, network_of
from e2ad.gateway import audit
from e2ad.gateway.mint import new_id, new_secret, now
from e2ad.gateway.principals import EXEMPT, Known, Principal
from e2ad.gateway.remembered import Remembered
from e2ad.storage import sessions
from e2ad.storage.pool import Database, Executor
from e2ad.storage.sessions import EndedSession, ListedSession, NewSession, Way

__all__ = ["IDLE", "LONGEST", "OVERLAP", "RENEWED", "SeenSession", "Sessions", "SignedIn", "Visitor", "Way"]

PREFIX: Final = "sess_"
IDLE: Final = timedelta(days=7)
"""After which a session that nobody uses is over."""
LONGEST: Final = timedelta(days=30)
"""After which every session is over, however much it is used: a stolen cookie is not good for ever."""
COARSE: Final = timedelta(minutes=15)
"""How exact it is known when a session was used."""
RENEWED: Final = timedelta(hours=1)
"""How old a token becomes before the next page brings another one."""
OVERLAP: Final = timedelta(minutes=1)
"""How long the token before is good once the next one was shown."""
LISTED: Final = 200

_TOKEN: Final = re.compile(r"sess_[0-9a-f]{64}")


@frozen
class Visitor:
    """Where somebody signs in: what their browser says it is, and the address that it comes from."""

    user_agent: str = ""
    address: str = ""


@frozen
class SignedIn:
    """Who has a session cookie. `session_id` stays the same while the token changes."""

    principal: Principal
    session_id: str


@frozen
class SeenSession:
    """A session as its owner sees it; `current`: the one that asks."""

    id: str
    began_at: datetime
    last_used_at: datetime
    expires_at: datetime
    signed_in_by: Way
    browser: str
    network: str
    current: bool


@frozen
class _Known(Known):
    session_id: str
    token_since: datetime | None


@define
class Sessions:
    """Who is signed in; one a process."""

    database: Database
    _remembered: Remembered = field(factory=Remembered, init=False)

    async def begin(
        self,
        account_id: str,
        key_id: str | None = None,
        *,
        by: Way = "key",
        visitor: Visitor | None = None,
        executor: Executor | None = None,
    ) -> str:
        """Sign somebody in; the token, which is known to nobody else.

        Args:
            key_id: of the API key that they proved themselves with. When it stops, so does the session.
            by: how they proved themselves.
            executor: a transaction that it belongs to.
        """
        token, at, visitor = new_secret(PREFIX), now(), visitor or Visitor()
        new = NewSession(
            token_sha256=key_hash(token),
            id=new_id("ses_"),
            account_id=account_id,
            key_id=key_id,
            signed_in_by=by,
            browser=browser_of(visitor.user_agent),
            network=network_of(visitor.address),
            renewal_seed=secrets.token_bytes(32),
            at=at,
            expires_at=at + IDLE,
        )
        known = {"by": by, "key_id": key_id, "browser": new.browser, "network": new.network}
        actor = Actor("session", new.id, visitor.address)
        async with self._in(executor) as transaction:
            await sessions.insert(transaction, new)
            await audit.record(transaction, account_id, actor, "session.begun", new.id, known, at=at)
        return token

    async def resolve(self, cookie: str) -> Principal | None:
        """Who has this session cookie, if it is good."""
        found = await self.signed_in(cookie)
        return None if found is None else found.principal

    async def signed_in(self, cookie: str) -> SignedIn | None:
        """The same with the session."""
        known = await self._known(cookie)
        return None if known is None else SignedIn(known.principal, known.session_id)

    async def renewed(self, cookie: str) -> str | None:
        """The token to give the browser in place of this one, when that is old; else None.

        Asked by whoever answers a page. It may be asked again until the browser shows the new token: the answer is
        the same each time.

        Cancellation: the token of before goes on.
        """
        known = await self._known(cookie)
        at = now()
        if known is None or known.token_since is None or known.token_since + RENEWED > at:
            return None
        digest = key_hash(cookie)
        seed = await sessions.seed(self.database, digest, at)
        if seed is None:
            return None
        token = PREFIX + hmac.digest(seed, cookie.encode(), "sha256").hex()
        await sessions.offer(self.database, digest, key_hash(token))
        return token

    async def listed(self, account_id: str, cookie: str = "") -> list[SeenSession]:
        """Where somebody is signed in, last used first; the one that has this cookie is marked."""
        known = await self._known(cookie)
        current = known.session_id if known is not None else ""
        found = await sessions.page(self.database, account_id, now(), LISTED)
        return [_seen(one, current=one.id == current) for one in found]

    async def end(self, cookie: str, executor: Executor | None = None) -> bool:
        """Sign out, in every process at once; False when nobody was signed in with it.

        Args:
            executor: a transaction that it belongs to, in which another session may begin.
        """
        if not _TOKEN.fullmatch(cookie):
            return False
        digest = key_hash(cookie)
        async with self._in(executor) as transaction:
            if executor is not None:
                await audit.alone(transaction)
            ended = await sessions.delete(transaction, digest, now())
            await _note(transaction, ended)
        # The notification reaches every process, this one too, but not before the answer.
        self._remembered.forget(digest)
        return bool(ended)

    async def end_one(self, account_id: str, session_id: str, actor: Actor = SYSTEM) -> bool:
        """End a session of an account by its id; False when it has none of this id."""
        async with self.database.transaction() as transaction:
            ended = await sessions.delete_one(transaction, account_id, session_id)
            await _note(transaction, ended, actor)
        self.forget(account_id)
        return bool(ended)

    async def end_others(self, account_id: str, cookie: str, client_address: str = "") -> int:
        """End all sessions of an account but the one that has this cookie; how many.

        Raises:
            Unauthorized: it has none, so that all of them would end.
        """
        known = await self._known(cookie)
        if known is None or known.principal.account_id != account_id:
            raise Unauthorized
        async with self.database.transaction() as transaction:
            ended = await sessions.delete_others(transaction, account_id, known.session_id)
            await _note(transaction, ended, Actor("session", known.session_id, client_address))
        self.forget(account_id)
        return len(ended)

    def forget(self, account_id: str) -> None:
        """Drop what is known of one account (NOTIFY `e2ad_accounts`)."""
        self._remembered.forget_account(account_id)

    def clear(self) -> None:
        """Drop everything: notifications may have been missed."""
        self._remembered.clear()

    @asynccontextmanager
    async def _in(self, executor: Executor | None) -> AsyncIterator[Executor]:
        if executor is not None:
            yield executor
            return
        async with self.database.transaction() as transaction:
            yield transaction

    async def _known(self, cookie: str) -> _Known | None:
        if not _TOKEN.fullmatch(cookie):
            return None
        digest = key_hash(cookie)
        try:
            known = await self._remembered.ask(digest, lambda: self._find(digest))
        except Unauthorized:
            return None
        assert isinstance(known, _Known), "what is remembered here is what was found here"
        return known

    async def _find(self, digest: bytes) -> Known:
        found = await sessions.find(
            self.database, digest, now(), idle=IDLE, longest=LONGEST, coarse=COARSE, overlap=OVERLAP
        )
        if found is None:
            raise Unauthorized
        exempt = found.account_class in EXEMPT
        principal = Principal(account_id=found.account_id, session_id=found.id, exempt=exempt)
        return _Known(principal, found.expires_at, found.id, found.token_since)


async def _note(transaction: Executor, ended: Sequence[EndedSession], actor: Actor | None = None) -> None:
    """Tell of sessions that ended; by themselves, where nobody else did it."""
    for one in ended:
        await audit.record(transaction, one.account_id, actor or Actor("session", one.id), "session.ended", one.id)


def _seen(one: ListedSession, *, current: bool) -> SeenSession:
    return SeenSession(
        one.id,
        one.created_at,
        one.last_seen_at,
        one.expires_at,
        one.signed_in_by,
        one.browser,
        one.network,
        current,
    )
