"""Pages of the classic API: `page_size` here, `token` by `api.cursors` (contract: classic events)."""

from typing import Any, Final

from e2ad.api.classic.framework import ClassicCall

__all__ = ["DEFAULT_SIZE", "MAX_SIZE", "page_size"]

DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 100


def page_size(call: ClassicCall[Any]) -> int:
    """Rows of a page; a value that makes no sense counts as none."""
    text = call.first("page_size")
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_SIZE:
        return int(text)
    return DEFAULT_SIZE
