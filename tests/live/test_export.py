"""Taking an account's data along, over real sockets: who listens slowly keeps neither the daemon nor the next one."""

import signal
import socket
import time

import pytest
import trio

from e2ad.storage.pool import open_pool
from tests import factories
from tests.live.running import Running, wait_until
from tests.live.serving import Deployment, kill
from tests.live.test_shutdown import GRACES, connect

pytestmark = pytest.mark.live

MAIL = b"From: a@b.test\r\n\r\n" + b"x" * 24_000_000
"""More than the buffers between two processes hold."""


async def fill(dsn: str, agent: str) -> None:
    async with open_pool(dsn, size=1) as database:
        account_id = await database.fetch_value("select account_id from agents")
        await factories.message(database, account_id, agent, raw=MAIL, body_text="")


def ask(served: Running) -> socket.socket:
    peer = connect(served.api_url)
    head = f"GET /v1/account/export HTTP/1.1\r\nHost: e2ad\r\nAuthorization: Bearer {served.api_key}\r\n\r\n"
    peer.sendall(head.encode())
    return peer


def begun(peer: socket.socket) -> bool:
    return b" 200 " in peer.recv(20)


def test_a_listener_that_stops_keeps_nobody(deployment: Deployment) -> None:
    process = deployment.start(**GRACES)
    try:
        served = deployment.ready(process)
        trio.run(fill, deployment.dsn, served.agent("fern"))
        first = ask(served)
        assert begun(first)
        assert served.api("GET", "/v1/account/export")[0] == 429
        first.close()

        def again() -> socket.socket | None:
            peer = ask(served)
            return peer if begun(peer) else peer.close()

        with wait_until(again, 5):
            process.send_signal(signal.SIGTERM)
            stopping = time.monotonic()
            assert process.wait(20) == 0
            assert time.monotonic() - stopping < 6
    finally:
        kill(process)
