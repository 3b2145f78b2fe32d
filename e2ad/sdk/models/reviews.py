"""Mail that waits for a person."""

from datetime import datetime

from attrs import frozen

__all__ = ["EditResultView", "HoldReasonView", "RejectResultView", "ReviewView"]


@frozen(kw_only=True)
class EditResultView:
    """A draft that was changed and waits on."""

    message_id: str
    status: str
    revision: int
    content_sha256: str


@frozen(kw_only=True)
class HoldReasonView:
    """Why a mail is held."""

    type: str
    code: str
    summary: str
    detail: str | None = None
    category: str | None = None
    confidence: float | None = None


@frozen(kw_only=True)
class RejectResultView:
    """A mail that was kept back."""

    status: str
    message_id: str
    rejection_reason: str | None = None


@frozen(kw_only=True)
class ReviewView:
    """A mail that waits. `revision`, `content_sha256` and the deadline are additions."""

    id: str
    agent_email: str
    direction: str
    header_from: str | None
    envelope_from: str | None
    verified_domain: str | None
    to: list[str]
    subject: str
    review_status: str
    created_at: datetime
    cc: list[str] | None = None
    bcc: list[str] | None = None
    conversation_id: str | None = None
    flagged: bool | None = None
    flag_reason: str | None = None
    hold_reason: HoldReasonView | None = None
    scheduled_at: datetime | None = None
    approval_expires_at: datetime | None = None
    revision: int | None = None
    content_sha256: str | None = None
    edited: bool | None = None
