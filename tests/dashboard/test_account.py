"""The account's pages: sessions that end, suppressions, the export, and the deletion that takes a typed address."""

import json
from typing import Any

import pytest
import trio

from e2ad.storage import audit as log
from e2ad.storage.audit import Line
from tests import factories
from tests.api.conftest import Answer
from tests.dashboard.conftest import AGENT, Browser, mail, seen

NOTHING = {"typed": ""}


async def rows(browser: Browser) -> list[Line]:
    return await log.page(browser.client.services.db, browser.account_id, before=None, limit=100)


async def owner(browser: Browser) -> str:
    db = browser.client.services.db
    return str(await db.fetch_value("select email from accounts where id = %(id)s", {"id": browser.account_id}))


async def another(browser: Browser) -> Browser:
    """The same person in another browser."""
    cookie = await browser.client.services.sessions.begin(browser.account_id, by="link")
    return Browser(browser.client, browser.account_id, cookie)


async def sessions(browser: Browser) -> list[str]:
    """The sessions that the page has a button for."""
    page = seen(await browser.get("/dashboard/account"))
    return [found["value"] or "" for tag, found in page.elements if tag == "button" and found.get("name") == "end"]


async def test_who_is_signed_in_and_where(browser: Browser) -> None:
    await another(browser)
    page = seen(await browser.get("/dashboard/account"))
    for words in (await owner(browser), "this one", "with a link by mail", "End all others", "its limits"):
        assert words in page.text, words
    assert "/dashboard/operations" in page.all("a", "href")


async def test_a_session_ends_once_and_its_browser_is_asked_to_sign_in(browser: Browser) -> None:
    other = await another(browser)
    one, others = await sessions(browser)
    assert others == "others"
    for _ in range(2):  # the form sent twice
        answer = await browser.post("/dashboard/account/sessions", {"end": one})
        assert answer.headers["location"] == "/dashboard/account?did=session_ended"
    assert (await other.get("/dashboard/account")).status == 303
    assert (await browser.get("/dashboard/account?did=session_ended")).status == 200
    ended = [line for line in await rows(browser) if line.action == "session.ended"]
    assert [line.subject for line in ended] == [one]
    assert ended[0].actor != one
    assert "client_address" in ended[0].evidence


async def test_all_others_end(browser: Browser) -> None:
    others = [await another(browser) for _ in range(3)]
    answer = await browser.post("/dashboard/account/sessions", {"end": "others"})
    assert answer.headers["location"].endswith("did=sessions_ended")
    assert [(await one.get("/dashboard/account")).status for one in others] == [303] * 3
    assert await sessions(browser) == []
    assert "Nobody is signed in anywhere else" in (await browser.get("/dashboard/account")).text


async def test_a_session_of_somebody_else_does_not_end(browser: Browser, stranger: Browser) -> None:
    theirs = await another(stranger)
    (found, _) = await sessions(stranger)
    await browser.post("/dashboard/account/sessions", {"end": found})
    assert (await theirs.get("/dashboard/account")).status == 200
    assert found not in (await browser.get("/dashboard/account")).text
    assert (await browser.post("/dashboard/account/sessions", {})).status == 400


FORMS = (
    ("/dashboard/account/sessions", {"end": "others"}),
    ("/dashboard/account/suppressions/remove", {"address": "ada@example.org"}),
    ("/dashboard/account/export", {}),
    ("/dashboard/account/audit/export", {}),
    ("/dashboard/account/delete", {"typed": "owner@example.com"}),
)


@pytest.mark.parametrize(("path", "form"), FORMS)
@pytest.mark.parametrize("headers", [{"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}], ids=str)
async def test_no_other_site_sends_a_form(browser: Browser, path: str, form: Any, headers: Any) -> None:
    before = len(await rows(browser))
    answer = await browser.post(path, form, **headers)
    assert answer.status == 403
    assert len(await rows(browser)) == before
    assert (await browser.get("/dashboard/account")).status == 200


@pytest.mark.parametrize(("path", "form"), FORMS)
async def test_who_is_not_signed_in_does_nothing(anybody: Browser, path: str, form: Any) -> None:
    answer = await anybody.post(path, form)
    assert answer.status == 303
    assert answer.headers["location"].startswith("/api/auth/login")


async def suppress(browser: Browser, count: int) -> None:
    for number in range(count):
        row = {"account_id": browser.account_id, "address": f"a{number:02}@example.org", "source": "bounce"}
        await factories.insert(browser.client.services.db, "suppressions", row)


async def test_suppressions_are_listed_in_pages_and_removed(browser: Browser, stranger: Browser) -> None:
    page = seen(await browser.get("/dashboard/account/suppressions"))
    assert "Nobody is suppressed" in page.text
    await suppress(browser, 60)
    path, found = "/dashboard/account/suppressions", list[str]()
    for _ in range(3):
        page = seen(await browser.get(path))
        found += [one["value"] or "" for tag, one in page.elements if tag == "input" and one.get("name") == "address"]
        onward = [one["href"] for tag, one in page.elements if tag == "a" and one.get("rel") == "next"]
        if not onward:
            break
        path = str(onward[0])
    assert sorted(found) == [f"a{number:02}@example.org" for number in range(60)]
    assert "Mail to it came back" in page.text
    remove = "/dashboard/account/suppressions/remove"
    await stranger.post(remove, {"address": "a00@example.org"})
    count = "select count(*) from suppressions"
    assert await browser.client.services.db.fetch_value(count) == 60
    for _ in range(2):
        answer = await browser.post(remove, {"address": "a00@example.org"})
        assert answer.headers["location"] == "/dashboard/account/suppressions?did=suppression_removed"
    assert await browser.client.services.db.fetch_value(count) == 59


async def test_the_export_is_the_document_of_the_api(browser: Browser) -> None:
    for number in range(3):
        await mail(browser, number=number, subject=f"Letter {number}")
    page = seen(await browser.get("/dashboard/account/export"))
    assert "mails 3" in page.text
    assert "No export is running." in page.text
    answer = await browser.post("/dashboard/account/export")
    assert answer.status == 200, answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="e2a-export-{browser.account_id}.json"'
    told = answer.json()
    assert sorted(one["subject"] for one in told["messages"]) == ["Letter 0", "Letter 1", "Letter 2"]
    assert told["user"]["id"] == browser.account_id
    (line,) = [line for line in await rows(browser) if line.action == "account.exported"]
    assert (line.actor_kind, line.evidence["what"]) == ("session", "all")
    assert "All data" in seen(await browser.get("/dashboard/account/export")).text


async def test_only_one_export_runs_and_the_page_says_so(browser: Browser) -> None:
    exports = browser.client.services.exports
    running = await exports.begin(browser.account_id)
    exports.note(browser.account_id, 2_500_000)
    page = seen(await browser.get("/dashboard/account/export"))
    assert "An export is running: 2.5 MB so far." in page.text
    for path in ("/dashboard/account/export", "/dashboard/account/audit/export"):
        refused = await browser.post(path)
        assert refused.status == 429
        assert "An export of this account is running" in refused.text
        assert "retry-after" in refused.headers
    await running.aclose()
    for _ in range(2):  # each gives its place back
        assert (await browser.post("/dashboard/account/export")).status == 200
    assert exports.told(browser.account_id) is None


async def test_an_export_while_mail_arrives_is_of_one_moment(browser: Browser) -> None:
    for number in range(30):
        await mail(browser, number=number)
    answers = list[Answer]()

    async def take() -> None:
        answers.append(await browser.post("/dashboard/account/export"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        for number in range(30, 60):
            await mail(browser, number=number)
    told = json.loads(answers[0].body)
    count = len(told["messages"])
    assert 30 <= count <= 60
    inbound = [one["id"] for one in told["messages"]]
    assert len(set(inbound)) == count


@pytest.mark.parametrize("typed", ["", "yes", "DELETE", "stranger@example.org", "owner@example.co"])
async def test_what_is_typed_wrong_deletes_nothing(browser: Browser, typed: str) -> None:
    answer = await browser.post("/dashboard/account/delete", {"typed": typed})
    assert answer.status == 422
    page = seen(answer)
    assert "not the address of this account. Nothing is deleted." in page.text
    assert (await browser.get("/dashboard/account")).status == 200
    assert typed in [one.get("value") for tag, one in page.elements if tag == "input"]


async def test_the_deletion_says_what_is_lost_and_what_stays(browser: Browser) -> None:
    await mail(browser)
    page = seen(await browser.get("/dashboard/account/delete"))
    for words in ("1 mail", "1 agent", "1 API key", "The audit log", "90 days", "export", await owner(browser)):
        assert words in page.text, words


async def test_the_account_is_deleted_and_nobody_else(browser: Browser, stranger: Browser) -> None:
    db, other = browser.client.services.db, await another(browser)
    await mail(browser)
    kept = await mail(stranger, agent="other@agents.localhost")
    email = await owner(browser)
    answer = await browser.post("/dashboard/account/delete", {"typed": f"  {email.upper()} "})
    assert answer.status == 200, answer.text
    page = seen(answer)
    assert "The account is deleted" in page.text
    assert "1 mail, 1 agent" in page.text
    assert answer.headers["set-cookie"].startswith("e2a_session=; Max-Age=0")
    for one in (browser, other):
        assert (await one.get("/dashboard/inbox")).status == 303
        assert (await one.post("/dashboard/account/delete", {"typed": email})).status == 303
    assert await db.fetch_value("select count(*) from accounts where id = %(id)s", {"id": browser.account_id}) == 0
    assert (await stranger.get(kept)).status == 200
    last = (await rows(browser))[0]
    assert (last.action, last.actor_kind, last.evidence["email"]) == ("account.deleted", "session", email)


async def test_a_deletion_that_is_sent_twice_at_once_says_that_it_is_done(browser: Browser) -> None:
    email, answers = await owner(browser), list[Answer]()

    async def delete() -> None:
        answers.append(await browser.post("/dashboard/account/delete", {"typed": email}))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(delete)
    assert {answer.status for answer in answers} <= {200, 303, 404}
    assert any("The account is deleted" in answer.text for answer in answers)
    deleted = [line for line in await rows(browser) if line.action == "account.deleted"]
    assert len(deleted) == 1


async def test_a_deletion_while_mail_arrives_leaves_none(browser: Browser) -> None:
    email, services = await owner(browser), browser.client.services
    stopped = trio.Event()

    async def arrive() -> None:
        for number in range(200):
            try:
                await factories.message(services.db, browser.account_id, AGENT, number=number)
            except Exception:  # the agent is gone
                break
        stopped.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(arrive)
        await trio.sleep(0.05)
        answer = await browser.post("/dashboard/account/delete", {"typed": email})
        assert answer.status == 200, answer.text
        await stopped.wait()
    assert await services.db.fetch_value("select count(*) from messages") == 0


async def test_while_mail_is_being_sent_nothing_is_deleted(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from e2ad.storage import closing

    async def sending(*_: Any) -> bool:
        return False

    monkeypatch.setattr(closing, "silence", sending)
    answer = await browser.post("/dashboard/account/delete", {"typed": await owner(browser)})
    assert answer.status == 409
    assert "Try again in a few seconds" in seen(answer).text
    assert (await browser.get("/dashboard/account")).status == 200


async def test_an_address_of_an_owner_is_only_text(browser: Browser) -> None:
    hostile = '"<img src=x onerror=alert(1)>\u202e"@example.org'
    db = browser.client.services.db
    await db.execute("update accounts set email = %(e)s where id = %(id)s", {"e": hostile, "id": browser.account_id})
    await db.execute("update sessions set browser = %(b)s", {"b": "<script>alert(1)</script>\u202e"})
    for path in ("/dashboard/account", "/dashboard/account/delete"):
        answer = await browser.get(path)
        assert answer.status == 200
        page = seen(answer)
        assert "\u202e" not in answer.text
        assert not [tag for tag, found in page.elements if tag == "img" or (tag == "script" and "src" not in found)]
