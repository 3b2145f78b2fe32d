"""The files of the dev folder: private from their first byte on, and never half-written."""

import json
import os
from pathlib import Path
from typing import Any, Final

__all__ = ["RUNNING", "make_folder", "read_document", "write_private"]

RUNNING: Final = "dev.json"
"""What runs here, and the key; `e2a` finds both in it."""


def make_folder(folder: Path) -> None:
    """Make it if it is missing: passable for PostgreSQL's own account, listable for its owner alone.

    Raises:
        OSError: it cannot be made, or something else has its name.
    """
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one if there is none that can be read."""
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
