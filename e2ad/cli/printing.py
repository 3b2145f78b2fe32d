"""What goes to a terminal, a pipe or a program: safe text, JSON, and tables that are cut off nowhere."""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, Final, TypeAlias

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

__all__ = ["Cell", "Column", "as_json", "cell_of", "console_for", "framed", "plain", "table"]

Cell: TypeAlias = str | Callable[[Mapping[str, Any]], object]
"""A member's name, or what makes the cell of the whole item; a `Text` keeps its colours."""
Column: TypeAlias = tuple[str, Cell]
"""A heading and what stands below it."""

_BIDIRECTIONAL: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_INVISIBLE: Final = (0x00AD, 0x200B, 0x2028, 0x2029, 0x2060, 0xFEFF)
_UNSAFE: Final = (*range(32), 127, *range(128, 160), *_BIDIRECTIONAL, *_INVISIBLE)
_REPLACED: Final = {code: "\N{REPLACEMENT CHARACTER}" for code in _UNSAFE if chr(code) not in "\t\n"}
_ESCAPED: Final = {code: f"\\u{code:04x}" for code in _UNSAFE}


def plain(value: object, *, lines: bool = False) -> str:
    """What a stranger wrote, safe to print.

    Control characters would steer the reader's terminal; those that turn the direction of writing, or show
    nothing at all, would let an address look like another one.
    """
    text = str(value).replace("\r\n", "\n").translate(_REPLACED)
    return text if lines else " ".join(text.split("\n"))


def as_json(document: Any) -> str:
    """One line for programs; what could steer a terminal is escaped, which means the same in JSON."""
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    return json.dumps(document, ensure_ascii=encoding != "utf8").translate(_ESCAPED)


def console_for(stream: IO[str] | None = None, *, colour: bool | None = None) -> Console:
    """Prints to `stream` (stdout): coloured on a terminal, unless NO_COLOR is set or `colour` says no."""
    bare = colour is False or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Console(
        file=stream,
        soft_wrap=True,
        markup=False,
        highlight=False,
        emoji=False,
        color_system=None if bare else "auto",
    )


def cell_of(item: Mapping[str, Any], cell: Cell) -> Text:
    """A cell, safe to print."""
    value = item.get(cell) if isinstance(cell, str) else cell(item)
    if isinstance(value, Text):
        return value
    if value is None or value == "":
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    return Text(plain(value))


def framed(console: Console, content: Text, title: object) -> None:
    """Lines below a title: in a frame on a terminal, as they are elsewhere."""
    heading = Text(plain(title))
    if console.is_terminal:
        console.print(Panel(content, title=heading, title_align="left"), soft_wrap=False)
    else:
        console.print(heading)
        console.print(content)


def table(console: Console, items: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    """Items as rows. A terminal's are broken into its width; elsewhere a row is a line, however long."""
    rows = [[cell_of(item, cell) for _, cell in columns] for item in items]
    if console.is_terminal:
        shown = Table(*(heading for heading, _ in columns), box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
        for one in shown.columns:
            one.overflow = "fold"
        for row in rows:
            shown.add_row(*row)
        console.print(shown, soft_wrap=False)
        return
    lines = [[heading for heading, _ in columns], *([one.plain for one in row] for row in rows)]
    widths = [max(cell_len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        padded = (text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True))
        console.print("  ".join(padded).rstrip())
