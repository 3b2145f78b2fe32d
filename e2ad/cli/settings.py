"""Where `e2a` finds the deployment and the key: flags, environment, the dev folder, the home folder."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

__all__ = ["DEV_FILE", "Settings", "find"]

DEV_FILE = Path(".e2ad") / "dev.json"
"""Written by `e2ad dev`, so that `e2a` in the same folder just works."""

HOME_FILE = Path("~/.e2a/config.json")


@frozen
class Settings:
    """A deployment and a credential; `source` says where the key came from."""

    url: str
    api_key: str
    agent_email: str
    source: str


def find(url: str | None, api_key: str | None, agent: str | None, environ: Mapping[str, str] | None = None) -> Settings:
    """The first source that has a key wins; an address may come from another.

    Sources in order: the flags, `E2A_API_KEY` / `E2A_URL` / `E2A_AGENT_EMAIL`, `.e2ad/dev.json` here,
    `~/.e2a/config.json`.
    """
    environ = os.environ if environ is None else environ
    dev, home = _read(DEV_FILE), _read(HOME_FILE.expanduser())
    candidates: list[tuple[str, str | None, str | None]] = [
        ("--api-key", api_key, None),
        ("E2A_API_KEY", environ.get("E2A_API_KEY"), None),
        (str(DEV_FILE), dev.get("api_key"), dev.get("api_url")),
        (str(HOME_FILE), home.get("api_key"), home.get("api_url")),
    ]
    source, key, with_it = next((c for c in candidates if c[1]), ("", "", None))
    address = url or environ.get("E2A_URL") or environ.get("E2A_API_URL") or with_it or dev.get("api_url")
    return Settings(
        url=address or home.get("api_url") or "http://127.0.0.1:8080",
        api_key=key or "",
        agent_email=agent or environ.get("E2A_AGENT_EMAIL") or home.get("agent_email") or "",
        source=source,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
