"""The queue of mail out: submissions and notices, claimed in batches, marked before their content leaves.

`claim` writes attempt number and lease first and in the same statement returns all that an attempt
needs. What became of a submission is written by `storage.outcomes`, fenced by the attempt number.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from e2ad.core.outbound import Route
from e2ad.storage.adaptation import floats, integers, texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Claim",
    "Notice",
    "NoticeOutcome",
    "Pending",
    "announce",
    "claim",
    "claim_notices",
    "in_progress",
    "mark",
    "mark_notices",
    "next_due_seconds",
    "next_notice_seconds",
    "record_notices",
    "reserve_ramp",
]

_SQL = load("submissions")

INLINE_BYTES = 65536
"""Mail up to this size travels with the claim; larger mail is read by its attempt, under a budget."""

NoticeStatus: TypeAlias = Literal["pending", "sent", "failed", "skipped", "outcome_unknown"]


@frozen
class Pending:
    """A recipient that has the mail not yet."""

    address: str
    route: Route
    suppressed: bool = False


@frozen
class Claim:
    """One attempt to carry one mail. The row says already that it is made.

    Attributes:
        number: of the attempt, from 1: the fence of all that is written about it.
        counted_attempts: those before it that count against the schedule.
        lost: the attempt before this one ended while the content may have been on its way.
        cancelled: the message or its agent is in the trash.
        raw: the mail, where it is small.
        recipients: those that still wait.
        thread_id: of the mail in its agent's own mailbox.
    """

    account_id: str
    message_id: str
    agent_email: str
    number: int
    counted_attempts: int
    accepted_at: datetime
    scheduled_at: datetime | None
    sent_as: str
    signing_domain: str
    return_path: str
    smtputf8: bool
    lost: bool
    cancelled: bool
    hops: int
    content_sha256: bytes | None
    size_bytes: int
    raw: bytes | None = field(repr=False)
    recipients: tuple[Pending, ...]
    thread_id: str | None = None


@frozen
class Notice:
    """One attempt to carry a mail of the deployment itself. `wanted`: what it is about is still open."""

    id: str
    account_id: str
    recipient: str
    content: bytes = field(repr=False)
    number: int
    created_at: datetime
    lost: bool
    wanted: bool


@frozen
class NoticeOutcome:
    """What became of an attempt at a notice."""

    id: str
    number: int
    status: NoticeStatus
    detail: str | None = None
    wait_seconds: float = 0.0


async def claim(
    executor: Executor, *, limit: int, lease_seconds: float, named: tuple[str, str] = ("", "")
) -> list[Claim]:
    """Take due submissions, those due longest first, each for this caller alone until its lease ends.

    Args:
        limit: how many.
        lease_seconds: longer than an attempt can take.
        named: account and message id of one to take besides.

    Cancellation:
        Rows may be claimed that nobody works on; they are due again when the lease ends.
    """
    rows = await executor.fetch_all(
        _SQL["claim"],
        {
            "limit": limit,
            "lease_seconds": float(lease_seconds),
            "account_id": named[0],
            "message_id": named[1],
            "inline_bytes": INLINE_BYTES,
        },
    )
    return [_claim(row) for row in rows]


async def announce(executor: Executor) -> None:
    """Tell all processes that a submission or a notice is due."""
    await executor.execute(_SQL["announce"])


async def next_due_seconds(executor: Executor) -> float | None:
    """How long until the next submission becomes due, leases included; None when none waits."""
    seconds: float | None = await executor.fetch_value(_SQL["next_due_seconds"])
    return seconds


async def mark(executor: Executor, claims: Sequence[Claim]) -> set[tuple[str, str]]:
    """Write that the content of these is about to leave; keys of those whose claim holds and which may leave."""
    rows = await executor.fetch_all(
        _SQL["mark"],
        {
            "account_ids": texts(c.account_id for c in claims),
            "message_ids": texts(c.message_id for c in claims),
            "numbers": integers(c.number for c in claims),
        },
    )
    return {(row["account_id"], row["message_id"]) for row in rows}


async def in_progress(executor: Executor, account_id: str, agent_email: str) -> bool:
    """Whether mail of an agent is being sent at this moment."""
    return bool(await executor.fetch_value(_SQL["in_progress"], {"account_id": account_id, "agent_email": agent_email}))


async def reserve_ramp(
    executor: Executor,
    account_id: str,
    domain: str,
    count: int,
    *,
    start_daily: int,
    target_daily: int,
    ramp_days: int,
) -> bool:
    """Take `count` of today's sendings of an own domain, or none; a negative count gives them back.

    A mail with more recipients than a day's cap gets a day for itself.
    """
    key = {"account_id": account_id, "domain": domain}
    caps = {"count": count, "start_daily": start_daily, "target_daily": target_daily, "ramp_days": ramp_days}
    allowed: bool | None = await executor.fetch_value(_SQL["reserve_ramp"], key | caps)
    if allowed is None:
        await executor.execute(_SQL["begin_ramp"], key)
        allowed = await executor.fetch_value(_SQL["reserve_ramp"], key | caps)
    return bool(allowed)


async def claim_notices(executor: Executor, *, limit: int, lease_seconds: float) -> list[Notice]:
    """Take due notices, each for this caller alone until its lease ends."""
    values = {"limit": limit, "lease_seconds": float(lease_seconds)}
    return await executor.fetch_all(_SQL["claim_notices"], values, row=Notice)


async def next_notice_seconds(executor: Executor) -> float | None:
    """How long until the next notice becomes due, leases included; None when none waits."""
    seconds: float | None = await executor.fetch_value(_SQL["next_notice_seconds"])
    return seconds


async def mark_notices(executor: Executor, notices: Sequence[Notice]) -> set[str]:
    """Write that the content of these is about to leave; ids of those whose claim holds."""
    values = {"ids": texts(n.id for n in notices), "numbers": integers(n.number for n in notices)}
    return {row["id"] for row in await executor.fetch_all(_SQL["mark_notices"], values)}


async def record_notices(executor: Executor, outcomes: Sequence[NoticeOutcome]) -> int:
    """Write what became of notices; how many rows took it."""
    return await executor.execute(
        _SQL["record_notices"],
        {
            "ids": texts(o.id for o in outcomes),
            "numbers": integers(o.number for o in outcomes),
            "statuses": texts(o.status for o in outcomes),
            "details": texts(o.detail for o in outcomes),
            "wait_seconds": floats(o.wait_seconds for o in outcomes),
        },
    )


def _claim(row: Mapping[str, Any]) -> Claim:
    waiting = tuple(Pending(r["address"], Route(r["route"]), r["suppressed"]) for r in row["recipients"] or ())
    return Claim(**{**row, "recipients": waiting})
