"""`e2ad dev`: everything on this machine, nothing to set up, nothing left behind.

A private PostgreSQL, the offline world's DNS, the whole daemon on loopback, one account and
one key. What must survive a restart lies in one folder.
"""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio
from attrs import asdict, frozen

from e2ad import daemon, maillog
from e2ad.config import Config, load
from e2ad.core.errors import Unauthorized
from e2ad.dev import world
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
    """What a caller needs to know of a running `e2ad dev`; written to `dev.json` as well."""

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
        """As one JSON object; `note` only where there is one."""
        document = asdict(self)
        if self.note is None:
            del document["note"]
        return document


async def run(
    folder: Path,
    *,
    ports: Mapping[str, int],
    config_path: Path | None,
    on_ready: Callable[[Running], None],
) -> None:
    """Run until a signal says stop.

    Args:
        folder: where the database, the keys and `dev.json` live; made if missing.
        ports: of `smtp`, `http` and `dashboard`, as far as the command line names them; 0 picks a free one.
        config_path: a TOML file over the development defaults, or None.
        on_ready: told once everything accepts traffic.

    Raises:
        ConfigError, PostgresFailed, OSError: it cannot start; the message says why.

    Cancellation:
        The daemon, the name server and the database are stopped, in this order.
    """
    # Passable for PostgreSQL's own account; every file in it that matters is 0600.
    await trio.Path(folder).mkdir(mode=0o711, parents=True, exist_ok=True)
    over = {door: {"port": port} for door, port in ports.items()}
    async with AsyncExitStack() as house:
        stop = await house.enter_async_context(daemon.stop_on_signal())
        nursery = await house.enter_async_context(trio.open_nursery())
        given = load(config_path, base=_defaults(folder, "", ""), over=over, need=())
        maillog.configure(given.log.level, given.log.format)
        database_url, note = given.database.url, None
        if not database_url:
            server = await house.enter_async_context(open_server(folder / "postgres"))
            database_url, note = server.dsn, server.note
            nursery.start_soon(server.wait_died)
        keys = await trio.to_thread.run_sync(world.load_keys, folder / "world")
        _, port = await nursery.start(partial(serve_zone, world.build_zone(keys), host=LOOPBACK, port=0))
        config = load(config_path, base=_defaults(folder, database_url, f"{LOOPBACK}:{port}"), over=over)
        key, user_id, email = await _account(config, folder)
        async with trio.open_nursery() as tree:
            doors: daemon.Doors = await tree.start(partial(daemon.serve, config, stop=stop))
            running = _running(config, doors, key, user_id, email, note)
            _keep(folder / "dev.json", running)
            on_ready(running)
        nursery.cancel_scope.cancel()


def _defaults(folder: Path, database_url: str, name_server: str) -> dict[str, Any]:
    """Development settings, under whatever the file and the environment say."""
    return {
        "shared_domain": SHARED_DOMAIN,
        "log": {"level": "warning"},
        "database": {"url": database_url},
        "smtp": {"host": LOOPBACK},
        "http": {"host": LOOPBACK},
        "dashboard": {"host": LOOPBACK},
        "dns": {"stub_zones": [f"{domain}={name_server}" for domain in world.DOMAINS] if name_server else []},
        "signing": {"secrets": [_deployment_secret(folder / "secret")]},
        "egress": {"allow_networks": ["127.0.0.0/8", "::1/128"], "allow_http": True},
    }


def _deployment_secret(path: Path) -> str:
    if not path.exists():
        _write_private(path, secrets.token_hex(32) + "\n")
    return path.read_text().strip()


async def _account(config: Config, folder: Path) -> tuple[str, str, str]:
    """The key, account id and address of the one account; the stored key is kept while it works."""
    known = _read(folder / "dev.json")
    if known.get("api_key"):
        await daemon.migrate(config, config.database.migrations)
        async with open_pool(config.database.url, size=2) as database:
            try:
                principal = await Access(database).resolve(f"Bearer {known['api_key']}")
                return known["api_key"], principal.account_id, known["account_email"]
            except Unauthorized:
                pass  # another database than last time: a new account there
    founded = await daemon.bootstrap(config, ACCOUNT_EMAIL)
    return founded.api_key, founded.account_id, founded.email


def _running(config: Config, doors: "daemon.Doors", key: str, user_id: str, email: str, note: str | None) -> Running:
    def url(address: tuple[str, int] | None) -> str:
        return "" if address is None else f"http://{LOOPBACK}:{address[1]}"

    return Running(
        api_url=url(doors.http),
        dashboard_url=url(doors.dashboard),
        smtp="" if doors.smtp is None else f"{LOOPBACK}:{doors.smtp[1]}",
        api_key=key,
        user_id=user_id,
        account_email=email,
        database_url=config.database.url,
        shared_domain=config.shared_domain,
        pid=os.getpid(),
        note=note,
    )


def _keep(path: Path, running: Running) -> None:
    _write_private(path, json.dumps(running.to_json(), indent=2) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
