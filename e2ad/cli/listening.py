"""`e2a listen` and `replay`: mail as it comes, shown or handed on to a program."""

import json
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import click
import trio
from attrs import frozen

from e2ad.cli.context import EX_AGAIN, EX_PERMANENT, EX_STILL_WAITING, Context, command, fail, plain, together
from e2ad.cli.following import Enough, answer_of, follow, run, seconds_until
from e2ad.cli.forwarding import Answered, Forwarding, headers_of
from e2ad.cli.options import LATER, agent_option
from e2ad.cli.reading import line_of
from e2ad.sdk import E2AError

__all__ = ["listen", "replay"]

RECEIVED: Final = "email.received"


def _address(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
        raise click.BadParameter(f"{value!r} is no address such as http://localhost:3000/hook")
    return value


_seconds = click.FloatRange(min=0, min_open=True, max=3600)


@click.command()
@agent_option
@click.option("--forward", callback=_address, metavar="URL", help="POST each message there, exactly as the API has it.")
@click.option(
    "--forward-token",
    envvar="E2A_FORWARD_TOKEN",
    metavar="TOKEN",
    help="Sent along as a bearer token (E2A_FORWARD_TOKEN, which no list of processes shows).",
)
@click.option("--forward-timeout", type=_seconds, metavar="SECONDS", help="For one POST; 30, or 300 for a model.")
@click.option("--conversation", metavar="ID", help="Only what belongs to this conversation.")
@click.option("--text", "with_text", is_flag=True, help="Each message's text too; it counts as read then.")
@click.option("--once", is_flag=True, help="Stop after the first message.")
@click.option("--until", type=LATER, help="Stop at this time: RFC 3339, or 90s, 30m, 12h from now.")
@command
def listen(
    context: Context,
    agent: str | None,
    forward: str | None,
    forward_token: str | None,
    forward_timeout: float | None,
    conversation: str | None,
    with_text: bool,
    once: bool,
    until: str | None,
) -> None:
    """Wait for mail and show it as it comes; what is still unread comes first. Ctrl-C ends it.

    With --json each event is one line. With --forward each message is posted as it is, with its X-E2A-Auth-* fields
    as HTTP fields; it stays unread until the target has answered with 2xx. If the path ends in /v1/responses, a model
    is asked there, and what it says is sent as the reply.

    \b
    e2a listen --agent my-bot
    e2a listen --agent my-bot --forward http://localhost:3000/hook
    """
    email = context.agent(agent)
    target = None if forward is None else Forwarding(forward, forward_token or "", forward_timeout)
    session = _Session(context, email, target, conversation, with_text=with_text, once=once)
    context.note(f"listening for {email} at {context.client.base_url} (Ctrl-C ends)")
    ending = run(partial(follow, context, email, session.take), seconds_until(until) if until else float("inf"))
    if once and ending == "late":
        fail(EX_STILL_WAITING, "nothing has come in time")
    if once and ending == "stopped":
        raise KeyboardInterrupt  # what comes next in a script counts on a message


@frozen
class _Session:
    """One run of `listen`."""

    context: Context
    email: str
    target: Forwarding | None
    conversation: str | None
    with_text: bool
    once: bool

    async def take(self, event: Mapping[str, Any]) -> None:
        """Show an event, and hand its message on.

        Raises:
            Enough: it was the one.
        """
        data = event["data"]
        if self.conversation is not None and data.get("conversation_id") != self.conversation:
            return
        text = await self._text(event) if self.with_text else None
        if self.context.as_json:
            self.context.emit(event if text is None else {**event, "text": text})
        else:
            self.context.console.print(line_of({**data, "auth_headers": event.get("auth_headers")}))
            if text is not None:
                self.context.console.print(plain(text, lines=True) + "\n")
        if self.target is not None and event["type"] == RECEIVED:
            await self._forward(self.target, data["message_id"])
        if self.once:
            raise Enough

    async def _text(self, event: Mapping[str, Any]) -> str | None:
        # What is to be handed on stays unread until it is.
        mark_read = None if self.target is None else False
        message_id = event["data"]["message_id"]
        try:
            message = await answer_of(
                lambda: self.context.plain.messages.get(self.email, message_id, mark_read=mark_read)
            )
        except E2AError as error:
            self.context.note(f"could not read {message_id}: {error}")
            return None
        return str((message.get("parsed") or {}).get("text") or "")

    async def _forward(self, target: Forwarding, message_id: str) -> None:
        """A target that fails is reported, the listening goes on."""
        try:
            await target.hand_over(self.context, self.email, message_id, self.context.note)
        except E2AError as error:
            self.context.note(f"could not forward {message_id}: {error}")


_replay_options = together(
    click.option("--to", "url", required=True, callback=_address, metavar="URL", help="Where it is posted."),
    click.option(
        "--token", envvar="E2A_FORWARD_TOKEN", metavar="TOKEN", help="Sent along as a bearer (E2A_FORWARD_TOKEN)."
    ),
    click.option(
        "--event", "as_event", is_flag=True, help="The event itself, as webhooks get it, instead of the mail."
    ),
    click.option("--timeout", "seconds", type=_seconds, metavar="SECONDS", help="How long it may take; 30."),
    agent_option,
)


@click.command()
@click.argument("event_id", metavar="EVENT")
@_replay_options
@command
def replay(
    context: Context,
    event_id: str,
    url: str,
    token: str | None,
    as_event: bool,
    seconds: float | None,
    agent: str | None,
) -> None:
    """Post something that has happened to a URL once more: exactly what `listen --forward` posts.

    EVENT is the id of an event (evt_…) or of a message (msg_…). Nothing is signed again, so the signature's
    time is that of now only for the mail's own fields. Exit status: 0 taken, 1 no answer or 5xx, 5 refused.

    \b
    e2a replay evt_… --to http://localhost:3000/hook
    """
    target = Forwarding(url, token or "", seconds)
    message_id, content, headers = _what(context, event_id, agent, as_event=as_event)
    answered = trio.run(partial(target.post, content, headers))
    told = {
        "event_id": event_id,
        "message_id": message_id,
        "url": url,
        "status": answered.status or None,
        "latency_ms": round(answered.seconds * 1000, 1),
        "taken": answered.is_taken,
        "error": answered.error or None,
    }
    context.done(
        {name: value for name, value in told.items() if value is not None}, f"{event_id} -> {url}: {answered.words}"
    )
    if not answered.is_taken:
        sys.exit(_status(answered))


def _what(
    context: Context, event_id: str, agent: str | None, *, as_event: bool
) -> tuple[str | None, bytes, dict[str, str]]:
    """The message that it is about, and the octets and fields to post."""
    if event_id.startswith("msg_"):
        if as_event:
            raise click.UsageError("--event needs the id of an event (evt_…); see: e2a events list")
        email = context.agent_of(event_id, agent)
        return event_id, *_mail(context, email, event_id)
    event = context.plain.events.get(event_id)
    data = event["data"]
    message_id = data.get("message_id")
    if event["type"] == RECEIVED and not as_event:
        return message_id, *_mail(context, data["delivered_to"], message_id)
    envelope = {name: event[name] for name in ("type", "id", "schema_version", "created_at", "data") if name in event}
    return message_id, json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode(), headers_of(event)


def _mail(context: Context, email: str, message_id: str) -> tuple[bytes, dict[str, str]]:
    exact = context.plain.messages.get_exact(email, message_id, mark_read=False)
    return exact, headers_of(json.loads(exact))


def _status(answered: Answered) -> int:
    return EX_AGAIN if not answered.status or answered.status >= 500 or answered.status in (408, 429) else EX_PERMANENT
