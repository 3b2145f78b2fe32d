"""`/mcp` as HTTP: who comes in, with what, and what the protocol makes of hostile bodies."""

import json
from typing import Any

import pytest
import trio
from attrs import evolve

from e2ad.api.app import build_app
from tests.api.conftest import Client
from tests.mcp import calls
from tests.mcp.conftest import OLDER, House

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
METADATA = "https://mail.example.com/.well-known/oauth-protected-resource/mcp"


def code_of(answer: Any) -> str:
    said = answer.json()
    assert (said["jsonrpc"], said["id"]) == ("2.0", None)
    return str(said["error"]["data"]["code"])


# Who comes in


async def test_a_post_is_answered(bare: House) -> None:
    answer = await bare.post(PING)
    assert (answer.status, answer.json()) == (200, {"jsonrpc": "2.0", "id": 1, "result": {}})
    assert answer.headers["content-type"] == "application/json"
    assert "mcp-session-id" not in answer.headers


@pytest.mark.parametrize("key", ["e2a_acct_" + "0" * 64, "ate2a_nothing", "x"])
async def test_a_wrong_credential_is_told_where_to_get_one(bare: House, key: str) -> None:
    answer = await bare.post(PING, key=key)
    assert (answer.status, code_of(answer)[:6]) == (401, code_of(answer)[:6])
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert f'resource_metadata="{METADATA}"' in answer.headers["www-authenticate"]


async def test_no_credential_is_told_so_too(bare: House) -> None:
    bare.client.key = None
    answer = await bare.post(PING)
    assert (answer.status, code_of(answer)) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == f'Bearer realm="e2a", resource_metadata="{METADATA}"'
    bare = await bare.post(PING, authorization=bare.caller.key)  # without "Bearer": not RFC 6750
    assert bare.status == 401


async def test_the_metadata_names_the_resource(bare: House) -> None:
    for path, resource in (("/mcp", "https://mail.example.com/mcp"), ("", "https://mail.example.com")):
        document = (await bare.client.get(f"/.well-known/oauth-protected-resource{path}")).json()
        assert document["resource"] == resource
        assert document["authorization_servers"] == ["https://mail.example.com"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "OPTIONS"])
async def test_only_posts(bare: House, method: str) -> None:
    bare.client.key = None
    answer = await bare.client.request(method, "/mcp", headers={"host": "localhost:8080"})
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_hosts_that_are_ours(bare: House) -> None:
    for host in ["mail.example.com", "MAIL.example.com:8443", "localhost", "127.0.0.1:1", "[::1]:80"]:
        assert (await bare.post(PING, host=host)).status == 200


async def test_hosts_that_are_not(bare: House) -> None:
    for host in ["evil.example", "mail.example.com.evil.example", "localhost.evil.example", "[", "x"]:
        answer = await bare.post(PING, host=host)
        assert (answer.status, code_of(answer)) == (421, "misdirected_request")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://mail.example.com", 200),
        ("http://localhost:6274", 200),
        ("http://127.0.0.1:1", 200),
        ("https://evil.example", 403),
        ("http://mail.example.com", 403),
        ("https://mail.example.com:8443", 403),
        ("null", 403),
        ("https://[", 403),
    ],
)
async def test_pages_of_browsers(bare: House, origin: str, status: int) -> None:
    assert (await bare.post(PING, origin=origin)).status == status


async def test_where_it_is_switched_off_there_is_nothing(bare: House) -> None:
    services = bare.client.services
    services.config = evolve(services.config, features=evolve(services.config.features, mcp=False))
    client = Client(build_app(services), services, bare.caller.key)
    assert (await client.get("/.well-known/oauth-protected-resource/mcp")).status == 404
    for method in ("GET", "POST"):
        assert (await client.request(method, "/mcp", headers={"host": "localhost"})).status == 404


async def test_the_client_s_address_is_passed_on(house: House) -> None:
    """An agent made by a tool counts against whoever stands at the door."""
    db = house.client.services.db
    await house.ask("create_agent", {"email": "counted@agents.localhost"})
    subjects = [str(row["subject"]) for row in await db.fetch_all("select subject from rate_windows")]
    assert any("192.0.2.7" in subject for subject in subjects), subjects


async def test_a_rate_that_is_over_is_told_as_an_error_of_the_tool(bare: House) -> None:
    services = bare.client.services
    services.config = evolve(services.config, rate_limits=evolve(services.config.rate_limits, poll_per_minute=1))
    for _ in range(2):
        result = await bare.call("list_messages", {"email": "bot@agents.localhost"})
    told = result["structuredContent"]
    assert (told["code"], told["status"], told["retryable"]) == ("rate_limited", 429, True)
    assert told["retry_after_seconds"] > 0
    assert "try again in" in result["content"][0]["text"]


# What they bring


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_content_type(bare: House, kind: str) -> None:
    answer = await bare.post(PING, content_type=kind)
    assert (answer.status, code_of(answer)) == (415, "unsupported_media_type")


GARBAGE = [
    b"",
    b"{",
    b"\xff\xfe",
    b"null",
    b"5",
    b'"x"',
    b"{}",
    b"[]",
    b'{"jsonrpc": "2.0"}',
    b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}',
    b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": 5}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}',
    b'{"jsonrpc": "2.0", "id": 1e999, "method": "ping"}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"9" * 100_000,
    json.dumps([PING] * 1000).encode(),
]


@pytest.mark.parametrize("version", [OLDER, "2026-07-28", "1999-01-01", "x"])
async def test_garbage_is_refused_and_breaks_nothing(bare: House, version: str) -> None:
    for content in GARBAGE:
        answer = await bare.raw(content, mcp_protocol_version=version)
        # An id that is none makes of a request a notification, which nobody answers.
        assert 400 <= answer.status < 500 or (answer.status, answer.body) == (202, b""), content[:50]
        assert len(answer.body) < 10_000
    assert (await bare.post(PING)).status == 200
    assert not bare.accidents


@pytest.mark.parametrize("many", [b"[]," * 60_000 + b"0", b"5," * 110_000 + b"0"])
async def test_more_members_than_anything_needs(bare: House, many: bytes) -> None:
    for place in (b'{"a":[%b]}', b'{"arguments":{"a":[%b]}}', b'{"arguments":{"a":"[,]","b":[%b]}}'):
        answer = await bare.raw(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + place % many + b"}")
        assert (answer.status, code_of(answer)) == (400, "invalid_request")


async def test_a_text_may_hold_as_many_commas_as_it_likes(house: House) -> None:
    mail = {**calls.MAIL, **calls.MINE, "text": "1,2;" * 200_000}
    assert (await house.ask("send_message", mail))["status"] == "accepted"


async def test_a_body_over_forty_megabytes(bare: House) -> None:
    answer = await bare.raw(b"{}", content_length=str(41_943_041))
    assert (answer.status, code_of(answer)) == (413, "payload_too_large")


async def test_a_large_body_shares_its_memory_with_what_comes_of_it(house: House) -> None:
    """The tool's own request is a part of the one that called it: it does not wait for room beside it."""
    bodies = house.client.services.bodies
    bodies.budget_bytes = 9_000_000
    data = "A" * 6_000_000
    file = {"filename": "a.bin", "content_type": "application/octet-stream", "data": data}
    with trio.fail_after(30):
        said = await house.ask("send_message", {**calls.MAIL, **calls.MINE, "attachments": [file]})
    assert said["status"] == "accepted"
    assert bodies.taken_bytes == 0


async def test_unknown_tools_and_methods(bare: House) -> None:
    unknown = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "rm\n-rf"}}
    said = (await bare.post(unknown)).json()
    assert (said["id"], said["error"]["code"]) == (7, -32602)
    assert said["error"]["message"] == "Unknown tool: 'rm\\n-rf'"
    for method in ("prompts/list", "resources/read", "logging/setLevel", "nothing"):
        said = (await bare.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"uri": "a:b"}})).json()
        assert said["error"]["code"] in (-32601, -32602), method


async def test_notifications_are_taken_and_not_answered(bare: House) -> None:
    for method in ("notifications/initialized", "notifications/cancelled"):
        answer = await bare.post({"jsonrpc": "2.0", "method": method, "params": {"requestId": 1}})
        assert (answer.status, answer.body) == (202, b"")


# Many


async def test_ten_clients_at_once(house: House) -> None:
    seen: list[str] = []

    async def one(number: int) -> None:
        key = house.agent_key if number % 2 else house.caller.key
        async with house.connect(key=key, mode="auto" if number % 3 else "legacy") as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert ("list_agents" in tools) == (number % 2 == 0)
            result = await client.call_tool("get_message", {"message_id": house.world.message, **calls.MINE})
            assert not result.is_error
            seen.append(client.protocol_version)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(one, number)
    assert sorted(set(seen)) == ["2025-11-25", "2026-07-28"]


async def test_calls_of_one_client_run_beside_each_other(house: House) -> None:
    async with house.connect() as client, trio.open_nursery() as nursery:
        for number in range(20):
            name = "list_messages" if number % 2 else "whoami"
            nursery.start_soon(client.call_tool, name, dict(calls.MINE) if number % 2 else {})
    assert not house.accidents
