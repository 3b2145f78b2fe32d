"""Where somebody is signed in: a page that shows it, and a form that ends what should not be."""

from attrs import frozen

from e2ad.api.credentials import COOKIE, check_own_page, cookie_of, renewed_cookie, session_cookie
from e2ad.api.exchange import Exchange, Response
from e2ad.api.oauth_answers import read_form
from e2ad.api.services import Services
from e2ad.api.sign_in_door import Door, page, redirect
from e2ad.api.sign_in_pages import LOGIN, SESSIONS, sessions_page
from e2ad.core.audit import Actor
from e2ad.core.errors import InvalidRequest

__all__ = ["endpoints"]

OTHERS = "others"


@frozen
class ShowSessions(Door):
    """`GET /api/auth/sessions`."""

    async def _answer(self, exchange: Exchange) -> Response:
        check_own_page(self.services, exchange.method, exchange.headers)
        person = await self._signed_in(exchange)
        if person is None:
            return redirect(f"{LOGIN}?next={SESSIONS}")
        renewed = await renewed_cookie(self.services, exchange.headers)
        seen = await self.services.sessions.listed(person.account_id, cookie_of(exchange.headers, COOKIE))
        shown = sessions_page(seen, await self._owner(person.account_id))
        return page(shown, headers={} if renewed is None else {"Set-Cookie": renewed})


@frozen
class EndSession(Door):
    """`POST /api/auth/sessions`: ends one, or all others. One that is gone already is no trouble."""

    async def _answer(self, exchange: Exchange) -> Response:
        form = await read_form(exchange)
        check_own_page(self.services, exchange.method, exchange.headers)
        cookie = cookie_of(exchange.headers, COOKIE)
        found = await self.services.sessions.signed_in(cookie)
        if found is None:
            return redirect(f"{LOGIN}?next={SESSIONS}")
        ended, account_id = form.get("end", ""), found.principal.account_id
        if not ended:
            raise InvalidRequest("the form does not say what is to end")
        if ended == OTHERS:
            await self.services.sessions.end_others(account_id, cookie, exchange.client_address)
            return redirect(SESSIONS)
        actor = Actor("session", found.session_id, exchange.client_address)
        await self.services.sessions.end_one(account_id, ended, actor)
        if ended == found.session_id:
            return redirect(LOGIN, {"Set-Cookie": session_cookie(self.services, "", 0)})
        return redirect(SESSIONS)


def endpoints(services: Services) -> list[tuple[str, str, Door]]:
    """The paths."""
    return [("GET", SESSIONS, ShowSessions(services)), ("POST", SESSIONS, EndSession(services))]
