"""The library's Streamable HTTP over the API of this process. Loads the library; see `server`."""

from collections.abc import Callable
from typing import Any, Final

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request

from e2ad.mcp.caller import Accounts, Caller
from e2ad.mcp.door import LEASE
from e2ad.mcp.inside import App, Visit, client_of
from e2ad.mcp.server import Context, build_server
from e2ad.sdk import E2AError

__all__ = ["open_manager"]

MAX_BODY_BYTES: Final = 41_943_040


def open_manager(app: App, version: str, on_accident: Callable[[str, Exception], None]) -> StreamableHTTPSessionManager:
    """The manager of requests; whoever made it enters its `run`.

    It answers each POST by itself and with JSON: no tool has anything to say before its end.
    """
    accounts = Accounts()

    async def caller_of(context: Context) -> Caller:
        request = context.request
        if not isinstance(request, Request):
            raise E2AError("there is no request behind this call", code="internal_error", status=500)
        visit = Visit(
            authorization=request.headers.get("authorization", ""),
            client_address=request.client.host if request.client else "",
            lease=request.scope.get(LEASE),
        )
        api = client_of(app, visit)

        async def ask() -> Any:
            return await api.account.get()

        return Caller(api, await accounts.of(visit.authorization, ask))

    server = build_server(version, caller_of, on_accident)
    return StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, max_request_body_size=MAX_BODY_BYTES
    )
