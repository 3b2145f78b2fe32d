"""A link by mail: who gets one, what it opens and where, and what must not work."""

import re
from datetime import timedelta
from typing import Any

import pytest
import trio

from e2ad.core import mime
from e2ad.core.signing import key_hash
from e2ad.gateway import sign_in_links as subject
from e2ad.gateway.mint import now
from e2ad.gateway.sessions import Visitor
from e2ad.gateway.sign_in_links import SignInLinks, browser_hash
from e2ad.storage import sign_in as table
from e2ad.storage import submissions
from tests.api.browsing import LOGIN, Browser, form_of, hidden
from tests.api.conftest import Answer, Caller, Client

ASK = "/api/auth/link/ask"
LINK = "/api/auth/link"
OWNER = "owner@example.com"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CALLBACK = {"cli_callback": "http://127.0.0.1:8976/callback", "cli_state": "ab" * 16}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "STEP_SECONDS", 0.01)


@pytest.fixture
def browser(client: Client, services: Any, caller: Caller) -> Browser:
    services.public_url = "http://test"
    return Browser(client)


async def ask(browser: Browser, email: str = OWNER, query: dict[str, str] | None = None) -> Answer:
    page = await browser.get(LOGIN, query=query)
    return await browser.form(ASK, {"form": form_of(page), "email": email}, {"User-Agent": FIREFOX})


async def letters(browser: Browser) -> list[bytes]:
    rows = await browser.client.services.db.fetch_all("select content from notices order by created_at, id")
    return [bytes(row["content"]) for row in rows]


async def newest(browser: Browser) -> str:
    """The path of the newest link."""
    text = mime.parse((await letters(browser))[-1]).text
    (link,) = re.findall(r"http://test(/api/auth/link\?t=sil_[0-9a-f]{64})", text)
    return str(link)


async def link(browser: Browser, **more: Any) -> str:
    assert (await ask(browser, **more)).status == 200
    return await newest(browser)


async def use(browser: Browser, path: str, **more: Any) -> Answer:
    return await browser.form(LINK, {"t": path.partition("=")[2]}, **more)


async def test_the_way_in(browser: Browser, services: Any, caller: Caller) -> None:
    path = await link(browser)
    page = await browser.get(path)
    assert page.status == 200
    assert f"Sign in as {OWNER}?" in page.text
    assert page.headers["referrer-policy"] == "strict-origin"
    assert "<script" not in page.text
    assert "e2a_session" not in browser.cookies
    answer = await browser.form(LINK, hidden(page), {"User-Agent": FIREFOX})
    assert (answer.status, answer.headers["location"]) == (303, LOGIN)
    assert "You are signed in" in (await browser.get(LOGIN)).text
    (seen,) = await services.sessions.listed(caller.account_id, browser.session)
    assert (seen.signed_in_by, seen.browser, seen.network) == ("link", "Firefox on Linux", "192.0.2.0/24")


async def test_the_mail(browser: Browser, services: Any) -> None:
    await ask(browser)
    (row,) = await services.db.fetch_all("select * from notices")
    assert (row["kind"], row["recipient"], row["message_id"], row["status"]) == ("sign_in", OWNER, None, "pending")
    mail = mime.parse(bytes(row["content"]))
    assert mail.subject == "[e2a] your link to sign in at test"
    assert mail.to == (OWNER,)
    for body in (mail.text, mail.html):
        assert "in Firefox on Linux, from the network 192.0.2.0/24" in " ".join(body.split())
        assert "works once" in body
        assert "/api/auth/link?t=sil_" in body
    assert timedelta(minutes=14) < row["expires_at"] - now() < timedelta(minutes=15)


async def test_only_hashes_are_kept(browser: Browser, services: Any) -> None:
    path = await link(browser)
    (row,) = await services.db.fetch_all("select * from sign_in_links")
    assert bytes(row["token_sha256"]) == key_hash(path.partition("=")[2])
    assert bytes(row["browser_sha256"]) == browser_hash(browser.cookies["e2a_sign_in"])


# Nobody learns who has an account


async def test_a_stranger_is_told_the_same(browser: Browser, services: Any) -> None:
    known, unknown = await ask(browser), await ask(browser, "nobody@example.com")
    assert known.text.replace(OWNER, "X") == unknown.text.replace("nobody@example.com", "X")
    assert (known.status, unknown.status) == (200, 200)
    names = [set(one.headers) for one in (known, unknown)]
    assert names[0] == names[1]
    assert len(await letters(browser)) == 1
    assert await services.db.fetch_value("select count(*) from sign_in_links") == 1


@pytest.mark.parametrize(
    ("worked", "told"), [(0.0, 0.5), (0.003, 0.5), (0.03, 0.5), (0.4999, 0.5), (0.5, 1.0), (0.7, 1.0), (3.2, 3.5)]
)
def test_and_after_the_same_time(monkeypatch: pytest.MonkeyPatch, worked: float, told: float) -> None:
    """However long it takes to write a mail, within a step nobody sees it."""
    monkeypatch.setattr(subject, "STEP_SECONDS", 0.5)
    assert subject.told_at(1000.0, 1000.0 + worked) == 1000.0 + told


@pytest.mark.parametrize("email", [OWNER, "nobody@example.com"])
async def test_nobody_is_told_at_once(
    browser: Browser, services: Any, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    monkeypatch.setattr(subject, "STEP_SECONDS", 0.3)
    verbs = SignInLinks(services.db, services.limits, services.sessions, "agents.test", "http://test")
    began = trio.current_time()
    await verbs.ask(email, "b" * 64, "", Visitor("", "192.0.2.1"))
    assert trio.current_time() - began >= 0.3


async def test_both_are_counted_alike(browser: Browser) -> None:
    """By address, whether it has an account or not, so that a mailbox is not filled and nothing is learnt."""
    for number, email in enumerate((OWNER, "nobody@example.com")):
        for _ in range(subject.MAILS):
            browser.client.address = f"192.0.2.{number}"
            assert (await ask(browser, email)).status == 200
        browser.client.address = f"198.51.100.{number}"
        late = await ask(browser, f" {email.upper()} ")
        assert late.status == 429
        assert int(late.headers["retry-after"]) > 0
    assert len(await letters(browser)) == subject.MAILS


async def test_who_asks_is_counted(browser: Browser) -> None:
    for number in range(subject.ASKED):
        assert (await ask(browser, f"n{number}@example.com")).status == 200
    assert (await ask(browser)).status == 429
    browser.client.address = "198.51.100.9"
    assert (await ask(browser)).status == 200


async def test_who_opens_is_counted(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "OPENED", 2)
    path = await link(browser)
    for _ in range(2):
        assert (await browser.get(LINK, query={"t": "sil_" + "0" * 64})).status == 410
    assert (await browser.get(path)).status == 429
    assert (await use(browser, path)).status == 429


@pytest.mark.parametrize("email", ["", "x", "a@", "@b.test", "a b@c.test", "a@b.test\r\nBcc: c@d.test", "x" * 400])
async def test_what_is_no_address(browser: Browser, email: str) -> None:
    answer = await ask(browser, email)
    assert (answer.status, 'role="alert"' in answer.text) == (400, True)
    assert await letters(browser) == []


async def test_what_was_typed_is_escaped(browser: Browser) -> None:
    answer = await ask(browser, '"><script>alert(1)</script>')
    assert answer.status == 400
    assert "<script" not in answer.text


async def test_a_closed_account_gets_none(browser: Browser, services: Any) -> None:
    path = await link(browser)
    await services.db.execute("update accounts set closed_at = now()", prepare=False)
    await ask(browser)
    assert len(await letters(browser)) == 1
    assert (await browser.get(path)).status == 410
    assert (await use(browser, path)).status == 410


# The link


async def test_opening_it_changes_nothing(browser: Browser, services: Any) -> None:
    path = await link(browser)
    for _ in range(3):
        assert (await browser.get(path)).status == 200
    assert await services.db.fetch_value("select count(*) from sign_in_links") == 1
    assert (await use(browser, path)).status == 303


async def test_it_works_once(browser: Browser) -> None:
    path = await link(browser)
    assert (await use(browser, path)).status == 303
    for answer in (await use(browser, path), await browser.get(path)):
        assert answer.status == 410
        assert "not good any more" in answer.text
        assert f'href="{LOGIN}"' in answer.text


async def test_older_ones_die_with_it(browser: Browser) -> None:
    old = await link(browser)
    new = await link(browser)
    assert (await browser.get(old)).status == 200
    assert (await use(browser, new)).status == 303
    assert (await use(browser, old)).status == 410


async def test_it_does_not_last(browser: Browser, services: Any) -> None:
    path = await link(browser)
    await services.db.execute("update sign_in_links set expires_at = now()", prepare=False)
    assert (await browser.get(path)).status == 410
    assert (await use(browser, path)).status == 410


@pytest.mark.parametrize("token", ["", "x", "sil_", "sil_" + "0" * 64, "sil_" + "G" * 64, "\0"])
async def test_what_is_no_link(browser: Browser, token: str) -> None:
    await browser.get(LOGIN)
    status = 400 if "\0" in token else 410
    assert (await browser.get(LINK, query={"t": token})).status == status
    assert (await browser.form(LINK, {"t": token})).status == status


async def test_another_browser_is_told_what_to_do(browser: Browser, client: Client) -> None:
    """Whoever is mailed a link that a stranger asked for signs nobody in with it."""
    path = await link(browser)
    owners = Browser(client)
    for answer in (await owners.get(path), await use(owners, path)):
        assert answer.status == 403
        assert "asked for in another browser" in answer.text
        assert OWNER not in answer.text
        assert f'href="{LOGIN}"' in answer.text
        assert "<form" not in answer.text
    await owners.get(LOGIN)
    assert (await use(owners, path)).status == 403
    assert "e2a_session" not in owners.cookies
    assert (await use(browser, path)).status == 303  # and has used nothing up


async def test_one_of_many_at_once(browser: Browser, services: Any, caller: Caller) -> None:
    path = await link(browser)
    statuses: list[int] = []

    async def click() -> None:
        one = Browser(browser.client)
        one.cookies = dict(browser.cookies)
        statuses.append((await use(one, path)).status)

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(click)
    assert sorted(statuses) == [303] + [410] * 7
    assert len(await services.sessions.listed(caller.account_id)) == 1


async def test_one_of_several_links_at_once(browser: Browser, services: Any, caller: Caller) -> None:
    paths = [await link(browser) for _ in range(4)]
    statuses: list[int] = []

    async def click(path: str) -> None:
        one = Browser(browser.client)
        one.cookies = dict(browser.cookies)
        statuses.append((await use(one, path)).status)

    async with trio.open_nursery() as nursery:
        for path in paths * 2:
            nursery.start_soon(click, path)
    assert sorted(statuses) == [303] + [410] * 7
    assert len(await services.sessions.listed(caller.account_id)) == 1


async def test_whoever_was_signed_in_before_is_not(browser: Browser, client: Client, services: Any, api: Any) -> None:
    other = await api.make_caller(services.db, "other@example.com")
    browser.cookies["e2a_session"] = planted = await services.sessions.begin(other.account_id)
    path = await link(browser, query={"again": "1"})
    assert (await use(browser, path)).status == 303
    assert browser.session != planted
    thief = Browser(client)
    thief.cookies["e2a_session"] = planted
    assert (await thief.get("/v1/account")).status == 401


@pytest.mark.parametrize("steps", [*range(1, 30), 40, 60])
async def test_cancelled_at_each_step(browser: Browser, services: Any, steps: int) -> None:
    """Either the link is used up and the session there, or neither."""
    path = await link(browser)
    verbs = SignInLinks(services.db, services.limits, services.sessions, "agents.test", "http://test")
    token, cookie = path.partition("=")[2], browser.cookies["e2a_sign_in"]
    async with trio.open_nursery() as nursery:

        async def stop() -> None:
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()

        nursery.start_soon(stop)
        await verbs.use(token, cookie, "", Visitor())
        nursery.cancel_scope.cancel()
    links = await services.db.fetch_value("select count(*) from sign_in_links")
    sessions = await services.db.fetch_value("select count(*) from sessions")
    assert (links, sessions) in ((1, 0), (0, 1))


# Where it leads


async def test_it_leads_where_one_wanted_to_go(browser: Browser) -> None:
    path = await link(browser, query={"next": "/dashboard/reviews?a=%22"})
    answer = await use(browser, path)
    page = await browser.get(answer.headers["location"])
    assert 'content="0;url=/dashboard/reviews?a=%22"' in page.text


@pytest.mark.parametrize("onward", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)", "/ x"])
async def test_nobody_is_led_away(browser: Browser, onward: str) -> None:
    answer = await use(browser, await link(browser, query={"next": onward}))
    assert (answer.status, answer.headers["location"]) == (303, LOGIN)


async def test_a_program_that_waits_is_asked_about(browser: Browser, services: Any) -> None:
    """A link gives no key away: who is signed in still has to say yes."""
    answer = await use(browser, await link(browser, query=CALLBACK))
    page = await browser.get(answer.headers["location"])
    assert "Let the command line in?" in page.text
    assert OWNER in page.text
    assert await services.db.fetch_value("select count(*) from api_keys") == 1
    given = await browser.form(LOGIN, {"form": form_of(page), "decision": "allow"})
    assert hidden(given)["cli_state"] == CALLBACK["cli_state"]


# Forged forms


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_another_sites_forms_do_nothing(browser: Browser, site: str) -> None:
    path = await link(browser)
    page = await browser.get(LOGIN)
    asked = await browser.form(ASK, {"form": form_of(page), "email": OWNER}, {"Sec-Fetch-Site": site})
    assert asked.status == 403
    assert len(await letters(browser)) == 1
    assert (await use(browser, path, headers={"Sec-Fetch-Site": site})).status == 403
    assert "e2a_session" not in browser.cookies


async def test_a_form_of_another_browser_asks_for_nothing(browser: Browser, client: Client) -> None:
    theirs = form_of(await Browser(client).get(LOGIN))
    await browser.get(LOGIN)
    assert (await browser.form(ASK, {"form": theirs, "email": OWNER})).status == 400
    browser.cookies.clear()
    assert (await browser.form(ASK, {"form": theirs, "email": OWNER})).status == 400
    assert await letters(browser) == []


async def test_signing_a_stranger_in_as_oneself(browser: Browser, client: Client) -> None:
    """Login CSRF: the attacker's own link, used by the browser of somebody else."""
    attacker = Browser(client)
    path = await link(attacker)
    await browser.get(LOGIN)
    assert (await use(browser, path)).status == 403
    assert "e2a_session" not in browser.cookies


# What is over


async def test_a_mail_that_nobody_wants_any_more_is_not_sent(browser: Browser, services: Any) -> None:
    await link(browser)
    assert [one.wanted for one in await submissions.claim_notices(services.db, limit=9, lease_seconds=0)] == [True]
    await services.db.execute("update notices set expires_at = now(), next_attempt_at = now()", prepare=False)
    assert [one.wanted for one in await submissions.claim_notices(services.db, limit=9, lease_seconds=9)] == [False]


async def test_what_is_over_is_swept(browser: Browser, services: Any) -> None:
    for _ in range(2):
        await link(browser)
    assert await table.sweep(services.db, 10) == 0
    over = "expires_at = now() - interval '1 second'"
    await services.db.execute(f"update sign_in_links set {over}", prepare=False)
    await services.db.execute(f"update notices set {over}, next_attempt_at = null, status = 'sent'", prepare=False)
    assert [await table.sweep(services.db, 1) for _ in range(3)] == [1, 1, 0]
    assert await letters(browser) == []


async def test_no_field_without_an_address_of_ours(browser: Browser, services: Any) -> None:
    assert 'name="email"' in (await browser.get(LOGIN)).text
    services.public_url = ""
    assert 'name="email"' not in (await browser.get(LOGIN)).text
