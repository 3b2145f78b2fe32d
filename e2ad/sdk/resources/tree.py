"""The tree of resources that every client has, whatever its face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2ad.sdk import models
from e2ad.sdk.errors import E2AValidationError
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import Driver, F, Resource, operation, paged
from e2ad.sdk.inbound import Inbound
from e2ad.sdk.pages import Paging
from e2ad.sdk.resources.account import Account
from e2ad.sdk.resources.agents import Agents
from e2ad.sdk.resources.connections import Connections
from e2ad.sdk.resources.contacts import Contacts
from e2ad.sdk.resources.conversations import Conversations
from e2ad.sdk.resources.domains import Domains
from e2ad.sdk.resources.events import Events
from e2ad.sdk.resources.feedback import Feedback
from e2ad.sdk.resources.messages import Messages
from e2ad.sdk.resources.reviews import Reviews
from e2ad.sdk.resources.templates import Templates
from e2ad.sdk.resources.webhooks import Webhooks

__all__ = ["Tree"]


class Tree(Resource[F]):
    """All that a deployment can do for one credential."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.account: Account[F] = Account(driver)
        self.agents: Agents[F] = Agents(driver)
        self.connections: Connections[F] = Connections(driver)
        self.contacts: Contacts[F] = Contacts(driver)
        self.conversations: Conversations[F] = Conversations(driver)
        self.domains: Domains[F] = Domains(driver)
        self.events: Events[F] = Events(driver)
        self.feedback: Feedback[F] = Feedback(driver)
        self.inbound: Inbound[F] = Inbound(driver)
        self.messages: Messages[F] = Messages(driver)
        self.reviews: Reviews[F] = Reviews(driver)
        self.templates: Templates[F] = Templates(driver)
        self.webhooks: Webhooks[F] = Webhooks(driver)

    @operation
    def info(self) -> Steps[models.DeploymentInfoView]:
        """What this deployment is and has; needs no credential."""
        return self._call(models.DeploymentInfoView, "GET", "/v1/info")

    @operation
    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Steps[Any]:
        """Any request, for what this client has no name for; the JSON value of the answer.

        Retries and errors are those of every call: a POST without a key is tried once.

        Args:
            path: from `/` on, its parts quoted already.
            query: members that are None are left out.
            body: any JSON value.
        """
        return self._call(
            Any,
            method.upper(),
            rooted(path).replace("{", "%7B").replace("}", "%7D"),
            query=query,
            body=body,
            headers=headers,
            idempotency_key=idempotency_key,
        )

    @paged
    def pages(self, path: str, *, query: Mapping[str, Any] | None = None) -> Paging[Any]:
        """Any list, for what this client has no name for; its items are JSON values."""
        return Paging(Any, rooted(path), query or {})


def rooted(path: str) -> str:
    """A path that leads into the deployment.

    Raises:
        E2AValidationError: it is none, such as an address of somewhere else.
    """
    if not path.startswith("/") or path.startswith("//"):
        raise E2AValidationError(f"a path begins with /, unlike {path!r}", code="invalid_request")
    return path
