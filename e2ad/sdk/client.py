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
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        idempotency_key: str | None = None,
    ) -> Mapping[str, Any]:
        """One call; the decoded JSON object of a 2xx.

        Args:
            idempotency_key: a repeat with the same key and the same body has the effect of one.

        Raises:
            E2AError: any other status.
            E2AConnectionError: no answer.
        """
        parameters = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        try:
            response = self._http.request(method, path, params=parameters, json=body, headers=headers)
        except httpx2.HTTPError as error:
            before = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
            raise E2AConnectionError(
                f"{self.base_url} {'cannot be reached' if before else 'did not answer'}: {error}",
                maybe_done=not before,
            ) from error
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
        return self.request("GET", _message(email, message_id))

    def get_lifecycle(self, email: str, message_id: str) -> Iterator[Mapping[str, Any]]:
        """What happened to a message, oldest first."""
        return self.pages(f"{_message(email, message_id)}/lifecycle", {})

    def resolve_message(self, email: str, message_id: str, outcome: str) -> Mapping[str, Any]:
        """Decide about recipients of unknown outcome: `sent`, `failed` or `resend`."""
        return self.request("POST", f"{_message(email, message_id)}/resolve", body={"outcome": outcome})

    # Mail out. `body` is that of the operation; a repeat with the same `idempotency_key` sends nothing twice.

    def send_message(
        self, email: str, body: Mapping[str, Any], *, idempotency_key: str, wait: bool = False
    ) -> Mapping[str, Any]:
        """Send a mail as an agent; with `wait`, the answer comes when it has left, after 15 seconds at the latest."""
        return self._send(f"{_agent(email)}/messages", body, idempotency_key, wait=wait)

    def reply(
        self, email: str, message_id: str, body: Mapping[str, Any], *, idempotency_key: str, wait: bool = False
    ) -> Mapping[str, Any]:
        """Answer a message."""
        return self._send(f"{_message(email, message_id)}/reply", body, idempotency_key, wait=wait)

    def forward(
        self, email: str, message_id: str, body: Mapping[str, Any], *, idempotency_key: str, wait: bool = False
    ) -> Mapping[str, Any]:
        """Send a message on, with its files."""
        return self._send(f"{_message(email, message_id)}/forward", body, idempotency_key, wait=wait)

    def test_agent(self, email: str) -> Mapping[str, Any]:
        """Have the deployment write to an agent."""
        return self.request("POST", f"{_agent(email)}/test", body={})

    def _send(self, path: str, body: Mapping[str, Any], idempotency_key: str, *, wait: bool) -> Mapping[str, Any]:
        query = {"wait": "sent" if wait else None}
        return self.request("POST", path, query=query, body=body, idempotency_key=idempotency_key)

    # What a person decides

    def list_reviews(self, *, limit: int | None = None) -> Iterator[Mapping[str, Any]]:
        """Every message that waits for a decision, newest first."""
        return self.pages("/v1/reviews", {}, limit)

    def get_review(self, message_id: str) -> Mapping[str, Any]:
        """One of them, whole; answers for any other message of the account too, and marks none as read."""
        return self.request("GET", _review(message_id))

    def approve_review(self, message_id: str, *, idempotency_key: str, **fields: Any) -> Mapping[str, Any]:
        """Let it go, changed as `fields` say; `content_sha256` binds the decision to what was seen."""
        return self.request("POST", f"{_review(message_id)}/approve", body=fields, idempotency_key=idempotency_key)

    def reject_review(self, message_id: str, **fields: Any) -> Mapping[str, Any]:
        """Keep it from going, for good."""
        return self.request("POST", f"{_review(message_id)}/reject", body=fields)

    def edit_review(self, message_id: str, **fields: Any) -> Mapping[str, Any]:
        """Change a held draft, and leave it held."""
        return self.request("PATCH", _review(message_id), body=fields)

    def get_protection(self, email: str) -> Mapping[str, Any]:
        """What an agent's owner wants a person to decide."""
        return self.request("GET", f"{_agent(email)}/protection")

    def put_protection(self, email: str, protection: Mapping[str, Any]) -> Mapping[str, Any]:
        """Replace it, all of it."""
        return self.request("PUT", f"{_agent(email)}/protection", body=protection)

    # Who is not written to

    def list_suppressions(self, email: str | None = None) -> Iterator[Mapping[str, Any]]:
        """Blocked recipients: of the account, or of one agent."""
        return self.pages(_suppressions(email), {})

    def add_suppression(self, email: str, address: str, **fields: Any) -> Mapping[str, Any]:
        """Block a recipient for an agent."""
        return self.request("POST", _suppressions(email), body={"address": address, **fields})

    def remove_suppression(self, email: str | None, address: str) -> Mapping[str, Any]:
        """Unblock one."""
        path = f"{_suppressions(email)}/{quote(address, safe='')}"
        return self.request("DELETE", path, query={"confirm": "DELETE"})

    # Domains

    def list_domains(self) -> Iterator[Mapping[str, Any]]:
        """All domains of the account, newest first."""
        return self.pages("/v1/domains", {})

    def register_domain(self, domain: str) -> Mapping[str, Any]:
        """Claim a name; the answer has the records to publish."""
        return self.request("POST", "/v1/domains", body={"domain": domain})

    def get_domain(self, domain: str) -> Mapping[str, Any]:
        """One domain with its records as they were last seen."""
        return self.request("GET", _domain(domain))

    def verify_domain(self, domain: str) -> Mapping[str, Any]:
        """Have the deployment look at the DNS now."""
        return self.request("POST", f"{_domain(domain)}/verify")

    def rotate_domain_keys(self, domain: str) -> Mapping[str, Any]:
        """Make new DKIM keys."""
        return self.request("POST", f"{_domain(domain)}/rotate-keys")

    def delete_domain(self, domain: str) -> Mapping[str, Any]:
        """Give a name up."""
        return self.request("DELETE", _domain(domain), query={"confirm": "DELETE"})

    # The rest

    def account(self) -> Mapping[str, Any]:
        """Whose credential this is, and what it may use."""
        return self.request("GET", "/v1/account")

    def info(self) -> Mapping[str, Any]:
        """What the deployment says of itself; needs no credential."""
        return self.request("GET", "/v1/info")


def _agent(email: str) -> str:
    return f"/v1/agents/{quote(email, safe='')}"


def _domain(domain: str) -> str:
    return f"/v1/domains/{quote(domain, safe='')}"


def _message(email: str, message_id: str) -> str:
    return f"{_agent(email)}/messages/{quote(message_id, safe='')}"


def _review(message_id: str) -> str:
    return f"/v1/reviews/{quote(message_id, safe='')}"


def _suppressions(email: str | None) -> str:
    return f"{_agent(email)}/suppressions" if email else "/v1/account/suppressions"


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
