"""What the Python client itself costs: `python -m tests.bench.sdk`.

Loading it, making a client, a call beside the same call by bare httpx2, reading pages, listening. The far side is a
thread of this process that answers at once, so read the ratios; one JSON line a measurement, on stdout.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import httpx2
import msgspec
from websockets.sync.server import ServerConnection

from e2ad.sdk import E2AClient
from e2ad.sdk.exchange import Answer, Response
from e2ad.sdk.models import MessageSummaryView
from e2ad.sdk.pages import Page
from tests.sdk.far_sides import frame, peer
from tests.sdk.peers import Asked, Told, answering, json_of

CALLS = 200
PAGE = 100
PAGES = 10
EVENTS = 2000
FEATURES = {"outbox": True, "screening": True, "dashboard": True, "mcp": True}
INFO = {"version": "1", "shared_domain": "x.test", "slug_registration_enabled": True, "features": FEATURES}
SUMMARY = {
    "id": "msg_0123456789abcdef0123456789abcdef",
    "direction": "inbound",
    "header_from": "ada@northwind.test",
    "envelope_from": "ada@northwind.test",
    "verified_domain": "northwind.test",
    "to": ["bot@agents.test"],
    "delivered_to": "bot@agents.test",
    "subject": "Report",
    "read_status": "unread",
    "labels": [],
    "created_at": "2026-01-02T03:04:05.678Z",
}


def report(bench: str, **facts: float) -> None:
    """One line."""
    sys.stdout.write(json.dumps({"bench": bench, **{name: round(value, 3) for name, value in facts.items()}}) + "\n")


def milliseconds(work: Callable[[], object], times: int) -> float:
    """The median of so many."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def loading() -> None:
    """A fresh interpreter, less one that loads nothing."""

    def run(program: str) -> float:
        return milliseconds(lambda: subprocess.run([sys.executable, "-c", program], check=True), 5)

    bare = run("pass")
    http = run("import httpx2")
    client = run("from e2ad.sdk import E2AClient")
    webhooks = run("from e2ad.sdk import parse_webhook")
    report("import", httpx2_ms=http - bare, client_ms=client - bare, parse_webhook_ms=webhooks - bare)


def calling() -> None:
    """A client, a small answer, and the same by bare httpx2."""

    def answer(asked: Asked) -> Told:
        if not asked.path.startswith("/v1/agents/"):
            return json_of(INFO)
        number = int(asked.path.partition("cursor=")[2] or 0) + 1
        return json_of({"items": [SUMMARY] * PAGE, "next_cursor": str(number) if number < PAGES else None})

    with answering(answer) as url, E2AClient("key", base_url=url) as client, httpx2.Client(base_url=url) as bare:
        made = milliseconds(lambda: E2AClient("key", base_url=url).close(), 20)
        report("construct", client_ms=made, https_ms=milliseconds(lambda: E2AClient("key", base_url="https://x"), 5))
        for warm in (client.info, lambda: bare.get("/v1/info")):
            milliseconds(warm, 20)
        theirs = milliseconds(lambda: bare.get("/v1/info").json(), CALLS)
        ours = milliseconds(client.info, CALLS)
        report("call", httpx2_ms=theirs, client_ms=ours, ratio=ours / theirs)
        began = time.perf_counter()
        items = len(client.messages.list("bot@agents.test").to_list())
        report("pager", items=items, seconds=time.perf_counter() - began)


def decoding() -> None:
    """A page of messages, by itself."""
    page = Response(200, {}, json.dumps({"items": [SUMMARY] * PAGE, "next_cursor": None}).encode())
    typed = milliseconds(Answer(page, Page[MessageSummaryView]).model, 50)
    report("decode", typed_ms=typed, plain_ms=milliseconds(lambda: msgspec.json.decode(page.content), 50))


def listening() -> None:
    """Events as fast as they come."""

    def handler(connection: ServerConnection) -> None:
        for number in range(EVENTS):
            connection.send(frame(number))
        connection.close(1000)

    with peer(handler) as url, E2AClient("key", base_url=url) as client:
        began = time.perf_counter()
        events = sum(1 for _ in client.listen("bot@agents.test"))
        seconds = time.perf_counter() - began
        report("listen", events=events, seconds=seconds, per_second=events / seconds)


if __name__ == "__main__":
    for bench in (loading, calling, decoding, listening):
        bench()
