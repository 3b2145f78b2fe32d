"""Signing in with an OpenID provider: what is asked, and what of its answers is believed.

The authorization code flow with PKCE (OpenID Connect Core 1.0 section 3.1, RFC 7636, RFC 9700 section 2.1). What an ID
token says is believed when the provider's own keys signed it, with an algorithm of ours to choose (RFC 8725 section
3.1), for us, now, and for the very question that this browser was sent with.

Nothing secret travels in an address: nonce and verifier are made of `state`, which does, and of the browser's cookie,
which does not. So they are the browser's alone, and nothing has to be kept of them.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec
from attrs import frozen
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

__all__ = [
    "ALGORITHMS",
    "Asked",
    "NotBelieved",
    "Person",
    "Provider",
    "UnknownKey",
    "discovery_url",
    "nonce_of",
    "person_of",
    "read_id_token",
    "read_keys",
    "read_provider",
    "verifier_of",
]

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
"""Signatures with a public key alone: neither `none` nor a MAC, whose key would be what everybody may read."""
_HASHES: Final = {"256": "sha256", "384": "sha384", "512": "sha512"}
SKEW: Final = timedelta(seconds=60)
"""How far two clocks may be apart."""
OLDEST: Final = timedelta(minutes=30)
"""Of an ID token: nobody is on the way to the provider for longer."""
MAX_TOKEN: Final = 16_384
MAX_KEYS: Final = 50
RSA_CHARACTERS: Final = (342, 1366)
"""Of a modulus of 2048 to 8192 bits, as it is written."""
MAX_SUBJECT: Final = 255
MAX_EMAIL: Final = 320
WELL_KNOWN: Final = "/.well-known/openid-configuration"


class NotBelieved(Exception):
    """What a provider said cannot be believed; the text is for the operator's log."""


class UnknownKey(NotBelieved):
    """A token is signed with a key that we have not seen: the provider may have a new one."""


@frozen
class Provider:
    """What a provider says about itself.

    Attributes:
        userinfo_endpoint: "" where it has none.
        basic: it takes the client's secret in a header; else in the form.
        names_itself: its answers say who they come from (RFC 9207).
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    basic: bool
    names_itself: bool

    def asking(self, *, client_id: str, redirect_uri: str, scopes: str, prompt: str, asked: "Asked") -> str:
        """Where the browser is sent to. `prompt`: what the provider shall ask the person anyway; "" for nothing."""
        challenge = _b64url(hashlib.sha256(asked.verifier.encode()).digest())
        parameters = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": scopes,
            "state": asked.state,
            "nonce": asked.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        } | ({"prompt": prompt} if prompt else {})
        joint = "&" if urlsplit(self.authorization_endpoint).query else "?"
        return f"{self.authorization_endpoint}{joint}{urlencode(parameters)}"


@frozen
class Asked:
    """A question that a browser is sent with."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def of(cls, state: str, browser: str) -> "Asked":
        """The question with this state, of the browser with this cookie."""
        return cls(state, nonce_of(state, browser), verifier_of(state, browser))


@frozen
class Person:
    """Who has signed in there. `email` is theirs: the provider has verified it."""

    subject: str
    email: str
    name: str


def nonce_of(state: str, browser: str) -> str:
    """By which an ID token is known to be for this question."""
    return _b64url(hmac.digest(browser.encode(), b"nonce\0" + state.encode(), "sha256"))


def verifier_of(state: str, browser: str) -> str:
    """Without which nobody can do anything with the code (RFC 7636 section 4.1)."""
    return _b64url(hmac.digest(browser.encode(), b"verifier\0" + state.encode(), "sha256"))


def discovery_url(issuer: str) -> str:
    """Where the provider describes itself (OpenID Connect Discovery 1.0 section 4)."""
    return issuer.rstrip("/") + WELL_KNOWN


def read_provider(raw: bytes, issuer: str, *, allow_http: bool) -> Provider:
    """The document at `discovery_url`.

    Raises:
        NotBelieved: it is none, is another issuer's, or leads where nobody should go.
    """
    document = _object(raw, "its description")
    if document.get("issuer") != issuer:
        raise NotBelieved("its description is of another issuer: oidc.issuer must be written exactly as it is there")
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    challenges = document.get("code_challenge_methods_supported")
    if isinstance(challenges, list) and "S256" not in challenges:
        raise NotBelieved("it does not know PKCE with S256")
    return Provider(
        issuer=issuer,
        authorization_endpoint=_endpoint(document, "authorization_endpoint", allow_http),
        token_endpoint=_endpoint(document, "token_endpoint", allow_http),
        jwks_uri=_endpoint(document, "jwks_uri", allow_http),
        userinfo_endpoint=_endpoint(document, "userinfo_endpoint", allow_http, needed=False),
        basic=not isinstance(methods, list) or "client_secret_basic" in methods or "client_secret_post" not in methods,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def read_keys(raw: bytes) -> tuple[Key, ...]:
    """The public keys of a JWKS that signatures can be checked with; others are left out.

    Raises:
        NotBelieved: it is none.
    """
    listed = _object(raw, "its set of keys").get("keys")
    if not isinstance(listed, list):
        raise NotBelieved("its set of keys has no keys")
    found: list[Key] = []
    for one in listed[:MAX_KEYS]:
        key = _key(one)
        if key is not None:
            found.append(key)
    return tuple(found)


def read_id_token(
    token: str, keys: Collection[Key], *, issuer: str, client_id: str, nonce: str, access_token: str, now: datetime
) -> Mapping[str, Any]:
    """What an ID token says (OpenID Connect Core 1.0 section 3.1.3.7).

    Raises:
        UnknownKey: none of these keys has made it.
        NotBelieved: it is not the provider's, not for us, not of now, or not for this question.
    """
    if len(token) > MAX_TOKEN or not token.isascii():
        raise NotBelieved("the ID token is too long or no token")
    algorithm = ""
    try:
        header = jws.extract_compact(token.encode()).headers()
        algorithm = str(header.get("alg"))
        if algorithm not in ALGORITHMS:
            raise NotBelieved("the ID token is signed with an algorithm that is not taken")
        claims = jwt.decode(token, _chosen(header, algorithm, keys), algorithms=[algorithm]).claims
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotBelieved(f"the ID token's signature does not hold: {type(error).__name__}") from error
    _check_claims(claims, issuer, client_id, nonce, now)
    if "at_hash" in claims and claims["at_hash"] != _half_hash(access_token, algorithm):
        raise NotBelieved("the ID token belongs to another access token")
    return claims


def person_of(claims: Mapping[str, Any]) -> Person:
    """Whom the claims are about.

    Raises:
        NotBelieved: nobody, or somebody without an address that the provider has verified.
    """
    subject, email, name = claims.get("sub"), claims.get("email"), claims.get("name")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
        raise NotBelieved("no subject is named")
    if not isinstance(email, str) or not 0 < len(email) <= MAX_EMAIL:
        raise NotBelieved("no e-mail address is named: oidc.scopes needs email")
    if claims.get("email_verified") is not True:
        raise NotBelieved("the e-mail address is not verified")
    return Person(subject, email, name[:200] if isinstance(name, str) and name.isprintable() else "")


def _check_claims(claims: Mapping[str, Any], issuer: str, client_id: str, nonce: str, now: datetime) -> None:
    audience, party = claims.get("aud"), claims.get("azp")
    audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    if claims.get("iss") != issuer:
        raise NotBelieved("the ID token is another issuer's")
    if client_id not in audiences or (len(audiences) > 1 and party is None) or party not in (None, client_id):
        raise NotBelieved("the ID token is for somebody else")
    told = claims.get("nonce")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
        raise NotBelieved("the ID token answers another question")
    expires, issued = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    at = now.timestamp()
    if expires is None or expires + SKEW.total_seconds() <= at:
        raise NotBelieved("the ID token has expired")
    if issued is None or issued - SKEW.total_seconds() > at or issued + OLDEST.total_seconds() <= at:
        raise NotBelieved("the ID token is not of now")
    begins = claims.get("nbf", 0)
    if _seconds(begins) is None or begins - SKEW.total_seconds() > at:
        raise NotBelieved("the ID token is not good yet")


def _chosen(header: Mapping[str, Any], algorithm: str, keys: Collection[Key]) -> Key:
    """The key that a token names, or where it names none the only one that fits."""
    wanted = header.get("kid")
    kind = {"R": "RSA", "P": "RSA"}.get(algorithm[0], "EC" if algorithm.startswith("ES") else "OKP")
    fitting = [key for key in keys if key.key_type == kind and key.get("alg") in (None, algorithm)]
    if wanted is not None:
        fitting = [key for key in fitting if key.kid == wanted]
    if len(fitting) != 1:
        raise UnknownKey("the ID token is signed with a key that the provider does not publish")
    return fitting[0]


def _key(document: Any) -> Key | None:
    if not isinstance(document, dict) or document.get("use", "sig") != "sig":
        return None
    kind = document.get("kty")
    public: dict[str, str | list[str]] = {
        name: value for name, value in document.items() if name in _PUBLIC and isinstance(value, str)
    }
    if kind == "RSA" and not RSA_CHARACTERS[0] <= len(str(public.get("n", "")).rstrip("=")) <= RSA_CHARACTERS[1]:
        return None
    try:
        match kind:
            case "RSA":
                return RSAKey.import_key(public)
            case "EC":
                return ECKey.import_key(public)
            case "OKP":
                return OKPKey.import_key(public)
            case _:
                return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None


_PUBLIC: Final = frozenset({"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"})


def _half_hash(access_token: str, algorithm: str) -> str:
    """OpenID Connect Core 1.0 section 3.1.3.6; Ed25519 hashes with SHA-512."""
    digest = hashlib.new(_HASHES.get(algorithm[-3:], "sha512"), access_token.encode()).digest()
    return _b64url(digest[: len(digest) // 2])


def _endpoint(document: Mapping[str, Any], member: str, allow_http: bool, *, needed: bool = True) -> str:
    url = document.get(member, "")
    if not url and not needed:
        return ""
    # No character that could end a header field or an attribute; the rest is the guard's to refuse.
    good = isinstance(url, str) and len(url) <= 2048 and _URL.fullmatch(url) is not None
    if not good or not (url.startswith("https://") or (allow_http and url.startswith("http://"))):
        raise NotBelieved(f"its {member} is no https address")
    return str(url)


_URL: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[!$-;=?-Z_a-z~%&']*)?")


def _object(raw: bytes, what: str) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotBelieved(f"{what} is not JSON") from error
    if not isinstance(document, dict):
        raise NotBelieved(f"{what} is no JSON object")
    return document


def _seconds(value: Any) -> float | None:
    return (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12 else None
    )


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
