"""Messages and conversations of the classic API."""

import base64
from typing import Any

import pytest

from e2ad.core.signing import verify_auth_headers
from e2ad.gateway.mint import now
from e2ad.storage.pool import Database
from tests import factories

AGENT = "bot@agents.test"
INBOX = f"/api/v1/agents/{AGENT}/messages"
THREADS = f"/api/v1/agents/{AGENT}/conversations"


@pytest.fixture
async def inbox(client: Any, caller: Any, database: Database) -> Any:
    """The client, with a live agent of its account."""
    await factories.agent(database, caller.account_id, AGENT)
    return client


async def test_a_list_is_flat_and_names_the_conversation(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(
        database, caller.account_id, conversation_id="conv_1", subject="<b>", reply_to=["r@example.org"]
    )
    answer = await inbox.get(INBOX)
    assert answer.status == 200
    assert answer.body.endswith(b"}\n")
    assert b"\\u003cb\\u003e" in answer.body
    assert answer.json() == {
        "messages": [
            {
                "message_id": found,
                "direction": "inbound",
                "from": "r@example.org",
                "to": [AGENT],
                "reply_to": ["r@example.org"],
                "recipient": AGENT,
                "subject": "<b>",
                "conversation_id": "conv_1",
                "status": "unread",
                "size_bytes": len(factories.RAW),
                "labels": [],
                "created_at": "2026-07-01T12:00:00Z",
            }
        ]
    }


async def test_pages_by_token(inbox: Any, caller: Any, database: Database) -> None:
    ids = [await factories.message(database, caller.account_id, number=n) for n in range(5)]
    seen, query = list[str](), dict[str, Any](page_size=2, sort="asc")
    while True:
        page = (await inbox.get(INBOX, query=query)).json()
        seen += [item["message_id"] for item in page["messages"]]
        if "next_token" not in page:
            break
        query["token"] = page["next_token"]
    assert seen == ids
    answer = await inbox.get(INBOX, query={**query, "sort": "desc"})
    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    answer = await inbox.get(f"/v1/agents/{AGENT}/messages", query={"cursor": query["token"], "sort": "asc"})
    assert answer.status == 400


async def test_filters(inbox: Any, caller: Any, database: Database) -> None:
    one = await factories.message(database, caller.account_id, number=1, labels=["x", "y"])
    two = await factories.message(database, caller.account_id, number=2, unread=False)
    sent = await factories.message(database, caller.account_id, number=3, direction="outbound")

    async def ids(**query: Any) -> list[str]:
        answer = await inbox.get(INBOX, query={name.rstrip("_"): value for name, value in query.items()})
        assert answer.status == 200, answer.text
        return [item["message_id"] for item in answer.json()["messages"]]

    assert await ids() == [one]
    assert await ids(status="read") == [two]
    assert await ids(status="all") == [two, one]
    assert await ids(direction="all") == [sent, two, one]
    assert await ids(direction="outbound", status="unread") == [sent]
    assert await ids(labels=["x", "y"]) == [one]
    assert await ids(status="all", since="2026-07-01T12:02:00Z") == [two]
    for size in ("0", "101", "x", "-1", "²"):
        assert await ids(page_size=size) == [one]
    for query in ({"status": "seen"}, {"direction": "up"}, {"sort": "up"}, {"from": "x" * 201}, {"since": "x"}):
        assert (await inbox.get(INBOX, query=query)).status == 400


async def test_outbound_rows(inbox: Any, caller: Any, database: Database) -> None:
    await factories.message(database, caller.account_id, direction="outbound")
    (row,) = (await inbox.get(INBOX, query={"direction": "outbound"})).json()["messages"]
    assert (row["from"], row["status"], row["hitl_status"]) == ("", "", "sent")


async def test_a_message_is_read_and_signed(inbox: Any, caller: Any, database: Database) -> None:
    await factories.signing_secret(database, inbox.services.keys, caller.account_id, "secret")
    found = await factories.message(database, caller.account_id, conversation_id="conv_1")
    await inbox.get(f"{INBOX}/msg_none")
    before = database.statements
    answer = await inbox.get(f"{INBOX}/{found}")
    assert database.statements == before + 1
    body = answer.json()
    auth = body.pop("auth_headers")
    assert verify_auth_headers(auth, factories.RAW, ["secret"], now())
    assert body == {
        "message_id": found,
        "from": "ada@example.org",
        "to": [AGENT],
        "cc": None,
        "reply_to": None,
        "recipient": AGENT,
        "subject": "Hello",
        "conversation_id": "conv_1",
        "status": "read",
        "labels": [],
        "created_at": "2026-07-01T12:00:00Z",
        "raw_message": base64.b64encode(factories.RAW).decode(),
    }
    assert (await inbox.get(INBOX)).json() == {"messages": []}


async def test_labels(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(database, caller.account_id, labels=["a"])
    answer = await inbox.patch(f"{INBOX}/{found}", {"add_labels": ["b"], "remove_labels": ["a"], "unknown": 1})
    assert (answer.status, answer.json()) == (200, {"message_id": found, "labels": ["b"]})
    assert (await inbox.patch(f"{INBOX}/{found}", {"add_labels": ["no blanks"]})).status == 400
    assert (await inbox.patch(f"{INBOX}/msg_none", {"add_labels": ["b"]})).status == 404


async def test_strangers_see_nothing(inbox: Any, caller: Any, database: Database) -> None:
    stranger = await factories.account(database)
    found = await factories.message(database, caller.account_id, conversation_id="conv_1")
    for path in (INBOX, f"{INBOX}/{found}", THREADS, f"{THREADS}/conv_1"):
        answer = await inbox.get(path, key=stranger.key)
        assert (answer.status, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
        answer = await inbox.get(path, headers={"Authorization": "Bearer x"})
        assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="e2a"')


async def test_conversations(inbox: Any, caller: Any, database: Database) -> None:
    await factories.message(database, caller.account_id, number=1, conversation_id="conv_a", labels=["x"])
    second = await factories.message(
        database, caller.account_id, number=2, conversation_id="conv_a", reply_to=["r@example.org"]
    )
    await factories.message(database, caller.account_id, number=0, conversation_id="conv_b")
    page = (await inbox.get(THREADS, query={"page_size": 1})).json()
    assert page["conversations"] == [
        {
            "conversation_id": "conv_a",
            "first_message_at": "2026-07-01T12:01:00Z",
            "last_message_at": "2026-07-01T12:02:00Z",
            "message_count": 2,
            "inbound_count": 2,
            "outbound_count": 0,
            "has_unread": True,
            "latest_subject": "Hello",
            "latest_sender": "r@example.org",
        }
    ]
    rest = (await inbox.get(THREADS, query={"token": page["next_token"]})).json()
    assert [row["conversation_id"] for row in rest["conversations"]] == ["conv_b"]
    assert "next_token" not in rest
    whole = (await inbox.get(f"{THREADS}/conv_a")).json()
    assert whole["labels"] == ["x"]
    assert whole["participants"] == ["ada@example.org", AGENT]
    assert [row["message_id"] for row in whole["messages"]][1] == second
    assert (await inbox.get(f"{THREADS}/conv_none")).status == 404
