"""The page on which a person lets a program in, and all that must not get past it."""

import base64
import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import trio

from e2ad.core.signing import signed_token
from tests.api.authorizing import ISSUER, REDIRECT, Program, arrived, form_token
from tests.api.conftest import Answer, Caller, Client

AGENT = "bot@agents.test"
FOREIGN = "theirs@agents.test"


@pytest.fixture
async def program(client: Client, caller: Caller, api: Any) -> Program:
    """A registered program; the owner of one inbox signed in."""
    client.key = None
    client.services.public_url = ISSUER
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    other = await api.make_caller(client.services.db, "other@example.com")
    await api.make_agent(client.services.db, other.account_id, FOREIGN)
    program = Program(client, cookie=await client.services.sessions.begin(caller.account_id))
    assert (await program.register()).status == 201
    return program


def is_page(answer: Answer, status: int) -> bool:
    """A page of ours that leads nowhere."""
    assert "location" not in answer.headers
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    return answer.status == status


async def grants(program: Program) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await program.client.services.db.fetch_all(
        "select scope, agent_email, resource from oauth_grants order by created_at"
    )
    return found


# The question


async def test_the_question(program: Program) -> None:
    page = await program.ask()
    assert is_page(page, 200)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "form-action 'self' https:;" in page.headers["content-security-policy"] + ";"
    for words in ("Postbote", "app.example", "owner@example.com", "Nobody has checked this program", "API keys", AGENT):
        assert words in page.text
    assert FOREIGN not in page.text
    assert await grants(program) == []


@pytest.mark.parametrize("cookie", ["", "sess_unknown", "sess_" + "0" * 64])
async def test_who_is_not_signed_in_signs_in_first(program: Program, cookie: str) -> None:
    program.cookie = cookie
    # Also of a request that has no sense: nobody is sent anywhere before.
    for changes in ({}, {"client_id": "mcp_000000000000"}, {"response_type": "token"}, {"state": "a&b=ü"}):
        answer = await program.ask(**changes)
        assert answer.status == 303
        location = urlsplit(answer.headers["location"])
        assert (location.scheme, location.netloc, location.path) == ("", "", "/api/auth/login")
        (back,) = parse_qs(location.query)["next"]
        assert back.startswith("/oauth2/authorize?")
        assert parse_qs(urlsplit(back).query)["client_id"] == [changes.get("client_id", program.id)]
        if "state" in changes:
            assert parse_qs(urlsplit(back).query)["state"] == ["a&b=ü"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "mcp_000000000000"},
        {"client_id": "mcp_"},
        {"client_id": "x\nLocation: y"},
        {"client_id": ["mcp_000000000000", "mcp_000000000001"]},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "https://app.example/callback/../other"},
        {"redirect_uri": "https://app.example/callback?x=1"},
        {"redirect_uri": "https://app.example/callback#x"},
        {"redirect_uri": "https://app.example/callback%0d%0aX: y"},
        {"redirect_uri": "https://app.example@evil.example/callback"},
        {"redirect_uri": "https://app.example:8443/callback"},
        {"redirect_uri": "https://app.example.evil.example/callback"},
        {"redirect_uri": "http://app.example/callback"},
        {"redirect_uri": "HTTPS://app.example/callback"},
        {"redirect_uri": "//app.example/callback"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": [REDIRECT, "https://evil.example/"]},
    ],
)
async def test_until_the_program_is_known_nothing_leads_away(program: Program, changes: dict[str, Any]) -> None:
    assert is_page(await program.ask(**changes), 400)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "x" * 42}, "invalid_request"),
        ({"code_challenge": "x" * 44}, "invalid_request"),
        ({"code_challenge": "x" * 42 + "="}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"prompt": "none"}, "interaction_required"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"resource": ISSUER + ".evil.example/"}, "invalid_target"),
        ({"resource": ISSUER + "/mcp#x"}, "invalid_target"),
        ({"resource": [ISSUER + "/a", ISSUER + "/b"]}, "invalid_target"),
        ({"code_challenge": ["x" * 43, "y" * 43]}, "invalid_request"),
        ({"state": "x" * 5000}, "invalid_request"),
        ({"state": ["a", "b"]}, "invalid_request"),
    ],
)
async def test_a_known_program_is_told(program: Program, changes: dict[str, Any], error: str) -> None:
    answer = await program.ask(**changes)
    assert answer.status == 303
    back = arrived(answer)
    assert (back["error"], back["iss"]) == (error, ISSUER)
    assert back.get("state") == (None if "state" in changes else "s1")
    assert "code" not in back
    assert answer.headers["cache-control"] == "no-store"


async def test_the_only_redirect_uri_need_not_be_said(program: Program) -> None:
    assert is_page(await program.ask(redirect_uri=None), 200)
    await program.register(redirect_uris=[REDIRECT, "https://app.example/two"])
    assert is_page(await program.ask(redirect_uri=None), 400)


@pytest.mark.parametrize(
    ("registered", "wanted", "fits"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", True),
        ("http://localhost:8080/cb?a=b", "http://localhost:1/cb?a=b", True),
        ("http://[::1]/cb", "http://[::1]:49152/cb", True),
        ("http://127.0.0.1/cb", "http://localhost:49152/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:49152/other", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb?x", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1@evil.example/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", False),
        ("http://127.0.0.1/cb", "https://127.0.0.1:1/cb", False),
        ("https://app.example/cb", "https://app.example:444/cb", False),
        ("com.example.app:/cb", "com.example.app:/cb", True),
        ("com.example.app:/cb", "com.example.app:/cb2", False),
    ],
)
async def test_programs_on_this_computer(program: Program, registered: str, wanted: str, fits: bool) -> None:
    assert (await program.register(redirect_uris=[registered])).status == 201
    program.redirect = wanted
    page = await program.ask()
    assert is_page(page, 200 if fits else 400)
    if fits:
        sources = page.headers["content-security-policy"].rpartition("form-action ")[2]
        assert f"{urlsplit(wanted).scheme}:" in sources
        back = await program.answer(form_token(page), decision="allow", scope="account")
        assert back.headers["location"].startswith(wanted)
        assert arrived(back, wanted)["iss"] == ISSUER


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</title><h1>e2a itself</h1>",
        "e2a\u202eetobtsoP",
        "x" * 200,
    ],
)
async def test_a_programs_name_is_only_text(program: Program, name: str) -> None:
    assert (await program.register(client_name=name)).status == 201
    page = await program.ask()
    assert is_page(page, 200)
    assert name not in page.text
    assert "<img" not in page.text
    assert "\u202e" not in page.text
    assert page.text.count("<h1>") == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [("", "A program without a name"), ("  a \n b ", "“a b”"), ("{0}{title!r}%s", "“{0}{title!r}%s”")],
)
async def test_odd_names(program: Program, name: str, shown: str) -> None:
    assert (await program.register(client_name=name)).status == 201
    assert shown in (await program.ask()).text


async def test_state_comes_back_as_it_went(program: Program) -> None:
    state = "a b&iss=https://evil.example\"'<>ü%00/+="
    page = await program.ask(state=state)
    back = await program.answer(form_token(page), decision="allow", scope="account")
    assert arrived(back)["state"] == state
    assert urlsplit(back.headers["location"]).query.count("iss=https%3A%2F%2Fe2ad.test") == 1
    assert (await program.ask(state=None)).status == 200


async def test_a_redirect_uri_with_a_query_keeps_it(program: Program) -> None:
    program.redirect = REDIRECT + "?tenant=7"
    await program.register()
    back = await program.answer(form_token(await program.ask()), decision="allow", scope="account")
    assert arrived(back)["tenant"] == "7"


# The answer


async def test_no(program: Program) -> None:
    back = await program.answer(form_token(await program.ask()), decision="deny", scope="account")
    assert back.status == 303
    assert {name: value for name, value in arrived(back).items() if name != "error_description"} == {
        "error": "access_denied",
        "state": "s1",
        "iss": ISSUER,
    }
    assert await grants(program) == []


async def test_one_inbox(program: Program) -> None:
    page = await program.ask(resource=ISSUER + "/mcp")
    back = await program.answer(
        form_token(page), decision="allow", scope="agent", agent_choice=f"existing:{AGENT.upper()}"
    )
    assert set(arrived(back)) == {"code", "state", "iss"}
    assert await grants(program) == [{"scope": "agent", "agent_email": AGENT, "resource": ISSUER + "/mcp"}]


@pytest.mark.parametrize(
    ("typed", "made"),
    [
        ("post", "post@agents.localhost"),
        ("Post@agents.test", "post@agents.test"),
        ("", re.compile(r"postbote-[0-9a-f]{6}@agents\.localhost")),
    ],
)
async def test_a_new_inbox(program: Program, caller: Caller, typed: str, made: str | re.Pattern[str]) -> None:
    await program.client.services.db.execute(
        "insert into domains (domain, account_id, verified, verification_token)"
        " values ('agents.localhost', null, true, 'x')"
    )
    page = await program.ask()
    back = await program.answer(
        form_token(page), decision="allow", scope="agent", agent_choice="create_new", address=typed
    )
    assert back.status == 303, back.text
    (grant,) = await grants(program)
    assert re.fullmatch(made, grant["agent_email"])
    name = await program.client.services.db.fetch_value(
        "select name from agents where email = %(email)s and account_id = %(account)s",
        {"email": grant["agent_email"], "account": caller.account_id},
    )
    assert name == "Postbote"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"agent_choice": f"existing:{FOREIGN}"}, 404, "There is no such inbox in your account"),
        ({"agent_choice": "existing:nobody@agents.test"}, 404, "There is no such inbox in your account"),
        ({"agent_choice": "existing:", "address": FOREIGN}, 404, "There is no such inbox in your account"),
        ({"agent_choice": "existing:"}, 400, "Type the address"),
        ({"agent_choice": "whatever"}, 400, "Choose an inbox"),
        ({}, 400, "Choose an inbox"),
        ({"agent_choice": "create_new", "address": AGENT}, 409, "exists already"),
        ({"agent_choice": "create_new", "address": FOREIGN}, 409, "exists already"),
        ({"agent_choice": "create_new", "address": "x@example.net"}, 400, "not registered"),
        ({"agent_choice": "create_new", "address": '<b>"'}, 400, "2 to 40 characters"),
        ({"agent_choice": "create_new", "address": "postmaster"}, 400, "reserved"),
    ],
)
async def test_an_answer_that_cannot_be_taken_can_be_mended(
    program: Program, fields: dict[str, str], status: int, words: str
) -> None:
    page = await program.ask()
    again = await program.answer(form_token(page), decision="allow", scope="agent", **fields)
    assert is_page(again, status)
    assert words in again.text
    assert "<b>" not in again.text
    assert await grants(program) == []
    back = await program.answer(form_token(again), decision="allow", scope="agent", agent_choice=f"existing:{AGENT}")
    assert back.status == 303


async def test_who_has_signed_in_is_asked_what_was_asked(program: Program) -> None:
    cookie, program.cookie = program.cookie, ""
    asked = await program.ask(state="a b&c=ü")
    sign_in = await program.client.get(asked.headers["location"])
    assert (sign_in.status, sign_in.headers["content-type"]) == (200, "text/html; charset=utf-8")
    program.cookie = cookie
    onward = parse_qs(urlsplit(asked.headers["location"]).query)["next"][0]
    page = await program.client.get(onward, headers=program.browser())
    assert arrived(await program.answer(form_token(page), decision="deny"))["state"] == "a b&c=ü"


async def test_an_inbox_in_the_trash_is_none(program: Program) -> None:
    page = await program.ask()
    await program.client.services.db.execute("update agents set deleted_at = now()")
    choice = {"agent_choice": f"existing:{AGENT}"}
    assert is_page(await program.answer(form_token(page), decision="allow", scope="agent", **choice), 404)
    assert AGENT not in (await program.ask()).text


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        (None, {"agent", "account"}),
        ("account", {"agent", "account"}),
        ("mcp offline_access", {"agent", "account"}),
        ("agent openid", {"agent"}),
    ],
)
async def test_nothing_wider_than_was_asked_is_given(program: Program, asked: str | None, offered: set[str]) -> None:
    page = await program.ask(scope=asked)
    assert {scope for scope in ("agent", "account") if f'value="{scope}"' in page.text} == offered
    back = await program.answer(form_token(page), decision="allow", scope="account")
    assert (back.status == 303) == ("account" in offered)
    assert is_page(await program.answer(form_token(page), decision="allow", scope="everything"), 400)
    assert is_page(await program.answer(form_token(page), decision="maybe", scope="agent"), 400)


async def test_many_inboxes_are_not_all_listed(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'value="existing:"' not in (await program.ask()).text
    monkeypatch.setattr("e2ad.gateway.oauth_consent.MOST_LISTED", 0)
    monkeypatch.setattr("e2ad.api.oauth_pages.MOST_LISTED", 0)
    page = await program.ask()
    assert f'value="existing:{AGENT}"' not in page.text
    assert 'value="existing:"' in page.text
    choice = {"agent_choice": "existing:", "address": f" {AGENT} "}
    assert (await program.answer(form_token(page), decision="allow", scope="agent", **choice)).status == 303


# Forgery


async def test_a_form_of_another_session(program: Program, caller: Caller) -> None:
    token = form_token(await program.ask())
    sessions, mine = program.client.services.sessions, program.cookie
    for cookie in (await sessions.begin(caller.account_id), "sess_" + "0" * 64, ""):
        program.cookie = cookie
        assert is_page(await program.answer(token, decision="allow", scope="account"), 400)
    program.cookie = mine
    await sessions.end(mine)
    assert is_page(await program.answer(token, decision="allow", scope="account"), 400)
    assert await grants(program) == []


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"origin": ISSUER}, True),
        ({}, True),
    ],
)
async def test_a_form_from_another_site(program: Program, headers: dict[str, str], ours: bool) -> None:
    token = form_token(await program.ask())
    answer = await program.answer(token, decision="allow", scope="account", headers=headers)
    assert answer.status == 303 if ours else is_page(answer, 400)


async def test_a_form_that_was_changed(program: Program) -> None:
    token = form_token(await program.ask())
    payload, _, mac = token.partition(".")
    other = form_token(await program.ask(state="s2"))
    for forged in ("", "x", payload, f"{payload}.", f"{payload}.{mac[:-1]}", f"{other.partition('.')[0]}.{mac}"):
        assert is_page(await program.answer(forged, decision="allow", scope="account"), 400)
    # What a forger adds beside the signed request changes nothing.
    back = await program.answer(
        token, decision="allow", scope="account", redirect_uri="https://evil.example/", state="evil", client_id="x"
    )
    assert arrived(back)["state"] == "s1"


async def test_a_form_gets_old(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2ad.gateway.oauth.FORM_SECONDS", -1)
    assert is_page(await program.answer(form_token(await program.ask()), decision="allow", scope="account"), 400)


async def test_a_token_of_another_purpose_is_no_form(program: Program) -> None:
    payload = form_token(await program.ask()).partition(".")[0]
    request = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    forged = signed_token(program.client.services.keys.current, request)
    assert is_page(await program.answer(forged, decision="allow", scope="account"), 400)


async def test_each_answer_makes_a_code_of_its_own(program: Program) -> None:
    token = form_token(await program.ask())
    codes: set[str] = set()

    async def one() -> None:
        codes.add(arrived(await program.answer(token, decision="allow", scope="account"))["code"])

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(one)
    assert len(codes) == 3
    assert [(await program.exchange(code)).status for code in sorted(codes)] == [200, 200, 200]


async def test_without_a_url_of_its_own_a_deployment_lets_nobody_in(program: Program) -> None:
    program.client.services.public_url = ""
    answer = await program.ask()
    assert is_page(answer, 501)
    assert "http.public_url" in unquote(answer.text)
