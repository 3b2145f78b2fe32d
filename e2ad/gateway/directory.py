"""Which agent a forward-path leads to: a bounded cache that every change of an agent invalidates.

RCPT is asked once for each recipient of each mail, and mostly for the same few. An entry
lives for a minute at most, so that a lost notification costs that much and no more.
"""

from collections import OrderedDict

import trio
from attrs import frozen

from e2ad.core import errors
from e2ad.core.address import Mailbox, without_tag
from e2ad.core.message import Recipient
from e2ad.core.protection import OPEN, Protection
from e2ad.storage import directory as storage
from e2ad.storage.directory import Entry
from e2ad.storage.pool import Database

__all__ = ["Directory"]

MAX_ENTRIES = 10_000
LIFETIME_SECONDS = 60.0
UNKNOWN_LIFETIME_SECONDS = 10.0


@frozen
class _Found:
    entry: Entry
    protection: Protection


@frozen
class _Cached:
    found: _Found | None
    until: float


class Directory:
    """Look-up of agents by address.

    Args:
        database: asked when the cache does not know.
        max_storage_bytes: the quota of accounts that have none of their own.
    """

    def __init__(self, database: Database, *, max_storage_bytes: int) -> None:
        self._database = database
        self._default_quota = max_storage_bytes
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._usage: OrderedDict[str, int] = OrderedDict()
        self._generation = 0

    async def find(self, mailbox: Mailbox) -> Recipient:
        """The agent for an address: exact first, then without its plus-tag, then the domain's catch-all.

        Letter case does not matter, in the domain by RFC 5321 section 2.4, in the local part
        because agents are registered in lower case.

        Raises:
            UnknownRecipient: nobody, or on a domain that is not verified (the same words on purpose).
            MailboxFull: the agent's account has used up its storage.
            Unavailable: the database does not answer.
        """
        address = f"{mailbox.local_part.lower()}@{mailbox.domain}"
        found = await self._find(address, mailbox.domain)
        if found is None or not found.entry.domain_verified:
            raise errors.UnknownRecipient
        entry = found.entry
        quota = self._default_quota if entry.max_storage_bytes is None else entry.max_storage_bytes
        if self._usage.get(entry.account_id, entry.storage_bytes) >= quota:
            raise errors.MailboxFull
        return Recipient(entry.account_id, entry.email, str(mailbox), found.protection, entry.registered_domain)

    async def _find(self, address: str, domain: str) -> _Found | None:
        cached = self._cache.get(address)
        if cached is not None and cached.until > trio.current_time():
            self._cache.move_to_end(address)
            return cached.found
        candidates = list(dict.fromkeys((address, without_tag(address))))
        generation = self._generation
        entry = await storage.find(self._database, candidates, domain)
        found = None if entry is None else _Found(entry, _protection(entry))
        if generation != self._generation:
            # A change that was announced while we read may be newer than what we read: used, not kept.
            return found
        lifetime = UNKNOWN_LIFETIME_SECONDS if entry is None else LIFETIME_SECONDS
        self._cache[address] = _Cached(found, trio.current_time() + lifetime)
        self._cache.move_to_end(address)
        if entry is not None:
            self._usage.pop(entry.account_id, None)
        if len(self._cache) > MAX_ENTRIES:
            self._cache.popitem(last=False)
        return found

    def used(self, account_id: str, storage_bytes: int) -> None:
        """Take note of what an account uses after a commit of this process."""
        self._usage[account_id] = storage_bytes
        self._usage.move_to_end(account_id)
        if len(self._usage) > MAX_ENTRIES:
            self._usage.popitem(last=False)

    def forget(self, agent_email: str) -> None:
        """An agent was made, changed or removed; `*` or an empty text forgets everything.

        Plus-tags and catch-alls lead to other addresses of the domain, so the whole domain is forgotten.
        """
        self._generation += 1
        domain = "@" + agent_email.rpartition("@")[2]
        if agent_email in ("", "*"):
            self._cache.clear()
            self._usage.clear()
            return
        for address in [address for address in self._cache if address.endswith(domain)]:
            del self._cache[address]

    def forget_account(self, account_id: str) -> None:
        """What an account may have was changed (NOTIFY `e2ad_accounts`)."""
        self._generation += 1
        self._usage.pop(account_id, None)
        for address, cached in list(self._cache.items()):
            if cached.found is not None and cached.found.entry.account_id == account_id:
                del self._cache[address]

    def clear(self) -> None:
        """Notifications may have been lost: forget everything."""
        self.forget("*")


def _protection(entry: Entry) -> Protection:
    # Nearly all agents have none: one value serves them all.
    return Protection.from_json(entry.protection) if entry.protection else OPEN
