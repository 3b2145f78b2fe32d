"""`e2ad dev` as a newcomer and as a program starts it."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trio

from e2ad.dev.zone import Zone, serve_zone
from tests.live.running import ROOT, Running, dev_folder, running_dev, wait_until
from tests.live.serving import Deployment, family, free_port, kill, living, stop

pytestmark = pytest.mark.live

KEYS = [
    "api_url",
    "dashboard_url",
    "smtp",
    "api_key",
    "user_id",
    "account_email",
    "database_url",
    "shared_domain",
    "pid",
]
FREE = ["--smtp-port", "0", "--http-port", "0", "--dashboard-port", "0"]
MAIL = "From: Ada <ada@outside.example>\r\nMessage-ID: <{}@outside.example>\r\n\r\nHello\r\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    with dev_folder() as folder:
        yield folder


def begin(folder: Path, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "e2ad", "dev", "--dir", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environ},
    )


def fails(folder: Path, *arguments: str, **environ: str) -> tuple[int, list[str]]:
    process = begin(folder, *arguments, **environ)
    out, err = process.communicate(timeout=60)
    assert out == ""
    return process.returncode, err.splitlines()


def test_what_it_says_and_keeps(dev: Running) -> None:
    assert list(dev.told) == KEYS
    assert dev.told["pid"] == dev.process.pid
    assert dev.told["shared_domain"] == "agents.localhost"
    assert dev.told["api_key"].startswith("e2a_acct_")
    assert json.loads((dev.folder / "dev.json").read_text()) == dict(dev.told)
    for name in ("dev.json", "secret", "world/rsa.pem", "world/ed25519.pem"):
        assert stat.S_IMODE((dev.folder / name).stat().st_mode) == 0o600, name
    for url in (dev.api_url + "/livez", dev.told["dashboard_url"] + "/"):
        status = subprocess.run(["curl", "-sL", "-o", "/dev/null", "-w", "%{http_code}", url], capture_output=True)
        assert status.stdout == b"200"


def test_it_has_no_tcp_port_for_its_database(dev: Running) -> None:
    assert "host=/" in dev.told["database_url"]


def test_a_restart_keeps_key_agents_and_mail_and_nothing_stays_behind(folder: Path) -> None:
    with running_dev(folder) as first:
        agent = first.agent("keeper")
        first.send(agent, MAIL.format(1))
        everybody = family(first.process.pid)
        assert len(everybody) > 2
    assert living(everybody) == set()
    with running_dev(folder) as second:
        assert second.api_key == first.api_key
        assert second.told["user_id"] == first.told["user_id"]
        assert len(second.api("GET", f"/v1/agents/{agent}/messages")[1]["items"]) == 1

        # A second one on the same folder says so, and harms nothing.
        status, lines = fails(folder, *FREE)
        assert status == 1
        assert len(lines) == 1
        assert f"is in use by process {second.process.pid}" in lines[0]
        assert second.api("GET", "/readyz")[0] == 200
        assert json.loads((folder / "dev.json").read_text()) == dict(second.told)

        # Killed: nobody is there to stop the database, and it ends all the same.
        everybody = family(second.process.pid)
        second.process.kill()
        second.process.wait()
        wait_until(lambda: not living(everybody), 20)
        second.process.returncode = 0  # what the context looks at
    with running_dev(folder) as third:
        assert third.api_key == first.api_key
        stop(third.process, signal.SIGINT)
        assert third.process.returncode == 0


def test_the_welcome_is_for_people(folder: Path) -> None:
    process = begin(folder, *FREE)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while "Ctrl-C" not in lines[-1]:
            assert lines[-1], process.stderr
            lines.append(process.stdout.readline())
        text = "".join(lines)
        assert text.startswith("e2ad is running\n")
        assert "e2ad dev send --as aligned" in text
        assert json.loads((folder / "dev.json").read_text())["api_key"] in text
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=40)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_a_port_that_is_taken(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        status, lines = fails(folder, "--json", *FREE, "--http-port", port)
    assert status == 1
    assert lines == [
        f"e2ad: http cannot listen on 127.0.0.1:{port}: Address already in use; set http.host and http.port"
    ]


def test_every_problem_of_the_configuration(folder: Path) -> None:
    status, lines = fails(folder, *FREE, E2AD_SMTP_IDLE_SECONDS="0", E2AD_SMTP_PROT="1", E2AD_HTTP_PORT="many")
    assert status == 78
    assert sorted(line.partition(" ")[2].partition(":")[0] for line in lines) == [
        "E2AD_HTTP_PORT",
        "E2AD_SMTP_PROT",
        "smtp.idle_seconds",
    ]


def test_a_folder_that_cannot_be_made(folder: Path) -> None:
    folder.write_text("I am a file")
    status, lines = fails(folder, *FREE)
    assert status in (1, 2)
    assert str(folder) in lines[-1]


def test_environment_and_flags_and_a_database_of_ones_own(deployment: Deployment, folder: Path) -> None:
    smtp, http, beaten = free_port(), free_port(), free_port()
    environ = {
        "E2AD_SMTP_PORT": str(smtp),
        "E2AD_HTTP_PORT": str(beaten),
        "E2AD_DATABASE_URL": deployment.dsn,
        "E2AD_SHARED_DOMAIN": "bots.example",
        "E2AD_FEATURES_DASHBOARD": "false",
    }
    process = begin(folder, "--json", "--http-port", str(http), **environ)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["smtp"] == f"127.0.0.1:{smtp}"
        assert told["api_url"] == f"http://127.0.0.1:{http}"
        assert told["dashboard_url"] == ""
        assert told["database_url"] == deployment.dsn
        assert told["shared_domain"] == "bots.example"
        assert not (folder / "postgres").exists()
        running = Running(told, folder, process)
        assert running.agent("mine") == "mine@bots.example"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=40)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


async def test_name_servers_of_ones_own_are_asked_beside_the_world(folder: Path) -> None:
    zone = Zone()
    zone.add("outside.example", "TXT", "v=spf1 ip4:127.0.0.1 -all")
    async with trio.open_nursery() as nursery:
        _, port = await nursery.start(partial(serve_zone, zone, host="127.0.0.1", port=0))

        def check() -> None:
            with running_dev(folder, E2AD_DNS_NAMESERVERS=f"127.0.0.1:{port}") as running:
                agent = running.agent("asker")
                running.send(agent, MAIL.format(1), sender="ada@outside.example")
                sent = running.e2ad("dev", "--dir", str(folder), "send", "--as", "aligned", "--to", agent)
                assert sent.returncode == 0, sent.stderr
                _, page = running.api("GET", f"/v1/agents/{agent}/messages?sort=asc")
                ids = [item["id"] for item in page["items"]]
                spf = [
                    running.api("GET", f"/v1/agents/{agent}/messages/{one}")[1]["authentication"]["spf"]["status"]
                    for one in ids
                ]
                assert spf == ["pass", "pass"]

        await trio.to_thread.run_sync(check)
        nursery.cancel_scope.cancel()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide a home from PostgreSQL's account")
def test_under_a_private_home() -> None:
    home = Path(tempfile.mkdtemp(prefix="e2ad-home-"))
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    away: Path | None = None
    try:
        process = begin(home / ".e2ad", "--json", *FREE)
        assert process.stdout is not None
        assert process.stderr is not None
        told = json.loads(process.stdout.readline())
        assert list(told) == KEYS
        away = (home / ".e2ad" / "postgres").readlink()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=40)
        assert process.returncode == 0
        assert err.startswith(f"e2ad: the database is kept in {away}")
    finally:
        shutil.rmtree(home)
        if away is not None:
            shutil.rmtree(away)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to be somebody else")
def test_as_an_ordinary_user() -> None:
    above = Path(tempfile.mkdtemp(prefix="e2ad-user-"))
    python = Path(sys.executable).resolve()
    shutil.chown(above, "nobody")
    command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", sys.executable]
    reachable = subprocess.run([*command, "-c", "import e2ad.cli.daemon"], cwd=ROOT, capture_output=True, check=False)
    if reachable.returncode != 0:
        shutil.rmtree(above)
        pytest.skip(f"{python} or the package cannot be reached by another user")
    process = subprocess.Popen(
        [*command, "-m", "e2ad", "dev", "--json", "--dir", str(above / "e2ad"), *FREE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "HOME": str(above)},
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline() or b"{}")
        assert list(told) == KEYS
        everybody = family(process.pid)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=40)
        assert (process.returncode, err) == (0, b"")
        assert living(everybody) == set()
    finally:
        kill(process)
        if process.stderr is not None:
            process.stderr.close()
        shutil.rmtree(above)
