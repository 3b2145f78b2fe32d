"""The lifecycle ledger: what happened to each message, appended in the transaction of the fact."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from attrs import field, frozen

from e2ad.core.outbound import REASONS
from e2ad.storage.adaptation import instants, texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Transition", "append"]

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
