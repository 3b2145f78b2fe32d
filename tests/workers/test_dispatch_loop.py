"""The loop of mail out with a kind of work that can be told to fail: what is kept, and what is let go."""

from collections.abc import Sequence

import pytest
import trio
from attrs import define, field

from e2ad.core.errors import Unavailable
from e2ad.workers.dispatch_loop import RECORD_SECONDS, Loop


@define(eq=False)
class Try:
    kind: "Work"
    number: int
    said: str = "broken off"

    async def run(self) -> None:
        self.kind.begun.append(self.number)
        try:
            await self.kind.go.wait()
            self.said = "done"
        except trio.Cancelled:
            self.said = "cancelled"
            raise

    def expire(self) -> None:
        self.said = "expired"

    def report(self) -> str:
        return f"{self.number} {self.said}"


@define(eq=False)
class Work:
    due: list[int] = field(factory=list)
    begun: list[int] = field(factory=list)
    recorded: list[str] = field(factory=list)
    calls: list[int] = field(factory=list)
    limits: list[int] = field(factory=list)
    failures: list[Exception] = field(factory=list)
    poison: str = ""
    next_seconds: float | None = None
    go: trio.Event = field(factory=trio.Event)
    name: str = "work"

    async def claim(self, limit: int) -> Sequence[int]:
        await trio.lowlevel.checkpoint()
        if self.failures:
            raise self.failures.pop()
        self.limits.append(limit)
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    async def next_due_seconds(self) -> float | None:
        await trio.lowlevel.checkpoint()
        return self.next_seconds

    def begin(self, work: int) -> Try:
        return Try(self, work)

    async def record(self, outcomes: Sequence[str]) -> float | None:
        await trio.lowlevel.checkpoint()
        self.calls.append(len(outcomes))
        if self.failures:
            raise self.failures.pop()
        if self.poison in outcomes:
            raise ValueError("this one cannot be written")
        self.recorded += outcomes
        return None

    def id_of(self, outcome: str) -> str:
        return outcome


def a_loop(work: Work, concurrency: int = 4) -> Loop[int, str]:
    return Loop(work, concurrency=concurrency, attempt_seconds=10, poll_seconds=30)


async def settle(work: Work, count: int) -> None:
    with trio.fail_after(1000):
        while len(work.recorded) < count:
            await trio.sleep(0.01)


async def test_work_is_claimed_as_there_is_room(autojump_clock: object) -> None:
    work, closing = Work(due=list(range(20))), trio.Event()
    work.go.set()
    async with trio.open_nursery() as nursery:
        await nursery.start(a_loop(work).run, closing)
        await settle(work, 20)
        closing.set()
    assert sorted(work.begun) == list(range(20))
    assert max(work.limits) <= 4
    assert set(work.recorded) == {f"{number} done" for number in range(20)}


async def test_a_deadline(autojump_clock: object) -> None:
    work, closing = Work(due=[1]), trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(a_loop(work).run, closing)
        await settle(work, 1)
        closing.set()
    assert work.recorded == ["1 expired"]


async def test_a_database_that_is_away(autojump_clock: object) -> None:
    work, closing = Work(due=[1, 2], failures=[Unavailable() for _ in range(4)]), trio.Event()
    work.go.set()
    async with trio.open_nursery() as nursery:
        await nursery.start(a_loop(work).run, closing)
        await trio.sleep(60)
        work.failures = [Unavailable() for _ in range(3)]
        work.due, more = [3], 3
        await trio.sleep(60)
        await settle(work, more)
        closing.set()
    assert sorted(work.recorded) == ["1 done", "2 done", "3 done"]


async def test_one_outcome_that_cannot_be_written_holds_up_no_other(autojump_clock: object) -> None:
    work, closing = Work(due=[1, 2, 3], poison="2 done"), trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(a_loop(work).run, closing)
        await trio.sleep(1)
        work.go.set()
        await settle(work, 2)
        closing.set()
    assert sorted(work.recorded) == ["1 done", "3 done"]


async def test_closing_finishes_what_was_begun(autojump_clock: object) -> None:
    work, closing = Work(due=[1, 2, 3]), trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(a_loop(work, concurrency=2).run, closing)
        await trio.sleep(1)
        closing.set()
        await trio.sleep(1)
        work.go.set()
    assert sorted(work.recorded) == ["1 done", "2 done"]
    assert work.due == [3]


async def test_cancelled_it_still_records(autojump_clock: object) -> None:
    work = Work(due=[1, 2])
    async with trio.open_nursery() as nursery:
        await nursery.start(a_loop(work).run, trio.Event())
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert sorted(work.recorded) == ["1 cancelled", "2 cancelled"]


async def test_cancelled_it_does_not_record_for_ever(autojump_clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(due=[1])

    async def stuck(self: Work, outcomes: Sequence[str]) -> float | None:
        await trio.sleep_forever()

    monkeypatch.setattr(Work, "record", stuck)
    begun_at = trio.current_time()
    async with trio.open_nursery() as nursery:
        await nursery.start(a_loop(work).run, trio.Event())
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert trio.current_time() - begun_at == pytest.approx(1 + RECORD_SECONDS)


async def test_what_wakes_it(autojump_clock: object) -> None:
    work, closing = Work(next_seconds=7.0), trio.Event()
    work.go.set()
    loop = a_loop(work)
    async with trio.open_nursery() as nursery:
        await nursery.start(loop.run, closing)
        begun_at = trio.current_time()
        await trio.sleep(1)
        for wake, seconds in ((loop.kick, 0.0), (loop.hear, 0.05)):
            work.due, before = [1], trio.current_time()
            count = len(work.recorded) + 1
            wake()
            await settle(work, count)
            assert trio.current_time() - before == pytest.approx(seconds, abs=0.02)
        work.due, work.next_seconds = [2], None
        await settle(work, 3)
        assert trio.current_time() - begun_at == pytest.approx(7, abs=0.1)
        work.due = [3]
        await settle(work, 4)
        assert trio.current_time() - begun_at == pytest.approx(37, abs=1)
        closing.set()
