"""What an operation of `/v1` is: one declaration from which dispatch, checks and OpenAPI are made.

A resource module writes::

    @operation("getThing", "GET", "/v1/things/{id}", tag="things", summary="Get one thing",
               success={200: ThingView}, scope=Scope.ACCOUNT)
    async def get_thing(call: Call[None, None]) -> ThingView: ...

    OPERATIONS = [get_thing]

A handler gets a `Call` whose query and body have passed their schema and whose caller may do
this (contract: order of checks). It returns the view of the first success status, or a `Result`
for another status or headers; it raises a `core.errors.Failure` for everything else.

Views are frozen attrs classes; absent members are `msgspec.UNSET`; times are `Instant` texts
made by `core.events.rfc3339`. A view with a member that Python cannot name may be a
`msgspec.Struct` with `rename`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec
from attrs import evolve, field, frozen

from e2ad.api.exchange import Stream
from e2ad.api.shapes import BodyShape, ParameterShape, QueryShape, datetime_members
from e2ad.core.audit import Actor
from e2ad.core.errors import Failure
from e2ad.gateway.access import Principal
from e2ad.gateway.audit import actor_of

if TYPE_CHECKING:
    from e2ad.api.classic.framework import ClassicCall
    from e2ad.api.services import Services
    from e2ad.gateway.idempotency import Claim
    from e2ad.storage.pool import Executor

__all__ = ["Call", "Operation", "Result", "Scope", "encode", "operation", "settling"]

DEFAULT_MAX_BODY: Final = 1_048_576

Q = TypeVar("Q")
B = TypeVar("B")
E = TypeVar("E")

_encoder = msgspec.json.Encoder()


class Scope(Enum):
    """Who may call (contract: scopes)."""

    PUBLIC = auto()
    """Nobody needs a credential."""
    ANY = auto()
    """Any credential, the agent's included."""
    ACCOUNT = auto()
    """Account credentials alone."""
    SESSION = auto()
    """People signed in with a browser alone; no other credential is looked at."""
    OWN = auto()
    """Account credentials, and an agent's on its own inbox: `{email}` of the path."""


@frozen
class Result:
    """An answer with another status than the first, or with headers of its own.

    `encoded` is set once the bytes exist, so that what was stored for a replay is what is sent.
    """

    status: int
    view: Any
    headers: Mapping[str, str] = field(factory=dict)
    encoded: bytes | None = None
    content_type: str = "application/json"
    stream: Stream | None = None

    def body(self) -> bytes:
        """The bytes of the answer; none where a `stream` makes them."""
        if self.stream is not None:
            return b""
        return self.encoded if self.encoded is not None else encode(self.view)


@frozen
class Call(Generic[Q, B]):
    """One request, checked, on its way into a handler.

    Attributes:
        principal: who calls; on public operations that came without a credential, nobody.
        path: parameters, decoded; `email` is lower-cased.
        raw_body: as it came, for fingerprints.
        client_address: of the client, not of a trusted proxy before it.
    """

    services: "Services"
    path: Mapping[str, str]
    query: Q
    body: B
    raw_body: bytes
    headers: Mapping[str, str]
    client_address: str
    request_id: str
    _principal: Principal | None = None
    claim: "Claim | None" = None

    @property
    def principal(self) -> Principal:
        """The caller; only operations that are not public may ask."""
        if self._principal is None:
            raise RuntimeError("a public operation has no principal")
        return self._principal

    @property
    def actor(self) -> Actor:
        """Who the caller is in the audit log."""
        return actor_of(self.principal, self.client_address)

    def header(self, name: str) -> str | None:
        """A request header by any spelling of its name."""
        return self.headers.get(name.lower())

    async def settle(self, executor: "Executor", result: Result) -> Result:
        """Store the answer under the request's Idempotency-Key, inside the caller's transaction.

        Without a key this only encodes. A handler that never calls it has its answer stored
        after its own commit: a crash in between then repeats the effect, so whoever has a
        transaction passes it (contract: idempotency).
        """
        result = evolve(result, encoded=result.body())
        if self.claim is not None:
            await self.claim.finish(executor, result.status, result.content_type, result.body())
        return result


def settling(
    call: "Call[Any, Any] | ClassicCall[Any]", answer: Callable[[E], Result]
) -> "Callable[[Executor, E], Awaitable[None]] | None":
    """What a verb calls in the transaction of its effect, to store the answer there; None without a key."""
    if call.claim is None:
        return None

    async def settle(executor: "Executor", effect: E) -> None:
        await call.settle(executor, answer(effect))

    return settle


Handler = Callable[[Call[Any, Any]], Awaitable[Any]]


@frozen(eq=False)
class Operation:
    """One operation of `/v1`; made by `operation`, listed by its module, called by `api.dispatch`."""

    id: str
    method: str
    path: str
    tag: str
    summary: str
    scope: Scope
    success: Mapping[int, Any]
    errors: Sequence[type[Failure]]
    query: QueryShape[Any] | None
    body: BodyShape[Any] | None
    path_types: Mapping[str, ParameterShape]
    handler: Handler
    beta: bool
    poll: bool
    registration: bool
    idempotent: bool
    max_body: int
    body_optional: bool
    location: str
    media_type: str
    tagged: bool
    conditional: bool
    views: Mapping[str, type[Any]]
    description: str

    @property
    def status(self) -> int:
        """The status of a plain view."""
        first: int = next(iter(self.success))
        return first

    async def __call__(self, call: Call[Any, Any]) -> Any:
        """Run the handler itself."""
        return await self.handler(call)


def operation(
    operation_id: str,
    method: str,
    path: str,
    *,
    tag: str,
    summary: str,
    success: Mapping[int, Any],
    scope: Scope = Scope.ACCOUNT,
    query: type[Any] | None = None,
    body: type[Any] | None = None,
    errors: Sequence[type[Failure]] = (),
    path_types: Mapping[str, Any] | None = None,
    beta: bool = False,
    poll: bool = False,
    registration: bool = False,
    idempotent: bool = False,
    max_body: int = DEFAULT_MAX_BODY,
    body_optional: bool = False,
    location: str = "",
    media_type: str = "application/json",
    tagged: bool = False,
    conditional: bool = False,
    views: Mapping[str, type[Any]] | None = None,
) -> Callable[[Handler], Operation]:
    """Declare an operation.

    Args:
        success: status to view class; the first is that of a plain view.
        query, body: attrs classes. A field without a default is required. Bodies are strict
            unless marked with `shapes.open_body`.
        errors: the failures beyond those every operation can raise, for the document.
        path_types: parameters that are not plain text, such as `{"index": Annotated[int, Meta(ge=0)]}`;
            they are checked (422) and handed on as text.
        poll: counts against `rate_limits.poll_per_minute` of the account and answers RateLimit headers.
        registration: counts against `rate_limits.create_agent_per_hour` of the client's address, before
            anything else is looked at.
        idempotent: honours `Idempotency-Key`.
        max_body: bytes, read as a stream: never more is kept.
        body_optional: an empty body means `{}`.
        location: the path of what a 201 made, its parameters named after members of the view.
        media_type: of a successful answer, for the document.
        tagged: answers with an ETag, for the document.
        conditional: honours `If-Match`, for the document.
        views: what is answered instead, by the value of the query's `view`, for the document.
    """
    _refuse_datetimes(operation_id, [*success.values(), *(views or {}).values()])

    def declare(handler: Handler) -> Operation:
        return Operation(
            id=operation_id,
            method=method,
            path=path,
            tag=tag,
            summary=summary,
            scope=scope,
            success=success,
            errors=tuple(errors),
            query=QueryShape(query) if query else None,
            body=BodyShape(body) if body else None,
            path_types={
                name: ParameterShape(name, hint, "path", required=True) for name, hint in (path_types or {}).items()
            },
            handler=handler,
            beta=beta,
            poll=poll,
            registration=registration,
            idempotent=idempotent,
            max_body=max_body,
            body_optional=body_optional,
            location=location,
            media_type=media_type,
            tagged=tagged,
            conditional=conditional,
            views=views or {},
            description=" ".join((handler.__doc__ or "").split("\n\n")[0].split()),
        )

    return declare


def encode(view: Any) -> bytes:
    """An answer as JSON bytes; members that are UNSET are left out."""
    return _encoder.encode(view)


def _refuse_datetimes(operation_id: str, views: Iterable[Any]) -> None:
    """msgspec writes a datetime with trailing zeros; the contract trims them. Fail at import, not on the wire."""
    for name in datetime_members(views):
        raise TypeError(f"{operation_id}: {name} is a datetime; use shapes.Instant and core.events.rfc3339")
