"""The event log: what is still there, what is gone, and sending an event again."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

from e2ad.core.errors import Conflict, EventsLogDisabled, Gone, NotFound, WebhookDisabled
from e2ad.gateway.mint import new_id, now
from e2ad.storage import events as storage
from e2ad.storage.events import Event, EventFilter, Redelivery
from e2ad.storage.pool import Database

__all__ = ["CLASSIC_TYPES", "REDELIVERY_WINDOW_SECONDS", "EventLog", "classic_type"]

CLASSIC_TYPES: Final[Mapping[str, str]] = {
    "email.received": "email.received",
    "email.sent": "email.sent",
    "email.review_requested": "email.pending_approval",
    "email.review_approved": "email.approved",
    "email.review_rejected": "email.rejected",
}
"""The types of the log that the classic API knows, and its names for them."""

REDELIVERY_WINDOW_SECONDS: Final = 60
"""How long a second request without a key of its own is taken for the first one repeated."""


@frozen
class EventLog:
    """Reading and repeating events.

    Args:
        retention_days: how long an event can be had.
        outbox: the deployment's switch for webhooks; without it nothing can be sent again.
    """

    database: Database
    retention_days: int
    outbox: bool = True

    async def page(
        self, account_id: str, wanted: EventFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> list[Event]:
        """Events that match, newest first, after the position `before`."""
        return await storage.page(self.database, account_id, wanted, oldest=self._oldest(), before=before, limit=limit)

    async def get(self, account_id: str, event_id: str) -> Event:
        """One event.

        Raises:
            Gone: it is older than the log keeps.
            NotFound: there never was one in this account, as far as can be known.
        """
        event = await storage.find(self.database, account_id, event_id)
        if event is None:
            raise await self._missing(account_id, event_id)
        self._check_age(event.created_at)
        return event

    async def redeliver(
        self, account_id: str, event_id: str, *, webhook_id: str | None, key: str | None
    ) -> list[Redelivery]:
        """Send an event again, with its own id and its own bytes, to one endpoint or to all it was meant for.

        A request within a minute of the last one is that one repeated and sends nothing; so is,
        at any time, one with the same idempotency key. Another key is another wish.

        Raises:
            NotFound, Gone: see `get`; NotFound also for a webhook that was deleted since.
            Conflict: the event was never meant for this webhook.
            WebhookDisabled: the one webhook is switched off.
            EventsLogDisabled: the deployment has webhooks switched off.
        """
        if not self.outbox:
            raise EventsLogDisabled
        async with self.database.transaction() as transaction:
            held = await storage.lock(transaction, account_id, event_id)
            if held is None:
                raise await self._missing(account_id, event_id)
            self._check_age(held.created_at)
            targets = await storage.redeliver(
                transaction,
                account_id,
                event_id,
                endpoint=webhook_id,
                replay_id=_replay_id(key),
                window_seconds=0 if key else REDELIVERY_WINDOW_SECONDS,
            )
            if webhook_id is not None:
                _check_target(targets, webhook_id)
            return targets

    def _oldest(self) -> datetime:
        return now() - timedelta(days=self.retention_days)

    def _check_age(self, created_at: datetime) -> None:
        if created_at <= self._oldest():
            raise Gone(f"the event is older than {self.retention_days} days and cannot be had any more")

    async def _missing(self, account_id: str, event_id: str) -> Gone | NotFound:
        if await storage.outlived(self.database, account_id, event_id):
            return Gone(f"the event is older than {self.retention_days} days and cannot be had any more")
        return NotFound()


def classic_type(event_type: str) -> str:
    """The classic name of an event type; a type without one keeps its own."""
    return CLASSIC_TYPES.get(event_type, event_type)


def _replay_id(key: str | None) -> str:
    # The key itself may be anything of any length; its digest is as good a name.
    return "key_" + hashlib.sha256(key.encode()).hexdigest()[:32] if key else new_id("rpl_")


def _check_target(targets: list[Redelivery], webhook_id: str) -> None:
    if not targets:
        raise Conflict(f"the event was not meant for {webhook_id[:80]} when it happened: it cannot be sent there")
    if not targets[0].known:
        raise NotFound
    if targets[0].delivery_id is None:
        raise WebhookDisabled
