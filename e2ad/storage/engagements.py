"""The table of engagements: how one agent stands with one contact.

What its callers wrote is in the table; what they cannot write, the mail that went and came and whether the address is
suppressed, is read beside it in the same statement, from the tables of those facts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import asdict, field, frozen

from e2ad.storage.adaptation import octets, texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Due",
    "Engagement",
    "EngagementChange",
    "EngagementFilter",
    "delete",
    "drop_batch",
    "enrol",
    "find",
    "hold_agent",
    "insert",
    "page",
    "take_due",
    "update",
]

_SQL = load("engagements")


@frozen
class Engagement:
    """How an agent stands with a contact.

    Attributes:
        etag: the version of what callers wrote.
        display_name, contact_metadata: of the contact.
        first_outbound_at: and what follows: facts of mail and suppression; `inbound_count` counts what passed DMARC.
    """

    agent_email: str
    address: str
    stage: str
    next_action_at: datetime | None
    metadata: Mapping[str, Any] = field(repr=False)
    etag: bytes
    created_at: datetime
    updated_at: datetime
    display_name: str
    contact_metadata: Mapping[str, Any] = field(repr=False)
    first_outbound_at: datetime | None
    last_outbound_at: datetime | None
    last_inbound_at: datetime | None
    outbound_count: int
    inbound_count: int
    last_conversation_id: str | None
    suppression_source: str | None
    suppression_reason: str | None

    @property
    def replied(self) -> bool:
        """Whether they wrote after the agent first did."""
        return _replied(self.first_outbound_at, self.last_inbound_at)

    @property
    def suppressed(self) -> bool:
        """Whether mail of the agent to them is refused."""
        return self.suppression_source is not None


@frozen
class EngagementFilter:
    """Which engagements.

    Attributes:
        next_action_before: those whose time of a next action is not later than this.
        last_outbound_before: those who were not written to since then, or never.
    """

    stage: str | None = None
    replied: bool | None = None
    suppressed: bool | None = None
    next_action_before: datetime | None = None
    last_outbound_before: datetime | None = None


@frozen
class EngagementChange:
    """What a caller writes; None leaves it. `metadata` is JSON text.

    `next_action_at` counts only with `reschedule`, so that a schedule can be cleared.
    """

    stage: str | None = None
    metadata: str | None = field(default=None, repr=False)
    reschedule: bool = False
    next_action_at: datetime | None = None


@frozen
class Due:
    """An engagement whose next action is due, as it is told of."""

    account_id: str
    agent_email: str
    address: str
    stage: str
    next_action_at: datetime
    display_name: str
    contact_metadata: Mapping[str, Any] = field(repr=False)
    first_outbound_at: datetime | None
    last_outbound_at: datetime | None
    last_inbound_at: datetime | None
    outbound_count: int
    last_conversation_id: str | None

    @property
    def replied(self) -> bool:
        """Whether they wrote after the agent first did."""
        return _replied(self.first_outbound_at, self.last_inbound_at)


async def page(
    executor: Executor,
    account_id: str,
    agent_email: str,
    wanted: EngagementFilter,
    *,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Engagement] | None:
    """Newest first, after the position `before` (its time and address); None without such a live agent."""
    before_at, before_address = before or (None, "")
    rows = await executor.fetch_all(
        _SQL["page"],
        asdict(wanted)
        | _agent(account_id, agent_email)
        | {"before_at": before_at, "before_address": before_address, "limit": limit},
        # Planned for each list: which filters are given decides how the rows are best found.
        prepare=False,
    )
    if not rows:
        return None
    return [Engagement(**row) for row in rows if row["address"] is not None]


async def find(executor: Executor, account_id: str, agent_email: str, address: str) -> tuple[bool, Engagement | None]:
    """Whether there is such a live agent, and its engagement with the address."""
    row = await executor.fetch_one(_SQL["find"], _agent(account_id, agent_email) | {"address": address})
    if row is None or row["address"] is None:
        return row is not None, None
    return True, Engagement(**row)


async def hold_agent(executor: Executor, account_id: str, agent_email: str) -> bool:
    """Whether there is such a live agent; it is then not purged until the transaction ends."""
    return await executor.fetch_value(_SQL["hold_agent"], _agent(account_id, agent_email)) is not None


async def insert(
    executor: Executor, account_id: str, agent_email: str, address: str, change: EngagementChange, *, etag: bytes
) -> bool:
    """Enrol a contact; False when it is already."""
    names = _agent(account_id, agent_email) | {"address": address, "etag": etag}
    return await executor.execute(_SQL["insert"], asdict(change) | names) > 0


async def update(
    executor: Executor,
    account_id: str,
    agent_email: str,
    address: str,
    change: EngagementChange,
    *,
    etag: bytes,
    seen: Sequence[bytes] | None,
) -> bool:
    """Change an engagement; False when there is none, or none of the versions `seen`."""
    names = _agent(account_id, agent_email) | {"address": address, "etag": etag}
    names["seen"] = None if seen is None else octets(seen)
    return await executor.execute(_SQL["update"], asdict(change) | names) > 0


async def delete(executor: Executor, account_id: str, agent_email: str, address: str) -> bool:
    """Take a contact out of an agent's outreach; False when it is not in it."""
    return await executor.execute(_SQL["delete"], _agent(account_id, agent_email) | {"address": address}) > 0


async def enrol(
    executor: Executor,
    account_id: str,
    agent_email: str,
    addresses: Sequence[str],
    *,
    stage: str,
    batch_id: str,
    etags: Sequence[bytes],
) -> set[str]:
    """Enrol the contacts of an import; which of them were not enrolled before."""
    rows = await executor.fetch_all(
        _SQL["enrol"],
        _agent(account_id, agent_email)
        | {"addresses": texts(addresses), "etags": octets(etags), "stage": stage, "batch_id": batch_id},
    )
    return {row["address"] for row in rows}


async def drop_batch(executor: Executor, account_id: str, batch_id: str) -> int:
    """Delete what an import enrolled and nothing came of; how many."""
    return await executor.execute(_SQL["drop_batch"], {"account_id": account_id, "batch_id": batch_id})


async def take_due(executor: Executor, at: datetime, *, limit: int) -> list[Due]:
    """Take engagements that are due and were not told of; the caller tells of them in the same transaction."""
    return await executor.fetch_all(_SQL["take_due"], {"at": at, "limit": limit}, row=Due)


def _agent(account_id: str, agent_email: str) -> dict[str, Any]:
    return {"account_id": account_id, "agent_email": agent_email}


def _replied(first_outbound_at: datetime | None, last_inbound_at: datetime | None) -> bool:
    return first_outbound_at is not None and last_inbound_at is not None and last_inbound_at > first_outbound_at
