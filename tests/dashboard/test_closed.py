"""Every page and every form: closed to nobody, to another account, to other sites, to redirects and to garbage.

All of it is made of `PAGES`: see `places` for what a new page has to say there.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

import attrs
import pytest
import structlog.testing
import trio
from attrs import frozen

from e2ad.api.app import build_app
from e2ad.api.services import Services
from e2ad.config.sections import Config
from e2ad.core.sealing import KeyRing
from e2ad.dashboard.app import PAGES, SECURITY, build_dashboard
from e2ad.dashboard.frame import LINKS
from e2ad.dashboard.live import Live
from e2ad.storage.pool import Database, open_pool
from tests.api.conftest import SECRET, Answer, Client, make_agent, make_caller
from tests.api.world import AGENT, populate, rows
from tests.conftest import Postgres
from tests.dashboard.conftest import Browser, seen
from tests.dashboard.places import (
    GETS,
    NAMING,
    POSTS,
    Around,
    Form,
    Site,
    declared,
    filled,
    furnish,
    shown,
    visit,
)
from tests.zone import Zone, guard

OTHERS = "theirs@agents.localhost"
SITES: Mapping[str, dict[str, str]] = {
    "another site": {"sec_fetch_site": "cross-site", "origin": "https://evil.example"},
    "a neighbour": {"sec_fetch_site": "same-site", "origin": "https://other.test"},
    "typed": {"sec_fetch_site": "none"},
    "an old browser on another site": {"sec_fetch_site": "", "origin": "https://evil.example"},
    "an old browser in a frame without an origin": {"sec_fetch_site": "", "origin": "null"},
    "an old browser that says nothing": {"sec_fetch_site": ""},
    "our name with another port": {"sec_fetch_site": "", "origin": "http://test:8443"},
    "our name within another": {"sec_fetch_site": "", "origin": "http://test.evil.example"},
    "our host, another origin by the browser's word": {"sec_fetch_site": "cross-site", "origin": "http://test"},
}
AWAY = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example/",
    "https:evil.example",
    "%2f%2fevil.example",
    "/%2fevil.example",
    "/\tevil.example",
    "@evil.example",
    ".evil.example",
    "/dashboard/..//evil.example",
    "/x\r\nLocation: https://evil.example",
    "%0d%0aLocation:%20https://evil.example",
    "javascript:alert(1)",
    "///evil.example",
]
GARBAGE = {
    "nul": "%00",
    "nul inside": "a%00b",
    "no utf-8": "%ff%fe",
    "a lone surrogate": "%ed%a0%80",
    "an escape too few": "%",
    "an escape too many": "%25%30%30",
    "long": "x" * 7000,
    "many": "%F0%9F%92%A9" * 500,
    "controls": "%01%02%7f%C2%85",
    "line ends": "%0d%0aSet-Cookie:%20a=b",
    "a direction": "%E2%80%AE",
    "a number": "-99999999999999999999",
    "a path": "..%2f..%2fetc%2fpasswd",
    "sql": "'%3bselect+pg_sleep(9)--",
    "a template": "%7B%7B7*7%7D%7D",
    "a json": "%7B%22a%22:%5B%5D%7D",
}
DEEP = ("nul inside", "no utf-8", "long", "a number")
"""Garbage that stands in one field of a form alone, so that it comes as far as it can."""
QUERIES = ("agent", "box", "did", "from", "label", "next", "q", "status", "type", "since", "page", "id", "show")
CHANGED_BY_LOOKING = {"messages", "sessions"}
"""Tables that a page may write to when it is looked at: what was read, and who was here."""


@frozen
class Place:
    """A full account, and somebody who is signed in to it."""

    owner: Browser
    world: Around


@frozen
class Full:
    """A database with a full account, which each test has a copy of, and what its owner sees there."""

    name: str
    world: Around
    cookie: str
    site: Site


def stand(database: Database) -> Browser:
    """The dashboard over a database, and a browser in which nobody is signed in."""
    config, zone = attrs.evolve(Config(), shared_domain="agents.localhost"), Zone()
    services = Services.build(database, config, KeyRing((SECRET,)), egress=guard(zone), resolver=zone)
    services.public_url = "http://test"
    app = build_app(services)
    app.register_blueprint(build_dashboard(services, Live(database)))
    return Browser(Client(app, services), "")


@pytest.fixture(scope="module")
def full(postgres: Postgres, template: str) -> Iterator[Full]:
    name = trio.run(postgres.make, "full", f"template {template} strategy file_copy")

    async def fill() -> Full:
        async with open_pool(postgres.dsn_of(name), size=4) as database:
            anybody = stand(database)
            client, sessions = anybody.client, anybody.client.services.sessions
            caller = await make_caller(database)
            client.key = caller.key
            world = await furnish(database, await populate(client, caller.account_id))
            client.key = None
            await sessions.begin(caller.account_id)
            cookie = await sessions.begin(caller.account_id)
            return Full(name, world, cookie, await visit(Browser(client, caller.account_id, cookie), world))

    yield trio.run(fill)
    postgres.give_back(name)


@pytest.fixture
async def database_dsn(postgres: Postgres, full: Full) -> AsyncIterator[str]:
    """The DSN of a copy for this test alone."""
    name = await postgres.make("test", f"template {full.name} strategy file_copy")
    try:
        yield postgres.dsn_of(name)
    finally:
        postgres.give_back(name)


@pytest.fixture
async def place(anybody: Browser, full: Full) -> Place:
    return Place(Browser(anybody.client, full.world.account_id, full.cookie), full.world)


@pytest.fixture
async def other(anybody: Browser, place: Place) -> Browser:
    """The owner of another account with an agent."""
    services = anybody.client.services
    caller = await make_caller(services.db, "stranger@example.org")
    await make_agent(services.db, caller.account_id, OTHERS)
    return Browser(anybody.client, caller.account_id, await services.sessions.begin(caller.account_id))


@pytest.fixture
def site(full: Full) -> Site:
    return full.site


@pytest.fixture
async def quiet() -> AsyncIterator[list[Any]]:
    """What is logged meanwhile; no test here may make a page fail by surprise."""
    with structlog.testing.capture_logs() as lines:
        yield lines
    assert [line for line in lines if line["event"] in ("page failed", "page refused")] == []


def closed(answer: Answer, path: str) -> None:
    """What every answer carries, whatever it is."""
    headers = answer.headers
    policy = headers.get("content-security-policy", "")
    assert "default-src 'none'" in policy, path
    assert headers.get("x-content-type-options") == "nosniff", path
    assert headers.get("referrer-policy") in ("same-origin", "no-referrer"), path
    if path.endswith("/html"):
        assert policy.startswith("sandbox "), path
        assert "allow-scripts" not in policy, path
        assert "allow-same-origin" not in policy, path
        assert "frame-ancestors 'self'" in policy, path
        return
    assert headers.get("x-frame-options") == "DENY", path
    assert headers.get("cross-origin-opener-policy") == "same-origin", path
    assert headers.get("cross-origin-resource-policy") == "same-origin", path
    assert "noindex" in headers.get("x-robots-tag", ""), path
    assert "unsafe" not in policy, path
    if headers.get("content-type", "").startswith("text/html"):
        assert policy == SECURITY["Content-Security-Policy"], path
    if "immutable" not in headers.get("cache-control", ""):
        assert headers.get("cache-control") == "no-store", path


def form_of(site: Site, path: str) -> Form:
    """The form for a page, with what a person enters."""
    form = site.form_for(path)
    assert form is not None, f"no page has a form for {path}: say in ALSO where it is"
    return form


def told(answer: Answer, world: Around) -> list[str]:
    """What an answer tells of this account."""
    words = answer.text if answer.headers.get("content-type", "").startswith("text") else ""
    named = [world.account_id, "shop.example.com", "Good morning", "grace@example.org"]
    return [one for one in named if one in words]


def test_every_link_leads_to_a_page() -> None:
    assert {path for _, path, _ in LINKS} <= set(GETS)


def test_pages_are_told_apart() -> None:
    assert len({(one.method, one.path) for one in PAGES}) == len(PAGES)
    assert len({one.name for one in PAGES}) == len(PAGES)


@pytest.mark.parametrize("cookie", ["", "x", "sess_" + "0" * 64])
async def test_nobody_is_led_to_the_sign_in_and_back(place: Place, anybody: Browser, cookie: str) -> None:
    before, nobody = await rows(place.owner.client), Browser(anybody.client, "", cookie)
    for path in GETS:
        there = filled(path, place.world)
        answer = await nobody.get(there + "?q=a%20b")
        assert answer.status == 303, path
        assert answer.headers["location"] == "/api/auth/login?next=" + quote(there, safe="") + "%3Fq%3Da%2520b"
        assert answer.body == b""
        closed(answer, "")
        part = await nobody.get(there, hx_request="true")
        assert (part.status, part.body) == (200, b"")
        assert part.headers["hx-redirect"].startswith("/api/auth/login?next=%2Fdashboard")
    assert await rows(place.owner.client) == before


@pytest.mark.parametrize("path", POSTS)
async def test_a_form_of_ours_is_taken(place: Place, site: Site, path: str, quiet: list[Any]) -> None:
    """What the next two tests refuse does something where it may."""
    form, before = form_of(site, path), await rows(place.owner.client)
    answer = await place.owner.post(form.action, form.fields, origin="http://test")
    assert answer.status == 303 or (answer.status == 200 and path in ANSWERED_WITH_A_PAGE), answer.text
    if answer.status == 303:
        assert answer.headers["location"].startswith("/"), answer.headers
    closed(answer, "")
    after = await rows(place.owner.client)
    assert path in CHANGES_NOTHING or after != before, f"{path}: nothing was done, so that refusing it proves nothing"


ANSWERED_WITH_A_PAGE: set[str] = {
    "/start/<email>/key",
    "/account/audit/export",
    "/account/delete",
    "/account/export",
    "/keys",
    "/reviews/decide",
    "/webhooks",
    "/webhooks/<id>/rotate",
}
"""Forms whose answer is shown once and cannot be come back to: a new key, what became of each."""
CHANGES_NOTHING: set[str] = set()
"""Forms that only ask."""


async def test_a_form_of_nobody_does_nothing(place: Place, site: Site, anybody: Browser) -> None:
    before = await rows(place.owner.client)
    for path in POSTS:
        form = form_of(site, path)
        answer = await anybody.post(form.action, form.fields)
        assert (answer.status, answer.headers["location"]) == (303, "/api/auth/login?next=%2Fdashboard%2F"), path
        assert await rows(place.owner.client) == before, path


@pytest.mark.parametrize("elsewhere", SITES)
async def test_a_form_of_another_site_does_nothing(place: Place, site: Site, elsewhere: str) -> None:
    before = await rows(place.owner.client)
    for path in POSTS:
        form = form_of(site, path)
        answer = await place.owner.post(form.action, form.fields, **SITES[elsewhere])
        assert answer.status == 403, path
        assert "Not from here" in answer.text
        assert told(answer, place.world) == []
        closed(answer, "")
    assert await rows(place.owner.client) == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_a_form_is_sent_in_no_other_way(place: Place, site: Site, method: str) -> None:
    before = await rows(place.owner.client)
    for path in POSTS:
        if method not in ("GET", "HEAD") or path not in GETS:
            owner = place.owner
            answer = await owner.client.request(method, form_of(site, path).action, headers=owner._headers({}))
            assert answer.status in (404, 405), path
    assert await rows(place.owner.client) == before


@pytest.mark.parametrize("path", NAMING)
async def test_what_another_account_has_is_not_there(place: Place, site: Site, other: Browser, path: str) -> None:
    form, before = site.form_for(path), await rows(place.owner.client)
    theirs = filled(path, place.world)
    mixed = theirs.replace(AGENT, OTHERS)
    found = set[tuple[str, int]]()
    for there in dict.fromkeys((theirs, mixed, theirs.replace(AGENT, OTHERS.upper()))):
        if there != theirs and "<" not in path.replace("<email>", ""):
            continue  # it is their own then
        asked = []
        if path in GETS:
            asked.append(await other.get(there))
            asked.append(await other.get(there, hx_request="true"))
        if path in POSTS:
            asked.append(await other.post(there, form.fields if form else {}))
            asked.append(await other.post(there, {}))
        for answer in asked:
            found.add((there, answer.status))
            assert told(answer, place.world) == [], there
            closed(answer, "")
    assert {status for _, status in found} == {404}, found
    assert await rows(place.owner.client) == before


async def test_lists_show_nothing_of_another_account(place: Place, other: Browser) -> None:
    found: dict[str, object] = {}
    for path in GETS:
        if "<" not in path:
            answer = await other.get("/dashboard" + path)
            if told(answer, place.world) or AGENT in answer.text or answer.status >= 400:
                found[path] = answer.status, told(answer, place.world)
    assert found == {}


async def test_another_accounts_things_are_not_found_by_a_query(place: Place, other: Browser) -> None:
    world, before = place.world, await rows(place.owner.client)
    ids = [world.message, world.held, world.webhook, world.event, world.key, world.secret, world.conversation, AGENT]
    for path in GETS:
        if "<" in path:
            continue
        by = (("agent",), ("cursor",), ("q", "from"), ("email", "id", "message", "webhook", "event", "key"))
        for one in ids:
            for names in by:
                query = urlencode(dict.fromkeys(names, one))
                answer = await other.get(f"/dashboard{path}?{query}")
                assert answer.status < 500, (path, query)
                assert told(answer, world) == [], (path, query)
    assert await rows(place.owner.client) == before


async def test_another_accounts_cursor_opens_nothing(place: Place, other: Browser) -> None:
    walk = place.owner.client.services.cursors.walk(place.owner.account_id, "desk_threads", {"agent": ""})
    row = await place.owner.client.services.db.fetch_one("select created_at, id from messages order by id limit 1")
    assert row is not None
    _, cursor = walk.page([row, row], 1, lambda one: (one["created_at"], one["id"]))
    assert cursor
    assert (await place.owner.get(f"/dashboard/inbox?cursor={quote(cursor)}")).status == 200
    assert (await other.get(f"/dashboard/inbox?cursor={quote(cursor)}")).status == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE"])
async def test_every_answer_is_closed(place: Place, other: Browser, anybody: Browser, method: str) -> None:
    for path in (*GETS, "/nothing", "/static/nothing.css", "/static/../app.py"):
        there = filled(path, place.world)
        for who in (other, anybody, place.owner):
            answer = await who.client.request(method, there, headers=who._headers({}))
            closed(answer, path if answer.status == 200 and method in ("GET", "HEAD") else "")
            assert answer.status < 500, path
            assert not [name for name in answer.headers if name.startswith("access-control-")], path


async def test_the_stream_is_closed(place: Place, anybody: Browser) -> None:
    for who, headers in (
        (anybody, {}),
        (place.owner, {"sec_fetch_site": "cross-site"}),
        (place.owner, {"sec_fetch_site": "same-site"}),
        (place.owner, {"sec_fetch_site": "none"}),
    ):
        answer = await who.get("/dashboard/stream", **headers)
        assert (answer.status, answer.body) == (204, b"")
        closed(answer, "")


@pytest.mark.parametrize("where", AWAY)
async def test_nothing_leads_away(place: Place, anybody: Browser, where: str) -> None:
    """Whatever stands in the path, in the query, in the Host or in a form."""
    paths = ["/dashboard/" + where, "/dashboard" + where, "/dashboard/inbox/" + where, "/" + where, where]
    ours = ["/", "/dashboard", "/dashboard/", "/api/auth/login"]
    ours += ["/dashboard" + one for one in GETS if "<" not in one]
    for who in (place.owner, anybody):
        for path in paths:
            if path.startswith("/"):
                local(await who.get(quote(path, safe="/@%\\?:")), path)
        for path in ours:
            for names in (("next", "did", "url", "return", "redirect", "q"), ("agent", "cursor")):
                query = dict.fromkeys(names, where)
                local(await who.client.request("GET", path, query=query, headers=who._headers({})), f"{path} {names}")
        for header in ("host", "x-forwarded-host", "x-forwarded-prefix", "x-original-url", "referer", "hx-current-url"):
            if not re.search(r"[\r\n\t]", where):
                given = who._headers({}) | {header: where}
                for path in ("/", "/dashboard", "/dashboard/", "/dashboard/inbox"):
                    local(await who.client.request("GET", path, headers=given), f"{path} {header}")


@pytest.mark.parametrize("path", POSTS)
async def test_no_form_leads_away(place: Place, site: Site, path: str, quiet: list[Any]) -> None:
    form = form_of(site, path)
    for where in AWAY:
        also = dict.fromkeys(("next", "return", "url", "back", "did", "here"), where)
        for fields in ({**form.fields, **also}, dict.fromkeys([*form.fields, *also], where)):
            local(await place.owner.post(form.action, fields, referer=f"http://test{form.action}"), f"{path} {where}")


def local(answer: Answer, where: str) -> None:
    """Every browser that follows this stays with us."""
    for name in ("location", "hx-redirect", "hx-location", "hx-push-url", "refresh"):
        if name in answer.headers:
            there = answer.headers[name]
            assert re.fullmatch(r"/(?![/\\])[!-~]*", there), (where, there)
            assert "\\" not in there.partition("?")[0], (where, there)
            assert urlsplit(urljoin("http://test/x", there)).netloc == "test", (where, there)
    assert answer.headers.get("set-cookie", "e2a").startswith("e2a"), where
    assert answer.status < 500, where


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_in_an_address_is_answered_with_a_page(place: Place, garbage: str, quiet: list[Any]) -> None:
    text = GARBAGE[garbage]
    for path in GETS:
        there = filled(path, place.world)
        asked = [f"{there}?" + "&".join(f"{name}={text}" for name in QUERIES), f"{there}?cursor={text}"]
        asked += [f"{there}?{text}={text}&{text}", f"{there}/{text}"]
        asked += [filled(path, place.world, **{variable: text}) for variable in re.findall(r"<(\w+)>", path)]
        for one in asked:
            answer = await plain(place.owner, one)
            assert answer.status < 500, one[:200]
            closed(answer, path if answer.status == 200 else "")
            assert answer.status < 400 or "<h1>" in answer.text or answer.text == "not found\n", one[:200]


@frozen
class Exact:
    """The application, asked for an address that is sent as it stands."""

    app: Any
    raw_path: bytes
    query_string: bytes

    @property
    def router(self) -> Any:
        return self.app.router

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await self.app(scope | {"raw_path": self.raw_path, "query_string": self.query_string}, receive, send)


async def plain(who: Browser, url: str) -> Answer:
    """A request for exactly this address."""
    path, _, query = url.partition("?")
    app: Any = Exact(who.client.app, path.encode(), query.encode())
    client = Client(app, who.client.services)
    return await client.request("GET", unquote(path), headers=who._headers({}))


@pytest.mark.parametrize("path", POSTS)
async def test_garbage_in_a_form_is_answered_with_a_page(place: Place, site: Site, path: str, quiet: list[Any]) -> None:
    form = form_of(site, path)
    names = [*form.fields, "else"]
    bodies = ["&".join(f"{name}={text}" for name in names) for text in GARBAGE.values()]
    for name in names:
        whole = urlencode({one: given for one, given in form.fields.items() if one != name}, doseq=True)
        bodies += [f"{whole}&{name}={GARBAGE[kind]}" for kind in DEEP]
    bodies += ["", "&&&===", "=" * 1000, "%00=%00", "&".join(f"a{n}=b" for n in range(2000)), "once=x&once=y"]
    for body in bodies:
        answer = await place.owner.client.request(
            "POST",
            form.action,
            raw=body.encode(),
            headers=place.owner._headers({"content-type": "application/x-www-form-urlencoded"}),
        )
        assert answer.status < 500, body[:200]
        closed(answer, "")
    multipart = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n\xff\xfe\r\n--x--\r\n'
    for kind, raw in (
        ("multipart/form-data; boundary=x", multipart),
        ("multipart/form-data; boundary=x", multipart[:40]),
        ("multipart/form-data", multipart),
        ("multipart/form-data; boundary=" + "x" * 300, b"--" + b"x" * 300),
        ("application/json", b'{"a": 1}'),
        ("text/plain", b"a=b"),
        ("nonsense", b"a=b"),
    ):
        headers = place.owner._headers({"content-type": kind})
        answer = await place.owner.client.request("POST", form.action, raw=raw, headers=headers)
        assert answer.status < 500, (kind, raw[:60])
        closed(answer, "")


async def test_a_form_that_is_too_large_is_answered_with_a_page(place: Place, quiet: list[Any]) -> None:
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        headers = place.owner._headers({"content-type": kind, "content-length": "999999999"})
        answer = await place.owner.client.request("POST", "/dashboard/compose", raw=b"text=x", headers=headers)
        assert answer.status == 413
        assert "Make it smaller" in answer.text
        closed(answer, "")


async def test_every_link_and_form_of_every_page_leads_to_one(place: Place, site: Site) -> None:
    """Two steps from each page: links are followed, forms are sent to pages that are declared."""
    wrong, followed = [], dict[str, str]()
    for url, page in site.pages.items():
        answer = site.answers[url]
        if answer.status not in (200, 303, 403, 409):
            wrong.append(f"{url}: {answer.status}")
        for form in page.forms:
            if form.method == "POST" and not declared("POST", form.action) and not _elsewhere(form.action):
                wrong.append(f"{url}: a form for {form.action}")
        for link in page.links:
            there = urlsplit(link)
            if there.scheme in ("mailto",):
                continue
            if there.netloc != "test":
                wrong.append(f"{url}: a link to {link}")
            elif (taken := declared("POST", link)) is not None and "<" not in taken.path:
                continue
            elif there.path.startswith("/dashboard") and declared("GET", link):
                followed.setdefault(link.partition("#")[0].removeprefix("http://test"), url)
            elif not (_elsewhere(link) or declared("POST", link)):
                wrong.append(f"{url}: a link to {link}")
    assert wrong == []
    for link in sorted(followed):
        answer = await place.owner.get(link)
        if answer.status not in (200, 303, 403):
            wrong.append(f"{link} on {followed[link]}: {answer.status}")
    assert wrong == []
    assert len(followed) > 20


def _elsewhere(url: str) -> bool:
    """Pages of this process that are no pages of the dashboard."""
    ours = ("/docs", "/api/auth/logout", "/api/auth/login", "/api/auth/sessions")
    return urlsplit(url).netloc == "test" and urlsplit(url).path in ours


async def test_pages_load_only_our_files_and_hold_no_script_or_style(site: Site) -> None:
    wrong = []
    for url, page in site.pages.items():
        if urlsplit(url).path.endswith("/html"):
            continue
        wrong += [f"{url}: inline {tag}" for tag in page.inline]
        wrong += [f"{url}: {one}" for one in page.loaded if not one.startswith("http://test/dashboard/")]
        for tag, found in page.elements:
            names = [name for name in found if name.startswith("on") or name in ("style", "srcdoc", "ping")]
            if names or tag in ("object", "embed", "base", "math", "template", "applet"):
                wrong.append(f"{url}: {tag} {names}")
            if (found.get("target") or "_self") not in ("_self", "_blank"):
                wrong.append(f"{url}: target {found['target']}")
            if tag == "meta" and "http-equiv" in found:
                wrong.append(f"{url}: meta {found}")
    assert wrong == []


@pytest.mark.parametrize("bound", ["an agent's key", "an account's key"])
async def test_a_key_is_no_way_into_the_dashboard(place: Place, anybody: Browser, bound: str) -> None:
    """Only a session is, and nobody gets one with the key of an agent."""
    db = anybody.client.services.db
    agent = {"scope": "agent", "agent_email": AGENT} if bound.startswith("an agent") else {}
    key = (await make_caller(db, **agent)).key
    for path in GETS:
        for headers in ({"authorization": f"Bearer {key}"}, {"cookie": f"e2a_session={key}"}):
            assert (await anybody.get(filled(path, place.world), **headers)).status == 303, path
    login = shown("http://test/api/auth/login", await anybody.get("/api/auth/login"))
    (form,) = [one for one in login.forms if "api_key" in one.fields]
    cookie = await _login_cookie(anybody)
    before = await db.fetch_value("select count(*) from sessions")
    answer = await anybody.post("/api/auth/login", {**form.fields, "api_key": key}, cookie=cookie)
    if agent:
        assert answer.status in (400, 401, 403), answer.text
        assert "e2a_session=sess_" not in answer.headers.get("set-cookie", "")
        assert await db.fetch_value("select count(*) from sessions") == before


async def _login_cookie(anybody: Browser) -> str:
    answer = await anybody.get("/api/auth/login")
    return answer.headers.get("set-cookie", "").partition(";")[0]


@pytest.mark.parametrize("path", GETS)
async def test_looking_changes_nothing_but_what_was_read(place: Place, path: str, quiet: list[Any]) -> None:
    there, before = filled(path, place.world), await rows(place.owner.client)
    assert (await place.owner.get(there)).status in (200, 303)
    after = await rows(place.owner.client)
    assert {name for name in before if before[name] != after[name]} <= CHANGED_BY_LOOKING
    await place.owner.client.services.db.execute("update messages set unread = true")
    before = await rows(place.owner.client)
    answer = await place.owner.get(there, sec_fetch_site="cross-site")
    assert answer.status in (200, 303)
    answer = await place.owner.get(there, sec_fetch_site="cross-site", sec_fetch_dest="image")
    assert answer.status == 403
    assert await rows(place.owner.client) == before


async def test_only_our_own_words_are_said_after_a_form(place: Place) -> None:
    for path in GETS:
        for word in ("<script>", "trashed<script>", "../x", "sent' onclick='x"):
            there = f"{filled(path, place.world)}?did={quote(word)}"
            answer = await place.owner.get(there)
            if answer.headers.get("content-type", "").startswith("text/html"):
                page = seen(answer)
                assert word not in page.text.replace("'", ""), there
                assert not [found for _, found in page.elements if "note good" in (found.get("class") or "")], there
