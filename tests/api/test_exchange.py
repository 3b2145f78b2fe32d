"""Whom a request is counted for, and what of its head is believed."""

import ipaddress

import pytest
import trio
from trio.testing import MockClock

from e2ad.api.bodies import Bodies
from e2ad.api.exchange import ClientGone, Exchange, client_address, request_id_for

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("192.0.2.1", {}, "192.0.2.1"),
        ("192.0.2.1", {"x-forwarded-for": "198.51.100.1", "cf-connecting-ip": "198.51.100.2"}, "192.0.2.1"),
        ("10.0.0.1", {}, "10.0.0.1"),
        ("10.0.0.1", {"x-forwarded-for": "198.51.100.1"}, "198.51.100.1"),
        ("10.0.0.1", {"x-forwarded-for": "203.0.113.9, 198.51.100.1, 10.2.3.4"}, "198.51.100.1"),
        ("10.0.0.1", {"x-forwarded-for": "203.0.113.9, nonsense"}, "10.0.0.1"),
        ("10.0.0.1", {"x-forwarded-for": "10.1.1.1"}, "10.0.0.1"),
        ("10.0.0.1", {"cf-connecting-ip": "198.51.100.2", "x-forwarded-for": "198.51.100.1"}, "198.51.100.1"),
        ("10.0.0.1", {"cf-connecting-ip": "198.51.100.2"}, "198.51.100.2"),
        ("10.0.0.1", {"cf-connecting-ip": "'; drop"}, "10.0.0.1"),
        ("fd00::1", {"x-forwarded-for": "2001:db8::1"}, "2001:db8::1"),
        ("::ffff:10.0.0.1", {"x-forwarded-for": "198.51.100.1"}, "198.51.100.1"),
        ("", {"x-forwarded-for": "198.51.100.1"}, ""),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, headers: dict[str, str], address: str) -> None:
    assert client_address(peer, headers, PROXIES) == address


@pytest.mark.parametrize(("given", "kept"), [("abc-1", True), ("x" * 200, True), ("x" * 201, False), ("a\x85b", False)])
def test_request_ids_are_echoed_when_they_can_be_logged(given: str, kept: bool) -> None:
    found = request_id_for({"x-request-id": given})
    assert (found == given) == kept
    assert found.startswith("req_") != kept


async def test_a_body_that_does_not_come_in_time_ends_the_request(autojump_clock: MockClock) -> None:
    scope = {"method": "POST", "path": "/", "headers": [], "client": None}
    exchange = Exchange.from_scope(scope, trio.sleep_forever, (), body_seconds=7, lease=Bodies(10**9).lease())
    started = trio.current_time()
    with pytest.raises(ClientGone):
        await exchange.read_body(100)
    assert trio.current_time() - started == 7
