"""`e2a send`, `reply`, `forward`, `test` and `sent`: mail out, and how far it is."""

import base64
import mimetypes
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import click
from rich.text import Text

from e2ad.cli.context import (
    EX_AGAIN,
    EX_HELD,
    EX_NOT_SENT,
    EX_STILL_WAITING,
    Context,
    agent_option,
    command,
    fail,
    given,
    json_option,
    print_json,
    together,
)
from e2ad.cli.listening import plain
from e2ad.cli.states import detail_of, state_of
from e2ad.core.html_text import html_to_text
from e2ad.sdk import E2AConnectionError

__all__ = ["COMMANDS", "FILE", "files_of", "read_text"]

_WAIT_WORDS: Final = "waiting until it has left, 15 s at most"

FILE: Final = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True, path_type=Path)

_mail_options = together(
    click.option("--cc", multiple=True, metavar="ADDRESS", help="May be repeated."),
    click.option("--bcc", multiple=True, metavar="ADDRESS", help="May be repeated; nobody else sees it."),
    click.option("--text", help="The text; - reads it from standard input."),
    click.option("--html", "html_file", type=FILE, metavar="FILE", help="An HTML part; alone, the text is made of it."),
    click.option("--attach", "attached", multiple=True, type=FILE, metavar="FILE", help="May be repeated."),
    click.option("--reply-to", multiple=True, metavar="ADDRESS", help="Where answers go, instead of the agent."),
    click.option("--conversation", metavar="ID", help="Put it into this conversation."),
    click.option("--send-at", metavar="TIME", help="Not before this time: RFC 3339, at most 90 days ahead."),
    click.option("--wait", is_flag=True, help="Wait until it has left, 15 s at most."),
    click.option("--unsubscribe", is_flag=True, help="Let the one recipient unsubscribe with a click."),
    click.option("--idempotency-key", metavar="KEY", help="Repeated with the same key, it is sent once."),
    json_option,
)


@click.command()
@click.option("--from", "agent", metavar="AGENT", help="Who sends; not needed with only one agent.")
@click.option("--to", multiple=True, metavar="ADDRESS", help="Or an agent's slug; may be repeated.")
@click.option("--subject", required=True)
@_mail_options
@command
def send(context: Context, /, agent: str | None, to: tuple[str, ...], subject: str, **options: Any) -> None:
    """Send a mail as one of your agents.

    Exit status: 0 on its way, 3 held for a person's review, 6 still waiting after --wait, 7 failed.
    """
    if not to and not options["cc"]:
        raise click.UsageError("to whom? give --to (or --cc)")
    email = context.agent(agent, "--from")
    body = {"to": _addresses(context, to), "subject": subject, **_body(context, options)}
    if "text" not in body:
        raise click.UsageError("what? give --text, --text - to read it from standard input, or --html FILE")
    _submit(context, email, options, lambda key, wait: context.client.send_message(
        email, body, idempotency_key=key, wait=wait
    ))  # fmt: skip


@click.command()
@click.argument("message_id", metavar="MESSAGE")
@click.option("--from", "agent", metavar="AGENT", help="Whose message it is; found out if it can be.")
@click.option("--all", "everybody", is_flag=True, help="Also to those that were in To and Cc.")
@_mail_options
@click.option("--quote", is_flag=True, help="Put the answered text below.")
@command
def reply(
    context: Context, /, message_id: str, agent: str | None, everybody: bool, quote: bool, **options: Any
) -> None:
    """Answer a message: its author, or everybody with --all.

    Exit status: 0 on its way, 3 held for a person's review, 6 still waiting after --wait, 7 failed.
    """
    body = _body(context, options) | given(reply_all=everybody or None, quote_history=quote or None)
    if "text" not in body:
        raise click.UsageError("what? give --text, --text - to read it from standard input, or --html FILE")
    email = context.agent_of(message_id, agent)
    _submit(context, email, options, lambda key, wait: context.client.reply(
        email, message_id, body, idempotency_key=key, wait=wait
    ))  # fmt: skip


@click.command()
@click.argument("message_id", metavar="MESSAGE")
@click.option("--from", "agent", metavar="AGENT", help="Whose message it is; found out if it can be.")
@click.option("--to", multiple=True, metavar="ADDRESS", help="Or an agent's slug; may be repeated.")
@_mail_options
@command
def forward(context: Context, /, message_id: str, agent: str | None, to: tuple[str, ...], **options: Any) -> None:
    """Send a message on, with its files; --text stands above it.

    Exit status: 0 on its way, 3 held for a person's review, 6 still waiting after --wait, 7 failed.
    """
    if not to and not options["cc"]:
        raise click.UsageError("to whom? give --to (or --cc)")
    body = {"to": _addresses(context, to), "text": "", **_body(context, options)}
    email = context.agent_of(message_id, agent)
    _submit(context, email, options, lambda key, wait: context.client.forward(
        email, message_id, body, idempotency_key=key, wait=wait
    ))  # fmt: skip


@click.command("test")
@click.argument("agent", required=False)
@json_option
@command
def try_agent(context: Context, agent: str | None, as_json: bool) -> None:
    """Have the deployment write to an agent, to see the whole way work."""
    email = context.agent(agent)
    result = context.client.test_agent(email)
    _report(context, result, as_json=as_json, waited=False)
    if not as_json and result["status"] != "pending_review":
        context.say(f"  see it come: e2a inbox --agent {email}")


@click.command()
@agent_option
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--conversation", help="A conversation's id.")
@click.option("--since", help="RFC 3339; not older than this.")
@json_option
@command
def sent(
    context: Context, agent: str | None, limit: int, conversation: str | None, since: str | None, as_json: bool
) -> None:
    """What an agent has sent, newest first, and how far each is."""
    query = {"direction": "outbound", "conversation_id": conversation, "since": since}
    found = list(context.client.list_messages(context.agent(agent), limit=limit, **query))
    if as_json:
        print_json(found)
        return
    for message in found:
        context.console.print(_line(message))
    if not found:
        context.say("nothing was sent yet")


COMMANDS: Final = (send, reply, forward, try_agent, sent)


def _addresses(context: Context, named: Sequence[str]) -> list[str]:
    return [context.full(address) for address in named]


def _body(context: Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """What all three kinds of mail have in common."""
    html = None if options["html_file"] is None else read_text(options["html_file"])
    text = options["text"]
    if text == "-":
        text = read_text(Path("-"))
    if text is None and html is not None:
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


def files_of(paths: Sequence[Path]) -> list[dict[str, str]]:
    """Files as the API takes them; the type is guessed from the name.

    Raises:
        click.UsageError: one cannot be read.
    """
    return [
        {
            "filename": path.name if str(path) != "-" else "stdin",
            "content_type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "data": base64.b64encode(_read(path)).decode(),
        }
        for path in paths
    ]


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from error


def read_text(path: Path) -> str:
    """The text of a file, or of standard input for `-`.

    Raises:
        click.UsageError: it cannot be read, or is not UTF-8.
    """
    try:
        return _read(path).decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path}: not UTF-8 (at octet {error.start})") from error


def _submit(
    context: Context,
    email: str,
    options: Mapping[str, Any],
    call: Callable[[str, bool], Mapping[str, Any]],
) -> None:
    """Send once, whatever happens to the connection: every send has a key, and a lost answer names it."""
    key = options["idempotency_key"] or uuid4().hex
    try:
        if options["wait"] and sys.stderr.isatty():
            click.echo(_WAIT_WORDS, err=True)
        result = call(key, options["wait"])
    except E2AConnectionError as error:
        if not error.maybe_done:
            raise
        fail(
            EX_AGAIN,
            str(error),
            ["it may have been taken; the same command is safe to repeat with", f"--idempotency-key {key}"],
        )
    if result["status"] == "failed" and not options["as_json"]:
        found = context.client.get_message(email, result["message_id"])
        fail(EX_NOT_SENT, f"not sent: {result['message_id']}: {found.get('delivery_detail') or 'no reason is known'}")
    _report(context, result, as_json=options["as_json"], waited=options["wait"])


def _report(context: Context, result: Mapping[str, Any], *, as_json: bool, waited: bool) -> None:
    """Say what became of it, and end with the status that tells a script."""
    message_id, status = result["message_id"], result["status"]
    if as_json:
        print_json(result)
    else:
        for line in _words(message_id, status, result, waited=waited):
            context.say(line)
    code = {"pending_review": EX_HELD, "failed": EX_NOT_SENT, "outcome_unknown": EX_NOT_SENT}.get(status, 0)
    if status == "accepted" and waited:
        code = EX_STILL_WAITING
    if code:
        sys.exit(code)


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


def _line(message: Mapping[str, Any]) -> Text:
    """One mail of a list on two lines: how far, to whom and what; when, its id to copy, and what is behind it."""
    words, style = state_of(message)
    to = [*message.get("to", []), *message.get("cc", [])]
    line = Text(f"[{words}]", style=style)
    line.append("  " + plain(", ".join(to[:3]) + (f" and {len(to) - 3} more" if len(to) > 3 else "")), style="bold")
    line.append("  " + plain(message.get("subject") or "(no subject)"))
    at = str(message.get("created_at") or "")[:16].replace("T", " ")
    detail = detail_of(message.get("delivery_detail"))
    line.append(f"\n  {at}  {message['id']}" + (f"  {plain(detail)}" if detail else ""), style="dim")
    return line
