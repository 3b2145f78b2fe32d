"""Attachments: described, inline, and by a signed link that needs no credential."""

import base64
import hashlib
from typing import Any
from urllib.parse import urlsplit

import pytest

from e2ad.api import messages as api
from e2ad.core.signing import signed_token
from e2ad.gateway.mint import now
from e2ad.storage.pool import Database
from tests import factories

AGENT = "bot@agents.test"
INBOX = f"/v1/agents/{AGENT}/messages"

WITH_ATTACHMENTS = (
    b"From: Ada <ada@example.org>\r\nTo: bot@agents.test\r\nSubject: Files\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n"
    b'--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nalpha\r\n'
    b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
    b"Content-Disposition: attachment; filename*=UTF-8''%C3%A4%20%22b%22.bin\r\n\r\nAAEC\r\n--b--\r\n"
)


@pytest.fixture
async def inbox(client: Any, caller: Any, database: Database) -> Any:
    """The client, with a live agent of its account."""
    await factories.agent(database, caller.account_id, AGENT)
    return client


async def test_an_attachment_and_its_link(inbox: Any, caller: Any, database: Database) -> None:
    inbox.services.public_url = "https://mail.example/"
    found = await factories.message(database, caller.account_id, raw=WITH_ATTACHMENTS)
    listed = (await inbox.get(f"{INBOX}/{found}")).json()["attachments"]
    assert [entry["index"] for entry in listed] == [0, 1]
    answer = await inbox.get(f"{INBOX}/{found}/attachments/0")
    body = answer.json()
    assert body["filename"] == "a.txt"
    assert body["size_bytes"] == 5
    assert "data" not in body
    url = urlsplit(body["download_url"])
    assert (url.scheme, url.netloc) == ("https", "mail.example")
    anonymous = {"Authorization": ""}
    got = await inbox.request("GET", f"{INBOX}/{found}/attachments/0/download?{url.query}", headers=anonymous)
    assert (got.status, got.body) == (200, b"alpha")
    assert got.headers["content-type"] == "text/plain"
    assert got.headers["content-disposition"] == 'attachment; filename="a.txt"'
    assert got.headers["content-length"] == "5"
    assert "sandbox" in got.headers["content-security-policy"]
    assert "ratelimit-limit" in got.headers
    inline = (await inbox.get(f"{INBOX}/{found}/attachments/1", query={"inline": "true"})).json()
    assert base64.b64decode(inline["data"]) == b"\0\1\2"
    url = urlsplit(inline["download_url"])
    got = await inbox.get(f"{INBOX}/{found}/attachments/1/download?{url.query}")
    assert (
        got.headers["content-disposition"]
        == "attachment; filename=\"_ _b_.bin\"; filename*=UTF-8''%C3%A4%20%22b%22.bin"
    )


async def test_attachments_that_are_not_there(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(database, caller.account_id, raw=WITH_ATTACHMENTS)
    for inline in ("false", "true"):
        answer = await inbox.get(f"{INBOX}/{found}/attachments/2", query={"inline": inline})
        assert (answer.status, answer.code) == (404, "attachment_not_found")
    answer = await inbox.get(f"{INBOX}/msg_none/attachments/0")
    assert (answer.status, answer.code) == (404, "not_found")
    for index in ("-1", "x"):
        answer = await inbox.get(f"{INBOX}/{found}/attachments/{index}")
        assert (answer.status, answer.code) == (422, "invalid_request")


async def test_a_large_attachment_goes_by_link_alone(inbox: Any, caller: Any, database: Database) -> None:
    content = b"x" * 262_145
    raw = WITH_ATTACHMENTS.replace(b"alpha", b"\r\n".join(content[n : n + 70] for n in range(0, len(content), 70)))
    found = await factories.message(database, caller.account_id, raw=raw)
    answer = await inbox.get(f"{INBOX}/{found}/attachments/0", query={"inline": "true"})
    assert (answer.status, answer.code) == (413, "attachment_too_large")
    body = (await inbox.get(f"{INBOX}/{found}/attachments/0")).json()
    got = await inbox.get(f"{INBOX}/{found}/attachments/0/download?{urlsplit(body['download_url']).query}")
    assert got.status == 200
    assert len(got.body) == body["size_bytes"]
    assert hashlib.sha256(got.body.replace(b"\r\n", b"")).digest() == hashlib.sha256(content).digest()


async def test_links_that_do_not_open(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(database, caller.account_id, raw=WITH_ATTACHMENTS)
    secret, path = inbox.services.keys.current, f"{INBOX}/{found}/attachments/0/download"
    soon, past = int(now().timestamp()) + 60, int(now().timestamp())

    def token(payload: str, purpose: str = api.DOWNLOAD_PURPOSE, key: str = secret) -> str:
        return signed_token(key, payload, purpose=purpose)

    assert (await inbox.get(path, query={"token": token(f"{found}|0|{soon}")})).status == 200
    assert (await inbox.get(path)).status == 401
    for bad in (
        "nonsense",
        token(f"{found}|1|{soon}"),
        token(f"msg_other|0|{soon}"),
        token(f"{found}|0|{past}"),
        token(f"{found}|0|soon"),
        # An approval's token has the same shape and key: its purpose is not in the MAC of ours.
        token(f"{found}|0|{soon}", purpose=""),
        token(f"{found}|0|{soon}", key="another secret"),
    ):
        answer = await inbox.get(path, query={"token": bad})
        assert (answer.status, answer.code) == (403, "forbidden")
    nowhere = f"/v1/agents/nobody@agents.test/messages/{found}/attachments/0/download"
    assert (await inbox.get(nowhere, query={"token": token(f"{found}|0|{soon}")})).status == 404
    gone = f"{INBOX}/{found}/attachments/7/download"
    answer = await inbox.get(gone, query={"token": token(f"{found}|7|{soon}")})
    assert (answer.status, answer.code) == (404, "attachment_not_found")


async def test_downloads_are_limited_by_address(inbox: Any) -> None:
    path = f"{INBOX}/msg_x/attachments/0/download"
    statuses = [(await inbox.get(path)).status for _ in range(121)]
    assert statuses[:120] == [401] * 120
    assert statuses[120] == 429
    inbox.address = "192.0.2.8"
    assert (await inbox.get(path)).status == 401
