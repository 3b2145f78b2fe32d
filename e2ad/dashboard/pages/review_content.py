"""What a held mail consists of: the octets that would leave, its HTML made harmless, its files, its evidence."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

import trio
from attrs import frozen

from e2ad.api.reviews import deciding
from e2ad.core.errors import AttachmentNotFound, NotFound
from e2ad.core.events import parse_rfc3339
from e2ad.core.message import EntityType
from e2ad.core.outbound import Draft, decode_draft
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.evidence import Evidence, Facts, explain
from e2ad.dashboard.mail_html import PICTURES, SafeHtml, policy, safe_html
from e2ad.dashboard.page import File, Page, View, page, show
from e2ad.dashboard.pages.message import MOST_RAW, continuity_of, file_name, safe_of
from e2ad.gateway import messages as gateway
from e2ad.gateway.mint import now
from e2ad.gateway.model_view import read_for_model
from e2ad.storage import reviews as storage
from e2ad.storage.reviews import Shown

__all__ = ["HELD", "PAGES", "HeldFile", "blocked", "composed_at", "evidence_of", "files_of", "review_path"]

HELD: Final = "/reviews/<id>"
STEP_MINUTES: Final = 10
_LARGE: Final = 65_536
_threads: Final = trio.CapacityLimiter(2)


@frozen
class HeldFile:
    """A file of a held mail."""

    index: int
    filename: str
    content_type: str
    size_bytes: int


def review_path(message_id: str) -> str:
    """Where a held mail is shown, below `/dashboard`."""
    return f"/reviews/{quote(message_id, safe='')}"


def composed_at(found: Shown) -> datetime:
    """The Date of the mail that a page shows: the same for some minutes, so that another look sees the same octets."""
    at = now()
    stepped = at.replace(minute=at.minute - at.minute % STEP_MINUTES, second=0, microsecond=0)
    return max(stepped, found.message.created_at.replace(microsecond=0))


@page("GET", HELD + "/raw")
async def raw(desk: Desk) -> View | File:
    """The octets that would leave, or that came in: as text that can be read, or as a file."""
    content = await _octets(desk)
    if desk.asked("download"):
        name = file_name(desk.path["id"], "message")
        return File(content, "message/rfc822", {"Content-Disposition": f'attachment; filename="{name}.eml"'})
    return show(
        "review_raw.html",
        path=review_path(desk.path["id"]),
        at=desk.asked("at"),
        sha256=sha256(content).hexdigest(),
        source=content[:MOST_RAW].decode("utf-8", errors="replace"),
        octets=len(content),
        cut=len(content) > MOST_RAW,
    )


@page("GET", HELD + "/html")
async def html(desk: Desk) -> File:
    """The mail's HTML for the frame, made harmless."""
    found = await _found(desk)
    draft = decode_draft(found.draft) if found.draft is not None else None
    if (draft.html if draft else found.message.body_html) is None:
        raise NotFound("This mail has no HTML")
    remote = desk.pictures
    safe = await _safe(found, draft, remote=remote)
    headers = {
        "Content-Security-Policy": policy(remote=remote),
        "X-Frame-Options": "SAMEORIGIN",
        "Referrer-Policy": "no-referrer",
    }
    return File(safe.document.encode(errors="replace"), "text/html; charset=utf-8", headers)


@page("GET", HELD + "/attachments/<index>")
async def attachment(desk: Desk) -> File:
    """The bytes of a file of the draft, or of the mail that came in: as a file, never shown."""
    index, found = desk.path["index"], await _found(desk)
    if not index.isascii() or not index.isdecimal() or len(index) > 6:
        raise AttachmentNotFound
    if found.draft is not None:
        files = decode_draft(found.draft).attachments
        if int(index) >= len(files):
            raise AttachmentNotFound
        name, content = files[int(index)].filename, files[int(index)].data
    else:
        cut = await gateway.cut(found.message.raw or b"", int(index))
        if cut.content is None:
            raise AttachmentNotFound
        name, content = cut.meta.filename or "", cut.content
    name = file_name(name, f"attachment-{index}")
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    headers = {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return File(content, "application/octet-stream", headers)


async def evidence_of(desk: Desk, found: Shown) -> Evidence:
    """What is known of the sender of a mail that came in and waits."""
    row = found.message
    model = await read_for_model(row, found.agent_email, offset=0, max_chars=1)
    return explain(
        Facts(
            header_from=row.header_from,
            verified=row.verified,
            verified_domain=row.verified_domain,
            authentication=row.authentication,
            inside=row.entity_type == EntityType.AGENT.value,
            continuity=continuity_of(row),
            findings=[_named(one) for one in found.findings or ()],
            removed=model.content.removed,
            flag_reason=row.flag_reason or "",
        )
    )


def _named(finding: Mapping[str, Any]) -> dict[str, Any]:
    """A finding with the names of its categories alone."""
    names = [one["name"] if isinstance(one, Mapping) else one for one in finding.get("categories") or ()]
    return {**finding, "categories": [str(name).replace("_", " ") for name in names]}


def files_of(found: Shown, draft: Draft | None) -> list[HeldFile]:
    """The files of a draft, or of a mail that came in."""
    if draft is not None:
        return [
            HeldFile(index, one.filename, one.content_type, len(one.data))
            for index, one in enumerate(draft.attachments)
        ]
    return [
        HeldFile(
            int(one["index"]),
            str(one.get("filename") or ""),
            str(one.get("content_type") or ""),
            int(one.get("size_bytes") or 0),
        )
        for one in found.message.attachments
    ]


async def blocked(found: Shown, draft: Draft | None) -> int:
    """How many things from elsewhere the HTML would load."""
    if (draft.html if draft else found.message.body_html) is None:
        return 0
    return (await _safe(found, draft, remote=False)).blocked


async def _safe(found: Shown, draft: Draft | None, *, remote: bool) -> SafeHtml:
    if draft is None:
        return await safe_of(found.message, remote=remote)
    markup = draft.html or ""
    pictures = {
        one.content_id.strip("<>"): (one.content_type.lower(), one.data)
        for one in draft.attachments
        if one.content_id and one.content_type.lower() in PICTURES
    }
    work = partial(safe_html, markup, pictures, remote=remote)
    if len(markup) + sum(len(data) for _, data in pictures.values()) <= _LARGE:
        return work()
    return await trio.to_thread.run_sync(work, limiter=_threads, abandon_on_cancel=True)


async def _octets(desk: Desk) -> bytes:
    found = await _found(desk)
    if found.message.raw is not None:
        return found.message.raw
    if found.message.review_status != "pending_review":
        raise NotFound("It was never sent, so there are no bytes of it")
    try:
        at = parse_rfc3339(desk.asked("at")) if desk.asked("at") else composed_at(found)
    except (ValueError, OverflowError) as error:
        raise NotFound("That is no time") from error
    preview = await deciding(desk.services).preview(desk.account_id, desk.path["id"], at)
    return preview.content


async def _found(desk: Desk) -> Shown:
    found = await storage.show(desk.services.db, desk.account_id, desk.path["id"])
    if found is None or found.reason is None:
        raise NotFound("There is no held mail with this id")
    return found


PAGES: tuple[Page, ...] = (raw, html, attachment)
