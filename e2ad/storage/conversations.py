"""Conversations: what the messages of one agent that belong together add up to.

There is no table of conversations to fall out of step: they are read from the messages, along
the indexes that a page needs. Trashed, held and quarantined messages do not count.
"""

from datetime import datetime

from attrs import fields, frozen

from e2ad.storage.messages import Position, Summary
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Conversation", "Overview", "members", "page"]

_SQL = load("conversations")


@frozen
class Overview:
    """A conversation as lists show it. `last_message_id` breaks ties of the order."""

    conversation_id: str
    last_message_at: datetime
    last_message_id: str
    latest_subject: str
    latest_from: str | None
    latest_reply_to: list[str]
    first_message_at: datetime
    message_count: int
    inbound_count: int
    has_unread: bool


@frozen
class Conversation:
    """One conversation: counts over all of it, and its newest messages, oldest first."""

    overview: Overview
    messages: list[Summary]


async def page(
    executor: Executor,
    account_id: str,
    agent_email: str,
    *,
    since: datetime | None,
    until: datetime | None,
    after: Position | None,
    limit: int,
) -> list[Overview] | None:
    """Conversations by their newest message, or None when the account has no such live agent. One statement.

    Args:
        since, until: the newest message's time, in [since, until).
        after: time and id of the newest message of the last conversation that was given.
    """
    rows = await executor.fetch_all(
        _SQL["page"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "since": since,
            "until": until,
            "cursor_at": after.at if after else None,
            "cursor_id": after.id if after else "",
            "limit": limit,
        },
        prepare=False,
    )
    if not rows:
        return None
    return [Overview(**row) for row in rows if row["conversation_id"] is not None]


async def members(
    executor: Executor, account_id: str, agent_email: str, conversation_id: str, *, limit: int
) -> Conversation | None:
    """One conversation with up to `limit` of its newest messages; None if it has none that may be seen."""
    rows = await executor.fetch_all(
        _SQL["members"],
        {"account_id": account_id, "agent_email": agent_email, "conversation_id": conversation_id, "limit": limit},
    )
    if not rows:
        return None
    names = [attribute.name for attribute in fields(Summary)]
    messages = [Summary(**{name: row[name] for name in names}) for row in rows]
    newest, totals = messages[-1], rows[-1]
    overview = Overview(
        conversation_id=conversation_id,
        last_message_at=newest.created_at,
        last_message_id=newest.id,
        latest_subject=newest.subject,
        latest_from=newest.header_from,
        latest_reply_to=newest.reply_to_addresses,
        first_message_at=totals["first_message_at"],
        message_count=totals["message_count"],
        inbound_count=totals["inbound_count"],
        has_unread=totals["has_unread"],
    )
    return Conversation(overview, messages)
