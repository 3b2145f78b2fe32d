"""Messages of `/v1`: what clients read, change and are refused."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from e2ad.core.signing import verify_auth_headers
from e2ad.gateway.mint import now
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Database
from tests import factories
from tests.factories import EPOCH

AGENT = "bot@agents.test"
INBOX = f"/v1/agents/{AGENT}/messages"

EVIDENCE = {
    "spf": {"status": "pass", "domain": "example.org", "aligned": True},
    "dkim": [{"status": "fail", "domain": None, "selector": None, "aligned": None, "detail": "body changed"}],
    "dmarc": {"status": "pass", "domain": "example.org", "policy": "reject", "aligned_by": ["spf"]},
}


@pytest.fixture
async def inbox(client: Any, caller: Any, database: Database) -> Any:
    """The client, with a live agent of its account."""
    await factories.agent(database, caller.account_id, AGENT)
    return client


async def test_a_summary_has_what_clients_require(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(database, caller.account_id)
    answer = await inbox.get(INBOX)
    assert answer.status == 200
    assert {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"} <= set(answer.headers)
    assert answer.json() == {
        "items": [
            {
                "id": found,
                "direction": "inbound",
                "header_from": "ada@example.org",
                "envelope_from": "ada@example.org",
                "verified_domain": None,
                "to": [AGENT],
                "delivered_to": AGENT,
                "subject": "Hello",
                "read_status": "unread",
                "labels": [],
                "created_at": "2026-07-01T12:00:00Z",
                "size_bytes": len(factories.RAW),
            }
        ],
        "next_cursor": None,
    }


async def test_optional_members_appear_when_there_is_something_to_say(
    inbox: Any, caller: Any, database: Database
) -> None:
    await factories.message(
        database,
        caller.account_id,
        cc=["c@example.org"],
        reply_to=["r@example.org"],
        conversation_id="conv_1",
        threaded=True,
        flagged=True,
        flag_reason="sender not listed",
        deleted_at=EPOCH + timedelta(microseconds=120),
        unread=False,
        verified_domain="example.org",
    )
    (item,) = (await inbox.get(INBOX, query={"deleted": "true"})).json()["items"]
    assert item["cc"] == ["c@example.org"]
    assert item["reply_to"] == ["r@example.org"]
    assert item["conversation_id"] == "conv_1"
    assert (item["flagged"], item["flag_reason"]) == (True, "sender not listed")
    assert item["deleted_at"] == "2026-07-01T12:00:00.00012Z"
    assert (item["read_status"], item["verified_domain"]) == ("read", "example.org")


async def test_listing_is_one_statement_and_marks_nothing(inbox: Any, caller: Any, database: Database) -> None:
    for number in range(3):
        await factories.message(database, caller.account_id, number=number)
    await inbox.get(INBOX)
    before = database.statements
    answer = await inbox.get(INBOX)
    assert database.statements == before + 1
    assert [item["read_status"] for item in answer.json()["items"]] == ["unread"] * 3


async def test_pages_go_on_where_they_ended(inbox: Any, caller: Any, database: Database) -> None:
    ids = [await factories.message(database, caller.account_id, number=n) for n in range(5)]
    for sort, expected in (("desc", ids[::-1]), ("asc", ids)):
        seen, query = list[str](), {"limit": 2, "sort": sort}
        while True:
            page = (await inbox.get(INBOX, query=query)).json()
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            query = {**query, "cursor": page["next_cursor"], "limit": 3}
        assert seen == expected


@pytest.mark.parametrize(
    "change",
    [
        {"sort": "asc"},
        {"from": "ada"},
        {"labels": "x"},
        {"filter": "label:x"},
        {"read_status": "all"},
        {"since": "2026-01-01T00:00:00Z"},
    ],
)
async def test_a_cursor_is_bound_to_its_list(inbox: Any, caller: Any, database: Database, change: Any) -> None:
    for number in range(2):
        await factories.message(database, caller.account_id, number=number)
    await factories.agent(database, caller.account_id, "other@agents.test")
    cursor = (await inbox.get(INBOX, query={"limit": 1})).json()["next_cursor"]
    answer = await inbox.get(INBOX, query={"limit": 1, "cursor": cursor, **change})
    assert (answer.status, answer.code) == (400, "invalid_cursor")
    answer = await inbox.get("/v1/agents/other@agents.test/messages", query={"cursor": cursor})
    assert (answer.status, answer.code) == (400, "invalid_cursor")
    answer = await inbox.get(INBOX, query={"limit": 1, "cursor": cursor[:-2]})
    assert (answer.status, answer.code) == (400, "invalid_cursor")


REFUSED_QUERIES = [
    ({"direction": "sideways"}, 422, "invalid_request"),
    ({"read_status": "seen"}, 422, "invalid_request"),
    ({"limit": "0"}, 422, "invalid_request"),
    ({"limit": "101"}, 422, "invalid_request"),
    ({"deleted": "perhaps"}, 422, "invalid_request"),
    ({"direction": "outbound", "read_status": "unread"}, 400, "invalid_filter"),
    ({"from": "x" * 201}, 400, "invalid_filter"),
    ({"subject_contains": "ä" * 101}, 400, "invalid_filter"),
    ({"conversation_id": "x" * 201}, 400, "invalid_filter"),
    ({"labels": "Not a label!"}, 400, "invalid_filter"),
    ({"labels": ",".join(f"l{n}" for n in range(51))}, 400, "invalid_filter"),
    ({"since": "yesterday"}, 400, "invalid_filter"),
    ({"since": "2026-01-01T00:00:00"}, 400, "invalid_filter"),
    ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, 400, "invalid_filter"),
    ({"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, 400, "invalid_filter"),
    ({"filter": "to:bob"}, 400, "invalid_filter"),
    ({"filter": "label:" + "x" * 500}, 400, "invalid_filter"),
    ({"cursor": "nonsense"}, 400, "invalid_cursor"),
]


@pytest.mark.parametrize(("query", "status", "code"), REFUSED_QUERIES)
async def test_what_a_list_cannot_be_asked(inbox: Any, query: Any, status: int, code: str) -> None:
    answer = await inbox.get(INBOX, query=query)
    assert (answer.status, answer.code) == (status, code)


async def test_filters_reach_the_list(inbox: Any, caller: Any, database: Database) -> None:
    one = await factories.message(database, caller.account_id, number=1, labels=["x", "y"])
    two = await factories.message(database, caller.account_id, number=2, subject="Other", unread=False)

    async def ids(**query: Any) -> list[str]:
        answer = await inbox.get(INBOX, query={name.rstrip("_"): value for name, value in query.items()})
        assert answer.status == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert await ids() == [one]
    assert await ids(read_status="all") == [two, one]
    assert await ids(read_status="read") == [two]
    assert await ids(direction="all") == [two, one]
    assert await ids(direction="outbound") == []
    assert await ids(labels="X, y") == [one]
    assert await ids(read_status="all", subject_contains="OTH") == [two]
    assert await ids(read_status="all", from_="ADA@") == [two, one]
    assert await ids(read_status="all", since="2026-07-01T12:02:00Z") == [two]
    assert await ids(read_status="all", until="2026-07-01T14:02:00+02:00") == [one]
    assert await ids(read_status="all", filter="label:x OR subject:other") == [two, one]
    assert await ids(read_status="all", filter="-label:x") == [two]


async def test_who_sees_which_inbox(inbox: Any, caller: Any, database: Database) -> None:
    stranger = await factories.account(database)
    await factories.agent(database, stranger.account_id, "theirs@agents.test")
    await factories.agent(database, caller.account_id, "mine@agents.test")
    key = await factories.api_key(database, caller.account_id, agent_email=AGENT)
    found = await factories.message(database, caller.account_id)
    assert (await inbox.get("/v1/agents/theirs@agents.test/messages")).status == 404
    assert (await inbox.get("/v1/agents/nobody@agents.test/messages")).status == 404
    assert (await inbox.get("/v1/agents/BOT@Agents.Test/messages")).status == 200
    assert (await inbox.get(INBOX, key=key)).status == 200
    assert (await inbox.get("/v1/agents/mine@agents.test/messages", key=key)).status == 403
    assert (await inbox.get("/v1/agents/theirs@agents.test/messages", key=key)).status == 404
    for path in (f"{INBOX}/{found}", f"{INBOX}/{found}/raw", f"{INBOX}/{found}/attachments/0"):
        assert (await inbox.get(path, key=stranger.key)).status == 404
        assert (await inbox.get(path, headers={"Authorization": "Bearer nonsense"})).status == 401
    assert (await inbox.get(f"/v1/agents/mine@agents.test/messages/{found}")).status == 404
    assert (await inbox.patch(f"{INBOX}/{found}", {"add_labels": ["x"]}, key=stranger.key)).status == 404
    assert (await inbox.delete(f"{INBOX}/{found}", key=stranger.key)).status == 404
    assert (await inbox.post(f"{INBOX}/{found}/restore", key=stranger.key)).status == 404


async def test_a_message_whole(inbox: Any, caller: Any, database: Database) -> None:
    await factories.signing_secret(database, inbox.services.keys, caller.account_id, "older", created_at=EPOCH)
    await factories.signing_secret(database, inbox.services.keys, caller.account_id, "newest")
    found = await factories.message(
        database,
        caller.account_id,
        authentication=Jsonb(EVIDENCE),
        verified=True,
        verified_domain="example.org",
        domain_check="spf=pass; dkim=fail",
        automation="list",
    )
    before = database.statements
    answer = await inbox.get(f"{INBOX}/{found}")
    assert database.statements <= before + 3  # the credential, the allowance, the message
    assert answer.status == 200
    body = answer.json()
    auth = body.pop("auth_headers")
    assert body == {
        "id": found,
        "direction": "inbound",
        "header_from": "ada@example.org",
        "envelope_from": "ada@example.org",
        "verified_domain": "example.org",
        "authentication": EVIDENCE,
        "to": [AGENT],
        "cc": [],
        "reply_to": [],
        "delivered_to": AGENT,
        "subject": "Hello",
        "conversation_id": "",
        "read_status": "read",
        "labels": [],
        "created_at": "2026-07-01T12:00:00Z",
        "raw_message": base64.b64encode(factories.RAW).decode(),
        "attachments": [],
        "parsed": {"text": "Good morning.", "truncated": False},
        "sender_name": "Ada",
        "automation": "list",
        "size_bytes": len(factories.RAW),
    }
    assert auth["X-E2A-Auth-Sender"] == "ada@example.org"
    assert auth["X-E2A-Auth-Verified"] == "true"
    assert auth["X-E2A-Auth-Message-Id"] == found
    assert verify_auth_headers(auth, factories.RAW, ["newest"], now())
    assert not verify_auth_headers(auth, factories.RAW, ["older"], now())
    assert not verify_auth_headers(auth, factories.RAW + b"x", ["newest"], now())


async def test_without_a_secret_of_its_own_the_deployment_signs(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(database, caller.account_id)
    auth = (await inbox.get(f"{INBOX}/{found}")).json()["auth_headers"]
    assert auth["X-E2A-Auth-Verified"] == "false"
    assert verify_auth_headers(auth, factories.RAW, [inbox.services.keys.current], now())


async def test_reading_marks_as_read_unless_asked_not_to(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(database, caller.account_id)
    path = f"{INBOX}/{found}"
    assert (await inbox.get(path, query={"mark_read": "false"})).json()["read_status"] == "unread"
    assert len((await inbox.get(INBOX)).json()["items"]) == 1
    assert (await inbox.get(path)).json()["read_status"] == "read"
    assert (await inbox.get(INBOX)).json()["items"] == []
    before = database.statements
    await inbox.get(path)
    assert database.statements == before + 1


async def test_a_conversation_is_named_once_another_message_joined(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(database, caller.account_id, conversation_id="conv_1", threaded=True)
    assert (await inbox.get(f"{INBOX}/{found}")).json()["conversation_id"] == "conv_1"


LONG = "é" * 10_000


async def test_parsed_shows_what_is_new_and_is_bounded(inbox: Any, caller: Any, database: Database) -> None:
    async def parsed(**columns: Any) -> Any:
        found = await factories.message(database, caller.account_id, **columns)
        return (await inbox.get(f"{INBOX}/{found}")).json().get("parsed")

    assert await parsed(body_text="new\n> old", new_text="new", body_html="<p>new") == {
        "text": "new",
        "truncated": False,
        "html": "<p>new",
    }
    assert await parsed(body_text="> old", new_text="") == {"text": "> old", "truncated": False}
    assert await parsed(body_text="", new_text="") is None
    assert await parsed(body_text=LONG, new_text=LONG) == {"text": "é" * 8192, "truncated": True}
    assert await parsed(body_text="x", new_text="x", truncated=True) == {"text": "x", "truncated": True}


async def test_outbound_messages_have_no_read_state_and_no_verdict(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(
        database, caller.account_id, direction="outbound", raw=None, reply_to=["x@y.test"], envelope_from=None
    )
    body = (await inbox.get(f"{INBOX}/{found}")).json()
    assert (body["read_status"], body["authentication"], body["raw_message"], body["reply_to"]) == ("", None, None, [])
    assert "auth_headers" not in body
    assert "size_bytes" not in body
    assert (await inbox.get(f"{INBOX}/{found}/raw")).status == 404
    answer = await inbox.patch(f"{INBOX}/{found}", {"read_status": "unread", "add_labels": ["x"]})
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert (await inbox.get(f"{INBOX}/{found}")).json()["labels"] == []


async def test_raw_is_the_mail_itself(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(database, caller.account_id)
    answer = await inbox.get(f"{INBOX}/{found}/raw")
    assert (answer.status, answer.headers["content-type"]) == (200, "message/rfc822")
    assert answer.body == factories.RAW
    assert len((await inbox.get(INBOX)).json()["items"]) == 1


async def test_labels_and_read_state_change(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(database, caller.account_id)
    path = f"{INBOX}/{found}"
    answer = await inbox.patch(path, {"add_labels": [" B ", "a", "c"], "remove_labels": ["c"]})
    assert answer.json() == {"message_id": found, "labels": ["a", "b"], "read_status": "unread"}
    await inbox.get(path)
    before = database.statements
    answer = await inbox.patch(path, {"read_status": "unread"})
    assert database.statements == before + 1
    assert answer.json() == {"message_id": found, "labels": ["a", "b"], "read_status": "unread"}
    assert (await inbox.patch(path, {"read_status": "read"})).json()["read_status"] == "read"
    assert (await inbox.patch(path, {})).json()["labels"] == ["a", "b"]


REFUSED_LABELS = [
    ({"add_labels": ["no blanks"]}, 400),
    ({"add_labels": [""]}, 400),
    ({"add_labels": ["x" * 65]}, 400),
    ({"add_labels": ["e2a:mine"]}, 400),
    ({"remove_labels": ["E2A:mine"]}, 400),
    ({"add_labels": [f"l{n}" for n in range(51)]}, 400),
    ({"add_labels": "x"}, 422),
    ({"add_labels": [1]}, 422),
    ({"labels": ["x"]}, 422),
    ({"read_status": "seen"}, 422),
]


@pytest.mark.parametrize(("body", "status"), REFUSED_LABELS)
async def test_what_is_no_label(inbox: Any, caller: Any, database: Database, body: Any, status: int) -> None:
    found = await factories.message(database, caller.account_id)
    answer = await inbox.patch(f"{INBOX}/{found}", body)
    assert (answer.status, answer.code) == (status, "invalid_request")


async def test_a_message_has_at_most_100_labels(inbox: Any, caller: Any, database: Database) -> None:
    labels = [f"l{n:03}" for n in range(99)]
    found = await factories.message(database, caller.account_id, labels=labels)
    answer = await inbox.patch(f"{INBOX}/{found}", {"add_labels": ["x", "y"], "read_status": "read"})
    assert (answer.status, answer.code) == (400, "invalid_request")
    kept = (await inbox.patch(f"{INBOX}/{found}", {})).json()
    assert (kept["labels"], kept["read_status"]) == (labels, "unread")
    assert (await inbox.patch(f"{INBOX}/{found}", {"add_labels": ["x"]})).status == 200


async def test_the_trash_and_back(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(database, caller.account_id)
    path = f"{INBOX}/{found}"
    answer = await inbox.post(f"{path}/restore")
    assert (answer.status, answer.code) == (409, "not_in_trash")
    answer = await inbox.delete(path, query={"permanent": "true", "confirm": "DELETE"})
    assert (answer.status, answer.code) == (409, "not_in_trash")
    for _ in range(2):
        answer = await inbox.delete(path)
        assert (answer.status, answer.json()) == (200, {"deleted": True, "id": found})
    assert (await inbox.get(INBOX)).json()["items"] == []
    trashed = (await inbox.get(path, query={"mark_read": "false"})).json()
    assert "deleted_at" in trashed
    restored = await inbox.post(f"{path}/restore")
    assert restored.status == 200
    assert (restored.json()["id"], restored.json()["read_status"]) == (found, "unread")
    assert "deleted_at" not in restored.json()
    assert [item["id"] for item in (await inbox.get(INBOX)).json()["items"]] == [found]


async def test_deleting_for_good(inbox: Any, caller: Any, database: Database) -> None:
    account_id = caller.account_id
    await factories.agent(database, account_id, "second@agents.test")
    first = await factories.message(database, account_id)
    second = await factories.message(database, account_id, "second@agents.test")
    key = await factories.api_key(database, account_id, agent_email=AGENT)
    path, query = f"{INBOX}/{first}", {"permanent": "true", "confirm": "DELETE"}
    await inbox.delete(path)
    answer = await inbox.delete(path, query={"permanent": "true"})
    assert (answer.status, answer.fields) == (422, ["query.confirm"])
    answer = await inbox.delete(path, query=query, key=key)
    assert (answer.status, answer.code) == (403, "forbidden")
    answer = await inbox.delete(path, query=query)
    assert (answer.status, answer.json()) == (200, {"deleted": True, "id": first})
    assert (await inbox.get(path)).status == 404
    assert (await inbox.delete(path, query=query)).status == 404
    # The other recipient's copy is the same bytes, and stays.
    other = f"/v1/agents/second@agents.test/messages/{second}"
    assert (await inbox.get(f"{other}/raw")).body == factories.RAW
    await inbox.delete(other)
    await inbox.delete(other, query=query)
    assert await database.fetch_value("select count(*) from contents") == 0


async def test_held_mail_is_hidden_and_cannot_be_deleted(inbox: Any, caller: Any, database: Database) -> None:
    found = await factories.message(database, caller.account_id, review_status="pending_review")
    path = f"{INBOX}/{found}"
    assert (await inbox.get(INBOX, query={"direction": "all"})).json()["items"] == []
    assert (await inbox.get(path)).status == 404
    answer = await inbox.delete(path)
    assert (answer.status, answer.code) == (409, "message_held")
    answer = await inbox.delete(path, query={"permanent": "true", "confirm": "DELETE"})
    assert (answer.status, answer.code) == (409, "message_held")
