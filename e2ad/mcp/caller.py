"""Who calls a tool: a client with the caller's own credential, and what that credential may see."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio
from attrs import define, field, frozen

from e2ad.sdk import E2AConnectionError, E2AError
from e2ad.sdk.client import AsyncPlainClient

__all__ = ["Account", "Accounts", "Caller"]

REMEMBERED_SECONDS: Final = 60.0
REMEMBERED: Final = 500
ASK_SECONDS: Final = 5.0
SHOWN_AGENTS: Final = 20


@frozen
class Account:
    """What a credential is good for. `agent_email` is empty for one that rules the whole account."""

    agent_email: str

    @property
    def rules_account(self) -> bool:
        """Whether it may do more than use one inbox."""
        return not self.agent_email

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> "Account":
        """As `GET /v1/account` tells it."""
        return cls(str(view.get("agent_email") or "") if view.get("scope") == "agent" else "")


@define(eq=False)
class Accounts:
    """What `GET /v1/account` said of the credentials that were seen last.

    It decides what is shown, never what is allowed: the API judges each call again.
    """

    clock: Callable[[], float] = anyio.current_time
    _known: OrderedDict[bytes, tuple[float, Account]] = field(factory=OrderedDict, init=False)

    async def of(self, credential: str, ask: Callable[[], Awaitable[Mapping[str, Any]]]) -> Account:
        """The account behind a credential; asked for again after a minute.

        Raises:
            E2AError: the credential is not valid, or nobody answered within seconds. Nothing is remembered then.
        """
        digest = hashlib.sha256(credential.encode("utf-8", "surrogateescape")).digest()
        found = self._known.get(digest)
        if found is not None and found[0] > self.clock():
            self._known.move_to_end(digest)
            return found[1]
        with anyio.move_on_after(ASK_SECONDS):
            account = Account.of(await ask())
            self._known[digest] = (self.clock() + REMEMBERED_SECONDS, account)
            self._known.move_to_end(digest)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            return account
        raise E2AConnectionError(f"the server did not say within {ASK_SECONDS:g} s what the credential is good for")


@frozen
class Caller:
    """One call's view of the deployment.

    Attributes:
        api: the API with the caller's credential.
        agent_email: whom tools mean that name no agent; empty where nothing was configured.
    """

    api: AsyncPlainClient
    account: Account
    agent_email: str = ""

    async def agent(self, arguments: Mapping[str, Any], name: str = "email") -> str:
        """The agent that a call is about: named, the credential's own, configured, or the only one there is.

        Raises:
            E2AError: it cannot be known; the message names the agents there are.
        """
        if given := arguments.get(name) or self.account.agent_email or self.agent_email:
            return str(given)
        page = await self.api.agents.list(limit=SHOWN_AGENTS).page()
        found = [str(agent["email"]) for agent in page.items]
        if len(found) == 1 and page.next_cursor is None:
            return found[0]
        if not found:
            raise E2AError("there is no agent yet: make one with create_agent", code="agent_required", status=400)
        more = ", and more: see list_agents" if page.next_cursor is not None else ""
        raise E2AError(
            f"which agent? Say {name}, one of: {', '.join(found)}{more}",
            code="agent_required",
            status=400,
            details={"agents": found},
        )
