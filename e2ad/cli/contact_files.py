"""Files of contacts as people have them: CSV of any sane dialect, JSON lines, a JSON list, or addresses alone.

Nothing is guessed that could be guessed wrongly: a file that is no text, has no column of addresses or ends within
quotes is refused whole, before anything is sent. One line that is wrong costs itself and nothing else.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click
from attrs import frozen

__all__ = ["MAX_OCTETS", "Line", "Unusable", "read_lines"]

MAX_OCTETS: Final = 128 * 1024**2
"""Of a file; an account holds 10,000 contacts."""
CELL_OCTETS: Final = 1_000_000

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS: Final = ",;\t|"
_ADDRESS: Final = ("email", "e-mail", "address", "email address", "e-mail address", "email_address", "mail")
_NAME: Final = ("name", "display_name", "display name", "full name", "full_name")
_LISTS: Final = ("contacts", "items")
_OURS: Final = frozenset({"source", "created_at", "updated_at", "import_batch_id"})
"""What our own lists say of a contact besides, and what an import cannot set."""


class Unusable(click.UsageError):
    """The file as a whole cannot be imported."""


@frozen
class Line:
    """One contact of a file.

    Attributes:
        number: of the line where it begins, from 1.
        row: as the API takes it; None if it is no contact.
        problem: why it is none.
    """

    number: int
    row: dict[str, Any] | None = None
    problem: str = ""


def read_lines(
    octets: bytes, *, email_column: str | None = None, name_column: str | None = None, encoding: str | None = None
) -> list[Line]:
    """All contacts of a file, in its order.

    Args:
        email_column, name_column: heads of the columns, in any case; found by their usual names if None.
        encoding: UTF-8, or what a byte order mark says, if None.

    Raises:
        Unusable: the file is not what this can read, and where it is not.
    """
    text = _text(octets, encoding)
    start = text.lstrip()
    if not start:
        raise Unusable("there is nothing in it")
    wanted = _Wanted(email_column, name_column)
    found = list(_of_json(text, wanted) if start[0] in "[{" else _of_table(text, wanted))
    if not found:
        raise Unusable("there is no contact in it, only the heads of columns")
    return found


def _text(octets: bytes, encoding: str | None) -> str:
    if len(octets) > MAX_OCTETS:
        raise Unusable(f"more than {MAX_OCTETS // 1024**2} MiB; divide it")
    name = encoding or next((name for mark, name in _MARKS if octets.startswith(mark)), "utf-8")
    try:
        text = octets.decode(name)
    except LookupError as error:
        raise Unusable(f"no encoding is called {name!r}") from error
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise Unusable(
            f"line {line} is not {name.upper()}; if it is something else, say --encoding, as in cp1252"
        ) from error
    if "\0" in text:
        raise Unusable(f"line {text.count(chr(10), 0, text.index(chr(0))) + 1} has a NUL: this is no text")
    return text.removeprefix("\ufeff")


@frozen
class _Wanted:
    """The columns that were asked for."""

    email: str | None
    name: str | None

    def place(self, heads: Sequence[str], asked: str | None, usual: Sequence[str], option: str) -> int | None:
        """Which column it is; None if there is none by a usual name.

        Raises:
            Unusable: one was asked for and is not there, or twice.
        """
        folded = [head.strip().casefold() for head in heads]
        if asked is None:
            return next((folded.index(name) for name in usual if name in folded), None)
        count = folded.count(asked.strip().casefold())
        if count != 1:
            problem = "there is no column" if count == 0 else "there are several columns"
            raise Unusable(f"{problem} {asked!r} ({option}); there are: {', '.join(map(repr, heads[:20]))}")
        return folded.index(asked.strip().casefold())


def _of_table(text: str, wanted: _Wanted) -> Iterator[Line]:
    rows = _rows(text)
    first_number, heads = next(rows, (1, [""]))
    if heads[0].lower().startswith("sep="):
        first_number, heads = next(rows, (first_number, [""]))
    email = wanted.place(heads, wanted.email, _ADDRESS, "--email-column")
    name = wanted.place(heads, wanted.name, _NAME, "--name-column")
    if email is None:
        if not any(cell.strip() for cell in heads):
            raise Unusable("there is nothing in it")
        if wanted.name is not None or not any("@" in cell for cell in heads):
            seen = ", ".join(repr(head[:40]) for head in heads[:20])
            raise Unusable(f"which column has the addresses? say --email-column; there are: {seen}")
        yield from _without_heads(first_number, heads, rows)
        return
    others = {place: head.strip() for place, head in enumerate(heads) if place not in (email, name) and head.strip()}
    if len(set(others.values())) < len(others):
        raise Unusable("two columns have the same head; each goes by its own into the metadata")
    for number, cells in rows:
        if len(cells) > len(heads) and any(cell.strip() for cell in cells[len(heads) :]):
            yield Line(number, problem=f"it has {len(cells)} cells, and there are {len(heads)} columns")
            continue
        cells += [""] * (len(heads) - len(cells))
        row: dict[str, Any] = {"address": cells[email].strip()}
        if name is not None and cells[name].strip():
            row["display_name"] = cells[name].strip()
        metadata = {head: cells[place].strip() for place, head in others.items() if cells[place].strip()}
        yield _checked(number, row | ({"metadata": metadata} if metadata else {}))


def _without_heads(number: int, cells: list[str], rows: Iterator[tuple[int, list[str]]]) -> Iterator[Line]:
    """Addresses alone, or with a name beside them; the first row says on which side."""
    if len(cells) > 2:
        raise Unusable("the first line has no heads, and more than address and name; add a line of heads")
    email = next(place for place, cell in enumerate(cells) if "@" in cell)
    for at, some in ((number, cells), *rows):
        if len(some) > 2:
            yield Line(at, problem=f"it has {len(some)} cells; an address and a name are taken without a line of heads")
            continue
        row = {"address": some[email].strip() if email < len(some) else ""}
        name = some[1 - email].strip() if len(some) == 2 else ""
        yield _checked(at, row | ({"display_name": name} if name else {}))


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table, each with the number of its first line; empty ones are left out.

    Raises:
        Unusable: it is not CSV from some line on.
    """
    csv.field_size_limit(CELL_OCTETS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True, skipinitialspace=True)
    number = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = "a quote that is opened there is never closed" if "unexpected end" in str(error) else error
            raise Unusable(f"line {number}: this is not CSV: {reason}") from error
        if any(cell.strip() for cell in cells):
            yield number, cells
        number = reader.line_num + 1


def _separator(text: str) -> str:
    """What stands between cells: that which the first line has most of, outside of quotes."""
    line = next(line for line in re.split("[\r\n]+", text) if line.strip()).strip()
    if line.lower().startswith("sep=") and len(line) == 5:  # so spreadsheets tell each other
        return line[4]
    bare = "".join(line.split('"')[::2])
    return max(_SEPARATORS, key=bare.count)


def _of_json(text: str, wanted: _Wanted) -> Iterator[Line]:
    """A list, an object with a list in it, or an object on each line.

    In a list `number` is the place of the item: lines say nothing there.
    """
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise Unusable("this is JSON too deep to be contacts") from error
    except ValueError as error:
        if text.lstrip().startswith("["):
            raise Unusable(f"this is not JSON: {error}") from error
        yield from _of_json_lines(text, wanted)
        return
    if isinstance(document, dict):
        document = next((document[name] for name in _LISTS if isinstance(document.get(name), list)), [document])
    for number, item in enumerate(document, start=1):
        yield _of_object(number, item, wanted)


def _of_json_lines(text: str, wanted: _Wanted) -> Iterator[Line]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Line(number, problem=f"this is not JSON: {error}")
            continue
        yield _of_object(number, item, wanted)


def _of_object(number: int, item: object, wanted: _Wanted) -> Line:
    if isinstance(item, str):
        return _checked(number, {"address": item.strip()})
    if not isinstance(item, Mapping):
        return Line(number, problem="this is no object")
    heads = list(item)
    try:
        email = wanted.place(heads, wanted.email, _ADDRESS, "--email-column")
        name = wanted.place(heads, wanted.name, _NAME, "--name-column")
    except Unusable as error:
        return Line(number, problem=error.message)
    metadata = item.get("metadata", {})
    if not isinstance(metadata, Mapping):
        return Line(number, problem="metadata is no object")
    row: dict[str, Any] = {"address": "" if email is None else item[heads[email]]}
    if name is not None and item[heads[name]]:
        row["display_name"] = item[heads[name]]
    if any(not isinstance(value, str) for value in row.values()):
        return Line(number, problem="address and name must be text")
    named = {place for place in (email, name) if place is not None}
    others = {
        head: item[head]
        for place, head in enumerate(heads)
        if place not in named and head not in _OURS and head != "metadata" and item[head] is not None
    }
    metadata = {**others, **metadata}
    return _checked(number, row | ({"metadata": metadata} if metadata else {}))


def _checked(number: int, row: dict[str, Any]) -> Line:
    if not row["address"]:
        return Line(number, problem="no address")
    return Line(number, row)
