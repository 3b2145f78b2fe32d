"""The log of events: what happened, who was told of it, and telling it again."""

from typing import Final

import msgspec

from e2ad.api.events import event_log
from e2ad.core.errors import Conflict, Failure, InvalidFilter, NotFound, answer
from e2ad.core.events import EVENT_TYPES, rfc3339
from e2ad.dashboard import deliveries
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.event_filter import STATE_WORDS, Asked, event_path, verbs
from e2ad.dashboard.page import See, View, page, show
from e2ad.dashboard.pages import replays as replays_pages
from e2ad.dashboard.pages.inbox import message_path
from e2ad.dashboard.pages.webhooks import EVENTS
from e2ad.dashboard.words import hint, sentence
from e2ad.gateway.mint import new_secret
from e2ad.storage import delivery_log, replays
from e2ad.storage import desk as storage

__all__ = ["PAGES"]

ROWS: Final = 50
MOST_DELIVERIES: Final = 100
MOST_AGENTS: Final = 500


@page("GET", "/events")
async def events(desk: Desk) -> View:
    """What happened, newest first; live on its first page."""
    asked, cursor_given = Asked.of(desk.query), desk.asked("cursor")
    agents = await storage.agents(desk.services.db, desk.account_id, limit=MOST_AGENTS)
    walk = desk.services.cursors.walk(desk.account_id, "desk_events", asked.query)
    trouble, rows, cursor = "", list[replays.Summary](), None
    try:
        found = await verbs(desk).events(desk.account_id, asked.wanted, before=walk.start(cursor_given), limit=ROWS + 1)
        listed, cursor = walk.page(found, ROWS, lambda row: (row.created_at, row.id))
        rows = await verbs(desk).summaries(desk.account_id, [one.id for one in listed]) if listed else []
    except InvalidFilter as failure:
        trouble = sentence(failure)
    return show(
        "events.html",
        asked=asked,
        rows=rows,
        agents=[one.email for one in agents],
        types=EVENT_TYPES,
        states=STATE_WORDS,
        words=EVENTS,
        trouble=trouble,
        next=asked.link(cursor=cursor) if cursor else "",
        first=not cursor_given,
        days=desk.services.config.retention.event_days,
    )


@page("GET", "/events/<id>")
async def event(desk: Desk) -> View:
    """One event: its envelope, and every attempt to tell of it."""
    return await _event(desk)


@page("POST", "/events/<id>/replay")
async def replay(desk: Desk) -> View | See:
    """Send one event again, to one endpoint or to all that it was for."""
    endpoint = desk.form.line("endpoint")
    event_id = desk.path["id"]
    try:
        sent = await desk.call(
            "redeliverEvent",
            path={"id": event_id},
            body={"webhook_id": endpoint} if endpoint else {},
            key=desk.form.text("once"),
        )
        if not endpoint and not any(one["status"] == "pending" for one in sent.get("deliveries", ())):
            raise Conflict("nobody takes this event now: its endpoints are gone or switched off")
    except NotFound:
        raise
    except Failure as failure:
        return await _event(desk, failure)
    return See(event_path(event_id), "replayed")


@page("GET", "/events/deliveries/<id>")
async def delivery(desk: Desk) -> View:
    """One delivery with the whole of what came back."""
    found = await delivery_log.one(desk.services.db, desk.account_id, desk.path["id"])
    if found is None:
        raise NotFound("You have no delivery with this id")
    (one,) = await deliveries.cards(desk.services.db, desk.account_id, [found])
    return show("event_delivery.html", one=one, watch=deliveries.soon([found]), once_key=new_secret())


async def _event(desk: Desk, failure: Failure | None = None) -> View:
    db, account_id = desk.services.db, desk.account_id
    found = await event_log(desk.services).get(account_id, desk.path["id"])
    rows = await delivery_log.of_event(db, account_id, found.id, limit=MOST_DELIVERIES)
    cards = await deliveries.cards(db, account_id, rows)
    meant = await replays.endpoints(db, account_id, [found.id])
    return show(
        "event.html",
        status=answer(failure).status if failure else 200,
        event=found,
        at=rfc3339(found.created_at),
        path=event_path(found.id),
        words=EVENTS.get(found.type, ""),
        envelope=_pretty(found.envelope),
        message=message_path(found.agent_email, found.message_id) if found.agent_email and found.message_id else "",
        meant=meant,
        cards=cards,
        cut=len(rows) == MOST_DELIVERIES,
        watch=deliveries.soon(rows),
        once_key=new_secret(),
        trouble=sentence(failure) if failure else "",
        todo=hint(failure) if failure else "",
    )


def _pretty(envelope: str) -> str:
    """JSON in lines, and the same JSON still: what cannot be seen, or reorders what is seen, stands as its escape."""
    text = msgspec.json.format(envelope.encode(), indent=2).decode()
    return "".join(one if one.isprintable() or one == "\n" else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


PAGES = (events, *replays_pages.PAGES, event, replay, delivery)
