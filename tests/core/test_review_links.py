"""A link is worth something for one draft, one action and one secret, and what strangers make up is worth nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.review_links import LATE_SECONDS, MAX_CHARACTERS, Action, ReviewLink

MESSAGE = "msg_" + "0a" * 16
UNTIL = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DRAFT, OTHER_DRAFT = b"\x01" * 32, b"\x02" * 32


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_a_link_says_what_it_was_made_for(action: Action) -> None:
    link = ReviewLink.until(MESSAGE, action, UNTIL)
    assert link.expires_at == UNTIL.timestamp() + LATE_SECONDS
    token = link.token("new", DRAFT)
    assert ReviewLink.claimed(token) == link
    assert link.is_signed(("newer", "new"), token, DRAFT)
    assert not link.is_signed(("other",), token, DRAFT)
    assert not link.is_signed(("new",), token, OTHER_DRAFT)


def test_the_token_of_one_action_is_not_that_of_another() -> None:
    approve, reject = ReviewLink.until(MESSAGE, "approve", UNTIL), ReviewLink.until(MESSAGE, "reject", UNTIL)
    assert not approve.is_signed(("s",), reject.token("s", DRAFT), DRAFT)
    mixed = approve.token("s", DRAFT).partition(".")[0] + "." + reject.token("s", DRAFT).partition(".")[2]
    claim = ReviewLink.claimed(mixed)
    assert claim == approve
    assert not approve.is_signed(("s",), mixed, DRAFT)


@given(st.one_of(st.text(max_size=MAX_CHARACTERS + 8), st.from_regex(r"[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,50}")))
def test_reading_is_total_and_believes_nobody(token: str) -> None:
    link = ReviewLink.claimed(token)
    assert link is None or not link.is_signed(("s",), token, DRAFT)


def test_a_long_token_is_not_even_read() -> None:
    token = ReviewLink.until(MESSAGE, "approve", UNTIL).token("s", DRAFT)
    assert ReviewLink.claimed(token + "." + "a" * MAX_CHARACTERS) is None
