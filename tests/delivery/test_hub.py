"""The hub over real sockets and a real database."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
import trio
from attrs import define, frozen
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, open_websocket, serve_websocket

from e2ad.core.delivery import CarriedMessage, StreamEvent
from e2ad.core.events import envelope
from e2ad.core.sealing import KeyRing
from e2ad.core.signing import Verdict, verify_auth_headers
from e2ad.delivery import hub as module
from e2ad.delivery.hub import Hub
from e2ad.delivery.recent import Recent
from e2ad.delivery.sockets import SEEN, Seen
from e2ad.storage.listener import Listener
from e2ad.storage.pool import Database, open_pool
from e2ad.storage.stream import StreamReads

ACCOUNT, AGENT = "a" * 32, "bot@agents.example.com"
KEYS = KeyRing(["deployment-secret"])
SECRET = "00112233445566778899aabbccddeeff" * 2
RAW = b"From: alice@example.com\r\n\r\nHello\r\n"


@frozen
class Settings:
    ping_seconds: float = 30.0
    pong_seconds: float = 10.0
    send_seconds: float = 5.0
    window: int = 256
    poll_seconds: float = 15.0


async def found(database: Database) -> None:
    await database.execute("insert into accounts (id, email) values (%(id)s, 'o@example.com')", {"id": ACCOUNT})
    await database.execute(
        "insert into domains (domain, verified, verification_token) values ('agents.example.com', true, 't')"
    )
    for email in (AGENT, "other@agents.example.com"):
        await database.execute(
            "insert into agents (email, account_id, domain, registered_domain) "
            "values (%(email)s, %(id)s, 'agents.example.com', 'agents.example.com')",
            {"email": email, "id": ACCOUNT},
        )
    await database.execute(
        "insert into signing_secrets (account_id, id, name, sealed_secret) values (%(a)s, 'wsec_1', 'default', %(s)s)",
        {"a": ACCOUNT, "s": KEYS.seal(SECRET, context="signing_secret:wsec_1", nonce=b"123456789012")},
    )


def event(number: int, agent: str = AGENT) -> StreamEvent:
    at = datetime.now(UTC)
    message = CarriedMessage(
        id=f"msg_{number:04}",
        created_at=at,
        conversation_id="conv_1",
        delivered_to=agent,
        agent_email=agent,
        header_from="alice@example.com",
        to=(agent,),
        cc=(),
        reply_to=("desk@example.com",),
        subject=f"Nr. {number}",
        verdict=Verdict(True, "alice@example.com", "human", "spf=pass; dkim=pass"),
        content_sha256=hashlib.sha256(RAW).digest(),
        size_bytes=len(RAW),
    )
    event_id = f"evt_{number:04}"
    text = envelope("email.received", event_id, at, {"message_id": message.id})
    return StreamEvent(ACCOUNT, agent, event_id, at, text, message)


async def store(database: Database, *events: StreamEvent, unread: bool = True, notify: bool = False) -> None:
    for one in events:
        m = one.message
        await database.execute(
            "with m as (insert into messages (account_id, id, agent_email, direction, method, created_at, "
            "delivered_to, header_from, to_addresses, reply_to_addresses, subject, conversation_id, verified, "
            "domain_check, content_sha256, size_bytes, unread) values (%(account)s, %(id)s, %(agent)s, 'inbound', "
            "'smtp', %(at)s, %(agent)s, %(from)s, %(to)s::jsonb, %(reply_to)s::jsonb, %(subject)s, 'conv_1', true, "
            "%(check)s, %(sha)s, "
            "%(size)s, %(unread)s)) "
            "insert into events (account_id, id, type, agent_email, message_id, envelope, created_at) "
            "values (%(account)s, %(event_id)s, 'email.received', %(agent)s, %(id)s, %(envelope)s, %(at)s)",
            {
                "account": ACCOUNT, "id": m.id, "agent": m.agent_email, "at": m.created_at, "from": m.header_from,
                "to": json.dumps(m.to), "reply_to": json.dumps(m.reply_to), "subject": m.subject,
                "check": m.verdict.domain_check, "sha": m.content_sha256, "size": m.size_bytes, "unread": unread,
                "event_id": one.event_id, "envelope": one.envelope,
            },
        )  # fmt: skip
    if notify:
        payload = f"{ACCOUNT}:{','.join(one.event_id for one in events)}"
        await database.execute("select pg_notify('e2ad_events', %(p)s)", {"p": payload})


@define
class Served:
    """A hub behind a real server."""

    hub: Hub
    port: int
    closing: trio.Event

    def connect(self, query: str = "") -> Any:
        return open_websocket("127.0.0.1", self.port, f"/{query}", use_ssl=False)


@asynccontextmanager
async def serving(database: Database, settings: Settings | None = None) -> AsyncIterator[Served]:
    hub, closing = Hub(StreamReads(database), KEYS, settings or Settings()), trio.Event()

    async def handler(request: WebSocketRequest) -> None:
        path, _, query = request.path.partition("?")
        after = query.removeprefix("after=") if query.startswith("after=") else None
        socket = await request.accept()
        await hub.serve(socket, ACCOUNT, AGENT, classic=path == "/classic", after=after)

    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run, closing)
        server = await nursery.start(
            lambda task_status: serve_websocket(
                handler, "127.0.0.1", 0, None, max_message_size=32768, disconnect_timeout=1, task_status=task_status
            )
        )
        yield Served(hub, server.port, closing)
        nursery.cancel_scope.cancel()


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    async with open_pool(database_dsn, size=8) as pool:
        await found(pool)
        yield pool


async def receive(socket: WebSocketConnection, count: int = 1, seconds: float = 5.0) -> list[dict[str, Any]]:
    with trio.fail_after(seconds):
        return [json.loads(await socket.get_message()) for _ in range(count)]


async def ids(socket: WebSocketConnection, count: int) -> list[str]:
    return [frame["id"] for frame in await receive(socket, count)]


async def silent(socket: WebSocketConnection, seconds: float = 0.15) -> bool:
    with trio.move_on_after(seconds):
        await socket.get_message()
        return False
    return True


async def joined(served: Served, count: int) -> None:
    with trio.fail_after(5):
        while served.hub.sockets != count or any(member.draining for member in served.hub._members):
            await trio.sleep(0.005)


async def test_who_listens_is_known(database: Database) -> None:
    async with serving(database) as served:
        assert not served.hub.listens(AGENT)
        async with served.connect(), served.connect():
            await joined(served, 2)
            assert served.hub.listens(AGENT)
            assert not served.hub.listens("other@agents.test")
        await joined(served, 0)
        assert not served.hub.listens(AGENT)


async def close_of(socket: WebSocketConnection, seconds: float = 5.0) -> tuple[int, str | None]:
    with trio.fail_after(seconds):
        try:
            while True:
                await socket.get_message()
        except ConnectionClosed as error:
            reason = error.reason
            # The client library leaves its stream open when the server was the first to close.
            await trio.aclose_forcefully(socket._stream)
            return reason.code, reason.reason


async def test_unread_mail_comes_first_oldest_first_then_what_is_new(database: Database) -> None:
    old = [event(n) for n in range(3)]
    await store(database, *old)
    read = event(3)
    await store(database, read, unread=False)
    async with serving(database) as served, served.connect() as socket:
        assert await ids(socket, 3) == [one.event_id for one in old]
        await joined(served, 1)
        new = event(4)
        await store(database, new)
        served.hub.publish([new])
        (frame,) = await receive(socket)
        auth = frame.pop("auth_headers")
        assert json.dumps(frame, separators=(",", ":")) == new.envelope
        assert verify_auth_headers(auth, RAW, [SECRET], datetime.now(UTC))
        assert await silent(socket)


async def test_the_frame_is_the_envelope_with_one_more_member(database: Database) -> None:
    async with serving(database) as served, served.connect() as socket:
        await joined(served, 1)
        new = event(1)
        served.hub.publish([new])
        with trio.fail_after(2):
            text = await socket.get_message()
        assert text.startswith(new.envelope[:-1] + ',"auth_headers":{')


async def test_a_classic_socket_gets_flat_notifications(database: Database) -> None:
    one = event(1)
    await store(database, one)
    async with serving(database) as served, served.connect("classic") as socket:
        (frame,) = await receive(socket)
        at = frame.pop("received_at")
        assert frame == {
            "message_id": "msg_0001",
            "conversation_id": "conv_1",
            "from": "desk@example.com",
            "recipient": AGENT,
            "subject": "Nr. 1",
        }
        assert datetime.fromisoformat(at) == one.created_at


async def test_a_long_backlog_comes_in_pages(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 7)
    old = [event(n) for n in range(30)]
    await store(database, *old)
    async with serving(database) as served, served.connect() as socket:
        assert await ids(socket, 30) == [one.event_id for one in old]
        assert await silent(socket)


async def test_unread_mail_comes_again_on_reconnect(database: Database) -> None:
    await store(database, event(1))
    async with serving(database) as served:
        for _ in range(2):
            async with served.connect() as socket:
                assert await ids(socket, 1) == ["evt_0001"]


async def test_after_resumes_behind_an_event(database: Database) -> None:
    """Read or not: the client says how far it has come."""
    await store(database, *[event(n) for n in range(5)], unread=False)
    async with serving(database) as served:
        async with served.connect("?after=evt_0002") as socket:
            assert await ids(socket, 2) == ["evt_0003", "evt_0004"]
        async with served.connect("?after=evt_9999") as socket:
            assert await silent(socket), "an unknown event means the unread, as without it"


async def test_several_sockets_of_one_agent_all_hear(database: Database) -> None:
    async with (
        serving(database) as served,
        served.connect() as first,
        served.connect() as second,
        served.connect("classic") as third,
    ):
        await joined(served, 3)
        served.hub.publish([event(1), event(2, "other@agents.example.com")])
        assert await ids(first, 1) == await ids(second, 1) == ["evt_0001"]
        assert (await receive(third))[0]["message_id"] == "msg_0001"
        assert await silent(first)


async def test_publish_and_notify_and_scan_bring_it_once(database: Database, database_dsn: str) -> None:
    listener = Listener(database_dsn)
    async with serving(database, Settings(poll_seconds=0.1)) as served, trio.open_nursery() as nursery:
        listener.subscribe("e2ad_events", served.hub.hear)
        listener.on_gap(served.hub.scan)
        await nursery.start(listener.run)
        async with served.connect() as socket:
            await joined(served, 1)
            for n in range(5):
                await store(database, event(n), notify=True)
                served.hub.publish([event(n)])
            assert sorted(await ids(socket, 5)) == [f"evt_{n:04}" for n in range(5)]
            assert await silent(socket, 0.5)
        nursery.cancel_scope.cancel()


async def test_two_processes_hear_each_other(database: Database, database_dsn: str) -> None:
    """Two hubs, each with a pool and a listener of its own; one commits, both push."""
    async with open_pool(database_dsn, size=3) as other_pool, trio.open_nursery() as nursery:
        async with serving(database) as here, serving(other_pool) as there:
            for served in (here, there):
                listener = Listener(database_dsn)
                listener.subscribe("e2ad_events", served.hub.hear)
                await nursery.start(listener.run)
            async with here.connect() as near, there.connect() as far:
                await joined(here, 1)
                await joined(there, 1)
                new = [event(n) for n in range(20)]
                await store(database, *new, notify=True)
                here.hub.publish(new)
                assert await ids(near, 20) == await ids(far, 20) == [one.event_id for one in new]
                assert await silent(near)
                assert await silent(far)
        nursery.cancel_scope.cancel()


async def test_a_scan_finds_what_no_notification_brought(database: Database) -> None:
    async with serving(database) as served, served.connect() as socket:
        await joined(served, 1)
        await store(database, event(1), event(2))
        assert await silent(socket)
        served.hub.scan()
        assert await ids(socket, 2) == ["evt_0001", "evt_0002"]
        served.hub.scan()
        assert await silent(socket)


async def test_a_scan_brings_no_mail_that_was_read_before_the_socket_came(database: Database) -> None:
    await store(database, event(1), unread=False)
    late = [event(2), event(3)]  # of that time as well, but to be seen only later
    async with serving(database) as served, served.connect() as socket:
        await joined(served, 1)
        await store(database, late[0], unread=False)
        await store(database, late[1])
        served.hub.scan()
        assert await ids(socket, 1) == ["evt_0003"]
        read = event(4)  # since then by somebody else: this socket still was not told
        await store(database, read, unread=False)
        served.hub.scan()
        assert await ids(socket, 1) == ["evt_0004"]
        assert await silent(socket)


async def test_a_scan_brings_read_mail_to_who_asked_for_all_of_it(database: Database) -> None:
    late = event(2)
    await store(database, event(1), unread=False)
    async with serving(database) as served, served.connect("?after=evt_0001") as socket:
        await joined(served, 1)
        await store(database, late, unread=False)
        served.hub.scan()
        assert await ids(socket, 1) == ["evt_0002"]


async def test_the_slow_poll_finds_it_too(database: Database) -> None:
    async with serving(database, Settings(poll_seconds=0.1)) as served, served.connect() as socket:
        await joined(served, 1)
        await store(database, event(1))
        assert await ids(socket, 1) == ["evt_0001"]
        assert await silent(socket, 0.4)


async def test_what_comes_during_the_backlog_is_neither_lost_nor_doubled(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published at every moment of the drain, with a window that is too small for it."""
    monkeypatch.setattr(module, "PAGE", 3)
    await store(database, *[event(n) for n in range(20)])
    async with serving(database, Settings(window=4)) as served, served.connect() as socket:
        for n in range(20, 60):
            new = event(n)
            await store(database, new)
            # Small for the drain alone: once it is over, a full window would rightly close the socket.
            while any(not member.draining and len(member.pending) >= 4 for member in served.hub._members):
                await trio.sleep(0.001)
            served.hub.publish([new])
        assert sorted(await ids(socket, 60)) == [f"evt_{n:04}" for n in range(60)]
        assert await silent(socket)


async def test_a_slow_reader_is_closed_and_loses_nothing(database: Database) -> None:
    """1013 where the close frame still fits through; the mail comes again on the next connection."""
    async with serving(database, Settings(window=50, send_seconds=0.3)) as served:
        stream = await trio.open_tcp_stream("127.0.0.1", served.port)
        stream.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
        await stream.send_all(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await joined(served, 1)
        count = 0
        with trio.fail_after(20):
            while served.hub.sockets:
                big = event(count)
                big = attrs.evolve(big, envelope=big.envelope[:-1] + ',"x":"' + "y" * 50_000 + '"}')
                if count < 30:
                    await store(database, big)
                served.hub.publish([big])
                count += 1
                await trio.sleep(0.001)
        await trio.aclose_forcefully(stream)
        async with served.connect() as socket:
            expected = min(count, 30)
            assert len(set(await ids(socket, expected))) == expected


async def test_an_overrun_window_is_closed_with_1013(database: Database) -> None:
    async with serving(database, Settings(window=5)) as served, served.connect() as socket:
        await joined(served, 1)
        served.hub.publish([event(n) for n in range(10)])
        assert (await close_of(socket))[0] == 1013


async def test_shutdown_says_1001(database: Database) -> None:
    async with serving(database) as served, served.connect() as full, served.connect("classic") as classic:
        await joined(served, 2)
        served.closing.set()
        assert await close_of(full) == (1001, "shutting_down")
        assert await close_of(classic) == (1001, "server shutting down")


async def test_a_peer_without_pongs_is_closed(database: Database) -> None:
    async with serving(database, Settings(ping_seconds=0.1, pong_seconds=0.1)) as served:
        stream = await trio.open_tcp_stream("127.0.0.1", served.port)
        await stream.send_all(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        data = b""
        with trio.fail_after(8):
            while b"ping_timeout" not in data:
                data += await stream.receive_some(4096)
        at = data.index(b"\x88")
        assert int.from_bytes(data[at + 2 : at + 4], "big") == 1001
        await trio.aclose_forcefully(stream)
        with trio.fail_after(8):
            while served.hub.sockets:
                await trio.sleep(0.01)


async def test_pings_are_answered_and_change_nothing(database: Database) -> None:
    async with serving(database, Settings(ping_seconds=0.05, pong_seconds=1)) as served, served.connect() as socket:
        await joined(served, 1)
        assert await silent(socket, 0.5)
        served.hub.publish([event(1)])
        assert await ids(socket, 1) == ["evt_0001"]


async def test_what_clients_say_is_ignored_up_to_a_size(database: Database) -> None:
    async with serving(database) as served, served.connect() as socket:
        await joined(served, 1)
        for text in ("{}", "nonsense", "x" * 32768):
            await socket.send_message(text)
        served.hub.publish([event(1)])
        assert await ids(socket, 1) == ["evt_0001"]
        await socket.send_message("x" * 32769)
        assert (await close_of(socket))[0] == 1009


async def test_a_socket_that_leaves_is_forgotten(database: Database) -> None:
    async with serving(database) as served:
        async with served.connect() as socket:
            await joined(served, 1)
            assert socket.closed is None
        with trio.fail_after(5):
            while served.hub.sockets:
                await trio.sleep(0.005)
        assert len(served.hub._rooms) == 0
        assert not served.hub.wants(ACCOUNT)


async def test_a_new_signing_secret_signs_after_its_notification(database: Database) -> None:
    async with serving(database) as served, served.connect() as socket:
        await joined(served, 1)
        await database.execute(
            "insert into signing_secrets (account_id, id, name, sealed_secret, created_at) "
            "values (%(a)s, 'wsec_2', 'new', %(s)s, now() + interval '1 second')",
            {"a": ACCOUNT, "s": KEYS.seal("newer", context="signing_secret:wsec_2", nonce=b"123456789012")},
        )
        served.hub.forget_account(ACCOUNT)
        await trio.sleep(0.1)
        served.hub.publish([event(1)])
        (frame,) = await receive(socket)
        assert verify_auth_headers(frame["auth_headers"], RAW, ["newer"], datetime.now(UTC))


async def test_a_backlog_that_cannot_be_read_is_1011(database: Database) -> None:
    async with serving(database) as served:
        await database.execute("alter table events rename to hidden")
        async with served.connect() as socket:
            assert (await close_of(socket))[0] == 1011


def test_seen_forgets_the_oldest_and_remembers_that_it_was_there() -> None:
    seen, events = Seen(), [event(n) for n in range(SEEN + 1)]
    for one in events:
        seen.add(one)
    assert events[0] not in seen
    assert seen.knows(events[0].event_id, events[0].created_at)
    assert seen.knows(events[-1].event_id, events[-1].created_at)
    assert not seen.knows("evt_new", datetime.now(UTC))


def test_recent_is_bounded() -> None:
    recent = Recent(3)
    recent.add(["a", "b", "c", "a", "d"])
    assert len(recent) == 3
    assert "b" not in recent
    assert "a" in recent


async def new_secret(database: Database) -> None:
    await database.execute(
        "insert into signing_secrets (account_id, id, name, sealed_secret, created_at) "
        "values (%(a)s, 'wsec_2', 'new', %(s)s, now() + interval '1 second')",
        {"a": ACCOUNT, "s": KEYS.seal("newer", context="signing_secret:wsec_2", nonce=b"123456789012")},
    )


async def test_a_new_signing_secret_signs_after_a_gap_in_listening(database: Database) -> None:
    async with serving(database) as served, served.connect() as socket:
        await joined(served, 1)
        await new_secret(database)
        served.hub.scan()
        await trio.sleep(0.1)
        served.hub.publish([event(1)])
        (frame,) = await receive(socket)
        assert verify_auth_headers(frame["auth_headers"], RAW, ["newer"], datetime.now(UTC))


async def test_a_new_signing_secret_that_could_not_be_read_is_read_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.05)
    async with serving(database) as served, served.connect() as socket:
        await joined(served, 1)
        await new_secret(database)
        await database.execute("alter table signing_secrets rename to hidden")
        served.hub.forget_account(ACCOUNT)
        await trio.sleep(0.1)
        await database.execute("alter table hidden rename to signing_secrets")
        await trio.sleep(0.2)
        served.hub.publish([event(1)])
        (frame,) = await receive(socket)
        assert verify_auth_headers(frame["auth_headers"], RAW, ["newer"], datetime.now(UTC))


async def test_a_frame_that_cannot_be_made_ends_one_socket_and_not_the_hub(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> str:
        raise ValueError("not written")

    async with serving(database) as served, served.connect() as full, served.connect("classic") as classic:
        await joined(served, 2)
        monkeypatch.setattr("e2ad.delivery.sockets.classic_frame", stumble)
        served.hub.publish([event(1)])
        assert await close_of(classic) == (1011, "internal_error")
        assert await ids(full, 1) == ["evt_0001"]
        served.hub.publish([event(2)])
        assert await ids(full, 1) == ["evt_0002"]
