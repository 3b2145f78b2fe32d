"""When to try again, and when to give up: deciding, apart from doing.

A schedule is a tuple of waits in seconds: the first is the wait after the first failed attempt.
One attempt more than there are waits, then no more.
"""

from collections.abc import Sequence
from typing import Final

__all__ = [
    "DISABLED_WAITS",
    "DISABLED_WAIT_SECONDS",
    "JITTER",
    "LONGEST_RETRY_AFTER_SECONDS",
    "next_wait_seconds",
    "total_seconds",
]

JITTER: Final = 0.1
"""A wait is shortened by up to this part of itself, never lengthened: a thousand deliveries that
failed in one second come back spread out, and none later than the published schedule says."""

LONGEST_RETRY_AFTER_SECONDS: Final = 3600.0
"""An endpoint may ask for up to an hour, or for the schedule's own longest wait if that is longer."""

DISABLED_WAIT_SECONDS: Final = 3600.0
DISABLED_WAITS: Final = 24
"""A switched-off endpoint costs no attempts; its deliveries wait a day in steps of an hour."""


def next_wait_seconds(
    attempt: int, schedule: Sequence[float], jitter: float, retry_after_seconds: float | None = None
) -> float | None:
    """Seconds from a failed attempt to the next one, or None to give up.

    Args:
        attempt: the number of the attempt that failed, from 1.
        schedule: the waits after attempts 1, 2, 3 ….
        jitter: at least 0, below 1.
        retry_after_seconds: the endpoint's own wish. It lengthens a wait, within bounds, and
            never shortens one.

    Raises:
        ValueError: `attempt` or `jitter` is out of range.
    """
    if attempt < 1 or not 0.0 <= jitter < 1.0:
        raise ValueError("attempt counts from 1 and jitter lies in [0, 1)")
    if attempt > len(schedule):
        return None
    wait = schedule[attempt - 1] * (1.0 - JITTER * jitter)
    if retry_after_seconds is None:
        return wait
    ceiling = max(LONGEST_RETRY_AFTER_SECONDS, *schedule)
    return max(wait, min(retry_after_seconds, ceiling))


def total_seconds(schedule: Sequence[float]) -> float:
    """From the first attempt to the last, when nobody asks for more."""
    return float(sum(schedule))
