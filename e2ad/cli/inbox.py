"""`e2a inbox`, `messages` and `labels`: what came and what was sent, one by one and as lists."""

import base64
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from e2ad.cli.context import Context, command, given, plain, together
from e2ad.cli.frame import Group
from e2ad.cli.highlights import found_lines
from e2ad.cli.lists import part
from e2ad.cli.options import WHEN, agent_option, limit_option, yes_option
from e2ad.cli.reading import show_message
from e2ad.cli.states import sent_line
from e2ad.cli.tracing import steps_of, timeline

__all__ = ["inbox", "labels", "messages", "read"]

F = TypeVar("F", bound=Callable[..., Any])

_message = click.argument("message_id", metavar="MESSAGE")

_narrowing = together(
    click.option("--from", "sender", metavar="TEXT", help="Part of the sender's address."),
    click.option("--subject", metavar="TEXT", help="Part of the subject."),
    click.option("--search", metavar="WORDS", help='Words, "phrases", -word, from:, subject:, has:attachment.'),
    click.option("--filter", "expression", metavar="EXPRESSION", help="Such as: label:urgent -from:noreply"),
    click.option("--conversation", metavar="ID", help="Of this conversation alone."),
    click.option("--label", "labels", multiple=True, metavar="LABEL", help="With this label; may be repeated."),
    click.option("--since", type=WHEN, help="Not older than this: RFC 3339, a date, or 90m, 12h, 7d."),
    click.option("--until", type=WHEN, help="Older than this."),
    click.option("--token", "--cursor", "cursor", metavar="TOKEN", help="Go on where a list before ended."),
)


@click.command()
@agent_option
@click.option("--unread", "status", flag_value="unread", default="unread", help="What nobody has read yet; as without.")
@click.option("--read", "status", flag_value="read", help="What was read already.")
@click.option("--all", "status", flag_value="all", help="Both.")
@limit_option(20)
@_narrowing
@click.option("--oldest", is_flag=True, help="Oldest first.")
@command
def inbox(context: Context, /, agent: str | None, status: str, limit: int, oldest: bool, **options: Any) -> None:
    """What has come, newest first. Looking marks nothing as read.

    \b
    e2a inbox --agent my-bot
    e2a inbox --all --since 7d --search 'invoice from:ada'
    """
    query = {**_query(options), "read_status": status, "sort": "asc" if oldest else None}
    nothing = "nothing unread" if status == "unread" else "the inbox is empty"
    if options["search"] or options["expression"]:
        nothing = "nothing unread is found; try --all" if status == "unread" else "nothing found"
    _list(context, context.agent(agent), query, limit, options["cursor"], nothing)


@click.group(cls=Group)
def messages() -> None:
    """Mail in and out, one by one and as lists.

    \b
    e2a messages list --direction all --since 7d
    e2a messages get MESSAGE --text
    """


@messages.command("list")
@agent_option
@click.option(
    "--direction",
    type=click.Choice(["inbound", "outbound", "all"]),
    default="inbound",
    show_default=True,
    help="What came in, what went out.",
)
@click.option(
    "--read-status",
    type=click.Choice(["unread", "read", "all"]),
    default="all",
    show_default=True,
    help="What nobody has read yet, or somebody has.",
)
@limit_option(50)
@_narrowing
@click.option("--oldest", is_flag=True, help="Oldest first.")
@click.option("--deleted", is_flag=True, help="Those in the trash.")
@command
def messages_list(
    context: Context,
    /,
    agent: str | None,
    direction: str,
    read_status: str,
    limit: int,
    oldest: bool,
    deleted: bool,
    **options: Any,
) -> None:
    """Messages of an agent, newest first.

    \b
    e2a messages list --direction outbound --since 24h
    e2a messages list --filter 'label:urgent -from:noreply' --json
    """
    query = {
        **_query(options),
        "direction": direction,
        "read_status": read_status,
        "sort": "asc" if oldest else None,
        "deleted": deleted or None,
    }
    nothing = "the trash is empty" if deleted else "nothing found"
    _list(context, context.agent(agent), query, limit, options["cursor"], nothing)


def _query(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "from_": options["sender"],
        "subject_contains": options["subject"],
        "search": options["search"],
        "filter": options["expression"],
        "conversation_id": options["conversation"],
        "labels": list(options["labels"]) or None,
        "since": options["since"],
        "until": options["until"],
    }


def _list(context: Context, email: str, query: Mapping[str, Any], limit: int, cursor: str | None, nothing: str) -> None:
    found, onward = part(lambda size: context.plain.messages.list(email, **given(**query), limit=size), limit, cursor)
    context.lines(
        found, lambda one: [sent_line(one)] if one.get("direction") == "outbound" else found_lines(one), nothing
    )
    if onward is not None:
        context.note(f"there is more; it goes on with: --token {onward}")


def _reading(function: F) -> F:
    return together(
        _message,
        agent_option,
        click.option("--text", "text_only", is_flag=True, help="Its text alone."),
        click.option("--raw", is_flag=True, help="The mail as it came."),
        click.option("--peek", is_flag=True, help="Leave it unread."),
    )(function)


def _read(context: Context, message_id: str, agent: str | None, *, text_only: bool, raw: bool, peek: bool) -> None:
    email = context.agent_of(message_id, agent)
    if raw:
        _write(context.plain.messages.get_raw(email, message_id), None)
        return
    message = context.plain.messages.get(email, message_id, mark_read=False if peek else None)
    if context.as_json:
        context.emit(message)
    elif text_only:
        context.console.print(plain((message.get("parsed") or {}).get("text") or "", lines=True))
    else:
        show_message(context.console, message)


@click.command()
@_reading
@command
def read(context: Context, message_id: str, agent: str | None, text_only: bool, raw: bool, peek: bool) -> None:
    """Show one message; it counts as read afterwards.

    \b
    e2a read msg_… --agent my-bot
    """
    _read(context, message_id, agent, text_only=text_only, raw=raw, peek=peek)


@messages.command("get")
@_reading
@command
def messages_get(context: Context, message_id: str, agent: str | None, text_only: bool, raw: bool, peek: bool) -> None:
    """The same as `e2a read`.

    \b
    e2a messages get msg_… --text
    """
    _read(context, message_id, agent, text_only=text_only, raw=raw, peek=peek)


@messages.command("raw")
@_message
@agent_option
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Instead of stdout."
)
@command
def messages_raw(context: Context, message_id: str, agent: str | None, output: Path | None) -> None:
    """The mail's own bytes, as they came or left.

    \b
    e2a messages raw msg_… > mail.eml
    """
    octets = context.plain.messages.get_raw(context.agent_of(message_id, agent), message_id)
    if context.as_json and output is None:
        context.emit({"message_id": message_id, "raw_message": base64.b64encode(octets).decode()})
        return
    _write(octets, output)
    if output is not None:
        context.done({"message_id": message_id, "bytes": len(octets), "file": str(output)}, f"{len(octets)} bytes")


def _write(octets: bytes, path: Path | None) -> None:
    if path is None and sys.stdout.isatty():
        click.echo(plain(octets.decode("utf-8", "replace"), lines=True))  # a terminal obeys what a stranger wrote
        return
    if path is None:
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
        return
    try:
        path.write_bytes(octets)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from error


@messages.command("lifecycle")
@_message
@agent_option
@limit_option(100)
@click.option("--cursor", metavar="TOKEN", help="Go on where a list before ended.")
@command
def messages_lifecycle(context: Context, message_id: str, agent: str | None, limit: int, cursor: str | None) -> None:
    """What happened to a message, step by step; with more words about it: `e2a trace`.

    \b
    e2a messages lifecycle msg_…
    """
    email = context.agent_of(message_id, agent)
    rows, onward = steps_of(context, email, message_id, limit=limit, cursor=cursor)
    if context.as_json:
        context.emit(rows)
    else:
        for line in timeline(rows):
            context.console.print(line)
    if onward is not None:
        context.note(f"there is more; it goes on with: --cursor {onward}")


@messages.command("delete")
@_message
@agent_option
@click.option("--permanent", is_flag=True, help="For good; it must be in the trash.")
@yes_option
@command
def messages_delete(context: Context, message_id: str, agent: str | None, permanent: bool, yes: bool) -> None:
    """Put a message into the trash, from where it can be restored.

    \b
    e2a messages delete msg_…
    """
    email = context.agent_of(message_id, agent)
    if permanent:
        context.confirm(f"Remove {message_id} for good?", yes=yes)
    gone = context.plain.messages.delete(email, message_id, permanent=permanent)
    context.done(gone, f"{message_id} is {'gone' if permanent else 'in the trash'}")


@messages.command("restore")
@_message
@agent_option
@command
def messages_restore(context: Context, message_id: str, agent: str | None) -> None:
    """Take a message out of the trash.

    \b
    e2a messages restore msg_… --agent my-bot
    """
    back = context.plain.messages.restore(context.agent_of(message_id, agent), message_id)
    context.done(back, f"{message_id} is back")


@messages.command("mark")
@_message
@agent_option
@click.option("--read/--unread", "is_read", default=True, show_default=True, help="What it is to count as.")
@command
def messages_mark(context: Context, message_id: str, agent: str | None, is_read: bool) -> None:
    """Say that a message was read, or was not.

    \b
    e2a messages mark msg_… --unread
    """
    status = "read" if is_read else "unread"
    email = context.agent_of(message_id, agent)
    made = context.plain.messages.update_labels(email, message_id, {"read_status": status})
    context.done(made, f"{message_id} is {status}")


@click.command()
@_message
@click.option("--add", multiple=True, metavar="LABEL", help="May be repeated.")
@click.option("--remove", multiple=True, metavar="LABEL", help="May be repeated.")
@agent_option
@command
def labels(context: Context, message_id: str, add: Sequence[str], remove: Sequence[str], agent: str | None) -> None:
    """A message's labels: shown, added, removed.

    \b
    e2a labels msg_… --add urgent --remove later
    """
    body = given(add_labels=list(add) or None, remove_labels=list(remove) or None)
    made = context.plain.messages.update_labels(context.agent_of(message_id, agent), message_id, body)
    context.done(made, f"{message_id}: {', '.join(made['labels']) or 'no labels'}")


messages.add_command(labels, "labels")
