"""What a sender may try with domains and DNS of its own, and what it must not gain."""

import pytest
import trio

from e2ad.core.address import Mailbox
from e2ad.core.authentication import DmarcStatus, SpfStatus
from e2ad.mailauth.authenticator import AuthenticationSettings, Authenticator
from e2ad.mailauth.resolver import DnsTemporaryError

MAIL = b"From: %s\r\nTo: bot@agents.test\r\n\r\nHello\r\n"


def publish_host(zone):
    """A host of other people's domains (in the private part of the list), with DMARC and without psd=y."""
    zone.add("_dmarc.uk.com", "TXT", "v=DMARC1; p=reject")
    for domain in ("uk.com", "eve.uk.com", "bounce.ann.uk.com"):
        zone.add(domain, "TXT", "v=spf1 ip4:127.0.0.1 -all")


@pytest.mark.parametrize(
    ("author", "sender", "verified"),
    [
        ("ann.uk.com", "eve.uk.com", False),
        ("uk.com", "eve.uk.com", False),
        ("ann.uk.com", "bounce.ann.uk.com", True),
        ("ann.uk.com", "uk.com", True),
        ("uk.com", "uk.com", True),
    ],
)
async def test_customers_of_one_host_do_not_vouch_for_each_other(world, author, sender, verified):
    publish_host(world.zone)
    result = await Authenticator(AuthenticationSettings(), world.resolver(timeout_seconds=2)).authenticate(
        "127.0.0.1", sender, Mailbox("x", sender), MAIL % f"a@{author}".encode(), Mailbox("a", author)
    )
    assert result.spf.status is SpfStatus.PASS
    assert result.verified is verified
    assert result.dmarc.status is (DmarcStatus.PASS if verified else DmarcStatus.FAIL)


async def test_answers_that_only_fill_memory_are_not_remembered(world):
    zone = world.zone
    zone.add("huge.test", "TXT", *(f"{number}" + "x" * 250 for number in range(200)))
    zone.add("many.test", "A", *(f"192.0.{number // 250}.{number % 250}" for number in range(500)))
    zone.add("key.test", "TXT", "v=DKIM1; p=" + "A" * 4000)
    resolver = world.resolver(timeout_seconds=5, attempt_seconds=2)
    for _ in range(2):
        assert len(await resolver.txt("huge.test")) == 200
        assert len(await resolver.a("many.test")) == 500
        assert len(await resolver.txt("key.test")) == 1
    assert zone.questions["huge.test", "TXT", "tcp"] == 2
    assert zone.questions["many.test", "A", "tcp"] == 2
    assert zone.questions["key.test", "TXT", "tcp"] == 1


async def test_names_whose_servers_are_silent_do_not_take_every_turn(world):
    world.zone.add("good.test", "TXT", "v=spf1 -all")
    silent = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    with silent:
        await silent.bind(("127.0.0.1", 0))
        stub = f"evil.test=127.0.0.1:{silent.getsockname()[1]}"
        resolver = world.resolver(stub_zones=(stub,), concurrency=16, timeout_seconds=5)

        async def ask(name):
            with pytest.raises(DnsTemporaryError):
                await resolver.txt(name)

        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(ask, f"s{number}.evil.test")
            for _ in range(2):  # as many as get their turn have asked
                await silent.recvfrom(512)
            with trio.fail_after(2):
                assert await resolver.txt("good.test") == [b"v=spf1 -all"]
            nursery.cancel_scope.cancel()


async def test_a_share_is_forgotten_when_nobody_asks(world):
    world.zone.add("good.test", "TXT", "one", ttl=0)
    resolver = world.resolver(concurrency=8)
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(resolver.txt, f"n{number}.good.test")
    assert await resolver.txt("good.test") == [b"one"]
    assert not resolver._shares
