"""`e2a suppressions`: recipients that are not written to, of the account or of one agent."""

import click
from rich.table import Table

from e2ad.cli.context import Context, command, given, json_option, print_json
from e2ad.cli.listening import plain

__all__ = ["suppressions"]

_agent_option = click.option("--agent", help="Of this agent alone; without it, of the whole account.")


@click.group()
def suppressions() -> None:
    """Recipients that are not written to: they bounced, complained, unsubscribed, or you said so."""


@suppressions.command("list")
@_agent_option
@json_option
@command
def suppressions_list(context: Context, agent: str | None, as_json: bool) -> None:
    """Who is blocked, since when and why."""
    found = list(context.client.list_suppressions(context.full(agent) if agent else None))
    if as_json:
        print_json(found)
        return
    table = Table("address", "source", "since", "reason")
    for one in found:
        table.add_row(
            plain(one["address"]), plain(one["source"]), str(one["created_at"])[:19], plain(one.get("reason") or "")
        )
    context.console.print(table if found else "nobody is blocked")
    if agent is None:
        context.say("(for the whole account; what is blocked for one agent, as after an unsubscribe: --agent AGENT)")


@suppressions.command("add")
@click.argument("address")
@click.option("--agent", help="Whose mail is not to go there; not needed with only one agent.")
@click.option("--reason", help="To be remembered with it.")
@json_option
@command
def suppressions_add(context: Context, address: str, agent: str | None, reason: str | None, as_json: bool) -> None:
    """Block a recipient for one agent. The list of the whole account fills itself, by bounces and complaints."""
    made = context.client.add_suppression(context.agent(agent), address, **given(reason=reason))
    if as_json:
        print_json(made)
    else:
        context.say(f"{made['address']} is not written to any more by {made['agent_email']}")


@suppressions.command("remove")
@click.argument("address")
@_agent_option
@json_option
@command
def suppressions_remove(context: Context, address: str, agent: str | None, as_json: bool) -> None:
    """Let a recipient be written to again."""
    gone = context.client.remove_suppression(context.full(agent) if agent else None, address)
    if as_json:
        print_json(gone)
    else:
        context.say(f"{gone['address']} may be written to again")
