"""What a list shows of why a search found a message."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import trio

from e2ad.core.search import Search
from e2ad.core.search_highlights import MAX_CHARACTERS, Highlight, Highlighter
from e2ad.storage.messages import Listed

__all__ = ["QUOTED_CHARACTERS", "highlights"]

QUOTED_CHARACTERS: Final = MAX_CHARACTERS
"""Of each message's text so much is asked of the storage, for `highlights`."""
_MOST_AT_ONCE: Final = 50_000
"""Characters; beyond, the work takes longer than the event loop may be kept."""
LONGEST_SECONDS: Final = 1.0
"""For the marks of one page: a search can be made to fit a mail nearly everywhere."""
_threads: Final = trio.CapacityLimiter(2)


async def highlights(rows: Sequence[Listed], search: Search) -> list[list[Highlight]]:
    """For each message of a page the pieces that show where its hits are; none for those that time was too short for.

    Cancellation: a thread that is still looking is left to end by itself; there are at most two.
    """
    work = partial(_highlights, rows, search)
    if sum(len((row.quoted or {}).get("text", "")) for row in rows) <= _MOST_AT_ONCE:
        return work()
    return await trio.to_thread.run_sync(work, limiter=_threads, abandon_on_cancel=True)


def _highlights(rows: Sequence[Listed], search: Search) -> list[list[Highlight]]:
    highlighter, until = Highlighter(search), time.monotonic() + LONGEST_SECONDS
    return [_of(highlighter, row) if time.monotonic() < until else [] for row in rows]


def _of(highlighter: Highlighter, row: Listed) -> list[Highlight]:
    quoted = row.quoted or {}
    address, name = row.header_from or "", quoted.get("name", "")
    filenames = [str(one.get("filename") or "") for one in quoted.get("attachments") or ()]
    return highlighter.of(row.subject, f"{name} <{address}>" if name else address, quoted.get("text", ""), filenames)
