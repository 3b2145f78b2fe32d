"""`e2ad dev`: everything on this machine, nothing to set up, nothing left behind.

A private PostgreSQL, the offline world's DNS, the whole daemon on loopback, one account and
one key. What must survive a restart lies in one folder.
"""

import json
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio
from attrs import asdict, frozen

from e2ad import daemon, maillog
from e2ad.config import Config, load
from e2ad.core.errors import Unauthorized
from e2ad.dev import notices, world
from e2ad.dev.folder import RUNNING, make_folder, read_document, write_private
from e2ad.dev.postgres import open_server
from e2ad.dev.zone import serve_zone
from e2ad.gateway.access import Access
from e2ad.storage.pool import open_pool

__all__ = ["ACCOUNT_EMAIL", "SHARED_DOMAIN", "Running", "run"]

ACCOUNT_EMAIL: Final = "you@localhost.localdomain"
SHARED_DOMAIN: Final = "agents.localhost"
LOOPBACK: Final = "127.0.0.1"


@frozen
class Running:
    """What a caller needs to know of a running `e2ad dev`; written to `dev.json` as well.

    Attributes:
        note: a sentence for people, for instance where the database had to go.
    """

    api_url: str
    dashboard_url: str
    smtp: str
    api_key: str
    user_id: str
    account_email: str
    database_url: str
    shared_domain: str
    pid: int
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As one JSON object: what programs need. The note is for people."""
        document = asdict(self)
        del document["note"]
        return document


async def run(
    folder: Path,
    *,
    ports: Mapping[str, int],
    config_path: Path | None,
    on_ready: Callable[[Running], None],
    on_request: Callable[[notices.Request | notices.SignInLink], None] = lambda _request: None,
) -> None:
    """Run until a signal says stop.

    Args:
        folder: where the database, the keys and `dev.json` live; made if missing.
        ports: of `smtp`, `http` and `dashboard`, as far as the command line names them; 0 picks a free one.
        config_path: a TOML file over the development defaults, or None.
        on_ready: told once everything accepts traffic.
        on_request: told of each mail to the owner that has links: a held mail that waits for them, or to sign in.

    Raises:
        ConfigError, PostgresFailed, OSError: it cannot start; the message says why.

    Cancellation:
        The daemon, the name server and the database are stopped, in this order.
    """
    make_folder(folder)
    base = _defaults(folder)
    over: dict[str, dict[str, Any]] = {door: {"port": port} for door, port in ports.items()}
    given = load(config_path, base=base, over=over, need=())
    maillog.configure(given.log.level, given.log.format)
    async with daemon.stop_on_signal() as stop, _database(given, folder) as database, trio.open_nursery() as house:
        # Inside the database's block, so that its stopping is nobody's surprise.
        house.start_soon(database.wait_died)
        keys = await trio.to_thread.run_sync(world.load_keys, folder / "world")
        _, port = await house.start(partial(serve_zone, world.build_zone(keys), host=LOOPBACK, port=0))
        over["database"] = {"url": database.url}
        over["dns"] = {"stub_zones": _stub_zones(given, f"{LOOPBACK}:{port}")}
        config = load(config_path, base=base, over=over)
        key, user_id, email = await _account(config, folder)
        async with trio.open_nursery() as tree:
            doors: daemon.Doors = await tree.start(partial(daemon.serve, config, stop=stop))
            await house.start(notices.watch, database.url, on_request)
            running = _running(config, doors, key, user_id, email, database.note)
            write_private(folder / RUNNING, json.dumps(running.to_json(), indent=2).encode() + b"\n")
            on_ready(running)
        house.cancel_scope.cancel()


@frozen
class _Database:
    """Where the tables are; `wait_died` returns never, or raises if the server ends."""

    url: str
    note: str | None
    wait_died: Callable[[], Awaitable[None]]


@asynccontextmanager
async def _database(config: Config, folder: Path) -> AsyncIterator[_Database]:
    """The one that was configured, or a private server for the time of the block."""
    if config.database.url:
        yield _Database(config.database.url, None, trio.sleep_forever)
        return
    async with open_server(folder) as server:
        yield _Database(server.dsn, server.note, server.wait_died)


def _defaults(folder: Path) -> dict[str, Any]:
    """Development settings, under whatever the file and the environment say."""
    return {
        "shared_domain": SHARED_DOMAIN,
        "log": {"level": "warning"},
        "smtp": {"host": LOOPBACK},
        "http": {"host": LOOPBACK},
        "dashboard": {"host": LOOPBACK},
        "signing": {"secrets": [_deployment_secret(folder / "secret")]},
        # No name server knows the domains that one tries things with.
        "domains": {"assume_verified": True},
        "egress": {"allow_networks": ["127.0.0.0/8", "::1/128"], "allow_http": True},
    }


def _stub_zones(given: Config, name_server: str) -> list[str]:
    """The user's own, and the offline world's beside them."""
    taken = {zone.partition("=")[0] for zone in given.dns.stub_zones}
    return [*given.dns.stub_zones, *(f"{domain}={name_server}" for domain in world.DOMAINS if domain not in taken)]


def _deployment_secret(path: Path) -> str:
    if not path.exists():
        write_private(path, secrets.token_hex(32).encode() + b"\n")
    return path.read_text().strip()


async def _account(config: Config, folder: Path) -> tuple[str, str, str]:
    """The key, account id and address of the one account; the stored key is kept while it works."""
    known = read_document(folder / RUNNING)
    if known.get("api_key"):
        await daemon.migrate(config, config.database.migrations)
        async with open_pool(config.database.url, size=2) as database:
            try:
                principal = await Access(database).resolve(f"Bearer {known['api_key']}")
                return known["api_key"], principal.account_id, known.get("account_email", ACCOUNT_EMAIL)
            except Unauthorized:
                pass  # another database than last time: a new account there
    founded = await daemon.bootstrap(config, ACCOUNT_EMAIL)
    return founded.api_key, founded.account_id, founded.email


def _running(config: Config, doors: "daemon.Doors", key: str, user_id: str, email: str, note: str | None) -> Running:
    smtp = doors.smtp
    return Running(
        api_url=daemon.url_of(doors.http) if doors.http is not None else "",
        dashboard_url=daemon.url_of(doors.dashboard) if doors.dashboard is not None else "",
        smtp=daemon.url_of(smtp).removeprefix("http://") if smtp is not None else "",
        api_key=key,
        user_id=user_id,
        account_email=email,
        database_url=config.database.url,
        shared_domain=config.shared_domain,
        pid=os.getpid(),
        note=note,
    )
