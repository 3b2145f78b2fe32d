"""The page behind List-Unsubscribe."""

import hashlib
from typing import Any

import pytest

from e2ad.api import unsubscribe
from e2ad.core import mime
from tests.api.conftest import Client

AGENT = "bot@agents.localhost"
FORM = {"content-type": "application/x-www-form-urlencoded"}
ONE_CLICK = b"List-Unsubscribe=One-Click"


@pytest.fixture
async def url(client: Client, caller: Any, api: Any) -> str:
    """The path in a mail that an agent has sent; the client has no key any more."""
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    client.services.public_url = "https://e2ad.test"
    answer = await client.post(
        f"/v1/agents/{AGENT}/messages",
        {"to": ["ada@example.org"], "subject": "News", "text": "x", "unsubscribe": {"mode": "managed"}},
    )
    assert answer.status == 202
    raw = await client.services.db.fetch_value("select raw from contents")
    (field,) = mime.header_values(bytes(raw), "List-Unsubscribe")
    client.key = None
    return field.strip("<>").removeprefix("https://e2ad.test")


async def listed(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await client.services.db.fetch_all(
        "select agent_email, address, source from suppressions"
    )
    return found


async def test_looking_changes_nothing(client: Client, url: str) -> None:
    answer = await client.get(url)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert AGENT in answer.text
    assert "ada@example.org" not in answer.text
    assert '<form method="post">' in answer.text
    assert await listed(client) == []
    for name, value in (("cache-control", "no-store"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")):
        assert answer.headers[name] == value
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["ratelimit-limit"] == "600"


MULTIPART = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", ONE_CLICK),
        ("application/x-www-form-urlencoded; charset=utf-8", b"a=b&" + ONE_CLICK),
        ("multipart/form-data; boundary=b", MULTIPART),
        ('multipart/form-data; boundary="b"', MULTIPART),
    ],
)
async def test_one_click(client: Client, url: str, kind: str, body: bytes) -> None:
    for _ in range(2):
        answer = await client.post(url, raw=body, headers={"content-type": kind})
        assert (answer.status, answer.body) == (200, b"")
    assert await listed(client) == [{"agent_email": AGENT, "address": "ada@example.org", "source": "unsubscribe"}]
    (event,) = await client.services.db.fetch_all("select type, agent_email from events")
    assert event == {"type": "agent.suppression_added", "agent_email": AGENT}


async def test_a_person_presses_the_button(client: Client, url: str) -> None:
    answer = await client.post(url, raw=b"confirm=unsubscribe", headers=FORM)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "no more mail" in answer.text
    assert len(await listed(client)) == 1


async def test_the_agent_writes_no_more(client: Client, caller: Any, url: str) -> None:
    await client.post(url, raw=ONE_CLICK, headers=FORM)
    body = {"to": ["Ada@example.org"], "subject": "News", "text": "x"}
    answer = await client.post(f"/v1/agents/{AGENT}/messages", body, key=caller.key)
    assert answer.code == "recipient_suppressed"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"", 400),
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=Later", 400),
        ("application/x-www-form-urlencoded", b"list-unsubscribe=one-click", 400),
        ("application/x-www-form-urlencoded", b"confirm=yes", 400),
        ("application/x-www-form-urlencoded", b"\xff=\xff", 400),
        ("application/x-www-form-urlencoded", b"&".join([b"a=b"] * 20), 400),
        ("multipart/form-data; boundary=b", b"--b", 400),
        ("multipart/form-data", MULTIPART, 400),
        ("multipart/form-data; boundary=\u00e4", MULTIPART, 400),
        ("application/json", b'{"confirm": "unsubscribe"}', 400),
        ("application/x-www-form-urlencoded", ONE_CLICK + b"&x=" + b"x" * 1024, 413),
    ],
)
async def test_a_post_that_says_something_else(client: Client, url: str, kind: str, body: bytes, status: int) -> None:
    answer = await client.post(url, raw=body, headers={"content-type": kind})
    assert (answer.status, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert await listed(client) == []


async def test_links_that_were_never_given_out(client: Client, url: str) -> None:
    for token in ("u1_" + "A" * 43, url.rpartition("/")[2][:-1], url.rpartition("/")[2] + "x", "%C3%A4", "x" * 5000):
        shown = await client.get(f"/u/{token}")
        assert (shown.status, shown.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "<form" not in shown.text
        assert (await client.post(f"/u/{token}", raw=ONE_CLICK, headers=FORM)).status == 404
    stored = await client.services.db.fetch_value("select token_sha256 from unsubscribe_tokens")
    assert bytes(stored) == hashlib.sha256(url.rpartition("/")[2].encode()).digest()
    assert (await client.get(f"/u/{bytes(stored).hex()}")).status == 404
    assert await listed(client) == []


async def test_other_methods_and_paths(client: Client, url: str) -> None:
    for method in ("PUT", "DELETE", "PATCH", "HEAD"):
        assert (await client.request(method, url)).status == 405
    assert (await client.get("/u/")).status == 404
    assert (await client.get("/u/a/b")).status == 404


async def test_so_often_and_no_more(client: Client, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsubscribe, "REQUESTS_PER_MINUTE", 2)
    assert [(await client.get(url)).status for _ in range(3)] == [200, 200, 429]
