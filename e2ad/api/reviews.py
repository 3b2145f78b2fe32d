"""Reviews: mail that waits for a person, and the decisions about it."""

from typing import Any, Final, Literal

from attrs import evolve
from msgspec import UNSET, UnsetType

from e2ad.api.message_views import MessageView
from e2ad.api.operation import Call, Result, operation, settling
from e2ad.api.review_views import (
    ApproveRequest,
    EditResultView,
    ListReviewsQuery,
    PageReviewView,
    RejectRequest,
    RejectResultView,
    review_view,
    shown_view,
)
from e2ad.api.sending import MAX_BODY, SendResultView, files
from e2ad.api.services import Services
from e2ad.api.views import optional_instant
from e2ad.core import errors
from e2ad.core.audit import Actor
from e2ad.gateway.access import Principal
from e2ad.gateway.deciding import Deciding
from e2ad.gateway.edits import Edits
from e2ad.gateway.reviews import Approved, Reviewer
from e2ad.storage import reviews as storage
from e2ad.storage import sending as sent

__all__ = ["OPERATIONS", "deciding"]

HIDDEN: Final = "pending_review"


@operation(
    "listReviews",
    "GET",
    "/v1/reviews",
    tag="reviews",
    summary="List mail that waits for review",
    query=ListReviewsQuery,
    success={200: PageReviewView},
    errors=(errors.InvalidCursor,),
    beta=True,
)
async def list_reviews(call: Call[ListReviewsQuery, None]) -> PageReviewView:
    """All open holds of the account, both directions, newest first. Those of trashed agents are left out."""
    query, account_id = call.query, call.principal.account_id
    walk = call.services.cursors.walk(account_id, "reviews", {})
    found = await storage.page(call.services.db, account_id, before=walk.start(query.cursor), limit=query.limit + 1)
    page, cursor = walk.page(found, query.limit, lambda hold: (hold.created_at, hold.id))
    return PageReviewView([review_view(hold) for hold in page], cursor)


@operation(
    "getReview",
    "GET",
    "/v1/reviews/{id}",
    tag="reviews",
    summary="Get a review",
    success={200: MessageView},
    beta=True,
)
async def get_review(call: Call[None, None]) -> MessageView:
    """A message with all that a decision needs: the whole draft, why it is held, and what was noticed.

    Answers for any message of the account, held or not, and marks nothing as read.
    """
    shown = await storage.show(call.services.db, call.principal.account_id, call.path["id"])
    if shown is None:
        raise errors.NotFound("message not found")
    return shown_view(shown)


@operation(
    "approveReview",
    "POST",
    "/v1/reviews/{id}/approve",
    tag="reviews",
    summary="Approve a held mail",
    body=ApproveRequest,
    success={202: SendResultView, 200: SendResultView},
    errors=(
        errors.MessageNotPending,
        errors.Conflict,
        errors.RecipientSuppressed,
        errors.PayloadTooLarge,
        errors.RateLimited,
        errors.LimitExceeded,
        errors.TooManyRecipients,
        errors.InvalidRecipient,
        errors.InvalidAttachment,
        errors.SendingDomainNotVerified,
        errors.IdempotencyInFlight,
        errors.IdempotencyKeyReuse,
    ),
    beta=True,
    idempotent=True,
    max_body=MAX_BODY,
)
async def approve_review(call: Call[None, ApproveRequest]) -> Result:
    """Let a held mail go, as it is or changed: a draft is sent, received mail is shown and announced to its agent.

    Of all who decide at once exactly one does. With `content_sha256` it is decided about that very content.
    """
    principal, message_id = call.principal, call.path["id"]
    approved = await deciding(call.services).approve(
        principal.account_id,
        message_id,
        reviewer(principal, call.actor),
        edits=_edits(call.body),
        seen=_seen(call.body.content_sha256),
        is_counted=not principal.exempt,
        settle=settling(call, _approved),
    )
    result = _approved(approved)
    if approved.accepted is not None and approved.accepted.method == "loopback":
        result = await _delivered(call, approved, result)
        if call.claim is not None:
            await call.claim.amend(call.services.db, result.status, result.content_type, result.body())
    return evolve(result, encoded=result.body())


@operation(
    "rejectReview",
    "POST",
    "/v1/reviews/{id}/reject",
    tag="reviews",
    summary="Reject a held mail",
    body=RejectRequest,
    success={200: RejectResultView},
    errors=(errors.MessageNotPending, errors.Conflict),
    beta=True,
)
async def reject_review(call: Call[None, RejectRequest]) -> RejectResultView:
    """Keep a held mail back for good: a draft is never sent, received mail never shown."""
    principal = call.principal
    rejected = await deciding(call.services).reject(
        principal.account_id,
        call.path["id"],
        reviewer(principal, call.actor),
        reason=call.body.reason or "",
        seen=_seen(call.body.content_sha256),
    )
    return RejectResultView(rejected.status, rejected.message_id, rejected.reason or UNSET)


@operation(
    "editReview",
    "PATCH",
    "/v1/reviews/{id}",
    tag="reviews",
    summary="Change a held draft",
    body=ApproveRequest,
    success={200: EditResultView},
    errors=(
        errors.MessageNotPending,
        errors.Conflict,
        errors.PayloadTooLarge,
        errors.TooManyRecipients,
        errors.InvalidRecipient,
        errors.InvalidAttachment,
    ),
    beta=True,
    max_body=MAX_BODY,
)
async def edit_review(call: Call[None, ApproveRequest]) -> EditResultView:
    """Change a held draft without deciding: a new revision, which earlier links and hashes are not about."""
    principal = call.principal
    revised = await deciding(call.services).edit(
        principal.account_id,
        call.path["id"],
        reviewer(principal, call.actor),
        _edits(call.body),
        seen=_seen(call.body.content_sha256),
    )
    return EditResultView(revised.message_id, HIDDEN, revised.revision, revised.sha256.hex())


def reviewer(principal: Principal, actor: Actor) -> Reviewer:
    """Who decides, of those who call an API: a program with a key, or a person who is signed in."""
    via: Literal["api", "dashboard"] = "dashboard" if principal.session_id else "api"
    return Reviewer(via, principal.key_id or principal.account_id, actor)


def deciding(services: Services) -> Deciding:
    """The verbs of reviews over this process's collaborators."""
    return Deciding.of(
        services.config,
        services.db,
        services.keys,
        services.limits,
        services.courier,
        public_url=services.public_url,
    )


def _edits(body: ApproveRequest) -> Edits:
    return Edits(
        to=None if body.to is UNSET else body.to,
        cc=None if body.cc is UNSET else body.cc,
        bcc=None if body.bcc is UNSET else body.bcc,
        subject=None if body.subject is UNSET else body.subject,
        text=None if body.text is UNSET else body.text,
        html=None if body.html is UNSET else body.html,
        attachments=None if body.attachments is UNSET else files(body.attachments),
    )


def _seen(sha256: str | UnsetType) -> bytes | None:
    return bytes.fromhex(sha256) if sha256 else None


def _approved(approved: Approved) -> Result:
    accepted = approved.accepted
    if accepted is None:
        return Result(200, SendResultView(approved.status, approved.message_id))
    view = SendResultView(
        status=accepted.status,
        message_id=approved.message_id,
        method=accepted.method,
        sent_as=accepted.sent_as.value,
        scheduled_at=optional_instant(accepted.scheduled_at),
        edited=approved.edited,
    )
    return Result(202, view)


async def _delivered(call: Call[Any, Any], approved: Approved, result: Result) -> Result:
    """Mail to oneself is there as soon as its approval is answered."""
    state = await sent.state(call.services.db, call.principal.account_id, approved.message_id)
    if state is None or state.status not in ("sent", "delivered"):
        return result
    return Result(200, evolve(result.view, status="sent"))


OPERATIONS = [list_reviews, get_review, approve_review, reject_review, edit_review]
