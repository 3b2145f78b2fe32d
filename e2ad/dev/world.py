"""The offline world: domains under `.test` with keys, records and manners of their own.

`e2ad dev` serves their zone; `e2ad dev send` writes as them. So a newcomer sees each verdict
within a minute and with no network, and every step between is the real one.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from attrs import frozen
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from e2ad.dev.folder import write_private
from e2ad.dev.zone import Zone
from e2ad.mailauth.signer import key_record, load_private_key

__all__ = [
    "BANK",
    "DOMAINS",
    "LISTS",
    "OLD_SELECTOR",
    "PLAIN",
    "SELECTOR",
    "SIGNING",
    "Keys",
    "build_zone",
    "load_keys",
]

SELECTOR: Final = "world"
OLD_SELECTOR: Final = "revoked"

SIGNING: Final = "northwind.test"
BANK: Final = "harborbank.test"
PLAIN: Final = "paperclip.test"
LISTS: Final = "oldmill-lists.test"

DOMAINS: Final = (SIGNING, BANK, PLAIN, LISTS)
"""Whom the zone is about. Each is a stub zone of its own, so that no other name under .test is touched."""

_LOOPBACK_SPF: Final = "v=spf1 ip4:127.0.0.0/8 ip6:::1 -all"


@frozen
class Keys:
    """The signing keys of the world, as PEM; made once and kept in the dev folder."""

    rsa: bytes
    ed25519: bytes


def load_keys(folder: Path) -> Keys:
    """Read the world's keys, or make them the first time. Mode 0600, like everything in the folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, make in _MAKERS.items():
        if not (folder / f"{name}.pem").exists():
            write_private(folder / f"{name}.pem", _pem(make()))
    return Keys((folder / "rsa.pem").read_bytes(), (folder / "ed25519.pem").read_bytes())


def build_zone(keys: Keys) -> Zone:
    """The records that the world's domains publish."""
    zone = Zone()
    for domain in DOMAINS:
        zone.add(domain, "A", "127.0.0.1")
        zone.add(domain, "MX", f"10 {domain}.")
    for domain in (SIGNING, BANK, LISTS):
        zone.add(domain, "TXT", _LOOPBACK_SPF if domain != BANK else "v=spf1 ip4:192.0.2.25 -all")
        zone.add(f"{SELECTOR}._domainkey.{domain}", "TXT", key_record(load_private_key(keys.rsa)))
        zone.add(f"{OLD_SELECTOR}._domainkey.{domain}", "TXT", "v=DKIM1; k=rsa; p=")
        policy = "none" if domain == LISTS else "reject"
        zone.add(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p={policy}; adkim=r; aspf=r")
    zone.add(f"{SELECTOR}-ed._domainkey.{SIGNING}", "TXT", key_record(load_private_key(keys.ed25519)))
    return zone


_MAKERS: Final[Mapping[str, Callable[[], rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey]]] = MappingProxyType(
    {"rsa": lambda: rsa.generate_private_key(65537, 2048), "ed25519": ed25519.Ed25519PrivateKey.generate}
)


def _pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
