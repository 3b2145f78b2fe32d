"""Events of an inbox as they come, for commands that wait: until enough, a deadline, or Ctrl-C."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from math import inf
from typing import Any, Literal, TypeAlias, TypeVar

import click
import trio

from e2ad.cli.context import Context
from e2ad.sdk import listen

__all__ = ["Ending", "Enough", "answer_of", "follow", "matches_sender", "run", "seconds_until"]


T = TypeVar("T")


class Enough(Exception):
    """What was waited for has come."""


Ending: TypeAlias = Literal["done", "late", "stopped"]
"""By itself (or `Enough`), since the time was over, or by SIGINT or SIGTERM."""


def run(main: Callable[[], Awaitable[None]], seconds: float = inf) -> Ending:
    """Run something that waits; how it ended.

    Raises:
        Exception: the first failure of what runs.
    """

    async def guarded() -> Ending:
        done = trio.Event()
        with trio.move_on_after(seconds) as scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(_until_signal, nursery.cancel_scope)
                await main()
                done.set()
                nursery.cancel_scope.cancel()
        if scope.cancelled_caught:
            return "late"
        return "done" if done.is_set() else "stopped"

    try:
        return trio.run(guarded)
    except BaseExceptionGroup as group:
        _, rest = group.split(Enough)
        if rest is not None:
            raise _innermost(rest) from None
        return "done"


async def follow(
    context: Context,
    email: str,
    handle: Callable[[Mapping[str, Any]], Awaitable[None]],
    *,
    on_connected: Callable[[], None] = lambda: None,
    quiet: bool = False,
) -> None:
    """Call `handle` with each event of an inbox, once, one after the other; never returns.

    Args:
        on_connected: called at each new connection, before its first event.
        quiet: say nothing on stderr about connections that come and go.
    """

    def tell(state: str) -> None:
        if not quiet:
            click.echo(state, err=True)
        if state == "connected":
            on_connected()

    await listen(context.client.base_url, context.settings.api_key, email, handle, on_state=tell)


async def answer_of(question: Callable[[], T]) -> T:
    """What the deployment says to something that changes nothing there.

    Cancellation:
        At once; nobody hears the answer then.
    """
    return await trio.to_thread.run_sync(question, abandon_on_cancel=True)


def seconds_until(moment: str) -> float:
    """How long it is until then; 0 if it is over."""
    return max((datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds(), 0.0)


def matches_sender(message: Mapping[str, Any], part: str | None) -> bool:
    """Whether the sender's address (or name) has this part, in any case."""
    return part is None or part.lower() in str(message.get("header_from") or "").lower()


async def _until_signal(scope: trio.CancelScope, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()
            return


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
