"""The offline world's DNS: an authoritative server on loopback, over UDP and TCP.

`e2ad dev` serves names under `.test` from it, so that SPF, DKIM and DMARC can be seen at work with
no network at all. Names can be told to misbehave, since a resolver is known by how it takes that.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from typing import Any, Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import trio

__all__ = ["Fault", "Zone", "serve_zone"]

_TTL: Final = 300
_STRING_OCTETS: Final = 255  # RFC 1035 section 3.3: one <character-string>
_PLAIN_UDP_OCTETS: Final = 512  # RFC 1035 section 4.2.1, for those who offer no more
_MAX_ALIASES: Final = 8
_MAX_PENDING: Final = 256
_IDLE_SECONDS: Final = 10.0
_BIND_ATTEMPTS: Final = 20


class Fault(Enum):
    """How a name may misbehave."""

    SERVFAIL = "servfail"
    DROP = "drop"  # no answer at all
    TRUNCATE = "truncate"  # over UDP say no more than: ask by TCP


class Zone:
    """Names, their records, and their faults. May be changed while it is served.

    `questions` counts what was asked, by (name, type, transport): tests read there who asked what.
    """

    def __init__(self) -> None:
        self.questions: Counter[tuple[str, str, str]] = Counter()
        self._records: defaultdict[str, dict[str, dns.rrset.RRset]] = defaultdict(dict)
        self._faults: dict[str, Fault] = {}
        self._delays: dict[str, float] = {}

    def add(self, name: str, rdtype: str, *values: str | bytes, ttl: int = _TTL) -> None:
        """Add records to a name.

        Args:
            name: absolute, with or without its final dot.
            rdtype: `A`, `TXT`, `MX`, `CNAME` and so on.
            values: in zone file form; a TXT value is its plain text, cut into strings here.
            ttl: in seconds, for this name and type as a whole.

        Raises:
            ValueError: a value is not one of this type.
        """
        key, kind = _key(name), rdtype.upper()
        rrset = self._records[key].get(kind)
        if rrset is None:
            owner = dns.name.from_text(key)
            rrset = dns.rrset.RRset(owner, dns.rdataclass.IN, dns.rdatatype.from_text(kind))
            self._records[key][kind] = rrset
        for value in values:
            rrset.add(_rdata(kind, value), ttl)
        rrset.ttl = ttl

    def replace(self, name: str, rdtype: str, *values: str | bytes, ttl: int = _TTL) -> None:
        """Put these records in the place of those of the same name and type."""
        self._records[_key(name)].pop(rdtype.upper(), None)
        self.add(name, rdtype, *values, ttl=ttl)

    def remove(self, name: str, rdtype: str | None = None) -> None:
        """Forget a name, or its records of one type."""
        if rdtype is None:
            self._records.pop(_key(name), None)
            return
        records = self._records.get(_key(name), {})
        records.pop(rdtype.upper(), None)
        if not records:
            self._records.pop(_key(name), None)

    def fail(self, name: str, fault: Fault | None) -> None:
        """Make every question about this name go wrong; None makes it well again."""
        if fault is None:
            self._faults.pop(_key(name), None)
        else:
            self._faults[_key(name)] = fault

    def delay(self, name: str, seconds: float) -> None:
        """Answer questions about this name only after so many seconds."""
        self._delays[_key(name)] = seconds

    def fault_of(self, name: str) -> Fault | None:
        """What is wrong with the name, if anything."""
        return self._faults.get(_key(name))

    def delay_of(self, name: str) -> float:
        """The seconds to wait before answering about the name."""
        return self._delays.get(_key(name), 0)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """The authoritative answer to one question: records, NODATA or NXDOMAIN, the latter two with the SOA."""
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if len(query.question) != 1:
            response.set_rcode(dns.rcode.FORMERR)
            return response
        question = query.question[0]
        kind, name = dns.rdatatype.to_text(question.rdtype), question.name
        for _ in range(_MAX_ALIASES):
            records = self._records.get(_key(name.to_text()))
            if records is None:
                if not self._has_below(name):
                    response.set_rcode(dns.rcode.NXDOMAIN)
                response.authority.append(_soa(name))
                return response
            if kind in records:
                response.answer.append(records[kind])
                return response
            alias = records.get("CNAME")
            if alias is None or alias in response.answer:
                response.authority.append(_soa(name))
                return response
            response.answer.append(alias)
            target: dns.name.Name = alias[0].target
            if not self._serves(target):
                return response
            name = target
        return response

    def _serves(self, name: dns.name.Name) -> bool:
        # Authority is by top-level name: an alias out of all that we serve is left to the one who asked.
        top = _key(name.to_text()).rpartition(".")[2]
        return any(key.rpartition(".")[2] == top for key in self._records)

    def _has_below(self, name: dns.name.Name) -> bool:
        # RFC 8020: a name with names below it exists, though it has no records.
        ending = "." + _key(name.to_text())
        return any(key.endswith(ending) for key in self._records)


async def serve_zone(
    zone: Zone,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer for the zone until cancelled; `started` gives host and port, the same for UDP and TCP.

    Raises:
        OSError: the port is taken.

    Cancellation:
        Both sockets are closed, pending answers are dropped.
    """
    datagrams, listeners = await _bind(host, port)
    limiter = trio.CapacityLimiter(_MAX_PENDING)
    with datagrams:
        async with trio.open_nursery() as nursery:
            bound = datagrams.getsockname()
            nursery.start_soon(_serve_datagrams, zone, datagrams, limiter)

            async def serve_stream(stream: trio.SocketStream) -> None:
                await _serve_stream(zone, stream)

            nursery.start_soon(trio.serve_listeners, serve_stream, listeners)
            task_status.started((bound[0], bound[1]))


async def _bind(host: str, port: int) -> tuple[trio.socket.SocketType, list[trio.SocketListener]]:
    family = trio.socket.AF_INET6 if ":" in host else trio.socket.AF_INET
    for attempt in range(_BIND_ATTEMPTS):
        datagrams = trio.socket.socket(family, trio.socket.SOCK_DGRAM)
        try:
            await datagrams.bind((host, port))
            listeners: list[trio.SocketListener] = await trio.open_tcp_listeners(datagrams.getsockname()[1], host=host)
        except OSError:
            datagrams.close()
            # A free UDP port may be a taken TCP port: draw again, unless the caller wants this one.
            if port or attempt == _BIND_ATTEMPTS - 1:
                raise
            continue
        return datagrams, listeners
    raise OSError("no port is free for both UDP and TCP")


async def _serve_datagrams(zone: Zone, datagrams: trio.socket.SocketType, limiter: trio.CapacityLimiter) -> None:
    async def answer(wire: bytes, peer: Any) -> None:
        async with limiter:
            reply = await _reply(zone, wire, "udp")
        if reply is not None:
            # The asker may be gone: that is no concern of ours.
            with suppress(OSError):
                await datagrams.sendto(reply, peer)

    async with trio.open_nursery() as nursery:
        while True:
            try:
                wire, peer = await datagrams.recvfrom(65_535)
            except OSError:
                await trio.lowlevel.checkpoint()
                continue
            if limiter.available_tokens > 0:
                nursery.start_soon(answer, wire, peer)


async def _serve_stream(zone: Zone, stream: trio.SocketStream) -> None:
    buffer = bytearray()
    async with stream:
        while True:
            with trio.move_on_after(_IDLE_SECONDS):
                try:
                    # RFC 1035 section 4.2.2: two octets of length before each message.
                    while len(buffer) < 2 or len(buffer) < 2 + int.from_bytes(buffer[:2], "big"):
                        chunk = await stream.receive_some(65_536)
                        if not chunk:
                            return
                        buffer += chunk
                    end = 2 + int.from_bytes(buffer[:2], "big")
                    reply = await _reply(zone, bytes(buffer[2:end]), "tcp")
                    del buffer[:end]
                    if reply is None:
                        return
                    await stream.send_all(len(reply).to_bytes(2, "big") + reply)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return
                continue
            return


async def _reply(zone: Zone, wire: bytes, transport: str) -> bytes | None:
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return None
    if query.flags & dns.flags.QR:
        return None
    name = query.question[0].name.to_text() if query.question else "."
    kind = dns.rdatatype.to_text(query.question[0].rdtype) if query.question else ""
    zone.questions[_key(name), kind, transport] += 1
    if seconds := zone.delay_of(name):
        await trio.sleep(seconds)
    fault = zone.fault_of(name)
    if fault is Fault.DROP:
        return None
    if fault is Fault.SERVFAIL:
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.SERVFAIL)
        return response.to_wire()
    if transport == "tcp":
        return zone.answer(query).to_wire(max_size=65_535)
    if fault is Fault.TRUNCATE:
        return _truncated(query)
    try:
        return zone.answer(query).to_wire(max_size=max(query.payload, _PLAIN_UDP_OCTETS))
    except dns.exception.TooBig:
        return _truncated(query)


def _truncated(query: dns.message.Message) -> bytes:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC | dns.flags.AA
    return response.to_wire()


def _rdata(kind: str, value: str | bytes) -> dns.rdata.Rdata:
    if kind == "TXT":
        text = value.encode() if isinstance(value, str) else value
        value = " ".join(f'"{_escape(part)}"' for part in _strings(text))
    elif isinstance(value, bytes):
        value = value.decode("ascii")
    try:
        return dns.rdata.from_text(
            dns.rdataclass.IN, dns.rdatatype.from_text(kind), value, origin=dns.name.root, relativize=False
        )
    except dns.exception.DNSException as error:
        raise ValueError(f"not a record of type {kind}: {value!r}") from error


def _strings(text: bytes) -> Iterable[bytes]:
    return (text[at : at + _STRING_OCTETS] for at in range(0, max(len(text), 1), _STRING_OCTETS))


def _escape(text: bytes) -> str:
    return "".join(chr(octet) if 32 < octet < 127 and octet not in b'"\\;' else f"\\{octet:03d}" for octet in text)


def _soa(name: dns.name.Name) -> dns.rrset.RRset:
    top = dns.name.Name(name.labels[-2:]) if len(name.labels) > 1 else dns.name.root
    return dns.rrset.from_text(
        top, _TTL, dns.rdataclass.IN, dns.rdatatype.SOA, f"localhost. hostmaster.localhost. 1 3600 600 86400 {_TTL}"
    )


def _key(name: str) -> str:
    return name.lower().rstrip(".")
