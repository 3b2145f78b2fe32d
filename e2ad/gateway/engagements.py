"""Outreach: how each agent stands with the account's contacts, and the word that it is time (contract: outreach).

Callers own stage, schedule and metadata; what mail went and came is the server's to say. When the time of a next action
has come the agent is told once, by an event. No mail is ever sent for it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from e2ad.core import contacts as rules
from e2ad.core import events, signing
from e2ad.core.errors import ContactNotFound, EngagementNotFound, NotFound, PreconditionFailed, Unavailable
from e2ad.core.etags import Condition
from e2ad.gateway import mint
from e2ad.gateway.contacts import add_contact, known_address, new_version
from e2ad.storage import contacts, outbox
from e2ad.storage import engagements as table
from e2ad.storage.engagements import Due, Engagement, EngagementChange, EngagementFilter
from e2ad.storage.outbox import NewEvent
from e2ad.storage.pool import Database, Executor

__all__ = ["DUE", "Engagements", "Wish", "announce_due"]

DUE = "contact.due"
_TRIES = 3


@frozen
class Wish:
    """What a caller writes of an engagement, as it came; None leaves it.

    `next_action_at` counts only with `reschedule`, so that a schedule can be cleared.
    """

    stage: str | None = None
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)
    reschedule: bool = False
    next_action_at: datetime | None = None

    def change(self) -> EngagementChange:
        """What to store.

        Raises:
            InvalidRequest: the metadata is not flat, or too large; or the time lies in no year that can be stored.
        """
        return EngagementChange(
            stage=self.stage,
            metadata=None if self.metadata is None else rules.check_metadata(self.metadata),
            reschedule=self.reschedule,
            next_action_at=None if self.next_action_at is None else rules.schedule(self.next_action_at),
        )


@frozen
class Engagements:
    """The verbs of an agent's outreach."""

    database: Database

    async def page(
        self,
        account_id: str,
        agent_email: str,
        wanted: EngagementFilter,
        *,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> list[Engagement]:
        """One page, newest first.

        Raises:
            NotFound: no such live agent of the account.
        """
        found = await table.page(self.database, account_id, agent_email, wanted, before=before, limit=limit)
        if found is None:
            raise NotFound("agent not found")
        return found

    async def get(self, account_id: str, agent_email: str, address: str) -> Engagement:
        """One engagement, by any spelling of the contact's address.

        Raises:
            NotFound: no such live agent of the account.
            EngagementNotFound: the agent has none with it.
        """
        return await _get(self.database, account_id, agent_email, _named(address))

    async def put(
        self,
        account_id: str,
        agent_email: str,
        address: str,
        wish: Wish,
        condition: Condition | None,
    ) -> tuple[Engagement, bool]:
        """Enrol a contact, making it where the account has none, or change what is given of an engagement.

        Returns:
            The engagement, and whether it is new. With a condition it never is.

        Raises:
            NotFound: no such live agent of the account; also where the request is wrong besides.
            InvalidRecipient: the address is none.
            InvalidRequest: see `Wish.change`.
            PreconditionFailed: there is none, or it is another version by now.
            ContactLimitReached: the account may have no further contact.

        Cancellation: all of it is stored, or nothing.
        """
        async with self.database.transaction() as transaction:
            if not await table.hold_agent(transaction, account_id, agent_email):
                raise NotFound("agent not found")
            bare, change = rules.canonical(address), wish.change()
            is_new = await self._put(transaction, account_id, agent_email, bare, change, condition)
            return await _get(transaction, account_id, agent_email, bare), is_new

    async def delete(self, account_id: str, agent_email: str, address: str) -> str:
        """Take a contact out of an agent's outreach. The contact and suppressions stay.

        Returns:
            The address as it was stored.

        Raises:
            NotFound: no such live agent of the account.
            EngagementNotFound: the agent has none with it.
        """
        bare = _named(address)
        async with self.database.transaction() as transaction:
            if not await table.hold_agent(transaction, account_id, agent_email):
                raise NotFound("agent not found")
            if not await table.delete(transaction, account_id, agent_email, bare):
                raise EngagementNotFound
        return bare

    async def _put(
        self,
        transaction: Executor,
        account_id: str,
        agent_email: str,
        address: str,
        change: EngagementChange,
        condition: Condition | None,
    ) -> bool:
        seen = None if condition is None else condition.tags
        # Of two who enrol at once the second finds what the first made, and changes that.
        for _ in range(_TRIES):
            if await table.update(transaction, account_id, agent_email, address, change, etag=new_version(), seen=seen):
                return False
            if condition is not None:
                raise PreconditionFailed
            if not await contacts.hold(transaction, account_id, address):
                await add_contact(transaction, account_id, address)
            if await table.insert(transaction, account_id, agent_email, address, change, etag=new_version()):
                return True
        raise Unavailable("the contact is being enrolled and removed at the same time: try again")


async def announce_due(database: Database, limit: int, *, outbox_on: bool) -> int:
    """Tell of engagements whose time has come; how many.

    Those of agents in the trash wait until the agent is back, or go with it. Taking and telling are one transaction,
    and the event's id is made of what it tells: an agent hears once of each time that was set.
    """
    at = mint.now()
    async with database.transaction() as transaction:
        taken = await table.take_due(transaction, at, limit=limit)
        await outbox.emit(transaction, [_event(due, at) for due in taken], outbox=outbox_on)
    return len(taken)


def _event(due: Due, at: datetime) -> NewEvent:
    moment = events.rfc3339(due.next_action_at)
    event_id = signing.event_id("\0".join((due.agent_email, due.address, moment)), DUE)
    data: dict[str, Any] = {
        "agent_email": due.agent_email,
        "address": due.address,
        "stage": due.stage,
        "next_action_at": moment,
        "replied": due.replied,
        "outbound_count": due.outbound_count,
        "contact": {"address": due.address, "display_name": due.display_name, "metadata": due.contact_metadata},
    }
    if due.last_outbound_at is not None:
        data["last_outbound_at"] = events.rfc3339(due.last_outbound_at)
    if due.last_conversation_id is not None:
        data["last_conversation_id"] = due.last_conversation_id
    return NewEvent(
        account_id=due.account_id,
        id=event_id,
        type=DUE,
        agent_email=due.agent_email,
        conversation_id=due.last_conversation_id,
        message_id=None,
        envelope=events.envelope(DUE, event_id, at, data),
        created_at=at,
    )


async def _get(executor: Executor, account_id: str, agent_email: str, address: str) -> Engagement:
    is_there, found = await table.find(executor, account_id, agent_email, address)
    if not is_there:
        raise NotFound("agent not found")
    if found is None:
        raise EngagementNotFound
    return found


def _named(address: str) -> str:
    try:
        return known_address(address)
    except ContactNotFound as error:
        raise EngagementNotFound from error
