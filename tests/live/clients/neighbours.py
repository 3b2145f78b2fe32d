"""What stands around a client under test: a sender, reports about mail, an endpoint, a cable that can be cut."""

import queue
import select
import smtplib
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

MULTIPART = (
    "From: Ada <ada@example.test>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}.{to}>\r\n"
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/plain\r\n\r\nHello {subject}\r\n"
    '--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="a.csv"\r\n\r\n1,2\r\n--b--\r\n'
)
REPORT = (
    "From: Mail Delivery <mailer-daemon@far.test>\r\nTo: {to}\r\nSubject: Report\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/report; report-type={kind}; boundary="r"\r\n\r\n'
    "--r\r\nContent-Type: text/plain\r\n\r\nA report.\r\n"
    "--r\r\nContent-Type: message/{type}\r\n\r\n{fields}\r\n--r--\r\n"
)


class Sender:
    """An ordinary mail server somewhere; and what far ones report about mail that they got."""

    def __init__(self, smtp: str) -> None:
        self.host, _, self.port = smtp.rpartition(":")

    def mail(self, to: str, subject: str) -> None:
        self.post("ada@example.test", to, MULTIPART.format(to=to, subject=subject))

    def report(self, to: str, recipient: str, action: str, status: str) -> None:
        fields = (
            "Reporting-MTA: dns; far.test\r\n\r\n"
            f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
            f"Diagnostic-Code: smtp; 550 {status} {action}\r\n"
        )
        self.post("", to, REPORT.format(to=to, kind="delivery-status", type="delivery-status", fields=fields))

    def complaint(self, to: str, recipient: str) -> None:
        fields = (
            "Feedback-Type: abuse\r\nUser-Agent: far/1\r\nVersion: 1\r\n"
            f"Original-Rcpt-To: {recipient}\r\nArrival-Date: Mon, 05 Jan 2026 10:00:00 +0000\r\n"
        )
        self.post("", to, REPORT.format(to=to, kind="feedback-report", type="feedback-report", fields=fields))

    def post(self, sender: str, to: str, content: str) -> None:
        with smtplib.SMTP(self.host, int(self.port), local_hostname="sender.test") as smtp:
            smtp.sendmail(sender, [to], content)


class Endpoint:
    """A webhook's far side; what it got is asked for."""

    def __init__(self) -> None:
        got: queue.Queue[tuple[dict[str, str], str]] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got.put(({name.lower(): value for name, value in self.headers.items()}, body.decode()))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        self.got = got


class Cable:
    """A way to the server that can be cut."""

    def __init__(self, base: str) -> None:
        place = urlsplit(base)
        self._far = (place.hostname, place.port)
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """All connections end; new ones are possible."""
        for pair in self._pairs:
            for one in pair:
                with suppress(OSError):  # over already
                    one.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def _accept(self) -> None:
        while True:
            near, _ = self._door.accept()
            pair = (near, socket.create_connection(self._far))
            self._pairs.append(pair)
            threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            while True:
                ready, _, _ = select.select([near, far], [], [])
                for one in ready:
                    octets = one.recv(65536)
                    if not octets:
                        return
                    (far if one is near else near).sendall(octets)
