"""Which mail a search finds, and making mail searchable (`message_search`, `search_queue`).

A search is two statements: `match` has the index say which mail of the inbox has the words, and the list takes
those ids together with all its other conditions. Where they are too many to be handed over, words are common,
and the list comes upon them soon by walking through the mail from its end: then each mail on the way is asked.
"""

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from e2ad.core.search import Search
from e2ad.storage.adaptation import texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["MOST_IDS", "Matches", "Unindexed", "claim", "match", "store"]

_SQL = load("search")

MOST_IDS: Final = 2000
"""So many ids are handed over. At a hundred thousand mails in an inbox, each fiftieth then has the words."""


@frozen
class Matches:
    """What a search found in an inbox: these mails, or with None too many to name them.

    `query` is the whole `tsquery` then, for the list to ask each mail.
    """

    ids: tuple[str, ...] | None
    query: str | None = None


@frozen
class Unindexed:
    """A mail to make searchable; all but the first two are None where it is gone."""

    account_id: str
    message_id: str
    agent_email: str | None
    subject: str | None
    sender_name: str | None
    header_from: str | None
    body_text: str | None
    attachments: list[dict[str, Any]] | None


async def match(executor: Executor, agent_email: str, search: Search) -> Matches:
    """Which mail of an inbox has the words, whatever its state; the list decides what of it is shown.

    Whose inbox it is, is for the list to check: it finds none of these ids in another account.
    """
    if not search.tsquery:
        return Matches(())
    query = search.within(agent_email)
    ids = await executor.fetch_value(_SQL["match"], {"query": query, "limit": MOST_IDS + 1}, prepare=False)
    return Matches(tuple(ids)) if len(ids) <= MOST_IDS else Matches(None, query)


async def claim(executor: Executor, *, limit: int, characters: int) -> list[Unindexed]:
    """Take mail out of the queue, the newest first; it is back when the transaction does not commit."""
    return await executor.fetch_all(_SQL["claim"], {"limit": limit, "characters": characters}, row=Unindexed)


async def store(executor: Executor, documents: Sequence[tuple[str, str, str]]) -> None:
    """Make mail searchable: account, message, document. Again is no error."""
    await executor.execute(
        _SQL["store"],
        {
            "account_ids": texts(account_id for account_id, _, _ in documents),
            "message_ids": texts(message_id for _, message_id, _ in documents),
            "documents": texts(document for _, _, document in documents),
        },
    )
