"""As much of CSS as decides whether text can be seen: a few properties, simple selectors, plain colours.

Rules for one medium or one state (`@media`, `:hover`) say nothing about how a mail looks to everybody, so they are
left out. Whatever is not understood counts as visible.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, field

__all__ = ["Sheet", "colour", "declarations", "length"]

_PROPERTIES: Final = frozenset(
    [
        "display",
        "visibility",
        "opacity",
        "font-size",
        "font",
        "color",
        "background",
        "background-color",
        "background-image",
        "position",
        "left",
        "top",
        "right",
        "bottom",
        "text-indent",
        "width",
        "height",
        "max-width",
        "max-height",
        "overflow",
        "clip",
        "clip-path",
        "transform",
        "-webkit-text-fill-color",
        "content-visibility",
        "margin-left",
        "filter",
    ]
)
MAX_RULES: Final = 3000
MAX_STYLE: Final = 4096
MAX_CLASSES: Final = 20

_COMMENT: Final = re.compile(r"/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z)")
_ESCAPE: Final = re.compile(r"\\([0-9a-fA-F]{1,6})[ \t\n]?|\\(.)")
_COMPOUND: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9]*|\*)?((?:[.#][\w-]+)*)\Z")
_MARK: Final = re.compile(r"[.#][\w-]+")
_NUMBER: Final = re.compile(
    r"\s*+([-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}))\s*+(px|pt|em|rem|ex|ch|%|vw|vh|in|cm|mm|pc)?", re.I
)
_RGB: Final = re.compile(r"rgba?\(\s*+(\d{1,3})[\s,]++(\d{1,3})[\s,]++(\d{1,3})(?:[\s,/]++([\d.]{1,8})(%)?)?\s*+\)")
_PIXELS: Final = {
    "px": 1.0,
    "pt": 1.333,
    "em": 16.0,
    "rem": 16.0,
    "ex": 8.0,
    "ch": 8.0,
    "in": 96.0,
    "cm": 37.8,
    "mm": 3.78,
    "pc": 16.0,
}
_NAMES: Final = {
    "white": (255, 255, 255),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "ghostwhite": (248, 248, 255),
    "whitesmoke": (245, 245, 245),
    "black": (0, 0, 0),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "silver": (192, 192, 192),
    "lightgray": (211, 211, 211),
    "lightgrey": (211, 211, 211),
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "navy": (0, 0, 128),
    "yellow": (255, 255, 0),
    "orange": (255, 165, 0),
    "purple": (128, 0, 128),
}

Colour = tuple[int, int, int, float]
"""Red, green, blue to 255, and how opaque from 0 to 1."""


def colour(text: str) -> Colour | None:
    """A colour, or None for what is not understood."""
    text = text.strip().lower()
    if text == "transparent":
        return (0, 0, 0, 0.0)
    if text in _NAMES:
        return (*_NAMES[text], 1.0)
    if text.startswith("#"):
        return _hexadecimal(text[1:])
    found = _RGB.match(text)
    if found is None:
        return None
    red, green, blue = (min(255, int(part)) for part in found.groups()[:3])
    try:
        opaque = float(found[4]) / (100 if found[5] else 1) if found[4] else 1.0
    except ValueError:
        opaque = 1.0
    return red, green, blue, opaque


def _hexadecimal(digits: str) -> Colour | None:
    if len(digits) in (3, 4):
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) not in (6, 8):
        return None
    try:
        parts = bytes.fromhex(digits)
    except ValueError:
        return None
    return parts[0], parts[1], parts[2], parts[3] / 255 if len(parts) == 4 else 1.0


def length(text: str | None, *, whole: float = 16.0) -> float | None:
    """A length in pixels, None for what is not understood.

    Args:
        whole: what per cents and `em` are parts of.
    """
    found = _NUMBER.match(text) if text else None
    if found is None:
        return None
    number, unit = float(found[1]), (found[2] or "px").lower()
    if unit == "%":
        return number * whole / 100
    if unit == "em":
        return number * whole
    return number * _PIXELS.get(unit, 8.0)


def declarations(text: str) -> dict[str, str]:
    """The properties that matter here of a `style` attribute or of a rule."""
    found: dict[str, str] = {}
    text = text[:MAX_STYLE]
    if "/*" in text:
        text = _COMMENT.sub(" ", text)
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    for part in text.split(";"):
        name, colon, value = part.partition(":")
        name = name.strip().lower()
        if colon and name in _PROPERTIES:
            found[name] = value.replace("!important", "").strip().lower()
    return found


def _unescaped(escape: re.Match[str]) -> str:
    if escape[1] is None:
        return escape[2]
    code = int(escape[1], 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


@define
class Sheet:
    """The rules of a mail's `<style>` elements, by tag, class and id."""

    rules: dict[tuple[str, str], dict[str, str]] = field(factory=dict)
    count: int = 0

    def add(self, source: str) -> None:
        """Read one element's content; linear."""
        source = _COMMENT.sub(" ", source) if "/*" in source else source
        position = 0
        while self.count < MAX_RULES:
            opened = source.find("{", position)
            if opened < 0:
                return
            selector = source[position:opened].rpartition("}")[2].rpartition(";")[2].strip()
            closed = source.find("}", opened)
            if closed < 0:
                return
            if selector.startswith("@"):
                position = _after_block(source, opened) if "font-face" not in selector else closed + 1
                continue
            self._add(selector, source[opened + 1 : closed])
            position = closed + 1

    def _add(self, selectors: str, body: str) -> None:
        found = declarations(body)
        if not found:
            return
        for selector in selectors.split(",")[:50]:
            self.count += 1
            key = _key(selector)
            if key is not None:
                self.rules.setdefault(key, {}).update(found)

    def style(self, tag: str, classes: Iterable[str], identity: str) -> dict[str, str]:
        """What the rules say about an element."""
        if not self.rules:
            return {}
        found: dict[str, str] = {}
        keys = [(tag, ""), *((owner, f".{name}") for name in list(classes)[:MAX_CLASSES] for owner in ("", tag))]
        if identity:
            keys += [("", f"#{identity}"), (tag, f"#{identity}")]
        for key in keys:
            rule: Mapping[str, str] | None = self.rules.get(key)
            if rule:
                found.update(rule)
        return found


def _key(selector: str) -> tuple[str, str] | None:
    """Tag and class or id of a selector's last part; None where that is not all it says."""
    parts = selector.replace(">", " ").split()
    if not parts or len(parts[-1]) > 200:
        return None
    found = _COMPOUND.match(parts[-1])
    if found is None:
        return None
    tag, marks = (found[1] or "").lower().replace("*", ""), _MARK.findall(found[2])
    if len(marks) > 1 or (len(parts) > 1 and not marks) or not (tag or marks):
        return None
    return tag, (marks[0] if marks else "")


def _after_block(source: str, opened: int) -> int:
    """Past a block in braces, those inside it counted."""
    depth = 0
    for brace in _BRACE.finditer(source, opened):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.end()
    return len(source)


_BRACE: Final = re.compile(r"[{}]")
