"""Changing a held draft: by options, or by hand in an editor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from e2ad.cli.context import plain, together
from e2ad.cli.files import FILE, files_of, read_text

__all__ = ["changes_of", "draft_options", "edited_by_hand"]

_LISTS: Final = ("to", "cc", "bcc")

draft_options = together(
    click.option("--to", multiple=True, metavar="ADDRESS", help="Instead of its To; may be repeated."),
    click.option("--cc", multiple=True, metavar="ADDRESS", help="Instead of its Cc; may be repeated."),
    click.option("--bcc", multiple=True, metavar="ADDRESS", help="Instead of its Bcc; may be repeated."),
    click.option("--edit-subject", "subject", help="Another subject."),
    click.option("--edit-text", "text", help="Another text; - reads it from standard input."),
    click.option("--edit-html", "html_file", type=FILE, metavar="FILE", help="Another HTML part."),
    click.option("--attach", "attached", multiple=True, type=FILE, metavar="FILE", help="Instead of its files."),
)


def changes_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the options say is to be changed, as the API takes it."""
    changes: dict[str, Any] = {name: list(options[name]) for name in _LISTS if options[name]}
    if options["subject"] is not None:
        changes["subject"] = options["subject"]
    if options["text"] is not None:
        changes["text"] = read_text(Path("-")) if options["text"] == "-" else options["text"]
    if options["html_file"] is not None:
        changes["html"] = read_text(options["html_file"])
    if options["attached"]:
        changes["attachments"] = files_of(options["attached"])
    return changes


def edited_by_hand(review: Mapping[str, Any]) -> dict[str, Any]:
    """Open the draft in $EDITOR; what was changed in it.

    Raises:
        click.ClickException: what was saved is no draft.
    """
    before = as_text(review)
    after = click.edit(before, extension=".eml.txt", require_save=True)
    if after is None or after == before:
        return {}
    was, now = parse(before), parse(after)
    if now["text"].rstrip("\n") == was["text"].rstrip("\n"):
        now["text"] = was["text"]  # an editor ends the last line
    return {name: value for name, value in now.items() if value != was.get(name)}


def as_text(review: Mapping[str, Any]) -> str:
    """A draft as a person edits it: a line for each field, an empty line, the text."""
    lines = [f"{name.capitalize()}: {plain(', '.join(review.get(name) or []))}" for name in _LISTS]
    text = (review.get("body") or {}).get("text") or ""
    return "\n".join([*lines, f"Subject: {plain(review['subject'])}", "", plain(text, lines=True)])


def parse(edited: str) -> dict[str, Any]:
    """The fields and the text of what `as_text` made and a person changed.

    Raises:
        click.ClickException: a line above the text is no field.
    """
    fields: dict[str, Any] = {}
    lines = edited.replace("\r\n", "\n").split("\n")
    while lines and lines[0].strip():
        name, colon, value = lines.pop(0).partition(":")
        name = name.strip().lower()
        if not colon or name not in (*_LISTS, "subject"):
            raise click.ClickException(
                f"no field: {name!r}; above the empty line stand To, Cc, Bcc and Subject only; nothing was changed"
            )
        value = value.strip()
        fields[name] = [part.strip() for part in value.split(",") if part.strip()] if name in _LISTS else value
    fields["text"] = "\n".join(lines[1:])
    return fields
