"""The tables of OAuth: programs, what they were granted, their codes and tokens.

Of a code or token only the hash is here. Whatever ends a token notifies `e2ad_accounts` with the account,
in the same statement.
"""

from datetime import datetime

from attrs import asdict, frozen

from e2ad.core.oauth_clients import Client
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Connection",
    "FoundAccess",
    "FoundToken",
    "Granted",
    "LockedCode",
    "LockedRefresh",
    "NewGrant",
    "NewTokens",
    "StoredClient",
    "add_grant",
    "add_tokens",
    "drop_access",
    "find_access",
    "find_client",
    "find_token",
    "insert_client",
    "keep_client",
    "lock_code",
    "lock_refresh",
    "page_connections",
    "revoke_grant",
    "rotate",
    "sweep",
    "use_code",
]

_SQL = load("oauth")


@frozen
class StoredClient:
    """A program as it is kept."""

    id: str
    name: str
    redirect_uris: list[str]
    metadata_url: str | None
    created_at: datetime


@frozen
class NewGrant:
    """What a person lets a program do, and the code by which it learns of it.

    `agent_email` None is for the whole account.
    """

    account_id: str
    id: str
    client_id: str
    scope: str
    agent_email: str | None
    resource: str | None
    code_sha256: bytes
    redirect_uri: str
    challenge: str
    at: datetime
    expires_at: datetime


@frozen
class Granted:
    """What a grant reaches. `live`: it was not ended, and its inbox is not in the trash."""

    account_id: str
    grant_id: str
    client_id: str
    scope: str
    agent_email: str | None
    resource: str | None
    live: bool
    expires_at: datetime


@frozen
class LockedCode(Granted):
    """A code, locked."""

    redirect_uri: str
    challenge: str
    used_at: datetime | None


@frozen
class LockedRefresh(Granted):
    """A refresh token, locked. `successor_used`: one that it was exchanged for was used itself."""

    rotated_at: datetime | None
    successor_used: bool


@frozen
class NewTokens:
    """A pair of tokens, by their hashes. `parent_sha256`: the refresh token that it was given for."""

    account_id: str
    grant_id: str
    client_id: str
    access_sha256: bytes
    access_until: datetime
    refresh_sha256: bytes
    refresh_until: datetime
    parent_sha256: bytes | None
    at: datetime


@frozen
class FoundAccess:
    """What authentication needs of an access token."""

    account_id: str
    grant_id: str
    scope: str
    agent_email: str | None
    expires_at: datetime
    account_class: str


@frozen
class FoundToken:
    """Whose a token is."""

    kind: str
    account_id: str
    grant_id: str
    client_id: str


@frozen
class Connection:
    """A program that an account let in, as its owner sees it. `agent_email` is empty for the whole account."""

    id: str
    client_id: str
    client_name: str
    agent_email: str
    scope: str
    issued_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


async def insert_client(executor: Executor, client: Client, registered_from: str, at: datetime) -> None:
    """Keep a program that has registered."""
    values = {
        "id": client.id,
        "name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "registered_from": registered_from,
        "at": at,
    }
    await executor.execute(_SQL["insert_client"], values)


async def keep_client(executor: Executor, client: Client) -> None:
    """Keep what the document of a program says now."""
    values = {
        "id": client.id,
        "name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "metadata_url": client.metadata_url,
    }
    await executor.execute(_SQL["keep_client"], values)


async def find_client(executor: Executor, client_id: str) -> StoredClient | None:
    """A program that has registered, or was let in once."""
    return await executor.fetch_one(_SQL["find_client"], {"id": client_id}, row=StoredClient)


async def add_grant(executor: Executor, grant: NewGrant) -> bool:
    """Grant it; False when its inbox is no live one of the account."""
    return await executor.fetch_value(_SQL["add_grant"], asdict(grant)) is not None


async def lock_code(executor: Executor, code_sha256: bytes) -> LockedCode | None:
    """A code, until the transaction ends ours alone."""
    return await executor.fetch_one(_SQL["lock_code"], {"code_sha256": code_sha256}, row=LockedCode)


async def use_code(executor: Executor, code_sha256: bytes, at: datetime) -> None:
    """Note that a code was exchanged."""
    await executor.execute(_SQL["use_code"], {"code_sha256": code_sha256, "at": at})


async def lock_refresh(executor: Executor, token_sha256: bytes) -> LockedRefresh | None:
    """A refresh token, until the transaction ends ours alone."""
    return await executor.fetch_one(_SQL["lock_refresh"], {"token_sha256": token_sha256}, row=LockedRefresh)


async def rotate(executor: Executor, token_sha256: bytes, at: datetime) -> None:
    """Note that a refresh token was used; what an earlier use of it made is dead."""
    await executor.execute(_SQL["rotate"], {"token_sha256": token_sha256, "at": at})


async def add_tokens(executor: Executor, tokens: NewTokens) -> None:
    """Keep a new pair."""
    await executor.execute(_SQL["add_tokens"], asdict(tokens))


async def find_access(executor: Executor, token_sha256: bytes) -> FoundAccess | None:
    """The access token with this hash, if its grant holds; the caller looks at its time."""
    return await executor.fetch_one(_SQL["find_access"], {"token_sha256": token_sha256}, row=FoundAccess)


async def find_token(executor: Executor, token_sha256: bytes) -> FoundToken | None:
    """An access or refresh token."""
    return await executor.fetch_one(_SQL["find_token"], {"token_sha256": token_sha256}, row=FoundToken)


async def drop_access(executor: Executor, token_sha256: bytes) -> None:
    """Forget an access token, in every process."""
    await executor.fetch_all(_SQL["drop_access"], {"token_sha256": token_sha256})


async def revoke_grant(executor: Executor, account_id: str, grant_id: str, reason: str, at: datetime) -> bool:
    """End a grant; False when the account has none of that id that goes on."""
    values = {"account_id": account_id, "id": grant_id, "reason": reason, "at": at}
    return bool(await executor.fetch_all(_SQL["revoke_grant"], values))


async def page_connections(
    executor: Executor, account_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[Connection]:
    """Programs that an account let in, newest first, after the position `before` (time and id of a grant)."""
    before_at, before_id = before or (None, "")
    values = {"account_id": account_id, "before_at": before_at, "before_id": before_id, "limit": limit}
    return await executor.fetch_all(_SQL["page_connections"], values, row=Connection)


async def sweep(executor: Executor, client_days: int, batch: int) -> int:
    """Delete a batch of each: codes and tokens that are over, grants without either, clients that nobody uses.

    Returns:
        How full the fullest batch was.
    """
    fullest: int = await executor.fetch_value(_SQL["sweep"], {"client_days": client_days, "batch": batch})
    return fullest
