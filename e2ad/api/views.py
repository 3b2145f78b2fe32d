"""Shapes that several resources share."""

from datetime import datetime
from typing import Annotated, Literal

from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.shapes import Instant
from e2ad.core.errors import InvalidFilter
from e2ad.core.events import parse_rfc3339, rfc3339

__all__ = ["ConfirmQuery", "Cursor", "Limit", "PageQuery", "PermanentQuery", "filter_instant", "optional_instant"]

Limit = Annotated[int, Meta(ge=1, le=100, description="rows of a page")]
Cursor = Annotated[str, Meta(description="where the list goes on: next_cursor of the page before")]


@frozen
class PageQuery:
    """A list without filters."""

    cursor: Cursor | UnsetType = UNSET
    limit: Limit = 100


@frozen
class ConfirmQuery:
    """What every DELETE must say (contract: deletes)."""

    confirm: Literal["DELETE"]


@frozen
class PermanentQuery:
    """A DELETE that can empty the trash as well."""

    confirm: Literal["DELETE"]
    permanent: bool = False


def optional_instant(at: datetime | None) -> Instant | UnsetType:
    """The time as text; a member that is absent for what has not happened."""
    return UNSET if at is None else rfc3339(at)


def filter_instant(name: str, text: str | UnsetType) -> datetime | None:
    """A time in a list's query; None for none.

    Raises:
        InvalidFilter: it is not one.
    """
    if not text:
        return None
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise InvalidFilter(f"{name} must be an RFC 3339 time like 2026-06-13T10:00:00Z") from error
