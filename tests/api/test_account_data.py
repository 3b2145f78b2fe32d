"""An account's data: taken along whole, or deleted to the last row."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema_rs
import pytest
import trio
import trio.testing

from e2ad.api import account_data, export_document
from e2ad.api.app import OPERATIONS
from e2ad.api.export_views import MEMBERS
from e2ad.api.openapi import document
from e2ad.core.errors import Unavailable
from e2ad.gateway.closing import Closing
from e2ad.storage import closing as closing_table
from e2ad.storage import export as export_table
from tests import factories
from tests.api.whole_account import AGENT, DOMAIN, OUTSIDER, fill

EXPORT = "/v1/account/export"
DELETE = "/v1/account?confirm=DELETE"

NOT_EXPORTED = {
    "account_usage": "counters over what is told",
    "signing_secrets": "secrets",
    "intake_keys": "what repeated mail is known by",
    "idempotency_keys": "answers that were given already",
    "unsubscribe_tokens": "hashes of links",
    "hold_revisions": "held drafts without their files: messages have the text",
    "notices": "letters with links that decide",
    "sending_ramps": "counters of a day",
    "contact_imports": "contacts name their import",
    "screenings": "a queue",
    "message_search": "made of messages",
    "search_queue": "a queue",
    "metrics_progress": "made of messages and transitions",
    "metrics_hours": "made of messages and transitions",
    "metrics_days": "made of messages and transitions",
    "metrics_stale": "a queue",
    "queue_hours": "counts of what waited",
    "contents": "inside messages",
    "submissions": "inside messages",
    "audit_heads": "the newest row of what is told",
    "oauth_codes": "secrets",
    "oauth_tokens": "secrets",
    "sign_in_links": "secrets",
    "delivery_attempts": "deliveries tell of the last",
    "replays": "made of events",
}
NAMES = {
    "holds": "reviews",
    "lifecycle": "transitions",
    "oauth_grants": "oauth_connections",
    "oidc_identities": "identities",
    "audit_log": "audit",
}


async def tables_of_accounts(database: Any) -> list[str]:
    rows = await database.fetch_all(
        "select table_name from information_schema.columns where table_schema = 'public' and column_name = 'account_id'"
        " order by 1"
    )
    return [row["table_name"] for row in rows]


LEFT = {"audit_log", "audit_heads"}
"""What stays for a while of an account that is deleted."""


async def mentions(database: Any, *needles: str) -> list[str]:
    """The tables with a row that has one of these texts anywhere in it."""
    rows = await database.fetch_all(
        "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
    )
    found = []
    for row in rows:
        table = row["table_name"]
        for needle in needles:
            told = await database.fetch_value(
                f"select exists (select from {table} t where position(%(needle)s in t::text) > 0)", {"needle": needle}
            )
            found += [table] if told else []
    return found


async def test_an_export_has_everything(client: Any, caller: Any, database: Any) -> None:
    ids = await fill(database, caller.account_id)
    answer = await client.get(EXPORT)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["content-disposition"] == f'attachment; filename="e2a-export-{caller.account_id}.json"'
    assert "content-length" not in answer.headers
    told = answer.json()
    assert told["schema_version"] == "4"
    assert told["user"]["email"] == "owner@example.com"
    assert [name for name in MEMBERS if not told[name]] == []
    messages = {one["id"]: one for one in told["messages"]}
    assert set(messages) == set(ids.values())
    received, held = messages[ids["received"]], messages[ids["held"]]
    assert base64.b64decode(received["raw_message"]) == factories.RAW
    assert (received["text"].strip(), received["labels"], received["scan_score"]) == ("Good morning.", ["urgent"], 0.7)
    assert received["authentication"]["dmarc"]["status"] == "pass"
    assert (held["text"], held["status"], held["attachments"]) == ("Shall I?", "pending_review", [])
    assert "raw_message" not in held
    assert told["domains"][0]["dkim_public_key"] == "MIIB"
    assert told["agents"][0]["pending_count"] == 1
    assert told["suppressions"] == [told["suppressions"][0] | {"agent_email": AGENT, "address": OUTSIDER}]
    for secret in ("sealed", caller.key, b"sealed".hex(), "token_sha256"):
        assert secret not in answer.text


async def test_an_export_is_what_the_document_says(client: Any, caller: Any, database: Any) -> None:
    await fill(database, caller.account_id)
    schemas = document(OPERATIONS)["components"]["schemas"]
    schema = {"$ref": "#/components/schemas/UserExport", "components": {"schemas": schemas}}
    told = (await client.get(EXPORT)).json()
    jsonschema_rs.Draft202012Validator(schema).validate(told)
    for name, rows in told.items():
        if name in MEMBERS and name != "events":
            unknown = set().union(*rows) - set(schemas[MEMBERS[name].__name__]["properties"])
            assert not unknown, name


async def test_every_table_is_exported_or_left_out_for_a_reason(database: Any) -> None:
    assert list(MEMBERS) == list(export_table.COLLECTIONS)
    tables = await tables_of_accounts(database)
    assert {NAMES.get(table, table) for table in tables} - set(MEMBERS) == set(NOT_EXPORTED)


async def test_an_export_tells_nothing_of_others(client: Any, caller: Any, database: Any, stranger: str) -> None:
    await fill(database, caller.account_id)
    told = (await client.get(EXPORT, key=stranger)).json()
    assert [name for name in MEMBERS if told[name]] == ["api_keys", "audit"]


async def test_pages_fit_together(client: Any, caller: Any, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await factories.agent(database, caller.account_id, AGENT)
    made = {await factories.message(database, caller.account_id, AGENT, number=at) for at in range(7)}
    for name in export_table.COLLECTIONS:
        monkeypatch.setitem(export_table.COLLECTIONS, name, 2)
    for most in (1, 10_000_000):
        monkeypatch.setattr(export_table, "_PAGE_BYTES", most)
        told = [one["id"] for one in (await client.get(EXPORT)).json()["messages"]]
        assert len(told) == 7
        assert set(told) == made


async def test_all_pages_are_of_one_moment(client: Any, caller: Any, database: Any, monkeypatch: Any) -> None:
    await fill(database, caller.account_id)
    pages = export_table.pages

    async def late(executor: Any, account_id: str, collection: str) -> Any:
        if collection == "messages":
            await factories.message(database, caller.account_id, AGENT, subject="Too late")
        async for page in pages(executor, account_id, collection):
            yield page

    monkeypatch.setattr(export_table, "pages", late)
    answer = await client.get(EXPORT)
    assert len(answer.json()["messages"]) == 3
    assert "Too late" not in answer.text


async def test_one_export_an_account_and_two_in_all(client: Any, caller: Any, database: Any, api: Any) -> None:
    exports = client.services.exports
    others = [await api.make_caller(database, f"{name}@example.com") for name in ("one", "two", "three")]
    first = await exports.begin(caller.account_id)
    refused = await client.get(EXPORT)
    assert (refused.status, refused.code, refused.headers["retry-after"]) == (429, "rate_limited", "30")
    second = await exports.begin(others[0].account_id)
    assert (await client.get(EXPORT, key=others[1].key)).status == 429
    await second.aclose()
    assert (await client.get(EXPORT, key=others[1].key)).status == 200
    await first.aclose()
    assert (await client.get(EXPORT)).status == 200


async def test_without_a_database_there_is_no_export(client: Any, monkeypatch: Any) -> None:
    await client.get(EXPORT)
    monkeypatch.setattr(client.services.db, "dsn", "host=127.0.0.1 port=1 connect_timeout=2")
    answer = await client.get(EXPORT)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert not client.services.exports._running


class Line:
    """The app's side of one connection, piece by piece."""

    def __init__(self, client: Any) -> None:
        self.scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": EXPORT,
            "raw_path": EXPORT.encode(), "query_string": b"", "root_path": "", "client": ("192.0.2.7", 1),
            "headers": [(b"host", b"test"), (b"authorization", f"Bearer {client.key}".encode())], "state": {},
            "server": ("127.0.0.1", 1), "extensions": {}, "asgi": {"version": "3.0"},
        }  # fmt: skip
        self.events: list[Any] = []
        self.gone = trio.Event()
        self.asked = False

    async def receive(self) -> Any:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.events.append(event)

    @property
    def complete(self) -> bool:
        return bool(self.events) and not self.events[-1].get("more_body", True)


async def test_a_failure_in_the_middle_is_no_success(
    client: Any, caller: Any, database: Any, monkeypatch: Any, caplog: Any
) -> None:
    await fill(database, caller.account_id)
    pages = export_table.pages

    async def failing(executor: Any, account_id: str, collection: str) -> Any:
        if collection == "contacts":
            raise Unavailable
        async for page in pages(executor, account_id, collection):
            yield page

    monkeypatch.setattr(export_table, "pages", failing)
    monkeypatch.setattr(export_document, "CHUNK_BYTES", 64)
    line = Line(client)
    await client.app(line.scope, line.receive, line.send)
    assert line.events[0]["status"] == 200
    assert len(line.events) > 2
    assert not line.complete
    with pytest.raises(json.JSONDecodeError):
        json.loads(b"".join(event.get("body", b"") for event in line.events))
    assert not client.services.exports._running


async def test_a_client_that_leaves_ends_its_export(client: Any, caller: Any, database: Any, monkeypatch: Any) -> None:
    await fill(database, caller.account_id)
    monkeypatch.setattr(export_document, "CHUNK_BYTES", 64)
    line = Line(client)

    async def send(event: Any) -> None:
        line.events.append(event)
        if len(line.events) == 5:
            line.gone.set()
            await trio.testing.wait_all_tasks_blocked()
        await trio.lowlevel.checkpoint()

    with trio.fail_after(5):
        await client.app(line.scope, line.receive, send)
    assert len(line.events) < 8
    assert not line.complete
    assert not client.services.exports._running


async def test_an_export_has_an_end(client: Any, caller: Any, database: Any, monkeypatch: Any) -> None:
    await fill(database, caller.account_id)
    monkeypatch.setattr(client.services.exports, "seconds", 0.2)
    line = Line(client)

    async def send(event: Any) -> None:
        line.events.append(event)
        await trio.sleep_forever()

    with trio.fail_after(5):
        await client.app(line.scope, line.receive, send)
    assert not line.complete
    assert not client.services.exports._running


async def test_nothing_is_left_of_a_deleted_account(client: Any, caller: Any, database: Any, api: Any) -> None:
    await fill(database, caller.account_id)
    tables = await tables_of_accounts(database)
    empty = [
        table
        for table in tables
        if not await database.fetch_value(
            f"select exists (select from {table} where account_id = %(id)s)", {"id": caller.account_id}
        )
    ]
    assert empty == [], "whole_account.fill writes no row here: what a deletion leaves would not be seen"
    answer = await client.delete(DELETE)
    assert answer.status == 200
    told = answer.json()
    assert told | {
        "deleted": True, "user_deleted": True, "messages_deleted": 3, "agents_deleted": 1, "domains_deleted": 1,
        "api_keys_deleted": 2, "sessions_deleted": 1, "agent_suppressions_deleted": 1, "usage_events_deleted": 0,
        "agent_unsubscribe_tokens_deleted": 1, "usage_summaries_deleted": 1, "oauth_access_tokens_deleted": 1,
        "oauth_auth_codes_deleted": 1, "oauth_refresh_tokens_deleted": 0, "templates_deleted": 1,
        "webhooks_deleted": 1, "contacts_deleted": 1, "events_deleted": 1, "deliveries_deleted": 1,
    } == told  # fmt: skip
    assert (await client.get("/v1/account")).status == 401
    assert {*await mentions(database, caller.account_id, AGENT, DOMAIN, "owner@example.com")} == LEFT
    again = await api.make_caller(database)
    await api.make_agent(database, again.account_id, AGENT)


@pytest.mark.parametrize("path", ["/v1/account", "/v1/account?confirm=yes", "/api/v1/users/me"])
async def test_without_a_word_nothing_is_deleted(client: Any, path: str) -> None:
    answer = await client.delete(path)
    assert answer.status == (400 if path.startswith("/api") else 422)
    assert (await client.get("/v1/account")).status == 200


async def test_the_classic_words(client: Any, caller: Any, database: Any) -> None:
    await fill(database, caller.account_id)
    told = await client.get("/api/v1/users/me/export")
    assert told.json()["user"]["id"] == caller.account_id
    answer = await client.delete("/api/v1/users/me?confirm=DELETE")
    assert (answer.status, answer.json()["user_deleted"], answer.json()["messages_deleted"]) == (200, True, 3)


async def test_mail_on_its_way_keeps_the_account(client: Any, caller: Any, database: Any) -> None:
    await factories.agent(database, caller.account_id, AGENT)
    waiting = await factories.submission(database, caller.account_id, AGENT, relay=(OUTSIDER,))
    sending = await factories.submission(
        database, caller.account_id, AGENT, relay=(OUTSIDER,), status="sending",
        leased_until=datetime.now(UTC) + timedelta(minutes=1),
    )  # fmt: skip
    refused = await client.delete(DELETE)
    assert (refused.status, refused.code) == (409, "send_in_progress")
    due = "select next_attempt_at is not null from submissions where message_id = %(id)s"
    assert await database.fetch_value(due, {"id": waiting})
    await database.execute(
        "update submissions set status = 'sent', next_attempt_at = null where message_id = %(id)s", {"id": sending}
    )
    assert (await client.delete(DELETE)).status == 200


async def test_an_agents_key_may_do_neither(client: Any, caller: Any, database: Any, api: Any) -> None:
    await api.make_agent(database, caller.account_id, AGENT)
    agent = await api.make_caller(database, scope="agent", agent_email=AGENT)
    assert (await client.get(EXPORT, key=agent.key)).status == 403
    assert (await client.delete(DELETE, key=agent.key)).status == 403
    assert (await client.delete("/api/v1/users/me?confirm=DELETE", key=agent.key)).status == 403


async def test_a_deletion_that_takes_too_long_goes_on_by_itself(
    client: Any, caller: Any, database: Any, monkeypatch: Any
) -> None:
    await fill(database, caller.account_id)
    delete_batch = closing_table.delete_batch

    async def slow(executor: Any, account_id: str, table: str) -> int:
        if table == "messages":
            return await delete_batch(executor, account_id, table)
        await trio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(closing_table, "delete_batch", slow)
    monkeypatch.setattr(account_data, "ERASE_SECONDS", 0.3)
    answer = await client.delete(DELETE)
    assert answer.status == 200, "a published client would repeat what failed, and be told that its key is unknown"
    told = answer.json()
    assert (told["user_deleted"], told["messages_deleted"], told["agents_deleted"]) == (True, 3, 0)
    assert (await client.get("/v1/account")).status == 401
    assert await database.fetch_value("select count(*) from agents") == 1
    monkeypatch.setattr(closing_table, "delete_batch", delete_batch)
    closing = Closing(database, client.services.keys)
    assert not await closing.go_on(600)
    assert await closing.go_on(0)
    assert not await closing.go_on(0)
    assert {*await mentions(database, caller.account_id, AGENT)} == LEFT


async def test_trashed_agents_of_others_keep_their_way_back_closed(
    client: Any, caller: Any, database: Any, api: Any
) -> None:
    """A domain that somebody else's agent hangs on in the trash cannot go: it becomes a claim that has run out."""
    await fill(database, caller.account_id)
    other = await api.make_caller(database, "other@example.com")
    await factories.agent(database, other.account_id, f"old@{DOMAIN}", deleted_at=factories.EPOCH)
    assert (await client.delete(DELETE)).status == 200
    row = await database.fetch_one("select account_id, verified, claim_expires_at <= now() as over from domains")
    assert row == {"account_id": other.account_id, "verified": False, "over": True}
    assert await database.fetch_value("select count(*) from domain_keys") == 0
