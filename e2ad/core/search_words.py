"""Words as they are searched: folded alike in mail and in queries, for every script, without a language.

Case and accents go, compatibility forms become plain ones, and what has no shape is left out. Marks that carry
meaning in their script (Indic vowels, the voicing of kana) stay. Scripts without blanks between words are cut
into pairs of neighbours, so that any piece of such a text is found. A picture is a word of its own.

The document of a mail is a `tsvector` made here, not by a text search configuration of the server: positions
for phrases, weights for fields (A subject, B sender, C text, D names of attachments), and two lexemes that no
word can be: whose inbox it is in, so that the index alone narrows to one inbox, and that it has attachments.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen

__all__ = [
    "ATTACHED",
    "DENSE",
    "MAX_LEXEME",
    "MAX_TEXT_CHARACTERS",
    "Searchable",
    "bigrams",
    "document",
    "empty_document",
    "fold_words",
    "folded_character",
    "inbox_lexeme",
    "words",
]

MAX_TEXT_CHARACTERS: Final = 131_072
"""Of a mail's text so many characters are searched."""
MAX_FIELD_CHARACTERS: Final = 8192
MAX_FOLDED: Final = 2 * MAX_TEXT_CHARACTERS
MAX_LEXEME: Final = 48
"""Characters of a word that are looked at. The server takes 2046 octets."""
MAX_LEXEMES: Final = 20_000
MAX_OCTETS: Final = 400_000
"""Of all lexemes of a document; with their positions they stay below the server's 1 MiB."""
MAX_POSITIONS: Final = 100
LAST_POSITION: Final = 16_383
GAP: Final = 4
"""Positions between two fields, so that no phrase goes from one to the next."""
ATTACHED: Final = "@attachment"

DENSE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
)
"""Scripts without blanks between words, as a class of a regular expression: Thai to Khmer, kana, Han."""

_RUN: Final = re.compile(f"([{DENSE}]+)|[^{DENSE}]+")
_OPTIONAL_MARKS: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)
_MOST_REMEMBERED: Final = 40_000


def folded_character(character: str) -> str:
    """What one character is in folded text: letters, a blank, or nothing."""
    found: list[str] = []
    for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold()):
        category = unicodedata.category(part)
        if _OPTIONAL_MARKS.match(part) or category == "Cf":
            continue
        if part.isalnum() or category[0] == "M":
            found.append(part)
        elif category == "So":
            found.append(f" {part} ")
        elif category != "Sk":
            found.append(" ")
    return unicodedata.normalize("NFC", "".join(found))


class _Table(dict[int, str]):
    """Works out what it does not know yet, and remembers a bounded part of it."""

    def __missing__(self, code: int) -> str:
        found = folded_character(chr(code))
        if len(self) < _MOST_REMEMBERED:
            self[code] = found
        return found


# With one character for each, `str.translate` has a fast way for plain text.
_TABLE: Final = _Table({code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)})


def fold_words(text: str) -> str:
    """The text folded: words between blanks. Total and linear."""
    folded = text.translate(_TABLE)
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)


def words(text: str) -> Iterator[tuple[str, bool]]:
    """The words of a text in order, folded; and of each whether it is a run of a script without blanks."""
    for word in fold_words(text)[:MAX_FOLDED].split():
        if word.isascii():
            yield word[:MAX_LEXEME], False
            continue
        for run in _RUN.finditer(word):
            yield (run[0], True) if run[1] else (run[0][:MAX_LEXEME], False)


def bigrams(run: str) -> list[str]:
    """Each character of a run with the one behind it."""
    return [run[at : at + 2] for at in range(len(run) - 1)]


def inbox_lexeme(agent_email: str) -> str:
    """The lexeme that all mail of one agent has in its document, and no other mail."""
    return "@" + hashlib.sha256(agent_email.encode()).hexdigest()[:16]


@frozen
class Searchable:
    """What of a mail is searched."""

    agent_email: str
    subject: str
    sender_name: str
    header_from: str
    text: str
    filenames: tuple[str, ...] = ()
    attached: bool = False


def document(mail: Searchable) -> str:
    """The text of the mail's `tsvector`. Total; its size and its number of lexemes are bounded."""
    found: dict[str, list[str]] = {inbox_lexeme(mail.agent_email): []}
    if mail.attached:
        found[ATTACHED] = []
    octets, position = 0, 1
    for weight, texts in (
        ("A", [mail.subject[:MAX_FIELD_CHARACTERS]]),
        ("B", [mail.sender_name[:MAX_FIELD_CHARACTERS], mail.header_from[:MAX_FIELD_CHARACTERS]]),
        ("D", [name[:MAX_FIELD_CHARACTERS] for name in mail.filenames[:100]]),
        ("C", [mail.text[:MAX_TEXT_CHARACTERS]]),
    ):
        for text in texts:
            for lexeme in _lexemes(text):
                position += 1
                places = found.get(lexeme)
                if places is None:
                    size = len(lexeme) if lexeme.isascii() else len(lexeme.encode())
                    if len(found) >= MAX_LEXEMES or octets + size > MAX_OCTETS:
                        continue
                    octets += size
                    places = found[lexeme] = []
                if len(places) < MAX_POSITIONS and (position < LAST_POSITION or not places):
                    places.append(f"{min(position, LAST_POSITION)}{weight}")
            position += GAP
    return _written(found)


def empty_document(agent_email: str) -> str:
    """The document of a mail that nothing can be made of: it is found by no word."""
    return _written({inbox_lexeme(agent_email): []})


def _lexemes(text: str) -> Iterable[str]:
    for word, dense in words(text):
        if dense:
            # The last one stands alone too, so that its first character is found like all others.
            yield from bigrams(word)
            yield word[-1]
        else:
            yield word


def _written(found: dict[str, list[str]]) -> str:
    # No lexeme holds a quotation mark or a backslash: they are letters, digits, marks and pictures.
    return " ".join(f"'{lexeme}':{','.join(places)}" if places else f"'{lexeme}'" for lexeme, places in found.items())
