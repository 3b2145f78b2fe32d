"""Measurements of mail out: accepted, submitted to a relay, delivered inside, held and decided."""

import itertools
import re
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio
from attrs import define

from e2ad.storage.pool import Database, Limits, open_pool
from tests.bench.peers import Timings, load_posts, relay_progress, report

if TYPE_CHECKING:
    from tests.bench.run import Bench

TEXT = ("The quick brown fox jumps over the lazy dog, and the mail goes on and on.\n" * 65)[:4700]
DRAIN_SECONDS = 240.0
HOLDS = 10_000


def draft(to: str, number: int, **more: Any) -> dict[str, Any]:
    """A mail of 5 KB."""
    return {"to": [to], "subject": f"Report {number}", "text": f"{number}\n{TEXT}", **more}


async def send(bench: "Bench") -> None:
    """202 a second, to people, at 1, 8 and 32 clients; what one send costs."""
    path = f"/v1/agents/{await bench.agent('sender')}/messages"
    await _posts(bench, 8, 200, path, lambda number: draft(f"warm{number}@northwind.test", number))
    await _drained(bench)
    for clients, count in ((1, 300), (8, 1500), (32, 2000)):
        rates, p50, p99, cpu = [], [], [], []
        for one in range(bench.rounds):
            before = bench.house.processor_seconds()
            seconds, timings = await _posts(
                bench, clients, count, path, lambda number, one=one: draft(f"a{one}.{number}@northwind.test", number)
            )
            await _drained(bench)
            after = bench.house.processor_seconds()
            rates.append(count / seconds)
            p50.append(timings.percentile_ms(50))
            p99.append(timings.percentile_ms(99))
            cpu.append([(b - a) / count * 1000 for a, b in zip(before, after, strict=True)])
        report(
            "send",
            to="people",
            clients=clients,
            accepted_per_second=round(statistics.median(rates), 1),
            answer_ms={"p50": statistics.median(p50), "p99": statistics.median(p99)},
            processor_ms_to_the_end={
                "daemon": round(statistics.median(c[0] for c in cpu), 2),
                "database": round(statistics.median(c[1] for c in cpu), 2),
            },
            resident_mb=bench.house.resident_mb(),
        )
    await _statements(bench, path)


async def _statements(bench: "Bench", path: str) -> None:
    """Statements of one send, to people, until the relay has it, and their time: read in PostgreSQL's own log."""
    for clients, count in ((1, 50), (8, 400)):
        async with _database(bench) as database, _logged(bench, database) as read:
            began = time.perf_counter()
            await _posts(bench, clients, count, path, lambda number: draft(f"s{number}@northwind.test", number))
            await _drained(bench)
            await trio.sleep(1)
            seconds = time.perf_counter() - began
            busy = read()
            await trio.sleep(seconds)
            idle = read()
        busy.subtract(idle)
        for statement, spent in busy.most_common():
            if spent.times >= count // 10:
                report(
                    "statement",
                    clients=clients,
                    per_send=round(spent.times / count, 2),
                    ms_per_send=round(spent.ms / count, 3),
                    begins=statement,
                )
        together = busy.together()
        report(
            "statements",
            to="people",
            clients=clients,
            per_send=round(together.times / count, 1),
            ms_per_send=round(together.ms / count, 2),
            way="until the relay has it",
        )


async def relay(bench: "Bench") -> None:
    """2,000 mails accepted and all the way to a relay's 250."""
    path = f"/v1/agents/{await bench.agent('relayed')}/messages"
    await _posts(bench, 8, 200, path, lambda number: draft(f"warm{number}@northwind.test", number))
    await _drained(bench)
    for clients in (8, 32):
        accepted, submitted = [], []
        for one in range(bench.rounds):
            began = time.perf_counter()
            seconds, _ = await _posts(
                bench, clients, 2000, path, lambda number, one=one: draft(f"r{one}.{number}@northwind.test", number)
            )
            last_at = await _drained(bench)
            accepted.append(2000 / seconds)
            submitted.append(2000 / (last_at - began))
        report(
            "relay",
            mails=2000,
            clients=clients,
            accepted_per_second=round(statistics.median(accepted), 1),
            submitted_per_second=round(statistics.median(submitted), 1),
        )


async def inside(bench: "Bench") -> None:
    """Agent to agent: accepted, and received on the recipient's socket."""
    path, to = f"/v1/agents/{await bench.agent('here')}/messages", await bench.agent("there")
    count = 1000
    await _posts(bench, 8, 100, path, lambda number: draft(to, number))
    await trio.sleep(2)
    for clients in (8, 32):
        accepted, received = [], []
        for _ in range(bench.rounds):
            left, finished = count, trio.Event()

            async def read(stream: trio.SocketStream, finished: trio.Event = finished) -> None:
                nonlocal left
                rest = b""
                while True:
                    data = rest + await stream.receive_some(65_536)
                    left -= data.count(b'"email.received"')
                    rest = data[-15:]
                    if left <= 0:
                        finished.set()

            await _all_read(bench, to)
            async with trio.open_nursery() as nursery, await bench.raw_socket(to) as stream:
                nursery.start_soon(read, stream)
                await trio.sleep(0.5)
                began = time.perf_counter()
                seconds, _ = await _posts(bench, clients, count, path, lambda number: draft(to, number))
                with trio.fail_after(DRAIN_SECONDS):
                    await finished.wait()
                received.append(count / (time.perf_counter() - began))
                accepted.append(count / seconds)
                nursery.cancel_scope.cancel()
        report(
            "inside",
            clients=clients,
            accepted_per_second=round(statistics.median(accepted), 1),
            received_per_second=round(statistics.median(received), 1),
        )


async def _all_read(bench: "Bench", agent: str) -> None:
    """What came before is not sent to the next socket again."""
    async with _database(bench) as database:
        await database.execute("update messages set unread = false where agent_email = %(agent)s", {"agent": agent})


async def holds(bench: "Bench") -> None:
    """10,000 holds approved by API, one after the other and by 8 clients; 10,000 that run out."""
    agent = await bench.agent("held")
    path = f"/v1/agents/{agent}/messages"
    protection = {
        "inbound": {"gate": {}, "scan": {}},
        "outbound": {"gate": {}, "scan": {}, "require_review": True},
        "holds": {"suppress_notifications": True},
    }
    status, answer = await (await bench.api()).request("PUT", f"/v1/agents/{agent}/protection", protection)
    if status != 200:
        raise RuntimeError(f"protection: {status} {answer}")
    async with _database(bench) as database:
        seconds, _ = await _posts(bench, 8, HOLDS, path, lambda number: draft(f"h{number}@northwind.test", number))
        report("holds", what="held by API", clients=8, count=HOLDS, per_second=round(HOLDS / seconds, 1))
        ids = await _pending(database, agent)
        for clients, some in ((1, ids[:500]), (8, ids[500:])):
            seconds, timings = await load_posts(
                bench.house.api,
                bench.house.api_key,
                clients,
                len(some),
                lambda number, some=some: (f"/v1/reviews/{some[number]}/approve", {}),
            )
            report(
                "holds",
                what="approved by API",
                clients=clients,
                count=len(some),
                per_second=round(len(some) / seconds, 1),
                p50_ms=timings.percentile_ms(50),
                p99_ms=timings.percentile_ms(99),
            )
        await _drained(bench)
        for on_expiry in ("reject", "approve"):
            await _expire(bench, database, agent, path, on_expiry)


async def _expire(bench: "Bench", database: Database, agent: str, path: str, on_expiry: str) -> None:
    count = HOLDS // 2
    await _posts(bench, 8, count, path, lambda number: draft(f"x{number}@northwind.test", number))
    await database.execute(
        "update holds set on_expiry = %(on_expiry)s where decided_at is null", {"on_expiry": on_expiry}
    )
    began = time.perf_counter()
    await database.execute("update messages set review_expires_at = now() where review_status = 'pending_review'")
    with trio.fail_after(DRAIN_SECONDS):
        while await _pending(database, agent):
            await trio.sleep(0.1)
    seconds = time.perf_counter() - began
    report("holds", what=f"run out: {on_expiry}", count=count, per_second=round(count / seconds, 1))
    await _drained(bench)


async def _pending(database: Database, agent: str) -> list[str]:
    rows = await database.fetch_all(
        "select id from messages where agent_email = %(agent)s and review_status = 'pending_review'", {"agent": agent}
    )
    return [row["id"] for row in rows]


async def _posts(
    bench: "Bench", clients: int, count: int, path: str, body: Callable[[int], Mapping[str, Any]]
) -> tuple[float, Timings]:
    return await load_posts(bench.house.api, bench.house.api_key, clients, count, lambda number: (path, body(number)))


async def _drained(bench: "Bench") -> float:
    """Wait until nothing is left to submit; when the relay got the last mail."""
    async with _database(bench) as database:
        with trio.fail_after(DRAIN_SECONDS):
            while await database.fetch_value("select count(*) from submissions where next_attempt_at is not null", {}):
                await trio.sleep(0.05)
    assert bench.sink is not None, "the relay's side runs"
    return float((await relay_progress(bench.sink))["last_at"])


def _database(bench: "Bench") -> AbstractAsyncContextManager[Database]:
    return open_pool(bench.house.database_url, size=1, limits=Limits(statement_seconds=300))


@define
class Spent:
    """How often a statement ran, and its milliseconds in the server."""

    times: int = 0
    ms: float = 0.0


class Log(dict[str, Spent]):
    """What PostgreSQL wrote about statements, by how each begins."""

    def add(self, statement: str, times: int, ms: float) -> None:
        """One more line about it."""
        spent = self.setdefault(statement, Spent())
        spent.times += times
        spent.ms += ms

    def subtract(self, other: "Log") -> None:
        """What would have been there anyway."""
        for statement, spent in other.items():
            self.add(statement, -spent.times, -spent.ms)

    def most_common(self) -> list[tuple[str, Spent]]:
        """Those that cost most first."""
        return sorted(self.items(), key=lambda item: -item[1].ms)

    def together(self) -> Spent:
        """All of them."""
        return Spent(sum(one.times for one in self.values()), sum(one.ms for one in self.values()))


@asynccontextmanager
async def _logged(bench: "Bench", database: Database) -> AsyncIterator[Callable[[], Log]]:
    """PostgreSQL writes every statement into its log for the time of the block.

    What the block gets says what ran since it was asked last.
    """
    [log] = bench.house.folder.rglob("postgres.log")
    at = 0

    async def change(*statements: str) -> None:
        for statement in (*statements, "select pg_reload_conf()"):
            await database.execute(statement, prepare=False)
        await trio.sleep(0.5)

    def read() -> Log:
        nonlocal at
        text = log.read_bytes()
        new, at = text[at:].decode(errors="replace").splitlines(), len(text)
        found = Log()
        for number, line in enumerate(new):
            if match := _STATEMENT.search(line):
                more = itertools.takewhile(lambda line: line.startswith((" ", "\t")), new[number + 1 : number + 4])
                begins = " ".join(" ".join([match["text"], *more]).split())[:110]
                found.add(begins, 0 if match["phase"] in ("parse", "bind") else 1, float(match["ms"]))
        return found

    await change("alter system set log_min_duration_statement = 0", "alter system set log_parameter_max_length = 0")
    read()
    try:
        yield read
    finally:
        await change("alter system reset log_min_duration_statement", "alter system reset log_parameter_max_length")


_STATEMENT = re.compile(
    r"LOG:  duration: (?P<ms>[\d.]+) ms  (?P<phase>parse|bind|execute|statement)(?: [^:]+)?: (?P<text>.*)"
)


BENCHES: Mapping[str, Callable[["Bench"], Awaitable[None]]] = {
    "send": send,
    "inside": inside,
    "relay": relay,
    "holds": holds,
}
