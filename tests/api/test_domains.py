"""Domains in `/v1`: what a client sends and sees."""

from typing import Any

import attrs
import pytest
import trio

from e2ad.api.app import build_app
from e2ad.gateway.signing_keys import make_keys
from e2ad.storage import submissions
from e2ad.storage.pool import Database
from tests import factories
from tests.zone import Zone

MX = "mx.e2a.example"


@pytest.fixture(scope="module")
def keys() -> Any:
    return trio.run(make_keys)


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch, keys: Any) -> None:
    async def take() -> Any:
        await trio.lowlevel.checkpoint()
        return keys

    monkeypatch.setattr("e2ad.gateway.domains.make_keys", take)


@pytest.fixture
async def client(client: Any) -> Any:
    return configured(client)


def configured(client: Any, **sections: Any) -> Any:
    services = client.services
    config = services.config
    services.config = attrs.evolve(config, smtp=attrs.evolve(config.smtp, domain=MX), **sections)
    client.app = build_app(services)
    return client


async def test_a_domain_from_claim_to_sending(client: Any, zone: Zone, database: Database, caller: Any) -> None:
    made = await client.post("/v1/domains", {"domain": "Acme.Example"})
    assert made.status == 201
    assert made.headers["location"] == "/v1/domains/acme.example"
    domain = made.json()
    token = domain["verification_token"]
    assert token.startswith("e2a-verify=")
    assert domain.pop("created_at").endswith("Z")
    assert domain.pop("claim_expires_at").endswith("Z")
    records = domain.pop("dns_records")
    assert domain == {
        "domain": "acme.example",
        "verified": False,
        "verification_token": token,
        "agent_count": 0,
        "sending_status": "none",
        "sending_ramp": {
            "status": "inactive", "daily_recipient_limit": 0, "recipients_used_today": 0, "active_days": 0,
            "ramp_days": 30,
        },
        "capabilities": {"inbound": "pending", "outbound": "none"},
    }  # fmt: skip
    assert [(one["purpose"], one["type"], one["priority"]) for one in records] == [
        ("ownership", "TXT", None),
        ("inbound_mx", "MX", 10),
        ("inbound_mx_wildcard", "MX", 10),
        ("dkim", "TXT", None),
        ("dkim", "TXT", None),
        ("mail_from_mx", "MX", 10),
        ("mail_from_spf", "TXT", None),
        ("spf", "TXT", None),
        ("dmarc", "TXT", None),
    ]
    assert {(one["status"], tuple(one["seen"])) for one in records} == {("pending", ())}

    probe = await client.post("/v1/domains/acme.example/verify")
    assert probe.status == 200
    assert probe.json() == {
        "domain": "acme.example", "verified": False, "dkim": "missing", "mx": "missing", "spf": "missing",
    }  # fmt: skip
    for record in records:
        if record["type"] == "TXT":
            zone.texts.setdefault(record["name"], []).append(record["value"].encode())
    zone.exchangers["acme.example"] = ["other.example"]
    probe = (await client.post("/v1/domains/ACME.example/verify")).json()
    assert (probe["verified"], probe["mx"], probe["dkim"], probe["spf"]) == (False, "mismatch", "found", "found")
    zone.exchangers["acme.example"] = [MX]
    zone.exchangers["bounce.acme.example"] = [MX]
    probe = (await client.post("/v1/domains/acme.example/verify")).json()
    assert probe["verified"]
    assert probe["verified_at"].endswith("Z")
    domain = (await client.get("/v1/domains/acme.example")).json()
    assert domain["capabilities"] == {"inbound": "verified", "outbound": "verified"}
    assert "claim_expires_at" not in domain
    statuses = {one["purpose"]: one["status"] for one in domain["dns_records"]}
    assert statuses.pop("inbound_mx_wildcard") == "pending"
    assert set(statuses.values()) == {"verified"}
    assert domain["dns_records"][1]["seen"] == [f"10 {MX}"]
    events = (await client.get("/v1/events?type=domain.sending_verified")).json()["items"]
    assert [one["data"] for one in events] == [{"domain": "acme.example", "sending_status": "verified"}]

    await factories.agent(database, caller.account_id, "bot@acme.example")
    assert (await client.get("/v1/domains")).json()["items"][0]["agent_count"] == 1
    refused = await client.delete("/v1/domains/acme.example?confirm=DELETE")
    assert (refused.status, refused.code) == (400, "domain_has_agents")
    await client.delete("/v1/agents/bot@acme.example?confirm=DELETE&permanent=true")
    gone = await client.delete("/v1/domains/acme.example?confirm=DELETE")
    assert gone.json() == {"deleted": True, "domain": "acme.example", "sending_teardown": "confirmed"}
    assert (await client.get("/v1/domains/acme.example")).code == "not_found"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"domain": "example"}, 400, "invalid_domain"),
        ({"domain": "192.0.2.1"}, 400, "invalid_domain"),
        ({"domain": "co.uk"}, 400, "invalid_domain"),
        ({"domain": "a\0b.example"}, 400, "invalid_request"),
        ({"domain": "agents.localhost"}, 400, "reserved_domain"),
        ({"domain": 7}, 422, "invalid_request"),
        ({}, 422, "invalid_request"),
        ({"domain": "a.example", "more": 1}, 422, "invalid_request"),
    ],
)
async def test_what_is_refused(client: Any, body: Any, status: int, code: str) -> None:
    answer = await client.post("/v1/domains", body)
    assert (answer.status, answer.code) == (status, code)


async def test_the_other_account_gets_its_proof_told(client: Any, stranger: str) -> None:
    assert (await client.post("/v1/domains", {"domain": "acme.example"})).status == 201
    answer = await client.post("/v1/domains", {"domain": "mail.acme.example"}, key=stranger)
    assert (answer.status, answer.code) == (409, "domain_taken")
    record = answer.json()["error"]["details"]["ownership_record"]
    assert (record["type"], record["name"]) == ("TXT", "mail.acme.example")
    assert record["value"].startswith("e2a-verify=")


async def test_quota(client: Any, database: Database) -> None:
    await database.execute("update accounts set max_domains = 1, upgrade_url = 'https://u.example/'", {})
    assert (await client.post("/v1/domains", {"domain": "a.example"})).status == 201
    assert (await client.post("/v1/domains", {"domain": "a.example"})).status == 201
    answer = await client.post("/v1/domains", {"domain": "b.example"})
    assert (answer.status, answer.code) == (402, "limit_exceeded")
    assert answer.json()["error"]["details"] == {
        "resource": "domains", "limit": 1, "current": 1, "plan_code": "default", "upgrade_url": "https://u.example/",
    }  # fmt: skip


@pytest.mark.parametrize("how", ["get", "verify", "rotate", "delete"])
async def test_foreign_and_unknown_domains_are_not_found(client: Any, stranger: str, how: str) -> None:
    await client.post("/v1/domains", {"domain": "acme.example"}, key=stranger)
    for name in ("acme.example", "unknown.example", "no-name", "%2e", "x" * 3000):
        path = f"/v1/domains/{name}"
        answer = await {
            "get": lambda path=path: client.get(path),
            "verify": lambda path=path: client.post(path + "/verify"),
            "rotate": lambda path=path: client.post(path + "/rotate-keys"),
            "delete": lambda path=path: client.delete(path + "?confirm=DELETE"),
        }[how]()
        assert (answer.status, answer.code) == (404, "not_found"), name


async def test_an_agents_key_may_not(client: Any, api: Any, caller: Any, database: Database) -> None:
    await factories.agent(database, caller.account_id, "bot@agents.test")
    bot = await api.make_caller(database, scope="agent", agent_email="bot@agents.test")
    for answer in (
        await client.get("/v1/domains", key=bot.key),
        await client.post("/v1/domains", {"domain": "a.example"}, key=bot.key),
    ):
        assert (answer.status, answer.code) == (403, "forbidden")


async def test_pages(client: Any) -> None:
    for number in range(5):
        await client.post("/v1/domains", {"domain": f"d{number}.example"})
    seen, cursor = [], None
    while True:
        page = (await client.get("/v1/domains", query={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [one["domain"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"d{number}.example" for number in (4, 3, 2, 1, 0)]
    assert (await client.get("/v1/domains?cursor=x")).code == "invalid_cursor"


async def test_a_list_is_one_statement(client: Any, database: Database) -> None:
    for number in range(4):
        await client.post("/v1/domains", {"domain": f"d{number}.example"})
    await client.get("/v1/domains")
    before = database.statements
    await client.get("/v1/domains")
    assert database.statements - before == 1


async def test_rotation(client: Any) -> None:
    await client.post("/v1/domains", {"domain": "acme.example"})
    first = await client.post("/v1/domains/acme.example/rotate-keys")
    assert first.status == 200
    names = [one["name"] for one in first.json()["dns_records"] if one["purpose"] == "dkim_next"]
    assert len(names) == 2
    assert [one["purpose"] for one in first.json()["dns_records"]].count("dkim") == 2
    again = await client.post("/v1/domains/acme.example/rotate-keys")
    assert [one["name"] for one in again.json()["dns_records"] if one["purpose"] == "dkim_next"] == names


async def test_deleting_twice_with_one_key_is_one_deletion(client: Any) -> None:
    await client.post("/v1/domains", {"domain": "acme.example"})
    assert (await client.delete("/v1/domains/acme.example")).status == 422  # unconfirmed
    headers = {"Idempotency-Key": "once"}
    first = await client.delete("/v1/domains/acme.example?confirm=DELETE", headers=headers)
    second = await client.delete("/v1/domains/acme.example?confirm=DELETE", headers=headers)
    assert (first.status, first.body) == (second.status, second.body) == (200, first.body)
    other = await client.delete("/v1/domains/other.example?confirm=DELETE", headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reuse")


async def test_the_ramp_is_shown(client: Any, database: Database, caller: Any) -> None:
    client = configured(client, ramp=attrs.evolve(client.services.config.ramp, enabled=True))
    await client.post("/v1/domains", {"domain": "acme.example"})
    values = {"account_id": caller.account_id, "domain": "acme.example", "active_days": 15, "used": 7}
    await factories.insert(database, "sending_ramps", values)
    await database.execute("update sending_ramps set day = (now() at time zone 'utc')::date", {})
    ramp = (await client.get("/v1/domains/acme.example")).json()["sending_ramp"]
    assert ramp.pop("resets_at").endswith("T00:00:00Z")
    assert ramp == {
        "status": "ramping", "daily_recipient_limit": 1025, "recipients_used_today": 7, "active_days": 15,
        "ramp_days": 30,
    }  # fmt: skip
    await database.execute("update sending_ramps set state = 'complete', day = '2020-01-01'", {})
    ramp = (await client.get("/v1/domains/acme.example")).json()["sending_ramp"]
    assert (ramp["status"], ramp["daily_recipient_limit"], ramp["recipients_used_today"]) == ("complete", 0, 0)


@pytest.mark.parametrize(
    ("active_days", "used", "days_ago", "limit"),
    [
        (3, 100, 0, 245),
        (0, 24, 1, 50),
        (0, 25, 1, 115),  # yesterday counts, since half of its cap was used
        (1, 57, 1, 115),
        (1, 58, 4, 180),
        (29, 968, 1, 0),  # it was the last one
    ],
)
async def test_the_ramp_that_is_shown_is_the_one_that_holds(
    client: Any, database: Database, caller: Any, active_days: int, used: int, days_ago: int, limit: int
) -> None:
    ramp = attrs.evolve(client.services.config.ramp, enabled=True)
    client = configured(client, ramp=ramp)
    await client.post("/v1/domains", {"domain": "acme.example"})
    key = {"account_id": caller.account_id, "domain": "acme.example"}
    await factories.insert(database, "sending_ramps", key | {"active_days": active_days, "used": used})
    day = "update sending_ramps set day = (now() at time zone 'utc')::date - %(ago)s::int"
    await database.execute(day, {"ago": days_ago})
    shown = (await client.get("/v1/domains/acme.example")).json()["sending_ramp"]
    assert (shown["status"], shown["daily_recipient_limit"]) == ("ramping" if limit else "complete", limit)

    async def take(count: int) -> bool:
        days = {"start_daily": ramp.start_daily, "target_daily": ramp.target_daily, "ramp_days": ramp.ramp_days}
        return await submissions.reserve_ramp(database, **key, count=count, **days)

    assert await take(1)
    assert await take((limit or 9000) - shown["recipients_used_today"] - 1)
    assert await take(1) is not bool(limit)
    after = (await client.get("/v1/domains/acme.example")).json()["sending_ramp"]
    assert [after[name] for name in ("status", "daily_recipient_limit", "active_days")] == [
        shown[name] for name in ("status", "daily_recipient_limit", "active_days")
    ]


async def test_a_cap_between_two_whole_numbers_is_the_same_to_both(
    client: Any, database: Database, caller: Any
) -> None:
    ramp = attrs.evolve(client.services.config.ramp, enabled=True, start_daily=50, target_daily=51, ramp_days=2)
    client = configured(client, ramp=ramp)
    await client.post("/v1/domains", {"domain": "acme.example"})
    key = {"account_id": caller.account_id, "domain": "acme.example"}
    await factories.insert(database, "sending_ramps", key | {"active_days": 1, "used": 0})
    await database.execute("update sending_ramps set day = (now() at time zone 'utc')::date")
    shown = (await client.get("/v1/domains/acme.example")).json()["sending_ramp"]["daily_recipient_limit"]
    days = {"start_daily": 50, "target_daily": 51, "ramp_days": 2}
    assert shown == 51
    assert await submissions.reserve_ramp(database, **key, count=shown, **days)
    assert not await submissions.reserve_ramp(database, **key, count=1, **days)
