"""The handshake: who may listen, and how each API says no."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
import trio
from attrs import frozen
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    open_websocket,
    serve_websocket,
    wrap_client_stream,
)

from e2ad.api.services import Services
from e2ad.api.sockets import MAX_FRAME_BYTES
from e2ad.api.stream import StreamHandler
from e2ad.config import Config
from e2ad.core.sealing import KeyRing
from e2ad.core.signing import key_hash
from e2ad.delivery.hub import Hub
from e2ad.storage.pool import Database
from e2ad.storage.stream import StreamReads
from tests.zone import Zone, guard

MINE, OTHERS = "a" * 32, "b" * 32
KEYS = KeyRing(["deployment-secret-that-is-long-enough"])
ACCOUNT_KEY, AGENT_KEY = "e2a_acct_" + "ab" * 32, "e2a_agt_" + "cd" * 32
BOT, CLOUD, TRASHED, FOREIGN = (f"{name}@agents.example.com" for name in ("bot", "cloud", "trashed", "foreign"))


async def found(database: Database) -> None:
    for account, email in ((MINE, "me@example.com"), (OTHERS, "you@example.com")):
        await database.execute("insert into accounts (id, email) values (%(i)s, %(e)s)", {"i": account, "e": email})
    await database.execute(
        "insert into domains (domain, verified, verification_token) values ('agents.example.com', true, 't')"
    )
    for email, account, mode, trashed in (
        (BOT, MINE, "local", False),
        (CLOUD, MINE, "cloud", False),
        (TRASHED, MINE, "local", True),
        (FOREIGN, OTHERS, "local", False),
    ):
        await database.execute(
            "insert into agents (email, account_id, domain, registered_domain, agent_mode, deleted_at) values "
            "(%(e)s, %(a)s, 'agents.example.com', 'agents.example.com', %(m)s, case when %(t)s then now() end)",
            {"e": email, "a": account, "m": mode, "t": trashed},
        )
    for key_id, key, scope, agent in (("k1", ACCOUNT_KEY, "account", None), ("k2", AGENT_KEY, "agent", BOT)):
        await database.execute(
            "insert into api_keys (account_id, id, key_hash, key_prefix, scope, agent_email) "
            "values (%(a)s, %(i)s, %(h)s, 'e2a_', %(s)s, %(g)s)",
            {"a": MINE, "i": key_id, "h": key_hash(key), "s": scope, "g": agent},
        )


@frozen
class Refusal:
    """An answer other than 101."""

    status_code: int
    headers: dict[str, str]
    body: bytes


@frozen
class Door:
    port: int
    hub: Hub
    handler: StreamHandler

    async def refusal(self, path: str, authorization: str | None = None) -> Refusal:
        """A handshake by hand: the client library leaves its stream open when it is refused."""
        head = (
            f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        )
        if authorization is not None:
            head += f"Authorization: {authorization}\r\n"
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            await stream.send_all(head.encode() + b"\r\n")
            data = b""
            with trio.fail_after(5):
                while chunk := await stream.receive_some(65536):
                    data += chunk
                    top, found, body = data.partition(b"\r\n\r\n")
                    lines = top.decode().split("\r\n")
                    headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}
                    if found and len(body) >= int(headers["content-length"]):
                        break
            return Refusal(int(lines[0].split()[1]), headers, body)

    @asynccontextmanager
    async def listen(self, path: str, authorization: str | None) -> AsyncIterator[WebSocketConnection]:
        """A socket over a stream of ours: the library leaves its own open when the server closes."""
        headers = [] if authorization is None else [(b"authorization", authorization.encode())]
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream, trio.open_nursery() as nursery:
            yield await wrap_client_stream(nursery, stream, "x", path, extra_headers=headers)
            nursery.cancel_scope.cancel()

    def knock(self, path: str, authorization: str | None = None) -> Any:
        headers = [] if authorization is None else [(b"authorization", authorization.encode())]
        return open_websocket("127.0.0.1", self.port, path, use_ssl=False, extra_headers=headers)


@asynccontextmanager
async def door(database: Database) -> AsyncIterator[Door]:
    await found(database)
    config = Config()
    hub = Hub(StreamReads(database), KEYS, config.websocket)
    zone = Zone()
    handler = StreamHandler(Services.build(database, config, KEYS, egress=guard(zone), resolver=zone), hub)

    async def serve(request: WebSocketRequest) -> None:
        path, _, query = request.path.partition("?")
        headers = {name.decode().lower(): value.decode() for name, value in request.headers}
        await handler.handle(request, path, dict(parse_qsl(query)), headers)

    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run, trio.Event())
        server = await nursery.start(
            lambda task_status: serve_websocket(
                serve, "127.0.0.1", 0, None, max_message_size=MAX_FRAME_BYTES, task_status=task_status
            )
        )
        await nursery.start(handler.run)
        yield Door(server.port, hub, handler)
        nursery.cancel_scope.cancel()


def full(email: str) -> str:
    return f"/v1/agents/{quote(email, safe='')}/ws"


def classic(email: str, token: str = "") -> str:
    return f"/api/v1/agents/{email}/ws" + (f"?token={token}" if token else "")


@pytest.mark.parametrize(
    ("path", "authorization", "status", "code"),
    [
        (full(BOT), None, 401, "unauthorized"),
        (full(BOT), "Bearer e2a_acct_" + "00" * 32, 401, "unauthorized"),
        (full(BOT), ACCOUNT_KEY, 401, "unauthorized"),
        (full(BOT) + f"?token={ACCOUNT_KEY}", None, 401, "unauthorized"),
        (full("nobody@agents.example.com"), f"Bearer {ACCOUNT_KEY}", 404, "not_found"),
        (full(FOREIGN), f"Bearer {ACCOUNT_KEY}", 404, "not_found"),
        (full(TRASHED), f"Bearer {ACCOUNT_KEY}", 404, "not_found"),
        (full(CLOUD), f"Bearer {AGENT_KEY}", 403, "forbidden"),
        (full(FOREIGN), f"Bearer {AGENT_KEY}", 404, "not_found"),
        (full("a%00b").replace("%2500", "%00"), f"Bearer {ACCOUNT_KEY}", 400, "invalid_request"),
        (full("a%ffb").replace("%25ff", "%ff"), None, 400, "invalid_request"),
    ],
)
async def test_the_full_api_refuses_with_its_envelope(
    database: Database, path: str, authorization: str | None, status: int, code: str
) -> None:
    async with door(database) as opened:
        answer = await opened.refusal(path, authorization)
        headers = answer.headers
        assert answer.status_code == status
        error = json.loads(answer.body)["error"]
        assert error["code"] == code
        assert error["request_id"] == headers["x-request-id"]
        assert headers["content-type"] == "application/json"
        assert headers["x-content-type-options"] == "nosniff"
        assert ("www-authenticate" in headers) == (status == 401)
        assert opened.hub.sockets == 0


@pytest.mark.parametrize(
    ("path", "authorization", "status"),
    [
        (classic(BOT), None, 401),
        (classic(BOT), f"Bearer {ACCOUNT_KEY}", 401),
        (classic(BOT, "e2a_" + "00" * 32), None, 401),
        (classic("nobody@agents.example.com", ACCOUNT_KEY), None, 404),
        (classic(FOREIGN, ACCOUNT_KEY), None, 403),
        (classic(CLOUD, AGENT_KEY), None, 403),
        (classic(CLOUD, ACCOUNT_KEY), None, 400),
    ],
)
async def test_the_classic_api_refuses_in_plain_text(
    database: Database, path: str, authorization: str | None, status: int
) -> None:
    async with door(database) as opened:
        answer = await opened.refusal(path, authorization)
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.body
        assert not answer.body.startswith(b"{")
        assert (answer.body == b"unauthorized\n") == (status == 401)


@pytest.mark.parametrize(
    ("path", "authorization"),
    [
        (full(BOT), f"Bearer {ACCOUNT_KEY}"),
        (full(BOT.upper()), f"bearer {ACCOUNT_KEY}"),
        (full(BOT), f"Bearer {AGENT_KEY}"),
        (full(CLOUD), f"Bearer {ACCOUNT_KEY}"),
        (classic(BOT, ACCOUNT_KEY), None),
        (classic(BOT, AGENT_KEY), None),
    ],
)
async def test_who_may_listen_listens(database: Database, path: str, authorization: str | None) -> None:
    async with door(database) as opened, opened.knock(path, authorization) as socket:
        with trio.fail_after(5):
            while opened.hub.sockets != 1:
                await trio.sleep(0.005)
        assert socket.subprotocol is None


async def test_our_own_trouble_is_500_and_shows_nothing(database: Database) -> None:
    async with door(database) as opened:
        await database.execute("alter table agents rename to hidden")
        answer = await opened.refusal(full(BOT), f"Bearer {ACCOUNT_KEY}")
        assert answer.status_code == 500
        assert b"hidden" not in answer.body
        assert b"relation" not in answer.body


@pytest.mark.parametrize(
    ("path", "authorization", "change", "hears"),
    [
        (full(BOT), ACCOUNT_KEY, "update api_keys set revoked_at = now() where id = 'k1'", "account"),
        (full(BOT), AGENT_KEY, "delete from api_keys where id = 'k2'", "account"),
        (full(BOT), ACCOUNT_KEY, f"update agents set deleted_at = now() where email = '{BOT}'", "agent"),
        (classic(BOT, ACCOUNT_KEY), None, f"update agents set agent_mode = 'cloud' where email = '{BOT}'", "agent"),
        (full(BOT), ACCOUNT_KEY, "update api_keys set revoked_at = now() where id = 'k1'", "gap"),
    ],
)
async def test_who_may_not_listen_any_more_is_closed(
    database: Database, path: str, authorization: str | None, change: str, hears: str
) -> None:
    async with door(database) as opened:
        bearer = None if authorization is None else f"Bearer {authorization}"
        async with opened.listen(path, bearer) as socket:
            with trio.fail_after(5):
                while opened.hub.sockets != 1:
                    await trio.sleep(0.005)
            await database.execute(change)
            access = opened.handler.services.access
            access.clear()
            match hears:
                case "account":
                    opened.handler.doubt_account(MINE)
                case "agent":
                    opened.handler.doubt_agent(BOT)
                case _:
                    opened.handler.doubt_all()
            with trio.fail_after(5), pytest.raises(ConnectionClosed) as closed:
                await socket.get_message()
            assert closed.value.reason.code == 1008


@pytest.mark.parametrize(("hears", "seconds"), [("revoked", 3600.0), ("expired", 0.7)])
async def test_a_program_listens_as_long_as_it_may(database: Database, hears: str, seconds: float) -> None:
    token = "ate2a_" + "x" * 43
    async with door(database) as opened:
        for path in (full(BOT), classic(BOT, token)):
            for statement in GRANTED:
                values = {"account": MINE, "agent": BOT, "hash": key_hash(token), "seconds": seconds}
                await database.execute(statement, values)
            async with opened.listen(path, f"Bearer {token}") as socket:
                with trio.fail_after(5):
                    while opened.hub.sockets != 1:
                        await trio.sleep(0.005)
                if hears == "revoked":
                    await database.execute("update oauth_grants set revoked_at = now()")
                    opened.handler.services.access.clear()
                    opened.handler.doubt_account(MINE)
                with trio.fail_after(5), pytest.raises(ConnectionClosed) as closed:
                    await socket.get_message()
                assert closed.value.reason.code == 1008
            await database.execute("delete from oauth_clients")
            opened.handler.services.access.clear()


GRANTED = (
    "insert into oauth_clients (id, name, redirect_uris) values ('mcp_x', '', '{}')",
    "insert into oauth_grants (account_id, id, client_id, scope, agent_email)"
    " values (%(account)s, 'g', 'mcp_x', 'agent', %(agent)s)",
    "insert into oauth_tokens (token_sha256, kind, account_id, grant_id, expires_at)"
    " values (%(hash)s, 'access', %(account)s, 'g', now() + make_interval(secs => %(seconds)s))",
)


@pytest.mark.parametrize("token", ["ate2a_" + "x" * 43, "ate2a_x"])
async def test_a_token_that_opens_no_socket(database: Database, token: str) -> None:
    async with door(database) as opened:
        answer = await opened.refusal(full(BOT), f"Bearer {token}")
        assert answer.status_code == 401
        challenge = 'Bearer realm="e2a", error="invalid_token", error_description="the access token is invalid"'
        assert answer.headers["www-authenticate"] == challenge


async def test_who_still_may_listen_goes_on(database: Database) -> None:
    async with door(database) as opened, opened.knock(full(BOT), f"Bearer {ACCOUNT_KEY}") as socket:
        with trio.fail_after(5):
            while opened.hub.sockets != 1:
                await trio.sleep(0.005)
        await database.execute("update agents set name = 'renamed'")
        opened.handler.doubt_account(MINE)
        opened.handler.doubt_agent("*")
        with trio.move_on_after(0.3):
            await socket.get_message()
        assert opened.hub.sockets == 1
        assert socket.closed is None


async def test_who_could_not_be_asked_is_asked_until_there_is_an_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2ad.api.stream.ASK_AGAIN_SECONDS", 0.05)
    async with door(database) as opened, opened.listen(full(BOT), f"Bearer {ACCOUNT_KEY}") as socket:
        with trio.fail_after(5):
            while opened.hub.sockets != 1:
                await trio.sleep(0.005)
        await database.execute("update api_keys set revoked_at = now() where id = 'k1'")
        await database.execute("alter table api_keys rename to hidden")
        opened.handler.services.access.clear()
        opened.handler.doubt_account(MINE)
        await trio.sleep(0.2)
        assert opened.hub.sockets == 1
        await database.execute("alter table hidden rename to api_keys")
        with trio.fail_after(5), pytest.raises(ConnectionClosed) as closed:
            await socket.get_message()
        assert closed.value.reason.code == 1008


async def test_a_doubt_during_the_handshake_is_not_forgotten(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with door(database) as opened:
        admit = StreamHandler._admit

        async def admit_and_be_overtaken(handler: StreamHandler, wish: Any) -> Any:
            agent = await admit(handler, wish)
            if opened.hub.sockets == 0:
                await database.execute("update api_keys set revoked_at = now() where id = 'k1'")
                opened.handler.services.access.clear()
                opened.handler.doubt_account(MINE)
            return agent

        monkeypatch.setattr(StreamHandler, "_admit", admit_and_be_overtaken)
        async with opened.listen(full(BOT), f"Bearer {ACCOUNT_KEY}") as socket:
            with trio.fail_after(5), pytest.raises(ConnectionClosed) as closed:
                await socket.get_message()
            assert closed.value.reason.code == 1008
