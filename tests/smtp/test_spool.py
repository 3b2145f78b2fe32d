from pathlib import Path

import pytest
import trio
import trio.testing

from e2ad.smtp.spool import ContentBuffer, MemoryBudget, OutOfMemory


@pytest.mark.parametrize("sizes", [[], [10], [10, 20], [60, 60], [150], [60, 60, 60, 5], [99, 1], [100, 1]])
async def test_content_comes_back(sizes: list[int], tmp_path: Path) -> None:
    budget = MemoryBudget(1000)
    buffer = ContentBuffer(budget, 100, tmp_path)
    expected = b""
    for number, size in enumerate(sizes):
        chunk = bytes([65 + number]) * size
        expected += chunk
        await buffer.append(chunk)
        assert budget.used <= 100
    assert await buffer.collect(1) == expected
    assert budget.used == len(expected)
    buffer.clear()
    assert budget.used == 0
    assert list(tmp_path.iterdir()) == []


async def test_a_full_budget_sends_content_to_disk_and_lets_its_end_wait(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    budget = MemoryBudget(100)
    first, second = ContentBuffer(budget, 1000, tmp_path), ContentBuffer(budget, 1000, tmp_path)
    await first.append(b"x" * 80)
    await second.append(b"y" * 60)
    assert budget.used == 80
    with pytest.raises(OutOfMemory):
        await second.collect(5)
    assert budget.used == 80
    async with trio.open_nursery() as nursery:

        async def free() -> None:
            await trio.testing.wait_all_tasks_blocked()
            first.clear()

        nursery.start_soon(free)
        assert await second.collect(5) == b"y" * 60
    assert budget.used == 60
    second.clear()
    assert budget.used == 0


async def test_what_never_fits_does_not_wait(autojump_clock: trio.testing.MockClock) -> None:
    started = trio.current_time()
    with pytest.raises(OutOfMemory):
        await MemoryBudget(10).take(11, 60)
    assert trio.current_time() == started


async def test_a_cancelled_wait_takes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    budget = MemoryBudget(10)
    assert budget.take_nowait(10)
    with trio.move_on_after(1) as scope:
        await budget.take(5, 60)
    assert scope.cancelled_caught
    assert budget.used == 10


async def test_a_disk_that_cannot_be_written(tmp_path: Path) -> None:
    budget = MemoryBudget(1000)
    buffer = ContentBuffer(budget, 10, tmp_path / "missing")
    with pytest.raises(OutOfMemory):
        await buffer.append(b"x" * 11)
    buffer.clear()
    assert budget.used == 0
