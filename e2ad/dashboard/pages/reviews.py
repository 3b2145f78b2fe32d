"""The review queue: mail that waits for a person, what was decided of late, and deciding about several at once."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import structlog
import trio
from attrs import frozen

from e2ad.api.errors import root_failure
from e2ad.api.review_words import ending, left, outcome, why
from e2ad.core.errors import Conflict, Failure, InvalidRequest, MessageNotPending, NotFound, Unavailable
from e2ad.core.events import rfc3339
from e2ad.core.legible import shortened
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.frame import link
from e2ad.dashboard.page import Page, View, page, show
from e2ad.dashboard.pages import review
from e2ad.dashboard.words import hint, sentence, shown
from e2ad.gateway.mint import now
from e2ad.storage import desk as inboxes
from e2ad.storage import review_desk as storage
from e2ad.storage import reviews as holds
from e2ad.storage.messages import Position

__all__ = ["PAGES"]

log = structlog.get_logger("e2ad.dashboard")

ROWS: Final = 50
MOST_AGENTS: Final = 500
SNIPPET: Final = 160
SPARE_SECONDS: Final = 5.0
"""Of the time that a request has: what cannot be begun before is told to be undone."""

_TICK: Final = re.compile(r"(msg_[0-9a-f]{32})\.([0-9a-f]{64})")


@frozen
class Line:
    """A line of a list; `tick` names it and the content that it is about."""

    id: str
    tick: str
    agent_email: str
    inbound: bool
    who: str
    subject: str
    snippet: str
    at: str
    why: str = ""
    left: str = ""
    soon: bool = False
    ending: str = ""
    expires_at: str = ""
    level: str = "none"
    word: str = ""
    how: str = ""
    reason: str = ""
    edited: bool = False


@frozen
class Result:
    """What became of one of several mails."""

    id: str
    subject: str
    level: str
    word: str
    said: str = ""
    todo: str = ""


@page("GET", "/reviews")
async def reviews(desk: Desk) -> View:
    """What waits, newest first, and what was decided; live on their first pages."""
    agent, past = desk.asked("agent").lower(), desk.asked("tab") == "decided"
    agents = await inboxes.agents(desk.services.db, desk.account_id, limit=MOST_AGENTS)
    if agent and agent not in [one.email for one in agents]:
        raise NotFound("You have no agent with this address")
    walk = desk.services.cursors.walk(desk.account_id, "desk_decided" if past else "desk_reviews", {"agent": agent})
    start = walk.start(desk.asked("cursor"))
    after, db = Position(*start) if start else None, desk.services.db
    if past:
        decided = await storage.decided(db, desk.account_id, agent or None, after=after, limit=ROWS + 1)
        shown_rows, cursor = walk.page(decided, ROWS, lambda row: (row.decided_at, row.id))
        lines = [_of_decided(row) for row in shown_rows]
    else:
        waiting = await storage.waiting(db, desk.account_id, agent or None, after=after, limit=ROWS + 1)
        rows, cursor = walk.page(waiting, ROWS, lambda row: (row.created_at, row.id))
        lines = [_of_waiting(row) for row in rows]
    tab = "decided" if past else ""
    return show(
        "reviews.html",
        agents=agents,
        agent=agent,
        past=past,
        lines=lines,
        first=link("/reviews", agent=agent, tab=tab) if start else "",
        next=link("/reviews", agent=agent, tab=tab, cursor=cursor) if cursor else "",
        live=not start,
    )


@page("POST", "/reviews/decide")
async def decide(desk: Desk) -> View:
    """Decide about those that are ticked, one after the other; what became of each is told."""
    verb = desk.form.text("do")
    if verb not in ("approve", "reject"):
        raise InvalidRequest("Choose to approve or to reject")
    ticked = list(dict.fromkeys(desk.form.fields.get("tick", ())))[:ROWS]
    reason, ends_at = desk.form.text("reason").strip(), trio.current_time() + _seconds(desk)
    results = [await _decided(desk, verb, one, reason, ends_at) for one in ticked]
    return show(
        "reviews_done.html",
        verb=verb,
        results=results,
        good=sum(one.level == "good" for one in results),
        back=link("/reviews", agent=desk.form.line("agent")),
    )


def _seconds(desk: Desk) -> float:
    return float(desk.services.config.http.request_seconds) - SPARE_SECONDS


async def _decided(desk: Desk, verb: str, ticked: str, reason: str, ends_at: float) -> Result:
    """One of them. A failure is its result, and the others go on."""
    matched = _TICK.fullmatch(ticked)
    if matched is None:
        return Result("", "", "bad", "Nothing was done", "This is no mail of the list.", "Open the list again.")
    message_id, sha256 = matched.groups()
    held = await holds.show(desk.services.db, desk.account_id, message_id)
    subject = "" if held is None else shown(held.message.subject) or "(no subject)"
    told = partial(Result, message_id if held is not None else "", subject)
    if trio.current_time() > ends_at:
        return told("warn", "Not reached", "There was no time left for it.", "Tick it again.")
    body: dict[str, Any] = {"content_sha256": sha256}
    if verb == "reject" and reason:
        body["reason"] = reason
    try:
        await desk.call(f"{verb}Review", path={"id": message_id}, body=body)
    except Exception as raised:  # what becomes of one mail stops none of the others
        error = root_failure(raised)
        if not isinstance(error, Failure):
            log.error("a decision failed", message=message_id, request_id=desk.request_id, exc_info=error)
        failure = error if isinstance(error, Failure) else Unavailable()
        return told("bad", "Nothing was done", sentence(failure), _todo(failure))
    inbound = held is not None and held.message.direction == "inbound"
    word = ("Let in" if inbound else "Approved") if verb == "approve" else "Rejected"
    return told("good", word)


def _todo(failure: Failure) -> str:
    if isinstance(failure, MessageNotPending):
        return "Open it to see what became of it."
    return "Open it and look at it again." if isinstance(failure, Conflict) else hint(failure)


def _of_waiting(row: storage.Waiting) -> Line:
    at, inbound = now(), row.direction == "inbound"
    everybody = [*row.to_addresses, *row.cc_addresses, *row.bcc_addresses]
    return Line(
        id=row.id,
        tick=f"{row.id}.{row.sha256.hex() if row.sha256 else ''}",
        agent_email=row.agent_email,
        inbound=inbound,
        who=_who(inbound, row.sender_name, row.header_from, everybody),
        subject=shown(row.subject),
        snippet=shortened(shown(row.snippet), SNIPPET),
        at=rfc3339(row.created_at),
        why=shown(why(row.reason)[0]),
        left=left(row.expires_at, at),
        soon=(row.expires_at - at).total_seconds() < 3600,
        ending=ending(row.on_expiry, row.direction),
        expires_at=rfc3339(row.expires_at),
        edited=row.revision > 1,
    )


def _of_decided(row: storage.Decided) -> Line:
    inbound = row.direction == "inbound"
    level, word, how = outcome(row.review_status, row.decided_via, row.direction)
    return Line(
        id=row.id,
        tick="",
        agent_email=row.agent_email,
        inbound=inbound,
        who=_who(inbound, row.sender_name, row.header_from, row.to_addresses),
        subject=shown(row.subject),
        snippet="",
        at=rfc3339(row.decided_at),
        level=level,
        word=word,
        how=how,
        reason=shown(row.rejection_reason),
        edited=row.edited,
    )


def _who(inbound: bool, name: str, address: str | None, recipients: Sequence[str]) -> str:
    if not inbound:
        more = f" and {len(recipients) - 1} more" if len(recipients) > 1 else ""
        return f"To {shown(recipients[0])}{more}" if recipients else "To nobody"
    named = shown(name)
    return f"From {named} <{shown(address)}>" if named and address else f"From {named or shown(address) or 'nobody'}"


PAGES: tuple[Page, ...] = (reviews, decide, *review.PAGES)
