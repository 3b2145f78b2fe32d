"""What all of OAuth's endpoints for programs have in common: forms in, JSON out, errors in the words of RFC 6749."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from attrs import frozen

from e2ad.api.dispatch import run_bounded
from e2ad.api.errors import log_accident, retry_headers, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.operation import encode
from e2ad.api.services import Services
from e2ad.core.errors import (
    Failure,
    NotImplementedHere,
    OAuthRefused,
    PayloadTooLarge,
    RateLimited,
    Unavailable,
    answer,
)
from e2ad.gateway.oauth import OAuth

__all__ = ["NO_STORE", "Programs", "issuer_of", "json_answer", "read_form", "verbs"]

MAX_FORM: Final = 65_536
MAX_FIELDS: Final = 50
FORM: Final = "application/x-www-form-urlencoded"

NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@frozen
class Programs:
    """An endpoint that programs call: `handle` answers, and what it raises is told in JSON."""

    services: Services
    handle: Callable[[Services, Exchange, Mapping[str, str]], Awaitable[Response]]

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """Answer one request, whatever happens.

        Raises:
            ClientGone: nobody is left to be answered.
        """
        try:
            return await run_bounded(self.handle(self.services, exchange, path), self.services)
        except ClientGone:
            raise
        except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes an answer
            error = root_failure(raised)
            log_accident(error, exchange, "oauth")
            return _refusal(error, exchange)


def verbs(services: Services) -> OAuth:
    """The verbs of OAuth over this process's collaborators.

    Raises:
        NotImplementedHere: the deployment does not know how the world calls it.
    """
    return OAuth(services.db, services.oauth_clients, issuer_of(services))


def issuer_of(services: Services) -> str:
    """The deployment's name among authorization servers.

    Raises:
        NotImplementedHere: it has none.
    """
    issuer = services.public_url.rstrip("/")
    if not issuer:
        raise NotImplementedHere("OAuth needs http.public_url, which this deployment has not set")
    return issuer


def json_answer(view: Any, status: int = 200) -> Response:
    """A document that nobody keeps."""
    return Response(status, encode(view), headers=NO_STORE)


async def read_form(exchange: Exchange) -> dict[str, str]:
    """The fields of a form, each there once (RFC 6749 section 3.2); one without a value counts as left out.

    Raises:
        OAuthRefused: it is no form, or a field comes twice.
        PayloadTooLarge, ClientGone: as `Exchange.read_body`.
    """
    raw = await exchange.read_body(MAX_FORM)
    if exchange.headers.get("content-type", "").partition(";")[0].strip().lower() not in ("", FORM):
        raise OAuthRefused("invalid_request", f"the body must be {FORM}")
    try:
        pairs = parse_qsl(raw.decode("ascii"), errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise OAuthRefused("invalid_request", "the form cannot be read") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise OAuthRefused("invalid_request", "each parameter must be given once")
    if any("\0" in name + value for name, value in pairs):
        raise OAuthRefused("invalid_request", "NUL characters are not allowed in a request")
    return fields


def _refusal(error: BaseException, exchange: Exchange) -> Response:
    row = answer(error)
    status, word = row.status, row.code
    match error:
        case OAuthRefused():
            word = error.error
            status = 401 if word == "invalid_client" else status
        case RateLimited() | NotImplementedHere():
            pass
        case Unavailable():
            word = "temporarily_unavailable"
        case PayloadTooLarge():
            word = "invalid_request"
        case Failure() if status < 500:
            word = "invalid_request" if status == 400 else word
        case _:
            word = "server_error"
    text = error.message if isinstance(error, Failure) else "internal error: the request id names it in the log"
    body = {"error": word, "error_description": text, "request_id": exchange.request_id}
    return Response(status, encode(body), headers=NO_STORE | retry_headers(error))
