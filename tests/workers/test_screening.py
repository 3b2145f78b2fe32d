"""Mail that waits for the word of the model: what becomes of it, whatever the model, the database or a signal does."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio
from attrs import define, field, frozen

from e2ad.config.sections import Config
from e2ad.core.errors import Unavailable
from e2ad.core.screening import Material, Screening, Signal
from e2ad.delivery.screening_model import ModelUnavailable, ModelVerdict
from e2ad.gateway import protection as verbs
from e2ad.gateway import screened as settling
from e2ad.gateway.reviews import Reviewer
from e2ad.gateway.screening import Screener
from e2ad.storage import messages as reads
from e2ad.storage.messages import Filter
from e2ad.storage.pool import Database
from e2ad.workers.screening import ScreeningWorker, opinion
from tests.gateway.test_intake_gate import (
    ACCOUNT,
    AGENT,
    REVIEWS,
    announced,
    house,  # noqa: F401 - a fixture
    rows,
    run,
)
from tests.gateway.test_intake_screening import receive, screened

ASKS = Screener(is_on=True, asks_model=True)


@define
class Model:
    """Says what it was told to say, and remembers what it was asked."""

    verdict: ModelVerdict | Exception = field(factory=lambda: ModelVerdict(0.0))
    asked: list[tuple[Material, tuple[Signal, ...]]] = field(factory=list)
    during: Callable[[], Any] | None = None

    async def judge(self, material: Material, signals: Sequence[Signal] = ()) -> ModelVerdict:
        self.asked.append((material, tuple(signals)))
        await trio.lowlevel.checkpoint()
        if self.during is not None:
            await self.during()
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


@frozen
class Settings:
    deadline_seconds: float = 5.0
    concurrency: int = 4
    retry_schedule_seconds: Sequence[float] = (1.0, 1.0)
    poll_seconds: float = 30.0


def a_worker(database: Database, model: Model | None, **settings: Any) -> ScreeningWorker:
    return ScreeningWorker(database, model, Settings(**settings), outbox=True)


async def waiting(database: Database, text: str = "hello", sensitivity: str = "medium", **more: Any) -> str:
    message_id, _ = await receive(database, screened(sensitivity, **more), text, screener=ASKS)
    return message_id


async def due_again(database: Database) -> None:
    await run(database, "update screenings set next_attempt_at = now()")


async def message(database: Database, message_id: str) -> dict[str, Any]:
    (found,) = [row for row in await rows(database, "messages") if row["id"] == message_id]
    return found


@pytest.mark.parametrize(
    ("score", "event", "status", "deliveries"),
    [
        (0.0, "email.received", None, ["agent", "webhook"]),
        (0.4, "email.received", None, ["agent", "webhook", "webhook"]),
        (0.6, "email.review_requested", "pending_review", ["webhook"]),
        (0.95, "email.blocked", "review_rejected", ["webhook"]),
    ],
)
async def test_the_word_of_the_model(
    house: Database,  # noqa: F811
    score: float,
    event: str,
    status: str | None,
    deliveries: list[str],
) -> None:
    message_id = await waiting(house)
    model = Model(ModelVerdict(score, (("phishing", score),), "asks for a password"))
    assert await a_worker(house, model).sweep() == 1
    ((material, signals),) = model.asked
    assert (material.text.strip(), material.header_from, signals) == ("hello", "ann@example.org", ())
    found = await message(house, message_id)
    assert (found["review_status"], found["flagged"]) == (status, score == 0.4)
    assert found["scan_score"] == pytest.approx(score)
    told = {row["type"] for row in await rows(house, "events")}
    assert told == ({event, "email.flagged"} if score == 0.4 else {event})
    assert sorted(kind for _, kind in await announced(house)) == deliveries
    counted = [row["inbound_count"] for row in await rows(house, "correspondents")]
    assert counted == ([1] if event == "email.received" else [])
    holds = await rows(house, "holds")
    assert [hold["reason"]["category"] for hold in holds] == (["model:phishing"] if status == "pending_review" else [])
    ledger = await rows(house, "lifecycle")
    assert [row["reason_code"] for row in ledger] == (["review.hold_created"] if holds else [])
    noted = [(row["detector"], row["action"], row["summary"]) for row in await rows(house, "protection_events")]
    action = {0.4: "flag", 0.6: "review", 0.95: "block"}.get(score)
    assert noted == ([("heuristics+model", action, "asks for a password")] if action else [])
    assert await rows(house, "screenings") == []
    assert await a_worker(house, model).sweep() == 0


async def test_while_it_waits_nobody_sees_it(house: Database) -> None:  # noqa: F811
    message_id = await waiting(house)
    page = await reads.page(house, ACCOUNT, AGENT, Filter(), after=None, limit=10)
    assert page == []
    assert await reads.read(house, ACCOUNT, AGENT, message_id, mark_read=True) is None
    trashed = await reads.trash(house, ACCOUNT, AGENT, message_id)
    assert trashed is not None
    assert trashed.held


async def test_what_a_person_decides_about_it_later(house: Database) -> None:  # noqa: F811
    message_id = await waiting(house)
    await a_worker(house, Model(ModelVerdict(0.6))).sweep()
    async with house.transaction() as transaction:
        await REVIEWS.approve(transaction, ACCOUNT, message_id, Reviewer("api", "k"))
    assert {row["type"] for row in await rows(house, "events")} == {
        "email.review_requested",
        "email.review_approved",
        "email.received",
    }
    assert [row["inbound_count"] for row in await rows(house, "correspondents")] == [1]


async def test_a_model_that_does_not_answer_loses_no_mail_and_lets_none_pass(house: Database) -> None:  # noqa: F811
    message_id = await waiting(house)
    model = Model(ModelUnavailable("no connection"))
    for attempt in (1, 2):
        assert await a_worker(house, model).sweep() == 1
        assert (await message(house, message_id))["review_status"] == "pending_screening"
        (row,) = await rows(house, "screenings")
        assert row["attempts"] == attempt
        assert row["next_attempt_at"] > row["created_at"]
        assert await a_worker(house, model).sweep() == 0, "not before its time"
        await due_again(house)
    await a_worker(house, model).sweep()
    assert len(model.asked) == 3
    assert (await message(house, message_id))["review_status"] == "pending_review"
    (hold,) = await rows(house, "holds")
    assert (hold["reason"]["type"], hold["reason"]["code"]) == ("scan", "content_unscannable")
    assert "did not answer" in hold["reason"]["summary"]
    assert [row["type"] for row in await rows(house, "events")] == ["email.review_requested"]
    assert await rows(house, "screenings") == []


async def test_a_model_that_is_slow_is_not_waited_for(house: Database) -> None:  # noqa: F811
    message_id = await waiting(house)
    model = Model(during=trio.sleep_forever)
    assert await a_worker(house, model, deadline_seconds=0.2).sweep() == 1
    assert (await message(house, message_id))["review_status"] == "pending_screening"


async def test_the_model_never_makes_a_mail_better(house: Database) -> None:  # noqa: F811
    message_id, _ = await receive(house, screened("medium"), screener=ASKS, score=0.6)
    await a_worker(house, Model(ModelVerdict(0.0, summary="fine"))).sweep()
    assert (await message(house, message_id))["review_status"] == "pending_review"


async def test_the_gate_counts_besides(house: Database) -> None:  # noqa: F811
    message_id = await waiting(house, policy="allowlist", action="review")
    await a_worker(house, Model()).sweep()
    assert (await message(house, message_id))["review_status"] == "pending_review"
    (hold,) = await rows(house, "holds")
    assert hold["reason"]["code"] == "sender_not_allowed"


async def test_what_the_owner_wants_by_then_counts(house: Database) -> None:  # noqa: F811
    message_id = await waiting(house)
    await verbs.put(house, ACCOUNT, AGENT, screened("off"), screening=True)
    await a_worker(house, Model(ModelVerdict(0.99))).sweep()
    assert (await message(house, message_id))["review_status"] is None


async def test_without_a_model_any_more_the_heuristics_decide(house: Database) -> None:  # noqa: F811
    first = await waiting(house)
    await a_worker(house, None).sweep()
    assert (await message(house, first))["review_status"] is None
    second, _ = await receive(house, screened("medium"), "other", screener=ASKS, score=0.6)
    await a_worker(house, None).sweep()
    assert (await message(house, second))["review_status"] == "pending_review"


async def test_mail_of_an_agent_in_the_trash_waits_on(house: Database) -> None:  # noqa: F811
    await waiting(house)
    await run(house, "update agents set deleted_at = now()")
    assert await a_worker(house, Model()).sweep() == 0
    await run(house, "update agents set deleted_at = null")
    assert await a_worker(house, Model()).sweep() == 1


async def test_two_workers_settle_once(house: Database) -> None:  # noqa: F811
    await waiting(house)
    first, second = Model(), Model()

    async def meanwhile() -> None:
        await due_again(house)
        first.during = None
        await a_worker(house, second).sweep()

    first.during = meanwhile
    await a_worker(house, first).sweep()
    assert (len(first.asked), len(second.asked)) == (1, 1)
    assert [row["type"] for row in await rows(house, "events")] == ["email.received"]
    assert [row["inbound_count"] for row in await rows(house, "correspondents")] == [1]


async def test_what_cannot_be_written_down_comes_up_again(
    house: Database,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message_id = await waiting(house)
    settle = settling.settle

    async def broken(*_: Any, **__: Any) -> None:
        await trio.lowlevel.checkpoint()
        raise Unavailable

    monkeypatch.setattr(settling, "settle", broken)
    await a_worker(house, Model()).sweep()
    assert (await message(house, message_id))["review_status"] == "pending_screening"
    monkeypatch.setattr(settling, "settle", settle)
    await due_again(house)
    await a_worker(house, Model()).sweep()
    assert (await message(house, message_id))["review_status"] is None


class Cancelling(trio.abc.Instrument):
    """Cancels a scope at the k-th step that any task makes from now on."""

    def __init__(self, scope: trio.CancelScope, step: int) -> None:
        self._scope = scope
        self._left = step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._left -= 1
        if self._left == 0:
            self._scope.cancel()


async def test_cancelled_at_each_step_it_is_settled_once_by_the_next(house: Database) -> None:  # noqa: F811
    verdict = ModelVerdict(0.4, (("phishing", 0.4),), "odd")
    broken_off = 0
    for step in range(1, 400):
        message_id = await waiting(house, f"mail {step}")
        scope = trio.CancelScope()
        instrument = Cancelling(scope, step)
        done = False
        trio.lowlevel.add_instrument(instrument)
        try:
            with scope:
                await a_worker(house, Model(verdict)).sweep()
                done = True
        finally:
            trio.lowlevel.remove_instrument(instrument)
        settled = not [row for row in await rows(house, "screenings") if row["message_id"] == message_id]
        found = await message(house, message_id)
        told = [row for row in await rows(house, "events") if row["message_id"] == message_id]
        assert (found["review_status"] is None, len(told)) == (settled, 2 * settled), "all or nothing"
        broken_off += not settled
        await due_again(house)
        await a_worker(house, Model(verdict)).sweep()
        assert await rows(house, "screenings") == []
        told = [row for row in await rows(house, "events") if row["message_id"] == message_id]
        assert sorted(row["type"] for row in told) == ["email.flagged", "email.received"]
        if done:
            break
    assert done, "there are more steps than are tried here"
    assert broken_off > 5
    (known,) = await rows(house, "correspondents")
    assert known["inbound_count"] == step


async def test_it_works_when_told_and_stops_when_asked(house: Database) -> None:  # noqa: F811
    closing = trio.Event()
    worker = a_worker(house, Model())
    async with trio.open_nursery() as nursery:
        await nursery.start(worker.run, closing)
        message_id = await waiting(house)
        worker.kick()
        with trio.fail_after(20):
            while (await message(house, message_id))["review_status"] is not None:
                await trio.sleep(0.01)
            closing.set()
    assert json.loads((await rows(house, "events"))[0]["envelope"])["type"] == "email.received"


def test_an_opinion_as_signals() -> None:
    assert opinion(ModelVerdict(0.2)) == Screening(
        0.2, (Signal("model:verdict", 0.2, "the model objects to the content"),), degraded=False
    )
    assert opinion(ModelVerdict(0.0, (("phishing", 0.0),))) == Screening(0.0, (), degraded=False)
    named = opinion(ModelVerdict(0.7, (("phishing", 0.7), ("spam", 0.1)), "why"))
    assert [signal.name for signal in named.signals] == ["model:phishing", "model:spam"]


def test_each_wait_is_longer_than_an_attempt() -> None:
    worker = ScreeningWorker.of(None, Config(), None)  # type: ignore[arg-type] # nothing is asked
    assert min(worker._waits) > Config().screening.deadline_seconds + 30
    assert {type(wait) for wait in worker._waits} == {float}, "the database takes no list of two kinds of numbers"
