"""What happened to a message, as the API tells it, and a person's word on what nobody can know."""

from datetime import timedelta
from typing import Any

import pytest

from e2ad.core.events import rfc3339
from e2ad.storage import ledger
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.ledger import Transition
from e2ad.storage.pool import Database
from tests import factories

AGENT = "bot@agents.test"


def path(message_id: str, verb: str = "lifecycle") -> str:
    return f"/v1/agents/{AGENT}/messages/{message_id}/{verb}"


@pytest.fixture
async def inbox(client: Any, caller: Any, database: Database) -> Any:
    """The client, with a live agent of its account."""
    await factories.agent(database, caller.account_id, AGENT)
    return client


def row(account_id: str, message_id: str, number: int, code: str = "submission.temporary_failure") -> Transition:
    at = factories.EPOCH + timedelta(hours=1, minutes=number)
    row_id = f"mlt_{number:032x}"
    return Transition(account_id, row_id, message_id, code, at, "joe@people.test", {"smtp_code": 452}, {"job_id": "j"})


async def test_stored_rows(inbox: Any, caller: Any, database: Database) -> None:
    message = await factories.message(database, caller.account_id, direction="outbound")
    await ledger.append(database, [row(caller.account_id, message, 1)])
    await inbox.get(path(message))
    before = database.statements
    answer = await inbox.get(path(message))
    assert database.statements == before + 1
    assert answer.json() == {
        "items": [
            {
                "id": f"mlt_{1:032x}",
                "message_id": message,
                "direction": "outbound",
                "stage": "submission",
                "outcome": "deferred",
                "reason_code": "submission.temporary_failure",
                "retryable": True,
                "evidence": {"smtp_code": 452},
                "correlation_ids": {"job_id": "j"},
                "occurred_at": "2026-07-01T13:01:00Z",
                "reconstructed": False,
                "recipient": "joe@people.test",
            }
        ],
        "next_cursor": None,
    }


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("pass", "authentication.dmarc_pass"),
        ("fail", "authentication.dmarc_fail"),
        ("none", "authentication.dmarc_none"),
        ("permerror", "authentication.dmarc_permanent_error"),
        ("temperror", "authentication.dmarc_temporary_error"),
        (None, None),
    ],
)
async def test_what_follows_from_mail_that_came_in(
    inbox: Any, caller: Any, database: Database, status: str | None, code: str | None
) -> None:
    evidence = None if status is None else Jsonb({"dmarc": {"status": status, "domain": "example.org"}})
    message = await factories.message(
        database, caller.account_id, authentication=evidence, review_status="pending_review"
    )
    items = (await inbox.get(path(message))).json()["items"]
    assert [item["reason_code"] for item in items] == ["acceptance.inbound_smtp", *([code] if code else [])]
    assert all(item["reconstructed"] and item["recipient"] is None for item in items)
    assert all(item["id"].startswith("mlt_recon_") and len(item["id"]) == 10 + 32 for item in items)
    assert {item["occurred_at"] for item in items} == {rfc3339(factories.EPOCH)}
    assert (await inbox.get(path(message))).json()["items"] == items


async def test_pages_of_both(inbox: Any, caller: Any, database: Database) -> None:
    evidence = Jsonb({"dmarc": {"status": "pass", "domain": "example.org"}})
    message = await factories.message(database, caller.account_id, authentication=evidence, entity_type="agent")
    await ledger.append(database, [row(caller.account_id, message, number) for number in range(4)])
    for limit in (1, 2, 3, 4, 5, 6):
        seen, query = list[str](), dict[str, Any](limit=limit)
        while True:
            page = (await inbox.get(path(message), query=query)).json()
            assert len(page["items"]) <= limit
            seen += [item["reason_code"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        head = ["acceptance.local_loopback", "authentication.dmarc_pass"]
        assert seen == head + ["submission.temporary_failure"] * 4
    other = await factories.message(database, caller.account_id, number=1)
    page = (await inbox.get(path(message), query={"limit": 1})).json()
    answer = await inbox.get(path(other), query={"cursor": page["next_cursor"]})
    assert (answer.status, answer.code) == (400, "invalid_cursor")


async def test_no_such_message(inbox: Any, caller: Any, database: Database) -> None:
    assert (await inbox.get(path("msg_x"))).status == 404
    stranger = await factories.account(database)
    await factories.agent(database, stranger.account_id, "other@agents.test")
    message = await factories.message(database, stranger.account_id, "other@agents.test")
    assert (await inbox.get(path(message))).status == 404
    assert (await inbox.get(path(message).replace("bot@", "other@"))).status == 404
    assert (await inbox.get(path(message), query={"limit": 101})).status == 422


@pytest.mark.parametrize(
    ("outcome", "status", "due"), [("sent", "sent", False), ("failed", "failed", False), ("resend", "accepted", True)]
)
async def test_a_person_decides(
    inbox: Any, caller: Any, database: Database, outcome: str, status: str, due: bool
) -> None:
    message = await factories.submission(
        database, caller.account_id, relay=["joe@people.test"], status="outcome_unknown", next_attempt_at=None
    )
    await database.execute("update recipients set status = 'outcome_unknown'", prepare=False)
    answer = await inbox.post(path(message, "resolve"), {"outcome": outcome})
    assert (answer.status, answer.json()) == (200, {"message_id": message, "outcome": outcome})
    found = await database.fetch_one(
        "select s.status, s.next_attempt_at is not null as due, r.status as recipient"
        " from submissions s join recipients r using (account_id, message_id)",
        prepare=False,
    )
    assert found == {"status": status, "due": due, "recipient": "pending" if due else status}
    answer = await inbox.post(path(message, "resolve"), {"outcome": outcome})
    assert (answer.status, answer.code) == (409, "conflict")


async def test_what_cannot_be_decided(inbox: Any, caller: Any, database: Database) -> None:
    message = await factories.submission(database, caller.account_id, relay=["joe@people.test"])
    assert (await inbox.post(path(message, "resolve"), {"outcome": "sent"})).status == 409
    assert (await inbox.post(path(message, "resolve"), {"outcome": "perhaps"})).status == 422
    assert (await inbox.post(path("msg_x", "resolve"), {"outcome": "sent"})).status == 404
    other = await factories.agent(database, caller.account_id, "other@agents.test")
    assert (await inbox.post(path(message, "resolve").replace(AGENT, other), {"outcome": "sent"})).status == 404
