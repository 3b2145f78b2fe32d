import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.smtp.proxy import ProxyError, ProxyHeader, parse_proxy_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def v2(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


def inet(source: str, target: str, port: int, tail: bytes = b"") -> bytes:
    return ip_address(source).packed + ip_address(target).packed + struct.pack("!HH", port, 25) + tail


GOOD = [
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\n", ("192.0.2.7", 4711)),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 65535 25\r\n", ("2001:db8::7", 65535)),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 25\r\n", ("192.0.2.7", 1)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 whatever 1 2\r\n", None),
    (v2(0x21, 0x11, inet("192.0.2.7", "198.51.100.1", 4711)), ("192.0.2.7", 4711)),
    (v2(0x21, 0x11, inet("192.0.2.7", "198.51.100.1", 4711, b"\x03\x00\x04abcd")), ("192.0.2.7", 4711)),
    (v2(0x21, 0x21, inet("2001:db8::7", "2001:db8::1", 4711)), ("2001:db8::7", 4711)),
    (v2(0x21, 0x21, inet("::ffff:192.0.2.7", "::1", 9)), ("192.0.2.7", 9)),
    (v2(0x20, 0x00, b""), None),
    (v2(0x20, 0x11, inet("192.0.2.7", "198.51.100.1", 1)), None),
    (v2(0x21, 0x00, b""), None),
    (v2(0x21, 0x31, b"x" * 216), None),
    (v2(0x21, 0x12, inet("192.0.2.7", "198.51.100.1", 1)), None),
    (v2(0x20, 0xFF, b"x" * 8), None),  # LOCAL: whatever the rest says
]


@pytest.mark.parametrize(("header", "source"), GOOD)
def test_headers_come_in_pieces(header: bytes, source: tuple[str, int] | None) -> None:
    for cut in range(len(header)):
        assert parse_proxy_header(header[:cut]) is None
    assert parse_proxy_header(header) == ProxyHeader(source, len(header))
    assert parse_proxy_header(header + b"EHLO x\r\n") == ProxyHeader(source, len(header))


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO x\r\n",
        b"PROXY TCP5 192.0.2.7 198.51.100.1 1 25\r\n",
        b"PROXY TCP4 192.0.2.999 198.51.100.1 1 25\r\n",
        b"PROXY TCP4 2001:db8::7 198.51.100.1 1 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 01 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 25\n",
        b"PROXY UNKNOWN " + b"x" * 100,
        b"proxy unknown\r\n",
        SIGNATURE[:11] + b"X",
        v2(0x11, 0x11, inet("192.0.2.7", "198.51.100.1", 1)),
        v2(0x22, 0x11, inet("192.0.2.7", "198.51.100.1", 1)),
        v2(0x21, 0x11, b"x" * 11),
        v2(0x21, 0x21, b"x" * 35),
        v2(0x21, 0x11, b"x" * 4097),
        v2(0x21, 0x03, b""),
        v2(0x21, 0x13, inet("192.0.2.7", "198.51.100.1", 1)),
        v2(0x21, 0x41, b"x" * 36),
        v2(0x21, 0xFF, b"x" * 36),
    ],
)
def test_what_is_no_header(header: bytes) -> None:
    with pytest.raises(ProxyError):
        parse_proxy_header(header)


@given(
    st.binary(max_size=64),
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11\x00\x0c"]),
)
def test_any_octets_are_judged(octets: bytes, start: bytes) -> None:
    try:
        header = parse_proxy_header(start + octets)
    except ProxyError:
        return
    assert header is None or 0 < header.length <= len(start + octets)
