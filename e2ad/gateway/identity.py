"""Agents that show who they are with tokens of ours: made for a key, exchanged, believed, and worthless when told so.

A token is good while the agent's `assertion_version` is the one in it. That is raised when the agent goes to the
trash and when a key of its is revoked: nobody can list the tokens that were made, so whoever ends a key that got
into wrong hands must end them too. Those who still have a key make a new one with the next request.
"""

from datetime import datetime
from typing import Final

from attrs import frozen

from e2ad.core.errors import (
    AccessTokenExpired,
    AccessTokenInvalid,
    Forbidden,
    NotImplementedHere,
    OAuthRefused,
    Unauthorized,
)
from e2ad.core.identity import (
    ACCESS,
    ACCESS_LIFETIME,
    ASSERTION,
    ASSERTION_LIFETIME,
    SKEW,
    Expired,
    Identity,
    NotOurs,
    SigningKey,
)
from e2ad.gateway.mint import new_id, now
from e2ad.gateway.principals import EXEMPT, Known, Principal
from e2ad.storage import identity as table
from e2ad.storage.identity import FoundIdentity
from e2ad.storage.pool import Executor

__all__ = ["Identities", "Token", "is_token"]

_NOT_GOOD: Final = "the assertion was not made here, has expired, or was revoked"


@frozen
class Token:
    """A token that was just made."""

    text: str
    agent_email: str
    issued_at: datetime
    expires_at: datetime


def is_token(credential: str) -> bool:
    """Whether a credential looks like an identity token (contract: credentials)."""
    return credential.startswith("eyJ") and credential.count(".") == 2


@frozen
class Identities:
    """The verbs.

    Args:
        key: None where the deployment has none; then no token is made, and none is believed.
        issuer: the deployment's own URL.
    """

    executor: Executor
    key: SigningKey | None
    issuer: str

    async def assertion(self, principal: Principal) -> Token:
        """A token by which an agent says who it is, for 30 days, or as long as its key is good.

        Raises:
            NotImplementedHere: there is no signing key.
            Forbidden: the caller shows no key of an inbox. What was made of a key makes nothing more of itself.
            Unauthorized: the key has just been revoked.
        """
        key = self._key()
        if principal.agent_email is None or not principal.key_id:
            raise Forbidden("an identity is given for the API key of an inbox (scope agent) alone")
        holder = await table.holder(self.executor, principal.account_id, principal.key_id)
        if holder is None:
            raise Unauthorized
        at = now()
        until = min(at + ASSERTION_LIFETIME, holder.key_expires_at or at + ASSERTION_LIFETIME)
        identity = Identity(holder.email, holder.assertion_version, ASSERTION, new_id("jti_"), at, until)
        return Token(key.sign(identity, self.issuer), holder.email, at, until)

    async def exchange(self, assertion: str) -> Token:
        """An access token for an assertion (RFC 7523 section 2.1): for 15 minutes, or as long as that is good.

        Raises:
            NotImplementedHere: there is no signing key.
            OAuthRefused: `invalid_grant`.
        """
        key, at = self._key(), now()
        try:
            stated = key.read_token(assertion, self.issuer, ASSERTION, at)
        except NotOurs as error:
            raise OAuthRefused("invalid_grant", _NOT_GOOD) from error
        if await self._find(stated) is None:
            raise OAuthRefused("invalid_grant", _NOT_GOOD)
        # An assertion that is over by a little, by its clock, is good for that little.
        until = min(at + ACCESS_LIFETIME, stated.expires_at + SKEW)
        identity = Identity(stated.agent_email, stated.version, ACCESS, new_id("jti_"), at, until)
        return Token(key.sign(identity, self.issuer), stated.agent_email, at, until)

    async def find(self, token: str, at: datetime) -> Known:
        """Whom an access token stands for.

        Raises:
            Unauthorized: there is no signing key, so that it is no credential at all.
            AccessTokenInvalid: we did not make it, or it was revoked.
            AccessTokenExpired: its time is over.
        """
        if self.key is None:
            raise Unauthorized
        try:
            stated = self.key.read_token(token, self.issuer, ACCESS, at)
        except Expired as error:
            raise AccessTokenExpired from error
        except NotOurs as error:
            raise AccessTokenInvalid from error
        found = await self._find(stated)
        if found is None:
            raise AccessTokenInvalid
        principal = Principal(
            account_id=found.account_id,
            scope="agent",
            agent_email=stated.agent_email,
            exempt=found.account_class in EXEMPT,
        )
        return Known(principal, stated.expires_at + SKEW)

    async def _find(self, stated: Identity) -> FoundIdentity | None:
        found = await table.find(self.executor, stated.agent_email)
        return found if found is not None and found.assertion_version == stated.version else None

    def _key(self) -> SigningKey:
        if self.key is None:
            raise NotImplementedHere(
                "agent identity needs identity.private_key_file, which this deployment has not set"
            )
        return self.key
