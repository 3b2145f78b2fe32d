"""HTML to readable text, for mail that has no text part; linear in its input.

Nothing is run or laid out: scripts, styles and comments vanish, the rest is text.
"""

import re
from typing import Final

from attrs import define, field, frozen

from e2ad.core.charset import clean
from e2ad.core.markup import pieces, unescape

__all__ = ["HtmlText", "html_to_text"]

MAX_QUOTE_DEPTH: Final = 5
MAX_LINK: Final = 2048
MAX_ATTRIBUTES: Final = 8192

_ATTRIBUTE: Final = re.compile(r"([^\s=\"'/>]{1,100}+)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++))")
_BLANKS: Final = re.compile(r"[ \t\r\n\f\v]+")
_BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "pre",
        "section",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    ]
)
_SPACED_BLOCKS: Final = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6"])
_KNOWN: Final = _BLOCKS | _SPACED_BLOCKS | {"a", "br", "img", "td", "th"}
# Where a mail program's own markup says that the history begins.
_HISTORY_CLASS: Final = frozenset(
    [
        "gmail_quote",
        "gmail_quote_container",
        "gmail_extra",
        "yahoo_quoted",
        "protonmail_quote",
        "zmail_extra",
        "moz-cite-prefix",
        "tutanota_quote",
        "skiff_quote",
    ]
)
_QUOTE_CLASS: Final = frozenset(["gmail_quote", "protonmail_quote", "tutanota_quote", "skiff_quote"])
_HISTORY_ID: Final = frozenset({"divrplyfwdmsg", "x_divrplyfwdmsg", "appendonsend", "x_appendonsend", "replysplit"})


@frozen
class HtmlText:
    """The text, and the numbers of the lines at which markup says that quoted history begins."""

    text: str
    history_at: frozenset[int] = frozenset()


def html_to_text(markup: str) -> HtmlText:
    """Convert a document or a fragment; never fails.

    Links keep their address behind their words, list items get a dash, and quotations of an
    earlier mail get "> " as in plain text, so that one rule finds the new part of a reply.
    """
    page = _Page()
    for kind, _, _, name, inside in pieces(markup):
        if kind == "text":
            page.write(inside)
        elif name not in _KNOWN:
            continue
        elif kind == "open":
            page.open(name, inside)
        elif kind == "close":
            page.close(name)
    return page.result()


@define
class _Page:
    """The text while it grows, line by line."""

    lines: list[str] = field(factory=list)
    marks: set[int] = field(factory=set)
    words: list[str] = field(factory=list)
    """The current line's pieces."""
    quotes: list[bool] = field(factory=list)
    """For each open blockquote: does it hold an earlier mail?"""
    pre: int = 0
    link: str = ""
    link_at: int = 0
    wants_blank: bool = False
    ends_in_blank: bool = True

    def write(self, text: str) -> None:
        """Add character data of the source."""
        if not text:
            return
        text = unescape(text)
        if self.pre:
            first, *rest = text.replace("\r\n", "\n").split("\n")
            self._add(first)
            for line in rest:
                self.end_line(force=True)
                self._add(line)
            return
        text = _BLANKS.sub(" ", text)
        if self.ends_in_blank:
            text = text.removeprefix(" ")
        self._add(text)

    def _add(self, text: str) -> None:
        if text:
            self.words.append(text)
            self.ends_in_blank = text.endswith(" ") and not self.pre

    def end_line(self, *, force: bool = False) -> None:
        """End the current line if it holds anything, or even if it does not."""
        content = "".join(self.words).replace("\xa0", " ").rstrip()
        self.words.clear()
        self.link_at = 0
        self.ends_in_blank = True
        if not content and not force:
            return
        prefix = "> " * min(sum(self.quotes[-MAX_QUOTE_DEPTH:]), MAX_QUOTE_DEPTH)
        if self.wants_blank and self.lines and self.lines[-1].strip("> "):
            self.lines.append(prefix.rstrip())
        self.wants_blank = False
        self.lines.append((prefix + content).rstrip())

    def open(self, name: str, attributes: str) -> None:
        """A start tag."""
        if name == "br":
            self.end_line(force=True)
        elif name in _BLOCKS:
            self.end_line()
            self._open_block(name, attributes)
        elif name in _SPACED_BLOCKS:
            self.end_line()
            self.wants_blank = True
        elif name in ("td", "th") and self.words:
            self.write(" ")
        elif name == "a":
            self.link = _attribute(attributes, "href")
            self.link_at = len(self.words)
        elif name == "img" and (alt := _attribute(attributes, "alt")):
            self.write(alt)

    def _open_block(self, name: str, attributes: str) -> None:
        if name == "pre":
            self.pre += 1
        elif name == "li":
            self._add("- ")
            self.ends_in_blank = True
        elif name == "hr":
            self.wants_blank = True
        is_quote = False
        if attributes and name in ("div", "blockquote", "span"):
            classes = {word.lower() for word in _attribute(attributes, "class").split()}
            identity = _attribute(attributes, "id").lower()
            if classes & _HISTORY_CLASS or identity in _HISTORY_ID or identity.startswith("yahoo_quoted"):
                self.marks.add(len(self.lines))
            is_quote = bool(classes & _QUOTE_CLASS) or "cite" in (
                _attribute(attributes, "type").lower(),
                "cite" if _attribute(attributes, "cite") else "",
            )
        if name == "blockquote":
            self.quotes.append(is_quote)

    def close(self, name: str) -> None:
        """An end tag; one without a partner is harmless."""
        if name == "a":
            self._close_link()
        elif name in _BLOCKS:
            self.end_line()
            if name == "pre":
                self.pre = max(0, self.pre - 1)
            elif name == "blockquote" and self.quotes:
                self.quotes.pop()
        elif name in _SPACED_BLOCKS:
            self.end_line()
            self.wants_blank = True

    def _close_link(self) -> None:
        link, self.link = self.link, ""
        if not link.lower().startswith(("http://", "https://")) or len(link) > MAX_LINK:
            return
        words = "".join(self.words[self.link_at :]).strip()
        if words and words.rstrip("/") not in (link.rstrip("/"), link.partition("://")[2].rstrip("/")):
            self.write(f" ({link})" if not self.ends_in_blank else f"({link})")

    def result(self) -> HtmlText:
        """The whole text, without blank lines at its ends and never more than one in a row."""
        self.end_line()
        kept: list[str] = []
        marks: set[int] = set()
        marked = False
        for number, line in enumerate(self.lines):
            marked = marked or number in self.marks
            if marked and line:
                marks.add(len(kept))
                marked = False
            if line.strip("> ") or (kept and kept[-1].strip("> ")):
                kept.append(line)
        while kept and not kept[-1].strip("> "):
            kept.pop()
        text = clean("\n".join(kept))
        return HtmlText(text, frozenset(mark for mark in marks if mark < len(kept)))


def _attribute(attributes: str, name: str) -> str:
    attributes = attributes[:MAX_ATTRIBUTES]
    if name not in attributes and name not in attributes.lower():
        return ""
    for found in _ATTRIBUTE.finditer(attributes):
        if found[1].lower() == name:
            value = found[2] if found[2] is not None else found[3] if found[3] is not None else found[4]
            return unescape(value).strip()
    return ""
