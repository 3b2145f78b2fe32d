"""`e2a metrics`: what became of the mail of an agent, or of the whole account."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import click
from rich.text import Text

from e2ad.cli.charts import bar, percent
from e2ad.cli.context import Column, Context, command, given
from e2ad.cli.options import WHEN
from e2ad.cli.printing import table
from e2ad.sdk import E2AError

__all__ = ["metrics"]

_OUT: Final = (
    ("accepted", "accepted", "cyan"),
    ("submitted", "given to the relay", "cyan"),
    ("delivered", "delivered", "green"),
    ("loopback", "inside this deployment", "green"),
    ("bounced_hard", "bounced for good", "red"),
    ("bounced_soft", "bounced for now", "yellow"),
    ("bounced_undetermined", "bounced", "yellow"),
    ("complained", "reported as spam", "red"),
    ("suppressed", "not sent: blocked", "yellow"),
    ("send_failed", "failed", "red"),
)
_IN: Final = (
    ("received", "received", "cyan"),
    ("dmarc_pass", "author proven", "green"),
    ("dmarc_none", "author publishes nothing", "yellow"),
    ("dmarc_fail", "author not proven", "red"),
    ("dmarc_error", "could not be checked", "yellow"),
)
_HELD: Final = (
    ("review_held", "held", "cyan"),
    ("review_approved", "approved", "green"),
    ("review_rejected", "rejected", "red"),
    ("review_expired_approved", "approved for lack of a word", "yellow"),
    ("review_expired_rejected", "rejected for lack of a word", "yellow"),
)
_RATES: Final = (
    ("delivered_rate", "delivered"),
    ("bounce_rate", "bounced"),
    ("complaint_rate", "reported"),
    ("suppression_block_rate", "blocked"),
)


@click.command()
@click.argument("email", metavar="[AGENT]", required=False)
@click.option("--agent", help="The same as AGENT.")
@click.option("--start", type=WHEN, help="Of messages made at this time or later; 7d for the last week. [30 days]")
@click.option("--end", type=WHEN, help="Of messages made before this time. [now]")
@click.option("--by-agent", is_flag=True, help="Each agent besides.")
@click.option("--by-day", is_flag=True, help="Each day (UTC) besides.")
@command
def metrics(
    context: Context,
    email: str | None,
    agent: str | None,
    start: str | None,
    end: str | None,
    by_agent: bool,
    by_day: bool,
) -> None:
    """What became of mail, in and out.

    Of AGENT, or of the whole account.

    \b
    e2a metrics --start 7d --by-day
    e2a metrics my-bot@agents.example.com
    """
    if email and agent and email != agent:
        raise click.UsageError("of which agent? it was named twice")
    named = email or agent
    if named and (by_agent or by_day):
        raise click.UsageError("--by-agent and --by-day are for the whole account: leave AGENT out")
    window = given(start=start, end=end)
    found = _of_agent(context, context.full(named), window) if named else _whole(context, window, by_agent, by_day)
    if context.as_json:
        context.emit(found)
    else:
        _show(context, found)


def _of_agent(context: Context, email: str, window: Mapping[str, Any]) -> Any:
    return context.plain.messages.get_metrics(email, **window)


def _whole(context: Context, window: Mapping[str, Any], by_agent: bool, by_day: bool) -> Any:
    """The account's; the agent's, where the credential is one agent's."""
    parts = {"group_by": "agent" if by_agent else None, "bucket": "day" if by_day else None}
    try:
        return context.plain.account.metrics(**window, **parts)
    except E2AError as error:
        if error.code != "forbidden" or by_agent or by_day:
            raise
        return _of_agent(context, str(context.plain.account.get()["agent_email"]), window)


def _show(context: Context, found: Mapping[str, Any]) -> None:
    who = found.get("agent_email") or "the whole account"
    window = f"{found['start'][:16]} to {found['end'][:16]}".replace("T", " ")
    context.say(Text(f"{who}, {window}: {found['messages_in_window']} messages", style="bold"))
    summary = found["summary"]
    for heading, members in (("mail out", _OUT), ("mail in", _IN), ("reviews", _HELD)):
        _group(context, heading, summary, members)
    rates = found["rates"]
    if any(rates[name] is not None for name, _ in _RATES):
        context.say("rates  " + "   ".join(f"{word} {percent(rates[name])}" for name, word in _RATES))
    if found.get("buckets"):
        context.say("")
        _days(context, found["buckets"])
    if found.get("agents"):
        context.say("")
        _agents(context, found["agents"])
        if found.get("agents_truncated"):
            context.say("  (and others)")
    if (hooks := found.get("webhooks")) and hooks["deliveries"]:
        context.say("")
        _webhooks(context, hooks)


def _group(context: Context, heading: str, summary: Mapping[str, int], members: Sequence[tuple[str, str, str]]) -> None:
    """A heading and a bar for each count that is not nothing."""
    present = [(word, summary[name], style) for name, word, style in members if summary.get(name)]
    if not present:
        return
    most = max(count for _, count, _ in present)
    context.say(heading)
    for word, count, style in present:
        context.say(Text(f"  {word:<28}{count:>8}  ").append_text(bar(count, most, style=style)))


def _days(context: Context, buckets: Sequence[Mapping[str, Any]]) -> None:
    """A line for each day: what went out, and what came in."""
    out, into = ([day["summary"][name] for day in buckets] for name in ("accepted", "received"))
    most = max([*out, *into, 1])
    context.say(f"{'day':<12}{'out':>6}  {'':<20}{'in':>6}")
    for day, sent, got in zip(buckets, out, into, strict=True):
        left = bar(sent, most, 18)
        line = Text(f"{day['day'][:10]:<12}{sent:>6}  ").append_text(left).append(" " * (20 - len(left)))
        line.append(f"{got:>6}  ").append_text(bar(got, most, 18, "green")).rstrip()
        context.say(line)


def _agents(context: Context, agents: Sequence[Mapping[str, Any]]) -> None:
    columns: list[Column] = [
        ("agent", "agent_email"), ("out", _count("accepted")), ("delivered", _count("delivered")),
        ("in", _count("received")), ("held", _count("review_held")),
        ("bounced", lambda one: percent(one["rates"]["bounce_rate"])),
    ]  # fmt: skip
    table(context.console, agents, columns)


def _count(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda one: str(one["summary"][name])


def _webhooks(context: Context, found: Mapping[str, Any]) -> None:
    context.say(
        f"webhooks: {found['delivered']} of {found['deliveries']} deliveries ({percent(found['success_rate'])}),"
        f" {found['pending']} pending, {found['endpoint_rejected']} refused, {found['no_response']} without an answer"
    )
    columns: list[Column] = [
        ("webhook", "webhook_id"), ("host", "url_host"), ("deliveries", lambda one: str(one["deliveries"])),
        ("worked", lambda one: percent(one["success_rate"])), ("last answer", _answer), ("on", "enabled"),
    ]  # fmt: skip
    table(context.console, found["endpoints"], columns)


def _answer(endpoint: Mapping[str, Any]) -> str:
    code = endpoint.get("last_status_code")
    return "none" if code == 0 else str(code or "")
