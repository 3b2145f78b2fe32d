"""Mail folded for reading by machine: what a model reads as the same word becomes one word.

Case, accents, look-alike letters, digits for letters, and everything invisible go. The vocabulary is folded
by the same rules, so a word that is folded strangely is still found.
"""

import re
import unicodedata
from typing import Final

from e2ad.core.confusables import fold, read_tags

__all__ = ["CLAUSE", "END", "QUOTE", "fold_stem", "fold_text", "has_cjk", "is_cjk", "squeezed"]

QUOTE: Final = "\x02"
"""Stands as a word of its own where a quotation mark was."""

END: Final = "\x03"
"""The same for the end of a sentence."""

CLAUSE: Final = "\x04"
"""The same for a comma."""

_SENTENCE_END: Final = re.compile(r"(?<=\w)[.!?:;]++(?=\s)")
_CLAUSE_END: Final = re.compile(r"(?<=\w),(?=\s)")
_QUOTES: Final = frozenset('"“”„‟«»`「」『』〝〞＂')
_DROPPED: Final = frozenset("'’‘ʼ´_")
_LEET: Final = {"1": "l", "i": "l", "|": "l", "0": "o", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g"}
_SIGNS: Final = {"@": "a", "$": "s", "€": "e", "£": "l", "¡": "l"}
_MOST_REMEMBERED: Final = 40_000


def _ascii(character: str) -> str | None:
    lower = character.lower()
    if character == "\n":
        return "\n"
    if character in _QUOTES:
        return QUOTE
    if character in (END, CLAUSE):
        return character
    if character in _DROPPED:
        return None
    if (other := _LEET.get(lower) or _SIGNS.get(lower)) is not None:
        return other
    return lower if lower.isalnum() else " "


def _other(character: str) -> str | None:
    if character in _QUOTES:
        return QUOTE
    if character in _DROPPED:
        return None
    if (sign := _SIGNS.get(character)) is not None:
        return sign
    if is_cjk(character):
        return character
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf", "Cc", "Cs", "Co", "Cn"):
        return None
    if category[0] in "ZP":
        return " "
    # One letter may be painted with two; here it is one letter again.
    folded = fold(character).replace("rn", "m").replace("vv", "w").replace("cl", "d")
    return folded.translate(_LEET_TABLE) or (None if category[0] == "M" else " ")


class _Table(dict[int, str | None]):
    """Works out what it does not know yet, and remembers a bounded part of it."""

    def __missing__(self, code: int) -> str | None:
        found = _other(chr(code))
        if len(self) < _MOST_REMEMBERED:
            self[code] = found
        return found


_LEET_TABLE: Final = str.maketrans(_LEET)
_TABLE: Final = _Table({code: _ascii(chr(code)) for code in range(128)})
_BLANKS: Final = str.maketrans(dict.fromkeys(f" \n{QUOTE}{END}{CLAUSE}"))

# Two words that mean one thing are made one word; more than one blank between them is rare enough to lose.
_JOINED: Final = (
    "api key",
    "access key",
    "private key",
    "secret key",
    "signing key",
    "ssh key",
    "system prompt",
    "system message",
    "system instruction",
    "language model",
    "developer mode",
    "you are",
    "you re",
    "du bist",
    "sie sind",
    "vous etes",
    "tu es",
    "usted es",
    "voce e",
    "tu sei",
    "je bent",
    "u bent",
    "act as",
    "address book",
    "from now",
    "per direct",
    "ab sofort",
    "ab jetzt",
)


def fold_text(text: str) -> str:
    """The text with its line breaks, folded; quotation marks stand as `QUOTE` between blanks. Linear."""
    marked = _SENTENCE_END.sub(END, read_tags(text).replace(END, " ").replace(CLAUSE, " "))
    marked = _CLAUSE_END.sub(CLAUSE, marked)
    folded = " " + marked.translate(_TABLE).replace("rn", "m").replace("vv", "w")
    for pair, joined in _PAIRS:
        folded = folded.replace(pair, joined)
    for mark in (QUOTE, END, CLAUSE):
        folded = folded.replace(mark, f" {mark} ")
    return folded


def fold_stem(word: str) -> str:
    """A word of the vocabulary as it stands in folded text, without blanks."""
    return word.translate(_TABLE).replace(" ", "").replace("rn", "m").replace("vv", "w")


def squeezed(folded: str) -> str:
    """Folded text without its blanks: words that were torn apart are whole again, and so is everything else."""
    return folded.translate(_BLANKS)


def is_cjk(character: str) -> bool:
    """Is it of a script that is written without blanks between words, Chinese or Japanese?"""
    return "\u3005" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff"


def has_cjk(text: str) -> bool:
    """Is there any Chinese or Japanese in it?"""
    return not text.isascii() and any("\u3005" <= character <= "\u9fff" for character in set(text))


def _pairs() -> list[tuple[str, str]]:
    found = []
    for pair in _JOINED:
        first, second = (fold_stem(word) for word in pair.split())
        found.append((f" {first} {second}", f" {first}{second}"))
        found.append((f"\n{first} {second}", f"\n{first}{second}"))
        found.append((f" {first}\n{second}", f" \n{first}{second}"))
    return found


_PAIRS: Final = _pairs()
