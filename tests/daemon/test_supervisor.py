"""The supervisor's patience, on a clock that jumps."""

import pytest
import trio
from trio.testing import MockClock

from e2ad.supervisor import FATAL, PATIENT, Policy, supervise


class Mortal:
    """A child that lives as long as it is told, life by life, and then fails."""

    def __init__(self, *lives: float, starts: bool = True) -> None:
        self.lives = list(lives)
        self.starts = starts
        self.born_at: list[float] = []

    async def run(self, *, task_status: trio.TaskStatus[int]) -> None:
        self.born_at.append(trio.current_time())
        if not self.starts:
            raise OSError("the port is taken")
        task_status.started(len(self.born_at))
        if not self.lives:
            return
        await trio.sleep(self.lives.pop(0))
        raise ValueError("died")


def waits(child: Mortal, lives: list[float]) -> list[float]:
    ends = [born + life for born, life in zip(child.born_at, lives, strict=False)]
    return [round(born - end, 3) for end, born in zip(ends, child.born_at[1:], strict=False)]


async def test_waits_double_up_to_a_minute(autojump_clock: MockClock) -> None:
    lives = [1.0] * 9
    child = Mortal(*lives)
    await supervise(PATIENT, "child", child.run)
    assert waits(child, lives) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_health_wipes_the_slate(autojump_clock: MockClock) -> None:
    lives = [1.0, 1.0, 300.0, 1.0]
    child = Mortal(*lives)
    await supervise(PATIENT, "child", child.run)
    assert waits(child, lives) == [1, 2, 1, 2]


async def test_past_the_limit_the_failure_goes_up(autojump_clock: MockClock) -> None:
    child = Mortal(*[1.0] * 20)
    with pytest.RaisesGroup(ValueError):
        await supervise(PATIENT, "child", child.run)
    assert len(child.born_at) == 11


async def test_a_door_that_closes_is_seen_at_once(autojump_clock: MockClock) -> None:
    child = Mortal(5.0)
    with pytest.RaisesGroup(ValueError):
        await supervise(FATAL, "door", child.run)
    assert child.born_at == [0.0]


async def test_dying_before_started_is_fatal(autojump_clock: MockClock) -> None:
    child = Mortal(starts=False)
    with pytest.RaisesGroup(OSError):
        await supervise(PATIENT, "child", child.run)
    assert len(child.born_at) == 1


async def test_a_later_life_that_does_not_start_is_tried_again(autojump_clock: MockClock) -> None:
    script = iter(["dies", "does not start", "does not start", "lives"])

    async def child(*, task_status: trio.TaskStatus[None]) -> None:
        fate = next(script)
        if fate == "does not start":
            raise OSError("the database is still down")
        task_status.started()
        if fate == "dies":
            raise ValueError("the database went away")

    await supervise(Policy(limit=5), "child", child)
    assert next(script, "nothing left") == "nothing left"


async def test_the_value_of_the_first_start_is_passed_on(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        value = await nursery.start(supervise, PATIENT, "child", Mortal(1.0).run)
    assert value == 1


async def test_a_child_that_returns_is_done() -> None:
    child = Mortal()
    await supervise(PATIENT, "child", child.run)
    assert len(child.born_at) == 1


async def test_cancellation_is_not_a_failure(autojump_clock: MockClock) -> None:
    child = Mortal(1000.0)
    with trio.move_on_after(10) as scope:
        await supervise(PATIENT, "child", child.run)
    assert scope.cancelled_caught
    assert len(child.born_at) == 1


async def test_a_dead_childs_tasks_are_gone_before_its_next_life(autojump_clock: MockClock) -> None:
    alive = 0
    most = 0
    born = 0

    async def helper() -> None:
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        try:
            await trio.sleep_forever()
        finally:
            alive -= 1

    async def child(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal born
        born += 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(helper)
            task_status.started()
            await trio.sleep(1)
            if born < 3:
                raise ValueError("died")
            nursery.cancel_scope.cancel()

    await supervise(PATIENT, "child", child)
    assert (born, most, alive) == (3, 1, 0)


def test_the_waits_as_a_table() -> None:
    assert [PATIENT.wait_seconds(n) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize("policy", [PATIENT, FATAL])
def test_policies_are_values(policy: Policy) -> None:
    assert policy == Policy(policy.limit)
