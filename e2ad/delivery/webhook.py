"""One attempt at one delivery: compose, sign, post, and say as a value how it went.

Nothing here writes a row or decides when to come again; nothing here raises for what an endpoint
does. The caller puts the deadline around it.
"""

import base64
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

import h11
import trio

from e2ad.core.delivery import (
    Attempt,
    Deferred,
    Delivered,
    DeliveryKind,
    Gone,
    Outcome,
    PutOff,
    Refused,
)
from e2ad.core.errors import InvalidWebhookUrl
from e2ad.core.sealing import KeyRing, SealBroken, signing_secret_context, webhook_secret_context
from e2ad.delivery import payloads
from e2ad.delivery.egress import Blocked, Target, Unreachable, parse_url
from e2ad.delivery.poster import Poster, Response

__all__ = ["Contents", "Webhooks", "open_signing_secret", "precondition"]

_EXCERPT_CHARACTERS: Final = 1000
LARGE_BYTES: Final = 256 * 1024
"""Mail beyond this is encoded and signed off the event loop: 25 MiB take a fifth of a second."""
THREADS: Final = 2


class Contents(Protocol):
    """Reads raw mail that was too large to travel with the claim."""

    def borrow(self, account_id: str, sha256: bytes, size: int) -> AbstractAsyncContextManager[bytes | None]:
        """The mail for the time of the block, under a budget of bytes; None when it is gone."""


class Webhooks:
    """Makes attempts.

    Args:
        poster: the way out.
        keys: opens the secrets at rest; its current secret signs for an account that has none.
        contents: for large mails.
        now: the wall clock; receivers compare it with theirs.
    """

    def __init__(
        self, poster: Poster, keys: KeyRing, contents: Contents, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._poster = poster
        self._keys = keys
        self._contents = contents
        self._now = now
        self._limiter = trio.CapacityLimiter(THREADS)

    async def attempt(self, attempt: Attempt) -> Outcome:
        """Try once.

        Cancellation:
            The connection is closed. Whether the endpoint has acted is unknown, so the delivery
            comes again: at least once, with the same id.
        """
        if (verdict := precondition(attempt)) is not None:
            return verdict
        try:
            target = parse_url(attempt.endpoint.url)
            secrets = self._secrets(attempt)
        except InvalidWebhookUrl as error:
            return Refused(error.message)
        except SealBroken:
            return Deferred("a secret of this deployment is missing: the delivery cannot be signed")
        if not payloads.carries_raw(attempt):
            return await self._post(attempt, target, secrets, b"")
        message = attempt.message
        assert message is not None
        if message.raw is not None:
            return await self._post(attempt, target, secrets, message.raw)
        assert message.content_sha256 is not None
        async with self._contents.borrow(attempt.account_id, message.content_sha256, message.size_bytes) as raw:
            if raw is None:
                return Refused("the message was deleted")
            return await self._post(attempt, target, secrets, raw)

    async def _post(self, attempt: Attempt, target: Target, secrets: tuple[str, ...], raw: bytes) -> Outcome:
        at = self._now()
        try:
            if len(raw) <= LARGE_BYTES:
                headers, body = self._write(attempt, secrets, raw, at)
            else:
                headers, body = await trio.to_thread.run_sync(
                    self._write, attempt, secrets, raw, at, limiter=self._limiter
                )
            if target.userinfo is not None:
                credential = base64.b64encode(":".join(target.userinfo).encode()).decode()
                headers.append(("Authorization", f"Basic {credential}"))
            return judge(await self._poster.post(target, headers, body), at)
        except SealBroken:
            return Deferred("a secret of this deployment is missing: the delivery cannot be signed")
        except Blocked as error:
            return Deferred(str(error))
        except Unreachable as error:
            return Deferred(str(error), unreachable=True)
        except h11.LocalProtocolError:
            return Refused("a header of this delivery cannot be written in HTTP")

    def _write(
        self, attempt: Attempt, secrets: tuple[str, ...], raw: bytes, at: datetime
    ) -> tuple[list[tuple[str, str]], bytes]:
        auth = None
        if attempt.message is not None:
            signing = open_signing_secret(self._keys, attempt.signing_secret_id, attempt.sealed_signing_secret)
            auth = payloads.message_auth_headers(attempt.message, at=at, secret=signing)
            if attempt.kind is DeliveryKind.AGENT:
                secrets = (signing,)
        body = payloads.compose(attempt, auth, raw)
        return payloads.request_headers(attempt, auth, body=body, secrets=secrets, at=at), body

    def _secrets(self, attempt: Attempt) -> tuple[str, ...]:
        if attempt.kind is DeliveryKind.AGENT:
            return ()
        context = webhook_secret_context(attempt.endpoint_key)
        return tuple(self._keys.unseal(sealed, context=context) for sealed in attempt.endpoint.sealed_secrets)


def precondition(attempt: Attempt) -> Outcome | None:
    """What is known without asking the endpoint; None when it has to be asked.

    A webhook that is switched off waits: it may be switched on again. An agent in local mode has
    said that its URL is not wanted, and its mail is on the socket and in the list.
    """
    endpoint = attempt.endpoint
    if attempt.is_cancelled:
        return Refused("the replay was cancelled")
    if attempt.kind is not DeliveryKind.AGENT:
        if not endpoint.exists:
            return Refused("webhook deleted" if attempt.kind is DeliveryKind.WEBHOOK else "the replay is gone")
        if not endpoint.enabled:
            return PutOff("webhook disabled")
        if attempt.body is None:
            return Refused("the event is past its retention")
        return None
    if not endpoint.exists:
        return Refused("agent deleted")
    if not endpoint.enabled:
        return Refused("agent is in local mode")
    if not endpoint.url:
        return Refused("agent has no webhook URL")
    if attempt.message is None:
        return Refused("the message was deleted")
    return None


def judge(response: Response, at: datetime) -> Outcome:
    """What an answer means (contract: success is any 2xx; redirects are failures; 410 is for ever)."""
    status = response.status_code
    excerpt = clean(response.excerpt)
    if 200 <= status < 300:
        return Delivered(status, excerpt)
    if status == 410:
        return Gone(excerpt)
    reason = f"HTTP {status}"
    if 300 <= status < 400:
        reason += ": redirects are not followed"
    return Deferred(
        reason,
        status_code=status,
        retry_after_seconds=retry_after_seconds(response.headers.get("retry-after"), at),
        excerpt=excerpt,
    )


def retry_after_seconds(text: str | None, at: datetime) -> float | None:
    """RFC 9110 section 10.2.3: seconds, or a date. What cannot be read asks for nothing."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        wanted = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for numbers no date can hold
        return None
    if wanted.tzinfo is None:
        wanted = wanted.replace(tzinfo=UTC)
    return max(0.0, (wanted - at).total_seconds())


def clean(excerpt: bytes) -> str:
    """An excerpt as text that can be stored and shown: no control characters, no broken sequences."""
    text = excerpt.decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)[:_EXCERPT_CHARACTERS]


def open_signing_secret(keys: KeyRing, secret_id: str | None, sealed: bytes | None) -> str:
    """The account's newest signing secret, or the deployment's own where it has none (contract: signatures).

    Raises:
        SealBroken: it does not open.
    """
    if secret_id is None or sealed is None:
        return keys.current
    return keys.unseal(sealed, context=signing_secret_context(secret_id))
