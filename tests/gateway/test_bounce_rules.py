"""What the words of a report mean."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.outbound import REASONS, RecipientStatus
from e2ad.core.reports import RecipientReport
from e2ad.gateway import bounce_rules
from e2ad.gateway.bounce_rules import DEAD, complains, enhanced, rule, smtp_code


def report(action: str = "failed", status: str = "5.1.1", diagnostic: str = "550 5.1.1 who?") -> RecipientReport:
    return RecipientReport("ann@far.test", action, status, diagnostic)


@pytest.mark.parametrize(
    ("action", "status", "announced"),
    [
        ("delivered", RecipientStatus.DELIVERED, True),
        ("relayed", RecipientStatus.DELIVERED, False),
        ("expanded", RecipientStatus.DELIVERED, False),
        ("delayed", RecipientStatus.DEFERRED, True),
        ("failed", RecipientStatus.BOUNCED, True),
    ],
)
def test_actions(action, status, announced):
    ruling = rule(report(action))
    assert (ruling.status, ruling.announce) == (status, announced)
    assert ruling.reason_code in REASONS
    assert ruling.suppress == (action == "failed")


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind", "suppress"),
    [
        *((status, "550 no", "permanent", True) for status in DEAD),
        ("5.1.7", "550 bad sender", "permanent", False),
        ("5.1.8", "550 bad sender domain", "permanent", False),
        ("5.2.2", "552 mailbox full", "permanent", False),
        ("5.2.3", "552 too long for the mailbox", "permanent", False),
        ("5.3.4", "552 too big", "permanent", False),
        ("5.4.6", "554 loop", "permanent", False),
        ("5.4.7", "554 expired", "permanent", False),
        ("5.6.0", "554 content", "permanent", False),
        ("5.7.1", "550 policy", "permanent", False),
        ("5.7.26", "550 unauthenticated", "permanent", False),
        ("5.0.0", "550 rejected", "permanent", False),
        ("5.0.0", "550 User unknown", "permanent", True),
        ("5.5.0", "550 Requested action not taken: mailbox ann@far.test does not exist", "permanent", True),
        ("5.7.1", "550 user unknown in our list of friends", "permanent", False),
        ("5.0.0", "", "undetermined", False),
        ("5.0.0", "the mailbox does not exist", "undetermined", False),
        ("4.0.0", "", "undetermined", False),
        ("4.0.0", "451 later", "transient", False),
        ("4.4.1", "connection timed out", "transient", False),
        ("4.1.1", "450 who?", "transient", False),
        ("", "", "undetermined", False),
        ("2.0.0", "250 ok", "undetermined", False),
        ("nonsense", "550 no", "undetermined", False),
        ("5.1.1\r\nX", "550 no", "undetermined", False),
    ],
)
def test_bounces(status, diagnostic, kind, suppress):
    ruling = rule(report("failed", status, diagnostic))
    assert (ruling.bounce_type, ruling.suppress) == (kind, suppress)
    assert ruling.reason_code == f"delivery.{kind}_bounce"
    assert ruling.reason_code in REASONS


@pytest.mark.parametrize(
    ("diagnostic", "code"),
    [
        ("550 5.1.1 no such user", 550),
        ("smtp; 550 5.1.1 no such user", 550),
        ("SMTP;452-4.2.2 full", 452),
        ("x-unix; 550 no", 550),
        ("<ann@far.test>: 550 no", 550),
        ("smtp; <ann@far.test>: 450 later", 450),
        ("5.1.1 no code", None),
        ("5500 is no code", None),
        ("user unknown", None),
        ("", None),
        ("350 go on", None),
    ],
)
def test_reply_codes(diagnostic, code):
    assert smtp_code(diagnostic) == code


@pytest.mark.parametrize(
    ("feedback_type", "complaint"),
    [
        ("abuse", True),
        ("fraud", True),
        ("virus", True),
        ("opt-out", True),
        ("other", True),
        ("", True),
        ("something-new", True),
        ("not-spam", False),
        (" Not-Spam ", False),
        ("auth-failure", False),
    ],
)
def test_complaints(feedback_type, complaint):
    assert complains(feedback_type) is complaint


@given(
    st.sampled_from(["failed", "delayed", "delivered", "relayed", "expanded"]),
    st.text(max_size=20) | st.from_regex(r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
    st.text(max_size=80),
)
def test_whatever_a_report_says_has_a_meaning(action, status, diagnostic):
    ruling = rule(report(action, status, diagnostic))
    assert ruling.reason_code in REASONS
    assert not ruling.suppress or ruling.bounce_type == "permanent"
    assert enhanced(status) is None or re.fullmatch(r"[245](\.\d+){2}", status)


def test_long_diagnostics_cost_nothing():
    for text in ("<" * 100_000, "smtp;" + " " * 100_000, "user " * 30_000, "address " + "a" * 100_000):
        rule(report("failed", "5.0.0", text))
        smtp_code(text)


def test_complaints_suppress():
    assert bounce_rules.COMPLAINED.suppress
