"""Options and arguments that mean the same in every command."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import click

from e2ad.cli.completing import complete_agent

__all__ = ["LATER", "WHEN", "Moment", "agent_argument", "agent_option", "duration", "limit_option", "yes_option"]

F = TypeVar("F", bound=Callable[..., Any])

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def duration(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    """For an option's callback: a span of time such as 90m, 12h or 7d, in seconds.

    Raises:
        click.BadParameter: it is none.
    """
    if value is None:
        return None
    seconds = _seconds(value)
    if seconds is None:
        raise click.BadParameter(f"{value!r} is no time; write 90s, 15m, 12h or 7d")
    return seconds


def _seconds(text: str) -> int | None:
    found = re.fullmatch(r"(\d{1,9})([smhdw]?)", text.strip())
    return int(found[1]) * _UNITS[found[2]] if found else None


class Moment(click.ParamType[str]):
    """A time as the API takes it (RFC 3339). Without a zone it is local, a date is its first moment, and a span
    such as 90m or 7d is that long ago, or that far ahead.
    """

    name = "time"

    def __init__(self, sign: int) -> None:
        self.sign = sign

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The time in RFC 3339; or the end, by `click.BadParameter`."""
        seconds = _seconds(value) if value[-1:].isalpha() else None
        if seconds is not None:
            at = datetime.now(UTC) + self.sign * timedelta(seconds=seconds)
        else:
            try:
                at = datetime.fromisoformat(value)
            except ValueError:
                self.fail(f"{value!r} is no time; write 2026-01-31T12:00:00Z, 2026-01-31, 90m or 7d", param, ctx)
            if at.tzinfo is not None:
                return value
        return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


WHEN: Final = Moment(-1)
"""Lies behind: `7d` is a week ago."""
LATER: Final = Moment(1)
"""Lies ahead: `7d` is in a week."""

agent_option = click.option(
    "--agent",
    metavar="AGENT",
    shell_complete=complete_agent,
    help="The agent's address, or its slug on the shared domain; not needed with only one.",
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def agent_argument(function: F) -> F:
    """An agent's address or slug, as `agent`; not needed with only one: `context.agent(agent, "AGENT")`."""
    return click.argument("agent", required=False, shell_complete=complete_agent)(function)


def limit_option(default: int = 50) -> Callable[[F], F]:
    """How many items of a list, as `limit`."""
    return click.option(
        "-n", "--limit", default=default, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."
    )
