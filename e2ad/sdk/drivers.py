"""The I/O of a call: blocking or not, and models or plain JSON in the end.

The asynchronous one runs under asyncio and under Trio alike; httpx2 finds out by itself which it is.
"""

import threading
from contextlib import aclosing
from typing import Any, Final

import anyio
import anyio.to_thread
import httpx2
import msgspec
from attrs import field, frozen

from e2ad.sdk.errors import E2AAuthError, E2AConnectionError, E2AError, E2AServerError, E2AValidationError
from e2ad.sdk.exchange import Answer, Patience, Pause, Request, Response, Steps
from e2ad.sdk.pages import AutoPager, Page, Paging, SyncAutoPager

__all__ = ["AsyncDriver", "SyncDriver"]

_UNSENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


@frozen
class SyncDriver:
    """Blocks the calling thread; one client may be used by several threads.

    Attributes:
        closing: ends the waits between attempts of all threads.
    """

    http: httpx2.Client
    patience: Patience
    closing: threading.Event = field(factory=threading.Event, repr=False)
    is_plain: bool = False

    def run(self, steps: Steps[Any]) -> Any:
        """Carry a call out.

        Raises:
            E2AError: it failed.
        """
        sent: Response | None = None
        failed: E2AError | None = None
        while True:
            try:
                step = steps.throw(failed) if failed else steps.send(sent)
            except StopIteration as stop:
                return _result(stop.value, is_plain=self.is_plain)
            except E2AError as error:
                _advise(self.http, error)
                raise
            sent = failed = None
            if isinstance(step, Pause):
                self.closing.wait(step.seconds)
                continue
            try:
                sent = self._answer(step)
            except httpx2.HTTPError as error:
                failed = _unanswered(self.http, error)

    def _answer(self, request: Request) -> Response:
        found = self.http.send(_prepared(self.http, request), stream=request.sink is not None)
        try:
            if request.sink is None or not found.is_success:
                return _response(found, found.read())
            for octets in found.iter_bytes():
                request.sink.write(octets)
            return _response(found, b"")
        finally:
            found.close()

    def pager(self, paging: Paging[Any]) -> SyncAutoPager[Any]:
        """A list that is read by blocking."""

        def fetch(cursor: str | None, wanted: int | None) -> Page[Any]:
            page: Page[Any] = self.run(paging.steps(cursor, wanted, self.patience))
            return page

        return SyncAutoPager(fetch)


@frozen
class AsyncDriver:
    """Awaits, under asyncio or Trio.

    Cancellation:
        Of any call: the connection in use is closed, others stay.
    """

    http: httpx2.AsyncClient
    patience: Patience
    is_plain: bool = False

    async def run(self, steps: Steps[Any]) -> Any:
        """Carry a call out.

        Raises:
            E2AError: it failed.
        """
        sent: Response | None = None
        failed: E2AError | None = None
        while True:
            try:
                step = steps.throw(failed) if failed else steps.send(sent)
            except StopIteration as stop:
                return _result(stop.value, is_plain=self.is_plain)
            except E2AError as error:
                _advise(self.http, error)
                raise
            sent = failed = None
            if isinstance(step, Pause):
                await anyio.sleep(step.seconds)
                continue
            try:
                sent = await self._answer(step)
            except httpx2.HTTPError as error:
                failed = _unanswered(self.http, error)

    async def _answer(self, request: Request) -> Response:
        found = await self.http.send(_prepared(self.http, request), stream=request.sink is not None)
        async with aclosing(found):
            if request.sink is None or not found.is_success:
                return _response(found, await found.aread())
            async for octets in found.aiter_bytes():
                # A disk may be slow, and the loop is not ours.
                await anyio.to_thread.run_sync(request.sink.write, octets)
            return _response(found, b"")

    def pager(self, paging: Paging[Any]) -> AutoPager[Any]:
        """A list that is read by awaiting."""

        async def fetch(cursor: str | None, wanted: int | None) -> Page[Any]:
            page: Page[Any] = await self.run(paging.steps(cursor, wanted, self.patience))
            return page

        return AutoPager(fetch)


def _prepared(http: httpx2.Client | httpx2.AsyncClient, request: Request) -> httpx2.Request:
    """The request as it is sent.

    Raises:
        E2AValidationError: the body cannot be said in JSON.
        E2AError: the client was closed.
    """
    if http.is_closed:
        raise E2AError("the client is closed", code="client_closed")
    headers, parameters = dict(request.headers), request.parameters or None
    content = None
    if request.body is not None:
        try:
            content = msgspec.json.encode(request.body)
        except (TypeError, ValueError, OverflowError) as error:
            raise E2AValidationError(f"the body cannot be said in JSON: {error}", code="invalid_request") from error
        headers["Content-Type"] = "application/json"
    try:
        return http.build_request(request.method, request.path, params=parameters, content=content, headers=headers)
    except (TypeError, ValueError, httpx2.InvalidURL) as error:
        raise _unsendable(error) from error


def _response(found: httpx2.Response, content: bytes) -> Response:
    return Response(found.status_code, {name.lower(): value for name, value in found.headers.items()}, content)


def _unsendable(error: Exception) -> E2AError:
    return E2AValidationError(f"the request cannot be sent: {error}", code="invalid_request")


def _advise(http: httpx2.Client | httpx2.AsyncClient, error: E2AError) -> None:
    """Tell who reads the traceback what a newcomer cannot know."""
    if isinstance(error, E2AAuthError):
        given = "Authorization" in http.headers
        error.add_note(
            f"{http.base_url} does not know the key that was given: it is of another deployment, or expired"
            if given
            else "no key was given: say api_key=, or E2A_API_KEY in the environment"
        )
    elif error.code == "invalid_response":
        error.add_note(f"is {http.base_url} (base_url, or E2A_API_URL) the address of a deployment?")


def _unanswered(http: httpx2.Client | httpx2.AsyncClient, error: httpx2.HTTPError) -> E2AError:
    if isinstance(error, httpx2.LocalProtocolError):
        return _unsendable(error)
    if isinstance(error, httpx2.DecodingError):
        return E2AServerError(f"the answer cannot be unpacked: {error}", code="invalid_response")
    address = str(http.base_url).rstrip("/")
    unsent = isinstance(error, _UNSENT)
    failure = E2AConnectionError(
        f"{address} {'cannot be reached' if unsent else 'did not answer'}: {str(error) or type(error).__name__}",
        maybe_done=not unsent,
    )
    failure.__cause__ = error
    return failure


def _result(answer: Answer[Any], *, is_plain: bool) -> Any:
    return answer.plain() if is_plain else answer.model()
