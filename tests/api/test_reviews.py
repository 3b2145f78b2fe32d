"""Held drafts over `/v1`: held, seen, changed, approved, rejected, by exactly one of all who decide."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
import trio

from e2ad.core.errors import Unavailable
from e2ad.core.outbound import decode_draft
from e2ad.gateway.courier import NoCourier
from e2ad.storage import outbox
from tests.api.conftest import Answer, Client

AGENT = "bot@agents.localhost"
MAIL = {
    "to": ["ada@example.org"],
    "cc": ["Bob <bob@example.org>"],
    "subject": "Hi",
    "text": "Hello",
    "html": "<p>Hello",
}
REVIEW = {
    "inbound": {"gate": {}, "scan": {}},
    "outbound": {"gate": {}, "scan": {}, "require_review": True},
    "holds": {},
}


@pytest.fixture
async def desk(client: Client, caller: Any, api: Any) -> Client:
    """A client whose one agent is reviewed."""
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    client.services.public_url = "https://e2a.test"
    answer = await client.put(f"/v1/agents/{AGENT}/protection", REVIEW)
    assert answer.status == 200, answer.text
    return client


async def hold(client: Client, **changes: Any) -> str:
    """Hold a mail; its id."""
    answer = await client.post(f"/v1/agents/{AGENT}/messages", {**MAIL, **changes})
    assert (answer.status, answer.json()["status"]) == (202, "pending_review"), answer.text
    return str(answer.json()["message_id"])


async def rows(client: Client, table: str, order: str = "1") -> list[dict[str, Any]]:
    async with client.services.db.connection() as connection:
        return await connection.fetch_all(f"select * from {table} order by {order}")


async def event_types(client: Client) -> list[str]:
    return [row["type"] for row in await rows(client, "events", "created_at")]


async def state_of(client: Client, message_id: str) -> str | None:
    (row,) = [row for row in await rows(client, "messages") if row["id"] == message_id]
    status: str | None = row["review_status"]
    return status


async def test_a_hold_is_one_transaction_of_everything(desk: Client, caller: Any) -> None:
    message_id = await hold(desk, bcc=["eve@example.org"])
    (message,) = await rows(desk, "messages")
    assert message["review_status"] == "pending_review"
    assert message["content_sha256"] is None
    assert (message["to_addresses"], message["bcc_addresses"]) == (["ada@example.org"], ["eve@example.org"])
    (held,) = await rows(desk, "holds")
    assert held["reason"]["type"] == "send"
    (revision,) = await rows(desk, "hold_revisions")
    assert revision["sha256"] == hashlib.sha256(revision["draft"]).digest()
    assert decode_draft(revision["draft"]).text == "Hello"
    (transition,) = await rows(desk, "lifecycle")
    assert transition["reason_code"] == "review.hold_created"
    (event,) = await rows(desk, "events")
    data = json.loads(event["envelope"])["data"]
    assert event["type"] == "email.review_requested"
    assert data["message_id"] == message_id
    assert data["bcc"] == ["eve@example.org"]
    assert data["lifecycle_transitions"][0]["reason_code"] == "review.hold_created"
    (notice,) = await rows(desk, "notices")
    assert (notice["kind"], notice["recipient"]) == ("review", "owner@example.com")
    assert b"https://e2a.test/v1/approve?t=" in notice["content"].replace(b"=\r\n", b"").replace(b"=3D", b"=")
    assert b"Hello" not in notice["content"]
    assert await rows(desk, "submissions") == []


async def test_a_review_shows_all_that_a_decision_needs(desk: Client) -> None:
    message_id = await hold(desk)
    listed = (await desk.get("/v1/reviews")).json()["items"]
    assert [one["id"] for one in listed] == [message_id]
    assert listed[0]["hold_reason"]["type"] == "send"
    review = (await desk.get(f"/v1/reviews/{message_id}")).json()
    assert review["body"] == {"text": "Hello", "html": "<p>Hello"}
    assert review["raw_message"] is None
    assert review["attachments"] == []
    assert review["revision"] == 1
    (revision,) = await rows(desk, "hold_revisions")
    assert review["content_sha256"] == listed[0]["content_sha256"] == revision["sha256"].hex()


async def test_a_draft_says_in_its_inbox_what_it_is(desk: Client) -> None:
    at = (datetime.now(UTC) + timedelta(hours=3)).replace(microsecond=0)
    told = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    message_id = await hold(desk, send_at=told)
    path = f"/v1/agents/{AGENT}/messages/{message_id}"
    body = {"text": "Hello", "html": "<p>Hello"}
    held = (await desk.get(path)).json()
    assert (held["body"], held["raw_message"], held["attachments"]) == (body, None, [])
    assert held["scheduled_at"] == told
    assert held["parsed"]["text"] == "Hello"
    assert not {"bcc", "hold_reason", "protection", "delivery_status", "sent_as"} & set(held)
    await desk.post(f"/v1/reviews/{message_id}/reject", {})
    rejected = (await desk.get(path)).json()
    assert (rejected["review_status"], rejected["body"], rejected["raw_message"]) == ("review_rejected", body, None)
    approved = await hold(desk)
    await desk.post(f"/v1/reviews/{approved}/approve", {})
    sent = (await desk.get(f"/v1/agents/{AGENT}/messages/{approved}")).json()
    assert "body" not in sent
    assert sent["raw_message"]


async def test_approving_sends_exactly_what_was_held(desk: Client) -> None:
    message_id = await hold(desk)
    review = (await desk.get(f"/v1/reviews/{message_id}")).json()
    answer = await desk.post(f"/v1/reviews/{message_id}/approve", {"content_sha256": review["content_sha256"]})
    assert answer.status == 202, answer.text
    result = answer.json()
    assert (result["status"], result["message_id"], result["edited"]) == ("accepted", message_id, False)
    (message,) = await rows(desk, "messages")
    assert message["review_status"] == "review_approved"
    assert message["content_sha256"] is not None
    assert message["hops"] == 1
    (submission,) = await rows(desk, "submissions")
    assert submission["message_id"] == message_id
    assert sorted(row["address"] for row in await rows(desk, "recipients")) == ["ada@example.org", "bob@example.org"]
    assert await event_types(desk) == ["email.review_requested", "email.review_approved"]
    steps = (await desk.get(f"/v1/agents/{AGENT}/messages/{message_id}/lifecycle")).json()["items"]
    assert [one["reason_code"] for one in steps] == [
        "review.hold_created",
        "review.approved",
        "acceptance.outbound_api",
        "queue.outbound_submission",
    ]
    (content,) = await rows(desk, "contents")
    assert b"Auto-Submitted" not in content["raw"]
    (held,) = await rows(desk, "holds")
    assert (held["decided_via"], held["edited"]) == ("api", False)
    again = await desk.post(f"/v1/reviews/{message_id}/approve", {})
    assert (again.status, again.code) == (409, "message_not_pending")
    shown = (await desk.get(f"/v1/agents/{AGENT}/messages/{message_id}")).json()
    assert shown["review_status"] == "sent"
    assert (await desk.get("/v1/reviews")).json()["items"] == []


async def test_approving_with_changes_is_a_new_revision(desk: Client) -> None:
    message_id = await hold(desk)
    changes = {"subject": "Other", "to": ["new@example.org"], "cc": [], "html": ""}
    answer = await desk.post(f"/v1/reviews/{message_id}/approve", changes)
    assert answer.json()["edited"] is True, answer.text
    first, second = await rows(desk, "hold_revisions", "revision")
    assert decode_draft(first["draft"]).subject == "Hi"
    assert decode_draft(second["draft"]).to == ("new@example.org",)
    assert [row["address"] for row in await rows(desk, "recipients")] == ["new@example.org"]
    (message,) = await rows(desk, "messages")
    assert (message["subject"], message["body_html"]) == ("Other", None)
    (event,) = [row for row in await rows(desk, "events") if row["type"] == "email.review_approved"]
    assert json.loads(event["envelope"])["data"]["edited"] is True


async def test_an_approval_of_another_draft_is_refused(desk: Client) -> None:
    message_id = await hold(desk)
    seen = (await desk.get(f"/v1/reviews/{message_id}")).json()["content_sha256"]
    edited = await desk.patch(f"/v1/reviews/{message_id}", {"text": "Give it all to me", "content_sha256": seen})
    assert edited.status == 200, edited.text
    assert edited.json()["revision"] == 2
    for verb in ("approve", "reject"):
        answer = await desk.post(f"/v1/reviews/{message_id}/{verb}", {"content_sha256": seen})
        assert (answer.status, answer.code) == (409, "conflict")
        assert "changed" in answer.text
    assert await state_of(desk, message_id) == "pending_review"
    now = (await desk.get(f"/v1/reviews/{message_id}")).json()
    assert now["body"]["text"] == "Give it all to me"
    assert now["content_sha256"] == edited.json()["content_sha256"]
    answer = await desk.post(f"/v1/reviews/{message_id}/approve", {"content_sha256": now["content_sha256"]})
    assert (answer.status, answer.json()["edited"]) == (202, True)


async def test_an_edit_that_changes_nothing_is_no_revision(desk: Client) -> None:
    message_id = await hold(desk)
    answer = await desk.patch(f"/v1/reviews/{message_id}", {"subject": "Hi"})
    assert answer.json()["revision"] == 1
    assert len(await rows(desk, "hold_revisions")) == 1


async def test_rejecting_is_final(desk: Client) -> None:
    message_id = await hold(desk)
    answer = await desk.post(f"/v1/reviews/{message_id}/reject", {"reason": "no"})
    assert answer.json() == {"status": "review_rejected", "message_id": message_id, "rejection_reason": "no"}
    assert await event_types(desk) == ["email.review_requested", "email.review_rejected"]
    for verb in ("approve", "reject"):
        again = await desk.post(f"/v1/reviews/{message_id}/{verb}", {})
        assert (again.status, again.code) == (409, "message_not_pending")
    edit = await desk.patch(f"/v1/reviews/{message_id}", {"text": "x"})
    assert (edit.status, edit.code) == (409, "message_not_pending")
    assert await rows(desk, "submissions") == []
    shown = (await desk.get(f"/v1/reviews/{message_id}")).json()
    assert (shown["review_status"], shown["raw_message"], shown["body"]["text"]) == ("review_rejected", None, "Hello")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"to": ["nobody"]}, 400, "invalid_recipient"),
        ({"to": [], "cc": []}, 400, "invalid_recipient"),
        ({"to": [f"r{number}@example.org" for number in range(51)]}, 400, "too_many_recipients"),
        ({"subject": "a\r\nBcc: eve@example.org"}, 400, "invalid_request"),
        ({"text": ""}, 400, "invalid_request"),
        ({"attachments": [{"filename": "a", "content_type": "text/plain", "data": "*"}]}, 400, "invalid_attachment"),
        ({"html": "x" * 1_048_577}, 422, "invalid_request"),
        ({"content_sha256": "xyz"}, 422, "invalid_request"),
        ({"unknown": 1}, 422, "invalid_request"),
    ],
)
async def test_edits_that_are_no_good_leave_it_held(desk: Client, changes: Any, status: int, code: str) -> None:
    message_id = await hold(desk)
    for answer in (
        await desk.post(f"/v1/reviews/{message_id}/approve", changes),
        await desk.patch(f"/v1/reviews/{message_id}", changes),
    ):
        assert (answer.status, answer.code) == (status, code), answer.text
    assert await state_of(desk, message_id) == "pending_review"
    assert len(await rows(desk, "hold_revisions")) == 1


async def test_what_may_not_leave_stays_held(desk: Client, caller: Any) -> None:
    message_id = await hold(desk)
    async with desk.services.db.connection() as connection:
        await connection.execute(
            "insert into suppressions (account_id, address, source) values (%(id)s, 'ada@example.org', 'manual')",
            {"id": caller.account_id},
        )
    answer = await desk.post(f"/v1/reviews/{message_id}/approve", {})
    assert (answer.status, answer.code) == (422, "recipient_suppressed")
    async with desk.services.db.connection() as connection:
        await connection.execute("update domains set verified = false")
    answer = await desk.post(f"/v1/reviews/{message_id}/approve", {})
    assert (answer.status, answer.code) == (403, "domain_not_verified")
    assert await state_of(desk, message_id) == "pending_review"
    assert await event_types(desk) == ["email.review_requested"]


async def test_an_agent_can_never_decide(desk: Client, api: Any) -> None:
    message_id = await hold(desk)
    agent = await api.make_caller(desk.services.db, scope="agent", agent_email=AGENT)
    for answer in (
        await desk.get("/v1/reviews", key=agent.key),
        await desk.get(f"/v1/reviews/{message_id}", key=agent.key),
        await desk.post(f"/v1/reviews/{message_id}/approve", {}, key=agent.key),
        await desk.post(f"/v1/reviews/{message_id}/reject", {}, key=agent.key),
        await desk.patch(f"/v1/reviews/{message_id}", {"text": "x"}, key=agent.key),
        await desk.put(f"/v1/agents/{AGENT}/protection", REVIEW, key=agent.key),
        await desk.post(f"/api/v1/messages/{message_id}/approve", {}, key=agent.key),
        await desk.post(f"/api/v1/agents/{AGENT}/messages/{message_id}/approve", {}, key=agent.key),
        await desk.post(f"/api/v1/agents/{AGENT}/messages/{message_id}/reject", {}, key=agent.key),
    ):
        assert answer.status == 403, answer.text
    assert await state_of(desk, message_id) == "pending_review"


async def test_somebody_elses_hold_is_not_there(desk: Client, stranger: str) -> None:
    message_id = await hold(desk)
    assert (await desk.get("/v1/reviews", key=stranger)).json()["items"] == []
    for answer in (
        await desk.get(f"/v1/reviews/{message_id}", key=stranger),
        await desk.post(f"/v1/reviews/{message_id}/approve", {}, key=stranger),
        await desk.post(f"/v1/reviews/{message_id}/reject", {}, key=stranger),
        await desk.patch(f"/v1/reviews/{message_id}", {}, key=stranger),
    ):
        assert (answer.status, answer.code) == (404, "not_found")


async def test_of_many_who_decide_at_once_exactly_one_does(desk: Client) -> None:
    for _ in range(5):
        message_id = await hold(desk)
        answers: list[Answer] = []

        async def decide(path: str, message_id: str = message_id, answers: list[Answer] = answers) -> None:
            caller = Client(desk.app, desk.services, desk.key)
            answers.append(await caller.post(f"/v1/reviews/{message_id}/{path}", {}))

        async with trio.open_nursery() as nursery:
            for path in ("approve", "reject", "approve", "reject"):
                nursery.start_soon(decide, path)
        won = [answer for answer in answers if answer.status < 300]
        lost = [answer for answer in answers if answer.status >= 300]
        assert len(won) == 1
        assert {answer.code for answer in lost} == {"message_not_pending"}
        approved = won[0].json()["status"] == "accepted"
        submissions = [row for row in await rows(desk, "submissions") if row["message_id"] == message_id]
        assert len(submissions) == approved
        decided = [
            row
            for row in await rows(desk, "events")
            if row["message_id"] == message_id and "request" not in row["type"]
        ]
        assert len(decided) == 1


async def test_an_approval_repeated_under_its_key_is_one(desk: Client) -> None:
    message_id = await hold(desk)
    headers = {"Idempotency-Key": "k1"}
    first = await desk.post(f"/v1/reviews/{message_id}/approve", {}, headers=headers)
    again = await desk.post(f"/v1/reviews/{message_id}/approve", {}, headers=headers)
    assert first.status == again.status == 202
    assert first.body == again.body
    other = await desk.post(f"/v1/reviews/{message_id}/approve", {"subject": "x"}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reuse")
    assert len(await rows(desk, "submissions")) == 1


async def test_mail_to_oneself_that_is_not_carried_at_once_is_told_to_be_waiting(desk: Client) -> None:
    kicked: list[bool] = []

    class Busy(NoCourier):
        def kick(self) -> None:
            kicked.append(True)

        async def carry(self, account_id: str, message_id: str) -> None:
            raise Unavailable

    message_id = await hold(desk, to=[AGENT], cc=[])
    desk.services.courier = Busy()
    answer = await desk.post(f"/v1/reviews/{message_id}/approve", {})
    assert (answer.status, answer.json()["status"]) == (202, "accepted"), answer.text
    assert kicked == [True]


async def test_approvals_count_as_sends(desk: Client) -> None:
    config = desk.services.config
    desk.services.config = attrs.evolve(config, rate_limits=attrs.evolve(config.rate_limits, send_per_minute=4))
    held = [await hold(desk) for _ in range(3)]
    answers = [await desk.post(f"/v1/reviews/{one}/approve", {}) for one in held]
    assert [answer.status for answer in answers] == [202, 429, 429]
    assert int(answers[1].headers["retry-after"]) >= 1
    assert await state_of(desk, held[1]) == "pending_review"
    rejected = await desk.post(f"/v1/reviews/{held[1]}/reject", {})
    assert rejected.status == 200


async def test_holds_of_trashed_agents_wait_and_keep_their_time(desk: Client) -> None:
    message_id = await hold(desk)
    (before,) = [row["review_expires_at"] for row in await rows(desk, "messages")]
    assert (await desk.delete(f"/v1/agents/{AGENT}?confirm=DELETE")).status == 200
    assert (await desk.get("/v1/reviews")).json()["items"] == []
    assert (await desk.post(f"/v1/reviews/{message_id}/approve", {})).status == 404
    async with desk.services.db.connection() as connection:
        await connection.execute("update agents set deleted_at = deleted_at - interval '1 hour'")
    assert (await desk.post(f"/v1/agents/{AGENT}/restore")).status == 200
    (after,) = [row["review_expires_at"] for row in await rows(desk, "messages")]
    assert 3600 <= (after - before).total_seconds() < 3660
    assert len((await desk.get("/v1/reviews")).json()["items"]) == 1


async def test_pages_of_reviews(desk: Client) -> None:
    ids = [await hold(desk) for _ in range(3)]
    first = (await desk.get("/v1/reviews?limit=2")).json()
    second = (await desk.get("/v1/reviews", query={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [one["id"] for one in first["items"] + second["items"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert (await desk.get("/v1/reviews?cursor=x")).code == "invalid_cursor"


async def test_a_schedule_is_kept_through_the_hold(desk: Client) -> None:
    at = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    message_id = await hold(desk, send_at=at.isoformat().replace("+00:00", "Z"))
    answer = await desk.post(f"/v1/reviews/{message_id}/approve", {})
    assert (answer.status, answer.json()["status"]) == (202, "scheduled"), answer.text
    (submission,) = await rows(desk, "submissions")
    assert submission["scheduled_at"] == submission["next_attempt_at"] == at


async def test_a_held_draft_cannot_be_trashed(desk: Client) -> None:
    message_id = await hold(desk)
    answer = await desk.delete(f"/v1/agents/{AGENT}/messages/{message_id}?confirm=DELETE")
    assert (answer.status, answer.code) == (409, "message_held")


async def test_a_decision_that_cannot_be_finished_is_none(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    message_id = await hold(desk)
    emit = outbox.emit

    async def broken(*_: Any, **__: Any) -> int:
        raise RuntimeError("the process died here")

    for verb in ("approve", "reject"):
        monkeypatch.setattr(outbox, "emit", broken)
        assert (await desk.post(f"/v1/reviews/{message_id}/{verb}", {})).status == 500
        monkeypatch.setattr(outbox, "emit", emit)
        assert await state_of(desk, message_id) == "pending_review"
        (held,) = await rows(desk, "holds")
        assert held["decided_at"] is None
        assert await rows(desk, "submissions") == []
        assert [row["reason_code"] for row in await rows(desk, "lifecycle")] == ["review.hold_created"]
    assert (await desk.post(f"/v1/reviews/{message_id}/approve", {})).status == 202


async def test_a_draft_is_not_changed_without_end(desk: Client) -> None:
    message_id = await hold(desk)
    async with desk.services.db.connection() as connection:
        await connection.execute("update hold_revisions set revision = 99")
        await connection.execute("update holds set revision = 99")
    assert (await desk.patch(f"/v1/reviews/{message_id}", {"text": "the hundredth"})).status == 200
    answer = await desk.patch(f"/v1/reviews/{message_id}", {"text": "one more"})
    assert (answer.status, answer.code) == (409, "conflict")
    assert len(await rows(desk, "hold_revisions")) == 2
    assert (await desk.post(f"/v1/reviews/{message_id}/approve", {})).status == 202


async def test_what_was_decided_is_told_when_the_draft_is_forgotten(desk: Client) -> None:
    for decision, status in (("approve", 202), ("reject", 200)):
        message_id = await hold(desk)
        assert (await desk.post(f"/v1/reviews/{message_id}/{decision}", {})).status == status
        await desk.services.db.execute("delete from hold_revisions")
        shown = await desk.get(f"/v1/reviews/{message_id}")
        assert (shown.status, shown.json()["to"]) == (200, ["ada@example.org"])
        assert (await desk.get(f"/api/v1/messages/{message_id}")).status == 200
        assert (await desk.get(f"/v1/agents/{AGENT}/messages/{message_id}")).status == 200
        again = await desk.post(f"/v1/reviews/{message_id}/approve", {})
        assert (again.status, again.code) == (409, "message_not_pending")
