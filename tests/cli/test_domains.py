"""`e2a domains`: what is asked of the API, what can be pasted, how it ends."""

import json
from typing import Any

import pytest

from tests.cli.conftest import FarApi
from tests.cli.serving import Account

KEY = "v=DKIM1; k=rsa; p=" + "QUJD" * 100


def record(purpose: str, status: str, *, value: str = "x", priority: int | None = None, seen: Any = ()) -> Any:
    kind = "TXT" if priority is None else "MX"
    name = "acme.example"
    return {
        "type": kind, "name": name, "value": value, "priority": priority,
        "purpose": purpose, "status": status, "seen": list(seen),
    }  # fmt: skip


DOMAIN = {
    "domain": "acme.example",
    "verified": False,
    "sending_status": "none",
    "agent_count": 2,
    "last_checked_at": "2026-07-01T12:00:00.5Z",
    "dns_records": [
        record("ownership", "verified", value="e2a-verify=" + "a" * 32, seen=["e2a-verify=" + "a" * 32]),
        record("inbound_mx", "failed", value="mx.e2a.example", priority=10, seen=["5 other.example", "\x1b[31mred"]),
        record("dkim", "missing", value=KEY),
        record("dmarc", "pending"),
        record("something_new", "odd"),
    ],
}


def test_register_shows_what_to_paste(far: FarApi) -> None:
    far.on("POST", "/v1/domains", (201, DOMAIN))
    done = far.e2a("domains", "register", "Acme.example")
    assert done.exit_code == 0, done.stderr
    assert far.last("POST").body == {"domain": "Acme.example"}
    lines = done.stdout.splitlines()
    assert lines[0] == "acme.example: receiving not yet, sending none"
    assert "found: proof that it is yours" in lines
    assert "wrong: mail comes here" in lines
    assert "missing: signature key" in lines
    assert any(line.strip() == KEY for line in lines)  # whole, on one line
    assert "     10 mx.e2a.example" in lines
    assert "    seen: 5 other.example" in lines
    assert "\x1b" not in done.stdout
    assert lines[-1] == "publish these records, then: e2a domains verify acme.example"


def test_a_name_that_another_claims_tells_how_to_prove_it(far: FarApi) -> None:
    details = {"ownership_record": {"type": "TXT", "name": "acme.example", "value": "e2a-verify=abc"}}
    error = {"code": "domain_taken", "message": "it is claimed", "request_id": "req_1", "details": details}
    far.on("POST", "/v1/domains", (409, {"error": error}))
    done = far.e2a("domains", "register", "acme.example")
    assert done.exit_code == 5
    assert "TXT acme.example e2a-verify=abc" in done.stderr


def test_verify_ends_with_again_until_it_is(far: FarApi) -> None:
    answer = {"domain": "acme.example", "verified": False, "mx": "missing", "spf": "missing", "dkim": "found"}
    far.on("POST", "/v1/domains/acme.example/verify", answer, answer, answer | {"verified": True})
    far.on("GET", "/v1/domains/acme.example", DOMAIN, DOMAIN | {"verified": True, "sending_status": "verified"})
    done = far.e2a("domains", "verify", "acme.example")
    assert done.exit_code == 1
    assert "can take minutes" in done.stdout
    machine = far.e2a("domains", "verify", "acme.example", "--json")
    assert (machine.exit_code, json.loads(machine.stdout)["verified"]) == (1, False)
    done = far.e2a("domains", "verify", "acme.example")
    assert done.exit_code == 0
    assert done.stdout.startswith("acme.example: receiving yes, sending verified\n")


def test_list_and_show(far: FarApi) -> None:
    failing = DOMAIN | {
        "domain": "b.example", "verified": True, "failing_since": "2026-07-02T00:00:00Z", "sending_error": "no key",
    }  # fmt: skip
    far.on("GET", "/v1/domains", {"items": [DOMAIN, failing], "next_cursor": None})
    far.on("GET", "/v1/domains/b.example", failing)
    done = far.e2a("domains", "list")
    assert done.exit_code == 0, done.stderr
    assert "acme.example" in done.stdout
    assert "in danger" in done.stdout
    assert json.loads(far.e2a("domains", "list", "--json").stdout)[0]["agent_count"] == 2
    shown = far.e2a("domains", "show", "b.example").stdout
    assert "the proof is gone since 2026-07-02T00:00:00Z" in shown
    assert "no key" in shown


def test_nothing_yet(far: FarApi) -> None:
    far.on("GET", "/v1/domains", {"items": [], "next_cursor": None})
    assert "e2a domains register" in far.e2a("domains", "list").stdout


def test_rotate(far: FarApi) -> None:
    far.on("POST", "/v1/domains/acme.example/rotate-keys", DOMAIN)
    done = far.e2a("domains", "rotate", "acme.example")
    assert done.stdout.endswith("publish the keys to come, then: e2a domains verify acme.example\n")


def test_delete_asks_first(far: FarApi) -> None:
    far.on("DELETE", "/v1/domains/acme.example", {"deleted": True, "domain": "acme.example"})
    refused = far.e2a("domains", "delete", "acme.example")
    assert refused.exit_code == 2
    assert "add --yes" in refused.stderr
    assert not far.asked
    done = far.e2a("domains", "delete", "acme.example", "--yes", "--idempotency-key", "k")
    assert done.stdout == "acme.example is given up\n"
    assert far.last("DELETE").query == {"confirm": "DELETE"}
    assert far.last("DELETE").key == "k"


@pytest.mark.usefixtures("at_a_terminal")
def test_delete_asks_a_person(far: FarApi) -> None:
    far.on("DELETE", "/v1/domains/acme.example", {"deleted": True, "domain": "acme.example"})
    assert far.e2a("domains", "delete", "acme.example", input="n\n").exit_code == 5
    assert not far.asked
    assert far.e2a("domains", "delete", "acme.example", input="y\n").exit_code == 0


def test_a_domain_of_ones_own_from_its_claim_to_its_end(account: Account) -> None:
    domain = f"shop-{account.email.partition('@')[0]}.example.org"
    made = account.e2a("domains", "create", domain)
    assert made.exit_code == 0, made.stderr
    assert "not looked at  TXT" in made.stdout
    assert f"publish these records, then: e2a domains verify {domain}" in made.stdout
    records = json.loads(account.e2a("domains", "get", domain, "--json").stdout)["dns_records"]
    lines = made.stdout.splitlines()
    for one in records:
        assert any(line.strip().endswith(one["value"]) for line in lines), one  # whole, to be pasted
    rotated = account.e2a("domains", "rotate-keys", domain)
    assert "signature key to come" in rotated.stdout
    assert account.e2a("domains", "verify", domain).exit_code == 1
    assert account.e2a("domains", "verify", domain, "--json").exit_code == 1
    assert domain in account.e2a("domains", "list").stdout
    assert account.e2a("domains", "delete", domain, "--yes").exit_code == 0
    gone = account.e2a("domains", "show", domain)
    assert (gone.exit_code, gone.stdout) == (5, "")
    assert account.e2a("domains", "register", "localhost").exit_code == 5
