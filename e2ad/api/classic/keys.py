"""API keys for the person who is signed in with a browser: `/api/keys`, for no other credential.

Programs have the same under `/v1/account/api-keys`; the rules are one.
"""

from datetime import datetime
from typing import Literal

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.account import APIKeyView, key_view, minted_view, revoke_key
from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.classic.paging import page_size
from e2ad.api.operation import Result, Scope
from e2ad.core.errors import InvalidExpiresAt, InvalidRequest
from e2ad.core.events import parse_rfc3339
from e2ad.gateway import api_keys
from e2ad.storage import accounts

__all__ = ["ROUTES", "create_key", "delete_key", "list_keys"]


@frozen
class KeyList:
    """A page of keys, newest first."""

    keys: list[APIKeyView]
    next_token: str | UnsetType = UNSET


@frozen
class CreateKey:
    """A new key. An agent's key is bound to one inbox."""

    name: str = ""
    scope: Literal["account", "agent"] = "account"
    agent_email: str = ""
    expires_at: str = ""


@classic("GET", "/api/keys", scope=Scope.SESSION)
async def list_keys(call: ClassicCall[None]) -> KeyList:
    """Keys that work or have expired; revoked ones are gone."""
    account_id, size = call.principal.account_id, page_size(call)
    walk = call.services.cursors.walk(account_id, "classic.keys")
    found = await accounts.page_keys(
        call.services.db, account_id, before=walk.start(call.first("token")), limit=size + 1
    )
    page, token = walk.page(found, size, lambda key: (key.created_at, key.id))
    return KeyList([key_view(key) for key in page], token or UNSET)


@classic("POST", "/api/keys", scope=Scope.SESSION, body=CreateKey, body_optional=True)
async def create_key(call: ClassicCall[CreateKey | None]) -> Result:
    """A key, shown this once."""
    wish = call.body or CreateKey()
    if len(wish.name) > api_keys.MAX_NAME:
        raise InvalidRequest(f"name must have at most {api_keys.MAX_NAME} characters")
    minted = await api_keys.create(
        call.services.db,
        call.principal.account_id,
        wish.name,
        scope=wish.scope,
        agent_email=wish.agent_email,
        expires_at=_expiry(wish.expires_at),
        actor=call.actor,
    )
    return Result(201, minted_view(minted), {"Cache-Control": "no-store"})


@classic("DELETE", "/api/keys/{id}", scope=Scope.SESSION)
async def delete_key(call: ClassicCall[None]) -> Result:
    """The key stops working at once, and whoever is signed in with it is not any more."""
    await revoke_key(call.services, call.principal.account_id, call.path["id"], call.actor)
    return Result(204, None, encoded=b"")


def _expiry(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise InvalidExpiresAt("expires_at must be an RFC 3339 time like 2026-06-13T10:00:00Z") from error


ROUTES = [list_keys, create_key, delete_key]
