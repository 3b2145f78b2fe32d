"""Conversations of `/v1`."""

from typing import Any

import pytest

from e2ad.storage.pool import Database
from tests import factories

AGENT = "bot@agents.test"
PATH = f"/v1/agents/{AGENT}/conversations"


@pytest.fixture
async def inbox(client: Any, caller: Any, database: Database) -> Any:
    """The client, with a live agent of its account."""
    await factories.agent(database, caller.account_id, AGENT)
    return client


async def test_a_list_of_conversations(inbox: Any, caller: Any, database: Database) -> None:
    await factories.message(database, caller.account_id, number=1, conversation_id="conv_a")
    await factories.message(database, caller.account_id, number=2, conversation_id="conv_b", header_from=None)
    await inbox.get(PATH)
    before = database.statements
    answer = await inbox.get(PATH)
    assert database.statements == before + 1
    assert answer.json()["next_cursor"] is None
    newest, oldest = answer.json()["items"]
    assert (newest["id"], newest["latest_from"]) == ("conv_b", "")
    assert oldest == {
        "id": "conv_a",
        "last_message_at": "2026-07-01T12:01:00Z",
        "first_message_at": "2026-07-01T12:01:00Z",
        "message_count": 1,
        "inbound_count": 1,
        "outbound_count": 0,
        "has_unread": True,
        "latest_subject": "Hello",
        "latest_from": "ada@example.org",
    }


async def test_pages(inbox: Any, caller: Any, database: Database) -> None:
    for number in range(5):
        await factories.message(database, caller.account_id, number=number, conversation_id=f"conv_{number}")
    seen, query = list[str](), dict[str, Any](limit=2)
    while True:
        page = (await inbox.get(PATH, query=query)).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [f"conv_{n}" for n in (4, 3, 2, 1, 0)]
    answer = await inbox.get(PATH, query={**query, "since": "2026-01-01T00:00:00Z"})
    assert (answer.status, answer.code) == (400, "invalid_cursor")
    answer = await inbox.get(f"/v1/agents/{AGENT}/messages", query=query)
    assert (answer.status, answer.code) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"since": "x"}, 400, "invalid_filter"),
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, 400, "invalid_filter"),
        ({"cursor": "x"}, 400, "invalid_cursor"),
        ({"limit": "1000"}, 422, "invalid_request"),
    ],
)
async def test_what_a_list_cannot_be_asked(inbox: Any, query: Any, status: int, code: str) -> None:
    answer = await inbox.get(PATH, query=query)
    assert (answer.status, answer.code) == (status, code)


async def test_one_conversation(inbox: Any, caller: Any, database: Database) -> None:
    ids = [
        await factories.message(
            database,
            caller.account_id,
            number=number,
            conversation_id="conv_a",
            threaded=True,
            labels=labels,
            cc=cc,
            header_from=sender,
        )
        for number, (labels, cc, sender) in enumerate(
            [(["b"], ["Zoe@example.org"], "ada@example.org"), (["a", "b"], ["zoe@example.org"], "bob@example.org")]
        )
    ]
    body = (await inbox.get(f"{PATH}/conv_a")).json()
    assert body["participants"] == ["ada@example.org", "bob@example.org", AGENT, "zoe@example.org"]
    assert body["labels"] == ["a", "b"]
    assert [item["id"] for item in body["messages"]] == ids
    assert all("size_bytes" not in item for item in body["messages"])
    assert body["messages"][0]["conversation_id"] == "conv_a"
    assert (body["message_count"], body["latest_from"]) == (2, "bob@example.org")


async def test_conversations_that_are_not_there(inbox: Any, caller: Any, database: Database) -> None:
    stranger = await factories.account(database)
    await factories.message(database, caller.account_id, conversation_id="conv_a")
    assert (await inbox.get(f"{PATH}/conv_none")).status == 404
    assert (await inbox.get(f"{PATH}/conv_a", key=stranger.key)).status == 404
    assert (await inbox.get(PATH, key=stranger.key)).status == 404
    answer = await inbox.get(f"{PATH}/{'x' * 201}")
    assert (answer.status, answer.code) == (400, "invalid_request")
    answer = await inbox.get(f"{PATH}/a\nb")
    assert (answer.status, answer.code) == (400, "invalid_request")
