"""The protection of an agent over both APIs: one document, seen and changed by either."""

from typing import Any

import pytest

from tests.api.conftest import Client

AGENT = "bot@agents.localhost"
PATH = f"/v1/agents/{AGENT}/protection"
DEFAULT = {
    "inbound": {"gate": {"policy": "open", "action": "flag"}, "scan": {"sensitivity": "off"}},
    "outbound": {"gate": {"policy": "open", "action": "flag"}, "scan": {"sensitivity": "off"}},
    "holds": {"ttl_seconds": 604_800, "on_expiry": "reject"},
}
EMPTY: dict[str, Any] = {
    "inbound": {"gate": {}, "scan": {}},
    "outbound": {"gate": {}, "scan": {}},
    "holds": {},
}


def outbound(**more: Any) -> dict[str, Any]:
    return {**EMPTY, "outbound": {"gate": {}, "scan": {}, **more}}


@pytest.fixture
async def owner(client: Client, caller: Any, api: Any) -> Client:
    """A client with one agent."""
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    return client


async def test_it_is_replaced_as_a_whole(owner: Client) -> None:
    assert (await owner.get(PATH)).json() == DEFAULT
    full = {
        "inbound": {
            "gate": {"policy": "allowlist", "action": "review", "allowlist": [" Ann@Example.ORG ", "bücher.example"]},
            "scan": {"sensitivity": "high"},
        },
        "outbound": {
            "gate": {"policy": "domain", "action": "block"},
            "scan": {"sensitivity": "low"},
            "require_review": True,
            "provenance": {"content": "block", "unseen": "review"},
        },
        "holds": {"ttl_seconds": 60, "on_expiry": "approve", "suppress_notifications": True},
    }
    answer = await owner.put(PATH, full)
    assert answer.status == 200, answer.text
    stored = {
        "inbound": {
            "gate": {
                "policy": "allowlist",
                "action": "review",
                "allowlist": ["ann@example.org", "xn--bcher-kva.example"],
            },
            "scan": {"sensitivity": "high"},
        },
        "outbound": {
            "gate": {"policy": "domain", "action": "block"},
            "scan": {"sensitivity": "low"},
            "require_review": True,
            "provenance": {"content": "block", "unseen": "review"},
        },
        "holds": {"ttl_seconds": 60, "on_expiry": "approve", "suppress_notifications": True},
    }
    assert answer.json() == stored
    assert (await owner.get(PATH)).json() == stored
    assert (await owner.put(PATH, EMPTY)).json() == DEFAULT
    assert (await owner.get(PATH)).json() == DEFAULT


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**EMPTY, "holds": {"ttl_seconds": 0}}, 200),
        ({**EMPTY, "holds": {"ttl_seconds": 1}}, 200),
        ({**EMPTY, "holds": {"ttl_seconds": 604_800}}, 200),
        ({**EMPTY, "holds": {"ttl_seconds": -1}}, 422),
        ({**EMPTY, "holds": {"ttl_seconds": 604_801}}, 400),
        ({**EMPTY, "holds": {"on_expiry": "maybe"}}, 422),
        ({**EMPTY, "holds": {"on_expiry": ""}}, 422),
        ({**EMPTY, "surprise": 1}, 422),
        ({"inbound": EMPTY["inbound"], "outbound": EMPTY["outbound"]}, 422),
        ({**EMPTY, "inbound": {"gate": {}}}, 422),
        (outbound(gate={"policy": "closed"}), 422),
        (outbound(gate={"allowlist": [f"a{n}@x.org" for n in range(1000)]}), 200),
        (outbound(gate={"allowlist": [f"a{n}@x.org" for n in range(1001)]}), 422),
        (outbound(gate={"allowlist": ["not an address"]}), 400),
        (outbound(gate={"allowlist": ["a@b@c"]}), 400),
        (outbound(gate={"allowlist": [""]}), 400),
        (outbound(gate={"allowlist": ["@example.org", "example.org"]}), 200),
        (outbound(provenance={"content": "never"}), 422),
        (outbound(provenance={"elsewhere": "allow"}), 422),
        (outbound(require_review="yes"), 422),
    ],
)
async def test_what_it_may_say(owner: Client, body: Any, status: int) -> None:
    answer = await owner.put(PATH, body)
    assert answer.status == status, answer.text
    if body["holds" if "holds" in body else "inbound"].get("ttl_seconds") == 0:
        assert answer.json()["holds"]["ttl_seconds"] == 604_800


async def test_whose_it_is(owner: Client, stranger: str, api: Any) -> None:
    agent = await api.make_caller(owner.services.db, scope="agent", agent_email=AGENT)
    for key, status in ((stranger, 404), (agent.key, 403)):
        assert (await owner.get(PATH, key=key)).status == status
        assert (await owner.put(PATH, EMPTY, key=key)).status == status
    assert (await owner.get("/v1/agents/nobody@agents.localhost/protection")).status == 404
    assert (await owner.delete(f"/v1/agents/{AGENT}?confirm=DELETE")).status == 200
    assert (await owner.put(PATH, EMPTY)).status == 404


async def test_both_apis_speak_of_the_same(owner: Client) -> None:
    classic = f"/api/v1/agents/{AGENT}"
    changed = await owner.put(
        classic, {"hitl_enabled": True, "hitl_ttl_seconds": 90, "hitl_expiration_action": "approve"}
    )
    assert changed.status == 200, changed.text
    assert (changed.json()["hitl_enabled"], changed.json()["hitl_ttl_seconds"]) == (True, 90)
    full = (await owner.get(PATH)).json()
    assert full["outbound"]["require_review"] is True
    assert full["holds"] == {"ttl_seconds": 90, "on_expiry": "approve"}
    await owner.put(PATH, outbound(gate={"policy": "allowlist", "action": "review"}))
    listed = (await owner.get("/api/v1/agents")).json()["agents"][0]
    assert (listed["hitl_enabled"], listed["hitl_ttl_seconds"], listed["hitl_expiration_action"]) == (
        True,
        604_800,
        "reject",
    )
    off = (await owner.put(classic, {"hitl_enabled": False})).json()
    assert off["hitl_enabled"] is False
    assert (await owner.get(PATH)).json() == DEFAULT


@pytest.mark.parametrize(
    "body",
    [
        {"hitl_ttl_seconds": 0},
        {"hitl_ttl_seconds": 604_801},
        {"hitl_expiration_action": "later"},
        {"hitl_enabled": "yes"},
        {},
    ],
)
async def test_classic_settings_that_cannot_be(owner: Client, body: Any) -> None:
    answer = await owner.put(f"/api/v1/agents/{AGENT}", body)
    assert answer.status == 400, answer.text
    assert (await owner.get(PATH)).json() == DEFAULT


async def test_a_classic_setting_leaves_the_rest(owner: Client) -> None:
    await owner.put(PATH, outbound(gate={"policy": "domain", "action": "block"}, provenance={"unseen": "block"}))
    await owner.put(f"/api/v1/agents/{AGENT}", {"hitl_enabled": True})
    after = (await owner.get(PATH)).json()["outbound"]
    assert after["gate"] == {"policy": "domain", "action": "block"}
    assert (after["provenance"], after["require_review"]) == ({"unseen": "block"}, True)
