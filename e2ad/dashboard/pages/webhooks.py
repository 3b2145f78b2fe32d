"""Webhooks: where events are told to, what came of it, the secret that signs, and a test."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
from attrs import field, frozen

from e2ad.api.webhook_views import webhook_view
from e2ad.core.errors import (
    Failure,
    InvalidEventType,
    InvalidRequest,
    InvalidWebhookUrl,
    Unavailable,
    answer,
)
from e2ad.core.events import EVENT_TYPES
from e2ad.dashboard import deliveries
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.page import See, View, page, show
from e2ad.dashboard.words import hint, sentence
from e2ad.gateway.mint import new_secret
from e2ad.gateway.webhooks import CLASSIC
from e2ad.storage import delivery_log
from e2ad.storage import webhooks as storage

__all__ = ["PAGES", "STATUSES", "webhook_path"]

ROWS: Final = 25
COUNTED: Final = 1000
"""So many deliveries of the last day are looked at for each webhook of a list."""
STATUSES: Final = ("pending", "delivered", "failed")
WORD: Final = "delete"
EVENTS: Final[Mapping[str, str]] = {
    "email.received": "A mail has arrived",
    "email.sent": "A mail was sent",
    "email.failed": "A mail could not be sent",
    "email.delivered": "The recipient's server took a mail",
    "email.bounced": "A mail came back",
    "email.complained": "A recipient called a mail unwanted",
    "domain.sending_verified": "A domain may send now",
    "domain.sending_failed": "A domain may not send any more",
    "domain.suppression_added": "Somebody gets no more mail of the account",
    "email.flagged": "A mail was let through with a warning",
    "email.blocked": "A mail was kept back",
    "email.review_requested": "A mail waits for a person",
    "email.review_approved": "A person approved a mail",
    "email.review_rejected": "A person rejected a mail",
    "agent.suppression_added": "Somebody gets no more mail of an agent",
    "contact.due": "A contact is due",
}
_LISTS: Final = ("agent_emails", "conversation_ids", "labels")


@frozen
class Given:
    """What stands in the form."""

    url: str = ""
    description: str = ""
    events: Sequence[str] = field(factory=list)
    agent_emails: Sequence[str] = ()
    conversation_ids: Sequence[str] = ()
    labels: Sequence[str] = ()

    @property
    def body(self) -> dict[str, Any]:
        """As the API takes it; every list is said, so that an empty one empties."""
        return {
            "url": self.url,
            "description": self.description,
            "events": list(self.events),
            "filters": {name: list(getattr(self, name)) for name in _LISTS},
        }


@page("GET", "/webhooks")
async def webhooks(desk: Desk) -> View:
    """All webhooks with how they do."""
    found = await desk.call("listWebhooks", query={"limit": str(ROWS), "cursor": desk.asked("cursor")})
    ids = [one["id"] for one in found["items"]]
    recent = await delivery_log.recent(desk.services.db, desk.account_id, ids, most=COUNTED)
    return show(
        "webhooks.html",
        hooks=found["items"],
        recent=recent,
        most=COUNTED,
        next=found["next_cursor"],
        first=not desk.asked("cursor"),
    )


@page("GET", "/webhooks/new")
async def fresh(desk: Desk) -> View:
    """The form of a new webhook."""
    return await _form(desk, Given(events=["email.received"]))


@page("POST", "/webhooks")
async def create(desk: Desk) -> View:
    """Make a webhook and show its secret, this once."""
    given = _given(desk)
    try:
        _check(given)
        made = await desk.call("createWebhook", body=given.body, key=desk.form.text("once"))
    except Failure as failure:
        return await _form(desk, given, failure)
    return show("webhook_secret.html", hook=made, secret=made["signing_secret"], until="", made=True)


@page("GET", "/webhooks/<id>")
async def webhook(desk: Desk) -> View:
    """One webhook: its state, the last test, and what was sent to it."""
    hook, classic = await _hook(desk)
    status = desk.asked("status") if desk.asked("status") in STATUSES else ""
    walk = desk.services.cursors.walk(desk.account_id, "desk_deliveries", {"endpoint": hook["id"], "status": status})
    found = await delivery_log.of_endpoint(
        desk.services.db,
        desk.account_id,
        hook["id"],
        status=status or None,
        before=walk.start(desk.asked("cursor")),
        limit=ROWS + 1,
    )
    rows, cursor = walk.page(found, ROWS, lambda row: (row.created_at, row.id))
    tested = await delivery_log.one(desk.services.db, desk.account_id, desk.asked("test"))
    if tested is not None and tested.endpoint != hook["id"]:
        tested = None
    db, account_id = desk.services.db, desk.account_id
    return show(
        "webhook.html",
        hook=hook,
        classic=classic,
        path=webhook_path(hook["id"]),
        words=EVENTS,
        cards=await deliveries.cards(db, account_id, rows),
        tested=await deliveries.cards(db, account_id, [tested] if tested else []),
        test_id=tested.id if tested else "",
        watch_test=tested is not None and deliveries.soon([tested]),
        watch=deliveries.soon(rows),
        chosen=status,
        statuses=STATUSES,
        recent=(await delivery_log.recent(db, account_id, [hook["id"]], most=COUNTED))[hook["id"]],
        most=COUNTED,
        next=cursor,
        first=not desk.asked("cursor"),
    )


@page("GET", "/webhooks/<id>/edit")
async def editing(desk: Desk) -> View:
    """The form that changes a webhook."""
    hook = await desk.call("getWebhook", path=_of(desk))
    filters = {name: hook["filters"].get(name, []) for name in _LISTS}
    return await _form(desk, Given(hook["url"], hook["description"], hook["events"], **filters), hook_id=hook["id"])


@page("POST", "/webhooks/<id>/edit")
async def edit(desk: Desk) -> View | See:
    """Change a webhook."""
    given = _given(desk)
    hook = await desk.call("getWebhook", path=_of(desk))
    try:
        _check(given)
        await desk.call("updateWebhook", path=_of(desk), body=given.body)
    except Failure as failure:
        return await _form(desk, given, failure, hook_id=hook["id"])
    return See(webhook_path(hook["id"]), "webhook_changed")


@page("POST", "/webhooks/<id>/switch")
async def switch(desk: Desk) -> See:
    """Switch a webhook on or off."""
    on = desk.form.text("enabled") == "on"
    await desk.call("updateWebhook", path=_of(desk), body={"enabled": on})
    return See(webhook_path(desk.path["id"]), "webhook_on" if on else "webhook_off")


@page("POST", "/webhooks/<id>/test")
async def test(desk: Desk) -> See:
    """Send a test; the page shows what is answered."""
    kind = desk.form.line("type")
    sent = await desk.call("testWebhook", path=_of(desk), body={"type": kind} if kind else {})
    return See(f"{webhook_path(desk.path['id'])}?test={sent['delivery_id']}", "webhook_tested")


@page("GET", "/webhooks/<id>/rotate")
async def rotating(desk: Desk) -> View:
    """What a new secret means, and the button that makes it."""
    return show("webhook_rotate.html", hook=await desk.call("getWebhook", path=_of(desk)), once_key=new_secret())


@page("POST", "/webhooks/<id>/rotate")
async def rotate(desk: Desk) -> View:
    """Make a new secret and show it, this once."""
    hook = await desk.call("getWebhook", path=_of(desk))
    made = await desk.call("rotateWebhookSecret", path=_of(desk), key=desk.form.text("once"))
    until = made["previous_secret_expires_at"]
    return show("webhook_secret.html", hook=hook, secret=made["signing_secret"], until=until, made=False)


@page("GET", "/webhooks/<id>/delete")
async def deleting(desk: Desk) -> View:
    """What ends with a webhook, and the form that asks for it."""
    return await _deleting(desk)


@page("POST", "/webhooks/<id>/delete")
async def delete(desk: Desk) -> View | See:
    """Delete a webhook, if the word was typed."""
    typed = desk.form.line("typed")
    if typed.lower() != WORD:
        return await _deleting(desk, typed, InvalidRequest(f"type {WORD} to delete it"))
    await desk.call("deleteWebhook", path=_of(desk), query={"confirm": "DELETE"})
    return See("/webhooks", "webhook_deleted")


@page("GET", "/agents/<email>/deliveries")
async def of_agent(desk: Desk) -> View:
    """What was and will be sent to an agent's own URL."""
    agent = await desk.call("getAgent", path={"email": desk.email})
    status = desk.asked("status") if desk.asked("status") in STATUSES else ""
    walk = desk.services.cursors.walk(desk.account_id, "desk_deliveries", {"endpoint": desk.email, "status": status})
    found = await delivery_log.of_endpoint(
        desk.services.db,
        desk.account_id,
        agent["email"],
        status=status or None,
        before=walk.start(desk.asked("cursor")),
        limit=ROWS + 1,
    )
    rows, cursor = walk.page(found, ROWS, lambda row: (row.created_at, row.id))
    return show(
        "webhook_agent.html",
        agent=agent,
        path=f"/agents/{quote(agent['email'], safe='@')}/deliveries",
        cards=await deliveries.cards(desk.services.db, desk.account_id, rows),
        watch=deliveries.soon(rows),
        chosen=status,
        statuses=STATUSES,
        next=cursor,
        first=not desk.asked("cursor"),
    )


async def _hook(desk: Desk) -> tuple[Any, bool]:
    """The webhook of the path, and whether it is of the classic API, which alone changes it.

    Raises:
        NotFound: the account has no such webhook.
    """
    classic = await storage.find(desk.services.db, desk.account_id, desk.path["id"], surface=CLASSIC.name)
    if classic is not None:
        return msgspec.json.decode(msgspec.json.encode(webhook_view(classic))), True
    return await desk.call("getWebhook", path=_of(desk)), False


def webhook_path(webhook_id: str) -> str:
    """Where a webhook is shown, below `/dashboard`."""
    return f"/webhooks/{quote(webhook_id, safe='')}"


def _of(desk: Desk) -> dict[str, str]:
    return {"id": desk.path["id"]}


def _given(desk: Desk) -> Given:
    form = desk.form
    return Given(
        url=form.text("url").strip(),
        description=form.text("description").strip(),
        # In the order of the form, whatever a browser sends.
        events=[one for one in form.fields.get("events", ()) if one],
        agent_emails=form.addresses("agent_emails"),
        conversation_ids=form.addresses("conversation_ids"),
        labels=form.addresses("labels"),
    )


def _check(given: Given) -> None:
    """What is missing, in the words of the form; every other rule is the API's."""
    if not given.url:
        raise InvalidWebhookUrl("enter the URL")
    if not given.events:
        raise InvalidEventType("tick at least one of the events")
    if unknown := [one for one in given.events if one not in EVENTS]:
        raise InvalidEventType(f"there is no event {unknown[0][:80]}")


async def _form(desk: Desk, given: Given, failure: Failure | None = None, *, hook_id: str = "") -> View:
    wrong = ""
    if isinstance(failure, InvalidWebhookUrl):
        wrong = "url"
    elif isinstance(failure, InvalidEventType):
        wrong = "events"
    # What may have been done keeps its key; what was refused is another try.
    once = desk.form.text("once") if isinstance(failure, Unavailable) else new_secret()
    return show(
        "webhook_form.html",
        status=answer(failure).status if failure else 200,
        given=given,
        hook_id=hook_id,
        path=webhook_path(hook_id),
        events=[(name, EVENTS[name]) for name in EVENT_TYPES],
        once_key=once,
        wrong=wrong,
        trouble=sentence(failure) if failure else "",
        todo="" if wrong else hint(failure) if failure else "",
    )


async def _deleting(desk: Desk, typed: str = "", failure: Failure | None = None) -> View:
    return show(
        "webhook_delete.html",
        status=answer(failure).status if failure else 200,
        hook=await desk.call("getWebhook", path=_of(desk)),
        path=webhook_path(desk.path["id"]),
        word=WORD,
        typed=typed,
        trouble=sentence(failure) if failure else "",
    )


PAGES = (
    webhooks,
    fresh,
    create,
    webhook,
    editing,
    edit,
    switch,
    test,
    rotating,
    rotate,
    deleting,
    delete,
    of_agent,
)
