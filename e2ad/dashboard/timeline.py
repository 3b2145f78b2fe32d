"""What happened to a mail, in the order in which it happened: its own ledger, and the attempts to push it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from attrs import frozen

from e2ad.core.events import rfc3339
from e2ad.dashboard.words import shown
from e2ad.storage.desk import Pushed

__all__ = ["Moment", "timeline"]

Level = Literal["good", "warn", "bad", "none"]

_WORDS: Final[Mapping[str, tuple[Level, str]]] = {
    "acceptance.inbound_smtp": ("good", "Received by SMTP and stored"),
    "acceptance.outbound_api": ("good", "Accepted for sending"),
    "acceptance.local_loopback": ("good", "Received from an agent of this deployment"),
    "authentication.dmarc_pass": ("good", "The sender's domain stands behind it"),
    "authentication.dmarc_fail": ("bad", "Not from the domain that it names"),
    "authentication.dmarc_none": ("none", "The sender's domain has no policy"),
    "authentication.dmarc_permanent_error": ("warn", "The sender's policy is broken"),
    "authentication.dmarc_temporary_error": ("warn", "The sender's policy could not be looked up"),
    "review.hold_created": ("warn", "Held: a person has to decide"),
    "review.approved": ("good", "Approved"),
    "review.expired_approved": ("warn", "Nobody decided in time: let through"),
    "review.rejected": ("bad", "Rejected"),
    "review.expired_rejected": ("bad", "Nobody decided in time: kept back"),
    "suppression.recipient_blocked": ("bad", "Not sent: the recipient's address is suppressed"),
    "suppression.hard_bounce_applied": ("warn", "The recipient gets no more mail, because this one came back"),
    "suppression.complaint_applied": ("warn", "The recipient gets no more mail, because they complained"),
    "queue.inbound_processing": ("none", "Waiting to be processed"),
    "queue.outbound_submission": ("none", "Waiting to be sent"),
    "submission.upstream_accepted": ("good", "Taken by the relay"),
    "submission.local_loopback_accepted": ("good", "Put into the inbox of an agent here"),
    "submission.temporary_failure": ("warn", "Could not be sent yet; it is tried again"),
    "submission.provider_rejected": ("bad", "Refused by the relay"),
    "submission.cancelled": ("bad", "Sending was cancelled"),
    "submission.local_retries_exhausted": ("bad", "Given up after many attempts"),
    "delivery.recipient_server_accepted": ("good", "Taken by the recipient's server"),
    "delivery.temporary_delay": ("warn", "The recipient's server asks to wait"),
    "delivery.permanent_bounce": ("bad", "Came back: it cannot be delivered"),
    "delivery.undetermined_bounce": ("bad", "Came back, and the reason is not clear"),
    "delivery.transient_bounce": ("warn", "Came back for now"),
    "complaint.recipient_reported": ("bad", "The recipient reported it as unwanted"),
}
_PUSHED: Final[Mapping[str, tuple[Level, str]]] = {
    "delivered": ("good", "Delivered"),
    "pending": ("warn", "Not delivered yet"),
    "failed": ("bad", "Could not be delivered"),
}


@frozen
class Moment:
    """One thing that happened; `again_at` is when it is tried again."""

    at: str
    level: Level
    words: str
    detail: str = ""
    again_at: str = ""


def timeline(transitions: Iterable[Mapping[str, Any]], pushed: Sequence[Pushed]) -> list[Moment]:
    """Oldest first; of what cannot be named the code itself is shown."""
    moments = [_told(one) for one in transitions] + [_push(one) for one in pushed]
    return sorted(moments, key=lambda one: one.at.rstrip("Z"))


def _told(one: Mapping[str, Any]) -> Moment:
    code = str(one["reason_code"])
    level, words = _WORDS.get(code, ("none", code.replace(".", ": ").replace("_", " ")))
    recipient = shown(one.get("recipient"))
    said = one.get("evidence") or {}
    detail = next((shown(said[name]) for name in ("detail", "reply", "diagnostic", "reason") if said.get(name)), "")
    return Moment(str(one["occurred_at"]), level, f"{words} ({recipient})" if recipient else words, detail[:500])


def _push(one: Pushed) -> Moment:
    level, words = _PUSHED.get(one.status, ("none", shown(one.status)))
    to = one.url or one.endpoint
    where = {"webhook": "webhook", "url": "URL of a replay"}.get(one.kind, "agent's own URL")
    tries = "1 attempt" if one.attempts == 1 else f"{one.attempts} attempts"
    parts = [shown(to), tries]
    if one.last_status_code is not None:
        parts.append(f"answered {one.last_status_code}")
    if one.last_error and one.status != "delivered":
        parts.append(shown(one.last_error)[:300])
    again = rfc3339(one.next_attempt_at) if one.status == "pending" and one.attempts else ""
    at = one.last_attempt_at or one.created_at
    return Moment(rfc3339(at), level, f"{words} to the {where}: {one.event_type}", " · ".join(parts), again)
