"""What pages load besides themselves: files with the hash of their content in their name, good for ever."""

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from e2ad.dashboard.page import ROOT

__all__ = ["Asset", "load_assets"]

FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@frozen
class Asset:
    """A file as it is sent; `url` changes whenever its content does."""

    url: str
    content_type: str
    plain: bytes
    packed: bytes


def load_assets(folder: Path = FOLDER) -> Mapping[str, Asset]:
    """All files of the folder by their own name; read once, when the application is built."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            url = f"{ROOT}/static/{path.stem}.{digest}{path.suffix}"
            found[path.name] = Asset(url, _TYPES[path.suffix], content, gzip.compress(content, 9, mtime=0))
    return found
