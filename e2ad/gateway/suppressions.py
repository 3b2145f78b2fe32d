"""Addresses that must not be written to: by an account, or by one of its agents (contract: suppression).

Bounces and complaints fill the account's list, people fill an agent's by unsubscribing, owners fill both.
A list survives its agent: who unsubscribed stays so when an agent of that name is made again.
"""

import hashlib
from datetime import datetime
from typing import Final

from attrs import frozen

from e2ad.core import events, signing
from e2ad.core.address import AddressError, parse_mailbox
from e2ad.core.errors import InvalidRequest, NotFound
from e2ad.gateway import mint
from e2ad.storage import agents, outbox
from e2ad.storage import suppressions as table
from e2ad.storage.outbox import NewEvent
from e2ad.storage.pool import Database, Executor
from e2ad.storage.suppressions import Link, Suppression

__all__ = ["ACCOUNT", "Suppressions", "suppress"]

ACCOUNT: Final = ""
"""In the place of an agent's address: the list that holds for all agents of the account."""

MAX_ADDRESS: Final = 320
MAX_REASON: Final = 2000
MAX_TOKEN: Final = 200


@frozen
class Suppressions:
    """The verbs. `outbox`: whether subscribed webhooks get deliveries."""

    database: Database
    outbox: bool

    async def page(
        self, account_id: str, agent_email: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> list[Suppression]:
        """One page of a list, newest first.

        Args:
            agent_email: `ACCOUNT`, or a live agent of the account.

        Raises:
            NotFound: no such agent.
        """
        await self._check_agent(account_id, agent_email)
        return await table.page(self.database, account_id, agent_email, before=before, limit=limit)

    async def add(self, account_id: str, agent_email: str, address: str, reason: str | None) -> Suppression:
        """Keep an agent from writing to an address. Doing so again changes nothing.

        Raises:
            InvalidRequest: not a bare address, or the reason is too long.
            NotFound: no such agent.

        Cancellation: the address is suppressed and told of, or neither.
        """
        bare = _bare(address)
        if reason is not None and len(reason) > MAX_REASON:
            raise InvalidRequest(f"reason must have at most {MAX_REASON} characters")
        await self._check_agent(account_id, agent_email)
        async with self.database.transaction() as transaction:
            return await self._add(transaction, Link(account_id, agent_email, bare), "manual", reason)

    async def remove(self, account_id: str, agent_email: str, address: str) -> str:
        """Let an address be written to again.

        Returns:
            The address as it was stored.

        Raises:
            NotFound: it is not on this list, or there is no such agent.
        """
        try:
            bare = _bare(address)
        except InvalidRequest as error:
            raise NotFound from error
        await self._check_agent(account_id, agent_email)
        if not await table.remove(self.database, account_id, agent_email, bare):
            raise NotFound
        return bare

    async def link(self, token: str) -> Link:
        """What an unsubscribe link stands for. Changes nothing.

        Raises:
            NotFound: it was never given out.
        """
        found = await table.by_token(self.database, hashlib.sha256(token[:MAX_TOKEN].encode()).digest())
        if found is None:
            raise NotFound("this unsubscribe link is not known")
        return found

    async def unsubscribe(self, token: str) -> Link:
        """Do as the recipient of a mail asks: its agent writes no more. Asking again changes nothing.

        Raises:
            NotFound: the link was never given out.

        Cancellation: the address is suppressed and told of, or neither.
        """
        found = await self.link(token)
        async with self.database.transaction() as transaction:
            await self._add(transaction, found, "unsubscribe", None)
        return found

    async def _add(self, executor: Executor, link: Link, source: str, reason: str | None) -> Suppression:
        at = mint.now()
        added = await table.add(
            executor,
            link.account_id,
            link.agent_email,
            link.address,
            source=source,
            reason=reason,
            message_id=None,
            at=at,
        )
        if added.is_new:
            await outbox.emit(executor, [_event(link, source, at)], outbox=self.outbox)
        return added

    async def _check_agent(self, account_id: str, agent_email: str) -> None:
        if agent_email != ACCOUNT and await agents.unowned(self.database, account_id, [agent_email]):
            raise NotFound("agent not found")


async def suppress(
    executor: Executor,
    account_id: str,
    agent_email: str,
    address: str,
    source: str,
    reason: str | None,
    message_id: str | None,
) -> bool:
    """Put an address on a list, with no event of its own.

    Args:
        agent_email: `ACCOUNT`, or an agent's.
        source: bounce, complaint, manual or unsubscribe.
        message_id: the mail that showed it.

    Returns:
        Whether it was not there before.
    """
    added = await table.add(
        executor,
        account_id,
        agent_email,
        address,
        source=source,
        reason=reason,
        message_id=message_id,
        at=mint.now(),
    )
    return added.is_new


def _event(link: Link, source: str, at: datetime) -> NewEvent:
    name = "agent.suppression_added"
    # Suppressed, released and suppressed again are two facts.
    event_id = signing.event_id(name, link.account_id, link.agent_email, link.address, events.rfc3339(at))
    data = {"agent_email": link.agent_email, "address": link.address, "source": source}
    return NewEvent(
        account_id=link.account_id,
        id=event_id,
        type=name,
        agent_email=link.agent_email,
        conversation_id=None,
        message_id=None,
        envelope=events.envelope(name, event_id, at, data),
        created_at=at,
    )


def _bare(address: str) -> str:
    if len(address) > MAX_ADDRESS:
        raise InvalidRequest(f"address must have at most {MAX_ADDRESS} characters")
    try:
        return parse_mailbox(address.strip()).folded
    except AddressError as error:
        raise InvalidRequest(f"address must be a bare address: {error}") from error
