"""The pages about agents: making one, its settings, a test mail, whom it may not write to, the trash and back."""

import json
import re
import shlex
from typing import Any

import pytest

from e2ad.core.protection import Gate, Inbound, Outbound, Protection
from e2ad.dashboard.pages import agents as pages
from e2ad.dashboard.pages.agent import in_words
from e2ad.dashboard.pages.start import mail_by_curl, snippets
from tests import factories
from tests.api.conftest import make_agent, make_caller
from tests.api.world import REVIEW
from tests.dashboard.conftest import AGENT, Browser, Seen, mail, seen

HERE = f"/dashboard/agents/{AGENT}"
PAYLOAD = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
URL = "https://hooks.example/mail"


def links(page: Seen) -> list[str]:
    return page.all("a", "href")


def value(page: Seen, name: str) -> str | None:
    return next(found.get("value") for tag, found in page.elements if tag == "input" and found.get("name") == name)


def next_page(page: Seen) -> str:
    return next((found["href"] or "" for tag, found in page.elements if tag == "a" and found.get("rel") == "next"), "")


@pytest.fixture
async def shared(browser: Browser) -> Browser:
    """The domain of the agents is the deployment's own."""
    await browser.client.services.db.execute("update domains set account_id = null where domain = 'agents.localhost'")
    return browser


# The list


async def test_the_list_says_what_there_is(browser: Browser) -> None:
    db = browser.client.services.db
    await make_agent(db, browser.account_id, "second@agents.localhost")
    await db.execute(
        "update agents set name = 'Clouds', agent_mode = 'cloud', webhook_url = %(url)s where email like 'second%%'",
        {"url": f"{URL}/secret-path"},
    )
    key = await factories.api_key(db, browser.account_id)
    assert (await browser.client.put(f"/v1/agents/{AGENT}/protection", REVIEW, key=key)).status == 200
    await mail(browser)
    answer = await browser.get("/dashboard/agents")
    page = seen(answer)
    assert answer.status == 200
    assert page.text.index("Clouds") < page.text.index("bot@agents.localhost")  # newest first
    assert "cloud hooks.example" in page.text
    assert "secret-path" not in answer.text
    assert "Out: all mail waits for approval" in page.text
    assert "No protection: all mail passes" in page.text
    assert "1 unread mails of bot@agents.localhost" in page.text
    assert "no mail yet" in page.text
    assert "listening" not in page.text
    assert "/dashboard/start" in links(page)
    browser.client.services.listens = lambda email: email == AGENT
    assert "listening" in seen(await browser.get("/dashboard/agents")).text


async def test_a_list_of_none_says_what_to_do(browser: Browser) -> None:
    await browser.client.services.db.execute("update agents set deleted_at = now()")
    text = seen(await browser.get("/dashboard/agents")).text
    assert "No agents yet" in text
    assert "Create the first agent" in text


async def test_many_agents_are_paged_and_found(browser: Browser) -> None:
    db = browser.client.services.db
    for number in range(70):
        await make_agent(db, browser.account_id, f"many-{number:02}@agents.localhost")
    await db.execute("update agents set name = 'Übersetzer 100%_x' where email like 'many-07%'")
    found, path = list[str](), "/dashboard/agents"
    for _ in range(3):
        page = seen(await browser.get(path))
        found += re.findall(r"many-\d\d@agents.localhost", page.text)
        path = next_page(page)
        if not path:
            break
    assert found == [f"many-{number:02}@agents.localhost" for number in range(69, -1, -1)]
    for search, count in (("many-1", 10), ("ÜBERSETZER", 1), ("100%_", 1), ("%", 1), ("x'--", 0), ("MANY-33@", 1)):
        page = seen(await browser.get("/dashboard/agents?" + f"search={search}".replace("%", "%25")))
        assert len(re.findall(r"many-\d\d@agents.localhost", page.text)) == count, search
    assert "No agent fits" in seen(await browser.get("/dashboard/agents?search=nobody")).text
    assert (await browser.get("/dashboard/agents?cursor=nonsense")).status == 400


@pytest.mark.parametrize(
    ("protection", "words"),
    [
        (Protection(), []),
        (Protection(inbound=Inbound(Gate("domain", "block"))), ["In: its own domain passes, others are refused"]),
        (
            Protection(inbound=Inbound(Gate("allowlist", "flag", ("a@x.test", "x.test")), "high")),
            ["In: 2 listed pass, others are flagged", "In: content is looked at (high)"],
        ),
        (Protection(inbound=Inbound(Gate("allowlist", "review"))), ["In: nobody passes, others are held"]),
        (Protection(outbound=Outbound(Gate("allowlist", "review"))), ["Out: all mail waits for approval"]),
        (Protection(outbound=Outbound(require_review=True)), ["Out: all mail waits for approval"]),
        (
            Protection(outbound=Outbound(Gate("allowlist", "review", ("a@x.test",)), "low")),
            ["Out: 1 listed passes, others are held", "Out: content is looked at (low)"],
        ),
    ],
    ids=str,
)
def test_protection_in_words(protection: Protection, words: list[str]) -> None:
    assert in_words(protection) == words


# Settings


async def test_settings_are_shown_and_changed(browser: Browser) -> None:
    page = seen(await browser.get(HERE))
    assert value(page, "webhook_url") == ""
    form = {"name": "Helper", "agent_mode": "cloud", "webhook_url": f" {URL} "}
    answer = await browser.post(HERE, form)
    assert (answer.status, answer.headers["location"]) == (303, f"{HERE}?did=agent_saved")
    page = seen(await browser.get(answer.headers["location"]))
    assert "Saved." in page.text
    assert (value(page, "name"), value(page, "webhook_url")) == ("Helper", URL)
    assert "Nothing was posted yet" in page.text
    again = await browser.post(HERE, form)  # as it is already
    assert again.status == 303
    assert (await browser.post(HERE, form | {"agent_mode": "local"})).status == 303
    stored = await browser.client.services.db.fetch_one(
        "select * from agents where email = %(email)s", {"email": AGENT}
    )
    assert stored is not None
    assert (stored["name"], stored["agent_mode"], stored["webhook_url"]) == ("Helper", "local", URL)


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"agent_mode": "cloud"}, "webhook_url", "there is none"),
        ({"webhook_url": "http://hooks.example/"}, "webhook_url", "must use https"),
        ({"webhook_url": "https://127.0.0.1/"}, "webhook_url", "not an IP address"),
        ({"webhook_url": "https://[::1]/"}, "webhook_url", "not an IP address"),
        ({"webhook_url": "https://localhost/"}, "webhook_url", "not public"),
        ({"webhook_url": "https://inside.example/"}, "webhook_url", "not public"),
        ({"webhook_url": "https://nowhere.example/"}, "webhook_url", "does not resolve"),
        ({"webhook_url": "javascript:alert(1)"}, "webhook_url", ""),
        ({"webhook_url": "https://hooks.example/" + "x" * 2048}, "webhook_url", "2048"),
        ({"name": "x" * 201}, "name", "200"),
        ({"name": "a\u202eb"}, "name", "control characters"),
        ({"agent_mode": "both"}, "agent_mode", ""),
    ],
    ids=lambda given: str(given)[:60],
)
async def test_what_cannot_be_set_is_said_at_its_field(
    browser: Browser, form: dict[str, str], field: str, words: str
) -> None:
    answer = await browser.post(HERE, {"name": "Kept", "agent_mode": "local"} | form)
    page = seen(answer)
    assert 400 <= answer.status < 500
    assert f'id="{field}-trouble" role="alert"' in answer.text
    said = answer.text.partition(f'id="{field}-trouble" role="alert">')[2].partition("</p>")[0]
    assert words in said
    for name, given in form.items():
        if name != "agent_mode":
            assert value(page, name) == given  # what was typed stays
    stored = await browser.client.services.db.fetch_one(
        "select * from agents where email = %(email)s", {"email": AGENT}
    )
    assert stored is not None
    assert (stored["name"], stored["agent_mode"], stored["webhook_url"]) == ("", "local", "")


async def test_what_a_url_keeps_secret_is_in_its_field_alone(browser: Browser) -> None:
    secret = "https://me:pass-word@hooks.example/path-word?query=word"
    assert (await browser.post(HERE, {"agent_mode": "cloud", "webhook_url": secret})).status == 303
    assert (await browser.get(HERE)).text.count("pass-word") == 1
    answer = await browser.get("/dashboard/agents")
    assert "hooks.example" in answer.text
    for word in ("pass-word", "path-word", "query"):
        assert word not in answer.text


async def test_a_name_is_text_wherever_it_is_shown(browser: Browser) -> None:
    assert (await browser.post(HERE, {"name": PAYLOAD, "agent_mode": "local"})).status == 303
    for path in (HERE, "/dashboard/agents", f"/dashboard/start/{AGENT}", f"{HERE}/suppressions", f"{HERE}/delete"):
        answer = await browser.get(path)
        assert answer.status == 200
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text
    assert (await browser.post(f"{HERE}/delete", {"typed": AGENT})).status == 303
    assert "<img" not in (await browser.get("/dashboard/agents?deleted=1")).text


async def test_a_name_can_be_changed_while_the_host_of_the_url_is_away(browser: Browser) -> None:
    form = {"name": "First", "agent_mode": "cloud", "webhook_url": URL}
    assert (await browser.post(HERE, form)).status == 303
    await browser.client.services.db.execute(
        "update agents set webhook_url = 'https://away.example/' where email = %(email)s", {"email": AGENT}
    )
    answer = await browser.post(HERE, form | {"name": "Second", "webhook_url": "https://away.example/"})
    assert answer.status == 303


async def test_a_catch_all_is_for_a_domain_of_ones_own(browser: Browser) -> None:
    db = browser.client.services.db
    await make_agent(db, browser.account_id, "first@own.example.com")
    await make_agent(db, browser.account_id, "second@own.example.com")
    assert "catch_all" not in (await browser.get(HERE)).text
    first, second = (f"/dashboard/agents/{name}@own.example.com" for name in ("first", "second"))
    assert "catch_all" in (await browser.get(first)).text
    assert (await browser.post(first, {"catch_all": "1"})).status == 303
    answer = await browser.post(second, {"catch_all": "1"})
    assert answer.status == 409
    assert 'id="catch_all-trouble" role="alert"' in answer.text
    assert (await browser.post(first, {})).status == 303
    assert (await browser.post(second, {"catch_all": "1"})).status == 303


async def test_an_agent_that_is_gone_meanwhile_is_not_there(browser: Browser) -> None:
    await browser.client.services.db.execute("update agents set deleted_at = now()")
    for path in ("", "/delete", "/suppressions"):
        assert (await browser.get(HERE + path)).status == 404
    for path, form in (
        ("", {"name": "x"}),
        ("/test", {}),
        ("/suppressions", {"address": "a@x.test"}),
        ("/suppressions/remove", {"address": "a@x.test"}),
    ):
        assert (await browser.post(HERE + path, form)).status == 404, path
    for path in ("test", "key"):
        assert (await browser.post(f"/dashboard/start/{AGENT}/{path}")).status == 404
    assert (await browser.client.services.db.fetch_one("select name from agents", {}))["name"] == ""  # type: ignore[index]


ROUTES = [
    ("GET", "/agents/{}"),
    ("POST", "/agents/{}"),
    ("POST", "/agents/{}/test"),
    ("GET", "/agents/{}/delete"),
    ("POST", "/agents/{}/delete"),
    ("POST", "/agents/{}/restore"),
    ("GET", "/agents/{}/purge"),
    ("POST", "/agents/{}/purge"),
    ("GET", "/agents/{}/suppressions"),
    ("POST", "/agents/{}/suppressions"),
    ("POST", "/agents/{}/suppressions/remove"),
    ("GET", "/start/{}"),
    ("GET", "/start/{}/key"),
    ("POST", "/start/{}/key"),
    ("POST", "/start/{}/test"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=str)
@pytest.mark.parametrize("trashed", [False, True])
async def test_what_another_account_has_is_not_there(
    browser: Browser, stranger: Browser, method: str, path: str, trashed: bool
) -> None:
    db, theirs = browser.client.services.db, "other@agents.localhost"
    if trashed:
        await db.execute("update agents set deleted_at = now() where email = %(email)s", {"email": theirs})
    state = "select to_jsonb(a) as row from agents a where email = %(email)s"
    before = await db.fetch_value(state, {"email": theirs})
    there = "/dashboard" + path.format(theirs)
    form = {"name": "x", "typed": theirs, "address": "a@x.test"}
    answer = await (browser.get(there) if method == "GET" else browser.post(there, form))
    assert answer.status == 404
    assert await db.fetch_value(state, {"email": theirs}) == before
    counted = "select (select count(*) from suppressions) + (select count(*) from api_keys where scope = 'agent')"
    assert await db.fetch_value(counted + " as found", {}) == 0


# A test mail and what goes on


async def test_a_test_mail_is_sent(browser: Browser) -> None:
    answer = await browser.post(f"{HERE}/test")
    assert (answer.status, answer.headers["location"]) == (303, f"{HERE}?did=tested")
    page = seen(await browser.get(answer.headers["location"]))
    assert "The test mail is on its way" in page.text


async def test_a_test_mail_that_cannot_be_sent_says_why(browser: Browser) -> None:
    db = browser.client.services.db
    await db.execute("update accounts set max_messages_month = 0 where id = %(id)s", {"id": browser.account_id})
    answer = await browser.post(f"{HERE}/test")
    assert answer.status == 402
    assert 'role="alert"' in answer.text
    assert value(seen(answer), "name") == ""


@pytest.mark.parametrize(
    ("columns", "words", "seconds"),
    [
        ({"status": "delivered", "attempts": 1, "last_status_code": 204}, "Delivered, answer 204", 0),
        ({"status": "pending", "attempts": 0}, "On its way", 2),
        (
            {"status": "pending", "attempts": 3, "last_status_code": 500, "age": "1 hour"},
            "Not delivered yet, 3 attempts, answer 500",
            30,
        ),
        (
            {"status": "failed", "attempts": 1, "last_error": "<b>refused</b>"},
            "Given up after 1 attempt: <b>refused</b>",
            0,
        ),
    ],
    ids=str,
)
async def test_what_became_of_posted_mail(browser: Browser, columns: dict[str, Any], words: str, seconds: int) -> None:
    db = browser.client.services.db
    await db.execute("update agents set webhook_url = %(url)s, agent_mode = 'cloud'", {"url": URL})
    age = columns.pop("age", "0 hours") if "age" in columns else "0 hours"
    row = {"account_id": browser.account_id, "id": "dlv_1", "endpoint": AGENT, "kind": "agent", "body": "{}"}
    await factories.insert(db, "deliveries", row | {"event_type": "email.received"} | columns)
    await db.execute("update deliveries set created_at = now() - %(age)s::interval", {"age": age})
    answer = await browser.get(HERE)
    assert words in seen(answer).text
    assert ("every" in answer.text) == bool(seconds)
    assert not seconds or f"every {seconds}s" in answer.text
    assert "<b>" not in answer.text


async def test_the_newest_mail_and_what_belongs_to_it(browser: Browser) -> None:
    db = browser.client.services.db
    there = await mail(browser, subject="A letter")
    await mail(browser, number=2, subject="Held", review_status="pending_review")
    await mail(browser, number=3, subject="Gone", deleted_at=factories.EPOCH)
    await factories.api_key(db, browser.account_id, scope="agent", agent_email=AGENT)
    page = seen(await browser.get(HERE))
    assert there in links(page)
    assert "Held for review" not in page.text.replace("1 held for review", "")
    assert "Gone" not in page.text
    assert "1 that opens this inbox alone" in page.text
    assert {f"{HERE}/protection", f"/dashboard/keys?agent={AGENT.replace('@', '%40')}"} <= set(links(page))


# Suppressions


async def test_suppressed_addresses_are_listed_added_and_removed(browser: Browser) -> None:
    there = f"{HERE}/suppressions"
    assert "Nobody is suppressed" in seen(await browser.get(there)).text
    for _ in range(2):
        answer = await browser.post(there, {"address": "Ada@Example.org", "reason": PAYLOAD})
        assert (answer.status, answer.headers["location"]) == (303, f"{there}?did=suppressed")
    answer = await browser.get(there)
    page = seen(answer)
    assert page.text.lower().count("ada@example.org") == 2  # in its line and for its button
    assert "<img" not in answer.text
    assert "1 that it does not write to" in seen(await browser.get(HERE)).text
    address = value(page, "address") or next(
        found["value"] for tag, found in page.elements if tag == "input" and found.get("type") == "hidden"
    )
    gone = await browser.post(f"{there}/remove", {"address": address})
    assert gone.headers["location"] == f"{there}?did=unsuppressed"
    assert (await browser.post(f"{there}/remove", {"address": address})).headers["location"] == there
    assert "Nobody is suppressed" in seen(await browser.get(there)).text


@pytest.mark.parametrize("address", ["", "nobody", "a@b@c", "x" * 400 + "@x.test", PAYLOAD])
async def test_what_is_no_address_is_not_suppressed(browser: Browser, address: str) -> None:
    answer = await browser.post(f"{HERE}/suppressions", {"address": address, "reason": "why"})
    assert 400 <= answer.status < 500
    assert 'id="address-trouble"' in answer.text
    page = seen(answer)
    assert (value(page, "address"), value(page, "reason")) == (" ".join(address.split()), "why")
    assert await browser.client.services.db.fetch_value("select count(*) as n from suppressions", {}) == 0


async def test_suppressions_are_paged(browser: Browser) -> None:
    for number in range(60):
        await browser.post(f"{HERE}/suppressions", {"address": f"n{number:02}@x.test"})
    first = await browser.get(f"{HERE}/suppressions")
    second = await browser.get(next_page(seen(first)))
    both = re.findall(r'name="address" value="(n\d\d@x.test)"', first.text + second.text)
    assert both == [f"n{number:02}@x.test" for number in range(59, -1, -1)]
    assert "First page" in second.text


# Deleting and the way back


async def test_deleting_wants_the_address_and_can_be_undone(browser: Browser) -> None:
    there = f"{HERE}/delete"
    page = seen(await browser.get(there))
    assert "30 days" in page.text
    for typed in ("", "bot", "bot@agents.local", "yes"):
        answer = await browser.post(there, {"typed": typed})
        assert answer.status == 422
        assert 'id="typed-trouble"' in answer.text
        assert value(seen(answer), "typed") == typed
    assert (await browser.get(HERE)).status == 200
    answer = await browser.post(there, {"typed": " Bot@Agents.localhost "})
    assert answer.headers["location"] == "/dashboard/agents?deleted=1&did=agent_deleted"
    again = await browser.post(there, {"typed": AGENT})
    assert (again.status, again.headers["location"]) == (303, "/dashboard/agents?deleted=1")
    assert (await browser.get(HERE)).status == 404
    assert AGENT in seen(await browser.get("/dashboard/agents?deleted=1")).text
    for location in (f"{HERE}?did=agent_restored", HERE):
        back = await browser.post(f"{HERE}/restore")
        assert (back.status, back.headers["location"]) == (303, location)
    assert "Nothing is deleted" in seen(await browser.get("/dashboard/agents?deleted=1")).text


async def test_deleting_for_good_wants_the_address_again(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    db, there = browser.client.services.db, f"{HERE}/purge"
    for number in range(3):
        await mail(browser, number=number)
    count = "select count(*) as found from messages"
    for answer in (await browser.get(there), await browser.post(there, {"typed": AGENT})):
        assert answer.status == 404  # it is not deleted yet
    await browser.post(f"{HERE}/delete", {"typed": AGENT})
    assert there in links(seen(await browser.get("/dashboard/agents?deleted=1")))
    answer = await browser.post(there, {"typed": "bot"})
    assert (answer.status, await db.fetch_value(count, {})) == (422, 3)
    with monkeypatch.context() as patched:
        patched.setattr(pages, "PURGE_SECONDS", 0)
        begun = await browser.post(there, {"typed": AGENT})
    assert (begun.status, "Not all of it is gone yet" in begun.text) == (200, True)
    assert value(seen(begun), "typed") == AGENT
    answer = await browser.post(there, {"typed": AGENT})
    assert answer.headers["location"] == "/dashboard/agents?deleted=1&did=agent_purged"
    assert await db.fetch_value(count, {}) == 0
    assert (await browser.post(there, {"typed": AGENT})).headers["location"] == "/dashboard/agents?deleted=1"
    assert (await browser.get(there)).status == 404


async def test_an_agent_whose_domain_is_somebody_elses_now_does_not_come_back(browser: Browser) -> None:
    db = browser.client.services.db
    await make_agent(db, browser.account_id, "lost@own.example.com")
    await browser.post("/dashboard/agents/lost@own.example.com/delete", {"typed": "lost@own.example.com"})
    other = await make_caller(db, "other@example.org")
    await db.execute(
        "update domains set account_id = %(id)s where domain = 'own.example.com'", {"id": other.account_id}
    )
    answer = await browser.post("/dashboard/agents/lost@own.example.com/restore")
    assert answer.status == 400
    assert "belongs to another account now" in answer.text


# The first run


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("", 422, ""),
        ("a", 400, "2 to 40 characters"),
        ("a b", 400, "2 to 40 characters"),
        ("-a", 400, "2 to 40 characters"),
        ("x" * 41, 400, "2 to 40 characters"),
        ("x" * 400, 422, "320"),
        ("admin", 400, "is reserved"),
        ("other", 409, "exists already"),
        ("trashed", 409, "in the trash"),
        ("me@elsewhere.example.com", 400, "not registered"),
        ("me@unproved.example.com", 400, "not verified"),
        ("me@below.agents.localhost", 400, "reserved"),
        (PAYLOAD, 400, "2 to 40 characters"),
        ("bücher", 400, "2 to 40 characters"),
    ],
)
async def test_an_agent_that_cannot_be_made_says_why_at_the_field(
    shared: Browser, stranger: Browser, name: str, status: int, words: str
) -> None:
    db = shared.client.services.db
    await factories.domain(db, "unproved.example.com", shared.account_id, verified=False)
    await make_agent(db, shared.account_id, "trashed@agents.localhost")
    await db.execute("update agents set deleted_at = now() where email like 'trashed%'")
    answer = await shared.post("/dashboard/start", {"name": name})
    assert answer.status in (status, 400)
    assert 'id="name-trouble" role="alert"' in answer.text
    assert words in answer.text
    assert value(seen(answer), "name") == name.lower()
    assert "<img" not in answer.text


async def test_a_form_that_is_sent_twice_makes_one_agent(shared: Browser) -> None:
    first = await shared.post("/dashboard/start", {"name": "Twice"})
    second = await shared.post("/dashboard/start", {"name": "twice@agents.localhost"})
    assert first.headers["location"] == "/dashboard/start/twice@agents.localhost?did=created"
    assert second.headers["location"] == "/dashboard/start/twice@agents.localhost?did=agent_mine"


async def test_without_a_shared_domain_whole_addresses_are_asked_for(browser: Browser) -> None:
    browser.client.services.shared_domain = ""
    assert '<label for="name">Address</label>' in (await browser.get("/dashboard/start")).text
    assert (await browser.post("/dashboard/start", {"name": "just-a-name"})).status == 400
    assert (await browser.post("/dashboard/start", {"name": "new@agents.localhost"})).status == 303


async def test_a_key_of_this_inbox_is_shown_once_and_made_once(browser: Browser) -> None:
    there = f"/dashboard/start/{AGENT}"
    page = seen(await browser.get(there))
    once = value(page, "once")
    shown = await browser.post(f"{there}/key", {"once": once})
    assert shown.status == 200
    (key,) = set(re.findall(r"e2a_agt_[0-9a-f]{64}", shown.text))
    assert shown.text.count(key) > 4  # in each of the snippets
    assert "YOUR_API_KEY" not in shown.text
    again = await browser.post(f"{there}/key", {"once": once})
    assert key in again.text
    assert "e2a_agt_" not in (await browser.get(there)).text
    stored = await browser.client.services.db.fetch_all(
        "select * from api_keys where agent_email = %(email)s", {"email": AGENT}
    )
    assert [row["scope"] for row in stored] == ["agent"]
    assert (await browser.client.request("GET", f"/v1/agents/{AGENT}/messages", key=key)).status == 200
    assert (await browser.client.request("GET", "/v1/agents", key=key)).status == 403
    assert (await browser.get(f"{there}/key")).headers["location"] == there
    # What draws the waiting part again is the page without the key.
    assert f'hx-get="{there}"' in shown.text


@pytest.mark.parametrize("local_part", ["`reboot`", "$HOME", "a'b", "x&y|z", "{a}", "!x", "a%b"])
def test_a_snippet_is_safe_to_paste(local_part: str) -> None:
    email = f"{local_part}@own.example.com"
    made = snippets("https://mail.example.com/", email, "e2a_agt_0")
    words = shlex.split(made["curl"].replace("\\\n", " "))
    assert words[0:2] == ["curl", "-s"]
    for hot in ("`", "$", "&", "|"):
        assert hot not in made["curl"]
    assert shlex.split(made["Terminal"].splitlines()[1]) == ["e2a", "listen", "--agent", email]
    compile(made["Python"], "snippet", "exec")
    assert json.dumps(email) in made["Python"]
    assert json.dumps(email) in made["TypeScript"]
    smtp = mail_by_curl(("127.0.0.1", 2525), "localhost", email)
    assert shlex.split(smtp.splitlines()[1])[-1] == email


def test_there_is_no_line_for_tools_that_are_not_served() -> None:
    assert "MCP" in snippets("http://x.test", AGENT)
    assert "MCP" not in snippets("http://x.test", AGENT, mcp=False)


@pytest.mark.parametrize(
    ("smtp", "host", "found"),
    [
        (None, "mx.example.com", ""),
        (("127.0.0.1", 2525), "mx.example.com", "smtp://127.0.0.1:2525"),
        (("::1", 25), "mx.example.com", "smtp://[::1]:25"),
        (("0.0.0.0", 25), "mx.example.com", "smtp://mx.example.com:25"),
        (("0.0.0.0", 25), "localhost", "smtp://127.0.0.1:25"),
    ],
)
def test_where_a_first_mail_goes(smtp: tuple[str, int] | None, host: str, found: str) -> None:
    made = mail_by_curl(smtp, host, AGENT)
    assert found in made
    assert bool(made) == bool(found)
