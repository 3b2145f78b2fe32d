"""The Authentication-Results field (RFC 8601): how ours is written, and which foreign ones pretend to be ours.

A mail may arrive with any field in it. Our verdict is computed, stored and signed; it is never read
back from a mail. What is recognized here is only reported, as a claim that nobody made in our name.
"""

import re
from collections.abc import Iterable
from typing import Final

from e2ad.core.authentication import Authentication

__all__ = ["authentication_results", "foreign_claims"]

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_COMMENT: Final = re.compile(rb"\((?:[^()\\]|\\.)*+\)", re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)
_NESTED: Final = 8
_AUTHSERV: Final = re.compile(rb"[ \t\r\n]*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;\"]+))")
_RESULT_FIELDS: Final = ("authentication-results", "arc-authentication-results")
_OUR_PREFIX: Final = "x-e2a-auth-"


def authentication_results(authserv_id: str, authentication: Authentication, *, identity: str = "mailfrom") -> str:
    """The value of our Authentication-Results field, on one line.

    Args:
        authserv_id: who says so; a name of ours.
        authentication: the results.
        identity: what SPF was asked about, `mailfrom` or `helo`.
    """
    spf, dmarc = authentication.spf, authentication.dmarc
    results = [_result("spf", spf.status.value, **{f"smtp.{identity}": spf.domain})]
    results += [
        _result("dkim", result.status.value, **{"header.d": result.domain, "header.s": result.selector})
        for result in authentication.dkim
    ] or ["dkim=none"]
    results.append(_result("dmarc", dmarc.status.value, **{"header.from": dmarc.domain}))
    if authentication.arc is not None:
        results.append(_result("arc", authentication.arc.status.value))
    return f"{authserv_id}; " + "; ".join(results)


def foreign_claims(fields: Iterable[tuple[str, bytes]], authserv_id: str) -> tuple[str, ...]:
    """The names of fields in a mail that speak in our name (RFC 8601 section 5).

    Args:
        fields: lower-case names and values.
        authserv_id: ours.
    """
    claims = []
    ours = authserv_id.lower().encode()
    for name, value in fields:
        if name.startswith(_OUR_PREFIX) or (name in _RESULT_FIELDS and ours in _speakers(name, value)):
            claims.append(name)
    return tuple(claims)


def _result(method: str, status: str, **properties: str | None) -> str:
    words = [f"{method}={status}"]
    words += [f"{name}={_quote(value)}" for name, value in properties.items() if value is not None]
    return " ".join(words)


def _quote(value: str) -> str:
    if _TOKEN.fullmatch(value):
        return value
    cleaned = "".join(character for character in value if character.isprintable())
    return '"' + cleaned.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _speakers(name: str, value: bytes) -> set[bytes]:
    # The first word, comments aside; of an ARC field the first word behind i=.
    text = value[:1024]
    for _ in range(_NESTED):
        # RFC 5322 section 3.2.2: a comment may stand in a comment; the innermost go first.
        text, found = _COMMENT.subn(b" ", text)
        if not found:
            break
    if name.startswith("arc-"):
        text = text.partition(b";")[2]
    match = _AUTHSERV.match(text)
    if match is None:
        return set()
    return {(match[2] or _QUOTED_PAIR.sub(rb"\1", match[1] or b"")).lower()}
