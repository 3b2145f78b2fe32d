"""The tools, used by clients of the protocol: the official ones of both generations, over both transports."""

import http.client
import json
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from html import unescape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import psycopg
import pytest
import trio
from mcp.client.auth.oauth2 import OAuthClientProvider
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from tests.live.conftest import interpreter_with
from tests.live.running import ROOT, Running, wait_until
from tests.live.serving import Deployment, free_port, kill, stop
from tests.live.test_oauth import ask, sign_in
from tests.live.test_published_clients import SCRIPTS

pytestmark = pytest.mark.live

COMMAND = [
    sys.executable,
    "-c",
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from e2ad.cli.client import main; main()",
    "mcp",
]
REVISIONS = pytest.mark.parametrize(("mode", "revision"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
TRANSPORTS = pytest.mark.parametrize("transport", ["http", "stdio"])


def environ(dev: Running, **more: str) -> dict[str, str]:
    return {**dev.environ(), "HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent", **more}


@asynccontextmanager
async def client_of(dev: Running, transport: str, mode: str, key: str | None = None) -> AsyncIterator[Client]:
    """The official client, under Trio."""
    key = key or dev.api_key
    if transport == "stdio":
        env = environ(dev, E2A_API_KEY=key)
        command = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=env, cwd="/")
        async with Client(command, mode=mode) as client:
            yield client
        return
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30) as http_client,
        Client(streamable_http_client(f"{dev.api_url}/mcp", http_client=http_client), mode=mode) as client,
    ):
        yield client


@TRANSPORTS
@REVISIONS
async def test_the_official_client(dev: Running, transport: str, mode: str, revision: str) -> None:
    agent = dev.agent(f"mcp-{transport}-{mode}")
    dev.send(agent, f"From: Ada <ada@example.test>\r\nTo: {agent}\r\nSubject: Hello\r\n\r\nGood morning.\r\n")
    with trio.fail_after(60):
        async with client_of(dev, transport, mode) as client:
            assert client.protocol_version == revision
            assert len((await client.list_tools()).tools) > 60
            listed = await client.call_tool("list_messages", {"email": agent})
            (item,) = listed.structured_content["items"]
            read = await client.call_tool("get_message", {"email": agent, "message_id": item["id"]})
            assert "Good morning." in read.structured_content["text"].partition("<<<UNTRUSTED-MAIL ")[2]
            answer = {"message_id": item["id"], "text": "And to you.", "email": agent, "idempotency_key": agent}
            sent = [await client.call_tool("reply_to_message", answer) for _ in range(2)]
            assert not sent[0].is_error, sent[0].content[0].text
            assert sent[0].structured_content["message_id"] == sent[1].structured_content["message_id"]
            unknown = await client.call_tool("list_messages", {"email": agent, "nothing": 1})
            assert unknown.is_error
            assert "nothing: unknown argument" in unknown.content[0].text


@TRANSPORTS
async def test_the_key_of_an_agent(dev: Running, transport: str) -> None:
    agent, other = dev.agent(f"mcp-own-{transport}"), dev.agent(f"mcp-other-{transport}")
    body = {"name": "x", "scope": "agent", "agent_email": agent}
    key = dev.api("POST", "/v1/account/api-keys", body)[1]["key"]
    with trio.fail_after(60):
        async with client_of(dev, transport, "auto", key) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            assert len(tools) <= 20
            assert "list_agents" not in tools
            assert (await client.call_tool("whoami", {})).structured_content["agent_email"] == agent
            assert not (await client.call_tool("list_messages", {})).is_error
            for name, arguments in (("list_agents", {}), ("list_messages", {"email": other})):
                refused = await client.call_tool(name, arguments)
                assert refused.structured_content["code"] == "forbidden"


def test_the_client_of_the_first_generation(dev: Running) -> None:
    python = interpreter_with("mcp<2", "mcp-1")
    told = {
        "api_url": dev.api_url,
        "api_key": dev.api_key,
        "agent": dev.agent("mcp-one"),
        "command": COMMAND,
        "env": environ(dev),
    }
    done = subprocess.run(
        [python, str(SCRIPTS / "mcp_one.py"), json.dumps(told)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "ok"


# stdio


@contextmanager
def serving(dev: Running, *arguments: str, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`e2a mcp` with pipes."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ(dev, **more),
        cwd="/",
    )
    try:
        yield process
    finally:
        kill(process)
        for stream in (process.stdin, process.stderr):
            assert stream is not None
            stream.close()


def say(process: "subprocess.Popen[bytes]", *messages: Any) -> None:
    assert process.stdin is not None
    for message in messages:
        process.stdin.write(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
    process.stdin.flush()


def hear(process: "subprocess.Popen[bytes]", seconds: float = 30) -> Any:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], seconds)[0], "nothing was said"
    return json.loads(process.stdout.readline())


HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def calling(number: int, tool: str, **arguments: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(dev: Running, number: signal.Signals) -> None:
    with serving(dev) as process:
        say(process, HELLO)
        assert hear(process)["result"]["protocolVersion"] == "2025-06-18"
        process.send_signal(number)
        assert process.wait(5) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_the_end_of_its_input_ends_it_when_all_is_answered(dev: Running) -> None:
    with serving(dev) as process:
        output, errors = process.communicate(
            b"".join(
                json.dumps(one).encode() + b"\n" for one in (HELLO, READY, calling(1, "whoami"), calling(2, "whoami"))
            ),
            timeout=30,
        )
        said = [json.loads(line) for line in output.splitlines()]
        assert sorted(one["id"] for one in said) == [0, 1, 2]
        assert all("result" in one for one in said)
        assert (process.returncode, errors) == (0, b"")


def test_nobody_who_reads_ends_it(dev: Running) -> None:
    with serving(dev) as process:
        say(process, HELLO)
        hear(process)
        assert process.stdout is not None
        process.stdout.close()
        say(process, {"jsonrpc": "2.0", "id": 1, "method": "ping"})
        assert process.wait(5) == 0


def test_garbage_between_the_lines(dev: Running) -> None:
    with serving(dev) as process:
        say(process, b"\n", b"nonsense\n", b"[" * 100_000 + b"\n", b"\xff\xfe\n", b"[]\n", HELLO)
        assert hear(process)["id"] == 0
        say(process, READY, {"jsonrpc": "2.0", "id": "a", "method": "ping"})
        assert hear(process) == {"jsonrpc": "2.0", "id": "a", "result": {}}
        assert process.poll() is None


def test_a_call_that_is_called_off(deployment: Deployment) -> None:
    """Its work ends, nobody is answered, and the next call is."""
    with deployment.serving() as served, psycopg.connect(deployment.dsn) as blocker, serving(served) as process:
        served.agent("only")
        say(process, HELLO, READY)
        hear(process)
        blocker.execute("lock table messages in access exclusive mode")
        say(process, calling(1, "list_messages"))
        time.sleep(0.5)
        say(process, {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        say(process, calling(2, "whoami"))
        assert hear(process)["id"] == 2
        blocker.rollback()
        say(process, calling(3, "list_messages"))
        assert hear(process)["id"] == 3


@pytest.mark.parametrize(
    ("env", "status", "says"),
    [
        ({"E2A_API_KEY": "e2a_acct_" + "0" * 64}, 4, "unauthorized"),
        ({"E2A_API_KEY": ""}, 4, "no API key"),
        ({"E2A_URL": "http://127.0.0.1:9", "E2A_API_URL": ""}, 1, "cannot be reached"),
    ],
)
def test_what_is_wrong_at_the_start_is_said_at_once(dev: Running, env: dict[str, str], status: int, says: str) -> None:
    with serving(dev, **env) as process:
        output, errors = process.communicate(timeout=30)
        assert (process.returncode, output) == (status, b"")
        assert says in errors.decode()


def test_the_configured_agent_is_meant(dev: Running) -> None:
    agent, other = dev.agent("mcp-configured"), dev.agent("mcp-given")
    for arguments, env, expected in ((), {"E2A_AGENT_EMAIL": agent}, agent), (("--agent", other), {}, other):
        with serving(dev, *arguments, **env) as process:
            say(
                process,
                HELLO,
                READY,
                calling(1, "whoami"),
                calling(2, "send_message", to=[expected], subject="x", text="y"),
            )
            said = {one["id"]: one for one in (hear(process) for _ in range(3))}
            assert said[1]["result"]["structuredContent"]["default_agent_email"] == expected
            assert said[2]["result"]["structuredContent"]["method"] == "loopback"


# HTTP


def post(served: Running, message: Any, *, key: str | None = None, **headers: str) -> http.client.HTTPConnection:
    """A POST whose answer nobody has read yet."""
    connection = http.client.HTTPConnection(urlsplit(served.api_url).netloc, timeout=30)
    given = {
        "Authorization": f"Bearer {key or served.api_key}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        **headers,
    }
    connection.request("POST", "/mcp", json.dumps(message), given)
    return connection


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
def test_a_call_in_flight_is_finished_when_it_stops(deployment: Deployment, version: str) -> None:
    process = deployment.start()
    try:
        served = deployment.ready(process)
        agent = served.agent("inflight")
        message, headers = calling(1, "list_messages", email=agent), {"MCP-Protocol-Version": version}
        if version == "2026-07-28":
            prefix = "io.modelcontextprotocol"
            message["params"]["_meta"] = {f"{prefix}/protocolVersion": version, f"{prefix}/clientCapabilities": {}}
            headers |= {"Mcp-Method": "tools/call", "Mcp-Name": "list_messages"}
        with psycopg.connect(deployment.dsn) as blocker:
            blocker.execute("lock table messages in access exclusive mode")
            connection = post(served, message, **headers)
            time.sleep(2)  # the library is loaded meanwhile
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            blocker.rollback()
            answer = connection.getresponse()
            said = json.loads(answer.read())
            connection.close()
        assert (answer.status, said["result"]["isError"]) == (200, False)
        assert process.wait(20) == 0
    finally:
        kill(process)
    assert not deployment.facts(process, "tool_failed")


def test_a_call_that_does_not_end_is_ended_with_the_grace(deployment: Deployment) -> None:
    graces = {"GRACE_DOORS_SECONDS": "1", "GRACE_ATTEMPTS_SECONDS": "1", "GRACE_DATABASE_SECONDS": "1"}
    process = deployment.start(**graces)
    try:
        served = deployment.ready(process)
        agent = served.agent("stuck")
        with psycopg.connect(deployment.dsn) as blocker:
            blocker.execute("lock table messages in access exclusive mode")
            connection = post(served, calling(1, "list_messages", email=agent))
            time.sleep(2)
            began = time.monotonic()
            assert stop(process) == 0
            assert time.monotonic() - began < 6
            connection.close()
    finally:
        kill(process)


def test_a_client_that_hangs_up_leaves_nothing_behind(deployment: Deployment) -> None:
    with deployment.serving(DATABASE_POOL_SIZE="2") as served, psycopg.connect(deployment.dsn) as blocker:
        agent = served.agent("gone")
        blocker.execute("lock table messages in access exclusive mode")
        for _ in range(6):
            connection = post(served, calling(1, "list_messages", email=agent))
            time.sleep(0.4)
            connection.close()
        blocker.rollback()
        with closing(post(served, calling(1, "list_messages", email=agent))) as connection:
            assert connection.getresponse().status == 200


def test_several_processes_answer_as_one(deployment: Deployment) -> None:
    ports = {f"{door}_PORT": str(free_port()) for door in ("SMTP", "HTTP", "DASHBOARD")}
    process = deployment.start("--workers", "2", **ports)
    try:
        wait_until(lambda: any("workers" in fact for fact in deployment.facts(process, "serving")), 30)
        told = {"api_key": deployment.api_key, "api_url": f"http://127.0.0.1:{ports['HTTP_PORT']}"}
        served = Running(told, deployment.folder, process)
        agent = served.agent("many")
        for number in range(12):
            message = calling(number, "list_messages", email=agent) if number % 2 else HELLO
            with closing(post(served, message)) as connection:
                assert "result" in json.loads(connection.getresponse().read())
        assert stop(process) == 0
    finally:
        kill(process)


# OAuth


class Kept:
    """Tokens, as a client keeps them."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def allow(served: Running, cookie: str, page_url: str, agent: str) -> dict[str, str]:
    """What a person does with the page that asks; the answer that their browser is sent on with."""
    status, _, page = ask(served, page_url.removeprefix(served.api_url), cookie=cookie)
    assert status == 200, page
    form = re.search(r'name="form" value="([^"]*)"', page)
    assert form is not None
    choice = {"form": unescape(form[1]), "decision": "allow", "scope": "agent", "agent_choice": f"existing:{agent}"}
    status, location, page = ask(served, "/oauth2/consent", cookie=cookie, form=choice)
    assert status == 303, page
    return dict(parse_qsl(urlsplit(location).query))


def test_a_person_lets_the_official_client_in(deployment: Deployment) -> None:
    """From the 401 to a session that works, with nothing known but the address."""
    cookie = sign_in(deployment)
    with deployment.serving() as served:
        agent = served.agent("let-in")
        answers: list[dict[str, str]] = []

        async def redirect(url: str) -> None:
            assert parse_qs(urlsplit(url).query)["resource"] == [f"{served.api_url}/mcp"]
            answers.append(await trio.to_thread.run_sync(allow, served, cookie, url, agent))

        async def callback() -> AuthorizationCodeResult:
            (answer,) = answers
            return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer["iss"])

        metadata = OAuthClientMetadata(client_name="Fern", redirect_uris=[AnyUrl("http://127.0.0.1:7777/callback")])
        kept = Kept()

        async def use() -> None:
            auth = OAuthClientProvider(f"{served.api_url}/mcp", metadata, kept, redirect, callback)
            url = f"{served.api_url}/mcp"
            with trio.fail_after(60):
                async with (
                    httpx2.AsyncClient(auth=auth, timeout=30) as http_client,
                    Client(streamable_http_client(url, http_client=http_client)) as client,
                ):
                    assert (await client.call_tool("whoami", {})).structured_content["agent_email"] == agent
                    assert len((await client.list_tools()).tools) <= 20

        trio.run(use)
        assert kept.tokens is not None
        assert kept.tokens.access_token.startswith("ate2a_")
        # The same credential, given back, opens nothing any more.
        status, *_ = ask(
            served,
            "/oauth2/revoke",
            form={"token": kept.tokens.access_token, "client_id": str(kept.client and kept.client.client_id)},
        )
        assert status == 200

        def refused() -> bool:
            connection = post(served, calling(1, "whoami"), key=kept.tokens.access_token if kept.tokens else "")
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status == 401

        assert wait_until(refused, 5)
