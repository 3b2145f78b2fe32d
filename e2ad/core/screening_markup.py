"""HTML as a reader meets it and as a machine meets it: what can be seen, what cannot, and where links lead.

One pass over the markup; each character is looked at a bounded number of times. Nothing is fetched, run or laid
out: style attributes, simple rules of `<style>` and the attributes of old mail programs decide.
"""

import re
from collections.abc import Iterator
from typing import Final

from attrs import define, field, frozen

from e2ad.core.markup import pieces, unescape
from e2ad.core.screening_looks import Look, old_attributes, styled
from e2ad.core.screening_styles import Sheet, declarations

__all__ = ["Hidden", "Link", "Page", "read_page"]

MAX_ATTRIBUTES: Final = 8192
MAX_DEPTH: Final = 2000

_ATTRIBUTE: Final = re.compile(r"([^\s=\"'/>]{1,100}+)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++)))?")
_STRING: Final = re.compile(r"\"[^\"\n]*+\"|'[^'\n]*+'")
_VOID: Final = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
_BREAKING: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_CLOSES_ITSELF: Final = {
    "p": "p",
    "li": "li",
    "td": "td",
    "th": "td",
    "tr": "tr",
    "option": "option",
    "dt": "dt",
    "dd": "dd",
}
_ONE_LONG_WORD: Final = 24
_SPOKEN: Final = ("alt", "title", "aria-label", "aria-description", "placeholder", "summary", "content", "value")


@frozen
class Hidden:
    """A run of text that is not seen. `at`: how many visible characters were before it."""

    text: str
    reason: str
    at: int


@frozen
class Link:
    """An anchor: where it leads, and what it says."""

    target: str
    words: str


@define
class Page:
    """What one pass over the markup finds."""

    visible: str = ""
    hidden: list[Hidden] = field(factory=list)
    comments: list[str] = field(factory=list)
    unrendered: list[str] = field(factory=list)
    """What stands in elements that no mail program shows: titles, scripts, strings of style sheets."""
    spoken: list[str] = field(factory=list)
    """Values of attributes that a screen reader or a machine reads: alternatives, titles, labels."""
    links: list[Link] = field(factory=list)
    images: list[str] = field(factory=list)
    unseen: list[tuple[int, int]] = field(factory=list)
    """Where in the source text and pictures stand that are not seen, in order."""
    split_addresses: int = 0
    """Web addresses that markup tears apart."""

    def behind(self) -> Iterator[str]:
        """What a machine reads behind the backs of people, one text for each place where it stands."""
        for runs in ([run.text for run in self.hidden], self.comments, self.unrendered, self.spoken):
            if runs:
                yield "\n".join(runs)


def read_page(markup: str) -> Page:
    """Read a document or a fragment; never fails."""
    reader = _Reader()
    for kind, start, end, name, inside in pieces(markup):
        match kind:
            case "text":
                reader.note_unseen(start, end)
                reader.write(inside)
            case "open":
                reader.open(name, inside)
                if name == "img":
                    reader.note_unseen(start, end)
            case "close":
                reader.close(name)
            case "comment":
                reader.page.comments.append(inside)
            case "raw":
                reader.raw(name, inside)
    return reader.result()


@define
class _Reader:
    """The page while it grows, and the elements that are open."""

    page: Page = field(factory=Page)
    sheet: Sheet = field(factory=Sheet)
    stack: list[tuple[str, Look]] = field(factory=lambda: [("", Look())])
    open_names: dict[str, int] = field(factory=dict)
    seen: list[str] = field(factory=list)
    shown: int = 0
    last_reason: str | None = None
    unseen: list[str] = field(factory=list)
    unseen_at: int = 0
    link: str | None = None
    link_words: list[str] = field(factory=list)
    unspaced_address: bool = False

    def note_unseen(self, start: int, end: int) -> None:
        """Keep where in the source something stands that is not seen."""
        if self.stack[-1][1].reason() is not None:
            self.page.unseen.append((start, end))

    def write(self, text: str) -> None:
        """Character data."""
        if not text:
            return
        text = unescape(text)
        look = self.stack[-1][1]
        reason = look.reason()
        if reason is not None and text.strip():
            if reason != self.last_reason:
                self.end_hidden()
                self.last_reason, self.unseen_at = reason, self.shown
            self.unseen.append(text)
            return
        if reason is not None:
            if self.unseen:
                self.unseen.append(" ")
            return
        self._watch_address(text)
        if look.quoted and "\n" in text:
            text = text.replace("\n", "\n> ")
        self.seen.append(text)
        self.shown += len(text)
        if self.link is not None:
            self.link_words.append(text)

    def _watch_address(self, text: str) -> None:
        """An address that is torn by a tag between two of its characters looks different in the source."""
        if self.link is None:
            if self.unspaced_address and text[:1].isalnum():
                self.page.split_addresses += 1
            tail = text[-300:]
            at = max(tail.rfind("http://"), tail.rfind("https://"))
            self.unspaced_address = at >= 0 and not any(c.isspace() for c in tail[at:])

    def end_hidden(self) -> None:
        """Keep the hidden run, if it says anything."""
        if self.unseen:
            text = "".join(self.unseen)
            if any(character.isalnum() for character in text):
                self.page.hidden.append(Hidden(text, self.last_reason or "", self.unseen_at))
            self.unseen.clear()
        self.last_reason = None

    def raw(self, name: str, inside: str) -> None:
        """An element whose content is no markup."""
        if name == "style":
            self.sheet.add(inside)
            # Its comments speak of rules and overriding them; its strings are text.
            self.page.unrendered += [text for text in _STRING.findall(inside) if " " in text]
        elif name == "title":
            self.page.unrendered.append(unescape(inside))
        elif name == "script":
            self.page.unrendered.append(inside)
        else:
            self.write(inside)

    def open(self, name: str, source: str) -> None:
        """A start tag."""
        attributes = _attributes(source) if source and not source.isspace() else {}
        self._break(name)
        if closing := _CLOSES_ITSELF.get(name):
            while self.stack[-1][0] == closing or (closing == "td" and self.stack[-1][0] in ("td", "th")):
                self._pop()
        elif name in _BREAKING and self.stack[-1][0] == "p" and name != "br":
            self._pop()
        for word in _SPOKEN:
            if (value := attributes.get(word)) and len(value) > 3 and (" " in value or len(value) >= _ONE_LONG_WORD):
                self.page.spoken.append(value)
        if name == "img":
            self.page.images.append(attributes.get("src", ""))
        elif name == "a" and "href" in attributes:
            self._end_link()
            self.link = attributes["href"].strip()
        elif name == "base" or len(self.stack) > MAX_DEPTH:
            return
        if name in _VOID:
            return
        look = self._look(self.stack[-1][1], name, attributes)
        self.stack.append((name, look))
        self.open_names[name] = self.open_names.get(name, 0) + 1
        if name == "blockquote":
            self.seen.append("\n> ")

    def _break(self, name: str) -> None:
        if name in _BREAKING:
            self.unspaced_address = False
            if self.stack[-1][1].reason() is None:
                self.seen.append("\n> " if self.stack[-1][1].quoted else "\n")
            elif self.unseen:
                self.unseen.append("\n")
        elif name == "wbr":
            self.unspaced_address = False
        elif name in ("code", "q", "tt", "samp", "kbd"):
            self.seen.append('"')

    def close(self, name: str) -> None:
        """An end tag; one without a partner is harmless."""
        if name == "a":
            self._end_link()
        self._break(name)
        if not self.open_names.get(name):
            return
        while self._pop() != name:
            pass

    def _pop(self) -> str:
        name, look = self.stack.pop()
        self.open_names[name] -= 1
        if look.reason() != self.stack[-1][1].reason():
            self.end_hidden()
        return name

    def _end_link(self) -> None:
        if self.link is not None:
            self.page.links.append(Link(self.link, " ".join("".join(self.link_words).split())))
            self.link, self.link_words = None, []

    def _look(self, parent: Look, name: str, attributes: dict[str, str]) -> Look:
        classes = attributes.get("class", "").split()
        style = self.sheet.style(name, classes, attributes.get("id", ""))
        if attributes:
            style = old_attributes(attributes) | style | declarations(attributes.get("style", ""))
        quoted = parent.quoted or name in ("blockquote", "pre")
        if name in ("template", "noscript") or ("hidden" in attributes and "display" not in style):
            return Look(gone=parent.gone or "hidden element", quoted=quoted)
        if not style and quoted == parent.quoted:
            return parent
        return styled(parent, style, quoted=quoted)

    def result(self) -> Page:
        self.end_hidden()
        self._end_link()
        self.page.visible = "".join(self.seen)
        return self.page


def _attributes(source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in _ATTRIBUTE.finditer(source[:MAX_ATTRIBUTES]):
        value = one[2] if one[2] is not None else one[3] if one[3] is not None else one[4] or ""
        found.setdefault(one[1].lower(), unescape(value))
    return found
