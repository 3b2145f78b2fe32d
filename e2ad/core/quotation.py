"""What an answer and a forward take over from the mail before: its subject, its ancestors, and its words.

What stood in the mail of a stranger is quoted as text. In HTML everything that is ours is escaped; the
original's own HTML stays as it came, within a block of its own.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from attrs import frozen

from e2ad.core import mime
from e2ad.core.threads import message_id_key

__all__ = ["HEADER_OCTETS", "Original", "ancestors", "forwarded", "forwarded_subject", "quoted", "reply_subject"]

MAX_SUBJECT: Final = 2000
HEADER_OCTETS: Final = 262_144
"""The part of a raw mail in which its header section lies."""
MAX_ANCESTORS: Final = 100

_MSG_ID: Final = re.compile(r"<[^<>\s]{1,990}+>")
_FORWARDED: Final = re.compile(r"\s*(?:fwd|fw)\s*:", re.IGNORECASE)
_REPLY: Final = re.compile(r"\s*re:", re.IGNORECASE)
_RULE: Final = "---------- Forwarded message ----------"


@frozen(kw_only=True)
class Original:
    """The mail before, as far as it is quoted."""

    author: str
    sent_at: datetime
    subject: str
    to: Sequence[str] = ()
    cc: Sequence[str] = ()
    text: str = ""
    html: str | None = None


def reply_subject(subject: str) -> str:
    """`Re: ` once, whatever its case."""
    return subject if _REPLY.match(subject) else f"Re: {subject}".rstrip()[:MAX_SUBJECT]


def forwarded_subject(subject: str) -> str:
    """`Fwd: ` once; `Fw:` counts too."""
    if _FORWARDED.match(subject):
        return subject
    return f"Fwd: {subject.strip() or '(no subject)'}"[:MAX_SUBJECT]


def ancestors(raw: bytes, message_id: str | None) -> tuple[str, ...]:
    """References of an answer: those of the mail, or its In-Reply-To, and the mail itself (RFC 5322 section 3.6.4).

    Args:
        raw: the mail, or the first `HEADER_OCTETS` of it.
        message_id: its Message-ID, if it has one that can be referred to.
    """
    found = _identifiers(raw, "References") or _identifiers(raw, "In-Reply-To")
    named = [*found, *([message_id] if message_id is not None else [])]
    # The last of two equal ones is nearer to the answer.
    distinct = list(dict.fromkeys(reversed(named)))[:MAX_ANCESTORS]
    return tuple(reversed(distinct))


def quoted(original: Original, text: str, html: str | None) -> tuple[str, str | None]:
    """An answer with the mail that it answers below it, every line marked."""
    intro = f"On {_when(original.sent_at)}, {original.author} wrote:"
    lines = (f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in original.text.splitlines())
    whole = f"{text.rstrip()}\n\n{intro}\n" + "\n".join(lines) + "\n"
    if html is None:
        return whole, None
    return whole, f"{html}\n<p>{escape(intro)}</p>\n<blockquote>{_as_html(original)}</blockquote>\n"


def forwarded(original: Original, text: str, html: str | None) -> tuple[str, str | None]:
    """A note with the forwarded mail below it: a block of its header fields, then its words.

    HTML is made where the note or the original has some.
    """
    fields = [
        ("From", original.author),
        ("Date", _when(original.sent_at)),
        ("Subject", original.subject),
        ("To", ", ".join(original.to)),
        *([("Cc", ", ".join(original.cc))] if original.cc else []),
    ]
    block = "\n".join(f"{name}: {value}".rstrip() for name, value in fields)
    note = f"{text.rstrip()}\n\n" if text.strip() else ""
    whole = f"{note}{_RULE}\n{block}\n\n{original.text.rstrip()}\n"
    if html is None and original.html is None:
        return whole, None
    note_html = html if html is not None else _paragraph(text) if text.strip() else ""
    rows = "<br>\n".join(f"<b>{name}:</b> {escape(value)}" for name, value in fields)
    return whole, f"{note_html}\n<p>{_RULE}<br>\n{rows}</p>\n<div>{_as_html(original)}</div>\n".lstrip("\n")


def _identifiers(raw: bytes, name: str) -> list[str]:
    values = " ".join(mime.header_values(raw[:HEADER_OCTETS], name))
    return [found for found in _MSG_ID.findall(values) if message_id_key(found) is not None]


def _when(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")


def _as_html(original: Original) -> str:
    return original.html if original.html is not None else _paragraph(original.text)


def _paragraph(text: str) -> str:
    return '<div style="white-space:pre-wrap">' + escape(text.strip()) + "</div>"
