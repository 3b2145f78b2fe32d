"""What the SMTP server is told by configuration."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TypeAlias

from attrs import Attribute, field, frozen

from e2ad.smtp.events import Limits

__all__ = ["Network", "SmtpSettings"]

Network: TypeAlias = IPv4Network | IPv6Network


@frozen
class SmtpSettings:
    """Name, limits and patience of the door. All sizes in octets, all times in seconds.

    Attributes:
        domain: our name in greeting and EHLO.
        idle_seconds: the wait for a command, and for the next octets of content.
        session_seconds: one connection as a whole.
        data_bytes_per_second: content may not be slower than this, after `data_grace_seconds`.
        greeting_delay_seconds: how long to wait for early talkers before the greeting.
        write_seconds: the wait for a peer that does not read.
        admit_seconds, accept_seconds: the wait for our own receiver.
        handshake_seconds: the wait for TLS.
        linger_seconds: how long to read away what a peer still sends after we hung up, so that it sees why.
        memory_bytes: content of all sessions together; `memory_wait_seconds`: the wait for a share of it.
        spool_bytes: content beyond this size goes to a file in `spool_dir`.
        proxy_trusted_cidrs: peers that must begin with a PROXY header; from nobody else is one read.
        tls_cert, tls_key: PEM files; STARTTLS is offered when both are given.

    Raises:
        ValueError: a proxy network covers every address, or only one of the TLS files is given.
    """

    domain: str
    max_message_bytes: int = 26_214_400
    max_header_bytes: int = 262_144
    max_recipients: int = 100
    max_connections: int = 1_000
    max_connections_per_peer: int = 50
    max_errors: int = 10
    max_idle_commands: int = 200
    idle_seconds: float = 300
    session_seconds: float = 1_800
    data_bytes_per_second: int = 1_024
    data_grace_seconds: float = 30
    greeting_delay_seconds: float = 0.0
    write_seconds: float = 30
    admit_seconds: float = 20
    accept_seconds: float = 60
    handshake_seconds: float = 30
    linger_seconds: float = 2
    memory_bytes: int = 268_435_456
    memory_wait_seconds: float = 15
    spool_bytes: int = 1_048_576
    spool_dir: Path | None = None
    proxy_trusted_cidrs: tuple[Network, ...] = field(default=())
    proxy_header_seconds: float = 5
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @proxy_trusted_cidrs.validator
    def _no_catch_all(self, attribute: "Attribute[tuple[Network, ...]]", value: tuple[Network, ...]) -> None:
        for network in value:
            if network.prefixlen == 0:
                raise ValueError(f"{attribute.name}: {network} would let every peer choose its own address")

    def __attrs_post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key are given together or not at all")

    @property
    def limits(self) -> Limits:
        """The part that the machine holds."""
        return Limits(
            max_message_bytes=self.max_message_bytes,
            max_recipients=self.max_recipients,
            max_errors=self.max_errors,
            max_idle_commands=self.max_idle_commands,
        )
