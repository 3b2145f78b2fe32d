"""`e2ad dev hook`: a webhook's far side to look at, which checks what it gets the way a receiver should.

It needs the account's signing secrets for that and asks the running `e2ad dev` for them. A
program in the foreground that serves one developer: plain threads, no event loop.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from e2ad.core import mime
from e2ad.core.signing import verify_auth_headers
from e2ad.dev.folder import RUNNING, read_document
from e2ad.sdk import E2AClient, E2AError

__all__ = ["Posted", "open_hook", "signing_secrets"]

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
_LOOPBACK: Final = "127.0.0.1"


@frozen
class Posted:
    """One delivery. `signed` is None where the body carries no mail whose hash could be checked."""

    path: str
    sender: str
    subject: str
    verified: str
    signed: bool | None
    document: Any

    def line(self) -> str:
        """In a few words."""
        mark = {True: "signature good", False: "SIGNATURE BAD", None: "signature not checked"}[self.signed]
        return f"{self.sender or '(no sender)'}  {self.subject or '(no subject)'}  [verified: {self.verified}; {mark}]"


def signing_secrets(folder: Path) -> list[str]:
    """The secrets of the dev account; none when nothing runs there, so that nothing can be checked."""
    running = read_document(folder / RUNNING)
    key, url = running.get("api_key"), running.get("api_url")
    if not (key and url):
        return []
    try:
        with E2AClient(str(key), base_url=str(url), max_retries=0) as client:
            listed = client.request("GET", "/api/v1/users/me/signing-secrets")
    except E2AError:
        return []
    return [str(secret["secret"]) for secret in listed["secrets"]]


def open_hook(
    port: int, secrets: Callable[[], Sequence[str]], on_posted: Callable[[Posted], None]
) -> ThreadingHTTPServer:
    """A server that answers 200 to every POST and tells of it; `serve_forever` runs it.

    Args:
        port: on loopback; 0 picks a free one.
        secrets: asked at each delivery, since they may be rotated.
        on_posted: called in the request's own thread.

    Raises:
        OSError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            """Read, check, tell, answer."""
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MAX_BODY_BYTES:
                self.send_error(411)
                return
            on_posted(_posted(self.path, dict(self.headers), self.rfile.read(int(length)), secrets()))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Nothing: deliveries are told in our own words."""

    return ThreadingHTTPServer((_LOOPBACK, port), Handler)


def _posted(path: str, headers: dict[str, str], body: bytes, secrets: Sequence[str]) -> Posted:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    fields = document if isinstance(document, dict) else {}
    inside = fields.get("auth_headers")
    if isinstance(inside, dict):  # where `e2a listen --forward` has them
        headers = {str(name): str(value) for name, value in inside.items()} | headers
    by_name = {name.lower(): value for name, value in headers.items()}
    data = fields.get("data") if isinstance(fields.get("data"), dict) else fields
    signed: bool | None = None
    raw = data.get("raw_message") if isinstance(data, dict) else None
    if isinstance(raw, str) and secrets:
        try:
            mail = base64.b64decode(raw, validate=True)
            signed = verify_auth_headers(headers, mail, secrets, datetime.now(UTC))
        except binascii.Error:
            signed = False
    return Posted(
        path=path,
        sender=by_name.get("x-e2a-auth-sender", ""),
        subject=str(data.get("subject") or _subject(raw)) if isinstance(data, dict) else "",
        verified=by_name.get("x-e2a-auth-verified", "not said"),
        signed=signed,
        document=document,
    )


def _subject(raw: object) -> str:
    """Of the flat body, which has it inside the mail alone."""
    try:
        return mime.parse(base64.b64decode(raw)).subject if isinstance(raw, str) else ""
    except binascii.Error:
        return ""
