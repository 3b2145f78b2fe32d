"""Held drafts in the classic API: list, look, approve, reject (contract: classic pending approval).

The published client asks `/api/v1/messages`, the server of its day answered `/api/v1/pending`, and the address
of the agent stood in the path of decisions or not: all of these are answered alike. Only mail of an agent is
here; received mail that waits is a matter of `/v1`.
"""

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.classic.framework import ClassicCall, classic, encode_classic
from e2ad.api.operation import Result, settling
from e2ad.api.reviews import deciding, reviewer
from e2ad.api.sending import MAX_BODY, sending
from e2ad.core.errors import Failure, InvalidRequest, MessageNotPending, NotFound
from e2ad.core.outbound import Draft, decode_draft
from e2ad.gateway.drafting import File
from e2ad.gateway.edits import Edits
from e2ad.gateway.reviews import Approved, Reviewer
from e2ad.gateway.sending import Outcome
from e2ad.storage import reviews as storage
from e2ad.storage.reviews import OpenHold, Shown

__all__ = ["HOLD_STATUSES", "ROUTES"]

LISTED: Final = 100
PENDING: Final = "pending_approval"

HOLD_STATUSES: Final[Mapping[str | None, str]] = {
    None: "sent",
    "pending_review": PENDING,
    "review_approved": "sent",
    "review_rejected": "rejected",
    "review_expired_approved": "expired_approved",
    "review_expired_rejected": "expired_rejected",
}


@frozen(kw_only=True)
class PendingMessage:
    """A held draft in a list."""

    id: str
    agent_id: str
    direction: str = "outbound"
    subject: str
    type: str
    conversation_id: str | UnsetType = UNSET
    to: list[str]
    cc: list[str] | UnsetType = UNSET
    bcc: list[str] | UnsetType = UNSET
    status: str
    approval_expires_at: str | UnsetType = UNSET
    created_at: str


@frozen(kw_only=True)
class PendingDetail(PendingMessage):
    """A draft, held or decided. What it says is shown while it waits."""

    email_message_id: str | UnsetType = UNSET
    body_text: str | UnsetType = UNSET
    body_html: str | UnsetType = UNSET
    attachments: list[dict[str, Any]] | UnsetType = UNSET
    edited: bool | UnsetType = UNSET
    reviewed_at: str | UnsetType = UNSET
    reviewed_by_user_id: str | UnsetType = UNSET
    reviewed_by_name: str | UnsetType = UNSET
    rejection_reason: str | UnsetType = UNSET
    provider_message_id: str | UnsetType = UNSET
    method: str | UnsetType = UNSET
    inbound: dict[str, Any] | UnsetType = UNSET


@frozen
class PendingList:
    """All that wait."""

    messages: list[PendingMessage]


@frozen
class ClassicFile:
    """A file."""

    filename: str = ""
    content_type: str = ""
    data: str = ""


@frozen
class ApproveBody:
    """What to change on the way."""

    subject: str | UnsetType = UNSET
    body_text: str | UnsetType = UNSET
    body_html: str | UnsetType = UNSET
    to: list[str] | UnsetType = UNSET
    cc: list[str] | UnsetType = UNSET
    bcc: list[str] | UnsetType = UNSET
    attachments: list[ClassicFile] | UnsetType = UNSET


@frozen
class RejectBody:
    """Why not."""

    reason: str = ""


@frozen
class ApproveResult:
    """A draft that was let go."""

    status: str
    message_id: str
    method: str
    edited: bool
    provider_message_id: str | UnsetType = UNSET


@frozen
class RejectResult:
    """A draft that was kept back."""

    status: str
    message_id: str
    rejection_reason: str


@classic("GET", "/api/v1/pending")
async def list_pending(call: ClassicCall[None]) -> PendingList:
    """Held drafts of the account, those first that run out first."""
    return await _list(call)


@classic("GET", "/api/v1/messages")
async def list_held_messages(call: ClassicCall[None]) -> PendingList:
    """The same under the name that the published client uses."""
    return await _list(call)


@classic("GET", "/api/v1/messages/{id}")
async def get_held_message(call: ClassicCall[None]) -> PendingDetail:
    """One mail of an agent with what became of its hold."""
    account_id = call.principal.account_id
    shown = await storage.show(call.services.db, account_id, call.path["id"])
    if shown is None or shown.message.direction != "outbound":
        raise NotFound("message not found")
    draft = None if shown.draft is None else decode_draft(shown.draft)
    parent = None
    if draft is not None and draft.parent_id is not None:
        parent = await storage.show(call.services.db, account_id, draft.parent_id)
    return _detail(shown, draft, parent, account_id)


@classic(
    "POST", "/api/v1/messages/{id}/approve", body=ApproveBody, body_optional=True, max_body=MAX_BODY, idempotent=True
)
async def approve_message(call: ClassicCall[ApproveBody | None]) -> Result:
    """Let a held draft go, as it is or changed, and wait until it has left."""
    return await _approve(call)


@classic(
    "POST", "/api/v1/agents/{email}/messages/{id}/approve", body=ApproveBody, body_optional=True, max_body=MAX_BODY
)
async def approve_agent_message(call: ClassicCall[ApproveBody | None]) -> Result:
    """The same with the agent in the path."""
    return await _approve(call)


@classic("POST", "/api/v1/messages/{id}/reject", body=RejectBody, body_optional=True)
async def reject_message(call: ClassicCall[RejectBody | None]) -> RejectResult:
    """Keep a held draft back for good."""
    return await _reject(call)


@classic("POST", "/api/v1/agents/{email}/messages/{id}/reject", body=RejectBody, body_optional=True)
async def reject_agent_message(call: ClassicCall[RejectBody | None]) -> RejectResult:
    """The same with the agent in the path."""
    return await _reject(call)


async def _list(call: ClassicCall[None]) -> PendingList:
    if call.first("status", PENDING) not in ("", PENDING):
        raise InvalidRequest(f"status must be {PENDING}")
    holds = await storage.soonest(call.services.db, call.principal.account_id, limit=LISTED)
    return PendingList([_summary(hold) for hold in holds])


async def _check(call: ClassicCall[Any]) -> None:
    """It is a mail of an agent of the account, and of the agent in the path where there is one."""
    owner = await storage.agent_of(call.services.db, call.principal.account_id, call.path["id"])
    if owner is None or owner.agent_email != call.path.get("email", owner.agent_email):
        raise NotFound("message not found")
    if owner.direction != "outbound":
        raise MessageNotPending


def _reviewer(call: ClassicCall[Any]) -> Reviewer:
    return reviewer(call.principal, call.actor)


async def _approve(call: ClassicCall[ApproveBody | None]) -> Result:
    await _check(call)
    principal = call.principal
    approved = await deciding(call.services).approve(
        principal.account_id,
        call.path["id"],
        _reviewer(call),
        edits=_edits(call.body),
        is_counted=not principal.exempt,
        settle=settling(call, lambda approved: _result(approved, _outcome(approved))),
    )
    return await _answer(call, approved)


async def _answer(call: ClassicCall[Any], approved: Approved) -> Result:
    """Wait for the mail to leave, as a classic send does, and keep that answer for a repeat of the request.

    Raises:
        Failure: it was approved and did not leave.
    """
    first, claim = _outcome(approved), call.claim
    outcome = await sending(call.services).wait(call.principal.account_id, first)
    if outcome.status == "failed":
        if claim is not None:
            await claim.forget(call.services.db)
        raise Failure(f"the mail was approved and could not be sent: {outcome.detail or 'no reason was given'}")
    result = _result(approved, outcome)
    if claim is not None and outcome != first:
        await claim.amend(call.services.db, result.status, result.content_type, result.body())
    return result


def _outcome(approved: Approved) -> Outcome:
    accepted = approved.accepted
    if accepted is None:
        raise MessageNotPending
    return Outcome(
        status=accepted.status,
        message_id=approved.message_id,
        method=accepted.method,
        scheduled_at=accepted.scheduled_at,
        email_message_id=accepted.email_message_id,
    )


def _result(approved: Approved, outcome: Outcome) -> Result:
    view = ApproveResult(
        outcome.status,
        approved.message_id,
        outcome.method or "smtp",
        approved.edited,
        outcome.provider_message_id or outcome.email_message_id or UNSET,
    )
    return Result(200, view, encoded=encode_classic(view))


async def _reject(call: ClassicCall[RejectBody | None]) -> RejectResult:
    await _check(call)
    reason = "" if call.body is None else call.body.reason
    rejected = await deciding(call.services).reject(
        call.principal.account_id, call.path["id"], _reviewer(call), reason=reason
    )
    return RejectResult("rejected", rejected.message_id, rejected.reason)


def _edits(body: ApproveBody | None) -> Edits | None:
    if body is None:
        return None
    return Edits(
        to=None if body.to is UNSET else body.to,
        cc=None if body.cc is UNSET else body.cc,
        bcc=None if body.bcc is UNSET else body.bcc,
        subject=None if body.subject is UNSET else body.subject,
        text=None if body.body_text is UNSET else body.body_text,
        html=None if body.body_html is UNSET else body.body_html,
        attachments=None
        if body.attachments is UNSET
        else tuple(File(one.filename, one.content_type, one.data) for one in body.attachments),
    )


def _seconds(at: Any) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _summary(hold: OpenHold) -> PendingMessage:
    return PendingMessage(
        id=hold.id,
        agent_id=hold.agent_email,
        subject=hold.subject,
        type=hold.message_type or "send",
        conversation_id=hold.conversation_id or UNSET,
        to=hold.to_addresses,
        cc=hold.cc_addresses or UNSET,
        bcc=hold.bcc_addresses or UNSET,
        status=PENDING,
        approval_expires_at=_seconds(hold.review_expires_at),
        created_at=_seconds(hold.created_at),
    )


def _detail(shown: Shown, draft: Draft | None, parent: Shown | None, account_id: str) -> PendingDetail:
    message = shown.message
    status = HOLD_STATUSES[message.review_status]
    waits = status == PENDING and draft is not None
    by_person = shown.decided_via not in (None, "expiry")
    return PendingDetail(
        id=message.id,
        agent_id=shown.agent_email,
        subject=message.subject,
        type=shown.message_type or "send",
        conversation_id=message.conversation_id or UNSET,
        to=message.to_addresses,
        cc=message.cc_addresses or UNSET,
        bcc=shown.bcc_addresses or UNSET,
        status=status,
        approval_expires_at=UNSET if shown.review_expires_at is None else _seconds(shown.review_expires_at),
        created_at=_seconds(message.created_at),
        email_message_id=shown.email_message_id or UNSET,
        body_text=draft.text if waits and draft is not None else UNSET,
        body_html=(draft.html or UNSET) if waits and draft is not None else UNSET,
        attachments=_files(draft) if waits and draft is not None and draft.attachments else UNSET,
        edited=shown.edited or UNSET,
        reviewed_at=UNSET if shown.decided_at is None else _seconds(shown.decided_at),
        reviewed_by_user_id=account_id if by_person else UNSET,
        reviewed_by_name=(shown.account_name or UNSET) if by_person else UNSET,
        rejection_reason=shown.rejection_reason or UNSET,
        provider_message_id=(shown.email_message_id or UNSET) if status == "sent" else UNSET,
        method=shown.method if not waits else UNSET,
        inbound=UNSET if parent is None else _parent(parent),
    )


def _files(draft: Draft) -> list[dict[str, Any]]:
    return [{"filename": one.filename, "content_type": one.content_type, "data": one.data} for one in draft.attachments]


def _parent(parent: Shown) -> dict[str, Any]:
    message = parent.message
    return {
        "sender": message.header_from or "",
        "subject": message.subject,
        "created_at": _seconds(message.created_at),
    }


ROUTES = [
    list_pending,
    list_held_messages,
    get_held_message,
    approve_message,
    approve_agent_message,
    reject_message,
    reject_agent_message,
]
