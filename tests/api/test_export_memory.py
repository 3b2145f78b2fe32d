"""An export of much more than may be in memory, over the real door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import h11
import pytest
import trio

from e2ad.api import front
from e2ad.api.front import Settings
from e2ad.core.errors import Unavailable
from e2ad.listeners import open_listeners
from e2ad.storage import export as export_table
from tests import factories

AGENT = "bot@own.example"
MEBIBYTE = 1_048_576
MOST_BYTES = 64 * MEBIBYTE
"""What an export may add to the memory of the process, its client in the same process included."""


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def fill(database: Any, account_id: str, mails: int) -> None:
    """So many mails of a mebibyte each."""
    await factories.agent(database, account_id, AGENT)
    names = {"account": account_id, "agent": AGENT, "mails": mails, "size": MEBIBYTE}
    await database.execute(
        "insert into contents (account_id, sha256, raw) select %(account)s, sha256(n::text::bytea),"
        " convert_to(rpad(n || ' ', %(size)s, 'x'), 'utf8') from generate_series(1, %(mails)s) n",
        names,
    )
    await database.execute(
        "insert into messages (account_id, id, agent_email, direction, method, delivered_to, conversation_id,"
        " size_bytes, content_sha256) select %(account)s, 'msg_' || n, %(agent)s, 'inbound', 'smtp', %(agent)s, 'c',"
        " %(size)s, sha256(n::text::bytea) from generate_series(1, %(mails)s) n",
        names,
    )


@asynccontextmanager
async def asking(client: Any, **more: Any) -> AsyncIterator[trio.SocketStream]:
    """A connection over which an export was asked for."""
    listeners = await open_listeners("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(front.serve, client.app, None, listeners, Settings(**more), trio.Event())
        async with await trio.open_tcp_stream("127.0.0.1", listeners[0].socket.getsockname()[1]) as stream:
            request = f"GET /v1/account/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.key}\r\n\r\n"
            await stream.send_all(request.encode())
            yield stream
        nursery.cancel_scope.cancel()


async def events(stream: trio.SocketStream) -> AsyncIterator[Any]:
    """The answer as an HTTP/1.1 client sees it, to its end."""
    peer = h11.Connection(h11.CLIENT)
    peer.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    peer.send(h11.EndOfMessage())
    while True:
        event = peer.next_event()
        if event is h11.NEED_DATA:
            peer.receive_data(await stream.receive_some(65536))
            continue
        yield event
        if isinstance(event, h11.EndOfMessage):
            return


async def drain(stream: trio.SocketStream, sizes: list[int] | None = None) -> None:
    """Read to the end, noting how large the pieces were."""
    async for event in events(stream):
        if sizes is not None and isinstance(event, h11.Data):
            sizes.append(len(event.data))


async def test_memory_does_not_grow_with_the_account(client: Any, caller: Any, database: Any) -> None:
    mails, size, most, tail = 300, 0, 0, b""
    await fill(database, caller.account_id, mails)
    await client.get("/v1/account")
    before = resident_bytes()
    with trio.fail_after(60):
        async with asking(client) as stream:
            async for event in events(stream):
                if isinstance(event, h11.Response):
                    assert (b"transfer-encoding", b"chunked") in event.headers
                elif isinstance(event, h11.Data):
                    size += len(event.data)
                    tail = (tail + bytes(event.data))[-8:]
                most = max(most, resident_bytes() - before)
    assert size > mails * MEBIBYTE * 4 // 3
    assert tail.endswith(b"]}\n")
    assert most < MOST_BYTES


async def test_a_client_that_does_not_read_is_cut_off(client: Any, caller: Any, database: Any) -> None:
    await fill(database, caller.account_id, 40)
    before = resident_bytes()
    async with asking(client, send_seconds=0.3) as stream:
        with trio.fail_after(10):
            while not client.services.exports._running:
                await trio.sleep(0.01)
            while client.services.exports._running:
                await trio.sleep(0.05)
        assert resident_bytes() - before < MOST_BYTES
        with trio.fail_after(10), pytest.raises((h11.RemoteProtocolError, trio.BrokenResourceError)):
            await drain(stream)


async def test_an_answer_that_breaks_off_has_no_end(
    client: Any, caller: Any, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database, caller.account_id, 3)
    pages = export_table.pages

    async def failing(executor: Any, account_id: str, collection: str) -> Any:
        if collection == "sessions":
            raise Unavailable
        async for page in pages(executor, account_id, collection):
            yield page

    monkeypatch.setattr(export_table, "pages", failing)
    got: list[int] = []
    with trio.fail_after(10):
        async with asking(client) as stream:
            with pytest.raises(h11.RemoteProtocolError, match="incomplete chunked"):
                await drain(stream, got)
    assert sum(got) > 3 * MEBIBYTE
