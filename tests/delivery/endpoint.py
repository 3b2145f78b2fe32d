"""A far endpoint that speaks real HTTP over real sockets, and misbehaves on request."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h11
import trio
from attrs import define, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@frozen
class Received:
    """One request as the endpoint saw it."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@frozen
class Answer:
    """What to say. `delay` before the status line; `body` may be endless."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"ok"
    delay: float = 0.0
    never: bool = False
    reset: bool = False
    raw: bytes | None = None
    endless: bool = False
    close_after: bool = False


@define
class Endpoint:
    """Its address, what came, and what it answers next (the last answer is repeated)."""

    port: int = 0
    scheme: str = "http"
    answers: list[Answer] = field(factory=lambda: [Answer()])
    received: list[Received] = field(factory=list)
    connections: int = 0
    running: int = 0
    most_running: int = 0
    reply: Callable[[Received], Answer] | None = None
    _arrived: trio.Event = field(factory=trio.Event)

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def wait_received(self, count: int, seconds: float = 10.0) -> list[Received]:
        with trio.fail_after(seconds):
            while len(self.received) < count:
                await self._arrived.wait()
        return self.received

    async def serve(self, stream: trio.abc.Stream) -> None:
        self.connections += 1
        try:
            if isinstance(stream, trio.SSLStream):
                await stream.do_handshake()
            await self._serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        protocol = h11.Connection(h11.SERVER)
        while True:
            path, headers, body = "", {}, b""
            while True:
                event = protocol.next_event()
                if event is h11.NEED_DATA:
                    protocol.receive_data(await stream.receive_some(65536))
                elif isinstance(event, h11.Request):
                    path = event.target.decode()
                    headers = {name.decode(): value.decode() for name, value in event.headers}
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    break
                else:
                    return
            request = Received(path, headers, body, trio.current_time())
            self.received.append(request)
            self._arrived.set()
            self._arrived = trio.Event()
            answer = self.reply(request) if self.reply else self._next_answer()
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            try:
                if not await self._answer(stream, protocol, answer):
                    return
            finally:
                self.running -= 1
            if protocol.our_state is h11.MUST_CLOSE:
                return
            protocol.start_next_cycle()

    def _next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def _answer(self, stream: trio.abc.Stream, protocol: h11.Connection, answer: Answer) -> bool:
        await trio.sleep(answer.delay)
        if answer.never:
            await trio.sleep_forever()
        if answer.reset:
            return False
        if answer.raw is not None:
            await stream.send_all(answer.raw)
            return False
        headers = [*answer.headers]
        if answer.endless:
            head = protocol.send(
                h11.Response(status_code=answer.status, headers=[*headers, ("Content-Length", "99999999999")])
            )
            await stream.send_all(head or b"")
            while True:
                await stream.send_all(b"x" * 65536)
        headers.append(("Content-Length", str(len(answer.body))))
        parts = [
            protocol.send(h11.Response(status_code=answer.status, headers=headers)),
            protocol.send(h11.Data(data=answer.body)),
            protocol.send(h11.EndOfMessage()),
        ]
        await stream.send_all(b"".join(part for part in parts if part))
        return not answer.close_after


@asynccontextmanager
async def open_endpoint(tls: ssl.SSLContext | None = None) -> AsyncIterator[Endpoint]:
    """Serve on a free port of 127.0.0.1 for the time of the block."""
    endpoint = Endpoint(scheme="https" if tls else "http")
    listeners: list[trio.abc.Listener] = list(await trio.open_tcp_listeners(0, host="127.0.0.1"))
    endpoint.port = listeners[0].socket.getsockname()[1]
    if tls:
        listeners = [trio.SSLListener(listeners[0], tls, https_compatible=True)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, endpoint.serve, listeners)
        yield endpoint
        nursery.cancel_scope.cancel()


@frozen
class CertificateAuthority:
    """A certificate authority of the test's own, and one server certificate by it."""

    ca_file: Path
    server: ssl.SSLContext


def make_ca(folder: Path, names: tuple[str, ...] = ("hooks.example.com", "localhost")) -> CertificateAuthority:
    """Make both; the certificate is good for `names`."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "e2ad test CA")])
    ca = _certificate(ca_name, ca_name, ca_key, ca_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), True
    )
    ca = ca.add_extension(_usage(sign=True), True)
    ca_certificate = ca.sign(ca_key, hashes.SHA256())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    leaf = (
        _certificate(subject, ca_name, key, ca_key)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        .sign(ca_key, hashes.SHA256())
    )
    ca_file, chain, key_file = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    ca_file.write_bytes(ca_certificate.public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key_file)
    return CertificateAuthority(ca_file, context)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=sign,
        encipher_only=False,
        decipher_only=False,
    )


@define
class StaticResolver:
    """A resolver that knows what it is told, and counts how often it is asked."""

    names: dict[str, list[str]]
    asked: list[str] = field(factory=list)
    hook: Callable[[str], Awaitable[None]] | None = None

    async def addresses(self, host: str) -> list[str]:
        self.asked.append(host)
        if self.hook is not None:
            await self.hook(host)
        await trio.lowlevel.checkpoint()
        if host not in self.names:
            raise LookupError(host)
        return self.names[host]


@frozen
class Settings:
    """The `[egress]` section as tests want it."""

    allow_networks: tuple[str, ...] = ("127.0.0.0/8",)
    allow_http: bool = True
    ca_file: str | None = None
