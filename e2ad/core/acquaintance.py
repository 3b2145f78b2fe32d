"""What an agent knows of those who write to it, carried forward mail by mail.

The tables of `storage.intake` remember it for the mail that was really delivered. Here it is a value, so that it can be
told what an agent would know had other mail been delivered. `known` answers as the look-up of mail in does.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from attrs import define, field

from e2ad.core.continuity import Evidence, Known, look

__all__ = ["Acquaintance", "Acquaintances"]

_MOST_EVIDENCE: Final = 32
"""So much of it does the look-up of mail in read."""


@define
class Acquaintance:
    """One address as an agent knows it.

    Attributes:
        inbound_count, outbound_count: mails of it that were delivered, and mails to it that left.
        since: of the first of them.
        is_proven: it proved itself once, or was written to: others may be mistaken for it.
    """

    address: str
    look: str
    inbound_count: int = 0
    outbound_count: int = 0
    evidence: set[Evidence] = field(factory=set)
    since: datetime | None = None
    is_proven: bool = False


class Acquaintances:
    """All of them, by address and by look.

    Args:
        known: what the agent knew before.
    """

    def __init__(self, known: Iterable[Acquaintance] = ()) -> None:
        self._all: dict[str, Acquaintance] = {}
        self._alike: dict[str, list[Acquaintance]] = {}
        for one in known:
            self._keep(one)

    def known(self, address: str) -> Known:
        """What is known of an address, with those known earlier who look like it."""
        one = self._all.get(address)
        since = None if one is None else one.since
        alike = sorted(
            (other.since, other.address)
            for other in self._alike.get(look(address), ())
            if other.is_proven
            and other.address != address
            and other.since is not None
            and (since is None or other.since < since)
        )
        return Known(
            address,
            inbound_count=0 if one is None else one.inbound_count,
            outbound_count=0 if one is None else one.outbound_count,
            evidence=() if one is None or not one.inbound_count else _few(one.evidence),
            lookalikes=tuple(address for _, address in alike),
        )

    def received(self, address: str, evidence: Sequence[Evidence], *, is_verified: bool, at: datetime) -> None:
        """A mail of this address was delivered."""
        one = self._met(address, at)
        one.inbound_count += 1
        one.evidence |= set(evidence)
        one.is_proven = one.is_proven or is_verified

    def wrote(self, address: str, at: datetime) -> None:
        """A mail to this address left."""
        one = self._met(address, at)
        one.outbound_count += 1
        one.is_proven = True

    def _met(self, address: str, at: datetime) -> Acquaintance:
        one = self._all.get(address)
        if one is None:
            one = self._keep(Acquaintance(address, look(address), since=at))
        return one

    def _keep(self, one: Acquaintance) -> Acquaintance:
        self._all[one.address] = one
        if one.look:
            self._alike.setdefault(one.look, []).append(one)
        return one


def _few(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    return tuple(sorted(evidence, key=lambda one: (one.mechanism, one.domain, one.selector))[:_MOST_EVIDENCE])
