"""A domain from claim to lapse and back, under a clock of our own."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from e2ad.core.domain_life import KeyMove, Life, Policy, Proof, advance, selectors
from e2ad.core.domain_records import DomainKey, Finding, Word

START = datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Policy(recheck_seconds=86_400, grace_seconds=7 * 86_400, claim_seconds=3 * 86_400)
RSA = DomainKey("rsa", "rsa-2048", "r", "active", START)
ED = DomainKey("ed", "ed25519", "e", "active", START)
KEYS = (RSA, ED)
F, M, D, X = Word.FOUND, Word.MISSING, Word.DEFERRED, Word.MISMATCH


def step(life, *, own=F, mx=F, rsa=F, ed=M, bounce=M, at=START, proof=Proof.TXT_AND_MX, keys=KEYS, **more):
    words = {"ownership": own, "inbound_mx": mx, "dkim:rsa": rsa, "dkim:ed": ed, "mail_from_mx": bounce} | more
    findings = {slot: Finding(word) for slot, word in words.items() if word is not None}
    return advance(life, keys, findings, at=at, policy=POLICY, proof=proof, jitter=0.0)


VERIFIED = step(Life(claim_expires_at=START + DAY)).life


@pytest.mark.parametrize(
    ("own", "mx", "proof", "verified"),
    [
        (F, F, Proof.TXT_AND_MX, True),
        (F, M, Proof.TXT_AND_MX, False),
        (F, D, Proof.TXT_AND_MX, False),
        (F, X, Proof.TXT_AND_MX, False),
        (F, M, Proof.TXT, True),
        (M, F, Proof.TXT, False),
        (X, F, Proof.TXT, False),
        (D, F, Proof.TXT, False),
    ],
)
def test_what_verifies(own, mx, proof, verified):
    after = step(Life(claim_expires_at=START + DAY), own=own, mx=mx, proof=proof).life
    assert after.verified is verified
    assert (after.verified_at == START) is verified
    assert (after.claim_expires_at is None) is verified
    assert (after.next_check_at is not None) is verified
    assert after.last_checked_at == START


def test_lapse_and_recovery():
    failing = step(VERIFIED, own=M, at=START + DAY).life
    assert failing.verified
    assert failing.failing_since == START + DAY
    assert failing.next_check_at - failing.last_checked_at == timedelta(hours=1)
    assert step(failing, own=F, at=START + 2 * DAY).life.failing_since is None
    still = step(failing, own=M, at=START + 8 * DAY - timedelta(seconds=1)).life
    assert (still.verified, still.failing_since) == (True, START + DAY)
    lapsed = step(still, own=X, at=START + 8 * DAY)
    assert not lapsed.life.verified
    assert lapsed.life.claim_expires_at == START + 11 * DAY
    assert (lapsed.life.sending_status, lapsed.sending_event) == ("failed", "failed")
    assert "ownership" in lapsed.life.sending_error
    again = step(lapsed.life, at=START + 9 * DAY)
    assert again.life.verified
    assert (again.life.failing_since, again.life.claim_expires_at) == (None, None)
    assert again.life.verified_at == START
    assert (again.life.sending_status, again.sending_event) == ("verified", "verified")


def test_a_lapse_is_told_once_and_only_to_those_who_could_send():
    lapsed = step(evolve(VERIFIED, failing_since=START - 8 * DAY), own=M)
    assert step(lapsed.life, own=M, at=START + DAY).sending_event is None
    pending = step(Life(), rsa=M)
    silent = step(evolve(pending.life, failing_since=START - 8 * DAY), own=M, rsa=M)
    assert (silent.life.sending_status, silent.sending_event) == ("none", None)


@pytest.mark.parametrize("days", [1, 100])
def test_dns_trouble_is_never_a_loss(days):
    life = evolve(VERIFIED, bounce_verified=True)
    after = step(life, own=D, mx=D, rsa=D, ed=D, bounce=D, at=START + days * DAY)
    assert after.life == evolve(life, last_checked_at=START + days * DAY, next_check_at=START + (days + 1) * DAY)
    assert after.sending_event is None
    failing = evolve(life, failing_since=START, sending_failing_since=START)
    after = step(failing, own=D, rsa=D, ed=D, bounce=D, at=START + days * DAY).life
    assert (after.verified, after.sending_status) == (True, "verified")


def test_the_mx_may_move_for_a_while():
    assert step(VERIFIED, mx=M, at=START + 100 * DAY).life.verified


@pytest.mark.parametrize(
    ("rsa", "ed", "status"),
    [
        (F, M, "verified"),
        (M, F, "verified"),
        (D, F, "verified"),
        (M, M, "pending"),
        (X, M, "pending"),
        (D, M, "pending"),
    ],
)
def test_one_key_is_enough_to_send(rsa, ed, status):
    after = step(Life(), rsa=rsa, ed=ed)
    assert after.life.sending_status == status
    assert after.sending_event == ("verified" if status == "verified" else None)


def test_sending_stops_after_the_grace():
    at = START + DAY
    failing = step(VERIFIED, rsa=M, at=at)
    assert (failing.life.sending_status, failing.life.sending_failing_since) == ("verified", at)
    assert step(failing.life, rsa=F, at=at + DAY).life.sending_failing_since is None
    assert step(failing.life, rsa=D, at=at + 30 * DAY).sending_event is None
    stopped = step(failing.life, rsa=M, at=at + 7 * DAY)
    assert (stopped.life.sending_status, stopped.sending_event) == ("failed", "failed")
    assert stopped.life.verified
    assert step(stopped.life, rsa=M, at=at + 8 * DAY).sending_event is None
    back = step(stopped.life, rsa=F, at=at + 9 * DAY)
    assert (back.life.sending_status, back.sending_event, back.life.sending_error) == ("verified", "verified", None)


def test_a_key_that_was_made_after_the_look_is_not_judged():
    after = step(VERIFIED, rsa=None, ed=None, at=START + DAY).life
    assert (after.sending_status, after.sending_failing_since) == ("verified", None)


def test_before_it_is_verified_nothing_is_sent():
    after = step(Life(), own=M)
    assert (after.life.sending_status, after.sending_event, after.life.bounce_verified) == ("none", None, False)


def test_the_bounce_domain_follows_what_is_seen():
    assert step(VERIFIED, bounce=F).life.bounce_verified
    assert not step(evolve(VERIFIED, bounce_verified=True), bounce=X).life.bounce_verified
    assert not step(Life(), own=M, bounce=F).life.bounce_verified


def test_keys_change_over_one_by_one_when_they_are_seen():
    fresh = (DomainKey("rsa2", "rsa-2048", "r", "next", START), DomainKey("ed2", "ed25519", "e", "next", START))
    keys = KEYS + fresh
    waiting = step(VERIFIED, keys=keys, **{"dkim:rsa2": M, "dkim:ed2": D})
    assert waiting.keys == ()
    assert waiting.life.next_check_at == START + timedelta(hours=1)
    after = step(VERIFIED, keys=keys, **{"dkim:rsa2": F, "dkim:ed2": M})
    assert after.keys == (KeyMove("rsa", "retired"), KeyMove("rsa2", "active"))


def test_a_retired_key_goes_after_a_week():
    old = evolve(RSA, selector="old", state="retired", retired_at=START)
    assert step(VERIFIED, keys=(*KEYS, old), at=START + 7 * DAY - timedelta(seconds=1)).keys == ()
    assert step(VERIFIED, keys=(*KEYS, old), at=START + 7 * DAY).keys == (KeyMove("old", None),)


def test_looks_are_spread():
    words = {"ownership": Finding(F), "inbound_mx": Finding(F), "dkim:rsa": Finding(F)}
    due = {
        advance(VERIFIED, KEYS, words, at=START, policy=POLICY, proof=Proof.TXT, jitter=n / 10).life.next_check_at
        for n in range(11)
    }
    assert len(due) == 11
    assert min(due) == START + 0.8 * DAY
    assert max(due) == START + DAY


def test_selectors():
    at = datetime(2026, 11, 21, tzinfo=UTC)
    assert selectors(at, "rsa-2048", frozenset()) == "e2a202611"
    assert selectors(at, "ed25519", frozenset()) == "e2a202611ed"
    assert selectors(at, "rsa-2048", frozenset({"e2a202611", "e2a202611ed"})) == "e2a202611b"
    assert selectors(at, "ed25519", frozenset({"e2a202611ed"})) == "e2a202611bed"
    taken = set()
    for _ in range(26):
        taken.add(selectors(at, "rsa-2048", frozenset(taken)))
    assert len(taken) == 26
    with pytest.raises(ValueError, match="no selector is left"):
        selectors(at, "rsa-2048", frozenset(taken))
