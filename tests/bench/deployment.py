"""A running e2ad to measure: `e2ad dev` in a folder of its own, rate limits off."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

START_SECONDS = 60.0
STOP_SECONDS = 40.0


@frozen
class Deployment:
    """Where it is, and what it costs."""

    smtp: tuple[str, int]
    api: tuple[str, int]
    api_key: str
    shared_domain: str
    database_url: str
    pid: int
    folder: Path
    started_seconds: float

    def resident_mb(self) -> float:
        """Resident memory of the daemon's own process."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024, 1)
        return 0.0

    def processor_seconds(self) -> tuple[float, float]:
        """What the daemon and its own PostgreSQL have used so far, in seconds of processor.

        Both with their children, so that neither an autovacuum that ended nor a worker process is left out.
        """
        tick = os.sysconf("SC_CLK_TCK")
        parents: dict[int, int] = {}
        used: dict[int, tuple[str, float]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            except OSError:
                continue
            fields = rest.split()
            process = int(stat.parent.name)
            parents[process] = int(fields[1])
            counted = fields[11:15] if name == "postgres" else fields[11:13]
            used[process] = (name, sum(map(int, counted)) / tick)
        daemon = database = 0.0
        for process, (name, seconds) in used.items():
            ancestor = process
            while ancestor > 1 and ancestor != self.pid:
                ancestor = parents.get(ancestor, 0)
            if ancestor != self.pid:
                continue
            if name == "postgres":
                database += seconds
            else:
                daemon += seconds
        return daemon, database


@contextmanager
def deployment(**environ: str) -> Iterator[Deployment]:
    """Start one, and stop it again."""
    with tempfile.TemporaryDirectory(prefix="e2ad-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield from _run(Path(folder), environ)


def _run(folder: Path, environ: Mapping[str, str]) -> Iterator[Deployment]:
    command = [sys.executable, "-m", "e2ad", "dev", "--json", "--dir", str(folder / "dev")]
    command += ["--smtp-port", "0", "--http-port", "0", "--dashboard-port", "0"]
    settings = {
        "E2AD_RATE_LIMITS_POLL_PER_MINUTE": "0",
        "E2AD_RATE_LIMITS_SEND_PER_MINUTE": "0",
        "E2AD_RATE_LIMITS_CREATE_AGENT_PER_HOUR": "0",
        "E2AD_SMTP_MAX_CONNECTIONS_PER_PEER": "5000",
        "E2AD_HTTP_MAX_CONNECTIONS": "20000",
        # As in production: a line for each mail.
        "E2AD_LOG_LEVEL": "info",
    }
    log = (folder / "log").open("wb")
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=log,
        env={**os.environ, **settings, **environ},
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        started = time.perf_counter() - began
        if not line:
            raise RuntimeError(f"e2ad dev did not start: {(folder / 'log').read_text()[-2000:]}")
        told: dict[str, Any] = json.loads(line)
        host, _, port = told["smtp"].rpartition(":")
        api_host, _, api_port = told["api_url"].removeprefix("http://").rpartition(":")
        yield Deployment(
            (host, int(port)),
            (api_host, int(api_port)),
            told["api_key"],
            told["shared_domain"],
            told["database_url"],
            told["pid"],
            folder,
            started,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        log.close()
        if status != 0:
            print(f"e2ad dev ended with {status}: {(folder / 'log').read_text()[-2000:]}", file=sys.stderr)
