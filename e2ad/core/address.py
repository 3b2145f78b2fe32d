"""Addresses: mailboxes, the two paths of an envelope, and domain names (RFC 5321 4.1.2, 5322 3.4, 5890).

Everything that takes an address from outside, be it by SMTP, by HTTP or from a command line, comes
through `parse_mailbox` or `parse_domain`, so that one spelling of a name is stored and compared.
"""

import re
from enum import Enum
from ipaddress import AddressValueError, IPv6Address
from typing import Final, Literal, TypeAlias

import idna
from attrs import frozen

__all__ = [
    "DOMAIN_OCTETS",
    "LOCAL_PART_OCTETS",
    "NULL_PATH",
    "PATH_OCTETS",
    "AddressError",
    "Mailbox",
    "NullPath",
    "ReversePath",
    "domain_to_unicode",
    "fold_address",
    "parse_domain",
    "parse_mailbox",
    "without_tag",
]

# RFC 5321 section 4.5.3.1, in octets of UTF-8 (RFC 6531 section 3.3). A path counts its angle brackets.
LOCAL_PART_OCTETS: Final = 64
DOMAIN_OCTETS: Final = 255
PATH_OCTETS: Final = 256

# RFC 5321 section 4.1.2 with RFC 6531 section 3.3 (atext =/ UTF8-non-ascii);
# lone surrogates, which JSON can carry, and C1 controls are no text:
#   Local-part = Dot-string / Quoted-string
#   Dot-string = Atom *("." Atom)
_UTF8_NON_ASCII = r"\u00a0-\ud7ff\ue000-\U0010ffff"
_ATEXT = rf"[A-Za-z0-9!#$%&'*+\-/=?^_`{{|}}~{_UTF8_NON_ASCII}]"
_DOT_STRING = rf"{_ATEXT}+(?:\.{_ATEXT}+)*"
#   Quoted-string = DQUOTE *QcontentSMTP DQUOTE
#   QcontentSMTP = qtextSMTP / quoted-pairSMTP
_QUOTED_STRING = rf'"(?:[\x20\x21\x23-\x5b\x5d-\x7e{_UTF8_NON_ASCII}]|\\[\x20-\x7e])*"'
#   Mailbox = Local-part "@" ( Domain / address-literal )
_MAILBOX = re.compile(rf"({_DOT_STRING}|{_QUOTED_STRING})@([^@\s]+|\[[^\]\s]*\])")
_DOT_STRING_ONLY = re.compile(_DOT_STRING)

#   Domain = sub-domain *("." sub-domain); sub-domain = Let-dig [Ldh-str]
# An underscore is no host name, but senders do use it in return paths and DNS carries it.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_MAIL_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_\-]{0,61}[A-Za-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAIL_DOMAIN = re.compile(rf"{_MAIL_LABEL}(?:\.{_MAIL_LABEL})*")

#   address-literal = "[" ( IPv4-address-literal / IPv6-address-literal / General-address-literal ) "]"
#   General-address-literal = Standardized-tag ":" 1*dcontent
_LITERAL = re.compile(
    r"\[(?:(?P<v4>[0-9.]{7,15})|(?P<tag>[A-Za-z0-9\-]*[A-Za-z0-9]):(?P<rest>[\x21-\x5a\x5e-\x7e]+))\]"
)
_V4 = re.compile(r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}")
_V6_CHARACTERS = re.compile(r"[0-9A-Fa-f:.]+")


class AddressError(ValueError):
    """Not an address or not a domain name; the message says what is wrong with it, without quoting it."""


@frozen
class Mailbox:
    """`local-part@domain`. The local part keeps its case, the domain is lower-case (A-labels for IDNA).

    The local part stands as it is written on the wire: quoted only where it has to be, so that two
    spellings of one local part (``"ann"@`` and ``ann@``) are one value.
    """

    local_part: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"

    @property
    def folded(self) -> str:
        """Lower-case as a whole: what the directory of agents is asked for."""
        return f"{self.local_part}@{self.domain}".lower()

    @property
    def is_ascii(self) -> bool:
        """Can it travel without SMTPUTF8 (RFC 6531)? The domain always can."""
        return self.local_part.isascii()


class NullPath(Enum):
    """The null reverse-path `<>` of RFC 5321 section 4.5.5: a value, not an absence."""

    NULL = "<>"

    def __str__(self) -> str:
        return ""


NULL_PATH: Final = NullPath.NULL
ReversePath: TypeAlias = Mailbox | Literal[NullPath.NULL]


def parse_domain(text: str, *, underscores: bool = False) -> str:
    """Bring a domain name to the one form that we store: lower-case A-labels, no final dot.

    Args:
        text: a name in ASCII or in Unicode (IDNA 2008 with the mapping of UTS 46).
        underscores: accept them in labels, as in return paths that DNS knows and host names may not have.

    Raises:
        AddressError: empty, too long, or not a domain name.
    """
    if not text.isascii():
        text = _to_a_labels(text)
    if text.endswith("."):
        text = text[:-1]
    # 253 is what fits the 255 octets of RFC 1035 section 2.3.4 once length octets are added.
    if not 0 < len(text) <= 253:
        raise AddressError("a domain name has 1 to 253 characters")
    if (_MAIL_DOMAIN if underscores else _DOMAIN).fullmatch(text) is None:
        raise AddressError("the domain name is malformed")
    return text.lower()


def fold_address(text: str) -> str:
    """An agent's address as a caller spells it, in the one spelling that is stored. Nothing is checked."""
    return text.strip().lower()


def without_tag(address: str) -> str:
    """The address that one with a plus-tag leads to (contract: inbound resolution); itself where there is no tag."""
    local_part, _, domain = address.rpartition("@")
    base = local_part.partition("+")[0]
    return f"{base}@{domain}" if base else address


def domain_to_unicode(domain: str) -> str:
    """The name as people read it; what cannot be decoded stays as it is."""
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except idna.IDNAError:
        return domain


def parse_mailbox(text: str, *, underscores: bool = True) -> Mailbox:
    """Read `local-part@domain`, without display name and without angle brackets.

    Raises:
        AddressError: it is not a mailbox (RFC 5321 section 4.1.2) or breaks a length limit.
    """
    match = _MAILBOX.fullmatch(text)
    if match is None:
        raise AddressError("an address has the form local-part@domain")
    local_part, domain = match.groups()
    if local_part[0] == '"':
        local_part = _requote(local_part)
    if len(local_part if local_part.isascii() else local_part.encode("utf-8", "replace")) > LOCAL_PART_OCTETS:
        raise AddressError(f"the part before the @ is longer than {LOCAL_PART_OCTETS} octets")
    domain = _parse_literal(domain) if domain[0] == "[" else parse_domain(domain, underscores=underscores)
    if len(local_part) + len(domain) + 3 > PATH_OCTETS:
        raise AddressError(f"the address is longer than {PATH_OCTETS} octets")
    return Mailbox(local_part, domain)


def _to_a_labels(text: str) -> str:
    # Checked before: idna takes time that grows with the square of what it is given.
    if len(text) > DOMAIN_OCTETS:
        raise AddressError("the domain name is too long")
    try:
        return idna.encode(text, uts46=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise AddressError("the domain name is not a valid internationalized name") from error


def _requote(local_part: str) -> str:
    # RFC 5321 section 4.1.2: quote and escape only where it is needed; the plain form is the same mailbox.
    plain = re.sub(r"\\(.)", r"\1", local_part[1:-1])
    if _DOT_STRING_ONLY.fullmatch(plain) is not None:
        return plain
    return '"' + re.sub(r'(["\\])', r"\\\1", plain) + '"'


def _parse_literal(text: str) -> str:
    match = _LITERAL.fullmatch(text)
    if match is None:
        raise AddressError("the address literal is malformed")
    address = match["v4"]
    if address is not None:
        if _V4.fullmatch(address) is None:
            raise AddressError("the address literal is not an IPv4 address")
        return text
    if match["tag"].lower() == "ipv6" and not _is_ipv6(match["rest"]):
        raise AddressError("the address literal is not an IPv6 address")
    return text.lower()


def _is_ipv6(text: str) -> bool:
    # The characters first, since IPv6Address would take a zone id as well.
    if _V6_CHARACTERS.fullmatch(text) is None:
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
