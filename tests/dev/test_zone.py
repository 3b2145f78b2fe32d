import dns.flags
import dns.message
import dns.rcode
import pytest
import trio

from e2ad.dev.zone import Fault, Zone, serve_zone


def ask(zone, name, rdtype):
    return zone.answer(dns.message.make_query(name, rdtype))


def test_absence_comes_with_the_soa():
    zone = Zone()
    zone.add("a.b.test", "A", "192.0.2.1")
    for name, rcode in (("a.b.test", dns.rcode.NOERROR), ("b.test", dns.rcode.NOERROR), ("c.test", dns.rcode.NXDOMAIN)):
        response = ask(zone, name, "TXT")
        assert response.rcode() == rcode
        assert not response.answer
        assert response.authority[0].to_text().startswith("test. 300 IN SOA")
        assert response.flags & dns.flags.AA


def test_records_come_and_go():
    zone = Zone()
    zone.add("a.test", "A", "192.0.2.1")
    zone.add("a.test", "A", "192.0.2.2", ttl=7)
    assert len(ask(zone, "A.TEST", "A").answer[0]) == 2
    assert ask(zone, "a.test", "A").answer[0].ttl == 7
    zone.replace("a.test", "A", "192.0.2.3")
    assert [r.address for r in ask(zone, "a.test", "A").answer[0]] == ["192.0.2.3"]
    zone.remove("a.test", "A")
    assert ask(zone, "a.test", "A").rcode() == dns.rcode.NXDOMAIN
    zone.remove("never.test")


def test_an_alias_is_followed_inside_and_left_outside():
    zone = Zone()
    zone.add("alias.test", "CNAME", "a.test.")
    zone.add("a.test", "A", "192.0.2.1")
    zone.add("out.test", "CNAME", "a.example.")
    assert len(ask(zone, "alias.test", "A").answer) == 2
    assert ask(zone, "out.test", "A").rcode() == dns.rcode.NOERROR
    assert ask(zone, "alias.test", "CNAME").answer[0].rdtype == dns.rdatatype.CNAME


def test_a_value_that_is_none_of_its_type_is_refused():
    with pytest.raises(ValueError, match="not a record of type A"):
        Zone().add("a.test", "A", "nonsense")


async def test_rubbish_gets_no_answer_and_stops_nothing():
    zone = Zone()
    zone.add("a.test", "A", "192.0.2.1")
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve_zone, zone)
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as client:
            await client.connect((host, port))
            await client.send(b"\x00\x01rubbish")
            await client.send(dns.message.make_response(dns.message.make_query("a.test", "A")).to_wire())
            await client.send(dns.message.make_query("a.test", "A").to_wire())
            with trio.fail_after(5):
                response = dns.message.from_wire(await client.recv(4096))
        assert response.answer[0][0].address == "192.0.2.1"
        stream = await trio.open_tcp_stream(host, port)
        async with stream:
            wire = dns.message.make_query("a.test", "A").to_wire()
            framed = len(wire).to_bytes(2, "big") + wire
            with trio.fail_after(5):
                # Two questions on one stream, the first one octet by octet.
                for octet in framed:
                    await stream.send_all(bytes([octet]))
                await stream.send_all(framed)
                received = b""
                while len(received) < 2 * (2 + 40):
                    received += await stream.receive_some(4096)
            await stream.send_all(b"\x00\x03abc")
            with trio.fail_after(5):
                while await stream.receive_some(4096):
                    pass
        nursery.cancel_scope.cancel()


async def test_a_taken_port_is_an_error():
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as taken:
        await taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="in use"):
            await serve_zone(Zone(), port=taken.getsockname()[1])


async def test_a_dropped_question_closes_the_stream():
    zone = Zone()
    zone.fail("a.test", Fault.DROP)
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve_zone, zone)
        async with await trio.open_tcp_stream(host, port) as stream:
            wire = dns.message.make_query("a.test", "A").to_wire()
            await stream.send_all(len(wire).to_bytes(2, "big") + wire)
            with trio.fail_after(5):
                assert await stream.receive_some() == b""
        nursery.cancel_scope.cancel()
