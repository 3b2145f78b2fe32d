"""`e2a agents`: the addresses that there are."""

from collections.abc import Mapping
from typing import Any, Final

import click

from e2ad.cli.completing import complete_agent
from e2ad.cli.context import Column, Context, command, given, together
from e2ad.cli.frame import Group
from e2ad.cli.options import duration, limit_option, yes_option
from e2ad.cli.sending import try_agent

__all__ = ["agents"]

FIELDS: Final[tuple[str | Column, ...]] = (
    "email", "name", "agent_mode", "webhook_url", "domain_verified", "created_at", "deleted_at"
)  # fmt: skip

_which = click.argument("address", shell_complete=complete_agent)

_ways = together(
    click.option("--name", help="A display name; empty removes it."),
    click.option(
        "--mode", type=click.Choice(["local", "cloud"]), help="local: WebSocket and polling; cloud: its own webhook."
    ),
    click.option("--webhook-url", metavar="URL", help="Where its mail is posted; made with one, it is cloud."),
    click.option("--catch-all/--no-catch-all", default=None, help="It gets what is for nobody on its domain."),
)


@click.group(cls=Group)
def agents() -> None:
    """The addresses that you have.

    \b
    e2a agents create my-bot
    e2a agents list
    """


@agents.command("list")
@click.option("--deleted", is_flag=True, help="Those in the trash.")
@limit_option(10_000)
@command
def agents_list(context: Context, deleted: bool, limit: int) -> None:
    """All agents of the account, newest first.

    \b
    e2a agents list --json
    """
    context.rows(
        context.plain.agents.list(deleted=deleted or None).to_list(limit),
        [("address", "email"), ("name", "name"), ("mode", "agent_mode"), ("webhook", "webhook_url")],
        "the trash is empty" if deleted else "no agents yet; make one with: e2a agents create SLUG",
    )


@agents.command("create")
@click.argument("address")
@_ways
@command
def agents_create(
    context: Context,
    address: str,
    name: str | None,
    mode: str | None,
    webhook_url: str | None,
    catch_all: bool | None,
) -> None:
    """Make an agent. ADDRESS is a slug on the shared domain, or a whole address on your own domain.

    \b
    e2a agents create my-bot --name "My bot"
    e2a agents create ops@example.org
    """
    body: dict[str, Any] = {"email" if "@" in address else "slug": address}
    mode = mode or ("cloud" if webhook_url else None)
    body |= given(name=name, webhook_url=webhook_url, agent_mode=mode, catch_all=catch_all)
    agent = context.plain.agents.create(body)
    context.one(agent, FIELDS, f"made {agent['email']}")


@agents.command("register")
@click.argument("slug")
@click.option("--name", help="A display name.")
@command
def agents_register(context: Context, slug: str, name: str | None) -> None:
    """Make an agent on the shared domain that is listened to and polled: `create SLUG --mode local`.

    \b
    e2a agents register my-bot
    """
    if "@" in slug:
        raise click.UsageError(f"{slug!r} is no slug; with a whole address: e2a agents create {slug}")
    agent = context.plain.agents.create({"slug": slug, "agent_mode": "local", **given(name=name)})
    context.one(agent, FIELDS, f"made {agent['email']}")


@agents.command("show")
@click.argument("address", required=False, shell_complete=complete_agent)
@command
def agents_show(context: Context, address: str | None) -> None:
    """One agent.

    \b
    e2a agents show my-bot
    """
    context.one(context.plain.agents.get(context.agent(address, "ADDRESS")), FIELDS)


@agents.command("update")
@_which
@_ways
@click.option("--hitl/--no-hitl", "holds", default=None, help="Hold every mail it sends for a person's review.")
@click.option("--hitl-ttl", "ttl", callback=duration, metavar="TIME", help="How long a hold lasts: 90m, 12h, 7d.")
@click.option(
    "--hitl-expiration-action",
    "on_expiry",
    type=click.Choice(["approve", "reject"]),
    help="What happens with a hold that nobody decides.",
)
@command
def agents_update(
    context: Context,
    address: str,
    name: str | None,
    mode: str | None,
    webhook_url: str | None,
    catch_all: bool | None,
    holds: bool | None,
    ttl: int | None,
    on_expiry: str | None,
) -> None:
    """Change an agent; what is not given stays. All rules of its mail: `e2a protection set`.

    \b
    e2a agents update my-bot --name "My bot"
    e2a agents update my-bot --hitl --hitl-ttl 12h
    """
    fields = given(name=name, agent_mode=mode, webhook_url=webhook_url, catch_all=catch_all)
    rules = given(holds=holds, ttl=ttl, on_expiry=on_expiry)
    if not fields and not rules:
        raise click.UsageError("nothing to change: give --name, --mode, --webhook-url, --hitl or another option")
    email = context.full(address)
    if rules:
        _hold(context, email, rules)
    agent = context.plain.agents.update(email, fields) if fields else context.plain.agents.get(email)
    context.one(agent, FIELDS, f"changed {agent['email']}")
    if rules:
        context.say(f"  see its rules: e2a protection show {agent['email']}")


def _hold(context: Context, email: str, rules: Mapping[str, Any]) -> None:
    """Change what is said about holds in the rules of an agent."""
    wanted = context.plain.agents.get_protection(email)
    if "holds" in rules:
        wanted["outbound"]["require_review"] = rules["holds"]
    if "ttl" in rules:
        wanted["holds"]["ttl_seconds"] = rules["ttl"]
    if "on_expiry" in rules:
        wanted["holds"]["on_expiry"] = rules["on_expiry"]
    context.plain.agents.replace_protection(email, wanted)


@agents.command("delete")
@_which
@click.option("--permanent", is_flag=True, help="Remove it and all its mail for good.")
@yes_option
@command
def agents_delete(context: Context, address: str, permanent: bool, yes: bool) -> None:
    """Put an agent into the trash, from where it can be restored for 30 days.

    \b
    e2a agents delete my-bot
    e2a agents delete my-bot --permanent --yes
    """
    email = context.full(address)
    if permanent:
        context.confirm(f"Remove {email} and all its mail for good?", yes=yes)
    result = context.plain.agents.delete(email, permanent=permanent)
    more = [] if permanent else [f"  to get it back: e2a agents restore {email}"]
    context.done(result, f"{email} is {'gone' if permanent else 'in the trash'}", *more)


@agents.command("restore")
@_which
@command
def agents_restore(context: Context, address: str) -> None:
    """Take an agent out of the trash.

    \b
    e2a agents restore my-bot
    """
    agent = context.plain.agents.restore(context.full(address))
    context.one(agent, FIELDS, f"{agent['email']} is back")


agents.add_command(agents_show, "get")
agents.add_command(try_agent)
