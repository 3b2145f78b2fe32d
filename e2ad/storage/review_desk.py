"""What pages for people read of holds beside the operations of the API: lists of one agent, and all drafts of one."""

from datetime import datetime
from typing import Any

from attrs import field, frozen

from e2ad.core.protection import Protection
from e2ad.storage.messages import Position
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Decided", "Revision", "Waiting", "allowlist", "decided", "revisions", "waiting"]

_SQL = load("review_desk")


@frozen
class Waiting:
    """A hold in a list. `sha256` is of its draft, of mail in that of its content."""

    id: str
    agent_email: str
    direction: str
    created_at: datetime
    header_from: str | None
    sender_name: str
    verified: bool
    to_addresses: list[str]
    cc_addresses: list[str]
    bcc_addresses: list[str]
    subject: str
    snippet: str
    expires_at: datetime
    reason: dict[str, Any]
    on_expiry: str
    revision: int
    scheduled_at: datetime | None
    sha256: bytes | None


@frozen
class Decided:
    """A hold that has ended, how, and through which door."""

    id: str
    agent_email: str
    direction: str
    header_from: str | None
    sender_name: str
    to_addresses: list[str]
    subject: str
    review_status: str | None
    decided_at: datetime
    decided_via: str
    decided_by: str | None
    rejection_reason: str | None
    edited: bool


@frozen
class Revision:
    """One of the drafts of a hold."""

    revision: int
    draft: bytes = field(repr=False)
    sha256: bytes
    editor: str
    created_at: datetime


async def waiting(
    executor: Executor, account_id: str, agent_email: str | None, *, after: Position | None, limit: int
) -> list[Waiting]:
    """Open holds of living agents, newest first."""
    parameters = _page(account_id, agent_email, after, limit)
    # One agent or all of them are two plans.
    return await executor.fetch_all(_SQL["waiting"], parameters, row=Waiting, prepare=False)


async def decided(
    executor: Executor, account_id: str, agent_email: str | None, *, after: Position | None, limit: int
) -> list[Decided]:
    """Holds of living agents that have ended, the last decided first."""
    parameters = _page(account_id, agent_email, after, limit)
    return await executor.fetch_all(_SQL["decided"], parameters, row=Decided, prepare=False)


async def revisions(executor: Executor, account_id: str, message_id: str) -> list[Revision]:
    """All drafts of a hold, the first first; none of mail in."""
    return await executor.fetch_all(_SQL["revisions"], {"account_id": account_id, "id": message_id}, row=Revision)


async def allowlist(executor: Executor, account_id: str, agent_email: str) -> tuple[str, ...]:
    """To whom an agent may write because its owner says so."""
    found = await executor.fetch_value(_SQL["listed"], {"account_id": account_id, "agent_email": agent_email})
    return tuple(Protection.from_json(found).outbound.gate.allowlist) if found else ()


def _page(account_id: str, agent_email: str | None, after: Position | None, limit: int) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "agent_email": agent_email,
        "before_at": after.at if after else None,
        "before_id": after.id if after else "",
        "limit": limit,
    }
