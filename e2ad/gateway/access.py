"""From a credential to who is calling.

What kind of credential it is says its prefix (contract: credentials): an API key, an access token of OAuth
(`oauth_access`), or an agent's own token (`identity`). All are known by the SHA-256 of their whole text. Answers are
`remembered` for a few seconds, and forgotten when NOTIFY on `e2ad_accounts` or `e2ad_agents` says so: a revoked key
stops at once in every process that hears the notification, and a few seconds later in one that does not.
"""

import re
from datetime import datetime
from typing import Final

import structlog
import trio
from attrs import define, field

from e2ad.core.errors import Failure, Unauthorized
from e2ad.core.signing import key_hash
from e2ad.gateway import oauth_access
from e2ad.gateway.identity import Identities, is_token
from e2ad.gateway.mint import now
from e2ad.gateway.principals import EXEMPT, Known, Principal
from e2ad.gateway.remembered import Remembered
from e2ad.storage import accounts
from e2ad.storage.pool import Executor

__all__ = ["ACCOUNT_KEY", "AGENT_KEY", "EXEMPT", "Access", "Principal"]

log = structlog.get_logger("e2ad.gateway")

ACCOUNT_KEY: Final = "e2a_acct_"
AGENT_KEY: Final = "e2a_agt_"
KEY_PREFIX_CHARACTERS: Final = 16

MAX_KEY_CHARACTERS: Final = 4096
TOUCH_SECONDS: Final = 60.0
"""`last_used_at` is this coarse; a write for each request would cost more than the request."""
TOUCH_BATCH: Final = 1000
TOUCH_WRITE_SECONDS: Final = 10.0

_KEY = re.compile(r"e2a_(?:acct_|agt_)?[0-9a-f]{64}\Z")


@define
class Access:
    """Resolves credentials; one a process, shared by the API, the stream and the dashboard."""

    executor: Executor
    identities: Identities | None = None
    _remembered: Remembered = field(factory=Remembered, init=False)
    _touched: dict[tuple[str, str], float] = field(factory=dict, init=False)
    _waiting: set[tuple[str, str]] = field(factory=set, init=False)

    async def resolve(self, authorization: str | None, *, bare: bool = True) -> Principal:
        """The caller behind an `Authorization` header.

        Args:
            authorization: the header's value.
            bare: accept the key alone as the whole value; the WebSocket does not.

        Raises:
            Unauthorized: no credential, or one that is unknown, revoked, expired, or an agent's
                whose inbox is in the trash; its subclasses where a token of OAuth is.
        """
        return (await self.admit(authorization, bare=bare)).principal

    async def admit(self, authorization: str | None, *, bare: bool = True) -> Known:
        """As `resolve`, with the time at which the credential ends, for whoever stays longer than one answer."""
        key = credential(authorization, bare=bare)
        digest = key_hash(key)
        known = await self._remembered.ask(digest, lambda: self._look_up(key, digest))
        self._touch(known.principal)
        return known

    def forget(self, account_id: str) -> None:
        """Drop what is known of one account (NOTIFY `e2ad_accounts`)."""
        self._remembered.forget_account(account_id)

    def forget_agent(self, agent_email: str) -> None:
        """Drop the credentials of one agent (NOTIFY `e2ad_agents`); `*` drops all."""
        self._remembered.forget_agent(agent_email)

    def clear(self) -> None:
        """Drop everything: notifications may have been missed."""
        self._remembered.clear()

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

    async def _look_up(self, key: str, digest: bytes) -> Known:
        at = now()
        if key.startswith(oauth_access.PREFIX):
            return await oauth_access.find(self.executor, key, digest, at)
        if self.identities is not None and is_token(key):
            return await self.identities.find(key, at)
        return await self._api_key(key, digest, at)

    async def _api_key(self, key: str, digest: bytes, at: datetime) -> Known:
        found = await accounts.find_key(self.executor, digest, at) if _KEY.match(key) else None
        if found is None:
            raise Unauthorized
        principal = Principal(
            account_id=found.account_id,
            scope=found.scope,
            agent_email=found.agent_email,
            key_id=found.id,
            exempt=found.account_class in EXEMPT,
        )
        return Known(principal, found.expires_at)

    def _touch(self, principal: Principal) -> None:
        if not principal.key_id:
            return
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
