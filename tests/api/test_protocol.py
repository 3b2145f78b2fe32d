"""Hypercorn's protocol on our terms: how an answer leaves."""

import h11
import pytest
import trio
from hypercorn.config import Config
from hypercorn.events import Event, RawData
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext

from e2ad.api.protocol import Http


async def answers(method: bytes, *bodies: bytes, status: int = 200) -> list[bytes]:
    """What is written to the socket for one request whose answer has these pieces of body."""
    written: list[bytes] = []
    done = trio.Event()

    async def app(scope, receive, send, *_):
        headers = [(b"content-length", str(sum(map(len, bodies))).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for number, body in enumerate(bodies, 1):
            await send({"type": "http.response.body", "body": body, "more_body": number < len(bodies)})
        done.set()

    async def write(event: Event) -> None:
        if isinstance(event, RawData):
            written.append(bytes(event.data))

    near, far = trio.socket.socketpair()
    with near, far:
        async with TaskGroup() as group:
            http = Http(app, Config(), WorkerContext(None), group, trio.SocketStream(near), write)
            await http.handle(RawData(method + b" / HTTP/1.1\r\nHost: x\r\n\r\n"))
            with trio.fail_after(5):
                await done.wait()
    return written


@pytest.mark.parametrize(
    ("method", "bodies", "status", "ends"),
    [
        (b"GET", [b"hi"], 200, [b"\r\n\r\nhi"]),
        (b"GET", [b""], 204, [b"\r\n\r\n"]),
        (b"HEAD", [b"hi"], 200, [b"\r\n\r\n"]),
        (b"GET", [b"a", b"b"], 200, [b"\r\n\r\na", b"b"]),
    ],
)
async def test_head_and_body_leave_in_one_write(method, bodies, status, ends):
    written = await answers(method, *bodies, status=status)
    assert len(written) == len(ends)
    assert written[0].startswith(b"HTTP/1.1 %d" % status)
    assert all(data.endswith(end) for data, end in zip(written, ends, strict=True))
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(b"".join(written))
    assert isinstance(client.next_event(), h11.Response)
