"""Every command of `e2a` and `e2ad`, as a person or a script runs it."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner

from e2ad import __version__
from e2ad.cli.daemon import main
from tests.conftest import _command
from tests.live.conftest import Endpoint
from tests.live.running import ROOT, Running
from tests.live.serving import Deployment, settings

pytestmark = pytest.mark.live

MAIL = "From: Ada <ada@b.test>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}.{to}>\r\n\r\nHello.\r\n"


def e2ad(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "e2ad", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environ},
        timeout=60,
        check=False,
    )


class Listener:
    """A running `e2a listen`; its lines as they come."""

    def __init__(self, dev: Running, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from e2ad.cli.client import main; main()", "listen", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**dev.environ(), "PYTHONUNBUFFERED": "1"},
        )
        self.said: queue.Queue[str] = queue.Queue()
        self.told: queue.Queue[str] = queue.Queue()
        pairs = ((self.process.stdout, self.said), (self.process.stderr, self.told))
        self.threads = [threading.Thread(target=self.pump, args=pair, daemon=True) for pair in pairs]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def pump(stream: object, lines: "queue.Queue[str]") -> None:
        for line in stream:
            lines.put(line.rstrip("\n"))

    def wait_told(self, text: str) -> None:
        while text not in self.told.get(timeout=20):
            pass

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()


def test_the_life_of_an_agent(dev: Running) -> None:
    made = dev.e2a("agents", "create", "cli-bot", "--name", "[bold]Bot", "--json")
    assert made.returncode == 0, made.stderr
    agent = json.loads(made.stdout)
    assert (agent["email"], agent["agent_mode"]) == ("cli-bot@agents.localhost", "local")

    shown = dev.e2a("agents", "show", "cli-bot")
    assert "[bold]Bot" in shown.stdout
    assert json.loads(dev.e2a("agents", "show", agent["email"], "--json").stdout)["email"] == agent["email"]

    changed = dev.e2a("agents", "update", "cli-bot", "--webhook-url", "http://127.0.0.1:9/x", "--mode", "cloud")
    assert changed.returncode == 0, changed.stderr
    assert "changed cli-bot@agents.localhost" in changed.stdout
    assert "cloud" in changed.stdout
    assert dev.e2a("agents", "update", "cli-bot").returncode == 2
    back = dev.e2a("agents", "update", "cli-bot", "--mode", "local", "--json")
    assert json.loads(back.stdout)["agent_mode"] == "local"

    listed = dev.e2a("agents", "list")
    assert "cli-bot@agents.localhost" in listed.stdout
    assert "[bold]Bot" in listed.stdout
    assert agent["email"] in [one["email"] for one in json.loads(dev.e2a("agents", "list", "--json").stdout)]

    # A slug that is taken gets a number, or is refused: in both cases in one line and with a status.
    assert "Traceback" not in dev.e2a("agents", "create", "cli-bot").stderr
    refused = dev.e2a("agents", "create", "Not A Slug!")
    assert refused.returncode == 5
    assert refused.stderr.startswith("e2a: ")

    assert "in the trash" in dev.e2a("agents", "delete", "cli-bot").stdout
    gone = dev.e2a("agents", "show", "cli-bot")
    assert (gone.returncode, gone.stdout) == (5, "")
    assert "not_found" in gone.stderr

    assert dev.e2a("agents", "create", "cli-gone").returncode == 0
    asked = dev.e2a("agents", "delete", "cli-gone", "--permanent")
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert dev.e2a("agents", "delete", "cli-gone", "--permanent", "--yes").returncode == 0


def test_the_inbox(dev: Running) -> None:
    agent = dev.agent("cli-inbox")
    empty = dev.e2a("inbox", "--agent", agent)
    assert (empty.returncode, empty.stdout) == (0, "nothing unread\n")
    for subject in ("one", "two", "three"):
        dev.send(agent, MAIL.format(to=agent, subject=subject))
    listed = json.loads(dev.e2a("inbox", "--agent", "cli-inbox", "--json").stdout)
    assert [message["subject"] for message in listed] == ["three", "two", "one"]
    oldest = json.loads(dev.e2a("inbox", "--agent", agent, "--oldest", "-n", "1", "--json").stdout)
    assert [message["subject"] for message in oldest] == ["one"]
    by_subject = json.loads(dev.e2a("inbox", "--agent", agent, "--subject", "TWO", "--json").stdout)
    assert [message["subject"] for message in by_subject] == ["two"]

    text = dev.e2a("inbox", "--agent", agent).stdout
    assert "ada@b.test" in text
    assert "[not verified]" in text
    assert listed[0]["id"] in text

    read = dev.e2a("read", listed[0]["id"], "--agent", agent)
    assert read.returncode == 0, read.stderr
    assert "three" in read.stdout
    assert "Hello." in read.stdout
    assert "spf " in read.stdout
    left = json.loads(dev.e2a("inbox", "--agent", agent, "--json").stdout)
    assert [message["subject"] for message in left] == ["two", "one"]
    assert len(json.loads(dev.e2a("inbox", "--agent", agent, "--all", "--json").stdout)) == 3

    raw = dev.e2a("read", listed[1]["id"], "--agent", agent, "--raw")
    assert MAIL.format(to=agent, subject="two").replace("\r\n", "\n") in raw.stdout.replace("\r\n", "\n")
    assert json.loads(dev.e2a("read", listed[2]["id"], "--agent", agent, "--json").stdout)["subject"] == "one"
    missing = dev.e2a("read", "msg_0", "--agent", agent)
    assert missing.returncode in (4, 5)
    assert missing.stderr.startswith("e2a: ")


def test_a_stranger_cannot_steer_the_terminal(dev: Running) -> None:
    agent = dev.agent("cli-escape")
    evil = "From: \x1b]0;owned\x07 <x@b.test>\r\nSubject: a\x1b[2Jb\r\n\r\nbody \x1b[31mred \x9b1m\r\n".encode()
    dev.send(agent, evil)
    [message] = json.loads(dev.e2a("inbox", "--agent", agent, "--json").stdout)
    for shown in (dev.e2a("inbox", "--agent", agent), dev.e2a("read", message["id"], "--agent", agent)):
        assert shown.returncode == 0, shown.stderr
        assert not set(shown.stdout) & {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))}


def test_which_agent(deployment: Deployment) -> None:
    with deployment.serving(SMTP_PORT="0") as served:
        none = served.e2a("inbox")
        assert none.returncode == 2
        assert "there is no agent yet" in none.stderr
        served.agent("only")
        assert served.e2a("inbox").stdout == "nothing unread\n"
        served.agent("other")
        which = served.e2a("inbox")
        assert which.returncode == 2
        assert "only@agents.test" in which.stderr
        assert served.e2a("inbox", E2AD_X="", E2A_AGENT_EMAIL="other").stdout == "nothing unread\n"


def test_without_a_server_or_a_key(dev: Running, tmp_path: Path) -> None:
    away = dev.e2a("agents", "list", E2A_URL="http://127.0.0.1:1")
    assert (away.returncode, away.stdout) == (1, "")
    assert "http://127.0.0.1:1 cannot be reached" in away.stderr
    wrong = dev.e2a("agents", "list", E2A_API_KEY="e2a_acct_" + "0" * 64)
    assert wrong.returncode == 4
    assert "unauthorized" in wrong.stderr
    none = dev.e2a("agents", "list", E2A_API_KEY="", HOME=str(tmp_path))
    assert none.returncode == 4
    assert "no API key" in none.stderr


def test_listening_as_people_do(dev: Running) -> None:
    agent = dev.agent("cli-listen")
    dev.send(agent, MAIL.format(to=agent, subject="before"))
    with Listener(dev, "--agent", "cli-listen") as listener:
        listener.wait_told("connected")
        assert "before" in listener.said.get(timeout=20)
        listener.said.get(timeout=20)
        dev.send(agent, MAIL.format(to=agent, subject="during"))
        assert "during" in listener.said.get(timeout=20)
        listener.process.send_signal(signal.SIGINT)
        assert listener.process.wait(20) == 0


def test_listening_as_programs_do(dev: Running, endpoint: Endpoint) -> None:
    agent = dev.agent("cli-json")
    dev.send(agent, MAIL.format(to=agent, subject="json"))
    once = dev.e2a("listen", "--agent", agent, "--once", "--json")
    assert once.returncode == 0, once.stderr
    event = json.loads(once.stdout)
    assert (event["type"], event["data"]["subject"]) == ("email.received", "json")
    assert event["auth_headers"]["X-E2A-Auth-Verified"] == "false"

    forwarded = dev.e2a(
        "listen", "--agent", agent, "--once", "--forward", endpoint.url, "--forward-token", "local-token"
    )
    assert forwarded.returncode == 0, forwarded.stderr
    posted = endpoint.next()
    assert posted.headers["Authorization"] == "Bearer local-token"
    assert json.loads(posted.body)["subject"] == "json"
    assert ": 200" in forwarded.stderr


def test_a_forward_that_fails_is_said_and_survived(dev: Running) -> None:
    agent = dev.agent("cli-nowhere")
    dev.send(agent, MAIL.format(to=agent, subject="x"))
    done = dev.e2a("listen", "--agent", agent, "--once", "--forward", "http://127.0.0.1:1/x")
    assert done.returncode == 0
    assert "could not forward msg_" in done.stderr


def test_listening_to_nobody(dev: Running) -> None:
    done = dev.e2a("listen", "--agent", "nobody-here", "--once")
    assert done.returncode == 5
    assert "Traceback" not in done.stderr
    wrong = dev.e2a("listen", "--agent", "x@agents.localhost", "--once", E2A_API_KEY="e2a_acct_" + "0" * 64)
    assert wrong.returncode == 4
    assert "unauthorized" in wrong.stderr


def test_a_listener_waits_for_its_server(deployment: Deployment) -> None:
    with deployment.serving() as first:
        agent = first.agent("patient")
        port = first.api_url.rpartition(":")[2]
        listener = Listener(first, "--agent", agent)
        listener.wait_told("connected")
    with listener:
        listener.wait_told("trying again")
        with deployment.serving(HTTP_PORT=port) as second:
            listener.wait_told("connected")
            second.send(agent, MAIL.format(to=agent, subject="again"))
            assert "again" in listener.said.get(timeout=20)


def test_bootstrap(deployment: Deployment) -> None:
    environ = settings(deployment.dsn)
    first, second = (e2ad("bootstrap", "New@Example.test", **environ) for _ in range(2))
    keys = set()
    for done in (first, second):
        assert done.returncode == 0, done.stderr
        user, key = done.stdout.splitlines()
        assert user.startswith("User:    ")
        assert user == first.stdout.splitlines()[0]
        assert key.startswith("API key: e2a_acct_")
        keys.add(key)
        assert "cannot be read again" in done.stderr
    assert len(keys) == 2
    served = e2ad("serve", "--bootstrap-email", "new@example.test", **environ)
    assert served.returncode == 0
    assert len(served.stdout.splitlines()) == 2
    assert served.stdout.splitlines()[0].rpartition("(")[2] == first.stdout.splitlines()[0].rpartition("(")[2]
    as_json = json.loads(e2ad("bootstrap", "new@example.test", "--json", **environ).stdout)
    assert sorted(as_json) == ["api_key", "email", "user_id"]
    wrong = e2ad("bootstrap", "not an address", **environ)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("e2ad: ")


def test_migrate(deployment: Deployment) -> None:
    environ = settings(deployment.dsn)
    assert e2ad("migrate", **environ).stdout == "the schema is up to date\n"
    assert e2ad("migrate", "--verify", **environ).stdout == "the schema is up to date\n"
    away = e2ad("migrate", **settings("host=/nonexistent dbname=x"))
    assert (away.returncode, away.stdout) == (1, "")
    assert len(away.stderr.splitlines()) == 1
    assert "/nonexistent" in away.stderr


def test_migrate_an_empty_database(deployment: Deployment) -> None:
    name = deployment.dsn.partition("dbname=")[2].split()[0]
    empty = f"{name}_empty"
    trio.run(_command, deployment.dsn, f"create database {empty}")
    try:
        environ = settings(deployment.dsn.replace(f"dbname={name}", f"dbname={empty}"))
        verified = e2ad("migrate", "--verify", **environ)
        assert (verified.returncode, verified.stdout) == (1, "")
        applied = e2ad("migrate", **environ)
        assert applied.returncode == 0
        assert applied.stdout.startswith("applied 0001")
        assert e2ad("migrate", "--verify", **environ).returncode == 0
    finally:
        trio.run(_command, deployment.dsn, f"drop database {empty} with (force)")


def test_config_check_and_version(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[smtp]\nport = "25"\nidel_seconds = 3\n[webhooks]\nattempt_seconds = 0\n')
    wrong = e2ad("config", "check", "-c", str(file))
    assert (wrong.returncode, wrong.stdout) == (78, "")
    keys = {line.removeprefix("e2ad: ").partition(":")[0] for line in wrong.stderr.splitlines()}
    assert keys == {"smtp.port", "smtp.idel_seconds", "webhooks.attempt_seconds", "database.url", "signing.secrets"}
    missing = CliRunner().invoke(main, ["config", "check", "-c", str(tmp_path / "none.toml")])
    assert missing.exit_code == 78
    assert "none.toml" in missing.stderr
    right = e2ad("config", "check", **settings("postgresql:///x"))
    assert (right.returncode, right.stdout) == (0, "the configuration is fine\n")


def test_serve_says_what_is_wrong(deployment: Deployment) -> None:
    roles = e2ad("serve", "--roles", "smtp,nonsense", **settings(deployment.dsn))
    assert roles.returncode == 2
    assert "http, smtp, worker" in roles.stderr
    away = e2ad("serve", **settings("host=/nonexistent dbname=x"))
    assert away.returncode == 1
    assert "/nonexistent" in away.stderr
    assert "Traceback" not in away.stderr


@pytest.mark.parametrize(
    "command",
    ["", "serve", "dev", "dev send", "bootstrap", "migrate", "config", "config check", "version"],
)
def test_help(command: str) -> None:
    done = CliRunner().invoke(main, [*command.split(), "--help"], prog_name="e2ad")
    assert done.exit_code == 0
    assert done.stdout.startswith("Usage: e2ad")


def test_version() -> None:
    assert CliRunner().invoke(main, ["version"]).stdout == f"e2ad {__version__}\n"


@pytest.fixture(autouse=True)
def _no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's own configuration plays a part."""
    monkeypatch.setenv("HOME", str(tmp_path))
