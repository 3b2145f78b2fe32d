"""What one account can ask for costs the others nothing, and tells it nothing about them."""

import re
from typing import Any

import attrs
import pytest
import trio
from attrs import define

from e2ad.api.services import Services
from e2ad.core.delivery import Delivered
from e2ad.dashboard import app
from e2ad.dashboard.desk import MOST_ADDRESSES, Form
from e2ad.dashboard.difference import lines
from e2ad.dashboard.live import Live
from e2ad.dashboard.pages import operations, replays
from tests.api.conftest import Answer, make_agent, make_caller
from tests.dashboard.conftest import Browser, mail, seen
from tests.dashboard.delivering import Settings, add_event, database_of, settled, until, working
from tests.zone import HOOK

LIMIT_SECONDS = 2.0
REMOTE = """\
From: someone@example.org
To: bot@agents.localhost
Subject: a picture
Message-ID: <picture@example.org>
Content-Type: text/html; charset=utf-8

<p>Hello</p><img src="https://tracker.example/pixel.png" alt="seen">
"""


@pytest.mark.parametrize(
    "text",
    ['"\\' * 40_000, '"a' * 40_000, '"' * 79_999, ",;\n" * 30_000, 'a"' * 45_000, '\\"' * 45_000],
    ids=["escapes", "quotes", "odd", "separators", "words", "slashes"],
)
async def test_addresses_are_read_in_time_whatever_they_are(text: str) -> None:
    with trio.fail_after(LIMIT_SECONDS):
        Form({"to": [text]}).addresses("to")
        await trio.lowlevel.checkpoint()


async def test_more_addresses_than_anybody_writes_are_refused(browser: Browser) -> None:
    long = "a@b.example," * (MOST_ADDRESSES // 10)
    form = {"url": HOOK, "events": ["email.received"], "agent_emails": long}
    answer = await browser.post("/dashboard/webhooks", form)
    assert answer.status == 400
    assert "too long" in answer.text


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/x-url-encoded", "text/plain"])
async def test_a_form_of_very_many_fields_is_not_read(browser: Browser, kind: str) -> None:
    with trio.fail_after(LIMIT_SECONDS):
        answer = await browser.client.request(
            "POST",
            "/dashboard/reviews/decide",
            raw=b"tick=a&" * 2_000_000,
            headers=browser._headers({"content_type": kind}),
        )
    assert (answer.status, "Too large" in answer.text) == (413, True)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_form_without_a_mail_is_small(browser: Browser, kind: str) -> None:
    text = b"a%20" * 500_000
    parts = b'--x\r\nContent-Disposition: form-data; name="in_list"\r\n\r\n' + text + b"\r\n--x--\r\n"
    raw = parts if kind.startswith("multipart") else b"in_list=" + text
    for page in ("agents/bot@agents.localhost/protection", "domains", "start", "events/replay", "account/delete"):
        with trio.fail_after(LIMIT_SECONDS):
            headers = browser._headers({"content_type": kind})
            answer = await browser.client.request("POST", f"/dashboard/{page}", raw=raw, headers=headers)
        assert (answer.status, "Too large" in answer.text) == (413, True), page


async def test_a_form_with_a_mail_is_read_while_others_are_served(browser: Browser) -> None:
    gaps = [0.0]

    async def tick() -> None:
        while True:
            at = trio.current_time()
            await trio.sleep(0.01)
            gaps.append(trio.current_time() - at)

    raw = b"text=" + b"%C3%A9%41" * 1_000_000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        headers = browser._headers({"content_type": "application/x-www-form-urlencoded"})
        answer = await browser.client.request(
            "POST", f"/dashboard/reviews/msg_{'0' * 32}/edit", raw=raw, headers=headers
        )
        nursery.cancel_scope.cancel()
    assert answer.status == 404
    assert max(gaps) < 1.0


@pytest.mark.parametrize("count", [199, 1000])
async def test_few_words_in_many_lines_are_compared_in_time(count: int) -> None:
    one, other = (["ab"[(at * factor).bit_count() % 2] for at in range(count)] for factor in (1, 7))
    with trio.fail_after(0.3):
        lines("\n".join(one), "\n".join(other))
        await trio.lowlevel.checkpoint()


async def test_agents_are_made_at_the_rate_of_the_api(browser: Browser, services: Services) -> None:
    limits = attrs.evolve(services.config.rate_limits, create_agent_per_hour=2)
    services.config = attrs.evolve(services.config, rate_limits=limits)
    await make_agent(
        services.db, (await make_caller(services.db, "o@example.org")).account_id, "taken@agents.localhost"
    )
    answers = [await browser.post("/dashboard/start", {"name": name}) for name in ("taken", "free", "third")]
    assert [answer.status for answer in answers] == [409, 303, 429]
    assert "already" not in seen(answers[2]).text


async def test_whose_an_agent_is_cannot_be_found_out(browser: Browser, stranger: Browser) -> None:
    """Of an address that another account has, and of one that nobody has, the same is said."""

    async def said(email: str) -> list[tuple[int, str, str]]:
        there = f"/dashboard/agents/{email}"
        asked: list[Answer] = []
        for page in ("", "/delete", "/purge", "/suppressions", "/protection", "/deliveries"):
            asked.append(await browser.get(there + page))
        for page in ("", "/test", "/purge", "/delete", "/restore", "/protection", "/suppressions/remove"):
            asked.append(await browser.post(there + page, {"typed": email, "address": "a@b.example"}))
        asked.append(await browser.post(f"/dashboard/start/{email}/key", {"once": "0" * 64}))
        asked.append(await browser.get(f"/dashboard/keys?agent={email}"))
        asked.append(await browser.get(f"/dashboard/reviews?agent={email}"))
        asked.append(await browser.get(f"/dashboard/operations?agent={email}"))
        return [
            (one.status, one.headers.get("location", ""), re.sub("req_[0-9a-f]+", "", seen(one).text)) for one in asked
        ]

    assert (await stranger.get("/dashboard/agents/other@agents.localhost")).status == 200
    theirs, nobodys = await said("other@agents.localhost"), await said("nobdy@agents.localhost")
    assert theirs == [(status, there, text.replace("nobdy", "other")) for status, there, text in nobodys]


async def test_a_strangers_link_loads_no_pictures(browser: Browser) -> None:
    there = f"{await mail(browser, REMOTE)}?show=html&images=1"
    frame = there.replace("?show=html&", "/html?")
    for headers, loads in (({}, True), ({"sec_fetch_site": "cross-site"}, False)):
        page, framed = await browser.get(there, **headers), await browser.get(frame, **headers)
        assert ("images=1" in page.text.partition("<iframe")[2].partition(">")[0]) is loads
        assert ("tracker.example" in framed.text) is loads
        assert ("https:" in framed.headers["content-security-policy"]) is loads


async def begin_replay(browser: Browser) -> Answer:
    page = seen(await browser.get("/dashboard/events/replay?to=url"))
    form = {one["name"]: one["value"] for _, one in page.elements if one.get("name") in ("once", "secret", "until")}
    return await browser.post("/dashboard/events/replay", form | {"to": "url", "url": HOOK})


@define
class Slow:
    """A far side that takes its time, and counts how many wait for it at once."""

    running: int = 0
    most: int = 0

    async def attempt(self, attempt: object) -> Delivered:
        self.running += 1
        self.most = max(self.most, self.running)
        await trio.sleep(0.1)
        self.running -= 1
        return Delivered(200)


async def test_replays_to_slow_urls_take_the_room_of_one(browser: Browser) -> None:
    for _ in range(4):
        await add_event(browser)
    assert [(await begin_replay(browser)).status for _ in range(3)] == [303, 303, 303]
    slow = Slow()
    async with working(browser, Settings(per_endpoint=2), slow):
        await until(lambda: settled(browser), 10)
    assert slow.most == 2
    assert await database_of(browser).fetch_value("select count(*) from deliveries where status = 'delivered'") == 12


async def test_replays_that_are_cancelled_count_too(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "AN_HOUR", 2)
    await add_event(browser)
    for _ in range(2):
        there = (await begin_replay(browser)).headers["location"].partition("?")[0]
        await browser.post(f"{there}/cancel")
    answer = await begin_replay(browser)
    assert (answer.status, "Wait a moment" in answer.text) == (429, True)
    assert await database_of(browser).fetch_value("select count(*) from replays") == 2


async def test_pages_of_one_account_leave_room_for_others(
    browser: Browser, stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, most, go_on = 0, 0, trio.Event()

    async def flow(executor: object, account_id: str, *more: object) -> object:
        nonlocal inside, most
        if account_id == browser.account_id:
            inside += 1
            most = max(most, inside)
            await go_on.wait()
            inside -= 1
        return await real(executor, account_id, *more)

    real = operations.operations.flow
    monkeypatch.setattr(operations.operations, "flow", flow)
    monkeypatch.setattr(app, "MOST_WAITING", 5)
    statuses: list[int] = []

    async def look() -> None:
        statuses.append((await browser.get("/dashboard/operations")).status)

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(look)
        with trio.fail_after(10):
            while len(statuses) < 12 - app.AT_ONCE - 5:
                await trio.sleep(0.01)
        assert (await stranger.get("/dashboard/operations")).status == 200
        go_on.set()
    assert most == app.AT_ONCE
    assert sorted(statuses) == [200] * (app.AT_ONCE + 5) + [429] * (7 - app.AT_ONCE)
    assert app._turns == {}


@define
class Unread:
    """The app, to a browser that takes the head of an answer and reads no further."""

    app: Any

    @property
    def router(self) -> Any:
        return self.app.router

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def stuck(event: Any) -> None:
            if event["type"] == "http.response.body":
                await trio.sleep_forever()
            await send(event)

        await self.app(scope, receive, stuck)


@pytest.mark.parametrize("path", ["/dashboard/account/export", "/dashboard/account/audit/export"])
async def test_an_export_that_nobody_reads_gives_its_place_back(browser: Browser, path: str) -> None:
    exports = browser.client.services.exports
    exports.seconds = 0.5
    for number in range(3):
        await mail(browser, number=number)
    client = attrs.evolve(browser.client, app=Unread(browser.client.app))
    with trio.fail_after(5):
        await attrs.evolve(browser, client=client).post(path)
    assert exports.told(browser.account_id) is None
    exports.seconds = 30.0
    assert (await browser.post(path)).status == 200


async def test_a_stream_that_nobody_reads_ends(browser: Browser, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LONGEST_SECONDS", -59.5)
    client = attrs.evolve(browser.client, app=Unread(browser.client.app))
    with trio.fail_after(5):
        await attrs.evolve(browser, client=client).get("/dashboard/stream")
    assert live.streams == 0
