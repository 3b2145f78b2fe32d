"""`e2a`: the agent's and the operator's client. Everything it does goes through the public API."""

from collections.abc import Mapping
from typing import Any

import click
from rich.table import Table

from e2ad import __version__
from e2ad.cli import listening, sending, settings
from e2ad.cli.context import Context, agent_option, command, given, json_option, print_json, show_fields
from e2ad.cli.domains import domains
from e2ad.cli.highlights import found_lines
from e2ad.cli.protection import protection
from e2ad.cli.reviews import reviews
from e2ad.cli.suppressions import suppressions
from e2ad.cli.tracing import resolve, trace

__all__ = ["main"]

AGENT_FIELDS = ("email", "name", "agent_mode", "webhook_url", "domain_verified", "created_at")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", help="The deployment, e.g. https://mail.example.com (E2A_URL).")
@click.option("--api-key", help="The credential (E2A_API_KEY).")
@click.version_option(__version__, prog_name="e2a")
@click.pass_context
def main(context: click.Context, url: str | None, api_key: str | None) -> None:
    """Your agents' mail: make agents, read what came, answer it, and decide what may leave."""
    context.obj = settings.find(url, api_key, None)


for _one in (*sending.COMMANDS, trace, resolve, reviews, protection, suppressions):
    main.add_command(_one)
main.add_command(domains)
main.add_command(reviews, "pending")


@main.group()
def agents() -> None:
    """The addresses that you have."""


@agents.command("list")
@json_option
@command
def agents_list(context: Context, as_json: bool) -> None:
    """All agents of the account."""
    found = list(context.client.list_agents())
    if as_json:
        print_json(found)
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
@json_option
@command
def agents_create(
    context: Context, address: str, name: str | None, mode: str | None, webhook_url: str | None, as_json: bool
) -> None:
    """Make an agent. ADDRESS is a slug on the shared domain, or a whole address on your own domain."""
    fields: dict[str, Any] = {"email" if "@" in address else "slug": address}
    fields |= given(name=name, webhook_url=webhook_url, agent_mode=mode or ("cloud" if webhook_url else None))
    agent = context.client.create_agent(**fields)
    _show(context, agent, as_json, f"made {agent['email']}")


@agents.command("show")
@click.argument("address")
@json_option
@command
def agents_show(context: Context, address: str, as_json: bool) -> None:
    """One agent."""
    _show(context, context.client.get_agent(context.agent(address)), as_json)


@agents.command("update")
@click.argument("address")
@click.option("--name", help="A display name; empty removes it.")
@click.option("--mode", type=click.Choice(["local", "cloud"]), help="Switch between WebSocket and webhook.")
@click.option("--webhook-url", help="Where its mail is sent in cloud mode.")
@json_option
@command
def agents_update(
    context: Context, address: str, name: str | None, mode: str | None, webhook_url: str | None, as_json: bool
) -> None:
    """Change an agent; what is not given stays."""
    fields = given(name=name, agent_mode=mode, webhook_url=webhook_url)
    if not fields:
        raise click.UsageError("nothing to change: give --name, --mode or --webhook-url")
    agent = context.client.update_agent(context.agent(address), **fields)
    _show(context, agent, as_json, f"changed {agent['email']}")


@agents.command("delete")
@click.argument("address")
@click.option("--permanent", is_flag=True, help="Remove it and all its mail for good.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@command
def agents_delete(context: Context, address: str, permanent: bool, yes: bool, as_json: bool) -> None:
    """Put an agent into the trash, from where it can be restored for 30 days."""
    email = context.agent(address)
    if permanent and not yes:
        click.confirm(f"Remove {email} and all its mail for good?", abort=True, err=True)
    result = context.client.delete_agent(email, permanent=permanent)
    if as_json:
        print_json(result)
    else:
        context.console.print(f"{email} is {'gone' if permanent else 'in the trash'}")


@main.command()
@agent_option
@click.option("--all", "everything", is_flag=True, help="Also what was read already.")
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--from", "sender", help="Part of the sender's address.")
@click.option("--subject", help="Part of the subject.")
@click.option("--search", help='Words, "phrases", -word, from:, subject:, has:attachment.')
@click.option("--conversation", help="A conversation's id.")
@click.option("--label", "labels", multiple=True, help="Must have this label; may be repeated.")
@click.option("--since", help="RFC 3339; not older than this.")
@click.option("--until", help="RFC 3339; older than this.")
@click.option("--oldest", is_flag=True, help="Oldest first.")
@json_option
@command
def inbox(
    context: Context,
    agent: str | None,
    everything: bool,
    limit: int,
    sender: str | None,
    subject: str | None,
    search: str | None,
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
        "search": search,
        "conversation_id": conversation,
        "labels": ",".join(labels) or None,
        "since": since,
        "until": until,
        "sort": "asc" if oldest else None,
    }
    found = list(context.client.list_messages(context.agent(agent), limit=limit, **query))
    if as_json:
        print_json(found)
        return
    for message in found:
        for line in found_lines(message):
            context.console.print(line)
    if not found:
        nothing = "nothing found" if search else "the inbox is empty"
        context.console.print(nothing if everything else "nothing unread" + (" is found; try --all" if search else ""))


@main.command()
@click.argument("message_id", metavar="MESSAGE")
@agent_option
@click.option("--raw", is_flag=True, help="The mail as it came.")
@json_option
@command
def read(context: Context, message_id: str, agent: str | None, raw: bool, as_json: bool) -> None:
    """Show one message; it counts as read afterwards."""
    message = context.client.get_message(context.agent_of(message_id, agent), message_id)
    if as_json:
        print_json(message)
    elif raw:
        listening.write_raw(message)
    else:
        listening.show_message(context.console, message)


@main.command()
@agent_option
@click.option("--forward", help="POST each message as JSON to this URL, e.g. http://127.0.0.1:9000/mail.")
@click.option("--forward-token", help="Sent along as a bearer token.")
@click.option("--once", is_flag=True, help="Stop after the first message.")
@json_option
@command
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


def _show(context: Context, agent: Mapping[str, Any], as_json: bool, headline: str | None = None) -> None:
    if as_json:
        print_json(agent)
    else:
        show_fields(context, agent, AGENT_FIELDS, headline)
