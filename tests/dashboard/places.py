"""Every page of the dashboard at a real address, and every form with what a person would enter.

The tests that go over all pages are made of `PAGES` itself. Whoever adds a page with a variable in its path says in
`VARIABLES` what stands there, and whoever adds a form that is not filled in when it is shown says in `ENTERED` what a
person enters: then the page is tested for strangers, other sites, redirects and garbage like all others.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

import attrs
from attrs import define, field, frozen

from e2ad.dashboard.app import PAGES
from e2ad.dashboard.page import Page
from e2ad.gateway.mint import new_id, now
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Executor
from tests import factories
from tests.api.conftest import Answer
from tests.api.world import AGENT, DOMAIN, HELD_BY, RAW, TRASHED, World
from tests.dashboard.conftest import Browser
from tests.zone import HOOK

GETS = sorted({one.path for one in PAGES if one.method == "GET"})
POSTS = sorted({one.path for one in PAGES if one.method == "POST"})
NAMING = sorted({one.path for one in PAGES if "<" in one.path})
"""Pages of something: what another account has must not be found there."""
HTML = RAW.replace(b"\r\n\r\nGood morning.", b"\r\nContent-Type: text/html\r\n\r\n<p>Good morning.</p>")
MESSAGE = "/inbox/<email>/messages/<id>"


@frozen
class Around(World):
    """What the dashboard shows beside what the API names."""

    delivery: str
    replay: str
    arrived: str


VARIABLES: Mapping[str, Callable[[Around], str]] = {
    "/inbox/<email>": lambda _: AGENT,
    MESSAGE: lambda w: w.message,
    MESSAGE + "/attachments/<index>": lambda _: "0",
    "/start/<email>": lambda _: AGENT,
    "/agents/<email>": lambda _: AGENT,
    "/reviews/<id>": lambda w: w.held,
    "/reviews/<id>/attachments/<index> <id>": lambda w: w.arrived,
    "/reviews/<id>/html <id>": lambda w: w.arrived,
    "/agents/<email>/purge <email>": lambda _: TRASHED,
    "/agents/<email>/restore <email>": lambda _: TRASHED,
    "/reviews/<id>/attachments/<index>": lambda _: "0",
    "/webhooks/<id>": lambda w: w.webhook,
    "/events/<id>": lambda w: w.event,
    "/events/deliveries/<id>": lambda w: w.delivery,
    "/events/replays/<id>": lambda w: w.replay,
    "/domains/<domain>": lambda _: DOMAIN,
    "/keys/<id>": lambda w: w.key,
    "/keys/connections/<id>": lambda w: w.connection,
    "/keys/signing-secrets/<id>": lambda w: w.secret,
}
"""What stands in the place of a variable, by the path up to it; in one path alone, by that path and its name."""

ALSO: Sequence[Callable[[Around], str]] = (
    lambda w: f"/inbox/{AGENT}/messages/{w.trashed}",
    lambda w: f"/inbox/{AGENT}/messages/{w.sent}",
    lambda w: f"/inbox/{AGENT}/messages/{w.unknown}",
    lambda w: f"/inbox/{HELD_BY}/messages/{w.held}",
    lambda _: f"/inbox?agent={AGENT}",
    lambda _: "/inbox?unread=1",
    lambda _: "/inbox?box=trash",
    lambda _: "/inbox?box=sent&q=hello&from=ada&label=x",
    lambda w: f"/inbox/{AGENT}/messages/{w.message}?show=html",
    lambda w: f"/webhooks/{w.webhook}?status=delivered",
    lambda w: f"/webhooks/{w.classic_webhook}",
    lambda w: f"/events/replay?event={w.event}",
    lambda _: "/events?state=failed&since=2026-01-01T00:00",
    lambda _: "/agents?deleted=1",
)
"""Pages at further addresses, where they show other links and forms."""

ENTERED: Mapping[str, Mapping[str, str]] = {
    "/compose": {"to": "ada@example.org", "subject": "Hi", "text": "Hello"},
    MESSAGE + "/reply": {"text": "Hello"},
    MESSAGE + "/forward": {"to": "bob@example.org", "text": "Hello"},
    MESSAGE + "/labels": {"add": "x"},
    "/start": {"name": "made-here"},
    "/agents/<email>": {"name": "Renamed"},
    "/agents/<email>/protection": {"do": "save", "in_policy": "domain"},
    "/reviews/<id>/edit": {"subject": "Another subject"},
    "/reviews/decide": {"do": "reject"},
    "/account/delete": {"typed": "owner@example.com"},
    "/account/sessions": {"end": "others"},
    "/agents/<email>/delete": {"typed": AGENT},
    "/agents/<email>/purge": {"typed": TRASHED},
    "/agents/<email>/suppressions": {"address": "new@example.org"},
    "/keys/signing-secrets": {"name": "made here"},
    "/webhooks": {"url": HOOK, "events": "email.received"},
    "/webhooks/<id>/edit": {"url": HOOK, "events": "email.received", "description": "x"},
    "/webhooks/<id>/delete": {"typed": "delete"},
    "/events/replay": {"to": "endpoints"},
    "/domains": {"domain": "mine.example"},
    "/domains/<domain>/delete": {"typed": DOMAIN},
    "/keys": {"name": "mine"},
}
"""What a person enters into a form, by the path that it is sent to."""


async def furnish(db: Executor, world: World) -> Around:
    """Add what the pages are about and the API has not: HTML in the inbox, a replay under way."""
    account_id, replay = world.account_id, new_id("rpl_")
    columns = {"raw": HTML, "conversation_id": world.conversation, "threaded": True, "number": 9}
    message = await factories.message(db, account_id, AGENT, **columns)
    more = {"target": "endpoints", "filter": Jsonb({"type": "email.received"}), "events": 2, "deliveries": 2}
    await factories.insert(db, "replays", {"account_id": account_id, "id": replay, **more})
    pending = {"id": f"whd_{replay}", "replay_id": replay, "event_id": world.event, "event_type": "email.received"}
    to = {"account_id": account_id, "endpoint": world.webhook, "kind": "webhook", "status": "pending"}
    await factories.insert(db, "deliveries", to | pending)
    held = {"raw": HTML, "review_status": "pending_review", "review_expires_at": now() + timedelta(days=7)}
    arrived = await factories.message(db, account_id, AGENT, **held)
    why = {"reason": Jsonb({"type": "gate", "code": "sender", "summary": "Held."}), "on_expiry": "reject"}
    of = {"account_id": account_id, "message_id": arrived, "agent_email": AGENT, "direction": "inbound"}
    await factories.insert(db, "holds", of | why)
    named = {"account_id": account_id}
    delivery = await db.fetch_value("select min(id) from deliveries where account_id = %(account_id)s", named)
    other = attrs.asdict(world) | {"message": message}
    return Around(**other, delivery=str(delivery), replay=replay, arrived=arrived)


def filled(path: str, world: Around, **other: str) -> str:
    """Where a page is for things that the account has; of `other` variables, for what is said here.

    Raises:
        AssertionError: nobody has said what stands in the place of a variable.
    """
    there = path
    for found in re.finditer(r"<\w+>", path):
        upto = path[: found.end()]
        assert upto in VARIABLES, f"{path}: say in VARIABLES of {__name__} what stands at the end of {upto}"
        stands = VARIABLES.get(f"{path} {found[0]}", VARIABLES[upto])
        there = there.replace(found[0], other.get(found[0][1:-1]) or stands(world), 1)
    return "/dashboard" + there


def declared(method: str, url: str) -> Page | None:
    """The page that a URL leads to."""
    path = unquote(urlsplit(url).path).removeprefix("/dashboard")
    fixed = sorted((one for one in PAGES if one.method == method), key=lambda one: one.path.count("<"))
    return next((one for one in fixed if re.fullmatch(re.sub(r"<\w+>", "[^/]+", one.path), path)), None)


@frozen
class Form:
    """A form as a browser would send it, untouched; `name` is what boxes outside of it call it."""

    method: str
    action: str
    fields: Mapping[str, list[str]]
    name: str = ""


@define
class Shown(HTMLParser):
    """Links and forms of a page."""

    url: str
    links: list[str] = field(factory=list)
    loaded: list[str] = field(factory=list)
    forms: list[Form] = field(factory=list)
    elements: list[tuple[str, dict[str, str | None]]] = field(factory=list)
    inline: list[str] = field(factory=list)
    boxes: dict[str, dict[str, list[str]]] = field(factory=dict)
    _fields: dict[str, list[str]] = field(factory=dict)
    _inside: str = ""
    _option: str | None = None

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, found: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in found}
        self.elements.append((tag, dict(found)))
        self._references(tag, given)
        if tag in ("script", "style") and "src" not in given:
            self.inline.append(tag)
        if tag == "form":
            self._fields = {}
            action = urljoin(self.url, given.get("action", "")) or self.url
            self.forms.append(Form(given.get("method", "get").upper(), action, self._fields, given.get("id", "")))
        elif tag == "input" and "form" in given:
            self.boxes.setdefault(given["form"], {}).setdefault(given.get("name", ""), []).append(
                given.get("value", "on")
            )
        elif tag == "input" and given.get("name") and "disabled" not in given:
            ticked = given.get("type") not in ("checkbox", "radio") or "checked" in given
            if ticked and given.get("type") not in ("file", "submit"):
                value = given.get("value", "on" if "checked" in given else "")
                self._fields.setdefault(given.get("name", ""), []).append(value)
        elif tag in ("textarea", "select"):
            self._inside = given.get("name", "")
            self._option = None
        elif tag == "option" and self._inside and (not self._fields.get(self._inside) or "selected" in given):
            self._option = given.get("value")
            self._fields[self._inside] = [self._option] if self._option is not None else []

    def _references(self, tag: str, given: Mapping[str, str]) -> None:
        for name in ("href", "src", "action", "formaction", "hx-get", "hx-post", "poster", "srcset", "data"):
            if name in given and not (name == "href" and given[name].startswith("#")):
                whole = urljoin(self.url, given[name])
                (self.loaded if tag in ("link", "script", "img", "iframe") else self.links).append(whole)

    def handle_data(self, data: str) -> None:
        if self._inside and self._option is None and data.strip() and not self._fields.get(self._inside):
            self._fields[self._inside] = [data.strip()]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "select"):
            if self._inside and tag == "textarea":
                self._fields.setdefault(self._inside, [""])
            self._inside = ""


def shown(url: str, answer: Answer) -> Shown:
    """A page taken apart; of what is no page, nothing."""
    page = Shown(url)
    if answer.headers.get("content-type", "").startswith("text/html"):
        page.feed(answer.text)
        page.close()
    return page


@define
class Site:
    """All that somebody finds who follows every page of the table and all forms there."""

    pages: dict[str, Shown] = field(factory=dict)
    answers: dict[str, Answer] = field(factory=dict)

    def form_for(self, path: str) -> Form | None:
        """A form that is sent to this page, as it is shown and with what a person enters."""
        for page in self.pages.values():
            for form in page.forms:
                one = declared(form.method, form.action)
                if form.method == "POST" and one is not None and one.path == path:
                    entered = {name: [text] for name, text in ENTERED.get(path, {}).items()}
                    ticked = page.boxes.get(form.name, {}) if form.name else {}
                    return Form("POST", urlsplit(form.action).path, {**form.fields, **ticked, **entered})
        return None


async def visit(browser: Browser, world: Around) -> Site:
    """Look at every page."""
    site = Site()
    for there in [*(filled(path, world) for path in GETS), *("/dashboard" + one(world) for one in ALSO)]:
        url = f"http://test{there}"
        site.answers[url] = answer = await browser.get(there)
        site.pages[url] = shown(url, answer)
    return site
