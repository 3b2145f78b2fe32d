"""`e2a trace` and `resolve`: the ledger of one message as a timeline for people, and their word where it ends open."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click
from rich.text import Text

from e2ad.cli.context import Context, command, plain
from e2ad.cli.options import agent_option
from e2ad.cli.states import CAPTURED, detail_of, state_of
from e2ad.sdk import E2AError

__all__ = ["resolve", "steps_of", "timeline", "trace"]

_WORDS: Final[Mapping[str, str]] = {
    "acceptance.inbound_smtp": "taken from SMTP",
    "acceptance.outbound_api": "accepted from the API",
    "acceptance.local_loopback": "accepted from an agent of this deployment",
    "authentication.dmarc_pass": "the author is proven (DMARC pass)",
    "authentication.dmarc_fail": "the author is not proven (DMARC fail)",
    "authentication.dmarc_none": "the author's domain publishes no DMARC",
    "authentication.dmarc_permanent_error": "the author's DMARC record is broken",
    "authentication.dmarc_temporary_error": "DMARC could not be looked up",
    "review.hold_created": "held for review",
    "review.approved": "approved",
    "review.expired_approved": "nobody decided in time: approved",
    "review.rejected": "rejected",
    "review.expired_rejected": "nobody decided in time: rejected",
    "suppression.recipient_blocked": "not sent: the recipient is blocked",
    "suppression.hard_bounce_applied": "the recipient is blocked from now on, after a bounce",
    "suppression.complaint_applied": "the recipient is blocked from now on, after a complaint",
    "queue.inbound_processing": "queued",
    "queue.outbound_submission": "queued for dispatch",
    "submission.upstream_accepted": "taken by the relay",
    "submission.local_loopback_accepted": "delivered inside",
    "submission.temporary_failure": "put off; tried again later",
    "submission.provider_rejected": "refused by the relay",
    "submission.cancelled": "cancelled",
    "submission.local_retries_exhausted": "given up",
    "delivery.recipient_server_accepted": "delivered",
    "delivery.temporary_delay": "delayed on the way",
    "delivery.permanent_bounce": "bounced for good",
    "delivery.undetermined_bounce": "bounced",
    "delivery.transient_bounce": "bounced for now",
    "complaint.recipient_reported": "reported as spam",
}
_OUT: Final = ("review", "accepted", "suppression", "queued", "submission", "delivery", "complaint")
_IN: Final = ("accepted", "authentication", "review", "queued")
"""In which order things happen that are dated alike, since one transaction wrote them."""

_NOTHING: Final[tuple[object, ...]] = (None, "", [], {})
_GOOD: Final = frozenset({"passed", "approved", "delivered", "accepted"})
_BAD: Final = frozenset({"failed", "rejected", "blocked", "bounced", "reported"})


@click.command()
@click.argument("message_id", metavar="MESSAGE")
@agent_option
@command
def trace(context: Context, message_id: str, agent: str | None) -> None:
    """What happened to a message, and when: from acceptance to the last report about each recipient.

    \b
    e2a trace msg_…
    """
    email = context.agent_of(message_id, agent)
    rows, _ = steps_of(context, email, message_id)
    if context.as_json:
        context.emit(rows)
        return
    context.console.print(_head(context, message_id))
    for line in timeline(rows):
        context.console.print(line)
    if not rows:
        context.say("  nothing is recorded about it")


@click.command()
@click.argument("message_id", metavar="MESSAGE")
@click.option(
    "--as",
    "outcome",
    required=True,
    type=click.Choice(["sent", "failed", "resend"]),
    help="They have it; they have it not; send it once more.",
)
@agent_option
@command
def resolve(context: Context, message_id: str, outcome: str, agent: str | None) -> None:
    """Decide about a mail of unknown outcome: the relay had it, and its answer was never heard.

    \b
    e2a resolve msg_… --as sent
    """
    result = context.plain.messages.resolve(context.agent_of(message_id, agent), message_id, {"outcome": outcome})
    context.done(result, f"{message_id}: {'is sent again' if outcome == 'resend' else outcome}")


def steps_of(
    context: Context, email: str, message_id: str, *, limit: int | None = None, cursor: str | None = None
) -> tuple[list[Mapping[str, Any]], str | None]:
    """What happened to a message from `cursor` on, at most `limit` steps; and the cursor behind them."""
    rows: list[Mapping[str, Any]] = []
    while True:
        size = 100 if limit is None else min(limit - len(rows), 100)
        page = context.plain.messages.get_lifecycle(email, message_id, cursor=cursor, limit=size)
        rows += page["items"]
        cursor = page["next_cursor"]
        if cursor is None or len(rows) == limit:
            return rows, cursor


def _head(context: Context, message_id: str) -> Text:
    try:
        message = context.plain.reviews.get(message_id)  # unlike reading it, this marks nothing
    except E2AError as error:
        if error.code != "forbidden":
            raise
        return Text(plain(message_id), style="bold")
    head = Text(plain(message.get("subject") or "(no subject)"), style="bold")
    if message["direction"] == "outbound":
        words, style = state_of(message)
        head.append(f"  [{words}]", style=style)
        if detail := detail_of(message.get("delivery_detail")):
            head.append(f"  {plain(detail)}", style="dim")
    who = f"{message.get('header_from') or '(nobody)'} -> {', '.join([*message['to'], *message['cc']])}"
    head.append(f"\n{plain(who)}", style="dim")
    return head


def timeline(rows: Sequence[Mapping[str, Any]]) -> list[Text]:
    """A line for each row: when, how long after the first, what, about whom, and the evidence below it."""
    lines = []
    ordered = sorted(rows, key=_place)
    for row in ordered:
        at = _instant(row)
        after = (at - _instant(ordered[0])).total_seconds()
        style = "green" if row["outcome"] in _GOOD else "red" if row["outcome"] in _BAD else "yellow"
        line = Text(f"{at:%Y-%m-%d %H:%M:%S}  {_span(after):>9}  ", style="dim")
        line.append(_word(row), style=style)
        if row.get("recipient"):
            line.append(f"  {plain(row['recipient'])}")
        if row.get("reconstructed"):
            line.append("  (concluded from the message)", style="dim")
        lines.append(line)
        lines += [Text(f"{'':<32}{plain(name)}: {plain(_shown(value))}", style="dim") for name, value in _evidence(row)]
    return lines


def _place(row: Mapping[str, Any]) -> tuple[datetime, int]:
    order = _OUT if row["direction"] == "outbound" else _IN
    return _instant(row), order.index(row["stage"]) if row["stage"] in order else len(order)


def _word(row: Mapping[str, Any]) -> str:
    detail = str((row.get("evidence") or {}).get("detail") or "")
    if row["reason_code"] == "submission.upstream_accepted" and detail.startswith(CAPTURED):
        return CAPTURED
    return _WORDS.get(row["reason_code"], plain(row["reason_code"]))


def _evidence(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What a person wants to know; the ids of other things are for programs, which ask for JSON."""
    pairs = (row.get("evidence") or {}).items()
    return [(str(name).replace("_", " "), value) for name, value in pairs if value not in _NOTHING]


def _shown(value: object) -> str:
    value = detail_of(value)
    if isinstance(value, Mapping):
        return "; ".join(
            f"{name.replace('_', ' ')} {_shown(one)}" for name, one in value.items() if one not in _NOTHING
        )
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _instant(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(row["occurred_at"]))


def _span(seconds: float) -> str:
    """How long after, in the two units that matter."""
    if seconds < 60:
        return f"+{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"+{minutes}m {rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"+{hours}h {minutes:02}m"
