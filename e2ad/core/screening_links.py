"""Where links lead, and where they say that they lead; addresses that carry data away.

Senders count clicks: the address shown and the address behind it then differ honestly. Such an address has the
look of a counter: a host of its own for it, or a long token. What differs without that look is told.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote

from e2ad.core.confusables import fold, read_punycode
from e2ad.core.screening_characters import is_mixed
from e2ad.core.screening_markup import Link, Page
from e2ad.core.screening_material import Signal, excerpt

__all__ = ["carried_away", "link_signals", "odd_host", "organization", "template_signals"]

MOST_LINKS: Final = 3000
MOST_URL: Final = 4096

_SHOWN: Final = re.compile(
    r"(?:https?://)?((?:[^\W_](?:[\w-]{0,62})\.){1,6}[^\W\d_]{2,24})(?:[:/?#]\S*)?\Z", re.IGNORECASE
)
_URL: Final = re.compile(r"https?://[^\s<>\"'\])}]{4,4000}", re.IGNORECASE)
_COUNTER: Final = re.compile(
    r"(?:^|[.-])(?:clicks?|links?|lnk|track|tracking|trk|email|mail|news|newsletter|go|url|urldefense|t|r|e|c|em\d*)[.-]",
    re.IGNORECASE,
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_%=+-]{20,}")
_SECOND_LEVEL: Final = frozenset(
    {"co", "com", "org", "net", "gov", "ac", "edu", "or", "ne", "go", "gob", "gouv", "nom"}
)
_FILE_ENDINGS: Final = frozenset(
    {
        "md",
        "py",
        "js",
        "ts",
        "rs",
        "sh",
        "txt",
        "pdf",
        "html",
        "json",
        "toml",
        "yml",
        "yaml",
        "go",
        "java",
        "doc",
        "docx",
        "zip",
        "png",
        "jpg",
        "csv",
        "net",
    }
)
_RUN: Final = re.compile(r"https?://[^\s\"')]{4,800}+", re.IGNORECASE)
_BLANK: Final = re.compile(
    r"(?:[{<\[]|%7B)(?:the_|your_|all_)?"
    r"(?:base64|data|secret|content|summary|email|password|prompt|conversation|history|key|token|inbox|message|insert"
    r"|result|encoded|info|the\b|your\b|all\b)",
    re.IGNORECASE,
)
_PROVIDER: Final = re.compile(
    r"\.(?:safelinks\.protection\.outlook\.com|list-manage\.com|sendgrid\.net|mailgun\.org|mjt\.lu|hubspotlinks\.com"
    r"|awstrack\.me)$"
)
_PICTURE: Final = re.compile(r"!\[[^\]\n]{0,200}\]\((https?://[^\s)]{4,2000}+)")
_VALUE: Final = re.compile(r"[?&;/=]([^?&;/=\s]{24,})")
_OPAQUE: Final = re.compile(r"[A-Za-z0-9+/_%=-]{64,}")
_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}(?:@|%40)[\w-]{1,63}\.[\w.-]{2,60}")


def link_signals(page: Page, header_from: str | None) -> Iterator[Signal]:
    """Links of a page that say one thing and do another."""
    own = organization(header_from.rpartition("@")[2]) if header_from else ""
    for link in page.links[:MOST_LINKS]:
        yield from _link(link, own)
    if page.split_addresses:
        yield Signal("split_link", 0.5, f"{page.split_addresses} web addresses are torn apart by markup")


def _link(link: Link, own: str) -> Iterator[Signal]:
    target = link.target[:MOST_URL]
    scheme = target[:12].lower().replace("\t", "").replace("\n", "")
    if scheme.startswith(("javascript:", "vbscript:")):
        yield Signal("deceptive_link", 0.5, "a link runs a script", excerpt(target))
    if not scheme.startswith(("http:", "https:", "//")):
        return
    host, userinfo = _authority(target)
    if "." in userinfo:
        yield Signal("deceptive_link", 0.7, "a link names one host and leads to another", excerpt(target))
    shown = _SHOWN.match(link.words) if len(link.words) <= 300 else None
    if shown is None or not host:
        return
    claimed = shown[1].lower()
    if claimed.rpartition(".")[2] in _FILE_ENDINGS and "://" not in link.words and "www." not in claimed:
        return
    if organization(claimed) == organization(host):
        return
    what = f"shows {excerpt(claimed)} and leads to {excerpt(host)}"
    if _PROVIDER.search(host):
        return
    if _alike(claimed, host):
        yield Signal("deceptive_link", 0.85, "a link leads to a host that looks like the one it shows", what)
    elif host.replace(".", "").isdigit() or host.startswith("["):
        yield Signal("deceptive_link", 0.7, "a link shows a name and leads to a bare address", what)
    elif _is_counted(target, host, claimed) or (
        own in (organization(host), organization(claimed)) and _TOKEN.search(target)
    ):
        yield Signal("deceptive_link", 0.15, "a link shows another host than it leads to, as counters do", what)
    else:
        yield Signal("deceptive_link", 0.55, "a link shows another host than it leads to", what)


def _authority(url: str) -> tuple[str, str]:
    """Host and what stands before an @ in it."""
    rest = url.partition("//")[2]
    for mark in "/?#\\":
        rest = rest.partition(mark)[0]
    userinfo, _, host = rest.rpartition("@")
    if not host.startswith("["):
        host = host.partition(":")[0]
    return host.lower().rstrip("."), userinfo


def organization(host: str) -> str:
    """The part of a name that somebody registered, nearly: enough to compare two names for a first look."""
    labels = host.lower().strip(".").split(".")
    if len(labels) >= 3 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL:
        return ".".join(labels[-3:])
    return ".".join(labels[-2:])


def _alike(one: str, other: str) -> bool:
    """Do two different names look the same, or carry the same name under another one?"""
    first, second = organization(one), organization(other)
    shown, real = fold(read_punycode(first)), fold(read_punycode(second))
    if shown == real:
        return True
    name = first.partition(".")[0]
    # paypal.com.example.net and paypal-login.net: the shown name is only a part of the real one.
    return len(name) >= 5 and name in other.replace(".", "-").split("-") and name != second.partition(".")[0]


def _is_counted(target: str, host: str, claimed: str) -> bool:
    path = target.partition("//")[2].partition("/")[2]
    return bool(_COUNTER.search(host)) or bool(_TOKEN.search(path)) or claimed in unquote(path).lower()


def template_signals(text: str) -> Iterator[Signal]:
    """Addresses with a blank for data: an order to fill it in and to fetch it."""
    if "://" not in text:
        return
    for run in _RUN.finditer(text):
        if _BLANK.search(run[0]):
            summary = "an address has a blank that a machine is to fill with data"
            yield Signal("exfiltration_address", 0.6, summary, excerpt(run[0]))
            return


def carried_away(text: str, images: Sequence[str]) -> Iterator[Signal]:
    """Outbound: pictures and links whose address carries data. A picture is fetched without a click."""
    pictures = [*images[:MOST_LINKS], *(found[1] for found in _PICTURE.finditer(text))]
    for picture in pictures:
        if picture[:5].lower() == "data:" or not picture.lower().startswith(("http:", "https:")):
            continue
        query = picture[:MOST_URL].partition("?")[2]
        if any(len(unquote(value)) >= 24 for value in _VALUE.findall("?" + query)) or _ADDRESS.search(query):
            yield Signal("exfiltration_address", 0.6, "the address of a picture carries data", excerpt(picture))
            break
    for url in _URL.findall(text)[:MOST_LINKS]:
        query = url[:MOST_URL].partition("?")[2]
        if (opaque := _OPAQUE.search(query)) is not None and not opaque[0].startswith("eyJ"):
            yield Signal("exfiltration_address", 0.5, "the address of a link carries much data", excerpt(url))
            return
        if _ADDRESS.search(query):
            yield Signal("exfiltration_address", 0.2, "the address of a link carries a mail address", excerpt(url))


def odd_host(host: str) -> bool:
    """Does a name hold letters of two scripts that pass for one?"""
    return any(is_mixed(label) for label in read_punycode(host).split("."))
