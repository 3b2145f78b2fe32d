"""A small synchronous client: what the command line needs of `/v1`."""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx2

from e2ad.sdk.errors import E2AConnectionError, E2AError

__all__ = ["E2AClient"]

DEFAULT_URL = "http://127.0.0.1:8080"


class E2AClient:
    """One deployment, one credential.

    Args:
        api_key: an account or agent key.
        base_url: the deployment's root, without `/v1`.
        timeout_seconds: for each phase of each request.
    """

    def __init__(self, api_key: str, base_url: str = DEFAULT_URL, *, timeout_seconds: float = 30.0) -> None:
        self.api_key = api_key
        self.base_url = base_url.rstrip("/")
        self._http = httpx2.Client(
            base_url=self.base_url,
            headers={"Authorization": f"Bearer {api_key}", "User-Agent": "e2a-cli"},
            timeout=timeout_seconds,
            trust_env=False,
        )

    def __enter__(self) -> "E2AClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Mapping[str, Any]:
        """One call; the decoded JSON object of a 2xx.

        Raises:
            E2AError: any other status.
            E2AConnectionError: no answer.
        """
        parameters = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        try:
            response = self._http.request(method, path, params=parameters, json=body)
        except httpx2.HTTPError as error:
            raise E2AConnectionError(f"{self.base_url} cannot be reached: {error}") from error
        try:
            document = response.json()
        except ValueError:
            document = {}
        if not response.is_success:
            raise E2AError(response.status_code, document if isinstance(document, Mapping) else {})
        return document if isinstance(document, Mapping) else {}

    def pages(self, path: str, query: Mapping[str, Any], limit: int | None = None) -> Iterator[Mapping[str, Any]]:
        """The items of a list, page after page, at most `limit` of them."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            size = 100 if left is None else min(left, 100)
            page = self.request("GET", path, query={**query, "limit": size, "cursor": cursor})
            items = page["items"]
            yield from items
            cursor = page["next_cursor"]
            if left is not None:
                left -= len(items)
            if cursor is None:
                return

    # Agents

    def list_agents(self) -> Iterator[Mapping[str, Any]]:
        """Every agent of the account, newest first."""
        return self.pages("/v1/agents", {})

    def create_agent(self, **fields: Any) -> Mapping[str, Any]:
        """Make an agent by `email` or `slug`."""
        return self.request("POST", "/v1/agents", body=fields)

    def get_agent(self, email: str) -> Mapping[str, Any]:
        """One agent."""
        return self.request("GET", _agent(email))

    def update_agent(self, email: str, **fields: Any) -> Mapping[str, Any]:
        """Change what is given, leave the rest."""
        return self.request("PATCH", _agent(email), body=fields)

    def delete_agent(self, email: str, *, permanent: bool = False) -> Mapping[str, Any]:
        """Put an agent into the trash, or remove it for good."""
        query = {"confirm": "DELETE", "permanent": permanent or None}
        return self.request("DELETE", _agent(email), query=query)

    # Messages

    def list_messages(self, email: str, *, limit: int | None = None, **query: Any) -> Iterator[Mapping[str, Any]]:
        """Messages of an inbox; the query parameters are those of `listMessages`."""
        return self.pages(f"{_agent(email)}/messages", query, limit)

    def get_message(self, email: str, message_id: str) -> Mapping[str, Any]:
        """One message, whole; an unread one becomes read."""
        return self.request("GET", f"{_agent(email)}/messages/{quote(message_id, safe='')}")

    def info(self) -> Mapping[str, Any]:
        """What the deployment says of itself; needs no credential."""
        return self.request("GET", "/v1/info")


def _agent(email: str) -> str:
    return f"/v1/agents/{quote(email, safe='')}"


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
