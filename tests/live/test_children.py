"""Each supervised task is killed while work is in flight: nothing that was promised is lost, and nobody hangs."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, field
from structlog.testing import capture_logs
from trio_websocket import ConnectionClosed, HandshakeError, open_websocket_url

from e2ad import daemon
from e2ad.api.stream import StreamHandler
from e2ad.config import load
from e2ad.daemon import tree
from e2ad.delivery.hub import Hub
from e2ad.gateway.access import Access
from e2ad.gateway.intake import Intake
from e2ad.mailauth.authenticator import Authenticator
from e2ad.smtp.client import Relay
from e2ad.storage.listener import Listener
from e2ad.storage.pool import open_pool
from e2ad.workers.dispatcher import Dispatcher
from e2ad.workers.expiry import Expiry
from e2ad.workers.runner import Runner
from tests import factories
from tests.live.serving import SHARED_DOMAIN, settings
from tests.smtp.sink import sink
from tests.workers.dispatching import world

pytestmark = pytest.mark.live

MAILS = 24
DEATHS = 2
AGENT = f"bot@{SHARED_DOMAIN}"


class Killed(Exception):
    """What kills the child."""


@define
class Assassin:
    """Lets a child live until it is told otherwise."""

    lives: int = 0
    order: trio.Event = field(factory=trio.Event)

    def wrap(self, run: Callable[..., Any]) -> Callable[..., Any]:
        async def mortal(*args: Any, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
            self.lives += 1
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._wait)
                await run(*args, task_status=task_status)
                nursery.cancel_scope.cancel()

        return mortal

    async def _wait(self) -> None:
        await self.order.wait()
        self.order = trio.Event()
        raise Killed


@define
class Outside:
    """Everybody who has to do with the daemon: a sender, a webhook's far side, a listener."""

    doors: tree.Doors
    key: str
    accepted: int = 0
    posted: set[str] = field(factory=set)
    heard: set[str] = field(factory=set)

    async def write_until_taken(self, number: int) -> None:
        while not await self.write(number):
            await trio.sleep(0.1)
        self.accepted += 1

    async def write(self, number: int) -> bool:
        assert self.doors.smtp is not None
        content = f"From: a@b.test\r\nMessage-ID: <{number}@b.test>\r\nSubject: {number}\r\n\r\nHello\r\n.\r\n"
        async with await trio.open_tcp_stream(*self.doors.smtp) as stream:
            try:
                for sent, wanted in [
                    ("", "220"),
                    ("HELO b.test\r\n", "250"),
                    ("MAIL FROM:<a@b.test>\r\n", "250"),
                    (f"RCPT TO:<{AGENT}>\r\n", "250"),
                    ("DATA\r\n", "354"),
                    (content, "250"),
                ]:
                    if sent:
                        await stream.send_all(sent.encode())
                    if not (await stream.receive_some()).startswith(wanted.encode()):
                        return False
            except trio.BrokenResourceError:
                return False
        return True

    async def take_post(self, stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):  # a sender that is killed does not say goodbye
            await self._take_posts(stream)

    async def _take_posts(self, stream: trio.SocketStream) -> None:
        buffer = b""
        async with stream:
            while data := await stream.receive_some():
                buffer += data
                head, end, body = buffer.partition(b"\r\n\r\n")
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:]) if end else {}
                if end and len(body) == int(fields[b"content-length"]):
                    buffer = b""
                    await trio.sleep(0.05)  # so that some are in flight at any time
                    self.posted.add(json.loads(body)["message_id"])
                    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async def listen(self) -> None:
        assert self.doors.http is not None
        url = f"ws://{self.doors.http[0]}:{self.doors.http[1]}/v1/agents/{AGENT}/ws"
        headers = [(b"Authorization", f"Bearer {self.key}".encode())]
        while True:
            try:
                async with open_websocket_url(url, extra_headers=headers, disconnect_timeout=1) as socket:
                    try:
                        while True:
                            self.heard.add(json.loads(await socket.get_message())["data"]["message_id"])
                    finally:
                        await trio.aclose_forcefully(socket._stream)
            except (ConnectionClosed, HandshakeError):
                await trio.sleep(0.05)

    async def done(self) -> None:
        while min(self.accepted, len(self.posted), len(self.heard)) < MAILS:
            await trio.sleep(0.02)


@asynccontextmanager
async def everybody(dsn: str) -> AsyncIterator[Outside]:
    config = load(environ=settings(dsn, LOG_LEVEL="error", WEBHOOKS_PER_ENDPOINT="2", WEBHOOKS_ATTEMPT_SECONDS="1"))
    founded = await daemon.bootstrap(config, "you@example.test")
    stop, here = trio.Event(), list[Outside]()
    async with trio.open_nursery() as far:
        [listener] = await far.start(partial(trio.serve_tcp, lambda s: here[0].take_post(s), 0, host="127.0.0.1"))
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/"
        async with trio.open_nursery() as house:
            here.append(Outside(await house.start(partial(daemon.serve, config, stop=stop)), founded.api_key))
            await make_agent(dsn, founded.account_id, url)
            far.start_soon(here[0].listen)
            yield here[0]
            stop.set()
            # Nobody may need more than a moment: everything is done, and everybody lives.
            house.cancel_scope.deadline = trio.current_time() + 8
        assert not house.cancel_scope.cancelled_caught, "it did not stop by itself"
        far.cancel_scope.cancel()


async def make_agent(dsn: str, account_id: str, url: str) -> None:
    async with open_pool(dsn, size=2) as database:
        await database.execute(
            "insert into agents (email, account_id, domain, registered_domain, agent_mode, webhook_url) "
            "values (%(email)s, %(account)s, %(domain)s, %(domain)s, 'cloud', %(url)s)",
            {"email": AGENT, "account": account_id, "domain": SHARED_DOMAIN, "url": url},
        )


async def undelivered(dsn: str) -> int:
    async with open_pool(dsn, size=2) as database:
        return int(await database.fetch_value("select count(*) from deliveries where status <> 'delivered'"))


CHILDREN = [Access, Authenticator, Hub, Intake, Listener, Runner, StreamHandler]


@pytest.mark.parametrize("child", CHILDREN, ids=lambda child: child.__name__.lower())
async def test_a_child_that_is_killed_costs_time_and_nothing_else(
    database_dsn: str, child: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    assassin = Assassin()
    monkeypatch.setattr(child, "run", assassin.wrap(child.run))  # type: ignore[attr-defined]  # all of them have one
    # Not rendered: a traceback for people takes seconds, and all of this is one event loop.
    with capture_logs(), trio.fail_after(60):
        async with everybody(database_dsn) as outside, trio.open_nursery() as senders:
            for number in range(MAILS):
                senders.start_soon(outside.write_until_taken, number)
            for death in range(1, DEATHS + 1):
                while outside.accepted < death * MAILS // 4:
                    await trio.sleep(0.005)
                assassin.order.set()
                while assassin.lives == death:
                    await trio.sleep(0.01)
            await outside.done()
            # Who was broken off in the middle comes again when its lease ends; that is never lost either.
            while await undelivered(database_dsn):
                await trio.sleep(0.2)
    async with open_pool(database_dsn, size=2) as database:
        stored = await database.fetch_all("select id, message_id from messages", prepare=False)
    assert sorted(row["message_id"] for row in stored) == sorted(f"<{n}@b.test>" for n in range(MAILS)), "lost or twice"
    assert {row["id"] for row in stored} == outside.posted == outside.heard


@pytest.mark.parametrize("child", [Dispatcher, Relay, Expiry], ids=lambda child: child.__name__.lower())
async def test_a_child_of_mail_out_that_is_killed_sends_nothing_twice(
    database_dsn: str, child: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    assassin = Assassin()
    monkeypatch.setattr(child, "run", assassin.wrap(child.run))  # type: ignore[attr-defined]  # all of them have one
    open_work = "select count(*) from submissions where next_attempt_at is not null"
    with capture_logs(), trio.fail_after(60):
        async with open_pool(database_dsn, size=3) as database, sink() as far, trio.open_nursery() as house:
            door = {"RELAY_HOST": "127.0.0.1", "RELAY_PORT": str(far.port), "RELAY_TLS": "none"}
            config = load(environ=settings(database_dsn, LOG_LEVEL="error", RELAY_POLL_SECONDS="0.2", **door))
            stop = trio.Event()
            await house.start(partial(daemon.serve, config, stop=stop))
            account = await world(database)
            for number in range(MAILS):
                await factories.submission(database, account, relay=["joe@people.test"], inside=["ada@agents.test"])
                if number in (MAILS // 3, 2 * MAILS // 3):
                    lives = assassin.lives
                    assassin.order.set()
                    while assassin.lives == lives:
                        await trio.sleep(0.01)
            while await database.fetch_value(open_work, prepare=False):
                await trio.sleep(0.05)
            stop.set()
            house.cancel_scope.deadline = trio.current_time() + 20
        assert not house.cancel_scope.cancelled_caught, "it did not stop by itself"
        async with open_pool(database_dsn, size=2) as database:
            rows = await database.fetch_all("select status, route from recipients", prepare=False)
            inbox = await database.fetch_value(
                "select count(distinct message_id) from messages where direction = 'inbound'", prepare=False
            )
    names = [content.partition(b"Message-ID: ")[2].split(b"\r\n")[0] for content in far.arrived]
    assert len(names) == len(set(names)), "sent twice"
    states = Counter(row["status"] for row in rows if row["route"] == "relay")
    assert set(states) <= {"sent", "outcome_unknown"}
    assert states["sent"] <= len(names) <= MAILS, "lost"
    assert inbox == MAILS


def test_no_supervised_child_is_left_out() -> None:
    """Those with a `run`; the doors end the whole house, and the last five have no mail in flight."""
    mail_in = {"listener", "access", "doorman", "authenticator", "intake", "deliveries", "hub"}
    mail_out = {"dispatcher", "relay", "expiry", "screening", "indexer"}
    supervised = mail_in | mail_out | {"sweeps", "announcer", "tools", "live", "presence"}
    text = Path(tree.__file__).read_text()
    assert {name for name in supervised if f'PATIENT, "{name}"' in text} == supervised
    assert text.count('PATIENT, "') == len(supervised)
    assert len(mail_in) == len(CHILDREN)
