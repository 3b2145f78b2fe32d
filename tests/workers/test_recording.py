"""Outcomes on their way into the database: in what batches, what is kept, and what is never written twice."""

from collections.abc import Sequence

import pytest
import trio
from attrs import define, field
from structlog.testing import capture_logs

from e2ad.core.errors import Unavailable
from e2ad.workers.recording import Recording


@define(eq=False)
class Paper:
    """Where outcomes are written; what it is told to refuse, it refuses."""

    batches: list[list[str]] = field(factory=list)
    failures: list[Exception] = field(factory=list)
    poison: str = ""
    stuck: bool = False

    async def write(self, outcomes: Sequence[str]) -> None:
        await trio.sleep(1)
        if self.stuck:
            await trio.sleep_forever()
        if self.failures:
            raise self.failures.pop()
        if self.poison in outcomes:
            raise ValueError("this one cannot be written")
        self.batches.append(list(outcomes))

    def recording(self, batch: int = 3) -> Recording[str]:
        return Recording("letters", self.write, id_of=lambda outcome: outcome, batch=batch, last_seconds=5)


async def test_batches(autojump_clock: object) -> None:
    paper = Paper()
    recording = paper.recording()
    async with recording.open():
        recording.add("a")
        await trio.sleep(0.5)
        recording.add(*"bcdef")
        assert len(recording) == 6, "what is being written counts still"
    assert paper.batches == [["a"], ["b", "c", "d"], ["e", "f"]]
    assert len(recording) == 0


async def test_it_can_be_opened_again(autojump_clock: object) -> None:
    paper = Paper()
    recording = paper.recording()
    for outcome in "ab":
        async with recording.open():
            await trio.sleep(1)
            recording.add(outcome)
    assert paper.batches == [["a"], ["b"]]


async def test_one_that_cannot_be_written_is_named_and_left(autojump_clock: object) -> None:
    paper = Paper(poison="b")
    recording = paper.recording()
    with capture_logs() as logs:
        async with recording.open():
            recording.add(*"abc")
    assert paper.batches == [["a"], ["c"]]
    assert [line["id"] for line in logs] == ["b"]


async def test_where_none_can_be_written_all_are_kept(autojump_clock: object) -> None:
    paper = Paper(failures=[ValueError() for _ in range(4)])
    recording = paper.recording()
    async with recording.open():
        recording.add(*"abc")
        await trio.sleep(60)
    assert paper.batches == [["a", "b", "c"]]


async def test_a_database_that_is_away_is_not_asked_for_each(autojump_clock: object) -> None:
    paper = Paper(failures=[Unavailable(), Unavailable()])
    recording = paper.recording()
    async with recording.open():
        recording.add(*"abc")
        await trio.sleep(60)
    assert paper.failures == []
    assert paper.batches == [["a", "b", "c"]]


@pytest.mark.parametrize("stuck", [False, True])
async def test_cancelled_it_writes_the_last_but_not_for_ever(stuck: bool, autojump_clock: object) -> None:
    paper = Paper(stuck=stuck)
    recording = paper.recording()
    with trio.move_on_after(3.5):
        async with recording.open():
            try:
                recording.add("a")
                await trio.sleep_forever()
            finally:
                recording.add("b")  # an attempt that ends by the cancellation itself
    assert paper.batches == ([] if stuck else [["a"], ["b"]])
    assert trio.current_time() == pytest.approx(8.5 if stuck else 4.5, abs=0.01)


async def test_what_is_written_is_not_written_again(autojump_clock: object) -> None:
    """Cut short behind the write: a second one could undo what another process did since."""
    paper, seen = Paper(), []

    async def written(outcomes: Sequence[str]) -> None:
        seen.append(list(outcomes))
        await trio.sleep_forever()

    recording = Recording(
        "letters", paper.write, id_of=lambda outcome: outcome, batch=2, last_seconds=5, written=written
    )
    with trio.move_on_after(2):
        async with recording.open():
            recording.add(*"ab")
            await trio.sleep_forever()
    assert paper.batches == seen == [["a", "b"]]


async def test_lost_at_the_end_it_says_so(autojump_clock: object) -> None:
    paper = Paper(failures=[Unavailable() for _ in range(9)])
    recording = paper.recording()
    with capture_logs() as logs:
        async with recording.open():
            recording.add(*"ab")
    assert [line["event"] for line in logs] == ["letters not recorded", "letters lost"]
    assert logs[-1]["count"] == 2
