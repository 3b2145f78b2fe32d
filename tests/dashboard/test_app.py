"""Who may see a page, what a form must prove, what every answer carries."""

from typing import Any

import pytest

from e2ad.api.app import build_app
from e2ad.dashboard.app import PAGES
from e2ad.dashboard.frame import LINKS
from tests import factories
from tests.api.conftest import Client
from tests.api.world import rows
from tests.dashboard.conftest import AGENT, Browser, mail, seen

GETS = sorted({one.path for one in PAGES if one.method == "GET"})
POSTS = sorted({one.path for one in PAGES if one.method == "POST"})
FORM: dict[str, Any] = {
    "name": "new-one",
    "from": AGENT,
    "to": "ada@example.org",
    "text": "Hello",
    "subject": "Hi",
    "add": "x",
    "remove": "y",
}


async def filled(path: str, browser: Browser, **columns: Any) -> str:
    """A page's address for a mail that this browser's owner has."""
    there = await mail(browser, **columns)
    email, message_id = there.split("/")[3], there.split("/")[5]
    return "/dashboard" + path.replace("<email>", email).replace("<id>", message_id).replace("<index>", "0")


def test_every_link_leads_to_a_page() -> None:
    assert {path for _, path, _ in LINKS} <= set(GETS)


@pytest.mark.parametrize("path", [*GETS, "/nothing"])
async def test_who_is_not_signed_in_is_led_there_and_back(anybody: Browser, path: str) -> None:
    there = "/dashboard" + path.replace("<", "").replace(">", "")
    answer = await anybody.get(there + "?q=a%20b")
    if path == "/nothing":
        assert answer.status == 404
        return
    assert answer.status == 303
    assert answer.headers["location"].startswith("/api/auth/login?next=%2Fdashboard")
    assert "q%3Da" in answer.headers["location"]


async def test_a_part_of_a_page_leads_the_whole_page_to_the_sign_in(anybody: Browser) -> None:
    answer = await anybody.get("/dashboard/inbox", hx_request="true")
    assert answer.status == 200
    assert answer.headers["hx-redirect"].startswith("/api/auth/login?next=")


@pytest.mark.parametrize("path", POSTS)
async def test_a_form_of_nobody_does_nothing(anybody: Browser, browser: Browser, path: str) -> None:
    there = await filled(path, browser)
    before = await rows(browser.client)
    answer = await anybody.post(there, FORM)
    assert answer.status == 303
    assert answer.headers["location"] == "/api/auth/login?next=%2Fdashboard%2F"
    assert await rows(browser.client) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": ""},
        {"sec_fetch_site": "", "origin": "https://evil.example"},
        {"sec_fetch_site": "", "origin": "null"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", POSTS)
async def test_a_form_of_another_site_does_nothing(browser: Browser, path: str, headers: dict[str, str]) -> None:
    there = await filled(path, browser)
    before = await rows(browser.client)
    answer = await browser.post(there, FORM, **headers)
    assert answer.status == 403
    assert "Not from here" in answer.text
    assert await rows(browser.client) == before


@pytest.mark.parametrize("path", POSTS)
async def test_a_form_of_ours_is_taken(browser: Browser, path: str) -> None:
    there = await filled(path, browser)
    if path.endswith("/restore"):
        assert (await browser.post(there.replace("/restore", "/trash"))).status == 303
    for headers in ({}, {"sec_fetch_site": "", "origin": "http://test"}):
        answer = await browser.post(there, FORM | ({"name": f"new-{len(headers)}"}), **headers)
        assert answer.status in (303, 409, 422, 403), answer.text
        assert "Not from here" not in answer.text
        if not headers and not path.endswith(("/compose", "/reply", "/forward", "/test")):
            assert answer.status == 303, answer.text


@pytest.mark.parametrize("path", [one for one in (*GETS, *POSTS) if "<" in one])
async def test_what_another_account_has_is_not_there(browser: Browser, stranger: Browser, path: str) -> None:
    theirs = await filled(path, stranger, agent="other@agents.localhost")
    mine_and_theirs = theirs.replace("other@agents.localhost", AGENT)
    before = await rows(browser.client)
    for there in dict.fromkeys((theirs, mine_and_theirs)):
        if "<id>" not in path and there == mine_and_theirs:
            continue
        for _ in range(2):
            asked = browser.post(there, FORM) if path in POSTS else browser.get(there)
            assert (await asked).status == 404, there
            if path in GETS and path in POSTS:
                assert (await browser.get(there)).status == 404
    assert await rows(browser.client) == before


async def test_an_agent_of_another_account_sends_nothing_for_us(browser: Browser, stranger: Browser) -> None:
    before = await rows(browser.client)
    answer = await browser.post("/dashboard/compose", FORM | {"from": "other@agents.localhost"})
    assert answer.status == 404
    assert await rows(browser.client) == before
    answer = await browser.get("/dashboard/inbox?agent=other@agents.localhost")
    assert answer.status == 404


@pytest.mark.parametrize("path", [*GETS, "/nothing", "/static/nothing.css", "/stream"])
async def test_every_answer_is_closed_to_scripts_frames_and_others(
    browser: Browser, anybody: Browser, path: str
) -> None:
    if path == "/stream":
        there, who = "/dashboard/stream", anybody
    else:
        there, who = await filled(path, browser), browser
    answer = await who.get(there)
    headers = answer.headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in ("same-origin", "no-referrer")
    if path.endswith("/html"):
        return
    assert headers["x-frame-options"] == "DENY"
    if not path.endswith("/attachments/<index>"):
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
    if not path.startswith("/static"):
        assert headers["cache-control"] == "no-store"


async def test_pages_load_nothing_from_elsewhere_and_hold_no_script(browser: Browser) -> None:
    there = await mail(browser)
    for path in (
        "/dashboard/inbox",
        there,
        there + "/reply",
        there + "/raw",
        "/dashboard/start",
        f"/dashboard/start/{AGENT}",
    ):
        answer = await browser.get(path)
        assert answer.status == 200, answer.text
        page = seen(answer)
        loaded = [
            *page.all("script", "src"),
            *page.all("img", "src"),
            *page.all("iframe", "src"),
            *page.all("link", "href"),
        ]
        assert all(one.startswith("/dashboard/") for one in loaded), loaded
        assert len([tag for tag, _ in page.elements if tag == "script"]) == len(page.all("script", "src")) == 2
        assert not [
            found for _, found in page.elements if any(name.startswith("on") or name == "style" for name in found)
        ]
        assert "<style" not in answer.text


async def test_files_have_their_hash_in_their_name_and_are_good_for_ever(anybody: Browser, browser: Browser) -> None:
    page = seen(await browser.get("/dashboard/inbox"))
    for url in [*page.all("script", "src"), *page.all("link", "href")]:
        plain = await anybody.get(url)
        packed = await anybody.get(url, accept_encoding="gzip")
        assert plain.status == packed.status == 200
        assert "immutable" in plain.headers["cache-control"]
        assert packed.headers["content-encoding"] == "gzip"
        assert len(packed.body) < len(plain.body)
        assert (await anybody.get(url.replace(".", ".0", 1))).status == 404


async def test_a_link_from_a_mail_opens_the_page_and_marks_nothing(browser: Browser) -> None:
    there = await mail(browser)
    unread = "select unread from messages"
    answer = await browser.get(there, sec_fetch_site="cross-site")
    assert answer.status == 200
    assert await browser.client.services.db.fetch_value(unread) is True
    for destination in ("image", "iframe", "empty", ""):
        answer = await browser.get(there, sec_fetch_site="cross-site", sec_fetch_dest=destination)
        assert answer.status == 403
    assert (await browser.get(there)).status == 200
    assert await browser.client.services.db.fetch_value(unread) is False


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/", "/"])
async def test_the_way_in(browser: Browser, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status in (303, 308)
    assert answer.headers["location"].removeprefix("http://test").startswith("/dashboard/")


@pytest.mark.parametrize(
    "path",
    ["/dashboard//evil.example/", "/dashboard/%2f%2fevil.example", "/dashboard/inbox/../../evil", "//evil.example"],
)
async def test_nothing_leads_away(browser: Browser, anybody: Browser, path: str) -> None:
    for who in (browser, anybody):
        answer = await who.get(path)
        location = answer.headers.get("location", "/")
        assert location.startswith("/"), location
        assert not location.startswith("//"), location


@pytest.mark.parametrize(
    "path", ["/dashboard/inbox?agent=%00", "/dashboard/inbox/a%00b/messages/x", "/dashboard/inbox?q=%00"]
)
async def test_nul_characters_are_no_accident(browser: Browser, path: str) -> None:
    assert (await browser.get(path)).status == 404


@pytest.mark.parametrize("word", ["<script>", "trashed<script>", "../x", "nothing"])
async def test_only_our_own_words_are_said_after_a_form(browser: Browser, word: str) -> None:
    answer = await browser.client.request("GET", "/dashboard/inbox", query={"did": word}, headers=browser._headers({}))
    assert answer.status == 200
    page = seen(answer)
    assert word not in page.text
    assert not [found for tag, found in page.elements if tag == "p" and found.get("role") == "status"]


async def test_a_signed_out_browser_sees_nothing_any_more(browser: Browser) -> None:
    assert (await browser.get("/dashboard/inbox")).status == 200
    answer = await browser.post("/api/auth/logout")
    assert answer.status == 303
    assert (await browser.get("/dashboard/inbox")).status == 303


async def test_an_accident_is_a_page_that_says_nothing_of_our_insides(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("password=secret")

    monkeypatch.setattr("e2ad.storage.desk.agents", broken)
    answer = await browser.get("/dashboard/inbox")
    assert answer.status == 500
    assert "secret" not in answer.text
    assert "To the inbox" in answer.text


async def test_the_counts_of_the_frame(browser: Browser) -> None:
    for number in range(3):
        await mail(browser, number=number)
    await mail(browser, number=5, review_status="pending_review", review_expires_at=factories.EPOCH)
    text = seen(await browser.get("/dashboard/inbox")).text
    assert "Inbox 3 unread" in text
    assert "1 held for review" in text


async def test_the_api_is_there_as_before(browser: Browser) -> None:
    client = Client(build_app(browser.client.services), browser.client.services)
    assert (await client.get("/dashboard/")).status == 404
