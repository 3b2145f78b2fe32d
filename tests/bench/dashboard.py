"""What the dashboard costs when much is stored: `python -m tests.bench.dashboard [--rounds N] [--many N]`.

Two deployments side by side, one whose inbox has a hundred messages and one with a hundred thousand, and a real
Chromium that is signed in to both and opens each page of both in turn. One JSON line a page, medians in milliseconds:

- `ttfb`: from the request to the first byte of the answer;
- `interactive`: from the start of the navigation until all scripts have run and the page can be used: rows are there,
  "/" leads to the search field. Files are in the browser's cache, as they are from the second page on;
- `first`: the same once, with an empty cache;
- `document`, `packed`: bytes of the page itself as it is and as it was sent; `total`: of all that was sent for a
  first visit;
- `rows`: items of lists and rows of tables, since a page that shows more costs more: `ratio` is of pages, `ratio_a_row`
  of rows.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import trio
from attrs import frozen

from tests.api.world import AGENT, World
from tests.bench.reads import FEW, MANY, SETTINGS, databases, fill
from tests.live.desk import CHROMIUM, sign_in
from tests.live.serving import Deployment, found

TIMES = """() => {
  const [page] = performance.getEntriesByType('navigation'), files = performance.getEntriesByType('resource');
  return {
    ttfb: page.responseStart - page.requestStart,
    interactive: page.domContentLoadedEventEnd,
    document: page.decodedBodySize, packed: page.encodedBodySize,
    total: page.transferSize + files.reduce((sum, one) => sum + one.transferSize, 0),
    rows: document.querySelectorAll('main tbody tr, main li').length,
    ready: !!document.getElementById('search') && typeof htmx === 'object',
  };
}"""


@frozen
class Side:
    """One deployment, and windows that look at it."""

    world: World
    url: str
    browser: Any
    state: Any
    window: Any

    def look(self, path: str) -> Mapping[str, Any]:
        """Open a page in the window that knows the files."""
        return self._timed(self.window, path)

    def first(self, path: str) -> Mapping[str, Any]:
        """Open a page in a browser that knows nothing yet."""
        context = self.browser.new_context(storage_state=self.state)
        try:
            return self._timed(context.new_page(), path)
        finally:
            context.close()

    def _timed(self, page: Any, path: str) -> Mapping[str, Any]:
        answer = page.goto(self.url + path, wait_until="load")
        times: Mapping[str, Any] = page.evaluate(TIMES)
        if answer.status != 200 or not times["ready"]:
            raise RuntimeError(f"{path}: {answer.status} {times}")
        return times


def paths(world: World) -> Iterator[tuple[str, str]]:
    """What is opened: its name and where it is."""
    yield "inbox", "/dashboard/inbox"
    yield "inbox of an agent", f"/dashboard/inbox?agent={AGENT}"
    yield "unread", f"/dashboard/inbox?agent={AGENT}&unread=1"
    yield "sent", f"/dashboard/inbox?agent={AGENT}&box=sent"
    yield "trash", f"/dashboard/inbox?agent={AGENT}&box=trash"
    yield "search", f"/dashboard/inbox?agent={AGENT}&q=morning"
    yield "search, absent", f"/dashboard/inbox?agent={AGENT}&q=nowhere"
    yield "search everywhere", "/dashboard/inbox?q=morning"
    yield "label", f"/dashboard/inbox?agent={AGENT}&label=urgent"
    yield "message", f"/dashboard/inbox/{AGENT}/messages/{world.message}"
    yield "message as HTML", f"/dashboard/inbox/{AGENT}/messages/{world.message}?show=html"
    yield "reply", f"/dashboard/inbox/{AGENT}/messages/{world.message}/reply"
    yield "compose", "/dashboard/compose"
    for state in ("", "failed", "delivered"):
        yield f"events {state}".strip(), f"/dashboard/events?state={state}"
    for name in ("agents", "reviews", "domains", "webhooks", "keys", "account", "account/audit", "operations"):
        yield name, f"/dashboard/{name}"
    yield "operations, 30 days", "/dashboard/operations?span=30d"


def measure(sides: Sequence[Side], rounds: int, only: str) -> None:
    """Open all of it, of one and of the other in turn; the first time of each is not counted."""
    for few, many in zip(*(list(paths(side.world)) for side in sides), strict=True):
        if only not in few[0]:
            continue
        cold = [side.first(path) for side, (_, path) in zip(sides, (few, many), strict=True)]
        seen: list[list[Mapping[str, Any]]] = [[], []]
        for number in range(rounds + 1):
            for which, (_, path) in enumerate((few, many)):
                times = sides[which].look(path)
                if number:
                    seen[which].append(times)
        line: dict[str, Any] = {"bench": "dashboard", "what": few[0]}
        for which, name in enumerate(("few", "many")):
            for time in ("ttfb", "interactive"):
                line[f"{name}_{time}"] = round(statistics.median(one[time] for one in seen[which]), 1)
            line[f"{name}_first"] = round(cold[which]["interactive"], 1)
            line |= {f"{name}_{size}": cold[which][size] for size in ("document", "packed", "total", "rows")}
        line["ratio"] = round(line["many_ttfb"] / line["few_ttfb"], 2)
        rows = [max(1, line[f"{name}_rows"]) for name in ("few", "many")]
        line["ratio_a_row"] = round(line["ratio"] * rows[0] / rows[1], 2)
        print(json.dumps(line | {"rounds": rounds}), flush=True)


def run(folder: Path, dsns: Sequence[str], given: argparse.Namespace) -> None:
    """Fill and measure, off the loop that PostgreSQL is watched from."""
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack:
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        sides = []
        for dsn, count in zip(dsns, (FEW, given.many), strict=True):
            deployment = Deployment(dsn, found(dsn), folder)
            world = trio.run(fill, deployment, count)
            running = stack.enter_context(deployment.serving("--roles", "http", **SETTINGS))
            url = str(running.told["dashboard_url"])
            state = sign_in(browser, url, deployment.api_key)
            sides.append(Side(world, url, browser, state, browser.new_context(storage_state=state).new_page()))
        measure(sides, given.rounds, given.only)
        browser.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        folder.chmod(0o755)
        async with databases(folder / "server") as dsns:
            await trio.to_thread.run_sync(run, folder, dsns, given)


if __name__ == "__main__":
    trio.run(main)
