"""The PROXY protocol, versions 1 and 2: who really connects when a load balancer stands before us.

Read only from peers that the operator names; anybody else could write any source into it.
"""

import re
import struct
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from attrs import frozen

__all__ = ["ProxyError", "ProxyHeader", "parse_proxy_header"]

_V2_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_FIXED: Final = 16
# The protocol allows 65,535; real headers, TLVs included, are far below this.
_V2_LONGEST: Final = 4096
# Version 1: "a 108-byte buffer is always enough to store all the line and a trailing zero".
_V1_LONGEST: Final = 107

# Low and high four bits of the family octet: no, stream or datagram socket; no, IPv4, IPv6 or UNIX address.
_V2_FAMILIES: Final = frozenset(family << 4 | kind for family in range(4) for kind in range(3))

_V1_LINE: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|(TCP4|TCP6) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+)"
    rb" (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))"
)


class ProxyError(Exception):
    """The bytes are no PROXY header."""


@frozen
class ProxyHeader:
    """One header. `source` is None for LOCAL and UNKNOWN: then the connection speaks for itself."""

    source: tuple[str, int] | None
    length: int


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """Read the header at the start of `data`, as far as it is there.

    Returns:
        The header with its length in octets, or None when more bytes are needed.

    Raises:
        ProxyError: no number of further bytes makes this a header.
    """
    if data[:1] == _V2_SIGNATURE[:1]:
        return _parse_v2(data)
    return _parse_v1(data)


def _parse_v1(data: bytes) -> ProxyHeader | None:
    if not b"PROXY ".startswith(data[:6]):
        raise ProxyError("the first bytes are no PROXY header")
    end = data.find(b"\r\n", 0, _V1_LONGEST)
    if end < 0:
        if len(data) >= _V1_LONGEST or b"\n" in data:
            raise ProxyError("the header of version 1 has no end")
        return None
    match = _V1_LINE.fullmatch(data[:end])
    if match is None:
        raise ProxyError("the header of version 1 is malformed")
    family, source, target, source_port, target_port = match.groups()
    if family is None:
        return ProxyHeader(None, end + 2)
    kind = IPv4Address if family == b"TCP4" else IPv6Address
    try:
        address = kind(source.decode("ascii"))
        kind(target.decode("ascii"))
    except AddressValueError as error:
        raise ProxyError("the header of version 1 has a malformed address") from error
    if int(source_port) > 65535 or int(target_port) > 65535:
        raise ProxyError("the header of version 1 has a port above 65535")
    return ProxyHeader((_plain(address), int(source_port)), end + 2)


def _parse_v2(data: bytes) -> ProxyHeader | None:
    if not _V2_SIGNATURE.startswith(data[:12]):
        raise ProxyError("the first bytes are no PROXY header")
    if len(data) < _V2_FIXED:
        return None
    version_command, family, length = struct.unpack_from("!BBH", data, 12)
    if version_command >> 4 != 2 or version_command & 15 > 1:
        raise ProxyError("the header of version 2 has an unknown version or command")
    if length > _V2_LONGEST:
        raise ProxyError("the header of version 2 is too long")
    whole = _V2_FIXED + length
    if version_command & 15 == 0:
        return ProxyHeader(None, whole) if len(data) >= whole else None
    if family not in _V2_FAMILIES:
        # Section 2.2: values that are not assigned have to be rejected; only LOCAL, above, ignores them.
        raise ProxyError("the header of version 2 has an unknown family or protocol")
    needed = {0x11: 12, 0x21: 36}.get(family)
    if needed is not None and length < needed:
        raise ProxyError("the header of version 2 is too short for its addresses")
    if len(data) < whole:
        return None
    if family == 0x11:
        port = struct.unpack_from("!H", data, _V2_FIXED + 8)[0]
        return ProxyHeader((str(IPv4Address(data[_V2_FIXED : _V2_FIXED + 4])), port), whole)
    if family == 0x21:
        port = struct.unpack_from("!H", data, _V2_FIXED + 32)[0]
        return ProxyHeader((_plain(IPv6Address(data[_V2_FIXED : _V2_FIXED + 16])), port), whole)
    # AF_UNSPEC, UNIX sockets and datagrams name no peer of ours.
    return ProxyHeader(None, whole)


def _plain(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
