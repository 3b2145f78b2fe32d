"""What a person recognises a browser of theirs by: its family, its system, and the neighbourhood that it came from.

Coarse on purpose. It is shown to its owner alone and says enough to tell a telephone from a stranger; more of it
would be a trace of where people are. Whatever a browser says about itself comes out as words of ours.
"""

import ipaddress
import re
from typing import Final

__all__ = ["browser_of", "network_of"]

MAX_READ: Final = 1024

_FAMILIES: Final = (
    ("Edge", "Edg/"),
    ("Edge", "EdgA/"),
    ("Edge", "EdgiOS/"),
    ("Opera", "OPR/"),
    ("Samsung Internet", "SamsungBrowser/"),
    ("Vivaldi", "Vivaldi/"),
    ("Firefox", "Firefox/"),
    ("Firefox", "FxiOS/"),
    ("Chrome", "CriOS/"),
    ("Chrome", "Chrome/"),
    ("Chrome", "HeadlessChrome/"),
    ("Safari", "Safari/"),
    ("curl", "curl/"),
)
"""In this order: most browsers also claim to be those that stand below them."""
_SYSTEMS: Final = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows NT"),
    ("ChromeOS", r"CrOS"),
    ("Mac", r"Macintosh|Mac OS X"),
    ("Linux", r"Linux|X11"),
)


def browser_of(user_agent: str) -> str:
    """Such as `Firefox on Linux`; "" for what says nothing that is known."""
    said = user_agent[:MAX_READ]
    family = next((name for name, mark in _FAMILIES if mark in said), "")
    system = next((name for name, pattern in _SYSTEMS if re.search(pattern, said)), "")
    return " on ".join(part for part in (family, system) if part)


def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 one; "" for none."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False))
