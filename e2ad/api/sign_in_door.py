"""What the doors that people sign in at do alike: pages, refusals, and the cookie that a form is bound to."""

import secrets
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from e2ad.api.credentials import COOKIE, cookie_of, cross_site, started_cookie, visitor_of
from e2ad.api.dispatch import run_bounded
from e2ad.api.errors import challenge, log_accident, retry_headers, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.frame import HTML, SECURITY, sentence
from e2ad.api.oauth_answers import read_form
from e2ad.api.services import Services
from e2ad.api.sign_in_pages import LOGIN, policy, refusal, sign_in
from e2ad.core.errors import Failure, Forbidden, InvalidRequest, Unauthorized, answer
from e2ad.core.sign_in import FORM_SECONDS, SignIn
from e2ad.gateway import mint
from e2ad.gateway.access import Principal
from e2ad.gateway.sessions import Visitor
from e2ad.storage import accounts

__all__ = ["PAGE_HEADERS", "Door", "browser_of", "check_form_origin", "page", "redirect"]

BROWSER: Final = "e2a_sign_in"
"""A cookie that binds forms, links and ways to a provider to the browser that asked; it says nothing about whose."""
BROWSER_CHARACTERS: Final = 64
BROWSER_PATH: Final = "/api/auth"

PAGE_HEADERS: Final = {
    **SECURITY,
    # Not no-referrer: with it the form would come without its Origin, which is looked at.
    "Referrer-Policy": "strict-origin",
}


@frozen
class Door:
    """A page, or what takes its form."""

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

    async def _asked(self, exchange: Exchange) -> tuple[dict[str, str], SignIn]:
        """The fields of a form that this browser was shown, and what it was shown for.

        Raises:
            Forbidden: it comes from another site.
            InvalidRequest: it is too old, or was made for another browser.
        """
        form = await read_form(exchange)
        check_form_origin(self.services, exchange)
        asked = SignIn.opened(
            self.services.keys.secrets, form.get("form", ""), browser_of(exchange), mint.now().timestamp()
        )
        if asked is None:
            raise InvalidRequest("this form is too old, or was made for another browser: begin again")
        return form, asked

    def _form(
        self, exchange: Exchange, asked: SignIn, *, owner: str = "", email: str = "", trouble: Failure | None = None
    ) -> Response:
        """The page with the forms, and the cookie that they are bound to."""
        browser = browser_of(exchange) or secrets.token_hex(BROWSER_CHARACTERS // 2)
        services = self.services
        shown = sign_in(
            asked.token(services.keys.current, browser),
            asked.callback,
            owner=owner,
            again=f"{LOGIN}?{'&'.join(part for part in (asked.query(), 'again=1') if part)}",
            trouble=sentence(trouble) if trouble else "",
            email=email,
            by_mail=bool(services.public_url),
            provider=services.openid.name if services.openid is not None else "",
        )
        status, headers = 200, {"Set-Cookie": self._browser_cookie(browser)}
        if trouble is not None:
            status, headers = answer(trouble).status, headers | challenge(trouble) | retry_headers(trouble)
        return page(shown, status, headers)

    def _browser_cookie(self, browser: str) -> str:
        secure = "; Secure" if self.services.public_url.startswith("https:") else ""
        return f"{BROWSER}={browser}; Max-Age={FORM_SECONDS}; Path={BROWSER_PATH}; HttpOnly; SameSite=Lax{secure}"

    def _enter(self, token: str, onward: str) -> Response:
        """Somebody is signed in now: on to where they wanted to go."""
        where = f"{LOGIN}?{onward}" if onward else LOGIN
        return redirect(where, {"Set-Cookie": started_cookie(self.services, token)})

    @staticmethod
    def _visitor(exchange: Exchange) -> Visitor:
        return visitor_of(exchange.headers, exchange.client_address)


def browser_of(exchange: Exchange) -> str:
    """The cookie of the browser that asks; "" where it has none that is of ours."""
    browser = cookie_of(exchange.headers, BROWSER)
    return browser if len(browser) == BROWSER_CHARACTERS else ""


def check_form_origin(services: Services, exchange: Exchange) -> None:
    """Refuse a form of another site. A browser that does not say is believed: the form proves it anyway.

    Raises:
        Forbidden: it is one.
    """
    if cross_site(services, exchange.headers, unknown=False):
        raise Forbidden("the form was sent from another site")


def page(content: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A page with the headers that all of them have."""
    return Response(
        status, content.encode(), HTML, {**PAGE_HEADERS, "Content-Security-Policy": policy(), **(headers or {})}
    )


def redirect(path: str, headers: Mapping[str, str] | None = None) -> Response:
    """To a path of ours."""
    return Response(303, b"", HTML, {**PAGE_HEADERS, **(headers or {}), "Location": path})


def _trouble(error: BaseException) -> Response:
    row = answer(error)
    if isinstance(error, Failure) and row.status < 500:
        heading, said = "This cannot be done", [sentence(error), "Nothing has happened."]
    elif isinstance(error, Failure):
        heading, said = "This does not work here now", [sentence(error)]
    else:
        heading, said = "Something went wrong here", ["Try again in a moment."]
    return page(refusal(heading, said), row.status, retry_headers(error))
