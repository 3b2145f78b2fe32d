"""Mail from one agent to another: delivered here, by the same way that mail from outside goes in.

Nobody has to prove anything by DNS: the sender is an agent that this deployment has authenticated
itself, and the evidence says so. The dedupe of the intake makes it exactly once, however often it is tried.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import trio
from attrs import field, frozen

from e2ad.core import errors, mime
from e2ad.core.address import AddressError, parse_mailbox
from e2ad.core.authentication import (
    AlignedBy,
    Authentication,
    DkimResult,
    DkimStatus,
    DmarcResult,
    DmarcStatus,
    SpfResult,
    SpfStatus,
)
from e2ad.core.message import Envelope, ParsedMessage, Peer, Recipient
from e2ad.core.screening import Screening, screen
from e2ad.gateway.arrivals import Incoming, Inside
from e2ad.gateway.directory import Directory
from e2ad.gateway.intake import Intake
from e2ad.gateway.screening import LARGE_OCTETS, OFF, Screener, mail_material

__all__ = ["InsideMail", "InsideOutcome", "Later", "Taken", "TurnedAway", "evidence"]

LARGE_BYTES: Final = 32 * 1024
"""As in `gateway.receive`: more is parsed off the event loop."""
_DETAIL: Final = "an agent of this deployment"
_SELECTOR: Final = "e2ad"


@frozen
class Taken:
    """It is in the inbox, as this message."""

    message_id: str


@frozen
class TurnedAway:
    """It never will be."""

    code: int
    enhanced: str
    why: str


@frozen
class Later:
    """Not now. `outage`: it is our trouble and not that of the recipient."""

    code: int
    enhanced: str
    why: str
    outage: bool


InsideOutcome: TypeAlias = Taken | TurnedAway | Later


def evidence(author_domain: str | None) -> Authentication:
    """What is known of an agent's mail: its author, as if by an aligned signature of ours."""
    if author_domain is None:
        return Authentication(SpfResult(SpfStatus.NONE), DmarcResult(DmarcStatus.NONE), verified=False)
    return Authentication(
        spf=SpfResult(SpfStatus.NONE, detail=_DETAIL),
        dmarc=DmarcResult(DmarcStatus.PASS, author_domain, aligned_by=(AlignedBy.DKIM,), detail=_DETAIL),
        dkim=(DkimResult(DkimStatus.PASS, author_domain, _SELECTOR, aligned=True, detail=_DETAIL),),
        verified=True,
    )


@frozen
class InsideMail:
    """The way in for mail of agents.

    Args:
        directory: who an address is.
        intake: the group commit.
        helo: our own name.
        max_received_fields: a mail with more trace fields goes round in circles (RFC 5321 section 6.3).
        screener: whether content is looked at.
    """

    _directory: Directory
    _intake: Intake
    _helo: str
    _max_received_fields: int
    _screener: Screener = OFF
    _limiter: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(2))

    async def serves(self, address: str) -> bool:
        """Whether mail to this address ends in an agent's inbox here, now or once there is room in it.

        Raises:
            Unavailable: nobody can say.
        """
        try:
            await self._directory.find(parse_mailbox(address))
        except (errors.UnknownRecipient, AddressError):
            return False
        except errors.MailboxFull:
            pass
        return True

    async def deliver(
        self, addresses: Sequence[str], content: bytes, *, sender: str, inside: Inside, smtputf8: bool = False
    ) -> dict[str, InsideOutcome]:
        """Put one mail into the inboxes of agents, each for itself: one that is full keeps no other from it.

        Args:
            addresses: the recipients, all on this deployment.
            content: the mail as it was composed.
            sender: the reverse-path.
            inside: which agent stands behind it.

        Returns:
            An outcome for each address.

        Cancellation:
            The mail may be delivered; delivering it again is recognised.
        """
        outcomes: dict[str, InsideOutcome] = {}
        found: dict[str, Recipient] = {}
        for address in addresses:
            try:
                found[address] = await self._directory.find(parse_mailbox(address))
            except (errors.Failure, AddressError) as error:
                outcomes[address] = _trouble(error)
        if not found:
            return outcomes
        parsed, sha256, seen = await self._read(content, looks=self._screener.looks_at(found.values()))
        if parsed.received_count > self._max_received_fields:
            return outcomes | dict.fromkeys(found, _trouble(errors.TooManyHops()))
        peer = Peer("127.0.0.1", 0, self._helo, "inside")
        envelope = Envelope(peer, parse_mailbox(sender), tuple(found.values()), smtputf8=smtputf8)
        authentication = evidence(None if parsed.author is None else parsed.author.domain)
        shared = Incoming.of(
            envelope,
            content,
            sha256,
            parsed,
            authentication,
            inside=inside,
            screening=seen,
            asks_model=self._screener.asks_model,
        )
        return outcomes | await self._store(shared, found)

    async def _store(self, shared: Incoming, found: Mapping[str, Recipient]) -> dict[str, InsideOutcome]:
        """All at once; where that fails not by our trouble, one by one."""
        try:
            ids = await self._intake.submit([shared.arrival(recipient) for recipient in found.values()])
            return {address: Taken(message_id) for address, message_id in zip(found, ids, strict=True)}
        except errors.Unavailable as error:
            return dict.fromkeys(found, _trouble(error))
        except Exception as error:  # noqa: BLE001 - what one recipient's row does to the database is no other's matter
            if len(found) == 1:
                return dict.fromkeys(found, _trouble(error))
        outcomes: dict[str, InsideOutcome] = {}
        for address, recipient in found.items():
            outcomes |= await self._store(shared, {address: recipient})
        return outcomes

    async def _read(self, content: bytes, *, looks: bool) -> tuple[ParsedMessage, bytes, Screening | None]:
        def work() -> tuple[ParsedMessage, bytes, Screening | None]:
            parsed = mime.parse(content)
            return parsed, hashlib.sha256(content).digest(), screen(mail_material(parsed)) if looks else None

        if len(content) <= (LARGE_OCTETS if looks else LARGE_BYTES):
            return work()
        return await trio.to_thread.run_sync(work, limiter=self._limiter)


def _trouble(error: Exception) -> InsideOutcome:
    match error:
        case errors.MailboxFull():
            return Later(452, "4.2.2", "the mailbox is full", outage=False)
        case errors.Unavailable():
            return Later(451, "4.3.0", "the inbox could not be reached", outage=True)
        case errors.Failure():
            answer = errors.answer(error).smtp
            if answer.code >= 500:
                return TurnedAway(answer.code, answer.enhanced, answer.text)
            return Later(answer.code, answer.enhanced, answer.text, outage=False)
        case AddressError():
            return TurnedAway(501, "5.1.3", str(error))
        case _:
            return Later(451, "4.3.0", f"it could not be stored: {type(error).__name__}", outage=False)
