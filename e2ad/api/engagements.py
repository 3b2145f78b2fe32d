"""Outreach: how one agent stands with the account's contacts. An agent's key may do all of this for its own agent."""

from attrs import asdict
from msgspec import UNSET, UnsetType

from e2ad.api.contact_views import (
    ContactEngagementView,
    DeleteEngagementResult,
    ListEngagementsQuery,
    PageContactEngagementView,
    UpsertEngagementRequest,
    engagement_view,
)
from e2ad.api.operation import Call, Result, Scope, operation
from e2ad.api.services import Services
from e2ad.api.views import ConfirmQuery, filter_instant
from e2ad.core import errors
from e2ad.core.etags import etag, parse_if_match
from e2ad.gateway.engagements import Engagements, Wish
from e2ad.storage.engagements import EngagementFilter

__all__ = ["OPERATIONS", "engagements"]


def engagements(services: Services) -> Engagements:
    """The verbs over this process's collaborators."""
    return Engagements(services.db)


@operation(
    "listEngagements",
    "GET",
    "/v1/agents/{email}/contacts",
    tag="contacts",
    summary="List an agent's outreach",
    query=ListEngagementsQuery,
    success={200: PageContactEngagementView},
    errors=(errors.InvalidFilter, errors.InvalidCursor),
    scope=Scope.OWN,
    beta=True,
)
async def list_engagements(call: Call[ListEngagementsQuery, None]) -> PageContactEngagementView:
    """The contacts that an agent works, newest first, with what went and what came.

    Who is due for another mail: `replied=false` with both times.
    """
    query, account_id, email = call.query, call.principal.account_id, call.path["email"]
    wanted = EngagementFilter(
        stage=query.stage or None,
        replied=_flag(query.replied),
        suppressed=_flag(query.suppressed),
        next_action_before=filter_instant("next_action_before", query.next_action_before),
        last_outbound_before=filter_instant("last_outbound_before", query.last_outbound_before),
    )
    walk = call.services.cursors.walk(account_id, "engagements", asdict(wanted) | {"agent": email})
    found = await engagements(call.services).page(
        account_id, email, wanted, before=walk.start(query.cursor), limit=query.limit + 1
    )
    page, cursor = walk.page(found, query.limit, lambda row: (row.created_at, row.address))
    return PageContactEngagementView([engagement_view(row) for row in page], cursor)


@operation(
    "getEngagement",
    "GET",
    "/v1/agents/{email}/contacts/{address}",
    tag="contacts",
    summary="Get one outreach record",
    success={200: ContactEngagementView},
    errors=(errors.EngagementNotFound,),
    scope=Scope.OWN,
    beta=True,
    tagged=True,
)
async def get_engagement(call: Call[None, None]) -> Result:
    """How the agent stands with one contact. The ETag names what callers wrote, not what mail did."""
    found = await engagements(call.services).get(call.principal.account_id, call.path["email"], call.path["address"])
    return Result(200, engagement_view(found), {"ETag": etag(found.etag)})


@operation(
    "upsertEngagement",
    "PUT",
    "/v1/agents/{email}/contacts/{address}",
    tag="contacts",
    summary="Enrol a contact, or update its outreach",
    body=UpsertEngagementRequest,
    success={201: ContactEngagementView, 200: ContactEngagementView},
    location="/v1/agents/{agent_email}/contacts/{address}",
    errors=(
        errors.InvalidRecipient,
        errors.InvalidRequest,
        errors.ContactLimitReached,
        errors.PreconditionFailed,
    ),
    scope=Scope.OWN,
    beta=True,
    tagged=True,
    conditional=True,
)
async def upsert_engagement(call: Call[None, UpsertEngagementRequest]) -> Result:
    """Write stage, schedule and metadata; what is left out stays. Makes the contact where there is none.

    With If-Match it only ever changes what is there.
    """
    body = call.body
    wish = Wish(
        stage=None if body.stage is UNSET else body.stage,
        metadata=None if body.metadata is UNSET else body.metadata,
        reschedule=body.next_action_at is not UNSET,
        next_action_at=body.next_action_at or None,
    )
    written, is_new = await engagements(call.services).put(
        call.principal.account_id,
        call.path["email"],
        call.path["address"],
        wish,
        parse_if_match(call.header("if-match")),
    )
    return Result(201 if is_new else 200, engagement_view(written), {"ETag": etag(written.etag)})


@operation(
    "deleteEngagement",
    "DELETE",
    "/v1/agents/{email}/contacts/{address}",
    tag="contacts",
    summary="Take a contact out of an agent's outreach",
    query=ConfirmQuery,
    success={200: DeleteEngagementResult},
    errors=(errors.EngagementNotFound,),
    scope=Scope.OWN,
    beta=True,
)
async def delete_engagement(call: Call[ConfirmQuery, None]) -> DeleteEngagementResult:
    """Forget stage and schedule. The contact stays, and so do suppressions: this is nobody's consent."""
    address = await engagements(call.services).delete(
        call.principal.account_id, call.path["email"], call.path["address"]
    )
    return DeleteEngagementResult(deleted=True, address=address)


def _flag(text: str | UnsetType) -> bool | None:
    return text == "true" if text else None


OPERATIONS = [list_engagements, get_engagement, upsert_engagement, delete_engagement]
