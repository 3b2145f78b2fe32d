"""Header fields, written: folding, encoded words, mailboxes and parameters (RFC 5322, 2047, 2231, 6532).

Whatever comes in is hostile. Text becomes one clean line before anything else looks at it, so no value
can end its field; an address that the reader of this package would not read back is refused.
"""

import binascii
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

from e2ad.core.address import AddressError, Mailbox, parse_mailbox
from e2ad.core.charset import clean_line
from e2ad.core.mime_address import read_mailbox
from e2ad.core.threads import message_id_key

__all__ = [
    "MAX_NAME",
    "MAX_TEXT",
    "addresses",
    "ascii_fallback",
    "clean_filename",
    "display_name",
    "encoded_words",
    "field",
    "identifiers",
    "mailbox",
    "parameter",
    "text_field",
    "written_address",
]

LINE: Final = 78
"""Characters in a line, where there is a place to fold (RFC 5322 section 2.1.1)."""
WORD: Final = 75
"""Octets of one encoded word (RFC 2047 section 2)."""
MAX_TEXT: Final = 2000
"""Characters of a subject; what is longer was refused before, and is cut here."""
MAX_NAME: Final = 320
"""Characters of a display name, and those of a filename that are looked at."""
MAX_ID: Final = 900
MAX_REFERENCES: Final = 2000
"""Octets of References. A thread can be as long as it likes; a header section cannot."""

_OPEN_Q: Final = "=?utf-8?q?"
_OPEN_B: Final = "=?utf-8?b?"
_FRAME: Final = len(_OPEN_Q) + len("?=")
# RFC 2047 section 5 (3): what may stand for itself in a word of a phrase, the strictest place.
_Q_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
# They turn the direction of what follows: a name that borrows the look of another, "exe.fdp".
_TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_PLAIN_PARAMETER: Final = re.compile(r"[A-Za-z0-9 !#$&()+,\-.;=@\[\]^_`{}~]{1,50}\Z")


def field(name: str, words: Iterable[str]) -> str:
    """One field with its line end, folded in front of the words that would pass the 78th column.

    A word longer than a line gets a line of its own; the caller answers for its length.
    """
    lines: list[str] = []
    line = name + ":"
    for number, word in enumerate(words):
        if number and len(line) + 1 + len(word) > LINE:
            lines.append(line)
            line = ""
        line += " " + word
    lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def text_field(name: str, text: str) -> str:
    """An unstructured field (RFC 5322 section 3.6.5); encoded as a whole where it is not plain ASCII."""
    line = clean_line(text)[:MAX_TEXT].rstrip()
    words = line.split(" ") if line else []
    room = LINE - len(name) - len(": ")
    if _is_plain(line) and all(len(word) < LINE for word in words) and len(line.split(" ", 1)[0]) <= room:
        return field(name, words)
    return field(name, encoded_words(line, room))


def encoded_words(text: str, first: int = WORD) -> list[str]:
    """Text as RFC 2047 words of UTF-8, Q or B, whichever is shorter; no character is split between two.

    Args:
        text: one clean line.
        first: columns that the first word may take, to fit beside the name of its field.
    """
    q_pieces = [_q(char) for char in text]
    octets = len(text.encode())
    in_q = sum(map(len, q_pieces)) <= (octets + 2) // 3 * 4
    words: list[str] = []
    room = min(first, WORD) - _FRAME
    chunk: list[str] = []
    used = 0
    for char, piece in zip(text, q_pieces, strict=True):
        size = len(piece) if in_q else len(char.encode())
        if used + size > (room if in_q else room // 4 * 3):
            words.append(_word(chunk, in_q=in_q))
            chunk, used, room = [], 0, WORD - _FRAME
        chunk.append(piece if in_q else char)
        used += size
    words.append(_word(chunk, in_q=in_q))
    return words


def display_name(text: str) -> str:
    """A name as one clean line in which nothing turns the direction of what is read."""
    return clean_line(_TURNING.sub("", text))[:MAX_NAME].rstrip()


def written_address(text: str) -> Mailbox:
    """An address fit for a header field: our own reader reads the same one back.

    Raises:
        ValueError: it is none. There is no safe repair: the mail would go, or point, to somebody else.
    """
    parsed = parse_mailbox(text)
    if read_mailbox(str(parsed)) != parsed:
        raise AddressError("the address has characters that a header field cannot show")
    return parsed


def addresses(values: Sequence[str]) -> list[str]:
    """The words of an address list.

    Raises:
        ValueError: one of them is no address.
    """
    written = [str(written_address(value)) for value in values]
    return [f"{word}," for word in written[:-1]] + written[-1:]


def mailbox(name: str, address: str) -> list[str]:
    """The words of one mailbox; the address alone where the name is empty.

    Args:
        name: from `display_name`.
        address: the mailbox's address.

    Raises:
        ValueError: it is no address.
    """
    bare = str(written_address(address))
    if not name:
        return [bare]
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    phrase = [quoted] if _is_plain(name) and len(quoted) < WORD - len("From: ") else encoded_words(name)
    return [*phrase, f"<{bare}>"]


def identifiers(values: Sequence[str]) -> list[str]:
    """The msg-ids of In-Reply-To or References that can be written, as they stand.

    When they are too many the first, which names the thread, and the last, the nearest, are kept.
    """
    good = [id_ for value in values if (id_ := _identifier(value))]
    size, kept = len(good[0]) if good else 0, len(good)
    while kept > 1 and size + len(good[kept - 1]) + 1 <= MAX_REFERENCES:
        kept -= 1
        size += len(good[kept]) + 1
    return good[:1] + good[max(kept, 1) :]


def parameter(name: str, value: str) -> list[str]:
    """A parameter of a MIME field as words, without separators between them and what stands around.

    Short and harmless values are quoted strings; others are percent-encoded UTF-8 in pieces
    (RFC 2231 sections 3 and 4), none of which splits a character.
    """
    if _PLAIN_PARAMETER.match(value):
        return [f'{name}="{value}"']
    room = LINE - len(f" {name}*00*=;")
    pieces, piece = [], "utf-8''"
    for char in value:
        octets = quote(char, safe="")
        if len(piece) + len(octets) > room:
            pieces.append(piece)
            piece = ""
        piece += octets
    pieces.append(piece)
    if len(pieces) == 1:
        return [f"{name}*={pieces[0]}"]
    return [f"{name}*{number}*={piece}" for number, piece in enumerate(pieces)]


def ascii_fallback(value: str) -> str:
    """A filename for readers that know only ASCII: accents dropped, other strangers "_"; the ending is kept."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", value) if not unicodedata.combining(char))
    shown = "".join(char if _PLAIN_PARAMETER.match(char) else "_" for char in bare)
    stem, dot, ending = shown.rpartition(".")
    if len(ending) > 10:
        return shown[:50].strip()
    return (stem[: 50 - len(dot + ending)] + dot + ending).strip()


def clean_filename(value: str, number: int) -> str:
    """A name without a path, a control or a trick; `attachment-<number>` where nothing is left.

    Quotes and brackets around it go as well, since some readers take them for the parameter's own.
    """
    name = re.split(r"[/\\]", display_name(value[-MAX_NAME:].replace("=?", "=_")))[-1][-255:].strip(' "<>')
    return name if name.strip(". ") else f"attachment-{number}"


def _is_plain(line: str) -> bool:
    return line.isascii() and "=?" not in line


def _q(char: str) -> str:
    if char in _Q_PLAIN:
        return char
    return "_" if char == " " else "".join(f"={octet:02X}" for octet in char.encode())


def _word(chunk: Sequence[str], *, in_q: bool) -> str:
    text = "".join(chunk)
    if in_q:
        return f"{_OPEN_Q}{text}?="
    return f"{_OPEN_B}{binascii.b2a_base64(text.encode(), newline=False).decode('ascii')}?="


def _identifier(value: str) -> str | None:
    text = value.strip(" \t\r\n")
    return text if text.isascii() and len(text) <= MAX_ID and message_id_key(text) is not None else None
