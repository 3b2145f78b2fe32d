"""Run by an interpreter that has mcp<2: the client of the first generation, over both transports."""

import json
import sys

import anyio
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

told = json.loads(sys.argv[1])
headers = {"Authorization": f"Bearer {told['api_key']}"}


async def use(read: object, write: object) -> None:
    async with ClientSession(read, write) as session:
        hello = await session.initialize()
        assert hello.serverInfo.name == "e2a"
        assert hello.protocolVersion == "2025-11-25", hello.protocolVersion
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert tools["list_messages"].annotations.readOnlyHint
        assert tools["list_messages"].inputSchema["additionalProperties"] is False
        sent = await session.call_tool(
            "send_message", {"email": told["agent"], "to": [told["agent"]], "subject": "One", "text": "Hello"}
        )
        assert not sent.isError, sent
        assert sent.structuredContent["status"] == "sent", sent
        listed = await session.call_tool("list_messages", {"email": told["agent"]})
        found = json.loads(listed.content[0].text)["items"]
        assert found[0]["subject"] == "One", found
        read_ = await session.call_tool("get_message", {"email": told["agent"], "message_id": found[0]["id"]})
        assert "<<<UNTRUSTED-MAIL " in read_.content[0].text
        refused = await session.call_tool("get_message", {"email": told["agent"], "message_id": "msg_none"})
        assert refused.isError
        assert refused.content[0].text.startswith("e2a error [not_found]: ")
        assert refused.structuredContent["status"] == 404
        gone = await session.call_tool(
            "delete_message", {"email": told["agent"], "message_id": found[0]["id"], "confirm": True}
        )
        assert not gone.isError, gone


async def main() -> None:
    with anyio.fail_after(60):
        async with streamablehttp_client(told["api_url"] + "/mcp", headers=headers) as (read, write, _):
            await use(read, write)
        command = StdioServerParameters(command=told["command"][0], args=told["command"][1:], env=told["env"])
        async with stdio_client(command) as (read, write):
            await use(read, write)


anyio.run(main)
print("ok")
