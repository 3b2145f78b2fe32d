"""What a report's words mean for a recipient: the tables, and nothing that waits.

An enhanced status code (RFC 3463) has a class, which says whether there is hope, and a detail, which
says what is wrong. Whether an address is to get no more mail follows from the detail alone: a full
mailbox and a refused content are permanent failures of *this mail*, and no reason never to write
to that person again.
"""

import re
from typing import Final

from attrs import frozen

from e2ad.core.outbound import RecipientStatus
from e2ad.core.reports import RecipientReport

__all__ = [
    "BOUNCE_REASONS",
    "COMPLAINED",
    "DEAD",
    "DELAYED",
    "DELIVERED",
    "Ruling",
    "bounce",
    "complains",
    "enhanced",
    "rule",
    "smtp_code",
]


@frozen
class Ruling:
    """What becomes of a recipient.

    Attributes:
        bounce_type: permanent, transient or undetermined, of a bounce.
        suppress: whether the address gets no more mail.
        announce: whether there is an event; a mail that was merely handed on is not "delivered" to anybody.
    """

    status: RecipientStatus
    reason_code: str
    bounce_type: str | None = None
    suppress: bool = False
    announce: bool = True


BOUNCE_REASONS: Final = {
    "permanent": "delivery.permanent_bounce",
    "transient": "delivery.transient_bounce",
    "undetermined": "delivery.undetermined_bounce",
}

DEAD: Final = {
    "5.1.0": "something is wrong with the address",
    "5.1.1": "no such mailbox",
    "5.1.2": "no such domain",
    "5.1.3": "no host takes such an address",
    "5.1.4": "the address is ambiguous, and will be the next time",
    "5.1.6": "the mailbox has moved, without an address to follow",
    "5.1.10": "the domain says that it takes no mail (RFC 7505)",
    "5.2.1": "the mailbox is disabled",
    "5.4.1": "what Exchange Online says of recipients that it does not know",
    "5.4.4": "no route: the domain has neither exchanger nor address",
    "5.4.310": "what Exchange Online says of domains that do not exist",
}
"""Permanent failures that are about the address itself, so that any mail to it fails: it gets no more.

Of the others: 5.1.7 and 5.1.8 are about our own address, 5.2.2 is a full mailbox and 5.2.3 and 5.3.4 a mail
that is too big, 5.4.6 a loop and 5.4.7 time that ran out, 5.6 a mail that cannot be converted, 5.7
somebody's policy. Each of them may be otherwise for the next mail.
"""

_VAGUE: Final = frozenset({"5.0.0", "5.5.0"})
_NOBODY: Final = re.compile(
    r"user unknown|unknown user|no such (?:user|mailbox|recipient)|(?:user|mailbox|recipient|address) (?:\S+ )?"
    r"(?:does not exist|doesn't exist|not found)|invalid recipient|no mailbox here by that name"
)
"""Hosts without enhanced codes say it in words."""

_STATUS: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_CODE: Final = re.compile(r"(?:[a-z0-9-]{1,40}\s{0,9};\s{0,9})?(?:<[^<>]{0,300}>:?\s{0,9})?([245][0-9]{2})(?![0-9.])")

DELIVERED: Final = Ruling(RecipientStatus.DELIVERED, "delivery.recipient_server_accepted")
DELAYED: Final = Ruling(RecipientStatus.DEFERRED, "delivery.temporary_delay")
COMPLAINED: Final = Ruling(RecipientStatus.COMPLAINED, "complaint.recipient_reported", suppress=True)


def rule(report: RecipientReport) -> Ruling:
    """What one recipient's group of a delivery status notification (RFC 3464) means."""
    match report.action:
        case "delivered":
            return DELIVERED
        case "relayed" | "expanded":
            return Ruling(DELIVERED.status, DELIVERED.reason_code, announce=False)
        case "delayed":
            return DELAYED
        case "failed":
            return bounce(_kind(report), suppress=_is_dead(report))


def bounce(kind: str, *, suppress: bool = False) -> Ruling:
    """A bounce of one of the three kinds."""
    return Ruling(RecipientStatus.BOUNCED, BOUNCE_REASONS[kind], kind, suppress=suppress and kind == "permanent")


def complains(feedback_type: str) -> bool:
    """Whether a report is a complaint of a person (RFC 5965 section 7.3: what is not known counts as `other`).

    `not-spam` is the opposite, and an `auth-failure` (RFC 6591) is about our DNS.
    """
    return feedback_type.strip().lower() not in ("not-spam", "auth-failure")


def smtp_code(diagnostic: str) -> int | None:
    """The reply code that the other server's words begin with, after the type that Diagnostic-Code gives them."""
    match = _CODE.match(diagnostic[:400].strip().lower())
    return None if match is None else int(match[1])


def enhanced(status: str) -> str | None:
    """An enhanced status code, or None for what is none."""
    return status if _STATUS.fullmatch(status) else None


def _kind(report: RecipientReport) -> str:
    if enhanced(report.status) is None:
        return "undetermined"
    if report.status.endswith(".0.0") and smtp_code(report.diagnostic) is None:
        # Nobody said so but the word "failed": the general code is what a report without any is read as.
        return "undetermined"
    return {"5": "permanent", "4": "transient"}.get(report.status[0], "undetermined")


def _is_dead(report: RecipientReport) -> bool:
    if report.status in DEAD:
        return True
    return report.status in _VAGUE and _NOBODY.search(report.diagnostic[:1000].lower()) is not None
