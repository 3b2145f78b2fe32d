"""Handing a message on to a program on this computer: exactly as the deployment answered it.

The body is the deployment's answer octet for octet, and the `X-E2A-Auth-*` fields in it go along as HTTP fields as
they came: nothing is decoded and encoded again, nothing is signed again, so that whoever gets it can check it.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import trio
from attrs import field, frozen

from e2ad import __version__
from e2ad.cli.context import Context
from e2ad.cli.following import answer_of

__all__ = ["Answered", "Forwarding", "headers_of", "reply_of"]

ANSWER_SECONDS: Final = 30.0
THINKING_SECONDS: Final = 300.0
"""What answers at /v1/responses is a model that takes its time."""
MAX_ANSWER_BYTES: Final = 4_194_304
MODEL: Final = "openclaw"


@frozen
class Answered:
    """What the far side said, and how long it took; `error` if it said nothing."""

    status: int
    seconds: float
    body: bytes = b""
    error: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the far side says that it has it (contract: success is a status below 300)."""
        return 200 <= self.status < 300

    @property
    def words(self) -> str:
        """In a line."""
        return self.error or f"{self.status} after {self.seconds * 1000:.0f} ms"


@frozen
class Forwarding:
    """Where messages go.

    Attributes:
        token: sent along as a bearer; may be empty.
        seconds: how long one POST may take; None for what suits the address.
    """

    url: str
    token: str = field(default="", repr=False)
    seconds: float | None = None

    @property
    def is_responses(self) -> bool:
        """Whether a model answers there, and what it says is sent as a reply (contract: the client's listen)."""
        return urlsplit(self.url).path.rstrip("/").endswith("/v1/responses")

    async def post(self, content: bytes, headers: Mapping[str, str]) -> Answered:
        """POST something, within the time.

        Cancellation:
            Ends the connection.
        """
        allowed = self.seconds or (THINKING_SECONDS if self.is_responses else ANSWER_SECONDS)
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent = {"Content-Type": "application/json", "User-Agent": f"e2a-cli/{__version__}", **headers, **bearer}
        began = time.monotonic()

        def answered(status: int, body: bytes = b"", error: str = "") -> Answered:
            return Answered(status, time.monotonic() - began, body, error)

        with trio.move_on_after(allowed):
            try:
                async with (
                    httpx2.AsyncClient(timeout=None, trust_env=False, follow_redirects=False) as http,
                    http.stream("POST", self.url, content=content, headers=sent) as response,
                ):
                    body = bytearray()
                    async for piece in response.aiter_bytes():
                        body += piece
                        if len(body) > MAX_ANSWER_BYTES:
                            break
                    return answered(response.status_code, bytes(body))
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                return answered(0, error=str(error) or type(error).__name__)
        return answered(0, error=f"no answer within {allowed:g} s")

    async def hand_over(self, context: Context, email: str, message_id: str, say: Callable[[str], None]) -> Answered:
        """Post a message; for a model, as a question whose answer is sent. It counts as read once it was taken.

        Raises:
            E2AError: the deployment does not give the message, or does not take the answer.
        """
        exact = await answer_of(lambda: context.plain.messages.get_exact(email, message_id, mark_read=False))
        message = json.loads(exact)
        if self.is_responses:
            answered = await self.post(_question(message), {})
        else:
            answered = await self.post(exact, headers_of(message))
        say(f"{'forwarded' if answered.is_taken else 'could not forward'} {message_id}: {answered.words}")
        if not answered.is_taken:
            return answered
        await trio.to_thread.run_sync(
            lambda: context.plain.messages.update_labels(email, message_id, {"read_status": "read"})
        )
        if self.is_responses and (text := reply_of(answered.body)):
            # The same key for the same message: if it is handed over twice, it is answered once.
            result = await trio.to_thread.run_sync(
                lambda: context.plain.messages.reply(
                    email, message_id, {"text": text}, idempotency_key=f"e2a-listen-{message_id}"
                )
            )
            say(f"answered {message_id}: {str(result['status']).replace('_', ' ')} ({result['message_id']})")
        return answered


def headers_of(message: Mapping[str, Any]) -> dict[str, str]:
    """The `X-E2A-Auth-*` fields of a message, or of an event, as they came."""
    found = message.get("auth_headers")
    return {
        str(name): str(value)
        for name, value in (found.items() if isinstance(found, Mapping) else ())
        if str(name).lower().startswith("x-e2a-auth-") and str(value).isprintable() and str(value).isascii()
    }


def _question(message: Mapping[str, Any]) -> bytes:
    """A message as a model is asked about it."""
    lines = [
        f"From: {message.get('header_from') or '(nobody)'}",
        f"Verified sender: {message.get('verified_domain') or 'no'}",
        f"Subject: {message.get('subject') or ''}",
        "",
        str((message.get("parsed") or {}).get("text") or ""),
    ]
    return json.dumps({"model": MODEL, "input": "\n".join(lines)}).encode()


def reply_of(body: bytes) -> str:
    """The text in what a model answered: `output_text`, or its pieces in `output`; empty if there is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(document, dict):
        return ""
    if isinstance(text := document.get("output_text"), str):
        return text.strip()
    pieces = []
    for item in document.get("output") or []:
        for part in (item.get("content") or []) if isinstance(item, dict) else []:
            if isinstance(part, dict) and part.get("type") == "output_text":
                pieces.append(str(part.get("text") or ""))
    return "".join(pieces).strip()
