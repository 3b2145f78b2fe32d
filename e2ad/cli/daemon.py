"""`e2ad`: run the daemon, and the few things an operator does beside it.

The daemon itself is imported by the commands that need it: that takes longer than everything the others do.
"""

import json
import sys
from functools import partial
from pathlib import Path

import click
import trio

from e2ad import __version__
from e2ad.cli import develop, failing
from e2ad.cli.audit import audit
from e2ad.cli.configured import config_option, configuration
from e2ad.config import Config

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A real, authenticated e-mail address for AI agents."""


@main.command()
@config_option
@click.option("--roles", default="smtp,http,worker", show_default=True, help="Which parts this process runs.")
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that share the ports."
)
@click.option("--bootstrap-email", help="Make an account and a key for this address, print them, and exit.")
def serve(path: Path | None, roles: str, workers: int, bootstrap_email: str | None) -> None:
    """Run e2ad until it gets SIGTERM or SIGINT."""
    from e2ad import daemon

    config = configuration(path, ("database.url", "signing.secrets"))
    if bootstrap_email is not None:
        _bootstrap(config, bootstrap_email, as_json=False)
        return
    wanted = frozenset(role.strip() for role in roles.split(",") if role.strip())
    unknown = wanted - daemon.ROLES
    if unknown or not wanted:
        raise click.BadParameter(f"choose from {', '.join(sorted(daemon.ROLES))}", param_hint="--roles")
    with failing.explained():
        trio.run(partial(daemon.run, config, roles=wanted, workers=workers, argv=_child_argv(path, roles)))


def _child_argv(path: Path | None, roles: str) -> list[str]:
    argv = [sys.executable, "-m", "e2ad", "serve", "--roles", roles]
    return argv if path is None else [*argv, "-c", str(path)]


@main.command()
@config_option
@click.argument("email")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of two lines.")
def bootstrap(path: Path | None, email: str, as_json: bool) -> None:
    """Make an account for EMAIL (if there is none) and a new API key, shown once."""
    _bootstrap(configuration(path, ("database.url", "signing.secrets")), email, as_json=as_json)


def _bootstrap(config: Config, email: str, *, as_json: bool) -> None:
    from e2ad import daemon

    with failing.explained():
        made = trio.run(daemon.bootstrap, config, email)
    if as_json:
        click.echo(json.dumps({"user_id": made.account_id, "email": made.email, "api_key": made.api_key}))
    else:
        click.echo(f"User:    {made.email} (id={made.account_id})")
        click.echo(f"API key: {made.api_key}")
    click.echo("The key is shown this once and cannot be read again: keep it safe.", err=True)


@main.command()
@config_option
@click.option("--verify", is_flag=True, help="Change nothing; fail if a migration is missing.")
def migrate(path: Path | None, verify: bool) -> None:
    """Bring the database to this version's schema."""
    from e2ad import daemon

    config = configuration(path, ("database.url",))
    with failing.explained():
        applied = trio.run(daemon.migrate, config, "verify" if verify else "auto")
    for name in applied:
        click.echo(f"applied {name}")
    click.echo("the schema is up to date")


@main.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
@config_option
def check(path: Path | None) -> None:
    """Say everything that is wrong with the configuration, or that it is fine."""
    configuration(path, ("database.url", "signing.secrets"))
    click.echo("the configuration is fine")


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"e2ad {__version__}")


main.add_command(audit)
main.add_command(develop.dev)
