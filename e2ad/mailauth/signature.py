"""What a DKIM-Signature field says, checked rule by rule (RFC 6376 sections 3.5 and 6.1.1, 8301, 8463).

The library in use takes much that these RFCs refuse, so nothing of a signature reaches it before
it has passed here. A signature that breaks a rule is a `SignatureProblem` with the result to report.
"""

import quopri
import re
from typing import Final

from attrs import evolve, frozen

from e2ad.core.address import AddressError, parse_domain
from e2ad.core.authentication import DkimStatus
from e2ad.mailauth.tags import TagList, TagSyntaxError, decode_base64, parse_tags, split_colons

__all__ = [
    "MAX_SIGNATURE_OCTETS",
    "Signature",
    "SignatureProblem",
    "check_timestamp",
    "read_common",
    "read_domain",
    "read_selector",
    "read_signature",
    "read_tags",
]

MAX_SIGNATURE_OCTETS: Final = 8192
MAX_SIGNED_NAMES: Final = 256
# Clocks differ. A signature from further in the future than this is not one we can judge.
FUTURE_SECONDS: Final = 3600
EXPIRY_GRACE_SECONDS: Final = 300

_ALGORITHMS: Final = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
_CANONICALIZATIONS: Final = ("simple", "relaxed")
_REQUIRED: Final = ("v", "a", "b", "bh", "d", "h", "s")
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_LENGTH: Final = re.compile(r"[0-9]{1,76}")
_FIELD_NAME: Final = re.compile(r"[\x21-\x39\x3c-\x7e]+")
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_SELECTOR: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_SHA256_OCTETS: Final = 32


class SignatureProblem(Exception):
    """A rule is broken; `domain` and `selector` are given as far as they could be read."""

    def __init__(
        self,
        detail: str,
        status: DkimStatus = DkimStatus.PERMERROR,
        *,
        domain: str | None = None,
        selector: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.domain = domain
        self.selector = selector


@frozen
class Signature:
    """A signature whose form is in order.

    Attributes:
        key_type: `rsa` or `ed25519`; the hash is always SHA-256.
        domain: d=, lower-case A-labels.
        selector: s=, the same.
        identity_domain: the domain of i=, which is d= or below it.
        header_canonicalization, body_canonicalization: `simple` or `relaxed`.
        names: h=, lower-case, in order, with repetitions.
        body_hash: bh=; None in an ARC-Seal, which covers no body.
        signature: b=.
        field: the field's value with that of b= taken out.
    """

    key_type: str
    domain: str
    selector: str
    identity_domain: str
    header_canonicalization: str
    body_canonicalization: str
    names: tuple[bytes, ...]
    body_hash: bytes | None
    signature: bytes
    field: bytes

    @property
    def key_name(self) -> str:
        """Where the public key is published (RFC 6376 section 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


def read_signature(value: bytes, now: float) -> Signature:
    """Read the value of a DKIM-Signature field.

    Args:
        value: everything behind the colon, folded as it came, without the final line end.
        now: seconds since the epoch.

    Raises:
        SignatureProblem: with the result that RFC 6376 section 6.1 and RFC 8301 section 3 give it.
    """
    text, tags = read_tags(value)
    domain = selector = None
    try:
        for name in _REQUIRED:
            if name not in tags:
                raise SignatureProblem(f"the tag {name}= is missing")
        if tags["v"] != "1":
            raise SignatureProblem("v= is not 1")
        domain = read_domain(tags["d"])
        selector = read_selector(tags["s"])
        signature = read_common(text, tags, domain, selector)
        _check_times(tags, now)
        _check_query(tags)
        identity_domain = _read_identity(tags.get("i"), domain)
        if b"from" not in signature.names:
            raise SignatureProblem("h= does not cover From")
        if "l" in tags:
            if _LENGTH.fullmatch(tags["l"]) is None:
                raise SignatureProblem("l= is not a number")
            # RFC 6376 section 8.2: anybody may append to what such a signature covers.
            raise SignatureProblem("signs only a part of the body (l=), which is not trusted", DkimStatus.POLICY)
    except SignatureProblem as problem:
        problem.domain, problem.selector = domain, selector
        raise
    except TagSyntaxError as error:
        raise SignatureProblem(str(error), domain=domain, selector=selector) from error
    return evolve(signature, identity_domain=identity_domain)


def read_tags(value: bytes) -> tuple[str, TagList]:
    """The text of a signature field and its tags.

    Raises:
        SignatureProblem: too long, not text, or not a tag list.
    """
    if len(value) > MAX_SIGNATURE_OCTETS:
        raise SignatureProblem(f"longer than {MAX_SIGNATURE_OCTETS} octets")
    try:
        text = value.decode("utf-8")
        return text, parse_tags(text)
    except UnicodeDecodeError as error:
        raise SignatureProblem("not text") from error
    except TagSyntaxError as error:
        raise SignatureProblem(str(error)) from error


def read_common(text: str, tags: TagList, domain: str, selector: str, *, seal: bool = False) -> Signature:
    """What DKIM and ARC signatures share; `seal` for ARC-Seal, which has no h=, bh= or c=.

    Raises:
        SignatureProblem, TagSyntaxError: a rule is broken.
    """
    algorithm = tags["a"]
    if algorithm == "rsa-sha1":
        raise SignatureProblem("rsa-sha1 must not be used (RFC 8301)")
    if algorithm not in _ALGORITHMS:
        raise SignatureProblem("unknown algorithm in a=")
    header, body = ("relaxed", "relaxed") if seal else _read_canonicalization(tags.get("c", "simple/simple"))
    body_hash = None if seal else decode_base64(tags["bh"], "bh")
    if body_hash is not None and len(body_hash) != _SHA256_OCTETS:
        raise SignatureProblem("bh= is not a SHA-256 hash")
    return Signature(
        key_type=_ALGORITHMS[algorithm],
        domain=domain,
        selector=selector,
        identity_domain=domain,
        header_canonicalization=header,
        body_canonicalization=body,
        names=() if seal else _read_names(tags["h"]),
        body_hash=body_hash,
        signature=decode_base64(tags["b"], "b"),
        field=_without_b(text, tags),
    )


def _without_b(text: str, tags: TagList) -> bytes:
    """The field as it was signed: the value of b= gone, with all white space around it (RFC 6376 section 3.7)."""
    start, end = tags.spans["b"]
    return (text[:start] + text[end:]).encode("utf-8")


def read_domain(text: str) -> str:
    """A signing domain: at least two labels (RFC 6376 section 3.5: sub-domain 1*("." sub-domain)).

    Raises:
        SignatureProblem: it is not one.
    """
    try:
        domain = parse_domain(text, underscores=True)
    except AddressError as error:
        raise SignatureProblem("d= is not a domain name") from error
    if "." not in domain or text.endswith("."):
        raise SignatureProblem("d= is not a domain name of two labels or more")
    return domain


def read_selector(text: str) -> str:
    """A selector: one label or several.

    Raises:
        SignatureProblem: it is not one.
    """
    if not text.isascii():
        try:
            return parse_domain(text, underscores=True)
        except AddressError as error:
            raise SignatureProblem("s= is not a selector") from error
    if len(text) > 253 or _SELECTOR.fullmatch(text) is None:
        raise SignatureProblem("s= is not a selector")
    return text.lower()


def _read_names(value: str) -> tuple[bytes, ...]:
    """The field names of h=, lower-case.

    Raises:
        SignatureProblem: empty, malformed, or more than we look at.
    """
    names = split_colons(value)
    if len(names) > MAX_SIGNED_NAMES:
        raise SignatureProblem(f"h= has more than {MAX_SIGNED_NAMES} names")
    if any(_FIELD_NAME.fullmatch(name) is None for name in names):
        raise SignatureProblem("a malformed field name in h=")
    return tuple(name.lower().encode("ascii") for name in names)


def check_timestamp(tags: TagList, now: float) -> int | None:
    """The time of signing, if it is given.

    Raises:
        SignatureProblem: not a number, or too far in the future.
    """
    if "t" not in tags:
        return None
    if _NUMBER.fullmatch(tags["t"]) is None:
        raise SignatureProblem("t= is not a time")
    signed_at = int(tags["t"])
    if signed_at > now + FUTURE_SECONDS:
        raise SignatureProblem("t= is in the future")
    return signed_at


def _read_canonicalization(value: str) -> tuple[str, str]:
    header, slash, body = value.partition("/")
    if not slash:
        body = "simple"
    if header not in _CANONICALIZATIONS or body not in _CANONICALIZATIONS:
        raise SignatureProblem("unknown canonicalization in c=")
    return header, body


def _check_times(tags: TagList, now: float) -> None:
    signed_at = check_timestamp(tags, now)
    if "x" not in tags:
        return
    if _NUMBER.fullmatch(tags["x"]) is None:
        raise SignatureProblem("x= is not a time")
    expires_at = int(tags["x"])
    if signed_at is not None and expires_at <= signed_at:
        raise SignatureProblem("x= is not after t=")
    if expires_at + EXPIRY_GRACE_SECONDS < now:
        raise SignatureProblem("the signature has expired")


def _check_query(tags: TagList) -> None:
    # RFC 6376 section 3.5, q=: unknown methods are passed over, but there must be one that we know.
    if "q" in tags and "dns/txt" not in split_colons(tags["q"]):
        raise SignatureProblem("no known query method in q=")


def _read_identity(value: str | None, domain: str) -> str:
    # RFC 6376 section 3.5, i=: [ Local-part ] "@" domain-name, the same as d= or below it, in quoted-printable.
    if value is None:
        return domain
    decoded = quopri.decodestring(value.encode("utf-8")).decode("utf-8", "replace")
    _, at, text = decoded.rpartition("@")
    if not at:
        raise SignatureProblem("i= is not an identity")
    try:
        identity_domain = parse_domain(text, underscores=True)
    except AddressError as error:
        raise SignatureProblem("i= is not an identity") from error
    if identity_domain != domain and not identity_domain.endswith("." + domain):
        raise SignatureProblem("i= is not of the domain in d=")
    return identity_domain
