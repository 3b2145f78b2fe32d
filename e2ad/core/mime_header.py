"""Header sections: fields, RFC 2047 encoded words, and parameters with RFC 2231 continuations.

Everything here is linear in its input: each regular expression either starts at a character that
its own tail cannot contain, or gives up for good after its first failure.
"""

import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from attrs import frozen

from e2ad.core.charset import clean_line, codec_for, decode, decode_raw_header
from e2ad.core.defects import Defects

__all__ = [
    "MAX_HEADER_OCTETS",
    "HeaderSection",
    "base64_bytes",
    "decode_words",
    "parameter_text",
    "parameters",
    "read_header_section",
]

MAX_HEADER_OCTETS: Final = 256 * 1024
MAX_TEXT_VALUE: Final = 16 * 1024
MAX_PARAMETERS: Final = 200
MAX_PARAMETER_OCTETS: Final = 64 * 1024

# RFC 5322 section 2.2: printable US-ASCII without colon; section 4.5 allows blanks before the colon.
_FIELD: Final = re.compile(rb"([\x21-\x39\x3b-\x7e]{1,998})[ \t]*:(.*)", re.DOTALL)
_FROM_LINE: Final = re.compile(rb"from[ \t]*+:", re.IGNORECASE)
_WORD: Final = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*(?:\?(?!=)[^?=\s]{0,80}){0,4}+)\?=")
_SEPARATORS: Final = re.compile(r"[;\s]*+")
_PARAMETER_NAME: Final = re.compile(r"([^=;\s\"]{1,200}+)\s*+=\s*+")
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_QUOTED: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]+")


@frozen
class HeaderSection:
    """The fields of a mail or a part, in order, values unfolded but not decoded.

    `body_at` is where the body starts in the bytes that were read. `hidden_from` counts From-like
    lines that stand behind a line which is no field: we take them for body, another reader may not,
    so an author must not be named (RFC 5322 section 3.6: exactly one From).
    """

    fields: tuple[tuple[str, bytes], ...]
    body_at: int
    hidden_from: int = 0

    def all(self, name: str) -> list[bytes]:
        """The values of each field of this lower-case name, in order."""
        return [value for field, value in self.fields if field == name]

    def first(self, name: str) -> bytes | None:
        """The first value of this lower-case name: for fields that may stand once, the first counts."""
        for field, value in self.fields:
            if field == name:
                return value
        return None

    def text(self, name: str, defects: Defects) -> str:
        """An unstructured field as one clean line, encoded words decoded; "" when it is absent."""
        value = self.first(name)
        return "" if value is None else decode_words(decode_raw_header(value[:MAX_TEXT_VALUE]), defects)

    def token(self, name: str) -> str:
        """A one-word field, lower-case, without what follows a blank or semicolon; "" when absent."""
        value = (self.first(name) or b"")[:200].decode("latin-1").split(";", 1)[0].split("(", 1)[0].split()
        return value[0].lower() if value else ""


def read_header_section(raw: bytes, start: int, end: int, defects: Defects) -> HeaderSection:
    """Read the fields in `raw[start:end]` up to the first empty line, or the first line that is no field."""
    section_end, body_at = _find_separator(raw, start, end)
    if section_end - start > MAX_HEADER_OCTETS:
        defects.add("header-section-too-big")
        section_end = start + MAX_HEADER_OCTETS
    fields: list[tuple[str, bytes]] = []
    pending: list[bytes] = []
    name, position = "", start
    lines = raw[start:section_end].split(b"\n")
    for number, line in enumerate(lines):
        if line[:1] in (b" ", b"\t") and name:
            pending.append(line.rstrip(b"\r"))
        elif field := _FIELD.match(line):
            if name:
                fields.append((name, b"".join(pending)))
            name, pending = field[1].decode("ascii").lower(), [field[2].rstrip(b"\r")]
        elif number == 0 and line.startswith(b"From "):  # an mbox separator left by a gateway
            pass
        elif line.strip():
            defects.add("malformed-header-line" if body_at < end else "missing-header-separator")
            hidden = sum(1 for later in lines[number:] if _FROM_LINE.match(later))
            body_at = position
            if name:
                fields.append((name, b"".join(pending)))
            return HeaderSection(tuple(fields), body_at, hidden)
        position += len(line) + 1
    if name:
        fields.append((name, b"".join(pending)))
    return HeaderSection(tuple(fields), body_at)


def _find_separator(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the header section ends and where the body starts; both `end` when no empty line follows."""
    if raw.startswith(b"\r\n", start):
        return start, min(start + 2, end)
    if raw.startswith(b"\n", start):
        return start, min(start + 1, end)
    # One search for the usual form; the other only in front of its hit.
    crlf = raw.find(b"\n\r\n", start, end)
    lf = raw.find(b"\n\n", start, end if crlf < 0 else crlf + 1)
    if lf >= 0:
        return lf + 1, lf + 2
    if crlf >= 0:
        return crlf + 1, crlf + 3
    return end, end


def decode_words(text: str, defects: Defects) -> str:
    """RFC 2047, as lenient as the wild needs, to one clean line.

    Words that stand side by side are joined as bytes when their charset is the same, because
    senders split them inside a character; blanks between them vanish.
    """
    if "=?" not in text:
        return clean_line(text)
    out: list[str] = []
    buffered, charset, position = bytearray(), "", 0
    for word in _WORD.finditer(text):
        between = text[position : word.start()]
        data = _word_bytes(word[2], word[3])
        if data is None or codec_for(_charset_of(word[1])) is None:
            defects.add("malformed-encoded-word")
            continue
        adjacent = position > 0 and not between.strip()
        if buffered and not (adjacent and charset == _charset_of(word[1])):
            out.append(decode(bytes(buffered), charset, defects))
            buffered.clear()
        if not adjacent:
            out.append(between)
        charset = _charset_of(word[1])
        buffered += data
        position = word.end()
    out.append(decode(bytes(buffered), charset, defects))
    out.append(text[position:])
    return clean_line("".join(out))


def _charset_of(label: str) -> str:
    return label.split("*", 1)[0].lower()  # RFC 2231 section 5: a language may follow


def _word_bytes(encoding: str, payload: str) -> bytes | None:
    data = payload.encode("latin-1", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(data.replace(b" ", b"_").replace(b"\t", b"_"), header=True)
    decoded, _ = base64_bytes(data)
    return decoded if decoded or not data else None


def base64_bytes(data: bytes) -> tuple[bytes, bool]:
    """Decode base64 whatever stands in it; the second value says whether nothing had to be mended."""
    try:
        return binascii.a2b_base64(data), True
    except binascii.Error:
        letters = _NOT_BASE64.sub(b"", data.partition(b"=")[0])
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4)), False


def parameters(value: bytes, defects: Defects) -> tuple[str, Mapping[str, str]]:
    """Split a structured field: its first token, lower-case, and its parameters.

    Values are byte-transparent (Latin-1), so that a boundary can be searched in the raw mail; use
    `parameter_text` for what people read. Continuations (RFC 2231 section 3) are joined here.
    """
    text = value[:MAX_PARAMETER_OCTETS].decode("latin-1")
    first, _, rest = text.partition(";")
    if "=" in first:  # "Content-Disposition: filename=x": the token was forgotten
        first, rest = "", text
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    for name, item in _pairs(rest):
        base, star, tail = name.partition("*")
        if not star:
            plain.setdefault(base, item)
        elif (number := tail.rstrip("*") or "0").isascii() and number.isdigit() and len(number) < 4:
            pieces.setdefault(base, {}).setdefault(int(number), (name.endswith("*"), item))
    for base, numbered in pieces.items():
        plain[base] = _join_pieces(numbered, defects)
    return first.strip().lower(), plain


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    position = 0
    while len(pairs) < MAX_PARAMETERS:
        separators = _SEPARATORS.match(text, position)
        position = separators.end() if separators else position
        name = _PARAMETER_NAME.match(text, position)
        if name is None:
            position = text.find(";", position) + 1
            if not position:
                break
            continue
        position = name.end()
        if text.startswith('"', position):
            quoted = _QUOTED.match(text, position)
            if quoted is None:  # never closed: the rest is the value
                pairs.append((name[1].lower(), text[position + 1 :].strip()))
                break
            pairs.append((name[1].lower(), _QUOTED_PAIR.sub(r"\1", quoted[1])))
            position = quoted.end()
        else:
            until = text.find(";", position)
            until = len(text) if until < 0 else until
            pairs.append((name[1].lower(), text[position:until].strip()))
            position = until
    return pairs


def _join_pieces(numbered: dict[int, tuple[bool, str]], defects: Defects) -> str:
    """RFC 2231 sections 3 and 4: charset and language stand in the first piece alone."""
    data, charset = bytearray(), ""
    for expected in range(len(numbered)):
        if expected not in numbered:
            break
        encoded, item = numbered[expected]
        if encoded and expected == 0 and item.count("'") >= 2:
            charset, _, item = item.split("'", 2)
        data += unquote_to_bytes(item.encode("latin-1", "replace")) if encoded else item.encode("latin-1", "replace")
    # Back to the byte-transparent form, as UTF-8, which `parameter_text` tries first.
    return decode(bytes(data), charset, defects).encode("utf-8", "replace").decode("latin-1")


def parameter_text(value: str, defects: Defects) -> str:
    """A parameter for people: charset guessed, RFC 2047 words (not allowed there, yet common) decoded."""
    return decode_words(decode_raw_header(value.encode("latin-1", "replace")), defects)
