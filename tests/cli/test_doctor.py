"""`e2a doctor`: what it finds, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from e2ad.cli import doctor as examining
from tests.cli.conftest import FarApi
from tests.cli.serving import Account


def checks(done: Any) -> dict[str, dict[str, str]]:
    return {one["name"]: one for one in json.loads(done.stdout)["checks"]}


def test_all_is_well(account: Account) -> None:
    agent = account.agent()
    done = account.e2a("doctor", "--json")
    assert done.exit_code == 0, done.stdout
    assert {name: one["status"] for name, one in checks(done).items()} == {
        "settings": "ok", "deployment": "ok", "clock": "ok", "key": "ok", "inbox": "ok", "sockets": "ok",
        "domain": "skipped", "mcp": "ok",
    }  # fmt: skip
    shown = account.e2a("doctor", "--agent", agent)
    assert shown.exit_code == 0
    assert agent in shown.stdout
    assert account.key not in shown.stdout + done.stdout


def test_no_deployment(account: Account) -> None:
    done = account.e2a("--url", "http://127.0.0.1:1", "doctor", "--json")
    assert done.exit_code == 9
    assert json.loads(done.stdout)["status"] == "failure"
    assert list(checks(done)) == ["settings", "deployment"]
    assert "config set api_url" in checks(done)["deployment"]["advice"]


def test_no_key_and_a_wrong_one(account: Account) -> None:
    wrong = account.e2a("--api-key", "e2a_acct_" + "0" * 64, "doctor", "--json")
    assert wrong.exit_code == 9
    assert checks(wrong)["key"]["advice"].endswith("e2a login")
    none = account.e2a_alone("--url", account.daemon.url, "doctor", HOME="/nonexistent")
    assert none.exit_code == 9
    assert "e2a login" in none.stdout


def test_an_inbox_that_is_not_there(account: Account) -> None:
    done = account.e2a("doctor", "--agent", "nobody@agents.test", "--json")
    assert done.exit_code == 9
    assert checks(done)["inbox"]["status"] == "failure"
    assert "sockets" not in checks(done)


def test_which_inbox(account: Account) -> None:
    account.agent()
    account.agent()
    done = account.e2a("doctor", "--json")
    assert done.exit_code == 0
    assert checks(done)["inbox"]["status"] == "skipped"


def test_a_domain_without_its_records(account: Account) -> None:
    name = f"{account.email.partition('@')[0]}.example.org"
    account.ask(lambda api: api.domains.create({"domain": name}))
    done = account.e2a("doctor", "--domain", name, "--json")
    assert done.exit_code == 9
    assert f"e2a domains show {name}" in checks(done)["domain"]["advice"]
    assert account.e2a("doctor", "--domain", "none.example.org").exit_code == 9


@pytest.mark.parametrize(("path", "status"), [("/mcp", 0), ("/nothing/here", 9)])
def test_mcp_somewhere_else(account: Account, path: str, status: int) -> None:
    assert account.e2a("doctor", "--mcp-url", account.daemon.url + path).exit_code == status


def test_settings_that_others_can_read(account: Account, tmp_path: Path) -> None:
    file = tmp_path / ".config" / "e2a" / "config.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"profiles": {"default": {"api_key": account.key, "api_url": account.daemon.url}}}))
    file.chmod(0o644)
    done = account.e2a_alone("doctor", "--json", HOME=str(tmp_path))
    assert done.exit_code == 8
    assert checks(done)["settings"]["advice"] == f"chmod 600 {file}"
    file.chmod(0o600)
    assert account.e2a_alone("doctor", "--json", HOME=str(tmp_path)).exit_code == 0


@pytest.mark.parametrize(
    ("date", "status"),
    [
        ("Thu, 01 Jan 2015 00:00:00 GMT", "failure"),
        ("", "skipped"),
        ("nonsense", "skipped"),
    ],
)
def test_clocks(far: FarApi, monkeypatch: pytest.MonkeyPatch, date: str, status: str) -> None:
    monkeypatch.setattr(examining, "_ask", lambda _url: (200, {"date": date}))
    far.on("GET", "/v1/info", {"version": "1", "shared_domain": "agents.test"})
    done = far.e2a("doctor", "--json")
    assert checks(done)["clock"]["status"] == status
    assert done.exit_code == 9  # there is no key that works


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("::1", True), ("mail.localhost", True),
     ("192.0.2.1", False), ("example.org", False)],
)  # fmt: skip
def test_what_is_on_this_computer(host: str, here: bool) -> None:
    assert examining._is_here(host) is here
