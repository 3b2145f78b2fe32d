"""`/mcp`: who may come to the tools, and how much he may bring. What happens behind the door is the `mcp` room's.

The protocol is Streamable HTTP without sessions: one POST, one answer. A request is judged here as one of the API is
(credential, size, deadline), and as the protocol asks: a page that a browser shows must not reach a server on the
same machine under a name of its own (DNS rebinding), and who has no credential is told where to get one (RFC 9728).
"""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec
import trio
from attrs import frozen

from e2ad.api.bodies import Lease
from e2ad.api.dispatch import not_json
from e2ad.api.errors import challenge, log_accident, retry_headers, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.operation import encode
from e2ad.api.services import Services
from e2ad.core.errors import (
    Failure,
    Forbidden,
    InvalidRequest,
    MethodNotAllowed,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    answer,
)

__all__ = ["LEASE", "PATH", "ToolAnswer", "Tools", "endpoints"]

PATH: Final = "/mcp"
LEASE: Final = "e2ad.lease"
"""Of an ASGI scope that was made inside this process: the memory of the request which it is a part of."""
MAX_BODY: Final = 41_943_040
MAX_MEMBERS: Final = 100_000
"""Of a body's JSON, together: more would be heavy rather than large, and keep the event loop."""

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
INVALID_REQUEST: Final = -32600
"""The code of JSON-RPC for what never came to be a request."""


class ToolAnswer(Protocol):
    """What the protocol says to a POST."""

    @property
    def status(self) -> int:
        """Of HTTP."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Lower-case names."""
        ...

    @property
    def body(self) -> bytes:
        """All of it."""
        ...


class Tools(Protocol):
    """Whoever speaks the protocol (the daemon hands it over: the two rooms do not know each other)."""

    async def answer(
        self, headers: Mapping[str, str], body: bytes, client_address: str, lease: Lease
    ) -> ToolAnswer | None:
        """Answer a POST; None where nobody can at the moment."""
        ...


@frozen
class Door:
    """The endpoint."""

    services: Services
    tools: Tools

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """Answer one request, whatever happens.

        Raises:
            ClientGone: nobody is left to be answered.
        """
        if not _is_ours(exchange.headers.get("host", ""), urlsplit(self.services.public_url).hostname):
            return _said(
                421,
                "misdirected_request",
                "this server is not known under that name: http.public_url says under which",
                exchange,
            )
        try:
            self._check_origin(exchange)
            if exchange.method != "POST":
                raise MethodNotAllowed
            await self.services.access.resolve(exchange.headers.get("authorization"), bare=False)
            return await self._watched(exchange, await self._body(exchange))
        except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes an answer
            error = root_failure(raised)
            if isinstance(error, ClientGone):
                raise ClientGone from None
            log_accident(error, exchange, "mcp")
            return self._refusal(error, exchange)

    def _check_origin(self, exchange: Exchange) -> None:
        """Does a page of a browser ask, and whose?

        Raises:
            Forbidden: one that is not ours.
        """
        origin = exchange.headers.get("origin")
        if origin is not None and not _is_near(origin, self.services.public_url):
            raise Forbidden("pages of this origin may not call the tools")

    async def _body(self, exchange: Exchange) -> bytes:
        """The body.

        Raises:
            UnsupportedMediaType, PayloadTooLarge, InvalidRequest, Unavailable: it is not, or not now, to be read.
        """
        content_type = exchange.headers.get("content-type", "")
        if not content_type or not_json(content_type):
            raise UnsupportedMediaType
        # What a tool makes of it stands in memory beside it.
        declared = exchange.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) <= MAX_BODY:
            await exchange.lease.take(2 * int(declared))
        body = await exchange.read_body(MAX_BODY)
        if _members(body) > MAX_MEMBERS and _members_but_texts(body) > MAX_MEMBERS:
            raise InvalidRequest(f"the body has more than {MAX_MEMBERS} members")
        return body

    async def _watched(self, exchange: Exchange, body: bytes) -> Response:
        """Have it answered as long as somebody waits for the answer.

        Raises:
            ClientGone, Unavailable: nobody does, or nobody can.
        """
        found: ToolAnswer | None = None
        gone = False
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                nonlocal gone
                while (await exchange.receive())["type"] != "http.disconnect":
                    pass
                gone = True
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            found = await self.tools.answer(exchange.headers, body, exchange.client_address, exchange.lease)
            nursery.cancel_scope.cancel()
        if gone:
            raise ClientGone
        if found is None:
            raise Unavailable
        headers = {name: found.headers[name] for name in ("allow", "cache-control") if name in found.headers}
        return Response(found.status, found.body, found.headers.get("content-type", "application/json"), headers)

    def _refusal(self, error: BaseException, exchange: Exchange) -> Response:
        row = answer(error)
        message = error.message if isinstance(error, Failure) else "internal error"
        headers = retry_headers(error) | challenge(error)
        if isinstance(error, Unauthorized):
            where = self.services.public_url.rstrip("/") + "/.well-known/oauth-protected-resource" + PATH
            headers["WWW-Authenticate"] += f', resource_metadata="{where}"'
        if isinstance(error, MethodNotAllowed):
            headers["Allow"] = "POST"
        return _said(row.status, row.code, message, exchange, headers)


def _said(
    status: int, code: str, message: str, exchange: Exchange, headers: Mapping[str, str] | None = None
) -> Response:
    """A refusal in the words of JSON-RPC, with our code beside it."""
    data: dict[str, Any] = {"code": code, "request_id": exchange.request_id}
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": INVALID_REQUEST, "message": message, "data": data}}
    return Response(status, encode(body), headers=headers or {})


class _Params(msgspec.Struct):
    arguments: dict[str, msgspec.Raw] = {}


class _Call(msgspec.Struct):
    params: _Params = msgspec.field(default_factory=_Params)


def _members(json: bytes) -> int:
    """At least as many as there are."""
    return json.count(b",") + json.count(b"[") + json.count(b"{")


def _members_but_texts(body: bytes) -> int:
    """The same for a call of a tool, without arguments that are texts: those may hold whatever they like."""
    try:
        arguments = msgspec.json.decode(body, type=_Call).params.arguments
    except (msgspec.DecodeError, RecursionError):
        return _members(body)
    texts = [raw for value in arguments.values() if (raw := bytes(value)).startswith(b'"')]
    return _members(body) - sum(map(_members, texts))


def _is_ours(host: str, public: str | None) -> bool:
    """Whether a Host names us: as the world does, as this machine does, or by address, which nobody can rebind."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name in (public, "localhost") or _is_address(name)


def _is_near(origin: str, public_url: str) -> bool:
    """Whether an Origin is our own, or a page of this very machine."""
    try:
        given, ours = urlsplit(origin), urlsplit(public_url)
        if (given.scheme, given.hostname, given.port) == (ours.scheme, ours.hostname, ours.port):
            return True
    except ValueError:
        return False
    return given.scheme in ("http", "https") and given.hostname in ("localhost", "127.0.0.1", "::1")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def endpoints(services: Services, tools: Tools) -> list[tuple[str, str, Door]]:
    """The path, for every method: what is not a POST is told so."""
    door = Door(services, tools)
    return [(method, PATH, door) for method in METHODS]
