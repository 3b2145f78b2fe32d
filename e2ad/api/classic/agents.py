"""Agents as the classic API shows them: flat, with their mode and their own webhook URL."""

from typing import Any, Final

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.agents import registry
from e2ad.api.classic.framework import TEXT, ClassicCall, classic
from e2ad.api.dispatch import authorize
from e2ad.api.operation import Result, Scope
from e2ad.core.errors import Forbidden, InvalidRequest, NotFound
from e2ad.core.events import rfc3339
from e2ad.core.protection import Protection
from e2ad.gateway import protection as protection_verbs
from e2ad.gateway.agents import MODES, AgentDraft
from e2ad.gateway.audit import actor_of
from e2ad.storage import agents as table
from e2ad.storage.agents import Agent, Change

__all__ = ["ROUTES", "ClassicAgent", "create_agent", "delete_agent", "get_agent", "list_agents", "update_agent"]

LISTED: Final = 10_000
"""The classic list has no pages; this is where it ends."""


@frozen
class ClassicAgent:
    """An agent; `id` equals `email`, absent texts are empty."""

    id: str
    domain: str
    email: str
    name: str
    webhook_url: str
    agent_mode: str
    domain_verified: bool
    created_at: str
    hitl_enabled: bool
    hitl_ttl_seconds: int
    hitl_expiration_action: str


@frozen
class CreatedAgent:
    """What a create answers."""

    id: str
    domain: str
    email: str


@frozen
class AgentList:
    """All live agents."""

    agents: list[ClassicAgent]


@frozen
class CreateAgent:
    """A new agent by slug or by address. Which of them is required is told by the handler."""

    slug: str = ""
    email: str = ""
    name: str = ""
    webhook_url: str = ""
    agent_mode: str = ""


@frozen
class UpdateAgent:
    """What to change."""

    webhook_url: str | UnsetType = UNSET
    agent_mode: str | UnsetType = UNSET
    hitl_enabled: bool | UnsetType = UNSET
    hitl_ttl_seconds: int | UnsetType = UNSET
    hitl_expiration_action: str | UnsetType = UNSET


@classic("POST", "/api/v1/agents", body=CreateAgent, scope=Scope.PUBLIC, status=201, registration=True)
async def create_agent(call: ClassicCall[CreateAgent]) -> CreatedAgent:
    """Make an agent. A slug is judged before the credential, all else after it (contract: classic agents)."""
    body, verbs = call.body, registry(call.services)
    draft = AgentDraft(
        slug=body.slug,
        email=body.email,
        name=body.name,
        agent_mode=body.agent_mode or None,
        webhook_url=body.webhook_url,
    )
    if draft.slug:
        verbs.mailbox(draft)
    principal = await call.services.access.resolve(call.header("authorization"))
    await authorize(call.services, Scope.ACCOUNT, principal, None)
    actor = actor_of(principal, call.client_address)
    agent = await verbs.create(principal.account_id, draft, actor)
    return CreatedAgent(agent.email, agent.domain, agent.email)


@classic("GET", "/api/v1/agents")
async def list_agents(call: ClassicCall[None]) -> AgentList:
    """The account's live agents, newest first."""
    agents = await table.page(call.services.db, call.principal.account_id, deleted=False, before=None, limit=LISTED)
    return AgentList([_view(agent) for agent in agents])


@classic("GET", "/api/v1/agents/{email}", scope=Scope.OWN)
async def get_agent(call: ClassicCall[None]) -> ClassicAgent:
    """One live agent."""
    return _view(await _owned(call))


@classic("PUT", "/api/v1/agents/{email}", body=UpdateAgent)
async def update_agent(call: ClassicCall[UpdateAgent]) -> ClassicAgent:
    """Change mode, URL and holds. `cloud` needs the URL in the same request, `local` clears it."""
    agent, body = await _owned(call), call.body
    change, account_id = _change(body), call.principal.account_id
    speaks_of_holds = (body.hitl_enabled, body.hitl_ttl_seconds, body.hitl_expiration_action) != (UNSET, UNSET, UNSET)
    if change is None and not speaks_of_holds:
        raise InvalidRequest("nothing to update: send webhook_url, agent_mode or a hitl setting")
    try:
        if speaks_of_holds:
            # First: should the second change fail, mail is held too soon rather than let out too late.
            await protection_verbs.change_holds(
                call.services.db,
                account_id,
                agent.email,
                required=None if body.hitl_enabled is UNSET else body.hitl_enabled,
                ttl_seconds=None if body.hitl_ttl_seconds is UNSET else body.hitl_ttl_seconds,
                on_expiry=None if body.hitl_expiration_action is UNSET else body.hitl_expiration_action,
                actor=call.actor,
            )
        if change is not None:
            return _view(await registry(call.services).update(account_id, agent.email, change, call.actor))
        return _view(await registry(call.services).live(account_id, agent.email))
    except NotFound as error:
        raise _forbidden() from error


@classic("DELETE", "/api/v1/agents/{email}")
async def delete_agent(call: ClassicCall[None]) -> Result:
    """Delete an agent and its mail for good."""
    agent = await _owned(call)
    await registry(call.services).purge(call.principal.account_id, agent.email, call.actor)
    return Result(200, {"status": "deleted"}, content_type=TEXT)


async def _owned(call: ClassicCall[Any]) -> Agent:
    """The caller's live agent; everybody else's is 403 here, the unknown one too (contract: classic agents)."""
    try:
        return await registry(call.services).live(call.principal.account_id, call.path["email"])
    except NotFound as error:
        raise _forbidden() from error


def _forbidden() -> Forbidden:
    return Forbidden("forbidden")


def _change(body: UpdateAgent) -> Change | None:
    mode, url = body.agent_mode, body.webhook_url
    if mode is UNSET:
        return None if url is UNSET else Change(webhook_url=url)
    if mode not in MODES:
        raise InvalidRequest("agent_mode must be local or cloud")
    if mode == "local":
        return Change(agent_mode="local", webhook_url="")
    if not url:
        raise InvalidRequest("webhook_url is required for agent_mode cloud")
    return Change(agent_mode="cloud", webhook_url=url)


def _view(agent: Agent) -> ClassicAgent:
    protection = Protection.from_json(agent.protection)
    return ClassicAgent(
        id=agent.email,
        domain=agent.domain,
        email=agent.email,
        name=agent.name,
        webhook_url=agent.webhook_url,
        agent_mode=agent.agent_mode,
        domain_verified=agent.domain_verified,
        created_at=rfc3339(agent.created_at),
        hitl_enabled=protection.holds_everything,
        hitl_ttl_seconds=protection.holds.ttl_seconds,
        hitl_expiration_action=protection.holds.on_expiry,
    )


ROUTES = [create_agent, list_agents, get_agent, update_agent, delete_agent]
