"""The programs that an account let in by OAuth, as its owner sees them, and how he ends that (contract: OAuth).

Ended ones stay in the list, so that it can be seen afterwards who had access and until when.
"""

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.operation import Call, operation
from e2ad.api.services import Services
from e2ad.api.shapes import Instant
from e2ad.api.views import ConfirmQuery, PageQuery, optional_instant
from e2ad.core import errors
from e2ad.core.events import rfc3339
from e2ad.gateway.oauth import OAuth
from e2ad.storage.oauth import Connection

__all__ = ["OPERATIONS", "delete_connection", "list_connections"]


@frozen
class ConnectionView:
    """A program that was let in. `agent_email` is empty for the whole account."""

    id: str
    client_id: str
    client_name: str
    agent_email: str
    scope: str
    issued_at: Instant
    expires_at: Instant | UnsetType = UNSET
    revoked_at: Instant | UnsetType = UNSET


@frozen
class PageConnectionView:
    """A page of them."""

    items: list[ConnectionView]
    next_cursor: str | None


@frozen
class DeleteConnectionResult:
    """The connection that is ended."""

    deleted: bool
    id: str


@operation(
    "listConnections",
    "GET",
    "/v1/account/connections",
    tag="account",
    summary="List programs with access",
    query=PageQuery,
    success={200: PageConnectionView},
    errors=(errors.InvalidCursor,),
    beta=True,
)
async def list_connections(call: Call[PageQuery, None]) -> PageConnectionView:
    """Programs that were let in by OAuth, newest first, ended ones included."""
    query, account_id = call.query, call.principal.account_id
    walk = call.services.cursors.walk(account_id, "connections")
    found = await _oauth(call.services).connections(account_id, before=walk.start(query.cursor), limit=query.limit + 1)
    page, cursor = walk.page(found, query.limit, lambda one: (one.issued_at, one.id))
    return PageConnectionView([_view(one) for one in page], cursor)


@operation(
    "deleteConnection",
    "DELETE",
    "/v1/account/connections/{id}",
    tag="account",
    summary="End a program's access",
    query=ConfirmQuery,
    success={200: DeleteConnectionResult},
    beta=True,
)
async def delete_connection(call: Call[ConfirmQuery, None]) -> DeleteConnectionResult:
    """All its tokens stop at once, in every process; 404 where it was ended before."""
    await _oauth(call.services).disconnect(call.principal.account_id, call.path["id"], call.actor)
    return DeleteConnectionResult(deleted=True, id=call.path["id"])


def _oauth(services: Services) -> OAuth:
    return OAuth(services.db, services.oauth_clients, services.public_url)


def _view(one: Connection) -> ConnectionView:
    return ConnectionView(
        id=one.id,
        client_id=one.client_id,
        client_name=one.client_name,
        agent_email=one.agent_email,
        scope=one.scope,
        issued_at=rfc3339(one.issued_at),
        expires_at=optional_instant(one.expires_at),
        revoked_at=optional_instant(one.revoked_at),
    )


OPERATIONS = [list_connections, delete_connection]
