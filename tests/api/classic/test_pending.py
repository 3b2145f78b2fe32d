"""Held drafts in the classic API, under each of the names that its clients use."""

from typing import Any

import attrs
import pytest
import trio

from e2ad.gateway import sending
from tests.api.conftest import Client

AGENT = "bot@agents.localhost"


@pytest.fixture
async def desk(client: Client, caller: Any, api: Any) -> Client:
    """A client whose one agent is reviewed."""
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    answer = await client.put(f"/api/v1/agents/{AGENT}", {"hitl_enabled": True, "hitl_ttl_seconds": 3600})
    assert answer.json()["hitl_enabled"] is True
    return client


async def hold(client: Client, **changes: Any) -> str:
    mail = {"to": ["ada@example.org"], "bcc": ["eve@example.org"], "subject": "Hi", "text": "Hello", "html": "<p>Hello"}
    files = [{"filename": "a.txt", "content_type": "text/plain", "data": "aGk="}]
    answer = await client.post(f"/v1/agents/{AGENT}/messages", {**mail, "attachments": files, **changes})
    assert answer.json()["status"] == "pending_review", answer.text
    return str(answer.json()["message_id"])


async def test_lists(desk: Client, stranger: str) -> None:
    first, second = await hold(desk, subject="one"), await hold(desk, subject="two")
    for path in (
        "/api/v1/pending",
        "/api/v1/pending?status=pending_approval",
        "/api/v1/messages?status=pending_approval",
        "/api/v1/messages",
    ):
        answer = await desk.get(path)
        assert answer.status == 200, answer.text
        assert [one["id"] for one in answer.json()["messages"]] == [first, second]
    one = answer.json()["messages"][0]
    assert (one["agent_id"], one["direction"], one["type"], one["status"]) == (
        AGENT,
        "outbound",
        "send",
        "pending_approval",
    )
    assert (one["to"], one["bcc"], one["subject"]) == (["ada@example.org"], ["eve@example.org"], "one")
    assert one["created_at"].endswith("Z")
    assert "." not in one["approval_expires_at"]
    assert (await desk.get("/api/v1/pending?status=sent")).status == 400
    assert (await desk.get("/api/v1/pending", key=stranger)).json() == {"messages": []}


async def test_a_body_vanishes_once_it_is_decided(desk: Client, stranger: str) -> None:
    message_id = await hold(desk)
    path = f"/api/v1/messages/{message_id}"
    detail = (await desk.get(path)).json()
    assert (detail["body_text"], detail["body_html"], detail["status"]) == ("Hello", "<p>Hello", "pending_approval")
    assert detail["attachments"] == [{"filename": "a.txt", "content_type": "text/plain", "data": "aGk="}]
    assert (await desk.get(path, key=stranger)).status == 404
    rejected = await desk.post(f"{path}/reject", {"reason": "no"})
    assert rejected.json() == {"status": "rejected", "message_id": message_id, "rejection_reason": "no"}
    after = (await desk.get(path)).json()
    assert not {"body_text", "body_html", "attachments"} & set(after)
    assert (after["status"], after["rejection_reason"]) == ("rejected", "no")
    assert after["reviewed_at"].endswith("Z")
    again = await desk.post(f"{path}/reject")
    assert again.status == 409


@pytest.mark.parametrize("form", ["/api/v1/messages/{id}", "/api/v1/agents/bot@agents.localhost/messages/{id}"])
async def test_approving(desk: Client, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending.Sending, "wait", _sent)
    message_id = await hold(desk)
    path = form.format(id=message_id)
    answer = await desk.post(f"{path}/approve", {"subject": "Other", "body_text": "Better", "attachments": []})
    assert answer.status == 200, answer.text
    result = answer.json()
    assert (result["status"], result["message_id"], result["edited"]) == ("sent", message_id, True)
    assert (result["method"], result["provider_message_id"][0]) == ("smtp", "<")
    after = (await desk.get(f"/api/v1/messages/{message_id}")).json()
    assert (after["status"], after["subject"], after["edited"]) == ("sent", "Other", True)
    assert (await desk.post(f"{path}/approve")).status == 409
    assert (await desk.post(f"{path}/reject", {})).status == 409


async def _sent(self: Any, account_id: str, outcome: Any, seconds: float = 0) -> Any:
    await trio.lowlevel.checkpoint()
    return attrs.evolve(outcome, status="sent")


async def test_no_body_is_needed(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending.Sending, "wait", _sent)
    answer = await desk.post(f"/api/v1/messages/{await hold(desk)}/approve")
    assert (answer.status, answer.json()["edited"]) == (200, False)


async def test_a_repeat_under_its_key_is_one(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending.Sending, "wait", _sent)
    path = f"/api/v1/messages/{await hold(desk)}/approve"
    headers = {"Idempotency-Key": "k"}
    first = await desk.post(path, {}, headers=headers)
    again = await desk.post(path, {}, headers=headers)
    assert (first.status, again.status) == (200, 200), again.text
    assert first.body == again.body
    assert again.headers["idempotent-replayed"] == "true"
    assert (await desk.post(path, {"subject": "x"}, headers=headers)).status == 422


async def test_whose_it_is(desk: Client, stranger: str, api: Any, caller: Any) -> None:
    message_id = await hold(desk)
    await api.make_agent(desk.services.db, caller.account_id, "other@agents.localhost")
    for verb in ("approve", "reject"):
        wrong = await desk.post(f"/api/v1/agents/other@agents.localhost/messages/{message_id}/{verb}")
        assert wrong.status == 404
        assert (await desk.post(f"/api/v1/messages/{message_id}/{verb}", key=stranger)).status == 404
        assert (await desk.post(f"/api/v1/messages/msg_{'0' * 32}/{verb}")).status == 404
    async with desk.services.db.connection() as connection:
        await connection.execute("update domains set verified = false")
    answer = await desk.post(f"/api/v1/messages/{message_id}/approve")
    assert answer.status == 403
    assert answer.headers["content-type"].startswith("text/plain")
