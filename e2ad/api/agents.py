"""Agents: the addresses of an account."""

from typing import Annotated, Literal

from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.operation import Call, Scope, operation
from e2ad.api.services import Services
from e2ad.api.shapes import Instant
from e2ad.api.views import Cursor, Limit, PermanentQuery, optional_instant
from e2ad.core import errors
from e2ad.core.events import rfc3339
from e2ad.gateway.agents import AgentDraft, AgentRegistry
from e2ad.storage import agents as table
from e2ad.storage.agents import Agent, Change

__all__ = [
    "OPERATIONS",
    "AgentView",
    "create_agent",
    "delete_agent",
    "get_agent",
    "list_agents",
    "registry",
    "restore_agent",
    "update_agent",
]

AgentName = Annotated[str, Meta(max_length=200, description="display label")]
AgentMode = Annotated[
    Literal["local", "cloud"],
    Meta(description="cloud: mail is also posted to webhook_url; local: it is fetched or pushed over the WebSocket"),
]
AgentUrl = Annotated[str, Meta(max_length=2048, description="where mail of a cloud agent is posted; https")]


@frozen
class AgentView:
    """An agent. `registered_domain` is the domain row that authorises its address."""

    domain: str
    registered_domain: str
    email: str
    name: str
    domain_verified: bool
    created_at: Instant
    agent_mode: str
    webhook_url: str
    catch_all: bool
    deleted_at: Instant | UnsetType = UNSET


@frozen
class PageAgentView:
    """A page of agents."""

    items: list[AgentView]
    next_cursor: str | None


@frozen
class ListAgentsQuery:
    """Live agents, or those in the trash."""

    cursor: Cursor | UnsetType = UNSET
    limit: Limit = 100
    deleted: bool = False


@frozen
class CreateAgentRequest:
    """A new agent, by its whole address or by a slug on the shared domain."""

    email: Annotated[str, Meta(max_length=320)] | UnsetType = UNSET
    slug: Annotated[str, Meta(max_length=320)] | UnsetType = UNSET
    name: AgentName = ""
    agent_mode: AgentMode = "local"
    webhook_url: AgentUrl = ""
    catch_all: bool = False


@frozen
class UpdateAgentRequest:
    """What to change; what is left out stays."""

    name: AgentName | UnsetType = UNSET
    agent_mode: AgentMode | UnsetType = UNSET
    webhook_url: AgentUrl | UnsetType = UNSET
    catch_all: bool | UnsetType = UNSET


@frozen
class DeleteAgentResult:
    """The agent that is gone. `messages_deleted` is 0 for the trash, which keeps them."""

    deleted: bool
    email: str
    messages_deleted: int


def registry(services: Services) -> AgentRegistry:
    """The verbs of agents over this process's collaborators."""
    return AgentRegistry(
        database=services.db,
        guard=services.egress,
        exchangers=services.resolver,
        shared_domain=services.shared_domain,
        mail_host=services.config.smtp.domain,
        limits=services.config.limits,
    )


@operation(
    "listAgents",
    "GET",
    "/v1/agents",
    tag="agents",
    summary="List agents",
    query=ListAgentsQuery,
    success={200: PageAgentView},
    errors=(errors.InvalidCursor,),
)
async def list_agents(call: Call[ListAgentsQuery, None]) -> PageAgentView:
    """The account's agents, newest first."""
    query, account_id = call.query, call.principal.account_id
    walk = call.services.cursors.walk(account_id, "agents", {"deleted": query.deleted})
    found = await table.page(
        call.services.db, account_id, deleted=query.deleted, before=walk.start(query.cursor), limit=query.limit + 1
    )
    page, cursor = walk.page(found, query.limit, lambda agent: (agent.created_at, agent.email))
    return PageAgentView([_view(agent) for agent in page], cursor)


@operation(
    "createAgent",
    "POST",
    "/v1/agents",
    tag="agents",
    summary="Create an agent",
    body=CreateAgentRequest,
    success={201: AgentView},
    location="/v1/agents/{email}",
    errors=(
        errors.InvalidSlug,
        errors.InvalidWebhookUrl,
        errors.DomainNotRegistered,
        errors.DomainNotVerified,
        errors.ReservedDomain,
        errors.InboundMxMissing,
        errors.MxCheckFailed,
        errors.NotFound,
        errors.AgentTaken,
        errors.AddressInTrash,
        errors.Conflict,
        errors.LimitExceeded,
        errors.RateLimited,
    ),
    registration=True,
)
async def create_agent(call: Call[None, CreateAgentRequest]) -> AgentView:
    """An agent on the shared domain or on a verified domain of the account, ready for mail at once."""
    body = call.body
    if body.email is UNSET and body.slug is UNSET:
        message = "expected required property email to be present"
        raise errors.ValidationFailed(details={"fields": [{"location": "body", "message": message}]})
    draft = AgentDraft(
        slug=body.slug or "",
        email=body.email or "",
        name=body.name,
        agent_mode=body.agent_mode,
        webhook_url=body.webhook_url,
        catch_all=body.catch_all,
    )
    return _view(await registry(call.services).create(call.principal.account_id, draft, call.actor))


@operation(
    "getAgent",
    "GET",
    "/v1/agents/{email}",
    tag="agents",
    summary="Get an agent",
    success={200: AgentView},
    scope=Scope.OWN,
)
async def get_agent(call: Call[None, None]) -> AgentView:
    """One live agent."""
    return _view(await registry(call.services).live(call.principal.account_id, call.path["email"]))


@operation(
    "updateAgent",
    "PATCH",
    "/v1/agents/{email}",
    tag="agents",
    summary="Update an agent",
    body=UpdateAgentRequest,
    success={200: AgentView},
    errors=(errors.InvalidWebhookUrl, errors.Conflict),
)
async def update_agent(call: Call[None, UpdateAgentRequest]) -> AgentView:
    """Change the name, the mode, the webhook URL or the catch-all. Cloud mode needs a URL."""
    body = call.body
    change = Change(
        name=None if body.name is UNSET else body.name,
        agent_mode=None if body.agent_mode is UNSET else body.agent_mode,
        webhook_url=None if body.webhook_url is UNSET else body.webhook_url,
        catch_all=None if body.catch_all is UNSET else body.catch_all,
    )
    verbs, account_id = registry(call.services), call.principal.account_id
    return _view(await verbs.update(account_id, call.path["email"], change, call.actor))


@operation(
    "deleteAgent",
    "DELETE",
    "/v1/agents/{email}",
    tag="agents",
    summary="Delete an agent",
    query=PermanentQuery,
    success={200: DeleteAgentResult},
    errors=(errors.NotFound, errors.SendInProgress),
)
async def delete_agent(call: Call[PermanentQuery, None]) -> DeleteAgentResult:
    """Move an agent to the trash, or with `permanent` delete it and all its mail for good."""
    email, verbs = call.path["email"], registry(call.services)
    purged = 0
    if call.query.permanent:
        purged = await verbs.purge(call.principal.account_id, email, call.actor)
    else:
        await verbs.trash(call.principal.account_id, email, call.actor)
    return DeleteAgentResult(deleted=True, email=email, messages_deleted=purged)


@operation(
    "restoreAgent",
    "POST",
    "/v1/agents/{email}/restore",
    tag="agents",
    summary="Restore an agent from the trash",
    success={200: AgentView},
    errors=(errors.NotInTrash,),
)
async def restore_agent(call: Call[None, None]) -> AgentView:
    """Bring an agent back with all its mail."""
    agent = await registry(call.services).restore(call.principal.account_id, call.path["email"], call.actor)
    return _view(agent)


def _view(agent: Agent) -> AgentView:
    return AgentView(
        domain=agent.domain,
        registered_domain=agent.registered_domain,
        email=agent.email,
        name=agent.name,
        domain_verified=agent.domain_verified,
        created_at=rfc3339(agent.created_at),
        agent_mode=agent.agent_mode,
        webhook_url=agent.webhook_url,
        catch_all=agent.catch_all,
        deleted_at=optional_instant(agent.deleted_at),
    )


OPERATIONS = [list_agents, create_agent, get_agent, update_agent, delete_agent, restore_agent]
