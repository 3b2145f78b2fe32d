"""`e2a limits`: how much of the plan is used."""

from typing import Final

import click
from rich.text import Text

from e2ad.cli.charts import share_bar
from e2ad.cli.context import Context, command

__all__ = ["limits"]

_RESOURCES: Final = (
    ("agents", "max_agents", "agents"),
    ("domains", "max_domains", "domains"),
    ("messages_month", "max_messages_month", "messages this month"),
    ("storage_bytes", "max_storage_bytes", "storage"),
)


@click.command()
@command
def limits(context: Context) -> None:
    """How much of what the account may have is used.

    \b
    e2a limits
    """
    account = context.plain.account.get()
    used, most = account["usage"], account["limits"]
    if context.as_json:
        shown = ("plan_code", "limits", "usage", "upgrade_url")
        context.emit({name: account[name] for name in shown if name in account})
        return
    context.say(f"plan: {account['plan_code']}")
    for name, limit, word in _RESOURCES:
        told = _bytes if name == "storage_bytes" else _number
        amount = f"{told(used[name])} of {told(most[limit])}"
        context.say(Text(f"  {word:<21}{amount:>24}  ").append_text(share_bar(used[name], most[limit])))
    if account["upgrade_url"]:
        context.say(f"  more: {account['upgrade_url']}")


def _number(count: int) -> str:
    return f"{count:,}"


def _bytes(count: int) -> str:
    """In the unit that people read."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
