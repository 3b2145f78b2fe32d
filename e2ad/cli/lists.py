"""A part of a list, and where it goes on."""

from collections.abc import Callable, Mapping
from typing import Any

from e2ad.sdk import SyncAutoPager

__all__ = ["part"]


def part(
    listed: Callable[[int], SyncAutoPager[Any]], limit: int, cursor: str | None
) -> tuple[list[Mapping[str, Any]], str | None]:
    """So many items from `cursor` on, and the cursor behind the last of them; None at the end.

    Args:
        listed: the list in pages of the size that it is given, 1 to 100.
    """
    items: list[Mapping[str, Any]] = []
    while True:
        page = listed(min(limit - len(items), 100)).page(cursor)
        items += page.items
        cursor = page.next_cursor
        if cursor is None or len(items) >= limit:
            return items, cursor
