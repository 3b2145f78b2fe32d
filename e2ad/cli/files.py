"""Files and standard input, as options name them."""

import base64
import mimetypes
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

__all__ = ["FILE", "files_of", "read_bytes", "read_text", "text_of"]

FILE: Final = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True, path_type=Path)
"""For an option or argument: a file that exists, or `-`."""


def files_of(paths: Sequence[Path]) -> list[dict[str, str]]:
    """Files as the API takes attachments; the type is guessed from the name.

    Raises:
        click.UsageError: one cannot be read.
    """
    return [
        {
            "filename": path.name if str(path) != "-" else "stdin",
            "content_type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "data": base64.b64encode(read_bytes(path)).decode(),
        }
        for path in paths
    ]


def read_bytes(path: Path) -> bytes:
    """The octets of a file, or of standard input for `-`.

    Raises:
        click.UsageError: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from error


def read_text(path: Path) -> str:
    """The text of a file, or of standard input for `-`.

    Raises:
        click.UsageError: it cannot be read, or is not UTF-8.
    """
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path}: not UTF-8 (at octet {error.start})") from error


def text_of(text: str | None, path: Path | None = None) -> str | None:
    """What `--text TEXT` (`-` is standard input) or `--text-file FILE` says; None if neither was given.

    Raises:
        click.UsageError: both were given, or it cannot be read.
    """
    if text is not None and path is not None:
        raise click.UsageError("the text was given twice")
    if path is not None or text == "-":
        return read_text(path or Path("-"))
    return text
