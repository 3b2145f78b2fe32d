"""One held mail: all that a decision needs, the very octets that would leave, and what is done about it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import trio
from attrs import evolve, field, frozen

from e2ad.api.review_words import CLASSES, ending, left, outcome, why
from e2ad.api.reviews import deciding, reviewer
from e2ad.core.errors import Conflict, Failure, InvalidRequest, MessageNotPending, NotFound, answer
from e2ad.core.events import parse_rfc3339, rfc3339
from e2ad.core.outbound import Draft, decode_draft
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.difference import Change, differences
from e2ad.dashboard.evidence import Evidence
from e2ad.dashboard.frame import link
from e2ad.dashboard.page import Page, See, View, page, show
from e2ad.dashboard.pages import review_content
from e2ad.dashboard.pages.inbox import message_path
from e2ad.dashboard.pages.review_content import HELD, composed_at, evidence_of, files_of, review_path
from e2ad.dashboard.words import hint, sentence
from e2ad.gateway.audit import actor_of
from e2ad.gateway.decisions import Composition, Preview
from e2ad.gateway.mint import now
from e2ad.gateway.previews import MAX_LOOKED_AT
from e2ad.gateway.whence import whence
from e2ad.storage import review_desk
from e2ad.storage import reviews as storage
from e2ad.storage.review_desk import Revision
from e2ad.storage.reviews import Shown

__all__ = ["PAGES"]

MOST_TEXT: Final = 200_000
MOST_FINDINGS: Final = 60
_LARGE: Final = 16_384
_threads: Final = trio.CapacityLimiter(2)
_FIELDS: Final = ("to", "cc", "bcc", "subject", "text", "html")


@frozen
class Compared:
    """Two revisions of a draft beside each other."""

    old: int
    new: int
    at: str
    changes: Sequence[Change]


@frozen
class Trouble:
    """Why nothing was done, and the difference to what the person had seen."""

    status: int
    said: str
    todo: str
    compared: Compared | None = None
    given: Mapping[str, str] = field(factory=dict)


@page("GET", HELD)
async def held(desk: Desk) -> View:
    """The mail with all that a decision needs. Looking decides nothing."""
    return await _shown(desk)


@page("POST", HELD + "/approve")
async def approve(desk: Desk) -> View | See:
    """Let it go: what the page showed, octet for octet, or nothing at all."""
    seen, composition = await _seen(desk), None
    if desk.form.text("sha256"):
        composition = Composition(_instant(desk.form.text("at")), _sha256(desk.form.text("sha256")))
    principal = desk.principal
    try:
        await deciding(desk.services).approve(
            desk.account_id,
            desk.path["id"],
            reviewer(principal, actor_of(principal, desk.client_address)),
            seen=seen,
            exactly=composition,
            is_counted=not principal.exempt,
        )
    except NotFound:
        raise
    except Failure as failure:
        return await _refused(desk, failure, seen)
    return See(review_path(desk.path["id"]), "approved")


@page("POST", HELD + "/reject")
async def reject(desk: Desk) -> View | See:
    """Keep it back for good."""
    seen = await _seen(desk)
    body = {"content_sha256": seen.hex()}
    if reason := desk.form.text("reason").strip():
        body["reason"] = reason
    try:
        await desk.call("rejectReview", path={"id": desk.path["id"]}, body=body)
    except NotFound:
        raise
    except Failure as failure:
        return await _refused(desk, failure, seen, {"reason": reason})
    return See(review_path(desk.path["id"]), "rejected")


@page("POST", HELD + "/edit", large=True)
async def edit(desk: Desk) -> View | See:
    """Change what is another one in the form; the page shows the difference then."""
    seen, given = await _seen(desk), {name: desk.form.text(name) for name in _FIELDS}
    found = await storage.show(desk.services.db, desk.account_id, desk.path["id"])
    if found is None or found.draft is None:
        raise NotFound("message not found")
    body = _changes(decode_draft(found.draft), desk)
    if not body:
        return See(review_path(found.message.id), "unchanged")
    try:
        await desk.call("editReview", path={"id": found.message.id}, body={**body, "content_sha256": seen.hex()})
    except NotFound:
        raise
    except Failure as failure:
        return await _refused(desk, failure, seen, given)
    return See(review_path(found.message.id), "edited")


def _changes(draft: Draft, desk: Desk) -> dict[str, Any]:
    """What a form says otherwise than the draft. A form brings line ends of its own, which change nothing."""
    body: dict[str, Any] = {}
    for place in ("to", "cc", "bcc"):
        if place in desk.form.fields and (addresses := desk.form.addresses(place)) != list(getattr(draft, place)):
            body[place] = addresses
    for name in ("subject", "text", "html"):
        if name in desk.form.fields and (text := desk.form.text(name)) != _normal(getattr(draft, name) or ""):
            body[name] = text
    return body


def _normal(text: str) -> str:
    return text.replace("\r\n", "\n")


async def _shown(desk: Desk, trouble: Trouble | None = None) -> View:
    found = await storage.show(desk.services.db, desk.account_id, desk.path["id"])
    if found is None or found.reason is None:
        raise NotFound("There is no held mail with this id")
    row, inbound = found.message, found.message.direction == "inbound"
    waits = row.review_status == "pending_review"
    draft = decode_draft(found.draft) if found.draft is not None else None
    hold = await storage.hold(desk.services.db, desk.account_id, row.id)
    preview = await _preview(desk, found, trouble) if waits and draft is not None else None
    revisions = [] if inbound else await review_desk.revisions(desk.services.db, desk.account_id, row.id)
    said, more = why(found.reason)
    level, word, how = outcome(row.review_status, found.decided_via, row.direction)
    until = found.review_expires_at if waits else None
    asked = desk.asked("seen")
    return show(
        "review.html",
        status=trouble.status if trouble else 200,
        path=review_path(row.id),
        found=found,
        row=row,
        draft=draft,
        inbound=inbound,
        waits=waits,
        why=said,
        more=more,
        left=left(until, now()) if until else "",
        until=rfc3339(until) if until else "",
        ending=ending(hold.on_expiry, row.direction) if hold else "",
        level=level,
        word=word,
        how=how,
        decided_at=rfc3339(found.decided_at) if found.decided_at else "",
        findings=_findings(found),
        recipients=await _recipients(desk, found, draft) if draft is not None else [],
        text=(draft.text if draft else row.body_text)[:MOST_TEXT],
        has_html=(draft.html if draft else row.body_html) is not None,
        as_html=desk.asked("show") == "html",
        remote=desk.pictures,
        blocked=await review_content.blocked(found, draft) if desk.asked("show") == "html" else 0,
        files=files_of(found, draft),
        evidence=await _evidence(desk, found),
        preview=preview,
        exact=_exact(preview, found),
        changed=bool(asked) and asked != _named(preview, found),
        revisions=revisions,
        compared=await _compared(revisions),
        given=_given(draft, trouble),
        trouble=trouble,
        following=await _following(desk, row.id),
        in_inbox=message_path(found.agent_email, row.id) if _is_shown(found) else "",
        here_again=_again(row.id, preview, found, desk),
    )


@frozen
class Exact:
    """The octets that a decision is about: how many, their hash, and the time that they were composed for."""

    octets: int
    sha256: str
    at: str = ""


def _exact(preview: Preview | None, found: Shown) -> Exact | None:
    if preview is not None:
        at = rfc3339(preview.composition.at)
        return Exact(len(preview.content), preview.composition.sha256.hex(), at)
    raw = found.message.raw
    if raw is not None and found.message.content_sha256 is not None:
        return Exact(len(raw), found.message.content_sha256.hex())
    return None


def _named(preview: Preview | None, found: Shown) -> str:
    """What a page names itself by, so that what is drawn again knows whether it is still about the same."""
    if preview is not None:
        return preview.composition.sha256.hex()
    return found.sha256.hex() if found.sha256 else ""


def _again(message_id: str, preview: Preview | None, found: Shown, desk: Desk) -> str:
    """Where the live part of this page comes from: the same mail, composed for the same time."""
    seen = desk.asked("seen") or _named(preview, found)
    at = rfc3339(preview.composition.at) if preview is not None else ""
    return link(review_path(message_id), at=at, seen=seen)


async def _preview(desk: Desk, found: Shown, trouble: Trouble | None) -> Preview | None:
    at = composed_at(found)
    if trouble is None and desk.asked("at"):
        asked = _instant(desk.asked("at"))
        # What is about to be too old to be approved is composed anew, and the page says that it changed.
        at = asked if timedelta(0) <= now() - asked < MAX_LOOKED_AT - timedelta(minutes=5) else at
    try:
        return await deciding(desk.services).preview(desk.account_id, desk.path["id"], at)
    except MessageNotPending:
        return None


async def _recipients(desk: Desk, found: Shown, draft: Draft) -> list[dict[str, Any]]:
    told = []
    for one in await whence(desk.services.db, desk.account_id, draft, found.findings or ()):
        level, word, words = CLASSES[one.provenance]
        seen_in = message_path(found.agent_email, one.message_id) if one.message_id else ""
        told.append({"one": one, "level": level, "word": word, "words": words, "seen_in": seen_in})
    return told


def _findings(found: Shown) -> list[Mapping[str, Any]]:
    """What was noticed, but for what stands in the table of recipients and what is the reason itself."""
    summary = (found.reason or {}).get("summary")
    return [
        one
        for one in (found.findings or [])[:MOST_FINDINGS]
        if one.get("detector") != "provenance" and (one.get("summary") != summary or one.get("categories"))
    ]


async def _evidence(desk: Desk, found: Shown) -> Evidence | None:
    return await evidence_of(desk, found) if found.message.direction == "inbound" else None


def _is_shown(found: Shown) -> bool:
    """Whether the inbox shows it."""
    return found.message.direction == "outbound" or found.message.review_status in (
        "review_approved",
        "review_expired_approved",
    )


async def _following(desk: Desk, message_id: str) -> str:
    """The next one that waits, "" where none does."""
    waiting = await review_desk.waiting(desk.services.db, desk.account_id, None, after=None, limit=2)
    return next((review_path(one.id) for one in waiting if one.id != message_id), "")


def _given(draft: Draft | None, trouble: Trouble | None) -> dict[str, str]:
    """What stands in the forms: what was entered, else the draft."""
    given = {"reason": ""}
    if draft is not None:
        given |= {place: ", ".join(getattr(draft, place)) for place in ("to", "cc", "bcc")}
        given |= {"subject": draft.subject, "text": draft.text, "html": draft.html or ""}
    return given | dict(trouble.given if trouble else {})


async def _compared(revisions: Sequence[Revision]) -> list[Compared]:
    """The last change, and all changes together where there were several."""
    if len(revisions) < 2:
        return []
    pairs = [(revisions[-2], revisions[-1])]
    if len(revisions) > 2:
        pairs.append((revisions[0], revisions[-1]))
    return [await _compare(old, new) for old, new in pairs]


async def _compare(old: Revision, new: Revision) -> Compared:
    work = partial(differences, decode_draft(old.draft), decode_draft(new.draft))
    if len(old.draft) + len(new.draft) <= _LARGE:
        changes = work()
    else:
        changes = await trio.to_thread.run_sync(work, limiter=_threads, abandon_on_cancel=True)
    return Compared(old.revision, new.revision, rfc3339(new.created_at), changes)


async def _refused(desk: Desk, failure: Failure, seen: bytes, given: Mapping[str, str] | None = None) -> View:
    """The page again, as it is now, with why nothing was done; after a change with what changed since it was seen."""
    trouble = Trouble(answer(failure).status, sentence(failure), hint(failure), given=given or {})
    if isinstance(failure, MessageNotPending):
        trouble = evolve(trouble, said="It is decided already.", todo="Somebody else, or the clock, was faster.")
    elif isinstance(failure, Conflict):
        revisions = await review_desk.revisions(desk.services.db, desk.account_id, desk.path["id"])
        old = next((one for one in revisions if one.sha256 == seen), None)
        compared = await _compare(old, revisions[-1]) if old is not None and old is not revisions[-1] else None
        trouble = evolve(trouble, todo="Nothing was decided.", compared=compared)
    return await _shown(desk, trouble)


async def _seen(desk: Desk) -> bytes:
    """What the form was about. Who asks for a mail that is not there hears that, whatever else is wrong.

    Raises:
        NotFound: the account has no such mail.
        InvalidRequest: the form does not say what it is about.
    """
    if await storage.agent_of(desk.services.db, desk.account_id, desk.path["id"]) is None:
        raise NotFound("There is no held mail with this id")
    return _sha256(desk.form.text("content_sha256"))


def _sha256(text: str) -> bytes:
    """A hash of a form.

    Raises:
        InvalidRequest: it is none; without one nothing is decided.
    """
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise InvalidRequest("The form does not say what it is about: open the mail again")
    return found


def _instant(text: str) -> datetime:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest("That is no time: open the mail again") from error


PAGES: tuple[Page, ...] = (held, approve, reject, edit, *review_content.PAGES)
