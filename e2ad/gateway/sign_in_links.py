"""Signing in with a link by mail: asked for, shown, used up.

Whoever asks learns nothing about whose addresses have accounts: the same work is done for each, and the answer
comes after the same time. The link is a random text that is kept as a hash, for the browser that asked for it alone:
who is sent a link that a stranger asked for signs nobody in by opening it.
"""

import hashlib
import hmac
import math
import re
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import trio
from attrs import frozen

from e2ad import maillog
from e2ad.core.signing import key_hash
from e2ad.core.slug import agent_mailbox
from e2ad.core.visitors import browser_of, network_of
from e2ad.gateway.limits import RateLimits, address_subject
from e2ad.gateway.mint import new_secret, now
from e2ad.gateway.sessions import Sessions, Visitor
from e2ad.gateway.sign_in_notice import sign_in_notice
from e2ad.storage import sign_in as table
from e2ad.storage.pool import Database
from e2ad.storage.sign_in import NewLink

__all__ = ["LIFETIME", "PATH", "LinkShown", "SignInLinks", "SignedInBy", "browser_hash", "told_at"]

PATH: Final = "/api/auth/link"
LIFETIME: Final = timedelta(minutes=15)
MAILS: Final = 5
"""To one address in `WINDOW_SECONDS`: a stranger who asks for it shall not fill a mailbox."""
ASKED: Final = 10
"""By one client address in `WINDOW_SECONDS`."""
OPENED: Final = 60
"""Pages of links and confirmations of one client address in `WINDOW_SECONDS`. No link can be guessed."""
WINDOW_SECONDS: Final = 900
STEP_SECONDS: Final = 0.5
"""An answer to who asks comes after a multiple of this: whether a row was written is lost in it."""

_TOKEN: Final = re.compile(r"sil_[0-9a-f]{64}")


@frozen
class LinkShown:
    """A link that is good. `email` is "" in any other browser than the one that asked for it."""

    email: str


@frozen
class SignedInBy:
    """Somebody who has just been signed in: the token of their session, and where they wanted to go."""

    account_id: str
    token: str
    onward: str


def browser_hash(browser: str) -> bytes:
    """What is kept of the cookie that binds something to a browser."""
    return hashlib.sha256(b"browser\0" + browser.encode()).digest()


def told_at(began: float, done: float) -> float:
    """When whoever asks for a link is answered: at the end of the step in which the work was done."""
    return began + (math.floor((done - began) / STEP_SECONDS) + 1) * STEP_SECONDS


@frozen
class SignInLinks:
    """The verbs.

    Args:
        from_domain: whom the mail comes from.
        public_url: what links are built from.
    """

    database: Database
    limits: RateLimits
    sessions: Sessions
    from_domain: str
    public_url: str

    async def ask(self, email: str, browser: str, onward: str, visitor: Visitor) -> str:
        """Have a link mailed to the owner of an account, if there is one with this address; the address as read.

        Raises:
            InvalidRequest: it is no address.
            RateLimited: too many for this address, or from there, whether it has an account or not.
            Unavailable: the database is away.

        Cancellation: the mail is on its way or it is not.
        """
        began = trio.current_time()
        address = str(agent_mailbox(email))
        (await self.limits.take(address_subject("link_asked", visitor.address), ASKED, WINDOW_SECONDS)).check()
        subject = f"link_mailed:{hashlib.sha256(address.encode()).hexdigest()}"
        (await self.limits.take(subject, MAILS, WINDOW_SECONDS)).check()
        token, at = new_secret("sil_"), now()
        link = NewLink(key_hash(token), address, browser_hash(browser), onward, at, at + LIFETIME)
        notice = sign_in_notice(
            to=address,
            link=f"{self.public_url.rstrip('/')}{PATH}?t={token}",
            host=urlsplit(self.public_url).netloc,
            browser=browser_of(visitor.user_agent),
            network=network_of(visitor.address),
            at=at,
            until=link.expires_at,
            from_domain=self.from_domain,
        )
        await table.mail_link(self.database, link, notice)
        await trio.sleep_until(told_at(began, trio.current_time()))
        return address

    async def show(self, token: str, browser: str, visitor: Visitor) -> LinkShown | None:
        """What a link is good for, in this browser; None for one that is good for nothing. Changes nothing.

        Raises:
            RateLimited: too many from there.
        """
        (await self.limits.take(address_subject("link_opened", visitor.address), OPENED, WINDOW_SECONDS)).check()
        if not _TOKEN.fullmatch(token):
            return None
        found = await table.show_link(self.database, key_hash(token), now())
        if found is None:
            return None
        same = bool(browser) and hmac.compare_digest(found.browser_sha256, browser_hash(browser))
        return LinkShown(found.email if same else "")

    async def use(self, token: str, browser: str, old_session: str, visitor: Visitor) -> SignedInBy | None:
        """Use a link up and sign in; None where it is good for nothing, or is another browser's.

        Of many who use it at once, or use several of an account, one is signed in.

        Args:
            old_session: of whoever was signed in with this browser before; it ends.

        Raises:
            RateLimited: too many from there.

        Cancellation: the link is used up and the session there, or neither.
        """
        (await self.limits.take(address_subject("link_opened", visitor.address), OPENED, WINDOW_SECONDS)).check()
        if not browser or not _TOKEN.fullmatch(token):
            return None
        async with self.database.transaction() as transaction:
            taken = await table.take_link(transaction, key_hash(token), browser_hash(browser), now())
            if taken is None:
                return None
            await self.sessions.end(old_session, transaction)
            session = await self.sessions.begin(taken.account_id, by="link", visitor=visitor, executor=transaction)
        maillog.signed_in(taken.account_id, visitor.address, by="link")
        return SignedInBy(taken.account_id, session, taken.onward)
