"""What a change would make of a held draft: shown before it is made, line by line."""

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any, Final

from rich.text import Text

from e2ad.cli.context import plain
from e2ad.cli.drafts import as_text

__all__ = ["differences"]

_STYLES: Final = {"+": "green", "-": "red"}


def differences(review: Mapping[str, Any], changes: Mapping[str, Any]) -> Iterator[Text]:
    """Lines that go and lines that come.

    Args:
        changes: as the API takes them; what is absent stays.
    """
    body = dict(review.get("body") or {})
    fields = {name: value for name, value in changes.items() if name in ("to", "cc", "bcc", "subject")}
    after = {**review, **fields, "body": body | ({"text": changes["text"]} if "text" in changes else {})}
    was, now = (as_text(one).split("\n") for one in (review, after))
    for line in list(unified_diff(was, now, n=1, lineterm=""))[2:]:
        yield Text("⋯" if line.startswith("@@") else plain(line), style=_STYLES.get(line[:1], "dim"))
    if "html" in changes:
        for sign, text in (("-", body.get("html")), ("+", changes["html"])):
            if text:
                yield Text(f"{sign} HTML part of {len(text)} characters", style=_STYLES[sign])
    if "attachments" in changes:
        for sign, files in (("-", body.get("attachments") or []), ("+", changes["attachments"])):
            for file in files:
                yield Text(f"{sign} file {plain(file.get('filename') or '(unnamed)')}", style=_STYLES[sign])
