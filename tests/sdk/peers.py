"""Servers that answer as a test says, well or badly."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import field, frozen

__all__ = ["Asked", "Told", "answering", "json_of", "raw"]


@frozen
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@frozen
class Told:
    """What to answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(factory=dict)


def json_of(value: Any, status: int = 200, **headers: str) -> Told:
    """A JSON answer."""
    return Told(status, json.dumps(value).encode(), {name.replace("_", "-"): text for name, text in headers.items()})


@contextmanager
def answering(answer: Callable[[Asked], Told]) -> Iterator[str]:
    """A server on loopback for the time of the block; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # an answer in one piece, not waiting for an acknowledgement of its head

        def do(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = answer(Asked(self.command, self.path, headers, body))
            with suppress(OSError):
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(told.body)))
                self.end_headers()
                self.wfile.write(told.body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # many may come at once
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def raw(octets: bytes, *, keep: bool = False) -> Iterator[str]:
    """A server that answers each connection with these octets, whatever was asked, and closes it unless `keep`."""
    listening = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def run() -> None:
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            with suppress(OSError):
                peer.recv(65536)
                peer.sendall(octets)
            if keep:
                kept.append(peer)
            else:
                peer.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
        for peer in kept:
            peer.close()
