"""The tables of mail out: what an outcome is to a recipient, when the next attempt is, what a relay calls a mail."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2ad.core.outbound import RecipientStatus as R
from e2ad.core.outbound import Route
from e2ad.gateway.facts import Change
from e2ad.smtp.client import Accepted, Phase, Refused, RelayReply
from e2ad.storage.submissions import Claim, Pending
from e2ad.workers.dispatch_notices import NoticeMeans, wait_seconds
from e2ad.workers.dispatch_results import Patience, Waiting, failed, of_relay, provider_id, report_of

AT = datetime(2026, 7, 2, tzinfo=UTC)
PATIENCE = Patience((100.0, 200.0), 50.0, 1000.0, lambda: 0.5)


def a_claim(**more: Any) -> Claim:
    values: dict[str, Any] = {
        "account_id": "a", "message_id": "msg_1", "agent_email": "bot@agents.test", "number": 1, "counted_attempts": 0,
        "accepted_at": AT, "scheduled_at": None, "sent_as": "relay", "signing_domain": "agents.test",
        "return_path": "b@agents.test", "smtputf8": False, "lost": False, "cancelled": False,
        "hops": 0, "content_sha256": None, "size_bytes": 1, "raw": b"x",
        "recipients": (Pending("a@b.test", Route.RELAY), Pending("c@d.test", Route.RELAY)),
    }  # fmt: skip
    return Claim(**values | more)


@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        ("Ok 010f0190-0001", "email-smtp.eu-west-1.amazonaws.com", "<010f0190-0001@eu-west-1.amazonses.com>"),
        ("Ok 010f0190-0001", "mx.test", "<010f0190-0001>"),
        ("Ok: queued as 4XyZ", "mx.test", "<4XyZ>"),
        ("2.0.0 Message accepted for <id@far.test> delivery", "mx.test", "<id@far.test>"),
        ("<id@far.test> Ok", "email-smtp.eu-west-1.amazonaws.com", "<id@far.test>"),
        ("queued as 4XyZ; thanks", "mx.test", "<4XyZ>"),
        ("thank you", "mx.test", None),
        ("", "mx.test", None),
    ],
)
def test_what_the_relay_calls_it(text: str, host: str, expected: str | None) -> None:
    assert provider_id([Accepted(RelayReply(250, None, (text,)))], host) == expected


def test_nothing_accepted_has_no_name() -> None:
    assert provider_id([], "mx.test") is None


@pytest.mark.parametrize(
    ("waiting", "before", "age", "wait", "counted", "statuses"),
    [
        ({"a@b.test": "counted"}, 0, 0, 95.0, True, {R.PENDING}),
        ({"a@b.test": "counted"}, 1, 0, 190.0, True, {R.PENDING}),
        ({"a@b.test": "counted"}, 2, 0, 0.0, True, {R.FAILED}),
        ({"a@b.test": "counted"}, 0, 5000, 95.0, True, {R.PENDING}),
        ({"a@b.test": "outage"}, 2, 0, 47.5, False, {R.PENDING}),
        ({"a@b.test": "outage"}, 0, 1000, 0.0, False, {R.FAILED}),
        ({"a@b.test": "shortage"}, 0, 5000, 7.0, False, {R.PENDING}),
        ({"a@b.test": "ramp"}, 0, 0, 7.0, False, {R.PENDING}),
        ({"a@b.test": "ramp"}, 0, 1000, 0.0, False, {R.FAILED}),
        ({"a@b.test": "counted", "c@d.test": "outage"}, 0, 0, 95.0, True, {R.PENDING}),
        ({"a@b.test": "counted", "c@d.test": "outage"}, 2, 0, 47.5, True, {R.PENDING, R.FAILED}),
        ({}, 0, 0, 0.0, False, set()),
    ],
)
def test_the_next_attempt(
    waiting: dict[str, Any], before: int, age: float, wait: float, counted: bool, statuses: set[R]
) -> None:
    waits = {address: Waiting(kind, "why", wait_seconds=7.0) for address, kind in waiting.items()}
    claim = a_claim(counted_attempts=before, accepted_at=AT - timedelta(seconds=age))
    report = report_of(claim, {}, waits, PATIENCE, AT)
    assert report.release is not None
    assert (report.release.wait_seconds, report.release.counted) == (wait, counted)
    assert {change.status for change in report.changes} == statuses


def test_the_clock_of_scheduled_mail_starts_at_its_time() -> None:
    claim = a_claim(accepted_at=AT - timedelta(days=30), scheduled_at=AT)
    report = report_of(claim, {}, {"a@b.test": Waiting("outage", "away")}, PATIENCE, AT)
    assert report.changes[0].status is R.PENDING


def test_whose_fault() -> None:
    refused = of_relay("a@b.test", Refused(RelayReply(554, "5.6.0", ("no",)), Phase.FINAL, "no"))
    assert isinstance(refused, Change)
    assert report_of(a_claim(), {"a@b.test": refused}, {}, PATIENCE, AT).failure_source == "provider"
    ours = failed("a@b.test", "submission.cancelled", "it is in the trash")
    assert report_of(a_claim(), {"a@b.test": ours}, {}, PATIENCE, AT).failure_source == "local"


@pytest.mark.parametrize(
    ("number", "age", "outage", "expected"),
    [
        (1, 0, False, 9.5),
        (2, 100, False, 19.0),
        (3, 100, False, None),
        (9, 20, False, 19.0),
        (9, 20, True, 285.0),
        (1, 1000, True, None),
    ],
)
def test_patience_with_notices(number: int, age: float, outage: bool, expected: float | None) -> None:
    means = NoticeMeans(
        inside=None,  # type: ignore[arg-type] # nothing is carried
        upstream=None,  # type: ignore[arg-type] # nothing is carried
        sender="n@agents.test",
        schedule=(10.0, 20.0),
        outage_seconds=300.0,
        give_up_seconds=1000.0,
        jitter=lambda: 0.5,
        mark=None,  # type: ignore[arg-type] # nothing is carried
        now=lambda: AT,
    )
    assert wait_seconds(means, number, age, outage=outage) == expected
