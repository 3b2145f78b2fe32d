"""The published clients, unchanged, each in an environment of its own."""

import json
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve

from e2ad import daemon
from e2ad.config import load
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


def test_templates(dev: Running, published: Callable[[str], str]) -> None:
    """Copied from starters, written, changed, tried and sent."""
    run(published("5.8.1"), "full_templates.py", dev)


def test_contacts_and_outreach(dev: Running, published: Callable[[str], str]) -> None:
    """Every method of the client's contacts, and the word that it is time, with no mail sent."""
    dev.agent("outreach-sister")
    run(published("5.8.1"), "full_contacts.py", dev)


def test_the_data_of_an_account(dev: Running, published: Callable[[str], str]) -> None:
    """Counted, taken along and deleted: an account of its own, for nothing is left of it."""
    run(published("5.8.1"), "full_account.py", evolve(dev, told=account(dev, "full-account")))


def account(dev: Running, tag: str) -> Mapping[str, Any]:
    """An account of its own beside that of `e2ad dev`, and its signing secret: a script ends by deleting it."""
    environ = {
        "E2AD_DATABASE_URL": str(dev.told["database_url"]),
        "E2AD_SHARED_DOMAIN": str(dev.told["shared_domain"]),
        "E2AD_SIGNING_SECRETS": (dev.folder / "secret").read_text().strip(),
    }
    email = f"{tag}@example.test"
    key = trio.run(daemon.bootstrap, load(environ=environ), email).api_key
    _, listed = dev.api("GET", "/api/v1/users/me/signing-secrets", key=key)
    own = {"api_key": key, "account_email": email, "signing_secret": listed["secrets"][0]["secret"]}
    return {**dev.told, **own, "tag": tag}


def everything(python: str, script: str, dev: Running, tag: str) -> dict[str, set[str]]:
    """Run one script with the blocking and the asynchronous client side by side; what both say that they called."""

    def run_one(mode: str, told: Mapping[str, Any]) -> dict[str, list[str]]:
        done = subprocess.run(
            [python, str(SCRIPTS / script), json.dumps(dict(told)), mode],
            capture_output=True,
            text=True,
            env=dev.environ(),
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        called: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
        return called

    modes = ("sync", "async")
    accounts = [account(dev, f"{tag}-{mode}") for mode in modes]
    with ThreadPoolExecutor(2) as pool:
        halves = list(pool.map(run_one, modes, accounts))
    return {name: {*halves[0][name], *halves[1][name]} for name in halves[0]}


@pytest.mark.parametrize(
    ("version", "script", "least"), [("2.5.0", "classic_every.py", 80), ("5.8.1", "full_every.py", 150)]
)
def test_every_method(version: str, script: str, least: int, dev: Running, published: Callable[[str], str]) -> None:
    """Each public method that an installed client is found to have, the happy way and refused, sync and async.

    Whatever asks the server is refused by the server; other helpers may refuse by themselves.
    """
    called = everything(published(version), script, dev, f"every-{version.replace('.', '')}")
    assert len(called["public"]) >= least, sorted(called["public"])
    assert sorted(called["public"] - called["happy"]) == []
    assert sorted(called["asked"] & called["refusable"] - called["refused"]) == []
    assert sorted(called["refusable"] - called["refused"] - called["refused_here"]) == []
    # Nothing of ours breaks, and several may listen at the same time: no one takes another's place.
    never = {"E2AServerError", "E2AConnectionReplacedError"}
    assert sorted(called["known_failures"] - called["failures"] - never) == []
    # The generated layer below has nothing that the client above it does not reach.
    assert sorted(called.get("operations", set()) - called.get("reached", set())) == []
