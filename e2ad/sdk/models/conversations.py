"""Threads."""

from datetime import datetime

from attrs import frozen

from e2ad.sdk.models.messages import MessageSummaryView

__all__ = ["ConversationDetailView", "ConversationSummaryView"]


@frozen(kw_only=True)
class ConversationDetailView:
    """A conversation with its messages, oldest first."""

    id: str
    last_message_at: datetime
    first_message_at: datetime
    message_count: int
    inbound_count: int
    outbound_count: int
    has_unread: bool
    latest_subject: str
    latest_from: str
    participants: list[str]
    labels: list[str]
    messages: list[MessageSummaryView]


@frozen(kw_only=True)
class ConversationSummaryView:
    """A conversation in a list."""

    id: str
    last_message_at: datetime
    first_message_at: datetime
    message_count: int
    inbound_count: int
    outbound_count: int
    has_unread: bool
    latest_subject: str
    latest_from: str
