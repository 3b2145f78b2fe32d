"""What the gate and the scan noticed of messages: written with the fact, never changed.

Mail in writes its own with everything else (`storage.intake`); here is what all others write.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["record"]

_SQL = load("protection_events")


async def record(
    executor: Executor,
    account_id: str,
    agent_email: str,
    message_id: str,
    direction: Literal["inbound", "outbound"],
    rows: Sequence[Mapping[str, Any]],
    at: datetime,
) -> None:
    """Write what was noticed of one message (`core.findings.notices`): one statement, or none."""
    if not rows:
        return
    await executor.execute(
        _SQL["record"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "message_id": message_id,
            "direction": direction,
            "rows": Jsonb(rows),
            "at": at,
        },
    )
