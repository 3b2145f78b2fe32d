"""Signing in and out with a browser, and handing a key to the command line that waits for one.

`/api/auth/login` is the page and takes its form with an API key, `/api/auth/logout` ends it, `/api/auth/me` says who it
is (contract: browser login). A link by mail and a provider have doors of their own beside it; every way of signing in
ends in `Sessions.begin`.
"""

from collections.abc import Mapping

from attrs import frozen

from e2ad import maillog
from e2ad.api import sign_in_links, sign_in_oidc, sign_in_sessions
from e2ad.api.account import AccountView, account_view
from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.credentials import (
    COOKIE,
    check_own_page,
    cookie_of,
    renewed_cookie,
    session_cookie,
    started_cookie,
)
from e2ad.api.exchange import Exchange, Response
from e2ad.api.operation import Result, Scope
from e2ad.api.services import Services
from e2ad.api.sign_in_door import PAGE_HEADERS, Door, page, redirect
from e2ad.api.sign_in_pages import HOME, LOGIN, LOGOUT, going_on, hand_over, policy, signed_in
from e2ad.core.errors import Failure, InvalidRequest, answer
from e2ad.core.sign_in import FORM_SECONDS, SignIn, callback_problem, is_local
from e2ad.gateway import mint
from e2ad.gateway.access import Principal
from e2ad.gateway.audit import actor_of
from e2ad.gateway.sign_in import by_key, hand_off

__all__ = ["ROUTES", "endpoints"]


@frozen
class Ask(Door):
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
        renewed = await renewed_cookie(self.services, exchange.headers)
        headers = {} if renewed is None else {"Set-Cookie": renewed}
        there = asked.next or (HOME if self.services.config.features.dashboard else "")
        if there:
            return page(going_on(there), headers=headers)
        return page(signed_in(await self._owner(person.account_id)), headers=headers)


@frozen
class Enter(Door):
    """`POST /api/auth/login`: takes what the form says, from the browser that it was shown in."""

    async def _answer(self, exchange: Exchange) -> Response:
        form, asked = await self._asked(exchange)
        if asked.callback and form.get("decision") == "deny":
            return _handed(asked, {"error": "access_denied"})
        if not asked.account_id:
            return await self._by_key(exchange, asked, form.get("api_key", "").strip())
        person = await self._signed_in(exchange)
        if person is None or person.account_id != asked.account_id:
            raise InvalidRequest("you are not signed in any more: begin again")
        return await self._hand_off(exchange, asked, person)

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
        token = await services.sessions.begin(principal.account_id, principal.key_id, visitor=self._visitor(exchange))
        if asked.callback:
            cookie = {"Set-Cookie": started_cookie(services, token)}
            return await self._hand_off(exchange, asked, principal, cookie)
        return self._enter(token, asked.query())

    async def _hand_off(
        self, exchange: Exchange, asked: SignIn, person: Principal, headers: Mapping[str, str] | None = None
    ) -> Response:
        actor = actor_of(person, exchange.client_address)
        given = await hand_off(self.services.db, person.account_id, actor)
        maillog.key_handed_off(person.account_id, exchange.client_address)
        inbox = {"agent_email": given.agent_email} if given.agent_email else {}
        return _handed(asked, {"api_key": given.api_key, **inbox}, headers)


@frozen
class Leave(Door):
    """`POST /api/auth/logout`: signs out, in every process at once. Of nobody it is no trouble."""

    async def _answer(self, exchange: Exchange) -> Response:
        await exchange.read_body(1024)
        check_own_page(self.services, exchange.method, exchange.headers)
        await self.services.sessions.end(cookie_of(exchange.headers, COOKIE))
        gone = {"Set-Cookie": session_cookie(self.services, "", 0)}
        if "text/html" in exchange.headers.get("accept", ""):
            return redirect(LOGIN, gone)
        return Response(204, headers={**PAGE_HEADERS, **gone})


@classic("GET", "/api/auth/me", scope=Scope.SESSION)
async def me(call: ClassicCall[None]) -> Result:
    """Who is signed in: the account, as the API tells it."""
    view: AccountView = await account_view(call.services, call.principal)
    return Result(200, view, {"Cache-Control": "no-store"})


ROUTES = [me]


def endpoints(services: Services) -> list[tuple[str, str, Door]]:
    """The paths. That of a provider's answer is there where there is a provider."""
    return [
        ("GET", LOGIN, Ask(services)),
        ("POST", LOGIN, Enter(services)),
        ("POST", LOGOUT, Leave(services)),
        *sign_in_links.endpoints(services),
        *sign_in_oidc.endpoints(services),
        *sign_in_sessions.endpoints(services),
    ]


def _handed(asked: SignIn, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Response:
    shown = hand_over(asked.callback, {**fields, "cli_state": asked.state})
    return page(shown, 200, {**(headers or {}), "Content-Security-Policy": policy(handing=True)})
