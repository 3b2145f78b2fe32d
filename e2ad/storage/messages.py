"""Reading stored mail, and what may be changed of it: labels, read state, trash.

Every list and every read is one statement. Whether the agent exists and lives is answered by the
same statement, so that an unknown inbox is told apart from an empty one at no cost. Held and
quarantined inbound mail is not there for any of these functions, except that `trash` and `purge`
say that it is held (contract: message state fields).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from e2ad.core.message_filter import Bounds, MessageFilter, like_pattern
from e2ad.core.search import Search
from e2ad.storage.pool import Executor
from e2ad.storage.search import Matches, match
from e2ad.storage.sql import load

__all__ = [
    "Attachments",
    "Filter",
    "Listed",
    "Message",
    "Position",
    "Purged",
    "Summary",
    "Trashed",
    "Updated",
    "attachments",
    "download",
    "page",
    "purge",
    "raw",
    "read",
    "restore",
    "trash",
    "update",
]

_SQL = load("messages")


@frozen
class Position:
    """Where a page ends: the sort keys of its last row. Lists stay in step while mail arrives."""

    at: datetime
    id: str


@frozen
class Filter:
    """Which messages a list holds, and in which order.

    Attributes:
        direction: `inbound`, `outbound`, or None for both.
        unread: of inbound mail; outbound mail has no read state and is let through.
        from_contains, subject_contains: without regard to case, no character special.
        labels: all of them.
        since, until: `created_at` in [since, until).
        expression: a compiled message filter besides.
        search: a compiled search besides.
    """

    direction: str | None = "inbound"
    unread: bool | None = None
    from_contains: str | None = None
    subject_contains: str | None = None
    conversation_id: str | None = None
    labels: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    deleted: bool = False
    expression: MessageFilter | None = None
    search: Search | None = None
    oldest_first: bool = False


@frozen
class Summary:
    """A message as lists show it. The last four are of mail out that was accepted, and None for all other."""

    id: str
    direction: str
    created_at: datetime
    delivered_to: str
    envelope_from: str | None
    header_from: str | None
    verified_domain: str | None
    to_addresses: list[str]
    cc_addresses: list[str]
    reply_to_addresses: list[str]
    subject: str
    conversation_id: str
    threaded: bool
    size_bytes: int
    unread: bool
    labels: list[str]
    flagged: bool
    flag_reason: str | None
    continuity: str | None
    continuity_detail: str | None
    resembles: str | None
    review_status: str | None
    deleted_at: datetime | None
    delivery_status: str | None
    delivery_detail: str | None
    sent_as: str | None
    scheduled_at: datetime | None


@frozen
class Listed(Summary):
    """A message of a list; `quoted` is what its search looked at: `name`, `text` (its beginning) and `attachments`."""

    quoted: dict[str, Any] | None
    thread_id: str | None


@frozen
class Message(Summary):
    """A message as its reader gets it.

    `new_text` is None where all of `body_text` is new. `unread` is the state before this reading.
    `secret_id` and `sealed_secret` are the account's newest signing secret, None where it has none. Reviewers are not
    shown the `thread_id`.
    """

    method: str
    sender_name: str
    authentication: dict[str, Any] | None
    automation: str | None
    body_text: str
    new_text: str | None
    body_html: str | None
    truncated: bool
    attachments: list[dict[str, Any]]
    verified: bool
    entity_type: str
    domain_check: str
    delegation: str
    content_sha256: bytes | None
    raw: bytes | None
    secret_id: str | None
    sealed_secret: bytes | None
    thread_id: str | None = None


@frozen
class Attachments:
    """A message's index of attachments, and its bytes where they were asked for and may be had."""

    attachments: list[dict[str, Any]]
    raw: bytes | None


@frozen
class Updated:
    """The state that an update leads to; when `labels` are more than allowed, nothing was written."""

    direction: str
    labels: list[str]
    unread: bool


@frozen
class Trashed:
    """What trashing met: `in_trash` before it. A held message stays where it is, and so does one on its way out."""

    held: bool
    in_trash: bool
    in_progress: bool = False


@frozen
class Purged:
    """What purging met; the message is gone if it was in the trash, not held and not on its way out."""

    held: bool
    in_trash: bool
    content_sha256: bytes | None
    in_progress: bool = False


async def page(
    executor: Executor,
    account_id: str,
    agent_email: str,
    which: Filter,
    *,
    after: Position | None,
    limit: int,
    quoted_characters: int = 0,
) -> list[Listed] | None:
    """Up to `limit` messages behind `after`, or None when the account has no such live agent.

    One statement; with a search one more before it, which asks the index.

    Args:
        quoted_characters: of the text of each message so much is given along.
    """
    found = await match(executor, agent_email, which.search) if which.search else Matches(None)
    expression, bounds = which.expression, which.expression.bounds if which.expression else Bounds()
    rows = await executor.fetch_all(
        _SQL["oldest" if which.oldest_first else "newest"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "deleted": which.deleted,
            "direction": which.direction,
            "unread": which.unread,
            "from_like": like_pattern(which.from_contains) if which.from_contains else None,
            "subject_like": like_pattern(which.subject_contains) if which.subject_contains else None,
            "conversation_id": which.conversation_id,
            "labels": sorted({*which.labels, *bounds.labels}),
            "since": max((at for at in (which.since, bounds.since) if at), default=None),
            "until": min((at for at in (which.until, bounds.until) if at), default=None),
            "filter_from_like": bounds.from_like,
            "filter_subject_like": bounds.subject_like,
            "filter_path": expression.path if expression else None,
            "found_ids": None if found.ids is None else list(found.ids),
            "found_query": found.query,
            "quoted_characters": quoted_characters,
            "cursor_at": after.at if after else None,
            "cursor_id": after.id if after else "",
            "limit": limit,
        },
        row=Listed,
        prepare=False,
    )
    if not rows:
        return None
    # A living agent without any such mail is one row of nulls.
    return rows if rows[0].id else []


async def read(
    executor: Executor, account_id: str, agent_email: str, message_id: str, *, mark_read: bool
) -> Message | None:
    """One message, marked as read in the same statement where `mark_read` says so; None if there is none."""
    return await executor.fetch_one(
        _SQL["read"],
        {"account_id": account_id, "agent_email": agent_email, "id": message_id, "mark_read": mark_read},
        row=Message,
    )


async def raw(executor: Executor, account_id: str, agent_email: str, message_id: str) -> bytes | None:
    """The mail as it came."""
    key = {"account_id": account_id, "agent_email": agent_email, "id": message_id}
    found: bytes | None = await executor.fetch_value(_SQL["raw"], key)
    return found


async def attachments(
    executor: Executor, account_id: str, agent_email: str, message_id: str, *, index: int, inline_bytes: int
) -> Attachments | None:
    """The index of attachments; with the raw mail where attachment `index` has at most `inline_bytes` bytes."""
    return await executor.fetch_one(
        _SQL["attachments"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "id": message_id,
            "index": index,
            "inline_bytes": inline_bytes,
        },
        row=Attachments,
    )


async def download(executor: Executor, agent_email: str, message_id: str) -> bytes | None:
    """The mail as it came, for whoever has proved by a signed link that it was given to them."""
    found: bytes | None = await executor.fetch_value(_SQL["download"], {"agent_email": agent_email, "id": message_id})
    return found


async def update(
    executor: Executor,
    account_id: str,
    agent_email: str,
    message_id: str,
    *,
    add: Sequence[str],
    remove: Sequence[str],
    unread: bool | None,
    max_labels: int,
) -> Updated | None:
    """Add labels, then remove others, and set the read state of inbound mail; None if there is no message.

    The row is locked first: of two updates at once both take effect.
    """
    return await executor.fetch_one(
        _SQL["update"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "id": message_id,
            "add": list(add),
            "remove": list(remove),
            "unread": unread,
            "max_labels": max_labels,
        },
        row=Updated,
    )


async def trash(executor: Executor, account_id: str, agent_email: str, message_id: str) -> Trashed | None:
    """Move a message to the trash unless it is held."""
    key = {"account_id": account_id, "agent_email": agent_email, "id": message_id}
    return await executor.fetch_one(_SQL["trash"], key, row=Trashed)


async def restore(executor: Executor, account_id: str, agent_email: str, message_id: str) -> bool | None:
    """Bring a message back; False when it was not in the trash, None if there is none."""
    key = {"account_id": account_id, "agent_email": agent_email, "id": message_id}
    found: bool | None = await executor.fetch_value(_SQL["restore"], key)
    return found


async def purge(executor: Executor, account_id: str, agent_email: str, message_id: str) -> Purged | None:
    """Delete a trashed message for good. Its content stays: it may be that of another recipient too."""
    key = {"account_id": account_id, "agent_email": agent_email, "id": message_id}
    return await executor.fetch_one(_SQL["purge"], key, row=Purged)
