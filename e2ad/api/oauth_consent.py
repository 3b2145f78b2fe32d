"""Where a person decides about a program: `/oauth2/authorize` asks, `/oauth2/consent` takes the answer.

Only who is signed in is asked, and only who is signed in is ever sent on to a program, so that no link of ours
leads a stranger anywhere (RFC 9700 section 4.11). Until the program and its redirect URI are known to belong
together, and the form is known to be ours, whatever is wrong is said on a page.
"""

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from attrs import frozen

from e2ad.api.agents import registry
from e2ad.api.credentials import COOKIE, cookie_of, cross_site
from e2ad.api.dispatch import run_bounded
from e2ad.api.errors import log_accident, retry_headers, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.frame import HTML, SECURITY, sentence
from e2ad.api.oauth_answers import read_form, verbs
from e2ad.api.oauth_pages import policy, question, refusal
from e2ad.api.services import Services
from e2ad.core.audit import Actor
from e2ad.core.errors import Failure, NotFound, OAuthRefused, answer
from e2ad.core.oauth_consent import ConsentRequest
from e2ad.gateway import mint
from e2ad.gateway.oauth import Question, SentBack
from e2ad.gateway.oauth_consent import EXISTING, NEW, Choice, Consent
from e2ad.storage import accounts

__all__ = ["Authorize", "Decide", "endpoints"]

SIGN_IN: Final = "/api/auth/login"

_SECURITY: Final = {**SECURITY, "Referrer-Policy": "no-referrer"}


@frozen
class _Person:
    """Who is signed in. `session` is the hash of the session's id, which a form is bound to: the cookie may change."""

    account_id: str
    session: bytes
    actor: Actor


@frozen
class _Page:
    """What both pages do alike."""

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
        except SentBack as back:
            return _redirect(back.url)
        except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes a page
            error = root_failure(raised)
            log_accident(error, exchange, "oauth consent")
            return _trouble(error)

    async def _answer(self, exchange: Exchange) -> Response:
        raise RuntimeError("a page has an answer")

    async def _person(self, exchange: Exchange) -> _Person | None:
        found = await self.services.sessions.signed_in(cookie_of(exchange.headers, COOKIE))
        if found is None or found.principal.agent_email is not None:
            return None
        actor = Actor("session", found.session_id, exchange.client_address)
        return _Person(found.principal.account_id, hashlib.sha256(found.session_id.encode()).digest(), actor)

    def _consent(self) -> Consent:
        return Consent(verbs(self.services), registry(self.services))

    async def _ask(self, person: _Person, asked: Question, choice: Choice | None, trouble: Failure | None) -> Response:
        request = asked.request
        inboxes = await self._consent().inboxes(person.account_id)
        account = await accounts.overview(self.services.db, person.account_id)
        if account is None:
            raise NotFound("the account does not exist any more")
        first = EXISTING + inboxes[0] if inboxes else NEW
        page = question(
            asked.client,
            request,
            request.token(self.services.keys.current, person.session),
            owner=account.email,
            inboxes=inboxes,
            chosen=choice or Choice("agent", first),
            trouble=sentence(trouble) if trouble else "",
        )
        headers = {**_SECURITY, "Content-Security-Policy": policy(request.redirect_uri)}
        return Response(answer(trouble).status if trouble else 200, page.encode(), HTML, headers)


@frozen
class Authorize(_Page):
    """`GET /oauth2/authorize`: changes nothing."""

    async def _answer(self, exchange: Exchange) -> Response:
        person = await self._person(exchange)
        if person is None:
            here = exchange.raw_path + "?" + exchange.raw_query.decode("latin-1")
            return _redirect(f"{SIGN_IN}?next={quote(here, safe='')}")
        asked = await verbs(self.services).ask(person.account_id, exchange.query_lists())
        return await self._ask(person, asked, None, None)


@frozen
class Decide(_Page):
    """`POST /oauth2/consent`: takes what the form of the question says, from the session that it was shown to."""

    async def _answer(self, exchange: Exchange) -> Response:
        form = await read_form(exchange)
        # A browser that does not say where it comes from is believed: the form proves it anyway.
        if cross_site(self.services, exchange.headers, unknown=False):
            raise OAuthRefused("invalid_request", "the form was sent from another site")
        person = await self._person(exchange)
        if person is None:
            raise OAuthRefused("invalid_request", "you are not signed in any more")
        request = ConsentRequest.opened(
            self.services.keys.secrets, form.get("form", ""), person.session, mint.now().timestamp()
        )
        if request is None or request.account_id != person.account_id:
            raise OAuthRefused("invalid_request", "the form is too old, or belongs to another sign-in")
        consent = self._consent()
        if form.get("decision") == "deny":
            return _redirect(consent.oauth.deny(request))
        if form.get("decision") != "allow":
            raise OAuthRefused("invalid_request", "the form says neither allow nor deny")
        client = await self.services.oauth_clients.find(request.client_id, person.account_id)
        asked = Question(client, request)
        choice = Choice(form.get("scope", ""), form.get("agent_choice", ""), form.get("address", ""))
        try:
            return _redirect(await consent.allow(asked, choice, person.actor))
        except OAuthRefused:
            raise
        except Failure as failure:
            if answer(failure).status >= 500:
                raise
            return await self._ask(person, asked, choice, failure)


def endpoints(services: Services) -> list[tuple[str, str, Authorize | Decide]]:
    """The paths of both pages; those of the classic API lead to the same."""
    return [
        ("GET", "/oauth2/authorize", Authorize(services)),
        ("GET", "/api/oauth/authorize", Authorize(services)),
        ("POST", "/oauth2/consent", Decide(services)),
        ("POST", "/api/oauth/consent", Decide(services)),
    ]


def _redirect(url: str) -> Response:
    # RFC 9700 section 4.12: never 307, which would post the form on to the program.
    return Response(303, b"", HTML, {**_SECURITY, "Location": url})


def _trouble(error: BaseException) -> Response:
    status = answer(error).status
    if isinstance(error, OAuthRefused):
        heading = "This request cannot be granted"
        said = [sentence(error), "Nothing has happened. Start again in the program that sent you here."]
    elif isinstance(error, Failure) and status < 500:
        heading, said = "This cannot be done now", [sentence(error)]
    elif isinstance(error, Failure):
        heading, said = "This does not work here now", [sentence(error)]
    else:
        heading, said = "Something went wrong here", ["Start again in the program that sent you here."]
    headers = {**_SECURITY, "Content-Security-Policy": policy(), **retry_headers(error)}
    return Response(status, refusal(heading, said).encode(), HTML, headers)
