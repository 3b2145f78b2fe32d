"""Metrics against mail of known fate, and against the ledger that each message tells of itself."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2ad.core.events import rfc3339
from e2ad.gateway.mint import new_id
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.metrics import count_hours
from tests import factories
from tests.factories import insert

AGENT = "bot@agents.test"
SISTER = "sister@agents.test"
URL = "/v1/metrics"
AGENT_URL = f"/v1/agents/{AGENT}/metrics"
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)


async def story(
    database: Any, account_id: str, *codes: str, agent: str = AGENT, at: datetime = NOON, **more: Any
) -> str:
    """A message out with these rows of the ledger."""
    message_id = await factories.message(
        database, account_id, agent, direction="outbound", message_type="send", created_at=at, **more
    )
    for number, code in enumerate(codes):
        values = {"account_id": account_id, "id": new_id("mlt_"), "message_id": message_id, "reason_code": code}
        await insert(database, "lifecycle", values | {"occurred_at": at + timedelta(seconds=number)})
    return message_id


def dmarc(status: str) -> Any:
    return Jsonb({"spf": {}, "dkim": [], "dmarc": {"status": status}})


OUT = ("acceptance.outbound_api", "queue.outbound_submission")
UP = "submission.upstream_accepted"


@pytest.fixture(params=[False, True], ids=["from messages", "counted before"])
async def world(client: Any, caller: Any, database: Any, request: Any) -> Any:
    """Two agents; what each story ends with is what the tests count."""
    account_id = caller.account_id
    await factories.agent(database, account_id, AGENT)
    await factories.agent(database, account_id, SISTER)
    stories = [
        (*OUT, UP, "delivery.recipient_server_accepted"),
        # Two recipients, each with its rows: one message.
        (*OUT, UP, UP, "delivery.recipient_server_accepted", "delivery.recipient_server_accepted"),
        (*OUT, UP, "delivery.recipient_server_accepted", "complaint.recipient_reported"),
        (*OUT, UP, "delivery.permanent_bounce", "suppression.hard_bounce_applied"),
        (*OUT, UP, "delivery.temporary_delay", "delivery.temporary_delay", "delivery.transient_bounce"),
        (*OUT, UP, "delivery.undetermined_bounce"),
        (*OUT, "submission.temporary_failure", "submission.temporary_failure", "submission.local_retries_exhausted"),
        (*OUT, "submission.provider_rejected", "submission.cancelled"),
        (*OUT, "suppression.recipient_blocked"),
        ("acceptance.local_loopback", "submission.local_loopback_accepted"),
        # To an agent here and to somebody outside: that is outward mail.
        (*OUT, "submission.local_loopback_accepted", UP),
        ("review.hold_created", "review.approved", *OUT, UP),
        ("review.hold_created", "review.rejected"),
        ("review.hold_created", "review.expired_rejected"),
        ("review.hold_created",),
    ]
    for codes in stories:
        await story(database, account_id, *codes)
    await story(database, account_id, *OUT, UP, agent=SISTER, at=NOON + timedelta(days=1))
    await story(database, account_id, *OUT, agent=SISTER, at=NOON - timedelta(days=60))
    for status in ("pass", "pass", "fail", "none", "temperror", "permerror"):
        await factories.message(database, account_id, AGENT, created_at=NOON, authentication=dmarc(status))
    trashed = {"deleted_at": NOON, "entity_type": "agent"}
    await factories.message(database, account_id, AGENT, created_at=NOON, **trashed)
    while request.param and await count_hours(database):
        pass
    return client


SUMMARY = {
    "accepted": 12, "submitted": 9, "delivered": 3, "bounced_hard": 1, "bounced_soft": 1, "bounced_undetermined": 1,
    "complained": 1, "suppressed": 1, "send_failed": 2, "loopback": 1, "received": 7, "dmarc_pass": 2, "dmarc_fail": 1,
    "dmarc_none": 1, "dmarc_error": 2, "review_held": 4, "review_approved": 1, "review_rejected": 1,
    "review_expired_approved": 0, "review_expired_rejected": 1,
}  # fmt: skip


async def test_an_agents_messages(world: Any) -> None:
    told = (await world.get(AGENT_URL)).json()
    assert told["summary"] == SUMMARY
    assert told["agent_email"] == AGENT
    assert (told["messages_in_window"], told["messages_with_lifecycle"]) == (22, 22)
    assert told["reconstructed_observations"] == 13
    assert told["rates"] == {
        "delivered_rate": 3 / 11, "bounce_rate": 3 / 8, "complaint_rate": 1 / 3, "suppression_block_rate": 1 / 11,
    }  # fmt: skip
    counters = {one["reason_code"]: one for one in told["counters"]}
    assert list(counters) == sorted(counters)
    assert counters["submission.temporary_failure"] == {
        "reason_code": "submission.temporary_failure", "stage": "submission", "outcome": "deferred", "retryable": True,
        "messages": 1, "observations": 2,
    }  # fmt: skip
    assert (counters[UP]["messages"], counters[UP]["observations"]) == (8, 9)
    assert "review.expired_approved" not in counters
    window = [datetime.fromisoformat(told[name]) for name in ("start", "end")]
    assert window[1] - window[0] == timedelta(days=30)


async def test_the_counters_are_what_each_message_tells(world: Any, caller: Any, database: Any) -> None:
    messages, observations = Counter[str](), Counter[str]()
    for row in await database.fetch_all(
        "select id, agent_email from messages where created_at > now() - interval '30 days'"
    ):
        path = f"/v1/agents/{row['agent_email']}/messages/{row['id']}/lifecycle"
        codes = [one["reason_code"] for one in (await world.get(path)).json()["items"]]
        observations.update(codes)
        messages.update(set(codes))
    told = (await world.get(URL)).json()["counters"]
    assert {one["reason_code"]: one["observations"] for one in told} == observations
    assert {one["reason_code"]: one["messages"] for one in told} == messages


async def test_an_accounts_messages(world: Any) -> None:
    told = (await world.get(URL)).json()
    assert told["summary"] == SUMMARY | {"accepted": 13, "submitted": 10}
    assert (told["agents"], told["buckets"], told["agents_truncated"]) == ([], [], False)
    assert told["webhooks"] == {
        "deliveries": 0, "delivered": 0, "pending": 0, "endpoint_rejected": 0, "no_response": 0,
        "endpoints_auto_disabled": 0, "success_rate": None, "endpoints_truncated": False,
        "window_exceeds_retention": False, "endpoints": [],
    }  # fmt: skip


async def test_parts_sum_up_to_the_whole(world: Any) -> None:
    told = (await world.get(URL, query={"bucket": "day", "group_by": "agent"})).json()
    assert [one["agent_email"] for one in told["agents"]] == [AGENT, SISTER]
    days = [datetime.fromisoformat(one["day"]) for one in told["buckets"]]
    assert all(later - earlier == timedelta(days=1) for earlier, later in itertools.pairwise(days))
    assert (len(days), {day.hour for day in days}) == (31, {0})
    for parts in ("agents", "buckets"):
        for name, count in told["summary"].items():
            assert sum(one["summary"][name] for one in told[parts]) == count
    assert told["agents"][0]["rates"] == (await world.get(AGENT_URL)).json()["rates"]
    quiet = next(one for one in told["buckets"] if not any(one["summary"].values()))
    assert set(quiet["rates"].values()) == {None}


async def test_a_window_is_of_creation_times(world: Any) -> None:
    start, end = NOON - timedelta(days=61), NOON - timedelta(days=59)
    told = (await world.get(URL, query={"start": rfc3339(start), "end": rfc3339(end)})).json()
    assert (told["start"], told["end"]) == (rfc3339(start), rfc3339(end))
    assert (told["summary"]["accepted"], told["messages_in_window"]) == (1, 1)
    query = {"start": rfc3339(NOON), "end": rfc3339(NOON + timedelta(microseconds=1))}
    assert (await world.get(URL, query=query)).json()["messages_in_window"] == 22
    query = {"start": rfc3339(NOON - timedelta(hours=1)), "end": rfc3339(NOON), "bucket": "day"}
    told = (await world.get(URL, query=query)).json()
    assert (told["messages_in_window"], len(told["buckets"])) == (0, 1)
    # As the published client writes times.
    assert (await world.get(URL, query={"start": NOON.strftime("%Y-%m-%dT%H:%M:%S.%f%z")})).status == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"start": "2026-06-01T00:00:00Z", "end": "2026-06-01T00:00:00Z"}, 400),
        ({"start": "2026-06-01T00:00:00Z", "end": "2026-05-01T00:00:00Z"}, 400),
        ({"start": "2999-06-01T00:00:00Z"}, 400),
        ({"start": "2026-01-01T00:00:00Z", "end": "2026-04-03T00:00:01Z"}, 400),
        ({"start": "0001-01-01T00:00:00+10:00"}, 400),
        ({"end": "0001-01-02T00:00:00Z"}, 400),
        ({"start": "yesterday"}, 422),
        ({"start": "2026-06-01T00:00:00"}, 422),
        ({"bucket": "hour"}, 422),
        ({"group_by": "domain"}, 422),
        ({"start": "2026-01-01T00:00:00Z", "end": "2026-04-03T00:00:00Z", "bucket": "day"}, 200),
    ],
)
async def test_what_may_be_asked(client: Any, query: dict[str, str], status: int) -> None:
    answer = await client.get(URL, query=query)
    assert answer.status == status
    if status != 200:
        assert answer.code == "invalid_request"


async def test_whose_they_are(world: Any, caller: Any, database: Any, stranger: str, api: Any) -> None:
    assert (await world.get(AGENT_URL, key=stranger)).status == 404
    assert (await world.get("/v1/agents/nobody@agents.test/metrics")).status == 404
    assert (await world.get(URL, key=stranger)).json()["messages_in_window"] == 0
    agent = await api.make_caller(database, scope="agent", agent_email=AGENT)
    assert (await world.get(AGENT_URL, key=agent.key)).status == 200
    assert (await world.get(f"/v1/agents/{SISTER}/metrics", key=agent.key)).status == 403
    assert (await world.get(URL, key=agent.key)).status == 403
    await world.delete(f"/v1/agents/{AGENT}?confirm=DELETE")
    assert (await world.get(AGENT_URL)).status == 404
    assert (await world.get(URL)).json()["messages_in_window"] == 23


async def test_more_agents_than_are_told(client: Any, caller: Any, database: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("e2ad.gateway.metrics.MAX_AGENTS", 2)
    for number in range(3):
        email = await factories.agent(database, caller.account_id, f"a{number}@agents.test")
        for _ in range(number + 1):
            await factories.message(database, caller.account_id, email, created_at=NOON)
    told = (await client.get(URL, query={"group_by": "agent"})).json()
    assert [(one["agent_email"], one["messages_in_window"]) for one in told["agents"]] == [
        ("a2@agents.test", 3),
        ("a1@agents.test", 2),
    ]
    assert (told["agents_truncated"], told["messages_in_window"]) == (True, 6)


async def test_webhooks(client: Any, caller: Any, database: Any) -> None:
    for number in range(52):
        values = {
            "account_id": caller.account_id, "id": f"wh_{number:02}", "url": f"https://h{number}.example.com/secret?x=y",
            "events": ["email.received"], "sealed_secret": b"s",
        }  # fmt: skip
        await insert(database, "webhooks", values)
    await database.execute(
        "update webhooks set enabled = false, auto_disabled_at = now(), auto_disabled_reason = 'x' where id = 'wh_51'"
    )
    states = [("delivered", 200), ("delivered", 204), ("failed", 401), ("failed", None), ("pending", 503)]
    rows = [("wh_00", *state) for state in states] + [(f"wh_{number:02}", "delivered", 200) for number in range(1, 51)]
    for number, (endpoint, status, code) in enumerate(rows):
        values = {
            "account_id": caller.account_id, "id": f"whd_{number}", "endpoint": endpoint, "kind": "webhook",
            "event_type": "email.received", "status": status, "last_status_code": code, "created_at": NOON,
            "last_attempt_at": NOON + timedelta(seconds=number),
        }  # fmt: skip
        await insert(database, "deliveries", values)
    start = rfc3339(NOON - timedelta(days=88))
    told = (await client.get(URL, query={"start": start})).json()["webhooks"]
    first = told["endpoints"][0]
    assert (told["deliveries"], told["delivered"], told["pending"]) == (55, 52, 1)
    assert (told["endpoint_rejected"], told["no_response"], told["success_rate"]) == (1, 1, 52 / 54)
    assert (told["endpoints_auto_disabled"], told["endpoints_truncated"], len(told["endpoints"])) == (1, True, 50)
    assert told["window_exceeds_retention"]
    assert first == {
        "webhook_id": "wh_00", "url_host": "h0.example.com", "enabled": True, "auto_disable_reason": "",
        "auto_disabled_at": None, "last_status_code": 503, "deliveries": 5, "delivered": 2, "pending": 1,
        "endpoint_rejected": 1, "no_response": 1, "success_rate": 0.5,
    }  # fmt: skip


async def test_the_number_of_statements_is_fixed(world: Any, database: Any) -> None:
    await world.get(AGENT_URL)
    counts = []
    for path, query in ((AGENT_URL, {}), (URL, {}), (URL, {"bucket": "day", "group_by": "agent"})):
        before = database.statements
        await world.get(path, query={**query, "start": rfc3339(NOON - timedelta(days=80))})
        counts.append(database.statements - before)
    assert counts == [1, 2, 2]


async def test_what_becomes_known_of_old_mail_counts(client: Any, caller: Any, database: Any, api: Any) -> None:
    """Through the doors: words on drafts, a message that is deleted for good."""

    async def told(*names: str) -> list[int]:
        summary = (await client.get(URL)).json()["summary"]
        return [summary[name] for name in names]

    agent = f"/v1/agents/{AGENT}"
    await api.make_agent(database, caller.account_id, AGENT)
    protection = {"inbound": {"gate": {}, "scan": {}}, "outbound": {"gate": {}, "scan": {}, "require_review": True}}
    assert (await client.put(f"{agent}/protection", protection | {"holds": {}})).status == 200
    mail = {"to": ["ada@example.org"], "subject": "Hi", "text": "Hello"}
    held = [(await client.post(f"{agent}/messages", mail)).json()["message_id"] for _ in range(3)]
    received = await factories.message(database, caller.account_id, AGENT)
    await database.execute("update messages set created_at = %(at)s", {"at": NOON})

    async def count() -> None:
        while await count_hours(database):
            pass

    await count()
    assert await told("review_held", "received", "accepted") == [3, 1, 0]
    assert (await client.post(f"/v1/reviews/{held[0]}/approve", {})).status == 202
    assert await told("review_approved", "accepted") == [1, 1]
    await count()
    assert await told("review_held", "review_approved", "accepted") == [3, 1, 1]
    assert (await client.post(f"/v1/reviews/{held[1]}/reject", {})).status == 200
    assert await told("review_held", "review_rejected") == [3, 1]
    await count()
    for query in ({}, {"permanent": "true", "confirm": "DELETE"}):
        assert (await client.delete(f"{agent}/messages/{received}", query=query)).status < 300
    assert await told("received", "review_rejected") == [0, 1]
