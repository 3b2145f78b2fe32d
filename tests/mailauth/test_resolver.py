import time

import dns.message
import dns.rrset
import pytest
import trio

from e2ad.dev.zone import Fault
from e2ad.mailauth.resolver import DnsTemporaryError, Resolver, ResolverSettings

FAST = {"timeout_seconds": 0.5, "attempt_seconds": 0.1}


async def test_each_type_is_answered(world):
    zone, resolver = world.zone, world.resolver()
    zone.add("a.test", "A", "192.0.2.1", "192.0.2.2")
    zone.add("a.test", "AAAA", "2001:db8::1")
    zone.add("a.test", "TXT", "x" * 300, b'caf\xc3\xa9 "quoted" \\ ;')
    zone.add("a.test", "MX", "10 Mail.a.test.")
    zone.add("null.test", "MX", "0 .")
    zone.add("1.2.0.192.in-addr.arpa", "PTR", "A.test.")
    assert sorted(await resolver.a("a.test")) == ["192.0.2.1", "192.0.2.2"]
    assert await resolver.aaaa("A.TEST.") == ["2001:db8::1"]
    assert sorted(await resolver.txt("a.test"), reverse=True) == [b"x" * 300, b'caf\xc3\xa9 "quoted" \\ ;']
    assert await resolver.mx("a.test") == [(10, "mail.a.test")]
    assert await resolver.mx("null.test") == [(0, "")]
    assert await resolver.ptr("1.2.0.192.in-addr.arpa") == ["a.test"]
    assert (await resolver.addresses("a.test"))[-1] == "2001:db8::1"


async def test_no_such_name_and_no_such_record_are_answers(world):
    world.zone.add("a.b.test", "A", "192.0.2.1")
    resolver = world.resolver()
    assert await resolver.txt("a.b.test") == []
    assert await resolver.txt("none.test") == []
    assert await resolver.exists("a.b.test")
    assert await resolver.exists("b.test")  # RFC 8020: it has a name below it
    assert not await resolver.exists("none.test")
    # RFC 2308 section 2.1: an alias is there, though what it leads to is not.
    world.zone.add("alias.test", "CNAME", "none.test.")
    assert await resolver.exists("alias.test")
    assert await resolver.a("alias.test") == []


async def test_answers_and_absences_are_remembered_for_their_time(world):
    zone = world.zone
    zone.add("a.test", "TXT", "one", ttl=300)
    zone.add("short.test", "TXT", "one", ttl=0)
    resolver = world.resolver()
    for _ in range(3):
        assert await resolver.txt("a.test") == [b"one"]
        assert await resolver.txt("gone.test") == []
        assert await resolver.txt("short.test") == [b"one"]
    assert zone.questions["a.test", "TXT", "udp"] == 1
    assert zone.questions["gone.test", "TXT", "udp"] == 1
    assert zone.questions["short.test", "TXT", "udp"] == 3


async def test_the_cache_has_a_bound_and_forgets_the_oldest(world):
    resolver = world.resolver(cache_entries=2)
    for name in ("a", "b", "c", "a"):
        world.zone.replace(f"{name}.test", "A", "192.0.2.1")
        await resolver.a(f"{name}.test")
    assert world.zone.questions["a.test", "A", "udp"] == 2


async def test_a_ttl_has_a_ceiling(world):
    world.zone.add("a.test", "A", "192.0.2.1", ttl=86400)
    resolver = world.resolver(max_ttl_seconds=0.05)
    await resolver.a("a.test")
    await trio.sleep(0.06)
    await resolver.a("a.test")
    assert world.zone.questions["a.test", "A", "udp"] == 2


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.DROP])
async def test_trouble_is_temporary_and_never_remembered(world, fault):
    world.zone.add("a.test", "A", "192.0.2.1")
    world.zone.fail("a.test", fault)
    resolver = world.resolver(**FAST)
    started = time.monotonic()
    with pytest.raises(DnsTemporaryError):
        await resolver.a("a.test")
    assert time.monotonic() - started < 1
    world.zone.fail("a.test", None)
    assert await resolver.a("a.test") == ["192.0.2.1"]


@pytest.mark.alone
async def test_one_deadline_holds_for_all_attempts(world):
    world.zone.fail("a.test", Fault.DROP)
    resolver = world.resolver(timeout_seconds=0.2, attempt_seconds=5)
    started = time.monotonic()
    with pytest.raises(DnsTemporaryError, match="within"):
        await resolver.a("a.test")
    assert time.monotonic() - started < 0.5


async def test_a_truncated_answer_is_asked_for_again_by_tcp(world):
    zone = world.zone
    zone.add("forced.test", "A", "192.0.2.1")
    zone.fail("forced.test", Fault.TRUNCATE)
    zone.add("big.test", "TXT", *("y" * 250 + str(i) for i in range(20)))
    resolver = world.resolver()
    assert await resolver.a("forced.test") == ["192.0.2.1"]
    assert len(await resolver.txt("big.test")) == 20
    assert zone.questions["big.test", "TXT", "tcp"] == 1


async def test_the_next_server_is_asked_when_one_is_dead(world):
    world.zone.add("a.test", "A", "192.0.2.1")
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as deaf:
        await deaf.bind(("127.0.0.1", 0))
        resolver = Resolver(
            ResolverSettings(nameservers=(f"127.0.0.1:{deaf.getsockname()[1]}", world.address), attempt_seconds=0.1)
        )
        assert await resolver.a("a.test") == ["192.0.2.1"]


async def test_a_stub_zone_is_asked_of_its_own_server(world):
    world.zone.add("a.corp.test", "A", "192.0.2.1")
    resolver = Resolver(ResolverSettings(nameservers=("127.0.0.1:1",), stub_zones=(f"test={world.address}",), **FAST))
    assert await resolver.a("a.corp.test") == ["192.0.2.1"]
    with pytest.raises(DnsTemporaryError):
        await resolver.a("a.example")


async def test_aliases_are_followed_within_bounds(world):
    zone = world.zone
    zone.add("alias.test", "CNAME", "a.test.")
    zone.add("a.test", "TXT", "v")
    zone.add("out.test", "CNAME", "a.other.")
    zone.add("void.test", "CNAME", "nowhere.test.")
    zone.add("loop.test", "CNAME", "loop.test.")
    resolver = world.resolver()
    assert await resolver.txt("alias.test") == [b"v"]
    assert await resolver.txt("void.test") == []
    assert await resolver.txt("out.test") == []
    with pytest.raises(DnsTemporaryError):
        await resolver.txt("loop.test")


@pytest.mark.parametrize("name", ["", "a..test", "a" * 64 + ".test", "é.test", "a." * 128 + "test", ".test", "@"])
async def test_what_cannot_be_a_name_has_no_records(world, name):
    assert await world.resolver().txt(name) == []


async def test_equal_questions_share_one_exchange(world):
    world.zone.add("a.test", "A", "192.0.2.1")
    world.zone.delay("a.test", 0.05)
    resolver, answers = world.resolver(), []

    async def ask():
        answers.append(await resolver.a("a.test"))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)
    assert answers == [["192.0.2.1"]] * 20
    assert world.zone.questions["a.test", "A", "udp"] == 1


async def test_one_waiters_cancellation_breaks_no_other(world):
    world.zone.add("a.test", "A", "192.0.2.1")
    world.zone.delay("a.test", 0.1)
    resolver, answers = world.resolver(), []
    leader = trio.CancelScope()

    async def lead():
        with leader:
            await resolver.a("a.test")

    async def follow():
        answers.append(await resolver.a("a.test"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lead)
        await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.start_soon(follow)
        nursery.start_soon(follow)
        await trio.testing.wait_all_tasks_blocked(0.01)
        leader.cancel()
    assert answers == [["192.0.2.1"]] * 2
    assert world.zone.questions["a.test", "A", "udp"] == 2


async def test_addresses_know_localhost_and_literals_without_asking():
    resolver = Resolver(ResolverSettings(nameservers=("127.0.0.1:1",)))
    assert await resolver.addresses("localhost.") == ["127.0.0.1", "::1"]
    assert await resolver.addresses("agents.localhost") == ["127.0.0.1", "::1"]
    assert await resolver.addresses("192.0.2.7") == ["192.0.2.7"]


async def test_half_an_answer_counts_no_answer_does_not(world):
    # A loopback zone answers per name, so the second family fails by another server's silence.
    world.zone.fail("a.test", Fault.SERVFAIL)
    with pytest.raises(DnsTemporaryError):
        await world.resolver(**FAST).addresses("a.test")


@pytest.mark.parametrize("entry", ["ns.example:53", "127.0.0.1:x", "nonsense"])
def test_a_name_server_is_an_address(entry):
    with pytest.raises(ValueError, match="name server"):
        Resolver(ResolverSettings(nameservers=(entry,)))


@pytest.mark.parametrize(
    ("entry", "server"),
    [
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("[::1]:54", ("::1", 54)),
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("::1", ("::1", 53)),
    ],
)
def test_server_entries(entry, server):
    assert tuple(Resolver(ResolverSettings(nameservers=(entry,)))._servers[0]) == server


async def test_one_failure_is_the_failure_of_all_who_wait(world):
    world.zone.fail("a.test", Fault.SERVFAIL)
    world.zone.delay("a.test", 0.02)
    resolver, failures = world.resolver(timeout_seconds=1, attempt_seconds=0.5), []

    async def ask():
        with pytest.raises(DnsTemporaryError):
            await resolver.a("a.test")
        failures.append(1)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)
    assert len(failures) == 20
    assert world.zone.questions["a.test", "A", "udp"] == 2  # one exchange, asked twice


async def test_a_lost_datagram_and_a_strangers_answer_do_no_harm(world):
    world.zone.add("a.test", "A", "192.0.2.1")

    def answer(wire, address):
        response = world.zone.answer(dns.message.from_wire(wire))
        response.answer = [dns.rrset.from_text("a.test.", 60, "IN", "A", address)]
        return response.to_wire()

    datagram = (trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    with trio.socket.socket(*datagram) as server, trio.socket.socket(*datagram) as stranger:
        await server.bind(("127.0.0.1", 0))
        await stranger.bind(("127.0.0.1", 0))

        async def serve():
            await server.recvfrom(512)  # the first one is lost
            wire, peer = await server.recvfrom(512)
            await stranger.sendto(answer(wire, "203.0.113.6"), peer)
            await server.sendto(b"\x00\x00" + answer(wire, "203.0.113.7")[2:], peer)
            await server.sendto(answer(wire, "192.0.2.1"), peer)

        resolver = Resolver(
            ResolverSettings(nameservers=(f"127.0.0.1:{server.getsockname()[1]}",), attempt_seconds=0.3)
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            assert await resolver.a("a.test") == ["192.0.2.1"]
