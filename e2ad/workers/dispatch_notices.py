"""Mail of the deployment itself, such as a request to review: the same rules as for an agent's, without its books."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

import structlog
from attrs import frozen

from e2ad import maillog
from e2ad.core.address import parse_mailbox
from e2ad.core.errors import Unavailable
from e2ad.core.retry import JITTER, next_wait_seconds, total_seconds
from e2ad.gateway.inside import InsideMail
from e2ad.smtp.client import Accepted, Deferred, Refused, Unknown
from e2ad.storage import submissions
from e2ad.storage.pool import Database
from e2ad.storage.submissions import Notice, NoticeOutcome
from e2ad.workers.dispatch_marks import ClaimLost
from e2ad.workers.dispatch_relay import Upstream
from e2ad.workers.dispatch_results import CAPTURED

__all__ = ["NoticeAttempt", "NoticeMeans", "Notices", "wait_seconds"]

log = structlog.get_logger("e2ad.workers")

TO_AN_AGENT: Final = "the address of the account is that of an agent, and no agent may decide about held mail"


@frozen
class NoticeMeans:
    """What an attempt at a notice works with.

    Attributes:
        sender: its address, as in From.
        schedule: waits after failed attempts.
        outage_seconds, give_up_seconds: while the relay is away, how long to wait each time and in all.
    """

    inside: InsideMail
    upstream: Upstream
    sender: str
    schedule: Sequence[float]
    outage_seconds: float
    give_up_seconds: float
    jitter: Callable[[], float]
    now: Callable[[], datetime]
    mark: Callable[[Notice], Awaitable[None]]


class NoticeAttempt:
    """One attempt at one notice."""

    def __init__(self, means: NoticeMeans, notice: Notice) -> None:
        self._means = means
        self._notice = notice
        self._outcome = NoticeOutcome(notice.id, notice.number, "pending")

    async def run(self) -> None:
        """Try; every failure becomes the outcome."""
        try:
            await self._run()
        except ClaimLost:
            maillog.dispatch_claim_lost(self._notice.id, self._notice.number)
        except Unavailable as error:
            self._again(maillog.reason_of(error), outage=True)
        except Exception as error:
            log.exception("notice failed", notice=self._notice.id)
            self._again(f"internal error: {type(error).__name__}", outage=False)

    def expire(self) -> None:
        """Its time is over."""
        self._again("the attempt took too long", outage=True)

    def report(self) -> NoticeOutcome:
        """What became of it."""
        return self._outcome

    async def _run(self) -> None:
        notice = self._notice
        if notice.lost:
            why = "the attempt ended while the mail was on its way"
            maillog.dispatch_unknown(notice.id, notice.number, maillog.domain_of(notice.recipient), why)
            self._end("outcome_unknown", why)
        elif not notice.wanted:
            self._end("skipped", "what it is about is decided, or its time is over")
        elif await self._means.inside.serves(notice.recipient):
            # Whoever reads such a mail can decide. In an inbox here that would be the agent about itself.
            self._end("failed", TO_AN_AGENT)
            maillog.notice_withheld(notice.id)
        else:
            await self._send()

    async def _send(self) -> None:
        notice, means = self._notice, self._means

        async def mark() -> None:
            await means.mark(notice)

        sender = parse_mailbox(means.sender)
        outcomes = await means.upstream.send(
            notice.content,
            signing_domain=sender.domain,
            reverse_path=sender,
            addresses=[notice.recipient],
            smtputf8=not notice.recipient.isascii(),
            mark=mark,
        )
        if outcomes is None:
            maillog.dispatch_captured(notice.id, 1)
            self._end("sent", CAPTURED)
            return
        match outcomes[notice.recipient]:
            case Accepted(reply):
                self._end("sent", str(reply))
            case Deferred(_, _, why) as deferred:
                self._again(why, outage=deferred.outage)
            case Refused(_, _, why):
                self._end("failed", why)
            case Unknown(_, why):
                maillog.dispatch_unknown(notice.id, notice.number, maillog.domain_of(notice.recipient), why)
                self._end("outcome_unknown", why)

    def _end(self, status: submissions.NoticeStatus, detail: str) -> None:
        self._outcome = NoticeOutcome(self._notice.id, self._notice.number, status, detail)

    def _again(self, why: str, *, outage: bool) -> None:
        notice, means = self._notice, self._means
        age_seconds = (means.now() - notice.created_at).total_seconds()
        wait = wait_seconds(means, notice.number, age_seconds, outage=outage)
        if wait is None:
            self._end("failed", f"given up after {notice.number} attempts: {why}")
        else:
            self._outcome = NoticeOutcome(notice.id, notice.number, "pending", why, wait)


def wait_seconds(means: NoticeMeans, number: int, age_seconds: float, *, outage: bool) -> float | None:
    """Seconds from a failed attempt to the next, or None to give up.

    Outages use up no attempts, but attempts are numbered with them: while a notice is younger than its
    whole schedule it is tried again, however high its number.
    """
    jitter, schedule = means.jitter(), means.schedule
    if outage:
        return means.outage_seconds * (1 - JITTER * jitter) if age_seconds < means.give_up_seconds else None
    if age_seconds < total_seconds(schedule):
        number = min(number, len(schedule))
    return next_wait_seconds(number, schedule, jitter)


@frozen
class Notices:
    """Notices as a kind of work."""

    database: Database
    means: NoticeMeans
    lease_seconds: float
    name: str = "notices"

    async def claim(self, limit: int) -> Sequence[Notice]:
        """Take due notices."""
        return await submissions.claim_notices(self.database, limit=limit, lease_seconds=self.lease_seconds)

    async def next_due_seconds(self) -> float | None:
        """Until the next one."""
        return await submissions.next_notice_seconds(self.database)

    def begin(self, work: Notice) -> NoticeAttempt:
        """An attempt at one."""
        return NoticeAttempt(self.means, work)

    async def record(self, outcomes: Sequence[NoticeOutcome]) -> float | None:
        """Write what became of them."""
        await submissions.record_notices(self.database, outcomes)
        for outcome in outcomes:
            again = outcome.status == "pending"
            maillog.dispatch_done(
                outcome.id,
                outcome.number,
                outcome.status,
                wait_seconds=outcome.wait_seconds if again else None,
                reason=outcome.detail or "",
            )
        return min((o.wait_seconds for o in outcomes if o.status == "pending"), default=None)

    def id_of(self, outcome: NoticeOutcome) -> str:
        """Which notice it was."""
        return outcome.id
