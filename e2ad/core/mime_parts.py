"""The tree of a mail's parts: where each begins and ends in the raw bytes (RFC 2046), and how to decode it.

Written by hand instead of on the `email` package, which needs ten times as long for a megabyte,
nests as deep as the sender likes, and whose laxer policies raise. The search is one `bytes.find`
a boundary, so a mail costs its length times its depth, and both are limited.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import field, frozen

from e2ad.core.defects import Defects
from e2ad.core.mime_header import HeaderSection, base64_bytes, parameter_text, parameters, read_header_section

__all__ = ["MAX_DEPTH", "MAX_PARTS", "Part", "content_bytes", "leaves", "read_parts"]

MAX_PARTS: Final = 1000
MAX_DEPTH: Final = 50
MAX_BOUNDARY: Final = 256
# Nested multiparts are searched once a level. Real mail is shallow where it is big.
SEARCHED_PER_OCTET: Final = 10
SEARCHED_AT_LEAST: Final = 16 * 1024 * 1024

_TYPE: Final = re.compile(r"([a-z0-9!#$&^_.+\-]{1,127})/([a-z0-9!#$&^_.+\-]{1,127})\Z")
_IDENTITY: Final = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit", "none", "7bits", "8bits"})
_PADDED_SOFT_BREAK: Final = re.compile(rb"=[ \t]++(?=\r?\n)")
_PATH: Final = re.compile(r"^.*[/\\]", re.DOTALL)


@frozen
class Part:
    """One part: its fields, what it says it is, and its content as a range of the raw mail.

    `content_type` is what to treat it as; `declared_type` what it says, None when it says nothing.
    """

    header: HeaderSection
    content_type: str
    declared_type: str | None
    params: Mapping[str, str]
    disposition: str
    filename: str | None
    content_id: str | None
    encoding: str
    start: int
    end: int
    children: tuple["Part", ...] = ()
    opaque: bool = False

    @property
    def charset(self) -> str:
        """The charset parameter, "" without one."""
        return self.params.get("charset", "").strip(" '\"")

    @property
    def is_attachment(self) -> bool:
        """The contract's rule (behaviour-inbound 1.11), and messages inside the message besides."""
        if self.children:
            return False
        if self.disposition == "attachment" or self.filename is not None:
            return True
        if self.content_type in ("message/rfc822", "message/global"):
            return True
        return self.content_id is not None and not self.content_type.startswith("text/")


@frozen
class _Budget:
    """What one mail may still cost; shared by all levels."""

    defects: Defects
    left: dict[str, int] = field(factory=dict)

    def take(self, what: str, amount: int) -> bool:
        self.left[what] -= amount
        return self.left[what] >= 0


def read_parts(raw: bytes, defects: Defects, header: HeaderSection | None = None) -> Part:
    """Read the tree. Never raises; beyond a limit a multipart stays one opaque leaf, and a defect says so."""
    budget = _Budget(defects, {"parts": MAX_PARTS, "octets": len(raw) * SEARCHED_PER_OCTET + SEARCHED_AT_LEAST})
    header = header or read_header_section(raw, 0, len(raw), defects)
    return _read(raw, header, len(raw), "text/plain", 0, budget)


def leaves(part: Part) -> Iterator[Part]:
    """Every part without children, in document order."""
    if not part.children:
        yield part
    for child in part.children:
        yield from leaves(child)


def content_bytes(raw: bytes, part: Part, defects: Defects, limit: int | None = None) -> bytes:
    """A leaf's content with its transfer encoding undone, as far as it can be undone.

    Args:
        raw: the mail.
        part: a leaf of its tree.
        defects: where to note what was mended.
        limit: read at most so many encoded octets.
    """
    end = part.end if limit is None else min(part.end, part.start + limit)
    data = raw[part.start : end]
    match part.encoding:
        case "base64":
            decoded, whole = base64_bytes(data)
            if not whole and end == part.end:
                defects.add("malformed-base64")
            return decoded
        case "quoted-printable":
            if b"= " in data or b"=\t" in data:
                data = _PADDED_SOFT_BREAK.sub(b"=", data)
            return binascii.a2b_qp(data)
        case other:
            if other not in _IDENTITY:
                defects.add("unknown-transfer-encoding")
            return data


def _read(raw: bytes, header: HeaderSection, end: int, default: str, depth: int, budget: _Budget) -> Part:
    defects = budget.defects
    declared = header.first("content-type")
    kind, params = parameters(declared, defects) if declared is not None else ("", {})
    kind = "".join(kind.split())
    known = _TYPE.match(kind)
    # RFC 2045 section 5.2: what cannot be read is the default, except that a stranger is not text.
    content_type = kind if known else (default if not kind or "/" not in kind else "application/octet-stream")
    children: tuple[Part, ...] = ()
    opaque = False
    if content_type.startswith("multipart/"):
        children, opaque = _read_children(raw, header.body_at, end, content_type, params, depth, budget)
        if not children and not opaque:
            content_type = "text/plain"  # no part in it: whatever it is, it can be read
    disposition, disposition_params = parameters(header.first("content-disposition") or b"", defects)
    return Part(
        header=header,
        content_type=content_type,
        declared_type=kind if known else None,
        params=params,
        disposition=disposition.split(" ", 1)[0],
        filename=_filename(disposition_params.get("filename") or params.get("name"), defects),
        content_id=_content_id(header.first("content-id"), defects),
        encoding=header.token("content-transfer-encoding"),
        start=header.body_at,
        end=end,
        children=children,
        opaque=opaque,
    )


def _read_children(
    raw: bytes, start: int, end: int, content_type: str, params: Mapping[str, str], depth: int, budget: _Budget
) -> tuple[tuple[Part, ...], bool]:
    """The children, or none and whether that is because a limit was met."""
    defects = budget.defects
    boundary = params.get("boundary", "").rstrip().encode("latin-1", "replace")
    if not boundary or len(boundary) > MAX_BOUNDARY:
        defects.add("missing-boundary")
        return (), False
    if depth >= MAX_DEPTH or not budget.take("octets", end - start):
        defects.add("too-deep")
        return (), True
    ranges, closed = _split(raw, start, end, boundary, budget)
    if not ranges:
        defects.add("boundary-not-found")
        return (), False
    if not closed:
        defects.add("missing-close-boundary")
    default = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
    children = []
    for part_start, part_end in ranges:
        header = read_header_section(raw, part_start, part_end, defects)
        children.append(_read(raw, header, part_end, default, depth + 1, budget))
    return tuple(children), False


def _split(raw: bytes, start: int, end: int, boundary: bytes, budget: _Budget) -> tuple[list[tuple[int, int]], bool]:
    """Ranges between delimiter lines (RFC 2046 section 5.1.1), and whether the close delimiter came."""
    delimiter = b"--" + boundary
    ranges: list[tuple[int, int]] = []
    part_start = -1
    at = start if raw.startswith(delimiter, start, end) else _next(raw, delimiter, start, end)
    while at >= 0:
        line_end = raw.find(b"\n", at, end)
        line_end = end if line_end < 0 else line_end
        tail = raw[at + len(delimiter) : min(line_end, at + len(delimiter) + 80)].strip()
        if not tail or tail == b"--":
            if part_start >= 0:
                ranges.append((part_start, max(part_start, _before_line_break(raw, at))))
            if tail:
                return ranges, True
            if not budget.take("parts", 1):
                budget.defects.add("too-many-parts")
                return ranges, True
            part_start = min(line_end + 1, end)
        at = _next(raw, delimiter, line_end, end)
    if part_start >= 0:
        ranges.append((part_start, end))
    return ranges, False


def _next(raw: bytes, delimiter: bytes, position: int, end: int) -> int:
    found = raw.find(b"\n" + delimiter, position, end)
    return found + 1 if found >= 0 else -1


def _before_line_break(raw: bytes, at: int) -> int:
    """The line break in front of a delimiter belongs to the delimiter."""
    return at - 2 if raw[at - 2 : at] == b"\r\n" else at - 1


def _filename(value: str | None, defects: Defects) -> str | None:
    if value is None:
        return None
    name = parameter_text(value, defects)
    return _PATH.sub("", name)[-255:] or None  # a name, not a path: it will be written somewhere


def _content_id(value: bytes | None, defects: Defects) -> str | None:
    if value is None:
        return None
    return parameter_text(value[:998].decode("latin-1"), defects).strip("<> ") or None
