"""Where somebody is signed in: the page, its buttons, the cookie that changes, and what must not work."""

import re
from datetime import timedelta
from typing import Any

import pytest

from e2ad.gateway.sessions import RENEWED, Visitor
from tests.api.browsing import LOGIN, OWN_PAGE, Browser
from tests.api.conftest import Caller, Client

SESSIONS = "/api/auth/sessions"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Version/17.5 Safari/604"
)


@pytest.fixture
async def browser(client: Client, caller: Caller) -> Browser:
    browser = Browser(client)
    await browser.sign_in(caller.key)
    return browser


async def elsewhere(browser: Browser, account_id: str, visitor: Visitor | None = None) -> str:
    """The token of the account in another browser."""
    token: str = await browser.client.services.sessions.begin(account_id, by="link", visitor=visitor)
    return token


async def ids(browser: Browser) -> list[str]:
    return re.findall(r'name="end" value="(ses_[0-9a-f]{32})"', (await browser.get(SESSIONS)).text)


async def make_old(browser: Browser) -> None:
    await browser.client.services.db.execute(
        "update sessions set token_since = token_since - %(by)s", {"by": RENEWED + timedelta(seconds=1)}
    )
    browser.client.services.sessions.clear()


async def test_the_page(browser: Browser, caller: Caller) -> None:
    await elsewhere(browser, caller.account_id, Visitor(SAFARI, "2001:db8:7:8::9"))
    page = await browser.get(SESSIONS)
    assert page.status == 200
    for words in (
        "owner@example.com",
        "(this one)",
        "Safari on iPhone",
        "2001:db8:7::/48",
        "a link by mail",
        "API key",
    ):
        assert words in page.text
    assert "::9" not in page.text
    assert "<script" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "End all others" in page.text


async def test_alone_there_are_no_others(browser: Browser) -> None:
    assert "End all others" not in (await browser.get(SESSIONS)).text


async def test_one_is_ended(browser: Browser, caller: Caller) -> None:
    other = await elsewhere(browser, caller.account_id)
    mine = {
        one.id
        for one in await browser.client.services.sessions.listed(caller.account_id, browser.session)
        if one.current
    }
    (theirs,) = set(await ids(browser)) - mine
    answer = await browser.form(SESSIONS, {"end": theirs})
    assert (answer.status, answer.headers["location"]) == (303, SESSIONS)
    assert await browser.client.services.sessions.resolve(other) is None
    assert await ids(browser) == [*mine]
    assert (await browser.form(SESSIONS, {"end": theirs})).status == 303  # gone is gone


async def test_ending_the_current_one_signs_out(browser: Browser) -> None:
    (mine,) = await ids(browser)
    answer = await browser.form(SESSIONS, {"end": mine})
    assert (answer.status, answer.headers["location"]) == (303, LOGIN)
    assert "Max-Age=0" in browser.set[-1]
    assert (await browser.get(SESSIONS)).headers["location"] == f"{LOGIN}?next={SESSIONS}"


async def test_all_others_are_ended(browser: Browser, caller: Caller) -> None:
    others = [await elsewhere(browser, caller.account_id) for _ in range(3)]
    assert (await browser.form(SESSIONS, {"end": "others"})).status == 303
    assert [await browser.client.services.sessions.resolve(one) for one in others] == [None] * 3
    assert len(await ids(browser)) == 1


async def test_those_of_somebody_else_are_not_touched(browser: Browser, api: Any) -> None:
    services = browser.client.services
    other = await api.make_caller(services.db, "other@example.com")
    token = await services.sessions.begin(other.account_id)
    (theirs,) = await services.sessions.listed(other.account_id)
    assert theirs.id not in (await browser.get(SESSIONS)).text
    for end in (theirs.id, "others"):
        assert (await browser.form(SESSIONS, {"end": end})).status == 303
    assert await services.sessions.resolve(token)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.test"},
        {"Sec-Fetch-Site": "", "Origin": ""},
    ],
)
async def test_another_site_ends_nothing(browser: Browser, caller: Caller, headers: Any) -> None:
    other = await elsewhere(browser, caller.account_id)
    for end in ("others", *await ids(browser)):
        assert (await browser.form(SESSIONS, {"end": end}, headers)).status == 403
    assert await browser.client.services.sessions.resolve(other)
    assert await browser.client.services.sessions.resolve(browser.session)


async def test_nor_does_it_see_them(browser: Browser) -> None:
    assert (await browser.get(SESSIONS, headers={"Sec-Fetch-Site": "cross-site"})).status == 403


async def test_a_key_is_no_session(browser: Browser, client: Client) -> None:
    assert (await client.get(SESSIONS)).status == 303
    assert (await client.post(SESSIONS, raw=b"end=others", headers=OWN_PAGE | {"Content-Type": ""})).status in (
        303,
        400,
    )


async def test_a_form_that_says_nothing(browser: Browser) -> None:
    assert (await browser.form(SESSIONS, {})).status == 400


# The cookie changes


@pytest.mark.parametrize("path", [LOGIN, f"{LOGIN}?next=/dashboard", SESSIONS])
async def test_a_page_brings_a_new_cookie(browser: Browser, path: str) -> None:
    old = browser.session
    await browser.get(path)
    assert browser.session == old
    await make_old(browser)
    answer = await browser.get(path)
    assert "Max-Age=2592000" in answer.headers["set-cookie"]
    assert browser.session != old
    assert (await browser.get("/v1/account")).status == 200
    late = Browser(browser.client)
    late.cookies["e2a_session"] = old
    assert (await late.get("/v1/account")).status == 200  # for a moment more


async def test_a_question_of_a_program_outlives_the_cookie(browser: Browser, api: Any) -> None:
    """What a form is bound to is the session, not the text of its cookie."""
    from tests.api.authorizing import ISSUER, Program, form_token

    browser.client.services.public_url = ISSUER
    program = Program(browser.client, cookie=browser.session)
    assert (await program.register()).status == 201
    token = form_token(await program.ask())
    await make_old(browser)
    old = browser.session
    await browser.get(LOGIN)
    assert browser.session != old
    program.cookie = browser.session
    answer = await program.answer(token, decision="deny")
    assert answer.status == 303
