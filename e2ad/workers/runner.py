"""Claims due deliveries, lets each attempt run under its deadline, and writes the outcomes back.

The row is the truth: `claim` has written attempt number and lease before anything is tried, so a
crash, a kill and a cancellation all read alike, and nothing is ever tried in a hot loop.

What wakes it: `kick` by the process that committed, `hear` for what other processes committed
(a little later, since they claim their own), the time when a retry known here is due, and a slow
poll, which is the net under all of these.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import structlog
import trio
from attrs import evolve, frozen

from e2ad import maillog
from e2ad.core.delivery import (
    Attempt,
    Deferred,
    Delivered,
    DeliveryKind,
    Gone,
    Outcome,
    PutBack,
    PutOff,
    Refused,
    parse_notification,
)
from e2ad.core.errors import Unavailable
from e2ad.delivery.recent import Recent
from e2ad.storage import deliveries
from e2ad.storage.pool import Executor
from e2ad.workers.lanes import Claimed, Lane, Lanes
from e2ad.workers.outcomes import decide, tell
from e2ad.workers.recording import FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS, Recording

__all__ = ["Attempter", "Runner", "WebhookSettings"]

log = structlog.get_logger("e2ad.workers")

HEAR_SECONDS: Final = 0.05
LEASE_MARGIN_SECONDS: Final = 10.0
RECORD_BATCH: Final = 256
RECORD_SECONDS: Final = 3.0
"""Shielded, at the end: an endpoint has acted on these attempts already."""


class WebhookSettings(Protocol):
    """The `[webhooks]` section of the configuration."""

    @property
    def retry_schedule_seconds(self) -> Sequence[float]:
        """The waits after failed attempts."""

    @property
    def attempt_seconds(self) -> float:
        """Deadline of one attempt, name resolution included."""

    @property
    def per_endpoint(self) -> int:
        """Attempts in flight for one endpoint, in one process."""

    @property
    def concurrency(self) -> int:
        """Attempts in flight for all endpoints, in one process."""

    @property
    def poll_seconds(self) -> float:
        """The slow poll, the net under all notifications."""


class Attempter(Protocol):
    """Makes one attempt (`delivery.webhook.Webhooks`)."""

    async def attempt(self, attempt: Attempt) -> Outcome:
        """Try once and say how it went."""


@frozen
class _Ended:
    """An attempt that is over; the times are of Trio's clock."""

    attempt: Attempt
    outcome: Outcome
    begun_at: float
    ended_at: float


class Runner:
    """The delivery worker of one process.

    Args:
        executor: the pool.
        attempter: makes the attempts.
        settings: schedule and bounds.
        jitter: from 0 up to 1, fresh for each wait.
    """

    def __init__(
        self,
        executor: Executor,
        attempter: Attempter,
        settings: WebhookSettings,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._executor = executor
        self._attempter = attempter
        self._settings = settings
        self._jitter = jitter
        self._lanes = Lanes(settings.per_endpoint, settings.concurrency)
        self._lease_seconds = settings.attempt_seconds + LEASE_MARGIN_SECONDS
        self._own = Recent(4096)
        self._wake = trio.Event()
        self._claim_at = 0.0
        self._claimed_at = 0.0
        self._due_at = 0.0
        self._left_behind = False
        self._outcomes: Recording[_Ended] = Recording(
            "deliveries",
            self._record,
            id_of=lambda ended: ended.attempt.id,
            batch=RECORD_BATCH,
            last_seconds=RECORD_SECONDS,
            written=self._switch_off_gone,
        )

    def kick(self, event_ids: Iterable[str] = ()) -> None:
        """Deliveries were committed by this process: claim now. Does not wait; any task may call it.

        Args:
            event_ids: of the new deliveries, so that our own notification does not wake us again.
        """
        self._own.add(event_ids)
        self._claim_by(0.0)

    def hear(self, event_ids: Iterable[str] = ()) -> None:
        """Deliveries were committed by some process, perhaps another one: claim in a moment."""
        event_ids = list(event_ids)
        if event_ids and all(event_id in self._own for event_id in event_ids):
            return
        self._claim_by(trio.current_time() + HEAR_SECONDS)

    def hear_notification(self, payload: str) -> None:
        """`hear` for a notification on `e2ad_events`."""
        self.hear([event_id for _, event_ids in parse_notification(payload) for event_id in event_ids])

    async def run(self, closing: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until `closing`; then claim nothing more and return when the last attempt is recorded.

        Cancellation:
            Attempts in flight are broken off: their rows come again when the lease ends. Outcomes
            that are known are still written, within a few seconds.
        """
        async with self._outcomes.open(), trio.open_nursery() as field_work:
            field_work.start_soon(self._wake_at, closing)
            task_status.started()
            await self._claim_all(closing, field_work)

    async def _wake_at(self, closing: trio.Event) -> None:
        await closing.wait()
        self._wake.set()

    async def _claim_all(self, closing: trio.Event, nursery: trio.Nursery) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        self._claim_at = trio.current_time()
        self._due_at = self._claim_at
        while not closing.is_set():
            await self._sleep(closing)
            if closing.is_set():
                break
            try:
                await self._claim(nursery)
                backoff = FIRST_BACKOFF_SECONDS
            except Exception as error:  # noqa: BLE001 - a database that is away comes back; what is due waits in it
                log.warning("deliveries not claimed", wait_seconds=backoff, error=maillog.reason_of(error))
                self._claim_at = self._due_at = trio.current_time() + backoff
                backoff = min(2 * backoff, LONGEST_BACKOFF_SECONDS)
        self._hand_back(self._lanes.expired(float("inf")))

    async def _sleep(self, closing: trio.Event) -> None:
        """Until there is something to claim, and room for it."""
        while not closing.is_set():
            now = trio.current_time()
            wake_at = min(self._claim_at, self._due_at, self._lanes.next_probe(self._claimed_at))
            room = self._room()
            if wake_at <= now and room > 0:
                return
            self._wake = trio.Event()
            # Without room only the end of an attempt can change anything, and that sets the event.
            with trio.move_on_after(wake_at - now if room > 0 else self._settings.poll_seconds):
                await self._wake.wait()

    def _room(self) -> int:
        """Rows that may be claimed: outcomes that are not written yet count as work in hand."""
        return self._lanes.claimable() - len(self._outcomes)

    async def _claim(self, nursery: trio.Nursery) -> None:
        while True:
            now = self._claimed_at = trio.current_time()
            timer = self._due_at <= now
            limit = self._room()
            if limit <= 0:
                self._left_behind = True
                return
            self._claim_at = now + self._settings.poll_seconds
            rooms, full = self._lanes.rooms()
            claim = await deliveries.claim(
                self._executor,
                limit=limit,
                lease_seconds=self._lease_seconds,
                room=self._settings.per_endpoint,
                rooms=rooms,
                excluded=full,
            )
            for attempt in claim.attempts:
                self._lanes.add(Claimed(attempt, now + self._lease_seconds))
            self._start(nursery)
            more = claim.seen >= limit
            self._left_behind = more or claim.seen > len(claim.attempts)
            if timer:
                await self._learn_next_due()
            if not more:
                return

    async def _learn_next_due(self) -> None:
        # Before the question, not after it: what is recorded meanwhile may be due earlier, and says so here.
        self._due_at = trio.current_time() + self._settings.poll_seconds
        wait_seconds = await deliveries.next_due_seconds(self._executor)
        if wait_seconds is not None:
            self._note_due(wait_seconds)

    def _note_due(self, wait_seconds: float) -> None:
        # Never a hot loop, whatever the clocks say: at most ten claims a second for what is late.
        at = trio.current_time() + max(0.1, wait_seconds)
        if at < self._due_at:
            self._due_at = at
            self._wake.set()

    def _claim_by(self, at: float) -> None:
        if at < self._claim_at:
            self._claim_at = at
        self._wake.set()

    def _start(self, nursery: trio.Nursery) -> None:
        now = trio.current_time()
        self._hand_back(self._lanes.expired(now + self._settings.attempt_seconds))
        for lane, claimed in self._lanes.startable(now):
            nursery.start_soon(self._attempt, lane, claimed, nursery)

    def _hand_back(self, attempts: Sequence[Attempt]) -> None:
        now = trio.current_time()
        self._outcomes.add(*(_Ended(attempt, PutBack(), now, now) for attempt in attempts))

    async def _attempt(self, lane: Lane, claimed: Claimed, nursery: trio.Nursery) -> None:
        attempt = claimed.attempt
        begun_at = trio.current_time()
        outcome: Outcome = Deferred(f"no answer within {self._settings.attempt_seconds:g} s", unreachable=True)
        try:
            with trio.move_on_after(self._settings.attempt_seconds):
                outcome = await self._attempter.attempt(attempt)
        except Unavailable:
            outcome = PutBack()  # our own shortage, before anything was sent
        except Exception as error:
            log.exception("delivery attempt failed", delivery=attempt.id)
            outcome = Deferred(f"internal error: {type(error).__name__}")
        finally:
            self._lanes.done(lane)
        now = trio.current_time()
        lane.finished(now - begun_at)
        if attempt.kind is not DeliveryKind.URL:  # a person waits for its answers, whatever they are
            self._judge(lane, outcome, now)
        self._outcomes.add(_Ended(attempt, outcome, begun_at, now))
        self._start(nursery)
        if (self._left_behind or lane.saturated) and lane.held <= self._settings.per_endpoint // 2:
            self._claim_by(now)

    def _judge(self, lane: Lane, outcome: Outcome, now: float) -> None:
        match outcome:
            case Deferred(unreachable=True, reason=reason):
                if lane.breaker.failed(now):
                    maillog.circuit_opened(lane.key, reason)
                    self._hand_back(self._lanes.emptied(lane))
            case Delivered() | Deferred() | Gone():
                lane.breaker.succeeded()
            case Refused() | PutOff() | PutBack():
                pass

    async def _record(self, batch: Sequence[_Ended]) -> None:
        schedule, now = self._settings.retry_schedule_seconds, trio.current_time()
        records = [
            evolve(
                decide(one.attempt, one.outcome, schedule, self._jitter),
                age_seconds=now - one.begun_at,
                took_seconds=one.ended_at - one.begun_at,
            )
            for one in batch
        ]
        await deliveries.record(self._executor, records)
        # There is room again, perhaps for a claim that is overdue.
        self._wake.set()
        for one, record in zip(batch, records, strict=True):
            if record.result in ("again", "put_back", "put_off"):
                self._note_due(record.wait_seconds)
            tell(one.attempt, one.outcome, record)

    async def _switch_off_gone(self, batch: Sequence[_Ended]) -> None:
        for one in batch:
            if isinstance(one.outcome, Gone) and one.attempt.kind is DeliveryKind.WEBHOOK:
                await self._switch_off(one.attempt)

    async def _switch_off(self, attempt: Attempt) -> None:
        reason = "the endpoint answered 410 Gone"
        try:
            if await deliveries.disable_webhook(self._executor, attempt.account_id, attempt.endpoint_key, reason):
                maillog.webhook_disabled(attempt.account_id, attempt.endpoint_key, reason)
        except Exception as error:  # noqa: BLE001 - it will answer 410 again
            log.warning("webhook not switched off", webhook=attempt.endpoint_key, error=maillog.reason_of(error))
