"""The clients: one deployment, one credential, all that the API can do."""

import os
import re
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias
from urllib.parse import urlsplit

import httpx2
from attrs import evolve, field, frozen

from e2ad import __version__
from e2ad.sdk.drivers import AsyncDriver, SyncDriver
from e2ad.sdk.errors import E2AValidationError
from e2ad.sdk.exchange import Patience
from e2ad.sdk.faces import Async, AsyncPlain, Plain, Sync
from e2ad.sdk.resources.tree import Tree

if TYPE_CHECKING:
    from e2ad.sdk.streams import SyncStream, WSStream

__all__ = ["AsyncE2AClient", "AsyncPlainClient", "E2AClient", "PlainClient"]

DEFAULT_URL: Final = "http://127.0.0.1:8080"
ADDRESSES: Final = ("E2A_API_URL", "E2A_URL", "E2A_BASE_URL")
"""Where the environment says which deployment it is; the first that is set counts."""

PlainClient: TypeAlias = Tree[Plain]
"""What `E2AClient.plain` is."""
AsyncPlainClient: TypeAlias = Tree[AsyncPlain]
"""What `AsyncE2AClient.plain` is."""


@frozen
class Connecting:
    """How to reach a deployment: what a caller gave, completed from the environment and checked.

    Raises:
        E2AValidationError: something that cannot work, said before anything is sent.
    """

    api_key: str | None = field(repr=False)
    base_url: str
    timeout_seconds: float | None

    @classmethod
    def of(cls, api_key: str | None, base_url: str | None, timeout_ms: float | None) -> "Connecting":
        """From the arguments of a client."""
        given = next(filter(None, (base_url, *map(os.environ.get, ADDRESSES))), DEFAULT_URL)
        key = (api_key or os.environ.get("E2A_API_KEY") or "").strip()
        if not re.fullmatch("[!-~]*", key) or key.startswith(("http:", "https:")):
            raise E2AValidationError(
                "the API key is none: it is the bare e2a_..., with nothing before or after", code="invalid_api_key"
            )
        return cls(key or None, _address(given), timeout_ms / 1000 if timeout_ms else None)

    def options(self) -> dict[str, Any]:
        """For the HTTP client. The environment of the process has no say: a proxy would see the mail."""
        headers = {"User-Agent": f"e2ad-python/{__version__}", "Accept": "application/json"}
        if self.api_key is not None:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return {
            "base_url": self.base_url,
            "headers": headers,
            "timeout": httpx2.Timeout(self.timeout_seconds),
            # Reading all the authorities of the system takes longer than a call: not where none is asked.
            "verify": self.base_url.startswith("https:") or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            "trust_env": False,
            "follow_redirects": False,
        }


def _address(given: str) -> str:
    # Many an API is given with its version; here each path begins with it.
    url = given.strip().rstrip("/").removesuffix("/v1").rstrip("/")
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not url.isprintable() or set(url) & set(" ?#"):
        shown = "an API key" if url.startswith("e2a_") else repr(given)
        raise E2AValidationError(
            f"base_url is like https://mail.example.com or {DEFAULT_URL}, unlike {shown}", code="invalid_base_url"
        )
    return url


def _patience(max_retries: int, max_elapsed_ms: float | None) -> Patience:
    return Patience(max(max_retries, 0), None if max_elapsed_ms is None else max_elapsed_ms / 1000)


class E2AClient(Tree[Sync]):
    """Blocks, and answers with models; `plain` answers with JSON values. Several threads may share one.

    Args:
        api_key: `E2A_API_KEY` of the environment if None.
        base_url: of the deployment; else `E2A_API_URL`, `E2A_URL`, `E2A_BASE_URL`, then this machine.
        max_retries: attempts after the first, of what may be tried twice.
        max_elapsed_ms: no further attempt begins later than this.
        timeout_ms: of one wait for the server; 0 or None waits for ever.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        max_retries: int = 2,
        max_elapsed_ms: float | None = None,
        timeout_ms: float | None = 30_000,
    ) -> None:
        self._connecting = Connecting.of(api_key, base_url, timeout_ms)
        self._http = httpx2.Client(**self._connecting.options())
        driver = SyncDriver(self._http, _patience(max_retries, max_elapsed_ms))
        super().__init__(driver)
        self._closing = driver.closing
        self.plain: PlainClient = Tree(evolve(driver, is_plain=True))

    @property
    def base_url(self) -> str:
        """Of the deployment, without a slash at its end."""
        return self._connecting.base_url

    def listen(
        self,
        email: str,
        *,
        after: str | None = None,
        seconds: float | None = None,
        on_state: Callable[[str], object] | None = None,
        reconnect: bool = True,
    ) -> "SyncStream":
        """Mail to an agent as it comes in, over a WebSocket that is kept up; what is unread comes first.

        Args:
            after: the id of an event: begin with what came behind it, read or not, instead of with all that is unread.
            seconds: end after so long.
            on_state: told in a few words about connecting, connected, waiting.
            reconnect: False to end with E2AConnectionError where the connection does.
        """
        from e2ad.sdk import streams  # what calls alone need not load

        return streams.SyncStream.of(
            self.base_url,
            self._connecting.api_key,
            email,
            after=after,
            seconds=seconds,
            on_state=on_state,
            reconnect=reconnect,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.base_url}>"

    def close(self) -> None:
        """Close all connections, and end what other threads wait for between attempts."""
        self._http.close()
        self._closing.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncE2AClient(Tree[Async]):
    """Awaits, under asyncio or Trio, and answers with models; `plain` answers with JSON values.

    Args: as those of `E2AClient`.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        max_retries: int = 2,
        max_elapsed_ms: float | None = None,
        timeout_ms: float | None = 30_000,
    ) -> None:
        self._connecting = Connecting.of(api_key, base_url, timeout_ms)
        self._http = httpx2.AsyncClient(**self._connecting.options())
        driver = AsyncDriver(self._http, _patience(max_retries, max_elapsed_ms))
        super().__init__(driver)
        self.plain: AsyncPlainClient = Tree(evolve(driver, is_plain=True))

    @property
    def base_url(self) -> str:
        """Of the deployment, without a slash at its end."""
        return self._connecting.base_url

    def listen(
        self,
        email: str,
        *,
        after: str | None = None,
        seconds: float | None = None,
        on_state: Callable[[str], object] | None = None,
        reconnect: bool = True,
    ) -> "WSStream":
        """Mail to an agent as it comes in, over a WebSocket that is kept up; what is unread comes first.

        `async with client.listen(email) as events: async for event in events` answers the server's pings while you
        work; plain `async for event in client.listen(email)` works too, see `WSStream`.

        Args: as those of `E2AClient.listen`.
        """
        from e2ad.sdk import streams  # what calls alone need not load

        return streams.WSStream.of(
            self.base_url,
            self._connecting.api_key,
            email,
            after=after,
            seconds=seconds,
            on_state=on_state,
            reconnect=reconnect,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.base_url}>"

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
