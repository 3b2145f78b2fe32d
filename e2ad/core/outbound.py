"""Mail out, as values: a draft, what becomes of it, and the closed vocabulary of its ledger.

A `Draft` is all that an agent wants to say, with every address in its stored form. Its JSON bytes are
what a hold keeps and what the hash of an approval is bound to; the mail itself is composed from it
once, when it is accepted.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

import msgspec
from attrs import field, frozen

__all__ = [
    "REASONS",
    "DeliveryStatus",
    "Draft",
    "DraftAttachment",
    "MessageType",
    "Reason",
    "RecipientStatus",
    "Route",
    "SentAs",
    "decode_draft",
    "encode_draft",
    "rollup",
    "sha256_of",
]


class MessageType(StrEnum):
    """What made a mail."""

    SEND = "send"
    REPLY = "reply"
    FORWARD = "forward"
    TEST = "test"


class Route(StrEnum):
    """How a recipient is reached: an agent of this deployment, or through the relay."""

    INSIDE = "inside"
    RELAY = "relay"


class SentAs(StrEnum):
    """In whose name a mail leaves (contract: From identity)."""

    OWN_ADDRESS = "own_address"
    RELAY = "relay"


class RecipientStatus(StrEnum):
    """How far a mail is on its way to one recipient."""

    PENDING = "pending"
    SENT = "sent"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    OUTCOME_UNKNOWN = "outcome_unknown"


class DeliveryStatus(StrEnum):
    """How far a mail is as a whole (contract: states). `OUTCOME_UNKNOWN` is ours: a person decides."""

    ACCEPTED = "accepted"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    OUTCOME_UNKNOWN = "outcome_unknown"


_RANK: Final = {
    RecipientStatus.DELIVERED: 0,
    RecipientStatus.SENT: 1,
    RecipientStatus.DEFERRED: 2,
    RecipientStatus.FAILED: 3,
    RecipientStatus.BOUNCED: 4,
    RecipientStatus.COMPLAINED: 5,
    RecipientStatus.OUTCOME_UNKNOWN: 6,
    RecipientStatus.PENDING: 7,
}


def rollup(statuses: Iterable[RecipientStatus]) -> DeliveryStatus | None:
    """The state of a mail from those of its recipients: the worst one; None while any of them waits for us.

    Raises:
        ValueError: no recipient.
    """
    worst = max(statuses, key=lambda status: _RANK[status])
    return None if worst is RecipientStatus.PENDING else DeliveryStatus(worst.value)


@frozen
class DraftAttachment:
    """A file of a draft, decoded. `content_id` is set for what the HTML part shows inline."""

    filename: str
    content_type: str
    data: bytes = field(repr=False)
    content_id: str | None = None


@frozen(kw_only=True)
class Draft:
    """One mail as its author means it. Addresses are bare, lower-case in the domain, and distinct over to, cc and bcc.

    Attributes:
        kind: what made it; decides what approving and expiring may do with it.
        agent_email: the agent that speaks.
        sender_name: the agent's display name, or "".
        reply_to: where answers go; empty for the agent's own address.
        in_reply_to: Message-ID of the parent with its brackets, only of replies.
        references: Message-IDs of the ancestors with their brackets, oldest first, the parent included.
        conversation_id: set before it is accepted or held; "" asks for a new one.
        parent_id: `msg_` that was answered or forwarded.
        unsubscribe: managed unsubscribe: one recipient, List-Unsubscribe fields and a footer.
        automatic: nobody looked at it: it says so in Auto-Submitted (RFC 3834) when it answers something.
        hops: see `messages.hops`; a person's approval sets it back to 1.
        send_at: not before this time.
    """

    kind: MessageType = MessageType.SEND
    agent_email: str
    sender_name: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    html: str | None = None
    attachments: tuple[DraftAttachment, ...] = ()
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    conversation_id: str = ""
    parent_id: str | None = None
    unsubscribe: bool = False
    automatic: bool = True
    hops: int = 0
    send_at: datetime | None = None

    @property
    def recipients(self) -> tuple[str, ...]:
        """All of them, To first."""
        return (*self.to, *self.cc, *self.bcc)

    @property
    def is_loopback(self) -> bool:
        """Is the agent itself the only recipient, in To (contract: loopback)?"""
        return self.to == (self.agent_email,) and not self.cc and not self.bcc


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Draft)


def encode_draft(draft: Draft) -> bytes:
    """The draft as JSON; attachments are base64. The same draft has the same bytes."""
    return _encoder.encode(draft)


def decode_draft(content: bytes) -> Draft:
    """What `encode_draft` made.

    Raises:
        ValueError: it is something else.
    """
    return _decoder.decode(content)


def sha256_of(encoded: bytes) -> bytes:
    """What an approval names: the exact draft, every recipient and every octet of every file."""
    return hashlib.sha256(encoded).digest()


Stage = Literal["accepted", "authentication", "review", "suppression", "queued", "submission", "delivery", "complaint"]
Outcome = Literal[
    "accepted", "passed", "failed", "indeterminate", "pending", "approved", "rejected", "blocked", "applied",
    "enqueued", "deferred", "delivered", "bounced", "reported",
]  # fmt: skip


@frozen
class Reason:
    """A row of the ledger's vocabulary: a reason code fixes the other three (contract: lifecycle vocabulary)."""

    stage: Stage
    outcome: Outcome
    retryable: bool = False


REASONS: Final[dict[str, Reason]] = {
    "acceptance.inbound_smtp": Reason("accepted", "accepted"),
    "acceptance.outbound_api": Reason("accepted", "accepted"),
    "acceptance.local_loopback": Reason("accepted", "accepted"),
    "authentication.dmarc_pass": Reason("authentication", "passed"),
    "authentication.dmarc_fail": Reason("authentication", "failed"),
    "authentication.dmarc_none": Reason("authentication", "indeterminate"),
    "authentication.dmarc_permanent_error": Reason("authentication", "indeterminate"),
    "authentication.dmarc_temporary_error": Reason("authentication", "indeterminate", retryable=True),
    "review.hold_created": Reason("review", "pending"),
    "review.approved": Reason("review", "approved"),
    "review.expired_approved": Reason("review", "approved"),
    "review.rejected": Reason("review", "rejected"),
    "review.expired_rejected": Reason("review", "rejected"),
    "suppression.recipient_blocked": Reason("suppression", "blocked"),
    "suppression.hard_bounce_applied": Reason("suppression", "applied"),
    "suppression.complaint_applied": Reason("suppression", "applied"),
    "queue.inbound_processing": Reason("queued", "enqueued"),
    "queue.outbound_submission": Reason("queued", "enqueued"),
    "submission.upstream_accepted": Reason("submission", "accepted"),
    "submission.local_loopback_accepted": Reason("submission", "accepted"),
    "submission.temporary_failure": Reason("submission", "deferred", retryable=True),
    "submission.provider_rejected": Reason("submission", "failed"),
    "submission.cancelled": Reason("submission", "failed"),
    "submission.local_retries_exhausted": Reason("submission", "failed", retryable=True),
    "delivery.recipient_server_accepted": Reason("delivery", "delivered"),
    "delivery.temporary_delay": Reason("delivery", "deferred", retryable=True),
    "delivery.permanent_bounce": Reason("delivery", "bounced"),
    "delivery.undetermined_bounce": Reason("delivery", "bounced"),
    "delivery.transient_bounce": Reason("delivery", "bounced", retryable=True),
    "complaint.recipient_reported": Reason("complaint", "reported"),
}
