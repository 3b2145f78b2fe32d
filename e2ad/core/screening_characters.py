"""Characters that deceive: unseen ones, ones that reorder what is seen, and letters that pass for others.

Many scripts need joiners and isolates, and mail programs leave soft hyphens, marks of byte order and fillers
behind. What counts is where no script and no program puts them: between two letters of a Latin word, in runs that
carry data, as an order that a tag spells.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from e2ad.core.confusables import fold, read_tags
from e2ad.core.screening_material import Signal, excerpt
from e2ad.core.screening_phrases import orders
from e2ad.core.unseen import WITHOUT_WIDTH

__all__ = ["character_signals", "is_mixed", "mixed_words"]

_LETTER: Final = "A-Za-zÀ-ɏͰ-ϿЀ-ӿ"
_TEARING: Final = "\u200b-\u200d\u2060-\u2064\ufeff\u180e"
"""Of what has no width these stand in no word; a soft hyphen does."""
_TAGS: Final = re.compile("[\U000e0001\U000e0020-\U000e007f]{2,}")
_FLAG: Final = re.compile("\U0001f3f4[\U000e0061-\U000e007a\U000e0030-\U000e0039]{4,6}\U000e007f")
_INSIDE: Final = re.compile(f"(?<=[{_LETTER}])[{_TEARING}]{{1,8}}(?=[{_LETTER}])")
_RUN: Final = re.compile(f"[{WITHOUT_WIDTH}]{{16,}}")
_VARIATIONS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_OVERRIDE: Final = re.compile("[\u202d\u202e]")
_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_DIRECTIONS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_OTHER: Final = re.compile("[Ͱ-ӿԱ-֏Ꭰ-᏿]")
_LATIN: Final = re.compile("[A-Za-zÀ-ɏ]")
_ANY_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_MANY: Final = 3
_MOST_WORDS: Final = 5000


def character_signals(text: str) -> Iterator[Signal]:
    """What the characters of a text say, whatever its words say. Linear."""
    if text.isascii():
        return
    yield from _tags(text)
    yield from _zero_width(text)
    if (run := _VARIATIONS.search(text)) is not None:
        hidden = "".join(map(_variation, run[0]))
        score = 0.95 if orders(hidden) else 0.8
        yield Signal("variation_selectors", score, "data is hidden in variation selectors", excerpt(hidden))
    yield from _directions(text)
    mixed, words = mixed_words(text)
    if mixed:
        share = len(mixed) / max(1, words)
        score = 0.3 if len(mixed) < _MANY else 0.5
        score = max(score, min(0.6, 2 * share)) if share > 0.15 else score
        summary = f"{len(mixed)} words mix letters of two scripts that look alike"
        yield Signal("homoglyphs", score, summary, excerpt(" ".join(mixed[:8])))


def _tags(text: str) -> Iterator[Signal]:
    # England, Scotland and Wales have flags that are spelled with tags: nothing else does that.
    found = _TAGS.search(_FLAG.sub("", text) if "\U0001f3f4" in text else text)
    if found is not None:
        hidden = read_tags(found[0])
        score = 0.98 if orders(hidden) else 0.9
        yield Signal("unicode_tags", score, "text in characters that nobody can see", excerpt(hidden))


def _zero_width(text: str) -> Iterator[Signal]:
    inside = sum(1 for _ in _INSIDE.finditer(text))
    if inside:
        first = _INSIDE.search(text)
        near = text[max(0, first.start() - 20) : first.end() + 20] if first else ""
        score = 0.2 if inside < _MANY else 0.5
        yield Signal("zero_width", score, f"{inside} characters without width stand inside words", excerpt(near))
    for run in _RUN.finditer(text):
        kinds = {run[0][at : at + 3] for at in range(min(len(run[0]), 600))}
        # A filler repeats itself, data does not.
        if len(kinds) > _FILLER_KINDS:
            yield Signal("zero_width", 0.7, "data is hidden in characters without width", excerpt(run[0]))
            return


_FILLER_KINDS: Final = 6


def _variation(character: str) -> str:
    code = ord(character)
    value = code - 0xFE00 if code < 0xE0000 else code - 0xE0100 + 16
    return chr(value) if 32 <= value < 127 else " "


def _directions(text: str) -> Iterator[Signal]:
    if (override := _OVERRIDE.search(text)) is not None:
        near = text[max(0, override.start() - 30) : override.end() + 40]
        score = 0.3 if _RIGHT_TO_LEFT.search(text.replace("\ufeff", "")) else 0.6
        yield Signal("bidi_override", score, "a character reverses how the text after it is read", excerpt(near))
    elif not _RIGHT_TO_LEFT.search(text.replace("\ufeff", "")):
        count = len(_DIRECTIONS.findall(text))
        if count >= _MANY_DIRECTIONS:
            yield Signal("bidi_override", 0.3, f"{count} marks of direction in a text that needs none")


_MANY_DIRECTIONS: Final = 20


def mixed_words(text: str) -> tuple[list[str], int]:
    """Words of two scripts that pass for one, and how many words there are in all."""
    if not _OTHER.search(text):
        return [], 0
    found: list[str] = []
    words = tried = 0
    for word in _ANY_WORD.finditer(text):
        words += 1
        if tried < _MOST_WORDS and _OTHER.search(word[0][:64]) and _LATIN.search(word[0][:64]):
            tried += 1
            if is_mixed(word[0]):
                found.append(word[0][:64])
    return found, words


def is_mixed(word: str) -> bool:
    """Is it spelled with letters of two scripts, so that one passes for the other?

    A stem of another script with an ending of its own (`SMSка`), an unknown with its unit and a symbol before a
    word are written like that by everybody.
    """
    scripts = [_script(character) for character in word[:64]]
    latin, others = scripts.count("LATIN"), len(scripts) - scripts.count("LATIN") - scripts.count("")
    if not latin or not others or latin + others < 3:
        return False
    switches = sum(1 for one, two in pairwise(scripts) if one != two and one and two)
    if switches == 1 and min(latin, others) <= 1 and not _passes(word, scripts):
        return False
    head = word[: next(at for at, script in enumerate(scripts) if script != scripts[0])]
    if switches == 1 and len(head) >= 2 and head.isupper() and not word.isupper():
        return False
    return _passes(word, scripts)


def _passes(word: str, scripts: list[str]) -> bool:
    """Do the letters of the rarer script look like those of the other?"""
    rarer = min({script for script in scripts if script}, key=scripts.count)
    letters = [character for character, script in zip(word, scripts, strict=False) if script == rarer]
    return all(_looks_other(character) for character in letters)


def _looks_other(character: str) -> bool:
    folded = fold(character)
    return folded.isascii() if not character.isascii() else True


def _script(character: str) -> str:
    if character.isascii():
        return "LATIN" if character.isalpha() else ""
    name = unicodedata.name(character, "").partition(" ")[0]
    if name == "MICRO" or character in "µΩ℮":
        return ""
    return name if name in ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE") else ""
