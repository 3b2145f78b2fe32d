"""Real things to talk to: a running `e2ad dev`, an endpoint for webhooks, the published clients."""

import json
import os
import queue
import signal
import smtplib
import subprocess
import sys
import threading
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STOP_SECONDS = 45


@frozen
class Running:
    """A daemon of our own, with what it said about itself."""

    told: Mapping[str, Any]
    folder: Path
    process: "subprocess.Popen[bytes]"

    @property
    def api_url(self) -> str:
        return str(self.told["api_url"])

    @property
    def api_key(self) -> str:
        return str(self.told["api_key"])

    def environ(self) -> dict[str, str]:
        """For `e2a` and the published clients."""
        return {**os.environ, "E2A_API_KEY": self.api_key, "E2A_URL": self.api_url, "E2A_API_URL": self.api_url}

    def api(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        """One request by the standard library."""
        request = urllib.request.Request(
            self.api_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {key or self.api_key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                text = response.read()
                return response.status, json.loads(text) if text[:1] in b"{[" else text
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text[:1] in (b"{", b"[") else text

    def smtp(self) -> smtplib.SMTP:
        """An ordinary client's connection."""
        host, _, port = str(self.told["smtp"]).rpartition(":")
        return smtplib.SMTP(host, int(port), local_hostname="sender.test", timeout=20)

    def send(self, to: str, content: bytes | str, *, sender: str = "ada@example.test") -> None:
        """One mail by smtplib."""
        with self.smtp() as smtp:
            smtp.sendmail(sender, [to], content)

    def agent(self, slug: str, **fields: Any) -> str:
        """Make an agent; its address."""
        status, agent = self.api("POST", "/v1/agents", {"slug": slug, **fields})
        assert status == 201, agent
        return str(agent["email"])

    def e2ad(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a subcommand of `e2ad`."""
        return subprocess.run(
            [sys.executable, "-m", "e2ad", *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
        )

    def e2a(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run `e2a` against this deployment."""
        command = [sys.executable, "-c", "from e2ad.cli.client import main; main()", *arguments]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**self.environ(), **environ},
            timeout=60,
            check=False,
        )


@contextmanager
def running_dev(folder: Path, *arguments: str, **environ: str) -> Iterator[Running]:
    """`e2ad dev --json` on free ports until the block ends; it must end by itself, with 0."""
    command = [sys.executable, "-m", "e2ad", "dev", "--json", "--dir", str(folder), *arguments]
    for door in ("smtp", "http", "dashboard"):
        command += [f"--{door}-port", "0"]
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, env={**os.environ, **environ})
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, (folder.parent / f"{folder.name}.log").read_text()[-3000:]
            yield Running(json.loads(line), folder, process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            finally:
                process.stdout.close()
    assert status == 0, (folder.parent / f"{folder.name}.log").read_text()[-3000:]


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One daemon for all tests that do not need their own."""
    folder = tmp_path_factory.mktemp("dev") / "e2ad"
    with running_dev(
        folder,
        E2AD_RATE_LIMITS_POLL_PER_MINUTE="0",
        E2AD_WEBHOOKS_RETRY_SCHEDULE_SECONDS="0.2,0.2,0.2",
        E2AD_DNS_TIMEOUT_SECONDS="1",
    ) as running:
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


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The interpreter of an environment that holds one published client; both use one import name."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "e2ad-tests"

    def interpreter(version: str) -> str:
        folder = cache / f"e2a-{version}-py{sys.version_info.major}.{sys.version_info.minor}"
        python = folder / "bin" / "python"
        if not (folder / "complete").exists():
            venv.create(folder, with_pip=True, clear=True)
            done = subprocess.run(
                [python, "-m", "pip", "install", "--quiet", f"e2a[ws]=={version}"],
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            if done.returncode != 0:
                if os.environ.get("CI"):
                    pytest.fail(f"e2a=={version} cannot be installed: {done.stderr[-500:]}")
                pytest.skip(f"e2a=={version} cannot be installed without a package registry")
            (folder / "complete").touch()
        return str(python)

    return interpreter


def wait_until(condition: Callable[[], Any], seconds: float = 15) -> Any:
    """The first true value of `condition`; for what another process does in its own time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{condition} did not come true in {seconds} s")
