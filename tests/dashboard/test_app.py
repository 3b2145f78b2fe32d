"""The way in, files, forms and accidents; what holds for every page is in `test_closed`."""

from typing import Any

import pytest

from e2ad.api.app import build_app
from tests import factories
from tests.api.conftest import Client
from tests.api.world import rows
from tests.dashboard.conftest import AGENT, Browser, mail, seen

FORM: dict[str, Any] = {
    "name": "new-one",
    "from": AGENT,
    "to": "ada@example.org",
    "text": "Hello",
    "subject": "Hi",
    "add": "x",
    "remove": "y",
}


async def test_a_part_of_a_page_leads_the_whole_page_to_the_sign_in(anybody: Browser) -> None:
    answer = await anybody.get("/dashboard/inbox", hx_request="true")
    assert answer.status == 200
    assert answer.headers["hx-redirect"].startswith("/api/auth/login?next=")


async def test_an_agent_of_another_account_sends_nothing_for_us(browser: Browser, stranger: Browser) -> None:
    before = await rows(browser.client)
    answer = await browser.post("/dashboard/compose", FORM | {"from": "other@agents.localhost"})
    assert answer.status == 404
    assert await rows(browser.client) == before
    answer = await browser.get("/dashboard/inbox?agent=other@agents.localhost")
    assert answer.status == 404


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


async def test_pages_are_never_packed(browser: Browser) -> None:
    """What a stranger wrote would tell by their length what else is in them."""
    await mail(browser)
    for name in ("inbox", "operations", "keys/signing-secrets", "nothing"):
        path = f"/dashboard/{name}"
        answer = await browser.get(path, accept_encoding="gzip, deflate, br")
        assert "content-encoding" not in answer.headers, path
        assert answer.text.startswith("<!doctype html>"), path


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
    assert "Reviews 1 held" in text


async def test_the_api_is_there_as_before(browser: Browser) -> None:
    client = Client(build_app(browser.client.services), browser.client.services)
    assert (await client.get("/dashboard/")).status == 404
