"""Messages: reading and keeping order (contract: messages)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from attrs import asdict, frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.message_views import (
    AttachmentView,
    DeleteMessageResult,
    MessageView,
    PageMessageSummaryView,
    UpdateMessageResultView,
    highlighted,
    message_view,
    read_status,
    summary_view,
)
from e2ad.api.model_views import ModelView, model_view
from e2ad.api.operation import Call, Result, Scope, operation
from e2ad.api.review_views import drafted
from e2ad.api.services import Services
from e2ad.api.shapes import Instant
from e2ad.api.views import Cursor, Limit
from e2ad.core import errors
from e2ad.core.events import rfc3339
from e2ad.core.message_filter import MAX_CHARACTERS
from e2ad.core.model_view import DEFAULT_CHARACTERS
from e2ad.core.model_view import MAX_CHARACTERS as MAX_MODEL_CHARACTERS
from e2ad.core.outbound import decode_draft
from e2ad.core.search import MAX_CHARACTERS as MAX_SEARCH_CHARACTERS
from e2ad.core.search import compile_search
from e2ad.core.signing import open_token, signed_token
from e2ad.gateway import messages as gateway
from e2ad.gateway import searching
from e2ad.gateway.messages import Criteria
from e2ad.gateway.mint import now
from e2ad.gateway.model_view import read_for_model
from e2ad.storage import messages as storage
from e2ad.storage import reviews
from e2ad.storage.messages import Filter, Listed, Position

__all__ = ["DOWNLOAD_PURPOSE", "OPERATIONS", "open_download", "page_of_messages"]

DOWNLOAD_PURPOSE: Final = "attachment"
"""Part of the token's MAC, so that a link for one use is worth nothing for another."""
DOWNLOAD_SECONDS: Final = 900
MESSAGE: Final = "/v1/agents/{email}/messages/{id}"


@frozen
class ListMessagesQuery:
    """Which messages, in which order."""

    direction: (
        Annotated[
            Literal["inbound", "outbound", "all"],
            Meta(description="inbound, or all in the trash, where nothing is said"),
        ]
        | UnsetType
    ) = UNSET
    read_status: (
        Annotated[
            Literal["unread", "read", "all"], Meta(description="unread for inbound messages where nothing is said")
        ]
        | UnsetType
    ) = UNSET
    sort: Literal["asc", "desc"] = "desc"
    from_: Annotated[str, Meta(description="part of the sender's address, any case")] | UnsetType = UNSET
    subject_contains: Annotated[str, Meta(description="part of the subject, any case")] | UnsetType = UNSET
    conversation_id: Annotated[str, Meta(description="of this conversation alone")] | UnsetType = UNSET
    labels: Annotated[str, Meta(description="with all of these labels, separated by commas")] | UnsetType = UNSET
    since: Annotated[Instant, Meta(description="created at this RFC 3339 time or later")] | UnsetType = UNSET
    until: Annotated[Instant, Meta(description="created before this RFC 3339 time")] | UnsetType = UNSET
    filter: (
        Annotated[
            str,
            Meta(description=f"an expression such as label:urgent -from:noreply, at most {MAX_CHARACTERS} characters"),
        ]
        | UnsetType
    ) = UNSET
    search: (
        Annotated[
            str,
            Meta(
                description='words in subject, sender, text and names of attachments, such as invoice "due soon"'
                f" -draft from:ada OR subject:offer has:attachment; at most {MAX_SEARCH_CHARACTERS} characters",
            ),
        ]
        | UnsetType
    ) = UNSET
    deleted: Annotated[bool, Meta(description="the trash instead")] = False
    cursor: Cursor | UnsetType = UNSET
    limit: Limit = 100


@frozen
class GetMessageQuery:
    """How to read."""

    mark_read: Annotated[bool, Meta(description="false leaves an unread message unread")] = True
    view: (
        Annotated[Literal["model"], Meta(description="model: as text that a language model can read safely")]
        | UnsetType
    ) = UNSET
    max_chars: Annotated[
        int, Meta(ge=1, le=MAX_MODEL_CHARACTERS, description="of view=model: so many characters of the mail at once")
    ] = DEFAULT_CHARACTERS
    offset: Annotated[
        int, Meta(ge=0, le=100_000_000, description="of view=model: the next_offset of the part before")
    ] = 0


@frozen
class UpdateMessageRequest:
    """Labels to add and to remove; read_status is an addition."""

    add_labels: list[str] | UnsetType = UNSET
    remove_labels: list[str] | UnsetType = UNSET
    read_status: Literal["read", "unread"] | UnsetType = UNSET


@frozen
class DeleteMessageQuery:
    """To the trash, or with permanent out of it."""

    permanent: Annotated[bool, Meta(description="delete a trashed message for good")] = False
    confirm: Annotated[str, Meta(description="DELETE, where permanent is true")] | UnsetType = UNSET


@frozen
class AttachmentQuery:
    """How to get the bytes."""

    inline: Annotated[bool, Meta(description="the bytes as base64 in the answer, up to 262144 of them")] = False


INDEX: Final[Mapping[str, Any]] = {"index": Annotated[int, Meta(ge=0, le=1_000_000)]}


@operation(
    "listMessages",
    "GET",
    "/v1/agents/{email}/messages",
    tag="messages",
    summary="List an inbox",
    query=ListMessagesQuery,
    success={200: PageMessageSummaryView},
    errors=(errors.InvalidFilter, errors.InvalidCursor, errors.NotFound),
    scope=Scope.OWN,
    poll=True,
)
async def list_messages(call: Call[ListMessagesQuery, None]) -> PageMessageSummaryView:
    """Unread inbound messages, newest first, unless the query says otherwise. Listing marks nothing as read."""
    query = call.query
    criteria = Criteria(
        direction=query.direction or "",
        read_status=query.read_status or "",
        from_contains=query.from_ or "",
        subject_contains=query.subject_contains or "",
        conversation_id=query.conversation_id or "",
        labels=(query.labels or "").split(","),
        since=query.since or "",
        until=query.until or "",
        deleted=query.deleted,
        expression=query.filter or "",
        search=query.search or "",
        oldest_first=query.sort == "asc",
    )
    account_id, email = call.principal.account_id, call.path["email"]
    rows, cursor = await page_of_messages(
        call.services, account_id, email, "messages", criteria, query.cursor or "", query.limit
    )
    views = [summary_view(row) for row in rows]
    if (search := compile_search(criteria.search)) is not None:
        views = [highlighted(*pair) for pair in zip(views, await searching.highlights(rows, search), strict=True)]
    return PageMessageSummaryView(views, cursor)


async def page_of_messages(
    services: Services, account_id: str, email: str, collection: str, criteria: Criteria, cursor: str, limit: int
) -> tuple[Sequence[Listed], str | None]:
    """One page and the cursor of the next; the same for both APIs.

    Raises:
        InvalidFilter, InvalidCursor, NotFound: as the operation.
    """
    which = gateway.listing(criteria)
    walk = services.cursors.walk(account_id, collection, _binding(email, which, criteria))
    start = walk.start(cursor)
    after = Position(*start) if start else None
    quoted = searching.QUOTED_CHARACTERS if which.search else 0
    rows = await storage.page(
        services.db, account_id, email, which, after=after, limit=limit + 1, quoted_characters=quoted
    )
    if rows is None:
        raise errors.NotFound("agent not found")
    return walk.page(rows, limit, lambda row: (row.created_at, row.id))


def _binding(email: str, which: Filter, criteria: Criteria) -> dict[str, Any]:
    compiled = {"expression": criteria.expression, "search": criteria.search}
    return asdict(which, recurse=False) | compiled | {"agent": email}


@operation(
    "getMessage",
    "GET",
    MESSAGE,
    tag="messages",
    summary="Read a message",
    query=GetMessageQuery,
    success={200: MessageView},
    views={"model": ModelView},
    errors=(errors.NotFound,),
    scope=Scope.OWN,
    poll=True,
)
async def get_message(call: Call[GetMessageQuery, None]) -> MessageView | ModelView:
    """The whole message with freshly signed `auth_headers`. An unread one is marked as read, unless asked not to.

    With `view=model` it is text for a language model instead; each part of it marks as read.
    Of a draft that waits for review, or was rejected, nothing is composed yet: its text is in `body`.
    """
    reading = await gateway.read(
        call.services.db,
        call.services.keys,
        call.principal.account_id,
        call.path["email"],
        call.path["id"],
        mark_read=call.query.mark_read,
    )
    message, query, draft = reading.message, call.query, None
    if message.review_status is not None and message.content_sha256 is None:
        draft = await reviews.show(call.services.db, call.principal.account_id, message.id)
    if query.view == "model":
        found = await read_for_model(
            message,
            call.path["email"],
            offset=query.offset,
            max_chars=query.max_chars,
            draft=decode_draft(draft.draft) if draft is not None and draft.draft is not None else None,
        )
        return model_view(message.id, found)
    view = message_view(reading)
    return view if draft is None else drafted(view, draft)


@operation(
    "getRawMessage",
    "GET",
    MESSAGE + "/raw",
    tag="messages",
    summary="Get a message's bytes",
    success={200: bytes},
    media_type="message/rfc822",
    errors=(errors.NotFound,),
    scope=Scope.OWN,
    poll=True,
    beta=True,
)
async def get_raw_message(call: Call[None, None]) -> Result:
    """The mail as it came, as `message/rfc822`. Marks nothing as read."""
    content = await gateway.raw(call.services.db, call.principal.account_id, call.path["email"], call.path["id"])
    return Result(200, None, encoded=content, content_type="message/rfc822")


@operation(
    "updateMessage",
    "PATCH",
    MESSAGE,
    tag="messages",
    summary="Change labels and read state",
    body=UpdateMessageRequest,
    success={200: UpdateMessageResultView},
    errors=(errors.InvalidRequest, errors.NotFound),
    scope=Scope.OWN,
)
async def update_message(call: Call[None, UpdateMessageRequest]) -> UpdateMessageResultView:
    """Add labels, then remove others; a label in both lists is removed. `{}` only reads."""
    body, message_id = call.body, call.path["id"]
    updated = await gateway.update(
        call.services.db,
        call.principal.account_id,
        call.path["email"],
        message_id,
        add=body.add_labels or (),
        remove=body.remove_labels or (),
        read_status=body.read_status or None,
    )
    status = read_status(updated.direction, unread=updated.unread)
    return UpdateMessageResultView(message_id, updated.labels, status)


@operation(
    "deleteMessage",
    "DELETE",
    MESSAGE,
    tag="messages",
    summary="Move a message to the trash, or delete it for good",
    query=DeleteMessageQuery,
    success={200: DeleteMessageResult},
    errors=(errors.NotFound, errors.MessageHeld, errors.NotInTrash, errors.SendInProgress),
    scope=Scope.OWN,
)
async def delete_message(call: Call[DeleteMessageQuery, None]) -> DeleteMessageResult:
    """To the trash; again is no error. With `permanent=true` a trashed message is deleted for good."""
    principal, email, message_id = call.principal, call.path["email"], call.path["id"]
    if not call.query.permanent:
        await gateway.trash(call.services.db, principal.account_id, email, message_id)
        return DeleteMessageResult(deleted=True, id=message_id)
    if call.query.confirm != "DELETE":
        message = "permanent deletion needs confirm=DELETE"
        raise errors.ValidationFailed(details={"fields": [{"location": "query.confirm", "message": message}]})
    if principal.agent_email is not None:
        raise errors.Forbidden("only an account credential may delete a message for good")
    await gateway.purge(call.services.db, principal.account_id, email, message_id)
    return DeleteMessageResult(deleted=True, id=message_id)


@operation(
    "restoreMessage",
    "POST",
    MESSAGE + "/restore",
    tag="messages",
    summary="Bring a message back from the trash",
    success={200: MessageView},
    errors=(errors.NotFound, errors.NotInTrash),
    scope=Scope.OWN,
)
async def restore_message(call: Call[None, None]) -> MessageView:
    """The message as it is after that; its read state is the one it had."""
    account_id, email, message_id = call.principal.account_id, call.path["email"], call.path["id"]
    await gateway.restore(call.services.db, account_id, email, message_id)
    return message_view(
        await gateway.read(call.services.db, call.services.keys, account_id, email, message_id, mark_read=False)
    )


@operation(
    "getAttachment",
    "GET",
    MESSAGE + "/attachments/{index}",
    tag="messages",
    summary="Get an attachment",
    query=AttachmentQuery,
    path_types=INDEX,
    success={200: AttachmentView},
    errors=(errors.NotFound, errors.AttachmentNotFound, errors.AttachmentTooLarge),
    scope=Scope.OWN,
)
async def get_attachment(call: Call[AttachmentQuery, None]) -> AttachmentView:
    """What is known of it and a link to its bytes that works for 15 minutes without a credential."""
    email, message_id, index = call.path["email"], call.path["id"], int(call.path["index"])
    found = await gateway.attachment(
        call.services.db, call.principal.account_id, email, message_id, index, inline=call.query.inline
    )
    expires_at = (now() + timedelta(seconds=DOWNLOAD_SECONDS)).replace(microsecond=0)
    payload = f"{message_id}|{index}|{int(expires_at.timestamp())}"
    token = signed_token(call.services.keys.current, payload, purpose=DOWNLOAD_PURPOSE)
    path = f"/v1/agents/{quote(email)}/messages/{quote(message_id, safe='')}/attachments/{index}/download"
    meta = found.meta
    return AttachmentView(
        index=meta.index,
        size_bytes=meta.size_bytes,
        download_url=f"{call.services.public_url.rstrip('/')}{path}?token={token}",
        expires_at=rfc3339(expires_at),
        filename=meta.filename if meta.filename is not None else UNSET,
        content_type=meta.content_type if meta.content_type is not None else UNSET,
        content_id=meta.content_id if meta.content_id is not None else UNSET,
        data=found.content if found.content is not None else UNSET,
    )


def open_download(services: Services, token: str, message_id: str, index: str) -> bool:
    """Whether a token was made by us for this attachment and is still good; at the very second of its end it is not."""
    payload = open_token(services.keys.secrets, token, purpose=DOWNLOAD_PURPOSE)
    if payload is None:
        return False
    wanted, _, expiry = payload.rpartition("|")
    return wanted == f"{message_id}|{index}" and expiry.isdecimal() and now().timestamp() < int(expiry)


OPERATIONS: Final = [
    list_messages,
    get_message,
    get_raw_message,
    update_message,
    delete_message,
    restore_message,
    get_attachment,
]
