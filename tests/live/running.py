"""A running `e2ad dev`, and what is asked of a daemon by the standard library alone."""

import json
import os
import secrets
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

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

    def another_agent(self, slug: str, **fields: Any) -> str:
        """Make an agent whose address begins like this: for fixtures of modules, which may come to one daemon twice."""
        return self.agent(f"{slug}-{secrets.token_hex(2)}", **fields)

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


@contextmanager
def dev_folder() -> Iterator[Path]:
    """A folder for `e2ad dev` that PostgreSQL's account may enter, with a path short enough for its socket.

    pytest's own folders are private, so that under root the database would be put elsewhere and stay there.
    """
    above = Path(tempfile.mkdtemp(prefix="e2ad-live-"))
    above.chmod(0o755)
    try:
        yield above / "e2ad"
    finally:
        shutil.rmtree(above)


def wait_until(condition: Callable[[], Any], seconds: float = 15) -> Any:
    """The first true value of `condition`; for what another process does in its own time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{condition} did not come true in {seconds} s")
