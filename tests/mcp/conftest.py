"""The door of the tools over a real API and a real database, and clients of it, without a network."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import trio
from attrs import evolve, fields, frozen
from mcp.client.client import Client as McpClient
from mcp.client.streamable_http import streamable_http_client

from e2ad.api.app import build_app
from e2ad.api.services import Services
from e2ad.mcp.door import Door
from tests.api.conftest import Answer, Caller, Client, make_caller
from tests.api.conftest import caller as caller
from tests.api.conftest import client as api_client  # noqa: F401
from tests.api.conftest import services as services
from tests.api.conftest import zone as zone
from tests.api.world import AGENT, World, populate

HOST = "http://127.0.0.1"
ACCEPT = "application/json, text/event-stream"
OLDER = "2025-06-18"
NOTHING = World(*("" for _ in fields(World)))


@frozen
class Accident:
    """What went wrong inside a tool."""

    tool: str
    error: Exception


@frozen
class House:
    """The API with the door, its account and what is in it."""

    client: Client
    caller: Caller
    world: World
    agent_key: str
    accidents: list[Accident]

    async def post(self, message: Any, *, key: str | None = None, **headers: str) -> Answer:
        """One POST as a client of the older kind makes it."""
        return await self.raw(json.dumps(message).encode(), key=key, **headers)

    async def raw(self, content: bytes, *, key: str | None = None, **headers: str) -> Answer:
        """Any octets."""
        given = {
            "host": "127.0.0.1",
            "accept": ACCEPT,
            "content-type": "application/json",
            "mcp-protocol-version": OLDER,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self.client.request("POST", "/mcp", raw=content, headers=given, key=key)

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:
        """A tool's result, as it stands in JSON."""
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": dict(arguments or {})},
        }
        answer = await self.post(message, key=key)
        assert answer.status == 200, answer.text
        return answer.json()["result"]

    async def ask(self, tool: str, arguments: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:
        """What a tool that must succeed says."""
        result = await self.call(tool, arguments, key=key)
        assert not result.get("isError"), result
        return json.loads(result["content"][0]["text"])

    async def refuse(
        self, tool: str, arguments: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> tuple[str, str]:
        """Code and words of a tool that must fail."""
        result = await self.call(tool, arguments, key=key)
        assert result["isError"], result
        code = result["structuredContent"]["code"]
        text = result["content"][0]["text"]
        assert text.startswith(f"e2a error [{code}]: ")
        return code, text

    @asynccontextmanager
    async def connect(self, *, key: str | None = None, mode: str = "auto") -> AsyncIterator[McpClient]:
        """The official client."""
        async with (
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(self.client.app),
                base_url=HOST,
                headers={"Authorization": f"Bearer {key or self.caller.key}"},
            ) as http,
            McpClient(streamable_http_client(f"{HOST}/mcp", http_client=http), mode=mode) as client,
        ):
            yield client


@pytest.fixture
async def bare(services: Services, caller: Caller, nursery: trio.Nursery) -> House:
    """The door, and an account with nothing in it."""
    accidents: list[Accident] = []
    services.public_url = "https://mail.example.com"
    door = Door("0.0", lambda tool, error: accidents.append(Accident(tool, error)))
    app = build_app(services, door)
    await nursery.start(door.run, app)
    return House(Client(app, services, caller.key), caller, NOTHING, "", accidents)


@pytest.fixture
async def house(bare: House) -> House:
    """The door, and an account with some of everything."""
    world = await populate(bare.client, bare.caller.account_id)
    agent = await make_caller(bare.client.services.db, scope="agent", agent_email=AGENT)
    return evolve(bare, world=world, agent_key=agent.key)
