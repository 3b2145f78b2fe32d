"""Signing in with an OpenID provider: on the way there, and back.

Whom somebody is there is looked up first by what the provider calls them, which never changes, and only where that is
new by their verified address. An account that goes with one subject of the provider is not given to another one that
has the same address later: addresses are passed on to other people.
"""

import re
from datetime import timedelta
from typing import Final

from attrs import frozen

from e2ad import maillog
from e2ad.core.errors import Forbidden, InvalidRequest
from e2ad.core.oidc import Asked, NotBelieved, Person
from e2ad.core.sealing import KeyRing
from e2ad.core.signing import key_hash
from e2ad.core.slug import agent_mailbox
from e2ad.gateway.accounts import found
from e2ad.gateway.limits import RateLimits, address_subject
from e2ad.gateway.mint import new_secret, now
from e2ad.gateway.oidc import OpenIdProvider
from e2ad.gateway.sessions import Sessions, Visitor
from e2ad.gateway.sign_in_links import SignedInBy, browser_hash
from e2ad.storage import accounts
from e2ad.storage import sign_in as table
from e2ad.storage.pool import Database, Executor
from e2ad.storage.sign_in import NewState

__all__ = ["CALLBACK", "Back", "OidcSignIn"]

CALLBACK: Final = "/api/auth/callback"
LIFETIME: Final = timedelta(minutes=15)
TRIES: Final = 30
"""Ways there, and ways back, of one client address in `WINDOW_SECONDS`."""
WINDOW_SECONDS: Final = 900
MAX_CODE: Final = 4096

_STATE: Final = re.compile(r"[0-9a-f]{64}")


@frozen
class Back:
    """What somebody comes back with (RFC 6749 section 4.1.2, RFC 9207)."""

    state: str
    code: str
    error: str
    issuer: str | None


@frozen
class OidcSignIn:
    """The verbs.

    Args:
        public_url: where people are sent back to.
    """

    database: Database
    limits: RateLimits
    sessions: Sessions
    keys: KeyRing
    provider: OpenIdProvider
    public_url: str

    async def start(self, browser: str, onward: str, visitor: Visitor) -> str:
        """Where to send this browser, so that it comes back as somebody.

        Raises:
            RateLimited: too many from there.
            Unavailable: the provider cannot be asked, or the database.
        """
        (await self.limits.take(address_subject("oidc_start", visitor.address), TRIES, WINDOW_SECONDS)).check()
        described = await self.provider.described()
        state, at = new_secret(), now()
        new = NewState(key_hash(state), browser_hash(browser), onward, at, at + LIFETIME)
        await table.insert_state(self.database, new)
        settings = self.provider.settings
        return described.asking(
            client_id=settings.client_id,
            redirect_uri=self._redirect_uri,
            scopes=settings.scopes,
            prompt=settings.prompt,
            asked=Asked.of(state, browser),
        )

    async def finish(self, back: Back, browser: str, old_session: str, visitor: Visitor) -> SignedInBy:
        """Sign in whoever comes back.

        Args:
            old_session: of whoever was signed in with this browser before; it ends.

        Raises:
            InvalidRequest: they did not leave from this browser, were back before, or the provider sent them without.
            Forbidden: nobody that may sign in here.
            RateLimited: too many from there.
            Unavailable: the provider cannot be asked, or the database.

        Cancellation: nobody is signed in, or they are; the way back is used up in any case.
        """
        (await self.limits.take(address_subject("oidc_back", visitor.address), TRIES, WINDOW_SECONDS)).check()
        onward = None
        if browser and _STATE.fullmatch(back.state):
            onward = await table.take_state(self.database, key_hash(back.state), browser_hash(browser), now())
        if onward is None:
            raise InvalidRequest("this answer is too old, was used before, or was asked for by another browser")
        name = self.provider.name
        try:
            await self._check(back)
            person = await self.provider.person(back.code, Asked.of(back.state, browser), self._redirect_uri)
        except NotBelieved as error:
            maillog.provider_refused(self.provider.settings.issuer, str(error))
            raise Forbidden(
                f"{name} did not say who you are in a way that can be believed: the operator's log says why"
            ) from error
        async with self.database.transaction() as transaction:
            account_id = await self._account(transaction, person)
            await self.sessions.end(old_session, transaction)
            token = await self.sessions.begin(account_id, by="oidc", visitor=visitor, executor=transaction)
        maillog.signed_in(account_id, visitor.address, by="oidc")
        return SignedInBy(account_id, token, onward)

    @property
    def _redirect_uri(self) -> str:
        return self.public_url.rstrip("/") + CALLBACK

    async def _check(self, back: Back) -> None:
        provider, name = await self.provider.described(), self.provider.name
        # RFC 9207 section 2.4: with one provider there is nobody to mix it up with; an answer of another one is a lie.
        if back.issuer is None and provider.names_itself:
            raise NotBelieved("the answer does not say whose it is")
        if back.issuer not in (None, provider.issuer):
            raise NotBelieved("the answer is another issuer's")
        if back.error == "access_denied":
            raise InvalidRequest(f"{name} was not allowed to say who you are, so you are not signed in")
        if back.error:
            word = back.error if re.fullmatch(r"[a-z_]{1,64}", back.error) else "an error"
            raise InvalidRequest(f"{name} could not sign you in: it says {word}")
        if not 0 < len(back.code) <= MAX_CODE:
            raise NotBelieved("the answer has no code")

    async def _account(self, transaction: Executor, person: Person) -> str:
        settings, name, at = self.provider.settings, self.provider.name, now()
        try:
            address = agent_mailbox(person.email)
        except InvalidRequest as error:
            raise Forbidden(f"the address that {name} has of you cannot be one of an account here") from error
        if settings.allowed_email_domains and address.domain not in settings.allowed_email_domains:
            raise Forbidden(f"{address} is not of a domain that may sign in here: choose another identity at {name}")
        known = await table.find_identity(transaction, settings.issuer, person.subject, at)
        if known is not None:
            return known
        account = await accounts.find_account(transaction, str(address))
        if account is not None:
            account_id = account.id
        elif settings.create_accounts:
            account_id = (await found(transaction, self.keys, str(address), person.name)).id
        else:
            raise Forbidden(
                f"nobody here has the address {address}: whoever runs this deployment makes an account with "
                f"e2ad bootstrap {address}"
            )
        linked = await table.link_identity(transaction, settings.issuer, person.subject, account_id, str(address), at)
        # Whoever came back twice at once, for the first time, is who they are both times.
        if not linked and await table.find_identity(transaction, settings.issuer, person.subject, at) != account_id:
            raise Forbidden(
                f"the account of {address} belongs to another identity at {name}, or is closed: sign in another way"
            )
        return account_id
