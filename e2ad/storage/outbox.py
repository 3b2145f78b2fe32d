"""Writing events: in the transaction of the fact they tell of, with their deliveries.

Mail in has a statement of its own (`storage.intake`); everything else comes through here.
"""

from collections.abc import Sequence
from datetime import datetime

from attrs import field, frozen

from e2ad.storage.adaptation import instants, texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["BATCH", "NewEvent", "emit"]

_SQL = load("outbox")

BATCH = 100
"""Events of one statement: a notification has less than 8,000 octets."""


@frozen
class NewEvent:
    """An event to be. `envelope` is the exact JSON text that every channel sends (`core.events.envelope`)."""

    account_id: str
    id: str
    type: str
    agent_email: str | None
    conversation_id: str | None
    message_id: str | None
    envelope: str = field(repr=False)
    created_at: datetime


async def emit(executor: Executor, events: Sequence[NewEvent], *, outbox: bool) -> None:
    """Write events, those aside that are there already (an id is a fact), and wake who delivers them.

    `email.received` also goes to the agent's own URL where it is in cloud mode.

    Args:
        executor: the transaction of the fact.
        outbox: whether subscribed webhooks get deliveries.
    """
    for start in range(0, len(events), BATCH):
        part = events[start : start + BATCH]
        await executor.execute(
            _SQL["emit"],
            {
                "account_ids": texts(event.account_id for event in part),
                "ids": texts(event.id for event in part),
                "types": texts(event.type for event in part),
                "agent_emails": texts(event.agent_email for event in part),
                "conversation_ids": texts(event.conversation_id for event in part),
                "message_ids": texts(event.message_id for event in part),
                "envelopes": texts(event.envelope for event in part),
                "created_ats": instants(event.created_at for event in part),
                "outbox": outbox,
            },
        )
