"""What credentials were found to stand for, remembered for a few seconds.

A question to the database for each request would cost more than the request. What is remembered is dropped as
soon as a notification says that it may be wrong, and after `SECONDS` where no notification arrives.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import trio
from attrs import define, field

from e2ad.gateway.mint import now
from e2ad.gateway.principals import Known, Principal

__all__ = ["ENTRIES", "SECONDS", "Remembered"]

SECONDS: Final = 10.0
"""How long a process that hears no notification may go on believing a credential."""
ENTRIES: Final = 4096


@define
class _Entry:
    known: Known
    until: float


@define
class Remembered:
    """A bounded memory of credentials by their hashes."""

    _entries: "OrderedDict[bytes, _Entry]" = field(factory=OrderedDict, init=False)
    _generation: int = field(default=0, init=False)

    def __len__(self) -> int:
        return len(self._entries)

    async def ask(self, digest: bytes, find: Callable[[], Awaitable[Known]]) -> Known:
        """Who has the credential with this hash, as remembered or as `find` says; whatever it raises is not kept."""
        entry = self._entries.get(digest)
        if entry is not None and entry.until >= trio.current_time():
            return entry.known
        generation = self._generation
        known = await find()
        until = trio.current_time() + SECONDS
        if known.expires_at is not None:
            until = min(until, trio.current_time() + (known.expires_at - now()).total_seconds())
        # A revocation that was announced while we read may be newer than what we read.
        if generation == self._generation:
            self._entries[digest] = _Entry(known, until)
            self._entries.move_to_end(digest)
            while len(self._entries) > ENTRIES:
                self._entries.popitem(last=False)
        return known

    def forget(self, digest: bytes) -> None:
        """Drop what is known of one credential."""
        self._generation += 1
        self._entries.pop(digest, None)

    def forget_account(self, account_id: str) -> None:
        """Drop what is known of one account (NOTIFY `e2ad_accounts`)."""
        self._drop(lambda principal: principal.account_id == account_id)

    def forget_agent(self, agent_email: str) -> None:
        """Drop the credentials of one agent (NOTIFY `e2ad_agents`); `*` drops all."""
        self._drop(lambda principal: agent_email in ("*", principal.agent_email))

    def clear(self) -> None:
        """Drop everything: notifications may have been missed."""
        self._drop(lambda _: True)

    def _drop(self, concerned: Callable[[Principal], bool]) -> None:
        self._generation += 1
        for digest in [digest for digest, entry in self._entries.items() if concerned(entry.known.principal)]:
            del self._entries[digest]
