"""One attempt to carry one mail: what may not be sent, then the recipients inside, then those behind the relay."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
import trio
from attrs import frozen

from e2ad import maillog
from e2ad.config.sections import Ramp
from e2ad.core.address import parse_mailbox
from e2ad.core.errors import Unavailable
from e2ad.core.outbound import RecipientStatus, Route, SentAs
from e2ad.gateway.arrivals import Inside
from e2ad.gateway.facts import Change, Report
from e2ad.gateway.inside import InsideMail
from e2ad.gateway.limits import RateLimits
from e2ad.storage import submissions
from e2ad.storage.pool import Executor
from e2ad.storage.submissions import Claim, Pending
from e2ad.workers.dispatch_marks import ClaimLost
from e2ad.workers.dispatch_relay import Upstream
from e2ad.workers.dispatch_results import (
    CAPTURED,
    Patience,
    Waiting,
    failed,
    of_inside,
    of_relay,
    provider_id,
    report_of,
    unknown,
)

__all__ = ["Contents", "MailAttempt", "Means"]

log = structlog.get_logger("e2ad.workers")

SCHEDULED_PER_MINUTE: Final = 60
"""For each agent: what was put off until nine o'clock does not all leave at nine (contract: scheduled sending)."""
SHORTAGE_SECONDS: Final = 5.0
RAMP_TROUBLE_SECONDS: Final = 60.0
GIVE_BACK_SECONDS: Final = 3.0
RAMP_SPREAD_SECONDS: Final = 600.0


class Contents(Protocol):
    """Who lends large mail (`workers.contents.StoredContents`)."""

    def borrow(self, account_id: str, sha256: bytes, size: int) -> AbstractAsyncContextManager[bytes | None]:
        """The mail, or None when it is gone."""


@frozen
class Means:
    """What an attempt works with."""

    executor: Executor
    contents: Contents
    inside: InsideMail
    upstream: Upstream
    limits: RateLimits
    ramp: Ramp
    patience: Patience
    mark: Callable[[Claim], Awaitable[None]]
    now: Callable[[], datetime]


class MailAttempt:
    """One attempt. What is found out is kept at once, so that a cancellation loses none of it.

    Args:
        relay_too: False leaves the recipients behind the relay to the next attempt.
    """

    def __init__(self, means: Means, claim: Claim, *, relay_too: bool = True) -> None:
        self._means = means
        self._claim = claim
        self._relay_too = relay_too
        self._settled: dict[str, Change] = {}
        self._waiting: dict[str, Waiting] = {}
        self._provider_message_id: str | None = None

    async def run(self) -> None:
        """Try; every failure becomes a part of the report.

        Cancellation: as far as it came. Where the relay had the whole content, its answer was waited for.
        """
        try:
            await self._run()
        except ClaimLost:
            maillog.dispatch_claim_lost(self._claim.message_id, self._claim.number)
        except Unavailable as error:
            self._wait(self._left(), Waiting("shortage", maillog.reason_of(error), wait_seconds=SHORTAGE_SECONDS))
        except Exception as error:
            log.exception("dispatch failed", message=self._claim.message_id)
            self._wait(self._left(), Waiting("counted", f"internal error: {type(error).__name__}"))

    def expire(self) -> None:
        """Its time is over. The relay has not got the mail, or it would have said so or be unknown."""
        self._wait(self._left(), Waiting("outage", "the attempt took too long"))

    def report(self) -> Report:
        """What became of it. Recipients that were not come to are due again at once."""
        means = self._means
        return report_of(
            self._claim,
            self._settled,
            self._waiting,
            means.patience,
            means.now(),
            provider_message_id=self._provider_message_id,
        )

    async def _run(self) -> None:
        self._set_aside()
        if not self._left() or not await self._is_time():
            return
        claim = self._claim
        if claim.raw is not None:
            await self._carry(claim.raw)
        elif claim.content_sha256 is None:
            self._give_up("the content of the mail is gone")
        else:
            async with self._means.contents.borrow(claim.account_id, claim.content_sha256, claim.size_bytes) as raw:
                if raw is None:
                    self._give_up("the content of the mail is gone")
                else:
                    await self._carry(raw)

    async def _carry(self, content: bytes) -> None:
        if inside := [one.address for one in self._left() if one.route is Route.INSIDE]:
            await self._deliver(inside, content)
        if self._relay_too and (outside := [one for one in self._left() if one.route is Route.RELAY]):
            await self._send(outside, content)

    def _set_aside(self) -> None:
        """Recipients that nothing is sent to: of mail in the trash, of lost attempts, on a suppression list."""
        claim = self._claim
        for one in claim.recipients:
            if claim.lost and one.route is Route.RELAY:
                self._settle(unknown(one.address, "the attempt ended while the mail was on its way"))
            elif claim.cancelled:
                self._settle(failed(one.address, "submission.cancelled", "cancelled: it is in the trash"))
            elif one.suppressed:
                why = "the address is on the suppression list"
                self._settle(failed(one.address, "suppression.recipient_blocked", why))

    async def _is_time(self) -> bool:
        """Whether mail of a set time may leave now: only so many of an agent in a minute."""
        claim = self._claim
        if claim.scheduled_at is None:
            return True
        allowance = await self._means.limits.take(f"dispatch:{claim.agent_email}", SCHEDULED_PER_MINUTE, 60)
        if not allowance.allowed:
            wait = float(allowance.reset_seconds)
            self._wait(self._left(), Waiting("shortage", "many at the same time: in a moment", wait_seconds=wait))
        return allowance.allowed

    async def _deliver(self, addresses: list[str], content: bytes) -> None:
        claim = self._claim
        delegation = f"agent={claim.agent_email};human={claim.account_id}"
        origin = Inside(max(1, claim.hops), delegation, claim.account_id, claim.agent_email, claim.thread_id)
        outcomes = await self._means.inside.deliver(
            addresses, content, sender=claim.agent_email, inside=origin, smtputf8=claim.smtputf8
        )
        for address, outcome in outcomes.items():
            self._learn(address, of_inside(address, outcome))

    async def _send(self, recipients: list[Pending], content: bytes) -> None:
        claim, upstream = self._claim, self._means.upstream
        if not await self._reserve(len(recipients)):
            return

        async def mark() -> None:
            await self._means.mark(claim)

        taken = False
        try:
            outcomes = await upstream.send(
                content,
                signing_domain=claim.signing_domain,
                reverse_path=parse_mailbox(claim.return_path),
                addresses=[one.address for one in recipients],
                smtputf8=claim.smtputf8,
                mark=mark,
            )
            if outcomes is None:
                taken = True
                maillog.dispatch_captured(claim.message_id, len(recipients))
                for one in recipients:
                    self._settle(_captured(one.address))
                return
            self._provider_message_id = provider_id(outcomes.values(), upstream.host)
            for address, outcome in outcomes.items():
                self._learn(address, of_relay(address, outcome))
                taken = taken or address in self._settled
        finally:
            if not taken and self._is_ramped:
                with trio.move_on_after(GIVE_BACK_SECONDS, shield=True):
                    await self._give_back(len(recipients))

    @property
    def _is_ramped(self) -> bool:
        return self._means.ramp.enabled and self._claim.sent_as == SentAs.OWN_ADDRESS.value

    async def _reserve(self, count: int) -> bool:
        """Take the mail's part of today's ramp, if its domain has one."""
        if not self._is_ramped:
            return True
        try:
            if await self._take_ramp(count):
                return True
        except Unavailable:
            self._wait(self._left(), Waiting("shortage", "the ramp is not known", wait_seconds=RAMP_TROUBLE_SECONDS))
            return False
        at = self._means.now()
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        spread = RAMP_SPREAD_SECONDS * self._means.patience.jitter()
        wait = (midnight - at).total_seconds() + spread
        self._wait(self._left(), Waiting("ramp", "today's share of the domain is used up", wait_seconds=wait))
        return False

    async def _give_back(self, count: int) -> None:
        """What was not sent is left to other mail of today; lost where the database is away."""
        try:
            await self._take_ramp(-count)
        except Unavailable as error:
            log.warning("ramp not given back", domain=self._claim.signing_domain, error=maillog.reason_of(error))

    async def _take_ramp(self, count: int) -> bool:
        ramp, claim = self._means.ramp, self._claim
        return await submissions.reserve_ramp(
            self._means.executor,
            claim.account_id,
            claim.signing_domain,
            count,
            start_daily=ramp.start_daily,
            target_daily=ramp.target_daily,
            ramp_days=ramp.ramp_days,
        )

    def _left(self) -> list[Pending]:
        done = self._settled.keys() | self._waiting.keys()
        return [one for one in self._claim.recipients if one.address not in done]

    def _learn(self, address: str, found: Change | Waiting) -> None:
        if isinstance(found, Waiting):
            self._waiting[address] = found
        else:
            self._settle(found)

    def _settle(self, change: Change) -> None:
        self._settled[change.address] = change
        if change.status is RecipientStatus.OUTCOME_UNKNOWN:
            claim, domain = self._claim, maillog.domain_of(change.address)
            maillog.dispatch_unknown(claim.message_id, claim.number, domain, change.detail or "")

    def _wait(self, recipients: list[Pending], waits: Waiting) -> None:
        for one in recipients:
            self._waiting[one.address] = waits

    def _give_up(self, why: str) -> None:
        for one in self._left():
            self._settle(failed(one.address, "submission.local_retries_exhausted", why))


def _captured(address: str) -> Change:
    return Change(address, RecipientStatus.SENT, None, None, CAPTURED, "submission.upstream_accepted")
