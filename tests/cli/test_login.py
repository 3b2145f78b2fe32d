"""`e2a login`: by a browser that says yes, by a key; and what else may knock at the door meanwhile."""

import json
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import unescape
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from e2ad.cli import login as logging_in
from e2ad.cli.handoff import Handed, Handoff
from tests.cli.serving import Account

FORM = "application/x-www-form-urlencoded"
KEY = "e2a_acct_" + "0" * 64


def ask(address: str, method: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    """One request as a browser, or a stranger, makes it."""
    parts = urlsplit(address)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request(method, parts.path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def form(**fields: str) -> bytes:
    return urlencode(fields).encode()


@contextmanager
def waiting(handoff: Handoff) -> Iterator[list[Handed | None]]:
    """Has it wait, as the command does; what it got is in the list at the end."""
    found: list[Handed | None] = []
    thread = threading.Thread(target=lambda: found.append(handoff.wait(20)))
    thread.start()
    yield found
    thread.join()


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/callback", None, {}, 405),
        ("OPTIONS", "/callback", None, {}, 405),
        ("GET", "/", None, {}, 404),
        ("POST", "/other", form(api_key=KEY), {}, 404),
        ("POST", "/callback", form(api_key=KEY), {"Host": "rebound.example"}, 404),
        ("POST", "/callback", form(api_key=KEY), {}, 403),
        ("POST", "/callback", form(api_key=KEY, cli_state="0" * 32), {}, 403),
        ("POST", "/callback", form(error="access_denied", cli_state="é"), {}, 403),
        ("POST", "/callback", b"\xff\xfe&=&&", {}, 403),
        ("POST", "/callback", b"x" * 20_000, {}, 413),
    ],
)
def test_whatever_else_knocks_is_refused_and_waited_on(
    method: str, path: str, body: bytes | None, headers: Mapping[str, str], status: int
) -> None:
    with Handoff() as handoff, waiting(handoff) as found:
        address = handoff.callback.removesuffix("/callback") + path
        assert ask(address, method, body, **headers)[0] == status
        assert not found
        right = form(api_key=KEY, agent_email="bot@x.test", cli_state=handoff.state)
        assert ask(handoff.callback, "POST", right)[0] == 200
    assert found == [Handed(KEY, "bot@x.test")]


def test_what_is_no_key() -> None:
    with Handoff() as handoff, waiting(handoff) as found:
        assert ask(handoff.callback, "POST", form(api_key="sk_1", cli_state=handoff.state))[0] == 400
        assert ask(handoff.callback, "POST", form(error="access_denied", cli_state=handoff.state))[0] == 200
    assert found == [Handed(error="access_denied")]


def test_who_says_nothing_keeps_nobody_waiting() -> None:
    with Handoff() as handoff, waiting(handoff) as found:
        parts = urlsplit(handoff.callback)
        with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=10):
            right = form(api_key=KEY, cli_state=handoff.state)
            assert ask(handoff.callback, "POST", right)[0] == 200
    assert found == [Handed(KEY)]


def test_the_first_answer_counts() -> None:
    with Handoff() as handoff, waiting(handoff) as found:
        right = form(api_key=KEY, cli_state=handoff.state)
        parts = urlsplit(handoff.callback)
        second = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        second.putrequest("POST", parts.path)
        second.putheader("Content-Length", str(len(right)))
        second.endheaders()  # it is being read by now; its body comes when another's was taken
        assert ask(handoff.callback, "POST", right)[0] == 200
        second.send(right)
        assert second.getresponse().status == 409
        second.close()
    assert found == [Handed(KEY)]


def test_nothing_comes() -> None:
    with Handoff() as handoff:
        assert handoff.wait(0.01) is None


def test_it_listens_here_alone_with_a_state_of_its_own() -> None:
    with Handoff() as one, Handoff() as other:
        assert urlsplit(one.callback).hostname == "127.0.0.1"
        assert re.fullmatch(r"[0-9a-f]{32}", one.state)
        assert one.state != other.state
        asked = urlsplit(one.page("https://mail.example.org"))
        assert (asked.netloc, asked.path) == ("mail.example.org", "/api/auth/login")
        assert parse_qs(asked.query) == {"cli_callback": [one.callback], "cli_state": [one.state]}


class Browser:
    """Says yes (or no) on the deployment's page, and sends the last form to where it leads."""

    def __init__(self, key: str, decision: str = "allow", stays: bool = False) -> None:
        self.key, self.decision, self.stays = key, decision, stays
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.thread: threading.Thread | None = None

    def open(self, address: str) -> bool:
        self.thread = threading.Thread(target=self.go, args=(address,))
        self.thread.start()
        if self.stays:
            self.thread.join(20)
        return True

    def go(self, address: str) -> None:
        page = self.opener.open(address, timeout=20).read().decode()
        token = unescape(re.findall(r'name="form" value="([^"]+)"', page)[0])
        fields = {"form": token, "api_key": self.key, "decision": self.decision}
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        request = urllib.request.Request(
            origin + "/api/auth/login", urlencode(fields).encode(), {"Origin": origin, "Content-Type": FORM}
        )
        page = self.opener.open(request, timeout=20).read().decode()
        action = unescape(re.findall(r'action="([^"]+)"', page)[0])
        hidden = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page)}
        urllib.request.urlopen(action, urlencode(hidden).encode(), timeout=20).read()


@pytest.fixture
def browser(account: Account, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Browser]:
    """A browser that `login` finds."""

    def make(**options: Any) -> Browser:
        one = Browser(account.key, **options)
        monkeypatch.setattr("webbrowser.open", one.open)
        monkeypatch.setattr(logging_in, "_has_browser", lambda: True)
        return one

    return make


def outside(account: Account, home: Path, *arguments: str, input: str | None = None) -> Any:  # noqa: A002
    """A command without a key of its own."""
    return account.e2a_alone(*arguments, input=input, HOME=str(home))


@pytest.mark.parametrize("stays", [False, True], ids=["goes on", "is open until it is done"])
def test_a_browser_says_yes(account: Account, browser: Callable[..., Browser], tmp_path: Path, stays: bool) -> None:
    one = browser(stays=stays)
    done = outside(account, tmp_path, "login", "--url", account.daemon.url + "/", "--json")
    assert done.exit_code == 0, done.stderr
    assert one.thread is not None
    one.thread.join(20)
    told = json.loads(done.stdout)
    assert (told["profile"], told["email"], told["scope"]) == ("default", account.email, "account")
    kept = json.loads((tmp_path / ".config" / "e2a" / "config.json").read_text())["profiles"]["default"]
    assert kept["api_url"] == account.daemon.url
    assert kept["shared_domain"] == "agents.test"
    assert kept["api_key"].startswith("e2a_acct_")
    assert kept["api_key"] not in done.stdout + done.stderr
    who = outside(account, tmp_path, "whoami", "--json")
    assert json.loads(who.stdout)["user"]["email"] == account.email
    assert str(tmp_path) in json.loads(who.stdout)["key_source"]
    assert outside(account, tmp_path, "logout").exit_code == 0
    assert outside(account, tmp_path, "whoami").exit_code == 4


def test_a_browser_says_no(account: Account, browser: Callable[..., Browser], tmp_path: Path) -> None:
    one = browser(decision="deny")
    done = outside(account, tmp_path, "login", "--url", account.daemon.url)
    assert one.thread is not None
    one.thread.join(20)
    assert done.exit_code == 4
    assert "access_denied" in done.stderr
    assert not (tmp_path / ".config").exists()


def test_nobody_says_anything(account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(logging_in, "WAIT_SECONDS", 0.1)
    monkeypatch.setattr("webbrowser.open", lambda _: pytest.fail("no browser is wanted"))
    done = outside(account, tmp_path, "login", "--url", account.daemon.url, "--no-browser")
    assert done.exit_code == 6
    assert f"{account.daemon.url}/api/auth/login?cli_callback=http%3A%2F%2F127.0.0.1%3A" in done.stderr


@pytest.mark.parametrize(
    ("environ", "found"),
    [({}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "w"}, True), ({"BROWSER": "firefox"}, True)],
)
def test_a_browser_needs_a_screen(monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], found: bool) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", "linux")
    assert logging_in._has_browser() is found


def test_a_key_is_tried_before_it_is_kept(account: Account, tmp_path: Path) -> None:
    wrong = outside(account, tmp_path, "login", "--url", account.daemon.url, "--api-key", "-", input=KEY)
    assert wrong.exit_code == 4
    assert not (tmp_path / ".config").exists()
    done = outside(account, tmp_path, "--profile", "work", "login", "--url", account.daemon.url, "--api-key", "-",
                   input=f"{account.key}\n")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert account.key not in done.stdout + done.stderr
    assert json.loads(outside(account, tmp_path, "--profile", "work", "whoami", "--json").stdout)["scope"] == "account"
    assert outside(account, tmp_path, "whoami").exit_code == 4


def test_the_key_of_an_inbox_knows_its_inbox(account: Account, tmp_path: Path) -> None:
    agent = account.agent()
    key = account.ask(lambda api: api.account.api_keys.create({"scope": "agent", "agent_email": agent}))["key"]
    assert outside(account, tmp_path, "login", "--url", account.daemon.url, "--api-key", key).exit_code == 0
    assert outside(account, tmp_path, "config", "get", "agent_email").stdout == f"{agent}\n"
    assert outside(account, tmp_path, "inbox").stdout == "nothing unread\n"


@pytest.mark.parametrize(("url", "status"), [("http://127.0.0.1:1", 1), ("mail.example.org", 2)])
def test_no_deployment(account: Account, tmp_path: Path, url: str, status: int) -> None:
    assert outside(account, tmp_path, "login", "--url", url, "--api-key", KEY).exit_code == status
