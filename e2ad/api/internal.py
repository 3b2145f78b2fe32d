"""What the operator's own programs call: is everything well, and forget what you know of an account's limits.

They prove themselves with `internal.secret`: by a signature over the body, or for the self test by the secret itself
(contract: internal calls).
"""

import hmac
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
import trio
from attrs import frozen

from e2ad.api.classic.framework import plain, refusal
from e2ad.api.dispatch import run_bounded
from e2ad.api.errors import log_accident, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.health import NO_STORE, database_trouble
from e2ad.api.operation import encode
from e2ad.api.services import Services
from e2ad.core.errors import InvalidRequest, Unauthorized
from e2ad.core.signing import internal_signature
from e2ad.gateway.limits import address_subject
from e2ad.gateway.selftest import smtp_trouble
from e2ad.storage import accounts

__all__ = ["INVALIDATE", "SELFTEST", "endpoints"]

SELFTEST: Final = "/selftest"
INVALIDATE: Final = "/api/internal/limits/invalidate"
SIGNATURE: Final = "x-e2a-internal-signature"
HEALTH: Final = "application/health+json"
MAX_BODY: Final = 4096
TESTS_PER_MINUTE: Final = 60
"""Of one client address: each asks the database and opens a connection."""


@frozen
class _Named:
    user_id: Annotated[str, msgspec.Meta(pattern=r"^[^\x00]+$")]


_named: Final = msgspec.json.Decoder(_Named)


@frozen
class _Internal:
    """What both do alike."""

    services: Services

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """Answer one request, whatever happens.

        Raises:
            ClientGone: nobody is left to be answered.
        """
        try:
            return await run_bounded(self._answer(exchange), self.services)
        except ClientGone:
            raise
        except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes an answer
            error = root_failure(raised)
            log_accident(error, exchange, exchange.raw_path)
            return refusal(error, exchange)

    async def _answer(self, exchange: Exchange) -> Response:
        raise RuntimeError("an internal call has an answer")

    def _signed(self, exchange: Exchange, body: bytes) -> bool:
        """Whether somebody who knows the secret sent this body."""
        offered = exchange.headers.get(SIGNATURE, "").encode("latin-1")
        return hmac.compare_digest(internal_signature(self.services.config.internal.secret, body).encode(), offered)


@frozen
class SelfTest(_Internal):
    """`GET /selftest`: database, schema and the door for mail, in the form of the health+json draft."""

    async def _answer(self, exchange: Exchange) -> Response:
        services = self.services
        subject = address_subject("selftest", exchange.client_address)
        (await services.limits.take(subject, TESTS_PER_MINUTE, 60)).check()
        if services.config.internal.secret and not (self._signed(exchange, b"") or self._told(exchange)):
            raise Unauthorized
        began = trio.current_time()
        trouble = await database_trouble(services)
        database = _check(trouble if trouble == "database_unreachable" else None)
        database |= {"observedValue": round((trio.current_time() - began) * 1000, 1), "observedUnit": "ms"}
        checks = {"database": [database], "migrations": [_check(trouble)]}
        if services.smtp_address is not None:
            checks["smtp"] = [_check(await smtp_trouble(services.config, services.smtp_address))]
        well = all(one["status"] == "pass" for found in checks.values() for one in found)
        document = {"status": "pass" if well else "fail", "checks": checks}
        return Response(200 if well else 503, encode(document), HEALTH, NO_STORE)

    def _told(self, exchange: Exchange) -> bool:
        scheme, _, offered = exchange.headers.get("authorization", "").partition(" ")
        secret = self.services.config.internal.secret
        return scheme.lower() == "bearer" and hmac.compare_digest(secret.encode(), offered.strip().encode("latin-1"))


@frozen
class Invalidate(_Internal):
    """`POST /api/internal/limits/invalidate`: `{"user_id": "…"}`, signed; every process asks anew for what it may."""

    async def _answer(self, exchange: Exchange) -> Response:
        body = await exchange.read_body(MAX_BODY)
        if not self.services.config.internal.secret:
            return plain(503, "internal.secret is not set")
        if not self._signed(exchange, body):
            return plain(401, "the signature is not right")
        try:
            named = _named.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest('the body must be {"user_id": "…"}') from error
        await accounts.announce(self.services.db, named.user_id)
        return Response(204)


def _check(trouble: str | None) -> dict[str, Any]:
    return {"status": "pass"} if trouble is None else {"status": "fail", "output": trouble}


def endpoints(services: Services) -> list[tuple[str, str, SelfTest | Invalidate]]:
    """The paths."""
    return [("GET", SELFTEST, SelfTest(services)), ("POST", INVALIDATE, Invalidate(services))]
