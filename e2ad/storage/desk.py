"""What pages for people read beside the operations of the API: counts, lists over all agents, what was noticed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from e2ad.storage.messages import Position
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Counts",
    "Inbox",
    "Noticed",
    "Pushed",
    "Row",
    "Thread",
    "agents",
    "counts",
    "noticed",
    "pushed",
    "rows",
    "threads",
    "with_mail",
]

_SQL = load("desk")


@frozen
class Counts:
    """Unread mail and held mail of an account; 100 stands for that many or more."""

    unread: int
    held: int


@frozen
class Inbox:
    """An agent and its unread mail, counted up to 100."""

    email: str
    name: str
    agent_mode: str
    unread: int


@frozen
class Thread:
    """A conversation with its newest message; `snippet` is the beginning of that."""

    id: str
    agent_email: str
    direction: str
    created_at: datetime
    conversation_id: str
    header_from: str | None
    sender_name: str
    to_addresses: list[str]
    subject: str
    snippet: str
    verified: bool
    flagged: bool
    continuity: str | None
    labels: list[str]
    unread: bool
    review_status: str | None
    attachment_count: int
    message_count: int
    has_unread: bool
    delivery_status: str | None


@frozen
class Row:
    """What a list shows of a message beside what the API says of it."""

    id: str
    agent_email: str
    sender_name: str
    snippet: str
    verified: bool
    attachment_count: int


@frozen
class Noticed:
    """What was noticed of a message; `reason` and what follows it are None where it never was held."""

    reason: dict[str, Any] | None
    decided_at: datetime | None
    decided_via: str | None
    rejection_reason: str | None
    bcc_addresses: list[str]
    review_expires_at: datetime | None
    findings: list[dict[str, Any]]


@frozen
class Pushed:
    """How far an event of a message is on its way to one endpoint."""

    id: str
    endpoint: str
    kind: str
    event_type: str
    status: str
    attempts: int
    created_at: datetime
    last_attempt_at: datetime | None
    next_attempt_at: datetime
    last_status_code: int | None
    last_error: str | None
    url: str


async def counts(executor: Executor, account_id: str) -> Counts:
    """What the frame of every page says."""
    found = await executor.fetch_one(_SQL["counts"], {"account_id": account_id}, row=Counts)
    assert found is not None
    return found


async def agents(executor: Executor, account_id: str, *, limit: int) -> list[Inbox]:
    """The account's living agents, newest first."""
    return await executor.fetch_all(_SQL["agents"], {"account_id": account_id, "limit": limit}, row=Inbox)


async def threads(
    executor: Executor, account_id: str, agent_email: str | None, *, after: Position | None, limit: int
) -> list[Thread]:
    """Conversations by their newest message, of one agent or of all; none of an agent that the account has not."""
    return await executor.fetch_all(
        _SQL["threads"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "cursor_at": after.at if after else None,
            "cursor_id": after.id if after else "",
            "limit": limit,
        },
        row=Thread,
        # One agent or all of them are two plans.
        prepare=False,
    )


async def with_mail(executor: Executor, account_id: str, emails: Sequence[str], *, deleted: bool) -> set[str]:
    """Those of the inboxes that have mail, in the trash or outside of it."""
    key = {"account_id": account_id, "emails": list(emails), "deleted": deleted}
    return {row["email"] for row in await executor.fetch_all(_SQL["with_mail"], key)}


async def rows(executor: Executor, account_id: str, ids: Sequence[str]) -> dict[str, Row]:
    """What a list shows beside the views of these messages, by id."""
    found = await executor.fetch_all(_SQL["rows"], {"account_id": account_id, "ids": list(ids)}, row=Row)
    return {one.id: one for one in found}


async def noticed(executor: Executor, account_id: str, agent_email: str, message_id: str) -> Noticed | None:
    """What was noticed of a message, in and out, held or not."""
    key = {"account_id": account_id, "agent_email": agent_email, "id": message_id}
    return await executor.fetch_one(_SQL["noticed"], key, row=Noticed)


async def pushed(executor: Executor, account_id: str, message_id: str, *, limit: int) -> list[Pushed]:
    """The deliveries of a message's events, oldest first."""
    key = {"account_id": account_id, "message_id": message_id, "limit": limit}
    return await executor.fetch_all(_SQL["pushed"], key, row=Pushed)
