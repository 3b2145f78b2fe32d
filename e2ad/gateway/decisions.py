"""Who decides about held mail, and how a decision ends."""

from datetime import datetime
from typing import Final, Literal

from attrs import field, frozen

from e2ad.core.audit import Actor, ActorKind
from e2ad.core.errors import Failure
from e2ad.gateway.acceptance import Accepted

__all__ = ["EXPIRY", "LEDGER", "Approved", "Composition", "Preview", "Rejected", "Reviewer", "Revised", "Status"]

Status = Literal["review_approved", "review_rejected", "review_expired_approved", "review_expired_rejected"]

LEDGER: Final = {
    "review_approved": "review.approved",
    "review_rejected": "review.rejected",
    "review_expired_approved": "review.expired_approved",
    "review_expired_rejected": "review.expired_rejected",
}
"""What a decision is called in the lifecycle of the message and in the audit log."""

_KINDS: Final[dict[str, ActorKind]] = {"api": "key", "link": "link", "dashboard": "session", "expiry": "expiry"}


@frozen
class Reviewer:
    """Who decides, and through which door.

    Attributes:
        by: the key or the account that did, as the review shows it.
        acting: who that is in the audit log, where more is known than the door.
    """

    via: Literal["api", "link", "dashboard", "expiry"]
    by: str = ""
    acting: Actor | None = None

    @property
    def actor(self) -> Actor:
        """Who that is in the audit log."""
        return self.acting or Actor(_KINDS[self.via], self.by)


@frozen
class Composition:
    """The very mail that a reviewer saw: when it was composed of the draft, and the SHA-256 of its octets."""

    at: datetime
    sha256: bytes


@frozen
class Preview:
    """A held draft as the mail that it would be if it were approved now.

    Attributes:
        content: its octets. What signs it on its way puts a field in front of them and changes none.
        obstacle: why it may not leave now, in a sentence.
    """

    composition: Composition
    content: bytes = field(repr=False)
    obstacle: Failure | None


EXPIRY: Final = Reviewer("expiry", "expiry")


@frozen
class Approved:
    """A hold that ended well. `accepted` is what became of a draft; None of received mail, which is released."""

    message_id: str
    status: Status
    edited: bool
    accepted: Accepted | None = None


@frozen
class Rejected:
    """A hold that ended with no."""

    message_id: str
    status: Status
    reason: str


@frozen
class Revised:
    """A draft that was changed and waits on."""

    message_id: str
    revision: int
    sha256: bytes
