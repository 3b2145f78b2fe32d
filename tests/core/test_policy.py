"""The gate's judgement: which reason decides, and that no spelling of an address gets around it."""

from typing import Any

import pytest
from attrs import evolve

from e2ad.core.legible import legible, shortened
from e2ad.core.outbound import Draft
from e2ad.core.policy import Blocked, Held, Passed, asks_provenance, judge_inbound, judge_outbound
from e2ad.core.protection import OPEN, Gate, Outbound, Protection, ProvenancePolicy
from e2ad.core.provenance import Provenance, Sighting

OWN = ("agents.example", "example")
AGENT = "bot@agents.example"


def protected(policy: str = "open", action: str = "flag", *entries: str, **more: Any) -> Protection:
    gate = Gate(policy=policy, action=action, allowlist=entries)  # type: ignore[arg-type]  # from tables of text
    return Protection(outbound=Outbound(gate=gate, **more))


def judge(protection: Protection, *to: str, hops: int = 1, seen: tuple[Sighting, ...] = ()) -> Passed | Held | Blocked:
    draft = Draft(agent_email=AGENT, to=to or ("ada@example.org",), subject="x", hops=hops)
    return judge_outbound(draft, protection, seen, own_domains=OWN, max_agent_hops=6)


def test_nothing_is_asked_of_an_open_gate() -> None:
    assert judge(OPEN) == Passed()
    assert not asks_provenance(OPEN)


@pytest.mark.parametrize(
    ("action", "expected"),
    [("flag", Passed), ("review", Held), ("block", Blocked)],
)
def test_a_miss_does_what_the_owner_says(action: str, expected: type) -> None:
    protection = protected("allowlist", action, "ada@example.org")
    assert judge(protection, "ada@example.org") == Passed()
    verdict = judge(protection, "ada@example.org", "eve@example.net")
    assert type(verdict) is expected
    if isinstance(verdict, Passed):
        assert verdict.flag_reason == "eve@example.net is not on the allowlist"
    if isinstance(verdict, Held):
        assert (verdict.reason.type, verdict.reason.code) == ("gate", "recipient_not_allowed")
        assert [finding.address for finding in verdict.findings] == ["eve@example.net"]
    if isinstance(verdict, Blocked):
        assert (verdict.source, verdict.reason) == ("gate", "eve@example.net is not on the allowlist")


@pytest.mark.parametrize(
    ("entry", "address", "passes"),
    [
        ("ada@example.org", "ada@example.org", True),
        ("ada@example.org", "Ada@EXAMPLE.org", True),
        ("ada@example.org", "ada+x@example.org", False),
        ("ada@example.org", "a.da@example.org", False),
        ("ada@example.org", "\u0430da@example.org", False),
        ("ada@example.org", "ada@ex\u0430mple.org", False),
        ("ada@example.org", "ada@sub.example.org", False),
        ("ada@example.org", "ada@example.org.evil.test", False),
        ("ada@example.org", '"ada"@example.org', True),
        ("example.org", "anybody@example.org", True),
        ("example.org", "anybody@EXAMPLE.ORG", True),
        ("example.org", "anybody@sub.example.org", False),
        ("example.org", "anybody@notexample.org", False),
        ("example.org", '"x@example.org"@evil.test', False),
        ("xn--bcher-kva.example", "a@b\u00fccher.example", True),
        ("xn--bcher-kva.example", "a@bucher.example", False),
        ("ada@example.org", "not an address", False),
    ],
)
def test_a_list_knows_one_spelling(entry: str, address: str, passes: bool) -> None:
    assert isinstance(judge(protected("allowlist", "block", entry), address), Passed) is passes


@pytest.mark.parametrize(
    ("address", "passes"),
    [("x@agents.example", True), ("x@example", True), ("x@other.example", False), ("x@sub.agents.example", False)],
)
def test_the_own_domain(address: str, passes: bool) -> None:
    # A list does not widen the own domain.
    verdict = judge(protected("domain", "review", "other.example"), address)
    assert isinstance(verdict, Passed) is passes


def test_a_loop_is_held_whatever_the_policy_says() -> None:
    assert judge(OPEN, hops=6) == Passed()
    verdict = judge(OPEN, hops=7)
    assert isinstance(verdict, Held)
    assert (verdict.reason.type, verdict.reason.code) == ("gate", "agent_loop")
    blocked = judge(protected("allowlist", "block"), hops=7)
    assert isinstance(blocked, Blocked)


@pytest.mark.parametrize(
    ("protection", "provenance", "expected"),
    [
        (protected(), Provenance.CONTENT, Passed),
        (protected(require_review=True), Provenance.CONTENT, Held),
        (protected("allowlist", "flag", "ada@example.org"), Provenance.CONTENT, Held),
        (protected("allowlist", "flag", "ada@example.org"), Provenance.UNSEEN, Passed),
        (
            protected("allowlist", "flag", "ada@example.org", provenance=ProvenancePolicy(content="allow")),
            Provenance.CONTENT,
            Passed,
        ),
        (protected(provenance=ProvenancePolicy(unseen="block")), Provenance.UNSEEN, Blocked),
        (protected(provenance=ProvenancePolicy(unseen="review")), Provenance.UNSEEN, Held),
        (protected(provenance=ProvenancePolicy(unseen="review")), Provenance.PARTICIPANT, Passed),
        (protected(provenance=ProvenancePolicy(correspondent="block")), Provenance.CORRESPONDENT, Blocked),
    ],
)
def test_where_a_recipient_is_known_from(protection: Protection, provenance: Provenance, expected: type) -> None:
    seen = (Sighting("ada@example.org", provenance, "msg_1", "body"),)
    verdict = judge(protection, seen=seen)
    assert type(verdict) is expected
    if not isinstance(verdict, Blocked):
        assert verdict.classes == {"ada@example.org": provenance.value}
    if isinstance(verdict, Held):
        (finding,) = [one for one in verdict.findings if one.detector == "provenance"]
        assert (finding.message_id, finding.place, finding.provenance) == ("msg_1", "body", provenance.value)


def test_the_strongest_decides_and_all_are_kept() -> None:
    protection = protected(
        "allowlist", "review", "ada@example.org", require_review=True, provenance=ProvenancePolicy(content="block")
    )
    seen = (
        Sighting("ada@example.org", Provenance.CORRESPONDENT),
        Sighting("eve@example.net", Provenance.CONTENT, "msg_1", "body"),
    )
    verdict = judge(protection, "ada@example.org", "eve@example.net", seen=seen)
    assert isinstance(verdict, Blocked)
    assert {finding.detector for finding in verdict.findings} == {"recipient_gate", "provenance"}
    softer = evolve(protection, outbound=evolve(protection.outbound, provenance=ProvenancePolicy()))
    held = judge(softer, "ada@example.org", "eve@example.net", seen=seen)
    assert isinstance(held, Held)
    assert held.reason.code == "review_required"
    assert [(one.address, one.action) for one in held.findings] == [
        ("eve@example.net", "review"),
        ("eve@example.net", "review"),
        ("ada@example.org", None),
    ]


def test_mail_to_oneself_is_judged_too() -> None:
    assert isinstance(judge(protected("allowlist", "review"), AGENT), Held)
    assert judge(protected("domain", "review"), AGENT) == Passed()


@pytest.mark.parametrize(
    ("policy", "entries", "header_from", "verified", "passes"),
    [
        ("open", (), None, None, True),
        ("allowlist", ("ada@example.org",), "ada@example.org", "example.org", True),
        ("allowlist", ("ada@example.org",), "Ada@example.org", "example.org", True),
        ("allowlist", ("example.org",), "bob@example.org", "example.org", True),
        ("allowlist", ("ada@example.org",), "ada@example.org", None, False),
        ("allowlist", ("ada@example.org",), "eve@example.org", "example.org", False),
        ("allowlist", ("ada@example.org",), None, None, False),
        ("allowlist", (), "ada@example.org", "example.org", False),
        ("domain", (), "x@agents.example", "agents.example", True),
        ("domain", (), "x@agents.example", None, False),
        ("domain", (), "x@example.org", "example.org", False),
        ("domain", ("example.org",), "x@example.org", "example.org", True),
        ("domain", ("ada@example.org",), "ada@example.org", "example.org", False),
    ],
)
@pytest.mark.parametrize("action", ["flag", "review", "block"])
def test_who_may_write(
    policy: Any,
    entries: tuple[str, ...],
    header_from: str | None,
    verified: str | None,
    passes: bool,
    action: Any,
) -> None:
    gate = Gate(policy=policy, action=action, allowlist=entries)
    verdict = judge_inbound(gate, header_from=header_from, verified_domain=verified, own_domains=OWN)
    if passes:
        assert verdict == Passed()
        return
    assert type(verdict) is {"flag": Passed, "review": Held, "block": Blocked}[action]
    assert verdict != Passed()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße, 日本, مرحبا", "Grüße, 日本, مرحبا"),
        ("a\u202eb", "a[U+202E]b"),
        ("a\u200bb\ufeff", "a[U+200B]b[U+FEFF]"),
        ("a\r\nBcc: x", "a  Bcc: x"),
        ("\x00\x07\x1b[31m", "[U+0000][U+0007][U+001B][31m"),
        ("\U000e0041", "[U+E0041]"),
        ("\ud800", "[U+D800]"),
        ("e\u0301", "e\u0301"),
    ],
)
def test_what_cannot_be_seen_is_shown(text: str, shown: str) -> None:
    assert legible(text) == shown


def test_shortening_says_so() -> None:
    assert shortened("x" * 60, 60) == "x" * 60
    assert shortened("x" * 61, 60) == "x" * 59 + "…"
