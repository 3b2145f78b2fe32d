"""Programs that a document at a URL describes: fetched with care, and not too often."""

import json
from typing import Any

import pytest
import trio

from e2ad.core.errors import OAuthRefused, RateLimited
from e2ad.delivery.egress import Egress
from e2ad.gateway import oauth_clients as module
from e2ad.gateway.limits import RateLimits
from e2ad.gateway.oauth_clients import Clients
from e2ad.storage import oauth as table
from e2ad.storage.pool import Database
from tests.delivery import endpoint as far

HOST = "hooks.example.com"
ACCOUNT = "a" * 32
REDIRECT = "https://app.example/callback"


def clients(database: Database, ca: Any, names: dict[str, list[str]] | None = None, **settings: Any) -> Clients:
    settings = {"ca_file": str(ca.ca_file), "allow_http": False} | settings
    resolver = far.StaticResolver(names or {HOST: ["127.0.0.1"]})
    return Clients(database, Egress(far.Settings(**settings), resolver), RateLimits(database))


def describing(endpoint: far.Endpoint, **changes: Any) -> str:
    """Let the endpoint describe a program; its id."""
    url = f"https://{HOST}:{endpoint.port}/client.json"
    document = {"client_id": url, "client_name": "Fern", "redirect_uris": [REDIRECT]} | changes
    endpoint.reply = lambda _: far.Answer(body=json.dumps(document).encode(), close_after=True)
    return url


async def test_a_described_program(database: Database, ca: Any, tls_endpoint: far.Endpoint) -> None:
    url, found = (
        describing(tls_endpoint, token_endpoint_auth_method="none", logo_uri="https://x/y"),
        clients(database, ca),
    )
    for _ in range(3):
        client = await found.find(url, ACCOUNT)
    assert (client.id, client.name, client.redirect_uris, client.host) == (url, "Fern", (REDIRECT,), HOST)
    assert len(tls_endpoint.received) == 1
    # Nothing is kept in the table before somebody lets it in.
    assert await found.known(url) is None
    await table.keep_client(database, client)
    stored = await found.known(url)
    assert stored is not None
    assert (stored.metadata_url, stored.redirect_uris) == (url, [REDIRECT])


async def test_a_document_is_read_again_after_a_while(
    database: Database, ca: Any, tls_endpoint: far.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_SECONDS", 0.0)
    url, found = describing(tls_endpoint), clients(database, ca)
    await found.find(url, ACCOUNT)
    describing(tls_endpoint, client_name="Another")
    await trio.sleep(0.01)
    assert (await found.find(url, ACCOUNT)).name == "Another"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (far.Answer(404), "status 404"),
        (far.Answer(302, (("Location", "https://hooks.example.com/x"),)), "status 302"),
        (far.Answer(body=b"x" * 40_000), "more than 32768"),
        (far.Answer(endless=True), "more than 32768"),
        (far.Answer(body=b"<html>"), "JSON"),
        (far.Answer(body=b"{}"), "client_id is not the URL"),
        (far.Answer(never=True), "no answer within"),
        (far.Answer(raw=b"220 mail\r\n"), "HTTP"),
    ],
)
async def test_a_document_that_cannot_be_used(
    database: Database,
    ca: Any,
    tls_endpoint: far.Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    answer: far.Answer,
    words: str,
) -> None:
    monkeypatch.setattr(module, "FETCH_SECONDS", 0.5 if answer.never else 20.0)
    tls_endpoint.reply = lambda _: answer
    found = clients(database, ca)
    for _ in range(2):
        with pytest.raises(OAuthRefused, match=words) as caught:
            await found.find(f"https://{HOST}:{tls_endpoint.port}/client.json", ACCOUNT)
        assert caught.value.error == "invalid_client"
    assert len(tls_endpoint.received) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"])
async def test_no_document_is_fetched_from_inside(
    database: Database, ca: Any, tls_endpoint: far.Endpoint, address: str
) -> None:
    url = describing(tls_endpoint)
    found = clients(database, ca, {HOST: [address]}, allow_networks=())
    with pytest.raises(OAuthRefused, match="not public"):
        await found.find(url, ACCOUNT)
    assert tls_endpoint.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "2130706433", "0x7f.1"])
async def test_no_address_is_a_name(database: Database, ca: Any, tls_endpoint: far.Endpoint, host: str) -> None:
    found = clients(database, ca, allow_networks=())
    with pytest.raises(OAuthRefused):
        await found.find(f"https://{host}:{tls_endpoint.port}/client.json", ACCOUNT)
    assert tls_endpoint.connections == 0


async def test_a_certificate_that_does_not_hold(database: Database, ca: Any, tls_endpoint: far.Endpoint) -> None:
    url = describing(tls_endpoint)
    with pytest.raises(OAuthRefused, match="cannot be used"):
        await clients(database, ca, ca_file=None).find(url, ACCOUNT)
    other = url.replace(HOST, "other.example.com")
    with pytest.raises(OAuthRefused, match="cannot be used"):
        await clients(database, ca, {"other.example.com": ["127.0.0.1"]}).find(other, ACCOUNT)


async def test_an_account_cannot_have_us_knock_everywhere(
    database: Database, ca: Any, tls_endpoint: far.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FETCHES_PER_HOUR", 3)
    found, url = clients(database, ca), describing(tls_endpoint)
    for number in range(3):
        with pytest.raises(OAuthRefused):
            await found.find(f"{url}?{number}", ACCOUNT)
    with pytest.raises(RateLimited):
        await found.find(f"{url}?3", ACCOUNT)
    with pytest.raises(OAuthRefused):
        await found.find(f"{url}?2", ACCOUNT)  # what is remembered costs nothing
    assert (await found.find(url, "b" * 32)).name == "Fern"


async def test_a_few_documents_at_a_time(
    database: Database, ca: Any, tls_endpoint: far.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FETCHES_AT_A_TIME", 2)
    monkeypatch.setattr(module, "FETCH_SECONDS", 5.0)
    found, url = clients(database, ca), describing(tls_endpoint)
    tls_endpoint.reply = lambda _: far.Answer(404, delay=0.05, close_after=True)

    async def one(number: int) -> None:
        with pytest.raises(OAuthRefused):
            await found.find(f"{url}?{number}", ACCOUNT)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(one, number)
    assert tls_endpoint.most_running == 2


async def test_what_is_remembered_is_bounded(
    database: Database, ca: Any, tls_endpoint: far.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    found, url = clients(database, ca), describing(tls_endpoint)
    for number in range(6):
        with pytest.raises(OAuthRefused):
            await found.find(f"{url}?{number}", ACCOUNT)
    assert len(found._kept) == 3


@pytest.mark.parametrize("client_id", ["", "mcp_000000000000", "mcp_x", "http://hooks.example.com/client.json"])
async def test_nobody(database: Database, ca: Any, client_id: str) -> None:
    with pytest.raises(OAuthRefused) as caught:
        await clients(database, ca).find(client_id, ACCOUNT)
    assert caught.value.error == "invalid_client"
