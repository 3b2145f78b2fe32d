"""All data of an account, in classic words: taken along, or deleted."""

from e2ad.api.account_data import DeleteUserDataResult, deleted_account, export_result
from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.operation import Result
from e2ad.core.errors import InvalidRequest

__all__ = ["ROUTES", "delete_user", "export_user"]


@classic("GET", "/api/v1/users/me/export")
async def export_user(call: ClassicCall[None]) -> Result:
    """The document of `/v1/account/export`."""
    return await export_result(call.services, call.principal.account_id, call.actor)


@classic("DELETE", "/api/v1/users/me")
async def delete_user(call: ClassicCall[None]) -> DeleteUserDataResult:
    """Delete the account and all it owns, if the query says `confirm=DELETE`."""
    if call.first("confirm") != "DELETE":
        raise InvalidRequest("deleting the account needs confirm=DELETE")
    return await deleted_account(call.services, call.principal.account_id, call.actor)


ROUTES = [export_user, delete_user]
