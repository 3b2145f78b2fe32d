"""Push for an agent without a public URL: the WebSocket, kept up until the caller stops.

Close codes and handshake answers decide what happens next (contract: WebSocket): transient
ones are tried again after 1, 2, 4 … 30 seconds, the others end the listening. Undelivered
mail comes again after a reconnect, so nothing is lost; `Listening` drops what it has seen.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NoReturn
from urllib.parse import SplitResult, quote, urlsplit

import msgspec
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream

__all__ = ["ConnectionRefusedForGood", "Listening", "listen"]

TRANSIENT: Final = frozenset({1001, 1006, 1011, 1012, 1013})
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
CONNECT_SECONDS = 20.0
CLOSE_SECONDS = 2.0
SILENCE_SECONDS = 60.0
PONG_SECONDS = 20.0
REMEMBERED = 4096
MAX_FRAME_BYTES = 64 * 1024 * 1024


class ConnectionRefusedForGood(Exception):
    """The server does not want this connection, and will not want it later either."""


class _HandlerFailed(Exception):
    """Carries what the caller's function raised out of the connection's block."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def socket_url(base_url: str, email: str) -> str:
    """`ws` for `http`, `wss` for `https`."""
    scheme, _, rest = base_url.rstrip("/").partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/v1/agents/{quote(email, safe='')}/ws"


class Listening:
    """Remembers event ids, so that a replay after a reconnect is not shown twice."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()

    def is_new(self, event_id: str) -> bool:
        """True the first time; the last few thousand ids are remembered."""
        if event_id in self._seen:
            return False
        self._seen[event_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True


async def listen(
    base_url: str,
    api_key: str,
    email: str,
    handle: Callable[[Mapping[str, Any]], Awaitable[None]],
    *,
    on_state: Callable[[str], None] = lambda _state: None,
) -> None:
    """Call `handle` with each event of an agent, once, one after the other; never returns.

    Args:
        handle: the caller's work. While it runs nothing is read, so a slow one slows the server down.
        on_state: told in a few words about connecting, connected and waiting.

    Raises:
        ConnectionRefusedForGood: wrong key, unknown agent, or a terminal close code.
        Exception: whatever `handle` raises.

    Cancellation:
        Closes the socket.
    """
    listening = Listening()
    waits = _Waits()

    async def take(frame: str) -> None:
        waits.reset()
        event = msgspec.json.decode(frame)
        if listening.is_new(event["id"]):
            await handle(event)

    while True:
        reason = await _one_connection(base_url, api_key, email, take, on_state)
        wait = waits.next()
        on_state(f"{reason}; trying again in {wait:g} s")
        await trio.sleep(wait)


class _Waits:
    def __init__(self) -> None:
        self._wait = FIRST_WAIT_SECONDS

    def reset(self) -> None:
        self._wait = FIRST_WAIT_SECONDS

    def next(self) -> float:
        wait, self._wait = self._wait, min(LONGEST_WAIT_SECONDS, self._wait * 2)
        return wait


async def _one_connection(
    base_url: str,
    api_key: str,
    email: str,
    take: Callable[[str], Awaitable[None]],
    on_state: Callable[[str], None],
) -> str:
    """Read frames until the connection ends; why it may be tried again, in a few words."""
    on_state("connecting")
    try:
        await _converse(urlsplit(socket_url(base_url, email)), api_key, take, on_state)
    except _HandlerFailed as failed:
        raise failed.error from None
    except ConnectionClosed as closed:
        code = closed.reason.code if closed.reason is not None else 1006
        why = (closed.reason.reason if closed.reason is not None else None) or ""
        if code not in TRANSIENT:
            raise ConnectionRefusedForGood(f"closed with {code} {why}".strip()) from closed
        return f"closed with {code} {why}".strip()
    except ConnectionRejected as error:
        if error.status_code < 500 and error.status_code != 429:
            raise ConnectionRefusedForGood(_rejection(error)) from error
        return f"the server answered {error.status_code}"
    except trio.TooSlowError:
        return "the server is silent"
    except (OSError, trio.BrokenResourceError) as error:
        return f"no connection ({_reason(error)})"
    return "the connection ended"


async def _converse(
    url: SplitResult, api_key: str, take: Callable[[str], Awaitable[None]], on_state: Callable[[str], None]
) -> None:
    """Connect and pass frames on until either side has enough.

    The TCP connection is ours from its first moment: the library leaves a refused one, and one that
    the server closed, to the garbage collector.

    Raises:
        ConnectionClosed, ConnectionRejected, OSError, BrokenResourceError, TooSlowError: the end of the connection.
        _HandlerFailed: the caller's own failure.
    """
    with trio.fail_after(CONNECT_SECONDS):
        stream = await _dial(url)
    try:
        async with trio.open_nursery() as reader:
            with trio.fail_after(CONNECT_SECONDS):
                socket = await wrap_client_stream(
                    reader,
                    stream,
                    url.netloc,
                    url.path,
                    extra_headers=[(b"Authorization", f"Bearer {api_key}".encode())],
                    max_message_size=MAX_FRAME_BYTES,
                )
            on_state("connected")
            try:
                await _pass_on(socket, take)
            finally:
                with trio.move_on_after(CLOSE_SECONDS, shield=True):
                    await socket.aclose()
    except ExceptionGroup as group:
        raise _only(group) from None
    finally:
        await trio.aclose_forcefully(stream)


async def _dial(url: SplitResult) -> "trio.SocketStream | trio.SSLStream[trio.SocketStream]":
    assert url.hostname is not None, "every address of a deployment has a host"
    if url.scheme == "ws":
        return await trio.open_tcp_stream(url.hostname, url.port or 80)
    return await trio.open_ssl_over_tcp_stream(url.hostname, url.port or 443, https_compatible=True)


def _only(group: ExceptionGroup[Exception]) -> Exception:
    """The failure in a group; of several the first, since the others are its consequences."""
    first = group.exceptions[0]
    return _only(first) if isinstance(first, ExceptionGroup) else first


async def _pass_on(socket: WebSocketConnection, take: Callable[[str], Awaitable[None]]) -> NoReturn:
    while True:
        frame = await _next_frame(socket)
        try:
            await take(frame)
        except Exception as error:
            # Whatever it is, it is the caller's: not to be taken for trouble with the connection.
            raise _HandlerFailed(error) from error


async def _next_frame(socket: WebSocketConnection) -> str:
    """The next message. A connection that is silent for long is tried with a ping.

    Raises:
        ConnectionClosed: by either side.
        TooSlowError: the peer vanished without a word.
    """
    while True:
        with trio.move_on_after(SILENCE_SECONDS):
            frame = await socket.get_message()
            return frame if isinstance(frame, str) else frame.decode()
        with trio.fail_after(PONG_SECONDS):
            await socket.ping()


def _reason(error: BaseException) -> str:
    """The text of what is at the bottom of it."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif error.__cause__ is not None:
            error = error.__cause__
        else:
            break
    return str(error) or type(error).__name__


def _rejection(error: ConnectionRejected) -> str:
    try:
        message = msgspec.json.decode(error.body or b"{}")["error"]["message"]
    except (msgspec.DecodeError, KeyError, TypeError):
        message = "the handshake was refused"
    return f"{error.status_code}: {message}"
