"""The nursery tree of one process.

Nesting is the shutdown order. Doors stop first: they take nothing new and finish what they
have. Then the engine room: attempts in flight end, outcomes are written. The pool is last.
Each storey has its grace; what ignores it is cancelled.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final

import trio
from attrs import frozen

from e2ad import maillog
from e2ad.api import front
from e2ad.api.reviews import deciding
from e2ad.config import Config
from e2ad.core.sealing import KeyRing
from e2ad.daemon import operate, systemd
from e2ad.daemon.house import House
from e2ad.daemon.presence import Presence
from e2ad.daemon.settings import smtp_settings
from e2ad.gateway import accounts
from e2ad.gateway.acceptance import from_domain_of
from e2ad.gateway.feedback import Feedback
from e2ad.gateway.receive import Receiver
from e2ad.gateway.screening import Screener
from e2ad.listeners import open_listeners
from e2ad.smtp import server as smtp_server
from e2ad.storage.pool import Database, Limits, open_pool
from e2ad.supervisor import FATAL, PATIENT, supervise
from e2ad.workers import sweeps
from e2ad.workers.expiry import Expiry
from e2ad.workers.indexing import Indexer

__all__ = ["ROLES", "CannotListen", "Doors", "graces", "serve", "url_of"]

ROLES: Final = frozenset({"smtp", "http", "worker"})


class CannotListen(OSError):
    """A door cannot be opened; the message names it, its address and the key to change."""


@frozen
class Doors:
    """Where this process really listens: host and port, None for a role it does not have."""

    smtp: tuple[str, int] | None
    http: tuple[str, int] | None
    dashboard: tuple[str, int] | None


def url_of(address: tuple[str, int]) -> str:
    """How this machine itself reaches a door: by loopback where it listens on every address."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0])  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{address[1]}" if ":" in host else f"http://{host}:{address[1]}"


def graces(config: Config) -> tuple[float, float, float]:
    """Seconds that doors, attempts and database get to finish, in this order."""
    return config.grace.doors_seconds, config.grace.attempts_seconds, config.grace.database_seconds


async def serve(
    config: Config,
    *,
    roles: frozenset[str] = ROLES,
    reuse_port: bool = False,
    stop: trio.Event,
    task_status: trio.TaskStatus[Doors] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run e2ad until `stop` is set.

    Args:
        roles: which parts this process runs.
        reuse_port: several processes share the ports.
        task_status: gets the open doors once all of them accept.

    Raises:
        Unavailable, MigrationFailed, OSError: it cannot start.
        Exception: a supervised task failed for good.

    Cancellation:
        Everything ends at once, without the graces; what was promised with a 250 is on disk.
    """
    async with _open_database(config) as database:
        await operate.migrate(config, config.database.migrations)
        await _keep_own_domains(config, database)
        house = House.build(config, database)
        async with trio.open_nursery() as engine_room:
            await _start_engines(house, roles, engine_room)
            async with trio.open_nursery() as doors:
                opened = await _open_doors(house, roles, doors, reuse_port=reuse_port)
                # Last: what it tells of are the tasks that there are.
                await engine_room.start(supervise, PATIENT, "presence", Presence(database, sorted(roles)).run)
                maillog.serving(sorted(roles), **_shown(opened))
                if "worker" in roles and house.relay is None:
                    maillog.no_relay()
                systemd.notify("READY=1")
                task_status.started(opened)
                await stop.wait()
                systemd.notify("STOPPING=1")
                house.closing.set()
                doors.cancel_scope.deadline = trio.current_time() + config.grace.doors_seconds
            engine_room.cancel_scope.deadline = trio.current_time() + config.grace.attempts_seconds
            await house.runner_done.wait()
            await house.dispatcher_done.wait()
            engine_room.cancel_scope.cancel()
    maillog.stopped()


@asynccontextmanager
async def _open_database(config: Config) -> AsyncIterator[Database]:
    settings = config.database
    async with open_pool(
        settings.url,
        size=settings.pool_size,
        acquire_seconds=settings.acquire_seconds,
        limits=Limits(statement_seconds=settings.statement_seconds, exit_seconds=config.grace.database_seconds),
    ) as database:
        yield database


async def _keep_own_domains(config: Config, database: Database) -> None:
    """The deployment's own domains, with the keys that sign its own mail."""
    keys = KeyRing(config.signing.secrets)
    if config.shared_domain:
        await accounts.keep_shared_domain(database, config.shared_domain, keys)
    if config.relay.from_domain not in ("", config.shared_domain):
        await accounts.keep_from_domain(database, config.relay.from_domain, keys)


async def _start_engines(house: House, roles: frozenset[str], nursery: trio.Nursery) -> None:
    """What works behind the doors; it outlives them, so that what they took in is finished."""
    _subscribe(house, roles)
    if (period := systemd.watchdog_seconds()) is not None:
        await nursery.start(systemd.watchdog, period)
    await nursery.start(supervise, PATIENT, "listener", house.listener.run)
    await nursery.start(supervise, PATIENT, "access", house.services.access.run)
    # In every process: mail from agent to agent comes in through it too.
    await nursery.start(supervise, PATIENT, "intake", house.intake.run)
    if "http" in roles:
        await nursery.start(supervise, PATIENT, "doorman", house.stream_handler.run)
        if house.tools is not None:
            await nursery.start(supervise, PATIENT, "tools", house.tools.run, house.app)
    if "smtp" in roles:
        await nursery.start(supervise, PATIENT, "authenticator", house.authenticator.run)
    if "worker" in roles:
        await nursery.start(_until_done, house)
        if house.relay is not None:
            await nursery.start(supervise, PATIENT, "relay", house.relay.run)
        await nursery.start(_until_dispatched, house)
        await nursery.start(supervise, PATIENT, "screening", house.screening.run, house.closing)
        expiry = Expiry(house.database, lambda: deciding(house.services).reviews, house.dispatcher)
        await nursery.start(supervise, PATIENT, "expiry", expiry.run, house.config.gate.sweep_seconds)
        indexer = Indexer(house.database)
        house.listener.subscribe("e2ad_events", indexer.hear_notification)
        await nursery.start(supervise, PATIENT, "indexer", indexer.run)
        await nursery.start(
            supervise, PATIENT, "sweeps", partial(sweeps.run, house.database, house.config, house.services.fresh_dns)
        )
    else:
        house.runner_done.set()
        house.dispatcher_done.set()
        await nursery.start(supervise, PATIENT, "announcer", house.dispatcher.announce)


async def _until_done(house: House, *, task_status: trio.TaskStatus[None]) -> None:
    """The delivery worker; the house waits for its last attempts before it locks up."""
    try:
        await supervise(PATIENT, "deliveries", house.runner.run, house.closing, task_status=task_status)
    finally:
        house.poster.close()
        house.runner_done.set()


async def _until_dispatched(house: House, *, task_status: trio.TaskStatus[None]) -> None:
    """The dispatcher; the house waits for its last attempts, and for its goodbye to the relay."""
    try:
        await supervise(PATIENT, "dispatcher", house.dispatcher.run, house.closing, task_status=task_status)
        if house.relay is not None:
            await house.relay.aclose()
    finally:
        house.dispatcher_done.set()


def _subscribe(house: House, roles: frozenset[str]) -> None:
    """Who hears what. A notification is a hint; each of them also looks by itself from time to time."""
    listener, access, sessions = house.listener, house.services.access, house.services.sessions
    listener.subscribe("e2ad_agents", house.directory.forget)
    listener.subscribe("e2ad_agents", access.forget_agent)
    listener.subscribe("e2ad_accounts", access.forget)
    listener.subscribe("e2ad_accounts", sessions.forget)
    listener.subscribe("e2ad_accounts", house.directory.forget_account)
    listener.subscribe("e2ad_accounts", house.hub.forget_account)
    listener.subscribe("e2ad_events", house.hub.hear)
    listener.on_gap(house.directory.clear)
    listener.on_gap(access.clear)
    listener.on_gap(sessions.clear)
    listener.on_gap(house.hub.scan)
    if "http" in roles:
        listener.subscribe("e2ad_agents", house.stream_handler.doubt_agent)
        listener.subscribe("e2ad_accounts", house.stream_handler.doubt_account)
        listener.on_gap(house.stream_handler.doubt_all)
        listener.subscribe("e2ad_events", house.live.hear)
        listener.subscribe("e2ad_accounts", house.live.wake)
        listener.on_gap(house.live.wake_all)
    if "worker" in roles:
        listener.subscribe("e2ad_events", house.runner.hear_notification)
        listener.on_gap(house.runner.kick)
        listener.subscribe("e2ad_submissions", house.dispatcher.hear_notification)
        listener.on_gap(house.dispatcher.kick)
        listener.subscribe("e2ad_domains", house.signing_keys.forget)
        listener.on_gap(house.signing_keys.clear)


async def _open_doors(house: House, roles: frozenset[str], nursery: trio.Nursery, *, reuse_port: bool) -> Doors:
    """Open what peers knock at. Every door is open when this returns."""
    config, closing = house.config, house.closing
    smtp = http = dashboard = None
    if "http" in roles:
        await nursery.start(supervise, PATIENT, "hub", house.hub.run, closing)
        with _naming("http", config.http.host, config.http.port):
            listeners = await open_listeners(config.http.host, config.http.port, reuse_port=reuse_port)
        http = _address(listeners)
        house.services.public_url = config.http.public_url or url_of(http)
        handler = house.stream_handler
        settings, serving = front.Settings.of(config.http), (front.serve, house.app, handler)
        if config.features.dashboard:
            await nursery.start(supervise, PATIENT, "live", house.live.run, closing)
        await nursery.start(supervise, FATAL, "http", *serving, listeners, settings, closing)
        if config.features.dashboard:
            with _naming("dashboard", config.dashboard.host, config.dashboard.port):
                listeners = await open_listeners(config.dashboard.host, config.dashboard.port, reuse_port=reuse_port)
            dashboard = _address(listeners)  # of the same application: whoever comes by this door signs in by it too
            await nursery.start(supervise, FATAL, "dashboard", *serving, listeners, settings, closing)
    if "smtp" in roles:
        receiver = Receiver.build(
            house.directory,
            house.authenticator,
            house.intake,
            max_received_fields=config.smtp.max_received_fields,
            screener=Screener.of(config),
            feedback=Feedback.build(
                house.database,
                domains=(from_domain_of(config), config.shared_domain),
                outbox=config.features.outbox,
            ),
        )
        with _naming("smtp", config.smtp.host, config.smtp.port):
            listeners = await open_listeners(config.smtp.host, config.smtp.port, reuse_port=reuse_port)
        smtp = _address(listeners)
        await nursery.start(
            supervise, FATAL, "smtp", smtp_server.serve, smtp_settings(config), receiver, listeners, closing
        )
        house.services.smtp_address = smtp
    return Doors(smtp, http, dashboard)


@contextmanager
def _naming(door: str, host: str, port: int) -> Iterator[None]:
    """Say of which door it is that cannot be opened, and how to mend it."""
    try:
        yield
    except OSError as error:
        where = f"{host or '*'}:{port}"
        raise CannotListen(
            f"{door} cannot listen on {where}: {error.strerror or error}; set {door}.host and {door}.port"
        ) from error


def _address(listeners: Sequence[trio.SocketListener]) -> tuple[str, int]:
    """Host and port of the first of several listeners; all of them share the port."""
    host, port = listeners[0].socket.getsockname()[:2]
    return str(host), int(port)


def _shown(doors: Doors) -> dict[str, str]:
    named = {"smtp": doors.smtp, "http": doors.http, "dashboard": doors.dashboard}
    return {name: f"{address[0]}:{address[1]}" for name, address in named.items() if address is not None}
