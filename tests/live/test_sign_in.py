"""A person with a browser, over two daemons: who signs in at one is signed in at the other, until they sign out."""

import http.client
import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.live.running import Running, dev_folder, running_dev, wait_until
from tests.live.serving import Deployment

pytestmark = pytest.mark.live

ISSUER = "http://mail.e2ad.test"
LOGIN = "/api/auth/login"
LINK = "/api/auth/link"


class Browser:
    """Cookies, forms, and the headers by which a browser says where a request comes from."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def ask(self, daemon: Running, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(urlsplit(daemon.api_url).netloc, timeout=20)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        connection.request("GET" if form is None else "POST", path, form and urlencode(form), headers)
        response = connection.getresponse()
        text = response.read().decode()
        if cookie := response.getheader("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return response.status, text


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}


def test_a_session_holds_in_every_process(deployment: Deployment) -> None:
    with deployment.serving("--roles", "http") as one, deployment.serving("--roles", "http") as other:
        browser = Browser()
        lead = f"{LOGIN}?{urlencode({'cli_callback': 'http://127.0.0.1:9/callback', 'cli_state': 'ab' * 16})}"
        _, page = browser.ask(one, lead)
        form = hidden(page) | {"api_key": one.api_key, "decision": "allow"}
        # The form of one process is good at the other.
        status, page = browser.ask(other, LOGIN, form)
        assert status == 200
        given = hidden(page)
        assert given["cli_state"] == "ab" * 16
        assert one.api("GET", "/v1/account", key=given["api_key"])[0] == 200
        for daemon in (one, other):
            assert browser.ask(daemon, "/api/auth/me")[0] == 200
        token = browser.cookies["e2a_session"]
        assert browser.ask(one, "/api/auth/logout", {})[0] == 204
        browser.cookies["e2a_session"] = token
        assert browser.ask(one, "/api/auth/me")[0] == 401
        wait_until(lambda: browser.ask(other, "/api/auth/me")[0] == 401, 2)


def test_an_agents_token_ends_in_every_process(deployment: Deployment, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    more = {"HTTP_PUBLIC_URL": ISSUER, "IDENTITY_PRIVATE_KEY_FILE": str(tmp_path / "key.pem")}
    with (
        deployment.serving("--roles", "http", **more) as one,
        deployment.serving("--roles", "http", **more) as other,
    ):
        agent = one.agent("fern")
        body = {"scope": "agent", "agent_email": agent}
        made = one.api("POST", "/v1/account/api-keys", body)[1]
        assertion = one.api("POST", "/agent/identity", key=made["key"])[1]["assertion"]
        grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        status, text = Browser().ask(other, "/oauth2/token", grant)
        assert status == 200
        token = json.loads(text)["access_token"]
        for daemon in (one, other):
            assert daemon.api("GET", f"/v1/agents/{agent}/messages", key=token)[0] == 200
        assert one.api("DELETE", f"/v1/account/api-keys/{made['id']}?confirm=DELETE")[0] == 200
        wait_until(lambda: other.api("GET", f"/v1/agents/{agent}/messages", key=token)[0] == 401, 2)
        assert Browser().ask(other, "/oauth2/token", grant)[0] == 400


def test_the_self_test_asks_the_door_for_mail(deployment: Deployment) -> None:
    with deployment.serving() as whole:
        status, text = Browser().ask(whole, "/selftest")
        assert (status, {name: one[0]["status"] for name, one in json.loads(text)["checks"].items()}) == (
            200,
            {"database": "pass", "migrations": "pass", "smtp": "pass"},
        )


def test_dev_shows_the_link_that_is_mailed() -> None:
    with dev_folder() as folder, running_dev(folder) as dev:
        browser = Browser()
        _, page = browser.ask(dev, LOGIN)
        email = str(dev.told["account_email"])
        status, page = browser.ask(dev, f"{LINK}/ask", {"form": hidden(page)["form"], "email": email})
        assert (status, "Look into your mail" in page) == (200, True)
        log = folder.parent / f"{folder.name}.log"
        shown = re.compile(rf"link to sign in as {re.escape(email)}:\n  {re.escape(dev.api_url)}(/\S+)\n")
        (path,) = wait_until(lambda: shown.findall(log.read_text()))
        _, page = browser.ask(dev, path)
        assert browser.ask(dev, LINK, hidden(page))[0] == 303
        assert browser.ask(dev, "/api/auth/me")[0] == 200
