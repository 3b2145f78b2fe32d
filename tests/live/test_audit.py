"""`e2ad audit` on a running deployment: whole after real decisions, and the first bad row after somebody's SQL."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.core.test_audit import recipe
from tests.live.running import ROOT, Running, dev_folder, running_dev, wait_until
from tests.live.test_reviews import click, protect, send

pytestmark = pytest.mark.live


@pytest.fixture
def running() -> Iterator[Running]:
    """A deployment of its own that looks for expired holds all the time."""
    with dev_folder() as folder, running_dev(Path(folder), E2AD_GATE_SWEEP_SECONDS="0.2") as running:
        yield running


def e2ad(running: Running, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "e2ad", "audit", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "E2AD_DATABASE_URL": str(running.told["database_url"]), **environ},
        timeout=60,
        check=False,
    )


def sql(running: Running, *statements: str) -> list[Any]:
    """As the owner of the server, past every trigger."""
    with psycopg.connect(str(running.told["database_url"])) as connection:
        connection.execute("set session_replication_role = replica")
        rows: list[Any] = []
        for statement in statements:
            cursor = connection.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
        return rows


def decide_in_every_way(running: Running) -> list[str]:
    """By the API, by a link, and by the clock; the ids in this order."""
    writer, reader = running.agent("writer"), running.agent("reader")
    protect(running, writer)
    by_key = send(running, writer, reader)
    status, answer = running.api("POST", f"/v1/reviews/{by_key}/approve", {"subject": "Other"})
    assert status in (200, 202), answer
    by_link = send(running, writer, reader)
    (row,) = sql(running, f"select content from notices where message_id = '{by_link}'")
    content = bytes(row[0]).replace(b"=\r\n", b"").replace(b"=3D", b"=").decode()
    (token,) = set(re.findall(r"/v1/reject\?t=([A-Za-z0-9_.-]+)", content))
    assert click(running, "/v1/reject", token, post=True)[0] == 200
    protect(running, writer, holds={"ttl_seconds": 1, "on_expiry": "reject"})
    by_clock = send(running, writer, reader)
    wait_until(lambda: running.api("GET", f"/v1/reviews/{by_clock}")[1]["review_status"] == "review_expired_rejected")
    return [by_key, by_link, by_clock]


def test_what_was_decided_is_proved(running: Running, tmp_path: Path) -> None:
    messages = decide_in_every_way(running)
    rows = sql(
        running, "select subject, action, actor_kind from audit_log where action like 'review.%' order by number"
    )
    assert rows == [
        (messages[0], "review.approved", "key"),
        (messages[1], "review.rejected", "link"),
        (messages[2], "review.expired_rejected", "expiry"),
    ]
    fine = e2ad(running, "verify")
    assert (fine.returncode, fine.stderr) == (0, "")
    account, word, count, _, head = fine.stdout.split()
    assert word == "fine"
    ((email,),) = sql(running, f"select email from accounts where id = '{account}'")
    assert e2ad(running, "verify", "--account", email, "--expect", head).returncode == 0
    told = json.loads(e2ad(running, "verify", "--account", account, "--json").stdout)
    assert told == {"account_id": account, "fine": True, "rows": int(count), "head": head}

    file = tmp_path / "log.jsonl"
    exported = e2ad(running, "export", "--account", email, "-o", str(file))
    assert exported.returncode == 0, exported.stderr
    assert head in exported.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().splitlines()) == int(count)
    proof = subprocess.run([sys.executable, "-c", recipe(), str(file)], capture_output=True, text=True, check=False)
    assert proof.stdout.strip() == head
    assert e2ad(running, "export", "--account", email, "-o", str(file)).returncode == 2

    # What is forged together with all that follows, and with the head, shows to whoever kept the digest.
    ((number,),) = sql(running, f"select number from audit_log where subject = '{messages[1]}'")
    tampered = {
        f"update audit_log set actor_kind = 'key' where number = {number}": number,
        f"update audit_log set evidence = '{{}}' where number = {number - 1}": number - 1,
        f"delete from audit_log where number = {number - 2}": number - 2,
    }
    for statement, first in tampered.items():
        sql(running, statement)
        bad = e2ad(running, "verify")
        assert bad.returncode == 1
        assert f"{account}  BAD   row {first} (" in bad.stdout
        (said,) = [json.loads(line) for line in bad.stderr.splitlines()]
        assert (said["event"], said["account"], said["number"]) == ("audit_broken", account, first)
        told = json.loads(e2ad(running, "verify", "--json").stdout)
        assert (told["fine"], told["bad_row"], told["rows"]) == (False, first, first - 1)
    damaged = tmp_path / "damaged.jsonl"
    assert e2ad(running, "export", "--account", email, "-o", str(damaged)).returncode == 1
    proof = subprocess.run([sys.executable, "-c", recipe(), str(damaged)], capture_output=True, text=True, check=False)
    assert proof.stderr.strip() == f"row {number - 2} is bad"


def test_a_log_that_was_cut_off_with_its_head(running: Running) -> None:
    decide_in_every_way(running)
    account, _, count, _, head = e2ad(running, "verify").stdout.split()
    last = int(count)
    sql(
        running,
        f"update audit_heads h set number = {last - 1}, digest = l.digest from audit_log l where l.number = {last - 1}",
        f"delete from audit_log where number = {last}",
    )
    assert e2ad(running, "verify").returncode == 0
    bad = e2ad(running, "verify", "--account", account, "--expect", head)
    assert bad.returncode == 1
    assert f"row {last} (cut_off)" in bad.stdout


def test_how_it_fails(running: Running) -> None:
    nowhere = e2ad(running, "verify", E2AD_DATABASE_URL="host=/nonexistent dbname=x")
    assert nowhere.returncode == 69, nowhere.stderr
    assert "Traceback" not in nowhere.stderr
    assert e2ad(running, "verify", E2AD_DATABASE_URL="").returncode == 78
    for arguments in (
        ("--expect", "1:" + "a" * 64),
        ("--account", "nobody@example.com"),
        ("--account", "nobody@example.com", "--expect", "nothing"),
    ):
        answer = e2ad(running, "verify", *arguments)
        assert answer.returncode == 2, answer.stderr
        assert "Traceback" not in answer.stderr
