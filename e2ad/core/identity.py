"""Identity tokens of agents: signed statements who an agent is, which anybody can check with our public key.

An agent with a key gets an assertion, good for 30 days, and exchanges it for access tokens of 15 minutes, so that
what it shows around is worth little. Only what we signed ourselves is ever read, so there is nothing to negotiate:
one algorithm, one key, one form of header, all compared and none of them chosen by the token (RFC 8725 section 3.1;
contract: agent identity).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from attrs import field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

__all__ = [
    "ACCESS",
    "ACCESS_LIFETIME",
    "ASSERTION",
    "ASSERTION_LIFETIME",
    "MAX_TOKEN",
    "SCOPE",
    "SKEW",
    "Expired",
    "Identity",
    "NotOurs",
    "SigningKey",
]

ALGORITHM: Final = "RS256"
MIN_BITS: Final = 2048
MAX_BITS: Final = 8192
SCOPE: Final = "agent"
SKEW: Final = timedelta(seconds=60)
"""How far two clocks may be apart."""
MAX_TOKEN: Final = 4096

Kind = Literal["assertion", "access"]
ASSERTION: Final = "assertion"
ACCESS: Final = "access"
ASSERTION_LIFETIME: Final = timedelta(days=30)
ACCESS_LIFETIME: Final = timedelta(minutes=15)


class NotOurs(Exception):
    """We did not sign this, or not for this use."""


class Expired(NotOurs):
    """We did, and its time is over."""


@frozen
class Identity:
    """What a token says.

    Attributes:
        agent_email: whom it is about.
        version: the agent's `assertion_version` when it was made; another one makes it worthless.
        token_id: no two tokens have the same.
    """

    agent_email: str
    version: int
    kind: Kind
    token_id: str
    issued_at: datetime
    expires_at: datetime


@frozen
class _Claims:
    iss: str
    aud: str
    sub: str
    typ: Kind
    scope: str
    assertion_version: int
    jti: str
    iat: int
    exp: int


@frozen
class SigningKey:
    """The deployment's private key, and what it is called."""

    key: RSAKey = field(repr=False)
    key_id: str

    @classmethod
    def read(cls, pem: bytes, key_id: str) -> "SigningKey":
        """From an unencrypted PEM, PKCS#8 or PKCS#1.

        Raises:
            ValueError: it is no RSA private key, or one that is too small or too large.
        """
        try:
            private = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ValueError("is not a private key in PEM without a password") from error
        if not isinstance(private, RSAPrivateKey):
            raise ValueError("is not an RSA key")  # noqa: TRY004 - of the text, not of a type in the program
        if not MIN_BITS <= private.key_size <= MAX_BITS:
            raise ValueError(f"has {private.key_size} bits: it must have {MIN_BITS} to {MAX_BITS}")
        return cls(RSAKey.import_key(pem, {"kid": key_id, "use": "sig", "alg": ALGORITHM}), key_id)

    def sign(self, identity: Identity, issuer: str) -> str:
        """The token that says so; `issuer` is also whom it is for."""
        claims = {
            "iss": issuer,
            "aud": issuer,
            "sub": identity.agent_email,
            "typ": identity.kind,
            "scope": SCOPE,
            "assertion_version": identity.version,
            "jti": identity.token_id,
            "iat": int(identity.issued_at.timestamp()),
            "exp": int(identity.expires_at.timestamp()),
        }
        return jwt.encode(self._header, claims, self.key, algorithms=[ALGORITHM])

    def read_token(self, token: str, issuer: str, kind: Kind, now: datetime) -> Identity:
        """What a token of ours says.

        Raises:
            Expired: its time is over, by more than `SKEW`.
            NotOurs: anything else is not as we make it.
        """
        if len(token) > MAX_TOKEN or not token.isascii():
            raise NotOurs
        try:
            opened = jwt.decode(token, self.key, algorithms=[ALGORITHM])
            claims = msgspec.convert(opened.claims, _Claims)
            expires_at = datetime.fromtimestamp(claims.exp, UTC)
            issued_at = datetime.fromtimestamp(claims.iat, UTC)
        except (JoseError, ValueError, TypeError, OverflowError, OSError, msgspec.ValidationError) as error:
            raise NotOurs from error
        expected = (self._header, issuer, issuer, kind, SCOPE)
        if (opened.header, claims.iss, claims.aud, claims.typ, claims.scope) != expected or issued_at > now + SKEW:
            raise NotOurs
        if expires_at + SKEW <= now:
            raise Expired
        return Identity(claims.sub, claims.assertion_version, claims.typ, claims.jti, issued_at, expires_at)

    def public_set(self) -> Mapping[str, Any]:
        """The public half, for whoever checks our tokens (RFC 7517 section 5)."""
        return KeySet([self.key]).as_dict(private=False)

    @property
    def _header(self) -> dict[str, Any]:
        return {"alg": ALGORITHM, "kid": self.key_id, "typ": "JWT"}
