"""The Python client's listeners against running daemons: restarts, crashes, credentials, through every face."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio

from e2ad.sdk import (
    AsyncE2AClient,
    E2AAuthError,
    E2AClient,
    E2AError,
    E2ANotFoundError,
    E2APermissionError,
    is_email_received,
)
from tests.live.conftest import Running
from tests.live.running import wait_until
from tests.live.serving import Deployment, free_port, kill, stop

pytestmark = pytest.mark.live

LISTENING_SECONDS = 90


def mail(number: int) -> str:
    return f"From: Ada <ada@b.test>\r\nSubject: {number}\r\nMessage-ID: <{number}@b.test>\r\n\r\nHello.\r\n"


class Listener:
    """A listener in a thread of its own, and what it was given."""

    def __init__(self, way: str, url: str, key: str, agent: str, *, enough: int, **options: Any) -> None:
        self.subjects: list[str] = []
        self.states: list[str] = []
        self.error: Exception | None = None
        self._where = (url, key, agent)
        self._enough = enough
        self._options = {"seconds": LISTENING_SECONDS, "on_state": self.states.append, **options}
        self._run: Callable[[], None] = getattr(self, way)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        try:
            self._run()
        except Exception as error:  # looked at by the test
            self.error = error

    def take(self, event: Any) -> bool:
        assert is_email_received(event)
        self.subjects.append(event.data["subject"])
        return len(self.subjects) >= self._enough

    def blocking(self) -> None:
        url, key, agent = self._where
        with E2AClient(key, base_url=url) as client, client.listen(agent, **self._options) as events:
            for event in events:
                if self.take(event):
                    break

    async def block(self) -> None:
        url, key, agent = self._where
        async with AsyncE2AClient(key, base_url=url) as client, client.listen(agent, **self._options) as events:
            async for event in events:
                if self.take(event):
                    break

    async def plain(self) -> None:
        url, key, agent = self._where
        async with AsyncE2AClient(key, base_url=url) as client:
            async for event in client.listen(agent, **self._options):
                if self.take(event):
                    break

    def asyncio_block(self) -> None:
        asyncio.run(self.block())

    def asyncio_plain(self) -> None:
        asyncio.run(self.plain())

    def trio_block(self) -> None:
        trio.run(self.block)

    def trio_plain(self) -> None:
        trio.run(self.plain)


WAYS = ["blocking", "asyncio_block", "asyncio_plain", "trio_block", "trio_plain"]


@contextmanager
def listeners(
    served: Running, agent: str, ways: list[str], *, enough: int, key: str | None = None, **options: Any
) -> Iterator[list[Listener]]:
    all_of_them = [
        Listener(way, served.api_url, key or served.api_key, agent, enough=enough, **options) for way in ways
    ]
    try:
        yield all_of_them
    finally:
        for one in all_of_them:
            one.thread.join(LISTENING_SECONDS + 5)
        gc.collect()


def test_restarts_and_crashes_lose_nothing_and_double_nothing(deployment: Deployment) -> None:
    """Every face listens at once while the daemon stops, comes back, is killed, and comes back."""
    ports = {"HTTP_PORT": str(free_port())}
    process = deployment.start(**ports)
    try:
        served = deployment.ready(process)
        agent = served.agent("listener")
        for number in range(3):
            served.send(agent, mail(number))
        with listeners(served, agent, WAYS, enough=12) as listening:
            for number in range(3, 6):
                served.send(agent, mail(number))
            wait_until(lambda: all(len(one.subjects) == 6 for one in listening), 30)
            assert stop(process) == 0
            kill(process)
            process = deployment.start(**ports)
            served = deployment.ready(process)
            for number in range(6, 9):
                served.send(agent, mail(number))
            wait_until(lambda: all(len(one.subjects) == 9 for one in listening), 60)
            kill(process)
            process = deployment.start(**ports)
            served = deployment.ready(process)
            for number in range(9, 12):
                served.send(agent, mail(number))
        for one in listening:
            assert one.error is None
            assert sorted(one.subjects, key=int) == [str(number) for number in range(12)]
            assert "closed with 1001 shutting_down; trying again in 1 s" in one.states
    finally:
        kill(process)


@pytest.mark.parametrize(
    ("slug", "key", "error", "code"),
    [
        ("nobody", None, E2ANotFoundError, "not_found"),
        ("refused", "e2a_acct_" + "0" * 64, E2AAuthError, "unauthorized"),
        ("refused", "another's", E2APermissionError, "forbidden"),
    ],
)
def test_who_may_not_listen(dev: Running, slug: str, key: str | None, error: type[E2AError], code: str) -> None:
    if slug == "refused":
        _, found = dev.api("GET", "/v1/agents")
        known = {agent["email"] for agent in found["items"]}
        agent = next((one for one in known if one.startswith("refused@")), None) or dev.agent("refused")
    else:
        agent = "nobody-at-all@agents.localhost"
    if key == "another's":
        status, made = dev.api(
            "POST", "/v1/account/api-keys", {"name": "x", "scope": "agent", "agent_email": dev.agent("refused-other")}
        )
        assert status == 201, made
        key = made["key"]
    with listeners(dev, agent, WAYS, enough=1, key=key) as listening:
        pass
    for one in listening:
        assert type(one.error) is error
        assert isinstance(one.error, E2AError)
        assert one.error.code == code
        assert one.error.request_id, "in the server's own words"


def test_whoever_may_not_listen_any_more_is_told(dev: Running) -> None:
    agent = dev.agent("listen-gone")
    with listeners(dev, agent, WAYS, enough=1) as listening:
        wait_until(lambda: all("connected" in one.states for one in listening))
        assert dev.api("DELETE", f"/v1/agents/{agent}?confirm=DELETE")[0] == 200
    for one in listening:
        assert isinstance(one.error, E2APermissionError), one.error


def test_going_on_behind_an_event_brings_what_was_read_too(dev: Running) -> None:
    agent = dev.agent("listen-after")
    for number in range(4):
        dev.send(agent, mail(number))
    with E2AClient(dev.api_key, base_url=dev.api_url) as client:
        with client.listen(agent, seconds=20) as events:
            first = [next(events) for _ in range(4)]
        for event in first:
            assert client.inbound.from_event(event).subject == event.data["subject"]
        assert list(client.listen(agent, seconds=1)) == []
        with client.listen(agent, after=first[1].id, seconds=20) as events:
            assert [next(events).id for _ in range(2)] == [event.id for event in first[2:]]


def test_somebody_who_works_for_long_loses_nothing(deployment: Deployment) -> None:
    """Without a block nobody answers the server's pings meanwhile: it hangs up, and is called again."""
    with deployment.serving(WEBSOCKET_PING_SECONDS="1", WEBSOCKET_PONG_SECONDS="1") as served:
        agent = served.agent("slow")
        states: list[str] = []
        with E2AClient(served.api_key, base_url=served.api_url) as client:
            events = client.listen(agent, seconds=60, on_state=states.append)
            served.send(agent, mail(0))
            assert next(events).data["subject"] == "0"
            time.sleep(3.5)
            served.send(agent, mail(1))
            assert next(events).data["subject"] == "1"
            assert "closed with 1001 ping_timeout; trying again in 1 s" in states
            events.close()

        async def listen() -> None:
            async with (
                AsyncE2AClient(served.api_key, base_url=served.api_url) as client,
                client.listen(agent, seconds=60, on_state=told.append) as events,
            ):
                assert {(await anext(events)).data["subject"] for _ in range(2)} == {"0", "1"}
                await trio.sleep(3.5)
                await trio.to_thread.run_sync(served.send, agent, mail(2))
                assert (await anext(events)).data["subject"] == "2"

        told: list[str] = []
        trio.run(listen)
        assert told == ["connecting", "connected"]
