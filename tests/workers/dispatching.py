"""A dispatcher with everything around it: real database, real intake, a far relay on loopback."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, evolve, field
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from e2ad.config import Config
from e2ad.config.sections import Relay as RelaySection
from e2ad.gateway.directory import Directory
from e2ad.gateway.inside import InsideMail
from e2ad.gateway.intake import Intake
from e2ad.gateway.limits import RateLimits
from e2ad.gateway.signing_keys import SigningKey
from e2ad.smtp.client import Relay
from e2ad.storage.pool import Database
from e2ad.workers.dispatch_relay import Upstream
from e2ad.workers.dispatcher import Dispatcher
from tests import factories
from tests.smtp.relay import FarRelay, settings

CONFIG = Config(
    shared_domain="agents.test",
    relay=RelaySection(
        retry_schedule_seconds=(100.0, 200.0),
        outage_seconds=50.0,
        give_up_seconds=1000.0,
        concurrency=8,
        connect_seconds=2.0,
        command_seconds=2.0,
        data_seconds=2.0,
        final_seconds=2.0,
        poll_seconds=0.5,
    ),
)


@define
class Keys:
    """Signing keys by domain."""

    by_domain: Mapping[str, tuple[SigningKey, ...]] = field(factory=dict)

    async def of(self, domain: str) -> tuple[SigningKey, ...]:
        await trio.lowlevel.checkpoint()
        return self.by_domain.get(domain, ())


def a_key(selector: str = "k1") -> SigningKey:
    return SigningKey(selector, "ed25519", Ed25519PrivateKey.generate())


@define
class Post:
    """A dispatcher and what it works with."""

    database: Database
    dispatcher: Dispatcher
    far: FarRelay
    relay: Relay | None
    closing: trio.Event = field(factory=trio.Event)

    async def row(self, message_id: str) -> dict[str, Any]:
        row = await self.database.fetch_one(
            "select * from submissions where message_id = %(id)s", {"id": message_id}, prepare=False
        )
        assert row is not None
        return row

    async def recipients(self, message_id: str) -> dict[str, str]:
        rows = await self.database.fetch_all(
            "select address, status from recipients where message_id = %(id)s", {"id": message_id}, prepare=False
        )
        return {row["address"]: row["status"] for row in rows}

    async def events(self, message_id: str) -> list[str]:
        rows = await self.database.fetch_all(
            "select type from events where message_id = %(id)s order by type", {"id": message_id}, prepare=False
        )
        return [row["type"] for row in rows]

    async def ledger(self, message_id: str) -> list[tuple[str, str | None]]:
        rows = await self.database.fetch_all(
            "select reason_code, recipient from lifecycle where message_id = %(id)s order by 1, 2",
            {"id": message_id},
            prepare=False,
        )
        return [(row["reason_code"], row["recipient"]) for row in rows]

    async def settled(self, *message_ids: str, seconds: float = 10) -> None:
        """Wait until no attempt at these is under way or due."""
        with trio.fail_after(seconds):
            while await self.database.fetch_value(
                "select count(*) from submissions where message_id = any(%(ids)s)"
                " and (status = 'sending' or next_attempt_at <= now())",
                {"ids": list(message_ids)},
                prepare=False,
            ):
                await trio.sleep(0.01)

    async def due_now(self, message_id: str) -> None:
        await self.database.execute(
            "update submissions set next_attempt_at = now() where message_id = %(id)s and status <> 'sending'",
            {"id": message_id},
            prepare=False,
        )
        self.dispatcher.kick()


def a_dispatcher(
    database: Database, intake: Intake, relay: Relay | None, *, config: Config = CONFIG, keys: Keys | None = None
) -> Dispatcher:
    directory = Directory(database, max_storage_bytes=10**12)
    return Dispatcher(
        database,
        config,
        inside=InsideMail(directory, intake, "mx.agents.test", 50),
        upstream=Upstream(relay, keys or Keys(), "mx.test"),
        limits=RateLimits(database),
        jitter=lambda: 0.0,
    )


def an_intake(database: Database) -> Intake:
    return Intake(database, outbox=True, on_stored=lambda arrivals: None, on_usage=lambda account, size: None)


def a_relay(far: FarRelay, **more: Any) -> Relay:
    waits = {"connect_seconds": 2, "greeting_seconds": 2, "command_seconds": 2, "data_seconds": 2, "final_seconds": 2}
    return Relay(settings(**{**waits, "cancelled_seconds": 0.5, "goodbye_seconds": 0.5, **more}), far.connect)


@asynccontextmanager
async def post(
    database: Database,
    *,
    config: Config = CONFIG,
    far: FarRelay | None = None,
    captured: bool = False,
    keys: Keys | None = None,
    running: bool = True,
    relay_settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[Post]:
    """All of it, running; closed in the proper order at the end."""
    far = far or FarRelay()
    async with trio.open_nursery() as nursery:
        await nursery.start(far.serve)
        relay = None if captured else a_relay(far, **(relay_settings or {}))
        if relay is not None:
            await nursery.start(relay.run)
        intake = an_intake(database)
        await nursery.start(intake.run)
        made = Post(database, a_dispatcher(database, intake, relay, config=config, keys=keys), far, relay)
        if running:
            await nursery.start(made.dispatcher.run, made.closing)
        yield made
        made.closing.set()
        nursery.cancel_scope.cancel()


def with_relay(**more: Any) -> Config:
    return evolve(CONFIG, relay=evolve(CONFIG.relay, **more))


async def world(database: Database) -> str:
    """An account with bot@agents.test, and another with ada@agents.test; the first account's id."""
    owner = await factories.account(database)
    await factories.agent(database, owner.account_id, "bot@agents.test")
    other = await factories.account(database)
    await factories.agent(database, other.account_id, "ada@agents.test")
    return owner.account_id


def addresses(count: int) -> Sequence[str]:
    return [f"p{number}@people.test" for number in range(count)]
