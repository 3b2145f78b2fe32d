"""The inbox: conversations of one agent or of all of them, and what a filter or a search finds."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from attrs import field, frozen

from e2ad.core.errors import InvalidFilter, NotFound
from e2ad.core.events import rfc3339
from e2ad.core.legible import shortened
from e2ad.core.search import compile_search
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.frame import link
from e2ad.dashboard.page import See, View, page, show
from e2ad.dashboard.words import sentence, shown
from e2ad.storage import desk as storage
from e2ad.storage.desk import Inbox, Thread
from e2ad.storage.messages import Position

__all__ = ["PAGES", "Line", "Wanted", "message_path"]

ROWS: Final = 50
MOST_AGENTS: Final = 500
MOST_SEARCHED: Final = 20
"""So many inboxes a filter over all of them asks; of more, people choose one."""
SNIPPET: Final = 160
BOXES: Final = ("", "sent", "trash")


@frozen
class Wanted:
    """What a list was asked for."""

    agent: str = ""
    box: str = ""
    unread: bool = False
    from_: str = ""
    label: str = ""
    search: str = ""
    cursor: str = ""

    @property
    def filtered(self) -> bool:
        """Whether single messages are listed, and not conversations."""
        return bool(self.box or self.unread or self.from_ or self.label or self.search)

    def link(self, **other: Any) -> str:
        """The address of the same list with something else about it; always at its first page."""
        now = {
            "agent": self.agent,
            "box": self.box,
            "unread": "1" if self.unread else "",
            "from_": self.from_,
            "label": self.label,
            "q": self.search,
        }
        return link("/inbox", **(now | other))


@frozen
class Line:
    """A line of the list: a conversation, or a message."""

    id: str
    href: str
    agent_email: str
    outbound: bool
    who: str
    address: str
    subject: Sequence[tuple[str, bool]]
    snippet: Sequence[tuple[str, bool]]
    at: str
    unread: bool
    verified: bool
    count: int = 1
    labels: Sequence[str] = ()
    attachments: int = 0
    state: str = ""
    flagged: bool = False
    broken: bool = False
    found_in: Sequence[tuple[str, Sequence[tuple[str, bool]]]] = field(factory=tuple)


@page("GET", "/")
async def home(desk: Desk) -> See:
    """The way to the inbox."""
    return See("/inbox")


@page("GET", "/inbox")
async def inbox(desk: Desk) -> View | See:
    """Conversations, newest first; live on its first page."""
    wanted = _wanted(desk)
    agents = await storage.agents(desk.services.db, desk.account_id, limit=MOST_AGENTS)
    if not agents:
        return See("/start")
    chosen = next((one for one in agents if one.email == wanted.agent), None)
    if wanted.agent and chosen is None:
        raise NotFound("You have no agent with this address")
    trouble, lines, cursor, cut = "", list[Line](), None, False
    try:
        if wanted.filtered:
            lines, cursor, cut = await _messages(desk, wanted, agents)
        else:
            lines, cursor = await _threads(desk, wanted)
    except InvalidFilter as error:
        trouble = sentence(error)
    return show(
        "inbox.html",
        wanted=wanted,
        agents=agents,
        chosen=chosen,
        lines=lines,
        next=wanted.link(cursor=cursor) if cursor else "",
        cut=cut,
        trouble=trouble,
        live=not wanted.cursor,
    )


def message_path(agent_email: str, message_id: str) -> str:
    """Where a message is shown, below `/dashboard`."""
    return f"/inbox/{quote(agent_email, safe='@')}/messages/{quote(message_id, safe='')}"


def _wanted(desk: Desk) -> Wanted:
    box = desk.asked("box")
    return Wanted(
        agent=desk.asked("agent").lower(),
        box=box if box in BOXES else "",
        unread=desk.asked("unread") == "1",
        from_=desk.asked("from"),
        label=desk.asked("label").lower(),
        search=desk.asked("q"),
        cursor=desk.asked("cursor"),
    )


async def _threads(desk: Desk, wanted: Wanted) -> tuple[list[Line], str | None]:
    walk = desk.services.cursors.walk(desk.account_id, "desk_threads", {"agent": wanted.agent})
    start = walk.start(wanted.cursor)
    found = await storage.threads(
        desk.services.db,
        desk.account_id,
        wanted.agent or None,
        after=Position(*start) if start else None,
        limit=ROWS + 1,
    )
    rows, cursor = walk.page(found, ROWS, lambda row: (row.created_at, row.id))
    return [_of_thread(row) for row in rows], cursor


async def _messages(desk: Desk, wanted: Wanted, agents: Sequence[Inbox]) -> tuple[list[Line], str | None, bool]:
    """What a filter finds; over all inboxes the newest of each, and whether there is more."""
    query = {
        "direction": {"sent": "outbound", "trash": "all"}.get(wanted.box, "inbound" if wanted.unread else "all"),
        "read_status": "unread" if wanted.unread and wanted.box != "sent" else "all",
        "deleted": "true" if wanted.box == "trash" else "",
        "from": wanted.from_,
        "labels": wanted.label,
        "search": wanted.search,
        "cursor": wanted.cursor if wanted.agent else "",
        "limit": str(ROWS),
    }
    compile_search(wanted.search)  # what is wrong with it is said once, not for each inbox
    chosen = [wanted.agent] if wanted.agent else await _worth_asking(desk, wanted, agents)
    found, cursor = list[tuple[str, Mapping[str, Any]]](), None
    more = len(chosen) > MOST_SEARCHED
    for email in chosen[:MOST_SEARCHED]:
        answered = await desk.call("listMessages", path={"email": email}, query=query)
        found += [(email, item) for item in answered["items"]]
        cursor = answered["next_cursor"]
        more = more or (cursor is not None and not wanted.agent)
    found.sort(key=lambda pair: (pair[1]["created_at"].rstrip("Z"), pair[1]["id"]), reverse=True)
    more = more or len(found) > ROWS
    found = found[:ROWS]
    rows = await storage.rows(desk.services.db, desk.account_id, [item["id"] for _, item in found])
    lines = [_of_message(email, item, rows.get(item["id"])) for email, item in found]
    return lines, cursor if wanted.agent else None, more and not wanted.agent


async def _worth_asking(desk: Desk, wanted: Wanted, agents: Sequence[Inbox]) -> list[str]:
    """The inboxes in which a filter can find anything."""
    emails = [one.email for one in agents if one.unread or not wanted.unread]
    full = await storage.with_mail(desk.services.db, desk.account_id, emails, deleted=wanted.box == "trash")
    return [email for email in emails if email in full]


def _of_thread(row: Thread) -> Line:
    outbound = row.direction == "outbound"
    return Line(
        id=row.id,
        href=message_path(row.agent_email, row.id),
        agent_email=row.agent_email,
        outbound=outbound,
        who=_who(outbound, row.sender_name, row.header_from, row.to_addresses),
        address=shown(row.header_from),
        subject=_plain(row.subject),
        snippet=_plain(row.snippet),
        at=rfc3339(row.created_at),
        unread=row.has_unread,
        verified=row.verified,
        count=row.message_count,
        labels=row.labels,
        attachments=row.attachment_count,
        state=_state(row.review_status, row.delivery_status) if outbound else "",
        flagged=row.flagged,
        broken=row.continuity == "break",
    )


def _of_message(email: str, item: Mapping[str, Any], row: storage.Row | None) -> Line:
    outbound = item["direction"] == "outbound"
    hits = {one["field"]: one for one in item.get("highlights", ())}
    subject = _cut(hits["subject"]) if "subject" in hits else _plain(item["subject"])
    text = _cut(hits["text"]) if "text" in hits else _plain(row.snippet if row else "")
    others = [(name, _cut(hits[name])) for name in ("from", "attachment") if name in hits]
    return Line(
        id=item["id"],
        href=message_path(email, item["id"]),
        agent_email=email,
        outbound=outbound,
        who=_who(outbound, row.sender_name if row else "", item["header_from"], item["to"]),
        address=shown(item["header_from"]),
        subject=subject,
        snippet=text,
        at=item["created_at"],
        unread=item["read_status"] == "unread",
        verified=row.verified if row else False,
        labels=item["labels"],
        attachments=row.attachment_count if row else 0,
        state=_state(item.get("review_status"), item.get("delivery_status")) if outbound else "",
        flagged=bool(item.get("flagged")),
        broken=item.get("sender_continuity", {}).get("status") == "break",
        found_in=others,
    )


def _who(outbound: bool, name: str, address: str | None, to: Sequence[str]) -> str:
    if outbound:
        more = f" and {len(to) - 1} more" if len(to) > 1 else ""
        return f"To {shown(to[0])}{more}" if to else "To nobody"
    return shown(name) or shown(address) or "(no sender)"


def _state(review: str | None, delivery: str | None) -> str:
    if review == "pending_review":
        return "held"
    if review in ("review_rejected", "review_expired_rejected"):
        return "rejected"
    return {"outcome_unknown": "outcome unknown"}.get(delivery or "", delivery or "")


def _plain(text: str) -> list[tuple[str, bool]]:
    return [(shortened(shown(text[: SNIPPET * 2]), SNIPPET), False)] if text.strip() else []


def _cut(hit: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """The text of a hit in pieces, each with whether it is what was searched for."""
    text, at, parts = hit["text"], 0, list[tuple[str, bool]]()
    for start, end in hit["ranges"]:
        parts += [(_piece(text[at:start]), False), (_piece(text[start:end]), True)]
        at = end
    parts.append((_piece(text[at:]), False))
    return [part for part in parts if part[0]]


def _piece(text: str) -> str:
    """A piece of a line, whose blanks at its ends stay."""
    line = shown(text)
    if not line:
        return " " if text else ""
    return (" " if text[:1].isspace() else "") + line + (" " if text[-1:].isspace() else "")


PAGES = (home, inbox)
