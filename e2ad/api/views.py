"""Shapes that several resources share."""

from typing import Annotated, Literal

from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

__all__ = ["ConfirmQuery", "Limit", "PageQuery", "PermanentQuery"]

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
