"""The header section as signatures see it: raw fields with their folds, and the body behind them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from attrs import frozen

__all__ = ["RawField", "RawHeader", "read_header"]

MAX_HEADER_OCTETS: Final = 256 * 1024
MAX_HEADER_LINES: Final = 4000

# RFC 5322 section 3.6.8, with the blanks before the colon that section 4.5 still allows.
_FIELD: Final = re.compile(rb"([\x21-\x39\x3b-\x7e]+[ \t]*):(.*)", re.DOTALL)

_LINE_END: Final = re.compile(rb"\r\n(?![ \t])")

RawField: TypeAlias = tuple[bytes, bytes]
"""Name as written, and everything behind the colon including the final line end."""


@frozen
class RawHeader:
    """Raw fields from top to bottom.

    Attributes:
        fields: as they came.
        places: lower-case name to indices into `fields`, from top to bottom.
        body: what follows the empty line.
        well_formed: False where a line is no field (two readers would see two different mails then,
            so no signature over it is worth anything), or where there is too much of it to look at.
    """

    fields: tuple[RawField, ...]
    places: Mapping[bytes, list[int]]
    body: bytes
    well_formed: bool

    def all(self, name: bytes) -> list[int]:
        """The indices of the fields of this lower-case name, from top to bottom."""
        return self.places.get(name, [])

    def count(self, name: bytes) -> int:
        """How many fields have this lower-case name."""
        return len(self.all(name))

    def select(self, names: Iterable[bytes], *, without: int | None = None) -> tuple[RawField, ...]:
        """The fields that a list of names covers (RFC 6376 section 5.4.2).

        Each name takes the lowest field of that name that is not taken yet; a name with none left
        takes nothing. One pass, whatever the sender wrote.

        Args:
            names: lower-case, with repetitions.
            without: the index of the signature's own field, which cannot cover itself.
        """
        remaining: dict[bytes, list[int]] = {}
        selected = []
        for name in names:
            stack = remaining.get(name)
            if stack is None:
                stack = remaining[name] = [index for index in self.all(name) if index != without]
            if stack:
                selected.append(self.fields[stack.pop()])
        return tuple(selected)


def read_header(content: bytes) -> RawHeader:
    """Split a mail into raw fields and body. Total: what is malformed is said so, never raised."""
    if content.startswith(b"\r\n"):
        return RawHeader((), {}, content[2:], well_formed=True)
    end = content.find(b"\r\n\r\n")
    if end < 0:
        end, body = len(content), b""
    else:
        body = content[end + 4 :]
    block = content[:end]
    if end > MAX_HEADER_OCTETS or block.count(b"\n") > MAX_HEADER_LINES:
        return RawHeader((), {}, body, well_formed=False)
    fields: list[RawField] = []
    places: defaultdict[bytes, list[int]] = defaultdict(list)
    well_formed = True
    for text in _unfolded(block):
        match = _FIELD.fullmatch(text)
        if match is None:
            well_formed = False
            continue
        name, value = match.groups()
        places[name.rstrip(b" \t").lower()].append(len(fields))
        fields.append((name, value + b"\r\n"))
    return RawHeader(tuple(fields), dict(places), body, well_formed)


def _unfolded(block: bytes) -> list[bytes]:
    # One text a field, folds kept: a line end that a blank follows does not end a field.
    return _LINE_END.split(block[:-2] if block.endswith(b"\r\n") else block) if block else []
