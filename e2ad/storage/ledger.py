"""The lifecycle ledger: what happened to each message, appended in the transaction of the fact, read page by page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from attrs import field, frozen

from e2ad.core.outbound import REASONS
from e2ad.storage.adaptation import instants, texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Told", "Transition", "append", "of_message"]

_SQL = load("ledger")


def _known(_: "Transition", __: Any, reason_code: str) -> None:
    if reason_code not in REASONS:
        raise ValueError(f"{reason_code} is no reason code of the ledger")


@frozen
class Transition:
    """One row (contract: MessageLifecycleTransition).

    Attributes:
        reason_code: of `core.outbound.REASONS`, which gives stage, outcome and retryability.
        recipient: only of facts about one recipient.
        evidence: bounded diagnostics: at most 16 KiB, its strings 2 KiB, no bodies, no secrets.
        correlation_ids: of event_id, job_id, provider_message_id, provider_event_id, email_message_id.
    """

    account_id: str
    id: str
    message_id: str
    reason_code: str = field(validator=_known)
    occurred_at: datetime
    recipient: str | None = None
    evidence: Mapping[str, Any] = field(factory=dict)
    correlation_ids: Mapping[str, str] = field(factory=dict)


async def append(executor: Executor, transitions: Sequence[Transition]) -> None:
    """Append rows; one with an id that is there already is left out. One statement."""
    if not transitions:
        return
    await executor.execute(
        _SQL["append"],
        {
            "account_ids": texts(row.account_id for row in transitions),
            "ids": texts(row.id for row in transitions),
            "message_ids": texts(row.message_id for row in transitions),
            "reason_codes": texts(row.reason_code for row in transitions),
            "recipients": texts(row.recipient for row in transitions),
            "evidences": texts(orjson.dumps(row.evidence).decode() for row in transitions),
            "correlation_ids": texts(orjson.dumps(row.correlation_ids).decode() for row in transitions),
            "occurred_ats": instants(row.occurred_at for row in transitions),
        },
    )


@frozen
class Told:
    """What is known of a message, with a page of its rows.

    Attributes:
        entity_type: who sent it.
        authentication: the evidence of mail that came in.
    """

    direction: str
    created_at: datetime
    entity_type: str
    method: str
    authentication: Mapping[str, Any] | None
    transitions: tuple[Transition, ...]


async def of_message(
    executor: Executor,
    account_id: str,
    agent_email: str,
    message_id: str,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Told | None:
    """Rows of one message behind a position (time and id), oldest first; None if there is no such message."""
    after_at, after_id = after or (None, "")
    key = {"account_id": account_id, "agent_email": agent_email, "id": message_id}
    page = {"after_at": after_at, "after_id": after_id, "limit": limit}
    rows = await executor.fetch_all(_SQL["of_message"], key | page)
    if not rows:
        return None
    transitions = tuple(
        Transition(
            account_id,
            row["id"],
            message_id,
            row["reason_code"],
            row["occurred_at"],
            row["recipient"],
            row["evidence"],
            row["correlation_ids"],
        )
        for row in rows
        if row["id"] is not None
    )
    first = rows[0]
    return Told(
        first["direction"],
        first["created_at"],
        first["entity_type"],
        first["method"],
        first["authentication"],
        transitions,
    )
