"""The page of an agent's protection: what it asks and says, what it saves, and the preview."""

import re
from typing import Any

import attrs
import pytest
import trio

from e2ad.core.protection import Gate, Holds, Inbound, Outbound, Protection, ProvenancePolicy
from e2ad.dashboard.protection_form import CHOICES, CLASSES, PRESETS, body_of, fields_of
from e2ad.gateway import backtest
from e2ad.gateway import protection as verbs
from e2ad.gateway.backtest import Backtest
from tests import factories
from tests.dashboard.conftest import AGENT, Browser, Seen, mail, seen

PATH = f"/dashboard/agents/{AGENT}/protection"
RICH = Protection(
    inbound=Inbound(Gate("allowlist", "review", ("ada@example.org", "example.com")), "medium"),
    outbound=Outbound(
        Gate("domain", "block", ("else.test",)),
        "high",
        require_review=True,
        provenance=ProvenancePolicy(content="block", unseen="review"),
    ),
    holds=Holds(5_400, "approve", suppress_notifications=True),
)
LETTER = "From: {} <{}>\r\nTo: bot@agents.localhost\r\nSubject: {}\r\nMessage-ID: <{}@x>\r\n\r\n{}\r\n"


def unlooked(browser: Browser) -> None:
    """The deployment does not look at content."""
    services = browser.client.services
    services.config = attrs.evolve(services.config, features=attrs.evolve(services.config.features, screening=False))


async def protect(browser: Browser, protection: Protection, *, screening: bool = True) -> None:
    await verbs.put(browser.client.services.db, browser.account_id, AGENT, protection, screening=screening)


async def stored(browser: Browser) -> Protection:
    return await verbs.get(browser.client.services.db, browser.account_id, AGENT)


def entered(page: Seen, text: str) -> dict[str, Any]:
    """What a browser would send of the form as it stands."""
    patterns = (
        r'<input type="(?:radio|checkbox)" name="(\w+)" value="([^"]*)"(?= checked)',
        r'<input type="hidden" name="(\w+)" value="([^"]*)"',
        r'<textarea id="\w+" name="(\w+)"[^>]*>\n([^<]*)</textarea>',
    )
    form: dict[str, Any] = {name: value for pattern in patterns for name, value in re.findall(pattern, text)}
    for name, options in re.findall(r'<select id="\w+" name="(\w+)">(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        form[name] = "" if chosen is None else chosen[1] if chosen[1] is not None else chosen[2]
    form["ttl"] = next(one["value"] for tag, one in page.elements if tag == "input" and one.get("name") == "ttl")
    return form


async def opened(browser: Browser, query: str = "") -> dict[str, Any]:
    answer = await browser.get(PATH + query)
    assert answer.status == 200, answer.text
    return entered(seen(answer), answer.text)


async def test_what_is_shown_is_what_is_saved(browser: Browser) -> None:
    for protection in (RICH, Protection(), attrs.evolve(RICH, holds=Holds(61))):
        await protect(browser, protection)
        form = await opened(browser)
        answer = await browser.post(PATH, {**form, "do": "save"})
        assert (answer.status, answer.headers["location"]) == (303, f"{PATH}?did=protected")
        assert await stored(browser) == protection


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"in_policy": "domain"}, lambda p: p.inbound.gate.policy == "domain"),
        ({"in_action": "block"}, lambda p: p.inbound.gate.action == "block"),
        ({"in_scan": "high"}, lambda p: p.inbound.sensitivity == "high"),
        (
            {"in_list": "Ada@Example.ORG\r\n@b\u00fccher.example, x@y.test"},
            lambda p: len(p.inbound.gate.allowlist) == 3,
        ),
        ({"out_policy": "open"}, lambda p: p.outbound.gate.policy == "open"),
        ({"out_list": ""}, lambda p: p.outbound.gate.allowlist == ()),
        ({"out_review": ""}, lambda p: not p.outbound.require_review),
        ({"prov_content": ""}, lambda p: p.outbound.provenance.content is None),
        ({"prov_correspondent": "block"}, lambda p: p.outbound.provenance.correspondent == "block"),
        ({"ttl": "3", "ttl_unit": "days"}, lambda p: p.holds.ttl_seconds == 259_200),
        ({"on_expiry": "reject"}, lambda p: p.holds.on_expiry == "reject"),
        ({"quiet": ""}, lambda p: not p.holds.suppress_notifications),
    ],
)
async def test_each_field_is_saved_and_no_other(browser: Browser, change: dict[str, str], expected: Any) -> None:
    await protect(browser, RICH)
    form = await opened(browser)
    assert (await browser.post(PATH, {**form, **change, "do": "save"})).status == 303
    after = await stored(browser)
    assert expected(after)
    (name,) = {name.removesuffix("_unit") for name in change}
    before, now = fields_of(RICH), fields_of(after)
    assert {one for one in before if before[one] != now[one]} <= {name, f"{name}_unit"}


async def test_what_a_form_does_not_show_stays(browser: Browser) -> None:
    """Where nobody looks at content its fields are disabled, and a browser leaves them out."""
    db = browser.client.services.db
    await protect(browser, RICH)
    unlooked(browser)
    form = await opened(browser)
    for name in ("in_scan", "out_scan", "prov_unseen", "in_list"):
        form.pop(name)
    assert (await browser.post(PATH, {**form, "do": "save"})).status == 303
    after = await stored(browser)
    assert (after.inbound.gate, after.outbound.provenance) == (RICH.inbound.gate, RICH.outbound.provenance)
    assert await db.fetch_value("select count(*) from audit_log where action = 'protection.changed'") >= 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"in_list": "ada@example.org\nnot an address"},
            "Line 2, “not an address”, is neither an address nor a domain.",
        ),
        ({"out_list": "a..b@x"}, "Line 1"),
        ({"ttl": "8", "ttl_unit": "days"}, "at most 7 days"),
        ({"ttl": "0"}, "at most 7 days"),
        ({"ttl": "soon"}, "Enter a whole number."),
        ({"ttl_unit": "fortnights"}, "Enter a whole number."),
        ({"in_policy": "nobody"}, "Something was chosen that cannot be chosen here."),
        ({"in_list": "\n".join(f"a{number}@x.test" for number in range(1001))}, "more than 1000 entries"),
    ],
)
@pytest.mark.parametrize("do", ["save", "preview"])
async def test_what_is_wrong_is_said_at_its_field(browser: Browser, change: dict[str, str], said: str, do: str) -> None:
    form = await opened(browser)
    answer = await browser.post(PATH, {**form, **change, "do": do})
    page = seen(answer)
    assert answer.status == 400
    assert said in page.text
    assert await stored(browser) == Protection()
    name = next(iter(change))
    if name in ("in_list", "out_list", "ttl"):
        field = next(found for _, found in page.elements if found.get("id") == name)
        assert (field["aria-invalid"], f"{name}-trouble" in str(field["aria-describedby"])) == ("true", True)
    if name not in ("in_policy", "ttl_unit"):
        assert change[name].split("\n")[0] in answer.text


async def test_all_that_is_wrong_is_said_at_once(browser: Browser) -> None:
    form = await opened(browser)
    answer = await browser.post(PATH, {**form, "in_list": "x y", "out_list": "@", "ttl": "-1", "do": "save"})
    assert answer.text.count('class="wrong"') == 3


async def test_a_change_of_somebody_else_is_not_lost(browser: Browser) -> None:
    form = await opened(browser)
    await protect(browser, RICH, screening=False)
    answer = await browser.post(PATH, {**form, "in_policy": "domain", "do": "save"})
    assert answer.status == 409
    assert "changed elsewhere" in answer.text
    assert (await stored(browser)).holds == RICH.holds
    again = {**entered(seen(answer), answer.text), "do": "save"}
    assert again["in_policy"] == "domain"
    assert (await browser.post(PATH, again)).status == 303
    assert (await stored(browser)).inbound.gate.policy == "domain"


@pytest.mark.parametrize("preset", PRESETS)
async def test_a_preset_is_shown_and_not_saved(browser: Browser, preset: str) -> None:
    before = Protection(inbound=Inbound(Gate("allowlist", "flag", ("ada@example.org",))), holds=Holds(60))
    await protect(browser, before)
    form = await opened(browser, f"?preset={preset}")
    assert await stored(browser) == before
    assert form["in_list"].strip() == "ada@example.org"
    assert (await browser.post(PATH, {**form, "do": "save"})).status == 303
    wanted = PRESETS[preset][2](before)
    assert await stored(browser) == verbs.validated(wanted, screening=True)
    assert (await stored(browser)).holds == before.holds


async def test_each_choice_is_explained(browser: Browser) -> None:
    text = seen(await browser.get(PATH)).text
    for choices in CHOICES.values():
        assert all(label in text and what in text for _, label, what in choices)
    assert all(label in text and what in text for _, label, what in CLASSES)
    assert "features.screening" not in text


async def test_where_nobody_looks_at_content_it_says_so(browser: Browser) -> None:
    unlooked(browser)
    answer = await browser.get(PATH)
    assert "features.screening" in answer.text
    assert answer.text.count("<fieldset disabled>") == 2


async def test_a_preview_says_what_would_have_been(browser: Browser) -> None:
    db = browser.client.services.db
    await mail(
        browser,
        LETTER.format("Ada", "ada@example.org", "From a friend", 1, "Hi"),
        number=1,
        verified=True,
        verified_domain="example.org",
    )
    await mail(browser, LETTER.format("Eve", "eve@evil.test", "Buy <b>now</b>", 2, "Hi"), number=2)
    before = {table: await db.fetch_value(f"select count(*) from {table}") for table in TABLES}
    form = await opened(browser)
    asked = {**form, "in_policy": "allowlist", "in_action": "review", "in_list": "example.org", "do": "preview"}
    answer = await browser.post(PATH, asked)
    text = seen(answer).text
    assert answer.status == 200
    assert "Looked at 2 of 2 stored mails" in text
    assert "1 would have ended differently" in text
    assert "eve@evil.test is not authenticated: DMARC did not pass" in text
    assert "From a friend" not in text
    assert "Buy &lt;b&gt;now" in answer.text
    assert await stored(browser) == Protection()
    assert {table: await db.fetch_value(f"select count(*) from {table}") for table in TABLES} == before
    kept = entered(seen(answer), answer.text)
    assert {name: kept[name] for name in ("in_policy", "in_action", "in_list")} == {
        "in_policy": "allowlist",
        "in_action": "review",
        "in_list": "example.org",
    }


TABLES = (
    "messages",
    "events",
    "protection_events",
    "holds",
    "notices",
    "correspondents",
    "audit_log",
    "lifecycle",
    "deliveries",
)


async def test_a_preview_of_no_mail_says_what_to_do(browser: Browser) -> None:
    answer = await browser.post(PATH, {**await opened(browser), "do": "preview"})
    assert "This agent has no mail yet." in seen(answer).text


async def test_pages_of_a_preview_follow_each_other(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        (await mail(browser, LETTER.format("E", "e@evil.test", f"n{n:03}", n, "Hi"), number=n)).rpartition("/")[2]
        for n in range(120)
    ]
    form = {**await opened(browser), "in_policy": "domain", "in_action": "block"}
    runs = []
    run = Backtest.run

    async def counted(self: Any, *args: Any, **more: Any) -> Any:
        runs.append(more)
        return await run(self, *args, **more)

    monkeypatch.setattr(Backtest, "run", counted)
    found, do = list[str](), "preview"
    for _ in range(3):
        answer = await browser.post(PATH, {**form, "do": do})
        found += re.findall(r"/messages/(msg_\w+)", answer.text)
        onward = re.search(r'value="(page-[0-9]+)"[^>]*>Next page', answer.text)
        do = onward[1] if onward else ""
        form |= entered(seen(answer), answer.text)
    assert found == made[::-1]
    assert do == ""
    assert len(runs) == 1
    # Other settings are another question, whatever page is asked for.
    answer = await browser.post(PATH, {**form, "in_policy": "open", "do": "page-3"})
    assert "Each would have ended as it did" in answer.text
    assert len(runs) == 2


async def test_older_mail_is_reached(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(25):
        await mail(browser, LETTER.format("E", "e@evil.test", f"n{number:03}", number, "Hi"), number=number)
    run = Backtest.run

    async def few(self: Any, *args: Any, **more: Any) -> Any:
        return await run(self, *args, **more, most=10)

    monkeypatch.setattr(Backtest, "run", few)
    form = {**await opened(browser), "in_policy": "domain"}
    looked, do = list[list[str]](), "preview"
    while do:
        answer = await browser.post(PATH, {**form, "do": do})
        looked.append(re.findall(r">(n[0-9]{3})<", answer.text))
        form |= entered(seen(answer), answer.text)
        do = "older" if "Look at older mail" in answer.text else ""
    assert [len(one) for one in looked] == [10, 10, 5]
    assert sorted(one for part in looked for one in part) == [f"n{number:03}" for number in range(25)]
    assert "Looked at 5 of 25 stored mails" in seen(answer).text


async def test_when_the_time_is_over_there_is_a_way_on(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        await mail(browser, LETTER.format("E", "e@evil.test", f"n{number:03}", number, "Hi"), number=number)
    judge, left = backtest.Replay.judge, [35]

    async def slow(self: Any, one: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            await trio.sleep_forever()
        return await judge(self, one)

    monkeypatch.setattr(backtest.Replay, "judge", slow)
    monkeypatch.setattr(backtest, "MOST_SECONDS", 1.0)
    form = {**await opened(browser), "in_policy": "domain", "in_action": "block"}
    answer = await browser.post(PATH, {**form, "do": "preview"})
    assert "The time was over after 34 of 60" in seen(answer).text
    answer = await browser.post(PATH, {**form, **entered(seen(answer), answer.text), "do": "newer"})
    assert "Looked at 26 of 60 stored mails" in seen(answer).text
    assert sorted(re.findall(r">(n[0-9]{3})<", answer.text)) == [f"n{number:03}" for number in range(34, 60)]


async def test_two_previews_of_one_account_do_not_run_at_once(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mail(browser)
    judge, entered_it, go = backtest.Replay.judge, trio.Event(), trio.Event()

    async def waits(self: Any, one: Any) -> Any:
        entered_it.set()
        await go.wait()
        return await judge(self, one)

    monkeypatch.setattr(backtest.Replay, "judge", waits)
    form = {**await opened(browser), "do": "preview"}
    answers = list[Any]()

    async def ask() -> None:
        answers.append(await browser.post(PATH, form))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await entered_it.wait()
        second = await browser.post(PATH, form)
        assert second.status == 409
        assert "is being made already" in second.text
        go.set()
    assert answers[0].status == 200
    assert (await browser.post(PATH, form)).status == 200


async def test_a_cursor_that_is_none_is_no_accident(browser: Browser) -> None:
    form = await opened(browser)
    for more in (
        {"do": "older", "older": "nonsense"},
        {"do": "newer", "last": ""},
        {"do": "page-2", "after": "\ud83d"},
    ):
        answer = await browser.post(
            PATH, {**form, **{k: v.encode("utf-8", "replace").decode() for k, v in more.items()}}
        )
        assert answer.status == 400, more
    for do in ("page-", "page-99999999999", "page-x", "nonsense", ""):
        assert (await browser.post(PATH, {**form, "do": do})).status == 200


async def test_nobody_else_gets_in(browser: Browser, stranger: Browser, anybody: Browser) -> None:
    form = await opened(browser)
    await mail(browser, LETTER.format("Ada", "ada@example.org", "A secret", 1, "Hi"))
    for do in ("save", "preview", "older", "page-2"):
        answer = await stranger.post(PATH, {**form, "in_policy": "domain", "do": do})
        assert answer.status == 404
        assert "A secret" not in answer.text
    assert (await stranger.get(PATH)).status == 404
    assert (await anybody.get(PATH)).status == 303
    assert (await anybody.post(PATH, {**form, "do": "save"})).status == 303
    crossed = await browser.post(PATH, {**form, "in_policy": "domain", "do": "save"}, sec_fetch_site="cross-site")
    assert crossed.status == 403
    assert await stored(browser) == Protection()
    await browser.client.services.db.execute("update agents set deleted_at = now()")
    assert (await browser.get(PATH)).status == 404


async def test_strangers_words_are_shown_and_do_nothing(browser: Browser) -> None:
    evil = '"><script>alert(1)</script>\u202e'
    await factories.message(
        browser.client.services.db, browser.account_id, AGENT, subject=evil, header_from=f"{evil}@x.test", raw=None
    )
    answer = await browser.post(PATH, {**await opened(browser), "in_policy": "domain", "do": "preview"})
    assert "<script>alert" not in answer.text
    assert "\u202e" not in answer.text
    for name in ("in_list", "ttl"):
        answer = await browser.post(PATH, {**await opened(browser), name: evil, "do": "save"})
        assert "<script>alert" not in answer.text


def test_the_form_and_the_operation_say_the_same() -> None:
    document = body_of(RICH)
    assert document["outbound"]["provenance"] == {"content": "block", "unseen": "review"}
    assert document["holds"] == {"ttl_seconds": 5_400, "on_expiry": "approve", "suppress_notifications": True}
