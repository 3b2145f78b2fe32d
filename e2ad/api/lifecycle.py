"""What happened to a message, row by row, and a person's word on what nobody can know (contract: lifecycle)."""

import heapq
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.operation import Call, Scope, operation
from e2ad.api.shapes import Instant
from e2ad.api.views import Cursor, Limit
from e2ad.core import errors
from e2ad.core.events import rfc3339
from e2ad.core.message import EntityType
from e2ad.core.outbound import REASONS
from e2ad.gateway import mint, outcomes
from e2ad.gateway.facts import transition_id
from e2ad.storage import ledger
from e2ad.storage.ledger import Told, Transition

__all__ = ["OPERATIONS"]

MESSAGE: Final = "/v1/agents/{email}/messages/{id}"
_RECONSTRUCTED: Final = "mlt_recon_"
_DMARC: Final = {
    "pass": "authentication.dmarc_pass",
    "fail": "authentication.dmarc_fail",
    "none": "authentication.dmarc_none",
    "permerror": "authentication.dmarc_permanent_error",
    "temperror": "authentication.dmarc_temporary_error",
}


@frozen
class LifecycleQuery:
    """Which page."""

    cursor: Cursor | UnsetType = UNSET
    limit: Limit = 50


@frozen
class MessageLifecycleTransition:
    """One fact. `reconstructed`: it was not written down but follows from the message."""

    id: str
    message_id: str
    direction: Literal["inbound", "outbound"]
    stage: str
    outcome: str
    reason_code: str
    retryable: bool
    evidence: dict[str, Any]
    correlation_ids: dict[str, str]
    occurred_at: Instant
    reconstructed: bool
    recipient: str | None


@frozen
class PageMessageLifecycleTransition:
    """One page, oldest first."""

    items: list[MessageLifecycleTransition]
    next_cursor: str | None


@frozen
class ResolveMessageRequest:
    """What a person found out about recipients of unknown outcome, or wants done."""

    outcome: Annotated[
        Literal["sent", "failed", "resend"],
        Meta(description="they have it, they have it not, or it is sent to them again with the same Message-ID"),
    ]


@frozen
class ResolveMessageResult:
    """It is done."""

    message_id: str
    outcome: str


@operation(
    "getMessageLifecycle",
    "GET",
    MESSAGE + "/lifecycle",
    tag="messages",
    summary="Get what happened to a message",
    query=LifecycleQuery,
    success={200: PageMessageLifecycleTransition},
    errors=(errors.NotFound, errors.InvalidCursor),
    scope=Scope.OWN,
    beta=True,
    poll=True,
)
async def get_message_lifecycle(call: Call[LifecycleQuery, None]) -> PageMessageLifecycleTransition:
    """Oldest first, of held messages too."""
    account_id, email, message_id = call.principal.account_id, call.path["email"], call.path["id"]
    limit = call.query.limit
    walk = call.services.cursors.walk(account_id, "lifecycle", {"agent": email, "message": message_id})
    start = walk.start(call.query.cursor)
    told = await ledger.of_message(call.services.db, account_id, email, message_id, after=start, limit=limit + 1)
    if told is None:
        raise errors.NotFound("message not found")
    derived = [row for row in _reconstructed(told, account_id, message_id) if start is None or _place(row) > start]
    merged = list(heapq.merge(derived, told.transitions, key=_place))
    rows, cursor = walk.page(merged, limit, _place)
    return PageMessageLifecycleTransition([_view(told, row) for row in rows], cursor)


@operation(
    "resolveMessage",
    "POST",
    MESSAGE + "/resolve",
    tag="messages",
    summary="Decide about recipients of unknown outcome",
    body=ResolveMessageRequest,
    success={200: ResolveMessageResult},
    errors=(errors.NotFound, errors.Conflict),
    beta=True,
)
async def resolve_message(call: Call[None, ResolveMessageRequest]) -> ResolveMessageResult:
    """Where the relay had a mail and its answer was never heard, nothing is sent again until a person says so."""
    services, message_id = call.services, call.path["id"]
    await outcomes.resolve(
        services.db,
        call.principal.account_id,
        call.path["email"],
        message_id,
        call.body.outcome,
        outbox=services.config.features.outbox,
        at=mint.now(),
        actor=call.actor,
    )
    services.courier.kick()
    return ResolveMessageResult(message_id, call.body.outcome)


OPERATIONS: Final = (get_message_lifecycle, resolve_message)


def _place(row: Transition) -> tuple[datetime, str]:
    return row.occurred_at, row.id


def _reconstructed(told: Told, account_id: str, message_id: str) -> list[Transition]:
    """Mail that came in was accepted and authenticated: that it is here says so. In the order of their places."""
    if told.direction != "inbound":
        return []
    inside = told.entity_type == EntityType.AGENT.value
    accepted = "acceptance.local_loopback" if inside else "acceptance.inbound_smtp"
    facts: list[tuple[str, dict[str, Any]]] = [(accepted, {})]
    dmarc = (told.authentication or {}).get("dmarc")
    if dmarc is not None and dmarc["status"] in _DMARC:
        facts.append((_DMARC[dmarc["status"]], {"dmarc": dmarc}))
    return [
        Transition(
            account_id,
            # The digit keeps them in their order, since both have the same time.
            f"{_RECONSTRUCTED}{number}{transition_id(message_id, code)[5:]}",
            message_id,
            code,
            told.created_at,
            None,
            evidence,
        )
        for number, (code, evidence) in enumerate(facts)
    ]


def _view(told: Told, row: Transition) -> MessageLifecycleTransition:
    reason = REASONS[row.reason_code]
    return MessageLifecycleTransition(
        id=row.id,
        message_id=row.message_id,
        direction="inbound" if told.direction == "inbound" else "outbound",
        stage=reason.stage,
        outcome=reason.outcome,
        reason_code=row.reason_code,
        retryable=reason.retryable,
        evidence=dict(row.evidence),
        correlation_ids=dict(row.correlation_ids),
        occurred_at=rfc3339(row.occurred_at),
        reconstructed=row.id.startswith(_RECONSTRUCTED),
        recipient=row.recipient,
    )
