"""Webhooks of the full API."""

import json
import re
from datetime import datetime, timedelta
from typing import Any, get_args

import attrs
import pytest
import trio

from e2ad.api.webhook_views import EventType
from e2ad.core.events import EVENT_TYPES, parse_rfc3339
from e2ad.gateway.accounts import keep_shared_domain
from e2ad.storage.connection import TrioConnection
from tests.zone import HOOK, Zone


@pytest.fixture
async def client(client: Any) -> Any:
    await keep_shared_domain(client.services.db, "agents.localhost")
    return client


async def made(client: Any, **more: Any) -> Any:
    answer = await client.post("/v1/webhooks", {"url": HOOK, "events": ["email.received"], **more})
    assert answer.status == 201, answer.text
    return answer.json()


async def stored_secrets(client: Any, webhook_id: str) -> list[str]:
    row = await client.services.db.fetch_one(
        "select sealed_secret, sealed_previous_secret from webhooks where id = %(i)s", {"i": webhook_id}
    )
    context = f"webhook_secret:{webhook_id}"
    return [client.services.keys.unseal(sealed, context=context) for sealed in row.values() if sealed]


async def add_delivery(client: Any, webhook: Any, number: int, status: str, **more: Any) -> None:
    values = {
        "account": (
            await client.services.db.fetch_value(
                "select account_id from webhooks where id = %(i)s", {"i": webhook["id"]}
            )
        ),
        "id": f"whd_{number:032x}",
        "endpoint": webhook["id"],
        "event": f"evt_{number:032x}",
        "status": status,
        "code": more.get("code"),
        "error": more.get("error"),
    }
    await client.services.db.execute(
        "insert into deliveries (account_id, id, endpoint, kind, event_id, event_type, status, attempts,"
        " last_status_code, last_error) values (%(account)s, %(id)s, %(endpoint)s, 'webhook', %(event)s,"
        " 'email.received', %(status)s, 2, %(code)s, %(error)s)",
        values,
    )


def test_the_schema_names_every_event_type() -> None:
    assert get_args(EventType) == EVENT_TYPES


async def test_create_shows_the_secret_once(client: Any) -> None:
    await client.post("/v1/agents", {"slug": "bot"})
    body = await made(
        client,
        events=["email.received", "email.sent", "email.received"],
        description="Hook",
        filters={"agent_emails": ["Bot@agents.localhost"], "labels": ["Urgent"]},
    )
    assert re.fullmatch(r"whsec_[0-9a-f]{64}", body["signing_secret"])
    assert re.fullmatch(r"wh_[0-9a-f]{32}", body["id"])
    assert body["events"] == ["email.received", "email.sent"]
    assert body["filters"] == {"agent_emails": ["bot@agents.localhost"], "labels": ["urgent"]}
    secret = body.pop("signing_secret")
    assert (await client.get(f"/v1/webhooks/{body['id']}")).json() == body
    assert await stored_secrets(client, body["id"]) == [secret]
    sealed = await client.services.db.fetch_value("select sealed_secret from webhooks")
    assert secret.encode() not in sealed


async def test_without_filters_there_is_an_empty_object(client: Any) -> None:
    body = await made(client)
    assert body["filters"] == {}
    assert (body["enabled"], body["description"]) == (True, "")
    assert "auto_disabled_at" not in body
    assert "last_delivered_at" not in body


BAD = [
    ({"url": ""}, 422, "invalid_request"),
    ({"url": "http://hooks.example/"}, 400, "invalid_webhook_url"),
    ({"url": "ftp://hooks.example/"}, 400, "invalid_webhook_url"),
    ({"url": "https://127.0.0.1/"}, 400, "invalid_webhook_url"),
    ({"url": "https://[::1]/"}, 400, "invalid_webhook_url"),
    ({"url": "https://unknown.example/"}, 400, "invalid_webhook_url"),
    ({"url": "https://inside.example/"}, 400, "invalid_webhook_url"),
    ({"url": "https://localhost/"}, 400, "invalid_webhook_url"),
    ({"url": "https://hooks.example/" + "x" * 2048}, 400, "invalid_webhook_url"),
    ({"events": ["email.pending_approval"]}, 422, "invalid_request"),
    ({"description": "x" * 201}, 400, "invalid_request"),
    ({"description": 0}, 422, "invalid_request"),
    ({"description": "a\r\nb"}, 400, "invalid_request"),
    ({"filters": {"agent_emails": ["theirs@agents.localhost"]}}, 400, "invalid_request"),
    ({"filters": {"agent_emails": ["nobody@agents.localhost"]}}, 400, "invalid_request"),
    ({"filters": {"conversation_ids": ["a b"]}}, 400, "invalid_request"),
    ({"filters": {"conversation_ids": ["x" * 201]}}, 400, "invalid_request"),
    ({"filters": {"labels": ["a b"]}}, 400, "invalid_request"),
    ({"filters": {"labels": ["x" * 65]}}, 400, "invalid_request"),
    ({"filters": {"labels": ["x"] * 51}}, 400, "invalid_request"),
    ({"filters": {"colour": ["red"]}}, 422, "invalid_request"),
    ({"colour": "red"}, 422, "invalid_request"),
]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [*BAD, ({"events": []}, 422, "invalid_request"), ({"enabled": True}, 422, "invalid_request")],
)
async def test_create_is_refused(client: Any, stranger: str, change: Any, status: int, code: str) -> None:
    await client.post("/v1/agents", {"slug": "theirs"}, key=stranger)
    answer = await client.post("/v1/webhooks", {"url": HOOK, "events": ["email.received"], **change})
    assert (answer.status, answer.code) == (status, code)
    assert await client.services.db.fetch_value("select count(*) from webhooks") == 0


@pytest.mark.parametrize("missing", ["url", "events"])
async def test_create_needs_url_and_events(client: Any, missing: str) -> None:
    body = {"url": HOOK, "events": ["email.received"]}
    del body[missing]
    assert (await client.post("/v1/webhooks", body)).status == 422


async def test_an_account_has_fifty_and_no_more_even_at_once(client: Any, caller: Any) -> None:
    await client.services.db.execute("update accounts set max_webhooks = 3 where id = %(a)s", {"a": caller.account_id})
    codes: list[int] = []

    async def create() -> None:
        codes.append((await client.post("/v1/webhooks", {"url": HOOK, "events": ["email.sent"]})).status)

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(create)
    assert sorted(codes) == [201, 201, 201, 400, 400, 400]
    answer = await client.post("/v1/webhooks", {"url": HOOK, "events": ["email.sent"]})
    assert (answer.status, answer.code) == (400, "webhook_limit_reached")
    query = "select column_default from information_schema.columns where column_name = 'max_webhooks'"
    assert await client.services.db.fetch_value(query) == "50"


async def test_create_with_a_key_happens_once(client: Any) -> None:
    body = {"url": HOOK, "events": ["email.received"]}
    key = {"Idempotency-Key": "k1"}
    before = client.services.db.statements
    first = await client.post("/v1/webhooks", body, headers=key)
    # The claim, then begin, room, insert, answer, commit.
    assert client.services.db.statements - before <= 8
    again = await client.post("/v1/webhooks", body, headers=key)
    assert (again.status, again.body) == (201, first.body)
    other = await client.post("/v1/webhooks", {**body, "description": "x"}, headers=key)
    assert (other.status, other.code) == (422, "idempotency_key_reuse")
    assert await client.services.db.fetch_value("select count(*) from webhooks") == 1
    # A refused request frees its key.
    bad = {"Idempotency-Key": "k2"}
    assert (await client.post("/v1/webhooks", {**body, "url": "https://127.0.0.1/"}, headers=bad)).status == 400
    assert (await client.post("/v1/webhooks", body, headers=bad)).status == 201


async def test_list_is_paged_and_ones_own(client: Any, stranger: str) -> None:
    ids = [(await made(client, description=str(number)))["id"] for number in range(3)]
    before = client.services.db.statements
    first = (await client.get("/v1/webhooks?limit=2")).json()
    assert client.services.db.statements - before <= 2  # the list, and now and then the limiter
    assert [item["id"] for item in first["items"]] == [ids[2], ids[1]]
    assert all("signing_secret" not in item for item in first["items"])
    second = await client.get("/v1/webhooks", query={"cursor": first["next_cursor"]})
    assert [item["id"] for item in second.json()["items"]] == [ids[0]]
    assert second.json()["next_cursor"] is None
    assert second.headers["ratelimit-limit"] == "240"
    assert (await client.get("/v1/webhooks", key=stranger)).json() == {"items": [], "next_cursor": None}
    answer = await client.get("/v1/webhooks", query={"cursor": "x.y"})
    assert (answer.status, answer.code) == (400, "invalid_cursor")


async def test_polling_is_limited(client: Any) -> None:
    config = client.services.config
    client.services.config = attrs.evolve(config, rate_limits=attrs.evolve(config.rate_limits, poll_per_minute=1))
    statuses = [(await client.get("/v1/webhooks")).status for _ in range(3)]
    assert 429 in statuses


async def test_update_replaces_what_is_given(client: Any, zone: Zone) -> None:
    webhook = await made(client, description="old", filters={"labels": ["a"]})
    path = f"/v1/webhooks/{webhook['id']}"
    zone.hosts["new.example"] = ["198.51.100.8"]
    changed = (await client.patch(path, {"url": "https://new.example/", "events": ["email.sent"]})).json()
    assert (changed["url"], changed["events"], changed["description"], changed["filters"]) == (
        "https://new.example/",
        ["email.sent"],
        "old",
        {"labels": ["a"]},
    )
    assert (await client.patch(path, {"filters": {}})).json()["filters"] == {}
    assert (await client.patch(path, {"description": ""})).json()["description"] == ""
    # Switching off is possible whatever became of the host; switching on again is not.
    del zone.hosts["new.example"]
    assert (await client.patch(path, {"enabled": False})).json()["enabled"] is False
    answer = await client.patch(path, {"enabled": True})
    assert (answer.status, answer.code) == (400, "invalid_webhook_url")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        *BAD,
        ({}, 400, "invalid_request"),
        ({"events": []}, 400, "invalid_request"),
        ({"url": None}, 400, "invalid_request"),
    ],
)
async def test_update_is_refused(client: Any, stranger: str, change: Any, status: int, code: str) -> None:
    await client.post("/v1/agents", {"slug": "theirs"}, key=stranger)
    webhook = await made(client)
    answer = await client.patch(f"/v1/webhooks/{webhook['id']}", change)
    assert (answer.status, answer.code) == (status, code)
    del webhook["signing_secret"]
    assert (await client.get(f"/v1/webhooks/{webhook['id']}")).json() == webhook


async def test_an_automatic_stop_is_not_undone_at_once(client: Any) -> None:
    webhook = await made(client)
    path = f"/v1/webhooks/{webhook['id']}"
    stop = (
        "update webhooks set enabled = false, auto_disabled_reason = 'failing',"
        " auto_disabled_at = now() - make_interval(secs => %(s)s)"
    )
    await client.services.db.execute(stop, {"s": 290.0})
    shown = (await client.get(path)).json()
    assert shown["auto_disabled_reason"] == "failing"
    assert shown["auto_disabled_at"].endswith("Z")
    answer = await client.patch(path, {"enabled": True})
    assert (answer.status, answer.code) == (409, "webhook_cooldown")
    assert 1 <= int(answer.headers["retry-after"]) <= 11
    # Other changes are free.
    assert (await client.patch(path, {"description": "x"})).status == 200
    await client.services.db.execute(stop, {"s": 301.0})
    enabled = (await client.patch(path, {"enabled": True})).json()
    assert enabled["enabled"] is True
    assert "auto_disabled_at" not in enabled
    assert "auto_disabled_reason" not in enabled
    assert await client.services.db.fetch_value("select reenabled_at is not null from webhooks")


async def test_delete_says_so_and_is_final(client: Any) -> None:
    webhook = await made(client)
    path = f"/v1/webhooks/{webhook['id']}"
    assert (await client.delete(path)).fields == ["query.confirm"]
    answer = await client.delete(path + "?confirm=DELETE")
    assert (answer.status, answer.json()) == (200, {"deleted": True, "id": webhook["id"]})
    assert (await client.delete(path + "?confirm=DELETE")).status == 404


async def test_rotation_keeps_the_old_secret_for_a_day(client: Any) -> None:
    webhook = await made(client)
    path = f"/v1/webhooks/{webhook['id']}/rotate-secret"
    key = {"Idempotency-Key": "r1"}
    answer = await client.post(path, headers=key)
    assert answer.status == 200
    body = answer.json()
    expires = parse_rfc3339(body["previous_secret_expires_at"])
    assert abs(expires - datetime.now(expires.tzinfo) - timedelta(hours=24)) < timedelta(minutes=1)
    assert await stored_secrets(client, webhook["id"]) == [body["signing_secret"], webhook["signing_secret"]]
    assert (await client.post(path, headers=key)).body == answer.body
    third = (await client.post(path)).json()
    assert await stored_secrets(client, webhook["id"]) == [third["signing_secret"], body["signing_secret"]]
    assert (await client.post("/v1/webhooks/wh_none/rotate-secret")).status == 404


async def test_a_test_is_one_delivery_without_an_event(client: Any, database_dsn: str) -> None:
    webhook = await made(client)
    path = f"/v1/webhooks/{webhook['id']}/test"
    listener = await TrioConnection.open(database_dsn)
    try:
        await listener.command(b"listen e2ad_events")
        before = client.services.db.statements
        answer = await client.post(path, {})
        assert client.services.db.statements - before == 1
        assert answer.status == 200
        with trio.fail_after(5):
            told = await listener.next_notifies()
    finally:
        await listener.close()
    row = await client.services.db.fetch_one("select * from deliveries")
    assert told[0].payload == row["account_id"] + ":"
    assert (row["id"], row["endpoint"], row["kind"], row["event_id"], row["status"], row["event_type"]) == (
        answer.json()["delivery_id"],
        webhook["id"],
        "webhook",
        None,
        "pending",
        "email.received",
    )
    body = json.loads(row["body"])
    assert list(body) == ["type", "id", "schema_version", "created_at", "data"]
    assert (body["type"], body["schema_version"], body["data"]) == ("email.received", "1", {"test": True})
    await client.post(path, {"type": "email.bounced", "data": {"n": 1}})
    row = await client.services.db.fetch_one("select body from deliveries where event_type = 'email.bounced'")
    assert json.loads(row["body"])["data"] == {"n": 1}


async def test_a_test_is_refused(client: Any) -> None:
    webhook = await made(client)
    path = f"/v1/webhooks/{webhook['id']}/test"
    assert (await client.post(path, {"type": "email.exploded"})).status == 422
    assert (await client.post(path, {"data": []})).status == 422
    assert (await client.post(path, {"colour": 1})).status == 422
    await client.patch(f"/v1/webhooks/{webhook['id']}", {"enabled": False})
    answer = await client.post(path, {})
    assert (answer.status, answer.code) == (409, "webhook_disabled")
    assert (await client.post("/v1/webhooks/wh_none/test", {})).status == 404
    assert await client.services.db.fetch_value("select count(*) from deliveries") == 0


async def test_deliveries_are_listed_by_state(client: Any) -> None:
    webhook, other = await made(client), await made(client)
    for number, status in enumerate(["delivered", "failed", "pending", "failed"]):
        await add_delivery(client, webhook, number, status, code=500 if status == "failed" else None, error="500")
    await add_delivery(client, other, 99, "failed")
    path = f"/v1/webhooks/{webhook['id']}/deliveries"
    whole = (await client.get(path)).json()
    assert [int(item["id"][4:], 16) for item in whole["items"]] == [3, 2, 1, 0]
    failed = whole["items"][0]
    assert (failed["type"], failed["status"], failed["attempts"]) == ("email.received", "failed", 2)
    assert (failed["last_status_code"], failed["last_error"]) == (500, "500")
    assert "last_status_code" not in whole["items"][1]
    assert failed["next_retry_at"].endswith("Z")
    before = client.services.db.statements
    page = (await client.get(path, query={"status": "failed", "limit": 1})).json()
    assert client.services.db.statements - before <= 2
    assert [int(item["id"][4:], 16) for item in page["items"]] == [3]
    cursor = page["next_cursor"]
    page = (await client.get(path, query={"status": "failed", "limit": 1, "cursor": cursor})).json()
    assert [int(item["id"][4:], 16) for item in page["items"]] == [1]
    assert page["next_cursor"] is None
    for query, where in (({}, path), ({"status": "failed"}, f"/v1/webhooks/{other['id']}/deliveries")):
        answer = await client.get(where, query={"cursor": cursor, **query})
        assert (answer.status, answer.code) == (400, "invalid_cursor")
    assert (await client.get(path, query={"status": "lost"})).fields == ["query.status"]
    assert (await client.get("/v1/webhooks/wh_none/deliveries")).status == 404
    empty = await made(client)
    assert (await client.get(f"/v1/webhooks/{empty['id']}/deliveries")).json() == {"items": [], "next_cursor": None}


async def test_somebody_elses_webhook_is_not_there(client: Any, stranger: str) -> None:
    webhook = await made(client)
    path = f"/v1/webhooks/{webhook['id']}"
    for answer in (
        await client.get(path, key=stranger),
        await client.patch(path, {"description": "x"}, key=stranger),
        await client.delete(path + "?confirm=DELETE", key=stranger),
        await client.post(path + "/rotate-secret", key=stranger),
        await client.post(path + "/test", {}, key=stranger),
        await client.get(path + "/deliveries", key=stranger),
    ):
        assert (answer.status, answer.code) == (404, "not_found")
    assert await stored_secrets(client, webhook["id"]) == [webhook["signing_secret"]]


async def test_an_agents_key_has_no_webhooks(client: Any) -> None:
    await client.post("/v1/agents", {"slug": "bot"})
    made_key = await client.post("/v1/account/api-keys", {"scope": "agent", "agent_email": "bot@agents.localhost"})
    key = made_key.json()["key"]
    for answer in (
        await client.get("/v1/webhooks", key=key),
        await client.post("/v1/webhooks", {"url": HOOK, "events": ["email.sent"]}, key=key),
        await client.get("/v1/webhooks/wh_x", key=key),
        await client.get("/v1/webhooks/wh_x/deliveries", key=key),
    ):
        assert (answer.status, answer.code) == (403, "forbidden")
    assert (await client.get("/v1/webhooks", headers={"Authorization": "Bearer x"})).status == 401


async def test_changes_are_announced(client: Any, caller: Any, database_dsn: str) -> None:
    listener = await TrioConnection.open(database_dsn)
    try:
        await listener.command(b"listen e2ad_webhooks")
        webhook = await made(client)
        path = f"/v1/webhooks/{webhook['id']}"
        await client.patch(path, {"description": "x"})
        await client.post(path + "/rotate-secret")
        await client.delete(path + "?confirm=DELETE")
        told: list[str] = []
        with trio.fail_after(5):
            while len(told) < 4:
                told += [one.payload for one in await listener.next_notifies()]
        assert told == [caller.account_id] * 4
    finally:
        await listener.close()


async def test_with_the_outbox_off_none_is_made(client: Any) -> None:
    webhook = await made(client)
    config = client.services.config
    client.services.config = attrs.evolve(config, features=attrs.evolve(config.features, outbox=False))
    for answer in (
        await client.post("/v1/webhooks", {"url": HOOK, "events": ["email.sent"]}),
        await client.post(f"/v1/webhooks/{webhook['id']}/test", {}),
    ):
        assert (answer.status, answer.code) == (501, "not_implemented")
    assert (await client.get("/v1/webhooks")).status == 200
