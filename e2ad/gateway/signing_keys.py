"""DKIM keys of domains: made, sealed, and opened again for whoever signs.

A domain has a key of each algorithm. Private keys leave this module only as objects that sign; their
text is sealed for the domain and selector they are for, so that a row that was moved does not open.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog
import trio
from attrs import define, field, frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from e2ad import maillog
from e2ad.core.domain_life import selectors
from e2ad.core.errors import Conflict
from e2ad.core.sealing import KeyRing, SealBroken
from e2ad.gateway.mint import nonce, now
from e2ad.mailauth.signer import PrivateKey, SigningError, key_record, load_private_key
from e2ad.storage import domains as storage
from e2ad.storage.pool import Database, Executor

__all__ = ["ALGORITHMS", "FreshKey", "SigningKey", "SigningKeys", "add_keys", "context", "keep_keys", "make_keys"]

log = structlog.get_logger("e2ad.gateway")

ALGORITHMS: Final = ("rsa-2048", "ed25519")
RSA_BITS: Final = 2048
RSA_EXPONENT: Final = 65537
MAX_ENTRIES: Final = 1000
LIFETIME_SECONDS: Final = 60.0
"""A lost notification costs so much and no more."""
CONCURRENCY: Final = 2
"""Keys that are made or parsed at once: an RSA key takes a processor for a tenth of a second and more."""


@frozen
class SigningKey:
    """A key that signs: `selector` is s=, `algorithm` is `rsa-2048` or `ed25519`."""

    selector: str
    algorithm: str
    private_key: PrivateKey = field(repr=False)


@frozen
class FreshKey:
    """A new key, not yet stored. `record` is the TXT record to publish."""

    algorithm: str
    pem: str = field(repr=False)
    record: str


@define(eq=False)
class SigningKeys:
    """Look-up of a domain's signing keys: a bounded cache that every change of keys invalidates.

    Args:
        executor: asked when the cache does not know.
        keys: opens what is sealed.
        clock: of the cache, in seconds.
    """

    _executor: Executor
    _keys: KeyRing
    _clock: Callable[[], float] = trio.current_time
    _cache: OrderedDict[str, tuple[float, tuple[SigningKey, ...]]] = field(factory=OrderedDict, init=False)
    _generation: int = field(default=0, init=False)

    async def of(self, domain: str) -> tuple[SigningKey, ...]:
        """The active keys of a domain, rsa first; empty when it has none.

        A key that does not open is left out, and the log says so: mail goes out with the signatures that
        can be made.

        Raises:
            Unavailable: the database does not answer.
        """
        until, found = self._cache.get(domain, (-math.inf, ()))
        if until > self._clock():
            self._cache.move_to_end(domain)
            return found
        generation = self._generation
        rows = await storage.signing_keys(self._executor, domain)
        found = await trio.to_thread.run_sync(self._open, domain, rows, limiter=_limiter()) if rows else ()
        if generation == self._generation:
            # A change that was announced while we read may be newer than what we read: used, not kept.
            self._cache[domain] = (self._clock() + LIFETIME_SECONDS, found)
            self._cache.move_to_end(domain)
            if len(self._cache) > MAX_ENTRIES:
                self._cache.popitem(last=False)
        return found

    def forget(self, domain: str) -> None:
        """The keys of a domain changed (payload of `e2ad_domains`)."""
        self._generation += 1
        self._cache.pop(domain, None)

    def clear(self) -> None:
        """Notifications may have been lost: forget everything."""
        self._generation += 1
        self._cache.clear()

    def _open(self, domain: str, rows: Sequence[storage.SealedKey]) -> tuple[SigningKey, ...]:
        opened = []
        for row in rows:
            try:
                pem = self._keys.unseal(row.sealed_private_key, context=context(domain, row.selector))
                opened.append(SigningKey(row.selector, row.algorithm, load_private_key(pem.encode())))
            except (SealBroken, SigningError) as error:
                reason = maillog.reason_of(error)
                log.error("a signing key does not open", domain=domain, selector=row.selector, error=reason)
        return tuple(opened)


async def keep_keys(database: Database, keys: KeyRing, domain: str) -> None:
    """See to it that a domain has keys: the deployment's own, at every start. Two processes at once make one set.

    Cancellation: before COMMIT nothing is kept.
    """
    if await storage.signing_keys(database, domain):
        return
    fresh = await make_keys()
    async with database.transaction() as transaction:
        await storage.lock_names(transaction, domain, (domain,))
        if await storage.signing_keys(transaction, domain):
            return
        for key in await add_keys(transaction, keys, domain, fresh, "active"):
            maillog.signing_key_made(domain, key.selector, key.record)


async def add_keys(
    transaction: Executor,
    keys: KeyRing,
    domain: str,
    fresh: Sequence[FreshKey],
    state: str,
    taken: frozenset[str] = frozenset(),
) -> list[storage.NewKey]:
    """Store new keys, sealed, under selectors of this month that are not `taken`.

    Raises:
        Conflict: no selector is left.
    """
    at = now()
    added = []
    for key in fresh:
        try:
            selector = selectors(at, key.algorithm, taken)
        except ValueError as error:
            raise Conflict(f"{domain}: {error}: rotate again next month") from error
        sealed = keys.seal(key.pem, context=context(domain, selector), nonce=nonce())
        new = storage.NewKey(selector, key.algorithm, sealed, key.record, state)
        await storage.add_key(transaction, domain, new, at)
        added.append(new)
    return added


def context(domain: str, selector: str) -> str:
    """What a private key is sealed for."""
    return f"dkim:{domain}:{selector}"


async def make_keys() -> tuple[FreshKey, ...]:
    """A new key of each algorithm, in a thread of its own: the search for primes is long.

    Cancellation: the thread ends by itself; what it made is thrown away.
    """
    return await trio.to_thread.run_sync(
        partial(tuple, map(_make, ALGORITHMS)), abandon_on_cancel=True, limiter=_limiter()
    )


_limiters: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("key_makers")


def _limiter() -> trio.CapacityLimiter:
    try:
        return _limiters.get()
    except LookupError:
        limiter = trio.CapacityLimiter(CONCURRENCY)
        _limiters.set(limiter)
        return limiter


def _make(algorithm: str) -> FreshKey:
    ed25519 = algorithm == "ed25519"
    key: PrivateKey = Ed25519PrivateKey.generate() if ed25519 else generate_private_key(RSA_EXPONENT, RSA_BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return FreshKey(algorithm, pem, key_record(key))
