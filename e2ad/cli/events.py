"""`e2a events`: what happened, and sending it once more."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click
from rich.text import Text

from e2ad.cli.context import Column, Context, command, given, plain
from e2ad.cli.frame import Group
from e2ad.cli.options import WHEN, agent_option, limit_option

__all__ = ["events"]

FIELDS: Final[tuple[str | Column, ...]] = (
    "id", "type", ("at", "created_at"), ("agent", "agent_email"), ("message", "message_id"),
    ("conversation", "conversation_id"), ("webhooks", lambda event: _deliveries(event)),
)  # fmt: skip


@click.group(cls=Group)
def events() -> None:
    """What happened in the last 30 days, and who was told.

    \b
    e2a events list --type email.bounced --since 7d
    e2a events redeliver EVENT
    """


@events.command("list")
@click.option("--type", "kind", metavar="TYPE", help="Only of this type, for instance email.received.")
@agent_option
@click.option("--conversation", metavar="ID", help="Only of this conversation.")
@click.option("--message", metavar="ID", help="Only about this message.")
@click.option("--since", type=WHEN, help="Not older than this: a time, or 7d for a week ago.")
@click.option("--until", type=WHEN, help="Older than this.")
@limit_option(20)
@command
def events_list(
    context: Context,
    kind: str | None,
    agent: str | None,
    conversation: str | None,
    message: str | None,
    since: str | None,
    until: str | None,
    limit: int,
) -> None:
    """What happened, newest first.

    \b
    e2a events list --type email.received --agent my-bot --limit 5
    """
    found = context.plain.events.list(
        type=kind,
        agent_email=context.full(agent) if agent else None,
        conversation_id=conversation,
        message_id=message,
        since=since,
        until=until,
    )
    context.lines(found.to_list(limit), event_lines, "nothing happened")


@events.command("get")
@click.argument("event_id", metavar="EVENT")
@command
def events_get(context: Context, event_id: str) -> None:
    """One event, its data, and how far its deliveries are.

    \b
    e2a events get evt_0123456789abcdef0123456789abcdef
    """
    event = context.plain.events.get(event_id)
    context.one(event, FIELDS)
    context.say("  data:")
    for line in json.dumps(event["data"], ensure_ascii=False, indent=2).split("\n"):
        context.say(f"    {line}")


@events.command("redeliver")
@click.argument("event_id", metavar="EVENT")
@click.option(
    "--webhook",
    "--webhook-id",
    "webhook",
    metavar="WEBHOOK",
    help="To this one only, even if it was not there at the time.",
)
@command
def events_redeliver(context: Context, event_id: str, webhook: str | None) -> None:
    """Post an event once more, under its own id, to all that it was for.

    \b
    e2a events redeliver evt_0123456789abcdef0123456789abcdef --webhook wh_0123456789abcdef0123456789abcdef
    """
    result = context.plain.events.redeliver(event_id, given(webhook_id=webhook))
    if "webhook_id" in result:
        lines = [f"on its way to {result['webhook_id']}: {result.get('delivery_id', '')}"]
    else:
        lines = [_told(one) for one in result.get("deliveries") or []] or ["there is no webhook that it is for"]
    context.done(result, *lines)


def event_lines(event: Mapping[str, Any]) -> Iterator[Text]:
    """An event on two lines: what, about whom; when, its id to copy, and how far its deliveries are."""
    line = Text(plain(event["type"]), style="bold")
    data = event["data"]
    about = event.get("agent_email") or data.get("domain") or data.get("address")
    for part in (about, data.get("subject")):
        if part:
            line.append(f"  {plain(part)}", style="not bold")
    yield line
    at = str(event["created_at"])[:19].replace("T", " ")
    yield Text(f"  {at}  {plain(event['id'])}", style="dim").append_text(_shown(event))


def _shown(event: Mapping[str, Any]) -> Text:
    told = _deliveries(event)
    failed = (event.get("delivery_status") or {}).get("failed")
    return Text(f"  {told}" if told else "", style="red" if failed else "dim")


def _deliveries(event: Mapping[str, Any]) -> str:
    """How many webhooks have it."""
    status = event.get("delivery_status") or {}
    if not status.get("matched_webhooks"):
        return ""
    others = [f"{status[name]} {name}" for name in ("pending", "failed") if status.get(name)]
    return ", ".join([f"delivered to {status['delivered']} of {status['matched_webhooks']}", *others])


def _told(delivery: Mapping[str, Any]) -> str:
    reason = f": {delivery['reason']}" if delivery.get("reason") else ""
    return f"{delivery['webhook_id']}: {delivery['status']}{reason}"
