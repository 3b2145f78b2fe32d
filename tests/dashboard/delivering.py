"""Webhooks, events and their deliveries in the account of a browser, and a worker that delivers to a real far side."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import frozen

from e2ad.core.events import envelope
from e2ad.core.sealing import webhook_secret_context
from e2ad.delivery.egress import Egress
from e2ad.delivery.poster import Poster
from e2ad.delivery.webhook import Webhooks
from e2ad.gateway.mint import new_id, new_secret, nonce, now
from e2ad.storage.pool import Database
from e2ad.workers.contents import ByteBudget, StoredContents
from e2ad.workers.runner import Runner
from tests.dashboard.conftest import AGENT, Browser
from tests.delivery import endpoint as far
from tests.factories import insert
from tests.zone import HOOK


@frozen
class Settings:
    retry_schedule_seconds: tuple[float, ...] = (0.05, 0.05)
    attempt_seconds: float = 5.0
    per_endpoint: int = 16
    concurrency: int = 64
    poll_seconds: float = 0.2


def database_of(browser: Browser) -> Database:
    return browser.client.services.db


async def add_webhook(browser: Browser, url: str = HOOK, **columns: Any) -> str:
    """A webhook of the account; its id."""
    webhook_id = str(columns.pop("id", new_id("wh_")))
    keys = browser.client.services.keys
    sealed = keys.seal(new_secret("whsec_"), context=webhook_secret_context(webhook_id), nonce=nonce())
    values = {"account_id": browser.account_id, "id": webhook_id, "url": url, "events": ["email.received"]}
    await insert(database_of(browser), "webhooks", values | {"sealed_secret": sealed} | columns)
    return webhook_id


async def add_event(browser: Browser, *endpoints: str, status: str = "pending", **columns: Any) -> str:
    """An event of the account with a delivery for each endpoint; its id."""
    event_id, at = str(columns.pop("id", new_id("evt_"))), columns.pop("created_at", now())
    kind = str(columns.pop("type", "email.received"))
    data = columns.pop("data", {"subject": "Hello"})
    row = {"account_id": browser.account_id, "id": event_id, "type": kind, "agent_email": AGENT, "created_at": at}
    row |= {"envelope": envelope(kind, event_id, at, data), "matched_endpoints": [e for e in endpoints if "@" not in e]}
    await insert(database_of(browser), "events", row | columns)
    for endpoint in endpoints:
        await add_delivery(browser, endpoint, event_id, status=status, event_type=kind, created_at=at)
    return event_id


async def add_delivery(browser: Browser, endpoint: str, event_id: str | None = None, **columns: Any) -> str:
    """A delivery of the account; its id."""
    delivery_id = str(columns.pop("id", new_id("whd_")))
    row = {"account_id": browser.account_id, "id": delivery_id, "endpoint": endpoint, "event_id": event_id}
    row |= {"kind": "agent" if "@" in endpoint else "webhook", "event_type": "email.received"}
    await insert(database_of(browser), "deliveries", row | columns)
    return delivery_id


async def add_attempt(browser: Browser, delivery_id: str, number: int, **columns: Any) -> None:
    row = {"account_id": browser.account_id, "delivery_id": delivery_id, "number": number, "at": now(), "took": 12}
    await insert(database_of(browser), "delivery_attempts", row | columns)


@asynccontextmanager
async def working(browser: Browser, settings: Settings | None = None, attempter: Any = None) -> AsyncIterator[Runner]:
    """A worker of deliveries, which may reach loopback, for the time of the block."""
    db, keys = database_of(browser), browser.client.services.keys
    poster = Poster(Egress(far.Settings(), far.StaticResolver({})))
    webhooks = Webhooks(poster, keys, StoredContents(db, ByteBudget(1 << 26)))
    runner, closing = Runner(db, attempter or webhooks, settings or Settings(), lambda: 0.0), trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(runner.run, closing)
        try:
            yield runner
        finally:
            closing.set()
    poster.close()


async def until(check: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait for a condition of the database; polls, since a person would too."""
    with trio.fail_after(seconds):
        while not await check():
            await trio.sleep(0.02)


async def settled(browser: Browser) -> bool:
    return await database_of(browser).fetch_value("select count(*) from deliveries where status = 'pending'") == 0
