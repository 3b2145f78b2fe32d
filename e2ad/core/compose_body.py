"""The body of a mail, written: transfer encodings, parts and the multiparts around them (RFC 2045, 2046, 2387).

A body is a sequence of chunks until the very end, so that a large file is encoded once and copied once.
"""

import binascii
import hashlib
import re
from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from attrs import frozen

from e2ad.core.charset import clean
from e2ad.core.compose_header import ascii_fallback, clean_filename, field, parameter
from e2ad.core.html_text import html_to_text
from e2ad.core.outbound import DraftAttachment

__all__ = ["Entity", "build", "with_footer", "words_of"]

LINE_OCTETS: Final = 998
"""RFC 5322 section 2.1.1, without the line end."""
_BASE64_LINE: Final = 76

_PRINTABLE: Final = bytes([0x09, 0x0A, *range(0x20, 0x7F)])
_ASCII: Final = bytes(range(0x80))
# mbox files quote a line that starts so, and never unquote it (RFC 4155).
_FROM_LONG: Final = re.compile(rb"^From (?=[^\r\n]{70})", re.MULTILINE)
_FROM: Final = re.compile(rb"^From ", re.MULTILINE)
_BODY_END: Final = re.compile(r"</body[\s>]", re.IGNORECASE | re.ASCII)
_TYPE: Final = re.compile(r"\s*([A-Za-z0-9!#$&^_.+\-]{1,63}/[A-Za-z0-9!#$&^_.+\-]{1,63})\s*(?:;|\Z)")
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9][A-Za-z0-9_.:\-]{0,39})\"?\s*(?:;|\Z)", re.IGNORECASE)
_CONTENT_ID: Final = re.compile(r"[!-;=@-~]{1,200}\Z")
_STRANGER: Final = "application/octet-stream"


@frozen
class Entity:
    """A part with its fields; neither its header nor its body has the empty line between them."""

    header: str
    body: tuple[bytes, ...]


def build(text: str, html: str | None, attachments: Sequence[DraftAttachment], *, seed: str) -> Entity:
    """The whole tree: mixed(alternative(text, related(html, inline files)), files), without what is not needed.

    Args:
        text: the words.
        html: the same as HTML, or None.
        attachments: the files. Those that the HTML shows by their Content-ID go beside it.
        seed: what the boundaries are made from; the same seed and mail make the same bytes.
    """
    shown: list[Entity] = []
    files: list[Entity] = []
    for number, attachment in enumerate(attachments, 1):
        content_id = _content_id(attachment.content_id)
        inline = html is not None and content_id is not None and _refers(html, content_id)
        (shown if inline else files).append(_file(attachment, number, content_id, inline=inline))
    whole = _text("plain", text)
    if html is not None:
        page = _text("html", html)
        if shown:
            page = _multipart("related", [page, *shown], f"{seed}/related", 'type="text/html"')
        whole = _multipart("alternative", [whole, page], f"{seed}/alternative")
    return _multipart("mixed", [whole, *files], f"{seed}/mixed") if files else whole


def words_of(text: str, html: str | None) -> str:
    """The text, read from the HTML where it is blank: a mail without words is a blank page to many readers."""
    return text if html is None or text.strip() else html_to_text(html).text


def with_footer(text: str, html: str | None, url: str) -> tuple[str, str | None]:
    """Both forms with the way out of a managed mailing at their end (contract: managed unsubscribe)."""
    text = f"{text.rstrip()}\n\n--\nTo get no more mail from this sender:\n{url}\n"
    if html is None:
        return text, None
    footer = (
        '<hr><p style="font-size:small;color:#666666">To get no more mail from this sender: '
        f'<a href="{escape(url)}">unsubscribe</a></p>\n'
    )
    ends = [found.start() for found in _BODY_END.finditer(html)]
    at = ends[-1] if ends else len(html)
    return text, html[:at] + footer + html[at:]


def _text(subtype: str, text: str) -> Entity:
    data = clean(text).replace("\r\n", "\n").replace("\r", "\n").encode()
    encoding, body = _encoded(data)
    kind = f"text/{subtype};"
    header = field("Content-Type", [kind, "charset=utf-8"]) + field("Content-Transfer-Encoding", [encoding])
    return Entity(header, (body,))


def _encoded(data: bytes) -> tuple[str, bytes]:
    """Text with LF line ends in the plainest encoding that carries it unharmed."""
    if _is_7bit(data):
        return "7bit", data.replace(b"\n", b"\r\n")
    strangers = len(data.translate(None, _ASCII))
    if strangers * 2 > len(data):  # base64 would be shorter earlier, yet nobody could read a line of it
        return "base64", _base64(data.replace(b"\n", b"\r\n"))
    quoted = binascii.b2a_qp(data, istext=True)
    if quoted.startswith(b"From ") or b"\nFrom " in quoted:
        quoted = _FROM.sub(b"=46rom ", _FROM_LONG.sub(b"=46rom=\n ", quoted))
    return "quoted-printable", quoted.replace(b"\n", b"\r\n")


def _is_7bit(data: bytes) -> bool:
    """Contract: text parts. Nothing that a relay may touch: blanks at the end of a line, `From ` at its start."""
    if not data.isascii() or data.translate(None, _PRINTABLE):
        return False
    if data.startswith(b"From ") or b"\nFrom " in data:
        return False
    if data.endswith((b" ", b"\t")) or b" \n" in data or b"\t\n" in data:
        return False
    return len(data) <= LINE_OCTETS or max(map(len, data.split(b"\n"))) <= LINE_OCTETS


def _base64(data: bytes) -> bytes:
    letters = binascii.b2a_base64(data, newline=False)
    return b"\r\n".join([letters[at : at + _BASE64_LINE] for at in range(0, len(letters), _BASE64_LINE)])


def _file(attachment: DraftAttachment, number: int, content_id: str | None, *, inline: bool) -> Entity:
    filename = clean_filename(attachment.filename, number)
    kind = _content_type(attachment.content_type)
    header = [
        field("Content-Type", _separated([*kind, *parameter("name", ascii_fallback(filename) or f"file-{number}")])),
        field(
            "Content-Disposition", _separated(["inline" if inline else "attachment", *parameter("filename", filename)])
        ),
        field("Content-Transfer-Encoding", ["base64"]),
    ]
    if content_id is not None:
        header.append(field("Content-ID", [f"<{content_id}>"]))
    return Entity("".join(header), (_base64(attachment.data),))


def _separated(words: Sequence[str]) -> list[str]:
    return [f"{word};" for word in words[:-1]] + [words[-1]]


def _content_type(text: str) -> list[str]:
    """The type and, of its parameters, the charset.

    A file that is a message or a multipart travels as a stranger: such types may not be encoded
    (RFC 2046 sections 5.1 and 5.2.1), and unencoded their inside would be part of this mail's structure.
    """
    found = _TYPE.match(text)
    kind = found[1].lower() if found else _STRANGER
    if kind.startswith(("message/", "multipart/")):
        return [_STRANGER]
    charset = _CHARSET.search(text, 0, 1000) if found else None
    return [kind, f'charset="{charset[1]}"'] if charset else [kind]


def _content_id(text: str | None) -> str | None:
    bare = (text or "").strip("<> ")
    return bare if _CONTENT_ID.match(bare) else None


def _refers(html: str, content_id: str) -> bool:
    forms = {content_id, quote(content_id, safe="@"), quote(content_id), escape(content_id)}
    return any(f"cid:{form}" in html for form in forms)


def _multipart(subtype: str, children: Sequence[Entity], seed: str, *parameters: str) -> Entity:
    boundary = _boundary(children, seed)
    delimiter = f"--{boundary}"
    body: list[bytes] = []
    for child in children:
        body += (f"{delimiter}\r\n{child.header}\r\n".encode(), *child.body, b"\r\n")
    body.append(f"{delimiter}--\r\n".encode())
    words = _separated([f"multipart/{subtype}", *parameters, f'boundary="{boundary}"'])
    return Entity(field("Content-Type", words), tuple(body))


def _boundary(children: Sequence[Entity], seed: str) -> str:
    """A boundary that occurs nowhere in the parts (RFC 2046 section 5.1.1)."""
    attempt = 0
    while True:
        boundary = "e2a_" + hashlib.sha256(f"{seed}/{attempt}".encode()).hexdigest()[:32]
        if not any(boundary.encode() in chunk for child in children for chunk in (child.header.encode(), *child.body)):
            return boundary
        attempt += 1
