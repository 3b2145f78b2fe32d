"""The order of checks for an operation of `/v1` (contract: order of checks).

Limiter in front, body and schema, authentication, scope, the account's rate, then the handler
with its own look-ups and rules. Nothing leaves here but a `Response` (or `Cancelled`).
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
import trio
from attrs import evolve, frozen

from e2ad.api.credentials import authenticate
from e2ad.api.errors import envelope, log_accident, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.operation import Call, Operation, Result, Scope
from e2ad.api.services import Services
from e2ad.api.shapes import Malformed, Problem
from e2ad.core.address import fold_address
from e2ad.core.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from e2ad.gateway.access import Principal
from e2ad.gateway.idempotency import Claim, Replay
from e2ad.gateway.limits import Allowance, address_subject
from e2ad.storage import accounts

__all__ = ["RELEASE_SECONDS", "OperationEndpoint", "authorize", "check_large", "not_json", "run_bounded"]

RELEASE_SECONDS: Final = 5.0
POLL_WINDOW_SECONDS: Final = 60
REGISTRATION_WINDOW_SECONDS: Final = 3600


@frozen
class OperationEndpoint:
    """An operation, ready to answer exchanges."""

    operation: Operation
    services: Services

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """Answer one request, whatever happens.

        Raises:
            ClientGone: nobody is left to be answered.
        """
        allowance = Allowance()
        try:
            allowance = await self._registration(exchange)
            allowance.check()
            await check_large(self.services, exchange, self.operation.scope, self.operation.max_body)
            call = await self._read(exchange, path)
            principal = await self._principal(call)
            poll = await take_poll(self.services, principal) if self.operation.poll and principal else None
            allowance = poll or allowance
            allowance.check()
            response = await run_bounded(self.carry_out(call, principal), self.services)
            if response.status == 201 and self.operation.location:
                response = with_headers(response, {"Location": filled(self.operation.location, response.body)})
        except ClientGone:
            raise
        except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes an answer
            error = root_failure(raised)
            log_accident(error, exchange, self.operation.id)
            response = envelope(error, exchange)
        headers = allowance.headers()
        return response if not headers else with_headers(response, headers)

    async def _registration(self, exchange: Exchange) -> Allowance:
        if not self.operation.registration:
            return Allowance()
        return await take_registration(self.services, exchange.client_address)

    async def _read(self, exchange: Exchange, path: Mapping[str, str]) -> Call[Any, Any]:
        operation = self.operation
        raw = b""
        if operation.body is not None:
            raw = await _json_body(exchange, operation.max_body, optional=operation.body_optional)
        elif exchange.method not in ("GET", "HEAD"):
            # A body that the operation does not want is read and dropped, so that the connection can go on.
            await exchange.read_body(operation.max_body)
        query, body, problems = None, None, list[Problem]()
        for name, parameter in operation.path_types.items():
            try:
                parameter.read(path[name])
            except msgspec.ValidationError as error:
                problems.append(Problem(parameter.location, str(error)))
        if operation.query is not None:
            query = operation.query.read(exchange.query())
            if isinstance(query, list):
                problems.extend(query)
        else:
            exchange.query()
        if operation.body is not None:
            body = _shaped(operation.body.read, raw)
            if isinstance(body, list):
                problems.extend(body)
        if problems:
            raise ValidationFailed(details={"fields": problems})
        if "email" in path:
            path = {**path, "email": fold_address(path["email"])}
        return Call(
            services=self.services,
            path=path,
            query=query,
            body=body,
            raw_body=raw,
            headers=exchange.headers,
            client_address=exchange.client_address,
            request_id=exchange.request_id,
        )

    async def _principal(self, call: Call[Any, Any]) -> Principal | None:
        if self.operation.scope is Scope.PUBLIC:
            return None
        scope, method = self.operation.scope, self.operation.method
        principal = await authenticate(self.services, scope, method, call.headers)
        await authorize(self.services, scope, principal, call.path.get("email"))
        return principal

    async def carry_out(self, call: Call[Any, Any], principal: Principal | None) -> Response:
        """Run the handler for a call that was read and a caller who may; with an Idempotency-Key, once.

        Raises:
            Failure: as the handler; IdempotencyInFlight, IdempotencyKeyReuse.
        """
        call = evolve(call, principal=principal)
        key = call.header("idempotency-key") if self.operation.idempotent else None
        if not key or principal is None:
            return self._response(await self.operation.handler(call))
        claimed = await self.services.idempotency.claim(
            principal.account_id, key, self._route(call.path), call.raw_body
        )
        if isinstance(claimed, Replay):
            return Response(claimed.status, claimed.body, claimed.content_type)
        return await self._once(evolve(call, claim=claimed), claimed)

    async def _once(self, call: Call[Any, Any], claim: Claim) -> Response:
        """Run the handler under its claim; whatever fails frees the key."""
        finished = False
        try:
            result = self._result(await self.operation.handler(call))
            if result.encoded is None:
                result = await call.settle(self.services.db, result)
            finished = True
            return self._response(result)
        finally:
            if not finished:
                with trio.move_on_after(RELEASE_SECONDS, shield=True):
                    await claim.release(self.services.db)

    def _route(self, path: Mapping[str, str]) -> str:
        return self.operation.method + " " + self.operation.path.format_map(path)

    def _result(self, returned: Any) -> Result:
        return returned if isinstance(returned, Result) else Result(self.operation.status, returned)

    def _response(self, returned: Any) -> Response:
        result = self._result(returned)
        return Response(result.status, result.body(), result.content_type, result.headers, result.stream)


async def authorize(services: Services, scope: Scope, principal: Principal, email: str | None) -> None:
    """May this caller do this? (contract: scopes, ownership hiding)

    Raises:
        Forbidden: the scope is too small, or the inbox is another one of the same account.
        NotFound: the inbox is nobody's or somebody else's.
    """
    if principal.agent_email is None or scope in (Scope.ANY, Scope.PUBLIC):
        return
    if scope is Scope.ACCOUNT:
        raise Forbidden
    if email != principal.agent_email:
        owned = await accounts.owns_agent(services.db, principal.account_id, email or "")
        raise Forbidden if owned else NotFound


async def check_large(services: Services, exchange: Exchange, scope: Scope, limit: int) -> None:
    """A large body is read only of somebody known: strangers shall not fill the memory.

    Raises:
        Unauthorized, Forbidden: before what is wrong with the body, which nobody looked at.
    """
    if scope is not Scope.PUBLIC and exchange.may_be_large(limit):
        await authenticate(services, scope, exchange.method, exchange.headers)


async def take_poll(services: Services, principal: Principal) -> Allowance:
    """Count one request of a polling operation against the account."""
    if principal.exempt:
        return Allowance()
    limit = services.config.rate_limits.poll_per_minute
    return await services.limits.take(f"poll:{principal.account_id}", limit, POLL_WINDOW_SECONDS)


async def take_registration(services: Services, client_address: str) -> Allowance:
    """Count one try to create an agent against the client's address, valid or not."""
    limit = services.config.rate_limits.create_agent_per_hour
    subject = address_subject("create_agent", client_address)
    return await services.limits.take(subject, limit, REGISTRATION_WINDOW_SECONDS)


async def run_bounded(work: Any, services: Services) -> Response:
    """Await a handler's answer under the deadline of requests, `http.request_seconds`.

    Raises:
        Unavailable: it took too long; its transaction was rolled back.
    """
    with trio.move_on_after(services.config.http.request_seconds):
        response: Response = await work
        return response
    raise Unavailable


def with_headers(response: Response, headers: Mapping[str, str]) -> Response:
    """The same answer with more headers."""
    return evolve(response, headers={**headers, **response.headers})


def not_json(content_type: str) -> bool:
    """Whether a Content-Type says that the body is something else than JSON; a missing one does not."""
    media_type = content_type.partition(";")[0].strip().lower()
    return bool(media_type) and media_type != "application/json"


def filled(template: str, body: bytes) -> str:
    """The path of what an answer's JSON tells of: `{id}` is its member of that name."""
    members = msgspec.json.decode(body)
    segments = template.split("/")
    return "/".join(quote(members[one[1:-1]], safe="") if one.startswith("{") else one for one in segments)


async def _json_body(exchange: Exchange, limit: int, *, optional: bool) -> bytes:
    if not_json(exchange.headers.get("content-type", "")):
        # The size is said first where it is known: it is the cheaper mistake to repair.
        await exchange.read_body(limit)
        message = UnsupportedMediaType.default
        raise UnsupportedMediaType(details={"fields": [{"location": "body", "message": message}]})
    raw = await exchange.read_body(limit)
    if not raw.strip():
        if optional:
            return b"{}"
        raise InvalidRequest("the request body is required: send {} where nothing is to be said", details={})
    return raw


def _shaped(read: Any, raw: bytes) -> Any:
    try:
        return read(raw)
    except Malformed as error:
        fields = [{"location": "body", "message": str(error)}]
        raise InvalidRequest(str(error), details={"fields": fields}) from error
