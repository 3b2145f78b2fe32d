"""Address lists as they stand in header fields (RFC 5322 section 3.4), read leniently and linearly.

Comments, quoted strings, groups, routes and folding are understood; what is no address is left
out. Encoded words are decoded after the structure is known, never before: a decoded comma or angle
bracket must not make an address (RFC 2047 section 6.2).
"""

import re
from typing import Final

import idna
from attrs import frozen

from e2ad.core.address import Mailbox
from e2ad.core.charset import clean_line, decode_raw_header
from e2ad.core.defects import Defects
from e2ad.core.mime_header import decode_words

__all__ = ["MAX_ADDRESSES", "NamedMailbox", "read_addresses", "read_mailbox"]

MAX_ADDRESSES: Final = 2000
MAX_ENTRY: Final = 4096

_TOKEN: Final = re.compile(
    r'"(?:[^"\\]++|\\.)*+"|\[[^\[\]<>,;:"]{0,255}\]|[<>,;:"()\[\]\\]|\s++|[^<>,;:"()\[\]\\\s]++', re.DOTALL
)
_IN_COMMENT: Final = re.compile(r"[()]|\\.", re.DOTALL)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
# RFC 5321 section 4.1.2 with RFC 6531's UTF-8; dots are let stand anywhere, as some carriers issue such names.
_LOCAL: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u00a1-\u1fff\u2070-\ud7ff\ue000-\ufdff\U00010000-\U0010ffff]{1,256}+\Z"
)
# Within quotes too no control, no line or paragraph separator and nothing that turns the direction of
# text: the local part of a verified sender is shown to people and stands in a header of our deliveries.
_QUOTED_LOCAL: Final = re.compile(
    r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u00a1-\u1fff\u2070-\ud7ff\ue000-\ufdff\U00010000-\U0010ffff]|\\[\x20-\x7e]){1,256}+"\Z'
)
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\Z")
_LITERAL: Final = re.compile(r"\[[a-z0-9.:\-]{2,80}\]\Z")


@frozen
class NamedMailbox:
    """A mailbox and the display name beside it, one clean line or ""."""

    mailbox: Mailbox
    name: str = ""


def read_mailbox(text: str) -> Mailbox | None:
    """One addr-spec, or None. The domain becomes lower-case A-labels; the local part stays as written."""
    local, at, domain = text.rpartition("@")
    if not at or len(text) > 600:
        return None
    if not (_LOCAL.match(local) or _QUOTED_LOCAL.match(local)):
        return None
    domain = domain.lower().removesuffix(".")
    if len(domain) > 253:
        return None
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    if _DOMAIN.match(domain) or _LITERAL.match(domain):
        return Mailbox(local, domain)
    return None


def read_addresses(values: list[bytes], defects: Defects, *, names: bool = False) -> tuple[list[NamedMailbox], bool]:
    """The mailboxes of all fields of one name, in order.

    Args:
        values: the fields' unfolded values.
        defects: where to note what was mended.
        names: decode display names too; costs time that only From is worth.

    Returns:
        The mailboxes, and whether everything between the commas was one: only then may "exactly
        one" be said of it.
    """
    found: list[NamedMailbox] = []
    exact = True
    for value in values:
        for entry in _entries(decode_raw_header(value)):
            if len(found) >= MAX_ADDRESSES:
                defects.add("too-many-addresses")
                return found, False
            mailbox, name, sure = _read_entry(entry)
            exact = exact and sure
            if mailbox is not None:
                found.append(NamedMailbox(mailbox, decode_words(name, defects) if names else ""))
    return found, exact


_Entry = list[str]
"""Tokens of one mailbox; a comment is one token that starts with "("."""


def _entries(text: str) -> list[_Entry]:
    """Split at commas and semicolons outside quotes, comments and angle brackets; drop groups' names."""
    entries: list[_Entry] = [[]]
    in_angle = False
    for piece in _tokens(text):
        if piece == "<":
            in_angle = True
        elif piece == ">":
            in_angle = False
        if piece in ",;" and not in_angle:
            entries.append([])
        elif piece == ":" and not in_angle:
            entries[-1] = []  # what stood before it is a group's name
        else:
            entries[-1].append(piece)
    return [entry for entry in entries if any(not token.isspace() and token[0] != "(" for token in entry)]


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position, quotes_close = 0, True
    while position < len(text):
        if text[position] == "(":
            end = _comment_end(text, position)
            tokens.append("(" + text[position + 1 : end].removesuffix(")"))
            position = end
            continue
        if text[position] == '"' and not quotes_close:
            position += 1  # no partner follows; looking again for each would be quadratic
            continue
        token = _TOKEN.match(text, position)
        if token is None:  # a lone backslash or bracket
            position += 1
            continue
        if token[0] == '"':
            quotes_close = False
        else:
            tokens.append(token[0])
        position = token.end()
    return tokens


def _comment_end(text: str, start: int) -> int:
    depth = 0
    for mark in _IN_COMMENT.finditer(text, start):
        if mark[0] == "(":
            depth += 1
        elif mark[0] == ")":
            depth -= 1
            if not depth:
                return mark.end()
    return len(text)


def _read_entry(entry: _Entry) -> tuple[Mailbox | None, str, bool]:
    """The mailbox in one entry, its undecoded name, and whether the entry is nothing but that."""
    words = [token for token in entry if token[0] != "("]
    comments = [token[1:] for token in entry if token[0] == "("]
    if "<" not in words:
        spec = _addr_spec(words)
        name = ""
        if not spec.startswith('"'):
            name, _, spec = spec.rpartition(" ")
        mailbox = read_mailbox(spec)
        return mailbox, name or " ".join(comments), mailbox is not None and not name
    opened = words.index("<")
    closed = words.index(">", opened) if ">" in words[opened:] else len(words)
    inside = _addr_spec(words[opened + 1 : closed])
    if inside.startswith("@"):  # RFC 5322 section 4.4: an obsolete route
        inside = inside.rpartition(":")[2]
    mailbox = read_mailbox(inside)
    name = "".join(_unquote(word) for word in words[:opened]).strip() or " ".join(comments)
    rest = [word for word in words[closed + 1 :] if not word.isspace()]
    return mailbox, name[:MAX_ENTRY], mailbox is not None and not rest and closed < len(words)


def _addr_spec(words: _Entry) -> str:
    """Join the words of an address. Blanks may stand around "@" and "." (RFC 5322 section 4.4), nowhere else:
    joined, "Alice a@b.test" would name somebody who is not there.
    """
    if any(word[0] == '"' for word in words):
        return "".join(word for word in words if not word.isspace())[:MAX_ENTRY]
    text = " ".join("".join(" " if word.isspace() else word for word in words).split())[:MAX_ENTRY]
    for mark in "@.":
        text = text.replace(f" {mark}", mark).replace(f"{mark} ", mark)
    return text


def _unquote(word: str) -> str:
    if word[0] == '"' and len(word) > 1:
        return _QUOTED_PAIR.sub(r"\1", word[1:-1])
    return clean_line(word) if not word.isspace() else " "
