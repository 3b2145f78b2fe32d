"""A circuit for one endpoint: after repeated trouble it is asked less often, one question at a time.

It never uses up an attempt and never drops a delivery; it only decides how many attempts may run
at once. What waits behind an open circuit stays in the queue and is tried within its schedule.
"""

from attrs import define

__all__ = ["Breaker"]


@define
class Breaker:
    """Closed: everything may go. Open: nothing until `retry_at`, then one try decides.

    Attributes:
        threshold: failures to connect, in a row, that open it.
        open_seconds: how long nothing is tried; doubled at each failed probe up to `longest_seconds`.
    """

    threshold: int = 5
    open_seconds: float = 1.0
    longest_seconds: float = 30.0
    failures: int = 0
    retry_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the endpoint is under suspicion at all."""
        return self.failures >= self.threshold

    def room(self, now: float, running: int, limit: int) -> int:
        """How many attempts may start now.

        Args:
            now: a monotonic clock in seconds.
            running: attempts in flight.
            limit: how many may be in flight while all is well.
        """
        if not self.is_open:
            return max(0, limit - running)
        return 1 if running == 0 and now >= self.retry_at else 0

    def succeeded(self) -> None:
        """It answered: whatever it said, it is there."""
        self.failures = 0

    def failed(self, now: float) -> bool:
        """It could not be reached. True when this very failure opened the circuit."""
        self.failures += 1
        if self.failures < self.threshold:
            return False
        steps = min(self.failures - self.threshold, 16)
        self.retry_at = now + min(self.longest_seconds, self.open_seconds * 2**steps)
        return self.failures == self.threshold
