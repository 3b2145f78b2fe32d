"""Waiting on this computer for the key that a browser brings (contract: the client's login)."""

import hmac
import secrets
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qsl, urlencode

from attrs import frozen

__all__ = ["Handed", "Handoff"]

PATH: Final = "/callback"
MAX_FORM_BYTES: Final = 16_384
REQUEST_SECONDS: Final = 10.0
TICK_SECONDS: Final = 0.1

_PAGE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>e2a</title>'
    "<style>body{{font:1.1rem system-ui;margin:4rem auto;max-width:32rem;padding:0 1rem}}"
    "@media(prefers-color-scheme:dark){{body{{background:#111;color:#eee}}}}</style>"
    "<h1>{heading}</h1><p>{text}</p></html>"
)


@frozen
class Handed:
    """What the browser brought: a key and perhaps an inbox, or why there is none."""

    api_key: str = ""
    agent_email: str = ""
    error: str = ""


class Handoff:
    """Listens on loopback, for one form with one secret state; anything else is refused, and waited on.

    A page of a stranger can post here as well: it does not know the state, which is compared in constant time.
    """

    def __init__(self) -> None:
        self.state = secrets.token_hex(16)
        self._done = threading.Event()
        self._handed: Handed | None = None
        self._lock = threading.Lock()
        # A thread for each connection: browsers open some that they then say nothing on.
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.timeout = TICK_SECONDS

    @property
    def callback(self) -> str:
        """Where the form is to be posted."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{PATH}"

    def page(self, url: str) -> str:
        """The address to open in a browser, of the deployment at `url`."""
        return f"{url}/api/auth/login?{urlencode({'cli_callback': self.callback, 'cli_state': self.state})}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()

    def wait(self, seconds: float) -> Handed | None:
        """What came, or None when nothing did in this time."""
        deadline = time.monotonic() + seconds
        while not self._done.is_set() and time.monotonic() < deadline:
            self._server.handle_request()
        return self._handed

    def _take(self, form: Mapping[str, str]) -> tuple[int, str, str]:
        """Status, heading and text of the answer."""
        if not hmac.compare_digest(form.get("cli_state", "").encode(), self.state.encode()):
            return 403, "This was not asked for", "Nothing has happened. Begin again with: e2a login"
        if error := form.get("error"):
            handed, said = Handed(error=error), ("Not let in", "You said no. You can close this window.")
        elif not form.get("api_key", "").startswith("e2a_"):
            return 400, "No key came", "Nothing has happened. Begin again with: e2a login"
        else:
            handed = Handed(form["api_key"], form.get("agent_email", ""))
            said = ("You are in", "The command line has its key. You can close this window.")
        with self._lock:
            if self._handed is not None:
                return 409, "That was done already", "You can close this window."
            self._handed = handed
        return 200, *said

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        handoff = self

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_SECONDS

            def do_POST(self) -> None:
                host = f"127.0.0.1:{handoff._server.server_address[1]}"
                length = self.headers.get("Content-Length", "")
                if self.path != PATH or self.headers.get("Host") != host:
                    self.answer(404, "Nothing is here", "")
                elif not length.isdecimal() or int(length) > MAX_FORM_BYTES:
                    self.answer(413, "Too much", "")
                else:
                    octets = self.rfile.read(int(length))
                    form = dict(parse_qsl(octets.decode("utf-8", "replace"), keep_blank_values=True))
                    self.answer(*handoff._take(form))
                    if handoff._handed is not None:
                        handoff._done.set()  # after the answer: the program may end now

            def do_GET(self) -> None:
                if self.path == PATH:
                    self.answer(405, "A form is expected here", "", {"Allow": "POST"})
                else:
                    self.answer(404, "Nothing is here", "")

            do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - the library's names

            def answer(self, status: int, heading: str, text: str, more: Mapping[str, str] | None = None) -> None:
                page = _PAGE.format(heading=heading, text=text).encode()
                self.send_response(status)
                for name, value in {
                    "Content-Type": "text/html; charset=utf-8",
                    "Content-Length": str(len(page)),
                    "Cache-Control": "no-store",
                    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
                    "Referrer-Policy": "no-referrer",
                    "X-Content-Type-Options": "nosniff",
                    "Connection": "close",
                    **(more or {}),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                """Nothing of it is anybody's business."""

        return Handler
