"""The pages of events: the log and its filters, one event, and sending events again to whom they were for or a URL."""

import re
from datetime import timedelta
from typing import Any

import attrs
import pytest
import trio

from e2ad.core.signing import standard_webhook_headers, webhook_signature
from e2ad.dashboard.event_filter import Asked
from e2ad.gateway import replays
from e2ad.gateway.mint import now
from tests.api.conftest import Answer
from tests.dashboard.conftest import AGENT, Browser, Seen, seen
from tests.dashboard.delivering import (
    Settings,
    add_delivery,
    add_event,
    add_webhook,
    database_of,
    settled,
    until,
    working,
)
from tests.delivery.endpoint import Answer as FarAnswer
from tests.zone import HOOK

EVENTS = "/dashboard/events"
REPLAY = f"{EVENTS}/replay"
HOSTILE = "<script>alert(1)</script>\u202egnp.exe"


def listed(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    hrefs = seen(answer).all("a", "href")
    return [one.rpartition("/")[2] for one in hrefs if one.startswith(f"{EVENTS}/evt_")]


def hidden(page: Seen) -> dict[str, str]:
    """What the form of a page would send by itself."""
    found = [one for tag, one in page.elements if tag == "input" and one.get("type") == "hidden"]
    return {str(one["name"]): one.get("value") or "" for one in found}


async def form_of(browser: Browser, query: str = "") -> tuple[Seen, dict[str, str]]:
    page = seen(await browser.get(REPLAY + query))
    (secret,) = [one["value"] or "" for _, one in page.elements if one.get("name") == "secret"]
    return page, hidden(page) | {"secret": secret, "to": "endpoints"}


async def begun(browser: Browser, form: dict[str, str]) -> str:
    """Where a replay is shown that was begun with this form."""
    answer = await browser.post(REPLAY, form)
    assert answer.status == 303, answer.text
    return answer.headers["location"].partition("?")[0]


async def counted(browser: Browser) -> int:
    count: int = await database_of(browser).fetch_value("select count(*) from deliveries where replay_id is not null")
    return count


async def test_an_empty_log_says_what_it_is(browser: Browser) -> None:
    assert "Nothing has happened yet" in (await browser.get(EVENTS)).text
    assert "No event of the last 30 days fits" in (await browser.get(f"{EVENTS}?type=email.sent")).text
    assert "Nothing was replayed yet" in (await browser.get(f"{EVENTS}/replays")).text


async def test_filters(browser: Browser) -> None:
    hook, at = await add_webhook(browser), now()
    old = await add_event(browser, hook, status="delivered", created_at=at - timedelta(days=3))
    failed = await add_event(browser, hook, status="failed", created_at=at - timedelta(days=2))
    waiting = await add_event(browser, hook, AGENT, created_at=at - timedelta(days=1), message_id="msg_1")
    nobody = await add_event(browser, type="email.sent", agent_email=None, created_at=at)
    mended = await add_event(browser, hook, status="failed", created_at=at - timedelta(hours=30))
    await add_delivery(browser, hook, mended, replay_id="rpl_1", status="delivered")
    everything = [nobody, waiting, mended, failed, old]
    assert listed(await browser.get(EVENTS)) == everything
    day = (at - timedelta(hours=36)).strftime("%Y-%m-%dT%H:%M")
    for query, found in (
        ("type=email.sent", [nobody]),
        (f"agent={AGENT.upper()}", [waiting, mended, failed, old]),
        ("agent=other@agents.localhost", []),
        ("message=msg_1", [waiting]),
        (f"since={day}", [nobody, waiting, mended]),
        (f"until={day}", [failed, old]),
        ("state=failed", [failed]),
        ("state=pending", [waiting]),
        ("state=delivered", [mended, old]),
        ("state=none", [nobody]),
        ("state=nonsense", everything),
        (f"state=failed&until={day}&agent={AGENT}", [failed]),
        (f"event={old}", [old]),
    ):
        assert listed(await browser.get(f"{EVENTS}?{query}")) == found, query
    page = seen(await browser.get(EVENTS)).text
    for words in ("1 failed", "2 pending", "1 delivered", "none", "Replay these 5"):
        assert words in page, words


@pytest.mark.parametrize("query", ["since=yesterday", "until=2026-13-45T00:00", "since=2026-01-01T00:00%2B99:00"])
async def test_a_time_that_is_none(browser: Browser, query: str) -> None:
    answer = await browser.get(f"{EVENTS}?{query}")
    assert answer.status == 200
    assert 'role="alert"' in answer.text
    assert (await browser.get(f"{REPLAY}?{query}")).status == 400


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-11-01T10:00", "2026-11-01T10:00:00Z"),
        ("2026-11-01T10:00:30", "2026-11-01T10:00:30Z"),
        ("2026-11-01T10:00:30.5Z", "2026-11-01T10:00:30.5Z"),
        ("2026-11-01T10:00:00+02:00", "2026-11-01T10:00:00+02:00"),
        ("2026-11-01T10:00:00-02:00", "2026-11-01T10:00:00-02:00"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_a_time_without_a_zone_is_utc(given: str, meant: str) -> None:
    assert Asked.of({"since": given}).since == meant


async def test_pages_follow_each_other(browser: Browser) -> None:
    at = now()
    made = [await add_event(browser, created_at=at - timedelta(minutes=number)) for number in range(120)]
    found, path = list[str](), EVENTS
    while path:
        answer = await browser.get(path)
        found += listed(answer)
        path = next((str(one["href"]) for _, one in seen(answer).elements if one.get("rel") == "next"), "")
    assert found == made
    assert (await browser.get(f"{EVENTS}?cursor=nonsense")).status == 400


async def test_one_event_with_its_envelope(browser: Browser) -> None:
    hook = await add_webhook(browser)
    event_id = await add_event(browser, hook, AGENT, status="failed", data={"subject": HOSTILE, "big": 2**70})
    answer = await browser.get(f"{EVENTS}/{event_id}")
    page = seen(answer)
    assert "\u202e" not in answer.text
    assert "\\u202egnp.exe" in page.text
    assert "<script>alert" not in answer.text
    assert str(2**70) in page.text, "numbers stay as they are"
    assert HOOK in page.text
    assert "Replay to all" not in page.text, "the agent has no URL"
    assert "#envelope" in page.all("button", "data-copy")
    assert (await browser.get(f"{EVENTS}/evt_unknown")).status == 404


async def test_one_that_is_too_old_is_gone(browser: Browser) -> None:
    event_id = await add_event(browser, created_at=now() - timedelta(days=31))
    assert (await browser.get(f"{EVENTS}/{event_id}")).status == 410
    assert listed(await browser.get(EVENTS)) == []


async def test_one_event_is_sent_again(browser: Browser, endpoint: Any) -> None:
    one, other = await add_webhook(browser, endpoint.url(path="/one")), await add_webhook(browser, endpoint.url())
    event_id = await add_event(browser, one, other, status="failed")
    once = hidden(seen(await browser.get(f"{EVENTS}/{event_id}")))["once"]
    for _ in range(2):
        answer = await browser.post(f"{EVENTS}/{event_id}/replay", {"endpoint": one, "once": once})
        assert answer.headers["location"] == f"{EVENTS}/{event_id}?did=replayed"
    assert await counted(browser) == 1
    async with working(browser):
        await until(lambda: settled(browser))
    assert [row.path for row in endpoint.received] == ["/one"]
    answer = await browser.get(f"{EVENTS}/{event_id}")
    assert "Accepted." in seen(answer).text
    assert re.findall(r"Latency </span>\d+ ms", answer.text)
    await browser.post(f"{EVENTS}/{event_id}/replay", {"once": "f" * 64})
    assert await counted(browser) == 3


async def test_nobody_to_send_it_to(browser: Browser) -> None:
    hook = await add_webhook(browser, enabled=False)
    event_id = await add_event(browser, hook, status="failed")
    for endpoint, words in (("", "nobody takes this event"), (hook, "Switch it on first"), ("wh_unknown", "")):
        answer = await browser.post(f"{EVENTS}/{event_id}/replay", {"endpoint": endpoint, "once": "a" * 64})
        assert answer.status in (404, 409), endpoint
        assert words.lower() in answer.text.lower()
    assert await counted(browser) == 0
    assert (await browser.post(REPLAY, {"to": "endpoints", "event": event_id})).status == 400


async def test_five_hundred_by_filter_each_once_however_often_it_is_asked(browser: Browser, endpoint: Any) -> None:
    hook, at = await add_webhook(browser, endpoint.url()), now() - timedelta(days=1)
    ids = [await add_event(browser, hook, status="failed", created_at=at + timedelta(seconds=n)) for n in range(500)]
    await add_event(browser, hook, status="delivered")
    page, form = await form_of(browser, "?state=failed")
    assert "Replay 500 events" in page.text
    assert "500 events" in page.text
    assert HOOK not in page.text
    places = set[str]()

    async def post() -> None:
        places.add(await begun(browser, form))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(post)
    places.add(await begun(browser, form))
    (there,) = places
    assert await counted(browser) == 500
    assert "0 of 500" in (await browser.get(there)).text
    async with working(browser):
        await until(lambda: settled(browser), 60)
    sent = [row.headers["webhook-id"] for row in endpoint.received]
    assert sorted(sent) == sorted(ids)
    page = seen(await browser.get(there))
    assert "500 of 500" in page.text
    assert "500 delivered" in page.text
    assert "Done" in page.text
    assert await begun(browser, form) == there
    assert await counted(browser) == 500
    assert listed(await browser.get(f"{EVENTS}?state=failed")) == []
    audited = "select evidence->>'deliveries' from audit_log where action = 'events.replayed'"
    assert [row["?column?"] for row in await database_of(browser).fetch_all(audited)] == ["500"]


async def test_one_of_the_endpoints(browser: Browser) -> None:
    one, other, off = [await add_webhook(browser, f"{HOOK}/{n}") for n in ("one", "other", "off")]
    await database_of(browser).execute("update webhooks set enabled = false where id = %(i)s", {"i": off})
    for _ in range(3):
        await add_event(browser, one, other, off, status="failed")
    await add_event(browser, other, status="failed")
    page, form = await form_of(browser)
    assert "switched off: nothing is sent" in page.text
    there = await begun(browser, form | {"to": "webhook", "webhook": one})
    rows = await database_of(browser).fetch_all("select endpoint from deliveries where replay_id is not null")
    assert [row["endpoint"] for row in rows] == [one] * 3
    assert "Replay of 3 events" in (await browser.get(there)).text
    await begun(browser, (await form_of(browser))[1])
    assert await counted(browser) == 3 + 7, "none to the one that is switched off"
    for form_of_nobody in ({"to": "webhook", "webhook": off}, {"to": "webhook", "webhook": "wh_unknown"}):
        answer = await browser.post(REPLAY, (await form_of(browser))[1] | form_of_nobody)
        assert answer.status == 400
        assert "Nobody takes these events now" in answer.text


async def test_what_happens_meanwhile_is_not_meant(browser: Browser) -> None:
    hook = await add_webhook(browser)
    await add_event(browser, hook, status="failed", created_at=now() - timedelta(seconds=1))
    _, form = await form_of(browser, "?state=failed")
    await add_event(browser, hook, status="failed", created_at=now() + timedelta(seconds=1))
    await begun(browser, form)
    assert await counted(browser) == 1


async def test_one_replay_has_bounds(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = await add_webhook(browser)
    for number in range(5):
        await add_event(browser, hook, status="failed", created_at=now() - timedelta(minutes=number))
    monkeypatch.setattr(replays, "MOST_EVENTS", 3)
    page, form = await form_of(browser)
    assert "Replay 3 events" in page.text
    assert "the newest of those that fit" in page.text
    await begun(browser, form)
    assert await counted(browser) == 3
    monkeypatch.setattr(replays, "MOST_DELIVERIES", 2)
    answer = await browser.post(REPLAY, (await form_of(browser))[1])
    assert (answer.status, "3 deliveries and 2 are allowed" in answer.text) == (400, True)
    monkeypatch.setattr(replays, "MOST_DELIVERIES", 3)
    for _ in range(replays.MOST_RUNNING - 1):
        await begun(browser, (await form_of(browser))[1])
    answer = await browser.post(REPLAY, (await form_of(browser))[1])
    assert (answer.status, "5 replays are under way" in answer.text) == (409, True)
    assert await counted(browser) == 15
    await database_of(browser).execute("update deliveries set status = 'delivered'")
    await begun(browser, (await form_of(browser))[1])


async def test_a_replay_is_cancelled(browser: Browser, endpoint: Any) -> None:
    hook = await add_webhook(browser, endpoint.url())
    for _ in range(20):
        await add_event(browser, hook, status="failed")
    endpoint.answers = [FarAnswer(status=200, delay=0.4)]
    there = await begun(browser, (await form_of(browser))[1])
    async with working(browser, Settings(per_endpoint=2)):
        await endpoint.wait_received(1)
        answer = await browser.post(f"{there}/cancel")
        assert answer.headers["location"] == f"{there}?did=replay_cancelled"
        await until(lambda: settled(browser))
    rows = await database_of(browser).fetch_all(
        "select status, last_error, attempts from deliveries where replay_id is not null"
    )
    done = [row for row in rows if row["status"] == "delivered"]
    assert 1 <= len(done) == len(endpoint.received) < 20, "what was under way is told as it ended"
    assert {row["last_error"] for row in rows if row not in done} == {"the replay was cancelled"}
    page = seen(await browser.get(there))
    assert "Cancelled" in page.text
    assert "Not sent: the replay was cancelled." in page.text
    assert (await browser.post(f"{there}/cancel")).status == 303


async def test_what_waits_for_its_retry_is_cancelled_too(browser: Browser, endpoint: Any) -> None:
    endpoint.answers = [FarAnswer(status=503)]
    hook = await add_webhook(browser, endpoint.url())
    await add_event(browser, hook, status="failed")
    there = await begun(browser, (await form_of(browser))[1])
    attempts = "select count(*) from delivery_attempts"

    async def tried() -> bool:
        return await database_of(browser).fetch_value(attempts) == 1

    async with working(browser, Settings(retry_schedule_seconds=(3600.0,))):
        await until(tried)
    assert "Next attempt" in (await browser.get(there)).text
    await browser.post(f"{there}/cancel")
    assert await settled(browser)
    assert "The rest was cancelled." in (await browser.get(there)).text


@pytest.mark.parametrize("count", [1, 7])
async def test_to_a_url_signed_with_the_secret_that_is_shown(browser: Browser, endpoint: Any, count: int) -> None:
    for _ in range(count):
        await add_event(browser)
    _, form = await form_of(browser, "?to=url")
    assert re.fullmatch(r"whsec_[0-9a-f]{64}", form["secret"])
    there = await begun(browser, form | {"to": "url", "url": HOOK})
    sealed = await database_of(browser).fetch_value("select sealed_secret from replays")
    assert form["secret"].encode() not in sealed
    assert form["secret"] not in (await browser.get(there)).text
    await database_of(browser).execute("update replays set url = %(u)s", {"u": endpoint.url()})
    endpoint.answers = [FarAnswer(status=200, body=b"thanks", delay=0.05)]
    async with working(browser):
        await until(lambda: settled(browser))
    assert len(endpoint.received) == count
    for got in endpoint.received:
        at = int(got.headers["webhook-timestamp"])
        expected = standard_webhook_headers(got.headers["webhook-id"], at, got.body, [form["secret"]])
        assert got.headers["webhook-signature"] == expected["webhook-signature"]
        assert got.headers["x-e2a-signature"] == webhook_signature([form["secret"]], at, got.body)
    bodies = {row["envelope"].encode() for row in await database_of(browser).fetch_all("select envelope from events")}
    assert {got.body for got in endpoint.received} == bodies
    answer = await browser.get(there)
    assert f"{count} delivered" in seen(answer).text
    assert "thanks" in answer.text
    took = [int(ms) for ms in re.findall(r"Latency </span>(\d+) ms", answer.text)]
    assert len(took) == count
    assert min(took) >= 50


async def test_a_url_is_tried_once_and_a_dead_one_holds_up_nothing(browser: Browser, endpoint: Any) -> None:
    for _ in range(12):
        await add_event(browser)
    _, form = await form_of(browser)
    there = await begun(browser, form | {"to": "url", "url": HOOK})
    await database_of(browser).execute("update replays set url = 'http://127.0.0.1:1/'")
    async with working(browser):
        await until(lambda: settled(browser), 10)
    text = seen(await browser.get(there)).text
    assert "12 failed" in text
    assert "Connection refused." in text
    assert await database_of(browser).fetch_value("select max(attempts) from deliveries") == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "Enter the URL"),
        ("http://hooks.example/in", "https"),
        ("https://127.0.0.1/in", "not an IP address"),
        ("https://localhost/in", "not public"),
        ("https://inside.example/in", "not public"),
        ("https://me:secret@hooks.example/in", "name or a password"),
        ("file:///etc/passwd", "absolute"),
        ("https://nowhere.example/", "does not resolve"),
    ],
)
async def test_a_url_that_may_not_be_reached(browser: Browser, url: str, words: str) -> None:
    await add_event(browser)
    _, form = await form_of(browser)
    answer = await browser.post(REPLAY, form | {"to": "url", "url": url})
    page = seen(answer)
    assert answer.status == 400
    assert words in page.text
    (field,) = [found for _, found in page.elements if found.get("id") == "url"]
    assert (field["value"] or "", field["aria-invalid"]) == (url, "true")
    assert hidden(page)["once"] != form["once"], "what was refused is another try"
    assert await counted(browser) == 0
    assert await database_of(browser).fetch_value("select count(*) from replays") == 0


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_" + "G" * 64, "a" * 70, "whsec_" + "a" * 63])
async def test_a_secret_that_is_none(browser: Browser, secret: str) -> None:
    await add_event(browser)
    _, form = await form_of(browser)
    answer = await browser.post(REPLAY, form | {"to": "url", "url": HOOK, "secret": secret})
    assert answer.status == 400
    assert "whsec_ and 64 characters" in answer.text


@pytest.mark.parametrize("to", ["", "nonsense", "webhook"])
async def test_where_to_is_chosen(browser: Browser, to: str) -> None:
    await add_event(browser, await add_webhook(browser))
    answer = await browser.post(REPLAY, (await form_of(browser))[1] | {"to": to})
    assert (answer.status, "Choose where they are sent" in answer.text) == (400, True)


async def test_a_replay_to_a_url_is_no_delivery_of_the_event(browser: Browser) -> None:
    """What somebody tries out says nothing about whether a webhook was told."""
    hook = await add_webhook(browser)
    event_id = await add_event(browser, hook, status="delivered")
    _, form = await form_of(browser)
    await begun(browser, form | {"to": "url", "url": HOOK})
    await database_of(browser).execute("update deliveries set status = 'failed' where kind = 'url'")
    assert "1 delivered" in seen(await browser.get(EVENTS)).text
    assert listed(await browser.get(f"{EVENTS}?state=failed")) == []
    assert "URL of a replay" in (await browser.get(f"{EVENTS}/{event_id}")).text


async def test_replays_are_listed(browser: Browser) -> None:
    hook = await add_webhook(browser)
    await add_event(browser, hook, status="failed")
    places = []
    for _ in range(30):
        places.append(await begun(browser, (await form_of(browser))[1]))
        await database_of(browser).execute("update deliveries set status = 'delivered'")
    found, path = list[str](), f"{EVENTS}/replays"
    while path:
        page = seen(await browser.get(path))
        found += [one for one in page.all("a", "href") if "/replays/rpl_" in one]
        path = next((str(one["href"]) for _, one in page.elements if one.get("rel") == "next"), "")
    assert found == places[::-1]


async def test_what_another_account_has_is_not_found(browser: Browser, stranger: Browser) -> None:
    hook = await add_webhook(stranger, "https://hooks.example/secret")
    event_id = await add_event(stranger, hook, status="failed", data={"subject": "A secret"})
    theirs = await begun(stranger, (await form_of(stranger))[1])
    before = await counted(stranger)
    for path in (f"{EVENTS}/{event_id}", theirs, f"{theirs}?status=pending"):
        answer = await browser.get(path)
        assert (answer.status, "secret" in answer.text.lower()) == (404, False), path
    for path in (f"{EVENTS}/{event_id}/replay", f"{theirs}/cancel"):
        assert (await browser.post(path, {"once": "a" * 64})).status == 404
    for query in ("", "?state=failed", f"?event={event_id}"):
        assert listed(await browser.get(EVENTS + query)) == []
    assert "Nothing to replay" in (await browser.get(f"{REPLAY}?event={event_id}")).text
    assert (await browser.post(REPLAY, {"to": "endpoints", "event": event_id})).status == 400
    await add_event(browser)
    answer = await browser.post(REPLAY, (await form_of(browser))[1] | {"to": "webhook", "webhook": hook})
    assert answer.status == 400
    assert await counted(stranger) == before
    assert await database_of(stranger).fetch_value("select count(*) from replays where cancelled_at is not null") == 0


async def test_with_the_same_key_others_get_their_own(browser: Browser, stranger: Browser) -> None:
    """The name of a replay is made of the form's key, and is one account's."""
    for one in (browser, stranger):
        await add_event(one, await add_webhook(one), status="failed", agent_email=None)
        await begun(one, {"to": "endpoints", "once": "a" * 64})
    assert await database_of(browser).fetch_value("select count(*) from replays") == 2


async def test_without_an_outbox_nothing_is_sent_again(browser: Browser) -> None:
    services = browser.client.services
    off = attrs.evolve(services.config.features, outbox=False)
    services.config = attrs.evolve(services.config, features=off)
    event_id = await add_event(browser, await add_webhook(browser), status="failed")
    answer = await browser.post(REPLAY, {"to": "endpoints", "event": event_id})
    assert "features.outbox" in answer.text
    assert await counted(browser) == 0
