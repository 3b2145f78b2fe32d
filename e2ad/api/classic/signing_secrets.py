"""Signing secrets of the account: what verifiers of `X-E2A-Auth-*` need."""

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.operation import Result
from e2ad.api.views import optional_instant
from e2ad.core.events import rfc3339
from e2ad.gateway import signing_secrets
from e2ad.gateway.signing_secrets import Secret

__all__ = ["ROUTES", "create_secret", "delete_secret", "list_secrets"]

SHOWN_CHARACTERS = 12
_NO_STORE = {"Cache-Control": "no-store"}


@frozen
class SecretView:
    """A signing secret in clear text."""

    id: str
    name: str
    secret: str
    secret_prefix: str
    created_at: str
    last_signed_at: str | UnsetType = UNSET


@frozen
class SecretList:
    """All secrets, newest first; the newest signs."""

    secrets: list[SecretView]


@frozen
class CreateSecret:
    """A new secret."""

    name: str = ""


@classic("GET", "/api/v1/users/me/signing-secrets")
async def list_secrets(call: ClassicCall[None]) -> Result:
    """All secrets with their full text, every time: each verifier needs them."""
    services = call.services
    found = await signing_secrets.listed(services.db, services.keys, call.principal.account_id)
    return Result(200, SecretList([_view(secret) for secret in found]), _NO_STORE)


@classic("POST", "/api/v1/users/me/signing-secrets", body=CreateSecret, body_optional=True)
async def create_secret(call: ClassicCall[CreateSecret | None]) -> Result:
    """Add a secret; it signs from now on."""
    services, name = call.services, call.body.name if call.body else ""
    secret = await signing_secrets.create(services.db, services.keys, call.principal.account_id, name, call.actor)
    return Result(201, _view(secret), _NO_STORE)


@classic("DELETE", "/api/v1/users/me/signing-secrets/{id}")
async def delete_secret(call: ClassicCall[None]) -> Result:
    """Delete a secret; the last one stays."""
    await signing_secrets.delete(call.services.db, call.principal.account_id, call.path["id"], call.actor)
    return Result(204, None, encoded=b"")


def _view(secret: Secret) -> SecretView:
    return SecretView(
        id=secret.id,
        name=secret.name,
        secret=secret.secret,
        secret_prefix=secret.secret[:SHOWN_CHARACTERS],
        created_at=rfc3339(secret.created_at),
        last_signed_at=optional_instant(secret.last_signed_at),
    )


ROUTES = [list_secrets, create_secret, delete_secret]
