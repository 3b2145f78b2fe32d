"""Sending events again, many at once: which and where to on one page, how far it is on another."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from e2ad.core.errors import Failure, InvalidFilter, InvalidRequest, InvalidWebhookUrl, Unavailable, answer
from e2ad.core.events import rfc3339
from e2ad.dashboard import deliveries
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.event_filter import FIELDS, Asked, in_words, verbs
from e2ad.dashboard.page import See, View, page, show
from e2ad.dashboard.pages.webhooks import STATUSES
from e2ad.dashboard.words import hint, sentence
from e2ad.gateway.audit import actor_of
from e2ad.gateway.mint import new_secret, now
from e2ad.gateway.replays import MOST_EVENTS, Choice, Target
from e2ad.storage import delivery_log

__all__ = ["PAGES"]

ROWS: Final = 25
AN_HOUR: Final = 60
"""Replays that one account may begin."""
_ENTERED: Final = ("to", "webhook", "url", "secret")


@page("GET", "/events/replay")
async def choosing(desk: Desk) -> View:
    """How many events a filter finds and whom they were for, and the form that sends them again."""
    given = {"to": "url" if desk.asked("to") == "url" else "endpoints", "secret": new_secret("whsec_")}
    return await _choosing(desk, Asked.of(desk.query).pinned(rfc3339(now())), given, new_secret())


@page("POST", "/events/replay")
async def begin(desk: Desk) -> View | See:
    """Send them again; sent twice, the form is done once."""
    form = desk.form
    asked = Asked.of({name: form.line(name) for name in FIELDS})
    given = {name: form.line(name) for name in _ENTERED}
    once = form.text("once")
    try:
        target = _target(given)
        await _take(desk)
        actor = actor_of(desk.principal, desk.client_address)
        replay = await verbs(desk).begin(desk.account_id, asked.wanted, target, key=once, actor=actor)
    except Failure as failure:
        # What may have been done keeps its key; what was refused is another try.
        return await _choosing(desk, asked, given, once if isinstance(failure, Unavailable) else new_secret(), failure)
    return See(_path(replay.id), "replay_begun")


@page("GET", "/events/replays")
async def replays(desk: Desk) -> View:
    """What was sent again."""
    walk = desk.services.cursors.walk(desk.account_id, "desk_replays")
    found = await verbs(desk).page(desk.account_id, before=walk.start(desk.asked("cursor")), limit=ROWS + 1)
    rows, cursor = walk.page(found, ROWS, lambda row: (row.created_at, row.id))
    return show("events_replays.html", rows=rows, in_words=in_words, next=cursor, first=not desk.asked("cursor"))


@page("GET", "/events/replays/<id>")
async def replay(desk: Desk) -> View:
    """How far a replay is, and what came back."""
    found = await verbs(desk).get(desk.account_id, desk.path["id"])
    status = desk.asked("status") if desk.asked("status") in STATUSES else ""
    walk = desk.services.cursors.walk(desk.account_id, "desk_replay", {"replay": found.id, "status": status})
    start = walk.start(desk.asked("cursor"))
    listed = await delivery_log.of_replay(
        desk.services.db,
        desk.account_id,
        found.id,
        status=status or None,
        after_id=start[1] if start else "",
        limit=ROWS + 1,
    )
    rows, cursor = walk.page(listed, ROWS, lambda row: (row.created_at, row.id))
    return show(
        "events_replaying.html",
        replay=found,
        path=_path(found.id),
        at=rfc3339(found.created_at),
        filter=in_words(found.filter),
        done=found.deliveries - found.pending,
        cards=await deliveries.cards(desk.services.db, desk.account_id, rows),
        chosen=status,
        statuses=STATUSES,
        next=cursor,
        first=not desk.asked("cursor"),
    )


@page("POST", "/events/replays/<id>/cancel")
async def cancel(desk: Desk) -> See:
    """Send nothing more of it."""
    await verbs(desk).cancel(desk.account_id, desk.path["id"])
    return See(_path(desk.path["id"]), "replay_cancelled")


async def _take(desk: Desk) -> None:
    """Each replay may be thousands of rows: one that is cancelled at once has written them, too."""
    if not desk.principal.exempt:
        (await desk.services.limits.take(f"replay:{desk.account_id}", AN_HOUR, 3600)).check()


def _path(replay_id: str) -> str:
    return f"/events/replays/{quote(replay_id, safe='')}"


def _target(given: Mapping[str, str]) -> Target:
    match given["to"]:
        case "endpoints":
            return Target()
        case "webhook" if given["webhook"]:
            return Target(webhook_id=given["webhook"])
        case "url" if given["url"]:
            return Target(url=given["url"], secret=given["secret"])
        case "url":
            raise InvalidWebhookUrl("enter the URL")
        case _:
            raise InvalidRequest("choose where they are sent")


async def _choosing(
    desk: Desk, asked: Asked, given: Mapping[str, str], once: str, failure: Failure | None = None
) -> View:
    trouble, choice, told = failure, Choice([], False, []), list[tuple[str, str]]()
    try:
        choice = await verbs(desk).choose(desk.account_id, asked.wanted)
        told = in_words({"id": asked.event, "agent_email": asked.agent, "message_id": asked.message} | asked.query)
    except InvalidFilter as wrong:
        trouble = trouble or wrong
    url_wrong = isinstance(trouble, InvalidWebhookUrl)
    return show(
        "events_replay.html",
        status=answer(trouble).status if trouble else 200,
        asked=asked,
        count=len(choice.ids),
        more=choice.more,
        most=MOST_EVENTS,
        endpoints=choice.endpoints,
        takers=[one for one in choice.endpoints if one.enabled],
        filter=told,
        given={name: given.get(name, "") for name in _ENTERED},
        once_key=once,
        url_wrong=url_wrong,
        trouble=sentence(trouble) if trouble else "",
        todo="" if url_wrong else hint(trouble) if trouble else "",
    )


PAGES = (choosing, begin, replays, replay, cancel)
