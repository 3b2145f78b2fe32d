"""The verbs of sending many events again: which, to whom, how far it is, and no more.

A replay is its deliveries. They are written with it, at once and all of them, and the workers of deliveries carry them
as they carry all others: with their lease, their retries and their bounds for each endpoint. So there is nothing that a
process must go on with, and a page that is closed stops nothing.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import asdict, frozen

from e2ad.core.audit import Actor
from e2ad.core.errors import Conflict, EventsLogDisabled, InvalidRequest, InvalidWebhookUrl, NotFound
from e2ad.core.events import rfc3339
from e2ad.core.sealing import KeyRing, webhook_secret_context
from e2ad.delivery.egress import parse_url
from e2ad.gateway import audit
from e2ad.gateway.agents import UrlGuard
from e2ad.gateway.mint import new_id, nonce, now
from e2ad.storage import replays as storage
from e2ad.storage.pool import Database
from e2ad.storage.replays import Found, NewReplay, Replay, Summary, Told, Wanted

__all__ = ["MOST_DELIVERIES", "MOST_EVENTS", "MOST_RUNNING", "STATES", "Choice", "Replays", "Target"]

STATES: Final = ("failed", "pending", "delivered", "none")
MOST_EVENTS: Final = 1000
"""So many events one replay sends; of more the newest."""
MOST_DELIVERIES: Final = 5000
MOST_RUNNING: Final = 5
"""Replays of one account that are not done."""
_SECRET: Final = re.compile(r"whsec_[0-9a-f]{64}")


@frozen
class Choice:
    """What a filter finds, for a person to decide about: the events, whether there are more, and whom they were for."""

    ids: list[str]
    more: bool
    endpoints: list[Told]


@frozen
class Target:
    """Where to: `webhook_id` one webhook, `url` an address, neither: all that the events were for.

    `secret` signs what goes to the URL.
    """

    webhook_id: str = ""
    url: str = ""
    secret: str = ""


@frozen
class Replays:
    """The verbs over their collaborators.

    Args:
        retention_days: how long an event can be had.
        outbox: the deployment's switch for webhooks; without it nothing can be sent again.
    """

    database: Database
    keys: KeyRing
    guard: UrlGuard
    retention_days: int
    outbox: bool = True

    async def events(
        self, account_id: str, wanted: Wanted, *, before: tuple[datetime, str] | None, limit: int
    ) -> list[Found]:
        """Events that match, newest first, after the position `before`."""
        return await storage.matching(
            self.database, account_id, wanted, oldest=self._oldest(), before=before, limit=limit
        )

    async def summaries(self, account_id: str, ids: Sequence[str]) -> list[Summary]:
        """These events with how far each is, newest first."""
        return await storage.summaries(self.database, account_id, ids)

    async def choose(self, account_id: str, wanted: Wanted) -> Choice:
        """What would be sent again."""
        found = await self.events(account_id, wanted, before=None, limit=MOST_EVENTS + 1)
        ids = [one.id for one in found[:MOST_EVENTS]]
        endpoints = await storage.endpoints(self.database, account_id, ids) if ids else []
        return Choice(ids, len(found) > MOST_EVENTS, endpoints)

    async def begin(self, account_id: str, wanted: Wanted, target: Target, *, key: str, actor: Actor) -> Replay:
        """Send all that match again. With the same key it is the same replay, however often it is asked for.

        Raises:
            InvalidRequest: nothing matches, nobody takes it now, or it is too much.
            InvalidWebhookUrl: deliveries may not go to this URL.
            Conflict: too many replays are under way.
            EventsLogDisabled: the deployment has webhooks switched off.
        """
        if not self.outbox:
            raise EventsLogDisabled
        replay_id = "rpl_" + hashlib.sha256(key.encode()).hexdigest()[:32] if key else new_id("rpl_")
        if (known := await storage.find(self.database, account_id, replay_id)) is not None:
            return known
        new = await self._new(account_id, replay_id, target)
        ids = (await self.choose(account_id, wanted)).ids
        if not ids:
            raise InvalidRequest("no event matches any more: change the filter")
        told = _told(wanted)
        async with self.database.transaction() as transaction:
            running = await storage.running(transaction, account_id)
            count, is_new = await storage.begin(transaction, new, told, ids, most=MOST_DELIVERIES)
            if is_new and running >= MOST_RUNNING:
                raise Conflict(f"{running} replays are under way: wait until one is done, or cancel one")
            if not is_new and not 0 < count <= MOST_DELIVERIES:
                raise InvalidRequest(
                    f"these would be {count} deliveries and {MOST_DELIVERIES} are allowed: narrow the filter"
                    if count
                    else "nobody takes these events now: their endpoints are gone or switched off"
                )
            if is_new:
                where = audit.public_part(target.url) or target.webhook_id or "endpoints"
                known_too = {"target": where, "filter": told, "events": len(ids), "deliveries": count}
                await audit.record(transaction, account_id, actor, "events.replayed", replay_id, known_too)
        return await self.get(account_id, replay_id)

    async def get(self, account_id: str, replay_id: str) -> Replay:
        """One replay and how far it is.

        Raises:
            NotFound: there is none.
        """
        replay = await storage.find(self.database, account_id, replay_id)
        if replay is None:
            raise NotFound
        return replay

    async def page(self, account_id: str, *, before: tuple[datetime, str] | None, limit: int) -> list[Replay]:
        """Replays, newest first, after the position `before`."""
        return await storage.page(self.database, account_id, before=before, limit=limit)

    async def cancel(self, account_id: str, replay_id: str) -> int:
        """Send nothing more of it; how many deliveries were still to come. What is under way ends by itself.

        Raises:
            NotFound: there is none.
        """
        stopped = await storage.cancel(self.database, account_id, replay_id)
        if stopped is None:
            raise NotFound
        return stopped

    async def _new(self, account_id: str, replay_id: str, target: Target) -> NewReplay:
        if not target.url:
            kind = "webhook" if target.webhook_id else "endpoints"
            return NewReplay(account_id, replay_id, kind, target.webhook_id or None, None, None)
        if parse_url(target.url).userinfo is not None:
            raise InvalidWebhookUrl("the URL must not hold a name or a password")
        if not _SECRET.fullmatch(target.secret):
            raise InvalidRequest("the signing secret is whsec_ and 64 characters of 0-9 and a-f")
        await self.guard.check_url(target.url)
        # Bound to what its deliveries are queued under: the account.
        sealed = self.keys.seal(target.secret, context=webhook_secret_context(account_id), nonce=nonce())
        return NewReplay(account_id, replay_id, "url", None, target.url, sealed)

    def _oldest(self) -> datetime:
        return now() - timedelta(days=self.retention_days)


def _told(wanted: Wanted) -> dict[str, Any]:
    """What was asked for, as it is kept."""
    return {
        name: rfc3339(value) if isinstance(value, datetime) else value
        for name, value in asdict(wanted).items()
        if value is not None
    }
