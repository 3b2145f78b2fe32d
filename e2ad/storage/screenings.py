"""Mail that waits, hidden, for the word of the model: claimed by who asks, settled by who knows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen

from e2ad.core.continuity import Continuity, Status
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Settled", "Waiting", "Waits", "claim", "lock", "settle"]

_SQL = load("screenings")


@frozen
class Waits:
    """A mail that is to be looked at by the model.

    Attributes:
        attempts: this one included.
        noticed: what the heuristics said of it.
    """

    account_id: str
    message_id: str
    attempts: int
    noticed: dict[str, Any]
    agent_email: str
    subject: str
    sender_name: str
    header_from: str | None
    body_text: str = field(repr=False)
    body_html: str | None = field(repr=False)
    truncated: bool
    attachments: list[dict[str, Any]]
    continuity: Status | None
    continuity_detail: str | None
    resembles: str | None

    @property
    def sender_continuity(self) -> Continuity | None:
        """How its sender compares with what the agent knew when it came."""
        if self.continuity is None:
            return None
        return Continuity(self.continuity, self.continuity_detail or "", self.resembles)


@frozen
class Waiting:
    """The same mail, locked, with what its agent's owner wants now."""

    account_id: str
    id: str
    agent_email: str
    conversation_id: str
    protection: dict[str, Any]
    registered_domain: str


@frozen
class Settled:
    """What became of it, as columns. `hold` is there where a person decides: reason, findings, on_expiry."""

    review_status: str | None
    review_expires_at: datetime | None
    flag_reason: str | None
    scan_score: float | None
    scan_action: str | None
    hold: Mapping[str, Any] | None
    at: datetime


async def claim(executor: Executor, *, limit: int, waits_seconds: Sequence[float]) -> list[Waits]:
    """Take mail that is due: its attempt is counted and its next time is set, so that a crash costs a wait and no mail.

    Args:
        waits_seconds: from each attempt to the next; the last one for all that follow. Each must be longer than
            an attempt can take.
    """
    return await executor.fetch_all(_SQL["claim"], {"limit": limit, "waits": list(waits_seconds)}, row=Waits)


async def lock(executor: Executor, account_id: str, message_id: str) -> Waiting | None:
    """Keep everybody else from settling it until this transaction ends; None when it does not wait any more."""
    return await executor.fetch_one(_SQL["lock"], {"account_id": account_id, "id": message_id}, row=Waiting)


async def settle(executor: Executor, waiting: Waiting, settled: Settled) -> None:
    """End the wait. One statement of the transaction that has locked it."""
    hold = settled.hold
    await executor.execute(
        _SQL["settle"],
        {
            "account_id": waiting.account_id,
            "id": waiting.id,
            "agent_email": waiting.agent_email,
            "review_status": settled.review_status,
            "review_expires_at": settled.review_expires_at,
            "flag_reason": settled.flag_reason,
            "scan_score": settled.scan_score,
            "scan_action": settled.scan_action,
            "reason": None if hold is None else Jsonb(hold["reason"]),
            "findings": None if hold is None else Jsonb(hold["findings"]),
            "on_expiry": None if hold is None else hold["on_expiry"],
            "at": settled.at,
        },
    )
