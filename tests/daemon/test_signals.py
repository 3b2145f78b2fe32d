"""The first signal asks, the second insists."""

import os
import signal

import pytest
import trio
import trio.testing

from e2ad.daemon import stop_on_signal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_asks(number: signal.Signals) -> None:
    with trio.fail_after(5):
        async with stop_on_signal() as stop:
            os.kill(os.getpid(), number)
            await stop.wait()
            await trio.testing.wait_all_tasks_blocked()


async def test_the_second_insists() -> None:
    reached = False
    with trio.fail_after(5):
        async with stop_on_signal() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            await stop.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await trio.sleep_forever()
            reached = True
    assert not reached


async def test_a_stop_that_came_from_elsewhere_is_not_a_first_signal() -> None:
    with trio.fail_after(5):
        async with stop_on_signal() as stop:
            stop.set()
            os.kill(os.getpid(), signal.SIGTERM)
            await trio.sleep(0.1)
            finished = True
    assert finished


async def test_a_block_that_ends_by_itself_leaves_the_signals_as_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with stop_on_signal():
        pass
    assert signal.getsignal(signal.SIGTERM) == before
