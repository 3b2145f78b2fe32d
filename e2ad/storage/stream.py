"""What the hub of sockets reads: the backlog of an agent, events by name, and what it may have missed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from e2ad.core.delivery import Position, RecentEvent, StreamEvent, StreamStart
from e2ad.storage.deliveries import carried_message
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["StreamReads"]

_SQL = load("stream")


@frozen
class StreamReads:
    """The hub's view of the database; the hub itself knows no SQL.

    All methods raise `core.errors.Unavailable` when the database does not answer.
    """

    executor: Executor

    async def start(self, account_id: str) -> StreamStart:
        """The moment at which a socket joins, and the secret that signs for its account."""
        row = await self.executor.fetch_one(_SQL["start"], {"account_id": account_id}, row=StreamStart)
        assert row is not None
        return row

    async def backlog(
        self, account_id: str, agent_email: str, after: Position, limit: int, *, all_mail: bool
    ) -> list[StreamEvent]:
        """A page of the agent's mail behind `after`, oldest first.

        The unread by when it came, or all of it by when it was announced: `after` is the position of a message
        or of an event. Mail that a person let through came long before its announcement.
        """
        rows = await self.executor.fetch_all(
            _SQL["announced" if all_mail else "unread"],
            {
                "account_id": account_id,
                "agent_email": agent_email,
                "after_at": after.at,
                "after_id": after.id,
                "limit": limit,
            },
        )
        return [_event(row) for row in rows]

    async def position(self, account_id: str, agent_email: str, event_id: str) -> Position | None:
        """Where an event of this agent stands; None when it is unknown, another agent's or too old."""
        row = await self.executor.fetch_one(
            _SQL["position"], {"account_id": account_id, "agent_email": agent_email, "event_id": event_id}
        )
        return None if row is None else Position(row["created_at"], row["id"])

    async def by_ids(self, wanted: Sequence[tuple[str, str]], agent_emails: Sequence[str]) -> list[StreamEvent]:
        """Events by (account, event id), those of `agent_emails` alone."""
        rows = await self.executor.fetch_all(
            _SQL["by_ids"],
            {
                "account_ids": [account_id for account_id, _ in wanted],
                "event_ids": [event_id for _, event_id in wanted],
                "agent_emails": list(agent_emails),
            },
        )
        return [_event(row) for row in rows]

    async def recent_ids(self, agents: Sequence[tuple[str, str, datetime]], limit: int) -> list[RecentEvent]:
        """Ids of events since a moment, for each (account, agent, moment), oldest first."""
        return await self.executor.fetch_all(
            _SQL["recent_ids"],
            {
                "account_ids": [account_id for account_id, _, _ in agents],
                "agent_emails": [agent_email for _, agent_email, _ in agents],
                "sinces": [since for _, _, since in agents],
                "limit": limit,
            },
            row=RecentEvent,
        )


def _event(row: Mapping[str, Any]) -> StreamEvent:
    message = carried_message(row)
    assert message is not None
    return StreamEvent(
        account_id=row["account_id"],
        agent_email=row["agent_email"],
        event_id=row["event_id"],
        created_at=row["created_at"],
        envelope=row["envelope"],
        message=message,
    )
