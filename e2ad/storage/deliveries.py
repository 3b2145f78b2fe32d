"""The queue of deliveries: claimed in batches, recorded in batches.

`claim` writes attempt number and lease first and in the same statement returns everything that
an attempt needs. Lost, killed and cancelled processes all read alike: the lease runs out and the
row is due again, one attempt further.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from attrs import frozen

from e2ad.core.delivery import Attempt, CarriedMessage, DeliveryKind, Endpoint, Surface
from e2ad.core.signing import Verdict
from e2ad.storage.adaptation import floats, integers, texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Claim",
    "Recorded",
    "Stopped",
    "carried_message",
    "claim",
    "clear_old_secrets",
    "content",
    "disable_failing",
    "disable_webhook",
    "next_due_seconds",
    "record",
]

_SQL = load("deliveries")

INLINE_BYTES = 65536
"""Mail up to this size travels with the claim; larger mail is read by its attempt, under a budget."""

Result: TypeAlias = Literal["delivered", "failed", "given_up", "again", "put_off", "put_back"]


@frozen
class Claim:
    """What one claim brought. `seen` is how many due rows were looked at: more than taken means more to come."""

    attempts: tuple[Attempt, ...]
    seen: int


@frozen
class Recorded:
    """The outcome of one attempt, as it is written.

    Attributes:
        result: `again` is due in `wait_seconds`; `put_off` too, without having used an attempt;
            `put_back` is due at once, as if it had not been claimed; `given_up` has failed
            without having used the attempt.
        age_seconds: how long ago the attempt began.
        took_seconds: how long it lasted.
    """

    account_id: str
    id: str
    number: int
    result: Result
    wait_seconds: float = 0.0
    status_code: int | None = None
    error: str | None = None
    excerpt: str | None = None
    age_seconds: float = 0.0
    took_seconds: float = 0.0


@frozen
class Stopped:
    """A webhook that was switched off, and for how many failures."""

    account_id: str
    id: str
    failed: int


async def claim(
    executor: Executor,
    *,
    limit: int,
    lease_seconds: float,
    room: int,
    rooms: Mapping[str, int],
    excluded: Sequence[str],
) -> Claim:
    """Take due deliveries, oldest first, each for this caller alone until its lease ends.

    Args:
        limit: rows to look at.
        lease_seconds: longer than an attempt can take.
        room: attempts for an endpoint that is not in `rooms`.
        rooms: attempts that may be taken for endpoints that are known here.
        excluded: endpoints that have no room at all.

    Cancellation:
        Rows may be claimed that nobody works on; they are due again when the lease ends.
    """
    rows = await executor.fetch_all(
        _SQL["claim"],
        {
            "limit": limit,
            "lease_seconds": float(lease_seconds),
            "room": room,
            "endpoints": texts(rooms),
            "rooms": integers(rooms.values()),
            "excluded": texts(excluded),
            "inline_bytes": INLINE_BYTES,
        },
    )
    return Claim(tuple(_attempt(row) for row in rows), rows[0]["seen"] if rows else 0)


async def next_due_seconds(executor: Executor) -> float | None:
    """How long until the next pending delivery becomes due, leases included; None when none waits."""
    seconds: float | None = await executor.fetch_value(_SQL["next_due_seconds"])
    return seconds


async def record(executor: Executor, outcomes: Sequence[Recorded]) -> int:
    """Write outcomes, and the attempts that they end, in one statement; how many rows took them."""
    rows = await executor.fetch_all(
        _SQL["record"],
        {
            "account_ids": texts(o.account_id for o in outcomes),
            "ids": texts(o.id for o in outcomes),
            "numbers": integers(o.number for o in outcomes),
            "outcomes": texts(o.result for o in outcomes),
            "wait_seconds": floats(o.wait_seconds for o in outcomes),
            "status_codes": integers(o.status_code for o in outcomes),
            "errors": texts(o.error for o in outcomes),
            "excerpts": texts(o.excerpt or None for o in outcomes),
            "ages": floats(o.age_seconds for o in outcomes),
            "took": integers(round(1000 * o.took_seconds) for o in outcomes),
        },
    )
    return len(rows)


async def disable_webhook(executor: Executor, account_id: str, webhook_id: str, reason: str) -> bool:
    """Switch a webhook off; False when it was off or gone."""
    return (
        await executor.fetch_value(
            _SQL["disable_webhook"], {"account_id": account_id, "id": webhook_id, "reason": reason}
        )
        is not None
    )


async def disable_failing(
    executor: Executor, *, window_seconds: float, failures: int, reason: str, limit: int
) -> list[Stopped]:
    """Switch off webhooks with at least `failures` failed and no delivered delivery in the window."""
    return await executor.fetch_all(
        _SQL["disable_failing"],
        {"window_seconds": float(window_seconds), "failures": failures, "reason": reason, "limit": limit},
        row=Stopped,
    )


async def clear_old_secrets(executor: Executor) -> int:
    """Forget previous webhook secrets whose grace is over; how many."""
    return await executor.execute(_SQL["clear_old_secrets"])


async def content(executor: Executor, account_id: str, sha256: bytes) -> bytes | None:
    """The raw mail, or None when it is gone."""
    raw: bytes | None = await executor.fetch_value(_SQL["content"], {"account_id": account_id, "sha256": sha256})
    return raw


def carried_message(row: Mapping[str, Any], *, id_column: str = "found_message_id") -> CarriedMessage | None:
    """The message columns of a claim or of a stream row as a value; None where the join found none."""
    if row[id_column] is None:
        return None
    return CarriedMessage(
        id=row[id_column],
        created_at=row["message_created_at"],
        conversation_id=row["conversation_id"],
        delivered_to=row["delivered_to"],
        agent_email=row["message_agent"],
        header_from=row["header_from"],
        to=tuple(row["to_addresses"]),
        cc=tuple(row["cc_addresses"]),
        reply_to=tuple(row["reply_to_addresses"]),
        subject=row["subject"],
        verdict=Verdict(
            verified=row["verified"],
            sender=row["header_from"] or "",
            entity_type=row["entity_type"],
            domain_check=row["domain_check"],
            delegation=row["delegation"],
        ),
        content_sha256=row["content_sha256"],
        size_bytes=row["size_bytes"],
        raw=row.get("raw"),
    )


def _endpoint(kind: DeliveryKind, row: Mapping[str, Any]) -> Endpoint:
    match kind:
        case DeliveryKind.WEBHOOK:
            secrets = (row["sealed_secret"], row["sealed_previous_secret"])
            return Endpoint(
                url=row["webhook_url"] or "",
                exists=row["webhook_id"] is not None,
                enabled=bool(row["enabled"]),
                surface=Surface(row["surface"] or "v1"),
                sealed_secrets=tuple(secret for secret in secrets if secret is not None),
            )
        case DeliveryKind.AGENT:
            return Endpoint(
                url=row["agent_url"] or "", exists=row["agent"] is not None, enabled=row["agent_mode"] == "cloud"
            )
        case DeliveryKind.URL:
            secret = row["sealed_replay_secret"]
            return Endpoint(
                url=row["replay_url"] or "", exists=secret is not None, sealed_secrets=(secret,) if secret else ()
            )


def _attempt(row: Mapping[str, Any]) -> Attempt:
    kind = DeliveryKind(row["kind"])
    return Attempt(
        account_id=row["account_id"],
        id=row["id"],
        kind=kind,
        endpoint_key=row["endpoint_key"],
        endpoint=_endpoint(kind, row),
        event_id=row["event_id"],
        event_type=row["event_type"],
        body=row["body"],
        number=row["number"],
        waits=row["waits"],
        leased_until=row["leased_until"],
        created_at=row["created_at"],
        message=carried_message(row),
        signing_secret_id=row["signing_secret_id"],
        sealed_signing_secret=row["sealed_signing_secret"],
        is_cancelled=row["is_cancelled"],
    )
