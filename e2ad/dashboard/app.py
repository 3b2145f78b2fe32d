"""The dashboard as a Quart blueprint: who may see a page, what a form must prove, and what every answer carries.

A page is shown to somebody who is signed in; everybody else is led to the sign-in page and back. A form is taken only
from a page of ours: the browser's own word is asked for, and the cookie is SameSite=Lax besides. Nothing that a page
loads comes from elsewhere, and no script or style stands in a page itself.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import structlog
import trio
from quart import Blueprint, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from e2ad.api.credentials import COOKIE, check_own_page, cookie_of, renewed_cookie
from e2ad.api.errors import retry_headers, root_failure
from e2ad.api.exchange import client_address, request_id_for
from e2ad.api.services import Services
from e2ad.api.sign_in_pages import LOGIN
from e2ad.core.errors import Failure, Forbidden, NotFound, PayloadTooLarge, RateLimited, Unavailable, answer
from e2ad.core.sign_in import is_local
from e2ad.dashboard.assets import load_assets
from e2ad.dashboard.desk import Desk, Form, Upload
from e2ad.dashboard.frame import Frame
from e2ad.dashboard.live import LONGEST_SECONDS, Live
from e2ad.dashboard.page import ROOT, File, Page, See, Told, View
from e2ad.dashboard.pages import (
    account,
    agents,
    audit,
    domains,
    events,
    inbox,
    keys,
    message,
    operations,
    protection,
    reviews,
    start,
    webhooks,
    writing,
)
from e2ad.gateway.access import Principal

__all__ = ["PAGES", "SECURITY", "build_dashboard"]

log = structlog.get_logger("e2ad.dashboard")

PAGES: Final[tuple[Page, ...]] = (
    *inbox.PAGES,
    *message.PAGES,
    *writing.PAGES,
    *start.PAGES,
    *agents.PAGES,
    *protection.PAGES,
    *reviews.PAGES,
    *domains.PAGES,
    *webhooks.PAGES,
    *events.PAGES,
    *keys.PAGES,
    *operations.PAGES,
    *account.PAGES,
    *audit.PAGES,
)
"""All pages; whoever adds a module of them adds it here, and its link to `frame.LINKS`."""

SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not no-referrer: with it a form would come without its Origin, which is looked at.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
FOREVER: Final = "public, max-age=31536000, immutable"
HTML: Final = "text/html; charset=utf-8"
"""Pages are sent as they are, never packed: what strangers write stands there beside what only the reader may know, and
a packed page tells by its length where the two are alike. A stranger needs no click for that: mail redraws the list."""
_with_files: Final = trio.CapacityLimiter(4)
_turns: Final[dict[str, trio.CapacityLimiter]] = {}
AT_ONCE: Final = 3
MOST_WAITING: Final = 100
"""Pages of one account that are made at a time, and that may wait for that."""
_in_threads: Final = trio.CapacityLimiter(2)
MOST_FIELDS: Final = 1000
LARGE_FORM: Final = 65_536
MAX_SMALL_FORM: Final = 524_288
"""Bytes of a form that brings no mail along."""
MAX_FORM: Final = 16_777_216
"""Bytes of a form with its files; a mail that is larger is sent by a program."""


def build_dashboard(services: Services, live: Live) -> Blueprint:
    """All that is below `/dashboard`, and the way there from `/`."""
    blueprint = Blueprint("dashboard", __name__, url_prefix=ROOT)
    assets = load_assets()
    frame = Frame(services, assets)
    by_url = {one.url: one for one in assets.values()}

    for one in PAGES:
        path, answer_it = one.path.replace("<", "<string:"), partial(_answer, services, frame, one)
        # No redirect that is made of the Host that somebody sent: a path is one of ours as it stands, or it is not.
        blueprint.add_url_rule(
            path, one.name, answer_it, methods=[one.method], strict_slashes=False, merge_slashes=False
        )

    @blueprint.get("/static/<name>")
    async def static(name: str) -> Response:
        asset = by_url.get(f"{ROOT}/static/{name}")
        if asset is None:
            return Response("not found\n", 404, SECURITY, content_type="text/plain; charset=utf-8")
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        headers = {**SECURITY, "Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        return Response(asset.packed if packed else asset.plain, 200, headers, content_type=asset.content_type)

    @blueprint.get("/stream")
    async def stream() -> Response:
        principal = await _signed_in(services)
        if principal is None or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return Response("", 204, SECURITY)  # and the browser does not come again by itself
        since = request.headers.get("Last-Event-ID") or request.args.get("since", "")
        cookie = cookie_of(_headers(), COOKIE)
        listening = live.listen(principal.account_id, partial(services.sessions.resolve, cookie), since)
        if listening is None:
            return Response("", 503, {**SECURITY, "Retry-After": "5"})
        response = Response(listening, 200, {**SECURITY, "X-Accel-Buffering": "no"}, content_type="text/event-stream")
        response.timeout = LONGEST_SECONDS + 60.0  # also of one that nobody reads
        return response

    @blueprint.route("/<path:_>", methods=["GET", "POST"], merge_slashes=False)
    async def nothing(_: str) -> Response:
        return await _trouble(services, frame, NotFound("There is no such page"), await _signed_in(services))

    @blueprint.record
    def home(state: Any) -> None:
        state.app.config["MAX_CONTENT_LENGTH"] = MAX_FORM
        state.app.add_url_rule("/", "dashboard_home", _home)
        state.app.after_request(_closed)

    return blueprint


async def _closed(response: Response) -> Response:
    """What the framework itself answers, to an unknown method or path, is closed like all pages."""
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    return response


async def _home() -> Response:
    return Response("", 303, {**SECURITY, "Location": f"{ROOT}/"})


def _headers() -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


async def _signed_in(services: Services) -> Principal | None:
    return await services.sessions.resolve(cookie_of(_headers(), COOKIE))


async def _answer(services: Services, frame: Frame, one: Page, **path: str) -> Response:
    """Show one page, or take one form; whatever goes wrong becomes a page."""
    principal: Principal | None = None
    try:
        with trio.move_on_after(services.config.http.request_seconds):
            principal = await _signed_in(services)
            if principal is None:
                return _sign_in()
            async with _turn(principal.account_id):
                desk = await _desk(services, principal, one, path)
                response = await _sent(frame, desk, await one.handler(desk))
            if (renewed := await renewed_cookie(services, _headers())) is not None:
                response.headers.add("Set-Cookie", renewed)
            return response
        raise Unavailable
    except HTTPException as error:
        failure = PayloadTooLarge() if isinstance(error, RequestEntityTooLarge) else NotFound()
        return await _trouble(services, frame, failure, principal)
    except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes a page
        return await _trouble(services, frame, root_failure(raised), principal, one.name)


@asynccontextmanager
async def _turn(account_id: str) -> AsyncIterator[None]:
    """A few pages of an account at a time: whoever asks for hundreds waits for themselves and for nobody else."""
    turns = _turns.setdefault(account_id, trio.CapacityLimiter(AT_ONCE))
    if turns.statistics().tasks_waiting >= MOST_WAITING:
        raise RateLimited(retry_after_seconds=1)
    try:
        async with turns:
            yield
    finally:
        if not turns.borrowed_tokens and not turns.statistics().tasks_waiting:
            _turns.pop(account_id, None)


async def _desk(services: Services, principal: Principal, one: Page, path: Mapping[str, str]) -> Desk:
    headers, form = _headers(), Form()
    own = headers.get("sec-fetch-site") != "cross-site"
    if one.method != "GET":
        check_own_page(services, one.method, headers)
        form = await _form(one)
        if any("\0" in text for texts in form.fields.values() for text in texts):
            raise NotFound("A form holds no NUL characters")
    elif not own and headers.get("sec-fetch-dest") != "document":
        # A link may lead here from anywhere; a picture, a frame or a script of another site may not.
        raise Forbidden("another site asks for this page")
    if any("\0" in text for text in (*path.values(), *request.args.values())):
        raise NotFound
    peer = request.remote_addr or ""
    return Desk(
        services=services,
        principal=principal,
        path=path,
        query=request.args.to_dict(),
        form=form,
        headers=headers,
        client_address=client_address(peer, headers, services.trusted_proxies),
        request_id=request_id_for(headers),
        here=_here(),
        own=own,
        part="hx-request" in headers,
    )


async def _form(one: Page) -> Form:
    """What the form sent. One with files is read by few at a time: it is in memory as a whole."""
    request.max_form_memory_size, request.max_form_parts = MAX_FORM, MOST_FIELDS
    if request.mimetype != "multipart/form-data":
        raw = await request.get_data(parse_form_data=False)
        assert isinstance(raw, bytes)
        if raw.count(b"&") >= MOST_FIELDS or len(raw) > (MAX_FORM if one.large else MAX_SMALL_FORM):
            raise PayloadTooLarge
        if request.mimetype != "application/x-www-form-urlencoded":
            return Form()
        if len(raw) <= LARGE_FORM:
            return Form(_fields(raw))
        return Form(await trio.to_thread.run_sync(_fields, raw, limiter=_in_threads, abandon_on_cancel=True))
    if not one.large and (request.content_length or MAX_FORM) > MAX_SMALL_FORM:
        raise PayloadTooLarge
    async with _with_files:
        fields, sent = await request.form, await request.files
        files = [
            Upload(one.filename, one.mimetype or "application/octet-stream", one.read())
            for one in sent.getlist("files")
            if one.filename
        ]
        return Form(fields.to_dict(flat=False), files)


def _fields(raw: bytes) -> dict[str, list[str]]:
    """The fields of a form without files; what is no UTF-8 is no form."""
    try:
        return parse_qs(raw.decode(), keep_blank_values=True)
    except ValueError:
        return {}


def _here() -> str:
    parts = urlsplit(request.url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _sign_in() -> Response:
    """To the sign-in page, and from there back to what was asked for; of a form to the front page."""
    here = _here() if request.method == "GET" else f"{ROOT}/"
    there = f"{LOGIN}?{urlencode({'next': here if is_local(here) else f'{ROOT}/'})}"
    if "HX-Request" in request.headers:
        return Response("", 200, {**SECURITY, "HX-Redirect": there})
    return Response("", 303, {**SECURITY, "Location": there})


async def _sent(frame: Frame, desk: Desk, answered: View | See | File | Told) -> Response:
    match answered:
        case See():
            path, joint = ROOT + answered.path, "&" if "?" in answered.path else "?"
            path += f"{joint}did={answered.did}" if answered.did else ""
            return Response("", 303, {**SECURITY, "Location": path})
        case File():
            headers = {**SECURITY, **answered.headers}
            return Response(answered.body, answered.status, headers, content_type=answered.content_type)
        case Told():
            headers = {**SECURITY, **answered.headers}
            response = Response(answered.chunks, 200, headers, content_type=answered.content_type)
            response.timeout = answered.seconds
            return response
        case View():
            headers = {**SECURITY, **answered.headers}
            return Response(await frame.page(desk, answered), answered.status, headers, content_type=HTML)


async def _trouble(
    services: Services, frame: Frame, error: BaseException, principal: Principal | None, name: str = "page"
) -> Response:
    row, request_id = answer(error), request_id_for(_headers())
    if not isinstance(error, Failure):
        log.error("page failed", page=name, request_id=request_id, exc_info=error)
    elif row.status >= 500:
        log.warning("page refused", page=name, request_id=request_id, code=row.code)
    body = frame.trouble(error, row.status, request_id, signed_in=principal is not None)
    return Response(body, row.status, {**SECURITY, **retry_headers(error)}, content_type=HTML)
