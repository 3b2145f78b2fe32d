"""The resolver: dnspython's codec under Trio, with a cache and with bounds.

Everything about mail asks one of these, so that one mail's lookups are the next mail's cache hits
and nobody can make the process ask without limit; the way out has one of its own. "There is no
such name" and "there is no such record" are answers (an empty list); silence and server failure
are `DnsTemporaryError`, since the two must never be taken for each other: one is a fact about the
domain, the other one about today.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.resolver
import trio
from attrs import define, frozen

from e2ad.mailauth.suffixes import listed_organization

__all__ = ["DnsTemporaryError", "Resolver", "ResolverSettings"]

_TXT: Final = dns.rdatatype.TXT
_A: Final = dns.rdatatype.A
_AAAA: Final = dns.rdatatype.AAAA
_MX: Final = dns.rdatatype.MX
_PTR: Final = dns.rdatatype.PTR

# A chain of aliases that crosses servers is followed by us; RFC 1034 section 3.6.2 wants chains to be rare.
_MAX_ALIASES: Final = 8
# What fits the smallest common path MTU of IPv6 without fragments (DNS flag day 2020).
_UDP_PAYLOAD: Final = 1232
_DNS_PORT: Final = 53
# The part of all turns that names of one organization may take.
_SHARES: Final = 8
# A sender can name answers of 64 KB for all entries of the cache. What mail needs is far smaller.
_MAX_KEPT_OCTETS: Final = 16_384
_VALUE_OCTETS: Final = 64


class DnsTemporaryError(Exception):
    """DNS gave no answer in time, or only failures: ask again later, conclude nothing now."""


@frozen
class ResolverSettings:
    """How to ask, how long to wait, how much to remember.

    Attributes:
        nameservers: `host:port` entries with literal addresses; empty means those of the system.
        stub_zones: `zone=host:port` entries; names in that zone are asked of that server alone.
        timeout_seconds: for one question as a whole, every retry and alias included.
        attempt_seconds: for one exchange with one server.
        cache_entries: the answers that are kept; the least recently used go first.
        max_ttl_seconds: no answer is kept for longer, whatever its owner says.
        negative_ttl_seconds: the same for "no such name" and "no such record".
        concurrency: exchanges under way at once; about names of one organization an eighth of them.
    """

    nameservers: tuple[str, ...] = ()
    stub_zones: tuple[str, ...] = ()
    timeout_seconds: float = 5.0
    attempt_seconds: float = 2.0
    cache_entries: int = 4096
    max_ttl_seconds: float = 3600
    negative_ttl_seconds: float = 60
    concurrency: int = 64


class _Server(NamedTuple):
    host: str
    port: int


class _Question(NamedTuple):
    name: str
    rdtype: dns.rdatatype.RdataType


@frozen
class _Answer:
    values: tuple[Any, ...]
    exists: bool
    ttl: float


@define(eq=False)
class _Flight:
    """One exchange that several may wait for. Neither answer nor error when done: its leader was cancelled."""

    done: trio.Event
    answer: _Answer | None = None
    error: DnsTemporaryError | None = None


_NO_SUCH_NAME: Final = _Answer((), exists=False, ttl=0)


class Resolver:
    """Asks DNS, remembers, and lets equal questions share one exchange.

    Cancellation:
        A question may be cancelled at any time. If others wait for the same answer, one of them
        asks anew: nobody's cancellation is another's failure.
    """

    def __init__(self, settings: ResolverSettings) -> None:
        self._settings = settings
        self._servers = _parse_servers(settings.nameservers) or _system_servers()
        self._stubs = _parse_stubs(settings.stub_zones)
        self._limiter = trio.CapacityLimiter(settings.concurrency)
        self._shares: dict[str, trio.CapacityLimiter] = {}
        self._cache: OrderedDict[_Question, tuple[float, _Answer]] = OrderedDict()
        self._flights: dict[_Question, _Flight] = {}
        self._backend = dns.asyncbackend.get_backend("trio")

    async def txt(self, name: str) -> list[bytes]:
        """The TXT records of a name, each with its strings joined (RFC 7208 section 3.3).

        Raises:
            DnsTemporaryError: no answer in time, or only failures.
        """
        return list((await self._resolve(name, _TXT)).values)

    async def a(self, name: str) -> list[str]:
        """The IPv4 addresses of a name. Raises DnsTemporaryError."""
        return list((await self._resolve(name, _A)).values)

    async def aaaa(self, name: str) -> list[str]:
        """The IPv6 addresses of a name. Raises DnsTemporaryError."""
        return list((await self._resolve(name, _AAAA)).values)

    async def mx(self, name: str) -> list[tuple[int, str]]:
        """Preference and exchange of each MX; the null MX reads `(0, "")` (RFC 7505). Raises DnsTemporaryError."""
        return list((await self._resolve(name, _MX)).values)

    async def ptr(self, name: str) -> list[str]:
        """The names that a name under in-addr.arpa or ip6.arpa points to. Raises DnsTemporaryError."""
        return list((await self._resolve(name, _PTR)).values)

    async def exists(self, name: str) -> bool:
        """Is the name there at all? False only for NXDOMAIN (RFC 8020). Raises DnsTemporaryError."""
        return (await self._resolve(name, _A)).exists

    async def addresses(self, name: str) -> list[str]:
        """Every address of a host, IPv4 first, by DNS alone: /etc/hosts is not consulted.

        `localhost` and the names under it are the loopback addresses (RFC 6761 section 6.3) and a
        literal address is itself. Where one family answers and the other fails, the answer counts.

        Raises:
            DnsTemporaryError: nothing was found, and not for want of records.
        """
        folded = name.lower().rstrip(".")
        if folded == "localhost" or folded.endswith(".localhost"):
            return ["127.0.0.1", "::1"]
        if _is_address(folded):
            return [folded]
        found: dict[dns.rdatatype.RdataType, list[str]] = {}
        errors: list[DnsTemporaryError] = []

        async def ask(rdtype: dns.rdatatype.RdataType) -> None:
            try:
                found[rdtype] = list((await self._resolve(name, rdtype)).values)
            except DnsTemporaryError as error:
                errors.append(error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, _A)
            nursery.start_soon(ask, _AAAA)
        addresses = found.get(_A, []) + found.get(_AAAA, [])
        if not addresses and errors:
            raise errors[0]
        return addresses

    async def _resolve(self, name: str, rdtype: dns.rdatatype.RdataType) -> _Answer:
        await trio.lowlevel.checkpoint_if_cancelled()
        question = _Question(name.lower().rstrip("."), rdtype)
        answer = self._cached(question)
        if answer is not None:
            return answer
        target = _dns_name(question.name)
        if target is None:
            return _NO_SUCH_NAME
        with trio.move_on_after(self._settings.timeout_seconds):
            return await self._share(question, target)
        raise DnsTemporaryError(f"no answer from DNS within {self._settings.timeout_seconds:g} s")

    async def _share(self, question: _Question, target: dns.name.Name) -> _Answer:
        while True:
            flight = self._flights.get(question)
            if flight is None:
                return await self._lead(question, target)
            await flight.done.wait()
            if flight.answer is not None:
                return flight.answer
            if flight.error is not None:
                raise DnsTemporaryError(str(flight.error)) from flight.error

    async def _lead(self, question: _Question, target: dns.name.Name) -> _Answer:
        flight = self._flights[question] = _Flight(trio.Event())
        try:
            with trio.move_on_after(self._settings.timeout_seconds):
                async with self._turn(question.name):
                    flight.answer = await self._ask(target, question.rdtype)
            if flight.answer is None:
                raise DnsTemporaryError(f"no answer from DNS within {self._settings.timeout_seconds:g} s")
            self._remember(question, flight.answer)
        except DnsTemporaryError as error:
            flight.error = error
            raise
        finally:
            del self._flights[question]
            flight.done.set()
        return flight.answer

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        # A stranger makes us ask with one MAIL command. If his servers never answer, and all his names
        # together could take every turn, everybody's mail would be told apart by nothing but luck.
        owner = listed_organization(name)
        share = self._shares.setdefault(owner, trio.CapacityLimiter(max(1, self._settings.concurrency // _SHARES)))
        try:
            async with share, self._limiter:
                yield
        finally:
            if not share.borrowed_tokens and not share.statistics().tasks_waiting:
                self._shares.pop(owner, None)

    async def _ask(self, target: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> _Answer:
        ttl, asked = self._settings.max_ttl_seconds, target
        for _ in range(_MAX_ALIASES):
            response = await self._exchange(target, rdtype)
            if response.rcode() == dns.rcode.NXDOMAIN:
                # RFC 2308 section 2.1: it is the end of a chain of aliases that is not there, the alias itself is.
                exists = bool(response.answer) or target != asked
                return _Answer((), exists=exists, ttl=min(ttl, self._negative_ttl(response)))
            try:
                chain = response.resolve_chaining()
            except dns.exception.DNSException as error:
                raise DnsTemporaryError("DNS answered with a broken chain of aliases") from error
            if chain.answer is not None:
                ttl = min(ttl, chain.minimum_ttl)
                return _Answer(tuple(_value(rdata) for rdata in chain.answer), exists=True, ttl=ttl)
            if not chain.cnames:
                return _Answer((), exists=True, ttl=min(ttl, self._negative_ttl(response)))
            if any(rrset.rdtype == dns.rdatatype.SOA for rrset in response.authority):
                # The server did follow the alias, and found nothing at its end (RFC 2308 section 2.2).
                return _Answer((), exists=True, ttl=min(ttl, self._negative_ttl(response)))
            ttl, target = min(ttl, chain.minimum_ttl), chain.canonical_name
        raise DnsTemporaryError(f"more than {_MAX_ALIASES} aliases in a row")

    async def _exchange(self, target: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.message.QueryMessage:
        servers = self._servers_of(target)
        trouble = "no name server is configured"
        # Two rounds: one lost datagram is no failure. The time as a whole is bounded by the caller.
        for server in servers * 2:
            try:
                response = await self._exchange_with(server, dns.message.make_query(target, rdtype, use_edns=False))
            except (OSError, EOFError, dns.exception.DNSException, trio.BrokenResourceError) as error:
                trouble = f"{type(error).__name__} from a name server"
                continue
            answered = response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
            if answered and isinstance(response, dns.message.QueryMessage):
                return response
            trouble = f"{dns.rcode.to_text(response.rcode())} from a name server"
        raise DnsTemporaryError(trouble)

    async def _exchange_with(self, server: _Server, query: dns.message.QueryMessage) -> dns.message.Message:
        seconds = self._settings.attempt_seconds
        query.use_edns(0, 0, _UDP_PAYLOAD)
        for _ in range(2):
            try:
                response = await dns.asyncquery.udp(
                    query,
                    server.host,
                    timeout=seconds,
                    port=server.port,
                    # Datagrams from elsewhere or with another id are somebody's guess: wait on for ours.
                    ignore_unexpected=True,
                    ignore_errors=True,
                    raise_on_truncation=True,
                    backend=self._backend,
                )
            except dns.message.Truncated:
                response = await dns.asyncquery.tcp(
                    query, server.host, timeout=seconds, port=server.port, backend=self._backend
                )
            if response.rcode() not in (dns.rcode.FORMERR, dns.rcode.NOTIMP):
                break
            # RFC 6891 section 7: an old server may refuse the extension, not the question.
            query.use_edns(False)
        return response

    def _servers_of(self, target: dns.name.Name) -> tuple[_Server, ...]:
        for zone, server in self._stubs:
            if target.is_subdomain(zone):
                return (server,)
        return self._servers

    def _negative_ttl(self, response: dns.message.Message) -> float:
        # RFC 2308 section 5: the lesser of the SOA's own TTL and its MINIMUM field.
        ttl = self._settings.negative_ttl_seconds
        for rrset in response.authority:
            if rrset.rdtype == dns.rdatatype.SOA:
                minimum: int = rrset[0].minimum
                ttl = min(ttl, rrset.ttl, minimum)
        return ttl

    def _cached(self, question: _Question) -> _Answer | None:
        entry = self._cache.get(question)
        if entry is None:
            return None
        expires_at, answer = entry
        if trio.current_time() >= expires_at:
            del self._cache[question]
            return None
        self._cache.move_to_end(question)
        return answer

    def _remember(self, question: _Question, answer: _Answer) -> None:
        if answer.ttl <= 0 or _octets(answer) > _MAX_KEPT_OCTETS:
            return
        self._cache[question] = (trio.current_time() + answer.ttl, answer)
        if len(self._cache) > self._settings.cache_entries:
            self._cache.popitem(last=False)


def _dns_name(name: str) -> dns.name.Name | None:
    # Label by label and not from_text: nothing in a name that a sender chose may act as an escape.
    try:
        return dns.name.Name([label.encode("ascii") for label in name.split(".")] + [b""])
    except (UnicodeError, dns.exception.DNSException):
        return None


def _octets(answer: _Answer) -> int:
    """About what it costs to remember: text, and the object around each value."""
    return sum(_VALUE_OCTETS + (len(value) if isinstance(value, bytes | str) else 256) for value in answer.values)


def _value(rdata: Any) -> Any:
    match rdata.rdtype:
        case dns.rdatatype.TXT:
            return b"".join(rdata.strings)
        case dns.rdatatype.MX:
            return rdata.preference, rdata.exchange.to_text(omit_final_dot=True).lower().strip(".")
        case dns.rdatatype.PTR:
            return rdata.target.to_text(omit_final_dot=True).lower()
        case _:
            return rdata.address


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _parse_server(text: str) -> _Server:
    host, separator, port = text.rpartition(":")
    if not separator or (":" in host and not host.startswith("[")):
        host, port = text, str(_DNS_PORT)
    host = host.strip("[]")
    if not _is_address(host) or not port.isdecimal():
        raise ValueError(f"a name server is written as address:port, not {text!r}")
    return _Server(host, int(port))


def _parse_servers(entries: Iterable[str]) -> tuple[_Server, ...]:
    return tuple(_parse_server(entry) for entry in entries)


def _parse_stubs(entries: Iterable[str]) -> tuple[tuple[dns.name.Name, _Server], ...]:
    stubs = []
    for entry in entries:
        zone, _, server = entry.partition("=")
        stubs.append((dns.name.from_text(zone.lower()), _parse_server(server)))
    # The longest zone first, so that a zone inside another has its own server.
    return tuple(sorted(stubs, key=lambda stub: -len(stub[0])))


def _system_servers() -> tuple[_Server, ...]:
    try:
        system = dns.resolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        return ()
    return tuple(_Server(str(host), _DNS_PORT) for host in system.nameservers)
