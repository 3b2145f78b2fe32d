"""Characters that a person does not see and a model reads: taken out of a text, and counted by kind.

What scripts and emoji need stays: a joiner between two letters of a script that joins, or between two pictures,
and the selector behind a symbol. Everything else that has no shape, or turns the direction of writing, goes
(Unicode TR 36 and TR 55; UAX 44 has the property Default_Ignorable_Code_Point).
"""

import re
from typing import Final

__all__ = ["KINDS", "WITHOUT_WIDTH", "remove_unseen"]

_ZERO_WIDTH: Final = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
_MONGOLIAN_SELECTORS: Final = "\u180b-\u180d\u180f"
WITHOUT_WIDTH: Final = f"{_ZERO_WIDTH}{_MONGOLIAN_SELECTORS}\u200c\u200d"
"""Characters that take no room by themselves, as a class of a regular expression; marks of direction aside."""

_BREAKS: Final = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_JOINING: Final = (
    "\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af\ua840-\ua87f\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc"
)
_SYMBOLS: Final = "\u203c-\u2bff\u3030-\u303d\u3297\u3299\U0001f000-\U0001faff"

_PATTERNS: Final = (
    ("control", "[\x00-\x08\x0e-\x1f\x7f-\x9f]+"),
    ("invalid", "[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+"),
    ("private_use", "[\ue000-\uf8ff\U000f0000-\U0010ffff]+"),
    ("tag", "[\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]+"),
    ("bidi", "[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+"),
    ("zero_width", f"[{_ZERO_WIDTH}]+"),
    (
        "variation",
        f"[{_MONGOLIAN_SELECTORS}\ufe00-\ufe0d\U000e0100-\U000e01ef]+"
        f"|(?<![#*0-9\u00a9\u00ae{_SYMBOLS}])[\ufe0e\ufe0f]+|(?<=[\ufe0e\ufe0f])[\ufe0e\ufe0f]+",
    ),
    (
        "zero_width",
        # Between two letters that join, either joiner; between two pictures the one that joins.
        f"\u200c(?![{_JOINING}])|(?<![{_JOINING}])\u200c"
        f"|\u200d(?![{_JOINING}{_SYMBOLS}])|(?<![{_JOINING}{_SYMBOLS}\ufe0f])\u200d",
    ),
)
_COMPILED: Final = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)

KINDS: Final = tuple(dict.fromkeys(kind for kind, _ in _PATTERNS))
"""The kinds that are told apart, in the order in which they are listed."""


def remove_unseen(text: str) -> tuple[str, dict[str, int]]:
    """The text as it is seen, and how many characters of each kind are gone. Total and linear.

    Every kind of line break is a line feed afterwards; that counts as nothing.
    """
    counts: dict[str, int] = {}
    text = _BREAKS.sub("\n", text)
    for kind, pattern in _COMPILED[:1] if text.isascii() else _COMPILED:
        # Taking a selector away can uncover the next one: again until nothing changes, which is at most twice.
        kept = pattern.sub("", text)
        while len(kept) < len(text):
            counts[kind] = counts.get(kind, 0) + len(text) - len(kept)
            text, kept = kept, pattern.sub("", kept)
    return text, counts
