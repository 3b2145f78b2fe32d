"""Answering, forwarding and composing: forms over the operations that agents send with, through the same gate."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from e2ad.core.errors import Failure, Unavailable, answer
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.page import See, View, page, show
from e2ad.dashboard.pages.inbox import message_path
from e2ad.dashboard.pages.message import MESSAGE
from e2ad.dashboard.words import hint, sentence
from e2ad.gateway import messages as gateway
from e2ad.gateway.mint import new_secret
from e2ad.storage import desk as storage

__all__ = ["PAGES"]

MOST_AGENTS: Final = 500
_FIELDS: Final = ("to", "cc", "bcc", "subject", "text", "reply_all", "quote_history", "from")


@page("GET", "/compose")
async def compose(desk: Desk) -> View | See:
    """The form of a new mail."""
    agents = await storage.agents(desk.services.db, desk.account_id, limit=MOST_AGENTS)
    if not agents:
        return See("/start")
    given = {name: desk.asked(name) for name in ("to", "subject", "from")}
    return _form("compose", [one.email for one in agents], given, new_secret())


@page("POST", "/compose", large=True)
async def send(desk: Desk) -> View | See:
    """Send a new mail."""
    sender = desk.form.line("from").lower()
    body = {"to": desk.form.addresses("to"), "subject": desk.form.line("subject"), "text": desk.form.text("text")}
    try:
        sent = await desk.call("sendMessage", path={"email": sender}, body=body | _more(desk), key=_key(desk))
    except Failure as failure:
        agents = await storage.agents(desk.services.db, desk.account_id, limit=MOST_AGENTS)
        return _again("compose", [one.email for one in agents], desk, failure)
    return _after(sender, sent)


@page("GET", MESSAGE + "/reply")
async def reply(desk: Desk) -> View:
    """The form of an answer."""
    return _form("reply", [desk.email], {}, new_secret(), await _parent(desk))


@page("POST", MESSAGE + "/reply", large=True)
async def send_reply(desk: Desk) -> View | See:
    """Send an answer."""
    body = {
        "text": desk.form.text("text"),
        "reply_all": desk.form.ticked("reply_all"),
        "quote_history": desk.form.ticked("quote_history"),
    }
    try:
        sent = await desk.call("replyToMessage", path=_of(desk), body=body | _more(desk), key=_key(desk))
    except Failure as failure:
        return _again("reply", [desk.email], desk, failure, await _parent(desk))
    return _after(desk.email, sent)


@page("GET", MESSAGE + "/forward")
async def forward(desk: Desk) -> View:
    """The form that hands a mail on."""
    return _form("forward", [desk.email], {}, new_secret(), await _parent(desk))


@page("POST", MESSAGE + "/forward", large=True)
async def send_forward(desk: Desk) -> View | See:
    """Hand a mail on, with its attachments."""
    body = {"to": desk.form.addresses("to"), "text": desk.form.text("text")}
    try:
        sent = await desk.call("forwardMessage", path=_of(desk), body=body | _more(desk), key=_key(desk))
    except Failure as failure:
        return _again("forward", [desk.email], desk, failure, await _parent(desk))
    return _after(desk.email, sent)


def _of(desk: Desk) -> dict[str, str]:
    return {"email": desk.email, "id": desk.path["id"]}


def _key(desk: Desk) -> str:
    return desk.form.text("once")


def _more(desk: Desk) -> dict[str, Any]:
    """Copies and files, where there are any."""
    found: dict[str, Any] = {name: given for name in ("cc", "bcc") if (given := desk.form.addresses(name))}
    if desk.form.files:
        found["attachments"] = [
            {"filename": one.filename, "content_type": one.content_type, "data": b64encode(one.content).decode()}
            for one in desk.form.files
        ]
    return found


async def _parent(desk: Desk) -> Mapping[str, Any]:
    """The mail that is answered or handed on, as the form names it.

    Raises:
        NotFound: there is none.
    """
    services = desk.services
    reading = await gateway.read(
        services.db, services.keys, desk.account_id, desk.email, desk.path["id"], mark_read=False
    )
    row = reading.message
    return {
        "path": message_path(desk.email, row.id),
        "subject": row.subject,
        "to": (row.reply_to_addresses or [row.header_from or ""]) if row.direction == "inbound" else row.to_addresses,
        "others": [*row.to_addresses, *row.cc_addresses],
        "text": (row.new_text or row.body_text)[:4000],
        "attachments": len(row.attachments),
    }


def _form(
    kind: str,
    senders: Sequence[str],
    given: Mapping[str, str],
    once: str,
    parent: Mapping[str, Any] | None = None,
    *,
    failure: Failure | None = None,
) -> View:
    return show(
        "writing.html",
        kind=kind,
        senders=senders,
        given={name: given.get(name, "") for name in _FIELDS},
        once_key=once,
        parent=parent or {},
        trouble=sentence(failure) if failure else "",
        todo=hint(failure) if failure else "",
        status=answer(failure).status if failure else 200,
    )


def _again(
    kind: str, senders: Sequence[str], desk: Desk, failure: Failure, parent: Mapping[str, Any] | None = None
) -> View:
    """The form with all that was written, and why it was not sent."""
    given = {name: desk.form.text(name) for name in _FIELDS}
    # What may have been done keeps its key; what was refused is another try.
    once = _key(desk) if isinstance(failure, Unavailable) else new_secret()
    return _form(kind, senders, given, once, parent, failure=failure)


def _after(sender: str, sent: Mapping[str, Any]) -> See:
    """To the mail, with what the gate said."""
    did = {"pending_review": "held", "sent": "sent", "failed": "failed", "scheduled": "scheduled"}
    return See(message_path(sender, sent["message_id"]), did.get(sent["status"], "accepted"))


PAGES = (compose, send, reply, send_reply, forward, send_forward)
