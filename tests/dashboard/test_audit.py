"""The audit log as a page: what stands in it, how it is filtered and paged, and that a bad row is named."""

import json
from typing import Any

import pytest

from e2ad.core.audit import Actor
from e2ad.dashboard import ledger
from e2ad.dashboard.pages import audit as pages
from e2ad.gateway import audit
from e2ad.storage.belongings import Known
from tests import factories
from tests.api.world import REVIEW
from tests.core.test_audit import recipe
from tests.dashboard.conftest import AGENT, Browser, Seen, mail, seen

LOG = "/dashboard/account/audit"
VERIFY = f"{LOG}/verify"
KEY = Actor("key", "apk_1", "192.0.2.7")


async def tell(browser: Browser, count: int, actor: Actor = KEY, action: str = "key.created", **more: Any) -> None:
    async with browser.client.services.db.transaction() as transaction:
        for number in range(count):
            subject = more.get("subject", f"apk_{number}")
            await audit.record(transaction, browser.account_id, actor, action, subject, more.get("evidence"))


def numbers(page: Seen) -> list[int]:
    found = [found.get("id") or "" for tag, found in page.elements if tag == "li"]
    return [int(one.removeprefix("row-")) for one in found if one.startswith("row-")]


async def listed(browser: Browser, query: str = "") -> list[int]:
    answer = await browser.get(LOG + query)
    assert answer.status == 200, answer.text
    return numbers(seen(answer))


async def by_hand(browser: Browser, *statements: str) -> None:
    """As somebody who owns the server, past every trigger."""
    async with browser.client.services.db.transaction() as transaction:
        await transaction.execute("set local session_replication_role = replica")
        for statement in statements:
            await transaction.execute(statement)


async def held(browser: Browser) -> str:
    """A draft that waits for a person; its id."""
    services = browser.client.services
    key = await factories.api_key(services.db, browser.account_id)
    assert (await browser.client.put(f"/v1/agents/{AGENT}/protection", REVIEW, key=key)).status == 200
    body = {"to": ["ada@example.org"], "subject": "Offer", "text": "Shall we?"}
    answer = await browser.client.post(f"/v1/agents/{AGENT}/messages", body, key=key)
    assert answer.status in (200, 202), answer.text
    return str(answer.json()["message_id"])


async def test_an_approval_stands_there_with_its_evidence(browser: Browser) -> None:
    message_id = await held(browser)
    cookie = {"cookie": f"e2a_session={browser.cookie}", "sec-fetch-site": "same-origin"}
    approve = f"/v1/reviews/{message_id}/approve"
    answer = await browser.client.request("POST", approve, body={}, headers=cookie, key=None)
    assert answer.status in (200, 202), answer.text
    page = seen(await browser.get(f"{LOG}?action=review.approved"))
    sha256 = await browser.client.services.db.fetch_value("select encode(sha256, 'hex') from hold_revisions")
    for words in (
        "Approved held mail",
        "This browser",
        message_id,
        sha256,
        "ada@example.org",
        "Provenance",
        "Held for",
    ):
        assert words in page.text, words
    assert f"/dashboard/inbox/{AGENT}/messages/{message_id}" in page.all("a", "href")
    assert "Shall we?" not in page.text


async def test_who_acted_is_named(browser: Browser) -> None:
    services = browser.client.services
    cookie = await services.sessions.begin(browser.account_id, by="link")
    session = await services.sessions.resolve(cookie)
    assert session is not None
    await services.sessions.end(cookie)
    known = {"name": "deploy", "key_prefix": "e2a_acct_ab"}
    await tell(browser, 1, subject="apk_1", evidence=known)
    for kind in ("session", "link", "program", "identity", "expiry", "system"):
        actor = Actor(kind, session.session_id if kind == "session" else "x" if kind == "link" else "")
        await tell(browser, 1, actor, action="agent.changed", subject=AGENT)
    page = seen(await browser.get(LOG))
    for words in (
        "API key “deploy”, e2a_acct_ab",
        "A mailed link",
        "A connected program",
        "A token of the agent",
        "The time ran out",
        "The server",
        "Signed in",
        "Ended a session",
        "Changed where an agent's mail goes",
    ):
        assert words in page.text, words


async def test_pages_follow_each_other_and_filters_stay(browser: Browser) -> None:
    await tell(browser, 120)
    await tell(browser, 3, Actor("link", "abc"), action="review.rejected", subject="msg_1")
    everything = await browser.client.services.db.fetch_value("select count(*) from audit_log")
    for query, count in (("", everything), ("?action=key.created", 120), ("?actor=apk_1&kind=key", 120)):
        path, found = LOG + query, list[int]()
        for _ in range(5):
            page = seen(await browser.get(path))
            found += numbers(page)
            onward = [one["href"] for tag, one in page.elements if tag == "a" and one.get("rel") == "next"]
            if not onward:
                break
            path = str(onward[0])
        assert len(found) == count
        assert found == sorted(set(found), reverse=True)
        assert "First page" in page.text


async def test_filters(browser: Browser) -> None:
    begun = await listed(browser)
    await tell(browser, 2)
    await tell(browser, 1, Actor("link", "abc"), action="review.rejected", subject="msg_1")
    last = max(await listed(browser))
    assert await listed(browser, "?kind=link") == [last]
    assert await listed(browser, "?subject=msg_1") == [last]
    assert await listed(browser, "?actor=abc") == [last]
    assert await listed(browser, "?action=review.rejected&kind=key") == []
    assert await listed(browser, "?action=nonsense") == []
    assert len(await listed(browser, "?since=2000-01-01&until=9998-12-31")) == len(begun) + 3
    assert await listed(browser, "?until=2001-01-01") == []
    for query in ("?since=yesterday", "?until=1999-01-01", "?since=2026-13-01"):
        answer = await browser.get(LOG + query)
        assert answer.status == 400
        assert "A day" in seen(answer).text
        assert "Show all rows" in answer.text
    assert "No row fits" in (await browser.get(f"{LOG}?subject=msg_none")).text


async def test_a_cursor_of_another_list_is_no_accident(browser: Browser, stranger: Browser) -> None:
    await tell(browser, 60)
    page = seen(await browser.get(LOG))
    (onward,) = (str(one["href"]) for tag, one in page.elements if tag == "a" and one.get("rel") == "next")
    assert (await stranger.get(onward)).status == 400
    assert (await browser.get(onward + "&kind=key")).status == 400
    for path in (LOG + "?cursor=nonsense", VERIFY + "?at=nonsense"):
        assert (await browser.get(path)).status == 400


async def test_rows_of_others_are_in_no_list(browser: Browser, stranger: Browser) -> None:
    await tell(stranger, 3, action="agent.changed", subject="secret@agents.localhost")
    for query in ("", "?subject=secret@agents.localhost", "?action=agent.changed"):
        assert "Changed where" not in seen(await browser.get(LOG + query)).text.partition("Until")[2]
    theirs = (await browser.get(f"{LOG}?subject=other@agents.localhost")).text
    assert "row-" not in theirs
    await tell(browser, 1, subject="other@agents.localhost", action="agent.changed")
    page = seen(await browser.get(LOG))
    assert "/dashboard/agents/other@agents.localhost" not in page.all("a", "href")


async def test_only_what_is_still_there_is_linked(browser: Browser) -> None:
    there = await mail(browser)
    gone, rejected = await mail(browser, number=1), await mail(browser, number=2, review_status="review_rejected")
    subjects = [path.rpartition("/")[2] for path in (there, gone, rejected)]
    for subject in (*subjects, AGENT, "nobody@agents.localhost"):
        await tell(browser, 1, subject=subject, action="agent.changed")
    await browser.client.services.db.execute("delete from messages where id = %(id)s", {"id": subjects[1]})
    links = seen(await browser.get(LOG)).all("a", "href")
    assert there in links
    assert f"/dashboard/agents/{AGENT}" in links
    for path in (gone, rejected, "/dashboard/agents/nobody@agents.localhost"):
        assert path not in links


async def test_all_rows_hold(browser: Browser) -> None:
    await tell(browser, 5)
    page = seen(await browser.get(VERIFY))
    head = await browser.client.services.db.fetch_one(
        "select number, encode(digest, 'hex') as digest from audit_heads where account_id = %(id)s",
        {"id": browser.account_id},
    )
    assert f"All {head['number']} rows hold." in page.text
    assert f"{head['number']}:{head['digest']}" in page.text


async def test_a_long_log_is_looked_at_in_steps(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "STEP_ROWS", 20)
    monkeypatch.setattr(audit, "PAGE", 10)
    await tell(browser, 100)
    path, shown = VERIFY, list[str]()
    for _ in range(20):
        page = seen(await browser.get(path))
        shown.append(page.text)
        onward = [
            found["href"] for tag, found in page.elements if tag == "a" and "/verify?" in (found.get("href") or "")
        ]
        if not onward:
            break
        path = str(onward[0])
    assert "20 of 101 rows hold so far." in shown[0]
    assert "100 of 101 rows hold so far." in shown[-2]
    assert "All 101 rows hold." in shown[-1]
    await tell(browser, 30)  # what was added meanwhile is looked at too
    assert "of 131 rows" in seen(await browser.get(path)).text


TAMPERED = {
    "changed": ("update audit_log set subject = 'apk_9' where number = 50", 50),
    "in another step": ("update audit_log set actor = 'somebody' where number = 90", 90),
    "removed": ("delete from audit_log where number = 40", 40),
    "removed at the end": ("delete from audit_log where number = 101", 101),
    "head moved": ("update audit_heads set number = 90", 91),
    "forged anew": (
        "update audit_log set actor = 'x', digest = sha256(convert_to(concat_ws(e'\\n', 'e2ad audit 1', account_id,"
        " number, encode(previous, 'hex'), to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
        " actor_kind, 'x', action, subject, evidence::text), 'UTF8')) where number = 61",
        61,
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
async def test_the_first_bad_row_is_named(browser: Browser, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(pages, "STEP_ROWS", 20)
    monkeypatch.setattr(audit, "PAGE", 10)
    await tell(browser, 100)
    statement, first = TAMPERED[name]
    await by_hand(browser, statement)
    path = VERIFY
    for _ in range(20):
        page = seen(await browser.get(path))
        onward = [
            found["href"] for tag, found in page.elements if tag == "a" and "/verify?" in (found.get("href") or "")
        ]
        if not onward:
            break
        path = str(onward[0])
    assert f"Row {first} is bad." in page.text
    assert "rows hold." not in page.text
    (around,) = [href for href in page.all("a", "href") if "#row-" in href]
    assert around.endswith(f"#row-{first}")
    near = await listed(browser, around.partition(LOG)[2].partition("#")[0])
    assert max(near) <= first + pages.AROUND - 1
    assert min(near) < first


async def test_the_download_proves_itself_without_us(browser: Browser, tmp_path: Any) -> None:
    await tell(browser, 250, evidence={"name": "é\u2028<b>"})
    answer = await browser.client.request("POST", f"{LOG}/export", headers=browser._headers({}), raw=b"")
    assert answer.status == 200, answer.text
    name = f'attachment; filename="e2a-audit-{browser.account_id}.jsonl"'
    assert answer.headers["content-disposition"] == name
    file = tmp_path / "log.jsonl"
    file.write_bytes(answer.body)
    told = [json.loads(line) for line in answer.body.decode().split("\n") if line]
    assert [row["number"] for row in told] == list(range(1, 252))
    import subprocess
    import sys

    proof = subprocess.run([sys.executable, "-c", recipe(), str(file)], capture_output=True, text=True, check=False)
    assert proof.stdout.strip() == f"251:{told[-1]['digest']}", proof.stderr
    (first,) = numbers(seen(await browser.get(f"{LOG}?action=account.exported")))
    assert first == 252
    assert "Took the audit log along" in (await browser.get(LOG)).text


HOSTILE = "<img src=x onerror=alert(1)>\u202e\u200b{{ 7*7 }}"


async def test_strangers_words_in_evidence_are_only_text(browser: Browser) -> None:
    evidence = {
        HOSTILE: HOSTILE,
        "recipients": [{"address": HOSTILE, "why": HOSTILE}],
        "held_for": {"type": HOSTILE},
        "content_sha256": HOSTILE,
        "names": [HOSTILE],
    }
    await tell(browser, 1, Actor("key", HOSTILE), "review.approved", subject=f"{HOSTILE}/../x", evidence=evidence)
    await tell(browser, 1, subject=HOSTILE, evidence={"name": HOSTILE, "key_prefix": HOSTILE})
    answer = await browser.get(LOG)
    assert answer.status == 200, answer.text
    assert "\u202e" not in answer.text
    page = seen(answer)
    assert not [found for tag, found in page.elements if tag == "img" or "onerror" in found]
    assert "{{ 7*7 }}" in page.text
    answer = await browser.get(f"{LOG}?subject={'%3Cscript%3E'}&actor=%22%3E%3Cscript%3E")
    assert [found for tag, found in seen(answer).elements if tag == "script" and "src" not in found] == []


async def test_evidence_without_an_end_has_one_on_the_page(browser: Browser) -> None:
    many = [{"address": f"a{number}@example.org"} for number in range(500)]
    await tell(browser, 1, evidence={"recipients": many})
    text = seen(await browser.get(LOG)).text
    assert "and more, which the export has" in text
    assert "a499@example.org" not in text


def test_every_action_has_words() -> None:
    assert set(ledger.WORDS) == set(audit.ACTIONS)


@pytest.mark.parametrize(
    ("kind", "known", "words"),
    [
        ("session", {"browser": "Firefox", "network": "192.0.2.0/24"}, ("Firefox", "192.0.2.0/24")),
        ("session", None, ("A browser", "")),
        ("key", {"name": "ci", "key_prefix": "e2a_acct_1"}, ("API key “ci”", "e2a_acct_1")),
        ("key", {"name": ""}, ("An API key", "")),
        ("program", {"client_name": "Desk"}, ("Program “Desk”", "")),
        ("identity", None, ("A token of the agent", "id")),
        ("new", None, ("new", "id")),
    ],
)
def test_who_acts_in_words(kind: str, known: dict[str, Any] | None, words: tuple[str, str]) -> None:
    told = None if known is None else Known("id", "x", known)
    assert ledger.actor_words(kind, "id", told) == words


def test_evidence_as_lines() -> None:
    told = {
        "client_address": "192.0.2.7",
        "findings": [{"detector": "x", "summary": "odd"}],
        "content_sha256": "ab" * 32,
        "direction": "outbound",
        "nothing": None,
        "empty": [],
        "changed": {"to": {"before": ["a", "b"], "after": [], "sure": True}},
    }
    lines = [(fact.name, fact.depth, fact.value) for fact in ledger.facts(told)]
    assert lines == [
        ("Direction", 0, "outbound"),
        ("Content (SHA-256)", 0, "ab" * 32),
        ("Changed", 0, ""),
        ("To", 1, ""),
        ("Before", 2, "a, b"),
        ("Sure", 2, "yes"),
        ("Findings (1)", 0, ""),
        ("x", 1, ""),
        ("Summary", 2, "odd"),
        ("Came from", 0, "192.0.2.7"),
    ]
