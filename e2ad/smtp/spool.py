"""Content while it arrives: in memory up to a size, beyond it in a file, all sessions under one budget."""

import tempfile
from pathlib import Path
from typing import IO

import trio

__all__ = ["ContentBuffer", "MemoryBudget", "OutOfMemory"]


class OutOfMemory(Exception):
    """The budget or the disk has no room; the mail may come again later."""


class MemoryBudget:
    """Octets of content that all sessions of the process hold in memory together."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._freed = trio.lowlevel.ParkingLot()
        self.used = 0

    def take_nowait(self, octets: int) -> bool:
        """Take a share, if there is room right now."""
        if self.used + octets > self._total:
            return False
        self.used += octets
        return True

    async def take(self, octets: int, wait_seconds: float) -> None:
        """Take a share, waiting for others to give theirs back.

        Raises:
            OutOfMemory: there was no room within `wait_seconds`.

        Cancellation:
            Nothing is taken.
        """
        with trio.move_on_after(wait_seconds):
            while not self.take_nowait(octets):
                if octets > self._total:
                    break
                await self._freed.park()
            else:
                return
        raise OutOfMemory(f"{octets} octets did not fit the memory for content")

    def give_back(self, octets: int) -> None:
        """Return a share."""
        self.used -= octets
        self._freed.unpark_all()


class ContentBuffer:
    """The content of one session's transaction. `clear` must be called when it is over.

    Args:
        budget: shared by all sessions.
        spool_bytes: more than this goes to a file.
        spool_dir: where; the system's temporary directory by default.
    """

    def __init__(self, budget: MemoryBudget, spool_bytes: int, spool_dir: Path | None) -> None:
        self._budget = budget
        self._spool_bytes = spool_bytes
        self._spool_dir = spool_dir
        self._chunks: list[bytes] = []
        self._taken = 0
        self._held = 0
        self._file: IO[bytes] | None = None
        self.size = 0

    async def append(self, chunk: bytes) -> None:
        """Keep `chunk`: in memory while there is room, else on disk.

        Raises:
            OutOfMemory: the disk is full or cannot be written.
        """
        self.size += len(chunk)
        if self._held + len(chunk) > self._spool_bytes or not self._budget.take_nowait(len(chunk)):
            await self._spool(chunk)
            return
        self._taken += len(chunk)
        self._held += len(chunk)
        self._chunks.append(chunk)

    async def collect(self, wait_seconds: float) -> bytes:
        """The whole content. Its octets stay counted until `clear`.

        Raises:
            OutOfMemory: no room for it in memory within `wait_seconds`, or the file cannot be read.
        """
        if self._file is not None:
            missing = self.size - self._taken
            await self._budget.take(missing, wait_seconds)
            self._taken += missing
            try:
                self._chunks = [await trio.to_thread.run_sync(_read_all, self._file, self._chunks)]
            except OSError as error:
                raise OutOfMemory("the spool file cannot be read") from error
        if len(self._chunks) != 1:
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0]

    def clear(self) -> None:
        """Forget the content and return its memory."""
        self._chunks = []
        if self._taken:
            self._budget.give_back(self._taken)
        self._taken = self._held = self.size = 0
        if self._file is not None:
            # An unlinked temporary file: closing it is a system call that does not wait for the disk.
            self._file.close()
            self._file = None

    async def _spool(self, chunk: bytes) -> None:
        data = b"".join([*self._chunks, chunk])
        # A thread cannot be cancelled while it writes, so it is waited for and the file is never shared with it.
        try:
            self._file = await trio.to_thread.run_sync(_write, self._file, data, self._spool_dir)
        except OSError as error:
            raise OutOfMemory("the spool file cannot be written") from error
        self._chunks = []
        self._budget.give_back(self._taken)
        self._taken = self._held = 0


def _write(file: IO[bytes] | None, data: bytes, folder: Path | None) -> IO[bytes]:
    if file is None:
        file = tempfile.TemporaryFile(dir=folder, prefix="e2ad-spool-", buffering=0)  # noqa: SIM115 - closed by clear
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
    return file


def _read_all(file: IO[bytes], rest: list[bytes]) -> bytes:
    file.seek(0)
    return b"".join([file.read(), *rest])
