"""Hostile texts in every member of every request of mail out: the contract's codes, and never an accident of ours."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import Any

import pytest

from tests.api.conftest import Client

AGENT = "bot@agents.localhost"
REVIEW = {
    "inbound": {"gate": {}, "scan": {}},
    "outbound": {"gate": {}, "scan": {}, "require_review": True},
    "holds": {},
}
FILE = {"filename": "a.txt", "content_type": "text/plain", "data": "eA=="}
MAIL: dict[str, Any] = {
    "to": ["ada@example.org"],
    "cc": ["bob@example.org"],
    "bcc": ["eve@example.org"],
    "subject": "Hi",
    "text": "Hello",
    "html": "<p>Hello",
    "reply_to": ["bot@example.org"],
    "conversation_id": "c",
    "attachments": [FILE],
    "send_at": "2026-11-22T00:00:00Z",
}
CLASSIC: dict[str, Any] = {
    "from": AGENT,
    "to": "ada@example.org",
    "cc": ["bob@example.org"],
    "subject": "Hi",
    "body": "Hello",
    "html_body": "<p>Hello",
    "conversation_id": "c",
    "attachments": [FILE],
}
EDIT = {name: MAIL[name] for name in ("to", "cc", "bcc", "subject", "text", "html", "attachments")}
CLASSIC_EDIT = {"to": ["ada@example.org"], "subject": "Hi", "body_text": "x", "body_html": "x", "attachments": [FILE]}
TEXTS = [
    "a\0b",
    "a\r\nBcc: eve@example.org",
    "a\nX: y",
    "a\rX: y",
    "\u2028X: y",
    "\x85X",
    "\x7f",
    "",
    " ",
    "=?utf-8?q?=0D=0ABcc:_x?=",
    "x" * 400,
    "\u202eexe.txt",
    "\U0001f600" * 90,
    "a" + "\u0301" * 300,
    '"', "<", ">", "(", "a@b@c", "@", "a@[127.0.0.1]", "\ufeffa@example.org", "a@example.org, b@example.org",
    "a@example.org>\r\nRCPT TO:<b@example.org", "%0d%0a", "../../etc/passwd", "text/html; charset=\"\r\n\r\nx\"",
    "multipart/mixed; boundary=x", "message/rfc822", "0" * 400, "-1", "9999-12-31T23:59:59Z", "2026-13-01T00:00:00Z",
]  # fmt: skip


def mutants(body: Any) -> Iterator[Any]:
    """The body with one of its texts replaced, for each text and each hostile one; and with wrong types."""
    if isinstance(body, dict):
        for name, value in body.items():
            for mutant in mutants(value):
                yield {**body, name: mutant}
    elif isinstance(body, list):
        for mutant in mutants(body[0]):
            yield [mutant]
        yield [body[0]] * 2000
    else:
        yield from TEXTS
        yield from (None, 1, True, {}, [])


@pytest.fixture
async def desk(client: Client, caller: Any, api: Any) -> Client:
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    client.services.public_url = "https://e2a.test"
    assert (await client.put(f"/v1/agents/{AGENT}/protection", REVIEW)).status == 200
    object.__setattr__(client.services.config.rate_limits, "send_per_minute", 0)
    return client


async def hold(client: Client) -> str:
    return str((await client.post(f"/v1/agents/{AGENT}/messages", MAIL)).json()["message_id"])


async def statuses(client: Client, method: str, path: str, body: Any) -> dict[int, int]:
    found: dict[int, int] = {}
    for mutant in mutants(body):
        answer = await client.request(method, path, body=mutant)
        assert answer.status < 500, (answer.text, mutant)
        found[answer.status] = found.get(answer.status, 0) + 1
    return found


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"/v1/agents/{AGENT}/messages", MAIL),
        ("POST", "/api/v1/send", CLASSIC),
        ("PATCH", "/v1/reviews/{id}", EDIT),
        ("POST", "/v1/reviews/{id}/approve", EDIT),
        ("POST", "/v1/reviews/{id}/reject", {"reason": "no", "content_sha256": "0" * 64}),
        ("POST", "/api/v1/messages/{id}/approve", CLASSIC_EDIT),
        ("POST", "/api/v1/messages/{id}/reject", {"reason": "no"}),
        ("POST", f"/v1/agents/{AGENT}/suppressions", {"address": "x@example.org", "reason": "no"}),
        ("POST", "/v1/domains", {"domain": "shop.example.com"}),
        ("POST", "/api/v1/domains", {"domain": "shop.example.com"}),
        ("POST", f"/v1/agents/{AGENT}/messages/" + "{id}/resolve", {"outcome": "sent"}),
        (
            "PUT",
            f"/v1/agents/{AGENT}/protection",
            {**REVIEW, "outbound": {"gate": {"policy": "allowlist", "allowlist": ["a@example.org"]}, "scan": {}}},
        ),
    ],
)
async def test_no_accident(desk: Client, method: str, path: str, body: Any) -> None:
    found = await statuses(desk, method, path.replace("{id}", await hold(desk)), body)
    assert sum(found.values()) > 30
    assert any(400 <= status < 500 for status in found)


FIELDS = {
    "from", "to", "cc", "reply-to", "subject", "date", "message-id", "cfbl-address", "x-e2a-conversation-id",
    "mime-version", "content-type", "content-transfer-encoding", "content-disposition",
}  # fmt: skip


async def test_no_text_becomes_structure(desk: Client) -> None:
    """Of all that was accepted: the fields are ours, every line is one, nobody else gets it."""
    assert (
        await desk.put(f"/v1/agents/{AGENT}/protection", REVIEW | {"outbound": {"gate": {}, "scan": {}}})
    ).status == 200
    await statuses(desk, "POST", f"/v1/agents/{AGENT}/messages", MAIL)
    async with desk.services.db.connection() as connection:
        mails = await connection.fetch_all("select raw from contents")
        asked = await connection.fetch_all("select distinct address from recipients")
    assert len(mails) > 60
    for row in mails:
        raw: bytes = row["raw"]
        assert b"\r" not in raw.replace(b"\r\n", b"")
        assert b"\n" not in raw.replace(b"\r\n", b"")
        assert b"\0" not in raw
        assert max(map(len, raw.split(b"\r\n"))) <= 998
        parsed = message_from_bytes(raw, policy=policy.SMTP)
        assert not parsed.defects
        for part in parsed.walk():
            assert {name.lower() for name in part} <= FIELDS, part.keys()
            assert not part.defects
    known = {AGENT, "ada@example.org", "bob@example.org", "eve@example.org"}
    assert {row["address"] for row in asked} - known == set()
