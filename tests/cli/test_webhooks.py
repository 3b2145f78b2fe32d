"""`e2a webhooks` and `e2a events`: from the first secret to the last attempt, against a daemon and a far side."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from e2ad.cli.webhooks import data_of, delivery_lines
from e2ad.core.events import EVENT_TYPES
from tests.cli.conftest import FarApi
from tests.cli.serving import Account


@pytest.fixture(scope="module")
def receiver() -> Iterator[str]:
    """Takes posts to /fine, and refuses those to /broken with hostile words."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            body = b"ok" if self.path == "/fine" else b"no\x1b[2J"
            self.send_response(200 if self.path == "/fine" else 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(10)


def wait_for(what: Callable[[], Any]) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(what)


def made(account: Account, url: str, *more: str) -> dict[str, Any]:
    done = account.e2a("webhooks", "create", "--url", url, "--events", "email.received", *more, "--json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def attempted(account: Account, webhook: str) -> list[dict[str, Any]]:
    def look() -> Any:
        found = json.loads(account.e2a("webhooks", "deliveries", webhook, "--json").stdout)
        return found if found and all(one.get("last_attempt_at") for one in found) else None

    found: list[dict[str, Any]] = wait_for(look)
    return found


def test_the_secret_is_shown_once_and_says_so(account: Account) -> None:
    done = account.e2a("webhooks", "create", "--webhook-url", "http://127.0.0.1:9/x", "--event", "email.sent")
    assert done.exit_code == 0, done.stderr
    assert "whsec_" in done.stdout
    assert "never shown again" in done.stdout
    listed = account.e2a("webhooks", "list", "--json")
    [found] = json.loads(listed.stdout)
    shown = account.e2a("webhooks", "get", found["id"])
    assert found["id"] in shown.stdout
    assert "whsec_" not in listed.stdout + shown.stdout
    rotated = account.e2a("webhooks", "rotate-secret", found["id"])
    assert "whsec_" in rotated.stdout
    assert "never shown again" in rotated.stdout
    again = account.e2a("webhooks", "rotate-secret", found["id"], "--json")
    assert set(json.loads(again.stdout)) == {"signing_secret", "previous_secret_expires_at"}


def test_the_same_key_makes_one_webhook(account: Account) -> None:
    first = made(account, "http://127.0.0.1:9/x", "--idempotency-key", "k")
    assert made(account, "http://127.0.0.1:9/x", "--idempotency-key", "k") == first
    assert len(account.e2a("webhooks", "list").stdout.splitlines()) == 2


def test_filters_are_set_replaced_and_taken_away(account: Account) -> None:
    agent = account.agent()
    slug = agent.partition("@")[0]
    more = ["--filter-agent", slug, "--filter-label", "urgent", "--filter-conversation", "conv_1", "--description", "d"]
    found = made(account, "http://127.0.0.1:9/x", *more)
    assert found["filters"] == {"agent_emails": [agent], "conversation_ids": ["conv_1"], "labels": ["urgent"]}
    changed = account.e2a("webhooks", "update", found["id"], "--filter-label", "calm", "--events", "all", "--json")
    document = json.loads(changed.stdout)
    assert document["filters"] == {"labels": ["calm"]}
    assert set(document["events"]) == set(EVENT_TYPES)
    shown = account.e2a("webhooks", "update", found["id"], "--no-filters", "--disable")
    assert shown.exit_code == 0, shown.stderr
    assert "labels" not in shown.stdout
    assert "on:              no" in shown.stdout
    assert "all" in account.e2a("webhooks", "list").stdout
    assert account.e2a("webhooks", "update", found["id"], "--enable", "--json").exit_code == 0
    for wrong in ([], ["--no-filters", "--filter-label", "x"]):
        assert account.e2a("webhooks", "update", found["id"], *wrong).exit_code == 2


def test_what_was_posted_and_what_was_said(account: Account, receiver: str) -> None:
    fine, broken = made(account, f"{receiver}/fine"), made(account, f"{receiver}/broken")
    tested = account.e2a("webhooks", "test", fine["id"], "--data", '{"n": 1}')
    assert tested.exit_code == 0, tested.stderr
    assert account.e2a("webhooks", "test", broken["id"], "--type", "email.sent", "--json").exit_code == 0
    attempted(account, fine["id"])
    attempted(account, broken["id"])
    shown = account.e2a("webhooks", "deliveries", fine["id"])
    assert shown.stdout.startswith("[delivered]  email.received  HTTP 200  1 attempt, the last ")
    shown = account.e2a("webhooks", "deliveries", broken["id"], "--status", "pending")
    assert shown.stdout.startswith("[pending]  email.sent  HTTP 500  1 attempt")
    assert "no\ufffd[2J" in shown.stdout
    assert "again at 20" in shown.stdout
    assert "\x1b" not in shown.stdout + account.e2a("webhooks", "deliveries", broken["id"], "--json").stdout
    assert account.e2a("webhooks", "deliveries", fine["id"], "--status", "failed").stdout == "nothing is failed\n"


def test_events_and_sending_one_again(account: Account, receiver: str) -> None:
    agent = account.agent()
    webhook = made(account, f"{receiver}/fine")["id"]
    account.daemon.deliver(agent, b"From: ada@b.test\r\nSubject: Hi \x1b[2J\r\n\r\nHello\r\n")
    [event] = wait_for(lambda: json.loads(account.e2a("events", "list", "--json").stdout))
    listed = account.e2a("events", "list", "--type", "email.received", "--agent", agent, "--since", "1h")
    assert f"email.received  {agent}  Hi" in listed.stdout
    assert event["id"] in listed.stdout
    assert "\x1b" not in listed.stdout
    for name, value in (
        ("--type", "email.sent"),
        ("--message", "msg_none"),
        ("--conversation", "c"),
        ("--until", "1d"),
    ):
        assert account.e2a("events", "list", name, value).stdout == "nothing happened\n"
    shown = account.e2a("events", "get", event["id"])
    assert '"message_id": "msg_' in shown.stdout
    assert json.loads(account.e2a("events", "get", event["id"], "--json").stdout)["data"]["delivered_to"] == agent
    done = account.e2a("events", "redeliver", event["id"])
    assert done.exit_code == 0, done.stderr
    assert webhook in done.stdout
    one = json.loads(account.e2a("events", "redeliver", event["id"], "--webhook", webhook, "--json").stdout)
    assert one["webhook_id"] == webhook
    assert webhook in account.e2a("events", "redeliver", event["id"], "--webhook", webhook).stdout
    gone = account.e2a("events", "get", "evt_" + "0" * 32)
    assert (gone.exit_code, gone.stdout) == (5, "")


def test_an_event_that_is_for_nobody(account: Account) -> None:
    account.daemon.deliver(account.agent(), b"From: ada@b.test\r\n\r\nHello\r\n")
    [event] = wait_for(lambda: json.loads(account.e2a("events", "list", "--json").stdout))
    assert account.e2a("events", "redeliver", event["id"]).stdout == "there is no webhook that it is for\n"


def test_several_are_removed_and_each_is_told(account: Account) -> None:
    one, two = (made(account, f"http://127.0.0.1:9/{number}")["id"] for number in range(2))
    assert account.e2a("webhooks", "delete", one).exit_code == 2
    done = account.e2a("webhooks", "delete", one, "wh_none", two, "--yes")
    assert done.exit_code == 5
    assert done.stdout == f"removed {one}\nremoved {two}\n"
    assert done.stderr.endswith("2 removed, 1 failed\n")
    assert account.e2a("webhooks", "list").stdout.startswith("no webhooks yet")
    assert account.e2a("webhooks", "delete", one, "--yes").exit_code == 5


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["create", "--url", "http://127.0.0.1:9/x", "--events", "email.*x"], 2, "no event is like"),
        (["create", "--url", "http://127.0.0.1:9/x", "--events", "email.eaten"], 5, "body.events[0]"),
        (["create", "--url", "http://10.0.0.1/x", "--events", "email.sent"], 5, "(invalid_"),
        (["create", "--events", "email.sent"], 2, "--url"),
        (["test", "wh_1", "--data", "[1]"], 2, "JSON object"),
        (["test", "wh_1", "--data", "{"], 2, "no JSON"),
        (["test", "wh_1", "--data", "@none.json"], 2, "No such file"),
        (["get", "wh_1"], 5, "not found"),
        (["deliveries", "wh_1"], 5, "not found"),
    ],
)
def test_what_is_refused(account: Account, arguments: list[str], status: int, words: str) -> None:
    done = account.e2a("webhooks", *arguments)
    assert done.exit_code == status
    assert words in done.stderr
    assert done.stdout == ""


def test_data_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"a": 1}')
    assert data_of(f"@{tmp_path}/d.json") == {"a": 1}
    assert data_of(None) is None


def test_a_delivery_without_an_attempt() -> None:
    row = {
        "status": "pending",
        "type": "email.sent",
        "attempts": 0,
        "created_at": "2026-07-01T12:00:00Z",
        "id": "whd_1",
    }
    [first, _] = (line.plain for line in delivery_lines(row | {"next_retry_at": "2026-07-01T12:00:00Z"}))
    assert first == "[pending]  email.sent  0 attempts"


def test_an_event_with_failed_deliveries(far: FarApi, page: Callable[..., Any]) -> None:
    status = {"matched_webhooks": 3, "delivered": 1, "pending": 1, "failed": 1}
    row = {"id": "evt_1", "type": "x.y", "created_at": "2026-07-01T12:00:00Z", "data": {"domain": "b.test"}}
    far.on("GET", "/v1/events", page(row | {"delivery_status": status}))
    done = far.e2a("events", "list", agent="")
    assert "x.y  b.test\n" in done.stdout
    assert "delivered to 1 of 3, 1 pending, 1 failed" in done.stdout
