"""A DNS world on loopback: a zone served over real UDP and TCP, and a resolver that asks it."""

import time
from collections.abc import AsyncIterator, Sequence

import pytest
import trio
from attrs import frozen
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from e2ad.core.authentication import DkimResult
from e2ad.dev.zone import Zone, serve_zone
from e2ad.mailauth.dkim_method import check_dkim
from e2ad.mailauth.engine import Check, evaluate
from e2ad.mailauth.header_section import read_header
from e2ad.mailauth.resolver import Resolver, ResolverSettings


@frozen
class World:
    """A served zone and where it is served."""

    zone: Zone
    address: str

    def resolver(self, **settings: object) -> Resolver:
        return Resolver(ResolverSettings(nameservers=(self.address,), **settings))  # type: ignore[arg-type]  # test


@pytest.fixture
async def world() -> AsyncIterator[World]:
    zone = Zone()
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve_zone, zone)
        yield World(zone, f"{host}:{port}")
        nursery.cancel_scope.cancel()


MAIL = (
    b"From: Ann <ann@example.test>\r\n"
    b"To: Bob <bob@agents.test>\r\n"
    b"Subject: A  subject\r\n\twith a fold\r\n"
    b"Date: Mon, 2 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <one@example.test>\r\n"
    b"\r\n"
    b"Hello  there, \r\n\r\nyours\t truly\r\n\r\n\r\n"
)


@pytest.fixture
def mail() -> bytes:
    return MAIL


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


@frozen
class Verdicts:
    """Runs the DKIM method alone: mail and TXT records in, results out."""

    async def __call__(
        self, content: bytes, records: dict[str, bytes | list[bytes] | Exception], **options: object
    ) -> list[DkimResult]:
        async def lookup(name: str) -> list[bytes]:
            found = records.get(name, [])
            if isinstance(found, Exception):
                raise found
            return [found] if isinstance(found, bytes) else found

        async def run(body: bytes, checks: Sequence[Check]) -> list[str | None]:
            return evaluate(body, checks)

        results: list[DkimResult] = []
        settings = {"lookup": lookup, "evaluate": run, "now": time.time(), "max_signatures": 10} | options
        await check_dkim(read_header(content), results, **settings)  # type: ignore[arg-type]  # test
        return results


@pytest.fixture
def verdicts() -> Verdicts:
    return Verdicts()
