"""OAuth as a program sees it: registering, tokens, what they open, and how they end."""

import hashlib
from typing import Any

import pytest
import trio

from tests.api.authorizing import CHALLENGE, ISSUER, REDIRECT, VERIFIER, Program
from tests.api.conftest import Caller, Client

AGENT = "bot@agents.test"


@pytest.fixture
async def program(client: Client, caller: Caller, api: Any) -> Program:
    """A registered program, and the account's owner signed in; the client has no key of its own."""
    client.key = None
    client.services.public_url = ISSUER
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    program = Program(client, cookie=await client.services.sessions.begin(caller.account_id))
    assert (await program.register()).status == 201
    return program


def words(answer: Any) -> tuple[int, str]:
    assert set(answer.json()) == {"error", "error_description", "request_id"}
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    return answer.status, answer.json()["error"]


# Who we are


async def test_the_metadata_document(program: Program) -> None:
    answer = await program.client.get("/.well-known/oauth-authorization-server")
    document = answer.json()
    assert (answer.status, document["issuer"]) == (200, ISSUER)
    assert document["authorization_endpoint"] == f"{ISSUER}/oauth2/authorize"
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["token_endpoint_auth_methods_supported"] == ["none"]
    assert document["scopes_supported"] == ["agent", "account"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert {"authorization_code", "refresh_token"} <= set(document["grant_types_supported"])


@pytest.mark.parametrize("path", ["", "/mcp", "/v1"])
async def test_what_is_protected_says_by_whom(program: Program, path: str) -> None:
    document = (await program.client.get(f"/.well-known/oauth-protected-resource{path}")).json()
    assert (document["resource"], document["authorization_servers"]) == (ISSUER + path, [ISSUER])


async def test_a_deployment_without_a_url_has_no_oauth(client: Client) -> None:
    assert words(await client.get("/.well-known/oauth-authorization-server")) == (501, "not_implemented")


# Registering


async def test_registering(program: Program) -> None:
    answer = await program.register(
        client_name="Fern",
        token_endpoint_auth_method="client_secret_post",
        software_id="x",
        grant_types=["authorization_code"],
    )
    document = answer.json()
    assert document["client_id"].startswith("mcp_")
    assert len(document["client_id"]) == 16
    assert document.pop("client_id_issued_at") > 1_700_000_000
    assert document == {
        "client_id": program.id,
        "client_name": "Fern",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "agent account",
    }
    shown = await program.client.get(f"/oauth2/clients/{program.id}")
    assert (shown.status, shown.json()["client_name"]) == (200, "Fern")


async def test_what_is_null_is_not_said(program: Program) -> None:
    answer = await program.register(client_name=None, grant_types=None, response_types=None, contacts=None)
    assert (answer.status, answer.json()["client_name"]) == (201, "")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"redirect_uris": REDIRECT}, "invalid_redirect_uri"),
        ({"redirect_uris": [7]}, "invalid_redirect_uri"),
        ({"redirect_uris": [f"{REDIRECT}/{number}" for number in range(11)]}, "invalid_redirect_uri"),
        ({"redirect_uris": [REDIRECT, "http://app.example/"]}, "invalid_redirect_uri"),
        ({"client_name": "x" * 201}, "invalid_client_metadata"),
        ({"client_name": 7}, "invalid_client_metadata"),
        ({"client_name": "a\0b"}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
    ],
)
async def test_what_cannot_be_registered(program: Program, changes: dict[str, Any], error: str) -> None:
    assert words(await program.register(**changes)) == (400, error)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"client_name":"\\ud800"}', b"[" * 20_000])
async def test_what_is_no_registration(program: Program, raw: bytes) -> None:
    status, error = words(await program.client.post("/oauth2/register", raw=raw))
    assert (status, error) in ((400, "invalid_client_metadata"), (400, "invalid_redirect_uri"))


async def test_a_form_is_no_registration(program: Program) -> None:
    assert words(await program.form("/oauth2/register", {"redirect_uris": REDIRECT})) == (
        400,
        "invalid_client_metadata",
    )


async def test_guesses_are_counted_by_address(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2ad.api.oauth.TOKENS_PER_MINUTE", 2)
    seen = [(await program.refresh("rte2a_guess")).status for _ in range(2)]
    assert [*seen, (await program.form("/oauth2/revoke", {"token": "rte2a_guess"})).status] == [400, 400, 429]
    program.client.address = "2001:db8::1"
    assert (await program.refresh("rte2a_guess")).status == 400


async def test_a_registration_that_is_too_large(program: Program) -> None:
    assert words(await program.client.post("/oauth2/register", raw=b" " * 70_000)) == (413, "invalid_request")


async def test_registrations_are_counted_by_address(program: Program) -> None:
    for _ in range(9):
        assert (await program.register()).status == 201
    answer = await program.register()
    assert words(answer) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 1
    program.client.address = "192.0.2.8"
    assert (await program.register()).status == 201


async def test_looking_programs_up_is_counted_too(program: Program) -> None:
    seen = [(await program.client.get("/oauth2/clients/mcp_000000000000")).status for _ in range(11)]
    assert seen == [404] * 10 + [429]


# The whole way


@pytest.mark.parametrize("prefix", ["/oauth2", "/api/oauth"])
async def test_the_whole_way(program: Program, caller: Caller, prefix: str) -> None:
    code = await program.code(scope="agent", choice=f"existing:{AGENT}")
    assert code.startswith("oace_")
    form = {"grant_type": "authorization_code", "code": code, "client_id": program.id, "code_verifier": VERIFIER}
    answer = await program.form(f"{prefix}/token", form)
    tokens = answer.json()
    assert (answer.status, tokens["token_type"], tokens["expires_in"], tokens["scope"]) == (
        200,
        "Bearer",
        3600,
        "agent",
    )
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert tokens["access_token"].startswith("ate2a_")
    assert tokens["refresh_token"].startswith("rte2a_")

    account = (await program.account(tokens["access_token"])).json()
    assert (account["scope"], account["agent_email"]) == ("agent", AGENT)
    inbox = await program.client.get(f"/v1/agents/{AGENT}/messages", key=tokens["access_token"])
    assert inbox.status == 200
    assert (await program.client.get("/v1/agents", key=tokens["access_token"])).status == 403

    renewed = (await program.refresh(tokens["refresh_token"])).json()
    assert renewed["access_token"] != tokens["access_token"]
    assert (await program.account(renewed["access_token"])).status == 200

    gone = await program.form(f"{prefix}/revoke", {"token": renewed["refresh_token"], "client_id": program.id})
    assert (gone.status, gone.body) == (200, b"{}")
    program.client.services.access.forget(caller.account_id)
    for one in (tokens, renewed):
        assert (await program.account(one["access_token"])).status == 401
        assert words(await program.refresh(one["refresh_token"])) == (400, "invalid_grant")


async def test_the_whole_account(program: Program) -> None:
    token = (await program.tokens())["access_token"]
    assert (await program.account(token)).json()["scope"] == "account"
    assert (await program.client.get("/v1/agents", key=token)).status == 200
    assert (await program.client.get("/api/v1/agents", key=token)).status == 200


async def test_nothing_secret_is_stored(program: Program) -> None:
    code = await program.code()
    tokens = (await program.exchange(code)).json()
    rows = await program.client.services.db.fetch_all(
        "select oauth_codes::text as row from oauth_codes union all select oauth_tokens::text from oauth_tokens"
    )
    everything = "".join(row["row"] for row in rows)
    for secret in (code, tokens["access_token"], tokens["refresh_token"]):
        assert secret not in everything
        assert hashlib.sha256(secret.encode()).hexdigest() in everything


# Codes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"code_verifier": "w" * 43}, (400, "invalid_grant")),
        ({"code_verifier": CHALLENGE}, (400, "invalid_grant")),  # what `plain` would take
        ({"code_verifier": "v"}, (400, "invalid_grant")),
        ({"code_verifier": None}, (400, "invalid_request")),
        ({"redirect_uri": REDIRECT + "/"}, (400, "invalid_grant")),
        ({"redirect_uri": "https://evil.example/"}, (400, "invalid_grant")),
        ({"client_id": "mcp_000000000000"}, (401, "invalid_client")),
        ({"client_id": None}, (400, "invalid_request")),
        ({"code": "oace_" + "x" * 43}, (400, "invalid_grant")),
        ({"code": "rte2a_" + "x" * 43}, (400, "invalid_grant")),
        ({"code": None}, (400, "invalid_request")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"grant_type": "client_credentials"}, (400, "unsupported_grant_type")),
        ({"grant_type": None}, (400, "invalid_request")),
        ({"resource": "https://other.example/mcp"}, (400, "invalid_target")),
        ({"client_id": ["a", "b"]}, (400, "invalid_request")),
        ({"code": "oace_\0"}, (400, "invalid_request")),
    ],
)
async def test_a_code_is_refused(program: Program, changes: dict[str, Any], expected: tuple[int, str]) -> None:
    code = await program.code()
    assert words(await program.exchange(code, **changes)) == expected
    # What was refused has not used it up.
    assert (await program.exchange(code)).status == 200


async def test_another_programs_code(program: Program) -> None:
    code = await program.code()
    mine = program.id
    await program.register(client_name="Another")
    assert words(await program.exchange(code)) == (400, "invalid_grant")
    program.id = mine
    assert (await program.exchange(code)).status == 200


@pytest.mark.parametrize("raw", [b"\xff=1", b"grant_type=%ff", b"&".join([b"a=1"] * 60)])
async def test_a_form_that_cannot_be_read(program: Program, raw: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await program.client.post("/oauth2/token", raw=raw, headers=headers)
    assert words(answer) == (400, "invalid_request")


async def test_json_is_no_form(program: Program) -> None:
    assert words(await program.client.post("/oauth2/token", {"grant_type": "refresh_token"})) == (
        400,
        "invalid_request",
    )


async def test_a_code_lasts_a_minute(program: Program) -> None:
    code = await program.code()
    await age(program, "update oauth_codes set expires_at = expires_at - interval '61 seconds'")
    assert words(await program.exchange(code)) == (400, "invalid_grant")


async def test_a_second_use_of_a_code_ends_what_it_gave(program: Program, caller: Caller) -> None:
    code = await program.code()
    tokens = (await program.exchange(code)).json()
    assert (await program.account(tokens["access_token"])).status == 200
    assert words(await program.exchange(code, code_verifier="w" * 43)) == (400, "invalid_grant")
    program.client.services.access.forget(caller.account_id)
    assert (await program.account(tokens["access_token"])).status == 401
    assert words(await program.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


async def test_of_two_exchanges_at_once_one_wins(program: Program) -> None:
    code = await program.code()
    statuses = []

    async def one() -> None:
        statuses.append((await program.exchange(code)).status)

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(one)
    assert sorted(statuses) == [200, 400, 400, 400, 400, 400]


# Access tokens


@pytest.mark.parametrize(
    ("statement", "description"),
    [
        ("update oauth_tokens set expires_at = now() - interval '1 second'", "the access token has expired"),
        ("update oauth_grants set revoked_at = now()", "the access token is invalid"),
        ("delete from oauth_tokens", "the access token is invalid"),
        ("update agents set deleted_at = now()", "the access token is invalid"),
    ],
)
async def test_a_dead_access_token_says_why(program: Program, statement: str, description: str) -> None:
    token = (await program.tokens(scope="agent", choice=f"existing:{AGENT}"))["access_token"]
    await age(program, statement)
    for path in ("/v1/account", f"/v1/agents/{AGENT}/ws"):
        answer = await program.client.get(path, key=token)
        assert (answer.status, answer.code) == (401, "unauthorized")
        challenge = f'Bearer realm="e2a", error="invalid_token", error_description="{description}"'
        assert answer.headers["www-authenticate"] == challenge
    classic = await program.client.get("/api/v1/agents", key=token)
    assert (classic.status, classic.text) == (401, "unauthorized\n")
    assert classic.headers["www-authenticate"] == challenge


@pytest.mark.parametrize("token", ["ate2a_", "ate2a_" + "x" * 43, "ate2a_" + "x" * 44, "ate2a_ä"])
async def test_no_access_token_at_all(program: Program, token: str) -> None:
    answer = await program.account(token)
    assert answer.status == 401
    assert 'error_description="the access token is invalid"' in answer.headers["www-authenticate"]


async def test_a_refresh_token_and_a_code_open_nothing(program: Program) -> None:
    code = await program.code()
    tokens = (await program.exchange(code)).json()
    for text in (code, tokens["refresh_token"], "ate2a_" + tokens["refresh_token"].removeprefix("rte2a_")):
        assert (await program.account(text)).status == 401


async def test_a_cached_token_ends_with_its_hour(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    token = (await program.tokens())["access_token"]
    await age(program, "update oauth_tokens set expires_at = now() + interval '0.4 seconds' where kind = 'access'")
    assert (await program.account(token)).status == 200
    await trio.sleep(0.5)
    assert "expired" in (await program.account(token)).headers["www-authenticate"]


async def test_a_token_costs_one_statement_once(program: Program) -> None:
    token = (await program.tokens())["access_token"]
    access, db = program.client.services.access, program.client.services.db
    before = db.statements
    await access.resolve(f"Bearer {token}")
    await access.resolve(f"Bearer {token}")
    assert db.statements == before + 1
    await access.write_touches()
    assert db.statements == before + 1  # it is no API key whose last use is noted


# Refreshing


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_id": "mcp_000000000000"}, (401, "invalid_client")),
        ({"refresh_token": "rte2a_" + "x" * 43}, (400, "invalid_grant")),
        ({"refresh_token": "x" * 300}, (400, "invalid_grant")),
        ({"refresh_token": ""}, (400, "invalid_request")),
        ({"scope": "agent"}, (400, "invalid_scope")),
        ({"resource": "https://other.example/"}, (400, "invalid_target")),
        ({"resource": ISSUER + "/v1"}, (400, "invalid_target")),
    ],
)
async def test_a_refresh_is_refused(program: Program, changes: dict[str, Any], expected: tuple[int, str]) -> None:
    tokens = await program.tokens(resource=ISSUER + "/mcp")
    assert words(await program.refresh(tokens["refresh_token"], **changes)) == expected
    renewed = await program.refresh(tokens["refresh_token"], scope="account", resource=ISSUER + "/mcp/")
    assert renewed.status == 200


async def test_a_refresh_token_lasts_thirty_days(program: Program) -> None:
    tokens = await program.tokens()
    await age(program, "update oauth_tokens set expires_at = expires_at - interval '30 days'")
    assert words(await program.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


async def test_a_refresh_token_that_was_used_ends_the_grant(program: Program, caller: Caller) -> None:
    tokens = await program.tokens()
    renewed = (await program.refresh(tokens["refresh_token"])).json()
    await age(program, "update oauth_tokens set rotated_at = rotated_at - interval '11 seconds'")
    assert words(await program.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    program.client.services.access.forget(caller.account_id)
    assert (await program.account(renewed["access_token"])).status == 401
    assert words(await program.refresh(renewed["refresh_token"])) == (400, "invalid_grant")
    reason = await program.client.services.db.fetch_value("select revoked_reason from oauth_grants")
    assert reason == "refresh_token_reused"


async def test_who_got_no_answer_may_ask_again(program: Program, caller: Caller) -> None:
    tokens = await program.tokens()
    lost = (await program.refresh(tokens["refresh_token"])).json()
    again = (await program.refresh(tokens["refresh_token"])).json()
    assert (await program.account(again["access_token"])).status == 200
    # The pair that nobody got is dead, and who has it after all gives itself away.
    assert (await program.account(lost["access_token"])).status == 401
    assert words(await program.refresh(lost["refresh_token"])) == (400, "invalid_grant")
    program.client.services.access.forget(caller.account_id)
    assert (await program.account(again["access_token"])).status == 401


async def test_a_retry_after_the_answer_was_used_is_none(program: Program) -> None:
    tokens = await program.tokens()
    renewed = (await program.refresh(tokens["refresh_token"])).json()
    newest = (await program.refresh(renewed["refresh_token"])).json()
    assert words(await program.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert words(await program.refresh(newest["refresh_token"])) == (400, "invalid_grant")


async def test_of_many_refreshes_at_once_one_pair_lives(program: Program) -> None:
    tokens = await program.tokens()
    pairs: list[dict[str, Any]] = []

    async def one() -> None:
        answer = await program.refresh(tokens["refresh_token"])
        assert answer.status == 200
        pairs.append(answer.json())

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(one)
    program.client.services.access.clear()
    alive = [pair for pair in pairs if (await program.account(pair["access_token"])).status == 200]
    assert len(alive) == 1


# Ends


async def test_an_access_token_given_back_ends_alone(program: Program, caller: Caller) -> None:
    tokens = await program.tokens()
    assert (await program.account(tokens["access_token"])).status == 200
    assert (await program.form("/oauth2/revoke", {"token": tokens["access_token"]})).status == 200
    program.client.services.access.forget(caller.account_id)
    assert (await program.account(tokens["access_token"])).status == 401
    assert (await program.refresh(tokens["refresh_token"])).status == 200


async def test_what_cannot_be_given_back(program: Program) -> None:
    tokens = await program.tokens()
    assert words(await program.form("/oauth2/revoke", {"client_id": program.id})) == (400, "invalid_request")
    stolen = {"token": tokens["refresh_token"], "client_id": "mcp_000000000000", "token_type_hint": "access_token"}
    assert words(await program.form("/oauth2/revoke", stolen)) == (401, "invalid_client")
    unknown = await program.form("/oauth2/revoke", {"token": "rte2a_unknown", "token_type_hint": "nonsense"})
    assert unknown.status == 200
    assert (await program.refresh(tokens["refresh_token"])).status == 200


async def test_the_owner_ends_it(program: Program, caller: Caller) -> None:
    client = program.client
    tokens = await program.tokens(scope="agent", choice=f"existing:{AGENT}")
    (found,) = (await client.get("/v1/account/connections", key=caller.key)).json()["items"]
    assert {name: found[name] for name in ("client_id", "client_name", "scope", "agent_email")} == {
        "client_id": program.id,
        "client_name": "Postbote",
        "scope": "agent",
        "agent_email": AGENT,
    }
    assert "expires_at" in found
    assert "revoked_at" not in found
    path = f"/v1/account/connections/{found['id']}?confirm=DELETE"
    refused = await client.delete(path, key=tokens["access_token"])
    assert (refused.status, refused.code) == (403, "forbidden")
    assert (await client.delete(path, key=caller.key)).json() == {"deleted": True, "id": found["id"]}
    assert (await client.delete(path, key=caller.key)).status == 404
    client.services.access.forget(caller.account_id)
    assert (await program.account(tokens["access_token"])).status == 401
    assert words(await program.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    (ended,) = (await client.get("/v1/account/connections", key=caller.key)).json()["items"]
    assert "revoked_at" in ended


async def test_an_inbox_in_the_trash_ends_its_grants_for_good(program: Program, caller: Caller) -> None:
    tokens = await program.tokens(scope="agent", choice=f"existing:{AGENT}")
    whole = await program.tokens()
    unused = await program.code(scope="agent", choice=f"existing:{AGENT}")
    for method, path in (("DELETE", f"/v1/agents/{AGENT}?confirm=DELETE"), ("POST", f"/v1/agents/{AGENT}/restore")):
        assert (await program.client.request(method, path, key=caller.key)).status == 200
        assert (await program.account(tokens["access_token"])).status == 401
        assert words(await program.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
        assert words(await program.exchange(unused)) == (400, "invalid_grant")
    assert (await program.account(whole["access_token"])).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods(program: Program, method: str) -> None:
    assert (await program.client.request(method, "/oauth2/token")).status == 405
    assert (await program.client.request(method, "/oauth2/nothing")).status == 404


async def age(program: Program, statement: str) -> None:
    """Let time pass, or something happen, in the tables; nothing is remembered of before."""
    await program.client.services.db.execute(statement)
    program.client.services.access.clear()
