"""`e2a attachments`: the files of a message, one by one."""

import os
import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from e2ad.cli.context import EX_AGAIN, EX_PERMANENT, Context, command, fail
from e2ad.cli.frame import Group
from e2ad.cli.options import agent_option
from e2ad.cli.printing import plain

__all__ = ["attachments", "own_name", "steps", "written"]

LONGEST_NAME: Final = 150
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@click.group(cls=Group)
def attachments() -> None:
    """The files of a message.

    \b
    e2a attachments list MESSAGE
    e2a attachments get MESSAGE 0 -o invoice.pdf
    """


@attachments.command("list")
@click.argument("message_id", metavar="MESSAGE")
@agent_option
@command
def attachments_list(context: Context, message_id: str, agent: str | None) -> None:
    """What is attached to a message, which stays unread.

    \b
    e2a attachments list msg_0123456789abcdef0123456789abcdef
    """
    message = context.plain.messages.get(context.agent_of(message_id, agent), message_id, mark_read=False)
    context.rows(
        message["attachments"],
        [
            ("index", lambda one: str(one["index"])), ("file", lambda one: one.get("filename") or "(unnamed)"),
            ("type", "content_type"), ("bytes", lambda one: str(one["size_bytes"])),
        ],
        "nothing is attached to it",
    )  # fmt: skip


@attachments.command("get")
@click.argument("message_id", metavar="MESSAGE")
@click.argument("index", type=click.IntRange(0))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Where to; a folder, where it gets a safe form of its own name (as here without -o); - for standard output.",
)
@click.option("-f", "--force", is_flag=True, help="Write over a file that is there.")
@agent_option
@command
def attachments_get(
    context: Context, message_id: str, index: int, output: Path | None, force: bool, agent: str | None
) -> None:  # fmt: skip
    """Fetch a file of a message; the list shows its INDEX.

    \b
    e2a attachments get msg_0123456789abcdef0123456789abcdef 0 -o invoice.pdf
    """
    if str(output) == "-" and context.as_json:
        raise click.UsageError("--json and -o -: standard output has room for one of them")
    email = context.agent_of(message_id, agent)
    found = context.plain.messages.get_attachment(email, message_id, index)
    size = int(found["size_bytes"])
    target = _target(output, found)
    with written(target, force=force) as file, context.progress("fetching", total=size) as advance:
        count = context.plain.messages.download_attachment(email, message_id, index, file, progress=steps(advance))
        if count != size:
            fail(EX_AGAIN, f"{count} bytes came instead of {size}")
    told = {name: found.get(name) for name in ("index", "filename", "content_type")}
    if target is not None:
        context.done({**told, "size_bytes": size, "path": str(target)}, f"{target}: {size} bytes")


def _target(output: Path | None, found: Mapping[str, Any]) -> Path | None:
    """Which file to write; None is standard output."""
    if output is not None and str(output) == "-":
        return None
    if output is not None and not output.is_dir():
        return output
    return (output or Path()) / own_name(found.get("filename"), int(found["index"]))


def own_name(name: object, index: int) -> str:
    """What a stranger called a file, as a name that stands in one folder, is seen whole and starts no program.

    No separators, no controls, nothing hidden, no name of a device; as long as every file system takes.
    """
    text = unicodedata.normalize("NFC", plain(name or ""))
    text = re.split(r"[/\\]", text)[-1]
    text = re.sub(r'[<>:"|?*\N{REPLACEMENT CHARACTER}]', "_", text)
    text = "".join(" " if one.isspace() else one for one in text if unicodedata.category(one)[0] != "C")
    text = text.lstrip(".-~ ").rstrip(". ")
    if not text or _RESERVED.fullmatch(text):
        text = f"attachment-{index}{text and '-'}{text}"
    stem, dot, kind = text.rpartition(".")
    if dot and len(kind.encode()) <= 20:
        return _cut(stem, LONGEST_NAME - len(kind.encode()) - 1) + dot + kind
    return _cut(text, LONGEST_NAME)


def _cut(text: str, octets: int) -> str:
    return text.encode()[:octets].decode(errors="ignore")


def steps(advance: Callable[[float], None]) -> Callable[[int], None]:
    """From how far it is to how far it has come since."""
    before = 0

    def told(now: int) -> None:
        nonlocal before
        advance(now - before)
        before = now

    return told


@contextmanager
def written(target: Path | None, *, force: bool, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file that is there whole or not at all; None is standard output.

    Raises:
        SystemExit: it is there already, or cannot be written.
    """
    if target is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if target.exists() and not target.is_file():
        yield from _into(target)
        return
    if not force and (target.exists() or target.is_symlink()):
        fail(EX_PERMANENT, f"{target} is there already; give another name, or --force")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:50]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        fail(EX_PERMANENT, f"{target}: {error.strerror}")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).chmod(mode & ~_mask())
        Path(name).replace(target)
    except OSError as error:
        fail(EX_PERMANENT, f"{target}: {error.strerror or error}")
    finally:
        Path(name).unlink(missing_ok=True)


def _into(target: Path) -> Iterator[BinaryIO]:
    """A pipe or a device, which cannot be replaced."""
    try:
        with target.open("wb") as file:
            yield file
    except OSError as error:
        fail(EX_PERMANENT, f"{target}: {error.strerror or error}")


def _mask() -> int:
    """The bits that new files do not get here."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
