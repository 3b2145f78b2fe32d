"""Templates of mails: text with places for values, and what becomes of them (contract: templates, engine).

`{{path}}` puts a value in: as it is into the subject and the text, with HTML's special characters escaped into the
HTML. `{{{path}}}` puts it in as it is everywhere. A path is names with dots between them, which lead into objects.
There is nothing else: no sections, no conditions, no includes, no comments; such tags are refused, so that nobody
thinks they worked. What a value holds is never looked at again, so that no data can bring tags of its own.

Reading and rendering take time linear in source, data and result, and stop as soon as a limit is passed.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from attrs import frozen

from e2ad.core.charset import clean

__all__ = [
    "MAX_DATA_DEPTH",
    "MAX_RENDERED_BYTES",
    "MAX_SOURCE_BYTES",
    "PARTS",
    "Part",
    "Slot",
    "Template",
    "TemplateError",
    "parse",
    "suggested_data",
    "variables",
]

MAX_SOURCE_BYTES: Final = 262_144
MAX_RENDERED_BYTES: Final = 2_097_152
MAX_DATA_DEPTH: Final = 8
"""Objects and lists inside each other, the outermost included; so no path has more names."""

Part: TypeAlias = Literal["subject", "text", "html"]
PARTS: Final[tuple[Part, ...]] = ("subject", "text", "html")

_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*+(?:\.[A-Za-z0-9_]++)*+")
_BREAK: Final = re.compile(r"[\r\n]")
_BLANKS: Final = " \t\r\n"
_SHOWN_CHARACTERS: Final = 40
_REFUSED: Final = {
    "#": "sections",
    "/": "sections",
    "^": "sections",
    ">": "includes",
    "!": "comments",
    "&": "unescaped values in this form, but {{{name}}},",
    "=": "other delimiters",
}


class TemplateError(ValueError):
    """A part that cannot be read, or cannot be rendered with this data. The text says where and what to do.

    Attributes:
        part: of the mail.
        line, column: where in the source, counted from 1; 0 where it is no single place.
    """

    def __init__(self, part: Part, message: str, *, line: int = 0, column: int = 0) -> None:
        super().__init__(f"line {line}, column {column}: {message}" if line else message)
        self.part = part
        self.line = line
        self.column = column

    @property
    def message(self) -> str:
        """The sentence for whoever wrote the template or sent the data."""
        return str(self.args[0])


@frozen(eq=False)
class Slot:
    """A place for a value; all places of a source that want the same are one."""

    path: tuple[str, ...]
    raw: bool

    @property
    def name(self) -> str:
        """The path as it is written."""
        return ".".join(self.path)


@frozen(eq=False)
class Template:
    """One part of a mail, read: text and slots in their order."""

    part: Part
    pieces: tuple[str | Slot, ...]

    @property
    def slots(self) -> Iterator[Slot]:
        """The distinct places, in the order in which they are met first."""
        return iter(dict.fromkeys(piece for piece in self.pieces if isinstance(piece, Slot)))

    def render(self, data: Mapping[str, Any]) -> str:
        """The part with its values: clean text (no NUL, no lone surrogate).

        What is missing, null, an object or a list renders empty; numbers and booleans as JSON writes them.

        Args:
            data: JSON values. Numbers that are to be printed verbatim come as text.

        Raises:
            TemplateError: the data is too deep, the result too large, or a subject not one line.
        """
        _check_depth(self.part, data)
        filled: dict[Slot, tuple[str, int]] = {}
        written, left = list[str](), MAX_RENDERED_BYTES
        for piece in self.pieces:
            if isinstance(piece, str):
                text, size = piece, _octets(piece)
            else:
                if piece not in filled:
                    filled[piece] = self._fill(piece, data, left)
                text, size = filled[piece]
            left -= size
            if left < 0:
                raise self._too_large()
            written.append(text)
        return clean("".join(written))

    def _fill(self, slot: Slot, data: Mapping[str, Any], left: int) -> tuple[str, int]:
        """The text for a slot and its octets, which are counted before anything is built."""
        text = _text_of(self.part, slot, data)
        if len(text) > left:
            raise self._too_large()
        size = _octets(text)
        if self.part == "subject" and _BREAK.search(text):
            raise TemplateError(self.part, f"the value of {slot.name} has a line break: a subject is one line")
        if self.part != "html" or slot.raw:
            return text, size
        size += 4 * text.count("&") + 3 * (text.count("<") + text.count(">")) + 5 * (text.count('"') + text.count("'"))
        if size > left:
            raise self._too_large()
        return html.escape(text), size

    def _too_large(self) -> TemplateError:
        return TemplateError(self.part, f"rendered, it has more than {MAX_RENDERED_BYTES} bytes")


def parse(part: Part, source: str) -> Template:
    """Read one part of a template.

    Raises:
        TemplateError: with the place of the first mistake.
    """
    size = _octets(source)
    if size > MAX_SOURCE_BYTES:
        raise TemplateError(part, f"it has {size} bytes, at most {MAX_SOURCE_BYTES} are allowed")
    if part == "subject" and (found := _BREAK.search(source)):
        raise _mistake(part, source, found.start(), "a subject is one line")
    known: dict[tuple[str, bool], Slot] = {}
    pieces, position = list[str | Slot](), 0
    while (at := source.find("{{", position)) >= 0:
        if at > position:
            pieces.append(source[position:at])
        name, raw, position = _tag(part, source, at)
        slot = known.get((name, raw))
        if slot is None:
            slot = known[name, raw] = Slot(tuple(name.split(".")), raw)
        pieces.append(slot)
    if position < len(source):
        pieces.append(source[position:])
    return Template(part, tuple(pieces))


def variables(templates: Iterable[Template]) -> dict[str, bool]:
    """The paths that are used, in the order in which they are met first, and whether any use of one is raw."""
    found: dict[str, bool] = {}
    for template in templates:
        for slot in template.slots:
            found[slot.name] = found.get(slot.name, False) or slot.raw
    return found


def suggested_data(names: Iterable[str]) -> dict[str, Any]:
    """Data that fills each of these paths with a text of its own. Where one leads into another, the object wins."""
    root: dict[str, Any] = {}
    for name in names:
        *way, last = name.split(".")
        here = root
        for step in way:
            below = here.get(step)
            if not isinstance(below, dict):
                below = here[step] = {}
            here = below
        here.setdefault(last, f"{last}_value")
    return root


def _tag(part: Part, source: str, at: int) -> tuple[str, bool, int]:
    """The tag that begins at `at`: its path, whether it is raw, and where the source goes on."""
    raw = source.startswith("{{{", at)
    opening, closing = ("{{{", "}}}") if raw else ("{{", "}}")
    start = at + len(opening)
    end = source.find(closing, start)
    if end < 0:
        raise _mistake(part, source, at, f"{opening} is never closed with {closing}")
    name = source[start:end].strip(_BLANKS)
    if not _PATH.fullmatch(name):
        raise _mistake(part, source, at, _not_a_path(name))
    if name.count(".") >= MAX_DATA_DEPTH:
        raise _mistake(part, source, at, f"a path has at most {MAX_DATA_DEPTH} names, as deep as data may be")
    return name, raw, end + len(closing)


def _not_a_path(name: str) -> str:
    if not name:
        return "the tag is empty: write {{name}}"
    if name[0] in _REFUSED:
        return f"{{{{{name[0]} … is refused: there are no {_REFUSED[name[0]]} here, only values such as {{{{name}}}}"
    shown = name if len(name) <= _SHOWN_CHARACTERS else name[:_SHOWN_CHARACTERS] + "…"
    return f"{shown!r} is no path: names of letters, digits and _, with dots between them, the first not with a digit"


def _mistake(part: Part, source: str, at: int, message: str) -> TemplateError:
    return TemplateError(part, message, line=source.count("\n", 0, at) + 1, column=at - source.rfind("\n", 0, at))


def _text_of(part: Part, slot: Slot, data: Mapping[str, Any]) -> str:
    value: Any = data
    for name in slot.path:
        if not isinstance(value, Mapping):
            return ""
        value = value.get(name)
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            try:
                return str(value)
            except ValueError as error:
                # Python turns no number of more than 4,300 digits into text.
                raise TemplateError(part, f"the value of {slot.name} has too many digits: send it as text") from error
        case _:
            return ""


def _check_depth(part: Part, data: Mapping[str, Any]) -> None:
    level: list[Any] = [data]
    for _ in range(MAX_DATA_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, Mapping) else outer)
            if isinstance(inner, Mapping | list | tuple)
        ]
        if not level:
            return
    raise TemplateError(part, f"the data is nested more than {MAX_DATA_DEPTH} deep")


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
