"""The pages of webhooks: made, changed, tried, rotated, switched and deleted, and what came of each delivery."""

import re
from typing import Any

import pytest

from e2ad.core.delivery import Delivered
from e2ad.storage import deliveries
from tests.api.conftest import Answer
from tests.dashboard.conftest import AGENT, Browser, Seen, seen
from tests.dashboard.delivering import (
    Settings,
    add_attempt,
    add_delivery,
    add_webhook,
    database_of,
    settled,
    until,
    working,
)
from tests.delivery.endpoint import Answer as FarAnswer
from tests.zone import HOOK

HOOKS = "/dashboard/webhooks"
HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(1)">'


def inputs(page: Seen, name: str) -> list[str]:
    return [found.get("value") or "" for tag, found in page.elements if tag == "input" and found.get("name") == name]


def location(answer: Answer) -> str:
    assert answer.status == 303, answer.text
    return answer.headers["location"]


async def make(browser: Browser, **form: Any) -> Answer:
    """The form as a browser sends it, with a key of its own."""
    page = seen(await browser.get(f"{HOOKS}/new"))
    (once,) = inputs(page, "once")
    return await browser.post(HOOKS, {"url": HOOK, "events": ["email.received"], "once": once} | form)


async def only(browser: Browser) -> dict[str, Any]:
    row = await database_of(browser).fetch_one("select * from webhooks")
    assert row is not None
    return row


async def test_an_empty_list_says_what_a_webhook_is(browser: Browser) -> None:
    page = seen(await browser.get(HOOKS))
    assert "No webhook yet" in page.text
    assert f"{HOOKS}/new" in page.all("a", "href")


async def test_a_webhook_is_made_and_its_secret_is_shown_once(browser: Browser) -> None:
    answer = await make(browser, events=["email.received", "email.bounced"], description="Billing")
    assert answer.status == 200, answer.text
    (secret,) = set(re.findall(r"whsec_[0-9a-f]{64}", answer.text))
    row = await only(browser)
    assert (row["url"], row["description"], row["events"]) == (HOOK, "Billing", ["email.received", "email.bounced"])
    for path in (HOOKS, f"{HOOKS}/{row['id']}", f"{HOOKS}/{row['id']}/edit", f"{HOOKS}/{row['id']}/rotate"):
        page = await browser.get(path)
        assert page.status == 200
        assert secret not in page.text
    assert "Billing" in seen(await browser.get(HOOKS)).text


async def test_a_form_that_is_sent_twice_makes_one(browser: Browser) -> None:
    (once,) = inputs(seen(await browser.get(f"{HOOKS}/new")), "once")
    answers = [await make(browser, once=once) for _ in range(2)]
    assert [one.status for one in answers] == [200, 200]
    assert await database_of(browser).fetch_value("select count(*) from webhooks") == 1
    assert answers[0].text.count("whsec_") == answers[1].text.count("whsec_")


async def test_filters_are_kept(browser: Browser) -> None:
    form = {"agent_emails": f"{AGENT.upper()}\r\n", "labels": "Urgent, invoice", "conversation_ids": "conv_1"}
    assert (await make(browser, **form)).status == 200
    row = await only(browser)
    assert (row["agent_emails"], row["labels"], row["conversation_ids"]) == ([AGENT], ["urgent", "invoice"], ["conv_1"])
    page = seen(await browser.get(f"{HOOKS}/{row['id']}"))
    assert "urgent, invoice" in page.text
    assert AGENT in page.text
    answer = await browser.post(f"{HOOKS}/{row['id']}/edit", {"url": HOOK, "events": ["email.sent"]})
    assert location(answer) == f"{HOOKS}/{row['id']}?did=webhook_changed"
    row = await only(browser)
    assert (row["agent_emails"], row["labels"], row["events"]) == ([], [], ["email.sent"])


REFUSED = [
    ("http://hooks.example/in", "https"),
    ("https://127.0.0.1/in", "not an IP address"),
    ("https://localhost/in", "not public"),
    ("https://[::1]/in", "not an IP address"),
    ("https://10.0.0.1/in", "not an IP address"),
    ("https://inside.example/in", "not public"),
    ("https://nowhere.example/in", "does not resolve"),
    ("ftp://hooks.example/in", "absolute"),
    ("javascript:alert(1)", "absolute"),
    ("//hooks.example/in", "absolute"),
    ("https://hooks.example:x/", "malformed"),
    ("https://hooks.example/a b", "blank"),
    ("https://2130706433/", "malformed"),
    (f"https://hooks.example/{'x' * 2100}", "longer"),
    ("", "Enter the URL"),
]


@pytest.mark.parametrize(("url", "words"), REFUSED, ids=range(len(REFUSED)))
async def test_a_url_that_deliveries_may_not_go_to(browser: Browser, url: str, words: str) -> None:
    webhook_id = await add_webhook(browser)
    for answer in (
        await make(browser, url=url, description="Kept"),
        await browser.post(
            f"{HOOKS}/{webhook_id}/edit", {"url": url, "events": ["email.received"], "description": "Kept"}
        ),
    ):
        page = seen(answer)
        assert answer.status in (400, 422), url
        assert words in page.text
        assert inputs(page, "url") == [url]
        assert inputs(page, "description") == ["Kept"], "what was entered is there still"
        (field,) = [found for tag, found in page.elements if found.get("id") == "url"]
        assert field["aria-invalid"] == "true"
        assert (field["aria-describedby"] or "").startswith("url-trouble ")
    assert (await only(browser))["url"] == HOOK


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"events": []}, "Tick at least one of the events"),
        ({"events": ["email.invented"]}, "email.invented"),
        ({"description": "x" * 201}, "200"),
        ({"agent_emails": "other@agents.localhost"}, "not an agent of this account"),
        ({"labels": "no spaces allowed"}, "labels"),
        ({"conversation_ids": "a/b"}, "conversation_ids"),
    ],
)
async def test_a_form_with_a_fault_is_shown_again(browser: Browser, form: dict[str, Any], words: str) -> None:
    answer = await make(browser, **form)
    page = seen(answer)
    assert answer.status in (400, 422)
    assert words in page.text
    assert [found for _, found in page.elements if found.get("role") == "alert"]
    assert inputs(page, "url") == [HOOK]
    assert await database_of(browser).fetch_value("select count(*) from webhooks") == 0


async def test_an_account_has_so_many_and_no_more(browser: Browser) -> None:
    await database_of(browser).execute("update accounts set max_webhooks = 1")
    assert (await make(browser)).status == 200
    answer = await make(browser)
    assert answer.status == 400
    assert "Delete one that is not used any more" in answer.text


async def test_the_list_tells_how_each_does(browser: Browser) -> None:
    good, bad, off, idle = [await add_webhook(browser, f"{HOOK}/{n}") for n in ("good", "bad", "off", "idle")]
    db = database_of(browser)
    await db.execute(
        "update webhooks set enabled = false, auto_disabled_at = now(), auto_disabled_reason = %(r)s where id = %(i)s",
        {"r": "the endpoint answered 410 Gone", "i": off},
    )
    for _ in range(3):
        await add_delivery(browser, good, status="delivered")
        await add_delivery(browser, bad, status="delivered")
    await add_delivery(browser, bad, status="failed")
    await db.execute(
        "insert into deliveries (account_id, id, endpoint, kind, event_type, status, created_at)"
        " values (%(a)s, 'whd_old', %(i)s, 'webhook', 'x', 'failed', now() - interval '2 days')",
        {"a": browser.account_id, "i": good},
    )
    text = seen(await browser.get(HOOKS)).text
    for words in (
        "3 delivered",
        "1 of 4 failed",
        "switched off automatically the endpoint answered 410 Gone",
        "nothing sent",
    ):
        assert words in text, words
    assert idle


async def test_lists_have_pages(browser: Browser) -> None:
    await database_of(browser).execute("update accounts set max_webhooks = 100")
    made = [await add_webhook(browser, f"{HOOK}/{number}") for number in range(60)]
    found, path = list[str](), HOOKS
    for _ in range(3):
        page = seen(await browser.get(path))
        found += [
            href.rpartition("/")[2]
            for href in page.all("a", "href")
            if href.startswith(f"{HOOKS}/wh_") and "?" not in href
        ]
        onward = [str(one["href"]) for tag, one in page.elements if tag == "a" and one.get("rel") == "next"]
        path = onward[0] if onward else ""
        if not path:
            break
    assert sorted(found) == sorted(made)
    assert (await browser.get(f"{HOOKS}?cursor=nonsense")).status == 400


async def test_the_test_button_shows_what_came_back(browser: Browser, endpoint: Any) -> None:
    endpoint.answers = [FarAnswer(status=200, body=HOSTILE.encode(), delay=0.05)]
    webhook_id = await add_webhook(browser, endpoint.url())
    there = location(await browser.post(f"{HOOKS}/{webhook_id}/test", {"type": "email.received"}))
    assert "Waiting for the answer" in (before := await browser.get(there)).text
    assert 'hx-trigger="every 1s"' in before.text
    async with working(browser):
        await until(lambda: settled(browser))
    answer = await browser.get(there)
    page = seen(answer)
    assert "The test arrived." in page.text
    assert "200" in page.text
    took = int(re.findall(r'class="latency">(\d+) ms', answer.text)[0])
    assert 50 <= took < 3000
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "<script>alert" not in answer.text
    assert 'hx-trigger="every 1s"' not in answer.text, "nothing is to come"
    assert len(endpoint.received) == 1


async def test_the_test_of_another_webhook_is_not_shown(browser: Browser) -> None:
    one, other = await add_webhook(browser), await add_webhook(browser)
    await add_delivery(browser, other, id="whd_other", status="delivered", attempts=1)
    await add_attempt(browser, "whd_other", 1, status_code=200)
    assert "The test arrived" not in (await browser.get(f"{HOOKS}/{one}?test=whd_other")).text
    assert "The test arrived" in (await browser.get(f"{HOOKS}/{other}?test=whd_other")).text


async def test_a_test_of_one_that_is_switched_off_is_refused(browser: Browser) -> None:
    webhook_id = await add_webhook(browser, enabled=False)
    answer = await browser.post(f"{HOOKS}/{webhook_id}/test", {"type": "email.received"})
    assert answer.status == 409
    assert "Switch it on first" in answer.text
    answer = await browser.post(f"{HOOKS}/{await add_webhook(browser)}/test", {"type": "email.invented"})
    assert answer.status in (400, 422)


@pytest.mark.parametrize(
    ("answers", "codes", "words"),
    [
        ([FarAnswer(raw=b"garbage\r\n\r\n")], ["no answer"], "not HTTP/1.1"),
        ([FarAnswer(status=503), FarAnswer(status=302), FarAnswer(status=200)], ["503", "302", "200"], "points else"),
        ([FarAnswer(status=500, body=HOSTILE.encode())], ["500"], "look at its own log"),
        ([FarAnswer(status=404, body=b"x" * 3_000_000)], ["404"], "nothing at this path"),
        ([FarAnswer(status=500, body=b"\x00\xff\x1b[2J\xe2\x80\xae")], ["500"], "its own log"),
        ([FarAnswer(never=True)], ["no answer"], "No answer within 0.3 s"),
        ([FarAnswer(status=410)], ["410"], "wants no more events"),
    ],
    ids=["garbage", "retried", "hostile", "huge", "controls", "never", "gone"],
)
async def test_every_attempt_is_told(
    browser: Browser, endpoint: Any, answers: list[FarAnswer], codes: list[str], words: str
) -> None:
    endpoint.answers = answers
    webhook_id = await add_webhook(browser, endpoint.url())
    delivery_id = await add_delivery(browser, webhook_id, body="{}")
    async with working(browser, Settings(attempt_seconds=0.3)):
        await until(lambda: settled(browser))
    row = await database_of(browser).fetch_one("select status, attempts from deliveries")
    tries = await database_of(browser).fetch_all("select * from delivery_attempts order by number")
    assert row is not None
    assert [one["number"] for one in tries] == list(range(1, row["attempts"] + 1))
    for path in (f"{HOOKS}/{webhook_id}", f"/dashboard/events/deliveries/{delivery_id}"):
        answer = await browser.get(path)
        page = seen(answer)
        assert answer.status == 200
        assert words in page.text, page.text
        for code in codes:
            assert f"{code} </span>" in answer.text or f"{code}</span>" in answer.text, code
        assert "<script>alert" not in answer.text
        assert "\x00" not in answer.text
        assert "\x1b" not in answer.text
        assert "\u202e" not in answer.text
        assert len(answer.text) < 60_000


async def test_the_next_attempt_is_told_and_what_was_lost(browser: Browser) -> None:
    db, webhook_id = database_of(browser), await add_webhook(browser)
    await add_delivery(browser, webhook_id, id="whd_1", attempts=3)
    await db.execute("update deliveries set next_attempt_at = now() + interval '1 hour'")
    await add_attempt(browser, "whd_1", 1, status_code=503, error="HTTP 503", response_excerpt="busy")
    await add_attempt(browser, "whd_1", 3, error="connection refused")
    answer = await browser.get(f"{HOOKS}/{webhook_id}")
    text = seen(answer).text
    assert "Next attempt" in text
    assert "Its result is not known: the process ended" in text
    assert "Connection refused." in text
    assert "busy" in text
    assert "every 2s" not in answer.text, "nothing happens in a moment"
    await db.execute("delete from delivery_attempts where number = 3")
    assert "Under way." in seen(await browser.get(f"{HOOKS}/{webhook_id}")).text


async def test_an_attempt_whose_worker_was_killed_comes_again(browser: Browser) -> None:
    """Between the answer and the row: nothing is written of it, and the row is there still."""
    webhook_id = await add_webhook(browser)
    await add_delivery(browser, webhook_id, body="{}")
    db = database_of(browser)
    claim = await deliveries.claim(db, limit=9, lease_seconds=0.2, room=9, rooms={}, excluded=[])
    assert [one.number for one in claim.attempts] == [1]

    class Taken:
        async def attempt(self, attempt: Any) -> Any:
            return Delivered(200, "ok")

    async with working(browser, attempter=Taken()):
        await until(lambda: settled(browser))
    assert [one["number"] for one in await db.fetch_all("select number from delivery_attempts")] == [2]
    text = seen(await browser.get(f"{HOOKS}/{webhook_id}")).text
    assert "Its result is not known" in text
    assert "Accepted." in text


async def test_deliveries_by_status_in_pages(browser: Browser) -> None:
    webhook_id, other = await add_webhook(browser), await add_webhook(browser)
    made = [await add_delivery(browser, webhook_id, status="failed") for _ in range(30)]
    await add_delivery(browser, webhook_id, status="delivered")
    await add_delivery(browser, other, status="failed")
    found, path = list[str](), f"{HOOKS}/{webhook_id}?status=failed"
    while path:
        page = seen(await browser.get(path))
        found += [one.rpartition("/")[2] for one in page.all("a", "href") if "/events/deliveries/" in one]
        path = next((str(one["href"]) for tag, one in page.elements if one.get("rel") == "next"), "")
    assert sorted(found) == sorted(made)
    assert "No delivery fits" in (await browser.get(f"{HOOKS}/{webhook_id}?status=pending")).text
    assert (await browser.get(f"{HOOKS}/{webhook_id}?status=nonsense")).status == 200


async def test_a_secret_is_rotated_on_a_page_that_says_what_it_means(browser: Browser) -> None:
    webhook_id = await add_webhook(browser)
    page = seen(await browser.get(f"{HOOKS}/{webhook_id}/rotate"))
    assert "For 24 hours each request carries two signatures" in page.text
    (once,) = inputs(page, "once")
    answers = [await browser.post(f"{HOOKS}/{webhook_id}/rotate", {"once": once}) for _ in range(2)]
    secrets = {secret for one in answers for secret in re.findall(r"whsec_[0-9a-f]{64}", one.text)}
    assert len(secrets) == 1
    assert "each request is signed with both" in seen(answers[0]).text
    row = await only(browser)
    assert row["sealed_previous_secret"] is not None


async def test_switched_off_and_on(browser: Browser) -> None:
    webhook_id = await add_webhook(browser)
    assert location(await browser.post(f"{HOOKS}/{webhook_id}/switch", {"enabled": "off"})).endswith("did=webhook_off")
    assert not (await only(browser))["enabled"]
    assert "Switched off." in (await browser.get(f"{HOOKS}/{webhook_id}")).text
    assert location(await browser.post(f"{HOOKS}/{webhook_id}/switch", {"enabled": "on"})).endswith("did=webhook_on")
    assert (await only(browser))["enabled"]
    await database_of(browser).execute("update webhooks set enabled = false, auto_disabled_at = now()")
    assert "Switched off automatically" in (await browser.get(f"{HOOKS}/{webhook_id}")).text
    answer = await browser.post(f"{HOOKS}/{webhook_id}/switch", {"enabled": "on"})
    assert answer.status in (409, 429)
    assert "a moment ago" in answer.text


async def test_deleting_wants_the_word(browser: Browser) -> None:
    webhook_id = await add_webhook(browser)
    answer = await browser.post(f"{HOOKS}/{webhook_id}/delete", {"typed": "yes"})
    assert answer.status == 400
    assert "Nothing was deleted" in answer.text
    assert inputs(seen(answer), "typed") == ["yes"]
    assert location(await browser.post(f"{HOOKS}/{webhook_id}/delete", {"typed": "Delete"})).endswith("webhook_deleted")
    assert await database_of(browser).fetch_value("select count(*) from webhooks") == 0
    assert (await browser.get(f"{HOOKS}/{webhook_id}")).status == 404


OF_A_WEBHOOK = ["", "/edit", "/rotate", "/delete"]
ACTIONS = ["/edit", "/switch", "/test", "/rotate", "/delete"]


async def test_what_another_account_has_is_not_found(browser: Browser, stranger: Browser) -> None:
    theirs = await add_webhook(stranger, "https://hooks.example/secret")
    delivery_id = await add_delivery(stranger, theirs, status="failed")
    before = await only(browser)
    for more in OF_A_WEBHOOK:
        answer = await browser.get(f"{HOOKS}/{theirs}{more}")
        assert (answer.status, "secret" in answer.text) == (404, False), more
    form = {"url": HOOK, "events": ["email.received"], "typed": "delete", "enabled": "off", "type": "email.received"}
    for more in ACTIONS:
        assert (await browser.post(f"{HOOKS}/{theirs}{more}", form)).status == 404, more
    assert (await browser.get(f"/dashboard/events/deliveries/{delivery_id}")).status == 404
    assert (await browser.get("/dashboard/agents/other@agents.localhost/deliveries")).status == 404
    assert "hooks.example/secret" not in (await browser.get(HOOKS)).text
    assert await only(browser) == before


async def test_an_agents_own_url_has_its_deliveries(browser: Browser) -> None:
    await database_of(browser).execute(
        "update agents set webhook_url = 'https://hooks.example/own', agent_mode = 'cloud' where email = %(e)s",
        {"e": AGENT},
    )
    path = f"/dashboard/agents/{AGENT}/deliveries"
    assert "Nothing was sent yet" in (await browser.get(path)).text
    await add_delivery(browser, AGENT, id="whd_1", status="failed", attempts=1, last_error="HTTP 503")
    await add_attempt(browser, "whd_1", 1, status_code=503, error="HTTP 503", response_excerpt=HOSTILE)
    answer = await browser.get(path)
    assert "https://hooks.example/own" in answer.text
    assert "It is busy or down." in answer.text
    assert "<script>alert" not in answer.text
    assert "No delivery fits" in (await browser.get(f"{path}?status=delivered")).text


async def test_strangers_words_do_nothing(browser: Browser) -> None:
    """Whoever answers writes the excerpt, and whoever is let in writes the description."""
    webhook_id = await add_webhook(browser, 'https://hooks.example/"><script>alert(1)</script>', description=HOSTILE)
    await add_delivery(browser, webhook_id, id="whd_1", status="failed", attempts=1, last_error=HOSTILE)
    await add_attempt(browser, "whd_1", 1, error=HOSTILE, response_excerpt=HOSTILE)
    paths = [HOOKS, "/dashboard/events/deliveries/whd_1"]
    paths += [f"{HOOKS}/{webhook_id}{more}" for more in OF_A_WEBHOOK]
    for path in paths:
        answer = await browser.get(path)
        page = seen(answer)
        assert answer.status == 200, path
        assert not [found for _, found in page.elements if any(name.startswith("on") for name in found)], path
        assert "alert(1)</script>" not in answer.text, path
        assert not [found for tag, found in page.elements if tag == "img"], path
