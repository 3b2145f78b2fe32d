"""Orders in another encoding: a model reads base64 as it reads English, a person does not.

Every run of letters that could be an encoding is decoded once, and what comes out is looked at as hidden text: all of
it, since a bound would only say how much to write before it. That a mail holds an encoding says nothing: tokens,
signatures and tracking are full of them.
"""

import base64
import binascii
import codecs
import html
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from e2ad.core.screening_material import Signal, excerpt
from e2ad.core.screening_phrases import orders

__all__ = ["payload_signals"]

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{24,}+={0,2}+")
_BASE64_LINE: Final = re.compile(r"[A-Za-z0-9+/]{40,100}+={0,2}+")
_BASE64_PIECE: Final = re.compile(r"[A-Za-z0-9+/_-]{4,40}+={0,2}+")
_FEWEST_PIECES: Final = 4
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}[ :,]?){16,}+|(?:(?:\\x|0x)[0-9a-fA-F]{2}[ ,]?){12,}+")
_BINARY: Final = re.compile(r"(?:[01]{8}[ ,]?){12,}+")
_UNSPACED: Final = re.compile(r"[^\s<>\"]{12,}+")
_ENTITIES: Final = re.compile(r"(?:&#x?[0-9a-fA-F]{2,6};[ ]?){8,}+")
_ESCAPES: Final = re.compile(r"(?:\\u[0-9a-fA-F]{4}[ ]?){8,}+")
_DATA_URL: Final = re.compile(r"data:([\w/+.-]{0,60})((?:;[\w=.-]{1,40}){0,4}),", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,}+ [A-Za-z]++(?: [A-Za-z]{2,}+){3}")
# How a few telling words look when every letter is moved by thirteen.
_ROT13: Final = ("vafgehpgvba", "cebzcg", "vtaber", "cerivbhf", "flfgrz", "cnffjbeq", "sbejneq")
_HIDDEN_ORDER: Final = 0.25


def payload_signals(text: str) -> Iterator[Signal]:
    """Encoded text that gives orders. Linear: what is decoded is never longer than what it is decoded from."""
    decoded: dict[str, list[str]] = {}
    for encoding, run in _decodings(text):
        if _is_text(run):
            decoded.setdefault(encoding, []).append(run)
    for encoding, runs in decoded.items():
        if (score := orders("\n".join(runs))) >= _HIDDEN_ORDER:
            summary = f"text encoded as {encoding} gives orders to a machine"
            yield Signal("encoded_instructions", max(0.85, score), summary, excerpt(_telling(runs)))
        elif encoding in ("base64", "hex", "binary", "rot13"):
            sentence = next((run for run in runs if _SENTENCE.search(run)), None)
            if sentence is not None:
                yield Signal("encoded_text", 0.25, f"sentences are encoded as {encoding}", excerpt(sentence))
    if (found := _DATA_URL.search(text)) is not None and found[1].lower() in ("text/html", "text/javascript"):
        yield Signal("data_url", 0.5, "a whole page is hidden in an address", excerpt(text[found.start() :][:80]))


def _telling(runs: list[str]) -> str:
    """The run that gives the orders, of the first few."""
    return max(runs[:50], key=lambda run: orders(run[:4000]))


def _decodings(text: str) -> Iterator[tuple[str, str]]:
    for run in _base64_runs(text):
        yield "base64", _from_base64(run)
    for hexadecimal in _HEX.finditer(text):
        yield (
            "hex",
            _from_hex(re.sub(r"[^0-9a-fA-F]", "", hexadecimal[0].replace("0x", "").replace("\\x", ""))),
        )
    for binary in _BINARY.finditer(text):
        digits = re.sub(r"[^01]", "", binary[0])
        yield "binary", "".join(chr(int(digits[at : at + 8], 2)) for at in range(0, len(digits) - 7, 8))
    if text.count("%") >= 4:
        for escaped in _UNSPACED.finditer(text):
            if escaped[0].count("%") >= 3:
                yield (
                    "percent signs",
                    unquote_to_bytes(escaped[0].replace("+", " ")).decode("utf-8", "replace"),
                )
    for entities in _ENTITIES.finditer(text):
        yield "character references", html.unescape(entities[0])
    for escapes in _ESCAPES.finditer(text):
        codes = re.findall(r"[0-9a-fA-F]{4}", escapes[0].replace("\\u", " "))
        yield "escapes", "".join(chr(int(code, 16)) for code in codes)
    lower = text.lower()
    for word in _ROT13:
        if (at := lower.find(word)) >= 0:
            yield "rot13", codecs.decode(text[max(0, at - 400) : at + 2000], "rot13")
            break


def _base64_runs(text: str) -> Iterator[str]:
    lines: list[str] = []
    if "\n" in text:
        for line in text.split("\n"):
            stripped = line.strip()
            if len(stripped) <= 102 and _BASE64_LINE.fullmatch(stripped):
                lines.append(stripped)
            elif lines:
                # The last line of a block is mostly shorter.
                if len(stripped) < 78 and stripped and re.fullmatch(r"[A-Za-z0-9+/]{1,77}={0,2}", stripped):
                    lines.append(stripped)
                yield "".join(lines)
                lines = []
    if lines:
        yield "".join(lines)
    for run in _BASE64.finditer(text):
        yield run[0]
    yield from _torn_runs(text)


def _torn_runs(text: str) -> Iterator[str]:
    """Pieces between blanks; as words they would have letters of both cases, or letters and digits, in their midst."""
    pieces: list[str] = []
    for word in text.split():
        if not (word.islower() or word.istitle() or word.isupper() or word.isdigit()) and _BASE64_PIECE.fullmatch(word):
            pieces.append(word)
        elif pieces:
            if len(pieces) >= _FEWEST_PIECES:
                yield "".join(pieces)
            pieces = []
    if len(pieces) >= _FEWEST_PIECES:
        yield "".join(pieces)


def _from_base64(run: str) -> str:
    run = run.rstrip("=").replace("-", "+").replace("_", "/")
    run = run[: len(run) - (len(run) % 4 == 1)]
    try:
        octets = base64.b64decode(run + "=" * (-len(run) % 4))
    except (binascii.Error, ValueError):
        return ""
    return _as_text(octets)


def _from_hex(digits: str) -> str:
    return _as_text(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _as_text(octets: bytes) -> str:
    if octets[1:2] == b"\0" and octets.count(0) > len(octets) // 3:
        return octets.decode("utf-16-le", "replace")
    return octets.decode("utf-8", "replace")


def _is_text(decoded: str) -> bool:
    """Text, not the octets of a picture or of a key."""
    if len(decoded) < 8:
        return False
    sample = decoded[:2000]
    strange = sum(
        1 for character in sample if not (character.isprintable() or character in "\r\n\t") or character == "\ufffd"
    )
    return strange * 20 <= len(sample)
