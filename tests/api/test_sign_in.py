"""Signing in with a browser, the session as a credential, handing a key to the command line; and what must not work."""

import hashlib
import re
from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
from trio_websocket import WebSocketRequest

from e2ad.core.sealing import KeyRing
from e2ad.core.sign_in import SignIn, callback_problem, is_local
from e2ad.core.signing import key_hash
from e2ad.delivery.hub import Hub
from e2ad.gateway.mint import now
from e2ad.gateway.sessions import Sessions
from e2ad.storage.stream import StreamReads
from tests.api.browsing import LOGIN, OWN_PAGE, Browser, form_of, hidden
from tests.api.conftest import SECRET, Client

CALLBACK = "http://127.0.0.1:8976/callback"
STATE = "c0ffee" * 5


@pytest.fixture
def browser(client: Client) -> Browser:
    return Browser(client)


async def test_the_page(browser: Browser) -> None:
    page = await browser.get(LOGIN)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-frame-options"] == "DENY"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in page.text
    assert "Where do I get a key?" in page.text


async def test_a_window_that_a_program_opened_can_report_back(browser: Browser) -> None:
    page = await browser.get(f"{LOGIN}?next=/oauth2/authorize")
    assert page.headers.get("cross-origin-opener-policy", "unsafe-none") == "unsafe-none"


async def test_a_key_signs_in(browser: Browser, caller: Any, services: Any) -> None:
    answer = await browser.sign_in(f"  {caller.key}\n")
    assert (answer.status, answer.headers["location"]) == (303, LOGIN)
    assert re.fullmatch(r"sess_[0-9a-f]{64}", browser.session)
    attributes = set(browser.set[-1].split("; ")[1:])
    assert attributes == {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"}
    assert "You are signed in" in (await browser.get(LOGIN)).text
    me = await browser.get("/api/auth/me")
    assert me.json()["user"] == {"id": caller.account_id, "email": "owner@example.com"}
    (row,) = await services.db.fetch_all("select token_sha256, key_id from sessions")
    assert bytes(row["token_sha256"]) == key_hash(browser.session)
    assert row["key_id"].startswith("apk_")


@pytest.mark.parametrize("dashboard", [True, False])
async def test_who_asked_for_nothing_else_lands_in_the_dashboard_where_there_is_one(
    browser: Browser, caller: Any, services: Any, dashboard: bool
) -> None:
    services.config = attrs.evolve(
        services.config, features=attrs.evolve(services.config.features, dashboard=dashboard)
    )
    answer = await browser.sign_in(caller.key)
    assert answer.headers["location"] == LOGIN
    page = (await browser.get(LOGIN)).text
    assert "You are signed in" in page
    assert ("url=/dashboard/" in page) is dashboard
    assert ("Sign out" in page) is not dashboard
    elsewhere = (await browser.get(f"{LOGIN}?next=/oauth2/authorize")).text
    assert "url=/oauth2/authorize" in elsewhere
    assert "dashboard" not in elsewhere
    assert "url=" not in (await browser.get(f"{LOGIN}?again=1")).text


async def test_the_cookie_is_secure_behind_https(browser: Browser, caller: Any, services: Any) -> None:
    services.public_url = "https://mail.example.com"
    await browser.sign_in(caller.key)
    assert all("; Secure" in one for one in browser.set)


@pytest.mark.parametrize("key", ["nonsense", "e2a_acct_" + "0" * 64, "Bearer x", "eyJ.a.b", "ate2a_" + "x" * 43])
async def test_what_is_no_key_does_not_sign_in(browser: Browser, key: str) -> None:
    answer = await browser.sign_in(key)
    assert answer.status == 401
    assert 'role="alert"' in answer.text
    assert key not in answer.text
    assert "e2a_session" not in browser.cookies


async def test_an_empty_form_is_asked_again(browser: Browser) -> None:
    answer = await browser.sign_in("")
    assert (answer.status, "An API key is needed." in answer.text) == (400, True)


async def test_a_key_of_one_inbox_does_not_sign_in(browser: Browser, caller: Any, api: Any, services: Any) -> None:
    await api.make_agent(services.db, caller.account_id, "a@x.test")
    agent = await api.make_caller(services.db, scope="agent", agent_email="a@x.test")
    answer = await browser.sign_in(agent.key)
    assert (answer.status, "one inbox only" in answer.text) == (403, True)
    assert "e2a_session" not in browser.cookies


async def test_tries_are_counted_by_address(browser: Browser, caller: Any) -> None:
    page = await browser.get(LOGIN)
    for _ in range(30):
        assert (await browser.form(LOGIN, {"form": form_of(page), "api_key": "x"})).status == 401
    late = await browser.form(LOGIN, {"form": form_of(page), "api_key": caller.key})
    assert late.status == 429
    assert int(late.headers["retry-after"]) > 0
    browser.client.address = "198.51.100.4"
    assert (await browser.form(LOGIN, {"form": form_of(page), "api_key": caller.key})).status == 303


# Where it leads


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/oauth2/authorize?client_id=x&redirect_uri=https%3A%2F%2Fa.test", True),
        ("/", True),
        ("/~a/b-c.d?e=[f]#g", True),
        ("", False),
        ("//evil.test", False),
        ("/\\evil.test", False),
        ("/a\\b", False),
        ("\\/evil.test", False),
        ("https://evil.test/", False),
        ("javascript:alert(1)", False),
        ("/\t/evil.test", False),
        ("/\n/evil.test", False),
        (" /a", False),
        ("/a b", False),
        ("/ä", False),
        ("/" + "a" * 20_000, False),
    ],
)
def test_what_stays_with_us(path: str, local: bool) -> None:
    assert is_local(path) is local


async def test_after_that_it_goes_on(browser: Browser, caller: Any) -> None:
    onward = "/oauth2/authorize?state=%22%3E"
    answer = await browser.sign_in(caller.key, {"next": onward})
    assert answer.headers["location"].startswith(f"{LOGIN}?next=%2Foauth2")
    page = await browser.get(answer.headers["location"])
    assert f'<meta http-equiv="refresh" content="0;url={onward}">' in page.text


@pytest.mark.parametrize("onward", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)"])
async def test_nobody_is_led_away(browser: Browser, caller: Any, onward: str) -> None:
    answer = await browser.sign_in(caller.key, {"next": onward})
    assert (answer.status, answer.headers["location"]) == (303, LOGIN)
    page = await browser.get(LOGIN, query={"next": onward})
    assert "evil" not in page.text
    assert "alert(" not in page.text


# Forged forms and planted cookies


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.test"},
        {"Sec-Fetch-Site": "", "Origin": "http://test:81"},
    ],
)
async def test_a_form_from_elsewhere_signs_nobody_in(browser: Browser, caller: Any, headers: Any) -> None:
    page = await browser.get(LOGIN)
    answer = await browser.form(LOGIN, {"form": form_of(page), "api_key": caller.key}, headers)
    assert answer.status == 403
    assert "e2a_session" not in browser.cookies


async def test_a_form_of_another_browser_signs_nobody_in(browser: Browser, client: Client, caller: Any) -> None:
    """Login CSRF: the attacker's own form and key, sent by the browser of somebody else."""
    attacker = Browser(client)
    theirs = form_of(await attacker.get(LOGIN))
    await browser.get(LOGIN)
    answer = await browser.form(LOGIN, {"form": theirs, "api_key": caller.key})
    assert (answer.status, "e2a_session" in browser.cookies) == (400, False)
    del browser.cookies["e2a_sign_in"]
    assert (await browser.form(LOGIN, {"form": theirs, "api_key": caller.key})).status == 400


@pytest.mark.parametrize("form", ["", "x", "x.y", "e30.e30"])
async def test_a_made_up_form(browser: Browser, caller: Any, form: str) -> None:
    await browser.get(LOGIN)
    assert (await browser.form(LOGIN, {"form": form, "api_key": caller.key})).status == 400


async def test_an_old_form(browser: Browser, caller: Any, services: Any) -> None:
    await browser.get(LOGIN)
    old = SignIn("", "", "", "", int(now().timestamp()) - 1)
    token = old.token(services.keys.current, browser.cookies["e2a_sign_in"])
    answer = await browser.form(LOGIN, {"form": token, "api_key": caller.key})
    assert (answer.status, "too old" in answer.text) == (400, True)


async def test_a_planted_session_is_not_taken_over(browser: Browser, client: Client, caller: Any) -> None:
    """Session fixation: what stood in the cookie before is another token after, and worth nothing if it was one."""
    planted = "sess_" + "a" * 64
    browser.cookies["e2a_session"] = planted
    await browser.sign_in(caller.key)
    assert browser.session != planted
    first = browser.session
    page = await browser.get(LOGIN, query={"again": "1"})
    await browser.form(LOGIN, {"form": form_of(page), "api_key": caller.key})
    assert browser.session != first
    thief = Browser(client)
    thief.cookies["e2a_session"] = first
    assert (await thief.get("/v1/account")).status == 401


async def test_two_cookies_of_one_name_are_none(browser: Browser, client: Client, caller: Any) -> None:
    await browser.sign_in(caller.key)
    other = await client.services.sessions.begin(caller.account_id)
    both = {"Cookie": f"e2a_session={other}; e2a_session={browser.session}"}
    assert (await browser.client.get("/v1/account", headers=both)).status == 401


# The session as a credential


async def test_the_session_is_a_credential_of_the_account(browser: Browser, caller: Any, services: Any) -> None:
    await browser.sign_in(caller.key)
    account = await browser.get("/v1/account")
    assert (account.status, account.json()["scope"]) == (200, "account")
    assert (await browser.get("/api/v1/agents")).status == 200
    made = await browser.request("POST", "/v1/account/api-keys", headers=OWN_PAGE, body={"name": "mine"})
    assert made.status == 201
    before = services.db.statements
    await browser.get("/v1/account")
    assert services.db.statements == before + 1


async def test_a_header_wins_over_the_cookie(browser: Browser, caller: Any) -> None:
    await browser.sign_in(caller.key)
    assert (await browser.get("/v1/account", headers={"Authorization": "Bearer nonsense"})).status == 401
    # An empty value is one too; the test's own client leaves empty headers out.
    assert (await browser.get("/v1/account", headers={"Authorization": " "})).status == 401


async def test_a_session_is_no_bearer_token(browser: Browser, caller: Any) -> None:
    await browser.sign_in(caller.key)
    answer = await browser.client.get("/v1/account", headers={"Authorization": f"Bearer {browser.session}"})
    assert answer.status == 401


@pytest.mark.parametrize(
    ("headers", "public_url", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, "", 201),
        ({"Origin": "http://test"}, "", 201),
        ({"Origin": "http://TEST", "Host": "test"}, "", 201),
        ({"Origin": "https://mail.example.com"}, "https://mail.example.com", 201),
        ({"Origin": "https://test"}, "https://mail.example.com", 201),
        ({"Origin": "http://test"}, "https://mail.example.com", 403),
        ({}, "", 403),
        ({"Origin": "null"}, "", 403),
        ({"Origin": "http://evil.test"}, "", 403),
        ({"Origin": "http://test.evil.test"}, "", 403),
        ({"Origin": "test"}, "", 403),
        ({"Origin": "http://test:8080"}, "", 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://test"}, "", 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://test"}, "", 403),
        ({"Sec-Fetch-Site": "none"}, "", 403),
    ],
)
async def test_what_changes_something_must_come_from_us(
    browser: Browser, caller: Any, services: Any, headers: Any, public_url: str, status: int
) -> None:
    browser.cookies["e2a_session"] = await services.sessions.begin(caller.account_id)
    services.public_url = public_url
    v1 = await browser.request("POST", "/v1/account/api-keys", headers=headers, body={})
    classic = await browser.request("POST", "/api/v1/users/me/signing-secrets", headers=headers, body={})
    assert (v1.status, classic.status) == (status, status)
    if status == 403:
        assert v1.code == "forbidden"
        secrets = await services.db.fetch_value("select count(*) from signing_secrets")
        assert secrets == 0


async def test_a_key_needs_no_page_of_ours(client: Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.test"}
    assert (await client.post("/v1/account/api-keys", {}, headers=headers)).status == 201


async def test_another_sites_link_reads_nothing(browser: Browser, caller: Any, services: Any) -> None:
    browser.cookies["e2a_session"] = await services.sessions.begin(caller.account_id)
    assert (await browser.get("/v1/account", headers={"Sec-Fetch-Site": "cross-site"})).status == 403
    assert (await browser.get("/v1/account", headers={"Sec-Fetch-Site": "none"})).status == 200


async def test_a_large_body_by_session(browser: Browser, caller: Any, services: Any, api: Any) -> None:
    """Large bodies are read of those alone who are known: the session counts."""
    await api.make_agent(services.db, caller.account_id, "a@x.test")
    mail = {"to": ["b@y.test"], "subject": "s", "text": "x" * 400_000}
    path = "/v1/agents/a@x.test/messages"
    browser.cookies["e2a_session"] = await services.sessions.begin(caller.account_id)
    assert (await browser.request("POST", path, headers=OWN_PAGE, body=mail)).status == 202
    assert (await browser.request("POST", path, body=mail)).status == 403
    browser.cookies.clear()
    assert (await browser.request("POST", path, headers=OWN_PAGE, body=mail)).status == 401


async def test_the_socket_does_not_take_it(browser: Browser, caller: Any, services: Any, api: Any) -> None:
    from e2ad.api.stream import StreamHandler

    await api.make_agent(services.db, caller.account_id, "a@x.test")
    token = await services.sessions.begin(caller.account_id)
    refused: list[int] = []

    class Upgrade(WebSocketRequest):
        def __init__(self) -> None:
            """No connection: it is refused before one is asked for."""

        async def reject(self, status_code: int, **more: Any) -> None:
            refused.append(status_code)

    hub = Hub(StreamReads(services.db), KeyRing([SECRET]), services.config.websocket)
    handler = StreamHandler(services, hub)
    headers = {"cookie": f"e2a_session={token}", "sec-fetch-site": "same-origin"}
    await handler.handle(Upgrade(), "/v1/agents/a@x.test/ws", {}, headers)
    assert refused == [401]


# The end of a session


async def test_signing_out_ends_it_everywhere(browser: Browser, client: Client, caller: Any) -> None:
    await browser.sign_in(caller.key)
    other_process = Sessions(client.services.db)
    token = browser.session
    assert await other_process.resolve(token)
    answer = await browser.request("POST", "/api/auth/logout", headers=OWN_PAGE)
    assert answer.status == 204
    assert "Max-Age=0" in browser.set[-1]
    browser.cookies["e2a_session"] = token
    assert (await browser.get("/v1/account")).status == 401
    other_process.forget(caller.account_id)
    assert await other_process.resolve(token) is None


async def test_a_form_signs_out_and_leads_back(browser: Browser, caller: Any) -> None:
    await browser.sign_in(caller.key)
    answer = await browser.form("/api/auth/logout", {}, {"Accept": "text/html,*/*"})
    assert (answer.status, answer.headers["location"]) == (303, LOGIN)
    assert (await browser.request("POST", "/api/auth/logout", headers=OWN_PAGE)).status == 204


async def test_another_site_signs_nobody_out(browser: Browser, caller: Any) -> None:
    await browser.sign_in(caller.key)
    assert (await browser.request("POST", "/api/auth/logout", headers={"Sec-Fetch-Site": "cross-site"})).status == 403
    assert (await browser.get("/v1/account")).status == 200


@pytest.mark.parametrize("how", ["revoked", "expired"])
async def test_a_session_ends_with_the_key_that_it_began_with(
    browser: Browser, client: Client, caller: Any, how: str
) -> None:
    made = (await client.post("/v1/account/api-keys", {"name": "browser"})).json()
    await browser.sign_in(made["key"])
    assert (await browser.get("/v1/account")).status == 200
    if how == "revoked":
        assert (await client.delete(f"/v1/account/api-keys/{made['id']}?confirm=DELETE")).status == 200
    else:
        await client.services.db.execute("update api_keys set expires_at = now() where id = %(id)s", {"id": made["id"]})
        client.services.forget_account(caller.account_id)
    assert (await browser.get("/v1/account")).status == 401
    assert (await client.get("/v1/account")).status == 200


# The command line


def lead(**changes: str) -> dict[str, str]:
    return {"cli_callback": CALLBACK, "cli_state": STATE} | changes


@pytest.mark.parametrize(
    ("callback", "state", "good"),
    [
        (CALLBACK, STATE, True),
        ("http://localhost:1/x?y=z", "a", True),
        ("http://[::1]:99/callback", "a", True),
        ("https://127.0.0.1:99/", "a", False),
        ("http://evil.test/", "a", False),
        ("http://127.0.0.1.evil.test:80/", "a", False),
        ("http://127.0.0.1@evil.test/", "a", False),
        ("http://evil.test\\@127.0.0.1/", "a", False),
        ("http://127.0.0.1:99999/", "a", False),
        ("http://127.0.0.1:1/#x", "a", False),
        ("http://0.0.0.0:1/", "a", False),
        ("http://2130706433/", "a", False),
        ("javascript:alert(1)", "a", False),
        ("com.example.app:/x", "a", False),
        ("", "a", False),
        (CALLBACK, "", False),
        (CALLBACK, "x" * 513, False),
        (CALLBACK, "a\nb", False),
    ],
)
def test_a_key_goes_to_this_computer_alone(callback: str, state: str, good: bool) -> None:
    assert (callback_problem(callback, state) is None) is good


@pytest.mark.parametrize(
    "query", [lead(cli_callback="http://evil.test/"), lead(cli_callback=""), lead(cli_state=""), {"cli_state": "x"}]
)
async def test_a_key_is_not_handed_to_strangers(browser: Browser, query: Any) -> None:
    page = await browser.get(LOGIN, query=query)
    assert page.status == 400
    assert "<form" not in page.text


async def test_a_key_for_the_command_line(browser: Browser, client: Client, caller: Any) -> None:
    page = await browser.get(LOGIN, query=lead())
    assert "127.0.0.1:8976" in page.text
    answer = await browser.form(LOGIN, {"form": form_of(page), "api_key": caller.key, "decision": "allow"})
    assert answer.status == 200
    assert f'action="{CALLBACK}"' in answer.text
    given = hidden(answer)
    assert set(given) == {"api_key", "cli_state"}
    assert given["cli_state"] == STATE
    assert re.fullmatch(r"e2a_acct_[0-9a-f]{64}", given["api_key"])
    assert given["api_key"] != caller.key
    assert (await client.get("/v1/account", key=given["api_key"])).status == 200
    names = [one["name"] for one in (await client.get("/v1/account/api-keys")).json()["items"]]
    assert names[0].startswith("e2a command line, ")
    assert browser.session


async def test_the_page_that_hands_over_needs_no_script(browser: Browser, caller: Any) -> None:
    answer = await browser.sign_in(caller.key, lead())
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "form-action http:" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert '<button class="yes wide">Go on</button>' in answer.text


@pytest.mark.parametrize(("inboxes", "told"), [(0, None), (1, "a0@x.test"), (2, None)])
async def test_the_one_inbox_is_told(
    browser: Browser, caller: Any, api: Any, services: Any, inboxes: int, told: str | None
) -> None:
    for number in range(inboxes):
        await api.make_agent(services.db, caller.account_id, f"a{number}@x.test")
    assert hidden(await browser.sign_in(caller.key, lead())).get("agent_email") == told


async def test_no_is_told_too(browser: Browser, client: Client, services: Any) -> None:
    answer = await browser.sign_in("", lead(), decision="deny")
    assert hidden(answer) == {"error": "access_denied", "cli_state": STATE}
    assert await services.db.fetch_value("select count(*) from api_keys") == 1


async def test_who_is_signed_in_only_says_yes(browser: Browser, caller: Any, services: Any) -> None:
    await browser.sign_in(caller.key)
    page = await browser.get(LOGIN, query=lead())
    assert 'name="api_key"' not in page.text
    assert "owner@example.com" in page.text
    assert await services.db.fetch_value("select count(*) from api_keys") == 1
    answer = await browser.form(LOGIN, {"form": form_of(page), "decision": "allow"})
    assert hidden(answer)["api_key"].startswith("e2a_acct_")
    page = await browser.get(LOGIN, query=lead(again="1"))
    assert 'name="api_key"' in page.text


async def test_the_yes_of_somebody_else_hands_over_nothing(
    browser: Browser, client: Client, caller: Any, stranger: str, services: Any
) -> None:
    await browser.sign_in(caller.key)
    page = await browser.get(LOGIN, query=lead())
    await browser.form("/api/auth/logout", {})
    assert (await browser.form(LOGIN, {"form": form_of(page), "decision": "allow"})).status == 400
    await browser.sign_in(stranger)
    assert (await browser.form(LOGIN, {"form": form_of(page), "decision": "allow"})).status == 400
    assert await services.db.fetch_value("select count(*) from api_keys where name like 'e2a command%%'", {}) == 0


async def test_what_a_link_says_is_escaped(browser: Browser, caller: Any) -> None:
    state = '"><script>alert(1)</script>'
    query = lead(cli_state=state, cli_callback='http://127.0.0.1:1/?a="><b>')
    assert (await browser.get(LOGIN, query=query)).status == 400
    answer = await browser.sign_in(caller.key, lead(cli_state=state))
    assert hidden(answer)["cli_state"] == state
    assert answer.text.count("<script>") == 1


# Keys, for people alone


async def test_keys_by_session(browser: Browser, client: Client, caller: Any, api: Any, services: Any) -> None:
    await browser.sign_in(caller.key)
    await api.make_agent(services.db, caller.account_id, "a@x.test")
    body = {"name": "laptop", "scope": "agent", "agent_email": "A@x.test", "expires_at": "2099-01-01T00:00:00Z"}
    made = await browser.request("POST", "/api/keys", headers=OWN_PAGE, body=body)
    assert (made.status, made.headers["cache-control"]) == (201, "no-store")
    key = made.json()
    assert key["key"].startswith("e2a_agt_")
    assert (key["agent_email"], key["expires_at"]) == ("a@x.test", "2099-01-01T00:00:00Z")
    listed = (await browser.get("/api/keys")).json()
    assert [one["name"] for one in listed["keys"]] == ["laptop", "test"]
    assert "next_token" not in listed
    assert "key" not in listed["keys"][0]
    gone = await browser.request("DELETE", f"/api/keys/{key['id']}", headers=OWN_PAGE)
    assert (gone.status, gone.body) == (204, b"")
    assert (await client.get("/v1/agents/a@x.test", key=key["key"])).status == 401
    assert (await browser.request("DELETE", f"/api/keys/{key['id']}", headers=OWN_PAGE)).status == 404


async def test_pages_of_keys(browser: Browser, caller: Any, api: Any, services: Any) -> None:
    for _ in range(4):
        await api.make_caller(services.db)
    await browser.sign_in(caller.key)
    seen, token = list[str](), ""
    for size in (2, 2, 1):
        page = (await browser.get("/api/keys", query={"page_size": 2, "token": token})).json()
        assert len(page["keys"]) == size
        seen += [one["id"] for one in page["keys"]]
        token = page.get("next_token", "")
    assert (token, len(set(seen))) == ("", 5)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x" * 201}, 400),
        ({"scope": "root"}, 400),
        ({"scope": "agent"}, 400),
        ({"agent_email": "a@x.test"}, 400),
        ({"scope": "agent", "agent_email": "nobody@x.test"}, 404),
        ({"expires_at": "soon"}, 400),
        ({"expires_at": "2001-01-01T00:00:00Z"}, 400),
    ],
)
async def test_keys_that_cannot_be(browser: Browser, caller: Any, body: Any, status: int) -> None:
    await browser.sign_in(caller.key)
    assert (await browser.request("POST", "/api/keys", headers=OWN_PAGE, body=body)).status == status


async def test_keys_are_for_people_alone(browser: Browser, client: Client, caller: Any, stranger: str) -> None:
    for method, path in [
        ("GET", "/api/keys"),
        ("POST", "/api/keys"),
        ("DELETE", "/api/keys/apk_x"),
        ("GET", "/api/auth/me"),
    ]:
        answer = await client.request(method, path)
        assert (answer.status, answer.text) == (401, "unauthorized\n")
    await browser.sign_in(caller.key)
    assert (await browser.request("POST", "/api/keys", body={})).status == 403
    theirs = (await client.get("/v1/account/api-keys", key=stranger)).json()["items"][0]["id"]
    assert (await browser.request("DELETE", f"/api/keys/{theirs}", headers=OWN_PAGE)).status == 404


async def test_what_is_not_there_yet(browser: Browser) -> None:
    assert (await browser.get("/api/auth/callback")).status == 404


async def test_a_closed_account_is_not_signed_in(browser: Browser, caller: Any, services: Any) -> None:
    await browser.sign_in(caller.key)
    await services.db.execute("update accounts set closed_at = now()", prepare=False)
    services.forget_account(caller.account_id)
    assert (await browser.get("/v1/account")).status == 401


async def test_oauth_sends_people_here_and_gets_them_back(browser: Browser, services: Any, caller: Any) -> None:
    services.public_url = "https://test"
    asked = await browser.get("/oauth2/authorize?client_id=x")
    where = urlsplit(asked.headers["location"])
    assert (asked.status, where.path) == (303, LOGIN)
    page = await browser.get(asked.headers["location"])
    answer = await browser.form(LOGIN, {"form": form_of(page), "api_key": caller.key}, {"Origin": "https://test"})
    page = await browser.get(answer.headers["location"])
    assert "url=/oauth2/authorize?client_id=x" in page.text
    assert (await browser.get("/oauth2/authorize?client_id=x")).status == 400
