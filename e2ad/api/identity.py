"""Who an agent is, in a token that others can check: where it is made, and the public key that it is checked with.

Access tokens for it are fetched at the token endpoint of OAuth, see `jwt_bearer` (contract: agent identity).
"""

from collections.abc import Mapping
from math import floor
from typing import Any, Final

from attrs import frozen

from e2ad.api.dispatch import OperationEndpoint
from e2ad.api.exchange import Exchange, Response
from e2ad.api.operation import Call, Result, Scope, encode, operation
from e2ad.api.services import Services
from e2ad.api.shapes import Instant
from e2ad.core.errors import NotImplementedHere, OAuthRefused
from e2ad.core.events import rfc3339
from e2ad.core.identity import SCOPE

__all__ = ["PATH", "endpoints", "jwt_bearer"]

PATH: Final = "/agent/identity"
PER_MINUTE: Final = 60
"""Of one agent: each is a signature, and nobody needs many."""
MINUTE: Final = 60


@frozen
class AgentIdentityView:
    """A token, shown this once."""

    agent_email: str
    assertion: str
    token_endpoint: str
    issued_at: Instant
    expires_at: Instant


@operation(
    "createAgentIdentity",
    "POST",
    PATH,
    tag="agents",
    summary="Get an identity token",
    success={200: AgentIdentityView},
    errors=(NotImplementedHere,),
    scope=Scope.ANY,
)
async def create_identity(call: Call[None, None]) -> Result:
    """A token by which the inbox of an agent's key says who it is, for 30 days."""
    services, principal = call.services, call.principal
    (await services.limits.take(f"identity:{principal.account_id}:{principal.agent_email}", PER_MINUTE, MINUTE)).check()
    token = await services.identities.assertion(principal)
    view = AgentIdentityView(
        agent_email=token.agent_email,
        assertion=token.text,
        token_endpoint=f"{services.identities.issuer}/oauth2/token",
        issued_at=rfc3339(token.issued_at),
        expires_at=rfc3339(token.expires_at),
    )
    return Result(200, view, {"Cache-Control": "no-store"})


async def jwt_bearer(services: Services, form: Mapping[str, str]) -> Mapping[str, Any]:
    """An access token for an assertion, at the token endpoint (RFC 7523 section 2.1).

    Raises:
        NotImplementedHere: there is no signing key.
        OAuthRefused: the assertion is no good, or another scope is wanted.
    """
    if not form.get("assertion"):
        raise OAuthRefused("invalid_request", "assertion is required")
    if form.get("scope", SCOPE) != SCOPE:
        raise OAuthRefused("invalid_scope", f"the scope of an assertion is {SCOPE}")
    token = await services.identities.exchange(form["assertion"])
    return {
        "access_token": token.text,
        "token_type": "Bearer",
        "expires_in": floor((token.expires_at - token.issued_at).total_seconds()),
        "scope": SCOPE,
    }


@frozen
class PublicKeys:
    """`/.well-known/jwks.json`: empty where there is no key."""

    document: bytes

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """The set."""
        # Not for long: whoever meets a key that they do not know looks here again.
        return Response(200, self.document, headers={"Cache-Control": "public, max-age=300"})


def endpoints(services: Services) -> list[tuple[str, str, OperationEndpoint | PublicKeys]]:
    """The paths."""
    key = services.identities.key
    keys = PublicKeys(encode(key.public_set() if key is not None else {"keys": []}))
    return [
        ("POST", PATH, OperationEndpoint(create_identity, services)),
        ("GET", "/.well-known/jwks.json", keys),
    ]
