"""What a route of the classic API is: declaration, checks and answers in its own manner.

The classic surface has no envelope: errors are one line of plain text, bodies are read openly,
and nothing but the status says what kind of trouble it is (contract: classic conventions). It
shares services, principals, limits and failures with `/v1`; only the words on the wire differ.

A module writes::

    @classic("GET", "/api/v1/things/{id}")
    async def get_thing(call: ClassicCall[None]) -> ThingView: ...

    ROUTES = [get_thing]
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec
import trio
from attrs import evolve, frozen

from e2ad.api.credentials import authenticate
from e2ad.api.dispatch import (
    RELEASE_SECONDS,
    authorize,
    check_large,
    run_bounded,
    take_poll,
    take_registration,
    with_headers,
)
from e2ad.api.errors import challenge, log_accident, retry_headers, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.operation import Result, Scope
from e2ad.api.services import Services
from e2ad.api.shapes import BodyShape, Malformed
from e2ad.core.address import fold_address
from e2ad.core.audit import Actor
from e2ad.core.errors import Failure, Forbidden, InvalidRequest, LimitExceeded, NotFound, Unauthorized, answer
from e2ad.gateway.access import Principal
from e2ad.gateway.audit import actor_of
from e2ad.gateway.idempotency import Claim, Replay
from e2ad.gateway.limits import Allowance
from e2ad.storage.pool import Executor

__all__ = ["ClassicCall", "ClassicRoute", "classic", "encode_classic", "plain", "refusal"]

MAX_BODY: Final = 65_536
TEXT: Final = "text/plain; charset=utf-8"

B = TypeVar("B")

_encoder = msgspec.json.Encoder()


@frozen
class ClassicCall(Generic[B]):
    """One request, its caller known and its body read.

    Attributes:
        path: decoded parameters; `email` is lower-cased.
        query: all values of each parameter; `first` gives the usual one.
        body: of the route's class; None where an optional body is missing.
    """

    services: Services
    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: B
    raw_body: bytes
    headers: Mapping[str, str]
    client_address: str
    request_id: str
    _principal: Principal | None = None
    claim: Claim | None = None

    @property
    def principal(self) -> Principal:
        """The caller; only routes that are not public may ask."""
        if self._principal is None:
            raise RuntimeError("a public route has no principal")
        return self._principal

    @property
    def actor(self) -> Actor:
        """Who the caller is in the audit log."""
        return actor_of(self.principal, self.client_address)

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def header(self, name: str) -> str | None:
        """A request header by any spelling of its name."""
        return self.headers.get(name.lower())

    async def settle(self, executor: Executor, result: Result) -> Result:
        """Store the answer under the request's Idempotency-Key, inside the caller's transaction.

        Without a key this only encodes; see `api.operation.Call.settle`.
        """
        if result.encoded is None:
            result = evolve(result, encoded=encode_classic(result.view))
        if self.claim is not None:
            await self.claim.finish(executor, result.status, result.content_type, result.body())
        return result


Handler = Callable[[ClassicCall[Any]], Awaitable[Any]]


@frozen(eq=False)
class ClassicRoute:
    """One route of the classic API; made by `classic`."""

    method: str
    path: str
    handler: Handler
    body: BodyShape[Any] | None
    body_optional: bool
    scope: Scope
    status: int
    max_body: int
    poll: bool
    registration: bool
    idempotent: bool

    def bind(self, services: Services) -> "ClassicEndpoint":
        """The route over its services."""
        return ClassicEndpoint(self, services)

    async def __call__(self, call: ClassicCall[Any]) -> Any:
        """Run the handler itself."""
        return await self.handler(call)


def classic(
    method: str,
    path: str,
    *,
    body: type[Any] | None = None,
    body_optional: bool = False,
    scope: Scope = Scope.ACCOUNT,
    status: int = 200,
    max_body: int = MAX_BODY,
    poll: bool = False,
    registration: bool = False,
    idempotent: bool = False,
) -> Callable[[Handler], ClassicRoute]:
    """Declare a route.

    Args:
        body: attrs class that the JSON body is read into; unknown members are ignored, and what
            is required is a rule of the handler, so that each rule has its own sentence.
        status: of a plain view. A handler returns a `Result` for another one, or a `str` for text.
        poll, registration: the rate limits that count this route, as in `api.operation`.
        idempotent: honours `Idempotency-Key`; a repeat is answered with `Idempotent-Replayed: true`.
    """

    def declare(handler: Handler) -> ClassicRoute:
        return ClassicRoute(
            method=method,
            path=path,
            handler=handler,
            body=BodyShape(body, strict=False) if body else None,
            body_optional=body_optional,
            scope=scope,
            status=status,
            max_body=max_body,
            poll=poll,
            registration=registration,
            idempotent=idempotent,
        )

    return declare


@frozen
class ClassicEndpoint:
    """A route, ready to answer exchanges."""

    route: ClassicRoute
    services: Services

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """Answer one request, whatever happens.

        Raises:
            ClientGone: nobody is left to be answered.
        """
        allowance = Allowance()
        try:
            if self.route.registration:
                allowance = await take_registration(self.services, exchange.client_address)
                allowance.check()
            await check_large(self.services, exchange, self.route.scope, self.route.max_body)
            call = await self._read(exchange, path)
            if self.route.scope is not Scope.PUBLIC:
                principal = await self._principal(call)
                call = evolve(call, principal=principal)
                if self.route.poll:
                    allowance = await take_poll(self.services, principal)
                    allowance.check()
            response = await run_bounded(self._once(call, exchange.raw_path), self.services)
        except ClientGone:
            raise
        except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes an answer
            error = root_failure(raised)
            log_accident(error, exchange, f"{self.route.method} {self.route.path}")
            response = refusal(error, exchange)
        return with_headers(response, allowance.headers())

    async def _principal(self, call: ClassicCall[Any]) -> Principal:
        scope, method = self.route.scope, self.route.method
        principal = await authenticate(self.services, scope, method, call.headers)
        await authorize(self.services, scope, principal, call.path.get("email"))
        return principal

    async def _read(self, exchange: Exchange, path: Mapping[str, str]) -> ClassicCall[Any]:
        raw = b"" if exchange.method in ("GET", "HEAD") else await exchange.read_body(self.route.max_body)
        body = None
        if self.route.body is not None and not (self.route.body_optional and not raw.strip()):
            body = _shaped(self.route.body, raw)
        if "email" in path:
            path = {**path, "email": fold_address(path["email"])}
        return ClassicCall(
            services=self.services,
            path=path,
            query=exchange.query_lists(),
            body=body,
            raw_body=raw,
            headers=exchange.headers,
            client_address=exchange.client_address,
            request_id=exchange.request_id,
        )

    async def _once(self, call: ClassicCall[Any], route: str) -> Response:
        """Run the handler, under the claim on the request's key where it has one; whatever fails frees the key."""
        key = call.header("idempotency-key") if self.route.idempotent else None
        if not key:
            return await self._handle(call)
        claimed = await self.services.idempotency.claim(
            call.principal.account_id, key, f"{self.route.method} {route}", call.raw_body
        )
        if isinstance(claimed, Replay):
            return Response(claimed.status, claimed.body, claimed.content_type, {"Idempotent-Replayed": "true"})
        finished = False
        try:
            response = await self._handle(evolve(call, claim=claimed))
            finished = response.status < 400
            return response
        finally:
            if not finished:
                with trio.move_on_after(RELEASE_SECONDS, shield=True):
                    await claimed.release(self.services.db)

    async def _handle(self, call: ClassicCall[Any]) -> Response:
        match await self.route.handler(call):
            case Result(stream=stream) as result if stream is not None:
                return Response(result.status, b"", result.content_type, result.headers, stream)
            case Result() as result if result.encoded is None:
                result = await call.settle(self.services.db, result)
                return Response(result.status, result.body(), result.content_type, result.headers)
            case Result() as result:
                return Response(result.status, result.body(), result.content_type, result.headers)
            case str() as text:
                return plain(self.route.status, text)
            case view:
                result = await call.settle(self.services.db, Result(self.route.status, view))
                return Response(result.status, result.body())


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """One line of text with a newline."""
    return Response(status, text.encode() + b"\n", TEXT, headers or {})


def encode_classic(view: Any) -> bytes:
    """JSON as the classic API writes it: a newline at the end, angle brackets escaped.

    Angle brackets occur in JSON inside strings alone, so replacing them in the text is safe.
    """
    return _encoder.encode(view).replace(b"<", b"\\u003c").replace(b">", b"\\u003e") + b"\n"


def refusal(error: BaseException, exchange: Exchange) -> Response:
    """The answer that tells a classic client of `error`, in one line."""
    row = answer(error)
    headers = retry_headers(error) | challenge(error)
    match error:
        case LimitExceeded():
            body = {"error": error.message, **(error.details or {})}
            return Response(row.status, encode_classic(body), headers=headers)
        case Unauthorized():
            return plain(row.status, "unauthorized", headers)
        case Forbidden() if error.message == Forbidden.default:
            return plain(row.status, "forbidden", headers)
        case NotFound() if error.message == NotFound.default:
            return plain(row.status, "not found", headers)
        case Failure():
            return plain(row.status, " ".join(error.message.split()), headers)
        case _:
            return plain(row.status, "internal error", headers)


def _shaped(shape: BodyShape[Any], raw: bytes) -> Any:
    try:
        body = shape.read(raw)
    except Malformed as error:
        raise InvalidRequest("invalid request body") from error
    if isinstance(body, list):
        raise InvalidRequest(f"invalid request body: {body[0].location} {body[0].message}")
    return body
