"""The table of suppressed addresses, of an account and of one agent, and the links that a recipient unsubscribes by."""

from datetime import datetime

from attrs import frozen

from e2ad.core.errors import Unavailable
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Link", "Suppression", "add", "by_token", "page", "remove"]

_SQL = load("suppressions")
_TRIES = 3


@frozen
class Suppression:
    """An address that is not written to. `agent_email` is empty where no agent of the account may.

    `is_new` tells of an `add` whether it was the one that made it.
    """

    address: str
    agent_email: str
    source: str
    reason: str | None
    message_id: str | None
    created_at: datetime
    is_new: bool = False


@frozen
class Link:
    """Whom an unsubscribe link belongs to, and which agent it stops."""

    account_id: str
    agent_email: str
    address: str


async def page(
    executor: Executor, account_id: str, agent_email: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[Suppression]:
    """Newest first, after the position `before` (its time and address).

    Args:
        agent_email: "" for the account's own list.
    """
    before_at, before_address = before or (None, "")
    return await executor.fetch_all(
        _SQL["page"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "before_at": before_at,
            "before_address": before_address,
            "limit": limit,
        },
        row=Suppression,
    )


async def add(
    executor: Executor,
    account_id: str,
    agent_email: str,
    address: str,
    *,
    source: str,
    reason: str | None,
    message_id: str | None,
    at: datetime,
) -> Suppression:
    """Suppress an address; what is there already stays as it is, and is returned."""
    parameters = {
        "account_id": account_id,
        "agent_email": agent_email,
        "address": address,
        "source": source,
        "reason": reason,
        "message_id": message_id,
        "at": at,
    }
    for _ in range(_TRIES):
        # Of two at once the second sees neither its own row nor, in its snapshot, the other's: then it looks again.
        row = await executor.fetch_one(_SQL["add"], parameters, row=Suppression)
        if row is not None:
            return row
    raise Unavailable("the address is being suppressed and released at the same time: try again")


async def remove(executor: Executor, account_id: str, agent_email: str, address: str) -> bool:
    """Let an address be written to again; False when it was not suppressed."""
    key = {"account_id": account_id, "agent_email": agent_email, "address": address}
    return await executor.execute(_SQL["remove"], key) > 0


async def by_token(executor: Executor, token_sha256: bytes) -> Link | None:
    """What an unsubscribe token stands for; None for one that was never given out."""
    return await executor.fetch_one(_SQL["by_token"], {"token_sha256": token_sha256}, row=Link)
