"""`e2ad serve` as a process of its own, over a database of the test's own."""

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trio
from attrs import frozen

from e2ad import daemon
from e2ad.config import load
from tests.live.running import ROOT, STOP_SECONDS, Running, wait_until

SHARED_DOMAIN = "agents.test"

_numbers = itertools.count(1)


def settings(dsn: str, **more: str) -> dict[str, str]:
    """The environment of a daemon on loopback with free ports; `more` are keys such as SMTP_PORT."""
    base = {
        "DATABASE_URL": dsn,
        "SIGNING_SECRETS": "0123456789abcdef" * 4,
        "SHARED_DOMAIN": SHARED_DOMAIN,
        "SMTP_HOST": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "DASHBOARD_HOST": "127.0.0.1",
        "SMTP_PORT": "0",
        "HTTP_PORT": "0",
        "DASHBOARD_PORT": "0",
        "DNS_NAMESERVERS": "127.0.0.1:1",
        "DNS_TIMEOUT_SECONDS": "0.5",
        "EGRESS_ALLOW_NETWORKS": "127.0.0.0/8",
        "EGRESS_ALLOW_HTTP": "true",
        "RATE_LIMITS_POLL_PER_MINUTE": "0",
        "LOG_FORMAT": "json",
    }
    return {f"E2AD_{key}": value for key, value in (base | more).items()}


@frozen
class Deployment:
    """A database with one account; daemons are started over it."""

    dsn: str
    api_key: str
    folder: Path

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[bytes]":
        """`e2ad serve`, not waited for; its log is in `log_of(process)`."""
        log = self.folder / f"serve-{next(_numbers)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "e2ad", "serve", *arguments],
                stdout=subprocess.PIPE,
                stderr=file,
                cwd=ROOT,
                env={**os.environ, **settings(self.dsn, **more)},
            )
        log.rename(self.log_of(process))
        return process

    def log_of(self, process: "subprocess.Popen[bytes]") -> Path:
        """What the process says on stderr."""
        return self.folder / f"{process.pid}.log"

    def facts(self, process: "subprocess.Popen[bytes]", event: str) -> list[dict[str, str]]:
        """The log's lines of one kind."""
        lines = self.log_of(process).read_text().splitlines()
        return [fact for line in lines if line[:1] == "{" and (fact := json.loads(line))["event"] == event]

    def ready(self, process: "subprocess.Popen[bytes]") -> Running:
        """Wait until every door of the process is open."""

        def opened() -> list[dict[str, str]]:
            assert process.poll() is None, self.log_of(process).read_text()[-3000:]
            return self.facts(process, "serving")

        doors = wait_until(opened, 30)[0]
        told = {
            "api_key": self.api_key,
            "api_url": f"http://{doors['http']}" if "http" in doors else "",
            "dashboard_url": f"http://{doors['dashboard']}" if "dashboard" in doors else "",
            "smtp": doors.get("smtp", ""),
        }
        return Running(told, self.folder, process)

    @contextmanager
    def serving(self, *arguments: str, **more: str) -> Iterator[Running]:
        """One daemon for the time of the block; ends with SIGTERM and exit 0."""
        process = self.start(*arguments, **more)
        try:
            yield self.ready(process)
            status = stop(process)
            assert status == 0, self.log_of(process).read_text()[-3000:]
        finally:
            kill(process)


def stop(process: "subprocess.Popen[bytes]", number: int = signal.SIGTERM, seconds: float = STOP_SECONDS) -> int:
    """Send a signal and wait for the end; the exit status."""
    if process.poll() is None:
        process.send_signal(number)
    return process.wait(seconds)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Whatever happened before, it is gone afterwards."""
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def found(dsn: str, email: str = "you@example.test") -> str:
    """Make an account; its key."""
    return trio.run(daemon.bootstrap, load(environ=settings(dsn)), email).api_key


def family(pid: int) -> set[tuple[int, str]]:
    """The process and all that descend from it, each with the time of its start."""
    parents: dict[int, list[int]] = {}
    starts: dict[int, str] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        number = int(stat.parent.name)
        parents.setdefault(int(fields[1]), []).append(number)
        starts[number] = fields[19]
    members, left = set(), [pid]
    while left:
        one = left.pop()
        if one in starts:
            members.add((one, starts[one]))
        left += parents.get(one, [])
    return members


def living(members: set[tuple[int, str]]) -> set[int]:
    """Those of a family that still run; a zombie does not."""
    alive = set()
    for pid, start in members:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[19] == start and fields[0] not in "ZX":
            alive.add(pid)
    return alive


def free_port() -> int:
    """A port that was free a moment ago, and that no one gets who asks for any: others do so all the time."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, lowest)
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
