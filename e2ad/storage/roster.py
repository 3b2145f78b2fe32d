"""What the pages about agents read beside the operations of the API: who there is, and what goes on around one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Around", "Entry", "Posted", "Recent", "around", "newest", "page", "posted"]

_SQL = load("roster")


@frozen
class Entry:
    """An agent in the list; `unread` is counted up to 100."""

    email: str
    name: str
    agent_mode: str
    webhook_url: str
    protection: Mapping[str, Any]
    created_at: datetime
    domain_verified: bool
    unread: int
    last_mail_at: datetime | None


@frozen
class Around:
    """What belongs to an agent, counted up to 100 of each; keys are those that open something."""

    unread: int
    keys: int
    suppressions: int


@frozen
class Recent:
    """A mail of an agent, in a line."""

    id: str
    direction: str
    subject: str
    header_from: str | None
    to_addresses: list[str]
    created_at: datetime


@frozen
class Posted:
    """A delivery to the agent's own URL; `event_id` is None where the event is forgotten."""

    id: str
    event_id: str | None
    event_type: str
    status: str
    attempts: int
    created_at: datetime
    last_attempt_at: datetime | None
    next_attempt_at: datetime
    last_status_code: int | None
    last_error: str | None


async def page(
    executor: Executor, account_id: str, *, search: str, before: tuple[datetime, str] | None, limit: int
) -> list[Entry]:
    """Living agents, newest first, after the position `before`; `search`, in small letters, is in name or address."""
    before_at, before_email = before or (None, "")
    return await executor.fetch_all(
        _SQL["page"],
        {
            "account_id": account_id,
            "search": search,
            "before_at": before_at,
            "before_email": before_email,
            "limit": limit,
        },
        row=Entry,
    )


async def around(executor: Executor, account_id: str, agent_email: str) -> Around:
    """What belongs to an agent; nothing to one that the account has not."""
    key = {"account_id": account_id, "agent_email": agent_email}
    found = await executor.fetch_one(_SQL["around"], key, row=Around)
    assert found is not None  # counts always have a row
    return found


async def newest(executor: Executor, account_id: str, agent_email: str, *, limit: int) -> list[Recent]:
    """The newest mail, without what is held or was refused."""
    key = {"account_id": account_id, "agent_email": agent_email, "limit": limit}
    return await executor.fetch_all(_SQL["newest"], key, row=Recent)


async def posted(executor: Executor, account_id: str, agent_email: str, *, limit: int) -> list[Posted]:
    """The newest deliveries to an agent's own URL."""
    key = {"account_id": account_id, "agent_email": agent_email, "limit": limit}
    return await executor.fetch_all(_SQL["posted"], key, row=Posted)
