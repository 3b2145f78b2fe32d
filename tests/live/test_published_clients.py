"""The published clients, unchanged, each in an environment of its own."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.conftest import Endpoint, Running

pytestmark = pytest.mark.live
SCRIPTS = Path(__file__).parent / "clients"
MAIL = "From: Ada <ada@example.test>\r\nTo: {to}\r\nSubject: hook\r\nMessage-ID: <hook.{to}>\r\n\r\nHello\r\n"


def run(python: str, script: str, dev: Running, endpoint: Endpoint | None = None, stdin: str = "") -> None:
    done = subprocess.run(
        [python, str(SCRIPTS / script), json.dumps(dict(dev.told))],
        input=stdin,
        capture_output=True,
        text=True,
        env={**dev.environ(), "WEBHOOK_URL": "" if endpoint is None else endpoint.url},
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "ok"


def test_the_classic_client(dev: Running, endpoint: Endpoint, published: Callable[[str], str]) -> None:
    to = dev.agent("classic-hook", agent_mode="cloud", webhook_url=endpoint.url)
    dev.send(to, MAIL.format(to=to))
    posted = endpoint.next()
    _, listed = dev.api("GET", "/api/v1/users/me/signing-secrets")
    hook = {"body": posted.body.decode(), "secret": listed["secrets"][0]["secret"]}
    run(published("2.5.0"), "classic.py", dev, endpoint, json.dumps(hook))


def test_the_full_client(dev: Running, endpoint: Endpoint, published: Callable[[str], str]) -> None:
    to = dev.agent("full-hook")
    status, made = dev.api(
        "POST",
        "/v1/webhooks",
        {"url": endpoint.url, "events": ["email.received"], "filters": {"agent_emails": [to]}},
    )
    assert status == 201, made
    dev.send(to, MAIL.format(to=to))
    posted = endpoint.next()
    headers = {name.lower(): value for name, value in posted.headers.items()}
    hook = {
        "body": posted.body.decode(),
        "signature": headers["x-e2a-signature"],
        "secret": made["signing_secret"],
    }
    run(published("5.8.1"), "full.py", dev, endpoint, json.dumps(hook))


@pytest.mark.parametrize(("version", "script"), [("2.5.0", "classic_out.py"), ("5.8.1", "full_out.py")])
def test_mail_out(version: str, script: str, dev: Running, published: Callable[[str], str]) -> None:
    """Send, answer, hand on, review, suppress, protect, and send from a domain of one's own."""
    run(published(version), script, dev)
