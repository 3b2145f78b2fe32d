"""Signing in and out with a browser, and handing a key to the command line that waits for one.

`/api/auth/login` is the page and takes its form, `/api/auth/logout` ends it, `/api/auth/me` says who it is. Every way
of signing in ends in `Sessions.begin`; the one that there is takes an API key (contract: browser login).
"""

import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from attrs import frozen

from e2ad import maillog
from e2ad.api.account import AccountView, account_view
from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.credentials import COOKIE, check_own_page, cookie_of, cross_site, session_cookie
from e2ad.api.dispatch import run_bounded
from e2ad.api.errors import challenge, log_accident, retry_headers, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.frame import HTML, SECURITY, sentence
from e2ad.api.oauth_answers import read_form
from e2ad.api.operation import Result, Scope
from e2ad.api.services import Services
from e2ad.api.sign_in_pages import LOGIN, LOGOUT, going_on, hand_over, policy, refusal, sign_in, signed_in
from e2ad.core.errors import Failure, Forbidden, InvalidRequest, Unauthorized, answer
from e2ad.core.sign_in import FORM_SECONDS, SignIn, callback_problem, is_local
from e2ad.gateway import mint
from e2ad.gateway.access import Principal
from e2ad.gateway.sessions import LONGEST
from e2ad.gateway.sign_in import by_key, hand_off
from e2ad.storage import accounts

__all__ = ["ROUTES", "endpoints"]

BROWSER: Final = "e2a_sign_in"
"""A cookie that binds the form to the browser that it was shown in; it says nothing about who that is."""
BROWSER_CHARACTERS: Final = 64

_SECURITY: Final = {
    **SECURITY,
    # Not no-referrer: with it the form would come without its Origin, which is looked at.
    "Referrer-Policy": "strict-origin",
}


@frozen
class _Door:
    """What the page and its form do alike."""

    services: Services

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """A page, or the way on.

        Raises:
            ClientGone: nobody is left to be answered.
        """
        try:
            return await run_bounded(self._answer(exchange), self.services)
        except ClientGone:
            raise
        except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes a page
            error = root_failure(raised)
            log_accident(error, exchange, "sign in")
            return _trouble(error)

    async def _answer(self, exchange: Exchange) -> Response:
        raise RuntimeError("a door has an answer")

    async def _signed_in(self, exchange: Exchange) -> Principal | None:
        return await self.services.sessions.resolve(cookie_of(exchange.headers, COOKIE))

    async def _owner(self, account_id: str) -> str:
        account = await accounts.overview(self.services.db, account_id)
        if account is None:
            raise Unauthorized
        return account.email

    def _form(self, exchange: Exchange, asked: SignIn, *, owner: str = "", trouble: Failure | None = None) -> Response:
        """The page with the form, and the cookie that the form is bound to."""
        browser = cookie_of(exchange.headers, BROWSER)
        if len(browser) != BROWSER_CHARACTERS:
            browser = secrets.token_hex(BROWSER_CHARACTERS // 2)
        query = {"next": asked.next, "cli_callback": asked.callback, "cli_state": asked.state, "again": "1"}
        page = sign_in(
            asked.token(self.services.keys.current, browser),
            asked.callback,
            owner=owner,
            again=f"{LOGIN}?{urlencode({name: value for name, value in query.items() if value})}",
            trouble=sentence(trouble) if trouble else "",
        )
        secure = "; Secure" if self.services.public_url.startswith("https:") else ""
        cookie = f"{BROWSER}={browser}; Max-Age={FORM_SECONDS}; Path={LOGIN}; HttpOnly; SameSite=Lax{secure}"
        status, headers = 200, {"Set-Cookie": cookie}
        if trouble is not None:
            status, headers = answer(trouble).status, headers | challenge(trouble) | retry_headers(trouble)
        return _page(page, status, headers)


@frozen
class Ask(_Door):
    """`GET /api/auth/login`: shows what can be done; changes nothing."""

    async def _answer(self, exchange: Exchange) -> Response:
        query = exchange.query()
        callback, state = query.get("cli_callback", ""), query.get("cli_state", "")
        problem = callback_problem(callback, state) if callback or state else None
        if problem is not None:
            raise InvalidRequest(problem)
        # A link that leads away is not followed; signing in is what it is good for.
        onward = query.get("next", "")
        asked = SignIn(
            next=onward if is_local(onward) else "",
            callback=callback,
            state=state,
            account_id="",
            expires_at=int(mint.now().timestamp()) + FORM_SECONDS,
        )
        person = None if query.get("again") else await self._signed_in(exchange)
        if person is None:
            return self._form(exchange, asked)
        if callback:
            mine = SignIn(asked.next, callback, state, person.account_id, asked.expires_at)
            return self._form(exchange, mine, owner=await self._owner(person.account_id))
        if asked.next:
            return _page(going_on(asked.next))
        return _page(signed_in(await self._owner(person.account_id)))


@frozen
class Enter(_Door):
    """`POST /api/auth/login`: takes what the form says, from the browser that it was shown in."""

    async def _answer(self, exchange: Exchange) -> Response:
        form = await read_form(exchange)
        if cross_site(self.services, exchange.headers, unknown=False):
            raise Forbidden("the form was sent from another site")
        browser = cookie_of(exchange.headers, BROWSER)
        asked = SignIn.opened(self.services.keys.secrets, form.get("form", ""), browser, mint.now().timestamp())
        if asked is None:
            raise InvalidRequest("this form is too old, or was made for another browser: begin again")
        if asked.callback and form.get("decision") == "deny":
            return _handed(asked, {"error": "access_denied"})
        if not asked.account_id:
            return await self._by_key(exchange, asked, form.get("api_key", "").strip())
        person = await self._signed_in(exchange)
        if person is None or person.account_id != asked.account_id:
            raise InvalidRequest("you are not signed in any more: begin again")
        return await self._hand_off(exchange, asked, person.account_id)

    async def _by_key(self, exchange: Exchange, asked: SignIn, key: str) -> Response:
        services = self.services
        try:
            if not key:
                raise InvalidRequest("an API key is needed")
            principal = await by_key(services.access, services.limits, key, exchange.client_address)
        except Failure as failure:
            if answer(failure).status >= 500:
                raise
            return self._form(exchange, asked, trouble=failure)
        # Whoever was signed in with this browser before is not any more.
        await services.sessions.end(cookie_of(exchange.headers, COOKIE))
        token = await services.sessions.begin(principal.account_id, principal.key_id)
        cookie = {"Set-Cookie": session_cookie(services, token, int(LONGEST.total_seconds()))}
        if asked.callback:
            return await self._hand_off(exchange, asked, principal.account_id, cookie)
        onward = f"?{urlencode({'next': asked.next})}" if asked.next else ""
        return Response(303, b"", HTML, {**_SECURITY, **cookie, "Location": LOGIN + onward})

    async def _hand_off(
        self, exchange: Exchange, asked: SignIn, account_id: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        given = await hand_off(self.services.db, account_id)
        maillog.key_handed_off(account_id, exchange.client_address)
        inbox = {"agent_email": given.agent_email} if given.agent_email else {}
        return _handed(asked, {"api_key": given.api_key, **inbox}, headers)


@frozen
class Leave(_Door):
    """`POST /api/auth/logout`: signs out, in every process at once. Of nobody it is no trouble."""

    async def _answer(self, exchange: Exchange) -> Response:
        await exchange.read_body(1024)
        check_own_page(self.services, exchange.method, exchange.headers)
        await self.services.sessions.end(cookie_of(exchange.headers, COOKIE))
        headers = {**_SECURITY, "Set-Cookie": session_cookie(self.services, "", 0)}
        if "text/html" in exchange.headers.get("accept", ""):
            return Response(303, b"", HTML, {**headers, "Location": LOGIN})
        return Response(204, headers=headers)


@classic("GET", "/api/auth/me", scope=Scope.SESSION)
async def me(call: ClassicCall[None]) -> Result:
    """Who is signed in: the account, as the API tells it."""
    view: AccountView = await account_view(call.services, call.principal)
    return Result(200, view, {"Cache-Control": "no-store"})


ROUTES = [me]


def endpoints(services: Services) -> list[tuple[str, str, _Door]]:
    """The paths."""
    return [("GET", LOGIN, Ask(services)), ("POST", LOGIN, Enter(services)), ("POST", LOGOUT, Leave(services))]


def _handed(asked: SignIn, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Response:
    page = hand_over(asked.callback, {**fields, "cli_state": asked.state})
    return _page(page, 200, {**(headers or {}), "Content-Security-Policy": policy(handing=True)})


def _page(page: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, page.encode(), HTML, {**_SECURITY, "Content-Security-Policy": policy(), **(headers or {})})


def _trouble(error: BaseException) -> Response:
    row = answer(error)
    if isinstance(error, Failure) and row.status < 500:
        heading, said = "This cannot be done", [sentence(error), "Nothing has happened."]
    elif isinstance(error, Failure):
        heading, said = "This does not work here now", [sentence(error)]
    else:
        heading, said = "Something went wrong here", ["Try again in a moment."]
    return _page(refusal(heading, said), row.status, retry_headers(error))
