"""Signing in with an OpenID provider: who that is here, and every way in which a provider or a stranger may lie."""

import html
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs
import pytest
import trio

from e2ad.api.app import build_app
from e2ad.api.services import Services
from e2ad.config.doors import Oidc
from e2ad.config.sections import Config
from e2ad.config.sections import Egress as EgressSection
from e2ad.core.sealing import KeyRing
from e2ad.delivery.egress import Egress
from e2ad.gateway import oidc as remembered
from e2ad.gateway import oidc_sign_in as subject
from e2ad.gateway.mint import now
from e2ad.storage import sign_in as table
from e2ad.storage.pool import Database
from tests.api import issuer as far
from tests.api.browsing import LOGIN, Browser, form_of
from tests.api.conftest import SECRET, Answer, Caller, Client
from tests.api.issuer import Issuer
from tests.delivery.endpoint import Answer as Far
from tests.delivery.endpoint import Endpoint
from tests.zone import Zone

GO = "/api/auth/oidc"
BACK = "/api/auth/callback"
KEYS = "/jwks"
DISCOVERY = "/.well-known/openid-configuration"
OWNER = "owner@example.com"


@pytest.fixture
def issuer(endpoint: Endpoint) -> Issuer:
    return Issuer(endpoint)


def browser_of(database: Database, zone: Zone, issuer: Issuer, *, allow_http: bool = True, **settings: Any) -> Browser:
    egress = EgressSection(allow_networks=("127.0.0.0/8",), allow_http=allow_http)
    oidc = {"issuer": issuer.url, "client_id": far.CLIENT_ID, "client_secret": far.SECRET, "name": "Acme <ID>"}
    config = attrs.evolve(Config(), egress=egress, oidc=Oidc(**(oidc | settings)))
    services = Services.build(database, config, KeyRing((SECRET,)), egress=Egress(egress, zone), resolver=zone)
    services.public_url = "http://test"
    return Browser(Client(build_app(services), services))


@pytest.fixture
def browser(database: Database, zone: Zone, issuer: Issuer, caller: Caller) -> Browser:
    return browser_of(database, zone, issuer)


async def go(browser: Browser, query: dict[str, str] | None = None) -> str:
    """As far as the provider's door."""
    page = await browser.get(LOGIN, query=query)
    answer = await browser.form(GO, {"form": form_of(page)})
    assert answer.status == 200, answer.text
    (url,) = re.findall(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.text)
    return html.unescape(url)


async def come_back(browser: Browser, query: dict[str, str]) -> Answer:
    return await browser.get(f"{BACK}?{urlencode(query)}", headers={"Sec-Fetch-Site": "cross-site"})


async def way(browser: Browser, issuer: Issuer, query: dict[str, str] | None = None, **changes: str) -> Answer:
    return await come_back(browser, issuer.agree(await go(browser, query)) | changes)


def is_refused(answer: Answer, browser: Browser, status: int = 403) -> bool:
    """A page that leads to another try, and nobody is signed in."""
    assert "e2a_session" not in browser.cookies
    assert "<script" not in answer.text
    assert f'href="{LOGIN}"' in answer.text
    return answer.status == status


async def test_the_way_in(browser: Browser, issuer: Issuer, caller: Caller) -> None:
    page = await browser.get(LOGIN)
    assert "Sign in with Acme &lt;ID&gt;" in page.text
    url = await go(browser)
    asked = dict(parse_qsl(urlsplit(url).query))
    assert (asked["scope"], asked["redirect_uri"]) == ("openid email profile", f"http://test{BACK}")
    answer = await come_back(browser, issuer.agree(url))
    assert (answer.status, answer.headers["location"]) == (303, LOGIN)
    assert (await browser.get("/api/auth/me")).json()["user"]["id"] == caller.account_id
    (seen,) = await browser.client.services.sessions.listed(caller.account_id, browser.session)
    assert seen.signed_in_by == "oidc"
    (form,) = issuer.forms
    assert form["code_verifier"] not in url
    assert "client_secret" not in form


async def test_a_choice_of_identities(database: Database, zone: Zone, issuer: Issuer) -> None:
    assert "prompt=" not in await go(browser_of(database, zone, issuer))
    assert "&prompt=select_account" in await go(browser_of(database, zone, issuer, prompt="select_account"))


async def test_nothing_is_remembered_of_where_one_was(browser: Browser, issuer: Issuer) -> None:
    """State and cookie as hashes, and neither nonce nor verifier at all."""
    url = await go(browser)
    asked = dict(parse_qsl(urlsplit(url).query))
    (row,) = await browser.client.services.db.fetch_all("select * from sign_in_states")
    told = repr({name: bytes(value).hex() if isinstance(value, bytes) else value for name, value in row.items()})
    for secret in (asked["state"], asked["nonce"], browser.cookies["e2a_sign_in"]):
        assert secret not in told


async def test_an_address_changes_and_the_subject_does_not(browser: Browser, issuer: Issuer, caller: Caller) -> None:
    assert (await way(browser, issuer)).status == 303
    issuer.claims["email"] = "married@example.com"
    browser.cookies.clear()
    assert (await way(browser, issuer)).status == 303
    assert (await browser.get("/api/auth/me")).json()["user"]["id"] == caller.account_id


async def test_an_address_that_was_passed_on(browser: Browser, issuer: Issuer) -> None:
    """Whoever has the address later is somebody else, and does not get the account."""
    assert (await way(browser, issuer)).status == 303
    browser.cookies.clear()
    issuer.claims["sub"] = "subject-2"
    answer = await way(browser, issuer)
    assert is_refused(answer, browser)
    assert "belongs to another identity" in answer.text


async def test_who_has_no_account_is_told_what_to_do(browser: Browser, issuer: Issuer) -> None:
    issuer.claims["email"] = "new@example.com"
    answer = await way(browser, issuer)
    assert is_refused(answer, browser)
    assert "e2ad bootstrap new@example.com" in answer.text
    assert await browser.client.services.db.fetch_value("select count(*) from accounts") == 1
    assert await browser.client.services.db.fetch_value("select count(*) from oidc_identities") == 0


async def test_an_account_is_made_where_that_is_wanted(
    database: Database, zone: Zone, issuer: Issuer, caller: Caller
) -> None:
    browser = browser_of(database, zone, issuer, create_accounts=True, allowed_email_domains=("new.example",))
    assert is_refused(await way(browser, issuer), browser)  # an account, and of no domain that may
    issuer.claims |= {"email": "Ada@New.Example", "sub": "subject-2"}
    assert (await way(browser, issuer)).status == 303
    assert (await browser.get("/api/auth/me")).json()["user"]["email"] == "ada@new.example"
    row = await database.fetch_one("select name from accounts where email = 'ada@new.example'", prepare=False)
    assert row == {"name": "Ada"}
    issuer.claims["email"] = "ada@elsewhere.example"
    browser.cookies.clear()
    assert is_refused(await way(browser, issuer), browser)


async def test_a_closed_account_stays_closed(browser: Browser, issuer: Issuer) -> None:
    assert (await way(browser, issuer)).status == 303
    await browser.client.services.db.execute("update accounts set closed_at = now()", prepare=False)
    browser.cookies.clear()
    assert is_refused(await way(browser, issuer), browser)


async def test_it_leads_where_one_wanted_to_go(browser: Browser, issuer: Issuer) -> None:
    answer = await way(browser, issuer, {"next": "/dashboard"})
    page = await browser.get(answer.headers["location"], headers={"Sec-Fetch-Site": "cross-site"})
    assert 'content="0;url=/dashboard"' in page.text


@pytest.mark.parametrize("onward", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)"])
async def test_nobody_is_led_away(browser: Browser, issuer: Issuer, onward: str) -> None:
    assert (await way(browser, issuer, {"next": onward})).headers["location"] == LOGIN


async def test_whoever_was_signed_in_before_is_not(browser: Browser, issuer: Issuer, api: Any) -> None:
    services = browser.client.services
    other = await api.make_caller(services.db, "other@example.com")
    planted = await services.sessions.begin(other.account_id)
    page = await browser.get(LOGIN)
    browser.cookies["e2a_session"] = planted
    answer = await browser.form(GO, {"form": form_of(page)})
    (url,) = re.findall(r'content="0;url=([^"]+)"', answer.text)
    assert (await come_back(browser, issuer.agree(html.unescape(url)))).status == 303
    assert browser.session != planted
    assert await services.sessions.resolve(planted) is None


# What is said of somebody


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://accounts.evil.test"},
        {"iss": None},
        {"aud": "somebody else"},
        {"aud": None},
        {"aud": []},
        {"aud": [far.CLIENT_ID, "somebody else"]},
        {"aud": [far.CLIENT_ID, "somebody else"], "azp": "somebody else"},
        {"azp": "somebody else"},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"iat": None},
        {"iat": 1},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"nbf": "x"},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\0b"},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email_verified": 1},
        {"email": 7},
        {"email": ""},
        {"email": "x" * 400},
        {"email": "owner@example.com\n"},
        {"email": "no address"},
        {"at_hash": "another"},
    ],
    ids=repr,
)
async def test_what_is_not_believed(browser: Browser, issuer: Issuer, claims: dict[str, Any]) -> None:
    issuer.claims |= claims
    if claims.get("email") == "owner@example.com\n":
        assert (await way(browser, issuer)).status == 303  # blanks around an address are none of it
        return
    answer = await way(browser, issuer)
    assert is_refused(answer, browser)
    assert await browser.client.services.db.fetch_value("select count(*) from oidc_identities") == 0


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [far.CLIENT_ID]},
        {"aud": [far.CLIENT_ID, "somebody else"], "azp": far.CLIENT_ID},
        {"azp": far.CLIENT_ID},
        {"at_hash": far.half_hash("the access token")},
        {"exp": 0},
    ],
)
async def test_what_is_believed(browser: Browser, issuer: Issuer, claims: dict[str, Any]) -> None:
    if "exp" in claims:
        claims = {"exp": now().timestamp() - 30, "iat": int(now().timestamp()) + 30}
    issuer.claims |= claims
    assert (await way(browser, issuer)).status == 303


# Who has signed it


@pytest.mark.parametrize(
    ("header", "sign"),
    [
        ({"alg": "none", "kid": None}, far.unsigned),
        ({"alg": "none"}, far.unsigned),
        ({"alg": "None"}, far.unsigned),
        ({"alg": "HS256"}, far.mac_with_the_public_key),
        ({"kid": "two"}, far.signed_with(far.OTHER)),
        ({"kid": "one"}, far.signed_with(far.OTHER)),
        ({"kid": "one", "alg": "ES256"}, far.signed_with(far.CURVE)),
        ({}, far.criticised),
        ({}, lambda header, claims: "not.a.token"),
        ({}, lambda header, claims: "x" * 20_000),
        ({}, lambda header, claims: "ä.b.c"),
        ({}, lambda header, claims: ""),
    ],
)
async def test_who_else_has_signed_it(browser: Browser, issuer: Issuer, header: Any, sign: Any) -> None:
    issuer.header, issuer.sign = header, sign
    assert is_refused(await way(browser, issuer), browser)


@pytest.mark.parametrize("kid", ["one", None])
async def test_a_curve_or_no_name(browser: Browser, issuer: Issuer, kid: str | None) -> None:
    issuer.header = {"kid": kid}
    assert (await way(browser, issuer)).status == 303
    browser.cookies.clear()
    issuer.keys, issuer.sign, issuer.header = [far.CURVE], far.signed_with(far.CURVE), {"kid": "curve", "alg": "ES256"}
    assert is_refused(await way(browser, issuer), browser)  # new keys, and asked for them a moment ago


async def test_new_keys_are_asked_for_once(browser: Browser, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await way(browser, issuer)).status == 303
    assert (await way(browser, issuer, {"again": "1"})).status == 303
    assert (issuer.asked(KEYS), issuer.asked(DISCOVERY)) == (1, 1)
    monkeypatch.setattr(remembered, "AGAIN_SECONDS", 0.0)
    issuer.keys, issuer.sign, issuer.header = [far.OTHER], far.signed_with(far.OTHER), {"kid": "two"}
    assert (await way(browser, issuer, {"again": "1"})).status == 303
    assert issuer.asked(KEYS) == 2
    monkeypatch.setattr(remembered, "AGAIN_SECONDS", 15.0)
    issuer.header, browser.cookies = {"kid": "three"}, {}
    for _ in range(3):
        assert is_refused(await way(browser, issuer), browser)
    assert issuer.asked(KEYS) == 2


async def test_keys_that_are_none(browser: Browser, issuer: Issuer) -> None:
    """MACs, keys for other uses, short ones and nonsense are left out, and the one that is good is found."""
    good = far.RSA.as_dict(private=False)
    odd = [
        {"kty": "oct", "kid": "one", "k": "AAAA"},
        {**good, "use": "enc"},
        {**good, "n": "AQAB"},
        {"kty": "EC", "kid": "one", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "RSA"},
        {"kty": ["RSA"]},
        "x",
        None,
        7,
    ]
    issuer.answers[KEYS] = far.said({"keys": [*odd, good]})
    assert (await way(browser, issuer)).status == 303


# A provider in trouble


OVER = b'{"issuer":"' + b"x" * 200_000 + b'"}'


@pytest.mark.parametrize("path", [DISCOVERY, KEYS, "/token"])
@pytest.mark.parametrize(
    "answer",
    [
        Far(500),
        Far(302, headers=(("Location", "http://127.0.0.1:1/"),)),
        Far(body=b"not json"),
        Far(body=b"[]"),
        Far(body=b"{}"),
        Far(body=b"[" * 100_000),
        Far(body=OVER),
        Far(endless=True),
        Far(never=True),
        Far(reset=True),
        Far(raw=b"SSH-2.0-x\r\n"),
    ],
    ids=["500", "redirect", "text", "list", "empty", "deep", "large", "endless", "slow", "reset", "ssh"],
)
async def test_a_provider_in_trouble(
    database: Database, zone: Zone, issuer: Issuer, caller: Caller, path: str, answer: Far
) -> None:
    browser = browser_of(database, zone, issuer, request_seconds=0.3)
    issuer.answers[path] = answer
    with trio.fail_after(8):
        page = await browser.get(LOGIN)
        there = await browser.form(GO, {"form": form_of(page)})
        if path == DISCOVERY:
            assert there.status == 503
            assert "Acme &lt;ID&gt; cannot be asked just now" in there.text
            assert 'name="api_key"' in there.text
            return
        (url,) = re.findall(r'content="0;url=([^"]+)"', there.text)
        back = await come_back(browser, issuer.agree(html.unescape(url)))
    assert back.status in (403, 503)
    assert is_refused(back, browser, back.status)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://accounts.evil.test"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": 'https://a.test/"><script>'},
        {"authorization_endpoint": "https://a.test/ x"},
        {"authorization_endpoint": "//a.test/x"},
        {"token_endpoint": 7},
        {"token_endpoint": "ftp://a.test/"},
        {"jwks_uri": "file:///etc/passwd"},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
async def test_descriptions_that_are_not_followed(browser: Browser, issuer: Issuer, metadata: Any) -> None:
    issuer.metadata = metadata
    page = await browser.get(LOGIN)
    answer = await browser.form(GO, {"form": form_of(page)})
    assert answer.status == 503
    assert "<script" not in answer.text
    assert "http-equiv" not in answer.text


@pytest.mark.parametrize("member", ["token_endpoint", "jwks_uri"])
async def test_a_description_leads_nowhere_inside(
    database: Database, zone: Zone, issuer: Issuer, caller: Caller, member: str
) -> None:
    """The guard of deliveries is the way to the provider too."""
    browser = browser_of(database, zone, issuer)
    issuer.metadata = {member: "http://10.0.0.1/latest/meta-data"}
    answer = await way(browser, issuer)
    assert is_refused(answer, browser, 503)
    assert "10.0.0.1" not in answer.text


async def test_without_http_it_must_be_https(database: Database, zone: Zone, issuer: Issuer) -> None:
    browser = browser_of(database, zone, issuer, allow_http=False)
    page = await browser.get(LOGIN)
    assert (await browser.form(GO, {"form": form_of(page)})).status == 503
    assert issuer.endpoint.connections == 0


async def test_what_is_known_goes_on(
    database: Database, zone: Zone, issuer: Issuer, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = browser_of(database, zone, issuer, remember_seconds=0.0)
    monkeypatch.setattr(remembered, "AGAIN_SECONDS", 0.0)
    assert (await way(browser, issuer)).status == 303
    issuer.answers |= {DISCOVERY: Far(500), KEYS: Far(500)}
    assert (await way(browser, issuer, {"again": "1"})).status == 303
    monkeypatch.setattr(remembered, "STALE_SECONDS", 0.0)
    page = await browser.get(LOGIN, query={"again": "1"})
    assert (await browser.form(GO, {"form": form_of(page)})).status == 503


async def test_the_address_is_asked_for_where_the_token_has_none(browser: Browser, issuer: Issuer) -> None:
    issuer.claims |= {"email": None, "email_verified": None}
    issuer.userinfo = {"sub": "subject-1", "email": OWNER, "email_verified": True, "iss": "x", "aud": "y"}
    assert (await way(browser, issuer)).status == 303


@pytest.mark.parametrize("told", [{"sub": "subject-2"}, {"sub": None}, {"email_verified": False}])
async def test_what_is_told_is_about_somebody_else(browser: Browser, issuer: Issuer, told: Any) -> None:
    issuer.claims |= {"email": None, "email_verified": None}
    issuer.userinfo = {"sub": "subject-1", "email": OWNER, "email_verified": True} | told
    assert is_refused(await way(browser, issuer), browser)


@pytest.mark.parametrize(
    ("methods", "secret", "fields"),
    [
        (None, far.SECRET, set()),
        (["client_secret_post"], far.SECRET, {"client_id", "client_secret"}),
        (["client_secret_post", "client_secret_basic"], far.SECRET, set()),
        (["private_key_jwt"], far.SECRET, set()),
        (None, "", {"client_id"}),
    ],
)
async def test_how_we_prove_ourselves(
    database: Database, zone: Zone, issuer: Issuer, caller: Caller, methods: Any, secret: str, fields: set[str]
) -> None:
    browser = browser_of(database, zone, issuer, client_secret=secret)
    issuer.metadata = {"token_endpoint_auth_methods_supported": methods}
    assert (await way(browser, issuer)).status == 303
    (form,) = issuer.forms
    assert set(form) - {"grant_type", "code", "redirect_uri", "code_verifier"} == fields


# The way back


async def test_an_answer_is_taken_once(browser: Browser, issuer: Issuer) -> None:
    issuer.forgetful = False
    back = issuer.agree(await go(browser))
    assert (await come_back(browser, back)).status == 303
    browser.cookies.pop("e2a_session")
    assert is_refused(await come_back(browser, back), browser, 400)
    assert len(issuer.forms) == 1


async def test_one_of_many_at_once(browser: Browser, issuer: Issuer) -> None:
    issuer.forgetful = False
    back = issuer.agree(await go(browser))
    statuses: list[int] = []

    async def arrive() -> None:
        statuses.append((await come_back(browser, back)).status)

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(arrive)
    assert sorted(statuses) == [303] + [400] * 5


async def test_a_code_that_was_used_elsewhere(browser: Browser, issuer: Issuer) -> None:
    back = issuer.agree(await go(browser))
    issuer.codes.clear()
    assert is_refused(await come_back(browser, back), browser)


async def test_two_first_times_at_once(browser: Browser, issuer: Issuer) -> None:
    """Of one person in two windows: both are who they are."""
    backs = [issuer.agree(await go(browser)) for _ in range(4)]
    statuses: list[int] = []

    async def arrive(back: dict[str, str]) -> None:
        statuses.append((await come_back(browser, back)).status)

    async with trio.open_nursery() as nursery:
        for back in backs:
            nursery.start_soon(arrive, back)
    assert statuses == [303] * 4
    assert await browser.client.services.db.fetch_value("select count(*) from oidc_identities") == 1


async def test_the_answer_of_another_browser(browser: Browser, issuer: Issuer) -> None:
    """Login CSRF: the attacker's own answer, in the browser of somebody else."""
    attacker = Browser(browser.client)
    back = issuer.agree(await go(attacker))
    assert is_refused(await come_back(browser, back), browser, 400)
    await go(browser)
    assert is_refused(await come_back(browser, back), browser, 400)
    assert issuer.forms == []
    assert (await come_back(attacker, back)).status == 303


async def test_the_code_of_another_question(browser: Browser, issuer: Issuer) -> None:
    """Code injection: where a provider does not look at PKCE, the nonce is still another one."""
    attacker = Browser(browser.client)
    theirs, mine = issuer.agree(await go(attacker)), issuer.agree(await go(browser))
    issuer.codes[theirs["code"]] = {
        **issuer.codes[theirs["code"]],
        "code_challenge": issuer.codes[mine["code"]]["code_challenge"],
    }
    assert is_refused(await come_back(browser, mine | {"code": theirs["code"]}), browser)


async def test_an_answer_that_is_too_old(browser: Browser, issuer: Issuer) -> None:
    back = issuer.agree(await go(browser))
    await browser.client.services.db.execute("update sign_in_states set expires_at = now()", prepare=False)
    assert is_refused(await come_back(browser, back), browser, 400)


@pytest.mark.parametrize("state", ["", "x", "0" * 64, "G" * 64, "\0"])
async def test_a_state_that_we_did_not_make(browser: Browser, issuer: Issuer, state: str) -> None:
    back = issuer.agree(await go(browser))
    assert is_refused(await come_back(browser, back | {"state": state}), browser, 400)


async def test_an_answer_that_says_things_twice(browser: Browser, issuer: Issuer) -> None:
    back = issuer.agree(await go(browser))
    answer = await browser.get(f"{BACK}?{urlencode(back)}&code=other")
    assert is_refused(answer, browser, 400)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"iss": "https://accounts.evil.test"}, 403),
        ({"iss": ""}, 403),
        ({"code": ""}, 403),
        ({"code": "x" * 5000}, 403),
        ({"error": "access_denied", "error_description": "<b>call 555</b>"}, 400),
        ({"error": "server_error"}, 400),
        ({"error": "<b>call 555</b>"}, 400),
    ],
)
async def test_what_the_provider_says_on_the_way_back(
    browser: Browser, issuer: Issuer, changes: dict[str, str], status: int
) -> None:
    answer = await way(browser, issuer, **changes)
    assert is_refused(answer, browser, status)
    assert "555" not in answer.text
    assert "evil" not in answer.text
    assert issuer.forms == []


async def test_an_answer_must_say_whose_it_is_where_they_do(browser: Browser, issuer: Issuer) -> None:
    back = issuer.agree(await go(browser))
    del back["iss"]
    assert is_refused(await come_back(browser, back), browser)


async def test_and_need_not_where_they_do_not(browser: Browser, issuer: Issuer) -> None:
    issuer.metadata = {"authorization_response_iss_parameter_supported": None}
    back = issuer.agree(await go(browser))
    assert (await come_back(browser, {**back, "iss": "https://accounts.evil.test"})).status == 403
    back = issuer.agree(await go(browser))
    del back["iss"]
    assert (await come_back(browser, back)).status == 303


# Forms, counts, cancellation


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_another_site_sends_nobody_there(browser: Browser, issuer: Issuer, site: str) -> None:
    page = await browser.get(LOGIN)
    assert (await browser.form(GO, {"form": form_of(page)}, {"Sec-Fetch-Site": site})).status == 403
    theirs = form_of(await Browser(browser.client).get(LOGIN))
    assert (await browser.form(GO, {"form": theirs})).status == 400
    assert issuer.endpoint.connections == 0


async def test_tries_are_counted(browser: Browser, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "TRIES", 3)
    back = [issuer.agree(await go(browser)) for _ in range(3)][-1]
    page = await browser.get(LOGIN)
    late = await browser.form(GO, {"form": form_of(page)})
    assert (late.status, "retry-after" in late.headers) == (429, True)
    for _ in range(3):
        assert (await come_back(browser, {"state": "x"})).status == 400
    assert (await come_back(browser, back)).status == 429


@pytest.mark.parametrize("steps", [1, 5, 10, 20, 40, 60, 80, 100, 120, 150, 200, 300])
async def test_cancelled_at_a_step(browser: Browser, issuer: Issuer, steps: int) -> None:
    """A session is there with its identity, or neither is."""
    back = issuer.agree(await go(browser))
    async with trio.open_nursery() as nursery:

        async def stop() -> None:
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()

        nursery.start_soon(stop)
        await come_back(browser, back)
        nursery.cancel_scope.cancel()
    counted = [
        await browser.client.services.db.fetch_value(f"select count(*) from {one}", prepare=False)
        for one in ("sessions", "oidc_identities")
    ]
    assert counted in ([0, 0], [1, 1])


async def test_ways_that_nobody_came_back_from_are_swept(browser: Browser) -> None:
    for _ in range(2):
        await go(browser)
    database = browser.client.services.db
    await database.execute("update sign_in_states set expires_at = now() - interval '1 s'", prepare=False)
    assert [await table.sweep(database, 5) for _ in range(2)] == [2, 0]


async def test_without_a_provider_there_is_no_way_there(client: Client) -> None:
    browser = Browser(client)
    page = await browser.get(LOGIN)
    assert "Sign in with" not in page.text
    assert (await browser.form(GO, {"form": form_of(page)})).status == 404
    assert (await browser.get(BACK)).status == 404
