"""Limits hold across processes: never more than the limit, and all of it can be used."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from e2ad.core.errors import RateLimited
from e2ad.gateway.limits import RESERVE_SECONDS, Allowance, RateLimits, address_subject
from e2ad.storage.pool import Database

HOUR = 3600


async def test_a_limit_is_used_up_exactly(database: Database) -> None:
    limits = RateLimits(database)
    taken = [await limits.take("s", 30, HOUR) for _ in range(35)]
    assert [one.allowed for one in taken] == [True] * 30 + [False] * 5
    assert [one.remaining for one in taken[:30]] == list(range(29, -1, -1))
    assert all(0 < one.reset_seconds <= HOUR for one in taken)
    with pytest.raises(RateLimited) as raised:
        taken[-1].check()
    assert (raised.value.retry_after_seconds or 0) >= 1


@pytest.mark.parametrize("limit", [1, 2, 7, 60, 100])
async def test_two_processes_together_never_exceed(database: Database, limit: int) -> None:
    processes = [RateLimits(database), RateLimits(database), RateLimits(database)]
    allowed = 0

    async def use(one: RateLimits) -> None:
        nonlocal allowed
        for _ in range(limit + 5):
            taken = await one.take("s", limit, HOUR)
            allowed += taken.allowed

    async with trio.open_nursery() as nursery:
        for one in processes * 2:
            nursery.start_soon(use, one)
    assert allowed == limit


async def test_subjects_do_not_share(database: Database) -> None:
    limits = RateLimits(database)
    assert (await limits.take("a", 1, HOUR)).allowed
    assert (await limits.take("b", 1, HOUR)).allowed
    assert not (await limits.take("a", 1, HOUR)).allowed


async def test_zero_is_off_and_costs_nothing(database: Database) -> None:
    before = database.statements
    allowance = await RateLimits(database).take("s", 0, HOUR)
    assert allowance == Allowance()
    assert allowance.headers() == {}
    assert database.statements == before


async def test_most_requests_touch_no_database(database: Database) -> None:
    limits = RateLimits(database)
    before = database.statements
    for _ in range(120):
        await limits.take("s", 240, HOUR)
    assert database.statements - before < 15


async def test_a_new_window_starts_afresh(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    clock = [datetime(2030, 1, 1, 0, 0, 59, tzinfo=UTC)]
    monkeypatch.setattr("e2ad.gateway.limits.now", lambda: clock[0])
    limits = RateLimits(database)
    assert (await limits.take("s", 1, 60)).reset_seconds == 1
    assert not (await limits.take("s", 1, 60)).allowed
    clock[0] = datetime(2030, 1, 1, 0, 1, 0, tzinfo=UTC)
    assert (await limits.take("s", 1, 60)).allowed
    assert await limits.sweep(0) == 1


async def test_a_database_that_does_not_answer_does_not_stop_requests(database: Database) -> None:
    database.close()
    assert (await RateLimits(database).take("s", 1, HOUR)).allowed


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("192.0.2.1", "k:192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "k:2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "k:192.0.2.1"),
        ("", "k:"),
    ],
)
def test_subjects_of_addresses(address: str, subject: str) -> None:
    assert address_subject("k", address) == subject


@given(st.text(max_size=30))
def test_any_text_has_a_subject(text: str) -> None:
    assert address_subject("k", text).startswith("k:")


async def test_a_database_that_stands_still_costs_each_request_the_same_moment(autojump_clock: MockClock) -> None:
    class Stuck(Database):
        def __init__(self) -> None:
            pass

        async def _run(self, *_: Any) -> Any:
            await trio.sleep_forever()

    limits, begun_at = RateLimits(Stuck()), trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(limits.take, "s", 30, HOUR)
    assert trio.current_time() - begun_at == RESERVE_SECONDS
