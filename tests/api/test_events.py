"""The event log of the full API, and sending an event again."""

import json
from typing import Any

import attrs
import pytest
import trio

from e2ad.core.events import envelope
from e2ad.gateway import events as module
from e2ad.gateway.accounts import bootstrap
from e2ad.gateway.mint import now
from e2ad.storage.connection import TrioConnection


@pytest.fixture
async def stranger(client: Any) -> str:
    return (await bootstrap(client.services.db, client.services.keys, "stranger@example.com")).api_key


async def add_event(
    client: Any,
    account: str,
    number: int,
    *,
    type_: str = "email.received",
    matched: tuple[str, ...] = (),
    age_days: float = 0,
    agent: str | None = "bot@agents.localhost",
    threaded: bool = True,
) -> str:
    event_id = f"evt_{number:032x}"
    data = {"message_id": f"msg_{number}", "big": 12345678901234567890, "n": number}
    if threaded:
        data["conversation_id"] = f"conv_{number % 2}"
    text = envelope(type_, event_id, now(), data)
    await client.services.db.execute(
        "insert into events (account_id, id, type, agent_email, conversation_id, message_id, envelope,"
        " matched_endpoints, created_at) values (%(a)s, %(i)s, %(t)s, %(g)s, %(c)s, %(m)s, %(e)s, %(w)s,"
        " now() - make_interval(secs => %(s)s))",
        {
            "a": account,
            "i": event_id,
            "t": type_,
            "g": agent,
            "c": f"conv_{number % 2}",
            "m": f"msg_{number}",
            "e": text,
            "w": list(matched),
            "s": age_days * 86400.0,
        },
    )
    for endpoint in matched:
        await add_delivery(client, account, event_id, endpoint, "pending")
    return event_id


async def add_webhook(client: Any, account: str, name: str) -> str:
    await client.services.db.execute(
        "insert into webhooks (account_id, id, url, events, sealed_secret)"
        " values (%(a)s, %(i)s, 'https://hooks.example/', '{email.received}', '')",
        {"a": account, "i": name},
    )
    return name


async def add_delivery(
    client: Any,
    account: str,
    event_id: str,
    endpoint: str,
    status: str,
    *,
    replay: str | None = None,
    kind: str = "webhook",
) -> None:
    await client.services.db.execute(
        "insert into deliveries (account_id, id, endpoint, kind, event_id, event_type, status, replay_id, message_id)"
        " values (%(a)s, 'whd_' || gen_random_uuid(), %(w)s, %(k)s, %(e)s, 'email.received', %(s)s, %(r)s, 'msg_1')",
        {"a": account, "w": endpoint, "e": event_id, "s": status, "r": replay, "k": kind},
    )


async def replays(client: Any, event_id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await client.services.db.fetch_all(
        "select * from deliveries where event_id = %(e)s and replay_id is not null order by created_at, endpoint",
        {"e": event_id},
    )
    return rows


async def test_an_event_is_its_envelope_with_the_state_of_its_deliveries(client: Any, caller: Any) -> None:
    event_id = await add_event(client, caller.account_id, 1, matched=("wh_a", "wh_b", "wh_c"))
    database = client.services.db
    await database.execute("update deliveries set status = 'delivered' where endpoint = 'wh_a'")
    await database.execute("update deliveries set status = 'failed' where endpoint = 'wh_b'")
    await add_delivery(client, caller.account_id, event_id, "bot@agents.localhost", "failed", kind="agent")
    await client.get("/v1/events/evt_none")  # the credential is known from now on
    before = database.statements
    body = (await client.get(f"/v1/events/{event_id}")).json()
    assert database.statements - before == 1
    assert body.pop("created_at").endswith("Z")
    assert body == {
        "id": event_id,
        "type": "email.received",
        "schema_version": "1",
        "status": "processed",
        "data": {"message_id": "msg_1", "big": 12345678901234567890, "n": 1, "conversation_id": "conv_1"},
        "agent_email": "bot@agents.localhost",
        "conversation_id": "conv_1",
        "message_id": "msg_1",
        "delivery_status": {"matched_webhooks": 3, "delivered": 1, "pending": 1, "failed": 1},
    }
    # Sent again to b with success: the newest delivery of an endpoint is the one that counts.
    await add_delivery(client, caller.account_id, event_id, "wh_b", "delivered", replay="rpl_1")
    for path in (f"/v1/events/{event_id}", "/v1/events"):
        found = (await client.get(path)).json()
        status = (found if "data" in found else found["items"][0])["delivery_status"]
        assert status == {"matched_webhooks": 3, "delivered": 2, "pending": 1, "failed": 0}


async def test_a_first_contact_names_no_conversation(client: Any, caller: Any) -> None:
    first = await add_event(client, caller.account_id, 1, threaded=False)
    assert "conversation_id" not in (await client.get(f"/v1/events/{first}")).json()
    sent = await add_event(client, caller.account_id, 2, type_="email.delivered", threaded=False)
    assert (await client.get(f"/v1/events/{sent}")).json()["conversation_id"] == "conv_0"


@pytest.mark.parametrize("raw", [b"", b"  "])
async def test_an_empty_body_redelivers_to_all(client: Any, caller: Any, raw: bytes) -> None:
    event_id = await add_event(client, caller.account_id, 1)
    answer = await client.post(f"/v1/events/{event_id}/redeliver", raw=raw)
    assert (answer.status, answer.json()["status"]) == (202, "scheduled")


async def test_a_list_is_one_statement_however_many_events(client: Any, caller: Any) -> None:
    for number in range(12):
        await add_event(client, caller.account_id, number, matched=("wh_a", "wh_b") if number % 2 else ())
    await client.get("/v1/events/evt_none")  # the credential is known from now on
    before = client.services.db.statements
    body = (await client.get("/v1/events?limit=10")).json()
    assert client.services.db.statements - before == 1
    assert [event["data"]["n"] for event in body["items"]] == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]
    assert [event["status"] for event in body["items"][:2]] == ["processed", "no_match"]
    assert body["items"][1]["delivery_status"] == {"matched_webhooks": 0, "delivered": 0, "pending": 0, "failed": 0}
    rest = (await client.get("/v1/events", query={"cursor": body["next_cursor"]})).json()
    assert [event["data"]["n"] for event in rest["items"]] == [1, 0]
    assert rest["next_cursor"] is None


async def test_filters_are_exact_and_all_must_hold(client: Any, caller: Any, stranger: str) -> None:
    account = caller.account_id
    for number in range(4):
        await add_event(client, account, number)
    await add_event(client, account, 4, type_="email.sent", agent="other@agents.localhost")
    await add_event(client, account, 5, type_="domain.sending_failed", agent=None)
    await add_event(client, account, 6, age_days=31)
    await add_event(client, account, 7, age_days=2)

    async def numbers(key: str | None = None, **query: str) -> list[int]:
        answer = await client.get("/v1/events", query=query, key=key)
        assert answer.status == 200
        return [event["data"]["n"] for event in answer.json()["items"]]

    assert await numbers() == [5, 4, 3, 2, 1, 0, 7]
    assert await numbers(type="email.sent") == [4]
    assert await numbers(type="email.exploded") == []
    assert await numbers(agent_email="BOT@agents.localhost") == [3, 2, 1, 0, 7]
    assert await numbers(conversation_id="conv_1", agent_email="bot@agents.localhost") == [3, 1, 7]
    assert await numbers(message_id="msg_2") == [2]
    assert await numbers(message_id="msg_2", type="email.sent") == []
    yesterday = module.now() - module.timedelta(days=1)
    assert await numbers(until=yesterday.isoformat()) == [7]
    assert 7 not in await numbers(since=yesterday.isoformat())
    assert await numbers(since="2030-01-01T00:00:00Z", until="2020-01-01T00:00:00Z") == []
    assert await numbers(key=stranger) == []


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("value", ["yesterday", "2026-06-13", "2026-06-13T10:00:00", "9999-99-99T00:00:00Z"])
async def test_a_time_that_is_none_is_refused(client: Any, name: str, value: str) -> None:
    answer = await client.get("/v1/events", query={name: value})
    assert (answer.status, answer.code) == (400, "invalid_filter")


async def test_a_cursor_belongs_to_its_filters(client: Any, caller: Any) -> None:
    for number in range(3):
        await add_event(client, caller.account_id, number)
    cursor = (await client.get("/v1/events?limit=1")).json()["next_cursor"]
    answer = await client.get("/v1/events", query={"cursor": cursor, "type": "email.received"})
    assert (answer.status, answer.code) == (400, "invalid_cursor")
    assert (await client.get("/v1/events?limit=1000")).fields == ["query.limit"]


async def test_an_event_is_there_gone_or_never_was(client: Any, caller: Any, stranger: str) -> None:
    event_id = await add_event(client, caller.account_id, 1, matched=("wh_a",))
    old = await add_event(client, caller.account_id, 2, age_days=30.01)
    assert (await client.get(f"/v1/events/{event_id}")).status == 200
    for path, key, status, code in (
        (event_id, stranger, 404, "not_found"),
        ("evt_none", None, 404, "not_found"),
        (old, None, 410, "gone"),
    ):
        for answer in (
            await client.get(f"/v1/events/{path}", key=key),
            await client.post(f"/v1/events/{path}/redeliver", {}, key=key),
        ):
            assert (answer.status, answer.code) == (status, code)
    # Deliveries outlive their event: what they tell of is gone, not unknown.
    await client.services.db.execute("delete from events where id = %(e)s", {"e": event_id})
    assert (await client.get(f"/v1/events/{event_id}")).code == "gone"
    assert (await client.post(f"/v1/events/{event_id}/redeliver", {})).code == "gone"


async def test_redelivery_to_all_says_what_became_of_each(client: Any, caller: Any, database_dsn: str) -> None:
    account = caller.account_id
    await add_webhook(client, account, "wh_a")
    await add_webhook(client, account, "wh_b")
    await client.services.db.execute("update webhooks set enabled = false where id = 'wh_b'")
    event_id = await add_event(client, account, 1, matched=("wh_a", "wh_b", "wh_gone"))
    listener = await TrioConnection.open(database_dsn)
    try:
        await listener.command(b"listen e2ad_events")
        await client.get("/v1/events/evt_none")  # the credential is known from now on
        before = client.services.db.statements
        answer = await client.post(f"/v1/events/{event_id}/redeliver", {})
        assert client.services.db.statements - before == 4  # begin, lock, one statement for all, commit
        with trio.fail_after(5):
            assert [one.payload for one in await listener.next_notifies()] == [account + ":"]
    finally:
        await listener.close()
    assert answer.status == 202
    (row,) = await replays(client, event_id)
    assert answer.json() == {
        "event_id": event_id,
        "status": "scheduled",
        "deliveries": [
            {"webhook_id": "wh_a", "status": "pending", "delivery_id": row["id"]},
            {"webhook_id": "wh_b", "status": "skipped", "reason": "disabled"},
            {"webhook_id": "wh_gone", "status": "skipped", "reason": "deleted"},
        ],
    }
    assert (row["endpoint"], row["event_id"], row["message_id"], row["status"]) == (
        "wh_a",
        event_id,
        "msg_1",
        "pending",
    )


async def test_redelivery_to_one(client: Any, caller: Any) -> None:
    account = caller.account_id
    for name in ("wh_a", "wh_b", "wh_c"):
        await add_webhook(client, account, name)
    event_id = await add_event(client, account, 1, matched=("wh_a", "wh_b", "wh_gone"))
    path = f"/v1/events/{event_id}/redeliver"
    answer = await client.post(path, {"webhook_id": "wh_a"})
    (row,) = await replays(client, event_id)
    assert (answer.status, answer.json()) == (
        202,
        {"event_id": event_id, "status": "pending", "delivery_id": row["id"], "webhook_id": "wh_a"},
    )
    await client.services.db.execute("update webhooks set enabled = false where id = 'wh_b'")
    for webhook_id, status, code in (
        ("wh_b", 409, "webhook_disabled"),
        ("wh_c", 409, "conflict"),
        ("wh_none", 409, "conflict"),
        ("wh_gone", 404, "not_found"),
    ):
        refused = await client.post(path, {"webhook_id": webhook_id})
        assert (refused.status, refused.code) == (status, code)
    assert (await client.post(path, {"webhook_id": None})).status == 422
    assert (await client.post(path, {"hook": "wh_a"})).status == 422
    assert len(await replays(client, event_id)) == 1


async def test_the_same_wish_within_a_minute_is_one_delivery(client: Any, caller: Any) -> None:
    account = caller.account_id
    await add_webhook(client, account, "wh_a")
    await add_webhook(client, account, "wh_b")
    event_id = await add_event(client, account, 1, matched=("wh_a", "wh_b"))
    path = f"/v1/events/{event_id}/redeliver"
    first = await client.post(path, {"webhook_id": "wh_a"})
    assert (await client.post(path, {"webhook_id": "wh_a"})).json() == first.json()
    # To all: a has one already, b gets its own.
    whole = (await client.post(path, {})).json()["deliveries"]
    assert whole[0]["delivery_id"] == first.json()["delivery_id"]
    assert len(await replays(client, event_id)) == 2
    await client.services.db.execute(
        "update deliveries set created_at = created_at - interval '61 seconds' where replay_id is not null"
    )
    again = await client.post(path, {"webhook_id": "wh_a"})
    assert again.json()["delivery_id"] != first.json()["delivery_id"]
    assert len(await replays(client, event_id)) == 3


async def test_at_once_it_is_one_delivery_as_well(client: Any, caller: Any) -> None:
    await add_webhook(client, caller.account_id, "wh_a")
    event_id = await add_event(client, caller.account_id, 1, matched=("wh_a",))
    told: list[str] = []

    async def redeliver() -> None:
        answer = await client.post(f"/v1/events/{event_id}/redeliver", {"webhook_id": "wh_a"})
        told.append(answer.json()["delivery_id"])

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(redeliver)
    assert len(set(told)) == 1
    assert len(await replays(client, event_id)) == 1


async def test_a_key_of_its_own_is_a_wish_of_its_own(client: Any, caller: Any) -> None:
    await add_webhook(client, caller.account_id, "wh_a")
    event_id = await add_event(client, caller.account_id, 1, matched=("wh_a",))
    path = f"/v1/events/{event_id}/redeliver"
    first = await client.post(path, {}, headers={"Idempotency-Key": "one"})
    assert (await client.post(path, {}, headers={"Idempotency-Key": "one"})).json() == first.json()
    second = await client.post(path, {}, headers={"Idempotency-Key": "two"})
    assert second.json() != first.json()
    assert len(await replays(client, event_id)) == 2
    await client.services.db.execute("update deliveries set created_at = created_at - interval '1 day'")
    assert (await client.post(path, {}, headers={"Idempotency-Key": "one"})).json() == first.json()


async def test_a_cloud_agents_own_url_gets_it_again_too(client: Any, caller: Any) -> None:
    account, email = caller.account_id, "bot@agents.localhost"
    event_id = await add_event(client, account, 1)
    await add_delivery(client, account, event_id, email, "failed", kind="agent")
    path = f"/v1/events/{event_id}/redeliver"
    assert (await client.post(path, {})).json()["deliveries"] == [
        {"webhook_id": email, "status": "skipped", "reason": "deleted"}
    ]
    database = client.services.db
    await database.execute(
        "insert into domains (domain, verified, verification_token) values ('agents.localhost', true, '')"
    )
    await database.execute(
        "insert into agents (email, account_id, domain, registered_domain, webhook_url)"
        " values (%(e)s, %(a)s, 'agents.localhost', 'agents.localhost', 'https://hooks.example/')",
        {"e": email, "a": account},
    )
    assert (await client.post(path, {})).json()["deliveries"][0]["reason"] == "disabled"
    await database.execute("update agents set agent_mode = 'cloud'")
    assert (await client.post(path, {})).json()["deliveries"][0]["status"] == "pending"
    (row,) = await replays(client, event_id)
    assert (row["kind"], row["endpoint"]) == ("agent", email)


async def test_an_event_that_matched_nobody_is_sent_to_nobody(client: Any, caller: Any) -> None:
    event_id = await add_event(client, caller.account_id, 1)
    answer = await client.post(f"/v1/events/{event_id}/redeliver", {})
    assert (answer.status, answer.json()) == (202, {"event_id": event_id, "status": "scheduled"})


async def test_with_the_outbox_off_nothing_is_sent_again(client: Any, caller: Any) -> None:
    event_id = await add_event(client, caller.account_id, 1)
    config = client.services.config
    client.services.config = attrs.evolve(config, features=attrs.evolve(config.features, outbox=False))
    answer = await client.post(f"/v1/events/{event_id}/redeliver", {})
    assert (answer.status, answer.code) == (501, "events_log_disabled")
    assert (await client.get(f"/v1/events/{event_id}")).status == 200


async def test_events_need_an_account(client: Any) -> None:
    client.key = None
    assert (await client.get("/v1/events")).status == 401
    assert json.loads((await client.post("/v1/events/x/redeliver", {})).body)["error"]["code"] == "unauthorized"
