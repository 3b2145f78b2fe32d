"""Cursors: where a list goes on, for this list and nobody else's."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import UNSET

from e2ad.api.cursors import Cursors, Place, Walk
from e2ad.core.errors import InvalidCursor
from e2ad.core.sealing import KeyRing

OLD, NEW = "an old secret that is long enough for it", "a new secret that is long enough for it"
NOON = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)
ROWS: list[Place] = [(NOON - timedelta(seconds=n), f"row_{n}") for n in range(5)]


def walk(account_id: str = "a", collection: str = "events", secret: str = NEW, **filters: str | None) -> Walk:
    return Cursors(KeyRing((secret,))).walk(account_id, collection, filters)


def itself(row: Place) -> Place:
    return row


def test_pages_join_without_gap_or_overlap() -> None:
    seen: list[Place] = []
    cursor: str | None = ""
    while cursor is not None:
        start = walk().start(cursor)
        left = ROWS if start is None else ROWS[ROWS.index(start) + 1 :]
        page, cursor = walk().page(left[:3], 2, itself)
        assert len(page) <= 2
        seen += page
    assert seen == ROWS


@pytest.mark.parametrize("rows", [[], ROWS[:1], ROWS[:2]])
def test_the_last_page_has_no_cursor(rows: list[Place]) -> None:
    assert walk().page(rows, 2, itself) == (rows, None)


@pytest.mark.parametrize("cursor", ["", UNSET])
def test_no_cursor_is_the_first_page(cursor: str) -> None:
    assert walk().start(cursor) is None


@pytest.mark.parametrize(
    "other",
    [
        walk("b"),
        walk(collection="messages"),
        walk(type="email.received"),
        walk(secret=OLD),
    ],
    ids=["account", "list", "filters", "deployment"],
)
def test_a_cursor_is_worth_nothing_elsewhere(other: Walk) -> None:
    _, cursor = walk().page(ROWS, 2, itself)
    assert cursor is not None
    with pytest.raises(InvalidCursor):
        other.start(cursor)


@pytest.mark.parametrize("wrong", ["x", "a.b.c", "ü", "x" * 3000])
def test_what_is_no_cursor_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidCursor):
        walk().start(wrong)


def test_a_cursor_outlives_a_change_of_secrets() -> None:
    _, cursor = walk(secret=OLD).page(ROWS, 2, itself)
    assert cursor is not None
    assert Cursors(KeyRing((NEW, OLD))).walk("a", "events").start(cursor) == ROWS[1]
