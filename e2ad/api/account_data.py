"""All data of an account: taken along, or deleted (contract: export, account deletion)."""

from collections import Counter
from typing import Final

import trio
from attrs import fields, frozen

from e2ad.api.export_document import ExportDocument
from e2ad.api.export_views import UserExport
from e2ad.api.operation import Call, Result, operation
from e2ad.api.services import Services
from e2ad.api.views import ConfirmQuery
from e2ad.core import errors
from e2ad.core.audit import Actor
from e2ad.gateway.closing import Closing

__all__ = ["OPERATIONS", "DeleteUserDataResult", "deleted_account", "export_result"]

ERASE_SECONDS: Final = 20.0
"""How long the answer waits for the data to go: published clients hang up after 30 s, and try again with a dead key."""


@frozen
class DeleteUserDataResult:
    """The account is gone; how many rows of what it had are too."""

    deleted: bool
    user_deleted: bool
    messages_deleted: int
    agents_deleted: int
    domains_deleted: int
    api_keys_deleted: int
    sessions_deleted: int
    agent_suppressions_deleted: int
    agent_unsubscribe_tokens_deleted: int
    usage_events_deleted: int
    usage_summaries_deleted: int
    oauth_access_tokens_deleted: int
    oauth_auth_codes_deleted: int
    oauth_refresh_tokens_deleted: int
    suppressions_deleted: int
    templates_deleted: int
    webhooks_deleted: int
    events_deleted: int
    deliveries_deleted: int
    contacts_deleted: int
    protection_events_deleted: int

    @classmethod
    def of(cls, gone: Counter[str]) -> "DeleteUserDataResult":
        """From the rows that went, by table."""
        counts = {one.name: gone[one.name.removesuffix("_deleted")] for one in fields(cls) if one.type is int}
        return cls(deleted=True, user_deleted=True, **counts)


@operation(
    "exportAccount",
    "GET",
    "/v1/account/export",
    tag="account",
    summary="Export all data of the account",
    success={200: UserExport},
    errors=(errors.RateLimited,),
)
async def export_account(call: Call[None, None]) -> Result:
    """One document with everything, as it was when the export began, told while it is read.

    An account has one export at a time. If something goes wrong after the document has begun, the connection
    breaks off before its end: a document that is not complete JSON is not complete.
    """
    return await export_result(call.services, call.principal.account_id, call.actor)


@operation(
    "deleteAccount",
    "DELETE",
    "/v1/account",
    tag="account",
    summary="Delete the account and all it owns",
    query=ConfirmQuery,
    success={200: DeleteUserDataResult},
    errors=(errors.SendInProgress,),
)
async def delete_account(call: Call[ConfirmQuery, None]) -> DeleteUserDataResult:
    """For good: keys stop and sockets close at once, then mail, agents, domains and everything else is deleted.

    With very much of it the answer comes before the end, with the numbers until then; the rest follows by itself.
    """
    return await deleted_account(call.services, call.principal.account_id, call.actor)


async def export_result(services: Services, account_id: str, actor: Actor) -> Result:
    """The answer that both APIs give.

    Raises:
        RateLimited: as many exports run as may.
        Unavailable: the database does not answer.
    """
    export = await services.exports.begin(account_id, actor)
    headers = {
        "Content-Disposition": f'attachment; filename="e2a-export-{account_id}.json"',
        "Cache-Control": "no-store",
    }
    return Result(200, None, headers, stream=ExportDocument(export))


async def deleted_account(services: Services, account_id: str, actor: Actor) -> DeleteUserDataResult:
    """Close and delete an account.

    Raises:
        SendInProgress: mail of it is being sent at this moment.

    Cancellation: before it is closed nothing has changed; once it is, a sweep goes on with it.
    """
    closing = Closing(services.db, services.keys)
    gone = await closing.close(account_id, actor)
    services.forget_account(account_id)
    with trio.move_on_after(ERASE_SECONDS):
        await closing.erase(account_id, gone)
    return DeleteUserDataResult.of(gone)


OPERATIONS = [export_account, delete_account]
