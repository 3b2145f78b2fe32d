"""Carries accepted mail: to agents inside, and through the relay to people, each mail at most once to each.

The row is the truth. A claim writes attempt number and lease before anything is tried; a mark is on disk
before content leaves; whoever finds a mark without an outcome sends nothing more and says that the
outcome is unknown. All that is written about an attempt is fenced by its number.
"""

import random
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from typing import Final

import structlog
import trio
from attrs import frozen

from e2ad import maillog
from e2ad.config import Config
from e2ad.core.errors import Unavailable
from e2ad.core.outbound import RecipientStatus
from e2ad.gateway import outcomes
from e2ad.gateway.acceptance import from_domain_of
from e2ad.gateway.facts import Report
from e2ad.gateway.inside import InsideMail
from e2ad.gateway.limits import RateLimits
from e2ad.storage import submissions
from e2ad.storage.pool import Database
from e2ad.storage.submissions import Claim, Notice
from e2ad.workers.contents import ByteBudget, StoredContents
from e2ad.workers.dispatch_attempt import MailAttempt, Means
from e2ad.workers.dispatch_loop import RECORD_SECONDS, Loop
from e2ad.workers.dispatch_marks import Marks
from e2ad.workers.dispatch_notices import NoticeMeans, Notices
from e2ad.workers.dispatch_relay import Upstream
from e2ad.workers.dispatch_results import Patience

__all__ = ["Dispatcher", "attempt_seconds"]

log = structlog.get_logger("e2ad.workers")

LEASE_MARGIN_SECONDS: Final = 30.0
"""For what an attempt does when its time is over: the last wait for an answer, and writing it down."""
CARRY_SECONDS: Final = 10.0
ANNOUNCE_SECONDS: Final = 0.05
NOTICE_CONCURRENCY: Final = 4
NOTICE_HEAR_SECONDS: Final = 1.0
NOTICE_OUTAGE_SECONDS: Final = 300.0
NOTICE_SENDER: Final = "hitl-noreply"


def attempt_seconds(config: Config) -> float:
    """The deadline of one attempt: a session with a slow relay, each of its waits once."""
    relay = config.relay
    return 2 * relay.connect_seconds + 4 * relay.command_seconds + 2 * relay.data_seconds + relay.final_seconds


@frozen
class _Mails:
    """Submissions as a kind of work."""

    database: Database
    means: Means
    lease_seconds: float
    outbox: bool
    name: str = "submissions"

    async def claim(self, limit: int) -> Sequence[Claim]:
        return await submissions.claim(self.database, limit=limit, lease_seconds=self.lease_seconds)

    async def next_due_seconds(self) -> float | None:
        return await submissions.next_due_seconds(self.database)

    def begin(self, work: Claim) -> MailAttempt:
        return MailAttempt(self.means, work)

    async def record(self, reports: Sequence[Report]) -> float | None:
        async with self.database.transaction() as transaction:
            lost = await outcomes.apply_all(transaction, reports, outbox=self.outbox, at=self.means.now())
        waits = []
        for report in reports:
            release, again = report.release, _is_due_again(report)
            assert release is not None
            if report.key in lost:
                maillog.dispatch_claim_lost(report.message_id, release.number)
                continue
            if again:
                waits.append(release.wait_seconds)
            maillog.dispatch_done(
                report.message_id,
                release.number,
                ",".join(sorted({change.status.value for change in report.changes})),
                wait_seconds=release.wait_seconds if again else None,
                reason=next((change.detail for change in report.changes if change.detail), ""),
            )
        return min(waits, default=None)

    def id_of(self, report: Report) -> str:
        return report.message_id


def _is_due_again(report: Report) -> bool:
    return not report.changes or any(change.status is RecipientStatus.PENDING for change in report.changes)


class Dispatcher:
    """The courier of one process (`gateway.courier.Courier`).

    `carry` works in every process; `run` where there is the role worker, `announce` where there is not.

    Args:
        database: the pool.
        config: `relay`, `ramp`, `gate`, `features`.
        inside: the way into inboxes here.
        upstream: the way to everybody else.
        limits: the rate limits of scheduled mail.
        jitter: from 0 up to 1, fresh for each wait.
    """

    def __init__(
        self,
        database: Database,
        config: Config,
        *,
        inside: InsideMail,
        upstream: Upstream,
        limits: RateLimits,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        relay, seconds = config.relay, attempt_seconds(config)
        lease_seconds = seconds + LEASE_MARGIN_SECONDS

        async def mark_mails(claims: Sequence[Claim]) -> set[Hashable]:
            return set(await submissions.mark(database, claims))

        async def mark_notices(notices: Sequence[Notice]) -> set[Hashable]:
            return set(await submissions.mark_notices(database, notices))

        self._marks: Marks[Claim] = Marks(mark_mails, lambda claim: (claim.account_id, claim.message_id))
        self._notice_marks: Marks[Notice] = Marks(mark_notices, lambda notice: notice.id)
        means = Means(
            executor=database,
            contents=StoredContents(database, ByteBudget(relay.memory_bytes)),
            inside=inside,
            upstream=upstream,
            limits=limits,
            ramp=config.ramp,
            patience=Patience(relay.retry_schedule_seconds, relay.outage_seconds, relay.give_up_seconds, jitter),
            mark=self._marks.mark,
            now=now,
        )
        notice_means = NoticeMeans(
            inside=inside,
            upstream=upstream,
            sender=f"{NOTICE_SENDER}@{from_domain_of(config)}",
            schedule=config.gate.notice_schedule_seconds,
            outage_seconds=NOTICE_OUTAGE_SECONDS,
            give_up_seconds=relay.give_up_seconds,
            jitter=jitter,
            now=now,
            mark=self._notice_marks.mark,
        )
        self._mails = _Mails(database, means, lease_seconds, config.features.outbox)
        self._kicked = trio.Event()
        self._mail_loop: Loop[Claim, Report] = Loop(
            self._mails, concurrency=relay.concurrency, attempt_seconds=seconds, poll_seconds=relay.poll_seconds
        )
        self._notice_loop = Loop(
            Notices(database, notice_means, lease_seconds),
            concurrency=NOTICE_CONCURRENCY,
            attempt_seconds=seconds,
            poll_seconds=relay.poll_seconds,
            hear_seconds=NOTICE_HEAR_SECONDS,
        )

    def kick(self) -> None:
        """Submissions or notices were committed by this process: look at once. Does not wait."""
        self._kicked.set()
        self._mail_loop.kick()
        self._notice_loop.hear()

    def hear_notification(self, payload: str) -> None:
        """Some process committed submissions or notices (`e2ad_submissions`): look in a moment."""
        self._mail_loop.hear()
        self._notice_loop.hear()

    async def announce(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Where the loop does not run: tell the processes where it does of what was committed here.

        Apart from the commits themselves, and once for many of them: transactions that notify commit one by one.
        """
        task_status.started()
        while True:
            await self._kicked.wait()
            self._kicked = trio.Event()
            try:
                await submissions.announce(self._mails.database)
            except Exception as error:  # noqa: BLE001 - a hint; the others look by themselves from time to time
                log.warning("submissions not announced", error=maillog.reason_of(error))
            await trio.sleep(ANNOUNCE_SECONDS)

    async def carry(self, account_id: str, message_id: str) -> None:
        """Carry one accepted mail now, as far as it goes inside this deployment.

        What is behind the relay is left to the loop, and so is a mail that another attempt has claimed.

        Raises:
            Unavailable: it was not carried, or not within seconds; it is carried later.

        Cancellation: the mail stays due and is carried later; what was delivered is recorded.
        """
        seconds, kind = CARRY_SECONDS, self._mails
        claims: Sequence[Claim] = ()
        with trio.move_on_after(seconds):
            claims = await submissions.claim(
                kind.database, limit=0, lease_seconds=kind.lease_seconds, named=(account_id, message_id)
            )
        if not claims:
            raise Unavailable
        attempt = MailAttempt(kind.means, claims[0], relay_too=False)
        report: Report | None = None
        try:
            with trio.move_on_after(seconds):
                await attempt.run()
        finally:
            report = attempt.report()
            with trio.move_on_after(RECORD_SECONDS, shield=True):
                await self._record(report)
        self._mail_loop.kick()
        if _is_due_again(report):
            raise Unavailable

    async def run(self, closing: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Carry what is due until `closing`; then claim nothing more and return when all is recorded.

        Cancellation:
            Attempts are broken off. A relay that has a whole mail gets a few seconds to answer, and
            what is known is written.
        """
        async with trio.open_nursery() as office:
            office.start_soon(self._marks.run)
            office.start_soon(self._notice_marks.run)
            async with trio.open_nursery() as loops:
                await loops.start(self._mail_loop.run, closing)
                await loops.start(self._notice_loop.run, closing)
                task_status.started()
            office.cancel_scope.cancel()

    async def _record(self, report: Report) -> None:
        try:
            await self._mails.record([report])
        except Unavailable as error:
            log.warning("outcome of one mail not recorded", error=maillog.reason_of(error))
