"""`e2a metrics`, `limits`, `connections` and `feedback`: what the account is and has."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from e2ad.cli.charts import bar, percent, share_bar
from tests.api.world import let_in
from tests.cli.conftest import FarApi
from tests.cli.serving import Account


def test_the_account_in_numbers(account: Account) -> None:
    agent = account.agent()
    account.daemon.deliver(agent, b"From: ada@b.test\r\n\r\nHello\r\n")
    shown = account.e2a("metrics", "--start", "3d", "--by-day", "--by-agent")
    assert shown.exit_code == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("the whole account, ")
    assert lines[0].endswith(": 1 messages")
    assert any(line.startswith("  received") and line.rstrip("█").endswith("1  ") for line in lines)
    assert len([line for line in lines if line.startswith("20")]) == 4  # days
    assert any(line.startswith(agent) for line in lines)
    document = json.loads(account.e2a("metrics", "--by-day", "--json").stdout)
    assert len(document["buckets"]) == 31
    assert document["agents"] == []


def test_an_agent_in_numbers(account: Account) -> None:
    agent = account.agent()
    slug = agent.partition("@")[0]
    for arguments in ([agent], [slug], ["--agent", slug]):
        shown = account.e2a("metrics", *arguments, "--start", "7d", "--end", "1d")
        assert shown.stdout.startswith(f"{agent}, "), shown.stderr
    assert json.loads(account.e2a("metrics", agent, "--json").stdout)["agent_email"] == agent
    key = account.ask(lambda api: api.account.api_keys.create({"scope": "agent", "agent_email": agent}))["key"]
    own = Account(account.daemon, account.email, key)
    assert own.e2a("metrics").stdout.startswith(f"{agent}, ")
    assert own.e2a("metrics", "--by-day").exit_code == 4


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["a@b.test", "--by-day"], 2),
        (["a@b.test", "--agent", "c@b.test"], 2),
        (["--start", "yesterday"], 2),
        (["--start", "1000d"], 5),
        (["nobody@agents.test"], 5),
    ],
)
def test_numbers_that_there_are_not(account: Account, arguments: list[str], status: int) -> None:
    done = account.e2a("metrics", *arguments)
    assert (done.exit_code, done.stdout) == (status, "")


def test_every_number_has_a_bar(far: FarApi) -> None:
    summary = dict.fromkeys(
        ("accepted", "submitted", "delivered", "bounced_hard", "bounced_soft", "bounced_undetermined", "complained",
         "suppressed", "send_failed", "loopback", "received", "dmarc_pass", "dmarc_fail", "dmarc_none", "dmarc_error",
         "review_held", "review_approved", "review_rejected", "review_expired_approved", "review_expired_rejected"), 7,
    )  # fmt: skip
    rates = {"delivered_rate": 1.0, "bounce_rate": 0.034, "complaint_rate": None, "suppression_block_rate": 0.5}
    endpoint = {
        "webhook_id": "wh_1", "url_host": "x\x1b.test", "enabled": True, "deliveries": 4, "success_rate": 0.25,
        "last_status_code": 0,
    }  # fmt: skip
    hooks = {
        "deliveries": 4, "delivered": 1, "pending": 1, "endpoint_rejected": 1, "no_response": 1, "success_rate": 0.25,
        "endpoints": [endpoint],
    }  # fmt: skip
    far.on(
        "GET", "/v1/metrics",
        {
            "start": "2026-07-01T00:00:00Z", "end": "2026-07-02T00:00:00Z", "messages_in_window": 1, "summary": summary,
            "rates": rates, "webhooks": hooks, "agents_truncated": True, "buckets": [],
            "agents": [{"agent_email": "a@b.test", "summary": summary, "rates": rates}],
        },
    )  # fmt: skip
    done = far.e2a("metrics")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("7  ████████████████████████\n") == len(summary)
    assert "rates  delivered 100 %   bounced 3.4 %   reported -   blocked 50 %" in done.stdout
    assert "(and others)" in done.stdout
    assert "webhooks: 1 of 4 deliveries (25 %)" in done.stdout
    assert "x\ufffd.test" in done.stdout


def test_bars() -> None:
    assert bar(0, 10).plain == ""
    assert bar(1, 0).plain == ""
    assert bar(10, 10, 3).plain == "███"
    assert bar(5, 10, 3).plain == "█▌"
    assert bar(0.001, 10, 3).plain == "▏"
    assert len(share_bar(2, 1, 5).plain) == 5
    assert share_bar(0, 0, 5).plain == "·····"
    assert [percent(share) for share in (None, 0.0, 1.0, 0.001, 0.999)] == ["-", "0 %", "100 %", "0.1 %", "100 %"]


def test_limits(account: Account) -> None:
    account.agent()
    shown = account.e2a("limits")
    assert shown.exit_code == 0, shown.stderr
    assert "plan: " in shown.stdout
    assert "agents" in shown.stdout
    document = json.loads(account.e2a("limits", "--json").stdout)
    assert document["usage"]["agents"] == 1
    stranger = Account(account.daemon, account.email, "e2a_acct_" + "0" * 64)
    assert stranger.e2a("limits").exit_code == 4


def test_programs_are_listed_and_shut_out(account: Account) -> None:
    assert account.e2a("connections", "list").stdout == "no program was let in\n"
    owner = account.ask(lambda api: api.account.get())["user"]["id"]
    one, two = (account.daemon.execute(let_in, owner, f"mcp_{owner[:8]}{number:04}") for number in range(2))
    listed = account.e2a("connections", "list")
    assert "A program  the whole account" in listed.stdout
    assert {row["id"] for row in json.loads(account.e2a("connections", "list", "--json").stdout)} == {one, two}
    assert account.e2a("connections", "delete", one).exit_code == 2
    assert account.e2a("connections", "delete", one, two, "--yes").stdout == f"shut out: {one}\nshut out: {two}\n"
    assert account.e2a("connections", "list").stdout.count("shut out 20") == 2
    assert account.e2a("connections", "delete", "grant_none", "--yes").exit_code == 5


def test_a_word_to_the_operator(account: Account) -> None:
    done = account.e2a("feedback", "-", "--email", "ada@b.test", "--category", "idea", input="It works.\n")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("the operator has it: fb_")
    assert json.loads(account.e2a("feedback", "Yes.", "--json").stdout)["status"] == "received"
    assert account.e2a("feedback", " ").exit_code == 2
    wrong = account.e2a("feedback", "x", "--email", "nobody")
    assert (wrong.exit_code, wrong.stdout) == (5, "")


def test_a_connection_that_ends_or_has_ended(far: FarApi, page: Callable[..., Any]) -> None:
    row = {
        "id": "grant_1",
        "client_id": "mcp_1",
        "client_name": "",
        "agent_email": "a@b.test",
        "issued_at": "2026-07-01T12:00:00Z",
    }
    ended = row | {"id": "grant_2", "client_name": "P\x1b", "revoked_at": "2026-07-02T12:00:00Z"}
    far.on("GET", "/v1/account/connections", page(row | {"expires_at": "2026-08-01T12:00:00Z"}, ended))
    shown = far.e2a("connections", "list").stdout
    assert "mcp_1    a@b.test" in shown
    assert "until 2026-08-01 12:00" in shown
    assert "P\ufffd" in shown
    assert "shut out 2026-07-02 12:00" in shown
