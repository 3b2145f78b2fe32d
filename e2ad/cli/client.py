"""`e2a`: the agent's and the operator's client. Everything it does goes through the public API."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, NoReturn, ParamSpec

import click
from attrs import frozen
from rich.console import Console
from rich.table import Table

from e2ad import __version__
from e2ad.cli import listening, settings
from e2ad.cli.settings import Settings
from e2ad.sdk import ConnectionRefusedForGood, E2AClient, E2AConnectionError, E2AError

__all__ = ["main"]

P = ParamSpec("P")

EX_AGAIN, EX_USAGE, EX_CREDENTIALS, EX_PERMANENT = 1, 2, 4, 5


@frozen
class Context:
    """What every command gets: the client, where it points, how to print."""

    client: E2AClient
    settings: Settings
    console: Console

    def agent(self, email: str | None) -> str:
        """The agent that a command is about: named, configured, or the only one there is."""
        if email or self.settings.agent_email:
            return self._full(email or self.settings.agent_email)
        agents = [agent["email"] for agent in self.client.list_agents()]
        if len(agents) == 1:
            return str(agents[0])
        if not agents:
            raise click.UsageError("there is no agent yet; make one with: e2a agents create SLUG")
        raise click.UsageError(f"which agent? add --agent with one of: {', '.join(agents[:10])}")

    def _full(self, email: str) -> str:
        return email if "@" in email else f"{email}@{self.client.info()['shared_domain']}"


def _fail(status: int, message: str, problems: list[str] | None = None) -> NoReturn:
    click.echo(f"e2a: {message}", err=True)
    for problem in problems or []:
        click.echo(f"  {problem}", err=True)
    sys.exit(status)


@contextmanager
def _explained() -> Iterator[None]:
    """Failures of the API as one line and an exit status."""
    try:
        yield
    except E2AConnectionError as error:
        _fail(EX_AGAIN, str(error))
    except ConnectionRefusedForGood as error:
        _fail(EX_PERMANENT, str(error))
    except E2AError as error:
        if error.status in (401, 403):
            _fail(EX_CREDENTIALS, f"{error} ({error.code})")
        _fail(EX_AGAIN if error.retryable else EX_PERMANENT, f"{error} ({error.code})", error.problems)


def _command(function: Callable[Concatenate[Context, P], None]) -> Callable[P, None]:
    """Give a command its context and explain its failures."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        found = click.get_current_context().find_object(Settings)
        assert found is not None, "the group puts it there"
        if not found.api_key:
            raise click.UsageError(
                "no API key: set E2A_API_KEY, or run this where `e2ad dev` was started; "
                "`e2ad bootstrap EMAIL` makes a key"
            )
        with _explained(), E2AClient(found.api_key, found.url) as client:
            function(Context(client, found, Console(soft_wrap=True, markup=False, highlight=False)), *args, **kwargs)

    return run


_json_option = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
_agent_option = click.option("--agent", help="The agent's address, or its slug on the shared domain.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", help="The deployment, e.g. https://mail.example.com (E2A_URL).")
@click.option("--api-key", help="The credential (E2A_API_KEY).")
@click.version_option(__version__, prog_name="e2a")
@click.pass_context
def main(context: click.Context, url: str | None, api_key: str | None) -> None:
    """Your agents' mail: make agents, read what came, listen for more."""
    context.obj = settings.find(url, api_key, None)


@main.group()
def agents() -> None:
    """The addresses that you have."""


@agents.command("list")
@_json_option
@_command
def agents_list(context: Context, as_json: bool) -> None:
    """All agents of the account."""
    found = list(context.client.list_agents())
    if as_json:
        _print_json(found)
        return
    table = Table("address", "name", "mode", "webhook")
    for agent in found:
        table.add_row(
            *(listening.plain(agent.get(name) or "") for name in ("email", "name", "agent_mode", "webhook_url"))
        )
    context.console.print(table if found else "no agents yet; make one with: e2a agents create SLUG")


@agents.command("create")
@click.argument("address")
@click.option("--name", help="A display name.")
@click.option(
    "--mode", type=click.Choice(["local", "cloud"]), help="local: WebSocket and polling; cloud: its own webhook."
)
@click.option("--webhook-url", help="Where its mail is sent; implies --mode cloud.")
@_json_option
@_command
def agents_create(
    context: Context, address: str, name: str | None, mode: str | None, webhook_url: str | None, as_json: bool
) -> None:
    """Make an agent. ADDRESS is a slug on the shared domain, or a whole address on your own domain."""
    fields: dict[str, Any] = {"email" if "@" in address else "slug": address}
    fields |= _given(name=name, webhook_url=webhook_url, agent_mode=mode or ("cloud" if webhook_url else None))
    agent = context.client.create_agent(**fields)
    _show(context, agent, as_json, f"made {agent['email']}")


@agents.command("show")
@click.argument("address")
@_json_option
@_command
def agents_show(context: Context, address: str, as_json: bool) -> None:
    """One agent."""
    _show(context, context.client.get_agent(context.agent(address)), as_json)


@agents.command("update")
@click.argument("address")
@click.option("--name", help="A display name; empty removes it.")
@click.option("--mode", type=click.Choice(["local", "cloud"]), help="Switch between WebSocket and webhook.")
@click.option("--webhook-url", help="Where its mail is sent in cloud mode.")
@_json_option
@_command
def agents_update(
    context: Context, address: str, name: str | None, mode: str | None, webhook_url: str | None, as_json: bool
) -> None:
    """Change an agent; what is not given stays."""
    fields = _given(name=name, agent_mode=mode, webhook_url=webhook_url)
    if not fields:
        raise click.UsageError("nothing to change: give --name, --mode or --webhook-url")
    agent = context.client.update_agent(context.agent(address), **fields)
    _show(context, agent, as_json, f"changed {agent['email']}")


@agents.command("delete")
@click.argument("address")
@click.option("--permanent", is_flag=True, help="Remove it and all its mail for good.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json_option
@_command
def agents_delete(context: Context, address: str, permanent: bool, yes: bool, as_json: bool) -> None:
    """Put an agent into the trash, from where it can be restored for 30 days."""
    email = context.agent(address)
    if permanent and not yes:
        click.confirm(f"Remove {email} and all its mail for good?", abort=True, err=True)
    result = context.client.delete_agent(email, permanent=permanent)
    if as_json:
        _print_json(result)
    else:
        context.console.print(f"{email} is {'gone' if permanent else 'in the trash'}")


@main.command()
@_agent_option
@click.option("--all", "everything", is_flag=True, help="Also what was read already.")
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--from", "sender", help="Part of the sender's address.")
@click.option("--subject", help="Part of the subject.")
@click.option("--conversation", help="A conversation's id.")
@click.option("--label", "labels", multiple=True, help="Must have this label; may be repeated.")
@click.option("--since", help="RFC 3339; not older than this.")
@click.option("--until", help="RFC 3339; older than this.")
@click.option("--oldest", is_flag=True, help="Oldest first.")
@_json_option
@_command
def inbox(
    context: Context,
    agent: str | None,
    everything: bool,
    limit: int,
    sender: str | None,
    subject: str | None,
    conversation: str | None,
    labels: tuple[str, ...],
    since: str | None,
    until: str | None,
    oldest: bool,
    as_json: bool,
) -> None:
    """What has come, newest first."""
    query = {
        "read_status": "all" if everything else "unread",
        "from": sender,
        "subject_contains": subject,
        "conversation_id": conversation,
        "labels": ",".join(labels) or None,
        "since": since,
        "until": until,
        "sort": "asc" if oldest else None,
    }
    found = list(context.client.list_messages(context.agent(agent), limit=limit, **query))
    if as_json:
        _print_json(found)
        return
    for message in found:
        context.console.print(listening.line_of(message))
    if not found:
        context.console.print("the inbox is empty" if everything else "nothing unread")


@main.command()
@click.argument("message_id")
@_agent_option
@click.option("--raw", is_flag=True, help="The mail as it came.")
@_json_option
@_command
def read(context: Context, message_id: str, agent: str | None, raw: bool, as_json: bool) -> None:
    """Show one message; it counts as read afterwards."""
    message = context.client.get_message(context.agent(agent), message_id)
    if as_json:
        _print_json(message)
    elif raw:
        listening.write_raw(message)
    else:
        listening.show_message(context.console, message)


@main.command()
@_agent_option
@click.option("--forward", help="POST each message as JSON to this URL, e.g. http://127.0.0.1:9000/mail.")
@click.option("--forward-token", help="Sent along as a bearer token.")
@click.option("--once", is_flag=True, help="Stop after the first message.")
@_json_option
@_command
def listen(
    context: Context, agent: str | None, forward: str | None, forward_token: str | None, once: bool, as_json: bool
) -> None:
    """Wait for mail and show it as it comes; what came while nobody listened comes first."""
    listening.run(
        context.client,
        context.agent(agent),
        context.console,
        forward=forward,
        forward_token=forward_token,
        once=once,
        as_json=as_json,
    )


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False))


def _show(context: Context, agent: Mapping[str, Any], as_json: bool, headline: str | None = None) -> None:
    if as_json:
        _print_json(agent)
        return
    if headline:
        context.console.print(headline)
    for name in ("email", "name", "agent_mode", "webhook_url", "domain_verified", "created_at"):
        if agent.get(name) not in (None, ""):
            context.console.print(f"  {name + ':':<16} {listening.plain(agent[name])}")
