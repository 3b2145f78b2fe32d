"""What the pages do: lists, one mail, answers, and the way to the first mail."""

from datetime import timedelta
from typing import Any

import pytest

from e2ad.gateway.mint import new_id
from e2ad.storage.adaptation import Jsonb
from e2ad.workers.indexing import Indexer
from tests import factories
from tests.api.conftest import make_agent
from tests.api.world import REVIEW
from tests.dashboard.conftest import AGENT, Browser, Seen, mail, seen

OTHER = "second@agents.localhost"
LETTER = (
    "From: Ada <ada@example.org>\r\nTo: bot@agents.localhost\r\nCc: Carl <carl@example.org>\r\nSubject: {}\r\n"
    "Message-ID: <{}@example.org>\r\n\r\n{}\r\n"
)


def letter(subject: str, text: str = "Good morning.", number: int = 1) -> str:
    return LETTER.format(subject, number, text)


def subjects(page: Seen) -> list[str]:
    """The links of a list, in their order."""
    return [
        found["id"] or "" for tag, found in page.elements if tag == "a" and (found.get("id") or "").startswith("m-")
    ]


async def listed(browser: Browser, query: str = "") -> list[str]:
    answer = await browser.get("/dashboard/inbox" + query)
    assert answer.status == 200, answer.text
    return [one.removeprefix("m-") for one in subjects(seen(answer))]


def id_of(path: str) -> str:
    return path.rpartition("/")[2]


async def test_an_account_without_an_agent_is_led_to_make_one(browser: Browser) -> None:
    db = browser.client.services.db
    await db.execute("update agents set deleted_at = now()")
    for path in ("/dashboard/inbox", "/dashboard/compose"):
        answer = await browser.get(path)
        assert (answer.status, answer.headers["location"]) == (303, "/dashboard/start")
    assert "New agent" in (await browser.get("/dashboard/start")).text


async def test_an_empty_inbox_says_what_to_do(browser: Browser) -> None:
    text = seen(await browser.get("/dashboard/inbox")).text
    assert "No mail yet" in text
    assert "Connect a program and send a test mail" in text
    for query, words in (
        ("?unread=1", "Everything is read"),
        ("?box=trash", "The trash is empty"),
        ("?box=sent", "Nothing was sent yet"),
        ("?q=x", "exact words"),
        ("?from=x", "No mail fits this filter"),
    ):
        assert words in seen(await browser.get("/dashboard/inbox" + query)).text


async def test_inboxes_without_mail_are_not_asked(browser: Browser) -> None:
    """So that a search over all inboxes reaches an old one behind many new ones."""
    db = browser.client.services.db
    found = id_of(await mail(browser, sender_name="Ada", header_from="ada@example.org"))
    for number in range(25):
        await make_agent(db, browser.account_id, f"new{number}@agents.localhost")
    trashed = id_of(await mail(browser, header_from="ada@example.org", deleted_at=factories.EPOCH))
    assert await listed(browser, "?from=ada") == [found]
    assert "Choose an agent" not in (await browser.get("/dashboard/inbox?from=ada")).text
    assert await listed(browser, "?box=trash") == [trashed]
    await db.execute("update messages set deleted_at = null where id = %(id)s", {"id": trashed})
    assert await listed(browser, "?box=trash") == []


async def test_conversations_of_all_agents_newest_first(browser: Browser) -> None:
    await make_agent(browser.client.services.db, browser.account_id, OTHER)
    together = {"conversation_id": new_id("conv_"), "threaded": True}
    await mail(browser, number=1, **together)
    last = id_of(await mail(browser, number=3, **together))
    alone = id_of(await mail(browser, number=2, agent=OTHER))
    await mail(browser, number=9, review_status="pending_review")
    await mail(browser, number=8, deleted_at=factories.EPOCH)
    assert await listed(browser) == [last, alone]
    assert await listed(browser, f"?agent={AGENT}") == [last]
    assert await listed(browser, f"?agent={OTHER.upper()}") == [alone]
    assert 'title="2 messages"' in (await browser.get("/dashboard/inbox")).text


async def test_what_another_account_has_is_in_no_list(browser: Browser, stranger: Browser) -> None:
    await mail(stranger, agent="other@agents.localhost", subject="A secret")
    for query in ("", "?unread=1", "?q=secret", "?box=trash", "?from=a"):
        answer = await browser.get("/dashboard/inbox" + query)
        assert answer.status == 200
        assert "A secret" not in answer.text
        assert "other@agents.localhost" not in answer.text


async def test_pages_follow_each_other(browser: Browser) -> None:
    made = [id_of(await mail(browser, number=number)) for number in range(120)]
    for start in ("/dashboard/inbox", f"/dashboard/inbox?agent={AGENT}", f"/dashboard/inbox?agent={AGENT}&unread=1"):
        found, path = list[str](), start
        for _ in range(5):
            page = seen(await browser.get(path))
            found += [one.removeprefix("m-") for one in subjects(page)]
            onward = [one["href"] for tag, one in page.elements if tag == "a" and one.get("rel") == "next"]
            if not onward:
                break
            path = str(onward[0])
        assert found == made[::-1], start


async def test_a_cursor_of_another_list_is_no_accident(browser: Browser) -> None:
    for number in range(60):
        await mail(browser, number=number)
    page = seen(await browser.get("/dashboard/inbox"))
    (onward,) = (str(one["href"]) for tag, one in page.elements if tag == "a" and one.get("rel") == "next")
    answer = await browser.get(onward + f"&agent={AGENT}")
    assert answer.status == 400
    assert "Begin again at its first page" in answer.text
    assert (await browser.get("/dashboard/inbox?cursor=nonsense")).status == 400


async def test_filters(browser: Browser) -> None:
    await make_agent(browser.client.services.db, browser.account_id, OTHER)
    plain = id_of(await mail(browser, letter("Plain"), number=1, unread=False))
    marked = id_of(await mail(browser, letter("Marked", number=2), number=2, labels=["urgent"]))
    elsewhere = id_of(
        await mail(browser, letter("Elsewhere", number=3), number=3, agent=OTHER, header_from="bob@else.test")
    )
    trashed = id_of(await mail(browser, letter("Trashed", number=4), number=4, deleted_at=factories.EPOCH))
    assert await listed(browser, "?unread=1") == [elsewhere, marked]
    assert await listed(browser, "?from=bob") == [elsewhere]
    assert await listed(browser, "?label=URGENT") == [marked]
    assert await listed(browser, f"?unread=1&agent={AGENT}") == [marked]
    assert await listed(browser, "?box=trash") == [trashed]
    assert await listed(browser, "?from=ada&unread=1") == [marked]
    assert await listed(browser, "?box=nonsense") == [elsewhere, marked, plain]


async def test_a_search_shows_where_it_found_something(browser: Browser) -> None:
    db = browser.client.services.db
    there = await mail(browser, letter("The offer", "We offer seven lamps."))
    await mail(browser, letter("Other", "Nothing of it.", 2), number=2)
    await db.execute(
        "insert into search_queue (created_at, account_id, message_id) select created_at, account_id, id from messages"
    )
    await Indexer(db).index()
    answer = await browser.get("/dashboard/inbox?q=lamps")
    assert await listed(browser, "?q=lamps") == [id_of(there)]
    assert "<mark>lamps</mark>" in answer.text
    broken = await browser.get("/dashboard/inbox?q=%22open")
    assert broken.status == 200
    assert 'role="alert"' in broken.text or "Nothing found" in broken.text


async def test_a_mail_is_marked_as_read_when_it_is_opened_and_can_be_unread_again(browser: Browser) -> None:
    there = await mail(browser, letter("Hello"))
    assert await listed(browser, "?unread=1") == [id_of(there)]
    page = seen(await browser.get(there))
    assert "Hello" in page.text
    assert "Good morning." in page.text
    assert "carl@example.org" in page.text
    assert await listed(browser, "?unread=1") == []
    answer = await browser.post(there + "/unread")
    assert answer.headers["location"] == f"/dashboard/inbox?agent={AGENT}&did=unread"
    assert await listed(browser, "?unread=1") == [id_of(there)]


async def test_a_part_of_the_page_that_is_drawn_again_marks_nothing(browser: Browser) -> None:
    there = await mail(browser)
    assert (await browser.get(there, hx_request="true")).status == 200
    assert await listed(browser, "?unread=1") == [id_of(there)]


async def test_labels_trash_and_back(browser: Browser) -> None:
    there = await mail(browser)
    answer = await browser.post(there + "/labels", {"add": "Urgent, later", "do": "add"})
    assert answer.headers["location"] == there + "?did=labelled"
    assert "The labels are changed." in (await browser.get(there + "?did=labelled")).text
    labels = "select labels from messages"
    assert await browser.client.services.db.fetch_value(labels) == ["later", "urgent"]
    await browser.post(there + "/labels", {"remove": "later"})
    assert await browser.client.services.db.fetch_value(labels) == ["urgent"]
    answer = await browser.post(there + "/labels", {"add": "e2a:mine"})
    assert answer.status == 422 or answer.status == 400
    assert "server alone" in answer.text
    assert (await browser.post(there + "/trash")).status == 303
    page = await browser.get(there)
    assert "This mail is in the trash." in page.text
    assert await listed(browser) == []
    assert (await browser.post(there + "/restore")).status == 303
    assert await listed(browser) == [id_of(there)]
    assert (await browser.post(there + "/restore")).status == 409


async def test_raw_source(browser: Browser) -> None:
    raw = letter("Hello", "<b>not bold</b>")
    there = await mail(browser, raw)
    page = await browser.get(there + "/raw")
    assert "Raw source" in page.text
    assert "&lt;b&gt;not bold" in page.text
    saved = await browser.get(there + "/raw?download=1")
    assert saved.body == raw.encode()
    assert saved.headers["content-type"] == "message/rfc822"
    assert saved.headers["content-disposition"].startswith('attachment; filename="msg_')


async def test_the_evidence_is_on_the_page(browser: Browser) -> None:
    evidence = {
        "spf": {"status": "fail", "domain": "example.org", "aligned": None},
        "dkim": [{"status": "pass", "domain": "list.example", "selector": "s", "aligned": False}],
        "dmarc": {"status": "fail", "domain": "example.org", "policy": "reject", "aligned_by": []},
    }
    there = await mail(
        browser, letter("Hello", "Hi\u200b there"), authentication=Jsonb(evidence), flagged=True, flag_reason="odd"
    )
    page = seen(await browser.get(there))
    for words in (
        "Probably not from example.org",
        "must not send for it",
        "list.example signed",
        "be refused",
        "odd",
        "Hidden",
    ):
        assert words in page.text, words
    assert [tag for tag, _ in page.elements if tag == "svg"]
    assert "Received by SMTP and stored" in page.text
    assert "Hi there" in page.text


async def test_attempts_to_push_it_are_on_the_page(browser: Browser) -> None:
    db, there = browser.client.services.db, await mail(browser)
    key = {"account_id": browser.account_id}
    row = {"id": "evt_1", "type": "email.received", "agent_email": AGENT, "message_id": id_of(there), "envelope": "{}"}
    await factories.insert(db, "events", key | row)
    row = {"id": "whd_1", "endpoint": AGENT, "kind": "agent", "event_type": "email.received", "event_id": "evt_1"}
    tried = {"status": "failed", "attempts": 7, "last_status_code": 503, "last_error": "busy"}
    await factories.insert(db, "deliveries", key | row | tried)
    text = seen(await browser.get(there)).text
    assert "Could not be delivered to the agent's own URL" in text
    assert "7 attempts · answered 503 · busy" in text


async def test_the_other_mails_of_a_conversation_are_beside_it(browser: Browser) -> None:
    together = {"conversation_id": new_id("conv_"), "threaded": True}
    first = await mail(browser, letter("One"), number=1, **together)
    second = await mail(browser, letter("Two", number=2), number=2, **together)
    page = seen(await browser.get(second))
    links = page.all("a", "href")
    assert first in links
    assert "Conversation" in page.text
    assert "Conversation" not in seen(await browser.get(await mail(browser, number=7))).text


async def test_a_reply_is_sent_once_however_often_the_form_is(browser: Browser) -> None:
    there = await mail(browser, letter("Hello"))
    form = seen(await browser.get(there + "/reply"))
    (once,) = [found["value"] for tag, found in form.elements if tag == "input" and found.get("name") == "once"]
    said = {"text": "Thank you.", "once": once, "quote_history": "1"}
    answers = [await browser.post(there + "/reply", said) for _ in range(2)]
    assert [one.status for one in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    db = browser.client.services.db
    assert await db.fetch_value("select count(*) from messages where direction = 'outbound'") == 1
    sent = seen(await browser.get(answers[0].headers["location"]))
    assert "Accepted. It is on its way" in sent.text
    assert "Thank you." in sent.text


async def test_all_who_had_it_are_answered_when_that_is_ticked(browser: Browser) -> None:
    there = await mail(browser, letter("Hello"))
    assert "Also to the other recipients" in (await browser.get(there + "/reply")).text
    answer = await browser.post(there + "/reply", {"text": "Thanks, all.", "reply_all": "1"})
    page = seen(await browser.get(answer.headers["location"]))
    assert "carl@example.org" in page.text


async def test_a_forward_and_a_new_mail(browser: Browser) -> None:
    there = await mail(browser, letter("Hello"))
    answer = await browser.post(there + "/forward", {"to": "bob@example.org", "text": "See below."})
    assert answer.status == 303
    form = {"from": AGENT, "to": '"Lovelace, Ada" <ada@example.org>', "cc": "bob@example.org", "bcc": "eve@example.org"}
    answer = await browser.post("/dashboard/compose", form | {"subject": "News", "text": "Line one\r\nLine two"})
    assert answer.status == 303, answer.text
    page = seen(await browser.get(answer.headers["location"]))
    for words in ("News", "ada@example.org", "bob@example.org", "eve@example.org", "Line one Line two"):
        assert words in page.text, words
    assert len(await listed(browser, "?box=sent")) == 2


def multipart(form: dict[str, str], name: str, content: bytes) -> bytes:
    """A form as a browser sends it with a file."""
    parts = [f'--cut\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{said}\r\n' for key, said in form.items()]
    file = f'--cut\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
    return "".join([*parts, file]).encode() + content + b"\r\n--cut--\r\n"


async def test_files_go_along(browser: Browser) -> None:
    form = {"from": AGENT, "to": "ada@example.org", "subject": "Numbers", "text": "See the file."}
    kind = {"content_type": "multipart/form-data; boundary=cut"}

    async def send(content: bytes) -> Any:
        headers = browser._headers(kind)
        raw = multipart(form, "numbers.csv", content)
        return await browser.client.request("POST", "/dashboard/compose", raw=raw, headers=headers)

    answer = await send(b"1,2\n")
    assert answer.status == 303, answer.text
    page = seen(await browser.get(answer.headers["location"]))
    assert "numbers.csv" in page.text
    assert (await browser.get(answer.headers["location"].partition("?")[0] + "/attachments/0")).body == b"1,2\n"
    too_large = await send(b"x" * 11_000_000)
    assert too_large.status in (400, 413, 422), too_large.text
    assert "See the file." in too_large.text
    refused = await send(b"x" * 17_000_000)
    assert refused.status == 413
    assert "Make it smaller" in refused.text


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"to": "nobody"}, "To: an address has the form"),
        ({"to": ""}, ""),
        ({"to": "ada@example.org", "subject": "x" * 3000}, "2000"),
        ({"to": ", ".join(f"a{n}@example.org" for n in range(200))}, ""),
    ],
)
async def test_what_was_written_stays_when_it_is_not_sent(browser: Browser, form: dict[str, str], words: str) -> None:
    given = {"from": AGENT, "subject": "Hi", "text": "My long mail", "once": "0" * 64}
    answer = await browser.post("/dashboard/compose", given | form)
    assert answer.status in (400, 422), answer.text
    page = seen(answer)
    assert "My long mail" in page.text
    assert words in page.text
    assert 'role="alert"' in answer.text
    assert ("0" * 64) not in answer.text


async def test_what_the_gate_holds_is_said(browser: Browser) -> None:
    key = await factories.api_key(browser.client.services.db, browser.account_id)
    assert (await browser.client.put(f"/v1/agents/{AGENT}/protection", REVIEW, key=key)).status == 200
    answer = await browser.post(
        "/dashboard/compose", {"from": AGENT, "to": "ada@example.org", "subject": "x", "text": "y"}
    )
    assert answer.headers["location"].endswith("?did=held")
    page = seen(await browser.get(answer.headers["location"]))
    assert "Held for review." in page.text
    assert "a person has to approve it first" in page.text
    assert "1 held for review" in page.text
    assert "Held: a person has to decide" in page.text


async def test_of_held_mail_it_is_said_that_it_is_held(browser: Browser) -> None:
    answer = await browser.get(await mail(browser, subject="A secret", review_status="pending_review"))
    assert answer.status == 409
    assert "It waits for review" in answer.text
    assert "A secret" not in answer.text
    for state in ("review_rejected", "review_expired_rejected", "pending_screening"):
        assert (await browser.get(await mail(browser, number=1, review_status=state))).status == 404


async def test_first_run(browser: Browser, services: Any) -> None:
    await services.db.execute("update domains set account_id = null where domain = 'agents.localhost'")
    answer = await browser.post("/dashboard/start", {"name": "Helper"})
    assert answer.status == 303, answer.text
    there = answer.headers["location"]
    assert there == "/dashboard/start/helper@agents.localhost?did=created"
    page = await browser.get(there)
    text = seen(page).text
    assert "Waiting for the first mail" in text
    for words in ("curl -s", "from e2ad.sdk import E2AClient", 'from "@e2ad/sdk"', "claude mcp add", "e2a listen"):
        assert words in text, words
    assert "http://test/v1/agents/helper@agents.localhost/messages" in text
    assert "e2a_acct_" not in page.text
    await mail(browser, letter("The first"), agent="helper@agents.localhost")
    text = seen(await browser.get(there)).text
    assert "Mail has arrived." in text
    assert "The first" in text


@pytest.mark.parametrize("name", ["", "a b", "admin!", "x@elsewhere.example", "-"])
async def test_an_agent_that_cannot_be_made_says_why(browser: Browser, name: str) -> None:
    answer = await browser.post("/dashboard/start", {"name": name})
    assert answer.status >= 400
    page = seen(answer)
    assert 'role="alert"' in answer.text
    assert "New agent" in page.text


async def test_mail_of_all_ages_is_in_its_place(browser: Browser) -> None:
    old = await mail(browser, created_at=factories.EPOCH - timedelta(days=900))
    assert (await browser.get(old)).status == 200
    assert await listed(browser) == [id_of(old)]
