"""The agents of an account: all of them, those that are deleted, and the way back for these."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import trio
from attrs import frozen

from e2ad.core.address import fold_address
from e2ad.core.errors import NotFound, NotInTrash, SendInProgress
from e2ad.core.events import rfc3339
from e2ad.core.protection import Protection
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.frame import link
from e2ad.dashboard.page import See, View, page, show
from e2ad.dashboard.pages import agent
from e2ad.dashboard.pages.agent import agent_path, in_words
from e2ad.dashboard.words import hint, sentence
from e2ad.storage import agents as table
from e2ad.storage import audit as log
from e2ad.storage import roster
from e2ad.storage.roster import Entry

__all__ = ["PAGES"]

ROWS: Final = 50
LONGEST_SEARCH: Final = 200
PURGE_SECONDS: Final = 10.0
"""For which a form waits while mail is deleted for good; what is gone by then stays gone."""
MANY: Final = 5
"""So many are found without a search."""


@frozen
class Line:
    """An agent in the list."""

    email: str
    name: str
    mode: str
    host: str
    verified: bool
    unread: int
    last_mail_at: str
    listening: bool
    protection: Sequence[str]


@page("GET", "/agents")
async def agents(desk: Desk) -> View:
    """Living agents, or with `deleted=1` those that can come back; of a search those that it fits."""
    search = desk.asked("search")[:LONGEST_SEARCH].lower()
    if desk.asked("deleted") == "1":
        return await _deleted(desk)
    walk = desk.services.cursors.walk(desk.account_id, "desk_agents", {"search": search})
    cursor = desk.asked("cursor")
    found = await roster.page(
        desk.services.db, desk.account_id, search=search, before=walk.start(cursor), limit=ROWS + 1
    )
    rows, onward = walk.page(found, ROWS, lambda row: (row.created_at, row.email))
    return show(
        "agents.html",
        lines=[_line(desk, row) for row in rows],
        search=search,
        cursor=cursor,
        next=link("/agents", search=search, cursor=onward) if onward else "",
        many=bool(search or cursor or onward or len(rows) > MANY),
        live=not cursor,
    )


async def _deleted(desk: Desk) -> View:
    cursor = desk.asked("cursor")
    found = await desk.call("listAgents", query={"deleted": "true", "cursor": cursor, "limit": str(ROWS)})
    onward = found["next_cursor"]
    return show(
        "agents_deleted.html",
        agents=found["items"],
        cursor=cursor,
        next=link("/agents", deleted=1, cursor=onward) if onward else "",
        days=desk.services.config.retention.trash_days,
    )


@page("POST", "/agents/<email>/restore")
async def restore(desk: Desk) -> See:
    """Bring an agent back with all its mail; one that is there already is shown."""
    try:
        await desk.call("restoreAgent", path={"email": desk.email})
    except NotInTrash:
        return See(agent_path(desk.email))
    return See(agent_path(desk.email), "agent_restored")


@page("GET", "/agents/<email>/purge")
async def ask_purge(desk: Desk) -> View:
    """What deleting for good does, and the field that wants the address."""
    return await _purging(desk)


@page("POST", "/agents/<email>/purge")
async def purge(desk: Desk) -> View | See:
    """Delete an agent from the trash with all its mail. A large inbox takes several goes, each for some seconds."""
    if await _was_purged(desk):
        return See("/agents?deleted=1")  # the form was sent twice
    shown = await _purging(desk, mistyped=fold_address(desk.form.line("typed")) != desk.email)
    if shown.status != 200:
        return shown
    try:
        with trio.move_on_after(PURGE_SECONDS):
            await desk.call("deleteAgent", path={"email": desk.email}, query={"confirm": "DELETE", "permanent": "true"})
            return See("/agents?deleted=1", "agent_purged")
    except SendInProgress as failure:
        return await _purging(desk, trouble=f"{sentence(failure)} {hint(failure)}")
    return await _purging(desk, begun=True)


async def _purging(desk: Desk, *, mistyped: bool = False, begun: bool = False, trouble: str = "") -> View:
    found = await table.find(desk.services.db, desk.email)
    if found is None or found.account_id != desk.account_id or found.deleted_at is None:
        raise NotFound("There is no deleted agent with this address")
    return show(
        "agent_purge.html",
        status=422 if mistyped else 409 if trouble else 200,
        email=found.email,
        path=agent_path(found.email),
        typed=desk.form.line("typed"),
        mistyped=mistyped,
        begun=begun,
        trouble=trouble,
    )


async def _was_purged(desk: Desk) -> bool:
    """Whether this account had the agent and deleted it for good: of what others have, nothing is to be learned."""
    if await table.find(desk.services.db, desk.email) is not None:
        return False
    wanted = log.Wanted(action="agent.deleted", subject=desk.email)
    return bool(await log.page(desk.services.db, desk.account_id, before=None, limit=1, wanted=wanted))


def _line(desk: Desk, row: Entry) -> Line:
    return Line(
        email=row.email,
        name=row.name,
        mode=row.agent_mode,
        host=_host(row.webhook_url),
        verified=row.domain_verified,
        unread=row.unread,
        last_mail_at=rfc3339(row.last_mail_at) if row.last_mail_at else "",
        listening=desk.services.listens(row.email),
        protection=in_words(Protection.from_json(row.protection)),
    )


def _host(url: str) -> str:
    """Of a URL that was checked when it was stored; its path may hold a secret."""
    return urlsplit(url).netloc.rpartition("@")[2]


PAGES = (agents, restore, ask_purge, purge, *agent.PAGES)
