"""Suppressed addresses, of the account and of one agent (contract: suppressions)."""

from datetime import datetime
from typing import Annotated

from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.operation import Call, operation
from e2ad.api.services import Services
from e2ad.api.shapes import Instant
from e2ad.api.views import ConfirmQuery, PageQuery
from e2ad.core import errors
from e2ad.core.events import rfc3339
from e2ad.gateway.suppressions import ACCOUNT, Suppressions
from e2ad.storage.suppressions import Suppression

__all__ = ["OPERATIONS", "suppressions"]


@frozen
class SuppressionView:
    """An address that no agent of the account writes to."""

    address: str
    source: str
    created_at: Instant
    reason: str | UnsetType = UNSET
    source_message_id: str | UnsetType = UNSET


@frozen
class PageSuppressionView:
    """A page of them."""

    items: list[SuppressionView]
    next_cursor: str | None


@frozen
class AgentSuppressionView:
    """An address that one agent does not write to."""

    agent_email: str
    address: str
    source: str
    created_at: Instant
    reason: str | UnsetType = UNSET


@frozen
class PageAgentSuppressionView:
    """A page of them."""

    items: list[AgentSuppressionView]
    next_cursor: str | None


@frozen
class CreateAgentSuppressionRequest:
    """An address to be written to no more."""

    address: Annotated[str, Meta(max_length=320, description="a bare address")]
    reason: Annotated[str, Meta(max_length=2000, description="kept from the first time")] | UnsetType = UNSET


@frozen
class DeleteSuppressionResult:
    """The address may be written to again."""

    deleted: bool
    address: str


def suppressions(services: Services) -> Suppressions:
    """The verbs over this process's collaborators."""
    return Suppressions(services.db, services.config.features.outbox)


@operation(
    "listSuppressions",
    "GET",
    "/v1/account/suppressions",
    tag="account",
    summary="List suppressed addresses of the account",
    query=PageQuery,
    success={200: PageSuppressionView},
    errors=(errors.InvalidCursor,),
)
async def list_suppressions(call: Call[PageQuery, None]) -> PageSuppressionView:
    """Addresses that bounced or complained, or that were put here by hand; newest first."""
    query, account_id = call.query, call.principal.account_id
    walk = call.services.cursors.walk(account_id, "suppressions")
    found = await suppressions(call.services).page(
        account_id, ACCOUNT, before=walk.start(query.cursor), limit=query.limit + 1
    )
    page, cursor = walk.page(found, query.limit, _place)
    views = [
        SuppressionView(
            address=row.address,
            source=row.source,
            created_at=rfc3339(row.created_at),
            reason=row.reason or UNSET,
            source_message_id=row.message_id or UNSET,
        )
        for row in page
    ]
    return PageSuppressionView(views, cursor)


@operation(
    "deleteSuppression",
    "DELETE",
    "/v1/account/suppressions/{address}",
    tag="account",
    summary="Let an address be written to again",
    query=ConfirmQuery,
    success={200: DeleteSuppressionResult},
)
async def delete_suppression(call: Call[ConfirmQuery, None]) -> DeleteSuppressionResult:
    """Remove the account's block. Blocks of single agents stay."""
    address = call.path["address"]
    await suppressions(call.services).remove(call.principal.account_id, ACCOUNT, address)
    return DeleteSuppressionResult(deleted=True, address=address)


@operation(
    "listAgentSuppressions",
    "GET",
    "/v1/agents/{email}/suppressions",
    tag="agents",
    summary="List suppressed addresses of an agent",
    query=PageQuery,
    success={200: PageAgentSuppressionView},
    errors=(errors.InvalidCursor,),
    beta=True,
)
async def list_agent_suppressions(call: Call[PageQuery, None]) -> PageAgentSuppressionView:
    """Who unsubscribed from this agent, or was put here by hand; newest first."""
    query, account_id, email = call.query, call.principal.account_id, call.path["email"]
    walk = call.services.cursors.walk(account_id, "agent_suppressions", {"agent": email})
    found = await suppressions(call.services).page(
        account_id, email, before=walk.start(query.cursor), limit=query.limit + 1
    )
    page, cursor = walk.page(found, query.limit, _place)
    return PageAgentSuppressionView([_agent_view(row) for row in page], cursor)


@operation(
    "createAgentSuppression",
    "POST",
    "/v1/agents/{email}/suppressions",
    tag="agents",
    summary="Keep an agent from writing to an address",
    body=CreateAgentSuppressionRequest,
    success={200: AgentSuppressionView},
    beta=True,
)
async def create_agent_suppression(call: Call[None, CreateAgentSuppressionRequest]) -> AgentSuppressionView:
    """Suppress an address for this agent alone. Again changes nothing and keeps the first reason."""
    body = call.body
    added = await suppressions(call.services).add(
        call.principal.account_id, call.path["email"], body.address, body.reason or None
    )
    return _agent_view(added)


@operation(
    "deleteAgentSuppression",
    "DELETE",
    "/v1/agents/{email}/suppressions/{address}",
    tag="agents",
    summary="Let an agent write to an address again",
    query=ConfirmQuery,
    success={200: DeleteSuppressionResult},
    beta=True,
)
async def delete_agent_suppression(call: Call[ConfirmQuery, None]) -> DeleteSuppressionResult:
    """Remove the block of this agent. The account's stays."""
    address = await suppressions(call.services).remove(
        call.principal.account_id, call.path["email"], call.path["address"]
    )
    return DeleteSuppressionResult(deleted=True, address=address)


def _place(row: Suppression) -> tuple[datetime, str]:
    return row.created_at, row.address


def _agent_view(row: Suppression) -> AgentSuppressionView:
    return AgentSuppressionView(
        agent_email=row.agent_email,
        address=row.address,
        source=row.source,
        created_at=rfc3339(row.created_at),
        reason=row.reason or UNSET,
    )


OPERATIONS = [
    list_suppressions,
    delete_suppression,
    list_agent_suppressions,
    create_agent_suppression,
    delete_agent_suppression,
]
