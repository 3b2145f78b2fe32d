"""Strange text made fit for a person's eyes: what cannot be seen, or reorders what is seen, is shown as what it is.

A subject that holds U+202E reads backwards; one that holds a zero-width space looks like another one. Whoever
has to decide about a mail must see such tricks, not fall for them (Unicode TR 36, TR 55).
"""

import unicodedata

__all__ = ["legible", "shortened"]

_BLANKS = frozenset("\t\n\r\v\f\u0085\u2028\u2029")


def legible(text: str) -> str:
    """One line of text in which every control and format character stands as `[U+202E]`; line breaks are blanks.

    Format characters hold the bidirectional controls and all that has no width; with them go private use,
    lone surrogates and the tag characters. Letters and marks of all scripts stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def shortened(text: str, characters: int) -> str:
    """At most so many characters, the last an ellipsis where something was left out."""
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"


def _shown(character: str) -> str:
    if character in _BLANKS:
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn"):
        return f"[U+{ord(character):04X}]"
    return character
