"""The API without a network: an app over a real database, called through ASGI itself."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import attrs
import pytest
import trio
from attrs import define, field, frozen

from e2ad.api.app import OPERATIONS, Api, build_app
from e2ad.api.dispatch import OperationEndpoint
from e2ad.api.exchange import Exchange
from e2ad.api.openapi import raised
from e2ad.api.routing import MethodUnknown
from e2ad.api.services import Services
from e2ad.config.sections import Config
from e2ad.core import errors
from e2ad.core.errors import InvalidRequest
from e2ad.core.sealing import KeyRing
from e2ad.core.signing import key_hash
from e2ad.gateway.accounts import bootstrap
from e2ad.gateway.mint import new_id, new_secret
from e2ad.storage import accounts
from e2ad.storage.pool import Database
from tests.zone import Zone, guard

SECRET = "a deployment secret of the tests, long enough"


@frozen
class Answer:
    """What a client sees."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def code(self) -> str:
        """The error code of an envelope."""
        return str(self.json()["error"]["code"])

    @property
    def fields(self) -> list[str]:
        """The locations of a validation error."""
        return [entry["location"] for entry in self.json()["error"]["details"]["fields"]]


@frozen
class Caller:
    """An account with a key."""

    account_id: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@define
class Client:
    """Calls the app as Hypercorn would."""

    app: Api
    services: Services
    key: str | None = None
    address: str = "192.0.2.7"
    chunks: int = 65536
    sent: list[bytes] = field(factory=list)

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        raw: bytes | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Answer:
        path, _, given = path.partition("?")
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        names = {"host": "test", **{name.lower(): value for name, value in (headers or {}).items()}}
        if content:
            names.setdefault("content-type", "application/json")
            names.setdefault("content-length", str(len(content)))
        if (key or self.key) and "authorization" not in names:
            names["authorization"] = f"Bearer {key or self.key}"
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": quote(path, safe="/%@:+~!$&'()*,;=").encode(),
            "query_string": (urlencode(query, doseq=True) if query else given).encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in names.items() if value],
            "client": (self.address, 40000),
            "server": ("127.0.0.1", 8080),
            "state": {},
            "extensions": {},
        }
        parts = [content[at : at + self.chunks] for at in range(0, len(content), self.chunks)] or [b""]
        self.sent = []

        async def receive() -> Any:
            await trio.lowlevel.checkpoint()
            if not parts:
                await trio.sleep_forever()
            part = parts.pop(0)
            self.sent.append(part)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        status, got, chunks = 0, dict[str, str](), list[bytes]()

        async def send(event: Any) -> None:
            nonlocal status, got
            await trio.lowlevel.checkpoint()
            if event["type"] == "http.response.start":
                status = event["status"]
                got = {bytes(name).decode(): bytes(value).decode("latin-1") for name, value in event["headers"]}
            elif event["type"] == "http.response.body":
                chunks.append(event.get("body", b""))

        await self.app(scope, receive, send)
        answer = Answer(status, got, b"".join(chunks))
        self._check_document(scope, answer)
        return answer

    def _check_document(self, scope: Mapping[str, Any], answer: Answer) -> None:
        """Whatever a test makes an operation say, its document has said that it may."""
        exchange = Exchange.from_scope(scope, trio.sleep_forever, (), lease=self.services.bodies.lease())
        try:
            found = self.app.router.find(exchange.method, exchange.segments())
        except (MethodUnknown, InvalidRequest):
            return
        if found is None or not isinstance(found[0], OperationEndpoint) or not exchange.raw_path.startswith("/v1/"):
            return
        operation = found[0].operation
        if operation not in OPERATIONS:  # one that a test has made up
            return
        if answer.status < 400:
            assert answer.status in operation.success, f"{operation.id} does not say that it answers {answer.status}"
        elif answer.status != 500:
            said = {(row.status, row.code) for row in map(errors.answer, (failure() for failure in raised(operation)))}
            assert (answer.status, answer.code) in said, f"{operation.id} does not say: {answer.status} {answer.code}"

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.request("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.request("POST", path, body=body, **more)

    async def put(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.request("PUT", path, body=body, **more)

    async def patch(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.request("PATCH", path, body=body, **more)

    async def delete(self, path: str, **more: Any) -> Answer:
        return await self.request("DELETE", path, **more)


async def make_caller(
    database: Database, email: str = "owner@example.com", *, scope: str = "account", agent_email: str | None = None
) -> Caller:
    """An account (once for each address) and a fresh key of it."""
    account = await accounts.find_account(database, email)
    account_id = account.id if account else new_id("")
    if account is None:
        await accounts.insert_account(database, accounts.Account(account_id, email, "", "standard"))
    key = new_secret("e2a_agt_" if agent_email else "e2a_acct_")
    await accounts.insert_key(
        database,
        accounts.NewKey(account_id, new_id("apk_"), "test", key_hash(key), key[:16], scope, agent_email, None),
    )
    return Caller(account_id, key)


async def make_agent(database: Database, account_id: str, email: str) -> None:
    """A live agent, with its domain."""
    domain = email.rpartition("@")[2]
    async with database.connection() as connection:
        await connection.execute(
            "insert into domains (domain, account_id, verified, verification_token) values (%(domain)s, %(account)s,"
            " true, 'x') on conflict do nothing",
            {"domain": domain, "account": account_id},
        )
        await connection.execute(
            "insert into agents (email, account_id, domain, registered_domain) values (%(email)s, %(account)s,"
            " %(domain)s, %(domain)s)",
            {"email": email, "account": account_id, "domain": domain},
        )


@pytest.fixture
async def caller(database: Database) -> Caller:
    """An account credential."""
    return await make_caller(database)


@pytest.fixture
def zone() -> Zone:
    """What the deployment's DNS says."""
    return Zone()


@pytest.fixture
async def services(database: Database, zone: Zone) -> Services:
    """The services over the test's database, on the shared domain `agents.localhost`."""
    config = attrs.evolve(Config(), shared_domain="agents.localhost")
    return Services.build(database, config, KeyRing((SECRET,)), egress=guard(zone), resolver=zone)


@pytest.fixture
async def client(services: Services, caller: Caller) -> Client:
    """The app, called with the account's key."""
    return Client(build_app(services), services, caller.key)


@pytest.fixture
async def stranger(client: Client) -> str:
    """The key of another account."""
    return (await bootstrap(client.services.db, client.services.keys, "stranger@example.com")).api_key


@pytest.fixture
def api() -> Any:
    """`make_caller` and `make_agent`, for tests that need more than one account."""
    return SimpleNamespace(make_caller=make_caller, make_agent=make_agent)
