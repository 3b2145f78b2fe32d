"""What happened to a mail, in words and in order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2ad.core.outbound import REASONS
from e2ad.dashboard.timeline import timeline
from e2ad.storage.desk import Pushed

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def transition(code: str, **more: Any) -> dict[str, Any]:
    return {"reason_code": code, "occurred_at": "2026-03-01T12:00:00Z", "evidence": {}, "recipient": None, **more}


def pushed(**more: Any) -> Pushed:
    given: dict[str, Any] = {
        "id": "whd_1",
        "endpoint": "wh_1",
        "kind": "webhook",
        "event_type": "email.received",
        "status": "delivered",
        "attempts": 1,
        "created_at": AT,
        "last_attempt_at": AT + timedelta(seconds=2),
        "next_attempt_at": AT + timedelta(minutes=5),
        "last_status_code": 200,
        "last_error": None,
        "url": "https://a.example/hook",
    }
    return Pushed(**(given | more))


@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_reason_has_its_words(code: str) -> None:
    (moment,) = timeline([transition(code)], [])
    assert moment.words != code.replace(".", ": ").replace("_", " ")


def test_a_reason_that_is_new_is_told_as_it_is() -> None:
    assert timeline([transition("some.new_thing")], [])[0].words == "some: new thing"


def test_recipient_and_reply_are_told() -> None:
    (moment,) = timeline(
        [transition("delivery.permanent_bounce", recipient="a@b.example", evidence={"reply": "550 no"})], []
    )
    assert moment.words.endswith("(a@b.example)")
    assert moment.detail == "550 no"


@pytest.mark.parametrize(
    ("given", "level", "words", "detail", "again"),
    [
        (
            {},
            "good",
            "Delivered to the webhook: email.received",
            "https://a.example/hook · 1 attempt · answered 200",
            False,
        ),
        (
            {"status": "failed", "attempts": 8, "last_status_code": 500, "last_error": "broke"},
            "bad",
            "Could not be delivered",
            "8 attempts · answered 500 · broke",
            False,
        ),
        (
            {"status": "pending", "attempts": 2, "last_status_code": None, "last_error": "timeout"},
            "warn",
            "Not delivered yet",
            "2 attempts · timeout",
            True,
        ),
        (
            {"status": "pending", "attempts": 0, "last_attempt_at": None},
            "warn",
            "Not delivered yet",
            "0 attempts",
            False,
        ),
        (
            {"kind": "agent", "url": "", "endpoint": "bot@x.example"},
            "good",
            "Delivered to the agent's own URL",
            "bot@x.example",
            False,
        ),
    ],
)
def test_attempts_are_told(given: dict[str, Any], level: str, words: str, detail: str, again: bool) -> None:
    (moment,) = timeline([], [pushed(**given)])
    assert moment.level == level
    assert moment.words.startswith(words)
    assert detail in moment.detail
    assert bool(moment.again_at) == again


def test_it_is_in_order() -> None:
    rows = [
        transition("queue.outbound_submission", occurred_at=at)
        for at in ("2026-03-01T12:00:03.5Z", "2026-03-01T12:00:03Z")
    ]
    told = timeline(rows, [pushed()])
    assert [one.at for one in told] == ["2026-03-01T12:00:02Z", "2026-03-01T12:00:03Z", "2026-03-01T12:00:03.5Z"]
