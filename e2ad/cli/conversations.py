"""`e2a conversations`: mail that belongs together."""

from collections.abc import Mapping
from typing import Any

import click

from e2ad.cli.context import Column, Context, command, given
from e2ad.cli.frame import Group
from e2ad.cli.highlights import found_lines
from e2ad.cli.lists import part
from e2ad.cli.options import WHEN, agent_option, limit_option
from e2ad.cli.states import sent_line

__all__ = ["conversations"]


@click.group(cls=Group)
def conversations() -> None:
    """Mail that belongs together.

    \b
    e2a conversations list --agent my-bot
    """


@conversations.command("list")
@agent_option
@click.option("--since", type=WHEN, help="Not older than this: RFC 3339, a date, or 90m, 12h, 7d.")
@click.option("--until", type=WHEN, help="Older than this.")
@limit_option(20)
@click.option("--token", "--cursor", "cursor", metavar="TOKEN", help="Go on where a list before ended.")
@command
def conversations_list(
    context: Context, agent: str | None, since: str | None, until: str | None, limit: int, cursor: str | None
) -> None:
    """An agent's conversations, the latest first.

    \b
    e2a conversations list --since 7d
    """
    email, query = context.agent(agent), given(since=since, until=until)
    found, onward = part(lambda size: context.plain.conversations.list(email, **query, limit=size), limit, cursor)
    columns: list[Column] = [
        ("id", "id"),
        ("last", _last),
        ("mails", lambda one: f"{one['message_count']}{' (unread)' if one['has_unread'] else ''}"),
        ("with", "latest_from"),
        ("subject", "latest_subject"),
    ]
    context.rows(found, columns, "no conversations yet")
    if onward is not None:
        context.note(f"there is more; it goes on with: --token {onward}")


@conversations.command("show")
@click.argument("conversation_id", metavar="CONVERSATION")
@agent_option
@command
def conversations_show(context: Context, conversation_id: str, agent: str | None) -> None:
    """One conversation with its messages, oldest first.

    \b
    e2a conversations show conv_… --agent my-bot
    """
    found = context.plain.conversations.get(context.agent(agent), conversation_id)
    if context.as_json:
        context.emit(found)
        return
    context.one(found, [("with", "participants"), ("labels", "labels")], found["latest_subject"] or "(no subject)")
    context.lines(
        found["messages"],
        lambda one: [sent_line(one)] if one["direction"] == "outbound" else found_lines(one),
        "no messages",
    )


conversations.add_command(conversations_show, "get")


def _last(one: Mapping[str, Any]) -> str:
    return str(one["last_message_at"])[:16].replace("T", " ")
