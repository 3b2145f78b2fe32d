"""A daemon for the commands to speak to: real doors, a real database, real mail."""

import itertools
import os
import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio
from attrs import field, frozen
from click.testing import CliRunner, Result

from e2ad.cli.client import main
from e2ad.sdk import E2AClient, PlainClient
from e2ad.storage.pool import open_pool
from tests.conftest import Postgres
from tests.conftest import _command as run_statements
from tests.live.running import Running
from tests.live.serving import Deployment, found

__all__ = ["Account", "Daemon", "serving"]

_numbers = itertools.count(1)


@frozen
class Account:
    """An account of the daemon, with a key that may do everything in it."""

    daemon: "Daemon"
    email: str
    key: str

    def e2a(self, *arguments: str, input: str | bytes | None = None, **environ: str) -> Result:  # noqa: A002
        """Run a command of `e2a`."""
        clean = {name: "" for name in os.environ if name.startswith(("E2A_", "XDG_"))}
        given = ["--url", self.daemon.url, "--api-key", self.key, *arguments]
        return CliRunner().invoke(main, given, input=input, env=clean | {"HOME": "/nonexistent"} | environ)

    def e2a_alone(self, *arguments: str, input: str | bytes | None = None, **environ: str) -> Result:  # noqa: A002
        """Run a command of `e2a` that has to find deployment and key by itself."""
        clean = {name: "" for name in os.environ if name.startswith(("E2A_", "XDG_"))}
        return CliRunner().invoke(main, arguments, input=input, env=clean | environ)

    def agent(self, slug: str = "bot") -> str:
        """Make an agent, by a name of its own; its address."""
        with self.api() as api:
            return str(api.plain.agents.create({"slug": f"{slug}-{next(_numbers)}"})["email"])

    def api(self) -> E2AClient:
        """The same account by the Python client."""
        return E2AClient(self.key, base_url=self.daemon.url)

    def ask(self, question: Callable[[PlainClient], Any]) -> Any:
        """What the API says."""
        with self.api() as api:
            return question(api.plain)


@frozen
class Daemon:
    """A running daemon."""

    dsn: str
    running: Running = field(repr=False)

    @property
    def url(self) -> str:
        return self.running.api_url

    def account(self) -> Account:
        """A new account with nothing in it."""
        email = f"owner{next(_numbers)}@example.test"
        return Account(self, email, found(self.dsn, email))

    def deliver(self, to: str, content: bytes) -> None:
        """A mail from outside, by SMTP; it is there when this returns."""
        host, _, port = str(self.running.told["smtp"]).rpartition(":")
        with smtplib.SMTP(host, int(port), local_hostname="sender.test", timeout=20) as smtp:
            smtp.sendmail("ada@example.test", [to], content)

    def execute(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a coroutine function does with the database: `function(database, *arguments)`."""

        async def run() -> Any:
            async with open_pool(self.dsn, size=1) as database:
                return await function(database, *arguments)

        return trio.run(run)


@contextmanager
def serving(postgres: Postgres, template: str, folder: Path) -> Iterator[Daemon]:
    """`e2ad serve` over a clone of the template, until the block ends; it must end by itself, with 0."""
    name = f"e2ad_cli_{os.getpid()}"
    trio.run(run_statements, postgres.dsn, f"create database {name} template {template} strategy file_copy")
    dsn = postgres.dsn_of(name)
    try:
        with Deployment(dsn, found(dsn), folder).serving(DATABASE_POOL_SIZE="4") as running:
            yield Daemon(dsn, running)
    finally:
        trio.run(run_statements, postgres.dsn, f"drop database {name} with (force)")
