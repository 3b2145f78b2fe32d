"""The guard: table of addresses, URLs, and what is really connected to."""

import ssl
from typing import Any

import pytest
import trio

from e2ad.core.errors import InvalidWebhookUrl
from e2ad.delivery.egress import Blocked, Egress, Origin, Unreachable, parse_url
from tests.delivery import endpoint as far

REFUSED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "224.0.0.1",
    "239.1.2.3",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "192.88.99.1",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:a00:1::1",
    "2002:7f00:1::1",
]

ALLOWED = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "2606:4700::1111",
    "64:ff9b::808:808",
]


def guard(resolver: Any = None, **settings: Any) -> Egress:
    settings = {"allow_networks": (), "allow_http": False, **settings}
    return Egress(far.Settings(**settings), resolver or far.StaticResolver({}))


@pytest.mark.parametrize("address", REFUSED)
def test_private_and_special_addresses_are_refused(address: str) -> None:
    assert not guard().permits(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_public_addresses_are_permitted(address: str) -> None:
    assert guard().permits(address)


@pytest.mark.parametrize("address", ["", "nonsense", "1.2.3", "127.1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    assert not guard(allow_networks=("0.0.0.0/0",)).permits(address)


def test_allowed_networks_open_just_themselves() -> None:
    egress = guard(allow_networks=("10.1.0.0/16", "fd00::/8"))
    assert egress.permits("10.1.2.3")
    assert egress.permits("fd00::5")
    assert not egress.permits("10.2.0.1")
    assert not egress.permits("::ffff:10.2.0.1")


@pytest.mark.parametrize(
    ("url", "origin", "path", "host"),
    [
        ("https://a.example/x?y=1#z", Origin("https", "a.example", 443), "/x?y=1", "a.example"),
        ("HTTPS://A.Example:8443", Origin("https", "a.example", 8443), "/", "a.example:8443"),
        ("http://[2001:db8::1]:81/", Origin("http", "2001:db8::1", 81), "/", "[2001:db8::1]:81"),
        ("https://bücher.example/ä", Origin("https", "xn--bcher-kva.example", 443), "/%C3%A4", "xn--bcher-kva.example"),
        ("https://a.example./", Origin("https", "a.example", 443), "/", "a.example"),
    ],
)
def test_urls_are_taken_apart(url: str, origin: Origin, path: str, host: str) -> None:
    target = parse_url(url)
    assert (target.origin, target.path, target.host_header) == (origin, path, host)


def test_userinfo_becomes_a_credential() -> None:
    assert parse_url("https://me:p%40ss@a.example/").userinfo == ("me", "p@ss")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "/x",
        "ftp://a.example/",
        "https://",
        "https://:443/",
        "https://a.example:99999/",
        "https://a example/",
        "https://a.example/\r\nX: y",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://127.1/",
        "https://" + "a" * 2050,
        "https://[::1/",
        "javascript:alert(1)",
        "https://..example/ü".replace("..", "ü.."),
    ],
)
def test_malformed_urls_are_refused(url: str) -> None:
    with pytest.raises(InvalidWebhookUrl):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example.com/", "https"),
        ("https://8.8.8.8/", "name a host"),
        ("https://inside.example.com/", "not public"),
        ("https://mixed.example.com/", "not public"),
        ("https://localhost/", "not public"),
        ("https://nowhere.example.com/", "does not resolve"),
        ("https://empty.example.com/", "does not resolve"),
    ],
)
async def test_registration_says_what_is_wrong(url: str, words: str) -> None:
    names = {
        "inside.example.com": ["10.0.0.5"],
        "mixed.example.com": ["93.184.216.34", "127.0.0.1"],
        "empty.example.com": [],
    }
    with pytest.raises(InvalidWebhookUrl, match=words):
        await guard(far.StaticResolver(names)).check_url(url)


async def test_good_urls_pass_registration() -> None:
    await guard(far.StaticResolver({"hooks.example.com": ["93.184.216.34"]})).check_url("https://hooks.example.com/")
    local = guard(allow_networks=("127.0.0.0/8", "::1/128"), allow_http=True)
    await local.check_url("http://127.0.0.1:9/")
    await local.check_url("http://localhost:9/")


async def test_the_checked_address_is_the_one_connected_to(tls_endpoint: Any, ca: Any) -> None:
    """A name that answers differently the second time gains nothing: it is not asked twice."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    class Fickle:
        async def addresses(self, host: str) -> list[str]:
            await trio.lowlevel.checkpoint()
            return answers.pop(0)

    egress = guard(Fickle(), allow_networks=("127.0.0.0/8",), ca_file=str(ca.ca_file))
    stream = await egress.connect(Origin("https", "hooks.example.com", tls_endpoint.port))
    assert stream.transport_stream.socket.getpeername()[0] == "127.0.0.1"
    await trio.aclose_forcefully(stream)
    assert len(answers) == 1


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["::ffff:10.0.0.1"]])
async def test_blocked_names_are_never_connected_to(addresses: list[str], tls_endpoint: Any) -> None:
    egress = guard(far.StaticResolver({"hooks.example.com": addresses}), allow_networks=("127.0.0.0/8",))
    with pytest.raises(Blocked):
        await egress.connect(Origin("https", "hooks.example.com", tls_endpoint.port))
    assert tls_endpoint.connections == 0


async def test_plain_http_is_refused_unless_allowed(endpoint: Any) -> None:
    egress = guard(allow_networks=("127.0.0.0/8",))
    with pytest.raises(Blocked):
        await egress.connect(Origin("http", "127.0.0.1", endpoint.port))
    assert endpoint.connections == 0


async def test_the_certificate_must_hold_for_the_name(tls_endpoint: Any, ca: Any) -> None:
    names = {"other.example.com": ["127.0.0.1"], "hooks.example.com": ["127.0.0.1"]}
    trusting = guard(far.StaticResolver(names), allow_networks=("127.0.0.0/8",), ca_file=str(ca.ca_file))
    with pytest.raises(Unreachable, match="certificate"):
        await trusting.connect(Origin("https", "other.example.com", tls_endpoint.port))
    stranger = guard(far.StaticResolver(names), allow_networks=("127.0.0.0/8",))
    with pytest.raises(Unreachable, match="certificate"):
        await stranger.connect(Origin("https", "hooks.example.com", tls_endpoint.port))


async def test_a_dead_first_address_does_not_hide_a_living_second(endpoint: Any) -> None:
    names = {"hooks.example.com": ["127.0.0.2", "127.0.0.1"]}
    egress = guard(far.StaticResolver(names), allow_networks=("127.0.0.0/8",), allow_http=True)
    stream = await egress.connect(Origin("http", "hooks.example.com", endpoint.port))
    assert stream.socket.getpeername()[0] == "127.0.0.1"
    await trio.aclose_forcefully(stream)


async def test_refused_connections_are_named(unused_port: int) -> None:
    egress = guard(allow_networks=("127.0.0.0/8",), allow_http=True)
    with pytest.raises(Unreachable, match="connection refused"):
        await egress.connect(Origin("http", "127.0.0.1", unused_port))


async def test_a_handshake_that_is_not_tls_is_named(endpoint: Any) -> None:
    egress = guard(far.StaticResolver({"hooks.example.com": ["127.0.0.1"]}), allow_networks=("127.0.0.0/8",))
    with pytest.raises(Unreachable):
        await egress.connect(Origin("https", "hooks.example.com", endpoint.port))


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_system_trust_store_stays_in_use(ca: Any) -> None:
    """An extra authority is added to the system's, it does not replace them."""
    before = len(ssl.create_default_context().get_ca_certs())
    egress = guard(ca_file=str(ca.ca_file))
    assert len(egress._tls.get_ca_certs()) == before + 1
