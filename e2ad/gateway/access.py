"""From a credential to who is calling.

An API key is looked up by the SHA-256 of its whole text; what kind it is says its prefix
(contract: credentials). Answers are kept for a few seconds in a bounded cache that NOTIFY on
`e2ad_accounts` and `e2ad_agents` empties, so that a revoked key stops at once in every process
that hears the notification, and after the lifetime of an entry in one that does not.
"""

import re
from collections import OrderedDict
from typing import Final

import structlog
import trio
from attrs import define, field, frozen

from e2ad.core.errors import Failure, Unauthorized
from e2ad.core.signing import key_hash
from e2ad.gateway.mint import now
from e2ad.storage import accounts
from e2ad.storage.pool import Executor

__all__ = ["ACCOUNT_KEY", "AGENT_KEY", "EXEMPT", "Access", "Principal"]

log = structlog.get_logger("e2ad.gateway")

ACCOUNT_KEY: Final = "e2a_acct_"
AGENT_KEY: Final = "e2a_agt_"
KEY_PREFIX_CHARACTERS: Final = 16

CACHE_SECONDS: Final = 10.0
"""How long a process that hears no notification may go on believing a key."""
CACHE_ENTRIES: Final = 4096
MAX_KEY_CHARACTERS: Final = 512
TOUCH_SECONDS: Final = 60.0
"""`last_used_at` is this coarse; a write for each request would cost more than the request."""
TOUCH_BATCH: Final = 1000
TOUCH_WRITE_SECONDS: Final = 10.0

EXEMPT: Final = frozenset({"system", "internal"})
"""Classes of accounts that no rate limit counts (contract: rates)."""
_KEY = re.compile(r"e2a_(?:acct_|agt_)?[0-9a-f]{64}\Z")


@frozen
class Principal:
    """Who calls: an account, or one agent of it.

    Attributes:
        scope: `account` or `agent`.
        agent_email: the one inbox of an agent credential.
        key_id: of the API key; empty for other credentials.
        exempt: accounts of the deployment itself are not rate limited.
    """

    account_id: str
    scope: str = "account"
    agent_email: str | None = None
    key_id: str = ""
    exempt: bool = False


@define
class _Entry:
    principal: Principal | None
    until: float


@define
class Access:
    """Resolves credentials; one a process, shared by the API, the stream and the dashboard."""

    executor: Executor
    _entries: "OrderedDict[bytes, _Entry]" = field(factory=OrderedDict, init=False)
    _touched: dict[tuple[str, str], float] = field(factory=dict, init=False)
    _waiting: set[tuple[str, str]] = field(factory=set, init=False)
    _generation: int = field(default=0, init=False)

    async def resolve(self, authorization: str | None, *, bare: bool = True) -> Principal:
        """The caller behind an `Authorization` header.

        Args:
            authorization: the header's value.
            bare: accept the key alone as the whole value; the WebSocket does not.

        Raises:
            Unauthorized: no credential, or one that is unknown, revoked, expired, or an agent's
                whose inbox is in the trash.
        """
        key = credential(authorization, bare=bare)
        if not _KEY.match(key):
            raise Unauthorized
        digest = key_hash(key)
        entry = self._entries.get(digest)
        if entry is None or entry.until < trio.current_time():
            entry = await self._look_up(digest)
        if entry.principal is None:
            raise Unauthorized
        self._touch(entry.principal)
        return entry.principal

    def forget(self, account_id: str) -> None:
        """Drop what is known of one account (NOTIFY `e2ad_accounts`)."""
        self._generation += 1
        for digest, entry in list(self._entries.items()):
            if entry.principal is None or entry.principal.account_id == account_id:
                del self._entries[digest]

    def forget_agent(self, agent_email: str) -> None:
        """Drop the credentials of one agent (NOTIFY `e2ad_agents`); `*` drops all."""
        self._generation += 1
        for digest, entry in list(self._entries.items()):
            if entry.principal is None or agent_email in ("*", entry.principal.agent_email):
                del self._entries[digest]

    def clear(self) -> None:
        """Drop everything: notifications may have been missed."""
        self._generation += 1
        self._entries.clear()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write `last_used_at` of the keys that were used, once a minute, off the path of requests.

        Cancellation:
            What is still waiting to be written is lost; the column is a hint for people.
        """
        task_status.started()
        while True:
            await trio.sleep(TOUCH_SECONDS)
            await self.write_touches()

    async def write_touches(self) -> None:
        """Write the waiting `last_used_at` now. Trouble is logged and tried again with the next round."""
        waiting = list(self._waiting)[:TOUCH_BATCH]
        self._waiting.difference_update(waiting)
        oldest = trio.current_time() - TOUCH_SECONDS
        self._touched = {key: at for key, at in self._touched.items() if at > oldest}
        if not waiting:
            return
        try:
            with trio.fail_after(TOUCH_WRITE_SECONDS):
                await accounts.touch_keys(self.executor, waiting, now())
        except (Failure, trio.TooSlowError, OSError) as error:
            log.warning("last_used_at not written", keys=len(waiting), error=repr(error))

    async def _look_up(self, digest: bytes) -> _Entry:
        generation = self._generation
        key = await accounts.find_key(self.executor, digest, now())
        if key is None:
            return _Entry(None, 0.0)
        until = trio.current_time() + CACHE_SECONDS
        if key.expires_at is not None:
            until = min(until, trio.current_time() + (key.expires_at - now()).total_seconds())
        entry = _Entry(
            Principal(
                account_id=key.account_id,
                scope=key.scope,
                agent_email=key.agent_email,
                key_id=key.id,
                exempt=key.account_class in EXEMPT,
            ),
            until,
        )
        # A revocation that was announced while we read may be newer than what we read.
        if generation == self._generation:
            self._entries[digest] = entry
            self._entries.move_to_end(digest)
            while len(self._entries) > CACHE_ENTRIES:
                self._entries.popitem(last=False)
        return entry

    def _touch(self, principal: Principal) -> None:
        key = (principal.account_id, principal.key_id)
        if len(self._waiting) < TOUCH_BATCH and self._touched.get(key, -TOUCH_SECONDS) <= (
            trio.current_time() - TOUCH_SECONDS
        ):
            self._touched[key] = trio.current_time()
            self._waiting.add(key)


def credential(authorization: str | None, *, bare: bool) -> str:
    """The credential inside an `Authorization` header; the scheme's case does not matter.

    Raises:
        Unauthorized: there is none.
    """
    text = (authorization or "").strip()
    if not text or len(text) > MAX_KEY_CHARACTERS:
        raise Unauthorized
    scheme, space, rest = text.partition(" ")
    if space and scheme.lower() == "bearer":
        return rest.strip()
    if bare and not space:
        return text
    raise Unauthorized
