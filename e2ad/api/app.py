"""The web application: both APIs, their documents and health, on one Quart-Trio app.

API paths are answered on ASGI itself, through Quart's own seam for connections
(`asgi_http_class`): the contract needs bodies limited while they stream and one answer for every
way to be wrong, and a polling client is spared half the cost of a request. Every other path,
the dashboard's among them, is ordinary Quart.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

from quart import Request as QuartRequest
from quart import Response as QuartResponse
from quart import request
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection
from werkzeug import Response as WerkzeugResponse
from werkzeug.exceptions import BadHost

from e2ad import maillog
from e2ad.api import (
    account,
    account_data,
    agents,
    connections,
    contacts,
    conversations,
    documents,
    domains,
    downloads,
    engagements,
    events,
    health,
    identity,
    internal,
    lifecycle,
    magic_links,
    messages,
    meta,
    metrics,
    oauth,
    oauth_consent,
    protection,
    provider_feedback,
    reviews,
    sending,
    sign_in,
    suppressions,
    templates,
    tools,
    unsubscribe,
    upgrade,
    webhooks,
)
from e2ad.api.bodies import Lease
from e2ad.api.classic import account as classic_account
from e2ad.api.classic import agents as classic_agents
from e2ad.api.classic import conversations as classic_conversations
from e2ad.api.classic import domains as classic_domains
from e2ad.api.classic import events as classic_events
from e2ad.api.classic import feedback as classic_feedback
from e2ad.api.classic import keys as classic_keys
from e2ad.api.classic import messages as classic_messages
from e2ad.api.classic import meta as classic_meta
from e2ad.api.classic import pending as classic_pending
from e2ad.api.classic import sending as classic_sending
from e2ad.api.classic import signing_secrets as classic_signing_secrets
from e2ad.api.classic import webhooks as classic_webhooks
from e2ad.api.classic.framework import ClassicRoute, plain
from e2ad.api.dispatch import OperationEndpoint
from e2ad.api.errors import envelope, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response, path_of, request_id_for
from e2ad.api.operation import Operation
from e2ad.api.routing import MethodUnknown, Router
from e2ad.api.services import Services
from e2ad.core.errors import InvalidRequest, MethodNotAllowed, NotFound

__all__ = ["OPERATIONS", "ROUTES", "Api", "build_app"]


class Endpoint(Protocol):
    """Whatever answers a request of the API."""

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """Answer it."""
        ...


OPERATIONS: Final[tuple[Operation, ...]] = (
    *meta.OPERATIONS,
    *account.OPERATIONS,
    *connections.OPERATIONS,
    *account_data.OPERATIONS,
    *agents.OPERATIONS,
    *protection.OPERATIONS,
    *messages.OPERATIONS,
    *lifecycle.OPERATIONS,
    *sending.OPERATIONS,
    *suppressions.OPERATIONS,
    *conversations.OPERATIONS,
    *contacts.OPERATIONS,
    *engagements.OPERATIONS,
    *reviews.OPERATIONS,
    *domains.OPERATIONS,
    *templates.OPERATIONS,
    *webhooks.OPERATIONS,
    *metrics.OPERATIONS,
    *events.OPERATIONS,
)
"""All of `/v1`, in the order of the document that describes it."""

ROUTES: Final[tuple[ClassicRoute, ...]] = (
    *classic_meta.ROUTES,
    *classic_account.ROUTES,
    *classic_agents.ROUTES,
    *classic_signing_secrets.ROUTES,
    *classic_messages.ROUTES,
    *classic_sending.ROUTES,
    *classic_pending.ROUTES,
    *classic_conversations.ROUTES,
    *classic_domains.ROUTES,
    *classic_webhooks.ROUTES,
    *classic_events.ROUTES,
    *classic_feedback.ROUTES,
    *classic_keys.ROUTES,
    *sign_in.ROUTES,
)
"""All of `/api/v1`, and what a browser that is signed in asks beside it."""


def build_app(services: Services, mcp: tools.Tools | None = None) -> "Api":
    """The application over these services.

    Args:
        mcp: whoever speaks the protocol of the tools; None where they are switched off.
    """
    app = Api("e2ad", services)
    endpoints: list[tuple[str, str, Endpoint]] = []
    endpoints += [(one.method, one.path, OperationEndpoint(one, services)) for one in OPERATIONS]
    endpoints += [(one.method, one.path, one.bind(services)) for one in ROUTES]
    endpoints += documents.endpoints(OPERATIONS)
    endpoints += health.endpoints(services)
    endpoints += upgrade.endpoints(services)
    endpoints += downloads.endpoints(services)
    endpoints += magic_links.endpoints(services)
    endpoints += sign_in.endpoints(services)
    endpoints += identity.endpoints(services)
    endpoints += internal.endpoints(services)
    endpoints += oauth.endpoints(services)
    endpoints += oauth_consent.endpoints(services)
    endpoints += provider_feedback.endpoints(services)
    endpoints += unsubscribe.endpoints(services)
    if mcp is not None:
        endpoints += tools.endpoints(services, mcp)
    app.router = Router(endpoints)
    return app


class Connection(TrioASGIHTTPConnection):
    """One HTTP request: ours by its path, or Quart's."""

    app: "Api"

    async def __call__(self, receive: Any, send: Any) -> None:
        """Answer it."""
        app, path = self.app, path_of(self.scope)
        if not app.owns(path):
            await super().__call__(receive, send)
            return
        services = app.services
        # What a tool asks for inside this process is a part of the request that called the tool, its memory too.
        shared: Any = self.scope.get(tools.LEASE)
        share: AbstractContextManager[Lease] = services.bodies.lease() if shared is None else nullcontext(shared)
        try:
            with share as lease:
                exchange = Exchange.from_scope(
                    self.scope, receive, services.trusted_proxies, services.config.http.body_seconds, lease=lease
                )
                response = await app.respond(exchange)
            await response.send(send, exchange.request_id, receive)
        except ClientGone:
            return
        except Exception as raised:  # noqa: BLE001 - the answer has begun: what is left to say is that it breaks off
            maillog.answer_broken(path, exchange.request_id, maillog.reason_of(root_failure(raised)))


class Api(QuartTrio):
    """Quart-Trio with the API's paths taken out."""

    asgi_http_class = Connection
    router: Router[Endpoint]

    def __init__(self, name: str, services: Services) -> None:
        super().__init__(name, static_folder=None)
        self.services = services
        self.register_error_handler(404, _not_found)
        self.register_error_handler(405, _method_not_allowed)

    def owns(self, path: str) -> bool:
        """Whether the API answers this path (also when the answer is that it knows no such path)."""
        return path.startswith(("/v1/", "/api/", "/u/", "/oauth2/", "/.well-known/")) or path in _TOP

    async def handle_request(self, request: QuartRequest) -> QuartResponse | WerkzeugResponse:
        """Answer what is not the API's; a Host that is no name is refused before it can fail as a surprise."""
        try:
            return await super().handle_request(request)
        except BadHost:
            headers = {"X-Content-Type-Options": "nosniff"}
            return QuartResponse("this is no host\n", 400, headers, content_type="text/plain; charset=utf-8")

    async def respond(self, exchange: Exchange) -> Response:
        """Find the endpoint and let it answer.

        Raises:
            ClientGone: nobody is left to be answered.
        """
        envelopes = exchange.raw_path == "/v1" or exchange.raw_path.startswith("/v1/")
        try:
            found = self.router.find(exchange.method, exchange.segments())
        except MethodUnknown:
            return envelope(MethodNotAllowed(), exchange) if envelopes else plain(405, "method not allowed")
        except InvalidRequest as error:
            return envelope(error, exchange) if envelopes else plain(400, error.message)
        if found is None:
            return envelope(NotFound(), exchange) if envelopes else plain(404, "not found")
        endpoint, path = found
        return await endpoint.respond(exchange, path)


_TOP = frozenset(
    {
        "/v1",
        "/api",
        "/livez",
        "/readyz",
        "/docs",
        "/openapi.json",
        identity.PATH,
        internal.SELFTEST,
        magic_links.PENDING_PATH,
        provider_feedback.PATH,
        tools.PATH,
    }
)


async def _not_found(_: Exception) -> QuartResponse:
    return _text("not found", 404)


async def _method_not_allowed(_: Exception) -> QuartResponse:
    return _text("method not allowed", 405)


def _text(line: str, status: int) -> QuartResponse:
    headers = {
        "X-Request-Id": request_id_for({name.lower(): value for name, value in request.headers.items()}),
        "X-Content-Type-Options": "nosniff",
    }
    return QuartResponse(line + "\n", status, headers, content_type="text/plain; charset=utf-8")
