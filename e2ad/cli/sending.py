"""`e2a send`, `reply`, `forward`, `test` and `sent`: mail out, and how far it is."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import click

from e2ad.cli.completing import complete_agent
from e2ad.cli.context import (
    EX_AGAIN,
    EX_HELD,
    EX_NOT_SENT,
    EX_STILL_WAITING,
    Context,
    command,
    fail,
    given,
    together,
)
from e2ad.cli.files import FILE, files_of, read_text, text_of
from e2ad.cli.lists import part
from e2ad.cli.options import LATER, WHEN, agent_argument, agent_option, limit_option
from e2ad.cli.states import sent_line
from e2ad.sdk import E2AConnectionError

__all__ = ["forward", "reply", "send", "sent", "submit", "try_agent"]

_WAIT_WORDS: Final = "waiting until it has left, 15 s at most"
_WHAT: Final = "what? give --text, --text - to read it from standard input, --body-file FILE or --html FILE"

_mail_options = together(
    click.option("--cc", multiple=True, metavar="ADDRESS", help="May be repeated."),
    click.option("--bcc", multiple=True, metavar="ADDRESS", help="May be repeated; nobody else sees it."),
    click.option("--text", "--body", metavar="TEXT", help="The text; - reads it from standard input."),
    click.option("--body-file", "--text-file", "text_file", type=FILE, metavar="FILE", help="The text, from a file."),
    click.option("--html-body", "html", metavar="HTML", help="An HTML part; alone, the text is made of it."),
    click.option("--html", "--html-file", "html_file", type=FILE, metavar="FILE", help="The same, from a file."),
    click.option("--attach", "attached", multiple=True, type=FILE, metavar="FILE", help="May be repeated."),
    click.option("--reply-to", multiple=True, metavar="ADDRESS", help="Where answers go, instead of the agent."),
    click.option("--conversation", "--conversation-id", metavar="ID", help="Put it into this conversation."),
    click.option("--send-at", type=LATER, help="Not before this: RFC 3339, a date, or 90m, 12h, 7d from now."),
    click.option("--wait", is_flag=True, help="Wait until it has left, 15 s at most."),
    click.option("--unsubscribe", is_flag=True, help="Let the one recipient unsubscribe with a click."),
    click.option("--idempotency-key", metavar="KEY", help="Repeated with the same key, it is sent once."),
)

_whose = click.option(
    "--from",
    "--agent",
    "agent",
    metavar="AGENT",
    shell_complete=complete_agent,
    help="Whose message it is; found out if it can be.",
)
_to = click.option("--to", multiple=True, metavar="ADDRESS", help="Or an agent's slug; may be repeated.")


@click.command()
@click.option(
    "--from",
    "--agent",
    "agent",
    metavar="AGENT",
    shell_complete=complete_agent,
    help="Who sends; not needed with only one agent.",
)
@_to
@click.option("--subject", metavar="TEXT", help="Not needed with a template that has one.")
@_mail_options
@click.option("--template", metavar="TEMPLATE", help="The id or alias of a template, instead of subject and text.")
@click.option("--data", multiple=True, metavar="NAME=VALUE", help="For the template; may be repeated.")
@click.option("--data-file", type=FILE, metavar="FILE", help="The same as one JSON object.")
@command
def send(context: Context, /, agent: str | None, to: Sequence[str], subject: str | None, **options: Any) -> None:
    """Send a mail as one of your agents.

    Exit status: 0 on its way, 3 held for a person's review, 6 still waiting after --wait, 7 failed.

    \b
    e2a send --to ada@example.org --subject Hello --body "Good morning."
    git log -1 | e2a send --to ada@example.org --subject Done --body-file -
    e2a send --to ada@example.org --template welcome --data name=Ada
    """
    if not to and not options["cc"]:
        raise click.UsageError("to whom? give --to (or --cc)")
    if not options["template"] and (options["data"] or options["data_file"]):
        raise click.UsageError("--data is for a template: add --template")
    if not options["template"] and subject is None:
        raise click.UsageError("about what? give --subject")
    content = _body(context, options) | given(subject=subject) | _template(options)
    if "text" not in content and not options["template"]:
        raise click.UsageError(_WHAT)
    email = context.agent(agent, "--from")
    body = {"to": _addresses(context, to), **content}
    submit(context, email, options, lambda key, wait: context.plain.messages.send(
        email, body, idempotency_key=key, wait=wait
    ))  # fmt: skip


@click.command()
@click.argument("message_id", metavar="MESSAGE")
@_whose
@click.option("--all", "--reply-all", "everybody", is_flag=True, help="Also to those that were in To and Cc.")
@_mail_options
@click.option("--quote", "--quote-history", "quote", is_flag=True, help="Put the answered text below.")
@command
def reply(
    context: Context, /, message_id: str, agent: str | None, everybody: bool, quote: bool, **options: Any
) -> None:
    """Answer a message: its author, or everybody with --all.

    Exit status: 0 on its way, 3 held for a person's review, 6 still waiting after --wait, 7 failed.

    \b
    e2a reply msg_… --body "Gladly."
    """
    body = _body(context, options) | given(reply_all=everybody or None, quote_history=quote or None)
    if "text" not in body:
        raise click.UsageError(_WHAT)
    email = context.agent_of(message_id, agent)
    submit(context, email, options, lambda key, wait: context.plain.messages.reply(
        email, message_id, body, idempotency_key=key, wait=wait
    ))  # fmt: skip


@click.command()
@click.argument("message_id", metavar="MESSAGE")
@_whose
@_to
@_mail_options
@command
def forward(context: Context, /, message_id: str, agent: str | None, to: Sequence[str], **options: Any) -> None:
    """Send a message on, with its files; --text stands above it.

    Exit status: 0 on its way, 3 held for a person's review, 6 still waiting after --wait, 7 failed.

    \b
    e2a forward msg_… --to ada@example.org --body "For you."
    """
    if not to and not options["cc"]:
        raise click.UsageError("to whom? give --to (or --cc)")
    body = {"to": _addresses(context, to), "text": "", **_body(context, options)}
    email = context.agent_of(message_id, agent)
    submit(context, email, options, lambda key, wait: context.plain.messages.forward(
        email, message_id, body, idempotency_key=key, wait=wait
    ))  # fmt: skip


@click.command("test")
@agent_argument
@command
def try_agent(context: Context, agent: str | None) -> None:
    """Have the deployment write to an agent, to see the whole way work.

    \b
    e2a test my-bot
    """
    email = context.agent(agent, "AGENT")
    result = context.plain.agents.test(email)
    _report(context, result, waited=False, more=[f"  see it come: e2a inbox --agent {email}"])


@click.command()
@agent_option
@limit_option(20)
@click.option("--conversation", metavar="ID", help="Of this conversation alone.")
@click.option("--since", type=WHEN, help="Not older than this: RFC 3339, a date, or 90m, 12h, 7d.")
@click.option("--token", "--cursor", "cursor", metavar="TOKEN", help="Go on where a list before ended.")
@command
def sent(
    context: Context, agent: str | None, limit: int, conversation: str | None, since: str | None, cursor: str | None
) -> None:
    """What an agent has sent, newest first, and how far each is.

    \b
    e2a sent --agent my-bot --since 24h
    """
    email, query = context.agent(agent), given(conversation_id=conversation, since=since)
    found, onward = part(
        lambda size: context.plain.messages.list(email, direction="outbound", **query, limit=size), limit, cursor
    )
    context.lines(found, lambda one: [sent_line(one)], "nothing was sent yet")
    if onward is not None:
        context.note(f"there is more; it goes on with: --token {onward}")


def _addresses(context: Context, named: Sequence[str]) -> list[str]:
    return [context.full(address) for address in named]


def _body(context: Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """What all three kinds of mail have in common."""
    html = text_of(options["html"], options["html_file"])
    text = text_of(options["text"], options["text_file"])
    if text is None and html is not None:
        from e2ad.core.html_text import html_to_text  # it takes its time, which no other command shall wait for

        text = html_to_text(html).text
    reply_to = options["reply_to"]
    return given(
        cc=_addresses(context, options["cc"]) or None,
        bcc=_addresses(context, options["bcc"]) or None,
        text=text,
        html=html,
        attachments=files_of(options["attached"]) or None,
        reply_to=reply_to[0] if len(reply_to) == 1 else list(reply_to) or None,
        conversation_id=options["conversation"],
        send_at=options["send_at"],
        unsubscribe={"mode": "managed"} if options["unsubscribe"] else None,
    )


def _template(options: Mapping[str, Any]) -> dict[str, Any]:
    """Which template, and what is put into it.

    Raises:
        click.UsageError: the data is none.
    """
    name = options["template"]
    if name is None:
        return {}
    data: dict[str, Any] = {}
    if options["data_file"] is not None:
        data = _object(options["data_file"])
    for one in options["data"]:
        key, equals, value = one.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{one!r}: write --data NAME=VALUE")
        data[key] = value
    member = "template_id" if name.startswith("tmpl_") else "template_alias"
    return {member: name, **given(template_data=data or None)}


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path))
    except ValueError as error:
        raise click.UsageError(f"{path}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.UsageError(f"{path}: a JSON object is expected")
    return found


def submit(
    context: Context,
    email: str,
    options: Mapping[str, Any],
    call: Callable[[str, Any], Mapping[str, Any]],
) -> None:
    """Send once, whatever happens to the connection: every send has a key, and a lost answer names it.

    Args:
        call: sends, with a key, and what is waited for.
    """
    key = options["idempotency_key"] or uuid4().hex
    try:
        if options["wait"] and sys.stderr.isatty():
            context.note(_WAIT_WORDS)
        result = call(key, "sent" if options["wait"] else None)
    except E2AConnectionError as error:
        if not error.maybe_done:
            raise
        fail(
            EX_AGAIN,
            str(error),
            ["it may have been taken; the same command is safe to repeat with", f"--idempotency-key {key}"],
        )
    if result["status"] == "failed" and not context.as_json:
        found = context.plain.messages.get(email, result["message_id"])
        fail(EX_NOT_SENT, f"not sent: {result['message_id']}: {found.get('delivery_detail') or 'no reason is known'}")
    _report(context, result, waited=options["wait"])


def _report(context: Context, result: Mapping[str, Any], *, waited: bool, more: Sequence[str] = ()) -> None:
    """Say what became of it, and end with the status that tells a script."""
    message_id, status = result["message_id"], result["status"]
    context.done(result, *_words(message_id, status, result, waited=waited))
    code = {"pending_review": EX_HELD, "failed": EX_NOT_SENT, "outcome_unknown": EX_NOT_SENT}.get(status, 0)
    if status == "accepted" and waited:
        code = EX_STILL_WAITING
    if code:
        sys.exit(code)
    for line in more:
        context.say(line)


def _words(message_id: str, status: str, result: Mapping[str, Any], *, waited: bool) -> list[str]:
    match status:
        case "pending_review":
            until = result.get("approval_expires_at", "somebody decides")
            return [f"held for review until {until}: {message_id}", f"  look and decide: e2a reviews show {message_id}"]
        case "scheduled":
            lines = [f"scheduled for {result.get('scheduled_at')}: {message_id}"]
        case "accepted" if waited:
            lines = [f"accepted, and not on its way yet: {message_id}"]
        case "sent" if result.get("method") == "loopback":
            return [f"delivered to itself: {message_id}"]
        case _:
            lines = [f"{status.replace('_', ' ')}: {message_id}"]
    if result.get("sent_as") == "relay":
        lines.append(
            "  From is an address of the deployment, until the agent's domain may send; answers reach the agent"
        )
    return [*lines, f"  how far it is: e2a trace {message_id}"]
