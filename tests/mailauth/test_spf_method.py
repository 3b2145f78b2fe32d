import time

import pytest

from e2ad.core.address import NULL_PATH, Mailbox
from e2ad.core.authentication import SpfStatus
from e2ad.dev.zone import Fault
from e2ad.mailauth.spf_method import check_spf

ANN = Mailbox("ann", "example.test")
PEER = "192.0.2.9"


async def spf(world, record, peer=PEER, **options):
    if record is not None:
        world.zone.replace("example.test", "TXT", record)
    settings = {"helo": "mx.example.test", "reverse_path": ANN} | options
    resolver = world.resolver(timeout_seconds=1, attempt_seconds=0.2)
    return await check_spf(resolver, peer, settings["helo"], settings["reverse_path"])


RECORDS = [
    ("v=spf1 ip4:192.0.2.0/24 -all", "pass"),
    ("v=spf1 ip4:198.51.100.0/24 -all", "fail"),
    ("v=spf1 ip4:198.51.100.0/24 ~all", "softfail"),
    ("v=spf1 ?all", "neutral"),
    ("v=spf1", "neutral"),
    ("v=spf1 a:host.example.test -all", "pass"),
    ("v=spf1 mx -all", "pass"),
    ("v=spf1 ptr:example.test -all", "pass"),
    ("v=spf1 include:good.test -all", "pass"),
    ("v=spf1 include:other.test ?all", "neutral"),
    ("v=spf1 redirect=good.test", "pass"),
    ("v=spf1 redirect=void.test", "permerror"),
    ("v=spf1 include:void.test -all", "permerror"),
    ("v=spf1 exists:%{i}._spf.%{d} -all", "pass"),
    ("v=spf1 exists:%{l}.%{o}.%{h} -all", "fail"),
    ("v=spf1 -all exp=explain.example.test", "fail"),
    ("v=spf1 ip4:nonsense -all", "permerror"),
    ("v=spf1 unknown:thing -all", "permerror"),
    ("v=spf1 ip4:192.0.2.9 ip4:192.0.2.9/99 -all", "permerror"),
    ("v=spf10 -all", "none"),
    ("v=DMARC1; p=none", "none"),
    ("v=spf1 a:one.test a:two.test a:three.test -all", "permerror"),  # RFC 7208 section 4.6.4: void look-ups
    ("v=spf1 " + " ".join(f"a:a{n}.good.test" for n in range(11)) + " -all", "permerror"),  # ten look-ups
    ("v=spf1 " + " ".join(f"a:a{n}.good.test" for n in range(10)) + " -all", "fail"),
    ("v=spf1 include:example.test -all", "permerror"),
    ("v=spf1 include:loop1.test -all", "permerror"),
    ("v=spf1 mx:crowd.test -all", "permerror"),
]


@pytest.mark.parametrize(("record", "status"), RECORDS, ids=lambda value: value[:40])
async def test_records(world, record, status):
    zone = world.zone
    zone.add("host.example.test", "A", "192.0.2.9")
    zone.add("example.test", "MX", "10 host.example.test.")
    zone.add("9.2.0.192.in-addr.arpa", "PTR", "host.example.test.")
    zone.add("good.test", "TXT", "v=spf1 ip4:192.0.2.9 -all")
    zone.add("other.test", "TXT", "v=spf1 ip4:192.0.2.1 -all")
    zone.add("192.0.2.9._spf.example.test", "A", "127.0.0.2")
    zone.add("loop1.test", "TXT", "v=spf1 include:loop2.test -all")
    zone.add("loop2.test", "TXT", "v=spf1 include:loop1.test -all")
    for number in range(11):
        zone.add(f"a{number}.good.test", "A", "192.0.2.77")
        zone.add("crowd.test", "MX", f"10 a{number}.good.test.")
    result = await spf(world, record)
    assert result.status.value == status, result.detail
    assert result.domain == "example.test"
    assert zone.questions["explain.example.test", "TXT", "udp"] == 0


async def test_two_records_are_one_too_many(world):
    world.zone.add("example.test", "TXT", "v=spf1 +all")
    world.zone.add("example.test", "TXT", "v=spf1 -all")
    assert (await spf(world, None)).status is SpfStatus.PERMERROR


@pytest.mark.parametrize(
    ("peer", "status"),
    [
        ("2001:db8::1", "pass"),
        ("fe80::1%eth0", "fail"),
        ("::ffff:192.0.2.9", "pass"),
        ("127.0.0.1", "pass"),
        ("::1", "pass"),
        ("", "none"),
        ("nonsense", "none"),
    ],
)
async def test_peers(world, peer, status):
    world.zone.add("six.test", "AAAA", "2001:db8::1")
    world.zone.add("example.test", "MX", "1 six.test.")
    record = "v=spf1 mx ip4:192.0.2.9 ip4:127.0.0.0/8 ip6:::1 -all"
    assert (await spf(world, record, peer)).status.value == status


@pytest.mark.parametrize(
    ("helo", "reverse_path", "domain", "status"),
    [
        ("mx.example.test", NULL_PATH, "mx.example.test", "pass"),
        ("MX.Example.test.", NULL_PATH, "mx.example.test", "pass"),
        ("localhost", NULL_PATH, None, "none"),
        ("[192.0.2.9]", NULL_PATH, None, "none"),
        ("192.0.2.9", NULL_PATH, None, "none"),
        ("", NULL_PATH, None, "none"),
        ("mx.example.test", Mailbox("ann", "[192.0.2.9]"), None, "none"),
        ("mx.example.test", Mailbox("ann", "localhost"), None, "none"),
        ("localhost", ANN, "example.test", "pass"),
    ],
)
async def test_identities(world, helo, reverse_path, domain, status):
    world.zone.add("mx.example.test", "TXT", "v=spf1 exists:%{l}._who.example.test -all")
    world.zone.add("postmaster._who.example.test", "A", "127.0.0.2")
    result = await spf(world, "v=spf1 ip4:192.0.2.9 -all", helo=helo, reverse_path=reverse_path)
    assert (result.domain, result.status.value) == (domain, status)


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.DROP])
@pytest.mark.parametrize("name", ["example.test", "good.test"])
async def test_dns_trouble_is_temporary(world, fault, name):
    world.zone.fail(name, fault)
    result = await spf(world, "v=spf1 include:good.test -all")
    assert result.status is SpfStatus.TEMPERROR
    assert result.domain == "example.test"


async def test_dns_trouble_with_ptr_is_no_match(world):
    world.zone.fail("9.2.0.192.in-addr.arpa", Fault.SERVFAIL)
    assert (await spf(world, "v=spf1 ptr -all")).status is SpfStatus.FAIL


async def test_a_local_part_that_is_not_ascii_finds_nothing(world):
    result = await spf(world, "v=spf1 exists:%{l}.example.test -all", reverse_path=Mailbox("änn", "example.test"))
    assert result.status is SpfStatus.FAIL


HOSTILE = {
    "five thousand networks": "v=spf1 " + "ip4:1.2.3.4 " * 5000 + "-all",
    "blanks": "v=spf1 " + " " * 50_000 + "-all",
    "a long name": "v=spf1 a:" + "a" * 50_000 + " -all",
    "macros": "v=spf1 exists:" + "%{l}." * 8000 + "d.test -all",
    "macros below the cap": "v=spf1 exists:" + "%{lr}." * 600 + "d.test -all",
    "digits": "v=spf1 ip4:" + "1" * 4000 + " -all",
    "macro digits": "v=spf1 a:%{d" + "9" * 400 + "} -all",
    "dots": "v=spf1 a:" + "a." * 2000 + "test -all",
    "letters without end": "v=spf1 a:." + "a" * 4000 + "! -all",
    "colons": "v=spf1 ip6:" + "1:" * 2000 + " -all",
    "macros in a modifier": "v=spf1 x=" + "%{lr}." * 600 + " -all",
    "full to the cap": "v=spf1 " + "ip4:1.2.3.4 " * 330 + "-all",
}


HARMLESS = ("full to the cap", "macro digits")


@pytest.mark.parametrize("case", HOSTILE)
async def test_hostile_records_take_no_time(world, case):
    started = time.perf_counter()
    result = await spf(world, HOSTILE[case], reverse_path=Mailbox("a.b." * 15 + "x", "example.test"))
    assert time.perf_counter() - started < 1.5
    expected = SpfStatus.FAIL if case in HARMLESS else SpfStatus.PERMERROR
    assert result.status is expected


async def test_many_large_includes_are_bounded_together(world):
    filler = "ip4:1.2.3.4 " * 330
    for number in range(10):
        world.zone.add(f"i{number}.test", "TXT", f"v=spf1 {filler}?all")
    record = "v=spf1 " + " ".join(f"include:i{number}.test" for number in range(10)) + " -all"
    started = time.perf_counter()
    result = await spf(world, record)
    assert time.perf_counter() - started < 2
    assert result.status is SpfStatus.PERMERROR
    assert "together" in result.detail
