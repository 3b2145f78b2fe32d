"""Metadata of contacts and outreach, as options give it and as people read it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

from e2ad.cli.context import together

__all__ = ["changed_metadata", "metadata_options", "shown_metadata"]

metadata_options = together(
    click.option(
        "--metadata", "pairs", multiple=True, metavar="KEY=VALUE",
        help="Something of your own about it; repeatable. KEY:=VALUE is JSON: a number, true, null.",
    ),
    click.option("--no-metadata", is_flag=True, help="Forget all metadata that there was."),
    click.option("--unset", "gone", multiple=True, metavar="KEY", help="Forget this key; repeatable."),
)  # fmt: skip


def changed_metadata(
    before: Mapping[str, Any], pairs: Iterable[str], gone: Iterable[str], *, no_metadata: bool
) -> dict[str, Any] | None:
    """All metadata as it is to be, since the API replaces it whole; None if nothing was said about it.

    Raises:
        click.UsageError: a pair is none.
    """
    pairs, gone = tuple(pairs), tuple(gone)
    if not pairs and not gone and not no_metadata:
        return None
    wanted: dict[str, Any] = {} if no_metadata else {key: value for key, value in before.items() if key not in gone}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        is_json = key.endswith(":")
        key = key.removesuffix(":").strip()
        if not sign or not key:
            raise click.UsageError(f"{pair!r}: write KEY=VALUE")
        wanted[key] = _json(pair, value) if is_json else value
    return wanted


def _json(pair: str, text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{pair!r}: what stands behind := must be JSON") from error
    if isinstance(value, list | dict):
        raise click.UsageError(f"{pair!r}: metadata is flat: text, numbers, true, false and null")
    return value


def shown_metadata(found: Mapping[str, Any]) -> str:
    """All of it on one line."""
    return ", ".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in found["metadata"].items()
    )
