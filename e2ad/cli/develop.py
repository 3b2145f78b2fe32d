"""`e2ad dev`: the whole thing on your machine, and peers to write to it.

The daemon is imported by the one command that runs it; writing to it must not take as long as starting it.
"""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import trio
from rich.console import Console

from e2ad.cli import failing
from e2ad.cli.printing import plain
from e2ad.dev import hook as hooks
from e2ad.dev import letters, notices

if TYPE_CHECKING:
    from e2ad.dev.session import Running

__all__ = ["dev"]

_dir_option = click.option(
    "--dir",
    "folder",
    default=".e2ad",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the database and the key are kept.",
)


@click.group(invoke_without_command=True)
@_dir_option
@click.option("--smtp-port", type=click.IntRange(0, 65535), help="Default 2525.")
@click.option("--http-port", type=click.IntRange(0, 65535), help="Default 8080.")
@click.option("--dashboard-port", type=click.IntRange(0, 65535), help="Default 3000.")
@click.option("-c", "--config", "path", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file on top.")
@click.option("--json", "as_json", is_flag=True, help="First line on stdout: one JSON object, once all is ready.")
@click.pass_context
def dev(
    context: click.Context,
    folder: Path,
    smtp_port: int | None,
    http_port: int | None,
    dashboard_port: int | None,
    path: Path | None,
    as_json: bool,
) -> None:
    """Run everything on this machine, with a database of its own; Ctrl-C ends it. Port 0 picks a free one."""
    if context.invoked_subcommand is not None:
        context.obj = folder
        return
    from e2ad import daemon
    from e2ad.dev import session

    given = {"smtp": smtp_port, "http": http_port, "dashboard": dashboard_port}
    ports = {door: port for door, port in given.items() if port is not None}
    show = _print_json if as_json else _print_welcome
    with failing.explained():
        daemon.spare_what_stays()
        trio.run(
            partial(
                session.run,
                folder.absolute(),
                ports=ports,
                config_path=path,
                on_ready=show,
                on_request=partial(_print_request, as_json=as_json),
            )
        )


def _print_json(running: "Running") -> None:
    click.echo(json.dumps(running.to_json()))
    if running.note:
        click.echo(f"e2ad: {running.note}", err=True)


def _print_request(request: notices.Request | notices.SignInLink, *, as_json: bool) -> None:
    """What the owner's own mail would say. Stdout is for the one JSON object, if that was wanted."""
    if isinstance(request, notices.SignInLink):
        click.echo(f"\nlink to sign in as {plain(request.email)}:\n  {request.link}", err=as_json)
        return
    for line in (
        f"\nheld for review: {plain(request.subject)}",
        f"  approve: {request.approve}",
        f"  reject:  {request.reject}",
        f"  or:      e2a reviews show {request.message_id}",
    ):
        click.echo(line, err=as_json)


def _print_welcome(running: "Running") -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print("e2ad is running", style="bold green")
    for name, value in (
        ("API", f"{running.api_url}   (described at {running.api_url}/docs)"),
        ("Dashboard", running.dashboard_url),
        ("SMTP", running.smtp),
        ("API key", running.api_key),
        ("Account", running.account_email),
        ("Agents", f"SLUG@{running.shared_domain}"),
    ):
        console.print(f"  {name + ':':<11} {value}")
    if running.note:
        console.print(f"  {running.note}", style="yellow")
    console.print("\nMake an agent, send it a first mail, and read it (in another terminal, same folder):")
    console.print("  e2a agents create my-bot")
    console.print(f"  e2ad dev send --as aligned --to my-bot@{running.shared_domain}")
    console.print("  e2a inbox")
    console.print("\nAnswer it, or write to anybody (without a relay, mail to people is kept here and goes nowhere):")
    console.print("  e2a reply MESSAGE --text 'Thank you.'")
    console.print("  e2a send --from my-bot --to ada@northwind.test --subject Hello --text 'Good morning.'")
    console.print("  e2a sent")
    console.print("\nCtrl-C ends it.", style="dim")


@dev.command()
@click.option(
    "--as",
    "peer",
    default="aligned",
    show_default=True,
    type=click.Choice(sorted(letters.PEERS)),
    help="Who writes, and how.",
)
@click.option("--to", help="An agent's address, or a slug; the only agent if there is one.")
@click.option("--subject", help="Another subject.")
@click.option("--text", help="Another text.")
@click.option("--json", "as_json", is_flag=True, help="What was sent and answered, as JSON.")
@click.pass_obj
def send(folder: Path, peer: str, to: str | None, subject: str | None, text: str | None, as_json: bool) -> None:
    """Write a mail as one of the offline world's peers, to see how it is judged."""
    try:
        sent = trio.run(partial(letters.send, folder.absolute(), peer, to, subject=subject, text=text))
    except letters.NotSent as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(sent.to_json()))
        return
    click.echo(f"{sent.mail_from or '<>'} -> {sent.to}: {sent.reply}")
    click.echo(f"  {letters.PEERS[peer].story}")
    click.echo(f"  expect: {letters.PEERS[peer].expect}")


@dev.command()
@click.option("--port", default=9000, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option("--json", "as_json", is_flag=True, help="Whole bodies, one JSON object a line.")
@click.pass_obj
def hook(folder: Path, port: int, as_json: bool) -> None:
    """Be a webhook's far side: show what is posted here and check its signature; Ctrl-C ends it."""

    def show(posted: hooks.Posted) -> None:
        click.echo(json.dumps(posted.document) if as_json else plain(posted.line()))

    try:
        server = hooks.open_hook(port, lambda: hooks.signing_secrets(folder.absolute()), show)
    except OSError as error:
        raise click.ClickException(f"port {port}: {error.strerror}") from error
    with server:
        click.echo(f"http://127.0.0.1:{server.server_address[1]}/ waits for deliveries (Ctrl-C ends)", err=True)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            return
