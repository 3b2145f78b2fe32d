"""What e2ad does in a second, and what it costs: `python -m tests.bench.run [accept|webhook|socket|api|memory …]`.

One JSON line a measurement, on stdout. Server, PostgreSQL and load share the machine, so read
ratios and medians rather than single numbers. `--rounds N` repeats each measurement.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import trio

from e2ad.dev import world
from e2ad.mailauth.signer import load_private_key, sign
from tests.bench.deployment import Deployment, deployment
from tests.bench.peers import Api, Sink, Timings, load_api, send_mail

SENDER = b"ada@northwind.test"
FILLER = ("The quick brown fox jumps over the lazy dog, and the mail goes on and on. " * 2)[:76]


def mails(count: int, size: int, *, key: bytes | None = None, tag: str = "") -> list[tuple[bytes, bytes]]:
    """So many different mails of about `size` octets, signed when a key is given; no line starts with a dot."""
    lines = max(1, (size - 300) // (len(FILLER) + 2))
    body = ("\r\n".join([FILLER] * lines) + "\r\n").encode()
    made = []
    for number in range(count):
        head = (
            f"From: Ada <ada@northwind.test>\r\nTo: bot@agents.localhost\r\nSubject: Report {number} {tag}\r\n"
            f"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{tag}.{number}.{time.time_ns()}@northwind.test>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        ).encode()
        content = head + body
        if key is not None:
            content = (
                sign(content, domain=world.SIGNING, selector=world.SELECTOR, private_key=load_private_key(key))
                + content
            )
        made.append((SENDER, content))
    return made


def report(name: str, **figures: Any) -> None:
    """One line."""
    print(json.dumps({"bench": name, **figures}), flush=True)


class Bench:
    """Measurements against one deployment."""

    def __init__(self, house: Deployment, rounds: int) -> None:
        self.house = house
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

    async def _accept(self, to: str, label: str, size: int, connections: int, count: int, key: bytes | None) -> None:
        rates, p50, p99, cpu = [], [], [], []
        for number in range(self.rounds):
            batch = mails(count, size, key=key, tag=f"{label}.{connections}.{number}")
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
        delays = Timings([received[message] - at for message, at in sent_at.items()])
        report("socket", p50_ms=delays.percentile_ms(50), p99_ms=delays.percentile_ms(99))

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

    async def _read(self, to: str, stored: int) -> None:
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
            socket_kb=round(grown * 1024 / 2000, 1),
            sockets=2000,
            sockets_opened_per_second=round(2000 / seconds, 1),
        )


def main(arguments: Sequence[str]) -> None:
    """Measure what is asked for, everything by default."""
    benches: dict[str, Callable[[Bench], Awaitable[None]]] = {
        "accept": Bench.accept,
        "webhook": Bench.webhook,
        "socket": Bench.socket,
        "api": Bench.read,
        "memory": Bench.memory,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", nargs="*", choices=[*benches, []])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    for name in options.bench or benches:
        with deployment() as house:
            trio.run(benches[name], Bench(house, options.rounds))


if __name__ == "__main__":
    main(sys.argv[1:])
