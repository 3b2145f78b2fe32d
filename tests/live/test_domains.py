"""A domain of one's own, from the claim to a verified signature: the whole daemon, a DNS zone on loopback, `e2a`."""

import json
import re
import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any

import dkim
import dns.message
import pytest
import trio
from psycopg.conninfo import make_conninfo

from e2ad.core.sealing import KeyRing
from e2ad.dev.zone import Fault, Zone, serve_zone
from e2ad.gateway.signing_keys import SigningKeys
from e2ad.mailauth.signer import sign
from e2ad.storage.pool import open_pool
from tests.live.conftest import Deployment
from tests.live.running import Running, wait_until
from tests.live.serving import kill, stop

pytestmark = pytest.mark.live

MX = "mx.e2a.test"
MAIL = b"From: bot@acme.test\r\nTo: ada@far.test\r\nSubject: Hello\r\n\r\nGood morning.\r\n"


@pytest.fixture
def name_server() -> Iterator[tuple[Zone, str]]:
    """A zone that can be changed, and where it is served: a thread with an event loop of its own."""
    zone = Zone()
    ready: Queue[tuple[str, trio.lowlevel.TrioToken, trio.CancelScope]] = Queue()

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            host, port = await nursery.start(serve_zone, zone)
            ready.put((f"{host}:{port}", trio.lowlevel.current_trio_token(), nursery.cancel_scope))

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    address, token, scope = ready.get(timeout=10)
    try:
        yield zone, address
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join(10)


def test_from_claim_to_signature(deployment: Deployment, name_server: tuple[Zone, str]) -> None:
    zone, address = name_server
    zone.add("test", "TXT", "a zone")
    with deployment.serving(
        SMTP_DOMAIN=MX,
        DNS_NAMESERVERS=address,
        DOMAINS_SWEEP_SECONDS="0.2",
        DOMAINS_RECHECK_SECONDS="0.3",
        DOMAINS_GRACE_SECONDS="1",
    ) as serving:
        done = serving.e2a("domains", "register", "Acme.test", "--json")
        assert done.returncode == 0, done.stderr
        domain = json.loads(done.stdout)
        early = serving.e2a("domains", "verify", "acme.test")
        assert early.returncode == 1, early.stdout
        assert "missing: proof that it is yours" in early.stdout
        for record in domain["dns_records"]:
            value = f"{record['priority']} {record['value']}." if record["type"] == "MX" else record["value"]
            zone.add(record["name"], record["type"], value)
        done = serving.e2a("domains", "verify", "acme.test")  # at once: nothing of the first look is remembered
        assert done.returncode == 0, done.stdout + done.stderr
        assert "receiving yes, sending verified" in done.stdout
        assert done.stdout.count("\nfound ") == len(domain["dns_records"]) - 1  # all but the wildcard

        status, agent = serving.api("POST", "/v1/agents", {"email": "bot@acme.test"})
        assert status == 201, agent
        serving.send("bot@acme.test", b"From: ada@far.test\r\nSubject: In\r\n\r\nHello\r\n")

        # An independent verifier believes the signature, by the record that the zone publishes.
        signed = _signed(deployment.dsn, "acme.test")
        assert dkim.verify(signed, dnsfunc=_asks(zone))
        assert not dkim.verify(signed.replace(b"Good", b"Bad!"), dnsfunc=_asks(zone))

        # Trouble with the DNS costs nothing; a proof that is gone costs the domain after the grace.
        zone.fail("acme.test", Fault.SERVFAIL)
        zone.fail("_e2a.acme.test", Fault.SERVFAIL)
        before = _domain(serving)["last_checked_at"]
        wait_until(lambda: _domain(serving)["last_checked_at"] != before)
        assert _domain(serving)["verified"]
        assert "failing_since" not in _domain(serving)
        zone.remove("acme.test", "TXT")
        zone.fail("acme.test", None)
        zone.fail("_e2a.acme.test", None)
        assert wait_until(lambda: "failing_since" in _domain(serving))
        assert wait_until(lambda: not _domain(serving)["verified"])
        with pytest.raises(Exception, match=r"5\.1\.1"):
            serving.send("bot@acme.test", b"From: ada@far.test\r\nSubject: Lapsed\r\n\r\nHello\r\n")
        zone.add("acme.test", "TXT", domain["verification_token"])
        assert wait_until(lambda: _domain(serving)["verified"])
        _, events = serving.api("GET", "/v1/events?type=domain.sending_failed")
        assert events["items"][0]["data"]["domain"] == "acme.test"


def _domain(serving: Running) -> dict[str, Any]:
    status, found = serving.api("GET", "/v1/domains/acme.test")
    assert status == 200, found
    return dict(found)


def _signed(dsn: str, domain: str) -> bytes:
    async def sign_it() -> bytes:
        async with open_pool(make_conninfo(dsn), size=2) as database:
            key, other = await SigningKeys(database, KeyRing(("0123456789abcdef" * 4,))).of(domain)
        assert (key.algorithm, other.algorithm) == ("rsa-2048", "ed25519")
        return sign(MAIL, domain=domain, selector=key.selector, private_key=key.private_key) + MAIL

    return trio.run(sign_it)


def _asks(zone: Zone) -> object:
    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        response = zone.answer(dns.message.make_query(name.decode(), "TXT"))
        return b"".join(response.answer[0][0].strings) if response.answer else None

    return ask


def test_the_deployments_own_key_is_made_once_and_told(deployment: Deployment, name_server: tuple[Zone, str]) -> None:
    _, address = name_server
    processes = [deployment.start(DNS_NAMESERVERS=address) for _ in range(2)]
    try:
        for process in processes:
            deployment.ready(process)
        told = [fact for process in processes for fact in deployment.facts(process, "signing_key_made")]
        assert len(told) == 2
        assert all(re.fullmatch(r"e2a\d{6}(ed)?\._domainkey\.agents\.test", fact["name"]) for fact in told)
        assert {fact["value"].split(";")[1].strip() for fact in told} == {"k=rsa", "k=ed25519"}
        assert [stop(process) for process in processes] == [0, 0]
    finally:
        for process in processes:
            kill(process)
