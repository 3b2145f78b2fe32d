"""Answers of endpoints that are made to confuse whoever reads them."""

from datetime import UTC, datetime

import pytest

from e2ad.delivery.webhook import retry_after_seconds

NOW = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2026 00:00:99999999999999999999 GMT",
        "Mon, 01 Jan 2026 00:00:00 +99999999999",
        "9" * 5000 + " GMT",
    ],
)
def test_a_date_that_no_date_can_hold_asks_for_nothing(text: str) -> None:
    assert retry_after_seconds(text, NOW) is None
