"""What makes the value of a configuration key wrong: one small check each, with a sentence that says how to mend it."""

import ipaddress
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from e2ad.core.address import AddressError, parse_domain

__all__ = [
    "Check",
    "any_networks",
    "at_least",
    "between",
    "domain",
    "domains",
    "name",
    "nameservers",
    "networks",
    "one_of",
    "port",
    "public_url",
    "schedule",
    "scopes",
    "secrets",
    "shared_secret",
    "stub_zones",
]

Check = Callable[[Any], str | None]
"""A sentence that says what is wrong with a value, or None."""


def at_least(minimum: float) -> Check:
    """At least this much."""
    return lambda value: None if value >= minimum else f"must be at least {minimum:g}"


def between(low: float, high: float) -> Check:
    """From `low` to `high`, both included."""
    return lambda value: None if low <= value <= high else f"must lie between {low:g} and {high:g}"


def one_of(*words: str) -> Check:
    """One of these words."""
    return lambda value: None if value in words else f"must be one of {', '.join(words)}"


def networks(value: tuple[str, ...]) -> str | None:
    """Networks of peers that are trusted: never everybody."""
    for text in value:
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            return f"{text!r} is not a network; write it like 10.0.0.0/8"
        if network.prefixlen == 0:
            return f"{text!r} would trust everybody; name the networks that you mean"
    return None


def any_networks(value: tuple[str, ...]) -> str | None:
    """Networks, everybody among them."""
    for text in value:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            return f"{text!r} is not a network; write it like 10.0.0.0/8"
    return None


def nameservers(value: tuple[str, ...]) -> str | None:
    """`host:port` with an IP address."""
    for text in value:
        host, _, port = text.rpartition(":")
        try:
            ipaddress.ip_address(host.strip("[]") if host else text)
            if host and not 0 < int(port) < 65536:
                raise ValueError(port)
        except ValueError:
            return f"{text!r} is not host:port with an IP address; write it like 127.0.0.1:53"
    return None


def stub_zones(value: tuple[str, ...]) -> str | None:
    """`zone=host:port`."""
    for text in value:
        zone, _, server = text.partition("=")
        if not zone or nameservers((server,)) is not None:
            return f"{text!r} is not zone=host:port; write it like test=127.0.0.1:5353"
    return None


def secrets(value: tuple[str, ...]) -> str | None:
    """Long enough to be a secret."""
    for position, secret in enumerate(value):
        if len(secret.encode()) < 32:
            return f"entry {position} has fewer than 32 bytes; make one with: openssl rand -hex 32"
    return None


def shared_secret(value: str) -> str | None:
    """Long enough to be a secret, or nothing."""
    if value and len(value.encode()) < 32:
        return "has fewer than 32 bytes; make one with: openssl rand -hex 32"
    return None


def name(value: str) -> str | None:
    """A short word that needs no quoting anywhere."""
    if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", value) is None:
        return "must be 1 to 64 letters, digits, dots, dashes or underscores"
    return None


def domain(value: str) -> str | None:
    """A domain name, or nothing."""
    try:
        if value:
            parse_domain(value)
    except AddressError as error:
        return f"must be a domain name such as agents.example.com: {error}"
    return None


def domains(value: tuple[str, ...]) -> str | None:
    """Domain names, in lower case as they are compared."""
    for text in value:
        if not text or text != text.lower() or domain(text) is not None:
            return f"{text!r} is not a domain name in lower case; write it like example.com"
    return None


def scopes(value: str) -> str | None:
    """What is asked of an OpenID provider."""
    if "openid" not in value.split() or re.fullmatch(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*", value) is None:
        return "must be words with a blank between them, openid among them"
    return None


def public_url(value: str) -> str | None:
    """What links can be built from, or nothing."""
    try:
        parts = urlsplit(value)
        whole = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
    except ValueError:
        whole = False
    return None if whole or not value else "must be a whole address such as https://mail.example.com"


def schedule(value: tuple[float, ...]) -> str | None:
    """One wait or more, in seconds."""
    if not value or any(wait < 0 for wait in value):
        return "needs at least one wait in seconds, none negative"
    return None


def port(value: int) -> str | None:
    """A port number."""
    return None if 0 <= value <= 65535 else "must be a port number (0 picks a free one)"
