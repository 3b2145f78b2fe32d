"""What reading costs when much is stored: `python -m tests.bench.reads [--rounds N] [--many N] [--only NAME]`.

Two deployments side by side, one whose inbox has a hundred messages and one with a hundred thousand, each with their
events, deliveries, transitions, people and words. Every reading operation is asked of both in turn, by one client
each that keeps its connection. One JSON line an operation: medians in milliseconds, and by what they differ.
"""

import argparse
import http.client
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import attrs
import trio
from attrs import frozen
from psycopg.conninfo import make_conninfo

from e2ad.api.app import OPERATIONS, build_app
from e2ad.api.services import Services
from e2ad.config.sections import Config
from e2ad.core.events import rfc3339
from e2ad.core.sealing import KeyRing
from e2ad.dev.postgres import open_server
from e2ad.gateway.mint import now
from e2ad.storage import metrics
from e2ad.storage.connection import Limits, TrioConnection
from e2ad.storage.migrations import migrate
from e2ad.storage.pool import open_pool
from e2ad.workers.indexing import Indexer
from tests.api.conftest import Client
from tests.api.world import AGENT, REQUESTS, World, populate
from tests.live.serving import Deployment, found, settings
from tests.zone import Zone, guard

DOMAIN = "agents.localhost"
FEW, MANY = 100, 100_000
PAGE = 20
"""Rows that are asked for: as many as there are in every list of both."""
SETTINGS = {"SHARED_DOMAIN": DOMAIN}
SINCE = rfc3339(now() - timedelta(hours=1))
INBOX = f"/v1/agents/{AGENT}/messages"
MORE = {
    "listMessages unread": (INBOX, {}),
    "listMessages read": (INBOX, {"read_status": "read"}),
    "listMessages oldest first": (INBOX, {"direction": "all", "sort": "asc"}),
    "listMessages outbound": (INBOX, {"direction": "outbound"}),
    "listMessages trash": (INBOX, {"deleted": "true"}),
    "listMessages from": (INBOX, {"read_status": "all", "from": "ada7@example.org"}),
    "listMessages from, absent": (INBOX, {"read_status": "all", "from": "nobody@nowhere"}),
    "listMessages labels": (INBOX, {"read_status": "all", "labels": "urgent"}),
    "listMessages labels, absent": (INBOX, {"read_status": "all", "labels": "nowhere"}),
    "listMessages subject_contains": (INBOX, {"read_status": "all", "subject_contains": "port 7"}),
    "listMessages subject_contains, absent": (INBOX, {"read_status": "all", "subject_contains": "nowhere"}),
    "listMessages filter": (INBOX, {"read_status": "all", "filter": "label:urgent -from:ada7"}),
    "listMessages filter, absent": (INBOX, {"read_status": "all", "filter": "subject:nowhere"}),
    "listMessages search": (INBOX, {"read_status": "all", "search": "morning"}),
    "listMessages search, absent": (INBOX, {"read_status": "all", "search": "nowhere"}),
    "listMessages since": (INBOX, {"read_status": "all", "since": SINCE}),
    "listEvents of an agent": ("/v1/events", {"agent_email": AGENT}),
    "listEvents of a type": ("/v1/events", {"type": "email.sent"}),
    "listEvents of none": ("/v1/events", {"message_id": "msg_none"}),
    "listWebhookDeliveries failed": ("/v1/webhooks/{webhook}/deliveries", {"status": "failed"}),
    "listContacts of a source": ("/v1/contacts", {"source": "import"}),
    "listEngagements of a stage": (f"/v1/agents/{AGENT}/contacts", {"stage": "nowhere"}),
}
"""Ways to ask a list that the operations' own requests do not take; `{webhook}` is of the world."""
DEEP = "listMessages deep page"


@frozen
class Side:
    """One deployment and a client of it."""

    world: World
    connection: http.client.HTTPConnection
    key: str

    def get(self, path: str, query: Mapping[str, str]) -> bytes:
        """One request on the kept connection."""
        url = quote(path, safe="/@") + ("?" + urlencode(query) if query else "")
        self.connection.request("GET", url, headers={"Authorization": f"Bearer {self.key}"})
        response = self.connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{url}: {response.status} {content[:300]!r}")
        return content

    def deep(self, pages: int) -> str:
        """The cursor behind so many pages of a hundred."""
        cursor, query = "", {"direction": "all", "read_status": "all", "limit": "100"}
        for _ in range(pages):
            page = json.loads(self.get(INBOX, query | ({"cursor": cursor} if cursor else {})))
            cursor = page["next_cursor"] or cursor
        return cursor


async def fill(deployment: Deployment, count: int) -> World:
    """An account with some of everything, and so many messages more in one inbox."""
    config = attrs.evolve(Config(), shared_domain=DOMAIN)
    keys = KeyRing((settings(deployment.dsn)["E2AD_SIGNING_SECRETS"],))
    async with open_pool(deployment.dsn, size=4) as pool:
        zone = Zone()
        services = Services.build(pool, config, keys, egress=guard(zone), resolver=zone)
        account = await pool.fetch_value("select account_id from api_keys limit 1")
        world = await populate(Client(build_app(services), services, deployment.api_key), account, PAGE)
        await pool.execute(
            "insert into search_queue (created_at, account_id, message_id) select created_at, account_id, id"
            " from messages on conflict do nothing"
        )
        while await Indexer(pool).index():
            pass
        await grow(deployment.dsn, world, count)
        # What the workers would do in their own time, beside what is measured.
        while await metrics.count_hours(pool):
            pass
    return world


async def grow(dsn: str, world: World, count: int) -> None:
    """What `grow.sql` says, without the checks of each row that would take most of the time."""
    values = {"agent": AGENT, "account": world.account_id, "webhook": world.webhook}
    text = (Path(__file__).parent / "grow.sql").read_text()
    text = text % ({name: f"'{value}'" for name, value in values.items()} | {"count": count})
    connection = await TrioConnection.open(dsn, limits=Limits(statement_seconds=0))
    try:
        for statement in ("set statement_timeout = 0", "set session_replication_role = replica", text):
            await connection.command(statement.encode())
        await connection.command(b"vacuum analyze")
    finally:
        await connection.close()


def questions(side: Side, only: str, pages: int) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Everything that is asked: its name, path and query."""
    for one in OPERATIONS:
        if one.method == "GET" and one.id != "exportAccount":
            request = REQUESTS[one.id](side.world)
            query = dict(request.query or {}) | ({"limit": str(PAGE)} if one.id.startswith("list") else {})
            yield one.id, one.path.format_map(request.path), query
    for name, (path, query) in MORE.items():
        yield name, path.format(webhook=side.world.webhook), {**query, "limit": str(PAGE)}
    if only in DEEP:
        yield DEEP, INBOX, {"direction": "all", "read_status": "all", "cursor": side.deep(pages), "limit": str(PAGE)}


def measure(sides: Sequence[Side], rounds: int, only: str, depths: Sequence[int]) -> None:
    """Ask all of it, of one and of the other in turn; the first answer of each is not counted."""
    asked = [list(questions(side, only, pages)) for side, pages in zip(sides, depths, strict=True)]
    for few, many in zip(*asked, strict=True):
        name = few[0]
        if only not in name:
            continue
        times: list[list[float]] = [[], []]
        for number in range(rounds + 1):
            for which, (_, path, query) in enumerate((few, many)):
                began = time.perf_counter()
                sides[which].get(path, query)
                if number:
                    times[which].append((time.perf_counter() - began) * 1000)
        small, large = (statistics.median(one) for one in times)
        line = {"bench": "reads", "what": name, "few_ms": round(small, 2), "many_ms": round(large, 2)}
        print(json.dumps(line | {"ratio": round(large / small, 2), "rounds": rounds}), flush=True)


@asynccontextmanager
async def databases(folder: Path) -> AsyncIterator[list[str]]:
    """Two migrated databases in a server of their own."""
    async with open_server(folder, None, {"fsync": "off", "max_connections": "100"}) as server:
        connection = await TrioConnection.open(server.dsn)
        for name in ("few", "many"):
            await connection.command(f"create database {name}".encode())
        connection.shut()
        dsns = [make_conninfo(server.dsn, dbname=name) for name in ("few", "many")]
        for dsn in dsns:
            await migrate(dsn)
        yield dsns


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--only", default="", help="questions whose name has this in it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        folder.chmod(0o755)
        async with databases(folder / "server") as dsns:
            await trio.to_thread.run_sync(run, folder, dsns, given)


def run(folder: Path, dsns: Sequence[str], given: argparse.Namespace) -> None:
    """Fill and measure, off the loop that PostgreSQL is watched from."""
    with ExitStack() as stack:
        sides = []
        for dsn, count in zip(dsns, (FEW, given.many), strict=True):
            deployment = Deployment(dsn, found(dsn), folder)
            world = trio.run(fill, deployment, count)
            running = stack.enter_context(deployment.serving(**SETTINGS))
            host = running.api_url.removeprefix("http://")
            sides.append(Side(world, http.client.HTTPConnection(host, timeout=60), deployment.api_key))
        measure(sides, given.rounds, given.only, (1, given.many // 200))


if __name__ == "__main__":
    trio.run(main)
