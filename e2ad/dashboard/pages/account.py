"""The account: who is signed in and where, whom it does not write to, taking everything along, and deleting it all."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Final

import trio

from e2ad.api.credentials import COOKIE, cookie_of, session_cookie
from e2ad.api.export_document import ExportDocument
from e2ad.core.errors import Failure, InvalidRequest, NotFound, Unavailable, answer
from e2ad.core.events import rfc3339
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.frame import link
from e2ad.dashboard.page import See, Told, View, page, show
from e2ad.dashboard.words import hint, sentence
from e2ad.gateway.audit import actor_of
from e2ad.gateway.closing import KEPT_DAYS
from e2ad.gateway.exports import Export
from e2ad.gateway.sessions import Way
from e2ad.storage import audit as log
from e2ad.storage import belongings
from e2ad.storage.belongings import Belongings

__all__ = ["PAGES"]

ROWS: Final = 50
OTHERS: Final = "others"
LAST: Final = 5

_WAYS: Final[Mapping[Way, str]] = {
    "key": "with an API key",
    "link": "with a link by mail",
    "oidc": "with an OpenID provider",
}
_SOURCES: Final[Mapping[str, str]] = {
    "bounce": "Mail to it came back",
    "complaint": "Its owner complained",
    "manual": "Put here by hand",
    "unsubscribe": "Its owner unsubscribed",
}


@page("GET", "/account")
async def account(desk: Desk) -> View:
    """Who is signed in, where, and the ways to the rest."""
    about = await desk.call("getAccount")
    seen = await desk.services.sessions.listed(desk.account_id, _cookie(desk))
    sessions = [
        {
            "id": one.id,
            "name": one.browser or "A browser",
            "network": one.network or "unknown",
            "way": _WAYS[one.signed_in_by],
            "began_at": rfc3339(one.began_at),
            "last_used_at": rfc3339(one.last_used_at),
            "current": one.current,
        }
        for one in seen
    ]
    sessions.sort(key=lambda one: not one["current"])
    mine = next((one for one in sessions if one["current"]), None)
    return show("account.html", about=about, sessions=sessions, mine=mine, has=await _belongings(desk), days=KEPT_DAYS)


@page("POST", "/account/sessions")
async def end_session(desk: Desk) -> See:
    """End one session, or all others; one that is gone already is no trouble."""
    sessions, ended = desk.services.sessions, desk.form.line("end")
    if not ended:
        raise InvalidRequest("The form does not say what is to end")
    if ended == OTHERS:
        await sessions.end_others(desk.account_id, _cookie(desk), desk.client_address)
        return See("/account", "sessions_ended")
    await sessions.end_one(desk.account_id, ended, actor_of(desk.principal, desk.client_address))
    return See("/account", "session_ended")


@page("GET", "/account/suppressions")
async def suppressions(desk: Desk) -> View:
    """Whom no agent of the account writes to."""
    cursor = desk.asked("cursor")
    found = await desk.call("listSuppressions", query={"limit": str(ROWS), "cursor": cursor})
    onward = found["next_cursor"]
    return show(
        "account_suppressions.html",
        lines=[{"reason": "", **one, "why": _SOURCES.get(one["source"], one["source"])} for one in found["items"]],
        first=link("/account/suppressions") if cursor else "",
        next=link("/account/suppressions", cursor=onward) if onward else "",
    )


@page("POST", "/account/suppressions/remove")
async def remove_suppression(desk: Desk) -> See:
    """Let an address be written to again; one that is not there any more is no trouble."""
    address = desk.form.line("address")
    with suppress(NotFound):
        await desk.call("deleteSuppression", path={"address": address}, query={"confirm": "DELETE"})
    return See("/account/suppressions", "suppression_removed")


@page("GET", "/account/export")
async def export(desk: Desk) -> View:
    """What would be taken along, and whether that is under way."""
    exports = log.Wanted(action="account.exported")
    last = await log.page(desk.services.db, desk.account_id, before=None, limit=LAST, wanted=exports)
    return show(
        "account_export.html",
        has=await _belongings(desk),
        told=desk.services.exports.told(desk.account_id),
        last=[{"at": rfc3339(one.at), "all": one.evidence.get("what") != "audit"} for one in last],
        days=KEPT_DAYS,
    )


@page("POST", "/account/export")
async def take_along(desk: Desk) -> Told:
    """The export of `/v1/account/export`, as a file that is told while it is read."""
    begun = await desk.services.exports.begin(desk.account_id, actor_of(desk.principal, desk.client_address))
    chunks = _chunks(desk, begun)
    await anext(chunks)
    name = f"e2a-export-{desk.account_id}.json"
    return Told(chunks, "application/json", begun.seconds, {"Content-Disposition": f'attachment; filename="{name}"'})


async def _chunks(desk: Desk, begun: Export) -> AsyncGenerator[bytes, None]:
    """The document after an empty piece. What is not told in time breaks off before its end, so that it is no JSON."""
    document, ends_at = ExportDocument(begun), trio.current_time() + begun.seconds
    try:
        yield b""
        async with aclosing(document.chunks()) as chunks:
            async for chunk in chunks:
                if trio.current_time() > ends_at:
                    raise Unavailable("the export took too long")
                desk.services.exports.note(desk.account_id, len(chunk))
                yield chunk
    finally:
        await begun.aclose()


@page("GET", "/account/delete")
async def ask_deletion(desk: Desk) -> View:
    """What would be lost, what would stay, and the word that it takes."""
    return await _deletion(desk)


@page("POST", "/account/delete")
async def delete(desk: Desk) -> View:
    """Delete the account, if its address was typed; who did it is signed in no more."""
    typed, has = desk.form.line("typed"), await _belongings(desk)
    if typed.lower() != has.email.lower():
        return await _deletion(desk, typed, InvalidRequest("What you typed is not the address of this account"))
    try:
        gone = await desk.call("deleteAccount", query={"confirm": "DELETE"})
    except Failure as failure:
        if answer(failure).status == 401:  # the same form was sent twice, and the first one has done it
            gone = {}
        else:
            return await _deletion(desk, typed, failure)
    view = show("account_gone.html", gone=gone, email=has.email, days=KEPT_DAYS)
    return View(view.template, view.context, headers={"Set-Cookie": session_cookie(desk.services, "", 0)})


async def _deletion(desk: Desk, typed: str = "", failure: Failure | None = None) -> View:
    return show(
        "account_delete.html",
        has=await _belongings(desk),
        typed=typed,
        days=KEPT_DAYS,
        trouble=sentence(failure) if failure else "",
        todo=_todo(failure) if failure else "",
        status=422 if isinstance(failure, InvalidRequest) else answer(failure).status if failure else 200,
    )


def _todo(failure: Failure) -> str:
    return "Nothing is deleted." if isinstance(failure, InvalidRequest) else hint(failure)


async def _belongings(desk: Desk) -> Belongings:
    found = await belongings.counts(desk.services.db, desk.account_id)
    if found is None:
        raise NotFound
    return found


def _cookie(desk: Desk) -> str:
    return cookie_of(desk.headers, COOKIE)


PAGES = (
    account,
    end_session,
    suppressions,
    remove_suppression,
    export,
    take_along,
    ask_deletion,
    delete,
)
