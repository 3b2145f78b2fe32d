"""Where the words of a search stand in a mail: short pieces of plain text, with the places of the hits.

Offsets count characters of the piece. A piece holds no markup and nothing that steers a terminal or turns the
direction of writing, so that whoever shows it adds only the marks.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from attrs import frozen

from e2ad.core.search import Search, Term
from e2ad.core.search_words import DENSE, folded_character

__all__ = ["MAX_CHARACTERS", "Field", "Highlight", "Highlighter"]

Field = Literal["subject", "from", "text", "attachment"]

MAX_CHARACTERS: Final = 32_768
"""Of a mail's text so many characters are looked at: a hit further behind is found, and not shown."""
PIECES: Final = 3
PIECE_CHARACTERS: Final = 160
BEFORE: Final = 50
MAX_RANGES: Final = 20
MAX_ATTACHMENTS: Final = 3

_WEIGHTS: Final[dict[Field, str]] = {"subject": "A", "from": "B", "text": "C", "attachment": "D"}
_GONE: Final = "\x00"
_MOST_REMEMBERED: Final = 40_000


@frozen
class Highlight:
    """A piece of one field; `ranges` are the first character of a hit and the one behind it, in order."""

    field: Field
    text: str
    ranges: tuple[tuple[int, int], ...]


class _Mirror(dict[int, str]):
    """Folds one character to one, so that places in the folded text are places in the text."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        folded = folded_character(character)
        stripped = folded.strip()
        if len(stripped) == 1:
            found = stripped
        elif not folded:
            found = _GONE
        else:
            found = " " if not stripped else character
        if len(self) < _MOST_REMEMBERED:
            self[code] = found
        return found


class _Shown(dict[int, str]):
    """What of a character is shown: blanks for breaks, a replacement for what has no shape."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        found = "\ufffd" if category in ("Cc", "Cf", "Cs", "Co", "Cn") else character
        if character.isspace():
            found = " "
        if len(self) < _MOST_REMEMBERED:
            self[code] = found
        return found


_MIRROR: Final = _Mirror({code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)})
_SHOWN: Final = _Shown()


class Highlighter:
    """Finds the terms of one search, in linear time for each text."""

    def __init__(self, search: Search) -> None:
        self._patterns: dict[Field, re.Pattern[str] | None] = {
            name: _pattern([term for term in search.terms if term.weight in ("", weight)])
            for name, weight in _WEIGHTS.items()
        }

    def of(self, subject: str, sender: str, text: str, filenames: Sequence[str]) -> list[Highlight]:
        """The pieces of one mail that show why it was found; none where only its tail holds the words."""
        found = [*self._pieces("subject", subject, 1), *self._pieces("from", sender, 1)]
        found += self._pieces("text", text[:MAX_CHARACTERS], PIECES)
        named: list[Highlight] = []
        for name in filenames:
            if len(named) >= MAX_ATTACHMENTS:
                break
            named += self._pieces("attachment", name, 1)
        return found + named

    def _pieces(self, name: Field, text: str, most: int) -> Iterator[Highlight]:
        pattern = self._patterns[name]
        if pattern is None or not text:
            return
        hits = _hits(pattern, text.translate(_MIRROR))
        hit = next(hits, None)
        for _ in range(most):
            if hit is None:
                return
            start = max(0, hit[0] - BEFORE)
            end = min(len(text), start + PIECE_CHARACTERS)
            ranges: list[tuple[int, int]] = []
            while hit is not None and hit[0] < end:
                if len(ranges) < MAX_RANGES:
                    ranges.append((hit[0] - start, min(hit[1], end) - start))
                hit = next(hits, None)
            yield _piece(name, text, start, end, ranges)


def _hits(pattern: re.Pattern[str], folded: str) -> Iterator[tuple[int, int]]:
    for found in pattern.finditer(folded):
        if found.end() > found.start():
            yield found.span()


def _piece(name: Field, text: str, start: int, end: int, ranges: Iterable[tuple[int, int]]) -> Highlight:
    before, after = "…" if start else "", "…" if end < len(text) else ""
    shown = before + text[start:end].translate(_SHOWN) + after
    return Highlight(name, shown, tuple((one + len(before), other + len(before)) for one, other in ranges))


def _pattern(terms: Sequence[Term]) -> re.Pattern[str] | None:
    # Longer ones first: of two that begin at one place the alternation takes the first.
    wanted = sorted({_expression(term) for term in terms}, key=lambda one: (-len(one), one))
    return re.compile("|".join(wanted)) if wanted else None


def _expression(term: Term) -> str:
    pieces = []
    for number, (word, dense) in enumerate(term.words):
        letters = f"{_GONE}*+".join(map(re.escape, word)).replace(f"s{_GONE}*+s", f"(?:s{_GONE}*+s|ß)")
        if dense:
            pieces.append(letters)
            continue
        last = number == len(term.words) - 1
        tail = f"[^ {DENSE}]*+" if last and term.beginning and len(word) > 1 else f"(?![^ {DENSE}])"
        pieces.append(f"(?<![^ {DENSE}]){letters}{tail}")
    return " *+".join(pieces)
