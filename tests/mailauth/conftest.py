"""A DNS world on loopback: a zone served over real UDP and TCP, and a resolver that asks it."""

from collections.abc import AsyncIterator

import pytest
import trio
from attrs import frozen

from e2ad.dev.zone import Zone, serve_zone
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
