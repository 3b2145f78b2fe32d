"""HTML taken apart: text, tags, comments, and what stands raw in an element; linear in its input.

The standard library's parser rescans unfinished markup and so takes quadratic time on hostile
input in part of the Python versions we run on; this reader looks at each character a bounded number of times.
It interprets nothing: what a tag means is for those who read on.
"""

import html
import re
from collections.abc import Iterator
from typing import Final, Literal

__all__ = ["Piece", "pieces", "unescape"]

_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:_-]{0,40}+)((?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+)>")
_TAG_START: Final = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:_-]{0,40}+)")
_LONG_REFERENCE: Final = re.compile(r"&#[0-9]{8,}+;?|&#[xX][0-9a-fA-F]{8,}+;?")
_RAW: Final = {
    name: re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE) for name in ("script", "style", "title", "textarea", "xmp")
}

Piece = tuple[Literal["text", "open", "close", "raw", "comment"], int, int, str, str]
"""What it is; where it begins and ends in the markup; of which element, in lower case, "" for text and comments; and
what stands in it as it is written: the text, a start tag's attributes, the content of a raw element or of a comment."""


def pieces(markup: str) -> Iterator[Piece]:
    """Take a document or a fragment apart, in order; never fails. Declarations are left out."""
    position, quotes_match = 0, True
    while (at := markup.find("<", position)) >= 0:
        if position < at:
            yield "text", position, at, "", markup[position:at]
        tag = _TAG.match(markup, at) if quotes_match else None
        if tag is not None:
            position, name, attributes = tag.end(), tag[2].lower(), tag[3]
        elif begun := _TAG_START.match(markup, at):
            quotes_match = False  # a quote is open to the end: trying again at each tag would be quadratic
            position = _after(markup, ">", at)
            name, attributes = begun[1].lower(), markup[begun.end() : position - 1]
        elif markup.startswith("<!--", at):
            position = _after(markup, "-->", at + 4)
            yield "comment", at, position, "", markup[at + 4 : position].removesuffix("-->")
            continue
        elif markup.startswith(("<!", "<?", "</"), at):
            position = _after(markup, ">", at)
            continue
        else:
            position = at + 1
            yield "text", at, position, "", "<"
            continue
        if markup[at + 1] == "/":
            yield "close", at, position, name, ""
        elif name in _RAW:
            end = _RAW[name].search(markup, position)
            inside = markup[position : end.start() if end else len(markup)]
            position = _after(markup, ">", end.start()) if end else len(markup)
            yield "raw", at, position, name, inside
        else:
            yield "open", at, position, name, attributes
    if position < len(markup):
        yield "text", position, len(markup), "", markup[position:]


def unescape(text: str) -> str:
    """Text or the value of an attribute, with what its character references stand for."""
    if "&" not in text:
        return text
    # A number of thousands of digits is refused by int(); no character has eight.
    return html.unescape(_LONG_REFERENCE.sub("\ufffd", text) if "&#" in text else text)


def _after(markup: str, mark: str, position: int) -> int:
    found = markup.find(mark, position)
    return len(markup) if found < 0 else found + len(mark)
