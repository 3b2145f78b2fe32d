"""The verbs of subscribed webhooks: create, change, rotate the secret, test.

Each webhook belongs to one surface, whose event names it uses; the rules are the same. A secret
is shown once, stored sealed, and goes on signing for a day after it was replaced.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from attrs import evolve, field, frozen

from e2ad.core.address import fold_address
from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.errors import (
    InvalidEventType,
    InvalidRequest,
    NotFound,
    NotImplementedHere,
    WebhookCooldown,
    WebhookDisabled,
    WebhookLimitReached,
)
from e2ad.core.events import CLASSIC_EVENT_TYPES, EVENT_TYPES, envelope, rfc3339
from e2ad.core.sealing import KeyRing, webhook_secret_context
from e2ad.gateway import audit
from e2ad.gateway.agents import UrlGuard
from e2ad.gateway.mint import new_id, new_secret, nonce, now
from e2ad.storage import agents as agents_table
from e2ad.storage import webhooks as storage
from e2ad.storage.pool import Database, Executor
from e2ad.storage.webhooks import Change, NewWebhook, Webhook

__all__ = ["CLASSIC", "V1", "Filters", "Surface", "WebhookDraft", "WebhookRegistry"]

MAX_FILTERS: Final = 50
MAX_DESCRIPTION: Final = 200
SECRET_GRACE: Final = timedelta(hours=24)
COOLDOWN_SECONDS: Final = 300
REPLAY_LIMIT: Final = 1000

_CONVERSATION = re.compile(r"[A-Za-z0-9_-]{1,200}")
_LABEL = re.compile(r"[a-z0-9:_-]{1,64}")
_MAX_ADDRESS = 200


@frozen
class Surface:
    """An API that webhooks are made with: its name in the table, and the events it knows."""

    name: str
    events: tuple[str, ...]


V1: Final = Surface("v1", EVENT_TYPES)
CLASSIC: Final = Surface("classic", CLASSIC_EVENT_TYPES)


@frozen
class Filters:
    """What an event must match: any value of a list, every list that is not empty."""

    agent_emails: Sequence[str] = ()
    conversation_ids: Sequence[str] = ()
    labels: Sequence[str] = ()


@frozen
class WebhookDraft:
    """What somebody wants a webhook to be."""

    url: str
    events: Sequence[str]
    description: str = ""
    filters: Filters = field(factory=Filters)


@frozen
class WebhookRegistry:
    """The verbs over their collaborators, for one surface.

    Args:
        outbox: the deployment's switch; without it nothing is sent to webhooks, so none can be made.
    """

    database: Database
    keys: KeyRing
    guard: UrlGuard
    surface: Surface
    outbox: bool = True

    async def check(self, account_id: str, draft: WebhookDraft) -> NewWebhook:
        """A draft that keeps every rule, its secret still to be made.

        Raises:
            InvalidRequest, InvalidEventType, InvalidWebhookUrl: the first rule that is broken.
            NotImplementedHere: the deployment has webhooks switched off.
        """
        self._require_outbox()
        events = self._events(draft.events)
        description = _description(draft.description)
        filters = await self._filters(account_id, draft.filters)
        await self.guard.check_url(draft.url)
        return NewWebhook(
            account_id=account_id,
            id=new_id("wh_"),
            surface=self.surface.name,
            url=draft.url,
            description=description,
            events=events,
            agent_emails=list(filters.agent_emails),
            conversation_ids=list(filters.conversation_ids),
            labels=list(filters.labels),
            sealed_secret=b"",
        )

    async def add(self, transaction: Executor, new: NewWebhook, actor: Actor = SYSTEM) -> tuple[Webhook, str]:
        """Store what `check` returned, inside the caller's transaction; with its secret, this once.

        Raises:
            WebhookLimitReached: the account has as many as it may have.
        """
        secret = new_secret("whsec_")
        most = await storage.room(transaction, new.account_id)
        if most is None:
            raise NotFound("the account does not exist any more")
        sealed = self.keys.seal(secret, context=webhook_secret_context(new.id), nonce=nonce())
        webhook = await storage.insert(transaction, evolve(new, sealed_secret=sealed), max_webhooks=most)
        if webhook is None:
            raise WebhookLimitReached(f"the account has {most} webhooks, as many as it may have: delete one first")
        await audit.record(transaction, new.account_id, actor, "webhook.created", new.id, _told(webhook))
        return webhook, secret

    async def update(self, account_id: str, webhook_id: str, change: Change, actor: Actor = SYSTEM) -> Webhook:
        """Change a webhook. A new URL, and an old one that is switched on again, is checked as at creation.

        Raises:
            NotFound: no such webhook of the account.
            InvalidRequest, InvalidEventType, InvalidWebhookUrl: the first rule that is broken.
            WebhookCooldown: it was stopped automatically less than five minutes ago.
        """
        webhook = await self.get(account_id, webhook_id)
        if change == Change():
            raise InvalidRequest("nothing to change: send at least one of url, description, events, filters, enabled")
        if change.events is not None:
            change = evolve(change, events=self._events(change.events))
        if change.description is not None:
            _description(change.description)
        if change.agent_emails is not None:
            filters = Filters(change.agent_emails, change.conversation_ids or (), change.labels or ())
            filters = await self._filters(account_id, filters)
            change = evolve(
                change,
                agent_emails=list(filters.agent_emails),
                conversation_ids=list(filters.conversation_ids),
                labels=list(filters.labels),
            )
        if change.enabled and not webhook.enabled:
            _check_cooldown(webhook)
        if change.url is not None or (change.enabled and not webhook.enabled):
            await self.guard.check_url(webhook.url if change.url is None else change.url)
        async with self.database.transaction() as transaction:
            changed = await storage.update(
                transaction,
                account_id,
                webhook_id,
                change,
                surface=self.surface.name,
                cooldown_seconds=COOLDOWN_SECONDS,
            )
            if changed is not None and (changed.url, _told(changed)) != (webhook.url, _told(webhook)):
                await audit.record(transaction, account_id, actor, "webhook.changed", webhook_id, _told(changed))
        if changed is None:
            _check_cooldown(await self.get(account_id, webhook_id))
            raise WebhookCooldown
        return changed

    async def get(self, account_id: str, webhook_id: str) -> Webhook:
        """One webhook of the account.

        Raises:
            NotFound: there is none.
        """
        webhook = await storage.find(self.database, account_id, webhook_id, surface=self.surface.name)
        if webhook is None:
            raise NotFound
        return webhook

    async def delete(self, account_id: str, webhook_id: str, actor: Actor = SYSTEM) -> None:
        """Remove a webhook; what still waits for it is given up.

        Raises:
            NotFound: there is none.
        """
        async with self.database.transaction() as transaction:
            if not await storage.delete(transaction, account_id, webhook_id, surface=self.surface.name):
                raise NotFound
            await audit.record(transaction, account_id, actor, "webhook.deleted", webhook_id)

    async def rotate(
        self, transaction: Executor, account_id: str, webhook_id: str, actor: Actor = SYSTEM
    ) -> tuple[str, datetime]:
        """Give a webhook a new secret; the new one, and until when the old one signs beside it.

        Raises:
            NotFound: there is none.
        """
        secret = new_secret("whsec_")
        expires_at = now() + SECRET_GRACE
        sealed = self.keys.seal(secret, context=webhook_secret_context(webhook_id), nonce=nonce())
        if not await storage.rotate(transaction, account_id, webhook_id, sealed, expires_at, surface=self.surface.name):
            raise NotFound
        known = {"old_secret_until": rfc3339(expires_at)}
        await audit.record(transaction, account_id, actor, "webhook.secret_rotated", webhook_id, known)
        return secret, expires_at

    async def test(self, account_id: str, webhook_id: str, event_type: str, data: Mapping[str, Any]) -> str:
        """Enqueue a delivery that belongs to no event; its id.

        Raises:
            NotFound: there is no such webhook.
            WebhookDisabled: it is switched off.
            InvalidEventType: the surface knows no such event.
        """
        self._require_outbox()
        self._events([event_type])
        delivery_id = new_id("whd_")
        added = await storage.add_test(
            self.database,
            account_id,
            webhook_id,
            surface=self.surface.name,
            delivery_id=delivery_id,
            event_type=event_type,
            body=self._envelope(event_type, data),
        )
        if not added:
            await self.get(account_id, webhook_id)
            raise WebhookDisabled
        return delivery_id

    async def replay_since(self, account_id: str, webhook_id: str, since: datetime) -> int:
        """Send again what was meant for a webhook since a moment, at most a thousand; how many.

        Raises:
            NotFound: there is no such webhook.
            WebhookDisabled: it is switched off.
        """
        self._require_outbox()
        webhook = await self.get(account_id, webhook_id)
        if not webhook.enabled:
            raise WebhookDisabled
        return await storage.replay_since(
            self.database,
            account_id,
            webhook_id,
            surface=self.surface.name,
            since=since,
            replay_id=new_id("rpl_"),
            limit=REPLAY_LIMIT,
        )

    def _envelope(self, event_type: str, data: Mapping[str, Any]) -> str:
        event_id, at = new_id("evt_"), now()
        if self.surface is V1:
            return envelope(event_type, event_id, at, data)
        document = {"event": event_type, "id": event_id, "created_at": rfc3339(at), "data": data}
        return msgspec.json.encode(document).decode()

    def _events(self, events: Sequence[str]) -> list[str]:
        if not events:
            raise InvalidRequest("events must name at least one event type")
        for event in events:
            if event not in self.surface.events:
                raise InvalidEventType(f"unknown event type {event[:80]!r}: use {', '.join(self.surface.events)}")
        return list(dict.fromkeys(events))

    async def _filters(self, account_id: str, filters: Filters) -> Filters:
        emails = _distinct("agent_emails", [fold_address(email) for email in filters.agent_emails])
        conversations = _distinct("conversation_ids", filters.conversation_ids)
        labels = _distinct("labels", [label.strip().lower() for label in filters.labels])
        for email in emails:
            if len(email) > _MAX_ADDRESS:
                raise InvalidRequest(f"filters.agent_emails: an address has at most {_MAX_ADDRESS} characters")
        for conversation in conversations:
            if not _CONVERSATION.fullmatch(conversation):
                raise InvalidRequest("filters.conversation_ids: use 1 to 200 letters, digits, - and _")
        for label in labels:
            if not _LABEL.fullmatch(label):
                raise InvalidRequest("filters.labels: use 1 to 64 lower-case letters, digits, :, - and _")
        if emails:
            unowned = await agents_table.unowned(self.database, account_id, emails)
            if unowned:
                raise InvalidRequest(f"filters.agent_emails: {unowned[0]} is not an agent of this account")
        return Filters(emails, conversations, labels)

    def _require_outbox(self) -> None:
        if not self.outbox:
            raise NotImplementedHere("subscribed webhooks are switched off on this deployment (features.outbox)")


def _told(webhook: Webhook) -> dict[str, Any]:
    """Where it sends what, for the audit log, without what a URL may keep secret."""
    return {
        "url": audit.public_part(webhook.url),
        "events": webhook.events,
        "agent_emails": webhook.agent_emails,
        "conversation_ids": webhook.conversation_ids,
        "labels": webhook.labels,
        "enabled": webhook.enabled,
    }


def _description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION:
        raise InvalidRequest(f"description must have at most {MAX_DESCRIPTION} characters")
    if not text.isprintable():
        raise InvalidRequest("description must not contain line breaks or other control characters")
    return text


def _distinct(name: str, values: Sequence[str]) -> list[str]:
    if len(values) > MAX_FILTERS:
        raise InvalidRequest(f"filters.{name} must have at most {MAX_FILTERS} entries")
    return list(dict.fromkeys(values))


def _check_cooldown(webhook: Webhook) -> None:
    if webhook.auto_disabled_at is None:
        return
    left = COOLDOWN_SECONDS - (now() - webhook.auto_disabled_at).total_seconds()
    if left > 0:
        raise WebhookCooldown(
            f"the webhook was disabled for its failures a moment ago: enable it again in {int(left) + 1} seconds",
            retry_after_seconds=int(left) + 1,
        )
