"""Tests side by side: what `pytest -n` does in these tests beyond what pytest-xdist does.

Each worker is a run of its own, with its own database server, daemons and folders, so that nearly all tests
may run at the same time. A few say how long something takes, and are marked ``alone``: such a test waits until
all others that are under way have ended, and none begins before it has ended itself.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

__all__ = ["pytest_configure", "pytest_configure_node"]


@define
class Turns:
    """Files that workers lock. Who wants to be alone keeps the gate shut, and waits until the room is empty."""

    folder: Path
    _held: list[int] = field(factory=list)

    def enter(self, *, alone: bool) -> None:
        """Wait for the turn. Who is still alone from the test before has it."""
        if self._held:
            return
        gate = self._lock("gate", fcntl.LOCK_EX)
        self._held.append(self._lock("room", fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        if alone:
            self._held.append(gate)
        else:
            os.close(gate)

    def leave(self) -> None:
        """Let others in. Processes that were started meanwhile have not inherited the locks."""
        while self._held:
            os.close(self._held.pop())

    def _lock(self, name: str, how: int) -> int:
        file = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, how)
        return file


@define
class Worker:
    """What one of several workers does otherwise."""

    turns: Turns
    workers: int

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put them in an order of which each worker gets one stretch: later, who is idle takes over from others.

        The tests that run alone come first. Live tests take longest, so that each stretch begins with some of
        their files, and no long one is left for the end.
        """
        lone, live, rest = list[pytest.Item](), dict[Path, list[pytest.Item]](), list[pytest.Item]()
        for item in items:
            if _is_alone(item):
                lone.append(item)
            elif item.get_closest_marker("live") is not None:
                live.setdefault(item.path, []).append(item)
            else:
                rest.append(item)
        hands: list[list[pytest.Item]] = [[] for _ in range(self.workers)]
        hands[0] += lone
        for number, file in enumerate(live.values()):
            hands[number % self.workers] += file
        size = len(items) // self.workers
        for hand in hands[:-1]:
            missing = max(0, size - len(hand))
            hand += rest[:missing]
            del rest[:missing]
        hands[-1] += rest
        items[:] = [item for hand in hands for item in hand]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
        self.turns.enter(alone=_is_alone(item))
        try:
            return (yield)
        finally:
            if not (_is_alone(item) and _is_alone(nextitem)):
                self.turns.leave()


def _is_alone(item: pytest.Item | None) -> bool:
    return item is not None and item.get_closest_marker("alone") is not None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the process that starts the workers: make them a folder."""
    config: pytest.Config = node.config
    if _FOLDER not in config.stash:
        config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="e2ad-turns-"))
        config.add_cleanup(lambda: shutil.rmtree(config.stash[_FOLDER]))
    node.workerinput["turns"] = str(config.stash[_FOLDER])


def pytest_configure(config: pytest.Config) -> None:
    """In a worker: take turns."""
    told = getattr(config, "workerinput", None)
    if told is not None:
        config.pluginmanager.register(Worker(Turns(Path(told["turns"])), told["workercount"]))


_FOLDER = pytest.StashKey[Path]()
