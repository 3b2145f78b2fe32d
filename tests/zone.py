"""A DNS for tests, and the real egress guard in front of it."""

import ssl
from functools import cache
from unittest.mock import patch

import trio
from attrs import define, field

from e2ad.config.sections import Egress as EgressSection
from e2ad.delivery.egress import Egress

__all__ = ["HOOK", "Zone", "guard"]

HOOK = "https://hooks.example/in"
"""An endpoint that the guard accepts."""


@define
class Zone:
    """Names and what they lead to: `inside.example` to a private address, all others to the outside.

    `silent`: no question about MX or TXT records is ever answered.
    """

    hosts: dict[str, list[str]] = field(
        factory=lambda: {"hooks.example": ["198.51.100.7"], "inside.example": ["198.51.100.7", "10.0.0.1"]}
    )
    exchangers: dict[str, list[str] | Exception] = field(
        factory=lambda: {"broken.acme.example": RuntimeError("SERVFAIL")}
    )
    texts: dict[str, list[bytes] | Exception] = field(factory=dict)
    silent: bool = False

    async def addresses(self, host: str) -> list[str]:
        return self.hosts[host]

    async def mx(self, name: str) -> list[tuple[int, str]]:
        if self.silent:
            await trio.sleep_forever()
        found = self.exchangers.get(name, [])
        if isinstance(found, Exception):
            raise found
        return [(10, host) for host in found]

    async def txt(self, name: str) -> list[bytes]:
        if self.silent:
            await trio.sleep_forever()
        found = self.texts.get(name, [])
        if isinstance(found, Exception):
            raise found
        return list(found)


def guard(zone: Zone) -> Egress:
    """The real guard; documentation addresses count as public."""
    with patch("e2ad.delivery.egress.ssl.create_default_context", _trust):
        return Egress(EgressSection(allow_networks=("198.51.100.0/24",)), zone)


@cache
def _trust() -> ssl.SSLContext:
    """The system's authorities: reading them takes twenty milliseconds, as long as many a test."""
    return _create_default_context()


_create_default_context = ssl.create_default_context
