"""Links of a mailed request: shown by GET, decided by POST, worth nothing for anything else."""

import base64
import hashlib
import re
import threading
from typing import Any
from urllib.parse import urlencode

import pytest
import trio

from e2ad.api import review_pages
from e2ad.core.html_text import HtmlText
from e2ad.core.outbound import sha256_of
from e2ad.core.review_links import ReviewLink
from e2ad.core.signing import signed_token
from e2ad.gateway.courier import NoCourier
from tests.api.conftest import SECRET, Answer, Client

AGENT = "bot@agents.localhost"
MAIL = {"to": ["ada@example.org"], "subject": "Hi", "text": "Hello <b>you</b>"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HEADERS = {
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "x-content-type-options": "nosniff",
}


@pytest.fixture
async def desk(client: Client, caller: Any, api: Any) -> Client:
    """A client whose one agent is reviewed."""
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    client.services.public_url = "https://e2a.test"
    body = {
        "inbound": {"gate": {}, "scan": {}},
        "outbound": {"gate": {}, "scan": {}, "require_review": True},
        "holds": {},
    }
    assert (await client.put(f"/v1/agents/{AGENT}/protection", body)).status == 200
    return client


async def rows(client: Client, table: str) -> list[dict[str, Any]]:
    async with client.services.db.connection() as connection:
        return await connection.fetch_all(f"select * from {table}")


async def hold(client: Client, **changes: Any) -> str:
    answer = await client.post(f"/v1/agents/{AGENT}/messages", {**MAIL, **changes})
    assert answer.json()["status"] == "pending_review", answer.text
    return str(answer.json()["message_id"])


async def mailed(client: Client) -> dict[str, str]:
    """The tokens of the newest notice, by action."""
    content = (await rows(client, "notices"))[-1]["content"].replace(b"=\r\n", b"").replace(b"=3D", b"=").decode()
    return dict(re.findall(r"https://e2a\.test/v1/(approve|reject)\?t=([A-Za-z0-9_.-]+)", content))


async def post(client: Client, path: str, **form: str) -> Answer:
    public = Client(client.app, client.services)
    return await public.request("POST", path, raw=urlencode(form).encode(), headers=FORM)


async def get(client: Client, path: str, token: str, name: str = "t", method: str = "GET") -> Answer:
    return await Client(client.app, client.services).request(method, path, query={name: token})


async def status_of(client: Client) -> Any:
    return (await rows(client, "messages"))[0]["review_status"]


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
@pytest.mark.parametrize("name", ["t", "token"])
async def test_get_shows_and_post_decides(desk: Client, prefix: str, name: str) -> None:
    await hold(desk, bcc=["eve@example.org"], html="<p>Hi<script>x</script></p>")
    tokens = await mailed(desk)
    for method in ("GET", "HEAD"):
        shown = await get(desk, f"{prefix}/approve", tokens["approve"], name, method)
        assert shown.status == 200, shown.text
        assert shown.headers["content-type"].startswith("text/html")
        assert {key: shown.headers[key] for key in HEADERS} == HEADERS
        assert "default-src 'none'" in shown.headers["content-security-policy"]
        for text in ("ada@example.org", "eve@example.org", "Hello &lt;b&gt;you&lt;/b&gt;", "HTML part", "<form"):
            assert text in shown.text
        assert "<script" not in shown.text
        assert await status_of(desk) == "pending_review"
    done = await post(desk, f"{prefix}/approve", **{name: tokens["approve"]})
    assert done.status == 200, done.text
    for text in ("Approved", "Hi", "ada@example.org", "eve@example.org"):
        assert text in done.text
    assert await status_of(desk) == "review_approved"
    assert len(await rows(desk, "submissions")) == 1
    assert "email.review_approved" in [row["type"] for row in await rows(desk, "events")]
    assert (await rows(desk, "holds"))[0]["decided_via"] == "link"
    (told,) = [row for row in await rows(desk, "audit_log") if row["action"] == "review.approved"]
    fingerprint = hashlib.sha256(tokens["approve"].encode()).hexdigest()[:16]
    assert (told["actor_kind"], told["actor"]) == ("link", fingerprint)
    assert told["evidence"]["client_address"] == desk.address
    for action in ("approve", "reject"):
        for again in (
            await get(desk, f"{prefix}/{action}", tokens[action]),
            await post(desk, f"{prefix}/{action}", t=tokens[action]),
        ):
            assert again.status == 409
            assert "decided already" in again.text
    assert len(await rows(desk, "submissions")) == 1


async def test_the_page_tells_what_a_decision_needs(desk: Client) -> None:
    await hold(desk, cc=["eve@example.org"])
    page = await get(desk, "/v1/approve", (await mailed(desk))["approve"])
    for words in ("Every mail of this agent is reviewed", "6 days and 23 hours left", "then it is rejected"):
        assert words in page.text, words
    assert page.text.count("Never seen") == 2
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("given", "kept"), [("", "magic-link rejection"), ("spam & more", "spam & more"), ("x" * 3000, "x" * 2000)]
)
async def test_rejecting_keeps_the_reason(desk: Client, given: str, kept: str) -> None:
    await hold(desk)
    token = (await mailed(desk))["reject"]
    assert "<textarea" in (await get(desk, "/v1/reject", token)).text
    assert (await post(desk, "/v1/reject", t=token, reason=given)).status == 200
    assert await status_of(desk) == "review_rejected"
    assert (await rows(desk, "holds"))[0]["rejection_reason"] == kept
    assert await rows(desk, "submissions") == []


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"id": "msg_" + "0a" * 16}, "e2a reviews show msg_" + "0a" * 16),
        ({"id": "<script>"}, "e2a reviews show MESSAGE"),
        ({}, "e2a reviews show MESSAGE"),
    ],
)
async def test_the_third_link_tells_how_else_to_decide(desk: Client, query: dict[str, str], shown: str) -> None:
    page = await Client(desk.app, desk.services).request("GET", "/dashboard/pending", query=query)
    assert page.status == 200
    assert {key: page.headers[key] for key in HEADERS} == HEADERS
    assert f"<code>{shown}</code>" in page.text
    onward = f"/dashboard/reviews/{query['id']}" if "0a" in shown else "/dashboard/reviews"
    assert f'<a href="{onward}">' in page.text
    assert "<script" not in page.text


async def test_a_token_that_was_touched_is_worth_nothing(desk: Client) -> None:
    await hold(desk)
    token = (await mailed(desk))["approve"]
    touched = {"", "x", ".", token[:-1], token + "A", token + "=", " " + token, token.replace(".", ""), "." + token}
    for at, character in enumerate(token):
        for other in "A", "b", "-", "_", ".":
            if other != character:
                touched.add(token[:at] + other + token[at + 1 :])
    touched |= {token.swapcase(), token[::-1], token.split(".")[0] + ".", "." + token.split(".")[1], "é" + token}
    link = ReviewLink.claimed(token)
    assert link is not None
    later = ReviewLink(link.message_id, link.action, link.expires_at + 1)
    sha256 = (await rows(desk, "hold_revisions"))[0]["sha256"]
    payload = f"{link.message_id}|approve|{link.expires_at}"
    touched |= {
        later.token("another secret of the same length", sha256),
        later.token(SECRET, sha256_of(b"another draft")),
        signed_token(SECRET, payload),
        signed_token(SECRET, payload, purpose="download"),
        signed_token(SECRET, f"{link.message_id}|delete|{link.expires_at}", purpose=f"review:{sha256.hex()}"),
        signed_token(SECRET, f"{link.message_id}|approve|-1", purpose=f"review:{sha256.hex()}"),
    }
    touched.discard(token)
    # One client address may ask so often; what is tested here is another bound.
    for number, bad in enumerate(sorted(touched)):
        public = Client(desk.app, desk.services, address=f"2001:db8:{number:x}::1")
        answer = await public.request("POST", "/v1/approve", raw=urlencode({"t": bad}).encode(), headers=FORM)
        assert answer.status in (400, 404), (bad, answer.status)
    assert await status_of(desk) == "pending_review"


async def test_a_link_is_for_one_action(desk: Client) -> None:
    await hold(desk)
    tokens = await mailed(desk)
    assert (await post(desk, "/v1/reject", t=tokens["approve"])).status == 400
    assert (await post(desk, "/v1/approve", t=tokens["reject"])).status == 400
    assert (await get(desk, "/v1/reject", tokens["approve"])).status == 400
    assert await status_of(desk) == "pending_review"


async def test_nothing_but_a_form_decides(desk: Client) -> None:
    await hold(desk)
    token = (await mailed(desk))["approve"]
    public = Client(desk.app, desk.services)
    assert (await public.request("POST", f"/v1/approve?t={token}")).status == 400
    assert (await public.request("POST", "/v1/approve", body={"t": token})).status == 400
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = await public.request(method, f"/v1/approve?t={token}")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert await status_of(desk) == "pending_review"


async def test_a_link_about_an_older_draft_says_so(desk: Client) -> None:
    message_id = await hold(desk)
    tokens = await mailed(desk)
    assert (await desk.patch(f"/v1/reviews/{message_id}", {"text": "other"})).status == 200
    for answer in (
        await get(desk, "/v1/approve", tokens["approve"]),
        await post(desk, "/v1/approve", t=tokens["approve"]),
        await post(desk, "/v1/reject", t=tokens["reject"]),
    ):
        assert answer.status == 409
        assert "edited after this link" in answer.text
    assert await status_of(desk) == "pending_review"


async def test_a_link_expires_and_its_mail_may_be_gone(desk: Client) -> None:
    message_id = await hold(desk)
    (revision,) = await rows(desk, "hold_revisions")
    token = ReviewLink(message_id, "approve", 1_700_000_000).token(SECRET, revision["sha256"])
    for answer in (await get(desk, "/v1/approve", token), await post(desk, "/v1/approve", t=token)):
        assert answer.status == 410
    fresh = (await mailed(desk))["approve"]
    assert (await desk.delete(f"/v1/agents/{AGENT}?confirm=DELETE")).status == 200
    assert (await post(desk, "/v1/approve", t=fresh)).status == 404
    assert (await desk.delete(f"/v1/agents/{AGENT}?confirm=DELETE&permanent=true")).status == 200
    assert (await post(desk, "/v1/approve", t=fresh)).status == 404


async def test_what_may_not_leave_stays_held(desk: Client, caller: Any) -> None:
    await hold(desk)
    token = (await mailed(desk))["approve"]
    async with desk.services.db.connection() as connection:
        await connection.execute(
            "insert into suppressions (account_id, address, source) values (%(id)s, 'ada@example.org', 'manual')",
            {"id": caller.account_id},
        )
    answer = await post(desk, "/v1/approve", t=token)
    assert answer.status == 422
    assert "stays held" in answer.text
    async with desk.services.db.connection() as connection:
        await connection.execute("update domains set verified = false")
    assert (await post(desk, "/v1/approve", t=token)).status == 403
    assert await status_of(desk) == "pending_review"


async def test_tricks_of_the_eye_are_shown(desk: Client) -> None:
    await hold(desk, subject="Pay \u202egnp.exe\u202c\u200b now", text="one\u2066two\nthree")
    page = (await get(desk, "/v1/approve", (await mailed(desk))["approve"])).text
    assert "Pay [U+202E]gnp.exe[U+202C][U+200B] now" in page
    assert "one[U+2066]two\nthree" in page
    assert not set("\u202e\u200b\u2066") & set(page)


async def test_a_page_is_written_off_the_event_loop(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent chooses what stands in its draft, and a link can be opened again and again."""
    threads: list[int] = []

    def html_to_text(html: str) -> HtmlText:
        threads.append(threading.get_ident())
        return real(html)

    real = review_pages.html_to_text
    monkeypatch.setattr(review_pages, "html_to_text", html_to_text)
    await hold(desk, html="<" * 10_000)
    assert (await get(desk, "/v1/approve", (await mailed(desk))["approve"])).status == 200
    assert threads
    assert threading.get_ident() not in threads


async def test_a_link_and_another_decision_at_once(desk: Client) -> None:
    message_id = await hold(desk)
    tokens = await mailed(desk)
    statuses: list[int] = []

    async def click(action: str) -> None:
        statuses.append((await post(desk, f"/v1/{action}", t=tokens[action])).status)

    async def decide() -> None:
        client = Client(desk.app, desk.services, desk.key)
        statuses.append((await client.post(f"/v1/reviews/{message_id}/reject", {})).status)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(click, "approve")
        nursery.start_soon(click, "approve")
        nursery.start_soon(click, "reject")
        nursery.start_soon(decide)
    assert sorted(statuses) == [200, 409, 409, 409]
    decided = [row for row in await rows(desk, "events") if row["type"] != "email.review_requested"]
    assert len(decided) == 1


async def test_trouble_after_the_decision_does_not_deny_it(desk: Client) -> None:
    class Broken(NoCourier):
        async def carry(self, account_id: str, message_id: str) -> None:
            raise OSError(account_id, message_id)

    desk.services.courier = Broken()
    await hold(desk, to=[AGENT])
    token = (await mailed(desk))["approve"]
    answer = await post(desk, "/v1/approve", t=token)
    assert answer.status == 500
    assert await status_of(desk) == "review_approved"
    assert "Nothing was decided" not in answer.text
    assert "is decided already" in (await get(desk, "/v1/approve", token)).text


async def test_strangers_can_only_try_so_often(desk: Client) -> None:
    answers = [await get(desk, "/v1/approve", "x") for _ in range(125)]
    assert [answer.status for answer in answers[:60]] == [400] * 60
    assert answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
