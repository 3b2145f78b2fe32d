"""A program that a person let in, over two daemons: what one is told to end, the other ends too."""

import base64
import hashlib
import http.client
import json
import re
import time
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import trio

from e2ad.gateway.sessions import Sessions
from e2ad.storage.pool import open_pool
from tests.live.running import Running, wait_until
from tests.live.serving import Deployment

pytestmark = pytest.mark.live

ISSUER = "http://mail.e2ad.test"
REDIRECT = "http://127.0.0.1:7777/callback"
VERIFIER = "x" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def sign_in(deployment: Deployment) -> str:
    """A person's cookie."""

    async def begin() -> str:
        async with open_pool(deployment.dsn, size=1) as database:
            return await Sessions(database).begin(await database.fetch_value("select id from accounts"))

    return trio.run(begin)


def ask(daemon: Running, path: str, *, cookie: str = "", form: Any = None, body: Any = None) -> tuple[int, str, str]:
    """Status, Location and body; no redirect is followed."""
    connection = http.client.HTTPConnection(urlsplit(daemon.api_url).netloc, timeout=20)
    headers = {"Cookie": f"e2a_session={cookie}"} if cookie else {}
    content = None
    if form is not None:
        content, headers["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
    elif body is not None:
        content, headers["Content-Type"] = json.dumps(body), "application/json"
    connection.request("GET" if content is None else "POST", path, content, headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, response.getheader("Location") or "", text


def let_in(daemon: Running, cookie: str, agent: str) -> tuple[str, dict[str, Any]]:
    """Register, ask, say yes, fetch the tokens; the client's id and they."""
    _, _, text = ask(daemon, "/oauth2/register", body={"client_name": "Fern", "redirect_uris": [REDIRECT]})
    client_id = json.loads(text)["client_id"]
    query = {
        "response_type": "code",
        "client_id": client_id,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    status, _, page = ask(daemon, "/oauth2/authorize?" + urlencode(query), cookie=cookie)
    assert status == 200, page
    found = re.search(r'name="form" value="([^"]*)"', page)
    assert found is not None
    choice = {"form": unescape(found[1]), "decision": "allow", "scope": "agent", "agent_choice": f"existing:{agent}"}
    status, location, page = ask(daemon, "/oauth2/consent", cookie=cookie, form=choice)
    assert (status, location.partition("?")[0]) == (303, REDIRECT), page
    code = parse_qs(urlsplit(location).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "client_id": client_id, "code_verifier": VERIFIER}
    status, _, text = ask(daemon, "/oauth2/token", form=form)
    assert status == 200, text
    return client_id, json.loads(text)


def test_what_one_daemon_ends_the_other_ends_at_once(deployment: Deployment) -> None:
    cookie = sign_in(deployment)
    with (
        deployment.serving(HTTP_PUBLIC_URL=ISSUER) as one,
        deployment.serving("--roles", "http", HTTP_PUBLIC_URL=ISSUER) as two,
    ):
        agent = one.agent("reader")
        client_id, tokens = let_in(one, cookie, agent)
        for daemon in (one, two):
            status, account = daemon.api("GET", "/v1/account", key=tokens["access_token"])
            assert (status, account["agent_email"]) == (200, agent)
            assert daemon.api("GET", f"/v1/agents/{quote(agent)}/messages", key=tokens["access_token"])[0] == 200
        form = {"token": tokens["refresh_token"], "client_id": client_id}
        assert ask(two, "/oauth2/revoke", form=form)[0] == 200
        began = time.monotonic()
        for daemon in (one, two):
            wait_until(lambda: daemon.api("GET", "/v1/account", key=tokens["access_token"])[0] == 401, 5)  # noqa: B023
        assert time.monotonic() - began < 5  # what is remembered without a notification lives for ten
        renew = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": client_id}
        status, _, text = ask(one, "/oauth2/token", form=renew)
        assert (status, json.loads(text)["error"]) == (400, "invalid_grant")
