"""All that is stored of an account, list by list, each in pages of bounded weight.

The pages of one export are read in one snapshot (`pool.Database.snapshot`), so that they fit together.
"""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["COLLECTIONS", "Profile", "pages", "profile"]

_SQL = load("export")

COLLECTIONS: Final = {
    "domains": 200,
    "agents": 200,
    "api_keys": 200,
    "messages": 100,
    "suppressions": 500,
    "protection_events": 200,
    "oauth_connections": 200,
    "recipients": 500,
    "transitions": 200,
    "reviews": 100,
    "templates": 10,
    "webhooks": 50,
    "events": 200,
    "deliveries": 500,
    "contacts": 200,
    "engagements": 200,
    "correspondents": 500,
    "sender_evidence": 500,
    "sessions": 200,
    "identities": 200,
    "audit": 100,
}
"""What can be read, in the order in which it is told, and how many rows a page has at most.

A row of templates may have a megabyte, one of contacts 16 KiB: no page has more than a few megabytes.
"""

_PAGE_BYTES: Final = 2_097_152
"""A page of messages goes over this by one message at most."""
_FIRST: Final = ["", "", "", "", ""]


@frozen
class Profile:
    """Whose account it is."""

    id: str
    email: str
    name: str
    created_at: datetime


async def profile(executor: Executor, account_id: str) -> Profile | None:
    """The owner of an account that is not closed."""
    return await executor.fetch_one(_SQL["profile"], {"account_id": account_id}, row=Profile)


async def pages(executor: Executor, account_id: str, collection: str) -> AsyncGenerator[list[dict[str, Any]], None]:
    """All rows of a collection, page by page, in the order of their keys. No page is empty.

    `place` of a row says where the next page starts; it is no part of what is told.
    """
    after = _FIRST
    while True:
        rows = await executor.fetch_all(
            _SQL[collection],
            {
                "account_id": account_id,
                "after": after,
                "limit": COLLECTIONS[collection],
                **({"most_bytes": _PAGE_BYTES} if collection == "messages" else {}),
            },
            prepare=False,
        )
        if not rows:
            return
        after = list(rows[-1]["place"])
        yield rows
