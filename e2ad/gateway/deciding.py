"""A decision as a whole, for whoever is asked by a person: the rate, the transaction, and what follows its commit."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog
from attrs import frozen

from e2ad.config import Config
from e2ad.core.errors import NotFound, Unavailable
from e2ad.core.sealing import KeyRing
from e2ad.gateway.acceptance import Acceptance
from e2ad.gateway.courier import Courier
from e2ad.gateway.decisions import Composition, Preview
from e2ad.gateway.edits import Edits
from e2ad.gateway.holds import Desk
from e2ad.gateway.limits import RateLimits
from e2ad.gateway.previews import preview
from e2ad.gateway.reviews import Approved, Rejected, Reviewer, Reviews, Revised
from e2ad.storage import reviews as storage
from e2ad.storage.pool import Database, Executor

__all__ = ["Deciding", "Settle"]

log = structlog.get_logger("e2ad.gateway")

RATE_WINDOW_SECONDS: Final = 60

Settle = Callable[[Executor, Approved], Awaitable[None]]
"""Stores the answer under an Idempotency-Key, in the transaction of the decision."""


@frozen(kw_only=True)
class Deciding:
    """Decisions of people over their collaborators. `per_minute` counts what one agent sends; 0 for no limit."""

    database: Database
    reviews: Reviews
    limits: RateLimits
    courier: Courier
    per_minute: int

    @classmethod
    def of(
        cls, config: Config, database: Database, keys: KeyRing, limits: RateLimits, courier: Courier, *, public_url: str
    ) -> "Deciding":
        """As configured; a process on a free port knows its URL better."""
        desk = Desk.of(config, keys, public_url=public_url)
        return cls(
            database=database,
            reviews=Reviews(desk, Acceptance.of(config, keys, public_url=public_url)),
            limits=limits,
            courier=courier,
            per_minute=config.rate_limits.send_per_minute,
        )

    async def approve(
        self,
        account_id: str,
        message_id: str,
        reviewer: Reviewer,
        *,
        edits: Edits | None = None,
        seen: bytes | None = None,
        exactly: Composition | None = None,
        is_counted: bool = False,
        settle: Settle | None = None,
    ) -> Approved:
        """Let a held mail go; see `Reviews.approve`.

        Args:
            is_counted: an outbound approval counts as a send of its agent. Links do not.
            settle: given where the request has an Idempotency-Key.

        Raises:
            RateLimited: the agent has sent as often as it may this minute.
            And what `Reviews.approve` raises; then nothing was decided.

        Cancellation: before COMMIT nothing is decided; after it the mail leaves, whoever hears of it.
        """
        if is_counted:
            await self._take_rate(account_id, message_id)
        async with self.database.transaction() as transaction:
            approved = await self.reviews.approve(
                transaction, account_id, message_id, reviewer, edits=edits, seen=seen, exactly=exactly
            )
            if settle is not None:
                await settle(transaction, approved)
        await self._send_off(account_id, approved)
        return approved

    async def preview(self, account_id: str, message_id: str, at: datetime) -> Preview:
        """The mail that a held draft would leave as; see `previews.preview`."""
        return await preview(self.database, self.reviews.acceptance, account_id, message_id, at)

    async def reject(
        self, account_id: str, message_id: str, reviewer: Reviewer, *, reason: str = "", seen: bytes | None = None
    ) -> Rejected:
        """Keep a held mail back; see `Reviews.reject`."""
        async with self.database.transaction() as transaction:
            return await self.reviews.reject(transaction, account_id, message_id, reviewer, reason=reason, seen=seen)

    async def edit(
        self, account_id: str, message_id: str, reviewer: Reviewer, edits: Edits, *, seen: bytes | None = None
    ) -> Revised:
        """Change a held draft; see `Reviews.edit`."""
        async with self.database.transaction() as transaction:
            return await self.reviews.edit(transaction, account_id, message_id, reviewer, edits, seen=seen)

    async def _take_rate(self, account_id: str, message_id: str) -> None:
        agent = await storage.agent_of(self.database, account_id, message_id)
        if agent is None:
            raise NotFound("message not found")
        if agent.direction == "outbound":
            allowance = await self.limits.take(f"send:{agent.agent_email}", self.per_minute, RATE_WINDOW_SECONDS)
            allowance.check()

    async def _send_off(self, account_id: str, approved: Approved) -> None:
        if approved.accepted is None:
            return
        if approved.accepted.method != "loopback":
            self.courier.kick()
            return
        try:
            await self.courier.carry(account_id, approved.message_id)
        except Unavailable as error:
            log.warning("an approved mail to oneself is carried later", message=approved.message_id, error=repr(error))
            self.courier.kick()
