"""Exports of whole accounts: as many at a time as the process can bear, each from one snapshot.

An export is told as slowly as its reader listens, so it has a connection of its own and keeps none from
mail and requests.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from typing import Any, Final, Literal

from attrs import define, field, frozen

from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.errors import RateLimited, Unauthorized
from e2ad.gateway import audit
from e2ad.gateway.mint import now
from e2ad.storage import export as storage
from e2ad.storage.export import Profile
from e2ad.storage.pool import Connection, Database

__all__ = ["Export", "Exports"]

RETRY_SECONDS: Final = 30


@frozen(eq=False)
class Export:
    """One export that has begun. Whoever has it calls `aclose`, whatever happens.

    Attributes:
        profile: whose account it is.
        at: what was stored at this time is what is told.
        seconds: how long it may take.
    """

    profile: Profile
    at: datetime
    seconds: float
    _snapshot: Connection = field(repr=False)
    _held: AsyncExitStack = field(repr=False)

    def pages(self, collection: str) -> AsyncGenerator[list[dict[str, Any]], None]:
        """The rows of one of `storage.export.COLLECTIONS`.

        Raises:
            Unavailable: the database does not answer.
        """
        return storage.pages(self._snapshot, self.profile.id, collection)

    async def aclose(self) -> None:
        """Close the connection and let the next one in."""
        await self._held.aclose()


@define(eq=False)
class Exports:
    """Begins exports; one a process.

    Args:
        concurrent: how many at a time.
        seconds: how long one may take.
    """

    database: Database
    concurrent: int
    seconds: float
    _running: dict[str, int] = field(factory=dict, init=False)

    async def begin(self, account_id: str, actor: Actor = SYSTEM, what: Literal["all", "audit"] = "all") -> Export:
        """Take a place and a snapshot, and tell the audit log that somebody did.

        Args:
            what: is to be taken along, for the log.

        Raises:
            RateLimited: the account has an export running here, or there are as many as may be.
            Unauthorized: the account is gone.
            Unavailable: the database does not answer.

        Cancellation: the place is free again.
        """
        async with AsyncExitStack() as held:
            held.enter_context(self._place(account_id))
            snapshot = await held.enter_async_context(self.database.snapshot(self.seconds))
            at = now()
            profile = await storage.profile(snapshot, account_id)
            if profile is None:
                raise Unauthorized
            await audit.record(self.database, account_id, actor, "account.exported", account_id, {"what": what}, at=at)
            return Export(profile, at, self.seconds, snapshot, held.pop_all())
        raise AssertionError("an exit stack swallows nothing")

    def note(self, account_id: str, octets: int) -> None:
        """So many bytes more of an export were told."""
        self._running[account_id] += octets

    def told(self, account_id: str) -> int | None:
        """How many bytes of the account's running export were told by this process; None where none runs here."""
        return self._running.get(account_id)

    @contextmanager
    def _place(self, account_id: str) -> Iterator[None]:
        if account_id in self._running:
            raise RateLimited(
                "an export of this account is running: wait for its end", retry_after_seconds=RETRY_SECONDS
            )
        if len(self._running) >= self.concurrent:
            raise RateLimited(
                f"{self.concurrent} exports are running, which is as many as may: try again later",
                retry_after_seconds=RETRY_SECONDS,
            )
        self._running[account_id] = 0
        try:
            yield
        finally:
            self._running.pop(account_id, None)
