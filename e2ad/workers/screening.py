"""Asks the model about mail that waits for its word, and settles it: delivered, marked, held, or kept back.

The row is the truth: `claim` has counted the attempt and set the next time before anybody is asked, so that a crash,
a kill and a cancellation read alike, and the mail comes up again. A model that does not answer, attempt after
attempt, makes no mail pass and loses none: a person looks at it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

import structlog
import trio

from e2ad import maillog
from e2ad.config import Config
from e2ad.core.errors import Unavailable
from e2ad.core.findings import HEURISTICS, MODEL
from e2ad.core.screening import Material, Screening, Signal
from e2ad.delivery.screening_model import (
    Connector,
    HttpScreeningModel,
    ModelUnavailable,
    ModelVerdict,
    ScreeningModel,
)
from e2ad.gateway import screened
from e2ad.gateway.screening import Screener, from_json, off_loop, together
from e2ad.storage import screenings as storage
from e2ad.storage.pool import Database
from e2ad.storage.screenings import Waits

__all__ = ["ScreeningSettings", "ScreeningWorker", "opinion"]

log = structlog.get_logger("e2ad.workers")

MARGIN_SECONDS: Final = 10.0
"""Between the deadline of a question and the next attempt at the earliest: in it the answer is recorded."""
SETTLE_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 60.0
"""Where no model is configured: nothing new waits."""


class ScreeningSettings(Protocol):
    """The `[screening]` section of the configuration."""

    @property
    def deadline_seconds(self) -> float:
        """For one question."""

    @property
    def concurrency(self) -> int:
        """Questions at a time, in one process."""

    @property
    def retry_schedule_seconds(self) -> Sequence[float]:
        """The waits after questions that were not answered; after the last one a person decides."""

    @property
    def poll_seconds(self) -> float:
        """The slow poll, the net under all notices."""


class ScreeningWorker:
    """The model's desk in one process.

    Args:
        database: where mail waits.
        model: who is asked; None where none is configured (any more): what waits is settled by the heuristics alone,
            as mail is that comes in now.
        settings: schedule and bounds.
        outbox: whether subscribed webhooks get deliveries.
    """

    def __init__(
        self, database: Database, model: ScreeningModel | None, settings: ScreeningSettings, *, outbox: bool
    ) -> None:
        self._database = database
        self._model = model
        self._settings = settings
        self._outbox = outbox
        self._bell = trio.Event()

    @classmethod
    def of(cls, database: Database, config: Config, egress: Connector) -> "ScreeningWorker":
        """With the model that is configured, if any.

        Raises:
            InvalidWebhookUrl: its URL is none.
        """
        asks = Screener.of(config).asks_model
        model = HttpScreeningModel(config.screening, egress) if asks else None
        return cls(database, model, config.screening, outbox=config.features.outbox)

    def kick(self) -> None:
        """Mail that waits was committed by this process: look now. Does not wait; any task may call it."""
        self._bell.set()

    async def run(self, closing: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until `closing`; then claim nothing more and return when the mail in hand is settled.

        Cancellation:
            Mail in hand is settled or not; what is not comes up again.
        """
        task_status.started()
        async with trio.open_nursery() as bells:
            bells.start_soon(self._ring_at, closing)
            while not closing.is_set():
                try:
                    done = await self.sweep()
                except Exception as error:  # noqa: BLE001 - a database that is away comes back; the mail waits in it
                    log.warning("mail that waits for the model not looked for", error=maillog.reason_of(error))
                    done = 0
                    await trio.sleep(RETRY_SECONDS)
                if done < self._settings.concurrency and not closing.is_set():
                    with trio.move_on_after(self._settings.poll_seconds if self._model else IDLE_SECONDS):
                        await self._bell.wait()
                    if not closing.is_set():
                        self._bell = trio.Event()
            bells.cancel_scope.cancel()

    async def _ring_at(self, closing: trio.Event) -> None:
        await closing.wait()
        self._bell.set()

    async def sweep(self) -> int:
        """Take as many mails as may be asked about at once, and settle each; how many were taken.

        Raises:
            Unavailable: the database does not answer.
        """
        taken = await storage.claim(self._database, limit=self._settings.concurrency, waits_seconds=self._waits)
        async with trio.open_nursery() as nursery:
            for one in taken:
                nursery.start_soon(self._attempt, one)
        return len(taken)

    @property
    def _waits(self) -> list[float]:
        least = self._settings.deadline_seconds + SETTLE_SECONDS + MARGIN_SECONDS
        # One type: a list of integers and floats has none in the database.
        return [float(max(least, wait)) for wait in (*self._settings.retry_schedule_seconds, 0)]

    async def _attempt(self, one: Waits) -> None:
        """One mail. Whatever is wrong with it, the others are settled too; it comes up again by itself."""
        try:
            noticed = from_json(one.noticed)
            verdict = None if self._model is None else await self._opinion(self._model, one, noticed)
            whole, detector = noticed, HEURISTICS
            if verdict is not None:
                whole, detector = together(noticed, opinion(verdict)), f"{HEURISTICS}+{MODEL}"
            elif self._model is None:
                log.info("no model is configured any more", message=one.message_id)
            elif one.attempts > len(self._settings.retry_schedule_seconds):
                whole = screened.unanswered(noticed, f"{one.attempts} attempts")
            else:
                return
            await self._settle(one, whole, detector)
        except Unavailable as error:
            log.warning("mail that waits for the model not settled", error=maillog.reason_of(error))
        except Exception:
            log.exception("mail that waits for the model not settled", message=one.message_id)

    async def _opinion(self, model: ScreeningModel, one: Waits, noticed: Screening) -> ModelVerdict | None:
        if one.attempts > len(self._settings.retry_schedule_seconds) + 1:
            # It was asked about often enough; what failed since was to write down what follows.
            return None
        material = await off_loop(partial(_material, one), len(one.body_text))
        try:
            with trio.fail_after(self._settings.deadline_seconds):
                return await model.judge(material, noticed.signals)
        except (ModelUnavailable, trio.TooSlowError) as error:
            maillog.screening_unanswered(one.message_id, one.attempts, maillog.reason_of(error))
            return None

    async def _settle(self, one: Waits, whole: Screening, detector: str) -> None:
        with trio.fail_after(SETTLE_SECONDS):
            async with self._database.transaction() as transaction:
                told = await screened.settle(
                    transaction, one.account_id, one.message_id, whole, detector=detector, outbox_on=self._outbox
                )
        if told is not None:
            maillog.screened(one.message_id, told, whole.score)


def opinion(verdict: ModelVerdict) -> Screening:
    """The model's verdict as a screening: its categories as signals, its score as it is."""
    summary = verdict.summary or "the model objects to the content"
    named = verdict.categories or (("verdict", verdict.score),)
    # Categories without weight say what it is not.
    signals = tuple(Signal(f"model:{name}", score, summary) for name, score in named if score > 0)
    return Screening(verdict.score, signals, degraded=False)


def _material(one: Waits) -> Material:
    continuity = one.sender_continuity
    return Material(
        direction="inbound",
        subject=one.subject,
        sender_name=one.sender_name,
        header_from=one.header_from,
        text=one.body_text,
        html=one.body_html,
        attachments=tuple(str(meta["filename"]) for meta in one.attachments if meta.get("filename")),
        truncated=one.truncated,
        lookalike_of=None if continuity is None else continuity.resembles,
        continuity=None if continuity is None else continuity.status,
    )
