"""Which claimed attempt may start now: one lane for each endpoint, so that a slow one holds only its own.

State and decisions, no waiting: the runner starts tasks and sleeps, this says how many and which.
An endpoint that answers fast may have a few attempts claimed ahead, so that a burst to it does
not cost one claim for each delivery. A lane whose circuit is open lets one through at a time.
"""

from collections import OrderedDict, deque
from typing import Final

import trio
from attrs import define, field

from e2ad.core.breaker import Breaker
from e2ad.core.delivery import Attempt

__all__ = ["Claimed", "Lane", "Lanes"]

FAST_SECONDS: Final = 0.25
AHEAD: Final = 4
"""Claimed ahead, times the attempts in flight: what a fast endpoint does within a second."""
KEPT_LANES: Final = 1024


@define(eq=False)
class Claimed:
    """An attempt and the time, on Trio's clock, from which another process may claim its row."""

    attempt: Attempt
    leased_until: float


@define(eq=False)
class Lane:
    """What this process knows of one endpoint.

    `saturated`: it had no room at the last claim, so there may be more for it.
    """

    key: str
    waiting: deque[Claimed] = field(factory=deque)
    running: int = 0
    breaker: Breaker = field(factory=Breaker)
    seconds: float = FAST_SECONDS
    saturated: bool = False

    @property
    def held(self) -> int:
        """Claimed rows, in flight or waiting."""
        return self.running + len(self.waiting)

    def finished(self, seconds: float) -> None:
        """Remember how long an attempt took, recent ones above all."""
        self.seconds = 0.7 * self.seconds + 0.3 * seconds


class Lanes:
    """All lanes of one process.

    Args:
        per_endpoint: attempts in flight for one endpoint.
        concurrency: attempts in flight for all.
    """

    def __init__(self, per_endpoint: int, concurrency: int) -> None:
        self._per_endpoint = per_endpoint
        self._concurrency = concurrency
        self._lanes: OrderedDict[str, Lane] = OrderedDict()
        self._waiting: dict[str, Lane] = {}
        self.running = 0
        self.held = 0

    @property
    def idle(self) -> bool:
        """Nothing is claimed."""
        return self.held == 0

    def claimable(self) -> int:
        """Rows that may be claimed now: what can start at once, and as much again to have in hand."""
        return max(0, 2 * self._concurrency - self.held)

    def rooms(self) -> tuple[dict[str, int], list[str]]:
        """Room of the endpoints that differ from the rest, and those that have none."""
        rooms: dict[str, int] = {}
        full: list[str] = []
        for key, lane in self._lanes.items():
            room = self._room(lane)
            lane.saturated = room <= 0
            if room <= 0:
                full.append(key)
            elif room != self._per_endpoint:
                rooms[key] = room
        return rooms, full

    def add(self, claimed: Claimed) -> None:
        """Put a fresh claim into its lane."""
        lane = self.lane(claimed.attempt.endpoint_key)
        lane.waiting.append(claimed)
        self._waiting[lane.key] = lane
        self.held += 1

    def lane(self, key: str) -> Lane:
        """The lane of an endpoint."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
            self._forget()
        self._lanes.move_to_end(key)
        return lane

    def startable(self, now: float) -> list[tuple[Lane, Claimed]]:
        """Take out what may start now, one of each lane in turn."""
        found: list[tuple[Lane, Claimed]] = []
        candidates = deque(self._waiting.values())
        while candidates and self.running < self._concurrency:
            lane = candidates.popleft()
            if lane.breaker.room(now, lane.running, self._per_endpoint) <= 0:
                continue
            found.append((lane, lane.waiting.popleft()))
            lane.running += 1
            self.running += 1
            if lane.waiting:
                candidates.append(lane)
            else:
                del self._waiting[lane.key]
        return found

    def done(self, lane: Lane) -> None:
        """An attempt of this lane has ended; its row is settled or will be."""
        lane.running -= 1
        self.running -= 1
        self.held -= 1

    def expired(self, before: float) -> list[Attempt]:
        """Take out what can no longer be done within its lease.

        Args:
            before: leases that end earlier are too short.
        """
        late: list[Attempt] = []
        for lane in list(self._waiting.values()):
            while lane.waiting and lane.waiting[0].leased_until < before:
                late.append(lane.waiting.popleft().attempt)
            if not lane.waiting:
                del self._waiting[lane.key]
        self.held -= len(late)
        return late

    def emptied(self, lane: Lane) -> list[Attempt]:
        """Take out all that waits in one lane."""
        left = [claimed.attempt for claimed in lane.waiting]
        lane.waiting.clear()
        self._waiting.pop(lane.key, None)
        self.held -= len(left)
        return left

    def next_probe(self, after: float) -> float:
        """When the first open circuit lets an attempt through: a time after `after`, or infinity."""
        probes = [lane.breaker.retry_at for lane in self._lanes.values() if lane.breaker.is_open and not lane.running]
        return min((at for at in probes if at > after), default=float("inf"))

    def _room(self, lane: Lane) -> int:
        limit = self._per_endpoint
        if lane.breaker.is_open:
            return lane.breaker.room(trio.current_time(), lane.held, limit)
        if lane.seconds < FAST_SECONDS:
            limit += AHEAD * self._per_endpoint
        return limit - lane.held

    def _forget(self) -> None:
        for key in list(self._lanes):
            if len(self._lanes) <= KEPT_LANES:
                return
            if self._lanes[key].held == 0:
                del self._lanes[key]
