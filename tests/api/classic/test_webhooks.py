"""Webhooks and events of the classic API: its own event names, the same rules."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from e2ad.core.events import envelope
from e2ad.gateway.accounts import keep_shared_domain
from e2ad.gateway.mint import now
from tests.zone import HOOK


@pytest.fixture
async def client(client: Any) -> Any:
    await keep_shared_domain(client.services.db, "agents.localhost")
    return client


async def made(client: Any, **more: Any) -> Any:
    answer = await client.post("/api/v1/webhooks", {"url": HOOK, "events": ["email.received"], **more})
    assert answer.status == 201, answer.text
    return answer.json()


async def add_event(client: Any, account: str, number: int, type_: str, webhook: str | None = None) -> str:
    event_id = f"evt_{number:032x}"
    await client.services.db.execute(
        "insert into events (account_id, id, type, agent_email, envelope, matched_endpoints)"
        " values (%(a)s, %(i)s, %(t)s, 'bot@agents.localhost', %(e)s, %(w)s)",
        {
            "a": account,
            "i": event_id,
            "t": type_,
            "e": envelope(type_, event_id, now(), {"n": number}),
            "w": [webhook] if webhook else [],
        },
    )
    if webhook:
        await client.services.db.execute(
            "insert into deliveries (account_id, id, endpoint, kind, event_id, event_type, status)"
            " values (%(a)s, %(d)s, %(w)s, 'webhook', %(i)s, %(t)s, 'failed')",
            {"a": account, "d": f"whd_{number:032x}", "w": webhook, "i": event_id, "t": type_},
        )
    return event_id


async def test_a_webhook_from_its_making_to_its_end(client: Any) -> None:
    await client.post("/api/v1/agents", {"slug": "bot", "agent_mode": "local"})
    webhook = await made(
        client, events=["email.received", "email.pending_approval"], filters={"agent_ids": ["bot@agents.localhost"]}
    )
    assert re.fullmatch(r"whsec_[0-9a-f]{64}", webhook.pop("signing_secret"))
    assert webhook["filters"] == {"agent_ids": ["bot@agents.localhost"]}
    path = f"/api/v1/webhooks/{webhook['id']}"
    assert (await client.get(path)).json() == webhook
    assert (await client.get("/api/v1/webhooks")).json() == {"webhooks": [webhook]}
    for method in ("PATCH", "PUT"):
        changed = await client.request(method, path, body={"description": method, "filters": {}})
        assert (changed.json()["description"], changed.json()["filters"]) == (method, {})
    rotated = (await client.post(path + "/rotate-secret")).json()
    assert sorted(rotated) == ["previous_secret_expires_at", "signing_secret"]
    gone = await client.delete(path)
    assert (gone.status, gone.body) == (204, b"")
    for answer in (await client.get(path), await client.delete(path), await client.post(path + "/rotate-secret")):
        assert (answer.status, answer.text) == (404, "not found\n")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"events": ["email.received"]}, "url is required"),
        ({"url": HOOK}, "at least one event type"),
        ({"url": HOOK, "events": []}, "at least one event type"),
        ({"url": HOOK, "events": ["email.bounced"]}, "unknown event type"),
        ({"url": "http://hooks.example", "events": ["email.sent"]}, "https"),
        ({"url": "https://inside.example", "events": ["email.sent"]}, "not public"),
        ({"url": HOOK, "events": ["email.sent"], "filters": {"agent_ids": ["x@agents.localhost"]}}, "not an agent"),
        ({"url": HOOK, "events": "email.sent"}, "invalid request body"),
        ({"url": HOOK, "events": ["email.sent"], "description": "x" * 201}, "at most 200"),
    ],
)
async def test_create_is_refused_in_one_line(client: Any, body: Any, text: str) -> None:
    answer = await client.post("/api/v1/webhooks", body)
    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert text in answer.text


async def test_the_two_surfaces_keep_their_webhooks_apart_and_share_the_limit(client: Any, caller: Any) -> None:
    await client.services.db.execute("update accounts set max_webhooks = 2 where id = %(a)s", {"a": caller.account_id})
    classic = await made(client)
    full = (await client.post("/v1/webhooks", {"url": HOOK, "events": ["email.bounced"]})).json()
    assert (await client.get(f"/v1/webhooks/{classic['id']}")).status == 404
    assert (await client.get(f"/api/v1/webhooks/{full['id']}")).status == 404
    assert [one["id"] for one in (await client.get("/v1/webhooks")).json()["items"]] == [full["id"]]
    answer = await client.post("/api/v1/webhooks", {"url": HOOK, "events": ["email.sent"]})
    assert (answer.status, "as many as it may have" in answer.text) == (400, True)


async def test_a_test_is_a_classic_envelope(client: Any) -> None:
    webhook = await made(client)
    path = f"/api/v1/webhooks/{webhook['id']}"
    delivery_id = (await client.post(path + "/test")).json()["delivery_id"]
    row = await client.services.db.fetch_one("select id, body from deliveries")
    assert row["id"] == delivery_id
    body = json.loads(row["body"])
    assert list(body) == ["event", "id", "created_at", "data"]
    assert (body["event"], body["data"]) == ("email.received", {"test": True})
    listed = (await client.get(path + "/deliveries")).json()
    assert [(one["id"], one["event"], one["status"]) for one in listed["deliveries"]] == [
        (delivery_id, "email.received", "pending")
    ]
    assert (await client.post(path + "/test", {"event": "email.bounced"})).status == 400
    await client.patch(path, {"enabled": False})
    assert (await client.post(path + "/test")).status == 409


async def test_deliveries_are_paged(client: Any, caller: Any) -> None:
    webhook = await made(client)
    for number in range(3):
        await add_event(client, caller.account_id, number, "email.review_requested", webhook["id"])
    path = f"/api/v1/webhooks/{webhook['id']}/deliveries"
    first = (await client.get(path, query={"page_size": 2, "status": "failed"})).json()
    assert [one["event"] for one in first["deliveries"]] == ["email.pending_approval"] * 2
    token = first["next_token"]
    rest = (await client.get(path, query={"page_size": 2, "status": "failed", "token": token})).json()
    assert len(rest["deliveries"]) == 1
    assert "next_token" not in rest
    assert (await client.get(path, query={"token": token})).status == 400
    assert (await client.get(path, query={"status": "lost"})).status == 400
    assert (await client.get("/api/v1/webhooks/wh_none/deliveries")).status == 404
    # A size that makes no sense counts as none.
    assert len((await client.get(path, query={"page_size": "many"})).json()["deliveries"]) == 3
    assert len((await client.get(path, query={"page_size": "0"})).json()["deliveries"]) == 3


async def test_redeliver_since(client: Any, caller: Any) -> None:
    webhook = await made(client)
    path = f"/api/v1/webhooks/{webhook['id']}"
    for number in range(3):
        await add_event(client, caller.account_id, number, "email.received", webhook["id"])
    await client.services.db.execute(
        "update deliveries set created_at = now() - interval '1 hour' where id = %(i)s", {"i": f"whd_{0:032x}"}
    )
    since = (now() - timedelta(minutes=30)).isoformat()
    answer = await client.post(path + "/redeliver-since", {"since": since})
    assert (answer.status, answer.json()) == (202, {"scheduled": 2})
    rows = await client.services.db.fetch_all("select event_id from deliveries where replay_id is not null order by 1")
    assert [row["event_id"] for row in rows] == [f"evt_{1:032x}", f"evt_{2:032x}"]
    assert (await client.post(path + "/redeliver-since", {})).status == 400
    assert (await client.post(path + "/redeliver-since", {"since": "2099-01-01T00:00:00Z"})).json() == {"scheduled": 0}
    assert (await client.post("/api/v1/webhooks/wh_none/redeliver-since", {"since": since})).status == 404
    await client.patch(path, {"enabled": False})
    assert (await client.post(path + "/redeliver-since", {"since": since})).status == 409


async def test_somebody_elses_webhook_is_not_there(client: Any, stranger: str) -> None:
    webhook = await made(client)
    path = f"/api/v1/webhooks/{webhook['id']}"
    for answer in (
        await client.get(path, key=stranger),
        await client.patch(path, {"description": "x"}, key=stranger),
        await client.delete(path, key=stranger),
        await client.post(path + "/test", key=stranger),
        await client.get(path + "/deliveries", key=stranger),
    ):
        assert answer.status == 404


async def test_events_have_their_classic_names(client: Any, caller: Any, stranger: str) -> None:
    types = ["email.received", "email.review_requested", "email.bounced", "email.sent"]
    ids = [await add_event(client, caller.account_id, number, name) for number, name in enumerate(types)]
    listed = (await client.get("/api/v1/events")).json()
    assert [one["event"] for one in listed["events"]] == ["email.sent", "email.pending_approval", "email.received"]
    assert "next_token" not in listed
    first = listed["events"][0]
    assert (first["id"], first["data"], first["agent_id"]) == (ids[3], {"n": 3}, "bot@agents.localhost")
    found = (await client.get("/api/v1/events", query={"event": "email.pending_approval"})).json()
    assert [one["id"] for one in found["events"]] == [ids[1]]
    assert (await client.get("/api/v1/events", query={"event": "email.exploded"})).json() == {"events": []}
    page = (await client.get("/api/v1/events", query={"page_size": 2})).json()
    rest = (await client.get("/api/v1/events", query={"page_size": 2, "token": page["next_token"]})).json()
    assert [one["id"] for one in rest["events"]] == [ids[0]]
    assert (
        await client.get("/api/v1/events", query={"token": page["next_token"], "event": "email.sent"})
    ).status == 400
    assert (await client.get("/api/v1/events", query={"since": "yesterday"})).status == 400
    assert (await client.get(f"/api/v1/events/{ids[0]}")).json()["event"] == "email.received"
    # What the classic API has no name for is not there.
    assert (await client.get(f"/api/v1/events/{ids[2]}")).status == 404
    assert (await client.get(f"/api/v1/events/{ids[0]}", key=stranger)).status == 404
    assert (await client.get("/api/v1/events", key=stranger)).json() == {"events": []}


async def test_an_event_is_sent_again(client: Any, caller: Any) -> None:
    webhook = await made(client)
    event_id = await add_event(client, caller.account_id, 1, "email.received", webhook["id"])
    path = f"/api/v1/events/{event_id}/redeliver"
    answer = await client.post(path)
    assert answer.status == 202
    assert answer.json()["deliveries"][0]["webhook_id"] == webhook["id"]
    one = (await client.post(path, {"webhook_id": webhook["id"]})).json()
    assert one["delivery_id"] == answer.json()["deliveries"][0]["delivery_id"]
    assert (await client.post(path, {"webhook_id": "wh_other"})).status == 409
    assert (await client.post("/api/v1/events/evt_none/redeliver")).status == 404
    await client.services.db.execute("update events set created_at = now() - interval '31 days'")
    assert (await client.post(path)).status == 410
