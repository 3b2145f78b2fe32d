"""A page stays live by itself: over a restart of the daemon, and over a change of its session's token."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from e2ad.core.signing import event_id
from e2ad.gateway.mint import now
from e2ad.gateway.sessions import RENEWED
from e2ad.storage.pool import Executor, open_pool
from tests import factories
from tests.api.world import AGENT
from tests.live.desk import CHROMIUM, DOMAIN, SECONDS, fill, sign_in
from tests.live.running import wait_until
from tests.live.serving import Deployment, free_port

pytestmark = pytest.mark.live


@pytest.fixture
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if not os.access(CHROMIUM, os.X_OK):
        if os.environ.get("CI"):
            pytest.fail("there is no chromium")
        pytest.skip("there is no chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def look(browser: Any, url: str, key: str) -> Any:
    """An inbox, open and live."""
    context = browser.new_context(storage_state=sign_in(browser, url, key))
    context.set_default_timeout(SECONDS)
    page = context.new_page()
    page.goto(f"{url}/dashboard/inbox?agent={AGENT}")
    page.get_by_text("Live", exact=True).wait_for()
    page.evaluate("window.kept = true")
    return page


def do(deployment: Deployment, what: Any, *arguments: Any) -> Any:
    async def run() -> Any:
        async with open_pool(deployment.dsn, size=1) as database:
            return await what(database, *arguments)

    return trio.run(run)


async def arrive(database: Executor, subject: str) -> None:
    """A mail comes in, as intake writes and tells it."""
    account_id = await database.fetch_value("select account_id from agents limit 1", {})
    raw = f"From: Ada <ada@example.org>\r\nTo: {AGENT}\r\nSubject: {subject}\r\n\r\nHi.\r\n".encode()
    sent = await factories.message(database, account_id, AGENT, raw=raw, created_at=now())
    event = {"id": event_id(sent, "1"), "type": "email.received", "agent_email": AGENT, "message_id": sent}
    await factories.insert(
        database, "events", {"account_id": account_id, **event, "envelope": "{}", "created_at": now()}
    )
    told = {"told": f"{account_id}:{event['id']}\n"}
    await database.execute("select pg_notify('e2ad_events', %(told)s)", told, prepare=False)


async def change(database: Executor, what: str, value: Any) -> None:
    """Make the session's token older than it is, in every process."""
    await database.execute(f"update sessions set {what}", {"value": value}, prepare=False)
    await database.execute("select pg_notify('e2ad_accounts', account_id) from sessions", {}, prepare=False)


def token(page: Any) -> str:
    (found,) = [one["value"] for one in page.context.cookies() if one["name"] == "e2a_session"]
    return str(found)


def test_a_page_goes_on_after_a_restart(deployment: Deployment, browser: Any) -> None:
    trio.run(fill, deployment)
    more = {"SHARED_DOMAIN": DOMAIN, "DASHBOARD_PORT": str(free_port())}
    with deployment.serving("--roles", "http", **more) as running:
        page = look(browser, str(running.told["dashboard_url"]), deployment.api_key)
    page.get_by_text("Reconnecting").wait_for()
    do(deployment, arrive, "While the server was away")
    with deployment.serving("--roles", "http", **more):
        page.get_by_text("While the server was away").wait_for()
        page.get_by_text("Live", exact=True).wait_for()
        do(deployment, arrive, "Afterwards")
        page.get_by_text("Afterwards").wait_for()
        assert page.evaluate("window.kept")


def test_a_page_goes_on_with_the_next_token(deployment: Deployment, browser: Any) -> None:
    trio.run(fill, deployment)
    with deployment.serving("--roles", "http", SHARED_DOMAIN=DOMAIN) as running:
        page = look(browser, str(running.told["dashboard_url"]), deployment.api_key)
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url) if "/stream" in one.url else None)
        first = token(page)
        do(deployment, change, "token_since = token_since - %(value)s", RENEWED)
        # What is drawn anew brings the next token; what is drawn after that shows it.
        do(deployment, arrive, "With the old token")
        page.get_by_text("With the old token").wait_for()
        wait_until(lambda: token(page) != first)
        do(deployment, arrive, "With the next token")
        page.get_by_text("With the next token").wait_for()
        wait_until(
            lambda: do(deployment, fetch, "select previous_until from sessions where previous_until is not null")
        )
        assert asked == []
        # The minute is over in which the old one is good: the stream that was opened with it ends.
        do(deployment, change, "previous_until = %(value)s", now())
        do(deployment, arrive, "Between two streams")
        page.get_by_text("Between two streams").wait_for()
        wait_until(lambda: asked)
        page.get_by_text("Live", exact=True).wait_for()
        do(deployment, arrive, "With the next stream")
        page.get_by_text("With the next stream").wait_for()
        assert page.evaluate("window.kept")
        assert token(page) != first


async def fetch(database: Executor, statement: str) -> Any:
    return await database.fetch_value(statement, {})
