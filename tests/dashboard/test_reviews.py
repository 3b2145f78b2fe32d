"""The review queue: what is held and why, deciding about one and about many, and what leaves then."""

import hashlib
import re
from datetime import timedelta
from typing import Any

import pytest
import trio

from e2ad.core.outbound import decode_draft
from e2ad.gateway.mint import now
from e2ad.storage.adaptation import Jsonb
from tests import factories
from tests.api.conftest import make_agent
from tests.api.world import REVIEW
from tests.dashboard.conftest import AGENT, Browser, Seen, seen

OTHER = "second@agents.localhost"
HOSTILE = "<script>alert(1)</script> \u202e'\"&"
MAIL: dict[str, Any] = {"to": ["ada@example.org"], "subject": "Offer", "text": "We offer\nseven lamps."}


@pytest.fixture
async def key(browser: Browser) -> str:
    """An agent whose mail is all held, and the key of a program that writes with it."""
    key = await factories.api_key(browser.client.services.db, browser.account_id)
    assert (await browser.client.put(f"/v1/agents/{AGENT}/protection", REVIEW, key=key)).status == 200
    return key


async def hold(browser: Browser, key: str, agent: str = AGENT, **changes: Any) -> str:
    """The id of a draft that is held now."""
    answer = await browser.client.post(f"/v1/agents/{agent}/messages", MAIL | changes, key=key)
    assert answer.json()["status"] == "pending_review", answer.text
    return str(answer.json()["message_id"])


async def hold_mail_in(browser: Browser, agent: str = AGENT, **columns: Any) -> str:
    """The id of a mail that came in and is held now."""
    db = browser.client.services.db
    more = {"review_status": "pending_review", "review_expires_at": now() + timedelta(hours=5), **columns}
    message_id = await factories.message(db, browser.account_id, agent, **more)
    reason = {"type": "gate", "code": "sender_gate", "summary": "grace@example.org is not on your list"}
    row = {"account_id": browser.account_id, "message_id": message_id, "agent_email": agent, "direction": "inbound"}
    await factories.insert(db, "holds", row | {"reason": Jsonb(reason), "on_expiry": "reject"})
    return message_id


async def rows(browser: Browser, query: str) -> list[dict[str, Any]]:
    async with browser.client.services.db.connection() as connection:
        return await connection.fetch_all(query)


def listed(page: Seen) -> list[str]:
    return [
        str(found["id"])[2:] for tag, found in page.elements if tag == "a" and (found.get("id") or "").startswith("r-")
    ]


def ticks(page: Seen) -> list[str]:
    return [str(one["value"]) for tag, one in page.elements if tag == "input" and one.get("name") == "tick"]


def form(page: Seen) -> dict[str, str]:
    """The hidden fields of the forms of a page."""
    hidden = [one for tag, one in page.elements if tag == "input" and one.get("type") == "hidden"]
    return {
        str(one["name"]): str(one["value"]) for one in hidden if one.get("name") in ("content_sha256", "at", "sha256")
    }


async def opened(browser: Browser, message_id: str, query: str = "") -> Seen:
    answer = await browser.get(f"/dashboard/reviews/{message_id}{query}")
    assert answer.status == 200, answer.text
    return seen(answer)


async def told(browser: Browser) -> list[tuple[str, str, str]]:
    return [
        (row["action"], row["actor_kind"], row["actor"])
        for row in await rows(browser, "select * from audit_log order by number")
        if row["action"].startswith("review.")
    ]


async def test_an_empty_queue_says_what_it_is_for(browser: Browser) -> None:
    page = seen(await browser.get("/dashboard/reviews"))
    assert "Nothing waits" in page.text
    assert "/dashboard/agents" in page.all("a", "href")
    assert "Nothing was decided yet" in seen(await browser.get("/dashboard/reviews?tab=decided")).text


async def test_what_is_held_and_why_and_for_how_long(browser: Browser, key: str) -> None:
    out = await hold(browser, key, bcc=["eve@example.org"])
    into = await hold_mail_in(browser, subject="From a stranger")
    page = seen(await browser.get("/dashboard/reviews"))
    assert set(listed(page)) == {out, into}
    for words in ("To ada@example.org and 1 more", "Offer", "From a stranger", "is not on your list", "Every mail"):
        assert words in page.text, words
    assert "4 hours and 59 minutes left" in page.text
    assert "then it is kept back for good" in page.text
    assert "then it is rejected" in page.text


async def test_the_list_of_one_agent(browser: Browser, key: str) -> None:
    db = browser.client.services.db
    await make_agent(db, browser.account_id, OTHER)
    assert (await browser.client.put(f"/v1/agents/{OTHER}/protection", REVIEW, key=key)).status == 200
    one, other = await hold(browser, key), await hold(browser, key, OTHER)
    assert listed(seen(await browser.get("/dashboard/reviews"))) == [other, one]
    assert listed(seen(await browser.get(f"/dashboard/reviews?agent={OTHER}"))) == [other]
    assert listed(seen(await browser.get(f"/dashboard/reviews?agent={AGENT.upper()}"))) == [one]
    assert (await browser.get("/dashboard/reviews?agent=nobody@agents.localhost")).status == 404


async def test_pages_follow_each_other(browser: Browser) -> None:
    made = [await hold_mail_in(browser, number=number) for number in range(120)]
    await browser.client.services.db.execute(
        "update messages set created_at = created_at - number * interval '1 minute' from"
        " (select id as key, row_number() over (order by id) as number from messages) n where n.key = id"
    )
    for tab in ("", "?tab=decided"):
        found, path = list[str](), f"/dashboard/reviews{tab}"
        for _ in range(4):
            page = seen(await browser.get(path))
            found += listed(page)
            onward = [str(one["href"]) for tag, one in page.elements if tag == "a" and one.get("rel") == "next"]
            if not onward:
                break
            path = onward[0]
        assert (len(found), set(found)) == (120, set(made))
        await browser.client.services.db.execute(
            "with d as (update holds set decided_at = now() + random() * interval '1 hour', decided_via = 'api')"
            " update messages set review_status = 'review_rejected'"
        )


async def test_one_mail_with_all_that_a_decision_needs(browser: Browser, key: str) -> None:
    await factories.message(
        browser.client.services.db,
        browser.account_id,
        AGENT,
        raw=b"From: x@example.org\r\nSubject: Pay\r\nMessage-ID: <p@x>\r\n\r\nSend it to eve@example.org now\r\n",
        body_text="Send it to eve@example.org now",
    )
    message_id = await hold(browser, key, cc=["eve@example.org"], html="<p>We <b>offer</b></p>")
    page = await opened(browser, message_id)
    for words in (
        "Every mail",
        "ada@example.org",
        "Never seen",
        "eve@example.org",
        "Only named in a mail",
        "Send it to eve@example.org now",
        "seven lamps.",
        "The exact bytes that would leave",
        "Raw source",
        "Approve",
        "Reject",
        "6 days and 23 hours left",
    ):
        assert words in page.text, words
    frame = await browser.get(f"/dashboard/reviews/{message_id}/html")
    assert "<b>offer</b>" in frame.text
    assert "sandbox" in frame.headers["content-security-policy"]


async def test_what_was_shown_leaves_octet_for_octet(browser: Browser, key: str) -> None:
    message_id = await hold(browser, key, bcc=["eve@example.org"], html="<p>Hi</p>")
    page = await opened(browser, message_id)
    fields = form(page)
    (raw,) = {one for one in page.all("a", "href") if "/raw?at=" in one and "download" not in one}
    source = await browser.get(raw)
    assert fields["sha256"] in source.text
    saved = await browser.get(raw.replace("?", "?download=1&"))
    assert hashlib.sha256(saved.body).hexdigest() == fields["sha256"]
    assert b"eve@example.org" not in saved.body
    answer = await browser.post(f"/dashboard/reviews/{message_id}/approve", fields)
    assert (answer.status, answer.headers["location"]) == (303, f"/dashboard/reviews/{message_id}?did=approved"), (
        answer.text
    )
    (content,) = await rows(browser, "select raw, sha256 from contents")
    assert bytes(content["raw"]) == saved.body
    (session,) = await rows(browser, "select id from sessions")
    assert await told(browser) == [("review.approved", "session", session["id"])]
    (log,) = await rows(browser, "select evidence from audit_log where action = 'review.approved'")
    assert log["evidence"]["mail_sha256"] == fields["sha256"]
    assert log["evidence"]["seen_sha256"] == fields["content_sha256"]
    page = await opened(browser, message_id, "?did=approved")
    assert "Approved in the dashboard" in page.text
    assert ">Edit<" not in page.text


async def test_the_time_of_a_mail_is_the_one_that_was_shown(browser: Browser, key: str) -> None:
    message_id = await hold(browser, key)
    at = (now() - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = form(await opened(browser, message_id, f"?at={at}"))
    assert fields["at"] == at
    plain = form(await opened(browser, message_id))
    assert plain["at"] != at
    assert plain["sha256"] != fields["sha256"]
    assert form(await opened(browser, message_id))["sha256"] == plain["sha256"]
    assert fields["sha256"] == form(await opened(browser, message_id, f"?at={at}"))["sha256"]
    for bad in ("2020-01-01T00:00:00Z", (now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")):
        answer = await browser.post(f"/dashboard/reviews/{message_id}/approve", fields | {"at": bad})
        assert answer.status == 409, bad
        assert "otherwise than you saw it" in answer.text
    assert (await browser.post(f"/dashboard/reviews/{message_id}/approve", fields)).status == 303


@pytest.mark.parametrize(
    "changes", [{"content_sha256": ""}, {"content_sha256": "0" * 63}, {"sha256": "x"}, {"at": "yesterday"}, {"at": ""}]
)
async def test_an_approval_says_what_it_is_about(browser: Browser, key: str, changes: dict[str, str]) -> None:
    message_id = await hold(browser, key)
    fields = form(await opened(browser, message_id)) | changes
    answer = await browser.post(f"/dashboard/reviews/{message_id}/approve", fields)
    assert answer.status == 400, answer.text
    assert (await rows(browser, "select review_status from messages"))[0]["review_status"] == "pending_review"


async def test_a_draft_that_was_changed_meanwhile_does_not_leave(browser: Browser, key: str) -> None:
    message_id = await hold(browser, key)
    fields = form(await opened(browser, message_id))
    edited = await browser.client.patch(f"/v1/reviews/{message_id}", {"text": "We offer\neight lamps."}, key=key)
    assert edited.status == 200
    answer = await browser.post(f"/dashboard/reviews/{message_id}/approve", fields)
    assert answer.status == 409
    page = seen(answer)
    for words in ("changed since you saw it", "What changed since you looked", "seven", "eight", "−", "+"):
        assert words in page.text, words
    assert [row["review_status"] for row in await rows(browser, "select * from messages")] == ["pending_review"]
    # What is drawn again by itself has no button, until the page is opened anew.
    part = seen(await browser.get(f"/dashboard/reviews/{message_id}?seen={fields['sha256']}&at={fields['at']}"))
    assert "It was changed since you opened this page" in part.text
    assert ("button", "approve") not in [(tag, one.get("id")) for tag, one in part.elements]
    answer = await browser.post(f"/dashboard/reviews/{message_id}/approve", form(page))
    assert answer.status == 303


async def test_another_sender_is_another_mail(browser: Browser, key: str) -> None:
    """The draft is the same, and what would leave is not."""
    message_id = await hold(browser, key)
    fields = form(await opened(browser, message_id))
    services = browser.client.services
    await services.db.execute("update domains set bounce_verified = not bounce_verified, sending_status = 'verified'")
    answer = await browser.post(f"/dashboard/reviews/{message_id}/approve", fields)
    assert answer.status == 409
    assert "otherwise than you saw it" in answer.text


async def test_editing_shows_the_difference(browser: Browser, key: str) -> None:
    message_id = await hold(browser, key, subject="Offer of May", html="<p>old</p>")
    there = f"/dashboard/reviews/{message_id}"
    fields = form(await opened(browser, message_id))
    said = {"to": "ada@example.org, bob@example.org", "cc": "", "bcc": "", "subject": "Offer of June"}
    said |= {"text": "We offer\r\nseven lamps.", "html": "<p>new</p>", "content_sha256": fields["content_sha256"]}
    answer = await browser.post(f"{there}/edit", said)
    assert (answer.status, answer.headers["location"]) == (303, f"{there}?did=edited"), answer.text
    page = seen(await browser.get(there))
    for words in ("What was edited", "From revision 1 to revision 2", "bob@example.org", "May", "June", "new"):
        assert words in page.text, words
    (hold_row,) = await rows(browser, "select revision from holds")
    draft = decode_draft(
        bytes((await rows(browser, "select draft from hold_revisions order by revision"))[-1]["draft"])
    )
    assert (hold_row["revision"], draft.subject, draft.to) == (
        2,
        "Offer of June",
        ("ada@example.org", "bob@example.org"),
    )
    assert draft.text == MAIL["text"]
    # The form that was shown before is not about it any more.
    again = await browser.post(f"{there}/edit", said | {"subject": "Offer of July"})
    assert again.status == 409
    assert "Offer of July" in again.text
    assert "What changed since you looked" in again.text
    fresh = form(await opened(browser, message_id))
    assert (await browser.post(f"{there}/edit", said | fresh)).headers["location"] == f"{there}?did=unchanged"
    (session,) = await rows(browser, "select id from sessions")
    assert await told(browser) == [("review.edited", "session", session["id"])]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"to": "nobody"}, "an address has the form"), ({"to": ""}, ""), ({"subject": "x" * 3000}, "2000")],
)
async def test_an_edit_that_is_no_good_stays_in_the_form(
    browser: Browser, key: str, changes: dict[str, str], words: str
) -> None:
    message_id = await hold(browser, key)
    said = {"to": "ada@example.org", "subject": "Offer", "text": "My long work"} | changes
    said |= form(await opened(browser, message_id))
    answer = await browser.post(f"/dashboard/reviews/{message_id}/edit", said)
    assert answer.status in (400, 422), answer.text
    assert "My long work" in answer.text
    assert words in seen(answer).text
    assert 'role="alert"' in answer.text
    assert len(await rows(browser, "select 1 from hold_revisions")) == 1


async def test_rejecting_with_a_reason(browser: Browser, key: str) -> None:
    message_id = await hold(browser, key)
    fields = form(await opened(browser, message_id)) | {"reason": HOSTILE}
    answer = await browser.post(f"/dashboard/reviews/{message_id}/reject", fields)
    assert answer.status == 303, answer.text
    page = await browser.get(f"/dashboard/reviews/{message_id}")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "\u202e" not in page.text
    assert "Rejected in the dashboard" in seen(page).text
    past = await browser.get("/dashboard/reviews?tab=decided")
    assert "&lt;script&gt;alert(1)" in past.text
    inbox = await browser.get(f"/dashboard/inbox/{AGENT}/messages/{message_id}")
    assert "&lt;script&gt;alert(1)" in inbox.text
    (session,) = await rows(browser, "select id from sessions")
    assert await told(browser) == [("review.rejected", "session", session["id"])]
    assert (await browser.get(f"/dashboard/reviews/{message_id}/raw")).status == 404
    assert await rows(browser, "select 1 from submissions") == []


@pytest.mark.parametrize("verb", ["approve", "reject", "edit"])
async def test_decided_twice(browser: Browser, key: str, verb: str) -> None:
    message_id = await hold(browser, key)
    fields = form(await opened(browser, message_id)) | {"reason": "no", "subject": "other"}
    statuses = [
        (await browser.post(f"/dashboard/reviews/{message_id}/{one}", fields)).status for one in ("approve", verb)
    ]
    assert statuses == [303, 409]
    assert "decided already" in (await browser.post(f"/dashboard/reviews/{message_id}/{verb}", fields)).text
    assert len(await rows(browser, "select 1 from submissions")) == 1


async def test_a_form_that_is_sent_twice_at_once_decides_once(browser: Browser, key: str) -> None:
    message_id = await hold(browser, key)
    fields, statuses = form(await opened(browser, message_id)), list[int]()

    async def send() -> None:
        statuses.append((await browser.post(f"/dashboard/reviews/{message_id}/approve", fields)).status)

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(send)
    assert sorted(statuses) == [303, 409, 409, 409]
    assert len(await rows(browser, "select 1 from submissions")) == 1
    assert len(await told(browser)) == 1


async def test_the_clock_was_faster(browser: Browser, key: str) -> None:
    message_id = await hold(browser, key)
    fields = form(await opened(browser, message_id))
    await browser.client.services.db.execute(
        "with h as (update holds set decided_at = now(), decided_via = 'expiry', decided_by = 'expiry')"
        " update messages set review_status = 'review_expired_rejected'"
    )
    answer = await browser.post(f"/dashboard/reviews/{message_id}/approve", fields)
    assert answer.status == 409
    page = seen(answer)
    assert "decided already" in page.text
    assert "by itself, when the time was over" in page.text
    assert await rows(browser, "select 1 from submissions") == []


async def test_what_may_not_leave_stays_held_and_says_why(browser: Browser, key: str) -> None:
    message_id = await hold(browser, key)
    row = {"account_id": browser.account_id, "agent_email": "", "address": "ada@example.org", "source": "manual"}
    await factories.insert(browser.client.services.db, "suppressions", row)
    page = await opened(browser, message_id)
    assert "It cannot leave now" in page.text
    answer = await browser.post(f"/dashboard/reviews/{message_id}/approve", form(page))
    assert answer.status == 422
    assert "suppressed" in answer.text
    assert (await rows(browser, "select review_status from messages"))[0]["review_status"] == "pending_review"


async def test_mail_that_came_in(browser: Browser) -> None:
    raw = b"From: Grace <grace@example.org>\r\nSubject: Hello\r\nMessage-ID: <m@x>\r\n\r\nGood morning.\r\n"
    message_id = await hold_mail_in(browser, raw=raw)
    page = await opened(browser, message_id)
    for words in (
        "came in and waits",
        "is not on your list",
        "who stands behind this mail",
        "Good morning.",
        "Raw source",
    ):
        assert words in page.text, words
    assert ">Edit<" not in page.text
    fields = form(page)
    assert fields["content_sha256"] == hashlib.sha256(raw).hexdigest()
    assert (await browser.get(f"/dashboard/reviews/{message_id}/raw?download=1")).body == raw
    refused = await browser.post(f"/dashboard/reviews/{message_id}/approve", fields | {"content_sha256": "0" * 64})
    assert refused.status == 409
    assert (await browser.post(f"/dashboard/reviews/{message_id}/approve", fields)).status == 303
    assert "Let in in the dashboard" in (await opened(browser, message_id)).text
    assert (await browser.get(f"/dashboard/inbox/{AGENT}/messages/{message_id}")).status == 200


async def test_files_of_a_draft(browser: Browser, key: str) -> None:
    files = [{"filename": "<b>.csv", "content_type": "text/csv", "data": "MSwyCg=="}]
    message_id = await hold(browser, key, attachments=files)
    page = await opened(browser, message_id)
    assert "<b>.csv" in page.text
    answer = await browser.get(f"/dashboard/reviews/{message_id}/attachments/0")
    assert answer.body == b"1,2\n"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith('attachment; filename="_b_.csv"')
    for index in ("1", "x", "-1", "9999999"):
        assert (await browser.get(f"/dashboard/reviews/{message_id}/attachments/{index}")).status == 404


async def test_what_is_hostile_is_text(browser: Browser, key: str) -> None:
    message_id = await hold(browser, key, subject=HOSTILE, text=HOSTILE, html=f"<p>{HOSTILE}</p>")
    for path in ("", f"/{message_id}", f"/{message_id}?show=html", f"/{message_id}/html"):
        answer = await browser.get(f"/dashboard/reviews{path}")
        assert answer.status == 200
        assert "<script>alert" not in answer.text
        # The frame of its HTML shows that as it is.
        assert path.endswith("/html") or "\u202e" not in re.sub(
            r"<textarea.*?</textarea>|value=\"[^\"]*\"", "", answer.text, flags=re.DOTALL
        ), path


async def test_several_at_once(browser: Browser, key: str) -> None:
    made = [await hold(browser, key, subject=f"Number {number}") for number in range(50)]
    page = seen(await browser.get("/dashboard/reviews"))
    assert len(ticks(page)) == 50
    await browser.client.services.db.execute("delete from rate_windows")  # they were written over a longer time
    answer = await browser.post("/dashboard/reviews/decide", {"do": "approve", "tick": ticks(page)})
    assert answer.status == 200
    assert "Approved: 50 of 50" in seen(answer).text
    assert len(await rows(browser, "select 1 from submissions")) == len(made)
    (session,) = await rows(browser, "select id from sessions")
    assert await told(browser) == [("review.approved", "session", session["id"])] * 50
    again = seen(await browser.post("/dashboard/reviews/decide", {"do": "approve", "tick": ticks(page)}))
    assert "0 of 50 approved" in again.text
    assert len(await rows(browser, "select 1 from submissions")) == 50


async def test_of_several_each_has_its_own_result(browser: Browser, stranger: Browser, key: str) -> None:
    good = await hold(browser, key, subject="Good one")
    changed = await hold(browser, key, subject="Changed one")
    decided = await hold(browser, key, subject="Decided one")
    theirs = await hold_mail_in(stranger, agent="other@agents.localhost", subject="A secret")
    given = ticks(seen(await browser.get("/dashboard/reviews")))
    assert len(given) == 3
    assert (await browser.client.patch(f"/v1/reviews/{changed}", {"text": "x"}, key=key)).status == 200
    assert (await browser.client.post(f"/v1/reviews/{decided}/approve", {}, key=key)).status == 202
    given += [f"{theirs}.{'0' * 64}", "nonsense", given[0]]
    answer = await browser.post("/dashboard/reviews/decide", {"do": "reject", "tick": given, "reason": HOSTILE})
    page = seen(answer)
    assert "1 of 5 rejected" in page.text
    for words in (
        "Good one Rejected",
        "Changed one Nothing was done: The draft was changed",
        "Decided one Nothing was",
    ):
        assert words in page.text, words
    assert "A secret" not in answer.text
    assert theirs not in answer.text
    found = {row["id"]: row["review_status"] for row in await rows(browser, "select id, review_status from messages")}
    assert found == {
        good: "review_rejected",
        changed: "pending_review",
        decided: "review_approved",
        theirs: "pending_review",
    }


async def test_several_need_a_tick_and_a_verb(browser: Browser) -> None:
    assert "Nothing was ticked" in (await browser.post("/dashboard/reviews/decide", {"do": "approve"})).text
    assert (await browser.post("/dashboard/reviews/decide", {"do": "delete", "tick": "x"})).status == 400


async def test_what_another_account_holds_is_not_there(browser: Browser, stranger: Browser, key: str) -> None:
    files = [{"filename": "a.csv", "content_type": "text/csv", "data": "MSwyCg=="}]
    message_id = await hold(browser, key, html="<p>x</p>", attachments=files)
    fields = form(await opened(browser, message_id)) | {"subject": "mine"}
    assert listed(seen(await stranger.get("/dashboard/reviews"))) == []
    assert (await stranger.get(f"/dashboard/reviews?agent={AGENT}")).status == 404
    for path in ("", "/raw", "/html", "/attachments/0"):
        assert (await browser.get(f"/dashboard/reviews/{message_id}{path}")).status == 200, path
        answer = await stranger.get(f"/dashboard/reviews/{message_id}{path}")
        assert (answer.status, "Offer" in answer.text) == (404, False), path
    for verb in ("approve", "reject", "edit"):
        assert (await stranger.post(f"/dashboard/reviews/{message_id}/{verb}", fields)).status == 404, verb
        crossed = await browser.post(f"/dashboard/reviews/{message_id}/{verb}", fields, sec_fetch_site="cross-site")
        assert crossed.status == 403
    assert (await rows(browser, "select review_status from messages"))[0]["review_status"] == "pending_review"


async def test_mail_that_was_never_held_is_no_review(browser: Browser) -> None:
    message_id = await factories.message(browser.client.services.db, browser.account_id, AGENT)
    for path in (message_id, f"{message_id}/raw", "msg_x", "x%00"):
        assert (await browser.get(f"/dashboard/reviews/{path}")).status == 404, path
