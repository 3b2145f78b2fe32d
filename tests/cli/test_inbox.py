"""`e2a inbox`, `read`, `messages`, `labels`, `conversations`, `agents`, `keys`, `account`: against a daemon."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.serving import Account
from tests.live.running import wait_until

MAIL = "From: Ada <ada@b.test>\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHello {subject}.\r\n"


def ran(account: Account, *arguments: str) -> str:
    done = account.e2a(*arguments)
    assert done.exit_code == 0, (arguments, done.stderr)
    return done.stdout


def told(account: Account, *arguments: str) -> Any:
    return json.loads(ran(account, *arguments, "--json"))


@pytest.fixture
def agent(account: Account) -> str:
    """An agent with three mails, the first of which was read."""
    made = account.agent()
    for subject in ("one", "two", "three"):
        account.daemon.deliver(made, MAIL.format(to=made, subject=subject).encode())
    ran(account, "read", told(account, "inbox", "--oldest", "-n", "1")[0]["id"])
    return made


def subjects(account: Account, *arguments: str) -> list[str]:
    return [one["subject"] for one in told(account, *arguments)]


LISTS: list[tuple[list[str], list[str]]] = [
    ([], ["three", "two"]),
    (["--unread"], ["three", "two"]),
    (["--read"], ["one"]),
    (["--all"], ["three", "two", "one"]),
    (["--all", "--oldest"], ["one", "two", "three"]),
    (["--all", "--limit", "2"], ["three", "two"]),
    (["--from", "ADA@", "--subject", "tw"], ["two"]),
    (["--from", "nobody"], []),
    (["--filter", "subject:two"], ["two"]),
    (["--since", "1h"], ["three", "two"]),
    (["--until", "1h"], []),
    (["--since", "2020-01-01"], ["three", "two"]),
    (["--conversation", "conv_0"], []),
    (["--label", "absent"], []),
]


def test_inbox(account: Account, agent: str) -> None:
    for options, found in LISTS:
        assert subjects(account, "inbox", *options, "--agent", agent) == found, options
        assert re.findall(r"ada@b\.test  (\w+)  \[", ran(account, "inbox", *options)) == found, options
    wait_until(lambda: subjects(account, "inbox", "--search", "hello three") == ["three"])


def test_a_list_goes_on(account: Account, agent: str) -> None:
    seen, token = [], None
    while token != "":
        more = ["--token", token] if token else []
        done = account.e2a("inbox", "--all", "-n", "1", "--json", *more)
        seen += [one["subject"] for one in json.loads(done.stdout)]
        found = re.search(r"--token (\S+)", done.stderr)
        token = found[1] if found else ""
    assert seen == ["three", "two", "one"]
    wrong = account.e2a("inbox", "--all", "--token", "nonsense")
    assert wrong.exit_code == 5
    assert "invalid_cursor" in wrong.stderr


def test_messages(account: Account, agent: str, tmp_path: Path) -> None:
    assert subjects(account, "messages", "list") == ["three", "two", "one"]
    assert subjects(account, "messages", "list", "--read-status", "unread", "--oldest") == ["two", "three"]
    one = told(account, "messages", "list")[0]["id"]
    assert ran(account, "messages", "get", one, "--text", "--peek") == "Hello three.\n"
    assert subjects(account, "inbox") == ["three", "two"]
    shown = ran(account, "messages", "get", one)
    assert shown.startswith("three\nFrom:     ada@b.test\n")
    assert subjects(account, "inbox") == ["two"]
    ran(account, "messages", "mark", one, "--unread")
    assert subjects(account, "inbox") == ["three", "two"]
    assert told(account, "read", one, "--peek")["subject"] == "three"

    raw = account.e2a("messages", "raw", one).stdout_bytes
    assert raw.endswith(b"\r\n\r\nHello three.\r\n")
    assert account.e2a("read", one, "--raw").stdout_bytes == raw
    assert base64.b64decode(told(account, "messages", "raw", one)["raw_message"]) == raw
    assert told(account, "messages", "raw", one, "-o", "mail.eml")["bytes"] == len(raw)
    assert (tmp_path / "mail.eml").read_bytes() == raw
    assert account.e2a("messages", "raw", one, "-o", "none/mail.eml").exit_code == 2

    steps = told(account, "messages", "lifecycle", one)
    assert steps == told(account, "trace", one)
    assert [step["stage"] for step in told(account, "messages", "lifecycle", one, "--limit", "1")] == ["accepted"]
    assert "taken from SMTP" in ran(account, "messages", "lifecycle", one)

    ran(account, "messages", "delete", one)
    assert subjects(account, "messages", "list") == ["two", "one"]
    assert subjects(account, "messages", "list", "--deleted") == ["three"]
    ran(account, "messages", "restore", one)
    ran(account, "messages", "delete", one)
    assert account.e2a("messages", "delete", one, "--permanent").exit_code == 2
    ran(account, "messages", "delete", one, "--permanent", "--yes")
    assert ran(account, "messages", "list", "--deleted") == "the trash is empty\n"
    assert account.e2a("messages", "get", one).exit_code == 5


def test_labels(account: Account, agent: str) -> None:
    one = told(account, "inbox")[0]["id"]
    assert told(account, "labels", one, "--add", "urgent", "--add", "later")["labels"] == ["later", "urgent"]
    assert ran(account, "labels", one, "--remove", "later") == f"{one}: urgent\n"
    assert ran(account, "messages", "labels", one) == f"{one}: urgent\n"
    assert subjects(account, "inbox", "--label", "urgent") == ["three"]
    assert ran(account, "labels", one, "--remove", "urgent") == f"{one}: no labels\n"


def test_conversations(account: Account, agent: str) -> None:
    found = told(account, "conversations", "list")
    assert [one["latest_subject"] for one in found] == ["three", "two", "one"]
    assert "three" in ran(account, "conversations", "list", "--since", "1h")
    assert ran(account, "conversations", "list", "--until", "1h") == "no conversations yet\n"
    done = account.e2a("conversations", "list", "--limit", "1")
    assert "--token" in done.stderr
    shown = ran(account, "conversations", "show", found[0]["id"])
    assert "three" in shown
    assert "ada@b.test" in shown
    assert told(account, "conversations", "get", found[0]["id"])["messages"][0]["subject"] == "three"
    assert account.e2a("conversations", "show", "conv_0").exit_code == 5


def test_agents(account: Account) -> None:
    assert ran(account, "agents", "list").startswith("no agents yet")
    slug = account.agent().partition("@")[0] + "-x"
    assert told(account, "agents", "register", slug, "--name", "X")["agent_mode"] == "local"
    assert account.e2a("agents", "register", f"{slug}@agents.test").exit_code == 2
    hook = "http://127.0.0.1:9/hook"
    assert told(account, "agents", "create", f"{slug}-2", "--webhook-url", hook)["agent_mode"] == "cloud"
    assert len(told(account, "agents", "list")) == 3
    assert told(account, "agents", "get", slug) == told(account, "agents", "show", f"{slug}@agents.test")
    assert told(account, "agents", "update", slug, "--name", "")["name"] == ""
    assert account.e2a("agents", "update", slug).exit_code == 2
    assert told(account, "agents", "delete", slug)["deleted"] is True
    assert [one["email"] for one in told(account, "agents", "list", "--deleted")] == [f"{slug}@agents.test"]
    assert told(account, "agents", "restore", slug)["email"] == f"{slug}@agents.test"


def test_holds_of_an_agent(account: Account) -> None:
    agent = account.agent()
    ran(account, "agents", "update", agent, "--hitl", "--hitl-ttl", "90m", "--hitl-expiration-action", "approve")
    rules = told(account, "protection", "show", agent)
    assert rules["outbound"]["require_review"] is True
    assert (rules["holds"]["ttl_seconds"], rules["holds"]["on_expiry"]) == (5400, "approve")
    ran(account, "agents", "update", agent, "--no-hitl", "--name", "Free")
    changed = told(account, "protection", "show", agent)
    assert not changed["outbound"].get("require_review")
    assert changed["holds"] == rules["holds"]
    assert account.e2a("agents", "update", agent, "--hitl-ttl", "soon").exit_code == 2
    assert account.e2a("agents", "update", agent, "--hitl-ttl", "99999999").exit_code == 5


def test_keys(account: Account) -> None:
    agent = account.agent()
    made = account.e2a("keys", "create", "--agent", agent, "--name", "laptop", "--expires", "30d", "--json")
    key = json.loads(made.stdout)
    assert (key["scope"], key["agent_email"], key["name"]) == ("agent", agent, "laptop")
    assert "cannot be read again" in made.stderr
    assert told(account, "--api-key", key["key"], "whoami")["agent_email"] == agent
    assert account.e2a("--api-key", key["key"], "keys", "list").exit_code == 4
    assert key["key"] not in ran(account, "keys", "list")
    assert {one["name"] for one in told(account, "keys", "list")} == {"laptop", "bootstrap"}
    assert account.e2a("keys", "delete", key["id"]).exit_code == 2
    assert told(account, "keys", "delete", key["id"], "--yes")["deleted"] is True
    assert account.e2a("--api-key", key["key"], "whoami").exit_code == 4
    whole = ran(account, "keys", "create", "--name", "other")
    assert re.search(r"key: +e2a_acct_[0-9a-f]{64}\n", whole)


def test_the_account_and_its_end(account: Account) -> None:
    account.agent()
    assert account.email in ran(account, "account", "show")
    assert told(account, "account", "limits")["usage"]["agents"] == 1
    assert "agents" in ran(account, "account", "limits")
    asked = account.e2a("account", "delete")
    assert asked.exit_code == 2
    assert account.email in asked.stderr
    assert told(account, "account", "delete", "--yes")["agents_deleted"] == 1
    assert account.e2a("whoami").exit_code == 4


def test_whoami(account: Account) -> None:
    shown = ran(account, "whoami")
    assert account.email in shown
    assert account.key not in shown
    found = told(account, "whoami")
    assert found["user"]["email"] == account.email
    assert account.key.startswith(found["key_prefix"])
    assert found["api_url"] == account.daemon.url
