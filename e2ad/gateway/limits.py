"""Rate limits that are right across processes.

The table `rate_windows` counts requests of a subject in fixed windows. Each process reserves a
small chunk of a window at a time, so that most requests touch no database; a chunk is reserved
before it is used, so that all processes together never exceed the limit. What a process has
reserved and not used when the window ends is lost to others: chunks are a small part of the
limit, and become single requests when little is left.

The table is a convenience, not a promise: when it cannot be read the request is let through
and the trouble is logged, for a limiter must not turn a slow database into an outage of reads.
"""

import ipaddress
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final

import structlog
import trio
from attrs import define, field, frozen

from e2ad.core.errors import Failure, RateLimited
from e2ad.gateway.mint import now
from e2ad.storage import limits as table
from e2ad.storage.pool import Executor

__all__ = ["Allowance", "RateLimits", "address_subject"]

log = structlog.get_logger("e2ad.gateway")

CHUNKS: Final = 12
"""A window's limit is reserved in about this many pieces."""
KEPT_SUBJECTS: Final = 10_000
RESERVE_SECONDS: Final = 2.0


@frozen
class Allowance:
    """What is left in a window, for the RateLimit headers; `limit` 0 means that there is none."""

    limit: int = 0
    remaining: int = 0
    reset_seconds: int = 0
    allowed: bool = True

    def headers(self) -> dict[str, str]:
        """`RateLimit-*`, or nothing where the limit is off."""
        if not self.limit:
            return {}
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }

    def check(self) -> None:
        """Raise what the caller is told when nothing is left.

        Raises:
            RateLimited: with the seconds to wait, at least one.
        """
        if not self.allowed:
            raise RateLimited(retry_after_seconds=max(1, self.reset_seconds))


@define
class _Window:
    start: datetime
    reserved: int = 0
    """Ours and not used yet."""
    used: int = 0
    """By all processes, as far as we know."""
    lock: trio.Lock = field(factory=trio.Lock)


@define
class RateLimits:
    """The limiter; one a process."""

    executor: Executor
    _windows: "OrderedDict[str, _Window]" = field(factory=OrderedDict, init=False)

    async def take(self, subject: str, limit: int, window_seconds: int, *, cost: int = 1) -> Allowance:
        """Use `cost` of `subject`'s allowance in the current window.

        Args:
            subject: what is counted, such as `poll:<account id>`.
            limit: per window; 0 switches the limit off.
        """
        if limit <= 0:
            return Allowance()
        at = now()
        start = datetime.fromtimestamp(at.timestamp() // window_seconds * window_seconds, UTC)
        reset = max(1, ceil((start + timedelta(seconds=window_seconds) - at).total_seconds()))
        window = self._window(subject, start)
        # Ours already: no wait, so no other request of this process can come in between.
        if window.reserved < cost and window.used < limit:
            await self._gain(subject, window, limit, cost)
        allowed = window.reserved >= cost
        if allowed:
            window.reserved -= cost
        remaining = max(0, limit - window.used) + window.reserved
        return Allowance(limit, remaining if allowed else 0, reset, allowed)

    async def sweep(self, older_seconds: int = 7200) -> int:
        """Drop windows that are over; returns how many."""
        return await table.sweep(self.executor, now() - timedelta(seconds=older_seconds))

    def _window(self, subject: str, start: datetime) -> _Window:
        window = self._windows.get(subject)
        if window is None or window.start != start:
            window = self._windows[subject] = _Window(start)
        self._windows.move_to_end(subject)
        while len(self._windows) > KEPT_SUBJECTS:
            self._windows.popitem(last=False)
        return window

    async def _gain(self, subject: str, window: _Window, limit: int, cost: int) -> None:
        try:
            # The wait for others of this subject counts too: one after the other they would wait for minutes.
            with trio.fail_after(RESERVE_SECONDS):
                async with window.lock:
                    if window.reserved < cost:
                        await self._reserve(subject, window, limit, cost)
        except (Failure, trio.TooSlowError, OSError) as error:
            log.warning("rate limits not readable, request let through", subject=subject, error=repr(error))
            window.reserved += cost

    async def _reserve(self, subject: str, window: _Window, limit: int, cost: int) -> None:
        wanted = max(cost, min(limit // CHUNKS, (limit - window.used) // 2))
        granted, used = await table.reserve(self.executor, subject, window.start, wanted, limit)
        window.reserved += granted
        window.used = used


def address_subject(kind: str, address: str) -> str:
    """The subject of a limit per client address. IPv6 counts by /64: one customer has that many."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return f"{kind}:{address}"
    if ip.version == 6:
        if ip.ipv4_mapped is not None:
            return f"{kind}:{ip.ipv4_mapped}"
        return f"{kind}:{ipaddress.ip_network((ip, 64), strict=False).network_address}"
    return f"{kind}:{ip}"
