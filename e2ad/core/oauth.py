"""OAuth 2.1 for programs that act for a person: its words, its checks, its documents; nothing that is stored.

Every client is public: it has no secret, so what protects a code is PKCE (RFC 7636, S256 alone), an exact
redirect URI (RFC 9700 section 2.1) and the issuer's name in each answer (RFC 9207).
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import SplitResult, urlencode, urlsplit

from e2ad.core.oauth_failures import OAuthRefused

__all__ = [
    "ACCESS_LIFETIME",
    "AUTHORIZATION_CODE",
    "CODE_LIFETIME",
    "JWT_BEARER",
    "REFRESH_LIFETIME",
    "REFRESH_TOKEN",
    "ROTATION_GRACE",
    "SCOPES",
    "answer_url",
    "authorization_server",
    "form_targets",
    "is_challenge",
    "is_loopback",
    "match_redirect",
    "origin_of",
    "proves",
    "read_resource",
    "read_scope",
    "redirect_problem",
    "resource_server",
    "shown_target",
]

SCOPES: Final = ("agent", "account")
"""What a grant may reach: one inbox, or all that the account has."""

AUTHORIZATION_CODE: Final = "authorization_code"
REFRESH_TOKEN: Final = "refresh_token"  # noqa: S105 - the name of a grant type

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"

CODE_LIFETIME: Final = timedelta(minutes=1)
ACCESS_LIFETIME: Final = timedelta(hours=1)
REFRESH_LIFETIME: Final = timedelta(days=30)

ROTATION_GRACE: Final = timedelta(seconds=10)
"""How long a used refresh token may be used once more, by a client that never got the answer.

Without it a broken connection at the wrong moment ends the connection of two programs. What it costs a
thief gains nothing: the pair that the retry replaces is dead, and whoever uses it ends the grant, so of two
holders of one refresh token one still gives both away (RFC 9700 section 4.14.2).
"""

MAX_URI: Final = 2048

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CUSTOM_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")
_NO_MEANING: Final = frozenset({"mcp", "offline_access"})
"""Scopes that clients ask for out of habit: every grant is for the MCP tools too, and every one can be refreshed."""
_HOST: Final = re.compile(r"[a-z0-9._:-]+")
"""As DNS or a bracketed IPv6 address writes it: what a browser would decode is shown to nobody as a name."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_challenge(text: str) -> bool:
    """Whether this can be the SHA-256 of a verifier (RFC 7636 section 4.2)."""
    return _CHALLENGE.fullmatch(text) is not None


def proves(verifier: str, challenge: str) -> bool:
    """Whether the verifier is the one that the challenge was made from (RFC 7636 section 4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    made = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(made, challenge.encode())


def redirect_problem(uri: str) -> str | None:
    """What is wrong with a redirect URI, or None.

    It is https anywhere, http on this computer alone (RFC 8252 section 7.3), or a scheme of a native
    application, which has a dot in its name (section 7.1) and so is none that a browser runs as a script.
    """
    if not 0 < len(uri) <= MAX_URI:
        return f"a redirect URI must have 1 to {MAX_URI} characters"
    if not uri.isascii() or not uri.isprintable() or any(character in uri for character in ' \\"<>^`{|}'):
        return "a redirect URI must be written in ASCII, with everything else percent-encoded"
    if "#" in uri:
        return "a redirect URI must not have a fragment"
    parts = _split(uri)
    if parts is None:
        return "a redirect URI must be an absolute URI such as https://app.example.com/callback"
    if "@" in parts.netloc:
        return "a redirect URI must not hold a user name"
    match parts.scheme:
        case "https":
            return None if _HOST.fullmatch(parts.hostname or "") else "a redirect URI must name a host, as DNS has it"
        case "http":
            return None if is_loopback(uri) else "an http redirect URI must lead to localhost, 127.0.0.1 or [::1]"
        case scheme if _CUSTOM_SCHEME.fullmatch(scheme):
            return None
        case _:
            return (
                "a redirect URI must begin with https://, with http:// for this computer, or with a scheme of a "
                "native application that has a dot in it, such as com.example.app:"
            )


def is_loopback(uri: str) -> bool:
    """Whether the URI is http to the computer that the browser runs on."""
    parts = _split(uri)
    return parts is not None and parts.scheme == "http" and parts.hostname in _LOOPBACK


def match_redirect(registered: Iterable[str], wanted: str) -> bool:
    """Whether an answer may go to `wanted`: it is registered to the letter, but for the port on this computer.

    A native application listens on whatever port is free (RFC 8252 section 7.3).
    """
    listed = tuple(registered)
    if wanted in listed:
        return True
    if redirect_problem(wanted) is not None or not is_loopback(wanted):
        return False
    return any(is_loopback(one) and _without_port(one) == _without_port(wanted) for one in listed)


def shown_target(uri: str) -> str:
    """Where a redirect URI leads, in words for the person who is asked."""
    parts = urlsplit(uri)
    if is_loopback(uri):
        return f"this computer ({parts.hostname})"
    return parts.hostname if parts.scheme == "https" and parts.hostname else f"an app on this device ({parts.scheme}:)"


def form_targets(uri: str) -> str:
    """The sources of a `form-action` under which a browser follows the answer to `uri`.

    Chromium holds the rule against each redirect behind a form, those of the client's own pages included.
    """
    scheme = urlsplit(uri).scheme
    return "'self' https:" if scheme == "https" else f"'self' https: {scheme}:"


def answer_url(redirect_uri: str, parameters: Mapping[str, str]) -> str:
    """The redirect URI with the answer added to its query (RFC 6749 section 4.1.2)."""
    joint = "?" if "?" not in redirect_uri else "" if redirect_uri.endswith(("?", "&")) else "&"
    return redirect_uri + joint + urlencode({name: value for name, value in parameters.items() if value})


def read_scope(text: str) -> tuple[str, ...]:
    """The scopes that a request leaves to the person to choose from, the narrower first.

    Who asks for the account may be given one inbox; who asks for one inbox is never given the account.

    Raises:
        OAuthRefused: it asks for nothing that there is.
    """
    asked = set(text.split())
    if not asked - _NO_MEANING:
        return SCOPES
    if "account" in asked:
        return SCOPES
    if "agent" in asked:
        return ("agent",)
    raise OAuthRefused("invalid_scope", "the scopes are agent and account")


def read_resource(values: Sequence[str], issuer: str) -> str | None:
    """What the token is meant for (RFC 8707): something of ours, or nothing in particular.

    Raises:
        OAuthRefused: it is meant for somebody else, who must not be given a key to us.
    """
    named = {value.rstrip("/") for value in values if value}
    if not named:
        return None
    if len(named) > 1:
        raise OAuthRefused("invalid_target", "name one resource")
    (resource,) = named
    parts = _split(resource)
    if (
        parts is None
        or not (resource.isascii() and resource.isprintable())
        or "#" in resource
        or "@" in parts.netloc
        or origin_of(resource) != origin_of(issuer)
    ):
        raise OAuthRefused("invalid_target", f"the resource must be one of {origin_of(issuer)}")
    return resource


def origin_of(url: str) -> str:
    """Scheme, host and port of an http URL, in the form in which two of them can be compared."""
    parts = urlsplit(url)
    port = parts.port if parts.port != {"https": 443, "http": 80}.get(parts.scheme) else None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def authorization_server(issuer: str, grant_types: Iterable[str]) -> dict[str, Any]:
    """The metadata document of RFC 8414."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth2/authorize",
        "token_endpoint": f"{issuer}/oauth2/token",
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "registration_endpoint": f"{issuer}/oauth2/register",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(grant_types),
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "service_documentation": f"{issuer}/docs",
    }


def resource_server(issuer: str, path: str = "") -> dict[str, Any]:
    """The metadata document of RFC 9728 for what lies at `path`."""
    return {
        "resource": issuer + path,
        "authorization_servers": [issuer],
        "scopes_supported": list(SCOPES),
        "bearer_methods_supported": ["header"],
        "resource_name": "e2a",
        "resource_documentation": f"{issuer}/docs",
    }


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and port != 0 else None


def _without_port(uri: str) -> tuple[str | None, str, str]:
    parts = urlsplit(uri)
    return parts.hostname, parts.path, parts.query
