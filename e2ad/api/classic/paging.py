"""Pages of the classic API: `page_size` and `token` (contract: classic events)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from e2ad.api.classic.framework import ClassicCall
from e2ad.core.events import parse_rfc3339, rfc3339

__all__ = ["DEFAULT_SIZE", "MAX_SIZE", "page_size", "position", "token_after"]

DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 100


def page_size(call: ClassicCall[Any]) -> int:
    """Rows of a page; a value that makes no sense counts as none."""
    text = call.first("page_size")
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_SIZE:
        return int(text)
    return DEFAULT_SIZE


def position(call: ClassicCall[Any], collection: str, filters: Mapping[str, Any]) -> tuple[datetime, str] | None:
    """Where the page begins.

    Raises:
        InvalidCursor: the token is not one of this list with these filters.
    """
    token = call.first("token")
    if not token:
        return None
    at, row = call.services.cursors.open(token, call.principal.account_id, collection, filters, length=2)
    return parse_rfc3339(at), row


def token_after(
    call: ClassicCall[Any], collection: str, filters: Mapping[str, Any], created_at: datetime, row: str
) -> str:
    """The token of the page that follows this row."""
    return call.services.cursors.seal(call.principal.account_id, collection, filters, [rfc3339(created_at), row])
