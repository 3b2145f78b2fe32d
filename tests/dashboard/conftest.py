"""The dashboard without a network: the app over a real database, called as a browser would that is signed in."""

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import attrs
import pytest
from attrs import define, field

from e2ad.api.app import build_app
from e2ad.api.services import Services
from e2ad.config.sections import Config
from e2ad.core.sealing import KeyRing
from e2ad.dashboard.app import build_dashboard
from e2ad.dashboard.live import Live
from e2ad.storage.pool import Database
from tests import factories
from tests.api.conftest import SECRET, Answer, Client, make_agent, make_caller
from tests.zone import Zone, guard

AGENT = "bot@agents.localhost"
SAME_SITE = {"sec-fetch-site": "same-origin", "sec-fetch-dest": "document", "accept": "text/html"}


@define
class Browser:
    """Somebody with a browser, signed in."""

    client: Client
    account_id: str
    cookie: str = ""
    forms: dict[str, str] = field(factory=dict)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.client.request("GET", path, headers=self._headers(headers))

    async def post(self, path: str, form: Mapping[str, Any] | None = None, **headers: str) -> Answer:
        given = {"content-type": "application/x-www-form-urlencoded", **headers}
        raw = urlencode(form or {}, doseq=True).encode()
        return await self.client.request("POST", path, raw=raw, headers=self._headers(given))

    def _headers(self, given: Mapping[str, str]) -> dict[str, str]:
        cookie = {"cookie": f"e2a_session={self.cookie}"} if self.cookie else {}
        named = {name.replace("_", "-"): value for name, value in given.items()}
        return {name: value for name, value in {**SAME_SITE, **cookie, **named}.items() if value}


@define
class Seen(HTMLParser):
    """What a browser would make of a page: its elements, and its text."""

    elements: list[tuple[str, dict[str, str | None]]] = field(factory=list)
    words: list[str] = field(factory=list)

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, found: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(found)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str, name: str) -> list[str]:
        return [found[name] or "" for one, found in self.elements if one == tag and name in found]


def seen(answer: Answer) -> Seen:
    page = Seen()
    page.feed(answer.text)
    return page


@pytest.fixture
async def services(database: Database) -> Services:
    """The services on the shared domain `agents.localhost`."""
    config = attrs.evolve(Config(), shared_domain="agents.localhost")
    zone = Zone()
    services = Services.build(database, config, KeyRing((SECRET,)), egress=guard(zone), resolver=zone)
    services.public_url = "http://test"
    return services


@pytest.fixture
async def live(database: Database) -> Live:
    return Live(database)


@pytest.fixture
async def anybody(services: Services, live: Live) -> Browser:
    """A browser in which nobody is signed in."""
    app = build_app(services)
    app.register_blueprint(build_dashboard(services, live))
    return Browser(Client(app, services), "")


@pytest.fixture
async def browser(anybody: Browser, services: Services, database: Database) -> Browser:
    """The owner of an account with one agent."""
    caller = await make_caller(database)
    await make_agent(database, caller.account_id, AGENT)
    return Browser(anybody.client, caller.account_id, await services.sessions.begin(caller.account_id))


@pytest.fixture
async def stranger(anybody: Browser, services: Services, database: Database) -> Browser:
    """The owner of another account."""
    caller = await make_caller(database, "stranger@example.org")
    await make_agent(database, caller.account_id, "other@agents.localhost")
    return Browser(anybody.client, caller.account_id, await services.sessions.begin(caller.account_id))


async def mail(browser: Browser, raw: bytes | str | None = None, agent: str = AGENT, **columns: Any) -> str:
    """A stored mail; where it is shown."""
    content = raw.encode() if isinstance(raw, str) else raw
    more = {} if content is None else {"raw": content}
    message_id = await factories.message(browser.client.services.db, browser.account_id, agent, **more, **columns)
    return f"/dashboard/inbox/{agent}/messages/{message_id}"
