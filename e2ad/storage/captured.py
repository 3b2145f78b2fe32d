"""Mail of the deployment itself, to be shown by `e2ad dev`: there its owner has no mailbox that it could reach."""

from datetime import datetime

from attrs import field, frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Notice", "notices_since"]

_SQL = load("captured")

BATCH = 200


@frozen
class Notice:
    """A mail to the owner of an account, as it would be sent."""

    id: str
    message_id: str | None
    content: bytes = field(repr=False)


async def notices_since(executor: Executor, since: datetime) -> list[Notice]:
    """Those written at this time or later, oldest first; in a flood the last `BATCH` of them."""
    rows = await executor.fetch_all(_SQL["notices"], {"since": since, "count": BATCH})
    return [Notice(row["id"], row["message_id"], bytes(row["content"])) for row in reversed(rows)]
