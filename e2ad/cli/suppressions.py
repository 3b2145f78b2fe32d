"""`e2a suppressions`: recipients that are not written to, of the account or of one agent."""

from collections.abc import Sequence

import click

from e2ad.cli.completing import complete_agent
from e2ad.cli.context import Context, at_a_terminal, command, given
from e2ad.cli.frame import Group
from e2ad.cli.options import limit_option, yes_option
from e2ad.cli.several import each

__all__ = ["suppressions"]

_agent_option = click.option(
    "--agent", metavar="AGENT", shell_complete=complete_agent,
    help="Of this agent alone; without it, of the whole account.",
)  # fmt: skip


@click.group(cls=Group)
def suppressions() -> None:
    """Recipients that are not written to.

    They bounced, complained or unsubscribed, or you said so.

    \b
    e2a suppressions list
    e2a suppressions add ada@example.org --agent my-bot --reason "asked us to stop"
    """


@suppressions.command("list")
@_agent_option
@limit_option()
@command
def suppressions_list(context: Context, agent: str | None, limit: int) -> None:
    """Who is blocked, since when and why.

    \b
    e2a suppressions list --agent my-bot
    """
    plain = context.plain
    found = plain.agents.list_suppressions(context.full(agent)) if agent else plain.account.suppressions.list()
    context.rows(
        found.to_list(limit),
        [
            ("address", "address"),
            ("source", "source"),
            ("since", lambda one: one["created_at"][:19]),
            ("reason", "reason"),
        ],
        "nobody is blocked",
    )
    if agent is None:
        context.say("(for the whole account; what is blocked for one agent, as after an unsubscribe: --agent AGENT)")


@suppressions.command("add")
@click.argument("address")
@click.option(
    "--agent",
    metavar="AGENT",
    shell_complete=complete_agent,
    help="Whose mail is not to go there; not needed with only one agent.",
)
@click.option("--reason", help="To be remembered with it.")
@command
def suppressions_add(context: Context, address: str, agent: str | None, reason: str | None) -> None:
    """Block a recipient for one agent. The list of the whole account fills itself, by bounces and complaints.

    \b
    e2a suppressions add ada@example.org --agent my-bot --reason "asked us to stop"
    """  # fmt: skip
    body = {"address": address} | given(reason=reason)
    made = context.plain.agents.create_suppression(context.agent(agent), body)
    context.done(made, f"{made['address']} is not written to any more by {made['agent_email']}")


@suppressions.command("remove")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@_agent_option
@yes_option
@command
def suppressions_remove(context: Context, addresses: Sequence[str], agent: str | None, yes: bool) -> None:
    """Let recipients be written to again.

    \b
    e2a suppressions remove ada@example.org --agent my-bot --yes
    """
    if at_a_terminal():  # a script means what it says: nothing is lost that could not be added again
        context.confirm(f"Let {', '.join(addresses)} be written to again?", yes=yes)
    email = context.full(agent) if agent else None
    each(
        context,
        addresses,
        lambda address: (
            context.plain.agents.delete_suppression(email, address)
            if email
            else context.plain.account.suppressions.delete(address)
        ),
        lambda gone: f"{gone['address']} may be written to again",
        "unblocked",
    )


suppressions.add_command(suppressions_remove, "delete")
