"""Agents that show who they are: the assertion, what it is exchanged for, what that opens, and how all of it ends."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from e2ad.api.app import build_app
from e2ad.api.services import Services
from e2ad.api.stream import StreamHandler, _Admitted
from e2ad.config.sections import Config
from e2ad.core.identity import ACCESS, ASSERTION, Identity, SigningKey
from e2ad.core.sealing import KeyRing
from e2ad.delivery.hub import Hub
from e2ad.gateway import identity as gateway
from e2ad.gateway.mint import now
from e2ad.storage.pool import Database
from e2ad.storage.stream import StreamReads
from tests.api.conftest import SECRET, Answer, Client
from tests.zone import Zone, guard

ISSUER = "https://mail.example.com"
AGENT = "a@x.test"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

_private = rsa.generate_private_key(65537, 2048)
KEY = SigningKey.read(_private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "v1")


def deployment(database: Database, zone: Zone, key: SigningKey | None) -> Services:
    config = Config()
    config = attrs.evolve(config, http=attrs.evolve(config.http, public_url=ISSUER + "/"))
    return Services.build(database, config, KeyRing((SECRET,)), egress=guard(zone), resolver=zone, identity_key=key)


@pytest.fixture
def services(database: Database, zone: Zone) -> Services:
    """The services of a deployment with a signing key."""
    return deployment(database, zone, KEY)


@pytest.fixture
async def agent(client: Client, caller: Any, api: Any) -> str:
    """The key of an inbox."""
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    made = await client.post("/v1/account/api-keys", {"scope": "agent", "agent_email": AGENT, "name": "agent"})
    return str(made.json()["key"])


async def assertion(client: Client, key: str) -> str:
    answer = await client.post("/agent/identity", key=key)
    assert answer.status == 200, answer.text
    return str(answer.json()["assertion"])


async def exchange(client: Client, text: str, **changes: str) -> Answer:
    fields = {"grant_type": JWT_BEARER, "assertion": text} | changes
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await client.post("/oauth2/token", raw=urlencode(fields).encode(), headers=headers)


async def access(client: Client, key: str) -> str:
    return str((await exchange(client, await assertion(client, key))).json()["access_token"])


async def works(client: Client, token: str) -> int:
    return (await client.get(f"/v1/agents/{AGENT}/messages", key=token)).status


async def test_the_way(client: Client, agent: str, services: Services) -> None:
    answer = await client.post("/agent/identity", key=agent)
    body = answer.json()
    assert (body["agent_email"], body["token_endpoint"]) == (AGENT, f"{ISSUER}/oauth2/token")
    assert answer.headers["cache-control"] == "no-store"
    stated = KEY.read_token(body["assertion"], ISSUER, ASSERTION, now())
    assert stated.agent_email == AGENT
    assert abs(stated.expires_at - now() - timedelta(days=30)) < timedelta(minutes=1)

    given = await exchange(client, body["assertion"])
    assert given.headers["cache-control"] == "no-store"
    token = given.json()
    assert {name: value for name, value in token.items() if name != "access_token"} == {
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "agent",
    }
    account = (await client.get("/v1/account", key=token["access_token"])).json()
    assert (account["scope"], account["agent_email"]) == ("agent", AGENT)
    assert await works(client, token["access_token"]) == 200
    before = services.db.statements
    assert await works(client, token["access_token"]) == 200
    assert services.db.statements <= before + 2  # the list, and now and then the rate: nothing for the token


async def test_the_scope_is_the_agents(client: Client, agent: str, api: Any, caller: Any) -> None:
    await api.make_agent(client.services.db, caller.account_id, "b@x.test")
    token = await access(client, agent)
    assert (await client.get("/v1/account/api-keys", key=token)).status == 403
    assert (await client.get("/v1/agents/b@x.test/messages", key=token)).status == 403
    assert (await client.get("/v1/agents/c@x.test/messages", key=token)).status == 404


async def test_the_socket_takes_it(client: Client, agent: str) -> None:
    token = await access(client, agent)
    hub = Hub(StreamReads(client.services.db), KeyRing([SECRET]), client.services.config.websocket)
    handler = StreamHandler(client.services, hub)
    assert (await handler._admit(_Admitted(AGENT, f"Bearer {token}", False))).email == AGENT


async def test_keys_are_published(client: Client) -> None:
    answer = await client.get("/.well-known/jwks.json", key=None)
    (public,) = answer.json()["keys"]
    assert (public["kid"], public["alg"], public["kty"], public["use"]) == ("v1", "RS256", "RSA", "sig")
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(public)
    metadata = (await client.get("/.well-known/oauth-authorization-server")).json()
    assert JWT_BEARER in metadata["grant_types_supported"]


async def test_without_a_key(database: Database, zone: Zone, client: Client, agent: str) -> None:
    token = await access(client, agent)
    bare = deployment(database, zone, None)
    without = Client(build_app(bare), bare, agent)
    answer = await without.post("/agent/identity")
    assert (answer.status, answer.code) == (501, "not_implemented")
    answer = await exchange(without, "x")
    assert (answer.status, answer.json()["error"]) == (501, "not_implemented")
    assert (await without.get("/.well-known/jwks.json")).json() == {"keys": []}
    refused = await without.get("/v1/account", key=token)
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="e2a"')
    metadata = (await without.get("/.well-known/oauth-authorization-server")).json()
    assert JWT_BEARER not in metadata["grant_types_supported"]


async def test_who_gets_an_assertion(client: Client, agent: str) -> None:
    """An inbox's API key, and nothing that was made of one: else 15 minutes would be for ever."""
    assert (await client.post("/agent/identity")).status == 403
    assert (await client.post("/agent/identity", key="nonsense")).status == 401
    assert (await client.post("/agent/identity", key=await access(client, agent))).status == 403
    assert (await client.post("/agent/identity", key=await assertion(client, agent))).status == 401


async def test_an_assertion_lives_no_longer_than_its_key(client: Client, agent: str) -> None:
    until = (now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"scope": "agent", "agent_email": AGENT, "expires_at": until}
    key = (await client.post("/v1/account/api-keys", body)).json()["key"]
    assert (await client.post("/agent/identity", key=key)).json()["expires_at"] == until


async def test_requests_for_it_are_counted(client: Client, agent: str) -> None:
    statuses = [(await client.post("/agent/identity", key=agent)).status for _ in range(61)]
    assert statuses == [200] * 60 + [429]


@pytest.mark.parametrize("how", ["trash", "key"])
async def test_it_ends(client: Client, agent: str, how: str) -> None:
    old_assertion, token = await assertion(client, agent), await access(client, agent)
    other = (await client.post("/v1/account/api-keys", {"scope": "agent", "agent_email": AGENT})).json()
    if how == "trash":
        assert (await client.delete(f"/v1/agents/{AGENT}?confirm=DELETE")).status == 200
        client.services.access.forget_agent(AGENT)
        assert await works(client, token) == 401
        assert (await client.post(f"/v1/agents/{AGENT}/restore")).status == 200
        client.services.access.forget_agent(AGENT)
    else:
        assert (await client.delete(f"/v1/account/api-keys/{other['id']}?confirm=DELETE")).status == 200
    # The inbox is there and so is the key: what was given out before is worth nothing all the same.
    answer = await client.get(f"/v1/agents/{AGENT}/messages", key=token)
    assert (answer.status, 'error="invalid_token"' in answer.headers["www-authenticate"]) == (401, True)
    refused = await exchange(client, old_assertion)
    assert (refused.status, refused.json()["error"]) == (400, "invalid_grant")
    assert await works(client, agent) == 200
    assert await works(client, await access(client, agent)) == 200


async def test_an_account_key_that_goes_ends_no_agents_tokens(client: Client, agent: str) -> None:
    token = await access(client, agent)
    other = (await client.post("/v1/account/api-keys", {})).json()
    assert (await client.delete(f"/v1/account/api-keys/{other['id']}?confirm=DELETE")).status == 200
    assert await works(client, token) == 200


async def test_the_next_owner_of_an_address_is_not_the_old_one(
    client: Client, agent: str, stranger: str, database: Database
) -> None:
    """An address may be made again, by anybody who has the domain then: tokens for the old one stay worthless."""
    old_assertion, token = await assertion(client, agent), await access(client, agent)
    theirs = (await client.get("/v1/account", key=stranger)).json()["user"]["id"]
    await database.execute("delete from agents", prepare=False)
    await database.execute("update domains set account_id = %(id)s where domain = 'x.test'", {"id": theirs})
    insert = (
        "insert into agents (email, account_id, domain, registered_domain)"
        " values (%(email)s, %(id)s, 'x.test', 'x.test')"
    )
    await database.execute(insert, {"email": AGENT, "id": theirs})
    client.services.access.clear()
    assert await works(client, token) == 401
    assert (await exchange(client, old_assertion)).json()["error"] == "invalid_grant"


async def test_expired_tokens_say_so(client: Client, agent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "ACCESS_LIFETIME", timedelta(seconds=-61))
    token = await access(client, agent)
    answer = await client.get("/v1/account", key=token)
    assert answer.status == 401
    assert 'error_description="the access token has expired"' in answer.headers["www-authenticate"]
    monkeypatch.setattr(gateway, "ASSERTION_LIFETIME", timedelta(seconds=-61))
    assert (await exchange(client, await assertion(client, agent))).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"assertion": ""}, "invalid_request"),
        ({"assertion": "x"}, "invalid_grant"),
        ({"assertion": "eyJ.eyJ.x"}, "invalid_grant"),
        ({"assertion": "e2a_agt_" + "0" * 64}, "invalid_grant"),
        ({"scope": "account"}, "invalid_scope"),
        ({"scope": "agent"}, None),
    ],
)
async def test_what_is_exchanged(client: Client, agent: str, fields: Any, error: str | None) -> None:
    answer = await exchange(client, await assertion(client, agent), **fields)
    assert answer.json().get("error") == error


async def test_an_access_token_is_not_exchanged(client: Client, agent: str) -> None:
    assert (await exchange(client, await access(client, agent))).json()["error"] == "invalid_grant"


async def test_tokens_for_other_uses_are_refused(client: Client, agent: str, database: Database) -> None:
    version = await database.fetch_value("select assertion_version from agents")
    at = now()

    async def status(issuer: str, kind: Any, email: str = AGENT, number: int = version) -> int:
        token = KEY.sign(Identity(email, number, kind, "j", at, at + timedelta(minutes=5)), issuer)
        return (await client.get("/v1/account", key=token)).status

    assert await status(ISSUER, ACCESS) == 200
    assert await status(ISSUER, ASSERTION) == 401
    assert await status("https://evil.test", ACCESS) == 401
    assert await status(ISSUER, ACCESS, "nobody@x.test") == 401
    assert await status(ISSUER, ACCESS, number=version + 1) == 401
    assert await status(ISSUER, ACCESS, "A@x.test") == 401
