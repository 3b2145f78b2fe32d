"""The handshake of the two sockets: who may listen to which inbox, said before the upgrade.

`/v1/agents/{email}/ws` takes the credential from the Authorization header alone and refuses with
the JSON envelope. `/api/v1/agents/{email}/ws` takes it from `?token=` alone, refuses in plain text,
and serves agents in local mode only (contract: WebSocket). Behind the handshake both are the hub's.
"""

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final
from urllib.parse import unquote

import msgspec
import structlog
import trio
from attrs import define, field
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest

from e2ad import maillog
from e2ad.api.dispatch import authorize
from e2ad.api.errors import challenge
from e2ad.api.exchange import request_id_for
from e2ad.api.operation import Scope
from e2ad.api.services import Services
from e2ad.core.address import fold_address
from e2ad.core.errors import Failure, Forbidden, InvalidRequest, NotFound, Unauthorized, answer
from e2ad.delivery.hub import Hub
from e2ad.gateway.access import Principal
from e2ad.gateway.mint import now
from e2ad.storage import agents
from e2ad.storage.agents import Agent

__all__ = ["StreamHandler"]

log = structlog.get_logger("e2ad.api")

HANDSHAKE_SECONDS: Final = 15.0
ASK_AGAIN_SECONDS: Final = 1.0
"""To wait after a question that could not be answered."""
_INTERNAL: Final = "internal error"


@define(eq=False)
class _Admitted:
    """With which credential somebody listens to which inbox, and until when that is good."""

    email: str
    credential: str | None = field(repr=False)
    classic: bool
    account_id: str = ""
    until: float = inf


@define(eq=False)
class StreamHandler:
    """Serves upgrades; `api.front` hands them over.

    Args:
        services: for the checks at the handshake.
        hub: serves a socket once it is open.
    """

    services: Services
    hub: Hub

    _open: dict[WebSocketConnection, "_Admitted"] = field(factory=dict, init=False)
    _doubtful: dict[WebSocketConnection, None] = field(factory=dict, init=False)
    _doubt: trio.Event = field(factory=trio.Event, init=False)
    _doubts: int = field(default=0, init=False)
    """How often there was a doubt: who was let in meanwhile is asked again too."""

    async def handle(
        self, request: WebSocketRequest, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> None:
        """Accept or refuse the handshake and serve the socket until it ends.

        Args:
            path: as it came, percent-encoded.
            query: decoded.
            headers: lower-case names.
        """
        classic = path.startswith("/api/")
        credential = query.get("token") if classic else headers.get("authorization")
        wish = _Admitted(_email(path), credential, classic)
        doubts = self._doubts
        try:
            with trio.fail_after(HANDSHAKE_SECONDS):
                try:
                    agent = await self._admit(wish)
                except Exception as error:
                    if not isinstance(error, Failure):
                        log.exception("handshake failed")
                    await _refuse(request, error, request_id_for(headers), classic=classic)
                    return
                socket = await request.accept()
        except (trio.TooSlowError, ConnectionClosed):
            return
        wish.account_id = agent.account_id
        self._open[socket] = wish
        if doubts != self._doubts:
            self._question(lambda admitted: admitted is wish)
        if wish.until < inf:
            self._doubt.set()
        try:
            await self.hub.serve(
                socket, agent.account_id, agent.email, classic=classic, after=query.get("after") or None
            )
        finally:
            del self._open[socket]
            self._doubtful.pop(socket, None)

    def doubt_agent(self, agent_email: str) -> None:
        """A notification on `e2ad_agents`: its sockets may have lost their right; `*` is everybody's."""
        self._question(lambda admitted: agent_email in (admitted.email, "*", ""))

    def doubt_account(self, account_id: str) -> None:
        """A notification on `e2ad_accounts`: a key may have been revoked."""
        self._question(lambda admitted: admitted.account_id == account_id)

    def doubt_all(self) -> None:
        """Notifications may have been lost."""
        self._question(lambda _: True)

    def _question(self, concerned: Callable[["_Admitted"], bool]) -> None:
        self._doubts += 1
        self._doubtful |= {socket: None for socket, admitted in self._open.items() if concerned(admitted)}
        if self._doubtful:
            self._doubt.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask again for sockets in doubt, one after the other; close those that would be refused now with 1008.

        Cancellation:
            Sockets stay as they are.
        """
        task_status.started()
        while True:
            with trio.move_on_at(min((admitted.until for admitted in self._open.values()), default=inf)):
                await self._doubt.wait()
            self._doubt = trio.Event()
            self._question_ended()
            while self._doubtful:
                socket = next(iter(self._doubtful))
                del self._doubtful[socket]
                admitted = self._open.get(socket)
                if admitted is not None and not await self._ask_again(socket, admitted):
                    # Behind the others: a key that was revoked must not go on listening because nobody could tell.
                    if socket in self._open:
                        self._doubtful[socket] = None
                    await trio.sleep(ASK_AGAIN_SECONDS)

    def _question_ended(self) -> None:
        """Nobody tells that the time of a credential is over."""
        at = trio.current_time()
        ended = [socket for socket, admitted in self._open.items() if admitted.until <= at]
        for socket in ended:
            self._open[socket].until = inf
        self._doubtful |= dict.fromkeys(ended)

    async def _ask_again(self, socket: WebSocketConnection, admitted: "_Admitted") -> bool:
        """Whether there was an answer."""
        try:
            with trio.fail_after(HANDSHAKE_SECONDS):
                await self._admit(admitted)
        except (Unauthorized, Forbidden, NotFound, InvalidRequest):
            self.hub.expel(socket, admitted.email, "not_allowed")
        except Exception as error:  # noqa: BLE001 - who cannot be asked now is asked again in a moment
            log.warning("socket not asked again", error=maillog.reason_of(error))
            return False
        return True

    async def _admit(self, wish: "_Admitted") -> Agent:
        email, classic = wish.email, wish.classic
        if "\0" in email or "\ufffd" in email:
            raise InvalidRequest("the path is not valid percent-encoded UTF-8, or holds a NUL character")
        known = await self.services.access.admit(wish.credential, bare=classic)
        principal = known.principal
        agent = await agents.find(self.services.db, email)
        if agent is None or agent.deleted_at is not None:
            raise NotFound("agent not found")
        if agent.account_id != principal.account_id:
            raise Forbidden("forbidden") if classic else NotFound("agent not found")
        await self._check(principal, email, classic=classic)
        if known.expires_at is not None:
            wish.until = trio.current_time() + (known.expires_at - now()).total_seconds()
        if classic and agent.agent_mode != "local":
            raise InvalidRequest("agent is not in local mode: WebSocket is for agent_mode local")
        return agent

    async def _check(self, principal: Principal, email: str, *, classic: bool) -> None:
        if classic and principal.agent_email not in (None, email):
            raise Forbidden("forbidden")
        await authorize(self.services, Scope.OWN, principal, email)


async def _refuse(request: WebSocketRequest, error: Exception, request_id: str, *, classic: bool) -> None:
    row = answer(error)
    message = error.message if isinstance(error, Failure) else _INTERNAL
    headers = [(b"X-Request-Id", request_id.encode("latin-1")), (b"X-Content-Type-Options", b"nosniff")]
    headers.extend((name.encode(), value.encode()) for name, value in challenge(error).items())
    if isinstance(error, Failure) and error.retry_after_seconds is not None:
        headers.append((b"Retry-After", str(error.retry_after_seconds).encode()))
    if classic:
        headers.append((b"Content-Type", b"text/plain; charset=utf-8"))
        body = (row.code if isinstance(error, Unauthorized) else message).encode() + b"\n"
    else:
        headers.append((b"Content-Type", b"application/json"))
        document: dict[str, Any] = {"code": row.code, "message": message, "request_id": request_id}
        body = msgspec.json.encode({"error": document})
    await request.reject(row.status, extra_headers=headers, body=body)


def _email(path: str) -> str:
    """The inbox in `…/agents/{email}/ws`."""
    segments = path.rstrip("/").split("/")
    return fold_address(unquote(segments[-2])) if len(segments) > 2 else ""
