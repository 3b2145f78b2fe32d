"""Agents: their addresses, their protection, and whom they do not write to."""

from __future__ import annotations

from e2ad.sdk import bodies, models
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import F, Resource, operation, paged
from e2ad.sdk.pages import Paging
from e2ad.sdk.resources.terms import CONFIRMED, JSON

__all__ = ["Agents"]

AGENT = "/v1/agents/{}"


class Agents(Resource[F]):
    """`client.agents`."""

    @paged
    def list(self, *, limit: int | None = None, deleted: bool | None = None) -> Paging[models.AgentView]:
        """All agents; with `deleted`, those in the trash."""
        return self._list(models.AgentView, "/v1/agents", limit=limit, deleted=deleted)

    @operation
    def get(self, email: str) -> Steps[models.AgentView]:
        """One agent."""
        return self._call(models.AgentView, "GET", AGENT, email)

    @operation
    def create(self, body: bodies.CreateAgentRequest | JSON) -> Steps[models.AgentView]:
        """A new agent: `email`, or `slug` for an address on the shared domain. Never tried twice."""
        return self._call(models.AgentView, "POST", "/v1/agents", body=body)

    @operation
    def update(self, email: str, patch: bodies.UpdateAgentRequest | JSON) -> Steps[models.AgentView]:
        """Change what `patch` names."""
        return self._call(models.AgentView, "PATCH", AGENT, email, body=patch)

    @operation
    def delete(self, email: str, *, permanent: bool = False) -> Steps[models.DeleteAgentResult]:
        """Put an agent into the trash for 30 days; with `permanent`, have one that is there deleted for good."""
        query = {**CONFIRMED, "permanent": permanent or None}
        return self._call(models.DeleteAgentResult, "DELETE", AGENT, email, query=query)

    @operation
    def restore(self, email: str) -> Steps[models.AgentView]:
        """Take an agent back out of the trash."""
        return self._call(models.AgentView, "POST", AGENT + "/restore", email)

    @operation
    def test(self, email: str) -> Steps[models.SendResultView]:
        """Send the agent a mail from itself."""
        return self._call(models.SendResultView, "POST", AGENT + "/test", email)

    @operation
    def get_protection(self, email: str) -> Steps[models.ProtectionConfigView]:
        """What is held, blocked or marked on the way in and on the way out."""
        return self._call(models.ProtectionConfigView, "GET", AGENT + "/protection", email)

    @operation
    def replace_protection(
        self, email: str, config: bodies.ProtectionConfigRequest | JSON
    ) -> Steps[models.ProtectionConfigView]:
        """Put `config` in the place of all that was there."""
        return self._call(models.ProtectionConfigView, "PUT", AGENT + "/protection", email, body=config)

    @paged
    def list_suppressions(self, email: str, *, limit: int | None = None) -> Paging[models.AgentSuppressionView]:
        """Addresses that this agent does not write to."""
        return self._list(models.AgentSuppressionView, AGENT + "/suppressions", email, limit=limit)

    @operation
    def create_suppression(
        self, email: str, body: bodies.CreateAgentSuppressionRequest | JSON
    ) -> Steps[models.AgentSuppressionView]:
        """Have this agent write to an address no more."""
        return self._call(models.AgentSuppressionView, "POST", AGENT + "/suppressions", email, body=body)

    @operation
    def delete_suppression(self, email: str, address: str) -> Steps[models.DeleteSuppressionResult]:
        """Let this agent write to an address again."""
        route = AGENT + "/suppressions/{}"
        return self._call(models.DeleteSuppressionResult, "DELETE", route, email, address, query=CONFIRMED)
