"""Rows of the ledger as events show them."""

from typing import Any

import msgspec

from e2ad.core import events
from e2ad.core.outbound import REASONS
from e2ad.storage.ledger import Transition

__all__ = ["told"]


def told(row: Transition, direction: str) -> dict[str, Any]:
    """A row that belongs to an event, as its payload shows it (contract: MessageLifecycleTransition)."""
    reason = REASONS[row.reason_code]
    return {
        "id": row.id,
        "message_id": row.message_id,
        "direction": direction,
        "stage": reason.stage,
        "outcome": reason.outcome,
        "reason_code": row.reason_code,
        "retryable": reason.retryable,
        "evidence": msgspec.to_builtins(row.evidence),
        "correlation_ids": msgspec.to_builtins(row.correlation_ids),
        "occurred_at": events.rfc3339(row.occurred_at),
        "reconstructed": False,
        "recipient": row.recipient,
    }
