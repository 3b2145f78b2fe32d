"""`e2a connections`: programs that people let in with their sign-in."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from e2ad.cli.context import Context, command
from e2ad.cli.frame import Group
from e2ad.cli.options import limit_option, yes_option
from e2ad.cli.several import each

__all__ = ["connections"]


@click.group(cls=Group)
def connections() -> None:
    """Programs that were let in with a browser, such as MCP clients.

    \b
    e2a connections list
    e2a connections delete CONNECTION
    """


@connections.command("list")
@limit_option()
@command
def connections_list(context: Context, limit: int) -> None:
    """Which programs were let in, and to what.

    \b
    e2a connections list
    """
    context.rows(
        context.plain.connections.list().to_list(limit),
        [
            ("id", "id"), ("program", lambda one: one["client_name"] or one["client_id"]), ("may use", _reach),
            ("since", lambda one: one["issued_at"][:16].replace("T", " ")), ("state", _state),
        ],
        "no program was let in",
    )  # fmt: skip


@connections.command("delete")
@click.argument("ids", metavar="CONNECTION...", nargs=-1, required=True)
@yes_option
@command
def connections_delete(context: Context, ids: Sequence[str], yes: bool) -> None:
    """Shut programs out again, at once.

    \b
    e2a connections delete grant_0123456789abcdef0123456789abcdef --yes
    """
    context.confirm(f"Shut out {', '.join(ids)}?", yes=yes)
    each(context, ids, context.plain.connections.delete, lambda gone: f"shut out: {gone['id']}", "shut out")


def _reach(one: Mapping[str, Any]) -> str:
    return str(one["agent_email"] or "the whole account")


def _state(one: Mapping[str, Any]) -> str:
    if one.get("revoked_at"):
        return f"shut out {one['revoked_at'][:16].replace('T', ' ')}"
    return f"until {one['expires_at'][:16].replace('T', ' ')}" if one.get("expires_at") else "let in"
