"""Who calls: by the Authorization header, or by the session cookie where there is none (contract: credentials).

A browser sends the cookie with every request to us, whatever page made it. So the cookie alone proves nothing: the
browser must also say that one of our own pages asks. SameSite=Lax on the cookie is the second lock, not the only one.
"""

from collections.abc import Mapping
from typing import Final

from e2ad.api.operation import Scope
from e2ad.api.services import Services
from e2ad.core.errors import Forbidden, Unauthorized
from e2ad.core.oauth import origin_of
from e2ad.gateway.access import Principal
from e2ad.gateway.sessions import LONGEST, Visitor

__all__ = [
    "COOKIE",
    "authenticate",
    "check_own_page",
    "cookie_of",
    "cross_site",
    "renewed_cookie",
    "session_cookie",
    "started_cookie",
    "visitor_of",
]

COOKIE: Final = "e2a_session"

_OTHER_PAGE: Final = (
    "a request with the session cookie must come from a page of this deployment: elsewhere send an API key as a "
    "Bearer token"
)


async def authenticate(services: Services, scope: Scope, method: str, headers: Mapping[str, str]) -> Principal:
    """The caller of an operation.

    Raises:
        Unauthorized: see `Access.resolve`; or nobody is signed in with the cookie.
        Forbidden: somebody is, but the request does not come from a page of ours.
    """
    authorization = headers.get("authorization")
    if authorization is not None and scope is not Scope.SESSION:
        return await services.access.resolve(authorization)
    principal = await services.sessions.resolve(cookie_of(headers, COOKIE))
    if principal is None:
        raise Unauthorized
    check_own_page(services, method, headers)
    return principal


def check_own_page(services: Services, method: str, headers: Mapping[str, str]) -> None:
    """Refuse what a page of somebody else made the browser send.

    What changes something needs the browser's word for it. Reading is refused where the browser says that
    another site asks: a link must not mark mail as read.

    Raises:
        Forbidden: it does not come from us.
    """
    if method in ("GET", "HEAD"):
        trusted = headers.get("sec-fetch-site") != "cross-site"
    else:
        trusted = not cross_site(services, headers, unknown=True)
    if not trusted:
        raise Forbidden(_OTHER_PAGE)


def cross_site(services: Services, headers: Mapping[str, str], *, unknown: bool) -> bool:
    """Whether another origin than ours made this request; `unknown` where the browser does not say.

    `Sec-Fetch-Site` cannot be set by a page. Browsers without it send an `Origin`, which is ours when it is the
    configured one, or names the host that was asked.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site != "same-origin"
    if origin is None or origin == "null":
        return unknown
    ours = origin_of(services.public_url) if services.public_url else ""
    scheme, _, authority = origin.partition("://")
    asked = scheme in ("http", "https") and authority.lower() == headers.get("host", "").lower()
    # Of a deployment with TLS a page without it is another's: whoever stands in between can write it.
    return origin != ours and not (asked and (scheme == "https" or not ours.startswith("https:")))


def cookie_of(headers: Mapping[str, str], name: str) -> str:
    """A cookie's value, "" where there is none. Two of one name count as none: one was put there by a neighbour."""
    found = [
        value.strip()
        for key, _, value in (part.partition("=") for part in headers.get("cookie", "").split(";"))
        if key.strip() == name
    ]
    return found[0] if len(found) == 1 else ""


def session_cookie(services: Services, token: str, seconds: int) -> str:
    """The `Set-Cookie` of a session; with 0 seconds the one that removes it."""
    secure = "; Secure" if services.public_url.startswith("https:") else ""
    return f"{COOKIE}={token}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}"


def started_cookie(services: Services, token: str) -> str:
    """The `Set-Cookie` of a session that has a new token."""
    return session_cookie(services, token, int(LONGEST.total_seconds()))


async def renewed_cookie(services: Services, headers: Mapping[str, str]) -> str | None:
    """The `Set-Cookie` that goes with a page for somebody whose token is old; None where there is nothing to do."""
    token = await services.sessions.renewed(cookie_of(headers, COOKIE))
    return None if token is None else started_cookie(services, token)


def visitor_of(headers: Mapping[str, str], client_address: str) -> Visitor:
    """Who signs in, as far as a request tells."""
    return Visitor(headers.get("user-agent", ""), client_address)
