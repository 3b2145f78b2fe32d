"""Signing in with an OpenID provider: a form leads there, and `/api/auth/callback` is where people come back to."""

from attrs import frozen

from e2ad.api.credentials import COOKIE, cookie_of
from e2ad.api.exchange import Exchange, Response
from e2ad.api.services import Services
from e2ad.api.sign_in_door import Door, browser_of, page
from e2ad.api.sign_in_pages import OIDC, sent_on
from e2ad.core.errors import Failure, InvalidRequest
from e2ad.gateway.oidc import OpenIdProvider
from e2ad.gateway.oidc_sign_in import CALLBACK, Back, OidcSignIn

__all__ = ["endpoints"]


@frozen
class _OidcDoor(Door):
    provider: OpenIdProvider

    def _verbs(self) -> OidcSignIn:
        services = self.services
        return OidcSignIn(
            services.db, services.limits, services.sessions, services.keys, self.provider, services.public_url
        )


@frozen
class Go(_OidcDoor):
    """`POST /api/auth/oidc`: on to the provider."""

    async def _answer(self, exchange: Exchange) -> Response:
        _, asked = await self._asked(exchange)
        try:
            url = await self._verbs().start(browser_of(exchange), asked.query(), self._visitor(exchange))
        except Failure as failure:
            return self._form(exchange, asked, trouble=failure)
        # Back from there the browser is still to be the one that left.
        headers = {"Set-Cookie": self._browser_cookie(browser_of(exchange))}
        return page(sent_on(url, self.provider.name), headers=headers)


@frozen
class ComeBack(_OidcDoor):
    """`GET /api/auth/callback`: back from the provider."""

    async def _answer(self, exchange: Exchange) -> Response:
        lists = exchange.query_lists()
        if any(len(lists.get(name, ())) > 1 for name in ("state", "code", "error", "iss")):
            raise InvalidRequest("the answer says something twice")
        query = exchange.query()
        back = Back(query.get("state", ""), query.get("code", ""), query.get("error", ""), query.get("iss"))
        old = cookie_of(exchange.headers, COOKIE)
        entered = await self._verbs().finish(back, browser_of(exchange), old, self._visitor(exchange))
        return self._enter(entered.token, entered.onward)


def endpoints(services: Services) -> list[tuple[str, str, Door]]:
    """The paths; none where there is no provider."""
    provider = services.openid
    if provider is None:
        return []
    return [("POST", OIDC, Go(services, provider)), ("GET", CALLBACK, ComeBack(services, provider))]
