"""Which addresses an agent may have: slugs on the shared domain, mailboxes on a domain of one's own.

Pure rules (contract: agents on domains). Who owns a domain, and whether its mail comes here,
is asked elsewhere; this module says what can be an address at all.
"""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

import idna

from e2ad.core.address import Mailbox
from e2ad.core.errors import InvalidRequest, InvalidSlug, ReservedDomain

__all__ = [
    "MAX_ADDRESS",
    "RESERVED_SLUGS",
    "agent_mailbox",
    "check_slug",
    "domain_and_parents",
    "domain_name",
    "refuse_bounce_subtree",
]

MAX_ADDRESS: Final = 320
"""Characters of an address in a request; what SMTP can carry is shorter still."""

RESERVED_SLUGS: Final = frozenset(
    (
        "abuse",
        "admin",
        "agent",
        "api",
        "bounce",
        "bounces",
        "demo",
        "help",
        "hitl-noreply",
        "info",
        "mail",
        "mailer-daemon",
        "no-reply",
        "noreply",
        "postmaster",
        "root",
        "system",
        "test",
        "www",
    )
)
"""Local parts that people expect to belong to the operator of the shared domain, and those that the deployment
itself writes from or gets reports at: nobody else asks for a decision as `hitl-noreply`."""

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,38}[a-z0-9]")
# RFC 5321 section 4.1.2: Dot-string of RFC 5322 atext. Quoted local parts are legal mail but no
# address that a person should have to type; they are refused at creation.
_DOT_STRING = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MAX_LOCAL_PART = 64  # RFC 5321 section 4.5.3.1.1
_MAX_PATH = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
_MAX_DOMAIN = 253


def check_slug(slug: str) -> str:
    """`slug` itself, when it may be a local part of the shared domain. Upper case is refused, not folded.

    Raises:
        InvalidSlug: malformed, or kept for the operator.
    """
    if not _SLUG.fullmatch(slug):
        raise InvalidSlug(
            "the address must have 2 to 40 characters before the @: lower-case letters, digits and hyphens, "
            "beginning and ending with a letter or digit"
        )
    if slug in RESERVED_SLUGS:
        raise InvalidSlug(f"'{slug}' is reserved: choose another name")
    return slug


def domain_name(text: str) -> str | None:
    """The lower-case A-label form of a host-like domain name with at least two labels, else None.

    IDNA 2008 (RFC 5891) with the usual mapping of what people type (UTS 46).
    """
    name = text.lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except idna.IDNAError:
            return None
    labels = name.split(".")
    if len(name) > _MAX_DOMAIN or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    try:
        ip_address(name)
    except ValueError:
        return name
    return None


def agent_mailbox(text: str) -> Mailbox:
    """An address as a caller gives it, trimmed and lower-cased, as the agent will have it.

    Raises:
        InvalidRequest: no mailbox: no `@`, an empty part, a character that needs quoting, a bad
            domain, or longer than SMTP can carry.
    """
    local_part, at, domain = text.strip().lower().rpartition("@")
    if not at or not local_part or not domain:
        raise InvalidRequest(f"{_shown(text)} is not an e-mail address: write local-part@domain")
    if len(local_part) > _MAX_LOCAL_PART or not _DOT_STRING.fullmatch(local_part):
        raise InvalidRequest(
            f"the part before the @ of {_shown(text)} must have 1 to 64 letters, digits or the characters "
            "!#$%&'*+/=?^_`{|}~- with single dots between them"
        )
    name = domain_name(domain)
    if name is None:
        raise InvalidRequest(f"{_shown(domain)} is not a domain name")
    if len(local_part) + 1 + len(name) > _MAX_PATH:
        raise InvalidRequest(f"the address is longer than {_MAX_PATH} characters")
    return Mailbox(local_part, name)


def domain_and_parents(domain: str) -> tuple[str, ...]:
    """`domain` and the domains above it on label boundaries, nearest first, without the top label alone."""
    labels = domain.split(".")
    return tuple(".".join(labels[start:]) for start in range(max(1, len(labels) - 1)))


def refuse_bounce_subtree(domain: str, owned: Sequence[str]) -> None:
    """`bounce.` below a registered domain carries our return paths, so no agent may live there.

    Raises:
        ReservedDomain: `domain` is `bounce.<owned>` or lies below it.
    """
    for parent in owned:
        bounce = "bounce." + parent
        if domain == bounce or domain.endswith("." + bounce):
            raise ReservedDomain(f"{bounce} and all names below it are reserved for returned mail")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
