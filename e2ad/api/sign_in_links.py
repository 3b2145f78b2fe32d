"""Signing in with a link by mail: a form asks for one, a page shows it, a button uses it up.

Opening a link changes nothing, so that whatever reads a mail before its owner does uses nothing up.
"""

from attrs import frozen

from e2ad.api.credentials import COOKIE, cookie_of
from e2ad.api.exchange import Exchange, Response
from e2ad.api.oauth_answers import read_form
from e2ad.api.services import Services
from e2ad.api.sign_in_door import Door, browser_of, check_form_origin, page
from e2ad.api.sign_in_pages import LINK, LINK_ASKED, link_elsewhere, link_gone, link_sent, link_shown
from e2ad.core.errors import Failure, answer
from e2ad.gateway.acceptance import from_domain_of
from e2ad.gateway.sign_in_links import SignInLinks

__all__ = ["endpoints"]


@frozen
class _LinkDoor(Door):
    def _verbs(self) -> SignInLinks:
        services = self.services
        return SignInLinks(
            services.db, services.limits, services.sessions, from_domain_of(services.config), services.public_url
        )

    async def _refused(self, exchange: Exchange, token: str) -> Response:
        """Why a link is not good for anything here."""
        shown = await self._verbs().show(token, browser_of(exchange), self._visitor(exchange))
        return page(link_gone(), 410) if shown is None else page(link_elsewhere(), 403)


@frozen
class AskForLink(_LinkDoor):
    """`POST /api/auth/link/ask`: everybody is told the same."""

    async def _answer(self, exchange: Exchange) -> Response:
        form, asked = await self._asked(exchange)
        typed = form.get("email", "")
        try:
            email = await self._verbs().ask(typed, browser_of(exchange), asked.query(), self._visitor(exchange))
        except Failure as failure:
            if answer(failure).status >= 500:
                raise
            return self._form(exchange, asked, email=typed[:320], trouble=failure)
        # The link is good for as long as the cookie is there.
        return page(link_sent(email), headers={"Set-Cookie": self._browser_cookie(browser_of(exchange))})


@frozen
class ShowLink(_LinkDoor):
    """`GET /api/auth/link`: shows whom the link signs in, and changes nothing."""

    async def _answer(self, exchange: Exchange) -> Response:
        token = exchange.query().get("t", "")
        shown = await self._verbs().show(token, browser_of(exchange), self._visitor(exchange))
        if shown is None:
            return page(link_gone(), 410)
        return page(link_shown(token, shown.email)) if shown.email else page(link_elsewhere(), 403)


@frozen
class UseLink(_LinkDoor):
    """`POST /api/auth/link`: signs in. The link is the browser's that sends it, or it is nobody's."""

    async def _answer(self, exchange: Exchange) -> Response:
        form = await read_form(exchange)
        check_form_origin(self.services, exchange)
        token = form.get("t", "")
        old = cookie_of(exchange.headers, COOKIE)
        entered = await self._verbs().use(token, browser_of(exchange), old, self._visitor(exchange))
        if entered is None:
            return await self._refused(exchange, token)
        return self._enter(entered.token, entered.onward)


def endpoints(services: Services) -> list[tuple[str, str, Door]]:
    """The paths."""
    return [
        ("POST", LINK_ASKED, AskForLink(services)),
        ("GET", LINK, ShowLink(services)),
        ("POST", LINK, UseLink(services)),
    ]
