"""`e2a account` and `keys`: what the account may use, and which keys open it."""

from collections.abc import Mapping
from typing import Any

import click

from e2ad.cli.completing import complete_agent
from e2ad.cli.context import Context, command, given
from e2ad.cli.frame import Group
from e2ad.cli.limits import limits
from e2ad.cli.options import LATER, limit_option, yes_option

__all__ = ["account", "keys"]


@click.group(cls=Group)
def account() -> None:
    """The account: whose it is, what it may use, and its end.

    \b
    e2a account limits
    """


@account.command("show")
@command
def account_show(context: Context) -> None:
    """Whose account it is.

    \b
    e2a account show
    """
    context.one(
        context.plain.account.get(),
        [
            ("email", lambda one: one["user"]["email"]),
            ("id", lambda one: one["user"]["id"]),
            ("plan", "plan_code"),
            ("scope", "scope"),
            ("inbox", "agent_email"),
        ],
    )


@account.command("delete")
@yes_option
@command
def account_delete(context: Context, yes: bool) -> None:
    """End the account: its agents, all their mail, its domains and its keys are gone for good.

    \b
    e2a export --output everything.json && e2a account delete
    """
    found = context.plain.account.get()
    context.confirm(f"Delete the account of {found['user']['email']} with all its mail, for good?", yes=yes)
    gone = context.plain.account.delete()
    context.done(
        gone, f"the account is gone, with {gone['agents_deleted']} agents and {gone['messages_deleted']} messages"
    )


@click.group(cls=Group)
def keys() -> None:
    """API keys, for the whole account or for one inbox.

    \b
    e2a keys create --agent my-bot --name laptop
    """


@keys.command("list")
@limit_option(1000)
@command
def keys_list(context: Context, limit: int) -> None:
    """The keys that there are, newest first; of each only how it begins.

    \b
    e2a keys list
    """
    context.rows(
        context.plain.account.api_keys.list().to_list(limit),
        [
            ("id", "id"),
            ("name", "name"),
            ("begins", "key_prefix"),
            ("for", lambda one: one.get("agent_email") or "the account"),
            ("last used", lambda one: _day(one, "last_used_at") or "never"),
            ("expires", lambda one: _day(one, "expires_at")),
        ],
        "no keys",
    )


@keys.command("create")
@click.option("--name", help="To know it again.")
@click.option(
    "--agent", metavar="AGENT", shell_complete=complete_agent, help="Of this inbox alone; without it, of the account."
)
@click.option("--expires", type=LATER, help="Not valid after this: RFC 3339, a date, or 12h, 90d from now.")
@click.option("--idempotency-key", metavar="KEY", help="Repeated with the same key, one is made.")
@command
def keys_create(
    context: Context, name: str | None, agent: str | None, expires: str | None, idempotency_key: str | None
) -> None:
    """A new key. It is shown this once.

    \b
    e2a keys create --agent my-bot --name laptop --expires 90d
    """
    body: dict[str, Any] = given(name=name, expires_at=expires)
    body |= {"scope": "agent", "agent_email": context.full(agent)} if agent else {"scope": "account"}
    made = context.plain.account.api_keys.create(body, idempotency_key=idempotency_key)
    context.one(made, ["id", "name", ("for", "agent_email"), ("expires", "expires_at"), "key"])
    context.note("The key is shown this once and cannot be read again: keep it safe.")


@keys.command("delete")
@click.argument("key_id", metavar="KEY")
@yes_option
@command
def keys_delete(context: Context, key_id: str, yes: bool) -> None:
    """Have a key be valid no more. KEY is its id from the list, not the key itself.

    \b
    e2a keys delete apk_… --yes
    """
    context.confirm(f"End the key {key_id}? Who uses it is locked out at once.", yes=yes)
    context.done(context.plain.account.api_keys.delete(key_id), f"{key_id} is valid no more")


def _day(one: Mapping[str, Any], name: str) -> str:
    return str(one.get(name) or "")[:16].replace("T", " ")


account.add_command(limits)
