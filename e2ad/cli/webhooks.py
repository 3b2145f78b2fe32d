"""`e2a webhooks`: where events are posted to, and how that goes."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import click
from rich.text import Text

from e2ad.cli.context import Column, Context, command, given, plain, together
from e2ad.cli.files import read_text
from e2ad.cli.frame import Group
from e2ad.cli.options import limit_option, yes_option
from e2ad.cli.several import each
from e2ad.core.events import EVENT_TYPES

__all__ = ["data_of", "event_types", "webhooks"]

_ONCE: Final = "keep the signing secret now: it is never shown again"
_STYLES: Final = {"delivered": "green", "failed": "red", "pending": "yellow"}

FIELDS: Final[tuple[str | Column, ...]] = (
    "id", "url", "description", ("on", "enabled"), "events",
    ("agents", lambda found: found["filters"].get("agent_emails")),
    ("conversations", lambda found: found["filters"].get("conversation_ids")),
    ("labels", lambda found: found["filters"].get("labels")),
    "created_at", ("last delivery", "last_delivered_at"),
    ("switched off", "auto_disabled_at"), ("because", "auto_disabled_reason"),
)  # fmt: skip

_which = click.argument("webhook_id", metavar="WEBHOOK")
_filter_options = together(
    click.option("--description", help="A note for yourself."),
    click.option("--filter-agent", "agents", multiple=True, metavar="AGENT", help="Only of this agent; repeatable."),
    click.option(
        "--filter-conversation",
        "conversations",
        multiple=True,
        metavar="ID",
        help="Only of this conversation; repeatable.",
    ),
    click.option("--filter-label", "labels", multiple=True, metavar="LABEL", help="Only with this label; repeatable."),
)


def event_types(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> list[str]:
    """For an option's callback: types one by one or with commas between; `all` and patterns such as `email.*`.

    A name that is not known here goes to the server as it is, which may know more.
    """
    found: dict[str, None] = {}
    for name in (part.strip() for one in value for part in one.split(",")):
        pattern = "*" if name == "all" else name
        matching = [one for one in EVENT_TYPES if fnmatchcase(one, pattern)]
        if not matching and "*" in pattern:
            raise click.BadParameter(f"no event is like {name!r}; there are: {', '.join(EVENT_TYPES)}")
        found |= dict.fromkeys(matching or [name] if name else [])
    return list(found)


def data_of(text: str | None) -> dict[str, Any] | None:
    """An object given as JSON, as @FILE, or as - for standard input.

    Raises:
        click.UsageError: it is no JSON object.
    """
    if text is None:
        return None
    if text == "-" or text.startswith("@"):
        text = read_text(Path(text.removeprefix("@")))
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"--data is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise click.UsageError('--data must be a JSON object, as in \'{"name": "Ada"}\'')
    return document


def _events_option(**more: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--events", "--event", "types", multiple=True, callback=event_types, metavar="TYPE",
        help="Types, with commas between or repeated; all, or a pattern as email.*", **more,
    )  # fmt: skip


@click.group(cls=Group)
def webhooks() -> None:
    """Where events are posted to, signed.

    \b
    e2a webhooks create --url https://example.com/hook --events email.received
    e2a webhooks deliveries WEBHOOK --status failed
    """


@webhooks.command("list")
@limit_option()
@command
def webhooks_list(context: Context, limit: int) -> None:
    """All webhooks of the account.

    \b
    e2a webhooks list
    """
    context.rows(
        context.plain.webhooks.list().to_list(limit),
        [
            ("id", "id"),
            ("url", "url"),
            ("on", _state),
            ("events", _many),
            ("last delivery", _last),
        ],
        "no webhooks yet; make one with: e2a webhooks create --url URL --events email.received",
    )


@webhooks.command("create")
@click.option("--url", "--webhook-url", "url", required=True, help="Where to: https, or what the deployment allows.")
@_events_option(required=True)
@_filter_options
@click.option("--idempotency-key", metavar="KEY", help="Repeated with the same key, it is made once.")
@command
def webhooks_create(
    context: Context, /, url: str, types: list[str], idempotency_key: str | None, **options: Any
) -> None:
    """Have events posted to a URL. Its signing secret is shown this once.

    \b
    e2a webhooks create --url https://example.com/hook --events email.received,email.bounced
    e2a webhooks create --url https://example.com/hook --events 'email.*' --filter-agent bot@example.org
    """
    body = {"url": url, "events": types, **_changes(context, options)}
    made = context.plain.webhooks.create(body, idempotency_key=idempotency_key)
    context.one(made, [*FIELDS, ("signing secret", "signing_secret")], f"made {made['id']}")
    context.say(_ONCE)


@webhooks.command("get")
@_which
@command
def webhooks_get(context: Context, webhook_id: str) -> None:
    """One webhook, all but its secret.

    \b
    e2a webhooks get wh_0123456789abcdef0123456789abcdef
    """
    context.one(context.plain.webhooks.get(webhook_id), FIELDS)


@webhooks.command("update")
@_which
@click.option("--url", "--webhook-url", "url", help="Another address.")
@_events_option()
@_filter_options
@click.option("--no-filters", is_flag=True, help="Let every event of its types through.")
@click.option("--enable/--disable", "enabled", default=None, help="Switch it on (again), or off.")
@command
def webhooks_update(
    context: Context, /, webhook_id: str, url: str | None, types: list[str], enabled: bool | None,
    no_filters: bool, **options: Any,
) -> None:  # fmt: skip
    """Change a webhook; what is not given stays. Filters are replaced by those that are given.

    \b
    e2a webhooks update wh_0123456789abcdef0123456789abcdef --disable
    """
    changes = _changes(context, options) | given(url=url, events=types or None, enabled=enabled)
    if no_filters:
        if "filters" in changes:
            raise click.UsageError("give filters, or --no-filters")
        changes["filters"] = {}
    if not changes:
        raise click.UsageError("nothing to change; see: e2a webhooks update --help")
    context.one(context.plain.webhooks.update(webhook_id, changes), FIELDS, f"changed {webhook_id}")


@webhooks.command("delete")
@click.argument("webhook_ids", metavar="WEBHOOK...", nargs=-1, required=True)
@yes_option
@command
def webhooks_delete(context: Context, webhook_ids: Sequence[str], yes: bool) -> None:
    """Remove webhooks. What was not delivered to them by now never is.

    \b
    e2a webhooks delete wh_0123456789abcdef0123456789abcdef --yes
    """
    context.confirm(f"Remove {', '.join(webhook_ids)}?", yes=yes)
    each(context, webhook_ids, context.plain.webhooks.delete, lambda gone: f"removed {gone['id']}", "removed")


@webhooks.command("rotate-secret")
@_which
@click.option("--idempotency-key", metavar="KEY", help="Repeated with the same key, it is done once.")
@command
def webhooks_rotate_secret(context: Context, webhook_id: str, idempotency_key: str | None) -> None:
    """Make a new signing secret; the old one signs beside it for a day.

    \b
    e2a webhooks rotate-secret wh_0123456789abcdef0123456789abcdef
    """
    made = context.plain.webhooks.rotate_secret(webhook_id, **given(idempotency_key=idempotency_key))
    context.one(
        made, [("signing secret", "signing_secret"), ("old one until", "previous_secret_expires_at")], webhook_id
    )
    context.say(_ONCE)


@webhooks.command("test")
@_which
@click.option("--type", "kind", metavar="TYPE", help="Of which type. [email.received]")
@click.option("--data", metavar="JSON", help="The data of the event: JSON, @FILE, or - for standard input.")
@command
def webhooks_test(context: Context, webhook_id: str, kind: str | None, data: str | None) -> None:
    """Post a made-up event now, to see the whole way work.

    \b
    e2a webhooks test wh_0123456789abcdef0123456789abcdef --type email.received
    """
    sent = context.plain.webhooks.test(webhook_id, given(type=kind, data=data_of(data)))
    advice = f"  how it went: e2a webhooks deliveries {webhook_id} --limit 1"
    context.done(sent, f"on its way: {sent['delivery_id']}", advice)


@webhooks.command("deliveries")
@_which
@click.option("--status", type=click.Choice(["pending", "delivered", "failed"]), help="Only those that are so far.")
@limit_option(20)
@command
def webhooks_deliveries(context: Context, webhook_id: str, status: str | None, limit: int) -> None:
    """What was posted, newest first: how often, what was answered, and what comes next.

    \b
    e2a webhooks deliveries wh_0123456789abcdef0123456789abcdef --status failed
    """
    found = context.plain.webhooks.deliveries(webhook_id, status=status).to_list(limit)
    context.lines(found, delivery_lines, "nothing was posted yet" if status is None else f"nothing is {status}")


def delivery_lines(delivery: Mapping[str, Any]) -> Iterator[Text]:
    """One delivery: state, type and answer; when, how long after the event, its id; what was said, and what follows."""
    status = str(delivery["status"])
    line = Text(f"[{plain(status)}]", style=_STYLES.get(status, ""))
    line.append(f"  {plain(delivery['type'])}", style="bold")
    if code := delivery.get("last_status_code"):
        line.append(f"  HTTP {code}")
    attempts = delivery["attempts"]
    line.append(f"  {attempts} attempt{'' if attempts == 1 else 's'}")
    if after := _after(delivery):
        line.append(f", the last {after} after the event", style="dim")
    yield line
    yield Text(f"  {str(delivery['created_at'])[:19].replace('T', ' ')}  {plain(delivery['id'])}", style="dim")
    said = delivery.get("last_error") if status != "delivered" else None
    for word in (said, delivery.get("response_excerpt")):
        if word:
            yield Text(f"  {plain(word)}", style="dim")
    if status == "pending" and attempts and delivery.get("next_retry_at"):
        yield Text(f"  again at {plain(delivery['next_retry_at'])}", style="dim")


def _after(delivery: Mapping[str, Any]) -> str:
    if not delivery.get("last_attempt_at"):
        return ""
    began, last = (datetime.fromisoformat(delivery[name]) for name in ("created_at", "last_attempt_at"))
    seconds = max((last - began).total_seconds(), 0.0)
    return f"{seconds:.2f} s" if seconds < 60 else f"{seconds / 60:.0f} min"


def _changes(context: Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """Description and filters, as the API takes them."""
    filters = {
        "agent_emails": [context.full(one) for one in options["agents"]],
        "conversation_ids": list(options["conversations"]),
        "labels": list(options["labels"]),
    }
    filters = {name: values for name, values in filters.items() if values}
    return given(description=options["description"], filters=filters or None)


def _state(webhook: Mapping[str, Any]) -> str:
    if webhook["enabled"]:
        return "yes"
    return "no: it failed too often" if webhook.get("auto_disabled_at") else "no"


def _many(webhook: Mapping[str, Any]) -> str:
    types = webhook["events"]
    if set(types) >= set(EVENT_TYPES):
        return "all"
    return ", ".join(types) if len(types) <= 3 else f"{types[0]} and {len(types) - 1} more"


def _last(webhook: Mapping[str, Any]) -> str:
    return str(webhook.get("last_delivered_at") or "")[:19].replace("T", " ")
