"""The same request twice is one effect (contract: idempotency).

A key is claimed before the work and finished with the answer's bytes, in the transaction of the
effect where the caller has one. A failing call frees its key; a claim older than five minutes
belongs to a process that died and may be taken over.
"""

import hashlib
from datetime import timedelta
from typing import Final

from attrs import field, frozen

from e2ad.core.errors import IdempotencyInFlight, IdempotencyKeyReuse, InvalidRequest
from e2ad.core.sealing import KeyRing, SealBroken
from e2ad.gateway.mint import nonce, now
from e2ad.storage import idempotency as table
from e2ad.storage.pool import Executor

__all__ = ["Claim", "Idempotency", "Replay"]

MAX_KEY_CHARACTERS: Final = 255
TAKEOVER_SECONDS: Final = 300
KEPT_SECONDS: Final = 86_400


@frozen
class Replay:
    """The stored answer of the first request, byte for byte."""

    status: int
    content_type: str
    body: bytes


@frozen
class Claim:
    """The right to do the work of one key."""

    account_id: str
    key: str
    mark: table.Mark = field(repr=False)
    keys: KeyRing = field(repr=False)

    async def finish(self, executor: Executor, status: int, content_type: str, body: bytes) -> None:
        """Store the answer, sealed: it may hold a secret that is shown this once.

        In the transaction of the effect both become true together.

        Raises:
            IdempotencyInFlight: another process took the claim over; the transaction must roll back.
        """
        context = _context(self.account_id, self.key)
        sealed = self.keys.seal(body.decode(), context=context, nonce=nonce())
        if not await table.finish(executor, self.account_id, self.key, self.mark, status, content_type, sealed):
            raise IdempotencyInFlight

    async def amend(self, executor: Executor, status: int, content_type: str, body: bytes) -> None:
        """Put a later answer in the place of the stored one, where more is known by the time the caller is answered."""
        sealed = self.keys.seal(body.decode(), context=_context(self.account_id, self.key), nonce=nonce())
        await table.amend(executor, self.account_id, self.key, self.mark, status, content_type, sealed)

    async def forget(self, executor: Executor) -> None:
        """Free the key although its answer is stored: the effect failed after all, and may be tried again."""
        await table.forget(executor, self.account_id, self.key, self.mark)

    async def release(self, executor: Executor) -> None:
        """Free the key: the call failed and may be tried again. A finished key stays."""
        await table.release(executor, self.account_id, self.key, self.mark)


@frozen
class Idempotency:
    """Claims and replays; one a process."""

    executor: Executor
    keys: KeyRing

    async def claim(self, account_id: str, key: str, route: str, body: bytes) -> Claim | Replay:
        """Take the key for this request, or get the first request's answer.

        Args:
            route: the path with its parameters filled in; with `body` it is the fingerprint.

        Raises:
            InvalidRequest: the key is longer than 255 characters.
            IdempotencyInFlight: the first request is still running.
            IdempotencyKeyReuse: the key belongs to another request, or the answer under it can no longer be opened.
        """
        if len(key) > MAX_KEY_CHARACTERS or "\0" in key:
            raise InvalidRequest(f"Idempotency-Key must have at most {MAX_KEY_CHARACTERS} characters")
        fingerprint = hashlib.sha256(route.encode() + b"\n" + body).digest()
        at = now()
        taken = await table.claim(
            self.executor,
            account_id,
            key,
            fingerprint,
            at,
            abandoned_before=at - timedelta(seconds=TAKEOVER_SECONDS),
            expired_before=at - timedelta(seconds=KEPT_SECONDS),
        )
        match taken:
            case table.Mark():
                return Claim(account_id, key, taken, self.keys)
            case table.Stored(status=None):
                raise IdempotencyInFlight
            case table.Stored() if taken.fingerprint != fingerprint:
                raise IdempotencyKeyReuse
            case table.Stored():
                answer = self._opened(account_id, key, taken)
                return Replay(taken.status or 200, taken.content_type or "application/json", answer)

    def _opened(self, account_id: str, key: str, stored: table.Stored) -> bytes:
        try:
            return self.keys.unseal(stored.body or b"", context=_context(account_id, key)).encode()
        except SealBroken as error:
            # The effect has happened and its answer is lost: another try would find the same.
            message = "the answer of the first request cannot be told again: look for its effect, or use another key"
            raise IdempotencyKeyReuse(message) from error

    async def sweep(self) -> int:
        """Drop keys that are older than a day; returns how many."""
        return await table.sweep(self.executor, now() - timedelta(seconds=KEPT_SECONDS))


def _context(account_id: str, key: str) -> str:
    return f"idempotency:{account_id}:{key}"
