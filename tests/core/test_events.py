"""The envelope's exact characters, and instants in and out."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core import events


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 7, 23, 10, tzinfo=UTC), "2026-07-23T10:00:00Z"),
        (datetime(2026, 7, 23, 10, 0, 0, 120000, tzinfo=UTC), "2026-07-23T10:00:00.12Z"),
        (datetime(2026, 7, 23, 10, 0, 0, 1, tzinfo=UTC), "2026-07-23T10:00:00.000001Z"),
        (datetime(2026, 7, 23, 12, tzinfo=timezone(timedelta(hours=2))), "2026-07-23T10:00:00Z"),
    ],
)
def test_an_instant_as_text(at: datetime, text: str) -> None:
    assert events.rfc3339(at) == text


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)))  # noqa: DTZ001
def test_an_instant_there_and_back(at: datetime) -> None:
    assert events.parse_rfc3339(events.rfc3339(at)) == at


def test_nanoseconds_of_other_servers_are_cut() -> None:
    assert events.parse_rfc3339("2026-07-23T10:00:00.123456789Z").microsecond in (123456, 123457)


@pytest.mark.parametrize("text", ["", "2026-07-23", "2026-07-23T10:00:00", "now", "2026-13-01T00:00:00Z"])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError):
        events.parse_rfc3339(text)


def test_the_envelope_has_its_members_in_order() -> None:
    text = events.envelope("email.received", "evt_1", datetime(2026, 1, 1, tzinfo=UTC), {"b": 1, "a": "ä"})
    assert text == (
        '{"type":"email.received","id":"evt_1","schema_version":"1","created_at":"2026-01-01T00:00:00Z",'
        '"data":{"b":1,"a":"ä"}}'
    )


def test_splicing_leaves_the_signed_characters_alone() -> None:
    text = events.envelope("email.received", "evt_1", datetime(2026, 1, 1, tzinfo=UTC), {"x": "}"})
    spliced = events.splice(text, "auth_headers", {"A": "b"})
    assert spliced.startswith(text[:-1])
    assert json.loads(spliced) == json.loads(text) | {"auth_headers": {"A": "b"}}
