"""The life of a domain: claim, verified, failing, lapsed; and of its sending; and of its keys.

One look at the DNS moves all three (`advance`). Two rules hold everywhere: trouble with the DNS is never
a loss of proof, and what was won is lost only after a grace. Pure: the time and the jitter come in.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from attrs import evolve, frozen

from e2ad.core.domain_records import DomainKey, Finding, Purpose, Word, key_slot

__all__ = ["RETIRED_KEPT_SECONDS", "KeyMove", "Life", "Policy", "Proof", "Step", "advance", "expires_at", "selectors"]

RETIRED_KEPT_SECONDS: Final = 7 * 86_400.0
"""A retired key stays published for so long: mail that it signed is still on its way or read again."""
UNSETTLED_SECONDS: Final = 3600.0
"""Between looks while something is awaited or in danger. A lapsed domain is neither: its owner may ask at any time."""
JITTER: Final = 0.2
"""Times of checks vary by this part, so that names registered together are not asked about together."""
LETTERS: Final = "bcdefghijklmnopqrstuvwxyz"

LOST_PROOF: Final = "the TXT record that proves ownership is gone from the DNS"
LOST_KEY: Final = "no DKIM key record of the domain is found in the DNS any more"


class Proof(Enum):
    """What makes a domain verified."""

    TXT = auto()
    """The ownership record alone (contract: classic verification)."""
    TXT_AND_MX = auto()
    """The ownership record, and mail that comes here (contract: verification)."""


@frozen
class Policy:
    """The configured times, in seconds."""

    recheck_seconds: float
    grace_seconds: float
    claim_seconds: float


@frozen
class Life:
    """The state of a domain; the columns of its row."""

    verified: bool = False
    verified_at: datetime | None = None
    claim_expires_at: datetime | None = None
    failing_since: datetime | None = None
    last_checked_at: datetime | None = None
    next_check_at: datetime | None = None
    sending_status: str = "none"
    sending_failing_since: datetime | None = None
    sending_error: str | None = None
    sending_checked_at: datetime | None = None
    bounce_verified: bool = False


@frozen
class KeyMove:
    """A key goes into another state; None deletes it."""

    selector: str
    state: str | None


@frozen
class Step:
    """What one look at the DNS changed. `sending_event` is `verified` or `failed` when that is to be told."""

    life: Life
    keys: tuple[KeyMove, ...] = ()
    sending_event: str | None = None


def advance(
    life: Life,
    keys: tuple[DomainKey, ...],
    findings: Mapping[str, Finding],
    *,
    at: datetime,
    policy: Policy,
    proof: Proof,
    jitter: float,
) -> Step:
    """Move a domain on by what was seen.

    Args:
        findings: by slot; a key without one was made after the look and is left as it is.
        at: when the look began.
        jitter: from 0 to 1.
    """
    after = _owned(evolve(life, last_checked_at=at), findings, at, policy, proof)
    moves = _moved_keys(keys, findings, at)
    after = _bounces(_sending(after, keys, findings, at, policy), findings)
    event = None
    if after.sending_status != life.sending_status and after.sending_status in ("verified", "failed"):
        event = after.sending_status
    return Step(_scheduled(after, keys, at, policy, jitter), moves, event)


def expires_at(at: datetime, policy: Policy) -> datetime:
    """When a claim of this moment runs out."""
    return at + timedelta(seconds=policy.claim_seconds)


def selectors(at: datetime, algorithm: str, taken: frozenset[str]) -> str:
    """A free selector for a key of this month: `e2aYYYYMM` for RSA (contract: DKIM), with `ed` behind for ed25519;
    later ones of one month have a letter between.

    Raises:
        ValueError: every letter is taken.
    """
    ending = "ed" if algorithm == "ed25519" else ""
    for letter in ("", *LETTERS):
        name = f"e2a{at:%Y%m}{letter}{ending}"
        if name not in taken:
            return name
    raise ValueError("no selector is left for this month")


def _word(findings: Mapping[str, Finding], slot: str) -> Word:
    finding = findings.get(slot)
    return Word.DEFERRED if finding is None else finding.word


def _owned(life: Life, findings: Mapping[str, Finding], at: datetime, policy: Policy, proof: Proof) -> Life:
    ownership = _word(findings, Purpose.OWNERSHIP)
    if life.verified:
        # The MX is no part of this: who has moved his mail elsewhere for a day still owns the name.
        if ownership is Word.FOUND:
            return evolve(life, failing_since=None)
        if ownership is Word.DEFERRED:
            return life
        since = life.failing_since or at
        if at - since < timedelta(seconds=policy.grace_seconds):
            return evolve(life, failing_since=since)
        return evolve(life, verified=False, failing_since=since, claim_expires_at=expires_at(at, policy))
    complete = proof is Proof.TXT or _word(findings, Purpose.INBOUND_MX) is Word.FOUND
    if ownership is not Word.FOUND or not complete:
        return life
    return evolve(life, verified=True, verified_at=life.verified_at or at, failing_since=None, claim_expires_at=None)


def _sending(
    life: Life, keys: tuple[DomainKey, ...], findings: Mapping[str, Finding], at: datetime, policy: Policy
) -> Life:
    if not life.verified:
        if life.sending_status in ("verified", "failed"):
            return evolve(life, sending_status="failed", sending_error=LOST_PROOF, sending_failing_since=None)
        return evolve(life, sending_status="none", sending_failing_since=None)
    words = [
        _word(findings, key_slot(key.selector))
        for key in keys
        if key.state in ("active", "next") and key_slot(key.selector) in findings
    ]
    if Word.FOUND not in words and (Word.DEFERRED in words or not words):
        return evolve(life, sending_status="pending") if life.sending_status == "none" else life
    life = evolve(life, sending_checked_at=at)
    if Word.FOUND in words:
        return evolve(life, sending_status="verified", sending_failing_since=None, sending_error=None)
    if life.sending_status in ("none", "pending"):
        return evolve(life, sending_status="pending")
    if life.sending_status == "failed":
        return evolve(life, sending_error=LOST_KEY)
    since = life.sending_failing_since or at
    if at - since < timedelta(seconds=policy.grace_seconds):
        return evolve(life, sending_failing_since=since)
    return evolve(life, sending_status="failed", sending_failing_since=since, sending_error=LOST_KEY)


def _bounces(life: Life, findings: Mapping[str, Finding]) -> Life:
    word = _word(findings, Purpose.MAIL_FROM_MX)
    if not life.verified:
        return evolve(life, bounce_verified=False)
    return life if word is Word.DEFERRED else evolve(life, bounce_verified=word is Word.FOUND)


def _moved_keys(keys: tuple[DomainKey, ...], findings: Mapping[str, Finding], at: datetime) -> tuple[KeyMove, ...]:
    """A next key whose record is seen takes the place of the active one of its kind."""
    moves = []
    for key in keys:
        if key.state == "next" and _word(findings, key_slot(key.selector)) is Word.FOUND:
            moves += [
                KeyMove(old.selector, "retired")
                for old in keys
                if old.state == "active" and old.algorithm == key.algorithm
            ]
            moves.append(KeyMove(key.selector, "active"))
        elif key.retired_at is not None and at - key.retired_at >= timedelta(seconds=RETIRED_KEPT_SECONDS):
            moves.append(KeyMove(key.selector, None))
    return tuple(moves)


def _scheduled(life: Life, keys: tuple[DomainKey, ...], at: datetime, policy: Policy, jitter: float) -> Life:
    if life.verified_at is None:
        # A claim is looked at when its owner asks, and when it runs out.
        return evolve(life, next_check_at=None)
    settled = not life.verified or (
        life.failing_since is None
        and life.sending_status in ("verified", "failed")
        and life.sending_failing_since is None
        and all(key.state != "next" for key in keys)
    )
    seconds = policy.recheck_seconds if settled else min(policy.recheck_seconds, UNSETTLED_SECONDS)
    return evolve(life, next_check_at=at + timedelta(seconds=seconds * (1 - JITTER * jitter)))
