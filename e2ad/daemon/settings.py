"""What the rooms below are told of the configuration, in their own words."""

import ipaddress
from pathlib import Path
from typing import Literal

import attrs

from e2ad.config import Config
from e2ad.core.identity import SigningKey
from e2ad.mailauth.authenticator import AuthenticationSettings
from e2ad.mailauth.resolver import ResolverSettings
from e2ad.smtp.client import RelaySettings
from e2ad.smtp.server import SmtpSettings

__all__ = ["authentication_settings", "identity_key", "relay_settings", "resolver_settings", "smtp_settings"]


def smtp_settings(config: Config) -> SmtpSettings:
    """The door of mail in."""
    same = {
        attribute.name: getattr(config.smtp, attribute.name)
        for attribute in attrs.fields(SmtpSettings)
        if attribute.name not in ("proxy_trusted_cidrs", "tls_cert", "tls_key", "spool_dir")
    }
    smtp = config.smtp
    return SmtpSettings(
        **same,
        proxy_trusted_cidrs=tuple(ipaddress.ip_network(text) for text in smtp.proxy_trusted_cidrs),
        tls_cert=Path(smtp.tls_cert) if smtp.tls_cert else None,
        tls_key=Path(smtp.tls_key) if smtp.tls_key else None,
        spool_dir=Path(smtp.spool_dir) if smtp.spool_dir else None,
    )


def relay_settings(config: Config) -> RelaySettings:
    """The way out."""
    relay = config.relay
    tls: dict[str, Literal["none", "starttls", "implicit"]] = {name: name for name in ("none", "starttls", "implicit")}
    return RelaySettings(
        host=relay.host,
        port=relay.port,
        tls=tls[relay.tls],
        username=relay.username,
        password=relay.password,
        helo=relay.helo or config.smtp.domain or "localhost",
        connect_seconds=relay.connect_seconds,
        greeting_seconds=relay.command_seconds,
        command_seconds=relay.command_seconds,
        data_seconds=relay.data_seconds,
        final_seconds=relay.final_seconds,
        max_connections=relay.max_connections,
        ca_file=Path(relay.ca_file) if relay.ca_file else None,
    )


def identity_key(config: Config) -> SigningKey | None:
    """What agents' tokens are signed with.

    Raises:
        OSError, ValueError: the file has changed since it was looked at.
    """
    identity = config.identity
    if not identity.private_key_file:
        return None
    return SigningKey.read(Path(identity.private_key_file).read_bytes(), identity.key_id)


def resolver_settings(config: Config) -> ResolverSettings:
    """Name servers, and how long to wait for them."""
    dns = config.dns
    return ResolverSettings(
        nameservers=dns.nameservers,
        stub_zones=dns.stub_zones,
        timeout_seconds=dns.timeout_seconds,
        attempt_seconds=dns.attempt_seconds,
        cache_entries=dns.cache_entries,
        concurrency=dns.concurrency,
    )


def authentication_settings(config: Config) -> AuthenticationSettings:
    """How senders are judged."""
    return AuthenticationSettings(
        deadline_seconds=config.authentication.deadline_seconds,
        authserv_id=config.authentication.authserv_id or config.smtp.domain,
        worker_processes=config.authentication.worker_processes,
    )
