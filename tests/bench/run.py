"""What e2ad does in a second, and what it costs: `python -m tests.bench.run [BENCH …]`.

Mail in: accept, webhook, socket, api. Mail out: send, inside, relay, holds. Besides: memory, serve. One
JSON line a measurement, on stdout. Server, PostgreSQL and load share the machine, so read ratios and
medians rather than single numbers. `--rounds N` repeats each measurement.
"""

import argparse
import base64
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import trio

from e2ad.dev import world
from e2ad.mailauth.signer import load_private_key, sign
from tests.bench import outbound
from tests.bench.deployment import Deployment, deployment
from tests.bench.peers import (
    Api,
    LineStream,
    RelaySink,
    Sink,
    Timings,
    load_api,
    load_posts,
    relay_sink,
    report,
    send_mail,
)
from tests.bench.serving import own_database, serving

SENDER = b"ada@northwind.test"
RELAYING = {"E2AD_RELAY_HOST": "127.0.0.1", "E2AD_RELAY_TLS": "none", "E2AD_GATE_SWEEP_SECONDS": "1"}
FILLER = ("The quick brown fox jumps over the lazy dog, and the mail goes on and on. " * 2)[:76]


def mails(
    count: int, size: int, *, key: bytes | None = None, tag: str = "", attached: bool = False
) -> list[tuple[bytes, bytes]]:
    """So many different mails of about `size` octets, signed when a key is given; no line starts with a dot.

    The size is all text, or nearly all an attachment.
    """
    lines = max(1, (size - 300) // (len(FILLER) + 2))
    body = ("\r\n".join([FILLER] * lines) + "\r\n").encode()
    kind = "text/plain; charset=utf-8"
    if attached:
        kind = "multipart/mixed; boundary=cut"
        octets = base64.encodebytes(random.Random(size).randbytes(size * 3 // 4)).replace(b"\n", b"\r\n")
        body = (
            b"--cut\r\n\r\nSee the report.\r\n--cut\r\nContent-Type: application/pdf\r\n"
            b'Content-Disposition: attachment; filename="report.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
            + octets
            + b"--cut--\r\n"
        )
    made = []
    for number in range(count):
        head = (
            f"From: Ada <ada@northwind.test>\r\nTo: bot@agents.localhost\r\nSubject: Report {number} {tag}\r\n"
            f"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{tag}.{number}.{time.time_ns()}@northwind.test>\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n"
        ).encode()
        content = head + body
        if key is not None:
            content = (
                sign(content, domain=world.SIGNING, selector=world.SELECTOR, private_key=load_private_key(key))
                + content
            )
        made.append((SENDER, content))
    return made


class Bench:
    """Measurements against one deployment."""

    def __init__(self, house: Deployment, rounds: int, sink: RelaySink | None = None) -> None:
        self.house = house
        self.sink = sink
        self.rounds = rounds
        self.key = (house.folder / "dev" / "world" / "rsa.pem").read_bytes()

    async def api(self) -> Api:
        """A client."""
        return await Api.open(self.house.api, self.house.api_key)

    async def agent(self, slug: str, **fields: Any) -> str:
        """Make an agent."""
        status, agent = await (await self.api()).request("POST", "/v1/agents", {"slug": slug, **fields})
        if status != 201:
            raise RuntimeError(f"agent: {status} {agent}")
        return str(agent["email"])

    async def accept(self) -> None:
        """Accepted messages a second, and the final dot to 250."""
        to = await self.agent("accept")
        await send_mail(self.house.smtp, 4, mails(200, 5000, tag="warm"), lambda _: to)
        for size, label, counts in ((5000, "5KB", (400, 1500, 2000)), (1_000_000, "1MB", (30, 60, 60))):
            for connections, count in zip((1, 10, 50), counts, strict=True):
                for key in (None, self.key):
                    await self._accept(to, label, size, connections, count, key)
        for connections, count in ((1, 40), (10, 100)):
            await self._accept(to, "1MB attached", 1_000_000, connections, count, None)

    async def _accept(self, to: str, label: str, size: int, connections: int, count: int, key: bytes | None) -> None:
        rates, p50, p99, cpu = [], [], [], []
        for number in range(self.rounds):
            tag = f"{label[:3]}.{connections}.{number}"
            batch = mails(count, size, key=key, tag=tag, attached=label.endswith("attached"))
            before = self.house.processor_seconds()
            seconds, timings = await send_mail(self.house.smtp, connections, batch, lambda _: to)
            after = self.house.processor_seconds()
            rates.append(count / seconds)
            p50.append(timings.percentile_ms(50))
            p99.append(timings.percentile_ms(99))
            cpu.append([(b - a) / count * 1000 for a, b in zip(before, after, strict=True)])
        report(
            "accept",
            size=label,
            dkim=key is not None,
            connections=connections,
            per_second=round(statistics.median(rates), 1),
            dot_to_250_ms={"p50": statistics.median(p50), "p99": statistics.median(p99)},
            processor_ms={
                "daemon": round(statistics.median(c[0] for c in cpu), 2),
                "database": round(statistics.median(c[1] for c in cpu), 2),
            },
        )

    async def webhook(self) -> None:
        """Accepted to received at an endpoint: at ten a second, and a burst of 2,000."""
        async with trio.open_nursery() as nursery:
            sink = Sink()
            port = await nursery.start(sink.serve)
            to = await self.agent("webhook")
            status, made = await (await self.api()).request(
                "POST",
                "/v1/webhooks",
                {"url": f"http://127.0.0.1:{port}/", "events": ["email.received"], "filters": {"agent_emails": [to]}},
            )
            if status != 201:
                raise RuntimeError(f"webhook: {status} {made}")
            await self._steady(sink, to)
            for connections in (10, 50):
                for number in range(self.rounds):
                    sink.received_at.clear()
                    sent_at: dict[bytes, float] = {}
                    batch = mails(2000, 5000, tag=f"burst{connections}.{number}")
                    began = time.perf_counter()
                    seconds, _ = await send_mail(self.house.smtp, connections, batch, lambda _: to, sent_at)
                    await sink.wait_for(2000, 120)
                    whole = time.perf_counter() - began
                    report(
                        "webhook_burst",
                        connections=connections,
                        accepted_per_second=round(2000 / seconds, 1),
                        whole_way_per_second=round(2000 / whole, 1),
                    )
            nursery.cancel_scope.cancel()

    async def _steady(self, sink: Sink, to: str) -> None:
        sent_at: dict[bytes, float] = {}
        for mail in mails(100, 5000, tag="steady"):
            await send_mail(self.house.smtp, 1, [mail], lambda _: to, sent_at)
            await trio.sleep(0.1)
        await sink.wait_for(100, 30)
        delays = Timings([sink.received_at[message] - at for message, at in sent_at.items()])
        report("webhook_steady", per_second=10, p50_ms=delays.percentile_ms(50), p99_ms=delays.percentile_ms(99))

    async def socket(self) -> None:
        """Accepted to received on a WebSocket."""
        from trio_websocket import open_websocket_url

        to = await self.agent("socket")
        url = f"ws://{self.house.api[0]}:{self.house.api[1]}/v1/agents/{to}/ws"
        headers = [(b"Authorization", f"Bearer {self.house.api_key}".encode())]
        received: dict[bytes, float] = {}
        sent_at: dict[bytes, float] = {}
        async with open_websocket_url(url, extra_headers=headers) as socket, trio.open_nursery() as nursery:

            async def read() -> None:
                while True:
                    event = json.loads(await socket.get_message())
                    received[event["data"]["message_id"].encode()] = time.perf_counter()

            nursery.start_soon(read)
            for mail in mails(100, 5000, tag="socket"):
                await send_mail(self.house.smtp, 1, [mail], lambda _: to, sent_at)
                await trio.sleep(0.02)
            with trio.fail_after(30):
                while len(received) < 100:
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        await self._socket_crowd(to)
        delays = Timings([received[message] - at for message, at in sent_at.items()])
        report("socket", p50_ms=delays.percentile_ms(50), p99_ms=delays.percentile_ms(99))

    async def _socket_crowd(self, to: str) -> None:
        """Deliveries a second to many sockets of one inbox; the readers only count."""
        sockets, count = 20, 500
        left = sockets * count
        finished = trio.Event()

        async def read(stream: trio.SocketStream) -> None:
            nonlocal left
            rest = b""
            async with stream:
                while True:
                    data = rest + await stream.receive_some(65536)
                    left -= data.count(b'"email.received"')
                    rest = data[-15:]
                    if left <= 0:
                        finished.set()

        async with trio.open_nursery() as nursery:
            for _ in range(sockets):
                nursery.start_soon(read, await self.raw_socket(to))
            before = self.house.processor_seconds()
            began = time.perf_counter()
            await send_mail(self.house.smtp, 10, mails(count, 5000, tag="crowd"), lambda _: to)
            with trio.fail_after(60):
                await finished.wait()
            seconds = time.perf_counter() - began
            used = self.house.processor_seconds()[0] - before[0]
            nursery.cancel_scope.cancel()
        report(
            "socket_crowd",
            sockets=sockets,
            mails=count,
            deliveries_per_second=round(sockets * count / seconds, 1),
            daemon_ms_per_mail=round(used / count * 1000, 2),
        )

    async def raw_socket(self, to: str) -> trio.SocketStream:
        """An open WebSocket whose frames nobody decodes."""
        stream = await trio.open_tcp_stream(*self.house.api)
        head = (
            f"GET /v1/agents/{to}/ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.house.api_key}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await stream.send_all(head.encode())
        status = await LineStream(stream).line()
        if b" 101 " not in status:
            raise RuntimeError(f"no socket: {status!r}")
        return stream

    async def read(self) -> None:
        """API get and list at 100 and at 100,000 stored messages."""
        to = await self.agent("reader")
        await send_mail(self.house.smtp, 8, mails(100, 5000, tag="read"), lambda _: to)
        await self._read(to, 100)
        await self._fill(to, 99_900)
        await self._read(to, 100_000)

    async def _fill(self, to: str, count: int) -> None:
        """Copies of a stored message, made by the database itself."""
        from e2ad.storage.pool import Limits, open_pool

        async with open_pool(self.house.database_url, size=2, limits=Limits(statement_seconds=300)) as database:
            await database.execute((Path(__file__).parent / "fill.sql").read_text(), {"agent": to, "count": count})
            await database.execute("analyze messages")

    async def _read(self, to: str, stored: int, *, workers: int = 1) -> None:
        base = f"/v1/agents/{to}/messages"
        _, page = await (await self.api()).request("GET", f"{base}?read_status=all&limit=50")
        ids = [item["id"] for item in page["items"]]
        paths: dict[str, Callable[[int], str]] = {
            "list": lambda _: f"{base}?read_status=all&limit=50",
            "list_by_subject": lambda _: f"{base}?read_status=all&limit=50&subject_contains=Report%2077",
            "get": lambda number: f"{base}/{ids[number % len(ids)]}",
        }
        for name, path in paths.items():
            count, timings = await load_api(self.house.api, self.house.api_key, 8, 3.0, path)
            report(
                name,
                stored=stored,
                workers=workers,
                clients=8,
                per_second=round(count / 3.0, 1),
                p50_ms=timings.percentile_ms(50),
                p99_ms=timings.percentile_ms(99),
            )

    async def memory(self) -> None:
        """Resident memory: idle, under load, with 2,000 idle sockets."""
        from trio_websocket import open_websocket_url

        report("start", ready_seconds=round(self.house.started_seconds, 2), what="dev, empty database")
        idle = self.house.resident_mb()
        to = await self.agent("memory")
        await send_mail(self.house.smtp, 50, mails(1000, 5000, tag="memory"), lambda _: to)
        loaded = self.house.resident_mb()
        path = f"/v1/agents/{to}/messages"
        await load_posts(
            self.house.api,
            self.house.api_key,
            32,
            2000,
            lambda number: (path, outbound.draft(f"m{number}@northwind.test", number)),
        )
        sending = self.house.resident_mb()
        url = f"ws://{self.house.api[0]}:{self.house.api[1]}/v1/agents/{await self.agent('idle')}/ws"
        headers = [(b"Authorization", f"Bearer {self.house.api_key}".encode())]
        opened = 0
        room = trio.Semaphore(50)

        async def hold() -> None:
            nonlocal opened
            await room.acquire()
            async with open_websocket_url(url, extra_headers=headers):
                room.release()
                opened += 1
                await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            before = self.house.resident_mb()
            began = time.perf_counter()
            for _ in range(2000):
                nursery.start_soon(hold)
            with trio.fail_after(120):
                while opened < 2000:
                    await trio.sleep(0.05)
            seconds = time.perf_counter() - began
            await trio.sleep(1)
            grown = self.house.resident_mb() - before
            nursery.cancel_scope.cancel()
        report(
            "memory",
            idle_mb=idle,
            after_load_mb=loaded,
            after_sends_mb=sending,
            socket_kb=round(grown * 1024 / 2000, 1),
            sockets=2000,
            sockets_opened_per_second=round(2000 / seconds, 1),
        )

    async def serve(self) -> None:
        """`e2ad serve`: start to ready on an empty and on a migrated database; two workers taking mail and reads."""
        starts: dict[str, list[float]] = {"empty": [], "migrated": []}
        for _ in range(self.rounds):
            async with own_database(self.house) as url:
                for state in starts:
                    async with serving(self.house, url) as house:
                        starts[state].append(house.started_seconds)
        for state, taken in starts.items():
            report("start", what=f"serve, {state} database", ready_seconds=round(statistics.median(taken), 2))
        async with own_database(self.house) as url, serving(self.house, url, workers=2) as house:
            bench = Bench(house, self.rounds)
            to = await bench.agent("workers")
            await send_mail(house.smtp, 8, mails(400, 5000, tag="warm"), lambda _: to)
            for connections in (10, 50):
                rates = []
                for number in range(self.rounds):
                    batch = mails(2000, 5000, tag=f"workers.{connections}.{number}")
                    seconds, _ = await send_mail(house.smtp, connections, batch, lambda _: to)
                    rates.append(2000 / seconds)
                per_second = round(statistics.median(rates), 1)
                report("accept", workers=2, size="5KB", dkim=False, connections=connections, per_second=per_second)
            await bench._read(to, 400 + 4000 * self.rounds, workers=2)


def main(arguments: Sequence[str]) -> None:
    """Measure what is asked for, everything by default."""
    benches: dict[str, Callable[[Bench], Awaitable[None]]] = {
        "accept": Bench.accept,
        "webhook": Bench.webhook,
        "socket": Bench.socket,
        "api": Bench.read,
        "memory": Bench.memory,
        "serve": Bench.serve,
        **outbound.BENCHES,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", nargs="*", choices=[*benches, []])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    for name in options.bench or benches:
        with ExitStack() as stack:
            sink = stack.enter_context(relay_sink()) if name in outbound.BENCHES else None
            settings = {} if sink is None else {**RELAYING, "E2AD_RELAY_PORT": str(sink.smtp_port)}
            house = stack.enter_context(deployment(**settings))
            trio.run(benches[name], Bench(house, options.rounds, sink))


if __name__ == "__main__":
    main(sys.argv[1:])
