"""A person in between, on a running deployment: the links of a request, expiry, and mail released."""

import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.live.running import Running, dev_folder, running_dev, wait_until

pytestmark = pytest.mark.live


@pytest.fixture
def running() -> Iterator[Running]:
    """A deployment of its own that looks for expired holds all the time."""
    with dev_folder() as folder, running_dev(Path(folder), E2AD_GATE_SWEEP_SECONDS="0.2") as running:
        yield running


def protect(running: Running, agent: str, **more: Any) -> None:
    body = {
        "inbound": more.get("inbound", {"gate": {}, "scan": {}}),
        "outbound": {"gate": {}, "scan": {}, "require_review": more.get("required", True)},
        "holds": more.get("holds", {}),
    }
    status, answer = running.api("PUT", f"/v1/agents/{agent}/protection", body)
    assert status == 200, answer


def send(running: Running, agent: str, to: str) -> str:
    mail = {"to": [to], "subject": "Question", "text": "May I?"}
    status, answer = running.api("POST", f"/v1/agents/{agent}/messages", mail)
    assert (status, answer["status"]) == (202, "pending_review"), answer
    return str(answer["message_id"])


def click(running: Running, path: str, token: str, *, post: bool) -> tuple[int, str]:
    data = urllib.parse.urlencode({"t": token}).encode() if post else None
    url = running.api_url + path + ("" if post else f"?t={token}")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def inbox(running: Running, agent: str) -> list[dict[str, Any]]:
    status, page = running.api("GET", f"/v1/agents/{agent}/messages")
    assert status == 200, page
    items: list[dict[str, Any]] = page["items"]
    return items


def test_a_link_lets_a_mail_go_once(running: Running) -> None:
    writer, reader = running.agent("writer"), running.agent("reader")
    protect(running, writer)
    send(running, writer, reader)
    with psycopg.connect(str(running.told["database_url"])) as connection:
        row = connection.execute("select content from notices").fetchone()
    assert row is not None
    content = bytes(row[0]).replace(b"=\r\n", b"").replace(b"=3D", b"=").decode()
    (token,) = set(re.findall(r"/v1/approve\?t=([A-Za-z0-9_.-]+)", content))
    status, page = click(running, "/v1/approve", token, post=False)
    assert status == 200
    assert "May I?" in page
    assert inbox(running, reader) == []
    assert click(running, "/v1/approve", token, post=True)[0] == 200
    wait_until(lambda: len(inbox(running, reader)) == 1)
    assert click(running, "/v1/approve", token, post=True)[0] == 409
    (mail,) = inbox(running, reader)
    assert mail["subject"] == "Question"


def test_the_clock_decides_as_the_owner_wanted(running: Running) -> None:
    writer, reader = running.agent("writer"), running.agent("reader")
    protect(running, writer, holds={"ttl_seconds": 1, "on_expiry": "approve"})
    message_id = send(running, writer, reader)
    wait_until(lambda: len(inbox(running, reader)) == 1)
    assert running.api("GET", f"/v1/reviews/{message_id}")[1]["review_status"] == "review_expired_approved"
    protect(running, writer, holds={"ttl_seconds": 1, "on_expiry": "reject"})
    message_id = send(running, writer, reader)
    wait_until(lambda: running.api("GET", f"/v1/reviews/{message_id}")[1]["review_status"] == "review_expired_rejected")
    time.sleep(0.3)
    assert len(inbox(running, reader)) == 1


def test_mail_from_a_stranger_waits_for_a_person(running: Running) -> None:
    agent = running.agent("guarded")
    gate = {"policy": "allowlist", "action": "review", "allowlist": ["ann@example.org"]}
    protect(running, agent, required=False, inbound={"gate": gate, "scan": {}})
    running.send(agent, "From: eve@example.net\r\nMessage-ID: <1@x>\r\nSubject: Hi\r\n\r\nhello\r\n")
    wait_until(lambda: len(running.api("GET", "/v1/reviews")[1]["items"]) == 1)
    (review,) = running.api("GET", "/v1/reviews")[1]["items"]
    assert (review["direction"], review["header_from"]) == ("inbound", "eve@example.net")
    assert inbox(running, agent) == []
    assert running.api("GET", f"/v1/agents/{agent}/messages/{review['id']}")[0] == 404
    status, answer = running.api("POST", f"/v1/reviews/{review['id']}/approve", {})
    assert (status, answer) == (200, {"status": "review_approved", "message_id": review["id"]})
    (mail,) = inbox(running, agent)
    assert (mail["id"], mail["read_status"]) == (review["id"], "unread")
    events = running.api("GET", f"/v1/events?message_id={review['id']}")[1]["items"]
    assert {event["type"] for event in events} == {
        "email.review_requested",
        "email.review_approved",
        "email.received",
    }
