"""Domains in the classic API."""

from typing import Any

import attrs
import pytest
import trio

from e2ad.gateway.signing_keys import make_keys
from e2ad.storage.pool import Database
from tests import factories
from tests.zone import Zone

MX = "mx.e2a.example"


@pytest.fixture(scope="module")
def keys() -> Any:
    return trio.run(make_keys)


@pytest.fixture
async def client(client: Any, monkeypatch: pytest.MonkeyPatch, keys: Any) -> Any:
    async def take() -> Any:
        await trio.lowlevel.checkpoint()
        return keys

    monkeypatch.setattr("e2ad.gateway.domains.make_keys", take)
    config = client.services.config
    client.services.config = attrs.evolve(config, smtp=attrs.evolve(config.smtp, domain=MX))
    return client


async def test_the_whole_domain(client: Any, keys: Any) -> None:
    answer = await client.post("/api/v1/domains", {"domain": "Acme.example", "unknown": 1})
    assert answer.status == 201
    body = answer.json()
    assert body.pop("created_at").endswith("Z")
    token = body["verification_token"]
    dkim = body["dns_records"].pop("dkim")
    assert dkim["host"].startswith("e2a20")
    assert dkim["host"].endswith("._domainkey.acme.example")
    assert dkim["value"] == keys[0].record
    assert body == {
        "domain": "acme.example",
        "verified": False,
        "verification_token": token,
        "dns_records": {
            "mx": {"host": "@", "value": MX, "priority": 10},
            "txt": {"host": "@", "value": token},
        },
        "is_primary": False,
        "agent_count": 0,
    }
    assert len(token) == len("e2a-verify=") + 32
    assert (await client.get("/api/v1/domains/ACME.example")).json() == answer.json()
    assert (await client.get("/api/v1/domains")).json() == {"domains": [answer.json()]}


async def test_the_txt_record_alone_verifies(client: Any, zone: Zone) -> None:
    token = (await client.post("/api/v1/domains", {"domain": "acme.example"})).json()["verification_token"]
    zone.exchangers["acme.example"] = [MX]
    zone.texts["acme.example"] = [f"{token}x".encode()]
    answer = await client.post("/api/v1/domains/acme.example/verify")
    assert answer.status == 412
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "domain": "acme.example", "verified": False, "mx": "found", "spf": "missing", "dkim": "missing",
    }  # fmt: skip
    zone.exchangers["acme.example"] = ["other.example"]
    zone.texts["acme.example"] = [token.encode(), b"v=spf1 a:other.example -all"]
    answer = await client.post("/api/v1/domains/acme.example/verify")
    assert answer.status == 200
    body = answer.json()
    assert body.pop("verified_at").endswith("Z")
    assert body == {
        "domain": "acme.example", "verified": True, "mx": "missing", "spf": "missing", "dkim": "missing",
    }  # fmt: skip
    shown = (await client.get("/api/v1/domains/acme.example")).json()
    assert shown["verified"]
    assert shown["verified_at"]
    assert shown["last_checked_at"]


async def test_verified_and_unproven_now_is_a_412_and_stays_verified(client: Any, zone: Zone) -> None:
    token = (await client.post("/api/v1/domains", {"domain": "acme.example"})).json()["verification_token"]
    zone.texts["acme.example"] = [token.encode()]
    assert (await client.post("/api/v1/domains/acme.example/verify")).status == 200
    zone.texts["acme.example"] = []
    assert (await client.post("/api/v1/domains/acme.example/verify")).status == 412
    assert (await client.get("/api/v1/domains/acme.example")).json()["verified"]


async def test_trouble_with_the_dns_is_said(client: Any, zone: Zone) -> None:
    record = (await client.post("/api/v1/domains", {"domain": "acme.example"})).json()["dns_records"]["dkim"]
    zone.texts[record["host"]] = RuntimeError("SERVFAIL")
    answer = await client.post("/api/v1/domains/acme.example/verify")
    assert (answer.status, answer.json()["dkim"]) == (412, "deferred")


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, "domain is required"),
        ({"domain": "  "}, 400, "domain is required"),
        ({"domain": "example"}, 400, "at least one dot"),
        ({"domain": "agents.localhost"}, 400, "belong to this deployment"),
        ({"domain": "co.uk"}, 400, "public suffix"),
    ],
)
async def test_what_is_refused(client: Any, body: Any, status: int, text: str) -> None:
    answer = await client.post("/api/v1/domains", body)
    assert answer.status == status
    assert answer.headers["content-type"].startswith("text/plain")
    assert text in answer.text


async def test_primary(client: Any) -> None:
    for name in ("a.example", "b.example"):
        await client.post("/api/v1/domains", {"domain": name})
        changed = await client.patch(f"/api/v1/domains/{name}", body={"is_primary": True})
        assert changed.json()["is_primary"]
    found = (await client.get("/api/v1/domains")).json()["domains"]
    assert {one["domain"]: one["is_primary"] for one in found} == {"a.example": False, "b.example": True}
    assert (await client.patch("/api/v1/domains/a.example", body={})).status == 400


async def test_deletion(client: Any, database: Database, caller: Any) -> None:
    await client.post("/api/v1/domains", {"domain": "acme.example"})
    await factories.agent(database, caller.account_id, "bot@acme.example")
    refused = await client.delete("/api/v1/domains/acme.example")
    assert refused.status == 400
    await database.execute("delete from agents", {})
    gone = await client.delete("/api/v1/domains/acme.example")
    assert (gone.status, gone.body) == (204, b"")
    assert (await client.get("/api/v1/domains/acme.example")).status == 404


async def test_foreign_domains_are_not_found(client: Any, stranger: str) -> None:
    await client.post("/api/v1/domains", {"domain": "acme.example"}, key=stranger)
    path = "/api/v1/domains/acme.example"
    for answer in (
        await client.get(path),
        await client.post(path + "/verify"),
        await client.patch(path, body={"is_primary": True}),
        await client.delete(path),
    ):
        assert answer.status == 404
    taken = await client.post("/api/v1/domains", {"domain": "acme.example"})
    assert taken.status == 409
