"""The account and its API keys."""

from datetime import datetime
from typing import Annotated, Literal

from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.operation import Call, Result, Scope, encode, operation, settling
from e2ad.api.services import Services
from e2ad.api.shapes import Instant
from e2ad.api.views import ConfirmQuery, PageQuery, optional_instant
from e2ad.core import errors
from e2ad.core.audit import Actor
from e2ad.core.events import parse_rfc3339, rfc3339
from e2ad.gateway import api_keys
from e2ad.gateway.access import Principal
from e2ad.gateway.api_keys import Minted
from e2ad.storage import accounts

__all__ = [
    "OPERATIONS",
    "AccountView",
    "account_view",
    "create_api_key",
    "delete_api_key",
    "get_account",
    "key_view",
    "list_api_keys",
    "minted_view",
    "revoke_key",
]


@frozen
class AccountUserView:
    """The owner."""

    id: str
    email: str


@frozen
class LimitsCapsView:
    """What the account may have."""

    max_agents: int
    max_domains: int
    max_messages_month: int
    max_storage_bytes: int


@frozen
class LimitsUsageView:
    """What the account has."""

    agents: int
    domains: int
    messages_month: int
    storage_bytes: int


@frozen
class AccountView:
    """The account behind the credential."""

    user: AccountUserView
    scope: str
    plan_code: str
    limits: LimitsCapsView
    usage: LimitsUsageView
    upgrade_url: str
    agent_email: str | UnsetType = UNSET


@frozen
class APIKeyView:
    """An API key; the key itself is shown once, when it is made."""

    id: str
    name: str
    key_prefix: str
    scope: str
    created_at: Instant
    agent_email: str | UnsetType = UNSET
    expires_at: Instant | UnsetType = UNSET
    last_used_at: Instant | UnsetType = UNSET


@frozen
class PageAPIKeyView:
    """A page of keys."""

    items: list[APIKeyView]
    next_cursor: str | None


@frozen
class CreateAPIKeyRequest:
    """A new key. An agent key is bound to one inbox."""

    name: Annotated[str, Meta(max_length=200)] = ""
    scope: Literal["account", "agent"] = "account"
    agent_email: str | UnsetType = UNSET
    expires_at: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET


@frozen
class CreateAPIKeyResponse:
    """The new key, shown this once."""

    key: str
    id: str
    name: str
    key_prefix: str
    scope: str
    created_at: Instant
    agent_email: str | UnsetType = UNSET
    expires_at: Instant | UnsetType = UNSET
    last_used_at: Instant | UnsetType = UNSET


@frozen
class DeleteApiKeyResult:
    """The key that is revoked."""

    deleted: bool
    id: str


@operation(
    "getAccount",
    "GET",
    "/v1/account",
    tag="account",
    summary="Get the account",
    success={200: AccountView},
    errors=(errors.LimitsUnavailable,),
    scope=Scope.ANY,
)
async def get_account(call: Call[None, None]) -> AccountView:
    """Who the credential belongs to, its caps and what it uses."""
    return await account_view(call.services, call.principal)


async def account_view(services: Services, principal: Principal) -> AccountView:
    """The account of a principal.

    Raises:
        LimitsUnavailable: the database does not answer.
    """
    try:
        found = await accounts.overview(services.db, principal.account_id)
    except errors.Unavailable as error:
        raise errors.LimitsUnavailable from error
    if found is None:
        raise errors.Unauthorized
    defaults = services.config.limits
    return AccountView(
        user=AccountUserView(found.id, found.email),
        scope=principal.scope,
        plan_code=found.plan_code or defaults.plan_code,
        limits=LimitsCapsView(
            max_agents=_cap(found.max_agents, defaults.max_agents),
            max_domains=_cap(found.max_domains, defaults.max_domains),
            max_messages_month=_cap(found.max_messages_month, defaults.max_messages_month),
            max_storage_bytes=_cap(found.max_storage_bytes, defaults.max_storage_bytes),
        ),
        usage=LimitsUsageView(
            agents=found.agents,
            domains=found.domains,
            messages_month=found.messages_month,
            storage_bytes=found.storage_bytes,
        ),
        upgrade_url=found.upgrade_url,
        agent_email=principal.agent_email or UNSET,
    )


@operation(
    "listApiKeys",
    "GET",
    "/v1/account/api-keys",
    tag="account",
    summary="List API keys",
    query=PageQuery,
    success={200: PageAPIKeyView},
    errors=(errors.InvalidCursor,),
)
async def list_api_keys(call: Call[PageQuery, None]) -> PageAPIKeyView:
    """Keys that work or have expired, newest first; revoked ones are gone."""
    query, account_id = call.query, call.principal.account_id
    walk = call.services.cursors.walk(account_id, "api_keys")
    keys = await accounts.page_keys(
        call.services.db, account_id, before=walk.start(query.cursor), limit=query.limit + 1
    )
    page, cursor = walk.page(keys, query.limit, lambda key: (key.created_at, key.id))
    return PageAPIKeyView([key_view(key) for key in page], cursor)


@operation(
    "createApiKey",
    "POST",
    "/v1/account/api-keys",
    tag="account",
    summary="Create an API key",
    body=CreateAPIKeyRequest,
    success={201: CreateAPIKeyResponse},
    location="/v1/account/api-keys/{id}",
    errors=(errors.NotFound, errors.InvalidExpiresAt, errors.IdempotencyInFlight, errors.IdempotencyKeyReuse),
    idempotent=True,
)
async def create_api_key(call: Call[None, CreateAPIKeyRequest]) -> Result:
    """A key for the whole account, or for one inbox. The key is in this answer and nowhere else."""
    body = call.body
    made = await api_keys.create(
        call.services.db,
        call.principal.account_id,
        body.name,
        scope=body.scope,
        agent_email=body.agent_email or "",
        expires_at=_expiry(body.expires_at),
        settle=settling(call, _made),
        actor=call.actor,
    )
    return _made(made)


@operation(
    "deleteApiKey",
    "DELETE",
    "/v1/account/api-keys/{id}",
    tag="account",
    summary="Revoke an API key",
    query=ConfirmQuery,
    success={200: DeleteApiKeyResult},
)
async def delete_api_key(call: Call[ConfirmQuery, None]) -> DeleteApiKeyResult:
    """The key stops working at once."""
    await revoke_key(call.services, call.principal.account_id, call.path["id"], call.actor)
    return DeleteApiKeyResult(deleted=True, id=call.path["id"])


async def revoke_key(services: Services, account_id: str, key_id: str, actor: Actor) -> None:
    """Stop a key, the sessions that began with it, and the identity tokens of its inbox.

    Raises:
        NotFound: there is none.
    """
    await api_keys.revoke(services.db, account_id, key_id, actor)
    services.forget_account(account_id)


def _expiry(given: datetime | UnsetType) -> datetime | None:
    if given is UNSET:
        return None
    try:
        # The first and the last day that can be written may lie outside of time, seen from UTC.
        return parse_rfc3339(given.isoformat())
    except (ValueError, OverflowError) as error:
        raise errors.InvalidExpiresAt("expires_at must lie between now and the year 9999") from error


def _made(minted: Minted) -> Result:
    view = minted_view(minted)
    return Result(201, view, encoded=encode(view))


def minted_view(minted: Minted) -> CreateAPIKeyResponse:
    """A new key, with the key."""
    stored = key_view(minted.stored)
    return CreateAPIKeyResponse(
        key=minted.key,
        id=stored.id,
        name=stored.name,
        key_prefix=stored.key_prefix,
        scope=stored.scope,
        created_at=stored.created_at,
        agent_email=stored.agent_email,
        expires_at=stored.expires_at,
        last_used_at=stored.last_used_at,
    )


def key_view(key: accounts.ApiKey) -> APIKeyView:
    """A key as its owner sees it."""
    return APIKeyView(
        id=key.id,
        name=key.name,
        key_prefix=key.key_prefix,
        scope=key.scope,
        created_at=rfc3339(key.created_at),
        agent_email=key.agent_email or UNSET,
        expires_at=optional_instant(key.expires_at),
        last_used_at=optional_instant(key.last_used_at),
    )


def _cap(own: int | None, default: int) -> int:
    return default if own is None else own


OPERATIONS = [get_account, list_api_keys, create_api_key, delete_api_key]
