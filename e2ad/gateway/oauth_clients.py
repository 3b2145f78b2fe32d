"""Programs that ask for access: those that registered, and those that a document at a URL of theirs describes.

Such a document is fetched through the guard of deliveries, for people who are signed in alone, with a deadline
and a bound on its size, a few at a time and not again for a while, whatever came of it.
"""

from collections import OrderedDict
from typing import Final

import trio
from attrs import define, field, frozen

from e2ad.core.errors import InvalidWebhookUrl, OAuthRefused
from e2ad.core.oauth_clients import Client, document_url, is_registered_id, read_document
from e2ad.delivery.egress import Unreachable, parse_url
from e2ad.delivery.fetch import Connector, fetch
from e2ad.gateway.limits import RateLimits
from e2ad.storage import oauth as table
from e2ad.storage.pool import Executor

__all__ = ["Clients"]

FETCH_SECONDS: Final = 5.0
DOCUMENT_BYTES: Final = 32_768
FETCHES_AT_A_TIME: Final = 8
FETCHES_PER_HOUR: Final = 60
"""Of one account: a person looks at fewer programs, and nobody shall have us knock at doors for them."""
HOUR: Final = 3600
KEPT_SECONDS: Final = 600.0
FAILURE_SECONDS: Final = 30.0
KEPT: Final = 512


@frozen
class _Kept:
    client: Client | None
    problem: str
    until: float


@define
class Clients:
    """Finds programs by their id; one a process, for what it remembers."""

    executor: Executor
    connector: Connector
    limits: RateLimits
    _kept: "OrderedDict[str, _Kept]" = field(factory=OrderedDict, init=False)
    _turns: trio.Semaphore = field(factory=lambda: trio.Semaphore(FETCHES_AT_A_TIME), init=False)

    async def known(self, client_id: str) -> table.StoredClient | None:
        """A program that registered, or was let in before; nothing is fetched."""
        if not (is_registered_id(client_id) or document_url(client_id)):
            return None
        return await table.find_client(self.executor, client_id)

    async def find(self, client_id: str, account_id: str) -> Client:
        """The program that asks a person of this account.

        Raises:
            OAuthRefused: `invalid_client`; there is none, or what describes it cannot be read.
            RateLimited: the account has asked for too many of them.
        """
        if document_url(client_id):
            return await self._described(client_id, account_id)
        stored = await self.known(client_id)
        if stored is None:
            raise OAuthRefused("invalid_client", "no client is registered with this client_id: register it again")
        return Client(stored.id, stored.name, tuple(stored.redirect_uris))

    async def _described(self, url: str, account_id: str) -> Client:
        kept = self._kept.get(url)
        if kept is None or kept.until < trio.current_time():
            (await self.limits.take(f"oauth_document:{account_id}", FETCHES_PER_HOUR, HOUR)).check()
            kept = await self._fetched(url)
            self._kept[url] = kept
            self._kept.move_to_end(url)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        if kept.client is None:
            raise OAuthRefused("invalid_client", f"the document at client_id cannot be used: {kept.problem}")
        return kept.client

    async def _fetched(self, url: str) -> _Kept:
        problem = "it took too long to get at it"
        with trio.move_on_after(2 * FETCH_SECONDS):
            async with self._turns:
                try:
                    raw = await fetch(self.connector, parse_url(url), max_bytes=DOCUMENT_BYTES, seconds=FETCH_SECONDS)
                    return _Kept(read_document(raw, url), "", trio.current_time() + KEPT_SECONDS)
                except (Unreachable, OAuthRefused) as error:
                    problem = str(error)
                except InvalidWebhookUrl:
                    problem = "its URL is malformed"
        return _Kept(None, problem, trio.current_time() + FAILURE_SECONDS)
