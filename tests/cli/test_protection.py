"""`e2a protection` and `e2a suppressions`."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import FarApi
from tests.cli.serving import Account

PROTECTION = "/v1/agents/bot@agents.test/protection"
OPEN: dict[str, Any] = {
    "inbound": {"gate": {"policy": "open", "action": "flag"}, "scan": {"sensitivity": "off"}},
    "outbound": {
        "gate": {"policy": "allowlist", "action": "review", "allowlist": ["a@b.test", "B.test"]},
        "scan": {"sensitivity": "off"},
        "require_review": False,
    },
    "holds": {"ttl_seconds": 604_800, "on_expiry": "reject"},
}


@pytest.fixture(autouse=True)
def stored(far: FarApi) -> None:
    far.on("GET", PROTECTION, OPEN)
    far.on("PUT", PROTECTION, OPEN)


def test_screening_in_words(far: FarApi) -> None:
    far.on("GET", PROTECTION, {**OPEN, "inbound": {"gate": {}, "scan": {"sensitivity": "medium"}}})
    assert "  screened  what it gets, sensitivity medium" in far.e2a("protection", "show").stdout.splitlines()


def test_the_rules_in_words(far: FarApi) -> None:
    done = far.e2a("protection", "show")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines() == [
        "bot@agents.test",
        "  writes to its list (a@b.test, B.test); other mail is held for review",
        "  hears     anybody",
        "  a hold    lasts 7d, then it is rejected",
        "  owner     gets a mail about each hold",
    ]
    assert json.loads(far.e2a("protection", "show", "bot@agents.test", "--json").stdout) == OPEN


@pytest.mark.parametrize(
    ("arguments", "path", "value"),
    [
        (["--require-review"], ("outbound", "require_review"), True),
        (["--no-require-review"], ("outbound", "require_review"), False),
        (["--policy", "domain"], ("outbound", "gate", "policy"), "domain"),
        (["--action", "block"], ("outbound", "gate", "action"), "block"),
        (["--allow", "c@b.test"], ("outbound", "gate", "allowlist"), ["a@b.test", "B.test", "c@b.test"]),
        (["--allow", "a@b.test"], ("outbound", "gate", "allowlist"), ["a@b.test", "B.test"]),
        (["--disallow", "b.test"], ("outbound", "gate", "allowlist"), ["a@b.test"]),
        (["--provenance", "unseen=block"], ("outbound", "provenance"), {"unseen": "block"}),
        (["--inbound-policy", "allowlist"], ("inbound", "gate", "policy"), "allowlist"),
        (["--inbound-action", "review"], ("inbound", "gate", "action"), "review"),
        (["--inbound-allow", "x.test"], ("inbound", "gate", "allowlist"), ["x.test"]),
        (["--screening", "high"], ("outbound", "scan", "sensitivity"), "high"),
        (["--inbound-screening", "medium"], ("inbound", "scan", "sensitivity"), "medium"),
        (["--ttl", "12h"], ("holds", "ttl_seconds"), 43_200),
        (["--on-expiry", "approve"], ("holds", "on_expiry"), "approve"),
        (["--no-notify"], ("holds", "suppress_notifications"), True),
        (["--suppress-notifications", "on"], ("holds", "suppress_notifications"), True),
        (["--suppress-notifications", "off"], ("holds", "suppress_notifications"), False),
        (["--outbound-review", "on"], ("outbound", "require_review"), True),
        (["--outbound-review", "off", "--no-require-review"], ("outbound", "require_review"), False),
        (["--inbound-review", "on"], ("inbound", "gate", "policy"), "allowlist"),
        (["--inbound-review", "on"], ("inbound", "gate", "action"), "review"),
        (["--inbound-review", "off"], ("inbound", "gate", "action"), "flag"),
    ],
)
def test_one_rule_is_changed_and_the_others_stay(
    far: FarApi, arguments: list[str], path: tuple[str, ...], value: Any
) -> None:
    done = far.e2a("protection", "set", "bot@agents.test", *arguments)
    assert done.exit_code == 0, done.stderr
    put = far.last("PUT").body
    *above, leaf = path
    place = put
    for name in above:
        place = place[name]
    assert place.pop(leaf) == value
    for name, others in OPEN.items():
        assert put[name].keys() | {leaf} >= others.keys()
    for direction in {"inbound", "outbound"} - {above[0]}:
        assert put[direction]["scan"] == {"sensitivity": "off"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to change"),
        (["--ttl", "soon"], "15m, 12h or 7d"),
        (["--provenance", "friends=allow"], "operator_list"),
        (["--provenance", "unseen=maybe"], "CLASS=allow"),
        (["--outbound-review", "on", "--no-require-review"], "disagree"),
        (["--suppress-notifications", "on", "--notify"], "disagree"),
        (["--inbound-review", "on", "--inbound-action", "flag"], "leave --inbound-action out"),
        (["--outbound-review", "yes"], "'on', 'off'"),
    ],
)
def test_what_is_no_rule(far: FarApi, arguments: list[str], words: str) -> None:
    done = far.e2a("protection", "set", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert not [one for one in far.asked if one.method == "PUT"]


def test_suppressions_of_an_agent_and_of_the_account(far: FarApi, page: Callable[..., Any]) -> None:
    account, agent = "/v1/account/suppressions", "/v1/agents/bot@agents.test/suppressions"
    one = {"address": "a@b.test", "source": "bounce", "created_at": "2026-07-01T12:00:00Z", "reason": "550\x1b gone"}
    far.on("GET", account, page(one))
    far.on("GET", agent, page())
    listed = far.e2a("suppressions", "list")
    assert listed.exit_code == 0, listed.stderr
    for part in ("a@b.test", "bounce", "2026-07-01T12:00:00", "550� gone"):
        assert part in listed.stdout
    assert far.e2a("suppressions", "list", "--agent", "bot@agents.test").stdout == "nobody is blocked\n"
    far.on("POST", agent, {"address": "x@b.test", "agent_email": "bot@agents.test", "source": "manual"})
    added = far.e2a("suppressions", "add", "X@b.test", "--agent", "bot@agents.test", "--reason", "asked")
    assert added.stdout == "x@b.test is not written to any more by bot@agents.test\n"
    assert far.last("POST").body == {"address": "X@b.test", "reason": "asked"}
    far.on("DELETE", f"{account}/a@b.test", {"deleted": True, "address": "a@b.test"})
    assert far.e2a("suppressions", "remove", "a@b.test").stdout == "a@b.test may be written to again\n"
    assert far.last("DELETE").query == {"confirm": "DELETE"}
    assert far.e2a("suppressions", "remove", "none@b.test").exit_code == 5


@pytest.mark.parametrize(
    ("gate", "on", "wanted"),
    [
        ({"policy": "open", "action": "flag"}, "on", {"policy": "allowlist", "action": "review", "allowlist": []}),
        ({"policy": "domain", "action": "block"}, "on", {"policy": "domain", "action": "review", "allowlist": []}),
        ({"policy": "allowlist", "action": "review"}, "off", {"policy": "open", "action": "flag", "allowlist": []}),
        (
            {"policy": "allowlist", "action": "review", "allowlist": ["b.test"]},
            "off",
            {"policy": "allowlist", "action": "flag", "allowlist": ["b.test"]},
        ),
        (
            {"policy": "allowlist", "action": "block", "allowlist": ["b.test"]},
            "off",
            {"policy": "allowlist", "action": "block", "allowlist": ["b.test"]},
        ),
    ],
)
def test_review_of_what_comes_in(far: FarApi, gate: Any, on: str, wanted: Any) -> None:
    far.on("GET", PROTECTION, {**OPEN, "inbound": {"gate": gate, "scan": {"sensitivity": "off"}}})
    assert far.e2a("protection", "set", "--inbound-review", on).exit_code == 0
    assert far.last("PUT").body["inbound"]["gate"] == wanted


def test_both_spellings_and_json(account: Account) -> None:
    agent = account.agent()
    assert account.e2a("protection", "get", agent).stdout == account.e2a("protection", "show").stdout
    done = account.e2a("protection", "set", agent, "--outbound-review", "on", "--json")
    assert json.loads(done.stdout)["outbound"]["require_review"] is True
    assert "every mail is held" in account.e2a("protection", "show").stdout
    assert account.e2a("protection", "show", "nobody@agents.test").exit_code == 5


def test_suppressions_of_a_running_deployment(account: Account) -> None:
    agent = account.agent()
    for address in ("a@b.test", "b@b.test"):
        made = account.e2a("suppressions", "add", address, "--reason", "asked", "--json")
        assert json.loads(made.stdout)["agent_email"] == agent
    listed = json.loads(account.e2a("suppressions", "list", "--agent", agent, "--limit", "1", "--json").stdout)
    assert [one["address"] for one in listed] == ["b@b.test"]
    done = account.e2a("suppressions", "remove", "a@b.test", "c@b.test", "b@b.test", "--agent", agent)
    assert done.exit_code == 5
    assert done.stderr.endswith("2 unblocked, 1 failed\n")
    assert account.e2a("suppressions", "list", "--agent", agent).stdout == "nobody is blocked\n"
    assert account.e2a("suppressions", "add", "nobody").exit_code == 5
    assert account.e2a("suppressions", "list", "--agent", "none@agents.test").exit_code == 5


@pytest.mark.usefixtures("at_a_terminal")
def test_a_person_is_asked_before_somebody_is_written_to_again(far: FarApi) -> None:
    far.on("DELETE", "/v1/account/suppressions/a@b.test", {"deleted": True, "address": "a@b.test"})
    assert far.e2a("suppressions", "remove", "a@b.test", input="n\n").exit_code == 5
    assert not far.asked
    assert far.e2a("suppressions", "delete", "a@b.test", "--yes").exit_code == 0
