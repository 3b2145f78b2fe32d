"""`e2ad serve` on a database of its own in a deployment's PostgreSQL: start to ready, several workers."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio
from attrs import evolve

from e2ad.dev import world
from e2ad.dev.zone import serve_zone
from e2ad.storage.pool import open_pool
from tests.bench.deployment import START_SECONDS, STOP_SECONDS, Deployment

LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def own_database(house: Deployment) -> AsyncIterator[str]:
    """The DSN of an empty database in the deployment's server."""
    name = f"bench_{secrets.token_hex(4)}"
    async with open_pool(house.database_url, size=1) as database:
        await database.execute(f"create database {name}", prepare=False)
        try:
            yield house.database_url.replace("dbname=postgres", f"dbname={name}")
        finally:
            await database.execute(f"drop database {name} with (force)", prepare=False)


@asynccontextmanager
async def serving(house: Deployment, database_url: str, *, workers: int = 1) -> AsyncIterator[Deployment]:
    """`e2ad serve` with the offline world's names; `started_seconds` runs until READY=1, as systemd sees it."""
    ports = {door: _free_port() for door in ("SMTP", "HTTP", "DASHBOARD")}
    environ = {
        **os.environ,
        "E2AD_DATABASE_URL": database_url,
        "E2AD_SIGNING_SECRETS": secrets.token_hex(32),
        "E2AD_SHARED_DOMAIN": house.shared_domain,
        "E2AD_RATE_LIMITS_POLL_PER_MINUTE": "0",
        "E2AD_SMTP_MAX_CONNECTIONS_PER_PEER": "5000",
        "E2AD_EGRESS_ALLOW_NETWORKS": "127.0.0.0/8",
        "E2AD_EGRESS_ALLOW_HTTP": "true",
    }
    for door, port in ports.items():
        environ |= {f"E2AD_{door}_HOST": LOOPBACK, f"E2AD_{door}_PORT": str(port)}
    keys = world.load_keys(house.folder / "dev" / "world")
    async with trio.open_nursery() as nursery:
        _, zone = await nursery.start(partial(serve_zone, world.build_zone(keys), host=LOOPBACK, port=0))
        environ["E2AD_DNS_STUB_ZONES"] = ",".join(f"{domain}={LOOPBACK}:{zone}" for domain in world.DOMAINS)
        with (house.folder / "serve.log").open("ab") as log, _manager(house.folder) as manager:
            environ["NOTIFY_SOCKET"] = str(manager.getsockname())
            command = [sys.executable, "-m", "e2ad", "serve", "--workers", str(workers)]
            here = Path(__file__).parents[2]
            began = time.perf_counter()
            process = subprocess.Popen(command, stderr=log, env=environ, cwd=here)
            try:
                while not manager.recv(4096).startswith(b"READY=1"):
                    pass
                started = time.perf_counter() - began
                founding = [sys.executable, "-m", "e2ad", "bootstrap", "bench@agents.localhost", "--json"]
                told = json.loads(
                    subprocess.run(founding, env=environ, cwd=here, check=True, capture_output=True).stdout
                )
                yield evolve(
                    house,
                    smtp=(LOOPBACK, ports["SMTP"]),
                    api=(LOOPBACK, ports["HTTP"]),
                    api_key=told["api_key"],
                    database_url=database_url,
                    started_seconds=started,
                )
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(STOP_SECONDS)
        nursery.cancel_scope.cancel()


def _manager(folder: Path) -> socket.socket:
    """The service manager's end of sd_notify."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = folder / f"notify{secrets.token_hex(4)}"
    manager.bind(str(path))
    manager.settimeout(START_SECONDS)
    return manager


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
