"""One mail: what it says, who stands behind it, what happened to it, and what can be done with it."""

import re
from contextlib import suppress
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import trio
from attrs import evolve

from e2ad.api.message_views import message_view
from e2ad.api.review_views import drafted
from e2ad.core import mime
from e2ad.core.errors import AttachmentNotFound, Failure, MessageHeld, NotFound
from e2ad.core.message import EntityType
from e2ad.core.outbound import decode_draft
from e2ad.core.unseen import remove_unseen
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.evidence import Facts, explain
from e2ad.dashboard.mail_html import PICTURES, SafeHtml, policy, safe_html
from e2ad.dashboard.page import File, See, View, page, show
from e2ad.dashboard.pages.inbox import message_path
from e2ad.dashboard.timeline import timeline
from e2ad.gateway import messages as gateway
from e2ad.gateway.messages import Reading
from e2ad.gateway.model_view import read_for_model
from e2ad.storage import desk as storage
from e2ad.storage import reviews
from e2ad.storage.messages import Message

__all__ = ["PAGES", "continuity_of", "file_name", "safe_of"]

MESSAGE: Final = "/inbox/<email>/messages/<id>"
MOST_RAW: Final = 400_000
"""Characters of a source that are shown; the rest is in the file."""
MOST_TEXT: Final = 200_000
MOST_PICTURES: Final = 50
MOST_MOMENTS: Final = 100
_LARGE: Final = 65_536
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\"\\/:*?<>|;%]+")
_threads: Final = trio.CapacityLimiter(2)


@page("GET", MESSAGE)
async def message(desk: Desk) -> View:
    """The mail with all that is known of it; marked as read when it is opened from a page of ours."""
    reading = None
    with suppress(NotFound):
        reading = await _read(desk, mark_read=desk.own and not desk.part)
    if reading is None:
        raise await _missing(desk)
    row = reading.message
    noticed = await storage.noticed(desk.services.db, desk.account_id, desk.email, row.id)
    assert noticed is not None
    view = evolve(message_view(reading), raw_message=None)
    draft = None
    if row.review_status is not None and row.content_sha256 is None:
        held = await reviews.show(desk.services.db, desk.account_id, row.id)
        if held is not None and held.draft is not None:
            draft, view = decode_draft(held.draft), drafted(view, held)
    model = await read_for_model(row, desk.email, offset=0, max_chars=1, draft=draft)
    facts = Facts(
        header_from=row.header_from,
        verified=row.verified,
        verified_domain=row.verified_domain,
        authentication=row.authentication,
        inside=row.direction == "inbound" and row.entity_type == EntityType.AGENT.value,
        continuity=continuity_of(row),
        findings=noticed.findings,
        removed=model.content.removed,
        flag_reason=row.flag_reason or "",
    )
    lifecycle = await desk.call(
        "getMessageLifecycle", path={"email": desk.email, "id": row.id}, query={"limit": str(MOST_MOMENTS)}
    )
    pushed = await storage.pushed(desk.services.db, desk.account_id, row.id, limit=MOST_MOMENTS)
    return show(
        "message.html",
        mail=view,
        email=desk.email,
        path=message_path(desk.email, row.id),
        inbound=row.direction == "inbound",
        new_text=draft.text if draft else (row.new_text or row.body_text)[:MOST_TEXT],
        whole_text="" if draft or row.new_text is None else row.body_text[:MOST_TEXT],
        has_html=(draft.html if draft else row.body_html) is not None,
        html_height=_height(row.body_html or ""),
        as_html=desk.asked("show") == "html",
        remote=desk.pictures,
        blocked=await _blocked(row) if desk.asked("show") == "html" and row.body_html else 0,
        evidence=explain(facts) if row.direction == "inbound" else None,
        hold=noticed,
        bcc=noticed.bcc_addresses,
        has_source=row.content_sha256 is not None,
        moments=timeline(lifecycle["items"], pushed),
        thread=await _thread(desk, row),
    )


@page("GET", MESSAGE + "/html")
async def html(desk: Desk) -> File:
    """The mail's HTML for the frame, made harmless."""
    row = (await _read(desk, mark_read=False)).message
    if row.body_html is None:
        raise NotFound("This mail has no HTML")
    remote = desk.pictures
    safe = await safe_of(row, remote=remote)
    headers = {
        "Content-Security-Policy": policy(remote=remote),
        "X-Frame-Options": "SAMEORIGIN",
        "Referrer-Policy": "no-referrer",
    }
    return File(safe.document.encode(errors="replace"), "text/html; charset=utf-8", headers)


@page("GET", MESSAGE + "/raw")
async def raw(desk: Desk) -> View | File:
    """The mail's own bytes: as text that can be read, or as a file."""
    content = await desk.call("getRawMessage", path={"email": desk.email, "id": desk.path["id"]})
    if desk.asked("download"):
        name = file_name(desk.path["id"], "message")
        return File(content, "message/rfc822", {"Content-Disposition": f'attachment; filename="{name}.eml"'})
    return show(
        "raw.html",
        path=message_path(desk.email, desk.path["id"]),
        source=content[:MOST_RAW].decode("utf-8", errors="replace"),
        octets=len(content),
        cut=len(content) > MOST_RAW,
    )


@page("GET", MESSAGE + "/attachments/<index>")
async def attachment(desk: Desk) -> File:
    """The bytes of an attachment, as a file: nothing of a stranger's is ever shown in a page of ours."""
    index = desk.path["index"]
    if not index.isascii() or not index.isdecimal() or len(index) > 6:
        raise AttachmentNotFound
    content = await gateway.raw(desk.services.db, desk.account_id, desk.email, desk.path["id"])
    found = await gateway.cut(content, int(index))
    if found.content is None:
        raise AttachmentNotFound
    name = file_name(found.meta.filename or "", f"attachment-{index}")
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    headers = {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return File(found.content, "application/octet-stream", headers)


@page("POST", MESSAGE + "/labels")
async def labels(desk: Desk) -> See:
    """Add labels, remove others."""
    add = [label for label in re.split(r"[\s,]+", desk.form.line("add")) if label]
    body = {"add_labels": add, "remove_labels": list(desk.form.fields.get("remove", ()))}
    await desk.call("updateMessage", path=_key(desk), body=body)
    return See(_here(desk), "labelled")


@page("POST", MESSAGE + "/unread")
async def unread(desk: Desk) -> See:
    """Mark as unread, and go back to the list: to look at it again would mark it as read."""
    await desk.call("updateMessage", path=_key(desk), body={"read_status": "unread"})
    return See(f"/inbox?agent={quote(desk.email, safe='@')}", "unread")


@page("POST", MESSAGE + "/trash")
async def trash(desk: Desk) -> See:
    """To the trash."""
    await desk.call("deleteMessage", path=_key(desk))
    return See(_here(desk), "trashed")


@page("POST", MESSAGE + "/restore")
async def restore(desk: Desk) -> See:
    """Out of the trash."""
    await desk.call("restoreMessage", path=_key(desk))
    return See(_here(desk), "restored")


def _height(markup: str) -> str:
    """How high the frame is at first: it can tell nobody how much it holds."""
    return "low" if len(markup) < 1500 else "middle" if len(markup) < 6000 else "high"


def _key(desk: Desk) -> dict[str, str]:
    return {"email": desk.email, "id": desk.path["id"]}


def _here(desk: Desk) -> str:
    return message_path(desk.email, desk.path["id"])


async def _read(desk: Desk, *, mark_read: bool) -> Reading:
    services = desk.services
    return await gateway.read(
        services.db, services.keys, desk.account_id, desk.email, desk.path["id"], mark_read=mark_read
    )


async def _missing(desk: Desk) -> Failure:
    """Why there is nothing to show: a mail that is held is there, and nobody gets to see it here."""
    held = await reviews.show(desk.services.db, desk.account_id, desk.path["id"])
    if held is None or held.agent_email != desk.email or held.message.review_status != "pending_review":
        return NotFound("message not found")
    return MessageHeld("This mail is held: nobody gets to see it here before it is let through")


def continuity_of(row: Message) -> dict[str, Any] | None:
    """What is known of the sender from earlier mail; None where nothing is."""
    if row.continuity is None:
        return None
    return {"status": row.continuity, "detail": row.continuity_detail, "resembles": row.resembles}


async def _thread(desk: Desk, row: Message) -> list[dict[str, Any]]:
    """The other messages of its conversation, oldest first; none where it stands alone."""
    if row.deleted_at is not None or not (row.threaded or row.direction == "outbound"):
        return []
    try:
        found = await desk.call("getConversation", path={"email": desk.email, "id": row.conversation_id})
    except NotFound:
        return []
    messages: list[dict[str, Any]] = found["messages"]
    return messages if len(messages) > 1 else []


async def safe_of(row: Message, *, remote: bool) -> SafeHtml:
    """The HTML of a stored mail, made harmless."""
    markup = row.body_html or ""
    work = partial(_made_safe, markup, row.raw or b"", row.attachments, remote)
    if len(markup) + len(row.raw or b"") <= _LARGE:
        return work()
    return await trio.to_thread.run_sync(work, limiter=_threads, abandon_on_cancel=True)


async def _blocked(row: Message) -> int:
    return (await safe_of(row, remote=False)).blocked


def _made_safe(markup: str, raw: bytes, attachments: list[dict[str, Any]], remote: bool) -> SafeHtml:
    pictures = dict[str, tuple[str, bytes]]()
    for one in attachments:
        kind, name = str(one.get("content_type") or "").lower(), str(one.get("content_id") or "").strip("<>")
        if name and kind in PICTURES and len(pictures) < MOST_PICTURES and f"cid:{name}" in markup:
            found = mime.attachment(raw, int(one["index"]))
            if found is not None and found[1] is not None:
                pictures[name] = (kind, found[1])
    return safe_html(markup, pictures, remote=remote)


def file_name(name: str, otherwise: str) -> str:
    """A name that is safe on every system: no path, no controls, no tricks with the direction of writing."""
    clean = _UNSAFE.sub("_", remove_unseen(name)[0].replace("\n", " ")).strip(" .")
    return clean[:120] or otherwise


PAGES = (message, html, raw, attachment, labels, unread, trash, restore)
