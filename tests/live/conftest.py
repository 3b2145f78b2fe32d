"""Real things to talk to: a running `e2ad dev`, an endpoint for webhooks, the published clients."""

import fcntl
import os
import queue
import subprocess
import sys
import threading
import venv
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trio
from attrs import define, field

from tests.conftest import Postgres
from tests.live.running import Running, dev_folder, running_dev, wait_until
from tests.live.serving import Deployment, found

__all__ = ["Endpoint", "Request", "Running", "running_dev", "wait_until"]


@pytest.fixture(scope="session")
def dev() -> Iterator[Running]:
    """One daemon for all tests that do not need their own."""
    settings = {
        "E2AD_RATE_LIMITS_POLL_PER_MINUTE": "0",
        "E2AD_WEBHOOKS_RETRY_SCHEDULE_SECONDS": "0.2,0.2,0.2",
        "E2AD_DNS_TIMEOUT_SECONDS": "1",
        "E2AD_OUTREACH_SWEEP_SECONDS": "0.5",
    }
    with dev_folder() as folder, running_dev(folder, **settings) as running:
        yield running


@define
class Request:
    """One request that the endpoint got."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@define
class Endpoint:
    """A webhook's far side. `answers` are used up first, then 200."""

    url: str
    requests: "queue.Queue[Request]" = field(factory=queue.Queue)
    answers: "queue.Queue[int]" = field(factory=queue.Queue)

    def next(self, seconds: float = 15) -> Request:
        """The next request, or a failing test."""
        return self.requests.get(timeout=seconds)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A plain HTTP endpoint on loopback."""
    here: list[Endpoint] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here[0].requests.put(Request(self.path, dict(self.headers), body))
            try:
                status = here[0].answers.get_nowait()
            except queue.Empty:
                status = 200
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.append(Endpoint(f"http://127.0.0.1:{server.server_address[1]}/hook"))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield here[0]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def slow_endpoint() -> Iterator[Callable[[float], str]]:
    """Makes endpoints that take a POST and answer 200 after some seconds; the URL of one."""
    over = threading.Event()
    servers: list[ThreadingHTTPServer] = []

    def make(seconds: float) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                if not over.wait(seconds):
                    self.send_response(200)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/slow"

    yield make
    over.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def interpreter_with(requirement: str, name: str) -> str:
    """The interpreter of an environment that holds one published package, made once and kept under its name."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "e2ad-tests"
    folder = cache / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests of other processes may want the same
        if not (folder / "complete").exists():
            venv.create(folder, with_pip=True, clear=True)
            done = subprocess.run(
                [python, "-m", "pip", "install", "--quiet", requirement],
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            if done.returncode != 0:
                if os.environ.get("CI"):
                    pytest.fail(f"{requirement} cannot be installed: {done.stderr[-500:]}")
                pytest.skip(f"{requirement} cannot be installed without a package registry")
            (folder / "complete").touch()
    return str(python)


@pytest.fixture(scope="session")
def published() -> Callable[[str], str]:
    """The interpreter of an environment that holds one published client; both use one import name."""
    return lambda version: interpreter_with(f"e2a[ws]=={version}", f"e2a-{version}")


@pytest.fixture
def deployment(postgres: Postgres, template: str, tmp_path: Path) -> Iterator[Deployment]:
    """A migrated database with one account, for daemons of the test's own."""
    name = trio.run(postgres.make, "live", f"template {template} strategy file_copy")
    try:
        dsn = postgres.dsn_of(name)
        yield Deployment(dsn, found(dsn), tmp_path)
    finally:
        postgres.give_back(name)
