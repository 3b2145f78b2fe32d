"""What a person may answer to a program that asks: which inbox, an old or a new one, or the whole account."""

import re
import secrets
from typing import Final

from attrs import frozen

from e2ad.core.address import fold_address
from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.errors import InvalidRequest, NotFound
from e2ad.core.legible import legible
from e2ad.core.oauth_clients import Client
from e2ad.gateway.agents import MAX_NAME, AgentDraft, AgentRegistry
from e2ad.gateway.oauth import OAuth, Question
from e2ad.storage import agents as table

__all__ = ["EXISTING", "MOST_LISTED", "NEW", "Choice", "Consent"]

NEW: Final = "create_new"
EXISTING: Final = "existing:"
MOST_LISTED: Final = 200
MAX_SLUG: Final = 28


@frozen
class Choice:
    """What a person chose.

    Attributes:
        scope: `agent` or `account`.
        agent_choice: `existing:` and an address, or `create_new`; for an agent alone.
        address: as typed: what the new inbox shall be called, or which of those that are not listed is meant.
    """

    scope: str
    agent_choice: str = ""
    address: str = ""


@frozen
class Consent:
    """The verbs of the page that asks."""

    oauth: OAuth
    registry: AgentRegistry

    async def inboxes(self, account_id: str) -> list[str]:
        """The newest live inboxes of the account, at most one more than are listed."""
        page = await table.page(self.oauth.database, account_id, deleted=False, before=None, limit=MOST_LISTED + 1)
        return [agent.email for agent in page]

    async def allow(self, question: Question, choice: Choice, actor: Actor = SYSTEM) -> str:
        """Let the program in as chosen; where the browser goes.

        Raises:
            InvalidRequest: no inbox was chosen.
            NotFound: the inbox is no live one of the account.
            OAuthRefused: this was not asked for.
            Failure: as `AgentRegistry.create`.

        Cancellation: a new inbox may be there, and the program not let in.
        """
        request = question.request
        agent_email = None
        if choice.scope == "agent":
            agent_email = await self._inbox(request.account_id, question.client, choice, actor)
        return await self.oauth.allow(request, question.client, choice.scope, agent_email, actor)

    async def _inbox(self, account_id: str, client: Client, choice: Choice, actor: Actor) -> str:
        if choice.agent_choice == NEW:
            typed = choice.address.strip()
            name = legible(client.name)[:MAX_NAME]
            if "@" in typed:
                draft = AgentDraft(email=typed, name=name)
            else:
                draft = AgentDraft(slug=typed or _slug(client.name), name=name)
            return (await self.registry.create(account_id, draft, actor)).email
        if not choice.agent_choice.startswith(EXISTING):
            raise InvalidRequest("choose an inbox")
        email = fold_address(choice.agent_choice.removeprefix(EXISTING) or choice.address.strip())
        if not email:
            raise InvalidRequest("type the address of the inbox")
        if await table.unowned(self.oauth.database, account_id, [email]):
            raise NotFound("there is no such inbox in your account")
        return email


def _slug(name: str) -> str:
    """A name for the inbox of a program, hardly ever one that is taken."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:MAX_SLUG].strip("-")
    return f"{words or 'agent'}-{secrets.token_hex(3)}"
