"""`e2a trace`: a ledger for the eye."""

import json
from collections.abc import Callable
from typing import Any

from e2ad.cli import tracing
from e2ad.core.outbound import REASONS
from tests.cli.conftest import FarApi

MESSAGE = "/v1/agents/bot@agents.test/messages/msg_1"


def row(reason_code: str, at: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "mlt_1",
        "message_id": "msg_1",
        "direction": "outbound",
        "reason_code": reason_code,
        "stage": REASONS[reason_code].stage,
        "outcome": REASONS[reason_code].outcome,
        "evidence": {},
        "correlation_ids": {},
        "occurred_at": f"2026-07-01T{at}Z",
        "reconstructed": False,
        **more,
    }


def test_every_reason_has_its_words() -> None:
    assert set(tracing._WORDS) == set(REASONS)


def test_a_timeline() -> None:
    lines = [line.plain for line in tracing.timeline([
        row("acceptance.outbound_api", "12:00:00"),
        row("submission.temporary_failure", "12:00:01.5", evidence={"detail": "450 \x1b]later", "hosts": ["a", "b"]}),
        row("submission.upstream_accepted", "12:02:03", recipient="a\u202e@b.test", correlation_ids={"job_id": "7"}),
        row("delivery.permanent_bounce", "14:30:00", recipient="a@b.test", reconstructed=True),
    ])]  # fmt: skip
    assert lines == [
        "2026-07-01 12:00:00    +0.00 s  accepted from the API",
        "2026-07-01 12:00:01    +1.50 s  put off; tried again later",
        " " * 32 + "detail: 450 �]later",
        " " * 32 + "hosts: a, b",
        "2026-07-01 12:02:03    +2m 03s  taken by the relay  a�@b.test",
        "2026-07-01 14:30:00    +2h 30m  bounced for good  a@b.test  (concluded from the message)",
    ]


def test_evidence_that_has_parts_is_told_in_words() -> None:
    evidence = {"dmarc": {"status": "pass", "policy": None, "aligned_by": ["spf", "dkim"]}}
    lines = [
        line.plain.strip()
        for line in tracing.timeline([row("authentication.dmarc_pass", "12:00:00", evidence=evidence)])
    ]
    assert lines[1:] == ["dmarc: status pass; aligned by spf, dkim"]


def test_what_is_dated_alike_stands_in_the_order_of_its_happening() -> None:
    codes = ["queue.outbound_submission", "acceptance.outbound_api", "review.approved"]
    out = [line.plain.split("  ")[-1] for line in tracing.timeline([row(code, "12:00:00") for code in codes])]
    assert out == ["approved", "accepted from the API", "queued for dispatch"]
    held = ["review.hold_created", "authentication.dmarc_pass", "acceptance.inbound_smtp"]
    rows = [row(code, "12:00:00", direction="inbound") for code in held]
    inbound = [line.plain.split("  ")[-1] for line in tracing.timeline(rows)]
    assert inbound == ["taken from SMTP", "the author is proven (DMARC pass)", "held for review"]


def test_a_captured_mail_was_taken_by_nobody() -> None:
    [line, _] = tracing.timeline([
        row("submission.upstream_accepted", "12:00:00", evidence={"detail": "captured: no relay is configured"})
    ])  # fmt: skip
    assert line.plain.endswith("  captured")


def test_the_command(far: FarApi, page: Callable[..., Any]) -> None:
    far.on("GET", f"{MESSAGE}/lifecycle", page(row("acceptance.outbound_api", "12:00:00")))
    far.on("GET", "/v1/reviews/msg_1", {
        "direction": "outbound", "subject": "Hi", "header_from": "bot@agents.test", "to": ["a@b.test"], "cc": [],
        "delivery_status": "deferred", "delivery_detail": "450 later", "review_status": "sent",
    })  # fmt: skip
    done = far.e2a("trace", "msg_1")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["Hi  [deferred]  450 later", "bot@agents.test -> a@b.test"]
    assert "accepted from the API" in done.stdout
    assert json.loads(far.e2a("trace", "msg_1", "--json").stdout)[0]["reason_code"] == "acceptance.outbound_api"
    far.on("GET", "/v1/reviews/msg_1", (403, {"error": {"code": "forbidden", "message": "no", "request_id": "r"}}))
    own = far.e2a("trace", "msg_1")  # with the credential of an agent
    assert (own.exit_code, own.stdout.splitlines()[0]) == (0, "msg_1")


def test_a_persons_word(far: FarApi) -> None:
    far.on("POST", f"{MESSAGE}/resolve", {"message_id": "msg_1", "outcome": "resend"})
    assert far.e2a("resolve", "msg_1", "--as", "resend").stdout == "msg_1: is sent again\n"
    assert far.last("POST").body == {"outcome": "resend"}
    assert far.e2a("resolve", "msg_1").exit_code == 2
