"""How many connections there may be: in this process, and from one peer."""

from collections import Counter
from ipaddress import IPv6Address, ip_address

from e2ad.smtp import replies
from e2ad.smtp.replies import Reply

__all__ = ["Connections", "plain_address"]


def plain_address(address: str) -> str:
    """An address as SPF and the log want it: no zone id, and IPv4 where IPv6 only wraps it."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def _household(address: str) -> str:
    # One customer has a whole /64 of IPv6; counting single addresses would count nothing.
    if ":" not in address:
        return address
    return str(IPv6Address(int(IPv6Address(address)) >> 64 << 64))


class Connections:
    """Counters of what is open. State changes at once, without I/O, so no cancellation can tear it."""

    def __init__(self, max_total: int, max_per_peer: int) -> None:
        self._max_total = max_total
        self._max_per_peer = max_per_peer
        self._by_peer: Counter[str] = Counter()
        self.total = 0

    def enter(self) -> Reply | None:
        """Count a connection, or say why there can be no more."""
        if self.total >= self._max_total:
            return replies.TOO_MANY_CONNECTIONS
        self.total += 1
        return None

    def leave(self) -> None:
        """A connection that entered is gone."""
        self.total -= 1

    def enter_peer(self, address: str) -> Reply | None:
        """Count it for its peer too, once the peer is known."""
        household = _household(address)
        if self._by_peer[household] >= self._max_per_peer:
            return replies.TOO_MANY_FROM_PEER
        self._by_peer[household] += 1
        return None

    def leave_peer(self, address: str) -> None:
        """A connection that entered for this peer is gone."""
        household = _household(address)
        self._by_peer[household] -= 1
        if self._by_peer[household] <= 0:
            del self._by_peer[household]
