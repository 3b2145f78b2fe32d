"""Opaque cursors: where a list goes on, signed and bound to what was asked (contract: pagination).

A cursor names a position and a digest of account, collection and filters. It is worth nothing
for another account, another list or other filters; `limit` is not bound and may change.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from attrs import frozen
from msgspec import UnsetType

from e2ad.core.errors import InvalidCursor
from e2ad.core.events import parse_rfc3339, rfc3339
from e2ad.core.sealing import KeyRing
from e2ad.core.signing import open_token, signed_token

__all__ = ["Cursors", "Place", "Walk"]

R = TypeVar("R")

Place: TypeAlias = tuple[datetime, str]
"""Where a row stands in its list: its time, and its id among those of the same time."""

PURPOSE: Final = "cursor"
MAX_CHARACTERS: Final = 2048


@frozen
class Cursors:
    """Makes and opens cursors with the deployment's secrets."""

    keys: KeyRing

    def walk(self, account_id: str, collection: str, filters: Mapping[str, Any] | None = None) -> "Walk":
        """A list to be gone through page by page."""
        return Walk(self, account_id, collection, filters or {})

    def seal(self, account_id: str, collection: str, filters: Mapping[str, Any], position: Sequence[str | int]) -> str:
        """The cursor that goes on after `position`.

        Args:
            collection: which list, such as `messages`.
            filters: all that decides what is in the list and in which order; JSON values.
            position: the sort keys of the last row given.
        """
        payload = msgspec.json.encode([_binding(account_id, collection, filters), *position]).decode()
        return signed_token(self.keys.current, payload, purpose=PURPOSE)

    def open(
        self, cursor: str, account_id: str, collection: str, filters: Mapping[str, Any], *, length: int
    ) -> list[str]:
        """The position inside a cursor that `seal` made for the same account, list and filters.

        Args:
            length: how many sort keys a position of this list has.

        Raises:
            InvalidCursor: anything else.
        """
        if len(cursor) > MAX_CHARACTERS:
            raise InvalidCursor
        payload = open_token(self.keys.secrets, cursor, purpose=PURPOSE)
        if payload is None:
            raise InvalidCursor
        try:
            binding, *position = msgspec.json.decode(payload, type=list[str | int])
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
            raise InvalidCursor from error
        if binding != _binding(account_id, collection, filters) or len(position) != length:
            raise InvalidCursor
        return [str(part) for part in position]


@frozen
class Walk:
    """One list, page by page: ask storage for one row more than a page has, from `start` on."""

    cursors: Cursors
    account_id: str
    collection: str
    filters: Mapping[str, Any]

    def start(self, cursor: str | UnsetType) -> Place | None:
        """Behind which row the page begins; None for the first page.

        Raises:
            InvalidCursor: it is not one of this list.
        """
        if not cursor:
            return None
        at, row = self.cursors.open(cursor, self.account_id, self.collection, self.filters, length=2)
        return parse_rfc3339(at), row

    def page(self, rows: Sequence[R], limit: int, place: Callable[[R], Place]) -> tuple[Sequence[R], str | None]:
        """The rows of this page, and the cursor of the next if there is one."""
        if len(rows) <= limit:
            return rows, None
        at, row = place(rows[limit - 1])
        return rows[:limit], self.cursors.seal(self.account_id, self.collection, self.filters, [rfc3339(at), row])


def _binding(account_id: str, collection: str, filters: Mapping[str, Any]) -> str:
    text = msgspec.json.encode([account_id, collection, filters], order="sorted")
    return hashlib.sha256(text).hexdigest()[:24]
