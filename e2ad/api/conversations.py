"""Conversations: messages of one inbox that answer each other (contract: conversations)."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.message_views import MessageSummaryView, summary_view
from e2ad.api.operation import Call, Scope, operation
from e2ad.api.services import Services
from e2ad.api.shapes import Instant
from e2ad.api.views import Cursor, Limit
from e2ad.core import errors
from e2ad.core.events import rfc3339
from e2ad.gateway import conversations as gateway
from e2ad.gateway.messages import span
from e2ad.storage import conversations as storage
from e2ad.storage.conversations import Conversation, Overview
from e2ad.storage.messages import Position

__all__ = ["OPERATIONS", "labels_of", "page_of_conversations", "participants_of"]


@frozen
class ListConversationsQuery:
    """Which conversations, by the time of their newest message."""

    since: Annotated[Instant, Meta(description="newest message at this RFC 3339 time or later")] | UnsetType = UNSET
    until: Annotated[Instant, Meta(description="newest message before this RFC 3339 time")] | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
    limit: Limit = 100


@frozen
class ConversationSummaryView:
    """A conversation in a list."""

    id: str
    last_message_at: Instant
    first_message_at: Instant
    message_count: int
    inbound_count: int
    outbound_count: int
    has_unread: bool
    latest_subject: str
    latest_from: str


@frozen
class PageConversationSummaryView:
    """One page of conversations."""

    items: list[ConversationSummaryView]
    next_cursor: str | None


@frozen
class ConversationDetailView:
    """A conversation with its messages, oldest first."""

    id: str
    last_message_at: Instant
    first_message_at: Instant
    message_count: int
    inbound_count: int
    outbound_count: int
    has_unread: bool
    latest_subject: str
    latest_from: str
    participants: list[str]
    labels: list[str]
    messages: list[MessageSummaryView]


@operation(
    "listConversations",
    "GET",
    "/v1/agents/{email}/conversations",
    tag="conversations",
    summary="List conversations",
    query=ListConversationsQuery,
    success={200: PageConversationSummaryView},
    errors=(errors.InvalidFilter, errors.InvalidCursor, errors.NotFound),
    scope=Scope.OWN,
    poll=True,
)
async def list_conversations(call: Call[ListConversationsQuery, None]) -> PageConversationSummaryView:
    """By their newest message, newest first. A first contact is a conversation of one message."""
    query = call.query
    rows, cursor = await page_of_conversations(
        call.services,
        call.principal.account_id,
        call.path["email"],
        "conversations",
        since=query.since or "",
        until=query.until or "",
        cursor=query.cursor or "",
        limit=query.limit,
    )
    return PageConversationSummaryView([ConversationSummaryView(**_overview(row)) for row in rows], cursor)


@operation(
    "getConversation",
    "GET",
    "/v1/agents/{email}/conversations/{id}",
    tag="conversations",
    summary="Get a conversation",
    success={200: ConversationDetailView},
    errors=(errors.InvalidRequest, errors.NotFound),
    scope=Scope.OWN,
    poll=True,
)
async def get_conversation(call: Call[None, None]) -> ConversationDetailView:
    """The conversation with its messages, oldest first; of a very long one the newest 1000."""
    found = await gateway.read(call.services.db, call.principal.account_id, call.path["email"], call.path["id"])
    return ConversationDetailView(
        **_overview(found.overview),
        participants=participants_of(found),
        labels=labels_of(found),
        messages=[summary_view(row, with_size=False) for row in found.messages],
    )


async def page_of_conversations(
    services: Services,
    account_id: str,
    email: str,
    collection: str,
    *,
    since: str,
    until: str,
    cursor: str,
    limit: int,
) -> tuple[Sequence[Overview], str | None]:
    """One page and the cursor of the next; the same for both APIs.

    Raises:
        InvalidFilter, InvalidCursor, NotFound: as the operation.
    """
    first, last = span(since, until)
    walk = services.cursors.walk(account_id, collection, {"agent": email, "since": first, "until": last})
    start = walk.start(cursor)
    after = Position(*start) if start else None
    rows = await storage.page(services.db, account_id, email, since=first, until=last, after=after, limit=limit + 1)
    if rows is None:
        raise errors.NotFound("agent not found")
    return walk.page(rows, limit, lambda row: (row.last_message_at, row.last_message_id))


def participants_of(conversation: Conversation) -> list[str]:
    """Every address in From, To and Cc of its messages, once, sorted."""
    found: set[str] = set()
    for row in conversation.messages:
        found.update(address.lower() for address in (row.header_from, *row.to_addresses, *row.cc_addresses) if address)
    return sorted(found)


def labels_of(conversation: Conversation) -> list[str]:
    """Every label of its messages, once, sorted."""
    return sorted({label for row in conversation.messages for label in row.labels})


def _overview(row: Overview) -> dict[str, Any]:
    return {
        "id": row.conversation_id,
        "last_message_at": rfc3339(row.last_message_at),
        "first_message_at": rfc3339(row.first_message_at),
        "message_count": row.message_count,
        "inbound_count": row.inbound_count,
        "outbound_count": row.message_count - row.inbound_count,
        "has_unread": row.has_unread,
        "latest_subject": row.latest_subject,
        "latest_from": row.latest_from or "",
    }


OPERATIONS: Final = [list_conversations, get_conversation]
