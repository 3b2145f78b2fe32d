"""OAuth 2.1 for programs: who we are, how they register, where they fetch, renew and give back their tokens.

The other half, where a person decides, is `oauth_consent`. RFC 6749, 7009, 7591, 8414, 9728 (contract: routes
outside the document).
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from attrs import asdict

from e2ad.api.dispatch import not_json
from e2ad.api.exchange import Exchange, Response
from e2ad.api.identity import jwt_bearer
from e2ad.api.oauth_answers import Programs, issuer_of, json_answer, read_form, verbs
from e2ad.api.operation import encode
from e2ad.api.services import Services
from e2ad.core import oauth
from e2ad.core.errors import NotFound, OAuthRefused
from e2ad.core.oauth_clients import Client
from e2ad.gateway.limits import address_subject

__all__ = ["GRANTS", "endpoints"]

REQUESTS_PER_HOUR: Final = 10
"""Of one client address: registrations, and questions who a program is (contract: rates)."""
HOUR: Final = 3600
TOKENS_PER_MINUTE: Final = 600
"""Of one client address: the only bound on somebody who has nothing and guesses; many programs share one."""
MINUTE: Final = 60
MAX_REGISTRATION: Final = 65_536
RESOURCES: Final = ("", "/mcp", "/v1")
"""Paths that describe themselves: the deployment as a whole, the MCP tools, the API."""

Grant = Callable[[Services, Mapping[str, str]], Awaitable[Mapping[str, Any]]]


async def _authorization_code(services: Services, form: Mapping[str, str]) -> Mapping[str, Any]:
    return asdict(await verbs(services).exchange(form))


async def _refresh_token(services: Services, form: Mapping[str, str]) -> Mapping[str, Any]:
    return asdict(await verbs(services).refresh(form))


GRANTS: Final[Mapping[str, Grant]] = {
    oauth.AUTHORIZATION_CODE: _authorization_code,
    oauth.REFRESH_TOKEN: _refresh_token,
    oauth.JWT_BEARER: jwt_bearer,
}
"""What the token endpoint takes, by `grant_type`: each makes of the form the answer, or raises `OAuthRefused`."""


async def _token(services: Services, exchange: Exchange, path: Mapping[str, str]) -> Response:
    await _count_tokens(services, exchange)
    form = await read_form(exchange)
    kind = form.get("grant_type", "")
    if not kind:
        raise OAuthRefused("invalid_request", "grant_type is required")
    grant = GRANTS.get(kind)
    if grant is None:
        raise OAuthRefused("unsupported_grant_type", f"grant_type must be one of {', '.join(GRANTS)}")
    return json_answer(await grant(services, form))


async def _revoke(services: Services, exchange: Exchange, path: Mapping[str, str]) -> Response:
    await _count_tokens(services, exchange)
    await verbs(services).revoke(await read_form(exchange))
    return json_answer({})


async def _register(services: Services, exchange: Exchange, path: Mapping[str, str]) -> Response:
    await _count(services, exchange, "oauth_register")
    raw = await exchange.read_body(MAX_REGISTRATION)
    if not_json(exchange.headers.get("content-type", "")):
        raise OAuthRefused("invalid_client_metadata", "the body must be application/json")
    client, at = await verbs(services).register(raw, exchange.client_address)
    return json_answer({**client.view(), "client_id_issued_at": int(at.timestamp())}, 201)


async def _client(services: Services, exchange: Exchange, path: Mapping[str, str]) -> Response:
    await _count(services, exchange, "oauth_client")
    stored = await services.oauth_clients.known(path["client_id"])
    if stored is None:
        raise NotFound("no client has this client_id")
    client = Client(stored.id, stored.name, tuple(stored.redirect_uris), stored.metadata_url)
    return json_answer({**client.view(), "client_id_issued_at": int(stored.created_at.timestamp())})


async def _count(services: Services, exchange: Exchange, kind: str) -> None:
    subject = address_subject(kind, exchange.client_address)
    (await services.limits.take(subject, REQUESTS_PER_HOUR, HOUR)).check()


async def _count_tokens(services: Services, exchange: Exchange) -> None:
    subject = address_subject("oauth_token", exchange.client_address)
    (await services.limits.take(subject, TOKENS_PER_MINUTE, MINUTE)).check()


async def _authorization_server(services: Services, exchange: Exchange, path: Mapping[str, str]) -> Response:
    offered = [kind for kind in GRANTS if kind != oauth.JWT_BEARER or services.identities.key is not None]
    return _document(oauth.authorization_server(issuer_of(services), offered))


def _resource(path_of_resource: str) -> Callable[..., Awaitable[Response]]:
    async def describe(services: Services, exchange: Exchange, path: Mapping[str, str]) -> Response:
        return _document(oauth.resource_server(issuer_of(services), path_of_resource))

    return describe


def _document(document: Mapping[str, Any]) -> Response:
    return Response(200, encode(document), headers={"Cache-Control": "public, max-age=300"})


def endpoints(services: Services) -> list[tuple[str, str, Programs]]:
    """The paths of programs; those of the classic API lead to the same."""
    found = [
        ("GET", "/.well-known/oauth-authorization-server", Programs(services, _authorization_server)),
        ("GET", "/oauth2/clients/{client_id}", Programs(services, _client)),
    ]
    found += [
        ("GET", f"/.well-known/oauth-protected-resource{path}", Programs(services, _resource(path)))
        for path in RESOURCES
        if path != "/mcp" or services.config.features.mcp
    ]
    for prefix in ("/oauth2", "/api/oauth"):
        found += [
            ("POST", f"{prefix}/token", Programs(services, _token)),
            ("POST", f"{prefix}/revoke", Programs(services, _revoke)),
            ("POST", f"{prefix}/register", Programs(services, _register)),
        ]
    return found
