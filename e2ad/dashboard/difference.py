"""What a change of a draft changed: lines that went and came, and the words in them. Pure, bounded, total."""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from hashlib import sha256
from typing import Final, Literal

from attrs import frozen

from e2ad.core.legible import legible
from e2ad.core.outbound import Draft
from e2ad.core.unseen import remove_unseen
from e2ad.dashboard.words import shown, size

__all__ = ["MOST_LINES", "Change", "Line", "Part", "differences", "lines"]

MOST_LINES: Final = 1000
"""Of a text on each side; longer ones are compared as far as that, and what comes behind as a whole."""
MOST_LINE: Final = 2000
MOST_WORDS: Final = 200
MOST_CLOSE: Final = 20
"""Lines one behind the other that are compared word by word."""
CONTEXT: Final = 2

_WORD: Final = re.compile(r"\w+|\s+|[^\w\s]")

Kind = Literal["same", "out", "in", "gap"]
Part = tuple[str, bool]
"""Some text of a line, and whether it is what changed in it."""


@frozen
class Line:
    """A line of one side or of both; `gap` stands for lines that did not change and are left out."""

    kind: Kind
    parts: tuple[Part, ...]


@frozen
class Change:
    """A field of a mail that is another one now."""

    name: str
    lines: tuple[Line, ...]


def differences(old: Draft, new: Draft) -> list[Change]:
    """What is another one in the second draft, field by field, in the order in which a mail is read."""
    found = [
        *(_listed(name, getattr(old, place), getattr(new, place)) for name, place in _PLACES),
        _texts("Subject", old.subject, new.subject),
        _texts("Text", old.text, new.text),
        _texts("HTML", old.html or "", new.html or ""),
        _listed("Attachments", _files(old), _files(new)),
    ]
    return [Change(name, told) for name, told in found if told]


def lines(old: str, new: str) -> tuple[Line, ...]:
    """Two texts beside each other, without the long stretches that are the same."""
    before, after = _split(old), _split(new)
    told: list[Line] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after).get_opcodes():
        if kind == "equal":
            told += _context(before[i1:i2], first=i1 == 0, last=i2 == len(before))
        elif kind == "replace" and i2 - i1 == j2 - j1:
            together = zip(before[i1:i2], after[j1:j2], range(i2 - i1), strict=True)
            pairs = [_words(one, other, closely=at < MOST_CLOSE) for one, other, at in together]
            told += [out for out, _ in pairs]
            told += [into for _, into in pairs]
        else:
            told += [Line("out", ((line, False),)) for line in before[i1:i2]]
            told += [Line("in", ((line, False),)) for line in after[j1:j2]]
    return tuple(told)


_PLACES: Final = (("To", "to"), ("Cc", "cc"), ("Bcc", "bcc"))


def _texts(name: str, old: str, new: str) -> tuple[str, tuple[Line, ...]]:
    return name, lines(old, new) if old != new else ()


def _listed(name: str, old: Sequence[str], new: Sequence[str]) -> tuple[str, tuple[Line, ...]]:
    """Who went and who came; of an order that changed nothing is told."""
    gone = [Line("out", ((shown(one), False),)) for one in old if one not in new]
    here = [Line("in", ((shown(one), False),)) for one in new if one not in old]
    return name, (*gone, *here)


def _files(draft: Draft) -> list[str]:
    return [f"{one.filename} ({one.content_type}, {size(len(one.data))})" for one in draft.attachments]


def _split(text: str) -> list[str]:
    found = text.splitlines()
    whole = [_cut(line) for line in found[:MOST_LINES]]
    if len(found) > MOST_LINES:
        whole.append(f"… and {len(found) - MOST_LINES} more lines ({_digest(found[MOST_LINES:])})")
    return whole


def _cut(line: str) -> str:
    # Where nothing but what cannot be seen is another one, that is the difference.
    line = legible(line) if remove_unseen(line)[1] else line
    return line if len(line) <= MOST_LINE else f"{line[:MOST_LINE]}… ({_digest([line])})"


def _digest(rest: Sequence[str]) -> str:
    """Enough of a hash to see that what is not shown is another text."""
    return f"SHA-256 {sha256(chr(10).join(rest).encode(errors='replace')).hexdigest()[:16]}"


def _context(same: Sequence[str], *, first: bool, last: bool) -> Iterable[Line]:
    head, tail = 0 if first else CONTEXT, 0 if last else CONTEXT
    if len(same) <= head + tail + 1:
        return [Line("same", ((line, False),)) for line in same]
    ending = same[len(same) - tail :] if tail else []
    return [
        *(Line("same", ((line, False),)) for line in same[:head]),
        Line("gap", ((f"{len(same) - head - tail} lines are the same", False),)),
        *(Line("same", ((line, False),)) for line in ending),
    ]


def _words(old: str, new: str, *, closely: bool) -> tuple[Line, Line]:
    """One line instead of another, with the words that differ."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    if not closely or max(len(before), len(after)) > MOST_WORDS:
        return Line("out", ((old, False),)), Line("in", ((new, False),))
    out, into = list[Part](), list[Part]()
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if i2 > i1:
            out.append(("".join(before[i1:i2]), kind != "equal"))
        if j2 > j1:
            into.append(("".join(after[j1:j2]), kind != "equal"))
    return Line("out", tuple(out)), Line("in", tuple(into))
