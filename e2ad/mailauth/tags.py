"""Tag lists (RFC 6376 section 3.2), the syntax of signatures, of key records and of DMARC records.

One strict parser for all of them: what it does not take is an error, never a guess. Every regular
expression here is linear in its input.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

__all__ = ["MAX_TAGS", "TagList", "TagSyntaxError", "decode_base64", "parse_tags", "split_colons"]

MAX_TAGS: Final = 64

# tag-name = ALPHA *ALNUMPUNC ; ALNUMPUNC = ALPHA / DIGIT / "_"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# FWS between the words of a value: blanks, and line ends that blanks follow.
_FOLD: Final = re.compile(r"\r\n(?=[ \t])")
# VALCHAR = %x21-3A / %x3C-7E, with UTF8-non-ascii by RFC 8616 section 3.
_VALUE: Final = re.compile(r"[\x21-\x3a\x3c-\x7e\x80-\U0010ffff \t]*")
_BLANKS: Final = " \t\r\n"
_FWS: Final = re.compile(r"[ \t\r\n]+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class TagSyntaxError(ValueError):
    """Not a tag list, or a value that is not of its tag's form; the message says why in a few words."""


@frozen
class TagList(Mapping[str, str]):
    """The tags in their order: values unfolded at the ends, not inside.

    `spans` tells where each value stands in the text, blanks around it included, so that the value
    of `b` can be taken out exactly as RFC 6376 section 3.7 wants it.
    """

    values_by_name: dict[str, str]
    spans: dict[str, tuple[int, int]]

    def __getitem__(self, name: str) -> str:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    @property
    def first(self) -> str | None:
        """The name of the first tag."""
        return next(iter(self.values_by_name), None)


def parse_tags(text: str) -> TagList:
    """Read `tag=value; tag=value`. A final semicolon is fine, an empty tag in the middle is not.

    Raises:
        TagSyntaxError: bad syntax, a tag given twice, or more than `MAX_TAGS` of them.
    """
    values: dict[str, str] = {}
    spans: dict[str, tuple[int, int]] = {}
    at, pieces = 0, text.split(";", MAX_TAGS + 1)
    for number, piece in enumerate(pieces):
        end = at + len(piece)
        name, equals, value = piece.partition("=")
        if not equals:
            if piece.strip(_BLANKS) or number < len(pieces) - 1 or number == 0:
                raise TagSyntaxError("a tag without a value")
            break
        start = at + len(name) + 1
        name, value = name.strip(_BLANKS), value.strip(_BLANKS)
        if _NAME.fullmatch(name) is None:
            raise TagSyntaxError("a malformed tag name")
        if len(values) == MAX_TAGS:
            raise TagSyntaxError("too many tags")
        if name in values:
            raise TagSyntaxError(f"the tag {name[:16]}= is given twice")
        if _VALUE.fullmatch(_FOLD.sub("", value)) is None:
            raise TagSyntaxError(f"a forbidden character in {name[:16]}=")
        values[name] = value
        spans[name] = (start, end)
        at = end + 1
    return TagList(values, spans)


def decode_base64(value: str, tag: str) -> bytes:
    """Decode a base64string (RFC 6376 section 2.10), which may hold folding white space anywhere.

    Raises:
        TagSyntaxError: empty, or not canonical base64 with its padding.
    """
    compact = _FWS.sub("", value)
    if len(compact) % 4 or _BASE64.fullmatch(compact) is None:
        raise TagSyntaxError(f"{tag}= is not base64")
    try:
        return base64.b64decode(compact, validate=True)
    except binascii.Error as error:  # pragma: no cover - the expression above is stricter
        raise TagSyntaxError(f"{tag}= is not base64") from error


def split_colons(value: str) -> tuple[str, ...]:
    """The members of a colon-separated list, without the blanks around them; empty ones stay, to be refused."""
    return tuple(member.strip(_BLANKS) for member in value.split(":"))
