"""STARTTLS with certificates of a CA of our own, renewed while the server runs."""

import os
import smtplib
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from e2ad.listeners import open_listeners
from e2ad.smtp import tls
from e2ad.smtp.server import SmtpSettings, serve
from tests.smtp.dialog import Postbox

pytestmark = pytest.mark.live


class Authority:
    """A CA and the server's two files."""

    def __init__(self, folder: Path) -> None:
        self.cert, self.key, self.ca = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
        self._written = 0
        builder = self._builder(self._name, self._key.public_key(), x509.BasicConstraints(True, None))
        key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(key_id, critical=False).add_extension(usage, critical=True)
        self.ca.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        self.renew()

    def renew(self) -> int:
        """Write a new pair; its serial number."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.test")])
        builder = self._builder(name, key.public_key(), x509.BasicConstraints(False, None))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("mx.test")]), critical=False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = builder.add_extension(authority, critical=False).sign(self._key, hashes.SHA256())
        pem, raw, plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.write(self.cert, certificate.public_bytes(pem))
        self.write(self.key, key.private_bytes(pem, raw, plain))
        return certificate.serial_number

    def write(self, path: Path, octets: bytes) -> None:
        """Replace a file, with a time of its own even where the clock of the file system is coarse."""
        self._written += 1
        path.write_bytes(octets)
        os.utime(path, (time.time(), time.time() + self._written))

    def _builder(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, constraints: x509.BasicConstraints
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder(self._name, name, key, x509.random_serial_number(), now, now + timedelta(days=1))
        ).add_extension(constraints, critical=True)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def running(authority: Authority, postbox: Postbox) -> AsyncIterator[int]:
    settings = SmtpSettings("mx.test", tls_cert=authority.cert, tls_key=authority.key, handshake_seconds=1)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            listeners = await open_listeners("127.0.0.1", 0)
            await nursery.start(serve, settings, postbox, listeners, trio.Event())
            yield listeners[0].socket.getsockname()[1]
            nursery.cancel_scope.cancel()


def send(port: int, ca: Path) -> int:
    """Send a mail under TLS; the serial number of the certificate that was shown."""
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
        smtp._host = "mx.test"  # type: ignore[attr-defined] # the name to check the certificate against
        smtp.ehlo("plain.test")
        assert smtp.has_extn("starttls")
        smtp.starttls(context=ssl.create_default_context(cafile=str(ca)))
        smtp.ehlo("secure.test")
        assert not smtp.has_extn("starttls")
        assert isinstance(smtp.sock, ssl.SSLSocket)
        shown = x509.load_der_x509_certificate(smtp.sock.getpeercert(binary_form=True) or b"")
        smtp.sendmail("ann@client.test", ["bot@mx.test"], b"Subject: x\r\n\r\n" + b"line\r\n" * 50_000)
        return shown.serial_number


async def test_mail_under_tls(authority: Authority) -> None:
    postbox = Postbox()
    async with running(authority, postbox) as port:
        await trio.to_thread.run_sync(send, port, authority.ca)
    ((envelope, content),) = postbox.mails
    assert envelope.peer.tls
    assert envelope.peer.helo == "secure.test"
    assert len(content) == 300_014


async def test_certificate_is_renewed_without_a_restart(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "CHECK_SECONDS", 0.0)
    async with running(authority, Postbox()) as port:
        before = await trio.to_thread.run_sync(send, port, authority.ca)
        renewed = authority.renew()
        assert await trio.to_thread.run_sync(send, port, authority.ca) == renewed != before
        authority.write(authority.key, b"half a key")
        assert await trio.to_thread.run_sync(send, port, authority.ca) == renewed
        authority.cert.unlink()
        assert await trio.to_thread.run_sync(send, port, authority.ca) == renewed
        last = authority.renew()
        assert await trio.to_thread.run_sync(send, port, authority.ca) == last


async def test_files_are_not_looked_at_all_the_time(authority: Authority) -> None:
    certificate = tls.Certificate(authority.cert, authority.key, check_seconds=60)
    await certificate.load()
    before = await certificate.context()
    authority.renew()
    assert await certificate.context() is before


async def test_a_server_without_its_certificate_does_not_start(authority: Authority) -> None:
    authority.key.write_bytes(b"no key")
    settings = SmtpSettings("mx.test", tls_cert=authority.cert, tls_key=authority.key)
    listeners = await open_listeners("127.0.0.1", 0)
    with pytest.raises(ssl.SSLError):
        await serve(settings, Postbox(), listeners, trio.Event())
    for listener in listeners:
        await listener.aclose()


@pytest.mark.parametrize("octets", [b"MAIL FROM:<x@y.test>\r\nno tls at all\r\n", b""])
async def test_a_handshake_that_is_none(authority: Authority, octets: bytes) -> None:
    postbox = Postbox()
    async with running(authority, postbox) as port:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"EHLO x\r\n")
            received = b""
            while b"250 STARTTLS" not in received:
                received += await stream.receive_some()
            await stream.send_all(b"STARTTLS\r\n")
            assert (await stream.receive_some())[:3] == b"220"
            if octets:
                await stream.send_all(octets)
            try:
                while answer := await stream.receive_some():
                    assert not answer.startswith(b"250")
            except trio.BrokenResourceError:
                pass
        await trio.to_thread.run_sync(send, port, authority.ca)
    assert len(postbox.begun) == 1
