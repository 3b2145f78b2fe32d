"""The schedule: a table, and what holds for every input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.breaker import Breaker
from e2ad.core.retry import JITTER, LONGEST_RETRY_AFTER_SECONDS, next_wait_seconds, total_seconds

PUBLISHED = (60, 300, 900, 3600, 14400, 28800, 57600)
"""Contract: attempts at 0, +1 m, +5 m, +15 m, +1 h, +4 h, +8 h, +16 h."""


@pytest.mark.parametrize(("attempt", "wait"), [*enumerate(PUBLISHED, start=1), (8, None), (9, None), (100, None)])
def test_the_published_schedule_without_jitter(attempt: int, wait: float | None) -> None:
    assert next_wait_seconds(attempt, PUBLISHED, 0.0) == wait


def test_eight_attempts_take_29_hours_21_minutes() -> None:
    assert total_seconds(PUBLISHED) == 29 * 3600 + 21 * 60


@pytest.mark.parametrize(
    ("wanted", "wait"),
    [(None, 60), (0, 60), (59, 60), (61, 61), (3600, 3600), (57600, 57600), (57601, 57600), (10**9, 57600)],
)
def test_retry_after_lengthens_within_bounds(wanted: float | None, wait: float) -> None:
    assert next_wait_seconds(1, PUBLISHED, 0.0, wanted) == wait


def test_a_short_schedule_still_allows_an_hour() -> None:
    assert next_wait_seconds(1, (1, 1), 0.0, 5000) == LONGEST_RETRY_AFTER_SECONDS


def test_retry_after_does_not_prolong_the_life() -> None:
    assert next_wait_seconds(8, PUBLISHED, 0.0, 60) is None


def test_no_schedule_means_one_attempt() -> None:
    assert next_wait_seconds(1, (), 0.5) is None


@pytest.mark.parametrize(("attempt", "jitter"), [(0, 0.0), (-1, 0.0), (1, 1.0), (1, -0.1)])
def test_nonsense_is_refused(attempt: int, jitter: float) -> None:
    with pytest.raises(ValueError, match="attempt"):
        next_wait_seconds(attempt, PUBLISHED, jitter)


@given(
    attempt=st.integers(1, 20),
    schedule=st.lists(st.floats(0, 1e6), max_size=12),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_jitter_stays_inside_the_schedule(attempt: int, schedule: list[float], jitter: float) -> None:
    wait = next_wait_seconds(attempt, schedule, jitter)
    if attempt > len(schedule):
        assert wait is None
    else:
        assert wait is not None
        assert schedule[attempt - 1] * (1 - JITTER) <= wait <= schedule[attempt - 1]


def test_jitter_spreads() -> None:
    assert len({next_wait_seconds(1, PUBLISHED, j / 100) for j in range(100)}) == 100


def test_a_circuit_opens_probes_and_closes() -> None:
    breaker = Breaker(threshold=3, open_seconds=1.0, longest_seconds=4.0)
    assert [breaker.failed(0.0), breaker.failed(0.0)] == [False, False]
    assert breaker.room(0.0, 1, 4) == 3
    assert breaker.failed(0.0) is True
    assert breaker.room(0.5, 0, 4) == 0
    assert breaker.room(1.0, 0, 4) == 1
    assert breaker.room(1.0, 1, 4) == 0
    assert breaker.failed(1.0) is False
    assert breaker.retry_at == 3.0
    breaker.failed(3.0)
    breaker.failed(7.0)
    assert breaker.retry_at == 11.0, "the wait is bounded"
    breaker.succeeded()
    assert breaker.room(7.0, 0, 4) == 4


@given(st.lists(st.booleans(), max_size=200))
def test_a_circuit_never_waits_longer_than_its_bound(answers: list[bool]) -> None:
    breaker, now = Breaker(), 0.0
    for answered in answers:
        now = max(now, breaker.retry_at)
        assert breaker.room(now, 0, 4) >= 1
        if answered:
            breaker.succeeded()
        else:
            breaker.failed(now)
        assert breaker.retry_at <= now + breaker.longest_seconds
