"""Conversations of the classic API (contract: classic messages)."""

from typing import Any, Final

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.classic.messages import ClassicSummary, page_size, seconds, summary
from e2ad.api.conversations import labels_of, page_of_conversations, participants_of
from e2ad.api.operation import Scope
from e2ad.core.events import rfc3339
from e2ad.gateway import conversations as gateway
from e2ad.storage.conversations import Overview

__all__ = ["ROUTES"]

CONVERSATIONS: Final = "/api/v1/agents/{email}/conversations"


@frozen
class ClassicConversation:
    """A conversation in a list."""

    conversation_id: str
    first_message_at: str
    last_message_at: str
    message_count: int
    inbound_count: int
    outbound_count: int
    has_unread: bool
    latest_subject: str
    latest_sender: str


@frozen
class ClassicConversationDetail(ClassicConversation):
    """A conversation with its messages, oldest first."""

    participants: list[str]
    labels: list[str]
    messages: list[ClassicSummary]


@frozen
class ClassicConversations:
    """One page."""

    conversations: list[ClassicConversation]
    next_token: str | UnsetType = UNSET


@classic("GET", CONVERSATIONS, scope=Scope.OWN, poll=True)
async def list_conversations(call: ClassicCall[None]) -> ClassicConversations:
    """By their newest message, newest first."""
    rows, token = await page_of_conversations(
        call.services,
        call.principal.account_id,
        call.path["email"],
        "classic_conversations",
        since=call.first("since"),
        until=call.first("until"),
        cursor=call.first("token"),
        limit=page_size(call.first("page_size")),
    )
    return ClassicConversations([ClassicConversation(**_overview(row)) for row in rows], token or UNSET)


@classic("GET", CONVERSATIONS + "/{id}", scope=Scope.OWN, poll=True)
async def get_conversation(call: ClassicCall[None]) -> ClassicConversationDetail:
    """One conversation with its messages, oldest first."""
    found = await gateway.read(call.services.db, call.principal.account_id, call.path["email"], call.path["id"])
    return ClassicConversationDetail(
        **_overview(found.overview),
        participants=participants_of(found),
        labels=labels_of(found),
        messages=[summary(row) for row in found.messages],
    )


def _overview(row: Overview) -> dict[str, Any]:
    return {
        "conversation_id": row.conversation_id,
        "first_message_at": seconds(rfc3339(row.first_message_at)),
        "last_message_at": seconds(rfc3339(row.last_message_at)),
        "message_count": row.message_count,
        "inbound_count": row.inbound_count,
        "outbound_count": row.message_count - row.inbound_count,
        "has_unread": row.has_unread,
        "latest_subject": row.latest_subject,
        "latest_sender": (row.latest_reply_to[0] if row.latest_reply_to else row.latest_from) or "",
    }


ROUTES = [list_conversations, get_conversation]
