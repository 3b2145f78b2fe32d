"""What the end of an attempt means for each recipient of a mail: tables and decisions, no I/O."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, assert_never

from attrs import frozen

from e2ad.core.outbound import RecipientStatus
from e2ad.core.retry import JITTER, next_wait_seconds
from e2ad.gateway.facts import Change, Release, Report
from e2ad.gateway.inside import InsideOutcome, Later, Taken, TurnedAway
from e2ad.smtp.client import Accepted, Deferred, Outcome, Phase, Refused, Unknown
from e2ad.storage.submissions import Claim

__all__ = ["CAPTURED", "Patience", "Waiting", "failed", "of_inside", "of_relay", "provider_id", "report_of", "unknown"]

CAPTURED: Final = "captured: no relay is configured"
_UNKNOWN: Final = (
    "nobody can know whether it was sent ({why}): look for it at the relay or ask the recipient, then resolve this"
    " message as sent, as failed, or send it again"
)
_NO_SUCH_MAILBOX: Final = frozenset({"5.1.1", "5.1.6", "5.1.10"})
_AMAZON: Final = re.compile(r"email-smtp\.([a-z0-9-]+)\.amazonaws\.com\Z", re.IGNORECASE)
_IN_BRACKETS: Final = re.compile(r"<([^<>\s]+)>")
_BEHIND_OK: Final = re.compile(r"\bOk\b:?\s+(?:queued\s+as\s+)?([^\s:;,]+)|\bqueued\s+as\s+([^\s:;,]+)", re.IGNORECASE)


@frozen
class Waiting:
    """Why a recipient has the mail not yet.

    Attributes:
        kind: `counted` counts against the schedule; `outage` is about the way and not about the mail; `shortage` is
            our own trouble before anything was tried; `ramp` waits for another day.
        wait_seconds: when to try again, where the kind does not say so.
    """

    kind: Literal["counted", "outage", "shortage", "ramp"]
    why: str
    code: int | None = None
    enhanced: str | None = None
    wait_seconds: float = 0.0


@frozen
class Patience:
    """How long to go on (`[relay]` of the configuration), in seconds."""

    schedule: Sequence[float]
    outage_seconds: float
    give_up_seconds: float
    jitter: Callable[[], float]


def of_relay(address: str, outcome: Outcome) -> Change | Waiting:
    """The table of what a relay's outcome is to a recipient."""
    match outcome:
        case Accepted(reply):
            return Change(
                address, RecipientStatus.SENT, reply.code, reply.enhanced, str(reply), "submission.upstream_accepted"
            )
        case Deferred(reply, _, why):
            return Waiting(
                "outage" if outcome.outage else "counted",
                str(reply) if reply else why,
                reply.code if reply else None,
                reply.enhanced if reply else None,
            )
        case Refused(reply, phase, why):
            # Of a recipient it is a bounce; of the mail or its sender it is a failure.
            status = RecipientStatus.BOUNCED if phase is Phase.RCPT and reply else RecipientStatus.FAILED
            enhanced = reply.enhanced if reply else None
            return Change(
                address,
                status,
                reply.code if reply else None,
                enhanced,
                str(reply) if reply else why,
                "submission.provider_rejected",
                bounce_type="permanent" if status is RecipientStatus.BOUNCED else None,
                suppress=enhanced in _NO_SUCH_MAILBOX,
            )
        case Unknown(_, why):
            return unknown(address, why)
        case _:
            assert_never(outcome)


def of_inside(address: str, outcome: InsideOutcome) -> Change | Waiting:
    """The table of what became of a recipient on this deployment.

    An address that is nobody's today may be an agent's tomorrow: it is not suppressed.
    """
    match outcome:
        case Taken():
            return Change(address, RecipientStatus.SENT, None, None, None, "submission.local_loopback_accepted")
        case TurnedAway(code, enhanced, why):
            return Change(
                address,
                RecipientStatus.BOUNCED,
                code,
                enhanced,
                f"{code} {enhanced} {why}",
                "submission.provider_rejected",
                bounce_type="permanent",
                suppress=False,
            )
        case Later(code, enhanced, why, outage):
            return Waiting("outage" if outage else "counted", f"{code} {enhanced} {why}", code, enhanced)
        case _:
            assert_never(outcome)


def unknown(address: str, why: str) -> Change:
    """Of a recipient that may have the mail: never sent again blindly; the detail says what a person can do."""
    return Change(
        address,
        RecipientStatus.OUTCOME_UNKNOWN,
        None,
        None,
        _UNKNOWN.format(why=why),
        "submission.local_retries_exhausted",
    )


def failed(address: str, reason_code: str, detail: str) -> Change:
    """Of a recipient that we ourselves send nothing to (any more)."""
    return Change(address, RecipientStatus.FAILED, None, None, detail, reason_code)


def provider_id(outcomes: Iterable[Outcome], host: str) -> str | None:
    """The relay's own id for the mail, from its final answer (contract: upstream submission), in angle brackets."""
    for outcome in outcomes:
        if isinstance(outcome, Accepted):
            text = outcome.reply.text
            bracketed, behind = _IN_BRACKETS.search(text), _BEHIND_OK.search(text)
            found = bracketed[1] if bracketed else (behind[1] or behind[2]) if behind else None
            if found is None:
                return None
            amazon = _AMAZON.match(host)
            return f"<{found}@{amazon[1]}.amazonses.com>" if amazon and "@" not in found else f"<{found}>"
    return None


def report_of(
    claim: Claim,
    settled: Mapping[str, Change],
    waiting: Mapping[str, Waiting],
    patience: Patience,
    at: datetime,
    *,
    provider_message_id: str | None = None,
) -> Report:
    """The end of an attempt as facts: what is settled, what is tried again and when, and what is given up.

    Args:
        settled: recipients about whom all is known.
        waiting: those that have it not, and why. Others were not come to: they are due at once.
    """
    changes = dict(settled)
    counted = any(waits.kind == "counted" for waits in waiting.values())
    attempt = claim.counted_attempts + counted
    next_counted = next_wait_seconds(attempt, patience.schedule, patience.jitter()) if counted else None
    begun_at = max(claim.accepted_at, claim.scheduled_at or claim.accepted_at)
    given_up = at - begun_at >= timedelta(seconds=patience.give_up_seconds)
    waits_seconds: list[float] = []
    for address, waits in waiting.items():
        wait = _wait_seconds(waits, next_counted, patience, given_up=given_up)
        if wait is None:
            why = "ramp_capacity_timeout" if waits.kind == "ramp" else f"given up after {claim.number} attempts"
            detail = why if waits.kind == "ramp" else f"{why}: {waits.why}"
            changes[address] = Change(
                address,
                RecipientStatus.FAILED,
                waits.code,
                waits.enhanced,
                detail,
                "submission.local_retries_exhausted",
            )
        else:
            waits_seconds.append(wait)
            # An outage lasts for many attempts, of which the ledger keeps the first.
            code = "submission.temporary_failure" if waits.kind == "counted" or claim.number == 1 else ""
            code = "" if waits.kind in ("shortage", "ramp") else code
            changes[address] = Change(address, RecipientStatus.PENDING, waits.code, waits.enhanced, waits.why, code)
    # One mail, one time: that of the schedule, where a recipient follows it.
    wait_seconds = max(waits_seconds, default=0.0) if next_counted is None else next_counted
    release = Release(claim.number, wait_seconds, counted, provider_message_id)
    refused = any(change.reason_code == "submission.provider_rejected" for change in settled.values())
    return Report(
        claim.account_id,
        claim.message_id,
        tuple(changes.values()),
        "dispatch",
        release,
        "provider" if refused else "local",
    )


def _wait_seconds(waits: Waiting, next_counted: float | None, patience: Patience, *, given_up: bool) -> float | None:
    """Seconds until the recipient's next attempt, or None when there is none."""
    match waits.kind:
        case "counted":
            return next_counted
        case "outage":
            return None if given_up else patience.outage_seconds * (1 - JITTER * patience.jitter())
        case "ramp":
            return None if given_up else waits.wait_seconds
        case "shortage":
            return waits.wait_seconds
        case _:
            assert_never(waits.kind)
