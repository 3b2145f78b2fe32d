"""The commands of mail out against a real process: inside, captured, held, decided by hand and by link."""

import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.live.running import ROOT, Running, dev_folder, running_dev, wait_until

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def dev() -> Iterator[Running]:
    """One daemon for this module: its limits of sending are off."""
    with dev_folder() as folder, running_dev(folder, E2AD_RATE_LIMITS_SEND_PER_MINUTE="0") as running:
        yield running


@pytest.fixture(autouse=True)
def _no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's own configuration plays a part."""
    monkeypatch.setenv("HOME", str(tmp_path))


def ran(dev: Running, *arguments: str, status: int = 0) -> str:
    """What a command said, which has to end as expected."""
    done = dev.e2a(*arguments)
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout if status in (0, 3, 6) else done.stderr


def loaded(dev: Running, *arguments: str, status: int = 0) -> Any:
    return json.loads(ran(dev, *arguments, "--json", status=status))


def arrived(dev: Running, agent: str, subject: str) -> dict[str, Any]:
    """The one mail with this subject in an inbox, once it is there."""

    def look() -> list[dict[str, Any]]:
        return loaded(dev, "inbox", "--agent", agent, "--all", "--subject", subject)

    [message] = wait_until(look)
    return message


def test_agent_to_agent_and_back(dev: Running, tmp_path: Path) -> None:
    ann, bob = dev.agent("ann"), dev.agent("bob")
    (tmp_path / "plan.txt").write_text("the plan")
    said = ran(
        dev, "send", "--from", "ann", "--to", "bob", "--subject", "Grüße", "--text", "Hello Bob.", "--wait",
        "--attach", str(tmp_path / "plan.txt"),
    )  # fmt: skip
    assert re.match(r"(sent|delivered): msg_[0-9a-f]{32}\n", said)
    came = arrived(dev, bob, "Grüße")
    read = ran(dev, "read", came["id"], "--agent", "bob")
    assert "Hello Bob." in read
    assert "plan.txt" in read
    assert "verified" in read

    # Whose message it is, is found out from its id.
    ran(dev, "reply", came["id"], "--text", "Hello Ann.")
    back = arrived(dev, ann, "Re: Grüße")
    assert back["conversation_id"]
    ran(dev, "forward", came["id"], "--from", "bob", "--to", ann, "--text", "Look.")
    forwarded = arrived(dev, ann, "Fwd: Grüße")
    assert "plan.txt" in ran(dev, "read", forwarded["id"], "--agent", "ann")

    listed = ran(dev, "sent", "--agent", "ann")
    assert bob in listed
    [mail] = loaded(dev, "sent", "--agent", "ann")
    traced = ran(dev, "trace", mail["id"])
    assert "accepted from the API" in traced
    assert re.search(rf"(delivered|taken).*{re.escape(bob)}|delivered inside", traced)


def test_a_mail_to_itself_and_a_test_mail(dev: Running) -> None:
    solo = dev.agent("solo")
    assert "delivered to itself" in ran(dev, "send", "--from", solo, "--to", solo, "--subject", "Note", "--text", "x")
    arrived(dev, solo, "Note")
    ran(dev, "test", "solo")
    wait_until(lambda: len(loaded(dev, "inbox", "--agent", solo, "--all")) == 2)


def test_mail_to_people_is_captured(dev: Running) -> None:
    agent = dev.agent("writer")
    said = ran(
        dev, "send", "--from", "writer", "--to", "ada@northwind.test", "--subject", "Kept", "--text", "x", "--wait"
    )
    message_id = said.split()[1]
    assert "[captured]" in ran(dev, "sent", "--agent", agent)
    assert "captured" in ran(dev, "trace", message_id, "--agent", agent)
    raw = ran(dev, "read", message_id, "--agent", agent, "--raw")
    assert "To: ada@northwind.test" in raw
    assert re.search(r"^From:.*writer@agents\.localhost", raw, re.MULTILINE)


def test_a_send_that_is_repeated_is_one(dev: Running) -> None:
    agent = dev.agent("once")
    arguments = ("send", "--from", agent, "--to", "ada@northwind.test", "--subject", "S", "--text", "t")
    first, second = (loaded(dev, *arguments, "--idempotency-key", "a-key") for _ in range(2))
    assert first["message_id"] == second["message_id"]
    assert len(loaded(dev, "sent", "--agent", agent)) == 1
    other = ran(dev, *arguments[:-1], "u", "--idempotency-key", "a-key", status=5)
    assert "idempotency_key_reuse" in other


def test_a_scheduled_mail_waits(dev: Running) -> None:
    agent = dev.agent("later")
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    said = ran(
        dev, "send", "--from", agent, "--to", "ada@northwind.test", "--subject", "S", "--text", "t", "--send-at", soon
    )
    assert said.startswith("scheduled for ")
    assert "[scheduled for " in ran(dev, "sent", "--agent", agent)


def held_by(dev: Running, agent: str, subject: str) -> dict[str, Any]:
    return loaded(
        dev, "send", "--from", agent, "--to", "ada@northwind.test", "--bcc", "boss@northwind.test",
        "--subject", subject, "--text", "Dear Ada.", status=3,
    )  # fmt: skip


def test_a_hold_is_shown_changed_and_approved(dev: Running) -> None:
    agent = dev.agent("careful")
    assert "every mail is held for review" in ran(dev, "protection", "set", agent, "--require-review", "--ttl", "12h")
    assert "lasts 12h" in ran(dev, "protection", "show", agent)
    held = held_by(dev, agent, "Offer")
    assert held["status"] == "pending_review"
    message_id = held["message_id"]
    assert message_id in ran(dev, "pending", "list")
    assert "[held for review]" in ran(dev, "sent", "--agent", agent)
    shown = ran(dev, "reviews", "show", message_id)
    for part in ("ada@northwind.test", "boss@northwind.test", "Dear Ada.", "every mail of this agent is reviewed"):
        assert part in shown, shown
    seen = loaded(dev, "reviews", "show", message_id)["content_sha256"]

    edited = loaded(dev, "reviews", "edit", message_id, "--edit-text", "Dear Ms Lovelace.")
    assert edited["content_sha256"] != seen
    changed = ran(dev, "reviews", "approve", message_id, "--yes", "--content", seen, status=5)
    assert "changed" in changed
    approved = ran(dev, "reviews", "approve", message_id, "--yes", "--edit-subject", "Our offer")
    assert f"approved, accepted: {message_id} (changed)" in approved
    wait_until(lambda: "[captured]" in ran(dev, "sent", "--agent", agent))
    raw = ran(dev, "read", message_id, "--agent", agent, "--raw")
    assert "Subject: Our offer" in raw
    assert "Dear Ms Lovelace." in raw
    assert "boss@" not in raw
    again = ran(dev, "reviews", "approve", message_id, "--yes", status=5)
    assert "message_not_pending" in again


def test_a_hold_is_rejected(dev: Running) -> None:
    agent = dev.agent("refused")
    ran(dev, "protection", "set", agent, "--require-review", "--no-notify")
    message_id = held_by(dev, agent, "No")["message_id"]
    assert ran(dev, "reviews", "reject", message_id, "--reason", "not now") == f"rejected: {message_id}\n"
    assert "[rejected]" in ran(dev, "sent", "--agent", agent)
    assert "rejected" in ran(dev, "trace", message_id, "--agent", agent)
    assert message_id not in ran(dev, "reviews", "list")


def test_a_list_of_recipients(dev: Running) -> None:
    agent = dev.agent("listed")
    ran(dev, "protection", "set", agent, "--policy", "allowlist", "--action", "block", "--allow", "ada@northwind.test")
    ran(dev, "send", "--from", agent, "--to", "ada@northwind.test", "--subject", "S", "--text", "t")
    refused = ran(dev, "send", "--from", agent, "--to", "eve@paperclip.test", "--subject", "S", "--text", "t", status=5)
    assert "blocked_by_policy" in refused
    assert "e2a protection show" in refused


def test_who_is_not_written_to(dev: Running) -> None:
    agent = dev.agent("polite")
    added = ran(dev, "suppressions", "add", "Eve@paperclip.test", "--agent", agent, "--reason", "asked")
    assert "eve@paperclip.test is not written to any more" in added
    assert "asked" in ran(dev, "suppressions", "list", "--agent", agent)
    refused = ran(dev, "send", "--from", agent, "--to", "eve@paperclip.test", "--subject", "S", "--text", "t", status=5)
    assert "recipient_suppressed" in refused
    assert "may be written to again" in ran(dev, "suppressions", "remove", "eve@paperclip.test", "--agent", agent)
    ran(dev, "send", "--from", agent, "--to", "eve@paperclip.test", "--subject", "S", "--text", "t")


def test_the_console_of_dev_has_the_links() -> None:
    """A person starts it, an agent sends, and the whole gate works without any mail server."""
    with dev_folder() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "e2ad", "dev", "--json", "--dir", str(folder)]
            + [part for door in ("smtp", "http", "dashboard") for part in (f"--{door}-port", "0")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            dev = Running(json.loads(process.stdout.readline()), folder, process)  # type: ignore[arg-type] # text
            agent = dev.agent("gate")
            ran(dev, "protection", "set", agent, "--require-review")
            held = held_by(dev, agent, "By link")
            lines = [process.stderr.readline() for _ in range(5)]
            assert "By link" in lines[1]
            assert held["message_id"] in lines[4]
            [link] = [line.split()[1] for line in lines if line.startswith("  approve: ")]
            page = urllib.request.urlopen(link, timeout=20).read().decode()
            assert "Dear Ada." in page
            assert held["message_id"] in ran(dev, "reviews", "list")  # looking changes nothing
            address, _, token = link.partition("?t=")
            form = urllib.parse.urlencode({"t": token}).encode()
            with urllib.request.urlopen(address, data=form, timeout=20) as answer:
                assert answer.status == 200
            wait_until(lambda: "[captured]" in ran(dev, "sent", "--agent", agent))
        finally:
            process.terminate()
            _, rest = process.communicate(timeout=45)
        assert (process.returncode, rest) == (0, "")


def test_a_domain_of_ones_own_speaks_for_itself(dev: Running) -> None:
    ran(dev, "domains", "register", "acme.test")
    ran(dev, "domains", "verify", "acme.test")
    ran(dev, "agents", "create", "ops@acme.test", "--name", "Acme Operations")
    said = ran(
        dev, "send", "--from", "ops@acme.test", "--to", "ada@northwind.test", "--subject", "S", "--text", "t", "--wait"
    )
    raw = ran(dev, "read", said.split()[1], "--agent", "ops@acme.test", "--raw")
    assert re.search(r"^From: .*<ops@acme\.test>", raw, re.MULTILINE)
