"""Reviews as `/v1` shows them: a hold in a list, a held mail whole, and what may be said about it."""

from collections.abc import Mapping
from typing import Annotated, Any

from attrs import evolve, frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.message_views import Direction, MessageView, message_view
from e2ad.api.sending import Address, Attachment, Subject, Text
from e2ad.api.shapes import Instant
from e2ad.api.views import Cursor, Limit, optional_instant
from e2ad.core.events import rfc3339
from e2ad.core.outbound import decode_draft
from e2ad.gateway.messages import Reading
from e2ad.gateway.reviews import MAX_REASON
from e2ad.storage.reviews import OpenHold, Shown

__all__ = [
    "ApproveRequest",
    "EditResultView",
    "ListReviewsQuery",
    "PageReviewView",
    "RejectRequest",
    "RejectResultView",
    "ReviewView",
    "drafted",
    "review_view",
    "shown_view",
]

Sha256 = Annotated[
    str,
    Meta(
        pattern="^[0-9a-f]{64}$",
        description="content_sha256 of the review that was read: if the draft was changed since, nothing is decided",
    ),
]
Addresses = list[Address]


@frozen
class HoldReasonView:
    """Why a mail is held."""

    type: str
    code: str
    summary: str
    detail: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    confidence: float | UnsetType = UNSET


@frozen
class ReviewView:
    """A mail that waits. `revision`, `content_sha256` and the deadline are additions."""

    id: str
    agent_email: str
    direction: Direction
    header_from: str | None
    envelope_from: str | None
    verified_domain: str | None
    to: list[str]
    subject: str
    review_status: str
    created_at: Instant
    cc: list[str] | UnsetType = UNSET
    bcc: list[str] | UnsetType = UNSET
    conversation_id: str | UnsetType = UNSET
    flagged: bool | UnsetType = UNSET
    flag_reason: str | UnsetType = UNSET
    hold_reason: HoldReasonView | UnsetType = UNSET
    scheduled_at: Instant | UnsetType = UNSET
    approval_expires_at: Instant | UnsetType = UNSET
    revision: int | UnsetType = UNSET
    content_sha256: str | UnsetType = UNSET
    edited: bool | UnsetType = UNSET


@frozen
class PageReviewView:
    """One page of reviews."""

    items: list[ReviewView]
    next_cursor: str | None


@frozen
class ListReviewsQuery:
    """The account's open holds."""

    cursor: Cursor | UnsetType = UNSET
    limit: Limit = 100


@frozen
class ApproveRequest:
    """What to change on the way; nothing to let it go as it is. Of received mail nothing can be changed."""

    to: Addresses | UnsetType = UNSET
    cc: Addresses | UnsetType = UNSET
    bcc: Addresses | UnsetType = UNSET
    subject: Subject | UnsetType = UNSET
    text: Text | UnsetType = UNSET
    html: Text | UnsetType = UNSET
    attachments: list[Attachment] | UnsetType = UNSET
    content_sha256: Sha256 | UnsetType = UNSET


@frozen
class RejectRequest:
    """Why not."""

    reason: Annotated[str, Meta(max_length=MAX_REASON)] | UnsetType = UNSET
    content_sha256: Sha256 | UnsetType = UNSET


@frozen
class RejectResultView:
    """A mail that was kept back."""

    status: str
    message_id: str
    rejection_reason: str | UnsetType = UNSET


@frozen
class EditResultView:
    """A draft that was changed and waits on."""

    message_id: str
    status: str
    revision: int
    content_sha256: str


def review_view(hold: OpenHold) -> ReviewView:
    """A hold in a list."""
    return ReviewView(
        id=hold.id,
        agent_email=hold.agent_email,
        direction="inbound" if hold.direction == "inbound" else "outbound",
        header_from=hold.header_from,
        envelope_from=hold.envelope_from,
        verified_domain=hold.verified_domain,
        to=hold.to_addresses,
        subject=hold.subject,
        review_status=hold.review_status,
        created_at=rfc3339(hold.created_at),
        cc=hold.cc_addresses or UNSET,
        bcc=hold.bcc_addresses or UNSET,
        conversation_id=hold.conversation_id if hold.threaded or hold.direction == "outbound" else UNSET,
        flagged=hold.flagged or UNSET,
        flag_reason=hold.flag_reason or UNSET,
        hold_reason=_reason(hold.reason),
        scheduled_at=optional_instant(hold.scheduled_at),
        approval_expires_at=rfc3339(hold.review_expires_at),
        revision=hold.revision,
        content_sha256=UNSET if hold.sha256 is None else hold.sha256.hex(),
        edited=hold.edited or UNSET,
    )


def _reason(document: Mapping[str, Any]) -> HoldReasonView:
    return HoldReasonView(
        type=document["type"],
        code=document["code"],
        summary=document["summary"],
        detail=document.get("detail", UNSET),
        category=document.get("category", UNSET),
        confidence=document.get("confidence", UNSET),
    )


def shown_view(shown: Shown) -> MessageView:
    """A message with all that a decision needs: the draft while it is held, why, and what was noticed."""
    view = message_view(Reading(shown.message, None, shown.message.unread))
    view = evolve(
        view,
        agent_email=shown.agent_email,
        bcc=shown.bcc_addresses or UNSET,
        hold_reason=UNSET if shown.reason is None else shown.reason,
        protection=shown.findings or UNSET,
        approval_expires_at=optional_instant(shown.review_expires_at),
        review_status=shown.message.review_status or view.review_status,
        revision=UNSET if shown.revision is None else shown.revision,
        content_sha256=UNSET if shown.sha256 is None else shown.sha256.hex(),
        edited=shown.edited or UNSET,
    )
    view = drafted(view, shown)
    return view if view.body is UNSET else evolve(view, parsed=UNSET)


def drafted(view: MessageView, shown: Shown) -> MessageView:
    """The view with what its draft says and when it is to leave, as long as nothing is composed of that draft.

    So it is while it waits, and after it was rejected (contract: presence rules).
    """
    if shown.draft is None or shown.message.content_sha256 is not None:
        return view
    draft = decode_draft(shown.draft)
    body: dict[str, Any] = {"text": draft.text}
    if draft.html is not None:
        body["html"] = draft.html
    if draft.attachments:
        body["attachments"] = [
            {"filename": one.filename, "content_type": one.content_type, "size_bytes": len(one.data)}
            for one in draft.attachments
        ]
    scheduled_at = optional_instant(shown.message.scheduled_at or shown.wished_at)
    return evolve(view, body=body, scheduled_at=scheduled_at)
