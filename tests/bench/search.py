"""What a search costs: `python -m tests.bench.search [messages]`, on a fresh PostgreSQL with fsync off.

Mails of about 5 KB whose words follow Zipf's law; prints milliseconds of the storage's statements, medians of nine,
before and after the statistics exist, and what indexing costs.
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import trio
from psycopg.conninfo import make_conninfo

from e2ad.core.search import compile_search
from e2ad.core.search_words import Searchable, document
from e2ad.dev.postgres import open_server
from e2ad.storage import messages
from e2ad.storage.connection import TrioConnection
from e2ad.storage.messages import Filter
from e2ad.storage.migrations import migrate
from e2ad.storage.pool import Database, open_pool
from e2ad.workers.indexing import Indexer
from tests import factories

AGENT = "bot@agents.test"
WORDS = 50_000
QUERIES = {
    "in every mail": "w0",
    "in every second mail": "w7",
    "in every 50th mail": "w1000",
    "rare": "needle",
    "prefix, two letters": "ne",
    "absent": "absent",
    "two common": "w0 w1",
    "common and rare": "w0 needle",
    "phrase": '"needle in"',
    "sender": "from:s77",
    "refused": "-w0",
}


def body(rng: random.Random) -> str:
    return " ".join(f"w{min(WORDS, int(rng.paretovariate(0.6)) - 1)}" for _ in range(800))


async def fill(database: Database, account_id: str, count: int) -> None:
    rng = random.Random(1)
    bodies = [body(rng) for _ in range(500)]
    for start in range(0, count, 500):
        numbers = range(start, min(start + 500, count))
        await database.execute(
            """insert into messages (account_id, id, agent_email, direction, method, created_at, delivered_to,
               header_from, subject, conversation_id, body_text, unread)
               select %(account)s, 'msg_' || n, %(agent)s, 'inbound', 'smtp',
                      '2026-01-01'::timestamptz + n * interval '1 s', %(agent)s,
                      's' || n %% 977 || '@people.test', 'Report ' || n, 'conv_' || n, b, n %% 100 = 0
               from unnest(%(numbers)s::int[], %(bodies)s::text[]) as t (n, b)""",
            {
                "account": account_id,
                "agent": AGENT,
                "numbers": list(numbers),
                "bodies": [rng.choice(bodies) + (" needle in hay" if n % 5000 == 7 else f" x{n}") for n in numbers],
            },
            prepare=False,
        )
    await database.execute(
        "insert into search_queue (created_at, account_id, message_id) select created_at, account_id, id from messages",
        {},
    )


async def measure(database: Database, account_id: str, title: str) -> None:
    print(f"{title:<24}", "ms for 50 of all, and of the unread: hits on the page")
    for name, text in QUERIES.items():
        found = []
        for unread in (None, True):
            which = Filter(unread=unread, search=compile_search(text))
            times, rows = [], None
            for _ in range(9):
                at = time.perf_counter()
                rows = await messages.page(
                    database, account_id, AGENT, which, after=None, limit=51, quoted_characters=32768
                )
                times.append((time.perf_counter() - at) * 1000)
            found.append(f"{statistics.median(times):8.1f} ({len(rows or [])})")
        print(f"  {name:<24}", *found)


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        settings = {"fsync": "off", "autovacuum": "off"}
        async with open_server(Path(folder), None, settings) as server:
            connection = await TrioConnection.open(server.dsn)
            await connection.command(b"create database bench")
            connection.shut()
            dsn = make_conninfo(server.dsn, dbname="bench")
            await migrate(dsn)
            async with open_pool(dsn, size=4) as database:
                owner = await factories.account(database)
                await factories.agent(database, owner.account_id, AGENT)
                await fill(database, owner.account_id, count)
                indexer, at, done, own = Indexer(database), time.perf_counter(), 0, time.process_time()
                while taken := await indexer.index():
                    done += taken
                seconds, own = time.perf_counter() - at, time.process_time() - own
                print(
                    f"indexed {done} in {seconds:.1f} s: {seconds / done * 1000:.2f} ms each,"
                    f" ours {own / done * 1000:.2f}"
                )
                await measure(database, owner.account_id, "never analysed")
                await database.execute("analyze", {}, prepare=False)
                await measure(database, owner.account_id, "analysed")
                one = Searchable(AGENT, "Report", "", "s@x.test", body(random.Random(2)))
                at = time.perf_counter()
                for _ in range(100):
                    document(one)
                print(f"one document: {(time.perf_counter() - at) * 10:.2f} ms")
                size = (
                    "select pg_size_pretty(pg_relation_size('message_search_by_word')) || ' '"
                    " || pg_size_pretty(pg_total_relation_size('message_search'))"
                )
                print("index, whole table:", await database.fetch_value(size, {}))


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 100)
