"""The words that a search found, marked: in colour on a terminal, and nothing but the text in a pipe."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.text import Text

from e2ad.cli.printing import plain
from e2ad.cli.reading import line_of

__all__ = ["found_lines"]

_MARK: Final = "bold yellow"


def found_lines(message: Mapping[str, Any]) -> Iterator[Text]:
    """A message of a list; behind it a line for each piece in which a search found something."""
    head, lines = line_of(message), list[Text]()
    for piece in message.get("highlights") or ():
        # Made safe before the marks are set: one character stays one character, so the places stay too.
        shown = plain(piece["text"])
        if piece["field"] == "subject" and (at := head.plain.find(f"  {shown}")) >= 0:
            for start, end in piece["ranges"]:
                head.stylize(_MARK, at + 2 + start, at + 2 + end)
            continue
        line = Text("  ")
        if piece["field"] != "text":
            line.append(f"{piece['field']}: ", style="dim")
        text = Text(shown)
        for start, end in piece["ranges"]:
            text.stylize(_MARK, start, end)
        lines.append(line.append_text(text))
    yield head
    yield from lines
