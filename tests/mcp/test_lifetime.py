"""When the library is loaded, and how calls end that nobody waits for any more."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from e2ad.mcp import server
from e2ad.mcp.caller import Caller
from e2ad.mcp.door import Door
from e2ad.mcp.table import TOOLS
from tests.mcp.conftest import ACCEPT, OLDER, House

HEADERS = {
    "accept": ACCEPT,
    "content-type": "application/json",
    "mcp-protocol-version": OLDER,
    "authorization": "Bearer x",
}
CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}'
MODERN = (
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","_meta":{'
    b'"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'
)
NEWER = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "whoami"}
ERAS = pytest.mark.parametrize(
    ("headers", "content"), [(HEADERS, CALL), (HEADERS | NEWER, MODERN)], ids=["older", "newer"]
)


def test_a_daemon_that_nobody_asks_has_not_loaded_it() -> None:
    program = (
        "import sys, e2ad.daemon, e2ad.mcp.door\n"
        "names = ('mcp', 'mcp_types', 'pydantic', 'starlette', 'e2ad.mcp.table')\n"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


LOADING = """
import sys, trio
from e2ad.mcp.door import Door

ticks = 0

async def tick():
    global ticks
    while True:
        await trio.sleep(0.005)
        ticks += 1

async def main():
    async with trio.open_nursery() as nursery:
        door = Door("0", print)
        await nursery.start(door.run, None)
        await trio.sleep(0.05)
        assert "mcp" not in sys.modules
        nursery.start_soon(tick)
        headers = {"accept": "*/*", "content-type": "application/json"}
        ping = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
        answer = await door.answer(headers, ping, "192.0.2.1", None)
        print(answer.status, ticks >= 10, "mcp" in sys.modules)
        nursery.cancel_scope.cancel()

trio.run(main)
"""


def test_the_loop_goes_on_while_it_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "200 True True\n"


class Slow:
    """An API that never answers, and tells what became of who asked."""

    def __init__(self) -> None:
        self.asked = trio.Event()
        self.left = trio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.set()
        try:
            await trio.sleep_forever()
        finally:
            self.left.set()


async def opened(nursery: trio.Nursery, app: Any) -> Door:
    door = Door("0", lambda _, error: pytest.fail(repr(error)))
    await nursery.start(door.run, app)
    return door


@ERAS
async def test_a_call_ends_when_nobody_waits_for_it(
    headers: Mapping[str, str], content: bytes, nursery: trio.Nursery
) -> None:
    slow = Slow()
    door = await opened(nursery, slow)
    async with trio.open_nursery() as client:
        client.start_soon(door.answer, headers, content, "192.0.2.1", None)
        await slow.asked.wait()
        client.cancel_scope.cancel()
    with trio.fail_after(5):
        await slow.left.wait()


@ERAS
async def test_a_call_ends_with_the_daemon(headers: Mapping[str, str], content: bytes) -> None:
    slow, said = Slow(), list[Any]()

    async def ask(door: Door) -> None:
        said.append(await door.answer(headers, content, "192.0.2.1", None))

    with trio.fail_after(30):
        async with trio.open_nursery() as doors, trio.open_nursery() as engine_room:
            door = await opened(engine_room, slow)
            doors.start_soon(ask, door)
            await slow.asked.wait()
            if headers is HEADERS:
                engine_room.cancel_scope.cancel()  # what is still under way when the grace is over
            else:
                doors.cancel_scope.cancel()
                engine_room.cancel_scope.cancel()
    assert slow.left.is_set()
    assert not said or said[0] is None or said[0].status >= 500 or b"error" in said[0].body


async def test_a_client_that_hangs_up_ends_its_call(bare: House) -> None:
    """Over the whole of `/mcp`: the door watches the connection while the tool works."""
    reached, ended = trio.Event(), trio.Event()

    async def never(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        reached.set()
        try:
            await trio.sleep_forever()
        finally:
            ended.set()
        raise AssertionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TOOLS, "whoami", attrs.evolve(TOOLS["whoami"], call=never))  # type: ignore[arg-type]  # a dict
        parts = [{"type": "http.request", "body": CALL, "more_body": False}]

        async def receive() -> Any:
            if parts:
                return parts.pop()
            await reached.wait()
            return {"type": "http.disconnect"}

        async def send(event: Any) -> None:
            raise AssertionError(event)

        given = {**HEADERS, "host": "localhost", "authorization": f"Bearer {bare.caller.key}"}
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/mcp",
            "raw_path": b"/mcp",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("192.0.2.7", 1),
            "scheme": "http",
            "http_version": "1.1",
        }
        with trio.fail_after(20):
            await bare.client.app(scope, receive, send)
            await ended.wait()
    assert not bare.accidents


async def test_a_call_that_takes_too_long_is_told_so(autojump_clock: MockClock) -> None:
    said: list[Any] = []

    async def callers(context: Any) -> Any:
        await trio.sleep_forever()

    built = server.build_server("0", callers, lambda _, error: pytest.fail(repr(error)))
    entry = built.get_request_handler("tools/call")
    assert entry is not None
    context: Any = None
    said.append(await entry.handler(context, entry.params_type.model_validate({"name": "whoami"})))
    assert trio.current_time() >= server.CALL_SECONDS
    assert said[0].is_error
    assert said[0].structured_content["code"] == "connection_error"


async def test_an_accident_is_logged_and_not_shown(bare: House) -> None:
    async def broken(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        raise RuntimeError("the insides")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TOOLS, "whoami", attrs.evolve(TOOLS["whoami"], call=broken))  # type: ignore[arg-type]  # a dict
        result = await bare.call("whoami")
    assert result["structuredContent"]["code"] == "internal_error"
    assert "insides" not in str(result)
    assert [(one.tool, str(one.error)) for one in bare.accidents] == [("whoami", "the insides")]


async def test_the_first_who_ask_wait_for_one_loading(nursery: trio.Nursery) -> None:
    door = await opened(nursery, Slow())
    await wait_all_tasks_blocked()
    assert door._handler is None
    said: list[Any] = []

    async def ask() -> None:
        said.append(await door.answer(HEADERS, b'{"jsonrpc":"2.0","id":1,"method":"ping"}', "192.0.2.1", None))

    async with trio.open_nursery() as clients:
        for _ in range(5):
            clients.start_soon(ask)
    assert [one.status for one in said] == [200] * 5
