"""Which parts of a mail are its words, and those words as text, new text and HTML."""

from collections.abc import Callable
from typing import Final

from attrs import frozen

from e2ad.core import quoting
from e2ad.core.charset import clean, decode, truncate
from e2ad.core.defects import Defects
from e2ad.core.flowed import unflow
from e2ad.core.html_text import HtmlText, html_to_text
from e2ad.core.mime_parts import Part, content_bytes, leaves

__all__ = ["MAX_TEXT_OCTETS", "Body", "read_body"]

MAX_TEXT_OCTETS: Final = 1024 * 1024
# Encoded octets of one text part that are read: quoted-printable triples, and then charsets differ.
MAX_ENCODED_TEXT: Final = 4 * MAX_TEXT_OCTETS


@frozen
class Body:
    """The words of a mail. `html` is None without an HTML part; `truncated` when anything was cut."""

    text: str
    new_text: str
    html: str | None
    truncated: bool


def read_body(
    raw: bytes,
    root: Part,
    defects: Defects,
    *,
    forwarded: bool = False,
    convert: Callable[[str], HtmlText] = html_to_text,
) -> Body:
    """Choose the parts, decode them, and find the new part of a reply.

    Args:
        raw: the mail.
        root: its tree.
        defects: where to note what was mended.
        forwarded: the subject says that the mail is a forward, whose history is its content.
        convert: makes text of HTML that stands for the text.
    """
    for_text, for_html = _choose(root)
    if not for_text:
        # Nothing but a named or unusual text: still what there is to read.
        for_text = [
            part for part in leaves(root) if part.content_type.startswith("text/") and part.disposition != "attachment"
        ][:1]
        for_html = [part for part in for_text if part.content_type == "text/html"]
    decoded: dict[int, str] = {}
    cut = False
    for part in (*for_text, *for_html):
        if part.start not in decoded:
            decoded[part.start], part_cut = _decode(raw, part, defects)
            cut = cut or part_cut
    html, html_cut = truncate("\n".join(decoded[part.start] for part in for_html), MAX_TEXT_OCTETS)
    pieces = [_as_text(part, decoded[part.start], convert) for part in for_text]
    if for_html and not any(piece.text.strip() for piece in pieces):
        pieces = [convert(html)]  # an empty text beside the real HTML
    text, text_cut = truncate("\n".join(piece.text for piece in pieces), MAX_TEXT_OCTETS)
    text = text.rstrip("\n")
    new = quoting.new_text(text, _history_lines(pieces), forwarded=forwarded)
    return Body(text, new, html if for_html else None, cut or html_cut or text_cut)


def _choose(part: Part) -> tuple[list[Part], list[Part]]:
    """The leaves that make the text, and those that make the HTML."""
    if not part.children:
        if part.is_attachment:
            return [], []
        if part.content_type == "text/html":
            return [part], [part]
        return ([part], []) if part.content_type == "text/plain" else ([], [])
    chosen = [_choose(child) for child in part.children]
    if part.content_type != "multipart/alternative":
        return [leaf for text, _ in chosen for leaf in text], [leaf for _, html in chosen for leaf in html]
    # RFC 2046 section 5.1.4: one content in several forms. The plain one is the text, the richest the HTML.
    texts = [text for text, _ in chosen if text]
    plain = [text for text in texts if all(leaf.content_type == "text/plain" for leaf in text)]
    htmls = [html for _, html in chosen if html]
    return (plain or texts or [[]])[0], (htmls or [[]])[-1]


def _decode(raw: bytes, part: Part, defects: Defects) -> tuple[str, bool]:
    data = content_bytes(raw, part, defects, MAX_ENCODED_TEXT)
    text, cut = truncate(clean(decode(data, part.charset, defects)), MAX_TEXT_OCTETS)
    return text, cut or part.end - part.start > MAX_ENCODED_TEXT


def _as_text(part: Part, decoded: str, convert: Callable[[str], HtmlText]) -> HtmlText:
    if part.content_type == "text/html":
        return convert(decoded)
    text = decoded.replace("\r\n", "\n").replace("\r", "\n")
    if part.params.get("format", "").lower() == "flowed":
        text = unflow(text, delsp=part.params.get("delsp", "").lower() == "yes")
    return HtmlText(text.rstrip("\n"))


def _history_lines(pieces: list[HtmlText]) -> frozenset[int]:
    lines: set[int] = set()
    offset = 0
    for piece in pieces:
        lines.update(offset + number for number in piece.history_at)
        offset += piece.text.count("\n") + 1
    return frozenset(lines)
