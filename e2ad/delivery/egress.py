"""The way out: which addresses our requests may reach, and a connection to exactly those.

A webhook's URL is written by a stranger, so it must not become a way into our own network
(contract: endpoint rules). The name is resolved, *every* address it has must be allowed, and the
connection goes to the very address that was checked: a name that changes its mind between check
and use gains nothing. TLS still verifies the URL's name, and Host still carries it.

There is no mode in which the guard is off. `allow_networks` names the networks that are fine
(loopback, under `e2ad dev`); proxies from the environment are never used.
"""

import ipaddress
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

import idna
import trio
from attrs import frozen

from e2ad.core.errors import InvalidWebhookUrl

__all__ = ["Blocked", "Egress", "EgressSettings", "Origin", "Resolver", "Target", "Unreachable", "parse_url"]

CONNECT_SECONDS: Final = 10.0
"""For one address, TLS included (contract: 10 s dial, 10 s handshake, inside the attempt's own limit)."""

MAX_ADDRESSES: Final = 8
MAX_URL: Final = 2048

_NAT64: Final = (ipaddress.ip_network("64:ff9b::/96"),)
_UNICAST: Final = ipaddress.ip_network("2000::/3")
_NEVER: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # RFC 6598: carrier-grade NAT
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "64:ff9b:1::/48",  # RFC 8215: local-use NAT64, leads anywhere
        "fec0::/10",  # site-local
    )
)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class EgressSettings(Protocol):
    """The `[egress]` section of the configuration."""

    @property
    def allow_networks(self) -> Sequence[str]:
        """CIDR networks that may be reached although they are not public."""

    @property
    def allow_http(self) -> bool:
        """Whether URLs may be plain http."""

    @property
    def ca_file(self) -> str | None:
        """A file of certificate authorities to trust besides the system's."""


class Resolver(Protocol):
    """Whoever turns a host name into addresses."""

    async def addresses(self, host: str) -> list[str]:
        """The A and AAAA records of `host`, in the order to be tried."""


class Unreachable(Exception):
    """No connection could be made, or it broke before an answer came."""


class Blocked(Unreachable):
    """The guard says no: the name has an address that must not be reached."""


@frozen
class Origin:
    """Scheme, host (A-labels or an address without brackets) and port: what a connection belongs to."""

    scheme: str
    host: str
    port: int


@frozen
class Target:
    """A URL, taken apart as a request needs it."""

    origin: Origin
    path: str
    host_header: str
    userinfo: tuple[str, str] | None = None


def parse_url(url: str) -> Target:
    """Take an absolute http or https URL apart.

    Raises:
        InvalidWebhookUrl: it is not one, with a sentence that says what is wrong.
    """
    if len(url) > MAX_URL:
        raise InvalidWebhookUrl(f"the webhook URL is longer than {MAX_URL} characters")
    if not url.isprintable() or " " in url:
        raise InvalidWebhookUrl("the webhook URL contains a blank or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _host(parts)
    except (ValueError, idna.IDNAError) as error:
        raise InvalidWebhookUrl("the webhook URL is malformed: check host and port") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidWebhookUrl("the webhook URL must be absolute, like https://hooks.example.com/e2a")
    default = 443 if parts.scheme == "https" else 80
    shown = f"[{host}]" if ":" in host else host
    userinfo = None
    if parts.username is not None:
        userinfo = (unquote(parts.username), unquote(parts.password or ""))
    return Target(
        origin=Origin(parts.scheme, host, default if port is None else port),
        path=_ascii(parts.path or "/") + (f"?{_ascii(parts.query)}" if parts.query else ""),
        host_header=shown if port in (None, default) else f"{shown}:{port}",
        userinfo=userinfo,
    )


class Egress:
    """Guarded connections to the outside.

    Args:
        settings: what is allowed beyond the public Internet, and whom to trust.
        resolver: asked for each new connection; its answers are checked, all of them.
    """

    def __init__(self, settings: EgressSettings, resolver: Resolver) -> None:
        self._allowed: tuple[IPNetwork, ...] = tuple(ipaddress.ip_network(text) for text in settings.allow_networks)
        self._allow_http = settings.allow_http
        self._resolver = resolver
        self._tls = ssl.create_default_context()
        if settings.ca_file:
            self._tls.load_verify_locations(settings.ca_file)
        # One request at a time on each connection is all that is spoken here.
        self._tls.set_alpn_protocols(["http/1.1"])

    def permits(self, address: str) -> bool:
        """Whether `address` may be reached: public, or in one of the allowed networks."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        seen = {ip, *_wrapped(ip)}
        # An address that carries another one inside is as good as the worse of the two.
        return all(self._permits_plain(one) for one in seen)

    async def check_url(self, url: str) -> None:
        """Say now what would make every delivery to this URL fail (contract: at registration).

        Raises:
            InvalidWebhookUrl: wrong scheme, an address in place of a name, a name that does not
                resolve, or one that leads where deliveries must not go.
        """
        origin = parse_url(url).origin
        if origin.scheme != "https" and not self._allow_http:
            raise InvalidWebhookUrl("the webhook URL must use https")
        if _literal(origin.host) is not None:
            if not self._permits_listed(origin.host):
                raise InvalidWebhookUrl("the webhook URL must name a host, not an IP address")
            return
        try:
            await self._resolve(origin.host)
        except Blocked as error:
            raise InvalidWebhookUrl(
                f"the webhook host {origin.host} resolves to an address that is not public: use a public host"
            ) from error
        except Unreachable as error:
            raise InvalidWebhookUrl(
                f"the webhook host {origin.host} does not resolve: check the name and its DNS records"
            ) from error

    async def connect(self, origin: Origin) -> trio.abc.Stream:
        """Open a connection, TLS included, to an address that was checked a moment before.

        Raises:
            Blocked: the guard says no.
            Unreachable: no address answered, or the certificate does not hold.

        Cancellation:
            Nothing stays open.
        """
        if origin.scheme != "https" and not self._allow_http:
            raise Blocked("plain http is not allowed: the URL must use https")
        failure: Exception | None = None
        for address in (await self._resolve(origin.host))[:MAX_ADDRESSES]:
            with trio.move_on_after(CONNECT_SECONDS):
                try:
                    return await self._connect(address, origin)
                except (OSError, trio.BrokenResourceError) as error:
                    failure = error
                    continue
            failure = TimeoutError(f"no connection within {CONNECT_SECONDS:.0f} s")
        raise Unreachable(_words(failure)) from failure

    async def _connect(self, address: str, origin: Origin) -> trio.abc.Stream:
        plain = await _open(address, origin.port)
        if origin.scheme != "https":
            return plain
        secure = trio.SSLStream(plain, self._tls, server_hostname=origin.host, https_compatible=True)
        greeted = False
        try:
            await secure.do_handshake()
            greeted = True
        finally:
            if not greeted:
                plain.socket.close()
        return secure

    async def _resolve(self, host: str) -> list[str]:
        if _literal(host) is not None:
            found = [host]
        elif host == "localhost" or host.endswith(".localhost"):
            found = ["127.0.0.1", "::1"]  # RFC 6761 section 6.3: never asked of the DNS
        else:
            try:
                found = await self._resolver.addresses(host)
            except Exception as error:
                raise Unreachable(f"{host} does not resolve") from error
        if not found:
            raise Unreachable(f"{host} has no address")
        if not all(self.permits(address) for address in found):
            raise Blocked(f"{host} resolves to an address that is not public")
        return found

    def _permits_plain(self, ip: IPAddress) -> bool:
        if self._permits_listed(str(ip)):
            return True
        if any(ip in network for network in _NEVER if network.version == ip.version):
            return False
        if ip.version == 6 and not any(ip in network for network in (_UNICAST, *_NAT64)):
            return False
        return ip.is_global and not ip.is_multicast and (ip.version == 6 or not ip.is_reserved)

    def _permits_listed(self, address: str) -> bool:
        ip = ipaddress.ip_address(address)
        return any(ip in network for network in self._allowed if network.version == ip.version)


async def _open(address: str, port: int) -> trio.SocketStream:
    """Connect to an address as it stands: nothing is resolved a second time."""
    family = trio.socket.AF_INET6 if ":" in address else trio.socket.AF_INET
    socket = trio.socket.socket(family, trio.socket.SOCK_STREAM)
    connected = False
    try:
        await socket.connect((address, port))
        connected = True
    finally:
        if not connected:
            socket.close()
    return trio.SocketStream(socket)


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    if _literal(host) is not None:
        return host
    if host and all(c.isdigit() or c in ".xabcdef" for c in host) and host[-1].isdigit() and "." not in host:
        raise ValueError("a number is an address in disguise")
    if host and host.rpartition(".")[2].isdigit():
        raise ValueError("a name cannot end in a number")
    return host if host.isascii() else idna.encode(host, uts46=True).decode()


def _literal(host: str) -> IPAddress | None:
    with suppress(ValueError):
        return ipaddress.ip_address(host)
    return None


def _wrapped(ip: IPAddress) -> list[IPAddress]:
    """The IPv4 addresses that packets to this IPv6 address may end up at."""
    if ip.version == 4:
        return []
    inner: list[IPAddress] = []
    if ip.ipv4_mapped is not None:
        inner.append(ip.ipv4_mapped)
    if ip.sixtofour is not None:
        inner.append(ip.sixtofour)
    if ip.teredo is not None:
        inner.extend(ip.teredo)
    if any(ip in network for network in _NAT64):
        inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF))
    return inner


def _ascii(text: str) -> str:
    return "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in text)


def _words(failure: Exception | None) -> str:
    """A short reason for the delivery log: what the owner of the endpoint can act upon."""
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS certificate not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "TLS handshake failed"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        if isinstance(cause, TimeoutError):
            return str(cause) or "connection timed out"
        cause = cause.__cause__ or cause.__context__
    return "connection failed"
