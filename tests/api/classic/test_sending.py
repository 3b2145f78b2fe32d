"""Sending by the classic API: it answers when the mail has left, with the mail's own id."""

from typing import Any

import pytest
import trio
from attrs import define

from e2ad.gateway import sending as verbs
from tests import factories
from tests.api.conftest import Answer, Client

AGENT = "bot@agents.localhost"
BODY = {"to": ["ada@example.org"], "subject": "Hi", "body": "Hello"}


@define
class Dispatch:
    """Carries what was accepted, as soon as it is told, to the end that a test wants."""

    db: Any
    nursery: trio.Nursery
    status: str = "sent"
    sent: int = 0

    def kick(self) -> None:
        self.nursery.start_soon(self.carry, "", "")

    async def carry(self, account_id: str, message_id: str) -> None:
        self.sent += 1
        await self.db.execute(
            "update submissions set status = %(status)s, detail = '550 no', submitted_at = now()"
            " where status = 'accepted'",
            {"status": self.status},
        )


@define
class Bench:
    """An agent and its API."""

    client: Client
    account_id: str
    dispatch: Dispatch

    async def send(self, **more: Any) -> Answer:
        headers = more.pop("headers", None)
        return await self.client.post("/api/v1/send", {**BODY, **more}, headers=headers)

    async def rows(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.client.services.db.fetch_all(f"select * from {table}", prepare=False)
        return found


@pytest.fixture
async def bench(client: Client, caller: Any, api: Any, nursery: trio.Nursery) -> Bench:
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    dispatch = Dispatch(client.services.db, nursery)
    client.services.courier = dispatch
    return Bench(client, caller.account_id, dispatch)


async def test_a_mail_is_sent(bench: Bench) -> None:
    answer = await bench.send(to="Ada <ada@example.org>", html_body="<p>Hello</p>", unknown=1)
    (row,) = await bench.rows("messages")
    assert (answer.status, answer.json()) == (
        200,
        {"status": "sent", "message_id": row["message_id"], "method": "smtp"},
    )
    assert "\\u003c" in answer.text
    assert answer.text.endswith("\n")
    assert (row["agent_email"], row["body_html"]) == (AGENT, "<p>Hello</p>")
    listed = (await bench.client.get(f"/api/v1/agents/{AGENT}/messages", query={"direction": "outbound"})).json()
    assert listed["messages"][0]["hitl_status"] == "sent"


async def test_from_may_be_left_out_with_one_agent(bench: Bench, api: Any) -> None:
    other = "other@agents.localhost"
    await api.make_agent(bench.client.services.db, bench.account_id, other)
    answer = await bench.send()
    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert "from is required" in answer.text
    assert (await bench.client.post("/api/v1/send", {**BODY, "from": " Other@agents.localhost"})).status == 200
    assert [row["agent_email"] for row in await bench.rows("messages")] == [other]
    bench.client.key = (await api.make_caller(bench.client.services.db, scope="agent", agent_email=AGENT)).key
    assert (await bench.send()).status == 200
    assert (await bench.client.post("/api/v1/send", {**BODY, "from": other})).status == 403


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"subject": ""}, 400),
        ({"body": ""}, 400),
        ({"to": []}, 400),
        ({"to": ["nobody"]}, 400),
        ({"to": [], "bcc": ["a@b.test"]}, 400),
        ({"subject": "a\r\nBcc: x@y.test"}, 400),
        ({"attachments": [{"filename": "a", "content_type": "a/b", "data": "!"}]}, 400),
        ({"attachments": [{"filename": "a\nb", "content_type": "a/b", "data": ""}]}, 400),
        ({"to": 5}, 400),
        ({"from": "nobody@agents.localhost"}, 404),
    ],
)
async def test_what_is_wrong_is_one_line(bench: Bench, change: dict[str, Any], status: int) -> None:
    answer = await bench.send(**change)
    assert (answer.status, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert answer.text.count("\n") == 1
    assert await bench.rows("messages") == []


async def test_a_body_may_have_25_mib(bench: Bench) -> None:
    answer = await bench.client.post("/api/v1/send", raw=b" " * (26_214_400 + 1))
    assert answer.status == 413


async def test_what_did_not_leave_is_500_and_may_be_tried_again(bench: Bench) -> None:
    bench.dispatch.status = "failed"
    key = {"Idempotency-Key": "once"}
    answer = await bench.send(headers=key)
    assert (answer.status, answer.text) == (500, "the mail could not be sent: 550 no\n")
    bench.dispatch.status = "sent"
    assert (await bench.send(headers=key)).json()["status"] == "sent"
    assert len(await bench.rows("messages")) == 2


async def test_what_is_still_under_way_is_not_called_sent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs.Sending.wait, "__defaults__", (0.2,))
    bench.dispatch.status = "sending"
    answer = await bench.send()
    assert (answer.status, answer.json()["status"]) == (200, "accepted")


async def test_the_same_request_twice_is_one_mail(bench: Bench) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = await bench.send(headers=key), await bench.send(headers=key)
    assert (first.status, second.status) == (200, 200)
    assert first.body == second.body
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert len(await bench.rows("messages")) == 1
    assert (await bench.send(subject="Other", headers=key)).status == 422
    assert (await bench.send(headers={"Idempotency-Key": "k" * 256})).status == 400
    assert (await bench.send(to=[], headers={"Idempotency-Key": "two"})).status == 400
    assert (await bench.send(headers={"Idempotency-Key": "two"})).status == 200


async def test_the_key_belongs_to_the_path(bench: Bench) -> None:
    parent = await factories.message(bench.client.services.db, bench.account_id, AGENT)
    path, key = f"/api/v1/agents/{AGENT}/messages/{parent}/reply", {"Idempotency-Key": "once"}
    assert (await bench.client.post(path, {"body": "Thanks"}, headers=key)).status == 200
    assert (
        await bench.client.post(f"/api/v1/agents/{AGENT}/messages/x/reply", {"body": "Thanks"}, headers=key)
    ).status == 422


async def test_an_answer_and_a_forward(bench: Bench) -> None:
    parent = await factories.message(bench.client.services.db, bench.account_id, AGENT)
    path = f"/api/v1/agents/{AGENT}/messages/{parent}"
    answer = await bench.client.post(f"{path}/reply", {"body": "Thanks", "html_body": "<p>Thanks</p>"})
    assert answer.json()["status"] == "sent"
    assert (await bench.client.post(f"{path}/forward", {"to": ["eve@x.test"], "body": "FYI"})).json()[
        "status"
    ] == "sent"
    assert [row["subject"] for row in await bench.rows("messages") if row["direction"] == "outbound"] == [
        "Re: Hello",
        "Fwd: Hello",
    ]
    assert (await bench.client.post(f"/api/v1/agents/{AGENT}/messages/x/reply", {"body": "x"})).status == 404
    assert (await bench.client.post(f"{path}/reply", {})).status == 400


async def test_mail_to_oneself_and_the_platforms_test(bench: Bench) -> None:
    own = await bench.send(to=[AGENT])
    assert own.json()["method"] == "loopback"
    assert own.json()["message_id"].endswith("@loopback.agents.localhost>")
    answer = await bench.client.post(f"/api/v1/agents/{AGENT}/test")
    assert (answer.status, answer.json()["status"]) == (200, "sent")


async def test_held_mail(bench: Bench) -> None:
    await bench.client.services.db.execute(
        """update agents set protection = '{"outbound": {"require_review": true}}'"""
    )
    answer = await bench.send()
    body = answer.json()
    assert (answer.status, body["status"], body["message_id"][:4]) == (202, "pending_approval", "msg_")
    assert body["approval_expires_at"].endswith("Z")
    assert "." not in body["approval_expires_at"]
    listed = (await bench.client.get(f"/api/v1/agents/{AGENT}/messages", query={"direction": "outbound"})).json()
    assert listed["messages"][0]["hitl_status"] == "pending_approval"


async def test_limits(bench: Bench) -> None:
    await bench.client.services.db.execute("update accounts set max_messages_month = 0")
    answer = await bench.send()
    assert answer.status == 402
    assert answer.json()["resource"] == "messages_month"
    await bench.client.services.db.execute("update accounts set max_messages_month = null")
    await bench.client.services.db.execute("update domains set verified = false")
    assert (await bench.send()).status == 403
